//! The events of a running daemon, for the API.

use serde::Serialize;
use wnm_agent::live::{Event, LoggedEvent};
use wnm_core::{Cores, Measure, NodeId, NodeState};

use super::{duration, reason};
use crate::json::Time;

/// An event of the daemon.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct LiveEventView {
    /// The number of the event, which counts from 1 since the start of the daemon.
    number: u64,
    /// The time of the cycle.
    at: Time,
    /// The kind of the event.
    #[cfg_attr(test, schemars(extend("enum" = ["daemon_started", "daemon_drains", "cycle_failed", "cycles_recovered",
        "host_restarted", "settings_changed", "action_begun", "action_ended", "action_cancelled", "node_changed",
        "signal_exceeded", "signal_relieved", "volume_changed", "cpu_limit_changed", "blocker_changed"])))]
    event: &'static str,
    /// The event in a sentence.
    text: String,
    /// The node; null for an event of the host or of the daemon.
    node: Option<NodeId>,
    /// The name of the node.
    name: Option<String>,
    /// The number of the action; null for other events.
    action_id: Option<i64>,
    /// The action, such as `stop`; null for other events.
    action: Option<&'static str>,
    /// The result of an action that ended; null for other events.
    #[cfg_attr(test, schemars(extend("enum" = ["done", "failed", "cancelled", null])))]
    result: Option<&'static str>,
    /// The state of the node after a change, such as `RUNNING`; null for other events, and for a node that left the colony.
    status: Option<&'static str>,
    /// How to fix a failure; null without specific advice.
    hint: Option<String>,
}

impl From<&LoggedEvent> for LiveEventView {
    fn from(logged: &LoggedEvent) -> Self {
        let LoggedEvent { number, at, event } = logged;
        let mut view = Self {
            number: *number,
            at: Time::from(*at),
            event: event.kind(),
            text: text(logged),
            node: event.node(),
            name: event.node().map(NodeId::name),
            action_id: None,
            action: None,
            result: None,
            status: None,
            hint: None,
        };
        match event {
            Event::CycleFailed(failure) => view.hint.clone_from(&failure.hint),
            Event::ActionBegun { action, planned, .. } => {
                view.action_id = Some(action.0);
                view.action = Some(planned.action.verb());
            }
            Event::ActionEnded { action, planned, failure, .. } => {
                view.action_id = Some(action.0);
                view.action = Some(planned.action.verb());
                view.result = Some(if failure.is_some() { "failed" } else { "done" });
                view.hint = failure.as_ref().and_then(|failure| failure.failed.hint.clone());
            }
            Event::ActionCancelled { action, planned, .. } => {
                view.action_id = Some(action.0);
                view.action = Some(planned.action.verb());
                view.result = Some("cancelled");
            }
            Event::NodeChanged { to, .. } => view.status = to.as_ref().map(NodeState::word),
            Event::DaemonStarted { .. }
            | Event::DaemonDrains
            | Event::CyclesRecovered
            | Event::HostRestarted
            | Event::SettingsChanged
            | Event::SignalExceeded(_)
            | Event::SignalRelieved(_)
            | Event::VolumeChanged { .. }
            | Event::CpuLimitChanged { .. }
            | Event::BlockerChanged(_) => {}
        }
        view
    }
}

