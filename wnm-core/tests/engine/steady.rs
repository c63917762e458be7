//! The steady rules, on hosts whose figures a test steps through minute by minute.

mod cpu_limit;

use std::time::Duration;

use wnm_core::steps::{Outcome, Step};
use wnm_core::{
    Action, Blocker, Bytes, Cores, CpuLimitSample, Decision, FailedAction, HostSample, Load, LoadAverages, NodeState,
    Planned, Policy, Presence, Psi, RawSettings, Reason, Relief, Signal, SkipReason, Stall, StallTime, Stalls,
    StopCause, Verdict, Volume, VolumeFault, WeightMeans, WeightSample, evaluate,
};

use crate::colony::{Colony, NOW, ago, id, percent};

/// A host of ten cores, on which a mature node needs a twentieth of the machine.
struct Host {
    colony: Colony,
    /// CPU of the background load, in percent of the machine.
    background: f64,
    /// CPU of each node, in cores.
    each: f64,
    /// The load averages; None for the load of the use.
    load: Option<f64>,
    minutes: u64,
}

impl Host {
    fn new(nodes: u32, settings: &[(&str, &str)]) -> Self {
        let settings =
            [&[("preset", "steady"), ("desired_load_average", "6"), ("max_load_average_allowed", "10")], settings];
        let mut colony = (1..=nodes).fold(Colony::new(&settings.concat()), Colony::running);
        colony.look.host.cpus = Some(10);
        colony.look.host.memory_total = Some(Bytes(100_000_000_000));
        let volume = Volume { used: percent(20.0), total: Some(Bytes(1_000_000_000_000)), ..Volume::default() };
        colony.look.host.volumes = vec![volume];
        for (_, sample) in &mut colony.look.nodes {
            sample.memory = Some(Bytes(200_000_000));
            sample.disk = Some(Bytes(10_000_000_000));
        }
        Self { colony, background: 5.0, each: 0.5, load: None, minutes: 0 }
    }

    /// Advances the time by a minute, and executes the decision at its end.
    fn minute(&mut self) -> Decision {
        self.minutes += 1;
        let Colony { policy, state, look } = &mut self.colony;
        look.now = NOW.after(Duration::from_secs(60 * self.minutes));
        let mut own = 0.0;
        for (id, sample) in &mut look.nodes {
            let runs = matches!(state.nodes.get(id), Some(NodeState::Running { .. } | NodeState::Restarting { .. }));
            sample.presence = if runs { Presence::Answering } else { Presence::Gone };
            sample.cpu = Cores::clamped(if runs { self.each } else { 0.0 });
            own += if runs { self.each * 10.0 } else { 0.0 };
        }
        if let Some(cpu_limit) = &mut look.host.cpu_limit {
            let limit = cpu_limit.limit.map_or(100.0, |limit| limit.get() * 10.0);
            cpu_limit.throttled = percent(if own > limit { 80.0 } else { 0.0 });
            let share = (limit / own.max(limit)).min(1.0);
            own *= share;
            for (_, sample) in &mut look.nodes {
                sample.cpu = sample.cpu.and_then(|cpu| Cores::clamped(cpu.get() * share));
            }
        }
        let used = (self.background + own).min(100.0);
        look.host.cpu = percent(used);
        let load = Load::clamped(self.load.unwrap_or(used / 10.0)).unwrap_or_default();
        look.host.load = Some(LoadAverages { one: load, five: load, fifteen: load });
        let evaluation = evaluate(policy, std::mem::take(state), look);
        let decision = evaluation.decision.clone();
        let done = |planned: &Planned| (planned.clone(), Outcome::Done);
        let outcomes: Vec<_> = decision.actions.iter().map(done).collect();
        *state = evaluation.apply(&outcomes);
        if let Some(cpu_limit) = &mut look.host.cpu_limit {
            cpu_limit.limit = decision.cpu_limit;
        }
        for planned in &decision.actions {
            match planned.action {
                Action::Remove { node, .. } => _ = look.nodes.remove(&node),
                Action::Add { node } => {
                    let sample = look.nodes.entry(node).or_default();
                    (sample.born, sample.volume) = (look.now, Some(0));
                    sample.disk = Some(Bytes(0));
                }
                _ => {}
            }
        }
        decision
    }

