# shellcheck shell=bash disable=SC2154
# Drives a program in a window of tmux, named $window, with its socket in $work. Source it after steps.sh.

t() { tmux -S "$work/tmux" "$@"; }
keys() { t send-keys -t "$window" "$@"; }
shown() { t capture-pane -p -t "$window"; }

# Waits until the screen has a text, or no longer has it: sees [!] TEXT.
sees() {
  local wanted=0 text=$1
  [ "$1" != '!' ] || { wanted=1; text=$2; }
  for _ in $(seq 200); do
    if shown | grep -qF -- "$text"; then [ $wanted -ne 0 ] || { echo "sees: $text"; return; }
    elif [ $wanted -ne 0 ]; then echo "sees no: $text"; return
    fi
    sleep 0.1
  done
  shown >&2
  [ $wanted -eq 0 ] || fail "the screen still has: $text"
  fail "the screen does not have: $text"
}
