//! Actions, their causes and the verdicts of rules as JSON.

use std::path::PathBuf;

use serde::Serialize;
use wnm_core::steps::{Evidence, Step, StepRecord};
use wnm_core::{
    Action, ActionRecord, Blocker, Measure, NodeId, Outcome, Planned, Reason, RuleVerdict, SkipReason, Timestamp,
    Verdict,
};
use wnm_store::CycleAction;

use super::{Time, code};
use crate::render::action::change;
use crate::render::reason;

/// The cause of a decision: a code for programs, and a sentence for people.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Cause {
    /// The kind of the cause, such as `no_headroom`.
    code: String,
    /// The cause with its values.
    text: String,
}

impl Cause {
    /// Returns the reason of an action.
    pub(crate) fn of(reason: &Reason) -> Self {
        Self { code: code(reason, "reason"), text: reason::reason(reason) }
    }

    /// Returns a blocker that prevented a rule from acting at `now`.
    pub(crate) fn blocker(blocker: &Blocker, now: Timestamp) -> Self {
        Self { code: code(blocker, "blocker"), text: reason::blocker(blocker, now) }
    }
}

/// An action that wnm decided.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct PlannedView {
    /// The number of the node.
    node: NodeId,
    /// The name of the node.
    name: String,
    /// The action.
    #[cfg_attr(test, schemars(extend("enum" = ["add", "start", "stop", "disable", "enable", "restart", "upgrade",
        "remove", "update", "move", "restore"])))]
    action: &'static str,
    /// The version before an upgrade; null if it is unknown or stays.
    from_version: Option<String>,
    /// The version that the action installs; null if the version stays.
    to_version: Option<String>,
    /// The storage folder that the action moves the node to; absent for other actions.
    #[serde(skip_serializing_if = "Option::is_none")]
    to_folder: Option<PathBuf>,
    /// The settings that the action changes, as text without the values of secrets; absent for other actions.
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<String>,
    /// Why wnm decided the action.
    cause: Cause,
}

impl From<&Planned> for PlannedView {
    fn from(Planned { action, reason }: &Planned) -> Self {
        let (from, to) = match action {
            Action::Upgrade { from, to, .. } => (from.as_ref(), Some(to)),
            Action::Start { upgrade_to, .. } => (None, upgrade_to.as_ref()),
            _ => (None, None),
        };
        let to_folder = if let Action::Move { to, .. } = action { Some(to.clone()) } else { None };
        let changes = if let Action::Update { .. } = action { change(action) } else { None };
        Self {
            to_folder,
            changes,
            node: action.node(),
            name: action.node().name(),
            action: action.verb(),
            from_version: from.map(ToString::to_string),
            to_version: to.map(ToString::to_string),
            cause: Cause::of(reason),
        }
    }
}

/// The verdict of one rule.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct VerdictView {
    /// The name of the rule.
    rule: String,
    /// The verdict: a rule that acts or waits ends the evaluation; after a blocked or skipped one the next rule follows.
    #[cfg_attr(test, schemars(extend("enum" = ["act", "wait", "blocked", "skip"])))]
    verdict: &'static str,
    /// Why the rule did not act; null if it did.
    cause: Option<Cause>,
}

impl VerdictView {
    /// Returns the view of a verdict in a cycle at `now` with these signals.
    pub(crate) fn of(RuleVerdict { rule, verdict }: &RuleVerdict, measures: &[Measure], now: Timestamp) -> Self {
        let (word, cause) = match verdict {
            Verdict::Act => ("act", None),
            Verdict::Wait(blocker) => {
                let text = reason::no_action(Some(blocker), measures, now);
                ("wait", Some(Cause { code: code(blocker, "blocker"), text }))
            }
            Verdict::Skip(SkipReason::Blocked(blocker)) => ("blocked", Some(Cause::blocker(blocker, now))),
            Verdict::Skip(skipped) => {
                ("skip", Some(Cause { code: code(skipped, "reason"), text: reason::skip(skipped, now) }))
            }
        };
        Self { rule: rule.to_string(), verdict: word, cause }
    }
}

