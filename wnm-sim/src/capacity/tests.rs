//! Compares the model with values computed by hand.

use std::sync::Arc;
use std::time::Duration;

use wnm_core::{Action, Measure, NodeId, Observation, Outcome, Planned, Presence, RawSettings, Reason};

use super::background::Background;
use super::executor::Executor;
use super::recording::TraceFacts;
use super::score_keeper::ScoreKeeper;
use super::*;
use crate::scenario::capacity::{EpisodeRate, Scenario, Size, Source};

/// A host without randomness: 4 processors, nodes of 0.05 cores, no surge and no noise.
const PLAIN: &str = r#"
about = "for tests"
[host]
cpus = 4
memory_gb = 16
disk_gb = 1000
[colony]
cap_per_core = 10
start_per_core = 3
[model]
cpu_spread = 0
surge = 0
own_wander = 0
background_wander = 0
noise = 0
spikes_per_hour = 0
"#;

fn spec_of(text: &str) -> CapacityScenario {
    let scenario = Scenario::parse(text, "test", TraceFacts::default()).unwrap();
    let size = scenario.host.unwrap_or(Size::STANDARD[0].1);
    CapacityScenario::new("test".to_owned(), size, Arc::new(scenario), &RawSettings::default()).unwrap()
}

fn plain(more: &str) -> CapacityScenario {
    spec_of(&format!("{PLAIN}{more}"))
}

fn score(spec: &CapacityScenario, policy: &str, hours: f64) -> Score {
    let pilot = PilotSpec::parse(policy, &RawSettings::default()).unwrap();
    run_once(spec, &mut pilot.pilot(spec).unwrap(), 1, hours / 24.0, 60)
}

fn id(number: u32) -> NodeId {
    NodeId::new(number).unwrap()
}

fn close(one: f64, other: f64) -> bool {
    (one - other).abs() < 1e-6 * one.abs().max(1.0)
}

#[test]
fn same_seed_gives_same_score() {
    let spec = &CapacityScenario::find("storms-2", &RawSettings::default(), TraceFacts::default()).unwrap()[0];
    let pilot = PilotSpec::parse("classic", &RawSettings::default()).unwrap();
    let run = |seed| run_once(spec, &mut pilot.pilot(spec).unwrap(), seed, 1.0, 60);
    let first = run(7);
    let threads: Vec<Score> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..3).map(|_| scope.spawn(|| run(7))).collect();
        handles.into_iter().map(|handle| handle.join().unwrap()).collect()
    });
    assert!(threads.iter().all(|other| *other == first));
    assert_ne!(run(8), first);
}

#[test]
fn built_in_scenarios_run_on_all_hosts() {
    let all = CapacityScenario::find("all", &RawSettings::default(), TraceFacts::default()).unwrap();
    assert_eq!(all.len(), 4 * crate::scenario::catalogue::NAMES.len());
    for spec in &all {
        let score = score(spec, "classic", 6.0);
        assert!(score.node_hours > 0.0 && score.node_hours_best > 0.0, "{}: {score:?}", spec.name);
        assert!(close(score.seconds, 6.0 * 3600.0) && score.disk_full == 0.0, "{}", spec.name);
    }
}

#[test]
fn processors_are_shared_in_proportion_to_demand() {
    // Demand of nodes, background load, CPU limit; cores that both get and runnable tasks, of 4 processors.
    for (own, background, cpu_limit, want) in [
        (1.0, 1.0, None, [1.0, 1.0, 2.0]),
        (2.0, 1.2, None, [2.0, 1.2, 3.2 * 1.1]),
        (2.0, 6.0, None, [1.0, 3.0, 8.0 * 1.2]),
        (3.0, 1.0, Some(1.5), [1.5, 1.0, 2.5 * 1.0125]),
        (1.0, 0.0, Some(1.5), [1.0, 0.0, 1.0]),
        (8.0, 8.0, Some(2.0), [0.8, 3.2, 10.0 * 1.2]),
    ] {
        let division = Division { cpus: 4.0, cpu_limit, weight: None };
        let Shares { own: got, background: others, runnable, .. } = share(own, background, division);
        for (found, want) in [got, others, runnable].into_iter().zip(want) {
            assert!(close(found, want), "{own} {background} {cpu_limit:?}: {found} {want}");
        }
    }
}

