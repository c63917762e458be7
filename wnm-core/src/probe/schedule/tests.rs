//! The schedule, driven step by step.

use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;

use super::*;
use crate::probe::SizeClass;

const START: i64 = 1_764_403_200_000;

fn wall(seconds: u64) -> Timestamp {
    Timestamp::from_millis(START).after(Duration::from_secs(seconds))
}

fn schedule(tasks: Vec<ProbeTask>) -> ProbeSchedule {
    let file =
        |name: &str| KnownFile { size: SizeClass::Tiny, name: name.to_owned(), address: "ab".repeat(32), md5: None };
    let plan = ProbePlan { tasks, files: vec![file("a"), file("b")], seeds: Vec::new() };
    let mut schedule = ProbeSchedule::new(ProbeCeilings::of_host(4), ProbeLedger::default(), 1);
    schedule.set_plan(plan);
    schedule
}

fn started(orders: &[Order]) -> Vec<&Assignment> {
    let start = |order: &'_ Order| matches!(order, Order::Start(_));
    assert!(orders.iter().all(start), "{orders:?}");
    orders.iter().filter_map(|order| if let Order::Start(run) = order { Some(&**run) } else { None }).collect()
}

fn step(schedule: &mut ProbeSchedule, seconds: u64) -> Vec<Order> {
    schedule.step(wall(seconds), Duration::from_secs(seconds), Gate::Open, Ok(()))
}

#[test]
fn task_runs_once_in_each_period() {
    let mut task = ProbeTask::new("t", ProbeKind::Download, SizeClass::Tiny);
    task.offset = Duration::from_secs(600);
    let mut schedule = schedule(vec![task]);
    // The period that began before the daemon is used at once.
    assert_eq!(started(&step(&mut schedule, 0)).len(), 1);
    schedule.ended(RunId(1), Failed::No, Duration::from_secs(1));
    assert_eq!(step(&mut schedule, 599), []);
    assert_eq!(started(&step(&mut schedule, 600)).len(), 1);
    schedule.ended(RunId(2), Failed::No, Duration::from_secs(601));
    assert_eq!(step(&mut schedule, 4199), []);
    assert_eq!(started(&step(&mut schedule, 4200)).len(), 1);
}

#[test]
fn workers_repeat_their_runs_after_a_pause_with_all_files_in_turn() {
    let mut task = ProbeTask::new("t", ProbeKind::Download, SizeClass::Tiny);
    (task.workers, task.repeat) = (2, 2);
    let mut schedule = schedule(vec![task]);
    let orders = step(&mut schedule, 0);
    let names: Vec<String> = started(&orders).iter().map(|run| run.subject.name()).collect();
    assert_eq!(names, ["a", "b"]);
    schedule.ended(RunId(1), Failed::No, Duration::from_secs(5));
    assert_eq!(step(&mut schedule, 14), []);
    assert_eq!(started(&step(&mut schedule, 15))[0].subject.name(), "a");
    for run in [2, 3] {
        schedule.ended(RunId(run), Failed::No, Duration::from_secs(20));
    }
    assert_eq!(started(&step(&mut schedule, 30)).len(), 1);
    schedule.ended(RunId(4), Failed::No, Duration::from_secs(31));
    assert_eq!((step(&mut schedule, 3000), schedule.running()), (vec![], 0));
}

#[test]
fn new_content_is_another_one_for_each_run() {
    let tasks =
        ["a", "b"].map(|name| ProbeTask { workers: 3, ..ProbeTask::new(name, ProbeKind::Quote, SizeClass::Tiny) });
    let orders = step(&mut schedule(tasks.into()), 0);
    let names: std::collections::BTreeSet<String> = started(&orders).iter().map(|run| run.subject.name()).collect();
    assert_eq!(names.len(), 6, "{names:?}");
}

#[test]
fn failed_run_is_repeated_with_its_file_unless_it_costs_money() {
    for (kind, attempts) in [(ProbeKind::Download, 3), (ProbeKind::Quote, 3), (ProbeKind::Upload, 1)] {
        let mut task = ProbeTask::new("t", kind, SizeClass::Tiny);
        task.retry = 2;
        let mut schedule = schedule(vec![task]);
        let mut seen = Vec::new();
        for seconds in 0..200 {
            for run in started(&step(&mut schedule, seconds)) {
                seen.push((run.attempt, run.subject.clone()));
                schedule.ended(run.run, Failed::Yes, Duration::from_secs(seconds));
            }
        }
        assert_eq!(seen.iter().map(|(attempt, _)| *attempt).collect::<Vec<_>>(), (1..=attempts).collect::<Vec<_>>());
        assert!(seen.iter().all(|(_, subject)| *subject == seen[0].1), "{seen:?}");
    }
}

#[test]
fn uploads_wait_until_they_are_allowed() {
    let mut schedule = schedule(vec![ProbeTask::new("u", ProbeKind::Upload, SizeClass::Tiny)]);
    let refused = Err(Refused::Uploads);
    assert_eq!(schedule.step(wall(0), Duration::ZERO, Gate::Open, refused), []);
    assert_eq!(schedule.refused().collect::<Vec<_>>(), [("u", Refused::Uploads)]);
    assert_eq!(started(&step(&mut schedule, 1)).len(), 1);
    assert_eq!(schedule.refused().count(), 0);
}

