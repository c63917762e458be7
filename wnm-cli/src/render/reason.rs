//! Sentences for actions, reasons, verdicts and outcomes. No other module puts them into words.
//!
//! A sentence names only values of its own variant, which are those that the rule compared. A value from elsewhere, such
//! as the latest sample beside a rule that uses a mean, could contradict the verdict.

use wnm_core::steps::Failure;
use wnm_core::{
    Anomaly, Blocker, Cancellation, Comparison, Ended, Exit, Measure, MoveObstacle, Outcome, Percent, Presence,
    Reading, Reason, ReasonGone, Relief, Signal, SkipReason, Timestamp, Verdict,
};

pub(crate) use super::action::action;
use super::duration;

/// Returns the reason of an action.
pub(crate) fn reason(reason: &Reason) -> String {
    match reason {
        Reason::Dead => "its folder is missing".to_owned(),
        Reason::Pressure { measure } => over_high(measure),
        Reason::Relief { relief: cause, measure } => relief(*cause, measure),
        Reason::OverCap { total, cap } => format!("over node_cap: {total} nodes > {cap}"),
        Reason::Outdated { from, to } => format!("version {from} is older than the node program ({to})"),
        Reason::Ended { attempt, exit } => ended(*attempt, exit.as_deref()),
        Reason::HeadroomToStart => "headroom for one more node; this is the oldest stopped one".to_owned(),
        Reason::HeadroomToAdd { total, cap } => format!("headroom for one more node; {total} of {cap} nodes"),
        Reason::Unlisted => "the database did not contain it".to_owned(),
        Reason::Requested => "requested".to_owned(),
    }
}

fn ended(attempt: u32, exit: Option<&Exit>) -> String {
    let end = exit.map_or_else(String::new, |exit| format!(" ({exit})"));
    let again = if attempt > 1 { format!("; start {attempt} since it was last stable") } else { String::new() };
    format!("it should run, and its process has ended{end}{again}")
}

fn over_high(measure: &Measure) -> String {
    format!("over threshold: {}", exceeded(measure))
}

fn exceeded(Measure { signal, seen, remove, .. }: &Measure) -> String {
    // An exceeded signal has a value; a recorded cycle of an earlier version may lack it.
    seen.map_or_else(|| format!("{signal} > {remove}"), |seen| format!("{signal} {seen} > {remove}"))
}

fn relief(relief: Relief, measure: &Measure) -> String {
    let Measure { signal, seen, remove, .. } = measure;
    let seen = seen.map_or_else(|| "unknown".to_owned(), |seen| seen.to_string());
    match relief {
        // The use went over the threshold for the length of the grace period, and may be lower in the last sample.
        Relief::Grace => format!("grace period of the high threshold ({remove}) passed; {signal} {seen}"),
        Relief::Warning => {
            format!("grace period of the warning threshold passed; {signal} {seen}, high threshold {remove}")
        }
        Relief::Memory | Relief::Disk => format!("near threshold: {signal} {seen} of {remove}"),
        Relief::Leak => {
            format!("near threshold: {signal} {seen} of {remove}; the node uses much more than a typical one")
        }
        Relief::Traffic => over_high(measure),
        Relief::Throttled => format!("the CPU limit throttled the nodes for an hour; {signal} {seen}"),
    }
}

const fn hindrance(obstacle: MoveObstacle) -> &'static str {
    match obstacle {
        MoveObstacle::NoSpace => "none stays below hd_less_than with it",
        MoveObstacle::NoCandidate => "no node on the full volume is free and has a known size",
        MoveObstacle::Failures => "moves failed shortly before",
        MoveObstacle::NearlyFull => "less than crisis_bytes are free",
    }
}

fn anomaly(anomaly: &Anomaly) -> String {
    match anomaly {
        Anomaly::MassDisappearance { vanished, total } => {
            format!("anomaly: {vanished} of {total} nodes vanished at once; check the host")
        }
        Anomaly::StorageChanged => {
            "anomaly: node folders are missing and their storage is on another volume; check the mounts".to_owned()
        }
    }
}