#[test]
fn cpu_of_nodes_adds_up_to_cpu_of_host() {
    for seconds in ["1", "90", "1e18"] {
        let surge = format!("surge = 6\nsurge_seconds = {seconds}");
        adds_up(&spec_of(&PLAIN.replace("surge = 0", &surge)));
    }
}

fn adds_up(spec: &CapacityScenario) {
    let mut host = CapacityModel::new(spec, 1, 60.0);
    let ids: Vec<NodeId> = host.nodes.iter().map(|node| node.id).collect();
    ids.iter().for_each(|id| host.end(*id));
    ids[1..].iter().for_each(|id| host.start(*id, host.now));
    let mut observation = Observation::default();
    for minute in 0..10 {
        for step in 0..12 {
            // One node starts in the middle of the first minute.
            if (minute, step) == (0, 6) {
                host.start(ids[0], host.now);
            }
            host.step();
        }
        host.observe(&mut observation);
        let nodes: f64 = observation.nodes.values().map(|node| node.cpu.unwrap().get()).sum();
        let host_cpu = observation.host.cpu.unwrap().get();
        assert!(
            close(nodes / 4.0 * 100.0, host_cpu),
            "minute {minute}: {nodes} cores of nodes, {host_cpu} % of the host"
        );
    }
}

#[test]
fn use_stays_within_processors_and_cpu_limit() {
    for (name, cpu_limit) in
        [("storms-2", None), ("neighbour-16", None), ("upgrades-2", Some(0.3)), ("trace-build-2", Some(0.2))]
    {
        let spec = &CapacityScenario::find(name, &RawSettings::default(), TraceFacts::default()).unwrap()[0];
        let mut host = CapacityModel::new(spec, 3, 60.0);
        host.set_cpu_limit(cpu_limit);
        for _ in 0..20_000 {
            let step = host.step();
            assert!(step.own + step.background <= host.cpus + 1e-9 && step.own >= 0.0 && step.background >= 0.0);
            assert!(cpu_limit.is_none_or(|cpu_limit| step.own <= cpu_limit + 1e-9), "{name}");
            assert!((0.0..=1.0 + 1e-9).contains(&step.served));
        }
        assert_eq!(host.interval.throttled > 0.0, cpu_limit.is_some(), "{name}");
    }
}

/// The sums must equal the total over the nodes, whatever happens between two observations.
#[test]
fn sums_agree_with_totals_over_nodes() {
    let spec = plain(
        "[nodes]\nleaking = 30\nleak_mb_per_hour = 50\ndeaths_per_node_day = 20\nlosses_per_node_day = 5\n\
         upgrade_every_hours = 1\nupgrade_within_minutes = 20\nupgrade_cost = 1\nupgrade_cost_minutes = 10\n\
         reboots_per_day = 12\n[[load]]\nkind = \"constant\"\npercent = 10",
    );
    let mut host = CapacityModel::new(&spec, 5, 60.0);
    let (mut observation, mut executor) = (Observation::default(), Executor::default());
    let act = |action: Action| Planned { action, reason: Reason::Requested };
    for cycle in 0..600_u32 {
        (0..12).for_each(|_| _ = host.step());
        let (sums, spaces) = (host.sums, host.volumes.clone());
        host.observe(&mut observation);
        let exact = host.sums;
        assert_eq!((sums.up, sums.serving), (exact.up, exact.serving), "cycle {cycle}");
        let pairs = [(sums.base, exact.base), (sums.surge, exact.surge), (sums.memory_gap, exact.memory_gap)];
        for (sum, exact) in pairs.into_iter().chain([(sums.leak, exact.leak), (sums.leaked, exact.leaked)]) {
            assert!(close(sum, exact), "cycle {cycle}: {sum} {exact}");
        }
        for ((one, _), (other, _)) in spaces.shares().zip(host.volumes.shares()) {
            assert!(close(one, other), "cycle {cycle}: {one} {other}");
        }
        let node = id(cycle * 7 % 20 + 1);
        let action = match (cycle % 3, host.place(node).is_ok()) {
            (_, false) => Action::Add { node },
            (0, _) => Action::Stop { node },
            (1, _) => Action::Start { node, upgrade_to: None },
            (_, _) => Action::Remove { node, linger: Duration::from_secs(60) },
        };
        if !executor.open.iter().any(|(planned, _)| planned.action.node() == node) {
            executor.begin(&mut host, &[act(action)]);
        }
        executor.advance(&mut host);
        executor.finish();
    }
    assert!(host.next_serial > 200, "nothing happened");
}

