//! The CPU limit of the nodes together: the load that lowers it, its floor, and the load after which it rises again.

use wnm_core::{
    Blocker, Percent, Psi, Reading, SkipReason, Stall, StallTime, Stalls, Verdict, Version, WeightMeans, WeightSample,
};

use super::{Host, verdict_of};

#[test]
fn cpu_limit_yields_to_background_load_without_a_stop() {
    let mut host = Host::new(10, &[("node_cap", "10")]).with_cpu_limit();
    host.minutes(60);
    // Below the warning threshold of 66 % the background load leaves more than the 50 % that the nodes need.
    assert_eq!(host.limit(), 61.0);
    host.background = 9.0;
    assert_eq!(host.actions(60), []);
    // The background load leaves 57 %, and the reserve is 5 %: twice its rise of an hour ago.
    assert_eq!(host.limit(), 51.0);
    // A load that has just begun may exceed its mean of a minute.
    host.background = 35.0;
    host.minute();
    assert_eq!(host.limit(), 28.0);
    // The background load leaves nothing, for less than a quarter of an hour: the limit stays at its floor.
    host.background = 70.0 - 2.0;
    assert_eq!((host.actions(10), host.limit()), (vec![], 28.0));
    // The background load ends, and the nodes get the CPU that they need.
    host.background = 5.0;
    assert_eq!(host.actions(600), []);
    assert_eq!(host.limit(), 59.0);
}

#[test]
fn reserve_lowers_the_limit_to_the_serving_level() {
    let mut host = Host::new(10, &[("node_cap", "10")]).with_cpu_limit();
    host.minutes(60);
    host.background = 35.0;
    host.minutes(3);
    host.background = 5.0;
    host.minutes(2);
    assert_eq!(host.limit(), 28.0);
    let decision = host.minute();
    let held = verdict_of(&decision, "relieve_cpu");
    let Some(Verdict::Skip(SkipReason::Blocked(Blocker::Throttled { reserve, .. }))) = held else { panic!("{held:?}") };
    assert_eq!(reserve.get().round(), 58.0);
    host.minutes(60);
    // After two hours the need of the nodes is measured for ten minutes.
    let caps: Vec<_> = (0..70).map(|_| (host.minute(), host.limit()).1).collect();
    assert_eq!(caps.iter().filter(|cap| **cap > 50.0).count(), 10, "{caps:?}");
}

#[test]
fn high_load_average_lowers_the_limit_to_the_serving_level() {
    let mut host = Host::new(10, &[("node_cap", "10")]).with_cpu_limit();
    // Not before the need is known.
    host.load = Some(12.0);
    assert_eq!((host.actions(5), host.limit()), (vec![], 61.0));
    host.minutes(10);
    assert_eq!((host.actions(5), host.limit()), (vec![], 28.0));
    let decision = host.minute();
    let held = verdict_of(&decision, "relieve_cpu");
    let Some(Verdict::Skip(SkipReason::Blocked(Blocker::Throttled { load: Some(load), .. }))) = held else {
        panic!("{held:?}")
    };
    assert_eq!(load.seen.map(Reading::number), Some(12.0));
    host.load = None;
    host.minute();
    assert_eq!(host.limit(), 61.0);
}

/// Ten nodes use 5 of 10 cores, and 2.8 at their floor: the limit can free 2.2 cores. A load average that they cannot bring
/// under the threshold of 10 comes from other processes, such as those that wait for a disk.
#[test]
fn load_average_that_the_nodes_cannot_lower_does_not_limit_them() {
    for (load, limit) in [(9.9, 61.0), (10.1, 28.0), (12.1, 28.0), (12.3, 61.0), (40.0, 61.0), (400.0, 61.0)] {
        let mut host = Host::new(10, &[("node_cap", "10")]).with_cpu_limit();
        host.load = Some(load);
        assert_eq!((host.actions(90), host.limit()), (vec![], limit), "load average {load}");
    }
    // A load that no limit helps ends the limit, and the next one that it helps begins it again.
    let mut host = throttled_for_long();
    for (load, limit) in [(30.0, 61.0), (11.0, 28.0), (30.0, 61.0), (5.0, 61.0)] {
        host.load = Some(load);
        host.minutes(30);
        assert_eq!(host.limit(), limit, "load average {load}");
    }
}