    /// Adds support for a CPU limit to the host.
    fn with_cpu_limit(mut self) -> Self {
        self.colony.look.host.cpu_limit = Some(CpuLimitSample::default());
        self
    }

    /// Returns the CPU limit, in percent of the machine; infinite without one.
    fn limit(&self) -> f64 {
        self.colony
            .look
            .host
            .cpu_limit
            .and_then(|cpu_limit| cpu_limit.limit)
            .map_or(f64::INFINITY, |limit| (limit.get() * 10.0).round())
    }

    fn minutes(&mut self, count: u32) -> Vec<(u64, Decision)> {
        (0..count).map(|_| (self.minute(), self.minutes)).map(|(decision, at)| (at, decision)).collect()
    }

    /// Returns the actions of so many minutes, each with its minute.
    fn actions(&mut self, count: u32) -> Vec<(u64, &'static str, u32)> {
        let decisions = self.minutes(count).into_iter();
        let named = |at, planned: &Planned| (at, planned.action.verb(), planned.action.node().get());
        decisions.flat_map(|(at, d)| d.actions.iter().map(|planned| named(at, planned)).collect::<Vec<_>>()).collect()
    }
}

/// Returns the verdict of a rule.
fn verdict_of<'a>(decision: &'a Decision, rule: &str) -> Option<&'a Verdict> {
    decision.verdicts.iter().find(|judged| judged.rule == rule).map(|judged| &judged.verdict)
}

#[test]
fn relief_waits_for_the_grace_period_and_needs_one_step() {
    // Ten nodes of 5 % need 50 %; the background load takes 27 %: 77 % exceeds the high threshold of 70 %, and the relief target is 64 %.
    let mut host = Host::new(10, &[("node_cap", "10")]);
    assert_eq!(host.actions(60), []);
    host.background = 27.0;
    assert_eq!(host.actions(30), [(62, "stop", 10), (62, "stop", 9), (62, "stop", 8)]);
}

#[test]
fn lost_volume_with_most_nodes_leaves_the_rules_to_the_others() {
    // Three of four nodes ended with their volume: their CPU is not unknown but zero.
    let half_lost = || {
        let mut host = Host::new(4, &[("node_cap", "4")]);
        host.minutes(60);
        host.colony.policy.node_cap = 9;
        host.colony.look.host.volumes.push(Volume { fault: Some(VolumeFault::Lost), ..Volume::default() });
        for number in [2, 3, 4] {
            host.colony.state.nodes.insert(id(number), NodeState::Unknown { since: NOW });
        }
        host
    };
    let step = |host: &mut Host, at: u64, own: f64| {
        let Colony { policy, state, look } = &mut host.colony;
        (look.now, look.host.cpu) = (NOW.after(Duration::from_secs(60 * at)), percent(5.0 + own * 10.0));
        for (node, sample) in &mut look.nodes {
            let is_lost = *node > id(1);
            sample.cpu = if is_lost { None } else { Cores::new(own).ok() };
            if is_lost {
                (sample.presence, sample.volume) = (Presence::VolumeFault, Some(1));
            }
        }
        let evaluation = evaluate(policy, std::mem::take(state), look);
        let decision = evaluation.decision.clone();
        *state = evaluation.apply(&[]);
        decision.actions.iter().map(|planned| (planned.action.verb(), planned.action.node())).collect::<Vec<_>>()
    };
    let (mut busy, mut calm) = (half_lost(), half_lost());
    let busy: Vec<_> = (61..=90).flat_map(|minute| step(&mut busy, minute, 7.0)).collect();
    assert_eq!(busy.first(), Some(&("stop", id(1))), "{busy:?}");
    let calm: Vec<_> = (61..=300).flat_map(|minute| step(&mut calm, minute, 0.5)).collect();
    assert_eq!(calm.first(), Some(&("add", id(5))), "{calm:?}");
}