#[test]
fn actions_take_time() {
    let mut host = CapacityModel::new(&plain(""), 1, 5.0);
    let mut executor = Executor::default();
    let act = |action: Action| [Planned { action, reason: Reason::Requested }];
    let mut until_done = |host: &mut CapacityModel, action: Action| {
        let from = host.now;
        executor.begin(host, &act(action));
        loop {
            executor.advance(host);
            let is_done = executor.open[0].1 == Outcome::Done;
            executor.finish();
            if is_done {
                return host.now - from;
            }
            host.step();
        }
    };
    let node = id(3);
    assert_eq!(until_done(&mut host, Action::Stop { node }), 10.0);
    assert!(host.node(node).unwrap().process.is_none());
    assert_eq!(until_done(&mut host, Action::Start { node, upgrade_to: None }), 10.0);
    assert_eq!(until_done(&mut host, Action::Restart { node }), 20.0);
    let used = |host: &CapacityModel| host.volumes.shares().next().unwrap().0;
    let before = used(&host);
    let gone = until_done(&mut host, Action::Remove { node, linger: Duration::from_secs(300) });
    assert!((10.0 + 300.0 + 30.0..=10.0 + 300.0 + 305.0).contains(&gone), "{gone}");
    assert!(used(&host) < before && host.place(node).is_err());
    assert_eq!(until_done(&mut host, Action::Add { node }), 10.0);
}

#[test]
fn wanted_nodes_start_at_once_after_reboot() {
    let spec = plain("[nodes]\nreboots_per_day = 4");
    let mut host = CapacityModel::new(&spec, 2, 60.0);
    let mut observation = Observation::default();
    host.stop(id(2));
    (0..12).for_each(|_| _ = host.step());
    host.observe(&mut observation);
    while !host.is_down() {
        host.step();
    }
    assert_eq!((host.sums.up, host.loads), (0, LoadAverages::default()));
    while host.is_down() {
        host.step();
    }
    host.observe(&mut observation);
    assert!(observation.rebooted);
    assert_eq!(host.sums.up, 11);
    let presence = |node| observation.nodes[&id(node)].presence;
    assert_eq!((presence(1), presence(2)), (Presence::Silent, Presence::Gone));
    (0..12).for_each(|_| _ = host.step());
    host.observe(&mut observation);
    assert!(!observation.rebooted && observation.nodes[&id(1)].presence == Presence::Answering);
}

#[test]
fn observation_is_the_mean_of_the_interval() {
    let spec = plain("[[load]]\nkind = \"constant\"\npercent = 20");
    let mut host = CapacityModel::new(&spec, 1, 60.0);
    let mut observation = Observation::default();
    (0..12).for_each(|_| _ = host.step());
    host.observe(&mut observation);
    // 0.8 cores of background load and twelve nodes of 0.05.
    assert!(close(observation.host.cpu.unwrap().get(), 35.0));
    let own: f64 = observation.nodes.values().map(|node| node.cpu.unwrap().get()).sum();
    assert!(close(own, 0.6), "{own}");
    assert_eq!((observation.nodes.len(), observation.host.cpus), (12, Some(4)));
    // A new node starts at 80 MB, and has run for half of the minute.
    (0..6).for_each(|_| _ = host.step());
    host.create(id(13), timestamp(host.now));
    host.start(id(13), host.now);
    (0..6).for_each(|_| _ = host.step());
    host.observe(&mut observation);
    let new = &observation.nodes[&id(13)];
    assert!(close(new.cpu.unwrap().get(), 0.025));
    assert!((80_000_000..80_500_000).contains(&new.memory.unwrap().0), "{:?}", new.memory);
}

