//! The invariants over random policies, states and observations, one test per invariant and numbered as in its list.
//! The same functions check every cycle of `wnm-sim explore`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;
use wnm_core::steps::Step;
use wnm_core::{
    Bytes, BytesPerSecond, Clock, ClockReading, Cores, CpuLimitSample, DefaultThresholds, Delays, Desired, EngineState,
    FailedAction, FailureCause, FleetLimits, FleetLimitsSample, Hold, HoldSource, HostSample, IoThresholds, Limits,
    Load, LoadAverages, NodeId, NodeMap, NodeSample, NodeState, Observation, Percent, Policy, Presence, Preset, Reason,
    RecentActions, Recovery, RolloutSample, RolloutWait, StopCause, Threshold, TimeOfDay, Timestamp, Tuning, Upgrades,
    ValveSample, Valves, Version, Volume, WindowEnd, Windows, evaluate,
};
use wnm_sim::invariants::{Property, Trial, check, check_clock};

/// A time close to the random times of the tests, so that delays matter.
const NOW: i64 = 1_780_000_000_000;

fn moment() -> impl Strategy<Value = Timestamp> {
    let near = (-2_000..=0_i64).prop_map(|seconds| NOW + seconds * 1000);
    let absurd = prop_oneof![Just(i64::MIN), Just(0), Just(NOW + 1), Just(i64::MAX)];
    prop_oneof![20 => near, 1 => absurd].prop_map(Timestamp::from_millis)
}

fn percent() -> impl Strategy<Value = Percent> {
    let value = prop_oneof![10 => (0..=100_u32).prop_map(f64::from), 1 => prop_oneof![Just(0.0), Just(1000.0)]];
    value.prop_map(|value| Percent::new(value).unwrap())
}

fn load() -> impl Strategy<Value = Load> {
    prop_oneof![10 => (0..=40_u32).prop_map(f64::from), 1 => Just(1e6)].prop_map(|value| Load::new(value).unwrap())
}

fn rate() -> impl Strategy<Value = BytesPerSecond> {
    prop_oneof![10 => 0..100_u64, 1 => Just(u64::MAX)].prop_map(BytesPerSecond)
}

fn threshold<T: Copy + Ord + std::fmt::Debug>(
    value: impl Strategy<Value = T> + Clone,
) -> impl Strategy<Value = Threshold<T>> {
    (value.clone(), value).prop_map(|(a, b)| Threshold { less_than: a.min(b), remove: a.max(b) })
}

fn io() -> impl Strategy<Value = Option<IoThresholds>> {
    let rate = || prop_oneof![0..100_u64].prop_map(BytesPerSecond);
    prop::option::weighted(0.2, (threshold(rate().boxed()), threshold(rate().boxed())))
        .prop_map(|thresholds| thresholds.map(|(read, write)| IoThresholds { read, write }))
}

fn limit() -> impl Strategy<Value = u32> {
    prop_oneof![4 => 1..5_u32, 1 => Just(u32::MAX)]
}

fn delay() -> impl Strategy<Value = Duration> {
    prop_oneof![4 => (0..1000_u64).prop_map(Duration::from_secs), 1 => Just(Duration::MAX)]
}

fn policy() -> impl Strategy<Value = Policy> {
    let thresholds = (
        threshold(percent().boxed()),
        threshold(percent().boxed()),
        threshold(percent().boxed()),
        prop::option::of(threshold(load().boxed())),
        io(),
        io(),
    );
    let cap = prop_oneof![10 => 0..40_u32, 2 => Just(u32::MAX), 1 => Just(1000)];
    let limits = (limit(), limit(), limit(), limit());
    let delays = (delay(), delay(), delay(), delay());
    let used = prop::option::weighted(0.2, 0..100_u32);
    let switches = (any::<bool>(), any::<bool>());
    (thresholds, (cap, used), limits, delays, switches).prop_map(|(thresholds, cap, limits, delays, switches)| {
        let (upgrades, move_nodes) = switches;
        let (node_cap, highest_node_id_used) = cap;
        let (cpu, memory, disk, load, disk_io, net_io) = thresholds;
        Policy {
            preset: Preset::Classic,
            node_cap,
            highest_node_id_used,
            cpu,
            memory,
            disk,
            crisis: Bytes(0),
            move_nodes,
            load,
            disk_io,
            net_io,
            limits: Limits { upgrades: limits.0, starts: limits.1, removals: limits.2, operations: limits.3 },
            delays: Delays { start: delays.0, restart: delays.1, upgrade: delays.2, remove: delays.3 },
            upgrades: if upgrades { Upgrades::ByManager } else { Upgrades::ByNodes },
            valves: Valves::default(),
            tuning: Tuning::default(),
            defaults: DefaultThresholds::default(),
        }
    })
}

