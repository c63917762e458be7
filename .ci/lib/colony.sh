# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # scenarios use its variables, texts.sh has others
# wnm and its nodes in a machine. Sourced by the scenarios, after machine.sh.

node_program=/opt/wnm/node/antnode
services=/var/antctl/services
# The account that the nodes of the scenarios earn for.
faucet=0x00455d78f850b0358E8cea5be24d415E01E107CF
# With these thresholds only node_cap limits the number of nodes.
no_pressure=(--mem-remove 100 --hd-remove 100 --cpu-remove 100 --max-load-average-allowed 10000)
no_delays=(--delay-start 0 --delay-restart 0 --delay-upgrade 0 --delay-remove 0)
# With these as well, whatever runs beside the scenario.
no_limits=(--mem-less-than 99 --hd-less-than 99 --cpu-less-than 99.9 --desired-load-average 9999 "${no_pressure[@]}")
calm=("${no_limits[@]}" "${no_delays[@]}")
# Nodes that need no peers.
local_node='--local --first --ip 127.0.0.1'

wnm() { inside /opt/wnm/wnm "$@"; }
# Runs wnm, which must succeed, and prints the end of its output: SHOWN lines [default: 3].
act() {
  printf '+ wnm %s\n' "$*"
  local out
  out=$(wnm "$@" 2>&1) || { printf '%s\n' "$out" >&2; fail "wnm $*"; }
  printf '%s\n' "$out" | tail -"${SHOWN:-3}"
}
# Runs wnm, which must fail, and prints its output.
refuse() {
  local out
  if out=$(wnm "$@" 2>&1); then
    printf '%s\n' "$out" >&2
    fail "wnm $*: exit code: got 0, want another"
  fi
  printf '%s\n' "$out"
}
# Prints the output of doctor, whatever its exit code.
doctor() { wnm doctor 2>&1 || true; }

# Prints how many units of nodes are active.
active() { inside systemctl list-units --no-legend --plain --state=active 'antnode*.service' | wc -l; }
await_active() {
  # While other machines use each processor, a daemon adds no node.
  for _ in $(seq 1500); do
    [ "$(active)" = "$1" ] && return
    sleep 0.2
  done
  inside wnm status || true
  same "active units after 300 s" "$1" "$(active)"
}
# Prints how many rules of ufw belong to nodes.
rules() { inside ufw show added | grep -c "comment 'antnode" || true; }
pids_of() { inside systemctl show --property=MainPID --value "$@" | grep -v '^$' | tr '\n' ' '; }
# Prints the states of all nodes, in order.
states() { wnm --json node list | grep -o '"status": *"[A-Z]*"' | cut -d'"' -f4 | tr '\n' ' '; }

# Makes a node program that plays a script: play FILE SCRIPT.
play() {
  # shellcheck disable=SC2059 # the length is an escape
  { cat "$stage/node/antnode" && printf '%s' "$2" &&
    printf "\\x$(printf %02x ${#2})\\0\\0\\0\\0\\0\\0\\0" && printf '%s' "$fake_version_trailer"; } >"$stage/$1.$$"
  chmod 755 "$stage/$1.$$"
  # Scenarios beside this one use the same program.
  mv "$stage/$1.$$" "$stage/$1"
}
# Makes a node program that plays another version: program_of_version VERSION.
program_of_version() { play "antnode-$1" "${fake_version_script/0.4.18/$1}"; }

# Makes the folder of a node without wnm, for the user ant.
external_folder() {
  inside install -d -o ant -g ant "$1" "/var/log/antnode/$(basename "$1")"
  inside install -o ant -g ant "$node_program" "$1/antnode"
}
# Prints a command line for a unit as anm writes it: command_of FOLDER ID [ARGUMENT].
command_of() {
  printf '%s/antnode --root-dir %s --port 5500%s --enable-metrics-server --metrics-server-port 1300%s %s' \
    "$1" "$1" "$2" "$2" "--log-output-dest /var/log/antnode/antnode000$2 --rewards-address $faucet"
  printf ' %s%s evm-arbitrum-one' "$local_node" "${3:+ $3}"
}
# Asserts that three cycles of wnm change nothing.
calm_cycles() {
  local out
  for _ in 1 2 3; do
    out=$(wnm --json run 2>&1) || fail "wnm run: $out"
    contains "a cycle with nothing to do" "$(compact <<<"$out")" "$json_decided_nothing"
    contains "a cycle with nothing to do" "$(compact <<<"$out")" "$json_did_nothing"
  done
}