#[test]
fn sources_produce_their_mean_load() {
    let percent = |value: f64| wnm_core::Percent::clamped(value).unwrap();
    let amount = crate::scenario::capacity::Amount::of;
    let often = |per_day, minutes| EpisodeRate { per_day: amount(per_day), minutes };
    let span = |low, high| crate::scenario::capacity::Span::try_from([low, high]).unwrap();
    // The share of time: the length of an episode over that length and the quiet time before it.
    let part = |often: EpisodeRate| {
        let minutes = often.minutes.mean();
        minutes / (minutes + 1440.0 / often.per_day.get())
    };
    let (storms, bursts) = (often(6.0, span(20.0, 60.0)), often(30.0, span(3.0, 3.0)));
    let hours = often(0.5, span(120.0, 480.0));
    let points: Arc<[background::Point]> = [0.2, 0.6].map(|busy| background::Point { busy, waiting: 0.1 }).into();
    for (source, cores, blocked) in [
        (Source::Constant { percent: percent(30.0) }, 3.0, 0.0),
        (Source::Noisy { percent: percent(30.0), spread: percent(25.0), seconds: amount(240.0) }, 3.0, 0.0),
        (Source::Diurnal { percent: percent(30.0), swing: percent(20.0), peak_hour: amount(15.0) }, 3.0, 0.0),
        (Source::Jump { percent: percent(30.0), day: amount(50.0) }, 1.5, 0.0),
        (Source::Storms { percent: percent(40.0), often: storms }, 4.0 * part(storms), 0.0),
        (Source::Bursts { percent: percent(40.0), often: bursts }, 4.0 * part(bursts), 0.0),
        (Source::Neighbour { percent: percent(70.0), often: hours }, 7.0 * part(hours), 0.0),
        (Source::Waiters { tasks_per_core: amount(1.2), often: storms }, 0.0, 12.0 * part(storms)),
        (Source::Trace { trace: "test".to_owned(), cpus: None, node_cores: None, points }, 4.0, 1.0),
    ] {
        let mut background = Background::new(std::slice::from_ref(&source), 10.0, Wander::new(0.01, 300.0), 11);
        let steps = 100 * 17_280;
        let mut sum = Demand::default();
        for i in 0..steps {
            let part = background.step(f64::from(i) * TICK);
            assert!(part.cores >= 0.0 && part.blocked >= 0.0);
            (sum.cores, sum.blocked) = (sum.cores + part.cores, sum.blocked + part.blocked);
        }
        let (found, waiting) = (sum.cores / f64::from(steps), sum.blocked / f64::from(steps));
        assert!(
            (found - cores).abs() <= 0.03 * cores.max(0.2) + 0.12 * f64::from(u8::from(cores < 3.0)) * cores,
            "{source:?}: {found}, not {cores}"
        );
        assert!((waiting - blocked).abs() <= 0.1 * blocked, "{source:?}: {waiting}, not {blocked}");
    }
}