/// Returns why a cycle has no action: the blocker that ended it, or that no rule wanted to act.
///
/// `measures` are the signals of the cycle: a relief without a candidate names those that are over their thresholds.
pub(crate) fn no_action(ended_by: Option<&Blocker>, measures: &[Measure], now: Timestamp) -> String {
    let Some(found) = ended_by else { return "no action needed".to_owned() };
    let exceeded: Vec<String> = measures.iter().filter(|measure| measure.is_exceeded()).map(exceeded).collect();
    let sentence = blocker(found, now);
    match found {
        Blocker::NoCandidate if !exceeded.is_empty() => {
            format!("over threshold: {}; no node runs, so wnm waits until the load falls", exceeded.join(", "))
        }
        Blocker::ReliefInProgress { .. } | Blocker::MoveInProgress if !exceeded.is_empty() => {
            format!("over threshold: {}; {sentence}", exceeded.join(", "))
        }
        _ => sentence,
    }
}

/// Returns why a cycle has no action, then the blockers of the skipped rules, one per line.
pub(crate) fn no_action_lines<'a>(
    ended_by: Option<&Blocker>,
    blockers: impl IntoIterator<Item = &'a Blocker>,
    measures: &[Measure],
    now: Timestamp,
) -> Vec<String> {
    let blockers: Vec<String> = blockers.into_iter().map(|found| blocker(found, now)).collect();
    let first = match ended_by {
        // A blocked rule wanted to act, so "no action needed" would contradict its line.
        None if !blockers.is_empty() => "no action".to_owned(),
        _ => no_action(ended_by, measures, now),
    };
    std::iter::once(first).chain(blockers).collect()
}

/// Returns the verdict of one rule in a word, and its reason.
pub(crate) fn verdict(verdict: &Verdict, measures: &[Measure], now: Timestamp) -> (&'static str, String) {
    match verdict {
        Verdict::Act => ("acts", String::new()),
        Verdict::Wait(found) => ("waits", no_action(Some(found), measures, now)),
        Verdict::Skip(SkipReason::Blocked(found)) => ("blocked", blocker(found, now)),
        Verdict::Skip(reason) => ("skips", skip(reason, now)),
    }
}

/// Returns the reason for which a rule skips the cycle.
pub(crate) fn skip(reason: &SkipReason, now: Timestamp) -> String {
    match reason {
        SkipReason::NotRebooted => "no reboot since the last cycle".to_owned(),
        SkipReason::NoAnomaly => "no anomaly".to_owned(),
        SkipReason::NoDeadNode => "every node has its folder".to_owned(),
        SkipReason::NothingDown => "every node that should run is up".to_owned(),
        SkipReason::OperationsWithinLimit { in_progress, limit } => {
            format!("{in_progress} of {limit} operations in progress")
        }
        SkipReason::NodesWithinCap { total, cap } => format!("{total} of {cap} nodes (node_cap)"),
        SkipReason::BelowThreshold { nearest: Some(nearest) } => {
            format!("below threshold: {} of {}", compared(nearest), nearest.threshold)
        }
        SkipReason::BelowThreshold { nearest: None } => "no signal has both a value and a threshold".to_owned(),
        SkipReason::BelowReliefTarget { expected, target } => {
            format!("below relief target: cpu {expected} of {target}, expected once young nodes are mature")
        }
        SkipReason::MovesDisabled => {
            "no rule moves nodes (move_nodes is false, or antctl decides their folders)".to_owned()
        }
        SkipReason::NoMove { obstacle } => format!("no node can move to another volume: {}", hindrance(*obstacle)),
        SkipReason::UpgradesByNodes => "nodes upgrade themselves (enable_upgrade is false)".to_owned(),
        SkipReason::TargetUnknown => "the version of the node program is unknown".to_owned(),
        SkipReason::TargetRefused { version } => format!("upgrades to {version} failed too often"),
        SkipReason::NothingOutdated => "no running node is known to be older than the node program".to_owned(),
        SkipReason::TargetIsOlder => "the node program is older than the first node".to_owned(),
        SkipReason::Blocked(found) => blocker(found, now),
    }
}

/// Returns a signal with the value that a rule compared, and the time over which that value is a mean.
fn compared(Comparison { signal, seen, mean_over, .. }: &Comparison) -> String {
    let mean = mean_over.map_or_else(String::new, |time| format!(" (mean of {})", duration(time)));
    // With the work that waits for a CPU.
    let is_demand = *signal == Signal::Cpu && matches!(seen, Reading::Percent(percent) if percent.get() > 100.0);
    let demand = if is_demand { " demand" } else { "" };
    format!("{signal}{demand} {seen}{mean}")
}