fn version() -> impl Strategy<Value = Version> {
    prop_oneof![(1..5_u64).prop_map(|patch| Version::new(0, 4, patch)), Just("0.4.3-rc.1".parse().unwrap())]
}

fn id() -> impl Strategy<Value = NodeId> {
    (1..40_u32).prop_map(|number| NodeId::new(number).unwrap())
}

fn state() -> impl Strategy<Value = NodeState> {
    let causes = [StopCause::Pressure, StopCause::Requested, StopCause::Found, StopCause::StartFailed];
    let cause = prop::sample::select(causes.to_vec());
    prop_oneof![
        6 => moment().prop_map(|since| NodeState::Running { since }),
        1 => moment().prop_map(|since| NodeState::Unknown { since }),
        4 => (prop::option::of(moment()), cause).prop_map(|(since, cause)| NodeState::Stopped { since, cause }),
        1 => moment().prop_map(|since| NodeState::Restarting { since }),
        1 => (moment(), version()).prop_map(|(since, to)| NodeState::Upgrading { since, from: None, to }),
        1 => moment().prop_map(|since| NodeState::Removing { since }),
        1 => moment().prop_map(|since| NodeState::Disabled { since }),
    ]
}

/// States including the two rare ones that delay all other actions of a colony.
fn rare_state() -> impl Strategy<Value = NodeState> {
    prop_oneof![
        30 => state(),
        1 => moment().prop_map(|since| NodeState::Migrating { since }),
        1 => moment().prop_map(|since| NodeState::Dead { since }),
    ]
}

fn presence() -> impl Strategy<Value = Presence> {
    prop_oneof![
        8 => Just(Presence::Unobserved),
        6 => Just(Presence::Answering),
        1 => Just(Presence::Silent),
        1 => Just(Presence::Unverified),
        2 => Just(Presence::Gone),
        1 => Just(Presence::Unreachable),
        1 => Just(Presence::FolderMissing),
    ]
}

fn sample(presence: impl Strategy<Value = Presence>) -> impl Strategy<Value = NodeSample> {
    (presence, moment(), prop::option::weighted(0.9, version()), prop::option::of(0..3_usize)).prop_map(
        |(presence, born, version, volume)| NodeSample { presence, born, version, volume, ..NodeSample::default() },
    )
}

/// A node that ended by itself, and starts again within half an hour.
fn recovery() -> impl Strategy<Value = Recovery> {
    (1..9_u32, -600_000..1_800_000_i64, any::<bool>()).prop_map(|(attempts, wait, is_loop)| Recovery {
        attempts,
        retry_at: Timestamp::from_millis(NOW + wait),
        crash_loop_since: is_loop.then_some(Timestamp::from_millis(NOW)),
        ..Recovery::default()
    })
}

/// An action that failed, with a delay that may have passed.
fn failure() -> impl Strategy<Value = FailedAction> {
    let verb = prop::sample::select(vec!["add", "stop", "remove"]);
    (verb, id(), -600_000..600_000_i64, any::<bool>()).prop_map(|(verb, node, wait, is_early)| FailedAction {
        verb: verb.to_owned(),
        node,
        step: if is_early { Step::Start } else { Step::Confirm },
        error: String::new(),
        cause: FailureCause::Other,
        hint: None,
        failures: 1,
        at: Timestamp::from_millis(NOW),
        retry_at: Timestamp::from_millis(NOW + wait),
    })
}

/// The nodes of an observation: none, up to 30, or a thousand.
fn nodes() -> impl Strategy<Value = NodeMap<NodeSample>> {
    let unobserved = || sample(Just(Presence::Unobserved));
    let thousand = vec(sample(presence()), 1000)
        .prop_map(|samples| (1..).filter_map(NodeId::new).zip(samples).collect::<BTreeMap<_, _>>());
    prop_oneof![40 => btree_map(id(), sample(presence()), 0..30), 30 => btree_map(id(), unobserved(), 0..30), 1 => thousand]
        .prop_map(|nodes| nodes.into_iter().collect())
}

fn volumes() -> impl Strategy<Value = Vec<Volume>> {
    let volume = (prop::option::weighted(0.9, percent()), 1..3_u64);
    vec(volume, 0..3).prop_map(|volumes| {
        let volume = |(i, (used, identity))| Volume {
            root: PathBuf::from(format!("/storage/{i}")),
            used,
            identity,
            ..Volume::default()
        };
        volumes.into_iter().enumerate().map(volume).collect()
    })
}