#[test]
fn recently_started_nodes_stop_last() {
    let mut host = Host::new(10, &[("node_cap", "10")]);
    host.minutes(60);
    for young in [8, 10] {
        host.colony.state.nodes.insert(id(young), NodeState::Running { since: host.colony.look.now });
    }
    host.background = 27.0;
    assert_eq!(host.actions(10), [(62, "stop", 9), (62, "stop", 7), (62, "stop", 6)]);
    // Where more must stop than have run for half an hour, they do as well.
    let mut host = Host::new(3, &[("node_cap", "3")]);
    host.each = 1.5;
    host.minutes(60);
    for young in [2, 3] {
        host.colony.state.nodes.insert(id(young), NodeState::Running { since: host.colony.look.now });
    }
    host.background = 40.0;
    assert_eq!(host.actions(3), [(62, "stop", 1), (62, "stop", 3)]);
}

#[test]
fn use_over_the_warning_threshold_is_relieved_after_15_minutes() {
    let mut host = Host::new(10, &[("node_cap", "10")]);
    host.minutes(60);
    host.background = 17.0;
    assert_eq!(host.actions(14), []);
    host.background = 10.0;
    host.minute();
    host.background = 17.0;
    assert_eq!(host.actions(1), []);
    let decision = host.minute();
    let [Planned { action: Action::Stop { .. }, reason: Reason::Relief { relief, .. } }] = decision.actions.as_slice()
    else {
        panic!("{decision:?}");
    };
    assert_eq!(*relief, Relief::Warning);
}

#[test]
fn background_load_and_load_averages_stop_no_node() {
    let mut host = Host::new(5, &[("node_cap", "5")]);
    host.minutes(60);
    host.background = 70.0;
    let decisions = host.minutes(60);
    assert!(decisions.iter().all(|(_, decision)| decision.actions.is_empty()));
    let last = &decisions[59].1;
    assert!(
        matches!(
            verdict_of(last, "relieve_cpu"),
            Some(Verdict::Skip(SkipReason::Blocked(Blocker::ExternalOverload { .. })))
        ),
        "{last:?}"
    );
    // Averages that are far over their marks stop nothing either.
    (host.background, host.load) = (5.0, Some(300.0));
    assert_eq!(host.actions(60), []);
}

#[test]
fn grace_period_grows_after_a_needless_stop() {
    let mut host = Host::new(10, &[("node_cap", "10")]);
    host.minutes(60);
    // Each time it is over after five minutes.
    let mut rides = Vec::new();
    for _ in 0..3 {
        let began = host.minutes;
        host.background = 30.0;
        let deeds = host.actions(5);
        rides.extend(deeds.first().map(|(at, ..)| at - began));
        host.background = 5.0;
        host.minutes(120);
    }
    assert_eq!(rides, [2, 3, 5]);
}

#[test]
fn growth_waits_for_lasting_headroom_and_stays_below_target() {
    let mut host = Host::new(1, &[("node_cap", "50")]);
    host.background = 53.0;
    assert_eq!(host.actions(120), []);
    host.background = 1.0;
    // Nine tenths of half an hour must have had room; the surge of starting allows one at a time.
    assert_eq!(host.actions(28), [(147, "add", 2), (148, "add", 3)]);
    let later = host.actions(100);
    assert!(later.iter().all(|(_, verb, _)| *verb == "add"), "{later:?}");
    // A twelfth node of 5 % would take use to 61 %, over the goal of 60 %.
    assert_eq!(host.colony.state.nodes.len(), 11);
    assert_eq!(host.actions(600), [], "it has come to rest");
}

#[test]
fn node_stopped_for_pressure_waits_half_an_hour() {
    let mut host = Host::new(10, &[("node_cap", "10"), ("delay_restart", "60")]);
    host.minutes(60);
    host.background = 40.0;
    let stops = host.actions(5);
    let (at, verb, _) = stops[0];
    assert_eq!(verb, "stop");
    host.background = 0.0;
    let starts = host.actions(60);
    let (again, verb, _) = starts[0];
    assert_eq!((verb, again - at), ("start", 30));
}

