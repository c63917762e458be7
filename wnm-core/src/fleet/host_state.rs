//! The state that a host publishes. A reader trusts none of it: it is bounded, and its texts lose control characters when
//! it is read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::command::{MOST_STOPS, StopId, one_line};
use super::order::Program;
use super::session::Session;
use crate::model::hold::Hold;
use crate::model::units::Timestamp;
use crate::policy::pressure::{Measure, Reading};

/// Most versions of a state; the nodes of further ones count as `other`.
pub const MOST_VERSIONS: usize = 16;
/// Most signals of a state.
pub const MOST_SIGNALS: usize = 24;
/// Most holds of a state.
const MOST_HOLDS: usize = 8;

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
    /// The windows of the owner and of the fleet, in which voluntary actions may begin; None for a host without windows.
    #[serde(default)]
    pub window: Option<HostWindow>,
    /// The action that ended last since the start of the daemon.
    #[serde(default)]
    pub last_action: Option<LastAction>,
    /// The failure of the last cycle; None after a complete one.
    pub failure: Option<String>,
    /// The highest generation of a command that the host has obeyed.
    pub generation: u64,
    /// The highest generation of limits that the host has obeyed.
    #[serde(default)]
    pub limits: u64,
    /// The holds without a signature that are in effect, so that a resume can name those that the engine lost.
    #[serde(default)]
    pub stops: Vec<StopId>,
    /// The problem of the host with the fleet, such as a refused command; None without one.
    pub problem: Option<String>,
    /// The part of the host in rollouts.
    #[serde(default)]
    pub rollout: HostRollout,
}

/// The windows of a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostWindow {
    /// The windows as in the setting `window`, those of each source behind a semicolon.
    pub setting: String,
    /// Whether they are open; None while the host does not know a time zone of theirs.
    pub open: Option<bool>,
}

/// An action that ended on a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastAction {
    /// The time of the cycle, by the host's clock.
    pub at: Timestamp,
    /// The action with its outcome, in a sentence.
    pub text: String,
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

/// A document of another host has another form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("its value has another form: {0}")]
pub struct Damaged(pub String);

impl HostState {
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
        let texts = state.failure.iter_mut().chain(&mut state.problem);
        let texts = texts.chain(state.window.as_mut().map(|window| &mut window.setting));
        for text in texts.chain(state.last_action.as_mut().map(|action| &mut action.text)) {
            *text = one_line(text);
        }
        state.nodes = clean_counts(state.nodes);
        state.versions = clean_counts(state.versions);
        state.signals.truncate(MOST_SIGNALS);
        state.signals.iter_mut().for_each(|signal| signal.signal = one_line(&signal.signal));
        state.holds.truncate(MOST_HOLDS);
        state.stops.truncate(MOST_STOPS);
        state.holds.iter_mut().for_each(|hold| hold.reason = one_line(&hold.reason));
        Ok(state)
    }
}

fn clean_counts(counts: BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    counts.into_iter().take(MOST_VERSIONS + 1).map(|(word, count)| (one_line(&word), count)).collect()
}

impl SignalState {
    /// Returns the signal of a measure.
    #[must_use]
    pub fn of(measure: &Measure) -> Self {
        Self {
            signal: measure.signal.name().to_owned(),
            value: measure.seen.map(Reading::number),
            low: measure.less_than.number(),
            high: measure.remove.number(),
            exceeded: measure.is_exceeded(),
        }
    }
}

/// Reads a document of a host.
///
/// # Errors
/// It has another form.
pub fn parse<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, Damaged> {
    serde_json::from_slice(bytes).map_err(|error| Damaged(one_line(&error.to_string())))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_of_hosts_lose_control_characters() {
        let text = serde_json::json!({
            "session": {"since": 1, "id": "a\u{1b}[2J"}, "sequence": 1, "at": 1, "wnm": "0.1\n0", "phase": "running",
            "nodes": {"RUNNING": 3, "STOP\u{7}": 1}, "desired": 4, "versions": {}, "signals": [], "holds": [],
            "failure": "x\u{1b}y", "generation": 0, "problem": null, "later": "ignored",
            "window": {"setting": "daily\n22:00-06:00", "open": true}, "last_action": {"at": 1, "text": "a\u{7}b"}
        });
        let state = HostState::read(text.to_string().as_bytes()).unwrap();
        assert_eq!((state.wnm.as_str(), state.failure.as_deref(), state.up()), ("0.1 0", Some("xy"), 3));
        assert!(state.nodes.contains_key("STOP"));
        assert_eq!(state.window.unwrap().setting, "daily 22:00-06:00");
        assert_eq!(state.last_action.unwrap().text, "ab");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            _ = HostState::read(&bytes);
        }
    }
}
