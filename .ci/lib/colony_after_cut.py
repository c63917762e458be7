"""Checks a colony under systemd after a power cut: colony_after_cut.py identities ROOT | check ROOT LEADER BEFORE NODES.

`identities` prints the identities of all nodes of a machine whose file system is ROOT, also of those in the trash. `check`
prints each violation and exits with 1 if there is one. LEADER is the first process of the machine, BEFORE what `identities`
printed before the cut, and NODES the output of `wnm --json node list`.
"""
import json
import os
import sys
from collections import Counter
from pathlib import Path


def services(root):
    return Path(root, "var/antctl/services")


def identities(root):
    keys = [*services(root).glob("*/secret-key"), *services(root).glob(".trash/*/secret-key")]
    return {key.read_bytes().hex() for key in keys}


def names(folder, pattern):
    return {path.stem for path in folder.glob(pattern)}


def nodes_with_process(leader):
    """Returns the node of each process of the machine that has a folder."""
    machine = os.readlink(f"/proc/{leader}/ns/pid")
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().decode().split("\0")
            if os.readlink(process / "ns/pid") == machine and "--root-dir" in words[:-1]:
                found.append(Path(words[words.index("--root-dir") + 1]).name)
        except (OSError, UnicodeDecodeError):
            pass  # It has ended.
    return found


def violations(root, leader, before, nodes):
    rows = {node["name"] for node in nodes}
    ports = Counter(port for node in nodes for port in node["ports"].values() if port)
    running = Counter(nodes_with_process(leader))
    lost = set(Path(before).read_text().split()) - identities(root)
    yield from (f"an identity is lost: {key}" for key in lost)
    yield from (f"port {port} belongs to {count} nodes" for port, count in ports.items() if count > 1)
    for what, found in [
        ("folders", names(services(root), "antnode*")),
        ("protected folders", names(services(root), ".wnm/antnode*")),
        ("units", names(Path(root, "etc/systemd/system"), "antnode*.service")),
    ]:
        if found != rows:
            yield f"{what} {sorted(found)}, rows {sorted(rows)}"
    for name, count in running.items():
        if count > 1 or name not in rows:
            yield f"{count} processes on {name}, rows {sorted(rows)}"


def main(command, root, *rest):
    if command == "identities":
        print("\n".join(sorted(identities(root))))
        return 0
    leader, before, nodes = rest
    found = list(violations(root, leader, before, json.loads(Path(nodes).read_text())["data"]))
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


sys.exit(main(*sys.argv[1:]))
