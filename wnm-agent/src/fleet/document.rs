//! The documents that a host publishes: its state, its nodes and its latest events.
//!
//! A reader trusts none of it: each document is bounded, and its texts lose control characters when it is read.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::{Deserialize, Serialize};
use wnm_core::fleet::command::one_line;
pub use wnm_core::fleet::host_state::{Damaged, HostRollout, HostState, HostWindow, LastAction, SignalState};
use wnm_core::fleet::host_state::{MOST_SIGNALS, MOST_VERSIONS, parse};
pub use wnm_core::fleet::session::Session;
use wnm_core::{NodeId, NodeState, Timestamp, Upgrades, WindowState};

use crate::live::{DaemonStatus, LoggedEvent, Snapshot};

/// Most nodes of a host. A host with more publishes the first.
const MOST_NODES: usize = 5_000;
/// Longest list of nodes after it is inflated, in bytes.
const LONGEST_NODES: u64 = 4 << 20;
/// Most events of a host in the engine: the latest.
pub const MOST_EVENTS: usize = 100;

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

/// Returns the state of a host after a cycle. The publisher adds its session and number, and the commands that it obeys.
#[must_use]
pub fn state(snapshot: &Snapshot, status: &DaemonStatus, wnm: &str) -> HostState {
    let nodes = snapshot.nodes_by_state().into_iter().map(|(word, count)| (word.to_owned(), count as u64)).collect();
    let state = &snapshot.report.colony.state;
    let desired = snapshot.states().filter(|(id, of)| state.desired(*id, of) == wnm_core::Desired::Running).count();
    let measures = snapshot.report.decision.measures.iter().take(MOST_SIGNALS);
    HostState {
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
        window: window(snapshot),
        last_action: None,
        failure: status.failure.as_ref().map(|failure| one_line(&failure.error)),
        generation: 0,
        limits: 0,
        stops: Vec::new(),
        problem: None,
        rollout: rollout(snapshot),
    }
}

/// Returns the windows of the owner and of the fleet. A voluntary action begins while all of them are open.
fn window(snapshot: &Snapshot) -> Option<HostWindow> {
    let (observation, own) = (&snapshot.report.observation, &snapshot.report.colony.settings.policy.valves);
    let (valves, now) = (&observation.valves, observation.now);
    let of_fleet = valves.limits.iter().map(|of| (&of.limits.window, of.window_state(now)));
    let all = std::iter::once((&own.windows, own.window_state(valves, now))).chain(of_fleet);
    let (mut settings, mut open) = (Vec::new(), Some(true));
    for (windows, state) in all.filter(|(windows, _)| !windows.as_slice().is_empty()) {
        settings.push(windows.as_slice().iter().map(ToString::to_string).collect::<Vec<_>>().join(", "));
        open = match (open, state) {
            (Some(false), _) | (_, Ok(WindowState::Closed { .. })) => Some(false),
            (open, Ok(WindowState::Open { .. })) => open,
            (_, Err(_)) => None,
        };
    }
    (!settings.is_empty()).then(|| HostWindow { setting: settings.join("; "), open })
}

/// Returns the part of a host after a cycle. The publisher adds the program and the documents that it has read.
fn rollout(snapshot: &Snapshot) -> HostRollout {
    let (observation, colony) = (&snapshot.report.observation, &snapshot.report.colony);
    let target = observation.target.as_ref();
    let version = |id: &NodeId| observation.nodes.get(id).and_then(|sample| sample.version.as_ref());
    let is_outdated = |(id, state): &(NodeId, &NodeState)| match state {
        NodeState::Upgrading { .. } => true,
        NodeState::Running { .. } => version(id).zip(target).is_some_and(|(version, target)| version < target),
        _ => false,
    };
    HostRollout {
        outdated: snapshot.states().filter(is_outdated).count() as u64,
        refused: target.is_some_and(|target| colony.state.is_refused(target)),
        by_nodes: colony.settings.policy.upgrades == Upgrades::ByNodes,
        ..HostRollout::default()
    }
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

    /// Returns the action that ended last.
    #[must_use]
    pub fn last_action(events: &[Self]) -> Option<LastAction> {
        let ended = events.iter().rev().find(|event| event.event == "action_ended")?;
        Some(LastAction { at: ended.at, text: ended.text.clone() })
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn last_action_is_the_one_that_ended_last() {
        let event = |number, event: &str, text: &str| HostEvent {
            number,
            at: Timestamp::from_millis(1_000 * number as i64),
            event: event.to_owned(),
            text: text.to_owned(),
            node: NodeId::new(3),
        };
        let events = [
            event(1, "action_ended", "stop antnode0003: done"),
            event(2, "action_ended", "start antnode0003: done"),
            event(3, "action_begun", "upgrade antnode0003"),
        ];
        let last = LastAction { at: Timestamp::from_millis(2_000), text: "start antnode0003: done".to_owned() };
        assert_eq!(HostEvent::last_action(&events), Some(last));
        assert_eq!(HostEvent::last_action(&events[2..]), None);
    }

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

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            _ = HostEvents::read(&bytes);
            _ = read_nodes(&bytes);
        }
    }
}
