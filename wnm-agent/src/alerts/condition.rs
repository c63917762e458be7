//! The conditions that become alerts, from the live data of a daemon.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wnm_core::{Blocker, ClosedValve, Desired, NodeState, Recovery, Timestamp};

use crate::live::{DaemonStatus, Snapshot};
use crate::valves::trouble_text;

/// The kind of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConditionKind {
    /// The cycles of the daemon fail.
    CyclesFail,
    /// Most running nodes give no answer at once.
    NodesSilent,
    /// A volume of a storage folder has a fault.
    VolumeFaulty,
    /// A node that should run does not.
    NodeDown,
    /// A node ends again and again.
    CrashLoop,
    /// A signal is over its high threshold.
    SignalExceeded,
    /// A change of the config file is not applied.
    ConfigFile,
    /// A source of holds cannot be read.
    HoldSource,
    /// The certificate of the HTTP server ends soon, or has ended.
    Certificate,
    /// A large share of the probes fails because of the network.
    ProbesFail,
}

/// The urgency of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The colony works, and needs attention within days.
    Warning,
    /// Nodes are down, or nothing manages them: worth waking a person.
    Critical,
}

impl Severity {
    /// Returns the word in labels, such as `critical`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl ConditionKind {
    /// All kinds.
    pub const ALL: [Self; 10] = [
        Self::CyclesFail,
        Self::NodesSilent,
        Self::VolumeFaulty,
        Self::NodeDown,
        Self::CrashLoop,
        Self::SignalExceeded,
        Self::ConfigFile,
        Self::HoldSource,
        Self::Certificate,
        Self::ProbesFail,
    ];

    /// Returns the word in labels, such as `node_down`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::CyclesFail => "cycles_fail",
            Self::NodesSilent => "nodes_silent",
            Self::VolumeFaulty => "volume_faulty",
            Self::NodeDown => "node_down",
            Self::CrashLoop => "crash_loop",
            Self::SignalExceeded => "signal_exceeded",
            Self::ConfigFile => "config_file",
            Self::HoldSource => "hold_source",
            Self::Certificate => "certificate",
            Self::ProbesFail => "probes_fail",
        }
    }

    /// Returns the urgency.
    #[must_use]
    pub const fn severity(self) -> Severity {
        match self {
            Self::CyclesFail | Self::NodesSilent | Self::VolumeFaulty | Self::NodeDown => Severity::Critical,
            Self::CrashLoop
            | Self::SignalExceeded
            | Self::ConfigFile
            | Self::HoldSource
            | Self::Certificate
            | Self::ProbesFail => Severity::Warning,
        }
    }

    /// Returns the time for which a condition must last before it is an alert. A restart of a node takes up to 10 minutes
    /// (`delay_restart`), and a relief of pressure several.
    #[must_use]
    pub const fn lasts(self) -> Duration {
        let minutes = match self {
            Self::VolumeFaulty => 1,
            Self::CyclesFail | Self::NodesSilent => 2,
            Self::CrashLoop | Self::ConfigFile => 5,
            Self::HoldSource | Self::Certificate => 10,
            Self::NodeDown | Self::SignalExceeded => 15,
            Self::ProbesFail => 30,
        };
        Duration::from_secs(minutes * 60)
    }

    /// Returns whether the kind is known without a cycle.
    pub(super) const fn is_of_daemon(self) -> bool {
        matches!(self, Self::CyclesFail | Self::ConfigFile | Self::Certificate | Self::ProbesFail)
    }
}

/// A condition at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Its kind.
    pub kind: ConditionKind,
    /// Its subject: a node, a signal, a storage folder or a source of holds; empty for the host.
    pub subject: String,
    /// A sentence with names and values.
    pub text: String,
}

/// Nodes of one kind of condition, above which they are one condition together: a receiver must not get hundreds.
const MOST_NODES: usize = 20;