#[test]
fn change_starts_a_cooldown() {
    let mut host = Host::new(10, &[("node_cap", "10"), ("steady_cooldown", "600")]);
    host.minutes(60);
    host.background = 30.0;
    assert!(!host.actions(2).is_empty());
    // It has become worse, and the stop before has not shown all it did.
    host.background = 55.0;
    let decisions = host.minutes(9);
    let rests = |(_, decision): &(u64, Decision)| matches!(decision.blocker(), Some(Blocker::Cooldown { .. }));
    assert!(decisions.iter().any(rests) && decisions.iter().all(|(_, decision)| decision.actions.is_empty()));
    assert!(!host.actions(3).is_empty());
}

#[test]
fn leaking_node_is_stopped() {
    let mut host = Host::new(6, &[("node_cap", "6")]);
    host.minutes(10);
    let look = &mut host.colony.look;
    look.host.memory = percent(73.0);
    look.nodes.get_mut(&id(2)).expect("it is there").memory = Some(Bytes(20_000_000_000));
    // A stop that failed shortly before is not repeated at once, and the youngest stop instead.
    let mut failed = FailedAction {
        verb: "stop".to_owned(),
        node: id(2),
        step: Step::SeeGone,
        error: "no".to_owned(),
        cause: wnm_core::FailureCause::Other,
        hint: None,
        failures: 1,
        at: NOW,
        retry_at: NOW.after(Duration::from_secs(3600)),
    };
    let mut delayed = host.colony.clone();
    delayed.look.now = NOW.after(Duration::from_secs(660));
    delayed.state.failures.push(failed.clone());
    assert!(!delayed.decided().contains(&("stop", 2)), "{:?}", delayed.decided());
    failed.retry_at = NOW;
    host.colony.state.failures.push(failed);
    let decision = host.minute();
    let [Planned { action, reason: Reason::Relief { relief, .. } }] = decision.actions.as_slice() else {
        panic!("{decision:?}");
    };
    assert_eq!((action.verb(), action.node(), *relief), ("stop", id(2), Relief::Leak));
}

#[test]
fn memory_over_the_warning_threshold_is_relieved_at_once() {
    let mut host = Host::new(10, &[("node_cap", "10")]);
    for (_, sample) in &mut host.colony.look.nodes {
        sample.memory = Some(Bytes(1_000_000_000));
    }
    host.minutes(10);
    // 73 % is over the warning threshold of 72 %; back to 70.5 % takes 2.5 GB.
    host.colony.look.host.memory = percent(73.0);
    assert_eq!(host.actions(1), [(11, "stop", 10), (11, "stop", 9), (11, "stop", 8)]);
}

#[test]
fn memory_of_other_programs_stops_no_node() {
    let mut host = Host::new(10, &[("node_cap", "10")]);
    host.minutes(10);
    // 10 GB over the warning threshold of 72 %, and the nodes hold 2 GB.
    host.colony.look.host.memory = percent(82.0);
    let decision = host.minute();
    assert_eq!(decision.actions, []);
    let Some(Verdict::Skip(SkipReason::Blocked(Blocker::ExternalUse { held, .. }))) =
        verdict_of(&decision, "relieve_memory")
    else {
        panic!("{decision:?}")
    };
    assert_eq!(*held, Bytes(2_000_000_000));
}

#[test]
fn growth_begins_within_a_minute_on_a_calm_host() {
    let mut host = Host::new(1, &[("node_cap", "50")]);
    host.background = 1.0;
    assert_eq!(host.actions(2).first().map(|(minute, verb, _)| (*minute, *verb)), Some((2, "add")));
    let mut busy = Host::new(1, &[("node_cap", "50")]);
    busy.background = 50.0;
    assert_eq!(busy.actions(4), []);
}

