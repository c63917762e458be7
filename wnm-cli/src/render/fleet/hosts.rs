//! The hosts of a fleet.

use std::collections::BTreeMap;

use serde::Serialize;
use wnm_agent::fleet::document::{HostState, HostWindow, LastAction, SignalState};
use wnm_agent::fleet::operator::HostRecord;
use wnm_core::Timestamp;

use crate::json::Time;
use crate::render::duration;
use crate::render::page::Width;
use crate::render::table::Table;

/// Whether a host publishes its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum Presence {
    /// The host publishes, and no hold is in effect.
    Up,
    /// The host publishes, and a hold is in effect.
    Held,
    /// The engine has no state of the host, which lives for 90 s.
    Away,
    /// The state of the host has another form.
    Damaged,
}

impl Presence {
    const fn word(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Held => "held",
            Self::Away => "away",
            Self::Damaged => "damaged",
        }
    }
}

/// A host of a fleet. All but its name is as the host publishes it; null for a host that is away, of which `wnm fleet
/// serve` has the last state.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct HostView {
    /// The name.
    host: String,
    /// Whether it publishes its state.
    presence: Presence,
    /// The time of its last invitation.
    invited_at: Time,
    /// The time of the last publication, by the clock of the host.
    published_at: Option<Time>,
    /// The version of wnm.
    wnm: Option<String>,
    /// The phase of the daemon, such as `running`.
    phase: Option<String>,
    /// The nodes that run.
    nodes_up: Option<u64>,
    /// The nodes that are to run.
    nodes_desired: Option<u64>,
    /// The nodes in each state, such as `RUNNING`.
    nodes: BTreeMap<String, u64>,
    /// The nodes of each version; `unknown` counts those of unknown version.
    versions: BTreeMap<String, u64>,
    /// The signals with their thresholds.
    signals: Vec<FleetSignalView>,
    /// The reason of the hold in effect; null without one.
    hold: Option<String>,
    /// The windows in which voluntary actions may begin; null for a host without windows.
    window: Option<FleetWindowView>,
    /// The action that ended last since the start of the daemon; null without one.
    last_action: Option<LastActionView>,
    /// The highest generation of a command that the host has obeyed.
    generation: Option<u64>,
    /// The problem of the host: a failed cycle, a refused command, or a document of another form; null without one.
    problem: Option<String>,
    #[serde(skip)]
    age: Option<std::time::Duration>,
}

/// The windows of a host.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct FleetWindowView {
    /// The windows as in the setting.
    setting: String,
    /// Whether they are open; null while the host does not know a time zone of theirs.
    open: Option<bool>,
}

impl From<&HostWindow> for FleetWindowView {
    fn from(window: &HostWindow) -> Self {
        Self { setting: window.setting.clone(), open: window.open }
    }
}

/// An action that ended on a host.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct LastActionView {
    /// The time of the cycle, by the host's clock.
    at: Time,
    /// The action with its outcome.
    text: String,
}

impl From<&LastAction> for LastActionView {
    fn from(action: &LastAction) -> Self {
        Self { at: action.at.into(), text: action.text.clone() }
    }
}

/// A signal of a host.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct FleetSignalView {
    /// The name, such as `cpu`.
    signal: String,
    /// The last sample; null if it could not be read.
    value: Option<f64>,
    /// The low threshold.
    low: f64,
    /// The high threshold.
    high: f64,
    /// Whether the signal is over its high threshold.
    exceeded: bool,
}

impl From<&SignalState> for FleetSignalView {
    fn from(signal: &SignalState) -> Self {
        let SignalState { signal, value, low, high, exceeded } = signal.clone();
        Self { signal, value, low, high, exceeded }
    }
}

impl HostView {
    pub(crate) fn new(record: &HostRecord, now: Timestamp) -> Self {
        let damaged = match &record.state {
            Some(Err(error)) => Some(error.to_string()),
            Some(Ok(_)) | None => None,
        };
        let state = record.state();
        let held = state.and_then(|state| state.holds.first());
        let presence = match (&damaged, state, held) {
            (Some(_), _, _) => Presence::Damaged,
            (None, None, _) => Presence::Away,
            (None, Some(_), Some(_)) => Presence::Held,
            (None, Some(_), None) => Presence::Up,
        };
        let problem = state.and_then(|state| state.failure.clone().or_else(|| state.problem.clone()));
        Self {
            host: record.host.to_string(),
            presence,
            invited_at: record.invited.into(),
            published_at: state.map(|state| state.at.into()),
            wnm: state.map(|state| state.wnm.clone()),
            phase: state.map(|state| state.phase.clone()),
            nodes_up: state.map(HostState::up),
            nodes_desired: state.map(|state| state.desired),
            nodes: state.map(|state| state.nodes.clone()).unwrap_or_default(),
            versions: state.map(|state| state.versions.clone()).unwrap_or_default(),
            signals: state.map(|state| state.signals.iter().map(Into::into).collect()).unwrap_or_default(),
            hold: held.map(|hold| hold.reason.clone()),
            window: state.and_then(|state| state.window.as_ref()).map(Into::into),
            last_action: state.and_then(|state| state.last_action.as_ref()).map(Into::into),
            generation: state.map(|state| state.generation),
            problem: damaged.or(problem),
            age: state.map(|state| now.since(state.at)),
        }
    }

    /// Returns the view of a host whose state the engine has forgotten.
    pub(crate) fn stale(self) -> Self {
        Self { presence: Presence::Away, ..self }
    }

    /// Returns the last column: the problem, the hold, or the signals over their high threshold.
    fn note(&self) -> String {
        let exceeded: Vec<&str> =
            self.signals.iter().filter(|signal| signal.exceeded).map(|signal| signal.signal.as_str()).collect();
        match (&self.problem, &self.hold) {
            (Some(problem), _) => problem.clone(),
            (None, Some(hold)) => format!("hold: {hold}"),
            (None, None) if exceeded.is_empty() => String::new(),
            (None, None) => format!("over threshold: {}", exceeded.join(", ")),
        }
    }

    fn row(&self) -> Vec<String> {
        let dash = || "-".to_owned();
        let nodes = match (self.nodes_up, self.nodes_desired) {
            (Some(up), Some(desired)) => format!("{up}/{desired}"),
            _ => dash(),
        };
        let versions: Vec<&str> = self.versions.keys().map(String::as_str).collect();
        vec![
            self.host.clone(),
            self.presence.word().to_owned(),
            nodes,
            if versions.is_empty() { dash() } else { versions.join(" ") },
            self.age.map_or_else(dash, duration),
            self.note(),
        ]
    }
}

/// Returns the table of hosts.
pub(crate) fn hosts(views: &[HostView], width: Width) -> String {
    if views.is_empty() {
        return "no hosts; invite one with `wnm fleet invite HOST`\n".to_owned();
    }
    let header = ["HOST", "STATE", "NODES", "VERSIONS", "SEEN", "NOTE"];
    let rows = views.iter().map(HostView::row).collect();
    Table { header: &header, right: &[2, 4], optional: &[3, 4], rows }.wrapped(width)
}