#[test]
fn noise_and_wander_have_the_configured_spread() {
    let mut chance = Chance::new(1, 1);
    let mut wander = Wander::new(0.02, 900.0);
    let spread = |values: Vec<f64>| {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        (mean, (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt())
    };
    let (mean, normal) = spread((0..100_000).map(|_| chance.normal()).collect());
    assert!(mean.abs() < 0.01 && (normal - 1.0).abs() < 0.01, "{mean} {normal}");
    let (mean, wandered) = spread((0..2_000_000).map(|_| wander.step(&mut chance)).collect());
    assert!(mean.abs() < 0.001 && (wandered - 0.02).abs() < 0.001, "{mean} {wandered}");
}

#[test]
fn run_within_limits_yields_its_nodes() {
    // Twelve nodes for two hours. The best: 70 % of 4 cores less 0.4 is 2.4, which is 48 nodes of 0.05; 75 % of 16 GB
    // are 66 nodes of 180 MB; 90 % of 1 TB less 100 GB are 40 nodes of 20 GB; the node cap is 40.
    let score = score(&plain("[[load]]\nkind = \"constant\"\npercent = 10"), "fixed:12", 2.0);
    assert!(close(score.node_hours, 24.0) && close(score.node_hours_best, 80.0), "{score:?}");
    assert!(close(score.scalar(), 0.3) && score.churn() == 0.0 && score.over.any == 0.0);
}

#[test]
fn time_over_limits_is_split_into_avoidable_and_not() {
    // 2.4 cores of background load are 60 %, with twelve nodes 75 %: over 70 %, and under it without nodes. All of
    // the time is avoidable, and it is one crossing.
    let spec = plain("[[load]]\nkind = \"constant\"\npercent = 60");
    let over = score(&spec, "fixed:12", 1.0);
    let seconds = 3600.0;
    assert!(close(over.over.cpu, seconds) && close(over.avoidable.cpu, seconds), "{over:?}");
    assert!(close(over.over.any, seconds) && over.over.memory + over.over.disk + over.over.load == 0.0);
    assert!(close(over.severity, (75.0 / 70.0 - 1.0) * seconds), "{}", over.severity);
    // Half a cycle and the stop.
    assert_eq!((over.crossings, over.bound), (1, 40.0));
    // A background load of 80 % is over the limit alone: no number of nodes is within the limits, no time avoidable.
    let alone = score(&plain("[[load]]\nkind = \"constant\"\npercent = 80"), "fixed:12", 1.0);
    assert!(close(alone.over.cpu, seconds) && alone.avoidable.cpu == 0.0);
    // The load average could be reduced: 3.2 cores make 3.52 tasks, and 3.8 make 4.465, more than the 4 allowed.
    assert!(alone.avoidable.load > 3000.0 && alone.avoidable.any == 0.0 && alone.crossings == 0);
    assert_eq!((alone.node_hours_best, alone.yielded()), (0.0, 0.0));
}

#[test]
fn throttled_nodes_count_by_the_share_that_they_get() {
    // The background load demands 16 of 4 cores, and the nodes 0.6: their weight of 10 gives them 4 · 10 / 110 cores.
    let score = score(&plain("[[load]]\nkind = \"constant\"\npercent = 400"), "fixed:12", 1.0);
    assert!(close(score.node_hours, 12.0 * (4.0 / 11.0) / 0.6), "{}", score.node_hours);
    assert!(close(score.lost_core_hours, 4.0 / 11.0), "{}", score.lost_core_hours);
}

#[test]
fn out_of_memory_kills_the_largest() {
    let spec = plain("[memory]\nbackground = 95\n[nodes]\nleaking = 100\nleak_mb_per_hour = 0");
    let mut host = CapacityModel::new(&spec, 1, 60.0);
    // 800 MB are free: four mature nodes fit, and all of the twelve are older than minutes.
    let first = host.step();
    assert!(first.memory > 1.0);
    let second = host.step();
    assert!(second.memory <= 1.0 && host.sums.up >= 4 && host.sums.up <= 8, "{}", host.sums.up);
}

#[test]
fn churn_flaps_and_deletions_are_counted_at_the_begin() {
    let spec = plain("");
    let mut host = CapacityModel::new(&spec, 1, 60.0);
    let mut score_keeper = ScoreKeeper::new(&spec, 60.0);
    let node = id(1);
    let stop = Planned { action: Action::Stop { node }, reason: Reason::Requested };
    let start = Planned { action: Action::Start { node, upgrade_to: None }, reason: Reason::HeadroomToStart };
    let remove = |node, reason| Planned { action: Action::Remove { node, linger: Duration::ZERO }, reason };
    for (at, planned) in [
        (1000.0, &stop),
        // A reversal within half an hour, one just within it, and one after it.
        (1600.0, &start),
        (3400.0, &stop),
        (5300.0, &start),
        (9000.0, &remove(id(2), Reason::Dead)),
        (9000.0, &remove(id(3), Reason::OverCap { total: 13, cap: 12 })),
        (9000.0, &remove(id(4), pressure(&spec))),
    ] {
        host.now = at;
        score_keeper.count(&host, planned);
    }
    let held = host.nodes[3].disk_gb(&host.constants) * 1e9;
    let score = score_keeper.finish();
    assert_eq!((score.stops, score.starts, score.restarts, score.removals, score.flaps), (2, 2, 2, 2, 2));
    assert!(score.deletions == 1 && close(score.deleted_bytes, held) && score.deleted_age_hours > 0.0);
}

fn pressure(spec: &CapacityScenario) -> Reason {
    let measures: Vec<Measure> = wnm_core::measures(&spec.limits, &wnm_core::HostSample::default()).collect();
    Reason::Pressure { measure: measures[0] }
}

#[test]
fn baselines_follow_their_rules() {
    let spec = plain("[[load]]\nkind = \"constant\"\npercent = 10");
    let hours = |policy, hours| score(&spec, policy, hours);
    assert_eq!(hours("fixed:20", 1.0).adds, 8);
    assert_eq!(hours("fixed:5", 1.0).stops, 7);
    // Both grow to the node cap or to a limit, and stay within the limits.
    for baseline in ["proportional", "aimd"] {
        let score = hours(baseline, 24.0);
        assert!(score.adds > 10 && score.yielded() > 0.6, "{baseline}: {score:?}");
        assert!(score.share(score.over.any) < 0.02 && score.disk_full == 0.0, "{baseline}: {score:?}");
    }
}

/// Runs a policy for a day in a scenario, on a host with or without control groups.
fn scored(scenario: &str, set: &[(&str, &str)], groups: Groups) -> Score {
    let spec = &CapacityScenario::find(scenario, &RawSettings::default(), TraceFacts::default()).unwrap()[0];
    let mut settings = RawSettings::default();
    set.iter().for_each(|(key, value)| settings.set(key, value).unwrap());
    let mut pilot = PilotSpec::engine("test", settings, None).on(groups).pilot(spec).unwrap();
    run_once(spec, &mut pilot, 3, 1.0, 60)
}

#[test]
fn idle_nodes_cost_other_work_nothing_and_lighter_ones_less() {
    let lost = |set: &[(&str, &str)], groups| scored("trace-build-2", set, groups).lost_core_hours;
    let equals = lost(&[("preset", "classic")], Groups::Absent);
    let [idle, light, heavy] =
        ["idle", "10", "1000"].map(|weight| lost(&[("preset", "classic"), ("cpu_weight", weight)], Groups::Present));
    assert!(idle < 1e-6 && light <= heavy && light < equals && equals > 0.0, "{idle} {light} {heavy} {equals}");
}

#[test]
fn bound_never_exceeds_the_avoidable_time() {
    for scenario in ["storms-2", "noisy-4", "jump-16", "filling-disk-2"] {
        for groups in [Groups::Present, Groups::Absent] {
            let score = scored(scenario, &[("preset", "classic")], groups);
            assert!(score.bound <= score.avoidable.any, "{scenario}: {score:?}");
            assert!(score.bound >= TICK * f64::from(score.crossings), "{scenario}: {score:?}");
        }
    }
}

#[test]
fn risen_need_holds_for_present_and_future_nodes() {
    let spec = plain("[nodes]\nneed_rises_by = 1.5\nneed_rises_on_day = 0.01\n");
    let mut host = CapacityModel::new(&spec, 1, 60.0);
    let before = host.step().own;
    (0..200).for_each(|_| _ = host.step());
    let after = host.step().own;
    assert!(close(after, before * 2.5), "{before} {after}");
    let id = NodeId::new(99).unwrap();
    host.create(id, timestamp(host.now));
    host.start(id, host.now);
    let further = host.step().own;
    assert!(close(further - after, 0.05 * 2.5), "{after} {further}");
}

#[test]
fn nodes_that_upgrade_themselves_become_newer_than_a_binary_that_stays() {
    let releases = "[nodes]\nupgrade_every_hours = 1\nupgrade_within_minutes = 10\n";
    for (stays, is_newer) in [("", false), ("binary_stays = true\n", true)] {
        let mut host = CapacityModel::new(&plain(&format!("{releases}{stays}")), 1, 60.0);
        // Two hours hold a release for any phase, and the time in which the nodes fetch it.
        (0..1440).for_each(|_| _ = host.step());
        let mut seen = Observation::default();
        host.observe(&mut seen);
        let newest = seen.nodes.values().filter_map(|node| node.version.clone()).max();
        assert_eq!(newest > seen.target, is_newer, "{newest:?} {:?}", seen.target);
    }
}

/// The host tells pressure, and of which side where it has control groups.
#[test]
fn observation_has_pressure_and_weight() {
    let spec = plain("[[load]]\nkind = \"constant\"\npercent = 100\n");
    for weight in [Some(10.0), None] {
        let mut host = CapacityModel::new(&spec, 1, 60.0);
        host.weight = weight;
        (0..12).for_each(|_| _ = host.step());
        let mut seen = Observation::default();
        host.observe(&mut seen);
        let psi = seen.host.psi.unwrap();
        assert!(psi.host.cpu.some.avg10.get() > 0.0, "{psi:?}");
        assert_eq!(psi.colony.is_some(), weight.is_some());
        assert_eq!(seen.host.weight.unwrap().yields_cpu(), weight.is_some());
        let background = psi.background_or_host().cpu.some.avg10.get();
        assert!(weight.is_none() || background < psi.host.cpu.some.avg10.get(), "{psi:?}");
    }
}