#[test]
fn nodes_behind_other_work_use_more_of_the_cpu_by_default() {
    let started = |settings: &[(&str, &str)], means| {
        let mut raw = RawSettings::default();
        for (key, text) in [&[("preset", "steady")], settings].concat() {
            raw.set(key, text).expect("settings in tests are sound");
        }
        let policy = Policy::new(&raw, Some(10)).expect("policies in tests are sound");
        let weight = Some(WeightSample { cpu: means, io: None });
        let on = policy.on(&HostSample { weight, ..HostSample::default() }).into_owned();
        (on.cpu.less_than.get(), on.cpu.remove.get(), on.load.is_some())
    };
    let group = Some(WeightMeans::Group);
    let cases: [(&[(&str, &str)], _, _); 6] = [
        (&[], group, (75.0, 92.0, false)),
        (&[], None, (50.0, 70.0, true)),
        (&[], Some(WeightMeans::UserGroup), (50.0, 70.0, true)),
        (&[("cpu_remove", "80")], group, (50.0, 80.0, false)),
        (&[("desired_load_average", "6")], group, (75.0, 92.0, true)),
        (&[("preset", "classic")], group, (50.0, 70.0, true)),
    ];
    for (settings, means, want) in cases {
        assert_eq!(started(settings, means), want, "{settings:?} {means:?}");
    }
}

#[test]
fn load_over_the_high_threshold_blocks_growth_at_once() {
    let mut host = Host::new(4, &[("node_cap", "5")]);
    host.colony.policy.node_cap = 4;
    host.minutes(60);
    host.colony.policy.node_cap = 5;
    // One busy minute of thirty does not change the forecast.
    host.load = Some(12.0);
    let decision = host.minute();
    assert_eq!(decision.actions, []);
    let is_of_load =
        |blocker: &&Blocker| matches!(blocker, Blocker::OverThreshold(over) if over.signal == Signal::Load1);
    assert!(decision.blockers().iter().any(is_of_load), "{:?}", decision.blockers());
    host.load = None;
    assert_eq!(host.actions(2).len(), 1);
}

#[test]
fn stalls_of_the_background_load_block_growth() {
    let mut host = Host::new(1, &[("node_cap", "50")]);
    host.background = 1.0;
    let time = |share| StallTime { avg10: percent(share).unwrap_or_default(), total: None };
    let stalls = |share| Stalls { cpu: Stall { some: time(share), full: None }, ..Stalls::default() };
    let psi = |background| Some(Psi { host: stalls(90.0), colony: background, background });
    host.colony.look.host.psi = psi(Some(stalls(25.0)));
    assert_eq!(host.actions(10), []);
    // Stalls of the host include those of the nodes, which wait behind other work.
    host.colony.look.host.psi = psi(None);
    assert_ne!(host.actions(3), []);
}

#[test]
fn filling_volume_removes_its_youngest_nodes() {
    let mut host = Host::new(8, &[("node_cap", "8")]);
    let look = &mut host.colony.look;
    look.host.volumes[0].used = percent(89.8);
    // It is 1 GB over the mark of 89.7 %: two of these are enough.
    for number in [7, 8] {
        look.nodes.get_mut(&id(number)).expect("it is there").disk = Some(Bytes(600_000_000));
    }
    assert_eq!(host.actions(1), [(1, "remove", 8), (1, "remove", 7)]);
}

#[test]
fn nodes_of_unknown_size_are_removed_one_at_a_time() {
    let mut host = Host::new(8, &[("node_cap", "8")]);
    host.colony.look.host.volumes[0].used = percent(95.0);
    for (_, sample) in &mut host.colony.look.nodes {
        sample.disk = None;
    }
    assert_eq!(host.actions(1), [(1, "remove", 8)]);
    host.colony.state.nodes.insert(id(7), NodeState::Removing { since: ago(0) });
    assert_eq!(host.actions(5), []);
}

#[test]
fn predicted_full_volume_blocks_growth() {
    let mut host = Host::new(2, &[("node_cap", "90")]);
    host.each = 0.01;
    let mut last = None;
    for hour in 0..12 {
        // A per cent an hour: 33 more within the horizon.
        host.colony.look.host.volumes[0].used = percent(50.0 + f64::from(hour));
        last = host.minutes(60).pop();
    }
    let (_, decision) = last.expect("there were some");
    let held = verdict_of(&decision, "grow_steadily");
    assert!(
        matches!(
            held,
            Some(Verdict::Skip(SkipReason::Blocked(Blocker::NoHeadroom { signal: wnm_core::Signal::Disk(0), .. })))
        ),
        "{held:?}"
    );
}

