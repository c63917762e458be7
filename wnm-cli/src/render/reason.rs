//! Reasons, rests and verdicts in words: the only place where they are put so.

use wnm_core::steps::Failure;
use wnm_core::{
    Action, Anomaly, Blocker, Comparison, Measure, Outcome, Percent, Presence, Reason, Relief, SkipReason, Timestamp,
    Verdict,
};

use super::duration as span;

/// Returns an action as an order, such as `start antnode0003`.
pub(crate) fn action(action: &Action) -> String {
    let base = format!("{} {}", action.verb(), action.node().name());
    match action {
        Action::Start { upgrade_to: Some(to), .. } => format!("{base}, with {to}"),
        Action::Upgrade { from: Some(from), to, .. } => format!("{base} from {from} to {to}"),
        Action::Upgrade { from: None, to, .. } => format!("{base} to {to}"),
        Action::Add { .. }
        | Action::Start { .. }
        | Action::Stop { .. }
        | Action::Disable { .. }
        | Action::Enable { .. }
        | Action::Restart { .. }
        | Action::Remove { .. } => base,
    }
}

/// Returns why an action was chosen.
pub(crate) fn reason(reason: &Reason) -> String {
    match reason {
        Reason::Dead => "its folder is gone".to_owned(),
        Reason::Pressure { measure } => match measure.seen {
            Some(seen) => format!("{} is {seen}, above {}", measure.signal, measure.remove),
            None => format!("{} is too high", measure.signal),
        },
        Reason::Relief { relief: cause, measure } => relief(*cause, measure),
        Reason::OverCap { total, cap } => format!("{total} nodes, and node_cap is {cap}"),
        Reason::Outdated { from, to } => format!("it has {from}, and the node binary is {to}"),
        Reason::HeadroomToStart => "there is room, and it is the oldest that is stopped".to_owned(),
        Reason::HeadroomToAdd { total, cap } => format!("there is room: {total} of {cap} nodes"),
        Reason::Requested => "asked for".to_owned(),
    }
}

fn relief(relief: Relief, measure: &Measure) -> String {
    let Measure { signal, seen, remove, .. } = measure;
    let seen = seen.map_or_else(|| "too high".to_owned(), |seen| seen.to_string());
    match relief {
        Relief::Grace => format!("{signal} has been above {remove} for too long, now {seen}"),
        Relief::Soft => format!("{signal} has been near {remove} for too long, now {seen}"),
        Relief::Memory | Relief::Disk => format!("{signal} is {seen}, near {remove}"),
        Relief::Leak => format!("{signal} is {seen}, near {remove}, and the node holds much more than others"),
        Relief::Traffic => format!("{signal} is {seen}, above {remove}"),
        Relief::Throttled => format!("the colony's CPU cpu_limit has held it back for an hour; {signal} is {seen}"),
    }
}

/// Returns what is wrong with the colony as a whole.
pub(crate) fn anomaly(anomaly: &Anomaly) -> String {
    match anomaly {
        Anomaly::MassDisappearance { vanished, total } => {
            format!("{vanished} of {total} nodes vanished at once: nothing is touched, look at the host")
        }
        Anomaly::StorageChanged => {
            "folders are missing and their storage is on another device: is a volume not mounted?".to_owned()
        }
    }
}

/// Returns why a cycle has no action: its blocker, or that nothing called for one.
pub(crate) fn no_action(blocker: Option<&Blocker>, now: Timestamp) -> String {
    blocker.map_or_else(|| "nothing to do".to_owned(), |found| self::blocker(found, now))
}

/// Returns why a cycle has no action, and the blockers of the rules that were skipped, a line each.
pub(crate) fn quiet<'a>(
    ended_by: Option<&Blocker>,
    blockers: impl IntoIterator<Item = &'a Blocker>,
    now: Timestamp,
) -> Vec<String> {
    let blockers = blockers.into_iter().map(|found| blocker(found, now));
    [no_action(ended_by, now)].into_iter().chain(blockers).collect()
}

