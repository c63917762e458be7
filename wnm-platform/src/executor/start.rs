//! Steps that start a node's process and see it up.

use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use wnm_core::steps::{ActionRecord, Effect, Evidence};
use wnm_core::{Action, BoundPort, MetricsSource, Node, ProcessIdentity, Timestamp};

use super::{HostExecutor, Performed};
use crate::manager::{self, Service};
use crate::node_dir::{STDERR_LOG, check_room};
use crate::observe::ports;
use crate::observe::process::Life;

/// How long a process without a sign of life must live to count as up.
const LIVED: Duration = Duration::from_secs(10);
/// How long a process may take to let go of its ports once it is out of sight.
const ENDING: Duration = Duration::from_secs(5);
/// The longest pause between two starts; nothing waits longer inside a cycle.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How long a connection to the node's own metrics server may take.
const CONNECT: Duration = Duration::from_millis(250);
/// The file in which an `antnode` says why it ended.
const FAILURE_LOG: &str = "critical_failure.log";
/// How much of the end of a log is told, in bytes.
const TAIL: u64 = 500;

impl HostExecutor<'_> {
    pub(super) fn start(&mut self, record: &ActionRecord, now: Timestamp, node: &Node) -> Performed {
        match self.service(node) {
            Service::Running(process) => return Ok(Effect::Done(Evidence::Process { process })),
            Service::Unknown(why) => return Ok(Effect::NotYet(format!("whether it runs is not known: {why}"))),
            Service::Stopped => {}
        }
        if let Some(hindrance) = self.hindrance(node, now.since(record.waiting_since())) {
            return Ok(hindrance);
        }
        check_room(&node.root_dir, self.room_wanted(record))?;
        self.pause();
        // Left by the run before; the node itself removes it only once it is well under way.
        let _ = fs::remove_file(node.log_dir.join(FAILURE_LOG));
        self.manager.start(node)?;
        Ok(Effect::Done(match self.service(node) {
            Service::Running(process) => Evidence::Process { process },
            Service::Stopped | Service::Unknown(_) => Evidence::Nothing,
        }))
    }

    /// Returns what keeps a stopped node from being started: processes on its folder or ports, or a service that would
    /// start it beside this one. They are left alone. A port that nobody is seen to hold may be that of a process which
    /// is ending, and is waited for.
    fn hindrance(&self, node: &Node, waited: Duration) -> Option<Effect> {
        let mut on_folder = self.processes.all();
        on_folder.retain(|facts| facts.life == Life::Alive && facts.is_on_folder_of(node));
        if let Some(facts) = on_folder.first() {
            let program = facts.program().map_or_else(|| "unknown program".into(), Path::to_string_lossy);
            return Some(Effect::Failed(format!(
                "expected no other process on {}, found process {} ({program})",
                node.root_dir.display(),
                facts.pid
            )));
        }
        if let Some(taken) = node.flavor.bound_ports(&node.ports).into_iter().find(|port| !ports::is_free(*port)) {
            let (port, holder) = (ports::words(taken), ports::holder(taken));
            if holder.is_none() && waited < ENDING {
                return Some(Effect::NotYet(format!("{port} is not free yet")));
            }
            let holder = holder.unwrap_or_else(|| "another process".to_owned());
            return Some(Effect::Failed(format!("expected {port} to be free, found it held by {holder}")));
        }
        let holder = manager::other_holder(node)?;
        Some(Effect::Failed(format!("expected no other service to keep node {}, found {holder}", node.id)))
    }

    /// Returns the bytes that must be free for a start. A node that ran until this action is not kept down for them.
    fn room_wanted(&self, record: &ActionRecord) -> u64 {
        match &record.planned.action {
            Action::Add { .. } | Action::Start { .. } if record.failure.is_none() => self.settings.crisis.0,
            _ => 0,
        }
    }

    /// Waits until the pause that is wanted between two starts is over.
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
            Service::Unknown(why) => return Effect::NotYet(format!("whether it runs is not known: {why}")),
            Service::Stopped => {
                let said = last_words(node).or_else(|| self.manager.last_words(node));
                let said = said.map_or_else(|| "and said nothing".to_owned(), |said| format!("saying: {said}"));
                return Effect::Failed(format!("expected node {} to stay up, found that it ended {said}", node.id));
            }
        };
        if shows_life(node) || now.since(record.waiting_since()) >= LIVED {
            return up(process);
        }
        Effect::NotYet(format!("process {} has not opened its ports yet", process.pid))
    }
}

fn up(process: ProcessIdentity) -> Effect {
    Effect::Done(Evidence::Process { process })
}

/// Tells whether a running node opened what it opens when it is up. That nothing else has the port was seen before
/// it started.
fn shows_life(node: &Node) -> bool {
    match node.flavor.metrics_source() {
        MetricsSource::Http => {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, node.ports.metrics));
            TcpStream::connect_timeout(&address, CONNECT).is_ok()
        }
        // Looked up, not tried: trying could take the port from the node that is about to bind it.
        MetricsSource::Process => ports::is_bound(BoundPort::Udp(node.ports.node)),
    }
}

/// Returns what a node that ended had to say, on one line; None when it said nothing.
fn last_words(node: &Node) -> Option<String> {
    let said = [FAILURE_LOG, STDERR_LOG].map(|name| tail(&node.log_dir.join(name)));
    let said: Vec<String> = said.into_iter().flatten().collect();
    (!said.is_empty()).then(|| said.join("; "))
}

fn tail(path: &Path) -> Option<String> {
    let mut file = fs::File::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL))).ok()?;
    let mut text = Vec::new();
    file.take(TAIL).read_to_end(&mut text).ok()?;
    let text = String::from_utf8_lossy(&text);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    (!line.is_empty()).then_some(line)
}
