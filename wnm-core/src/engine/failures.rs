//! The memory of failed actions: an action that failed is repeated after a delay that grows with every failure.

use serde::{Deserialize, Serialize};

use crate::action::decision::Action;
use crate::action::failure_cause::FailureCause;
use crate::action::steps::{Step, StepFailure};
use crate::engine::recovery::backoff;
use crate::model::node::NodeId;
use crate::model::units::Timestamp;
use crate::policy::constants::{LOOP_ENDS, LOOP_RETRY, MOST_FAILURES};

/// An action that failed, with the number of its failures in succession.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FailedAction {
    /// The verb of the action, such as `add`.
    pub verb: String,
    /// The number of the node, or the number that a new node was to get.
    pub node: NodeId,
    /// The failed step.
    pub step: Step,
    /// The failure and its cause.
    pub error: String,
    /// The kind of cause.
    #[serde(default, skip_serializing_if = "FailureCause::is_other")]
    pub cause: FailureCause,
    /// How the operator can fix the cause; None when there is no specific advice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Failures in succession: of additions those of all numbers together, of other actions those on this node.
    pub failures: u32,
    /// Time of the last failure.
    pub at: Timestamp,
    /// Time from which the action may begin again.
    pub retry_at: Timestamp,
}

/// Returns whether an action creates a node: its failures count together, because each try has another number.
const fn is_addition(action: &Action) -> bool {
    matches!(action, Action::Add { .. })
}

/// Returns whether the cause of a failure lies in the number: its folder, its service name or its ports are taken. A
/// cause of no kind is judged by its step.
const fn concerns_the_number(entry: &FailedAction) -> bool {
    match entry.cause {
        FailureCause::Number => true,
        FailureCause::Space
        | FailureCause::Volume
        | FailureCause::Program
        | FailureCause::Arguments
        | FailureCause::Rights
        | FailureCause::Exit
        | FailureCause::Tool => false,
        FailureCause::Other => matches!(entry.step, Step::Folder | Step::Define | Step::OpenPort | Step::Start),
    }
}

/// Records a failure. An entry of the same verb and node is replaced, and the oldest entry over the limit is forgotten.
pub(crate) fn record(memory: &mut Vec<FailedAction>, action: &Action, failed: &StepFailure, now: Timestamp) {
    let verb = action.verb();
    let is_same = |entry: &FailedAction| entry.verb == verb && (is_addition(action) || entry.node == action.node());
    let known = memory.iter().filter(|entry| is_same(entry)).map(|entry| entry.failures).max();
    let failures = known.unwrap_or(0).saturating_add(1);
    let delay = if failures < LOOP_ENDS as u32 { backoff(failures) } else { LOOP_RETRY };
    memory.retain(|entry| entry.verb != verb || entry.node != action.node());
    memory.push(FailedAction {
        verb: verb.to_owned(),
        node: action.node(),
        step: failed.step,
        error: failed.error.clone(),
        cause: failed.cause,
        hint: failed.hint.clone(),
        failures,
        at: now,
        retry_at: now.after(delay),
    });
    if memory.len() > MOST_FAILURES {
        // The additions have one delay together, which must not be forgotten for other nodes.
        memory.remove(memory.iter().position(|entry| entry.verb != "add").unwrap_or(0));
    }
}

/// Forgets the failures that a success ends: an addition ends those of all additions, any other action those of the node.
/// The removal of the remnant of a failed addition is no sign that the next addition succeeds.
pub(crate) fn forget(memory: &mut Vec<FailedAction>, action: &Action) {
    let ends =
        |entry: &FailedAction| if entry.verb == "add" { is_addition(action) } else { entry.node == action.node() };
    memory.retain(|entry| !ends(entry));
}

/// Returns the last failed addition, while its delay runs.
pub(crate) fn delayed_addition(memory: &[FailedAction], now: Timestamp) -> Option<&FailedAction> {
    memory.iter().filter(|entry| entry.verb == "add" && entry.retry_at > now).max_by_key(|entry| entry.retry_at)
}

/// Returns the number of additions that failed in succession.
pub(crate) fn failed_additions(memory: &[FailedAction]) -> u32 {
    memory.iter().filter(|entry| entry.verb == "add").map(|entry| entry.failures).max().unwrap_or(0)
}

/// Returns whether a new node gets the next number instead, because the last try of this one found it taken.
pub(crate) fn avoids(memory: &[FailedAction], number: NodeId) -> bool {
    memory.iter().any(|entry| entry.verb == "add" && entry.node == number && concerns_the_number(entry))
}

/// Returns whether a rule leaves a node alone, because an action on it failed shortly before.
pub(crate) fn delays(memory: &[FailedAction], node: NodeId, now: Timestamp) -> bool {
    memory.iter().any(|entry| entry.node == node && entry.verb != "add" && entry.retry_at > now)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn failed(step: Step) -> StepFailure {
        StepFailure { step, at: Timestamp::default(), error: "no".to_owned(), cause: FailureCause::Other, hint: None }
    }

    #[test]
    fn additions_count_together_and_other_actions_by_node() {
        let number = |number| NodeId::new(number).unwrap();
        let mut memory = Vec::new();
        let mut now = Timestamp::default();
        for (number_of_try, delay) in (1..).zip([10, 20, 40, 80, 1800, 1800]) {
            record(&mut memory, &Action::Add { node: number(number_of_try) }, &failed(Step::Start), now);
            let last = delayed_addition(&memory, now).unwrap();
            assert_eq!(last.retry_at, now.after(Duration::from_secs(delay)));
            assert!(avoids(&memory, number(number_of_try)) && !avoids(&memory, number(number_of_try + 1)));
            now = last.retry_at;
            assert_eq!(delayed_addition(&memory, now), None);
        }
        record(&mut memory, &Action::Stop { node: number(9) }, &failed(Step::SeeGone), now);
        assert!(delays(&memory, number(9), now) && !delays(&memory, number(1), now));
        forget(&mut memory, &Action::Add { node: number(7) });
        assert_eq!(memory.len(), 1);
        forget(&mut memory, &Action::Stop { node: number(9) });
        assert!(memory.is_empty());
        // The removal of a remnant ends no failures of additions.
        record(&mut memory, &Action::Add { node: number(1) }, &failed(Step::Define), now);
        forget(&mut memory, &Action::Remove { node: number(1), linger: Duration::ZERO });
        assert!(delayed_addition(&memory, now).is_some());
        // A program that cannot run fails under every number.
        record(&mut memory, &Action::Add { node: number(1) }, &failed(Step::Confirm), now);
        assert!(!avoids(&memory, number(1)));
        // A full volume has no other number either, while the port of another process is free under the next one.
        for (cause, is_avoided) in [(FailureCause::Space, false), (FailureCause::Number, true)] {
            let failed = StepFailure { cause, ..failed(Step::Folder) };
            record(&mut memory, &Action::Add { node: number(1) }, &failed, now);
            assert_eq!(avoids(&memory, number(1)), is_avoided, "{cause:?}");
        }
        for n in 1..1000 {
            record(&mut memory, &Action::Stop { node: number(n) }, &failed(Step::Stop), now);
        }
        assert_eq!(memory.len(), MOST_FAILURES);
        assert!(delayed_addition(&memory, now).is_some(), "failures of other nodes displace it");
    }
}