/// Returns the verdict of one rule.
pub(crate) fn verdict(verdict: &Verdict, now: Timestamp) -> String {
    match verdict {
        Verdict::Act => "acts".to_owned(),
        Verdict::Wait(found) => format!("waits: {}", blocker(found, now)),
        Verdict::Skip(SkipReason::Blocked(found)) => blocker(found, now),
        Verdict::Skip(reason) => skip(reason),
    }
}

fn skip(reason: &SkipReason) -> String {
    match reason {
        SkipReason::NotRebooted => "the host was not restarted".to_owned(),
        SkipReason::NoAnomaly => "no more nodes vanished than chance explains".to_owned(),
        SkipReason::NoDeadNode => "no node has lost its folder".to_owned(),
        SkipReason::OperationsWithinLimit { in_progress, limit } => {
            format!("{in_progress} of {limit} operations in progress")
        }
        SkipReason::NodesWithinCap { total, cap } => format!("{total} of {cap} nodes (node_cap)"),
        SkipReason::BelowThreshold { nearest: Some(nearest) } => {
            format!("below threshold: {} of {}", value(nearest), nearest.threshold)
        }
        SkipReason::BelowThreshold { nearest: None } => "no signal of this rule has a value and a threshold".to_owned(),
        SkipReason::BelowReliefTarget { expected, target } => {
            format!("cpu is expected at {expected} once young nodes have settled, the relief target is {target}")
        }
        SkipReason::UpgradesByNodes => "nodes upgrade themselves (enable_upgrade is false)".to_owned(),
        SkipReason::TargetUnknown => "the version of the node binary is unknown".to_owned(),
        SkipReason::TargetRefused { version } => format!("upgrades to {version} failed too often"),
        SkipReason::NothingOutdated => "no running node is known to be older than the node binary".to_owned(),
        SkipReason::TargetIsOlder => "the node binary is older than the version of the first node".to_owned(),
        SkipReason::Blocked(_) => "blocked".to_owned(),
    }
}

/// Returns a signal with its value, and the time that the value is averaged over.
fn value(comparison: &Comparison) -> String {
    format!("{} {}", comparison.signal, seen_now(comparison))
}

fn blocker(blocker: &Blocker, now: Timestamp) -> String {
    match blocker {
        Blocker::Rebooted => "the host was restarted: nodes are only observed".to_owned(),
        Blocker::Anomaly { anomaly: found } => anomaly(found),
        Blocker::OperationLimit { in_progress, limit } => format!("{in_progress} of {limit} operations in progress"),
        Blocker::OperationInProgress => "an operation is in progress, and nodes are added only when none is".to_owned(),
        Blocker::ReliefInProgress { removing } => format!("over threshold, and {removing} nodes are being removed"),
        Blocker::NoCandidate => "over threshold, and no node is left whose stop or removal would help".to_owned(),
        Blocker::Cooldown { until } => format!("cooldown after the last change: {} left", span(until.since(now))),
        Blocker::RestartDelay { node, until } => {
            format!("cooldown of {}: it may start again in {}", node.name(), span(until.since(now)))
        }
        Blocker::MissingMetric { signal } => format!("{signal} is unknown"),
        Blocker::ObservationPeriod { covered, required } => {
            format!("adds after {} of observation, so far {}", span(*required), span(*covered))
        }
        Blocker::OverThreshold(comparison) => {
            format!("adds when {} < {}, now {}", comparison.signal, comparison.threshold, seen_now(comparison))
        }
        Blocker::NoHeadroom { signal, expected, ceiling } => {
            format!("with one more node {signal} would reach {expected}, and must stay below {ceiling}")
        }
        Blocker::StartSurge { expected, ceiling } => {
            format!("the start of one more node would raise cpu to {expected}, and it must stay below {ceiling}")
        }
        Blocker::Throttled { share, reserve, load } => throttled(*share, *reserve, load.as_ref()),
        Blocker::ExternalOverload { background, threshold } => {
            format!("background load of {background}, threshold {threshold}: stopping nodes would not help")
        }
        Blocker::GracePeriod { over, grace, over_warning, warning_grace } => format!(
            "cpu over its threshold for {} (grace period {}), over its warning threshold for {} (grace period {})",
            span(*over),
            span(*grace),
            span(*over_warning),
            span(*warning_grace)
        ),
        Blocker::NodeCap { cap, .. } => format!("adds nothing: node_cap is {cap}"),
    }
}