#[test]
fn missing_metric_blocks_growth_by_name() {
    let mut host = Host::new(1, &[("node_cap", "90")]);
    host.minutes(40);
    host.colony.look.host.memory = None;
    let decision = host.minute();
    assert_eq!(decision.actions, []);
    let held = Verdict::Skip(SkipReason::Blocked(Blocker::MissingMetric { signal: wnm_core::Signal::Memory }));
    assert_eq!(verdict_of(&decision, "grow_steadily"), Some(&held));
}

#[test]
fn unmeasured_nodes_block_growth_and_relief_by_count() {
    let mut host = Host::new(8, &[("node_cap", "90")]);
    // No number of cores: the CPU of the nodes is unknown, as in the first cycle that observes them.
    host.each = f64::NAN;
    host.background = 100.0;
    let decision = host.minute();
    assert_eq!(decision.actions, []);
    let held = Verdict::Skip(SkipReason::Blocked(Blocker::UnmeasuredNodes { unmeasured: 8, running: 8 }));
    for rule in ["grow_steadily", "relieve_cpu"] {
        assert_eq!(verdict_of(&decision, rule), Some(&held), "{rule}");
    }
    host.colony.look.host.cpus = None;
    let decision = host.minute();
    let held = Verdict::Skip(SkipReason::Blocked(Blocker::MissingMetric { signal: wnm_core::Signal::Cpu }));
    assert_eq!(verdict_of(&decision, "grow_steadily"), Some(&held));
}

#[test]
fn start_in_progress_does_not_block_relief() {
    let mut host = Host::new(10, &[("node_cap", "10")]);
    host.minutes(60);
    host.background = 30.0;
    host.minute();
    let state = &mut host.colony.state;
    state.nodes.insert(id(1), NodeState::Restarting { since: ago(0) });
    state.acting.insert(id(1));
    assert!(!host.actions(1).is_empty());
}

#[test]
fn stored_forecast_decides_like_one_in_memory() {
    let mut host = Host::new(10, &[("node_cap", "20")]);
    for step in 0..90 {
        host.background = f64::from(step * 7 % 31) + 0.1;
        let text = serde_json::to_string(&host.colony.state).expect("it is data");
        assert_eq!(serde_json::from_str::<wnm_core::EngineState>(&text).expect("it is ours"), host.colony.state);
        host.minute();
    }
}

#[test]
fn pending_action_is_not_begun_again() {
    let mut host = Host::new(10, &[("node_cap", "10")]);
    host.minutes(60);
    host.background = 30.0;
    host.minute();
    let Colony { policy, state, look } = &mut host.colony;
    look.now = NOW.after(Duration::from_secs(60 * 62));
    let evaluation = evaluate(policy, state.clone(), look);
    let decision = evaluation.decision.clone();
    let pending = Outcome::Pending { step: Step::SeeGone, since: look.now, why: "still running".to_owned() };
    let outcomes: Vec<_> = decision.actions.iter().map(|planned| (planned.clone(), pending.clone())).collect();
    let after = evaluation.apply(&outcomes);
    look.now = NOW.after(Duration::from_secs(60 * 63));
    // A node in a stop is neither counted nor chosen again, and the rule waits for the effect.
    let again = evaluate(policy, after.clone(), look).decision;
    assert!(!decision.actions.is_empty() && again.actions.is_empty(), "{again:?}");
    let cause = StopCause::Pressure;
    assert_ne!(after.nodes.get(&id(10)), Some(&NodeState::Stopped { since: Some(look.now), cause }));
}

/// Memory that other programs use holds back no node that was killed: no rule would stop it.
#[test]
fn killed_node_comes_back_beside_programs_that_use_the_memory() {
    let mut host = Host::new(4, &[("node_cap", "4"), ("mem_less_than", "50"), ("mem_remove", "70")]);
    host.colony.look.host.memory = percent(69.0);
    host.minutes(30);
    let down = NodeState::Stopped { since: Some(host.colony.look.now), cause: StopCause::Found };
    host.colony.state.nodes.insert(id(2), down);
    assert_eq!(host.actions(30).iter().filter(|(_, verb, node)| (*verb, *node) == ("start", 2)).count(), 1);
}
