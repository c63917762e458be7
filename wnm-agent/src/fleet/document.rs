//! The documents that a host publishes: its state, its nodes and its latest events.
//!
//! A reader trusts none of it: each document is bounded, and its texts lose control characters when it is read.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::{Deserialize, Serialize};
use wnm_core::{Hold, Measure, NodeId, NodeState, Timestamp, Upgrades};

use super::command::one_line;
use super::rollout::order::Program;
use crate::live::{DaemonStatus, LoggedEvent, Snapshot};

/// Most versions of a state; the nodes of further ones count as `other`.
const MOST_VERSIONS: usize = 16;
/// Most signals of a state.
const MOST_SIGNALS: usize = 24;
/// Most nodes of a host. A host with more publishes the first.
const MOST_NODES: usize = 5_000;
/// Longest list of nodes after it is inflated, in bytes.
const LONGEST_NODES: u64 = 4 << 20;
/// Most events of a host in the engine: the latest.
pub const MOST_EVENTS: usize = 100;

/// The state of a host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HostState {
    /// The daemon that publishes: the begin of its publications and a random number.
    pub session: Session,
    /// The number of the publication, from 1.
    pub sequence: u64,
    /// The time of the publication, by the host's clock.
    pub at: Timestamp,
    /// The version of wnm.
    pub wnm: String,
    /// The phase of the daemon, such as `running`.
    pub phase: String,
    /// The nodes in each state, such as `RUNNING`.
    pub nodes: BTreeMap<String, u64>,
    /// The nodes that are to run.
    pub desired: u64,
    /// The nodes of each version of the node program; `unknown` counts those of unknown version.
    pub versions: BTreeMap<String, u64>,
    /// The signals with their thresholds.
    pub signals: Vec<SignalState>,
    /// The holds in effect on the host, of any source.
    pub holds: Vec<Hold>,
    /// The failure of the last cycle; None after a complete one.
    pub failure: Option<String>,
    /// The highest generation of a command that the host has obeyed.
    pub generation: u64,
    /// The problem of the host with the fleet, such as a refused command; None without one.
    pub problem: Option<String>,
    /// The part of the host in rollouts.
    #[serde(default)]
    pub rollout: HostRollout,
}

/// The part of a host in rollouts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HostRollout {
    /// The generation of the last rollout, abort or release that the host has read; 0 before the first.
    pub generation: u64,
    /// The generation of its lease of that rollout; 0 without one.
    pub lease: u64,
    /// The node program of the host; None while it cannot be read.
    pub program: Option<Program>,
    /// The nodes that run an older version than that program, or are upgrading.
    pub outdated: u64,
    /// Whether upgrades to that program failed too often to be tried again.
    pub refused: bool,
    /// Whether the nodes upgrade themselves, because `enable_upgrade` is false.
    pub by_nodes: bool,
}

/// The identity of a daemon that publishes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Session {
    /// The first publication, by the clock of the engine, in milliseconds.
    pub since: i64,
    /// A random number.
    pub id: String,
}

/// A signal with its thresholds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SignalState {
    /// The name, such as `cpu`.
    pub signal: String,
    /// The last sample; None if it could not be read.
    pub value: Option<f64>,
    /// The low threshold.
    pub low: f64,
    /// The high threshold.
    pub high: f64,
    /// Whether the signal is over its high threshold.
    pub exceeded: bool,
}

/// A node of a host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeRow {
    /// The number.
    pub id: NodeId,
    /// The state, such as `RUNNING`.
    pub status: String,
    /// The version of the node program; None if unknown.
    pub version: Option<String>,
    /// The peer id; None if unknown.
    pub peer_id: Option<String>,
    /// CPU use in cores.
    pub cpu: Option<f64>,
    /// Resident memory in bytes.
    pub memory: Option<u64>,
    /// Time since the start of the program, in seconds.
    pub uptime: Option<u64>,
    /// Stored records.
    pub records: Option<u64>,
    /// Connected peers.
    pub peers: Option<u64>,
    /// The number of times that peers shunned the node.
    pub shunned: Option<u64>,
}

/// An event of a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostEvent {
    /// The number, which counts from 1 in each daemon.
    pub number: u64,
    /// The time of the cycle, by the host's clock.
    pub at: Timestamp,
    /// The kind, such as `action_begun`.
    pub event: String,
    /// The event in a sentence.
    pub text: String,
    /// The node; None for an event of the host.
    pub node: Option<NodeId>,
}

/// The latest events of a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostEvents {
    /// The daemon.
    pub session: Session,
    /// The events, oldest first.
    pub events: Vec<HostEvent>,
}

/// A document of another host has another form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("its value has another form: {0}")]
pub struct Damaged(String);