/// Returns the condition that prevents a rule from acting.
pub(crate) fn blocker(blocker: &Blocker, now: Timestamp) -> String {
    match blocker {
        Blocker::Rebooted => "the host was rebooted: this cycle only observes".to_owned(),
        Blocker::Anomaly { anomaly: found } => anomaly(found),
        Blocker::OperationLimit { in_progress, limit } => {
            let are = if *in_progress == 1 { "operation is" } else { "operations are" };
            format!("{in_progress} {are} in progress, at most {limit} at once (max_concurrent_operations)")
        }
        Blocker::OperationInProgress => "an operation is in progress; nodes are added only when none is".to_owned(),
        Blocker::ReliefInProgress { removing: 1 } => "1 node is being removed".to_owned(),
        Blocker::MoveInProgress => "a node moves to another volume".to_owned(),
        Blocker::ReliefInProgress { removing } => format!("{removing} nodes are being removed"),
        Blocker::NoCandidate => "no running node to stop".to_owned(),
        Blocker::Cooldown { until } => format!("cooldown after the last change: {} left", duration(until.since(now))),
        Blocker::RestartDelay { node, until } => {
            format!("cooldown: {} can start in {}", node.name(), duration(until.since(now)))
        }
        Blocker::RetryDelay { node, until } => {
            format!("{} ended by itself: next start in {}", node.name(), duration(until.since(now)))
        }
        Blocker::CrashLoop { node, until } => {
            format!("{} is in a crash loop: next start in {}", node.name(), duration(until.since(now)))
        }
        Blocker::AddDelay { failures, until, error } => {
            let times = if *failures == 1 { "failed".to_owned() } else { format!("failed {failures} times") };
            format!("adding a node {times}: {error}; next try in {}", duration(until.since(now)))
        }
        Blocker::RestartOverThreshold(comparison) => {
            format!("over threshold: {} > {}; nodes that ended wait", compared(comparison), comparison.threshold)
        }
        Blocker::MissingMetric { signal } => format!("missing metric: the host gave no value of {signal}"),
        Blocker::UnmeasuredNodes { unmeasured, running } => {
            format!("the CPU of {unmeasured} of {running} running nodes is not known yet: it needs two cycles")
        }
        Blocker::ObservationPeriod { covered, required } => {
            let (covered, required) = (duration(*covered), duration(*required));
            format!("observation period: {covered} of the {required} that a decision needs")
        }
        Blocker::OverThreshold(comparison) => {
            format!("no headroom: {}; nodes are added below {}", compared(comparison), comparison.threshold)
        }
        Blocker::NoHeadroom { signal, expected, ceiling } => {
            format!("no headroom: {signal} would reach {expected} with one more node; growth target {ceiling}")
        }
        Blocker::StartSurge { expected, ceiling } => {
            format!("no headroom: cpu would reach {expected} during the start of a node; limit {ceiling}")
        }
        Blocker::Throttled { share, reserve, load } => throttled(*share, *reserve, load.as_ref()),
        Blocker::ExternalOverload { background, threshold } => format!(
            "external overload: the background load asks for {background} of the CPU, high threshold {threshold}; stopping \
             nodes does not help"
        ),
        Blocker::BackgroundStalls { share, threshold } => format!(
            "no headroom: the background load waits for a CPU {share} of the time; nodes are added below {threshold}"
        ),
        Blocker::ExternalUse { signal, held, over } => format!(
            "external use: {signal} is {over} over its threshold, and all nodes together hold {held}; fewer nodes do not help"
        ),
        Blocker::GracePeriod { over, grace, over_warning, warning_grace } => format!(
            "grace period: cpu over its high threshold for {} of {}, over its warning threshold for {} of {}",
            duration(*over),
            duration(*grace),
            duration(*over_warning),
            duration(*warning_grace)
        ),
        Blocker::NoVolume => "no volume can take a node: each has a fault, or lacks crisis_bytes or inodes".to_owned(),
        Blocker::NodeCap { total, cap } => format!("node cap reached: {total} of {cap} nodes (node_cap)"),
        Blocker::Valve { valve } => super::valves::closed(valve, now),
    }
}

