//! Reasons, rests and verdicts in words: the only place where they are put so.

use wnm_core::steps::Failure;
use wnm_core::{
    Action, Anomaly, Hold, Measure, Outcome, Pass, Presence, Reading, Reason, Relief, Rest, Signal, Timestamp, Verdict,
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

/// Returns why nothing is done.
pub(crate) fn rest(rest: &Rest, now: Timestamp) -> String {
    match rest {
        Rest::Rebooted => "the host was restarted: only looking".to_owned(),
        Rest::Anomaly { anomaly: found } => anomaly(found),
        Rest::OperationsUnderWay { under_way, limit } => format!("{under_way} of {limit} operations under way"),
        Rest::ReliefUnderWay { removing } => format!("too much pressure, and {removing} nodes are on their way out"),
        Rest::NothingToRelieve => "too much pressure, and no node left that may be stopped".to_owned(),
        Rest::WaitingToRestart { node, until } => {
            format!("there is room, and {} may start again in {}", node.name(), span(until.since(now)))
        }
        Rest::Settling { until } => {
            format!("the last change is given {} more to show what it did", span(until.since(now)))
        }
        Rest::Content => "nothing to do".to_owned(),
    }
}

/// Returns why nothing is done, what is waited for, and what must come true before a node is added.
pub(crate) fn quiet<'a>(
    why: &Rest,
    waits: impl IntoIterator<Item = &'a Pass>,
    signals: &[Measure],
    (nodes, cap): (usize, u32),
    now: Timestamp,
) -> Vec<String> {
    let waits: Vec<String> = waits.into_iter().map(pass).collect();
    let next = if waits.is_empty() { next(why, signals, nodes, cap) } else { None };
    [rest(why, now)].into_iter().chain(waits).chain(next).collect()
}

/// Returns what must come true before a node is added, as far as signals and the cap tell.
fn next(rest: &Rest, signals: &[Measure], nodes: usize, cap: u32) -> Option<String> {
    if *rest != Rest::Content {
        return None;
    }
    if nodes >= cap as usize {
        return Some(format!("adds nothing: node_cap is {cap}"));
    }
    // One volume with room is enough.
    let is_disk = |measure: &Measure| matches!(measure.signal, Signal::Disk(_));
    let has_disk = signals.iter().any(|measure| is_disk(measure) && measure.allows());
    let blocking = signals.iter().find(|measure| !(measure.allows() || has_disk && is_disk(measure)))?;
    let seen = blocking.seen.map_or_else(|| "unknown".to_owned(), |seen| seen.to_string());
    Some(format!("adds when {} < {}, now {seen}", blocking.signal, blocking.less_than))
}

/// Returns what one rule said.
pub(crate) fn verdict(verdict: &Verdict, now: Timestamp) -> String {
    match verdict {
        Verdict::Acts => "acts".to_owned(),
        Verdict::Rests(why) => format!("rests: {}", rest(why, now)),
        Verdict::Passes(why) => pass(why),
    }
}

fn pass(pass: &Pass) -> String {
    match pass {
        Pass::NotRebooted => "the host was not restarted".to_owned(),
        Pass::NoAnomaly => "no more nodes vanished than chance explains".to_owned(),
        Pass::NoneDead => "no node has lost its folder".to_owned(),
        Pass::OperationsLeft { under_way, limit } => format!("{under_way} of {limit} operations under way"),
        Pass::NoPressure => "no signal is above its upper mark".to_owned(),
        Pass::UpgradesOff => "nodes upgrade themselves (enable_upgrade is false)".to_owned(),
        Pass::TargetUnknown => "the version of the node binary is not known".to_owned(),
        Pass::TargetRefused { version } => format!("upgrades to {version} failed too often"),
        Pass::NothingOutdated => "no running node is known to be older than the node binary".to_owned(),
        Pass::TargetIsOlder => "the node binary is older than what the first node runs".to_owned(),
        Pass::Busy => "an operation is under way, and nodes are added only in calm".to_owned(),
        Pass::CapReached { total, cap } => format!("{total} nodes, and node_cap is {cap}"),
        Pass::NoHeadroom => "some signal is not below its lower mark".to_owned(),
        Pass::WithinCap { total, cap } => format!("{total} nodes, and node_cap is {cap}"),
        Pass::NothingLeft => "there is too much, and no node left whose stop or removal would help".to_owned(),
        Pass::ReliefUnderWay { removing } => format!("there is too much, and {removing} nodes are on their way out"),
        Pass::ExternalOverload { background, mark } => {
            format!("others ask for {background} of the processors, near {mark}: stopping nodes would not help")
        }
        Pass::Dwelling { over, grace, over_warning, warning_grace } => format!(
            "cpu above its mark for {} of the {} it may be, near it for {} of {}",
            span(*over),
            span(*grace),
            span(*over_warning),
            span(*warning_grace)
        ),
        Pass::Holds(held) => hold(held),
    }
}