#[test]
fn closed_gate_ends_all_runs() {
    let mut schedule = schedule(vec![ProbeTask::new("t", ProbeKind::Download, SizeClass::Tiny)]);
    let _ = step(&mut schedule, 0);
    assert_eq!(schedule.step(wall(1), Duration::from_secs(1), Gate::Draining, Ok(())), []);
    assert_eq!(schedule.step(wall(2), Duration::from_secs(2), Gate::Closed, Ok(())), [Order::End(RunId(1))]);
}

#[test]
fn changed_plan_keeps_the_progress_of_equal_tasks() {
    let [kept, gone] = ["kept", "gone"].map(|name| ProbeTask::new(name, ProbeKind::Download, SizeClass::Tiny));
    let mut schedule = schedule(vec![kept.clone(), gone]);
    assert_eq!(started(&step(&mut schedule, 0)).len(), 2);
    let plan = ProbePlan { tasks: vec![kept], ..schedule.plan().clone() };
    schedule.set_plan(plan);
    assert_eq!((step(&mut schedule, 1), schedule.running()), (vec![], 2));
    for run in [1, 2] {
        schedule.ended(RunId(run), Failed::Yes, Duration::from_secs(2));
    }
    assert_eq!(schedule.running(), 0);
    let names: Vec<String> = started(&step(&mut schedule, 3600)).iter().map(|run| run.task.name.clone()).collect();
    assert_eq!(names, ["kept"]);
}

/// Returns any task, also those that [`ProbeTask::check`] refuses.
fn any_task() -> impl Strategy<Value = ProbeTask> {
    (0..3_usize, 0..7_usize, 0..100_000_u64, 0..100_000_u64, 0..30_u32, 0..1000_u32, 0..20_u32).prop_map(
        |(kind, size, every, offset, workers, repeat, retry)| ProbeTask {
            every: Duration::from_secs(every),
            offset: Duration::from_secs(offset),
            workers,
            repeat,
            retry,
            ..ProbeTask::new(format!("{kind} {size} {every}"), ProbeKind::ALL[kind], SizeClass::ALL[size])
        },
    )
}

/// One step: the seconds since the step before, the jump of the wall clock in seconds, the gate, and the share of the
/// running runs that end.
fn any_step() -> impl Strategy<Value = (u64, i64, Gate, bool, bool)> {
    let gate = prop_oneof![6 => Just(Gate::Open), 1 => Just(Gate::Draining), 1 => Just(Gate::Closed)];
    (0..120_u64, prop_oneof![9 => Just(0_i64), 1 => -90_000..90_000_i64], gate, any::<bool>(), any::<bool>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// No task file, no clock and no end of a run exceeds a ceiling or starts a run outside the window.
    #[test]
    fn no_task_file_exceeds_a_ceiling_or_the_window(
        tasks in prop::collection::vec(any_task(), 1..12),
        steps in prop::collection::vec(any_step(), 1..300),
        cpus in 1..16_u32,
    ) {
        let ceilings = ProbeCeilings::of_host(cpus);
        let mut schedule = schedule(tasks);
        schedule.ceilings = ceilings;
        let (mut elapsed, mut jump) = (0_u64, 0_i64);
        let mut running: BTreeMap<RunId, Assignment> = BTreeMap::new();
        let mut hour: VecDeque<(u64, ProbeKind, u64)> = VecDeque::new();
        for (seconds, jumps, gate, ends, fails) in steps {
            elapsed += seconds;
            jump += jumps;
            let now = Timestamp::from_millis(START + (elapsed as i64 + jump) * 1000);
            let time = Duration::from_secs(elapsed);
            let orders = schedule.step(now, time, gate, Ok(()));
            for order in orders {
                match order {
                    Order::Start(run) => {
                        prop_assert_eq!(gate, Gate::Open);
                        hour.push_back((elapsed, run.task.kind, run.subject.bytes().0));
                        running.insert(run.run, *run);
                    }
                    Order::End(run) => {
                        prop_assert_eq!(gate, Gate::Closed);
                        prop_assert!(running.remove(&run).is_some());
                        schedule.ended(run, Failed::No, time);
                    }
                }
            }
            prop_assert!(gate != Gate::Closed || running.is_empty());
            prop_assert!(running.len() <= ceilings.at_once as usize);
            hour.retain(|(started, ..)| started + 3600 > elapsed);
            for kind in ProbeKind::ALL {
                let count = hour.iter().filter(|(_, other, _)| *other == kind).count();
                prop_assert!(count <= ceilings.runs_per_hour(kind) as usize);
            }
            prop_assert!(hour.iter().map(|(_, _, bytes)| bytes).sum::<u64>() <= ceilings.bytes_per_hour.0);
            if ends {
                for run in std::mem::take(&mut running).into_keys() {
                    schedule.ended(run, if fails { Failed::Yes } else { Failed::No }, time);
                }
            }
        }
    }
}