fn throttled(share: Percent, reserve: Percent, load: Option<&Measure>) -> String {
    let purpose = match load {
        Some(load) => format!("; the limit is lower because of {}", exceeded(load)),
        // Below 1 % the limit leaves practically the whole machine to the nodes.
        None if reserve.get() >= 1.0 => format!("; the limit keeps a reserve of {reserve}"),
        None => String::new(),
    };
    format!("the CPU limit throttles the nodes for {share} of the time{purpose}")
}

/// Returns the observed condition of a node.
pub(crate) fn presence(presence: Presence) -> &'static str {
    match presence {
        Presence::Unobserved => "not observed",
        Presence::Answering => "answering",
        Presence::Silent => "its process runs without an answer",
        Presence::Unverified => "another process answers on its port",
        Presence::Gone => "no process and no answer",
        Presence::Unreachable => "its process manager is unavailable, and no answer",
        Presence::FolderMissing => "its folder is missing",
        Presence::VolumeFault => "its volume is lost or faulty",
    }
}

/// Returns the progress or the result of an action.
pub(crate) fn outcome(outcome: &Outcome, now: Timestamp) -> String {
    match outcome {
        Outcome::Done => "done".to_owned(),
        // Within the first second "for 0s" says nothing.
        Outcome::Pending { step, since, why } if now.since(*since).as_secs() == 0 => format!("pending: {step}: {why}"),
        Outcome::Pending { step, since, why } => {
            format!("pending for {}: {step}: {why}", duration(now.since(*since)))
        }
        Outcome::Failed(found) => format!("failed to {}", failure(found)),
        Outcome::Cancelled { because } => format!("cancelled: {}", cancelled(because)),
    }
}

/// Returns the end of a removal in its delay, with its reason.
pub(crate) fn cancellation(found: &Cancellation) -> String {
    format!("cancel the removal of {}: {}", found.node.name(), cancelled(&found.because))
}

/// Returns how a process ended by itself.
pub(crate) fn end(ended: &Ended) -> String {
    let exit = ended.exit.as_ref().map(|exit| format!(": {exit}")).unwrap_or_default();
    let restarted = if ended.restarted { "; its process manager started it again" } else { "" };
    format!("{} ended by itself{exit}{restarted}", ended.node.name())
}

/// Returns why a removal in its delay ended.
pub(crate) fn cancelled(because: &ReasonGone) -> String {
    match because {
        ReasonGone::WithinCap { total, cap } => format!("the node is within node_cap again: {total} of {cap} nodes"),
        ReasonGone::Relieved { below: Comparison { signal, seen, threshold, .. } } => {
            format!("{signal} is {seen} again, and nodes leave the volume above {threshold}")
        }
        ReasonGone::Drained => "a hold or the end of the window drains".to_owned(),
        ReasonGone::NotRemovedFor => "no rule removes a node for its reason".to_owned(),
    }
}

