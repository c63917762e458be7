# shellcheck shell=bash
# Steps of a run, in the foreground and in the background, and the table of their times. Sourced by the scripts of .ci.

set -Eeuo pipefail
export CARGO_TERM_COLOR=never CARGO_INCREMENTAL=0 INSTA_UPDATE=no RUST_BACKTRACE=1

# The step that runs, and the background steps of this script that have not been joined; each has a pid file.
step_now=
step_names=()
# Temporary files and folders of this script.
step_files=()

# Starts a script. The scripts it calls write to the same table, which the outermost one prints at its end.
start_steps() {
  step_owner=
  if [ -z "${CI_STEPS:-}" ]; then
    step_owner=yes
    export CI_STEPS=$PWD/target/ci/$$
    mkdir -p "$CI_STEPS"
    : >"$CI_STEPS/table"
  fi
  step_begun=$SECONDS
  trap end_steps EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
}

end_steps() {
  local status=$? name pid seconds
  trap - EXIT INT TERM
  [ -z "$step_now" ] || printf '%s\tfailed\n' "$step_now" >>"$CI_STEPS/table"
  # The group of a background step: its own traps clean up.
  for name in ${step_names[@]+"${step_names[@]}"}; do
    [ -n "$name" ] || continue
    pid=$(cat "$(step_log "$name").pid")
    kill -TERM -- "-$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    rm -f "$(step_log "$name").log"
    printf '%s\tstopped\n' "$name" >>"$CI_STEPS/table"
  done
  rm -rf ${step_files[@]+"${step_files[@]}"}
  if [ -n "$step_owner" ]; then
    printf '\n%-44s %s\n' step seconds
    while IFS=$'\t' read -r name seconds; do
      printf '%-44s %7s\n' "$name" "$seconds"
    done <"$CI_STEPS/table"
    printf '%-44s %7d\n' total $((SECONDS - step_begun))
    if [ "$status" -ne 0 ]; then
      # The copy of the output of the last step may be behind.
      sleep 0.5
      # Failures of a part that passed when it was repeated are among them.
      printf '\n'
      cut -c-400 "$CI_STEPS/why" 2>/dev/null | tail -n 20 || true
      faults
      printf 'FAILED: exit code %d\n' "$status"
    fi
    rm -rf "$CI_STEPS"
  fi
  exit "$status"
}

# Prints the errors of the failed steps, or their last lines. They stand last: a record may keep only the end.
faults() {
  local error='panicked at|^test .*(FAILED|failed)$|^error(\[|:)|Error(:| \[)|SC[0-9]+ \('
  { cat "$CI_STEPS"/*.log 2>/dev/null || true; } >"$CI_STEPS/failed"
  if grep -qE "$error" "$CI_STEPS/failed"; then
    grep -E -A2 "$error" "$CI_STEPS/failed" | awk '!/^(--|note: run with)/ && !seen[$0]++' | cut -c-300 | tail -n 16
  else
    tail -n 12 "$CI_STEPS/failed" | cut -c-300
  fi
}

# Prints where a background step writes, without the suffix.
step_log() { printf '%s/%s-%s' "$CI_STEPS" $$ "${1//[^a-z0-9]/-}"; }

# Prints why a script fails, and keeps it for the end of the output: because WORD TEXT.
because() {
  printf '%s: %s\n' "$1" "$2" >&2
  [ ! -d "${CI_STEPS:-/nonexistent}" ] || printf '%s\n' "$2" >>"$CI_STEPS/why"
}
# A part of a pipeline may fail while the script goes on.
trap 'because note "${BASH_SOURCE[0]:-$0}:$LINENO: exit code $? of $BASH_COMMAND"' ERR

# Runs a step: step NAME COMMAND [ARGUMENT ...].
step() {
  local begun=$SECONDS
  local log
  step_now=$1
  log=$(step_log "$1").log
  printf '\n=== %s\n+ %s\n' "$1" "${*:2}"
  "${@:2}" > >(exec tee "$log") 2>&1
  step_now=
  rm -f "$log"
  printf '%s\t%d\n' "$1" $((SECONDS - begun)) >>"$CI_STEPS/table"
  printf -- '--- %s: %d s\n' "$1" $((SECONDS - begun))
}

# Starts a step in the background: begin NAME COMMAND [ARGUMENT ...]. Its output waits in a log.
begin() {
  local log
  log=$(step_log "$1")
  printf '\n=== %s, in the background\n+ %s\n' "$1" "${*:2}"
  # A process group of its own, to be able to end it with all its children.
  set -m
  (
    set +m
    # The other background steps belong to the script that waits for this one.
    # shellcheck disable=SC2030,SC2031 # so is it meant
    step_names=()
    trap 'echo "$SECONDS" >"$log.seconds"' EXIT
    trap 'exit 143' TERM
    SECONDS=0
    "${@:2}"
  ) >"$log.log" 2>&1 </dev/null &
  set +m
  echo $! >"$log.pid"
  # shellcheck disable=SC2031
  step_names+=("$1")
}

# Waits for background steps and prints their logs; fails if one of them failed: join NAME ...
join() {
  local name log status i failed='' failed_logs=()
  for name; do
    log=$(step_log "$name")
    status=0
    wait "$(cat "$log.pid")" || status=$?
    for i in "${!step_names[@]}"; do
      [ "${step_names[$i]}" != "$name" ] || step_names[i]=
    done
    printf '\n=== %s, in the background: exit code %d\n' "$name" "$status"
    if [ "$status" -eq 0 ]; then
      cat "$log.log"
      rm -f "$log.log"
      printf '%s\t%d\n' "$name (background)" "$(cat "$log.seconds")" >>"$CI_STEPS/table"
      printf -- '--- %s: %d s\n' "$name" "$(cat "$log.seconds")"
    else
      printf '%s\tfailed\n' "$name (background)" >>"$CI_STEPS/table"
      failed="$failed $name"
      failed_logs+=("$log.log")
    fi
  done
  if [ -z "$failed" ]; then return; fi
  # They stand last, where a record that keeps only the end of the output still has them.
  tail -n 200 "${failed_logs[@]}"
  fail "background steps failed:$failed"
}

# Runs a program with low priority; only in the background. Linux shares the processors between sessions first, so that the
# program gets one of its own: inside the session of the tests it would slow each daemon and node that they start.
low() {
  local session=()
  ! command -v setsid >/dev/null || session=(setsid)
  # shellcheck disable=SC2016 # the inner shell expands it
  "${session[@]}" sh -c '{ echo 19 >/proc/self/autogroup; } 2>/dev/null; exec nice -n 19 "$@"' low "$@" &
  local child=$!
  # The `kill` of this shell would take the group of the child for its own.
  # shellcheck disable=SC2064 # the child of now
  trap "sh -c 'kill -s TERM -- -$child || kill -s TERM $child' 2>/dev/null; exit 143" TERM
  wait "$child"
}

say() { printf '\n--- %s\n' "$*"; }
# Prints a command and runs it.
run() {
  printf '+ %s\n' "$*"
  "$@"
}
fail() {
  because FAILED "$*"
  exit 1
}
# Prints a log and fails: fail_with LOG TEXT.
fail_with() {
  tail -n 200 "$1" >&2 || true
  fail "${@:2}"
}