impl HostState {
    /// Returns the state of a host after a cycle. The publisher adds what belongs to the publication.
    #[must_use]
    pub fn of(snapshot: &Snapshot, status: &DaemonStatus, wnm: &str) -> Self {
        let nodes =
            snapshot.nodes_by_state().into_iter().map(|(word, count)| (word.to_owned(), count as u64)).collect();
        let state = &snapshot.report.colony.state;
        let desired = snapshot.states().filter(|(id, of)| state.desired(*id, of) == wnm_core::Desired::Running).count();
        let measures = snapshot.report.decision.measures.iter().take(MOST_SIGNALS);
        Self {
            session: Session::default(),
            sequence: 0,
            at: Timestamp::default(),
            wnm: wnm.to_owned(),
            phase: status.phase.word().to_owned(),
            nodes,
            desired: desired as u64,
            versions: versions(snapshot),
            signals: measures.map(SignalState::of).collect(),
            holds: snapshot.report.observation.valves.holds.clone(),
            failure: status.failure.as_ref().map(|failure| one_line(&failure.error)),
            generation: 0,
            problem: None,
            rollout: HostRollout::of(snapshot),
        }
    }

    /// Returns the number of nodes that run.
    #[must_use]
    pub fn up(&self) -> u64 {
        self.nodes.get("RUNNING").copied().unwrap_or(0)
    }

    /// Reads a state that a host published.
    ///
    /// # Errors
    /// The value has another form.
    pub fn read(bytes: &[u8]) -> Result<Self, Damaged> {
        let mut state: Self = parse(bytes)?;
        for text in [&mut state.wnm, &mut state.phase, &mut state.session.id] {
            *text = one_line(text);
        }
        for text in state.failure.iter_mut().chain(state.problem.iter_mut()) {
            *text = one_line(text);
        }
        state.nodes = clean_counts(state.nodes);
        state.versions = clean_counts(state.versions);
        state.signals.truncate(MOST_SIGNALS);
        state.signals.iter_mut().for_each(|signal| signal.signal = one_line(&signal.signal));
        state.holds.truncate(8);
        state.holds.iter_mut().for_each(|hold| hold.reason = one_line(&hold.reason));
        Ok(state)
    }
}

impl HostRollout {
    /// Returns the part of a host after a cycle. The publisher adds the program and the documents that it has read.
    fn of(snapshot: &Snapshot) -> Self {
        let (observation, colony) = (&snapshot.report.observation, &snapshot.report.colony);
        let target = observation.target.as_ref();
        let version = |id: &NodeId| observation.nodes.get(id).and_then(|sample| sample.version.as_ref());
        let is_outdated = |(id, state): &(NodeId, &NodeState)| match state {
            NodeState::Upgrading { .. } => true,
            NodeState::Running { .. } => version(id).zip(target).is_some_and(|(version, target)| version < target),
            _ => false,
        };
        Self {
            outdated: snapshot.states().filter(is_outdated).count() as u64,
            refused: target.is_some_and(|target| colony.state.is_refused(target)),
            by_nodes: colony.settings.policy.upgrades == Upgrades::ByNodes,
            ..Self::default()
        }
    }
}

fn clean_counts(counts: BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    counts.into_iter().take(MOST_VERSIONS + 1).map(|(word, count)| (one_line(&word), count)).collect()
}

fn versions(snapshot: &Snapshot) -> BTreeMap<String, u64> {
    let mut counts: Vec<(String, u64)> = snapshot
        .nodes_by_version()
        .into_iter()
        .map(|(version, count)| (version.map_or_else(|| "unknown".to_owned(), ToString::to_string), count as u64))
        .collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let rest: u64 = counts.iter().skip(MOST_VERSIONS).map(|(_, count)| count).sum();
    let mut versions: BTreeMap<String, u64> = counts.into_iter().take(MOST_VERSIONS).collect();
    if rest > 0 {
        versions.insert("other".to_owned(), rest);
    }
    versions
}

impl SignalState {
    fn of(measure: &Measure) -> Self {
        Self {
            signal: measure.signal.name().to_owned(),
            value: measure.seen.map(wnm_core::Reading::number),
            low: measure.less_than.number(),
            high: measure.remove.number(),
            exceeded: measure.is_exceeded(),
        }
    }
}

/// Returns the nodes of a colony, deflated.
///
/// # Errors
/// They cannot be written as JSON.
pub fn nodes(snapshot: &Snapshot) -> std::io::Result<Vec<u8>> {
    let rows: Vec<NodeRow> = snapshot.states().take(MOST_NODES).map(|(id, state)| row(snapshot, id, state)).collect();
    pack(&rows)
}

