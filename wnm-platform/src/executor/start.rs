//! Steps that start the process of a node and confirm that it is up.

use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use wnm_core::steps::{ActionRecord, Effect, Evidence};
use wnm_core::{Action, BoundPort, Exit, Node, ProcessIdentity, Program, Timestamp};

use super::program::has_own_rights;
use super::{HostExecutor, Performed};
use crate::binary::check_owner;
use crate::error::PlatformError;
use crate::exec::message::first_meaningful_line;
use crate::guarded;
use crate::manager::{self, Service};
use crate::node_dir::{check_free_space, errors_log};
use crate::observe::ports;
use crate::observe::process::{Liveness, ProcessInfo};

/// The age at which a process without an open port counts as up: `antnode` continues without its metrics server when
/// the port of the server is taken.
const UP_AFTER: Duration = Duration::from_secs(10);
/// The time that the kernel has to release the ports of a process that is no longer visible.
const PORT_RELEASE: Duration = Duration::from_secs(5);
/// The maximum pause between two starts within a cycle; `action_delay` may be longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// The time for a connection to the node's metrics server on the loopback.
const CONNECT: Duration = Duration::from_millis(250);
/// The file with the reason for the exit of an `antnode`.
const FAILURE_LOG: &str = "critical_failure.log";
/// The part of a log that is searched for a message, from its end, in bytes: a panic with its backtrace fits.
const TAIL: u64 = 8192;

impl HostExecutor<'_> {
    pub(super) fn start(&mut self, record: &ActionRecord, now: Timestamp, node: &Node) -> Performed {
        match self.service(node) {
            Service::Running(process) => return Ok(Effect::Done(Evidence::Process { process })),
            Service::Unknown(why) => return Ok(Effect::NotYet(format!("cannot tell whether it runs: {why}"))),
            Service::Stopped => {}
        }
        if let Some(wait) = self.check_unused(node, now.since(record.waiting_since()))? {
            return Ok(wait);
        }
        if !has_own_rights(node) && node.manager.program != Program::Antctl {
            // An imported program may be at a place that another user can change. antctl has a user of its own for nodes.
            check_owner(&node.binary)?;
        }
        check_free_space(&node.root_dir, self.space_needed(record))?;
        self.pause();
        // Left by the last run. The node removes it late in its start, so a failure before that would show the old reason.
        let _ = guarded::remove(&node.log_dir.join(FAILURE_LOG));
        self.manager.start(node)?;
        Ok(Effect::Done(match self.service(node) {
            Service::Running(process) => Evidence::Process { process },
            Service::Stopped | Service::Unknown(_) => Evidence::Nothing,
        }))
    }

    /// Checks that no process uses the folder or a port of a stopped node, and that no other service would start it.
    /// Such processes and services are left alone.
    ///
    /// Returns a reason to wait for a port without a visible holder: the kernel releases the ports of a process a moment
    /// after the process has disappeared from `/proc`.
    pub(super) fn check_unused(&self, node: &Node, waited: Duration) -> Result<Option<Effect>, PlatformError> {
        let mut on_folder = self.processes.all();
        let uses_it = |facts: &ProcessInfo| {
            facts.life == Liveness::Alive && facts.is_on_folder_of(node) && facts.may_use(&node.root_dir)
        };
        on_folder.retain(uses_it);
        if let Some(facts) = on_folder.first() {
            return Err(PlatformError::FolderInUse {
                node: node.id,
                path: node.root_dir.clone(),
                pid: facts.pid,
                program: facts.program().map_or_else(|| "unknown program".into(), Path::to_string_lossy).into_owned(),
            });
        }
        if let [taken, ..] = ports::taken(node.flavor.bound_ports(&node.ports)).as_slice() {
            let (port, holder) = (ports::name(*taken), ports::holder(*taken));
            if holder.is_none() && waited < PORT_RELEASE {
                return Ok(Some(Effect::NotYet(format!("{port} is not free yet"))));
            }
            let holder = holder.unwrap_or_else(|| "another process".to_owned());
            return Err(PlatformError::PortInUse { node: node.id, port, holder });
        }
        match manager::other_holder(node) {
            Some(holder) => Err(PlatformError::OtherService { node: node.id, holder }),
            None => Ok(None),
        }
    }

    /// Returns the bytes that must be free for a start; 0 for a node that ran before this action and only restarts.
    fn space_needed(&self, record: &ActionRecord) -> u64 {
        match &record.planned.action {
            Action::Add { .. } | Action::Start { .. } if record.failure.is_none() => self.settings.crisis.0,
            _ => 0,
        }
    }

    /// Waits for the rest of the pause since the last start of this cycle.
    fn pause(&mut self) {
        let pause = self.settings.action_delay.min(LONGEST_PAUSE);
        if let Some(last) = self.last_start {
            thread::sleep(pause.saturating_sub(last.elapsed()));
        }
        self.last_start = Some(Instant::now());
    }

    pub(super) fn confirm(&self, record: &ActionRecord, now: Timestamp, node: &Node) -> Effect {
        let process = match self.service(node) {
            Service::Running(process) => process,
            Service::Unknown(why) => return Effect::NotYet(format!("cannot tell whether it runs: {why}")),
            Service::Stopped => {
                let message = last_words(node).or_else(|| self.manager.last_words(node));
                let status = self.manager.exits(&[node]).remove(&node.id);
                let exit = Some(Exit { status, message }).filter(|exit| !exit.is_unknown());
                let message = exit.map(|exit| exit.to_string());
                let within = now.since(record.waiting_since());
                return Effect::Failed(PlatformError::ExitedAtStart { node: node.id, within, message }.into());
            }
        };
        if has_open_port(node) || now.since(record.waiting_since()) >= UP_AFTER {
            return up(process);
        }
        Effect::NotYet(format!("process {} has not opened its ports yet", process.pid))
    }
}

fn up(process: ProcessIdentity) -> Effect {
    Effect::Done(Evidence::Process { process })
}

/// Tells whether a running node has opened its port. Before the start, no other process had it.
fn has_open_port(node: &Node) -> bool {
    match node.metrics_port() {
        Some(port) => TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, port).into(), CONNECT).is_ok(),
        // Read from the socket tables: a trial bind could take the port from the node that is about to bind it.
        None => ports::is_bound(BoundPort::Udp(node.ports.node)),
    }
}

/// Returns the message of a node that exited, from its failure log and its standard error; None when both are empty.
fn last_words(node: &Node) -> Option<String> {
    let messages = [node.log_dir.join(FAILURE_LOG), errors_log(node)].map(|log| tail(&log));
    let messages: Vec<String> = messages.into_iter().flatten().collect();
    (!messages.is_empty()).then(|| messages.join("; "))
}

/// Returns the first meaningful line in the last [`TAIL`] bytes of a log; None when there is none.
fn tail(path: &Path) -> Option<String> {
    let (text, skipped) = guarded::tail(path, TAIL).ok()?;
    let text = String::from_utf8_lossy(&text);
    // A line that begins before the tail is cut, and says nothing without its beginning.
    let whole = if skipped == 0 { text.as_ref() } else { text.split_once('\n').map_or("", |(_, rest)| rest) };
    Some(first_meaningful_line(whole)).filter(|line| !line.is_empty())
}
