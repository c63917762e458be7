//! Signals to the processes of a node, protected against a reused PID.

use std::io;

use rustix::io::Errno;
use rustix::process::{Pid, Signal};
use wnm_core::Node;

use super::StopSignal;
use crate::error::PlatformError;
use crate::observe::process::{ProcessInfo, Processes};

/// Signals every process of a node except `told`, which the manager has signalled.
pub(super) fn all_but(
    told: Option<u32>,
    processes: &Processes,
    node: &Node,
    stop_signal: StopSignal,
) -> Result<(), PlatformError> {
    for facts in processes.running(node).into_iter().filter(|facts| Some(facts.pid) != told) {
        let sent = one(processes, &facts, node, stop_signal);
        sent.map_err(|source| PlatformError::SignalFailed { node: node.id, pid: facts.pid, source })?;
    }
    Ok(())
}

pub(super) fn one(processes: &Processes, facts: &ProcessInfo, node: &Node, stop_signal: StopSignal) -> io::Result<()> {
    let signal = match stop_signal {
        StopSignal::Term => Signal::TERM,
        StopSignal::Kill => Signal::KILL,
    };
    let identity = processes.identity(facts);
    let Some(pid) = i32::try_from(facts.pid).ok().and_then(Pid::from_raw) else { return Ok(()) };
    let sent = send(pid, signal, || processes.matches(&identity, node));
    match sent {
        Err(Errno::SRCH) => Ok(()),
        other => Ok(other?),
    }
}

#[cfg(target_os = "linux")]
fn send(pid: Pid, signal: Signal, is_it: impl Fn() -> bool) -> rustix::io::Result<()> {
    use rustix::process::{PidfdFlags, kill_process, pidfd_open, pidfd_send_signal};
    match pidfd_open(pid, PidfdFlags::empty()) {
        // The descriptor refers to one process for ever. Verified after opening, it cannot be another process.
        Ok(process) if is_it() => pidfd_send_signal(process, signal),
        // A kernel before 5.3, or a container that forbids the call.
        Err(Errno::NOSYS | Errno::PERM) if is_it() => kill_process(pid, signal),
        Ok(_) | Err(Errno::SRCH | Errno::NOSYS | Errno::PERM) => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(not(target_os = "linux"))]
fn send(pid: Pid, signal: Signal, is_it: impl Fn() -> bool) -> rustix::io::Result<()> {
    if is_it() { rustix::process::kill_process(pid, signal) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use super::*;
    use crate::node_dir::tests::node_at;

    /// A process that ends with the test.
    struct Sleeper(Child);

    impl Drop for Sleeper {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    #[test]
    fn only_the_process_of_the_node_is_signalled() {
        let folder = tempfile::tempdir().unwrap();
        let mut node = node_at(folder.path());
        // A process of another program that claims the folder of the node.
        let script = format!("exec /bin/sh -c 'while :; do sleep 60; done' x --root-dir {}", folder.path().display());
        let mut child = Sleeper(Command::new("/bin/sh").args(["-c", &script]).spawn().unwrap());
        let processes = Processes::of_host();
        let begun = std::time::Instant::now();
        let facts = loop {
            let facts = processes.facts(child.0.id()).unwrap();
            if facts.is_on_folder_of(&node) {
                break facts;
            }
            assert!(begun.elapsed().as_secs() < 30, "{facts:?}");
            std::thread::yield_now();
        };
        for signal in [StopSignal::Term, StopSignal::Kill] {
            one(&processes, &facts, &node, signal).unwrap();
            // The program is right, but the PID was that of an earlier process.
            node.binary = facts.program().unwrap().to_owned();
            let earlier = ProcessInfo { start: facts.start - 1, ..facts.clone() };
            one(&processes, &earlier, &node, signal).unwrap();
            node.binary = "/other".into();
        }
        assert_eq!(child.0.try_wait().unwrap(), None);
        node.binary = facts.program().unwrap().to_owned();
        one(&processes, &facts, &node, StopSignal::Kill).unwrap();
        assert!(!child.0.wait().unwrap().success());
    }
}
