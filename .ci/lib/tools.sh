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
  [ ${#packages[@]} -eq 0 ] || install_packages "${packages[@]}"
}

# Installs Debian packages that are missing, for what is no program: need_packages PACKAGE ...
need_packages() {
  local package missing=()
  for package; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] || install_packages "${missing[@]}"
}

install_packages() {
  { has apt-get && [ "$(id -u)" -eq 0 ]; } || fail "missing packages: install $*"
  mkdir -p target/ci
  # Steps that run at the same time install one after the other.
  (
    flock 9
    [ -n "$(find /var/lib/apt/lists -name '*_Packages*' -mmin -720 2>/dev/null | head -1)" ] || run apt-get update -qq
    run env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >target/ci/apt.log 2>&1 ||
      fail_with target/ci/apt.log "cannot install $*"
  ) 9>target/ci/apt.lock
}

# Installs a program from PyPI, as .ci/tools.txt pins it: need_wheel PROGRAM PACKAGE. Fails where PyPI has none.
need_wheel() {
  has "$1" && return
  install_wheel "$2" && has "$1"
}

# Installs a module of Python from PyPI, as .ci/tools.txt pins it: need_module MODULE.
need_module() {
  local modules
  modules=$(python3 -c 'import sys; print("lib/python%d.%d/site-packages" % sys.version_info[:2])')
  export PYTHONPATH=$tools/$modules:$tools/local/${modules/site/dist}${PYTHONPATH:+:$PYTHONPATH}
  python3 -c "import $1" 2>/dev/null || { install_wheel "$1" && python3 -c "import $1"; }
}

install_wheel() {
  mkdir -p target/ci
  sed -n "/^$1==/,/^\$/p" .ci/tools.txt >"target/ci/$1.txt"
  python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --no-deps --require-hashes \
    --only-binary :all: --prefix "$tools" --requirement "target/ci/$1.txt"
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
