//! Property 24 over a day: whatever step of an addition or of an upgrade fails, and however often a cycle runs, the tries
//! write a bounded number of folders and bytes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

use std::time::Duration;

use proptest::prelude::*;
use wnm_core::steps::{Failure, Step, StepFailure};
use wnm_core::{
    Action, Bytes, Cores, EngineState, FailureCause, HostSample, Load, LoadAverages, NodeId, NodeSample, NodeState,
    Observation, Outcome, Percent, Planned, Policy, Presence, RawSettings, Reason, Timestamp, Version, Volume,
    evaluate,
};
use wnm_sim::invariants::{Cost, Costs, Ended, Property, Violation};

const NOW: Timestamp = Timestamp::from_secs(1_000_000);
const DAY: u64 = 86_400;
/// The size of a node program in MB.
const PROGRAM: u64 = 60;
/// The steps of an addition and of an upgrade that may fail.
const ADD: [Step; 6] = [Step::Folder, Step::Define, Step::OpenPort, Step::Binary, Step::Start, Step::Confirm];
const UPGRADE: [Step; 4] = [Step::Stage, Step::Swap, Step::Start, Step::Confirm];

/// Whether the engine keeps its failure memory from cycle to cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Memory {
    Kept,
    Lost,
}

/// A colony of four nodes on a calm host on which each addition or each upgrade fails.
#[derive(Debug, Clone)]
struct Given {
    preset: &'static str,
    /// The step that fails; of an addition or of an upgrade.
    step: Step,
    cause: FailureCause,
    /// Seconds from cycle to cycle.
    interval: u64,
    /// Additions that may be in progress together.
    starts: u32,
}

fn given(steps: &'static [Step]) -> impl Strategy<Value = Given> {
    let causes = [
        FailureCause::Number,
        FailureCause::Space,
        FailureCause::Volume,
        FailureCause::Program,
        FailureCause::Exit,
        FailureCause::Tool,
        FailureCause::Other,
    ];
    let preset = prop::sample::select(vec!["classic", "steady"]);
    let (step, cause) = (prop::sample::select(steps), prop::sample::select(causes.to_vec()));
    (preset, step, cause, 20..120_u64, 1..4_u32).prop_map(|(preset, step, cause, interval, starts)| Given {
        preset,
        step,
        cause,
        interval,
        starts,
    })
}

fn policy(given: &Given, cap: &str) -> Policy {
    let mut raw = RawSettings::default();
    let starts = given.starts.to_string();
    let settings =
        [("preset", given.preset), ("node_cap", cap), ("max_concurrent_starts", &starts), ("enable_upgrade", "true")];
    settings.iter().for_each(|(key, value)| raw.set(key, value).unwrap());
    Policy::new(&raw, Some(16)).unwrap()
}

fn observation(version: &Version) -> Observation {
    let percent = |value| Percent::clamped(value);
    let load = Load::clamped(0.5).unwrap();
    let host = HostSample {
        cpus: Some(16),
        cpu: percent(10.0),
        memory: percent(10.0),
        memory_total: Some(Bytes(1 << 37)),
        volumes: vec![Volume { used: percent(10.0), total: Some(Bytes(1 << 42)), ..Volume::default() }],
        load: Some(LoadAverages { one: load, five: load, fifteen: load }),
        ..HostSample::default()
    };
    let node = |number: u32| {
        let sample = NodeSample {
            presence: Presence::Answering,
            born: Timestamp::from_secs(i64::from(number)),
            version: Some(version.clone()),
            volume: Some(0),
            cpu: Cores::clamped(0.1),
            ..NodeSample::default()
        };
        (NodeId::new(number).unwrap(), sample)
    };
    let nodes = (1..=4).map(node).collect();
    Observation { now: NOW, host, nodes, target: Some(Version::new(0, 4, 17)), ..Observation::default() }
}

/// The folders and bytes that an action has written when this step fails.
fn written(planned: &Planned, failed: Step) -> Cost {
    let is_folder_made = matches!(planned.action, Action::Add { .. }) && failed != Step::Folder;
    let is_program_copied = failed != Step::Folder;
    Cost { folders: u64::from(is_folder_made), megabytes: if is_program_copied { PROGRAM } else { 0 } }
}

fn outcome(given: &Given, planned: &Planned, now: Timestamp) -> Outcome {
    match planned.action {
        Action::Add { .. } | Action::Upgrade { .. } => Outcome::Failed(Failure {
            failed: StepFailure {
                step: given.step,
                at: now,
                error: "it fails".to_owned(),
                cause: given.cause,
                hint: None,
            },
            rolled_back: true,
        }),
        _ => Outcome::Done,
    }
}