fn seen_now(comparison: &Comparison) -> String {
    match comparison.mean_over {
        Some(time) => format!("{} (mean of {})", comparison.seen, span(time)),
        None => comparison.seen.to_string(),
    }
}

fn throttled(share: Percent, reserve: Percent, load: Option<&Measure>) -> String {
    let end = match load {
        Some(Measure { signal, seen: Some(seen), remove, .. }) => format!(", as {signal} is {seen} of {remove}"),
        _ if reserve.get() >= 1.0 => format!(", to keep a reserve of {reserve} for the background load"),
        _ => String::new(),
    };
    format!("the CPU limit throttles the nodes for {share} of the time{end}")
}

/// Returns what was seen of a node.
pub(crate) fn presence(presence: Presence) -> &'static str {
    match presence {
        Presence::Unobserved => "it was not looked at",
        Presence::Answering => "it answers",
        Presence::Silent => "its process lives, and gives no answer",
        Presence::Unverified => "another process answers on its ports",
        Presence::Gone => "no process and no answer",
        Presence::Unreachable => "its process manager cannot be asked, and there is no answer",
        Presence::FolderMissing => "its folder is not there",
    }
}

/// Returns where an action stands.
pub(crate) fn outcome(outcome: &Outcome, now: Timestamp) -> String {
    match outcome {
        Outcome::Done => "done".to_owned(),
        Outcome::Pending { step, since, why } => format!("{step} for {}: {why}", span(now.since(*since))),
        Outcome::Failed(found) => format!("failed to {}", failure(found)),
    }
}