/// Returns what keeps steady rules from acting.
fn hold(hold: &Hold) -> String {
    match hold {
        Hold::Missing { signal } => format!("{signal} is not known"),
        Hold::Watching { seen, wanted } => {
            format!("adds after it has watched for {}, so far {}", span(*wanted), span(*seen))
        }
        Hold::OverWarning { signal, seen, mark } => format!("adds when {signal} < {mark}, now {seen}"),
        Hold::NoHeadroom { signal, expected, ceiling } => {
            format!("with one more, {signal} would come to {expected}, and must stay under {ceiling}")
        }
        Hold::Surge { expected, ceiling } => {
            format!("starting one more would take cpu to {expected}, and must stay under {ceiling}")
        }
        Hold::Throttled { share, reserve, load } => {
            let end = match load {
                Some(Measure { signal, seen: Some(seen), remove, .. }) => {
                    format!(", as {signal} is {seen} of {remove}")
                }
                _ if reserve.get() >= 1.0 => format!(", to keep {reserve} free for others"),
                _ => String::new(),
            };
            format!("the CPU cpu_limit holds the colony back for {share} of the time{end}")
        }
    }
}

/// Returns what was seen of a node.
pub(crate) fn presence(presence: Presence) -> &'static str {
    match presence {
        Presence::Unobserved => "it was not looked at",
        Presence::Answering => "it answers",
        Presence::Silent => "its process lives, and gives no answer",
        Presence::Stray => "another process answers on its ports",
        Presence::Gone => "no process and no answer",
        Presence::Unreachable => "its process manager cannot be asked, and there is no answer",
        Presence::FolderMissing => "its folder is not there",
    }
}