/// Returns the conditions of a daemon at a time of the wall clock. `probes` are the failed and all runs of the latest hour,
/// if their share is over the threshold.
#[must_use]
pub fn conditions(
    status: &DaemonStatus,
    snapshot: Option<&Snapshot>,
    probes: Option<(usize, usize)>,
    now: Timestamp,
) -> Vec<Condition> {
    let of_host = |kind, text| Condition { kind, subject: String::new(), text };
    let mut found = Vec::new();
    if let Some(failure) = &status.failure {
        found.push(of_host(ConditionKind::CyclesFail, format!("the cycles of the daemon fail: {}", failure.error)));
    }
    if let Some(problem) = &status.config_file {
        let text = format!("a change of the config file is not applied: {}", problem.error);
        found.push(of_host(ConditionKind::ConfigFile, text));
    }
    if let Some(problem) = status.certificate.and_then(|certificate| certificate.problem(now)) {
        found.push(of_host(ConditionKind::Certificate, format!("{problem}: renew the file of listen_cert")));
    }
    if let Some((failed, all)) = probes {
        let text = format!("{failed} of the {all} probes of the last hour failed because of the network");
        found.push(of_host(ConditionKind::ProbesFail, text));
    }
    if let Some(snapshot) = snapshot {
        of_cycle(snapshot, &mut found);
    }
    found
}

fn of_cycle(snapshot: &Snapshot, found: &mut Vec<Condition>) {
    let observation = &snapshot.report.observation;
    let folder = |root: &PathBuf| root.display().to_string();
    for volume in &observation.host.volumes {
        if let Some(fault) = volume.fault {
            let subject = folder(&volume.root);
            let text = format!("the volume of {subject} {}", fault.sentence());
            found.push(Condition { kind: ConditionKind::VolumeFaulty, subject, text });
        }
    }
    let decision = snapshot.scheduled.as_deref().unwrap_or(&snapshot.report.decision);
    for blocker in decision.blockers() {
        if let Blocker::Valve { valve: ClosedValve::MostNodesSilent { silent, total } } = blocker {
            let text = format!("{silent} of {total} running nodes give no answer");
            found.push(Condition { kind: ConditionKind::NodesSilent, subject: String::new(), text });
            break;
        }
    }
    for measure in decision.measures.iter().filter(|measure| measure.is_exceeded()) {
        let subject = measure.signal.to_string();
        let seen = measure.seen.map_or_else(String::new, |seen| seen.to_string());
        let text = format!("{subject} is {seen}, over its high threshold of {}", measure.remove);
        found.push(Condition { kind: ConditionKind::SignalExceeded, subject, text });
    }
    for trouble in &observation.valves.troubles {
        let subject = trouble.source.word().to_owned();
        found.push(Condition { kind: ConditionKind::HoldSource, subject, text: trouble_text(trouble) });
    }
    nodes(snapshot, found);
}

fn nodes(snapshot: &Snapshot, found: &mut Vec<Condition>) {
    let state = &snapshot.report.colony.state;
    let is_down = |node_state: &NodeState| {
        matches!(node_state, NodeState::Stopped { .. } | NodeState::Dead { .. } | NodeState::Unknown { .. })
    };
    let down = snapshot.states().filter(|(id, node)| is_down(node) && state.desired(*id, node) == Desired::Running);
    let down: Vec<String> = down.map(|(id, _)| id.name()).collect();
    group(ConditionKind::NodeDown, &down, "should run and does not", "nodes should run and do not", found);
    let looping = snapshot.states().filter(|(id, _)| state.recoveries.get(id).is_some_and(Recovery::is_crash_loop));
    let looping: Vec<String> = looping.map(|(id, _)| id.name()).collect();
    group(ConditionKind::CrashLoop, &looping, "ends again and again", "nodes end again and again", found);
}

/// Adds a condition for each node, or one for all of a large number.
fn group(kind: ConditionKind, nodes: &[String], one: &str, many: &str, found: &mut Vec<Condition>) {
    if nodes.len() > MOST_NODES {
        let first = nodes[..3].join(", ");
        let text = format!("{} {many}, such as {first}", nodes.len());
        found.push(Condition { kind, subject: String::new(), text });
        return;
    }
    found.extend(nodes.iter().map(|node| Condition { kind, subject: node.clone(), text: format!("{node} {one}") }));
}