/// Runs a colony for a day, and returns the number of tries that failed and the sum of their costs.
fn a_day(given: &Given, cap: &str, runs: &Version, memory: Memory) -> Result<(u64, Cost), Violation> {
    let policy = policy(given, cap);
    let mut observation = observation(runs);
    let mut state = EngineState::default();
    for id in observation.nodes.keys() {
        state.nodes.insert(*id, NodeState::Running { since: NOW.before(Duration::from_secs(90_000)) });
    }
    let mut costs = Costs::new(Cost { folders: 1, megabytes: PROGRAM });
    let (mut tries, mut sum) = (0, Cost::default());
    for cycle in 0..DAY / given.interval {
        let now = NOW.after(Duration::from_secs(cycle * given.interval));
        observation.now = now;
        if memory == Memory::Lost {
            state.failures.clear();
            state.failed_upgrades.clear();
        }
        let evaluation = evaluate(&policy, state, &observation);
        let with_outcome = |planned: &Planned| (planned.clone(), outcome(given, planned, now));
        let outcomes: Vec<_> = evaluation.decision.actions.iter().map(with_outcome).collect();
        for (planned, outcome) in &outcomes {
            assert_ne!(planned.reason, Reason::Requested);
            let written = written(planned, given.step);
            costs.count(&Ended { planned, outcome, written, left: Cost::default() }, given.starts, now)?;
            tries += 1;
            sum.folders += written.folders;
            sum.megabytes += written.megabytes;
        }
        state = evaluation.apply(&outcomes);
    }
    Ok((tries, sum))
}

const OLD: Version = Version::new(0, 4, 16);
const CURRENT: Version = Version::new(0, 4, 17);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Both presets add on this host. A day has at most 5 tries at first and 48 every half hour, each with the additions that begin together.
    #[test]
    fn property_24_failed_additions_cost_a_bounded_number_of_folders_and_bytes(given in given(&ADD)) {
        let (tries, sum) = a_day(&given, "9", &CURRENT, Memory::Kept).map_err(|v| TestCaseError::fail(v.to_string()))?;
        prop_assert!(tries >= 40, "{tries}");
        let most = 53 * u64::from(given.starts);
        prop_assert!(sum.folders <= most && sum.megabytes <= most * PROGRAM, "{sum:?}");
    }

    /// A version whose upgrades fail is refused, so that it costs a copy for each of a few nodes.
    #[test]
    fn property_24_failed_upgrades_cost_a_bounded_number_of_bytes(given in given(&UPGRADE)) {
        let (tries, sum) = a_day(&given, "4", &OLD, Memory::Kept).map_err(|v| TestCaseError::fail(v.to_string()))?;
        prop_assert!((1..=4).contains(&tries), "{tries}");
        prop_assert!(sum.folders == 0 && sum.megabytes <= 4 * PROGRAM, "{sum:?}");
    }

    /// The property finds an engine that forgets its failures.
    #[test]
    fn failures_that_are_repeated_in_every_cycle_are_found(
        addition in given(&ADD[1..]), upgrade in given(&UPGRADE),
    ) {
        for (given, cap, runs) in [(addition, "9", CURRENT), (upgrade, "4", OLD)] {
            let violation = a_day(&given, cap, &runs, Memory::Lost).expect_err("a failure is repeated");
            prop_assert_eq!(violation.property, Property::Bounded);
        }
    }
}

#[test]
fn folder_and_bytes_that_a_failed_action_leaves_are_found() {
    let given = Given { preset: "steady", step: Step::Confirm, cause: FailureCause::Other, interval: 60, starts: 1 };
    let planned = Planned {
        action: Action::Add { node: NodeId::new(5).unwrap() },
        reason: Reason::HeadroomToAdd { total: 4, cap: 9 },
    };
    let outcome = outcome(&given, &planned, NOW);
    let written = Cost { folders: 1, megabytes: PROGRAM };
    for (left, is_found) in
        [(Cost::default(), false), (Cost { folders: 1, megabytes: 0 }, true), (Cost { folders: 0, megabytes: 1 }, true)]
    {
        let mut costs = Costs::new(written);
        let counted = costs.count(&Ended { planned: &planned, outcome: &outcome, written, left }, 1, NOW);
        assert_eq!(counted.is_err(), is_found, "{counted:?}");
    }
}
