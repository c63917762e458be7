//! The results of a command on nodes, one line per node.

use serde::Serialize;
use wnm_core::{ActionRecord, NodeId, NodeSample, NodeState, Outcome, Planned, Presence, Refusal, Timestamp, Verb};

use wnm_platform::Leftover;

use super::page::Width;
use super::table::Table;
use super::{DIM, GREEN, RED, YELLOW, styled};
use crate::json::Cause;

/// The result of a command for one node. The variants have the order of the table: failures stand at its end, next to
/// the prompt of the shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum WorkResult {
    /// The action is complete.
    Done,
    /// The node was in the requested state already.
    Already,
    /// A dry run: the action would start.
    Planned,
    /// The action has started. The next cycles continue it.
    Pending,
    /// The removal ended in its delay, and the node stays.
    Cancelled,
    /// The action cannot start.
    Refused,
    /// The action started and failed.
    Failed,
}

impl WorkResult {
    const ALL: [Self; 7] =
        [Self::Done, Self::Already, Self::Planned, Self::Pending, Self::Cancelled, Self::Refused, Self::Failed];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Already => "already",
            Self::Planned => "planned",
            Self::Pending => "pending",
            Self::Cancelled => "cancelled",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// The result of a command for one node, with its reason.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Work {
    /// The node; null if an addition found no free number.
    pub(crate) node: Option<NodeId>,
    /// The name of the node.
    pub(crate) name: Option<String>,
    /// The requested action, such as `start`.
    pub(crate) action: &'static str,
    /// The result.
    pub(crate) result: WorkResult,
    /// Why wnm decided the action; null if it did not start.
    pub(crate) cause: Option<Cause>,
    /// Why the action is not complete, or its versions.
    pub(crate) reason: Option<String>,
    /// The way to fix a failure; null without specific advice.
    pub(crate) hint: Option<String>,
    /// Seconds to the end of the action; null while it is pending, and if it did not start.
    pub(crate) seconds: Option<f64>,
}

impl Work {
    fn new(node: Option<NodeId>, action: &'static str, result: WorkResult, reason: Option<String>) -> Self {
        let name = node.map(NodeId::name);
        Self { node, name, action, result, cause: None, reason, hint: None, seconds: None }
    }

    /// Returns the result of a dry run.
    pub(crate) fn planned(planned: &Planned) -> Self {
        let action = &planned.action;
        let work = Self::new(Some(action.node()), action.verb(), WorkResult::Planned, super::action::change(action));
        Self { cause: Some(Cause::of(&planned.reason)), ..work }
    }

    /// Returns the result of an action that started `seconds` ago.
    pub(crate) fn started(planned: &Planned, outcome: &Outcome, seconds: Option<f64>) -> Self {
        let action = &planned.action;
        let (result, reason) = match outcome {
            Outcome::Done => (WorkResult::Done, super::action::change(action)),
            Outcome::Pending { step, why, .. } => (WorkResult::Pending, Some(format!("{step}: {why}"))),
            Outcome::Failed(failure) => (WorkResult::Failed, Some(super::reason::failure(failure))),
            Outcome::Cancelled { because } => (WorkResult::Cancelled, Some(super::reason::cancelled(because))),
        };
        let work = Self::new(Some(action.node()), action.verb(), result, reason);
        let hint = match outcome {
            Outcome::Failed(failure) => failure.failed.hint.clone(),
            Outcome::Done | Outcome::Pending { .. } | Outcome::Cancelled { .. } => None,
        };
        let seconds = seconds.filter(|_| result != WorkResult::Pending);
        Self { cause: Some(Cause::of(&planned.reason)), hint, seconds, ..work }
    }

    /// Returns the result of an action in a cycle that observed the host at `now`.
    pub(crate) fn of_cycle(record: &ActionRecord, outcome: &Outcome, now: Timestamp) -> Self {
        Self::started(&record.planned, outcome, Some(now.since(record.begun).as_secs_f64()))
    }

    /// Returns the result of an action that cannot start, or does not need to.
    pub(crate) fn refused(verb: Verb, node: Option<NodeId>, refusal: &Refusal) -> Self {
        let action = verb.word();
        if let Some(reason) = already(verb, refusal) {
            return Self::new(node, action, WorkResult::Already, Some(reason));
        }
        Self::new(node, action, WorkResult::Refused, Some(refusal.to_string()))
    }