/// Returns the failed step, its error and its hint, as they follow "failed to".
pub(crate) fn failure(failure: &Failure) -> String {
    let rollback = if failure.rolled_back { "" } else { "; the rollback failed too" };
    let hint = failure.failed.hint.as_ref().map_or_else(String::new, |hint| format!("; hint: {hint}"));
    format!("{}: {}{rollback}{hint}", failure.failed.step, failure.failed.error)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use wnm_core::{Bytes, Load, NodeId, Version};

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_000);

    fn percent(value: f64) -> Percent {
        Percent::new(value).unwrap()
    }

    fn minutes(minutes: u64) -> Duration {
        Duration::from_secs(60 * minutes)
    }

    fn comparison(signal: Signal, seen: f64, threshold: f64, mean_over: Option<Duration>) -> Comparison {
        Comparison { signal, seen: percent(seen).into(), threshold: percent(threshold).into(), mean_over }
    }

    fn measure(signal: Signal, seen: f64) -> Measure {
        let [less_than, remove] = [50.0, 70.0].map(|value| percent(value).into());
        Measure { signal, seen: Some(percent(seen).into()), less_than, remove }
    }

    fn load() -> Measure {
        let load = |value| Load::new(value).unwrap().into();
        Measure { signal: Signal::Load1, seen: Some(load(12.0)), less_than: load(6.0), remove: load(10.0) }
    }

    fn exit() -> Exit {
        Exit { status: Some(wnm_core::ExitStatus::Code(1)), message: Some("no such wallet".into()) }
    }

    fn reasons() -> Vec<Reason> {
        let relief = |relief, signal| Reason::Relief { relief, measure: measure(signal, 72.0) };
        vec![
            Reason::Dead,
            Reason::Pressure { measure: measure(Signal::Cpu, 72.0) },
            relief(Relief::Grace, Signal::Cpu),
            relief(Relief::Warning, Signal::Cpu),
            relief(Relief::Memory, Signal::Memory),
            relief(Relief::Leak, Signal::Memory),
            relief(Relief::Disk, Signal::Disk(0)),
            relief(Relief::Traffic, Signal::NetRead),
            relief(Relief::Throttled, Signal::Cpu),
            Reason::OverCap { total: 21, cap: 20 },
            Reason::Outdated { from: Version::new(0, 4, 16), to: Version::new(0, 4, 17) },
            Reason::Ended { attempt: 1, exit: None },
            Reason::Ended { attempt: 3, exit: Some(Box::new(exit())) },
            Reason::HeadroomToStart,
            Reason::HeadroomToAdd { total: 3, cap: 20 },
            Reason::Requested,
        ]
    }

    fn blockers() -> Vec<Blocker> {
        let throttled = |reserve, load| Blocker::Throttled { share: percent(40.0), reserve: percent(reserve), load };
        vec![
            Blocker::Rebooted,
            Blocker::Anomaly { anomaly: Anomaly::MassDisappearance { vanished: 5, total: 8 } },
            Blocker::Anomaly { anomaly: Anomaly::StorageChanged },
            Blocker::OperationLimit { in_progress: 1, limit: 1 },
            Blocker::OperationInProgress,
            Blocker::ReliefInProgress { removing: 1 },
            Blocker::ReliefInProgress { removing: 2 },
            Blocker::MoveInProgress,
            Blocker::NoCandidate,
            Blocker::Cooldown { until: NOW.after(minutes(3)) },
            Blocker::RestartDelay { node: NodeId::FIRST, until: NOW.after(minutes(125)) },
            Blocker::RetryDelay { node: NodeId::FIRST, until: NOW.after(minutes(1)) },
            Blocker::CrashLoop { node: NodeId::FIRST, until: NOW.after(minutes(30)) },
            Blocker::AddDelay { failures: 1, until: NOW.after(minutes(1)), error: "port 1 is in use".into() },
            Blocker::AddDelay { failures: 5, until: NOW.after(minutes(30)), error: "port 1 is in use".into() },
            Blocker::RestartOverThreshold(comparison(Signal::Memory, 80.0, 75.0, None)),
            Blocker::MissingMetric { signal: Signal::Load1 },
            Blocker::UnmeasuredNodes { unmeasured: 5, running: 8 },
            Blocker::ObservationPeriod { covered: minutes(3), required: minutes(5) },
            Blocker::OverThreshold(comparison(Signal::Memory, 72.0, 66.0, None)),
            Blocker::OverThreshold(comparison(Signal::Cpu, 72.0, 66.0, Some(minutes(1)))),
            Blocker::OverThreshold(comparison(Signal::Cpu, 109.4, 66.0, Some(minutes(1)))),
            Blocker::NoHeadroom { signal: Signal::Cpu, expected: percent(72.0).into(), ceiling: percent(60.0).into() },
            Blocker::StartSurge { expected: percent(72.0), ceiling: percent(66.0) },
            throttled(0.0, None),
            throttled(20.0, None),
            throttled(20.0, Some(load())),
            Blocker::ExternalOverload { background: percent(72.0), threshold: percent(70.0) },
            Blocker::BackgroundStalls { share: percent(35.0), threshold: percent(20.0) },
            Blocker::ExternalUse { signal: Signal::Memory, held: Bytes(300_000_000), over: Bytes(2_000_000_000) },
            Blocker::GracePeriod {
                over: minutes(1),
                grace: minutes(2),
                over_warning: minutes(1),
                warning_grace: minutes(15),
            },
            Blocker::NodeCap { total: 20, cap: 20 },
            Blocker::NoVolume,
        ]
        .into_iter()
        .chain(crate::render::valves::tests::valves(NOW).map(|valve| Blocker::Valve { valve }))
        .collect()
    }

    fn skip_reasons() -> Vec<SkipReason> {
        let below = |nearest| SkipReason::BelowThreshold { nearest };
        vec![
            SkipReason::NotRebooted,
            SkipReason::NoAnomaly,
            SkipReason::NoDeadNode,
            SkipReason::NothingDown,
            SkipReason::OperationsWithinLimit { in_progress: 0, limit: 1 },
            SkipReason::NodesWithinCap { total: 3, cap: 20 },
            below(Some(comparison(Signal::Cpu, 45.0, 66.0, Some(minutes(1))))),
            below(Some(comparison(Signal::Disk(0), 80.0, 89.7, None))),
            below(None),
            SkipReason::BelowReliefTarget { expected: percent(61.0), target: percent(64.0) },
            SkipReason::MovesDisabled,
            SkipReason::NoMove { obstacle: MoveObstacle::NoSpace },
            SkipReason::NoMove { obstacle: MoveObstacle::NoCandidate },
            SkipReason::NoMove { obstacle: MoveObstacle::Failures },
            SkipReason::NoMove { obstacle: MoveObstacle::NearlyFull },
            SkipReason::UpgradesByNodes,
            SkipReason::TargetUnknown,
            SkipReason::TargetRefused { version: Version::new(0, 4, 17) },
            SkipReason::NothingOutdated,
            SkipReason::TargetIsOlder,
        ]
    }

    #[test]
    fn every_sentence() {
        let verdicts = std::iter::once(Verdict::Act)
            .chain(blockers().into_iter().map(Verdict::Wait))
            .chain([Verdict::Skip(SkipReason::Blocked(Blocker::NoCandidate))])
            .chain(skip_reasons().into_iter().map(Verdict::Skip));
        let presences = [
            Presence::Unobserved,
            Presence::Answering,
            Presence::Silent,
            Presence::Unverified,
            Presence::Gone,
            Presence::Unreachable,
            Presence::FolderMissing,
            Presence::VolumeFault,
        ];
        let because = [
            ReasonGone::WithinCap { total: 5, cap: 6 },
            ReasonGone::Relieved { below: comparison(Signal::Disk(0), 80.0, 90.0, None) },
            ReasonGone::Drained,
            ReasonGone::NotRemovedFor,
        ];
        let cancelled = because.map(|because| outcome(&Outcome::Cancelled { because }, NOW));
        let mut page = String::new();
        for (title, sentences) in [
            ("outcomes", cancelled.to_vec()),
            ("reasons", reasons().iter().map(reason).collect::<Vec<_>>()),
            (
                "verdicts",
                verdicts
                    .map(|found| verdict(&found, &[], NOW))
                    .map(|(word, reason)| format!("{word} {reason}").trim_end().to_owned())
                    .collect(),
            ),
            ("presences", presences.iter().map(|found| presence(*found).to_owned()).collect()),
        ] {
            page.push_str(&format!("{title}\n  {}\n", sentences.join("\n  ")));
        }
        insta::assert_snapshot!(page);
    }

    #[test]
    fn relief_without_a_candidate_names_the_exceeded_signals() {
        let measures = [measure(Signal::Cpu, 100.0), measure(Signal::Memory, 60.0), load()];
        let sentence = |found| no_action(Some(&found), &measures, NOW);
        assert_eq!(
            sentence(Blocker::NoCandidate),
            "over threshold: cpu 100.0 % > 70.0 %, load 1 min 12.00 > 10.00; no node runs, so wnm waits until the load falls"
        );
        // A cooldown concerns the last change, not a signal.
        assert_eq!(sentence(Blocker::Cooldown { until: NOW }), "cooldown after the last change: 0s left");
        assert_eq!(no_action(Some(&Blocker::NoCandidate), &[], NOW), "no running node to stop");
    }

    #[test]
    fn blockers_follow_the_reason_for_no_action() {
        let lines = |blockers: &[Blocker]| no_action_lines(None, blockers, &[], NOW).join("\n");
        assert_eq!(lines(&[]), "no action needed");
        let blockers = [
            Blocker::OverThreshold(comparison(Signal::Cpu, 60.0, 50.0, None)),
            Blocker::NodeCap { total: 20, cap: 20 },
        ];
        insta::assert_snapshot!(lines(&blockers), @r"
        no action
        no headroom: cpu 60.0 %; nodes are added below 50.0 %
        node cap reached: 20 of 20 nodes (node_cap)
        ");
    }
}
