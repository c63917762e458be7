//! The scheduling priority of processes, where no control group can have a weight.
//!
//! A weight below 100 becomes nice 19, from which the kernel derives the lowest priority of the ordinary class for
//! disks. `idle` becomes the class SCHED_IDLE and the idle class of disks. `chrt` and `ionice` of util-linux set the
//! classes, because no crate offers them without unsafe code.

use std::fs;
use std::path::Path;

use rustix::process::{Pid, getpriority_process, setpriority_process};
use wnm_core::Weight;

use super::Weights;
use crate::exec::{Call, Exec};

/// The lowest nice value. A process gets 1.5 % of the time of one with the usual value 0.
const LOWEST: i32 = 19;
/// The value of `policy` in `/proc/PID/stat` for the class `SCHED_IDLE`.
const SCHED_IDLE: u32 = 5;

/// The class of disk time that the kernel derives from the CPU priority, unless a process has one of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum IoClass {
    Ordinary,
    Lowest,
    Idle,
}

impl IoClass {
    const fn of(weight: Weight) -> Self {
        match weight {
            Weight::Idle => Self::Idle,
            Weight::Share(_) if weight.is_behind() => Self::Lowest,
            Weight::Share(_) => Self::Ordinary,
        }
    }

    /// Returns the arguments of `ionice`.
    const fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Ordinary => &["-c", "2", "-n", "4"],
            Self::Lowest => &["-c", "2", "-n", "7"],
            Self::Idle => &["-c", "3"],
        }
    }
}

/// Lowers the priority of these threads, so far as they do not have it. Returns whether all CPU priorities are low.
pub(super) fn lower(exec: &Exec, weights: Weights, threads: &[u32]) -> std::io::Result<()> {
    let mut result = Ok(());
    match weights.cpu {
        Weight::Share(_) if !weights.cpu.is_behind() => {}
        Weight::Share(_) => {
            for thread in threads.iter().filter_map(|thread| pid(*thread)) {
                // A thread may have ended meanwhile.
                match setpriority_process(Some(thread), LOWEST) {
                    Ok(()) | Err(rustix::io::Errno::SRCH) => {}
                    Err(error) => result = Err(error.into()),
                }
            }
        }
        Weight::Idle => {
            for thread in threads {
                let call = Call::new("chrt").args(["--idle", "--pid", "0"]).arg(thread.to_string());
                if let Err(error) = exec.succeed(&call) {
                    result = Err(std::io::Error::other(error));
                }
            }
        }
    }
    if IoClass::of(weights.io) != IoClass::of(weights.cpu) {
        let call = Call::new("ionice").arg("-t").args(IoClass::of(weights.io).arguments()).arg("-p");
        let call = call.args(threads.iter().map(ToString::to_string));
        if let Err(error) = exec.succeed(&call) {
            result = result.and(Err(std::io::Error::other(error)));
        }
    }
    result
}

/// Lowers the priority of a running process with all its threads.
pub(super) fn lower_process(exec: &Exec, root: &Path, weights: Weights, process: u32) -> std::io::Result<()> {
    let wants_class = IoClass::of(weights.io) != IoClass::of(weights.cpu);
    if wants_class || !is_low(root, weights.cpu, process) {
        lower(exec, weights, &threads(root, process))?;
    }
    Ok(())
}

/// Lowers the priority of the session of a process. With automatic grouping, the kernel schedules sessions as equals,
/// whatever the priority of their processes.
///
/// Only a process that leads a session has it for itself. A node that a shell started shares the session of that shell, with
/// all other work there.
pub(super) fn lower_session(root: &Path, weight: Weight, process: u32) {
    if weight.is_behind()
        && leads_session(root, process)
        && session_nice(root, process).is_some_and(|nice| nice < LOWEST)
    {
        // The kernel allows one change in 100 ms without privileges; a later cycle changes the others.
        let _ = fs::write(root.join("proc").join(process.to_string()).join("autogroup"), LOWEST.to_string());
    }
}

/// Tells whether a process is the leader of its session.
fn leads_session(root: &Path, process: u32) -> bool {
    let stat = fs::read_to_string(root.join("proc").join(process.to_string()).join("stat")).unwrap_or_default();
    // Field 6 of proc(5), counted from the state behind the name, which may contain spaces.
    let session = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_ascii_whitespace().nth(3)?.parse().ok());
    session == Some(process)
}

/// Tells whether a process gives way to processes of the usual priority, with its session if the kernel groups by them.
pub(super) fn is_behind(root: &Path, process: u32, sessions: bool) -> bool {
    let is_low = is_low(root, Weight::Share(1), process) || is_low(root, Weight::Idle, process);
    is_low && (!sessions || session_nice(root, process).is_none_or(|nice| nice >= LOWEST))
}

/// Tells whether the kernel groups processes outside control groups by their session.
pub(super) fn is_grouped_by_session(root: &Path) -> bool {
    fs::read_to_string(root.join("proc/sys/kernel/sched_autogroup_enabled")).is_ok_and(|enabled| enabled.trim() == "1")
}

fn is_low(root: &Path, weight: Weight, process: u32) -> bool {
    match weight {
        Weight::Share(_) if !weight.is_behind() => true,
        Weight::Share(_) => pid(process).is_some_and(|process| getpriority_process(Some(process)) == Ok(LOWEST)),
        Weight::Idle => policy(root, process) == Some(SCHED_IDLE),
    }
}

/// Returns the scheduling class of a process.
fn policy(root: &Path, process: u32) -> Option<u32> {
    let stat = fs::read_to_string(root.join("proc").join(process.to_string()).join("stat")).ok()?;
    // Field 41 of proc(5), counted from the state behind the name, which may contain spaces.
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(38)?.parse().ok()
}

/// Returns the nice value of the session of a process; None in a control group of its own.
fn session_nice(root: &Path, process: u32) -> Option<i32> {
    let folder = root.join("proc").join(process.to_string());
    let groups = fs::read_to_string(folder.join("cgroup")).ok()?;
    let is_ungrouped = |line: &str| {
        let mut parts = line.splitn(3, ':').skip(1);
        let is_cpu = parts.next().is_some_and(|names| names.is_empty() || names.split(',').any(|name| name == "cpu"));
        is_cpu && parts.next() == Some("/")
    };
    if !groups.lines().any(is_ungrouped) {
        return None;
    }
    fs::read_to_string(folder.join("autogroup")).ok()?.trim().rsplit_once("nice ")?.1.parse().ok()
}

/// Returns the threads of a process; the process itself where the host does not list them.
fn threads(root: &Path, process: u32) -> Vec<u32> {
    let tasks = fs::read_dir(root.join("proc").join(process.to_string()).join("task"));
    let threads: Vec<u32> =
        tasks.into_iter().flatten().flatten().filter_map(|task| task.file_name().to_str()?.parse().ok()).collect();
    if threads.is_empty() { vec![process] } else { threads }
}

fn pid(process: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(process).ok()?)
}