fn row(snapshot: &Snapshot, id: NodeId, state: &wnm_core::NodeState) -> NodeRow {
    let sample = snapshot.report.observation.nodes.get(&id);
    let metrics = sample.and_then(|sample| sample.metrics.as_deref());
    NodeRow {
        id,
        status: state.word().to_owned(),
        version: sample.and_then(|sample| sample.version.as_ref()).map(ToString::to_string),
        peer_id: sample.and_then(|sample| sample.peer_id.clone()),
        cpu: sample.and_then(|sample| sample.cpu).map(|cpu| (cpu.get() * 1000.0).round() / 1000.0),
        memory: sample.and_then(|sample| sample.memory).map(|bytes| bytes.0),
        uptime: metrics.and_then(|metrics| metrics.uptime),
        records: metrics.and_then(|metrics| metrics.records),
        peers: metrics.and_then(|metrics| metrics.connected_peers),
        shunned: metrics.and_then(|metrics| metrics.shunned_count),
    }
}

/// Returns rows of nodes, deflated.
///
/// # Errors
/// They cannot be written as JSON.
pub fn pack(rows: &[NodeRow]) -> std::io::Result<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&serde_json::to_vec(rows)?)?;
    encoder.finish()
}

/// Reads the nodes that a host published.
///
/// # Errors
/// The value has another form, or is too long after it is inflated.
pub fn read_nodes(bytes: &[u8]) -> Result<Vec<NodeRow>, Damaged> {
    let mut text = Vec::new();
    let inflated = DeflateDecoder::new(bytes).take(LONGEST_NODES).read_to_end(&mut text);
    inflated.map_err(|error| Damaged(one_line(&error.to_string())))?;
    let mut rows: Vec<NodeRow> = parse(&text)?;
    rows.truncate(MOST_NODES);
    for row in &mut rows {
        row.status = one_line(&row.status);
        for text in row.version.iter_mut().chain(row.peer_id.iter_mut()) {
            *text = one_line(text);
        }
    }
    Ok(rows)
}

impl HostEvent {
    /// Returns an event of a daemon, with its sentence.
    #[must_use]
    pub fn of(logged: &LoggedEvent, text: &str) -> Self {
        let event = logged.event.kind().to_owned();
        Self { number: logged.number, at: logged.at, event, text: one_line(text), node: logged.event.node() }
    }
}

impl HostEvents {
    /// Reads the events that a host published.
    ///
    /// # Errors
    /// The value has another form.
    pub fn read(bytes: &[u8]) -> Result<Self, Damaged> {
        let mut events: Self = parse(bytes)?;
        events.session.id = one_line(&events.session.id);
        events.events.truncate(MOST_EVENTS);
        for event in &mut events.events {
            event.text = one_line(&event.text);
            event.event = one_line(&event.event);
        }
        Ok(events)
    }
}

fn parse<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, Damaged> {
    serde_json::from_slice(bytes).map_err(|error| Damaged(one_line(&error.to_string())))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn row(id: u32) -> NodeRow {
        NodeRow {
            id: NodeId::new(id).unwrap(),
            status: "RUNNING".to_owned(),
            version: Some("0.4.17".to_owned()),
            peer_id: Some("12D3KooW".repeat(6)),
            cpu: Some(0.125),
            memory: Some(100_000_000),
            uptime: Some(1000),
            records: Some(1234),
            peers: Some(200),
            shunned: Some(0),
        }
    }

    #[test]
    fn nodes_are_packed_and_read() {
        let rows: Vec<NodeRow> = (1..=200).map(row).collect();
        let packed = pack(&rows).unwrap();
        assert!(packed.len() < 8_000, "{}", packed.len());
        assert_eq!(read_nodes(&packed).unwrap(), rows);
    }

    #[test]
    fn a_bomb_is_not_inflated() {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        for _ in 0..64 {
            encoder.write_all(&[b' '; 1 << 20]).unwrap();
        }
        let bomb = encoder.finish().unwrap();
        assert!(bomb.len() < 256 << 10);
        assert!(read_nodes(&bomb).is_err());
    }

    #[test]
    fn texts_of_hosts_lose_control_characters() {
        let text = serde_json::json!({
            "session": {"since": 1, "id": "a\u{1b}[2J"}, "sequence": 1, "at": 1, "wnm": "0.1\n0", "phase": "running",
            "nodes": {"RUNNING": 3, "STOP\u{7}": 1}, "desired": 4, "versions": {}, "signals": [], "holds": [],
            "failure": "x\u{1b}y", "generation": 0, "problem": null, "later": "ignored"
        });
        let state = HostState::read(text.to_string().as_bytes()).unwrap();
        assert_eq!((state.wnm.as_str(), state.failure.as_deref(), state.up()), ("0.1 0", Some("xy"), 3));
        assert!(state.nodes.contains_key("STOP"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            _ = HostState::read(&bytes);
            _ = HostEvents::read(&bytes);
            _ = read_nodes(&bytes);
        }
    }
}
