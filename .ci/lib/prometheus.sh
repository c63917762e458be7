# shellcheck shell=bash
# Debian's Prometheus, unpacked below target/ and not installed: its package would start a service. Sourced by tests after
# steps.sh and tools.sh.

prometheus=$PWD/target/prometheus/usr/bin

unpack_prometheus() {
  [ ! -x "$prometheus/promtool" ] || return 0
  local half=$PWD/target/prometheus.$$
  mkdir -p "$half"
  [ -n "$(find /var/lib/apt/lists -name '*_Packages*' -mmin -720 2>/dev/null | head -1)" ] || run apt-get update -qq
  (cd "$half" && run apt-get download -q prometheus && dpkg -x ./*.deb .)
  rm -f "$half"/*.deb
  mv "$half" target/prometheus
}

# Prints the answer to a request: fetch URL [ACCEPT].
fetch() { python3 -c 'import sys, urllib.request as u; sys.stdout.write(u.urlopen(u.Request(sys.argv[1], headers={"Accept": sys.argv[2]})).read().decode())' "$1" "${2:-*/*}"; }

# Waits until a query of Prometheus has this answer: await QUERY VALUE.
await() {
  local found=
  for _ in $(seq 120); do
    found=$(python3 - "$1" <<'PY' 2>/dev/null || true
import json, sys, urllib.parse, urllib.request
query = urllib.parse.urlencode({"query": sys.argv[1]})
answer = json.load(urllib.request.urlopen(f"http://127.0.0.1:9090/api/v1/query?{query}"))
print(" ".join(result["value"][1] for result in answer["data"]["result"]))
PY
    )
    [ "$found" != "$2" ] || { echo "$1 = $2"; return; }
    sleep 0.25
  done
  fail "$1: got '$found', want '$2'"
}