    /// Returns the result of a change that cannot start, or does not need to.
    pub(crate) fn unchanged(verb: &'static str, node: Option<NodeId>, refusal: &Refusal) -> Self {
        if *refusal == Refusal::Unchanged {
            let reason = if verb == "move" { "already there" } else { "already as requested" };
            return Self::new(node, verb, WorkResult::Already, Some(reason.to_owned()));
        }
        let hint = match refusal {
            Refusal::NotAStorageFolder { folder } => Some(format!("run `wnm storage add {}`", super::typed(folder))),
            _ => None,
        };
        Self { hint, ..Self::new(node, verb, WorkResult::Refused, Some(refusal.to_string())) }
    }

    /// Returns the result for a node of a drained folder that no other storage folder can take.
    pub(crate) fn without_target(node: NodeId) -> Self {
        let reason = "no other storage folder has enough space".to_owned();
        Self::new(Some(node), "move", WorkResult::Refused, Some(reason))
    }

    /// Returns the result of the restore of one node.
    pub(crate) fn restored(node: NodeId, result: WorkResult, reason: &str) -> Self {
        Self::new(Some(node), "restore", result, Some(reason.to_owned()))
    }

    /// Returns the result of the backup of one node.
    pub(crate) fn backed_up(node: NodeId, result: WorkResult, reason: String) -> Self {
        Self::new(Some(node), "backup", result, Some(reason))
    }

    /// Returns a trace that the removal of a node has left.
    pub(crate) fn left(node: NodeId, leftover: &Leftover) -> Self {
        let hint = match leftover {
            Leftover::Unchecked(error) => error.hint(),
            _ => None,
        };
        Self { hint, ..Self::new(Some(node), "check", WorkResult::Failed, Some(leftover.to_string())) }
    }

    /// Replaces the result of the removal, the first half of a reset, by that of the addition.
    pub(crate) fn continue_with(&mut self, addition: Self) {
        let seconds = self.seconds.zip(addition.seconds).map(|(removed, added)| removed + added);
        *self = Self { action: self.action, seconds, ..addition };
    }

    /// Returns the result of a survey of one node.
    pub(crate) fn surveyed(node: NodeId, state: Option<&NodeState>, sample: &NodeSample) -> Self {
        let presence = super::reason::presence(sample.presence);
        let (result, reason) = match sample.presence {
            Presence::Unreachable => (WorkResult::Failed, format!("observe: {presence}")),
            _ => (WorkResult::Done, format!("{}, {presence}", state.map_or("UNKNOWN", NodeState::word))),
        };
        Self::new(Some(node), "survey", result, Some(reason))
    }
}

/// Returns the requested state if a node is refused because it is in that state, as `already stopped`.
fn already(verb: Verb, refusal: &Refusal) -> Option<String> {
    let Refusal::InState { state } = refusal else {
        return match refusal {
            Refusal::NotOutdated { has, target } if verb == Verb::Upgrade && has == target => {
                Some(format!("already at version {has}"))
            }
            _ => None,
        };
    };
    let is_one_of = |words: &[&str]| words.contains(&state.as_str());
    let word = match verb {
        Verb::Stop if is_one_of(&["STOPPED", "DISABLED"]) => "already stopped",
        // The process of a node that was restarted or upgraded a short time ago runs.
        Verb::Start if is_one_of(&["RUNNING", "RESTARTING", "UPGRADING"]) => "already running",
        Verb::Disable if is_one_of(&["DISABLED"]) => "already disabled",
        Verb::Enable if !is_one_of(&["DISABLED", "DEAD", "REMOVING"]) => "already enabled",
        Verb::Add
        | Verb::Start
        | Verb::Stop
        | Verb::Restart
        | Verb::Upgrade
        | Verb::Remove
        | Verb::Disable
        | Verb::Enable => return None,
    };
    Some(word.to_owned())
}

