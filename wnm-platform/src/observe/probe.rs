//! All nodes at once: what their metrics servers say, by one deadline, whatever they do.
//!
//! A small HTTP/1.1 client on sockets that never wait: a few threads with many connections each. Measured on two
//! cores, release build, 1000 nodes on the loopback that serve 43 kB each, reading the text included: ureq 3.5 in 4 to
//! 32 threads took 122–222 ms and 185–354 ms of processor time; this takes 50–110 ms and 52–69 ms.

mod connection;
mod response;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs as _};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, Timespec, poll};
use wnm_core::{NodeId, NodeIdentity, NodeMetrics};

use connection::{Connection, Progress};

/// A node to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The node.
    pub node: NodeId,
    /// Where its metrics server listens.
    pub address: SocketAddr,
    /// Whether an answer is to be expected.
    pub hope: Hope,
    /// When to ask it for its version and peer id too.
    pub identity: AskIdentity,
}

/// Whether an answer is to be expected. Nodes without hope are asked last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hope {
    /// It answered last time, or was never asked.
    Good,
    /// It did not answer last time.
    Poor,
}

/// When to ask a node for its version and peer id too, on the same connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskIdentity {
    /// They are not known.
    Always,
    /// Only if it turns out to be up for less than these seconds, and so was restarted since.
    IfYounger(u64),
}

/// What a node said.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answer {
    /// Its figures.
    pub metrics: NodeMetrics,
    /// Its version and peer id; None when it was not asked, or asked in vain.
    pub identity: Option<NodeIdentity>,
    /// Whether it was asked for its version and peer id.
    pub asked_identity: bool,
}

/// What a probe may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// When all is over, whoever has not answered.
    pub deadline: Duration,
    /// After this time without an answer, a connection no longer keeps others from being opened.
    pub patience: Duration,
    /// Pause between the first requests to two nodes; the deadline is that much later for each node.
    pub pace: Duration,
    /// Connections at once, those that outlived the patience not counted.
    pub at_once: usize,
    /// Connections at once, all counted.
    pub open: usize,
    /// Bytes of an answer, its head included.
    pub body: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(2),
            patience: Duration::from_millis(250),
            pace: Duration::ZERO,
            at_once: 128,
            open: 512,
            body: 1024 * 1024,
        }
    }
}

/// Returns the address behind a host name or number; None when there is none.
///
/// `localhost` is 127.0.0.1 without a question asked: the nodes listen there and not on `::1`.
#[must_use]
pub fn resolve(host: &str) -> Option<IpAddr> {
    if host.eq_ignore_ascii_case("localhost") {
        return Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    host.parse().ok().or_else(|| {
        let found: Vec<IpAddr> = (host, 0).to_socket_addrs().ok()?.map(|address| address.ip()).collect();
        found.iter().find(|address| address.is_ipv4()).or(found.first()).copied()
    })
}

/// Asks all targets and returns what those said that answered in time with status 200 and a complete text.
#[must_use]
pub fn probe(mut targets: Vec<Target>, limits: &Limits) -> BTreeMap<NodeId, Answer> {
    targets.sort_by_key(|target| target.hope);
    let threads = match thread::available_parallelism() {
        Ok(cpus) if targets.len() > 32 && limits.pace.is_zero() => cpus.get().min(4),
        _ => 1,
    };
    let paced = limits.pace.saturating_mul(u32::try_from(targets.len()).unwrap_or(u32::MAX));
    let begun = Instant::now();
    let round = Round {
        targets: &targets,
        next: AtomicUsize::new(0),
        limits,
        begun,
        deadline: begun + limits.deadline + paced,
        at_once: limits.at_once.div_ceil(threads),
        open: limits.open.div_ceil(threads),
    };
    thread::scope(|scope| {
        // A thread that cannot be had is done without: the others take its share.
        let others: Vec<_> =
            (1..threads).filter_map(|_| thread::Builder::new().spawn_scoped(scope, || round.work()).ok()).collect();
        let mut answers: BTreeMap<NodeId, Answer> = round.work().into_iter().collect();
        answers.extend(others.into_iter().flat_map(|other| other.join().unwrap_or_default()));
        answers
    })
}

/// One probe of all targets, shared by its threads.
struct Round<'a> {
    targets: &'a [Target],
    next: AtomicUsize,
    limits: &'a Limits,
    begun: Instant,
    deadline: Instant,
    /// For each thread.
    at_once: usize,
    /// For each thread.
    open: usize,
}

impl<'a> Round<'a> {
    /// Takes targets and follows their connections until there are none left or the deadline comes.
    fn work(&self) -> Vec<(NodeId, Answer)> {
        let mut answers = Vec::new();
        let mut connections: Vec<Connection<'a>> = Vec::new();
        let mut buffers = Vec::new();
        let mut ready = Vec::new();
        loop {
            let now = Instant::now();
            let wait_to_start = self.start(now, &mut connections, &mut buffers);
            if now >= self.deadline || (connections.is_empty() && wait_to_start.is_none()) {
                // Who told its figures has answered, even if the rest is late.
                let late = connections.into_iter().map(Connection::end);
                answers.extend(late.filter_map(|(node, answer, _)| Some((node, answer?))));
                return answers;
            }
            let wait = wait_to_start.unwrap_or(Duration::MAX).min(self.deadline.saturating_duration_since(now));
            let ready = await_any(&connections, wait, &mut ready);
            // From the end, so that removal moves only what was already looked at.
            for at in (0..connections.len()).rev() {
                if !ready[at] {
                    continue;
                }
                if connections[at].advance(self.limits.body) == Progress::Over {
                    let (node, answer, buffer) = connections.swap_remove(at).end();
                    answers.extend(answer.map(|answer| (node, answer)));
                    buffers.push(buffer);
                }
            }
        }
    }

    /// Opens as many connections as may be; returns how long until more may be, None when no target is left.
    fn start(
        &self,
        now: Instant,
        connections: &mut Vec<Connection<'a>>,
        buffers: &mut Vec<Vec<u8>>,
    ) -> Option<Duration> {
        let is_recent = |connection: &&Connection<'_>| connection.age(now) < self.limits.patience;
        let mut recent = connections.iter().filter(is_recent).count();
        loop {
            let upcoming = self.next.load(Ordering::Relaxed);
            if upcoming >= self.targets.len() {
                return None;
            }
            let due = self.begun + self.limits.pace.saturating_mul(u32::try_from(upcoming).unwrap_or(u32::MAX));
            if due > now {
                return Some(due - now);
            }
            if recent >= self.at_once || connections.len() >= self.open {
                return Some(self.limits.patience);
            }
            let target = self.targets.get(self.next.fetch_add(1, Ordering::Relaxed))?;
            if let Some(connection) = Connection::open(target, now, buffers.pop().unwrap_or_default()) {
                connections.push(connection);
                recent += 1;
            }
        }
    }
}

/// Waits until a connection can go on; returns for each whether it can.
fn await_any<'r>(connections: &[Connection<'_>], wait: Duration, ready: &'r mut Vec<bool>) -> &'r [bool] {
    let mut fds: Vec<PollFd<'_>> = connections.iter().map(Connection::poll_fd).collect();
    let wait = wait.min(Duration::from_secs(3600)).max(Duration::from_millis(1));
    let failed = poll(&mut fds, Timespec::try_from(wait).ok().as_ref()).is_err();
    ready.clear();
    // After a signal all are looked at: that costs little and waits for nothing.
    ready.extend(fds.iter().map(|fd| failed || !fd.revents().is_empty()));
    ready
}

#[cfg(test)]
mod tests;
