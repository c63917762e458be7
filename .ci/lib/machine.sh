# shellcheck shell=bash
# Machines with a real systemd: systemd-nspawn boots each from a copy of a Debian root that debootstrap makes once and
# that stays below target/. Sourced by the scenarios, after steps.sh and tools.sh.

machines=$PWD/target/machine
machine_root=$machines/root
# The programs to test, wnm, its conformance suite and a node program; a machine has them at /opt/wnm.
stage=${CI_STAGE:-}

# Processes, folders and control groups of this script; it ends and removes no others.
machine_pids=()
machine_folders=()
machine_groups=()
machine_folder=
# The number of boots, which makes names unique.
machine_boots=0
# Where control groups are mounted, and the hierarchies in which a machine gets a group of its own.
cgroup_mounts=/sys/fs/cgroup
if [ -e $cgroup_mounts/cgroup.controllers ]; then machine_hierarchies=(.); else machine_hierarchies=(systemd unified); fi
# Further options of systemd-nspawn for the machines of a scenario.
machine_options=()
# systemd-nspawn, and the first process of the machine.
nspawn=
leader=

# Makes the root that machines are copied from.
make_root() {
  need systemd-nspawn=systemd-container debootstrap=debootstrap
  [ -d "$machine_root" ] && return
  local half=$machine_root.$$
  mkdir -p "$machines"
  run debootstrap --variant=minbase \
    --include=systemd,systemd-sysv,dbus,dbus-user-session,libpam-systemd,iproute2,ufw,sudo,cron,ca-certificates,procps \
    bookworm "$half" >"$machines/debootstrap.log" 2>&1 || {
    rm -rf "$half"
    fail_with "$machines/debootstrap.log" "debootstrap cannot make $machine_root"
  }
  mv "$half" "$machine_root"
}

# Starts a scenario: its machines end with it.
start_scenario() {
  [ -d "$stage" ] || fail "no programs to test: call .ci/system-tests ${0##*/}"
  work=$(mktemp -d "$machines/${0##*/}.XXXXXX")
  machine_folders+=("$work")
  trap end_scenario EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
}

# Releases the mounts of a scenario on this host; a scenario may replace it.
clean_up() { :; }

end_scenario() {
  local status=$? pid child
  trap - EXIT INT TERM
  clean_up
  for pid in "${machine_pids[@]}"; do
    child=$(pgrep -P "$pid" 2>/dev/null | head -1 || true)
    [ -z "$child" ] || kill -KILL "$child" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  rm -rf "${machine_folders[@]}"
  [ ${#machine_groups[@]} -eq 0 ] || find "${machine_groups[@]}" -depth -type d -exec rmdir {} \; 2>/dev/null || true
  exit "$status"
}

# Boots a new machine.
machine() {
  local folder=$work/$1
  say "machine $1"
  run cp -a --reflink=auto "$machine_root" "$folder"
  boot "$folder"
}

# Boots the machine in a folder.
boot() {
  local name=wnm-$$-$machine_boots hierarchy group
  machine_boots=$((machine_boots + 1))
  machine_folder=$1
  printf '+ systemd-nspawn -D %s --private-network -b &\n' "$machine_folder"
  # systemd-nspawn calls the group of a machine "payload", below that of its caller. Machines that share it disturb
  # each other: the systemd of one ends processes of units of the same name in another.
  for hierarchy in "${machine_hierarchies[@]}"; do
    group=$cgroup_mounts/$hierarchy/$name
    mkdir "$group"
    machine_groups+=("$group")
    prepare_group "$hierarchy" "$group"
  done
  (
    for hierarchy in "${machine_hierarchies[@]}"; do
      echo "$BASHPID" >"$cgroup_mounts/$hierarchy/$name/cgroup.procs"
    done
    exec systemd-nspawn -q -D "$machine_folder" --register=no --keep-unit --private-network \
      --bind-ro="$stage:/opt/wnm" ${machine_options[@]+"${machine_options[@]}"} -M "$name" -b
  ) >"$work/boot.log" 2>&1 </dev/null &
  nspawn=$!
  machine_pids+=("$nspawn")
  await_boot
}

# Sets up the control group of a machine before it boots; a scenario may replace it.
prepare_group() { :; }

await_boot() {
  for _ in $(seq 600); do
    leader=$(pgrep -P "$nspawn" | head -1 || true)
    if [ -n "$leader" ] && [ "$(cat "/proc/$leader/comm" 2>/dev/null)" = systemd ] &&
      inside systemctl is-system-running --wait 2>/dev/null | grep -Eq 'running|degraded'; then
      inside ip link set lo up
      return
    fi
    kill -0 "$nspawn" 2>/dev/null || fail_with "$work/boot.log" "systemd-nspawn exited while the machine booted"
    sleep 0.1
  done
  fail_with "$work/boot.log" "the machine did not boot within 60 s"
}

# Reboots the machine from within, as an operator would.
reboot() {
  local status=0
  run inside systemctl reboot
  wait "$nspawn" || status=$?
  same "exit code of systemd-nspawn at a reboot" 133 "$status"
  boot "$machine_folder"
}

# Runs a command in the machine.
inside() { nsenter -t "$leader" -a "$@"; }
# Writes standard input to a file in the machine.
# shellcheck disable=SC2016 # the inner shell expands it
put() { inside sh -c 'mkdir -p "$(dirname "$1")" && cat >"$1"' put "$1"; }
# Waits up to 20 s until a command succeeds: await TEXT COMMAND ...
await() {
  for _ in $(seq 200); do
    "${@:2}" && return
    sleep 0.1
  done
  fail "not within 20 s: $1"
}
# Makes the user op, whose services run without a session.
make_op() {
  inside useradd -m -s /bin/bash op
  run inside loginctl enable-linger op
  await "the systemd of the user op runs" inside test -S /run/user/1000/bus -a -S /run/user/1000/systemd/private
}

# Asserts that two texts are the same: same NAME WANT GOT.
same() { [ "$2" = "$3" ] || fail "$1: got \"$3\", want \"$2\""; }
# Asserts that a text contains another: contains NAME TEXT PART.
contains() { case $2 in *"$3"*) ;; *) fail "$1: got \"$2\", want \"$3\" in it" ;; esac }
# Prints yes where a file of the machine exists, otherwise no.
exists() { inside test -e "$1" && echo yes || echo no; }
# Prints how many files of the machine find finds.
count_files() { inside find "$@" 2>/dev/null | wc -l; }
# Drops the white space of JSON.
compact() { tr -d ' \n'; }