/// Returns how far the signals are from a verdict that follows from them; None where it follows from something else.
pub(crate) fn distance(verdict: &Verdict, signals: &[Measure]) -> Option<String> {
    let beside = |measure: &Measure, mark: Reading| {
        let seen = measure.seen.map_or_else(|| "unknown".to_owned(), |seen| seen.to_string());
        format!("{} {seen} of {mark}", measure.signal)
    };
    let share =
        |measure: &Measure| measure.seen.map(|seen| seen.number() / measure.remove.number().max(f64::MIN_POSITIVE));
    match verdict {
        Verdict::Passes(Pass::NoPressure) => {
            let nearest = signals.iter().filter_map(|measure| Some((share(measure)?, measure)));
            let (_, nearest) = nearest.max_by(|(one, _), (other, _)| one.total_cmp(other))?;
            Some(format!("nearest: {}", beside(nearest, nearest.remove)))
        }
        Verdict::Passes(Pass::NoHeadroom) => {
            let above = signals.iter().filter(|measure| !measure.allows());
            let above: Vec<String> = above.map(|measure| beside(measure, measure.less_than)).collect();
            (!above.is_empty()).then(|| above.join(", "))
        }
        Verdict::Passes(_) | Verdict::Acts | Verdict::Rests(_) => None,
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
    use wnm_core::{HostSample, LoadAverages, Percent, Policy, RawSettings, Volume, measures};

    use super::*;

    fn signals(cpu: f64, disks: &[f64]) -> Vec<Measure> {
        let percent = |value| Percent::new(value).ok();
        let load = wnm_core::Load::new(0.1).unwrap();
        let host = HostSample {
            cpu: percent(cpu),
            memory: percent(10.0),
            volumes: disks.iter().map(|used| Volume { used: percent(*used), ..Volume::default() }).collect(),
            load: Some(LoadAverages { one: load, five: load, fifteen: load }),
            ..HostSample::default()
        };
        measures(&Policy::new(&RawSettings::default(), Some(2)).unwrap(), &host).collect()
    }

    #[test]
    fn what_comes_next_is_told_by_what_stands_against_it() {
        let next = |cpu, disks: &[f64], nodes| next(&Rest::Content, &signals(cpu, disks), nodes, 20);
        assert_eq!(next(60.0, &[20.0], 3).as_deref(), Some("adds when cpu < 50.0 %, now 60.0 %"));
        assert_eq!(next(10.0, &[80.0], 3).as_deref(), Some("adds when disk < 75.0 %, now 80.0 %"));
        assert_eq!(next(60.0, &[80.0, 20.0], 3).as_deref(), Some("adds when cpu < 50.0 %, now 60.0 %"));
        assert_eq!(next(10.0, &[80.0, 20.0], 3), None);
        assert_eq!(next(10.0, &[20.0], 20).as_deref(), Some("adds nothing: node_cap is 20"));
    }

    #[test]
    fn what_is_waited_for_is_said_in_place_of_what_comes_next() {
        let percent = |value| Percent::new(value).unwrap();
        let minutes = |minutes: u64| std::time::Duration::from_secs(60 * minutes);
        let external_overload = Pass::ExternalOverload { background: percent(72.0), mark: percent(70.0) };
        let holds = Pass::Holds(Hold::Watching { seen: minutes(3), wanted: minutes(5) });
        let dwelling = Pass::Dwelling {
            over: minutes(1),
            grace: minutes(2),
            over_warning: minutes(1),
            warning_grace: minutes(15),
        };
        let said = |waits: &[Pass]| {
            quiet(&Rest::Content, waits, &signals(60.0, &[10.0]), (3, 20), Timestamp::default()).join("\n")
        };
        insta::assert_snapshot!(said(&[external_overload, holds]), @r"
        nothing to do
        others ask for 72.0 % of the processors, near 70.0 %: stopping nodes would not help
        adds after it has watched for 5m, so far 3m
        ");
        insta::assert_snapshot!(said(&[dwelling]), @r"
        nothing to do
        cpu above its mark for 1m of the 2m it may be, near it for 1m of 15m
        ");
        insta::assert_snapshot!(said(&[]), @r"
        nothing to do
        adds when cpu < 50.0 %, now 60.0 %
        ");
    }

    #[test]
    fn each_relief_and_each_hold_has_its_sentence() {
        let percent = |value| Percent::new(value).unwrap();
        let [cpu, ..] = signals(72.0, &[20.0])[..] else { panic!("the processors come first") };
        let measure = |signal| Measure { signal, ..cpu };
        let reliefs = [Relief::Grace, Relief::Soft, Relief::Memory, Relief::Leak, Relief::Disk, Relief::Throttled];
        let signals = [Signal::Cpu, Signal::Cpu, Signal::Memory, Signal::Memory, Signal::Disk(0), Signal::Cpu];
        let traffic = relief(Relief::Traffic, &measure(Signal::NetRead));
        let relieved = reliefs.into_iter().zip(signals).map(|(cause, signal)| relief(cause, &measure(signal)));
        let over = Reading::Percent(percent(72.0));
        let load = Measure {
            signal: Signal::Load1,
            seen: Some(Reading::Load(wnm_core::Load::new(12.0).unwrap())),
            less_than: Reading::Load(wnm_core::Load::new(6.0).unwrap()),
            remove: Reading::Load(wnm_core::Load::new(10.0).unwrap()),
        };
        let throttled = |reserve, load| Hold::Throttled { share: percent(40.0), reserve: percent(reserve), load };
        let holds = [
            Hold::Missing { signal: Signal::Load1 },
            Hold::OverWarning { signal: Signal::Memory, seen: over, mark: Reading::Percent(percent(66.0)) },
            Hold::NoHeadroom { signal: Signal::Cpu, expected: over, ceiling: Reading::Percent(percent(60.0)) },
            Hold::Surge { expected: percent(72.0), ceiling: percent(66.0) },
            throttled(0.0, None),
            throttled(20.0, None),
            throttled(20.0, Some(load)),
        ];
        let said: Vec<String> = relieved.chain([traffic]).chain(holds.iter().map(hold)).collect();
        insta::assert_snapshot!(said.join("\n"), @r"
        cpu has been above 70.0 % for too long, now 72.0 %
        cpu has been near 70.0 % for too long, now 72.0 %
        memory is 72.0 %, near 70.0 %
        memory is 72.0 %, near 70.0 %, and the node holds much more than others
        disk is 72.0 %, near 70.0 %
        the colony's CPU cpu_limit has held it back for an hour; cpu is 72.0 %
        net read is 72.0 %, above 70.0 %
        load 1 min is not known
        adds when memory < 66.0 %, now 72.0 %
        with one more, cpu would come to 72.0 %, and must stay under 60.0 %
        starting one more would take cpu to 72.0 %, and must stay under 66.0 %
        the CPU cpu_limit holds the colony back for 40.0 % of the time
        the CPU cpu_limit holds the colony back for 40.0 % of the time, to keep 20.0 % free for others
        the CPU cpu_limit holds the colony back for 40.0 % of the time, as load 1 min is 12.00 of 10.00
        ");
    }

    #[test]
    fn a_verdict_on_signals_tells_by_how_much() {
        let of = |pass, cpu, disks: &[f64]| distance(&Verdict::Passes(pass), &signals(cpu, disks));
        assert_eq!(of(Pass::NoPressure, 60.0, &[20.0]).as_deref(), Some("nearest: cpu 60.0 % of 70.0 %"));
        assert_eq!(of(Pass::NoPressure, 60.0, &[89.0]).as_deref(), Some("nearest: disk 89.0 % of 90.0 %"));
        assert_eq!(of(Pass::NoHeadroom, 60.0, &[80.0]).as_deref(), Some("cpu 60.0 % of 50.0 %, disk 80.0 % of 75.0 %"));
        assert_eq!(of(Pass::NoneDead, 60.0, &[80.0]), None);
    }
}