fn host() -> impl Strategy<Value = HostSample> {
    let often = |strategy| prop::option::weighted(0.95, strategy);
    let loads = (load(), load(), load()).prop_map(|(one, five, fifteen)| LoadAverages { one, five, fifteen });
    let rates = vec(prop::option::weighted(0.95, rate()), 4);
    (often(percent().boxed()), often(percent().boxed()), volumes(), prop::option::weighted(0.95, loads), rates)
        .prop_map(|(cpu, memory, volumes, load, rates)| HostSample {
            cpu,
            memory,
            volumes,
            load,
            disk_read: rates[0],
            disk_write: rates[1],
            net_read: rates[2],
            net_write: rates[3],
            ..HostSample::default()
        })
}

/// Settings of the valves, their inputs, and the seconds since each of the latest actions.
fn valves() -> impl Strategy<Value = (Valves, ValveSample, Vec<u32>)> {
    let window = prop::sample::select(vec![
        "daily 22:00-06:00",
        "hourly :05-:55",
        "deny daily 10:00-14:00",
        "deny hourly :50-:10",
    ]);
    let end = prop::sample::select(vec![WindowEnd::Continue, WindowEnd::Drain]);
    let most = prop::sample::select(vec!["0", "1", "3", "10%", "50%"]);
    let settings = (vec(window.clone(), 0..3), end, prop::option::weighted(0.3, most.clone()));
    let local = vec(prop::option::weighted(0.9, (0..86_400_u32).prop_map(TimeOfDay::from_secs)), 0..3);
    let limits = (vec(window, 0..2), prop::option::weighted(0.5, most), local.clone());
    let hold = any::<bool>().prop_map(|drain| Hold {
        source: HoldSource::File,
        reason: String::new(),
        since: None,
        until: None,
        drain,
    });
    let ages =
        prop_oneof![6 => vec(0..4000_u32, 0..4), 1 => vec(0..70_u32, 110..130), 1 => vec(0..3700_u32, 1190..1210)];
    let waits = [RolloutWait::NoLease, RolloutWait::LeaseEnded, RolloutWait::Aborted];
    let rollout = (version(), prop::option::weighted(0.3, prop::sample::select(waits.to_vec())))
        .prop_map(|(version, wait)| RolloutSample { version, wait });
    let fleet = (prop::option::weighted(0.2, hold), prop::option::weighted(0.5, rollout), vec(limits, 0..3));
    (settings, local, fleet, ages, prop::bool::weighted(0.5)).prop_map(
        |((windows, window_end, most), local, (hold, rollout, limits), ages, is_plain)| {
            if is_plain {
                return Default::default();
            }
            let windows_of = |texts: &[&str]| Windows::new(texts.iter().map(|text| text.parse().unwrap()).collect());
            let windows = windows_of(&windows);
            let max_unavailable = most.map(|most| most.parse().unwrap());
            let limits = limits.into_iter().map(|(texts, most, local)| FleetLimitsSample {
                limits: FleetLimits {
                    window: windows_of(&texts),
                    max_unavailable: most.map(|most| most.parse().unwrap()),
                },
                until: Timestamp::from_millis(NOW + 1),
                local,
            });
            let limits = limits.collect();
            let holds = hold.into_iter().collect();
            let sample = ValveSample { holds, local, rollout, limits, ..ValveSample::default() };
            (Valves { windows, window_end, max_unavailable }, sample, ages)
        },
    )
}

/// Returns the memory of actions that the rules began so many seconds ago.
fn recent(ages: &[u32]) -> RecentActions {
    let mut begun: Vec<(i64, u32)> = ages.iter().map(|age| (NOW - i64::from(*age) * 1000, 1)).collect();
    begun.sort_unstable();
    serde_json::from_value(serde_json::to_value(begun).unwrap()).unwrap()
}

#[derive(Debug, Clone)]
struct Given {
    policy: Policy,
    state: EngineState,
    observation: Observation,
}

