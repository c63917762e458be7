//! Actions that failed and are tried again after a delay.

use serde::Serialize;
use wnm_core::{EngineState, FailedAction, FailureCause, NodeId, Timestamp};

use super::duration;
use crate::json::{self, Time};

/// An action that failed, with the time of its next try.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct FailureView {
    /// The verb of the action, such as `add`.
    action: String,
    /// The node, or the number that a new node was to get.
    node: NodeId,
    /// The name of the node, such as `antnode0003`.
    name: String,
    /// The failed step.
    step: String,
    /// The kind of cause.
    cause: FailureCause,
    /// The failure and its cause.
    error: String,
    /// How to fix the cause; null when there is no specific advice.
    hint: Option<String>,
    /// Failures in succession.
    failures: u32,
    /// The time of the last failure.
    failed_at: Time,
    /// The time from which the action may begin again.
    next_try_at: Time,
}

impl From<&FailedAction> for FailureView {
    fn from(failed: &FailedAction) -> Self {
        Self {
            action: failed.verb.clone(),
            node: failed.node,
            name: failed.node.name(),
            step: json::step(failed.step),
            cause: failed.cause,
            error: failed.error.clone(),
            hint: failed.hint.clone(),
            failures: failed.failures,
            failed_at: Time::from(failed.at),
            next_try_at: Time::from(failed.retry_at),
        }
    }
}

/// Returns the failed actions of a colony, the latest first. Of additions, which count together, the latest stands for
/// all.
pub(crate) fn latest(state: &EngineState) -> Vec<&FailedAction> {
    let mut has_addition = false;
    let mut keeps = |failed: &&FailedAction| failed.verb != "add" || !std::mem::replace(&mut has_addition, true);
    state.failures.iter().rev().filter(|failed| keeps(failed)).collect()
}

/// Returns a failed action with its next try: `add antnode0003: port 55003 is in use (failure 2, next try in 20s)`.
pub(crate) fn text(failed: &FailedAction, now: Timestamp) -> String {
    let wait = failed.retry_at.since(now);
    let next = if wait.is_zero() {
        "next try in the next cycle".to_owned()
    } else {
        format!("next try in {}", duration(wait))
    };
    format!("{} {}: {} (failure {}, {next})", failed.verb, failed.node.name(), failed.error, failed.failures)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn additions_are_one_line() {
        let now = Timestamp::from_secs(1_000);
        let failed = |verb: &str, number, wait| FailedAction {
            verb: verb.to_owned(),
            node: NodeId::new(number).unwrap(),
            step: wnm_core::steps::Step::Start,
            error: format!("port {number} is in use"),
            cause: FailureCause::Number,
            hint: None,
            failures: number,
            at: now,
            retry_at: now.after(Duration::from_secs(wait)),
        };
        let failures = vec![failed("add", 1, 0), failed("add", 2, 0), failed("stop", 4, 0), failed("add", 3, 75)];
        let state = EngineState { failures, ..EngineState::default() };
        let lines: Vec<String> = latest(&state).into_iter().map(|failed| text(failed, now)).collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        add antnode0003: port 3 is in use (failure 3, next try in 1min 15s)
        stop antnode0004: port 4 is in use (failure 4, next try in the next cycle)
        ");
    }
}
