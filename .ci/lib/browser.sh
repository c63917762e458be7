# shellcheck shell=bash
# A headless Chromium, and axe-core below target/. Sourced by the tests of pages after steps.sh and tools.sh.
# shellcheck disable=SC2154 # tools.sh has the folder

axe=$tools/axe/node_modules/axe-core/axe.min.js

need_browser() {
  need node=nodejs
  has chromium || need chromium-headless-shell=chromium-headless-shell
  chromium=$(command -v chromium || command -v chromium-headless-shell)
  need_packages fonts-dejavu-core
  export chromium
  [ ! -f "$axe" ] || return 0
  need npm=npm
  mkdir -p "$tools/axe"
  run npm install --silent --no-save --no-audit --no-fund --ignore-scripts --prefix "$tools/axe" axe-core@4.10.3
}