/// Returns a table of results with the failures last, and the count of each result.
pub(crate) fn text(works: &[Work], width: Width) -> String {
    if works.is_empty() {
        return "nothing to do\n".to_owned();
    }
    let mut sorted: Vec<&Work> = works.iter().collect();
    sorted.sort_by_key(|work| work.result);
    let table = Table {
        header: &["NODE", "ACTION", "TOOK", "RESULT"],
        right: &[2],
        optional: &[],
        rows: sorted.into_iter().map(row).collect(),
    };
    let counts = WorkResult::ALL.into_iter().filter_map(|result| {
        let count = works.iter().filter(|work| work.result == result).count();
        (count > 0).then(|| styled(style(result), format!("{count} {}", result.word())))
    });
    format!("{}\n{}\n", table.text(width), counts.collect::<Vec<_>>().join(", "))
}

fn row(work: &Work) -> Vec<String> {
    let word = styled(style(work.result), work.result.word());
    // A failure names its step: "failed to open port: …".
    let separator = if work.result == WorkResult::Failed { " to " } else { ": " };
    let result = match (&work.reason, work.result) {
        (Some(reason), WorkResult::Already) => styled(style(work.result), reason),
        (Some(reason), WorkResult::Refused) => match &work.hint {
            Some(hint) => format!("{word}{separator}{reason}; hint: {hint}"),
            None => format!("{word}{separator}{reason}"),
        },
        (Some(reason), _) => format!("{word}{separator}{reason}"),
        (None, _) => word,
    };
    vec![
        work.name.clone().unwrap_or_else(|| "-".to_owned()),
        work.action.to_owned(),
        work.seconds.map_or_else(String::new, |seconds| format!("{seconds:.1} s")),
        result,
    ]
}

fn style(result: WorkResult) -> anstyle::Style {
    match result {
        WorkResult::Done => GREEN,
        WorkResult::Already | WorkResult::Planned => DIM,
        WorkResult::Pending | WorkResult::Cancelled | WorkResult::Refused => YELLOW,
        WorkResult::Failed => RED,
    }
}

#[cfg(test)]
mod tests {
    use wnm_core::steps::{Failure, Step, StepFailure};
    use wnm_core::{Action, FailureCause, Reason, Timestamp};

    use super::*;
    use crate::render::page::fitted;

    #[test]
    fn failures_stand_last() {
        let node = |id| NodeId::new(id).unwrap();
        let planned = |action| Planned { action, reason: Reason::Requested };
        let failed = StepFailure {
            step: Step::Confirm,
            at: Timestamp::default(),
            error: "the process exited 2 s after its start (code 1)".to_owned(),
            cause: FailureCause::Exit,
            hint: None,
        };
        let version = |text: &str| text.parse().unwrap();
        let upgrade = Action::Upgrade { node: node(2), from: Some(version("0.4.17")), to: version("0.4.18") };
        let pending = Outcome::Pending {
            step: Step::SeeGone,
            since: Timestamp::default(),
            why: "process 4711 is still running".to_owned(),
        };
        let works = [
            Work::started(
                &planned(Action::Add { node: node(1) }),
                &Outcome::Failed(Failure { failed, rolled_back: true }),
                Some(12.34),
            ),
            Work::started(&planned(upgrade), &Outcome::Done, Some(3.21)),
            Work::started(&planned(Action::Stop { node: node(3) }), &pending, Some(180.0)),
            Work::refused(Verb::Start, Some(node(4)), &Refusal::InState { state: "REMOVING".to_owned() }),
            Work::refused(Verb::Stop, Some(node(6)), &Refusal::InState { state: "STOPPED".to_owned() }),
            Work::refused(Verb::Add, None, &Refusal::CapReached { total: 4, cap: 4 }),
            Work::planned(&planned(Action::Start { node: node(5), upgrade_to: Some(version("0.4.18")) })),
            Work::started(&planned(Action::Restart { node: node(10_000) }), &Outcome::Done, Some(0.05)),
            Work::surveyed(node(7), None, &NodeSample { presence: Presence::Answering, ..NodeSample::default() }),
        ];
        let page = |width| {
            let page = fitted(&text(&works, width), width);
            anstream::adapter::strip_str(&page).to_string()
        };
        insta::assert_snapshot!(page(Width::Full));
        insta::assert_snapshot!(page(Width::Columns(60)));
    }
}