/// A recorded action.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ActionView {
    /// The number of the action.
    action_id: i64,
    #[serde(flatten)]
    planned: PlannedView,
    /// The time of its begin.
    begun_at: Time,
    /// The time of its end; null while it is pending.
    ended_at: Option<Time>,
    #[serde(flatten)]
    progress: Progress,
    /// The executed steps, then those of the rollback.
    steps: Vec<StepView>,
}

/// The progress of an action.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Progress {
    /// The result; `begun` until the first cycle that executed the action has ended.
    #[cfg_attr(test, schemars(extend("enum" = ["begun", "pending", "done", "failed", "cancelled"])))]
    result: &'static str,
    /// The step that is pending or failed; null otherwise.
    step: Option<String>,
    /// Why the action is not complete, or was cancelled; null if it is complete.
    reason: Option<String>,
    /// How to fix a failure; null without specific advice.
    hint: Option<String>,
}

impl Progress {
    fn of(outcome: Option<&Outcome>) -> Self {
        let without = |result| Self { result, step: None, reason: None, hint: None };
        match outcome {
            None => without("begun"),
            Some(Outcome::Done) => without("done"),
            Some(Outcome::Pending { step, why, .. }) => {
                Self { step: Some(self::step(*step)), reason: Some(why.clone()), ..without("pending") }
            }
            Some(Outcome::Cancelled { because }) => {
                Self { reason: Some(reason::cancelled(because)), ..without("cancelled") }
            }
            Some(Outcome::Failed(failure)) => Self {
                step: Some(self::step(failure.failed.step)),
                reason: Some(failure.failed.error.clone()),
                hint: failure.failed.hint.clone(),
                ..without("failed")
            },
        }
    }
}

/// Returns the code of a step, such as `wait_for_exit`: its words for people, joined.
pub(crate) fn step(step: Step) -> String {
    step.to_string().replace(' ', "_")
}

/// An executed step.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct StepView {
    /// The step, such as `open_port` or `wait_for_exit`.
    step: String,
    /// The time of its completion.
    at: Time,
    /// The PID of the process that the step started or found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    /// The SHA-256 of the program that the step installed.
    #[serde(skip_serializing_if = "Option::is_none")]
    program_sha256: Option<String>,
    /// The new path of the folder that the step moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    moved_to: Option<PathBuf>,
}

impl From<&StepRecord> for StepView {
    fn from(record: &StepRecord) -> Self {
        let without =
            Self { step: step(record.step), at: Time(record.at), pid: None, program_sha256: None, moved_to: None };
        match &record.evidence {
            Evidence::Nothing => without,
            Evidence::Process { process } => Self { pid: Some(process.pid), ..without },
            Evidence::Programs { to, .. } => Self { program_sha256: Some(to.clone()), ..without },
            Evidence::Moved { to } => Self { moved_to: Some(to.clone()), ..without },
        }
    }
}

impl From<&CycleAction> for ActionView {
    fn from(CycleAction { record, outcome, ended }: &CycleAction) -> Self {
        Self {
            action_id: record.id.0,
            planned: PlannedView::from(&record.planned),
            begun_at: Time(record.begun),
            ended_at: ended.map(Time),
            progress: Progress::of(outcome.as_ref()),
            steps: record.done.iter().chain(&record.undone).map(StepView::from).collect(),
        }
    }
}

/// An action that has begun and not ended.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct UnderWayView {
    /// The number of the action.
    action_id: i64,
    #[serde(flatten)]
    planned: PlannedView,
    /// The time of its begin.
    begun_at: Time,
    #[serde(flatten)]
    progress: Progress,
}

impl UnderWayView {
    /// Returns the view of an action after its latest outcome.
    pub(crate) fn of(record: &ActionRecord, outcome: Option<&Outcome>) -> Self {
        Self {
            action_id: record.id.0,
            planned: PlannedView::from(&record.planned),
            begun_at: Time(record.begun),
            progress: Progress::of(outcome),
        }
    }
}