fn given() -> impl Strategy<Value = Given> {
    let memory = (
        btree_map(id(), rare_state(), 0..40),
        vec(rare_state(), 40..41),
        btree_set(id(), 0..3),
        btree_map(id(), 0..600_i64, 0..12),
        vec(prop::option::of(1..3_u64), 3),
        prop::option::weighted(0.1, version()),
        btree_map(id(), prop::sample::select(Desired::ALL.to_vec()), 0..4),
        btree_map(id(), recovery(), 0..8),
        vec(failure(), 0..4),
        valves(),
    );
    let observed = (host(), nodes(), prop::option::weighted(0.9, version()), prop::bool::weighted(0.05));
    (policy(), memory, observed, prop::bool::weighted(0.3)).prop_map(|(policy, memory, observed, is_calm)| {
        let (states, spare, acting, missing, devices, refused, desired, recoveries, failures, valves) = memory;
        let (host, nodes, target, rebooted) = observed;
        // The states above end at number 40; the further nodes of a thousand need one too.
        let mut states: NodeMap<NodeState> = states.into_iter().collect();
        for (i, id) in nodes.keys().enumerate().skip(40) {
            states.insert(*id, spare[i % spare.len()].clone());
        }
        if is_calm {
            states.retain(|_, state| matches!(state, NodeState::Running { .. } | NodeState::Stopped { .. }));
        }
        let known = devices.into_iter().enumerate();
        // Removals begin for the cap or for a volume; the others of these have passed their delay.
        let is_delayed = |id: &NodeId| acting.contains(id) && !is_calm && !id.get().is_multiple_of(3);
        let is_removing = |state: &NodeState| matches!(state, NodeState::Removing { .. });
        let delayed =
            states.iter().filter(|(id, state)| is_removing(state) && is_delayed(id) && nodes.contains_key(id));
        let removals = delayed.map(|(id, _)| (*id, Reason::OverCap { total: 1, cap: 0 })).collect();
        let state = EngineState {
            nodes: states,
            removals,
            acting: if is_calm { BTreeSet::new() } else { acting },
            missing_since: missing
                .into_iter()
                .map(|(id, seconds)| (id, Timestamp::from_millis(NOW - seconds * 1000)))
                .collect(),
            volumes: known.filter_map(|(i, d)| Some((PathBuf::from(format!("/storage/{i}")), d?))).collect(),
            own_upgrades: NodeMap::new(),
            failed_upgrades: refused.map(|version| (version, 2)).into_iter().collect(),
            desired: desired.into_iter().collect(),
            recoveries: recoveries.into_iter().collect(),
            failures: if is_calm { failures } else { Vec::new() },
            forecast: None,
            recent: recent(&valves.2),
            clock: None,
        };
        let mut policy = policy;
        policy.valves = valves.0;
        let valves = valves.1;
        let observation = Observation { now: Timestamp::from_millis(NOW), rebooted, host, nodes, target, valves };
        Given { policy, state, observation }
    })
}

/// The same input under the steady rules, after some minutes of similar observations.
fn given_steady() -> impl Strategy<Value = Given> {
    let before = vec((prop::option::weighted(0.9, percent()), prop::option::weighted(0.9, load())), 0..8);
    let sizes = (1..20_u32, 1..200_u64, 1..4000_u64);
    let limited = (prop::option::of(0..20_000_u32), prop::option::of(percent()));
    let limit = prop::option::of(limited.prop_map(|(limit, throttled)| CpuLimitSample {
        limit: limit.and_then(|millicores| Cores::clamped(f64::from(millicores) / 1000.0)),
        throttled,
    }));
    (given(), before, sizes, limit).prop_map(|(given, before, (cpus, memory, disk), limit)| {
        let Given { mut policy, mut state, mut observation } = given;
        policy.preset = Preset::Steady;
        observation.host.cpus = Some(cpus);
        observation.host.cpu_limit = limit;
        observation.host.memory_total = Some(Bytes(memory * 1_000_000_000));
        for volume in &mut observation.host.volumes {
            volume.total = Some(Bytes(disk * 1_000_000_000));
        }
        for (i, (_, sample)) in observation.nodes.iter_mut().enumerate() {
            sample.cpu = Cores::clamped(i as f64 / 50.0);
            sample.memory = Some(Bytes(i as u64 * 50_000_000));
            sample.disk = Some(Bytes(i as u64 * 1_000_000_000));
        }
        let mut forecast = EngineState { nodes: state.nodes.clone(), ..EngineState::default() };
        for (ago, (cpu, one)) in (1..=before.len() as i64).rev().zip(before) {
            let load = one.map(|one| LoadAverages { one, five: one, fifteen: one });
            let mut earlier = Observation { now: Timestamp::from_millis(NOW - ago * 300_000), ..observation.clone() };
            (earlier.host.cpu, earlier.host.load, earlier.rebooted) = (cpu, load, false);
            forecast.nodes.clone_from(&state.nodes);
            forecast = evaluate(&policy, forecast, &earlier).apply(&[]);
        }
        state.forecast = forecast.forecast;
        Given { policy, state, observation }
    })
}