#[test]
fn growth_of_a_throttled_colony_counts_its_demand() {
    let mut host = Host::new(8, &[("node_cap", "90"), ("steady_adds", "1")]).with_cpu_limit();
    host.background = 13.0;
    // Nine nodes need 45 %, and with the background load 58 %: ten would exceed 60 %.
    let adds =
        |deeds: Vec<(u64, &'static str, u32)>| deeds.iter().map(|(_, verb, node)| (*verb, *node)).collect::<Vec<_>>();
    assert_eq!(adds(host.actions(60)), [("add", 9)]);
    host.background = 43.0;
    host.minute();
    host.background = 13.0;
    assert_eq!(host.actions(50), []);
    assert!(host.limit() < 30.0);
    host.background = 8.0;
    assert_eq!(adds(host.actions(50)), [("add", 10)]);
}

#[test]
fn colony_that_does_not_fit_at_the_floor_stops_nodes() {
    let mut host = Host::new(10, &[("node_cap", "10")]).with_cpu_limit();
    host.minutes(60);
    // Ten nodes need 50 %, of which 28 % are the floor: together 78 %.
    host.background = 50.0;
    let actions = host.actions(60);
    assert_eq!(actions.first(), Some(&(75, "stop", 10)), "{actions:?}");
    assert!(actions.iter().all(|(_, verb, _)| *verb == "stop") && actions.len() <= 5, "{actions:?}");
}

/// Puts the nodes behind other work, which waits for a CPU for this share of the time; None on a host that cannot tell.
fn behind(mut host: Host, stalls: Option<f64>) -> Host {
    let time = |share| StallTime { avg10: Percent::new(share).expect("a percentage"), total: None };
    let background = stalls.map(|share| Stalls { cpu: Stall { some: time(share), full: None }, ..Stalls::default() });
    let seen = &mut host.colony.look.host;
    seen.weight = Some(WeightSample { cpu: Some(WeightMeans::Group), io: None });
    seen.psi = Some(Psi { host: Stalls::default(), colony: background, background });
    host
}

/// Thresholds that the operator set hold behind other work as well.
const SET: &[(&str, &str)] = &[("node_cap", "10"), ("cpu_less_than", "50"), ("cpu_remove", "70")];

#[test]
fn nodes_behind_other_work_have_no_reserve() {
    for (stalls, limits) in [(None, [31.0, 61.0]), (Some(5.0), [31.0, 61.0]), (Some(25.0), [28.0, 28.0])] {
        let mut host = behind(Host::new(10, SET).with_cpu_limit(), stalls);
        host.minutes(60);
        host.background = 35.0;
        host.minutes(3);
        let during = host.limit();
        host.background = 5.0;
        host.minutes(3);
        assert_eq!([during, host.limit()], limits, "background load that waits for {stalls:?} % of the time");
    }
}

#[test]
fn nodes_behind_other_work_stop_after_an_hour_over_the_threshold() {
    for (stalls, first) in [(None, 120), (Some(5.0), 120), (Some(25.0), 75)] {
        let mut host = behind(Host::new(10, SET).with_cpu_limit(), stalls);
        host.minutes(60);
        // Ten nodes need 50 %, of which 28 % are the floor: together 78 %.
        host.background = 50.0;
        let actions = host.actions(90);
        assert_eq!(actions.first(), Some(&(first, "stop", 10)), "{stalls:?} %: {actions:?}");
    }
}

#[test]
fn demand_beyond_the_machine_is_measured_and_limited_again() {
    let mut host = throttled_for_long();
    // Ten nodes ask for twice the machine.
    host.each = 2.0;
    let limits: Vec<f64> = (0..240).map(|_| (host.minute(), host.limit()).1).collect();
    let lifted = limits.iter().filter(|limit| **limit >= 100.0).count();
    assert!((10..=22).contains(&lifted), "{limits:?}");
}

#[test]
fn external_overload_leaves_nodes_the_floor() {
    let mut host = Host::new(10, &[("node_cap", "10")]).with_cpu_limit();
    host.minutes(60);
    host.background = 72.0;
    assert_eq!((host.actions(110), host.limit()), (vec![], 28.0));
}

#[test]
fn floor_of_nodes_near_idle_is_a_fiftieth_of_a_core_each() {
    let mut host = Host::new(10, &[("node_cap", "10")]).with_cpu_limit();
    host.each = 0.001;
    host.background = 72.0;
    host.minutes(30);
    // Of ten cores, 0.02 for each of ten nodes are 2 %.
    assert_eq!(host.limit(), 2.0);
}

/// Steps until the background load has throttled the nodes for two hours and longer.
fn throttled_for_long() -> Host {
    let mut host = Host::new(10, &[("node_cap", "10")]).with_cpu_limit();
    host.load = Some(12.0);
    host.minutes(60);
    assert_eq!(host.limit(), 28.0);
    host
}

#[test]
fn limit_follows_a_lasting_rise_of_the_demand() {
    let mut host = throttled_for_long();
    // Each node asks for twice as much from now on, which the limit hides.
    host.each = 1.0;
    let limits: Vec<f64> = (0..240).map(|_| (host.minute(), host.limit()).1).collect();
    let lifted = limits.iter().filter(|limit| **limit == 100.0).count();
    assert!((10..=22).contains(&lifted), "{limits:?}");
    let last = *limits.last().expect("there are some");
    assert!((44.0..=55.0).contains(&last), "the floor is 55 % of the new demand: {last}");
}

#[test]
fn another_version_makes_the_demand_unknown() {
    let mut host = throttled_for_long();
    let upgrade = |host: &mut Host, patch| {
        for (_, sample) in &mut host.colony.look.nodes {
            sample.version = Some(Version::new(0, 5, patch));
        }
    };
    upgrade(&mut host, 0);
    host.minute();
    assert_eq!(host.limit(), 100.0);
    let decision = host.minute();
    let held = verdict_of(&decision, "relieve_cpu");
    let Some(Verdict::Skip(SkipReason::Blocked(Blocker::ObservationPeriod { required, .. }))) = held else {
        panic!("{held:?}")
    };
    assert_eq!(required.as_secs(), 600);
    // A program that reports another version in every cycle does not keep the limit lifted.
    let lifted = (0..60).filter(|minute| {
        upgrade(&mut host, *minute);
        host.minute();
        host.limit() == 100.0
    });
    assert!(lifted.count() <= 10);
}