/// Returns what could not be done, and why, as it follows "failed to".
pub(crate) fn failure(failure: &Failure) -> String {
    let undone = if failure.rolled_back { "" } else { ", and could not be undone" };
    format!("{}: {}{undone}", failure.failed.step, failure.failed.error)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use wnm_core::Signal;

    use super::*;

    fn percent(value: f64) -> Percent {
        Percent::new(value).unwrap()
    }

    fn minutes(minutes: u64) -> Duration {
        Duration::from_secs(60 * minutes)
    }

    fn comparison(signal: Signal, seen: f64, threshold: f64, mean_over: Option<Duration>) -> Comparison {
        Comparison { signal, seen: percent(seen).into(), threshold: percent(threshold).into(), mean_over }
    }

    #[test]
    fn blockers_follow_the_reason_for_no_action() {
        let external_overload = Blocker::ExternalOverload { background: percent(72.0), threshold: percent(70.0) };
        let watching = Blocker::ObservationPeriod { covered: minutes(3), required: minutes(5) };
        let grace = Blocker::GracePeriod {
            over: minutes(1),
            grace: minutes(2),
            over_warning: minutes(1),
            warning_grace: minutes(15),
        };
        let said = |blockers: &[Blocker]| quiet(None, blockers, Timestamp::default()).join("\n");
        insta::assert_snapshot!(said(&[external_overload, watching]), @r"
        nothing to do
        background load of 72.0 %, threshold 70.0 %: stopping nodes would not help
        adds after 5m of observation, so far 3m
        ");
        insta::assert_snapshot!(said(&[grace]), @r"
        nothing to do
        cpu over its threshold for 1m (grace period 2m), over its warning threshold for 1m (grace period 15m)
        ");
        insta::assert_snapshot!(said(&[]), @"nothing to do");
        let blockers = [
            Blocker::OverThreshold(comparison(Signal::Cpu, 60.0, 50.0, None)),
            Blocker::NodeCap { total: 20, cap: 20 },
        ];
        insta::assert_snapshot!(said(&blockers), @r"
        nothing to do
        adds when cpu < 50.0 %, now 60.0 %
        adds nothing: node_cap is 20
        ");
    }

    #[test]
    fn each_relief_and_each_blocker_has_its_sentence() {
        let measure = |signal| Measure {
            signal,
            seen: Some(percent(72.0).into()),
            less_than: percent(50.0).into(),
            remove: percent(70.0).into(),
        };
        let reliefs = [
            (Relief::Grace, Signal::Cpu),
            (Relief::Soft, Signal::Cpu),
            (Relief::Memory, Signal::Memory),
            (Relief::Leak, Signal::Memory),
            (Relief::Disk, Signal::Disk(0)),
            (Relief::Throttled, Signal::Cpu),
            (Relief::Traffic, Signal::NetRead),
        ];
        let relieved = reliefs.into_iter().map(|(cause, signal)| relief(cause, &measure(signal)));
        let load = |load| wnm_core::Load::new(load).unwrap().into();
        let load = Measure { signal: Signal::Load1, seen: Some(load(12.0)), less_than: load(6.0), remove: load(10.0) };
        let throttled = |reserve, load| Blocker::Throttled { share: percent(40.0), reserve: percent(reserve), load };
        let blockers = [
            Blocker::MissingMetric { signal: Signal::Load1 },
            Blocker::OverThreshold(comparison(Signal::Memory, 72.0, 66.0, None)),
            Blocker::OverThreshold(comparison(Signal::Cpu, 72.0, 66.0, Some(minutes(1)))),
            Blocker::NoHeadroom { signal: Signal::Cpu, expected: percent(72.0).into(), ceiling: percent(60.0).into() },
            Blocker::StartSurge { expected: percent(72.0), ceiling: percent(66.0) },
            throttled(0.0, None),
            throttled(20.0, None),
            throttled(20.0, Some(load)),
        ];
        let blocked = blockers.iter().map(|found| blocker(found, Timestamp::default()));
        let sentences: Vec<String> = relieved.chain(blocked).collect();
        insta::assert_snapshot!(sentences.join("\n"), @r"
        cpu has been above 70.0 % for too long, now 72.0 %
        cpu has been near 70.0 % for too long, now 72.0 %
        memory is 72.0 %, near 70.0 %
        memory is 72.0 %, near 70.0 %, and the node holds much more than others
        disk is 72.0 %, near 70.0 %
        the colony's CPU cpu_limit has held it back for an hour; cpu is 72.0 %
        net read is 72.0 %, above 70.0 %
        load 1 min is unknown
        adds when memory < 66.0 %, now 72.0 %
        adds when cpu < 66.0 %, now 72.0 % (mean of 1m)
        with one more node cpu would reach 72.0 %, and must stay below 60.0 %
        the start of one more node would raise cpu to 72.0 %, and it must stay below 66.0 %
        the CPU limit throttles the nodes for 40.0 % of the time
        the CPU limit throttles the nodes for 40.0 % of the time, to keep a reserve of 20.0 % for the background load
        the CPU limit throttles the nodes for 40.0 % of the time, as load 1 min is 12.00 of 10.00
        ");
    }

    #[test]
    fn skip_reasons_name_the_values_that_the_rule_compared() {
        let of = |nearest| verdict(&Verdict::Skip(SkipReason::BelowThreshold { nearest }), Timestamp::default());
        let lines = [
            of(Some(comparison(Signal::Cpu, 45.0, 66.0, Some(minutes(1))))),
            of(Some(comparison(Signal::Disk(0), 80.0, 89.7, None))),
            of(None),
        ];
        insta::assert_snapshot!(lines.join("\n"), @r"
        below threshold: cpu 45.0 % (mean of 1m) of 66.0 %
        below threshold: disk 80.0 % of 89.7 %
        no signal of this rule has a value and a threshold
        ");
    }
}
