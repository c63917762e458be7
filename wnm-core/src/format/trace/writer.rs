//! The writer of traces, which remembers the written facts of each node so that it writes only changes.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::action::decision::Decision;
use crate::engine::state::EngineState;
use crate::format::trace::nodes::{NodeChanges, WrittenNode};
use crate::format::trace::sample::{TraceSample, line};
use crate::format::trace::{DecidedLine, HeaderHost, HeaderLine, TRACE_VERSION, TraceHeader, seconds};
use crate::model::node::{NodeId, NodeState};
use crate::model::observation::Observation;
use crate::model::units::Timestamp;
use crate::policy::settings::RawSettings;

/// Number of samples from one full list of nodes to the next: bounds the loss of a reader that misses lines.
const FULL_EVERY: u32 = 1000;

/// The nodes that a sample lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Listing {
    Full,
    Changes,
}

/// Turns observations into the lines of a trace. No line it returns ends with a line feed.
#[derive(Debug, Clone)]
pub struct TraceWriter {
    header: TraceHeader,
    nodes: BTreeMap<NodeId, WrittenNode>,
    until_full: u32,
}

impl TraceHeader {
    /// The settings that decisions depend on. The others are private, such as the rewards address.
    pub const POLICY_KEYS: [&'static str; 38] = [
        "preset",
        "node_cap",
        "cpu_less_than",
        "cpu_remove",
        "mem_less_than",
        "mem_remove",
        "hd_less_than",
        "hd_remove",
        "crisis_bytes",
        "hdio_read_less_than",
        "hdio_read_remove",
        "hdio_write_less_than",
        "hdio_write_remove",
        "netio_read_less_than",
        "netio_read_remove",
        "netio_write_less_than",
        "netio_write_remove",
        "desired_load_average",
        "max_load_average_allowed",
        "delay_start",
        "delay_restart",
        "delay_upgrade",
        "delay_remove",
        "max_concurrent_upgrades",
        "max_concurrent_starts",
        "max_concurrent_removals",
        "max_concurrent_operations",
        "enable_upgrade",
        "highest_node_id_used",
        "steady_warning",
        "steady_relief_target",
        "steady_growth_target",
        "steady_grace",
        "steady_cooldown",
        "steady_adds",
        "window",
        "drain",
        "max_unavailable",
    ];

    /// Returns the line of this header, with the settings of `POLICY_KEYS` only.
    #[must_use]
    pub fn line(&self) -> String {
        let mut policy = RawSettings::default();
        for key in Self::POLICY_KEYS {
            if let Some(text) = self.policy.get(key) {
                // The text of a setting always parses: settings round-trip through text.
                _ = policy.set(key, &text);
            }
        }
        let host = HeaderHost { cpus: self.cpus, memory_bytes: self.memory.map(|bytes| bytes.0) };
        text(&HeaderLine { wnm_trace: TRACE_VERSION, program: self.program.clone(), host, policy })
    }
}

impl TraceWriter {
    /// Returns a writer before its first line.
    #[must_use]
    pub const fn new(header: TraceHeader) -> Self {
        Self { header, nodes: BTreeMap::new(), until_full: 0 }
    }

    /// Returns the first line of a file. The next sample then lists all nodes, so that each file is complete.
    pub fn header(&mut self) -> String {
        self.until_full = 0;
        self.header.line()
    }

    /// Returns the line of one observation.
    pub fn sample(&mut self, observation: &Observation, state: &EngineState) -> String {
        let listing = if self.until_full == 0 { Listing::Full } else { Listing::Changes };
        self.until_full = self.until_full.checked_sub(1).unwrap_or(FULL_EVERY - 1);
        let nodes = self.changes(observation, state, listing);
        let running = |state: &NodeState| matches!(state, NodeState::Running { .. } | NodeState::Unknown { .. });
        let running = observation.nodes.keys().filter(|id| state.nodes.get(id).is_some_and(running)).count();
        let sample = TraceSample {
            at: observation.now,
            rebooted: observation.rebooted,
            host: observation.host.clone(),
            target: observation.target.clone(),
            running_nodes: u32::try_from(running).ok(),
            nodes,
        };
        line(&sample).unwrap_or_default()
    }

    /// Returns the line of the decision at the last sample, which makes the trace a run.
    #[must_use]
    pub fn decided(&self, at: Timestamp, decision: &Decision) -> String {
        let blocker = decision.blocker().cloned();
        text(&DecidedLine { ts: seconds(at), decided: decision.actions.clone(), blocker })
    }

    /// Returns the line of a note.
    #[must_use]
    pub fn note(&self, at: Timestamp, note: &str) -> String {
        #[derive(Serialize)]
        struct NoteLine<'a> {
            ts: f64,
            note: &'a str,
        }
        text(&NoteLine { ts: seconds(at), note })
    }

    fn changes(&mut self, observation: &Observation, state: &EngineState, listing: Listing) -> NodeChanges {
        let mut changed = Vec::new();
        let gone: Vec<NodeId> = self.nodes.keys().filter(|id| !observation.nodes.contains_key(id)).copied().collect();
        for id in &gone {
            self.nodes.remove(id);
        }
        for (id, sample) in &observation.nodes {
            let now = WrittenNode::new(*id, sample, state);
            let before = self.nodes.get(id);
            if listing == Listing::Full {
                changed.push(now.change(*id, None));
            } else if before != Some(&now) {
                changed.push(now.change(*id, before));
            } else {
                continue;
            }
            self.nodes.insert(*id, now);
        }
        match listing {
            Listing::Full => NodeChanges::All(changed),
            Listing::Changes if changed.is_empty() && gone.is_empty() => NodeChanges::Same,
            Listing::Changes => NodeChanges::Some { changed, gone },
        }
    }
}

/// Returns the JSON of a line. Serialization cannot fail here: all keys are strings.
fn text(line: &impl Serialize) -> String {
    serde_json::to_string(line).unwrap_or_default()
}