/// Returns an event in a sentence.
pub(crate) fn text(LoggedEvent { at, event, .. }: &LoggedEvent) -> String {
    match event {
        Event::DaemonStarted { interval } => format!("the daemon started, with a cycle every {}", duration(*interval)),
        Event::DaemonDrains => "the daemon completes its pending actions, and ends".to_owned(),
        Event::CycleFailed(failure) => format!("the cycle failed: {}", failure.error),
        Event::CyclesRecovered => "cycles complete again".to_owned(),
        Event::HostRestarted => "the host restarted".to_owned(),
        Event::SettingsChanged => "the settings changed".to_owned(),
        Event::ActionBegun { planned, .. } => {
            format!("{} begun: {}", reason::action(&planned.action), reason::reason(&planned.reason))
        }
        Event::ActionEnded { planned, begun, failure, .. } => {
            let (action, spent) = (reason::action(&planned.action), duration(at.since(*begun)));
            match failure {
                None => format!("{action} done in {spent}"),
                Some(failure) => format!("{action} failed after {spent} to {}", reason::failure(failure)),
            }
        }
        Event::ActionCancelled { planned, because, .. } => {
            format!("{} cancelled: {}", reason::action(&planned.action), reason::cancelled(because))
        }
        Event::NodeChanged { node, from, to } => {
            let word = |state: &Option<NodeState>, absent| state.as_ref().map_or(absent, NodeState::word);
            format!("{}: {} → {}", node.name(), word(from, "new"), word(to, "removed"))
        }
        Event::SignalExceeded(Measure { signal, seen, remove, .. }) => {
            let seen = seen.map_or_else(String::new, |seen| format!(" {seen}"));
            format!("{signal}{seen} is over its high threshold {remove}")
        }
        Event::SignalRelieved(Measure { signal, seen: Some(seen), remove, .. }) => {
            format!("{signal} {seen} is no longer over its high threshold {remove}")
        }
        Event::SignalRelieved(Measure { signal, .. }) => format!("{signal} is no longer measured"),
        Event::VolumeChanged { root, fault: Some(fault) } => {
            format!("the volume of {} {}", root.display(), fault.sentence())
        }
        Event::VolumeChanged { root, fault: None } => format!("the volume of {} is usable again", root.display()),
        Event::CpuLimitChanged { from, to } => {
            let limit = |limit: &Option<Cores>| limit.map_or_else(|| "none".to_owned(), |limit| limit.to_string());
            format!("the CPU limit changed from {} to {}", limit(from), limit(to))
        }
        Event::BlockerChanged(Some(blocker)) => format!("no action: {}", reason::blocker(blocker, *at)),
        Event::BlockerChanged(None) => "no blocker prevents actions".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use wnm_agent::live::CycleFailure;
    use wnm_core::steps::{Failure, Step, StepFailure};
    use wnm_core::{Action, ActionId, Blocker, Percent, Planned, Reading, Reason, Signal, Timestamp, VolumeFault};

    use super::*;

    #[test]
    fn each_event_is_a_sentence() {
        let at = Timestamp::from_millis(1_780_000_060_000);
        let begun = Timestamp::from_millis(1_780_000_000_000);
        let node = NodeId::FIRST;
        let planned = Planned { action: Action::Stop { node }, reason: Reason::Requested };
        let percent = |percent| Reading::Percent(Percent::new(percent).unwrap());
        let measure =
            Measure { signal: Signal::Cpu, seen: Some(percent(81.0)), less_than: percent(50.0), remove: percent(70.0) };
        let failed = StepFailure {
            step: Step::Stop,
            at,
            error: "the process manager does not answer".to_owned(),
            cause: wnm_core::FailureCause::Tool,
            hint: Some("wnm doctor".to_owned()),
        };
        let action = ActionId(7);
        let root = PathBuf::from("/mnt/nodes");
        let failure = CycleFailure { error: "another wnm is running".to_owned(), hint: None };
        let events = [
            Event::DaemonStarted { interval: Duration::from_secs(5) },
            Event::DaemonDrains,
            Event::CycleFailed(failure),
            Event::CyclesRecovered,
            Event::HostRestarted,
            Event::SettingsChanged,
            Event::ActionBegun { action, planned: planned.clone(), begun },
            Event::ActionEnded { action, planned: planned.clone(), begun, failure: None },
            Event::ActionEnded {
                action,
                planned,
                begun,
                failure: Some(Box::new(Failure { failed, rolled_back: false })),
            },
            Event::NodeChanged { node, from: None, to: Some(NodeState::Restarting { since: at }) },
            Event::NodeChanged { node, from: Some(NodeState::Removing { since: at }), to: None },
            Event::SignalExceeded(measure),
            Event::SignalRelieved(Measure { seen: Some(percent(60.0)), ..measure }),
            Event::SignalRelieved(Measure { seen: None, ..measure }),
            Event::VolumeChanged { root: root.clone(), fault: Some(VolumeFault::Lost) },
            Event::VolumeChanged { root, fault: None },
            Event::CpuLimitChanged { from: None, to: Cores::new(6.5).ok() },
            Event::BlockerChanged(Some(Blocker::NoCandidate)),
            Event::BlockerChanged(None),
        ];
        let texts: Vec<String> = events
            .into_iter()
            .map(|event| {
                let kind = event.kind();
                format!("{kind}: {}", LiveEventView::from(&LoggedEvent { number: 1, at, event }).text)
            })
            .collect();
        insta::assert_snapshot!(texts.join("\n"));
    }
}