fn holds(property: Property, Given { policy, state, observation }: &Given) -> Result<(), TestCaseError> {
    let decision = &evaluate(policy, state.clone(), observation).decision;
    check(property, &Trial { policy, state, observation, decision })
        .map_err(|violation| TestCaseError::fail(format!("{violation}\n{decision:#?}")))
}

macro_rules! properties {
    ($given:ident, $cases:literal: $($(#[$doc:meta])* $name:ident: $property:ident;)*) => {
        proptest! {
            #![proptest_config(ProptestConfig::with_cases($cases))]
            $($(#[$doc])* #[test] fn $name(given in $given()) { holds(Property::$property, &given)?; })*
        }
    };
}

properties! {
    given, 256:
    property_01_same_input_gives_same_decision: SameInput;
    property_02_saved_state_gives_same_decision: SavedState;
    property_03_node_order_is_irrelevant: Permuted;
    property_04_limits_hold: Limits;
    property_05_no_growth_beside_relief: OneWay;
    property_06_disabled_and_acting_nodes_are_not_selected: LeftAlone;
    property_07_node_cap_holds: Cap;
    property_08_node_has_at_most_one_action: Once;
    property_09_removal_has_a_cause: Deleted;
    property_10_full_disk_causes_removal: FullDisk;
    property_11_higher_signal_adds_nothing: Raised;
    property_12_missing_metric_adds_nothing: Missing;
    property_13_no_downgrade: Downgrade;
    property_15_mass_disappearance_removes_nothing: Vanished;
    property_22_node_that_should_run_is_started: Recovers;
    property_24_failed_addition_is_delayed: Bounded;
    property_21_nothing_is_removed_for_other_signals: Kept;
    property_25_only_the_excess_is_removed: Excess;
    property_26_no_voluntary_action_through_a_closed_valve: Voluntary;
    property_27_voluntary_stops_stay_within_the_limit: Unavailable;
    property_28_ceiling_bounds_every_decision: Ceiling;
    property_29_fleet_begins_no_upgrade: Fleet;
    classic_order_of_nodes: Order;
    classic_relief_follows_pressure: Relief;
    classic_growth_follows_headroom: Growth;
    classic_restart_delay: Waiting;
    classic_upgrade_conditions: Rollout;
    unchanged_observation_changes_no_state: Since;
}

properties! {
    given_steady, 128:
    steady_01_same_input_gives_same_decision: SameInput;
    steady_02_saved_state_gives_same_decision: SavedState;
    steady_03_node_order_is_irrelevant: Permuted;
    steady_04_limits_hold: Limits;
    steady_05_no_growth_beside_relief: OneWay;
    steady_06_disabled_and_acting_nodes_are_not_selected: LeftAlone;
    steady_07_node_cap_holds: Cap;
    steady_08_node_has_at_most_one_action: Once;
    steady_09_removal_has_a_cause: Deleted;
    steady_10_full_disk_causes_removal: FullDisk;
    steady_11_higher_signal_adds_nothing: Raised;
    steady_12_missing_metric_adds_nothing: Missing;
    steady_13_no_downgrade: Downgrade;
    steady_15_mass_disappearance_removes_nothing: Vanished;
    steady_22_node_that_should_run_is_started: Recovers;
    steady_18_relief_is_near_its_threshold: Curable;
    steady_19_growth_keeps_signals_below_target: Predicted;
    steady_23_limit_leaves_the_floor: Floor;
    steady_20_cooldown_after_stop: Rested;
    steady_21_nothing_is_removed_for_other_signals: Kept;
    steady_25_only_the_excess_is_removed: Excess;
    steady_26_no_voluntary_action_through_a_closed_valve: Voluntary;
    steady_27_voluntary_stops_stay_within_the_limit: Unavailable;
    steady_28_ceiling_bounds_every_decision: Ceiling;
    steady_29_fleet_begins_no_upgrade: Fleet;
    steady_order_of_nodes: Order;
    steady_restart_delay: Waiting;
}

proptest! {
    /// The rules see no other clock, so that a wall clock that does not move it changes no decision.
    #[test]
    fn property_14_wall_clock_jump_changes_nothing(
        walls in (any::<i64>(), any::<i64>()),
        uptimes in (any::<u64>(), any::<u64>()),
        boots in (0..2_u8, 0..2_u8),
    ) {
        let reading = |wall, uptime, boot: u8| ClockReading {
            wall: Timestamp::from_millis(wall),
            uptime,
            boot: boot.to_string(),
            init: None,
        };
        let last = Clock::start(reading(walls.0, uptimes.0, boots.0));
        check_clock(&last, &reading(walls.1, uptimes.1, boots.1))
            .map_err(|violation| TestCaseError::fail(violation.to_string()))?;
    }
}
