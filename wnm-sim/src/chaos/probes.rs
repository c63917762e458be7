//! The probes of a run: any task file, on the clocks of the model, with clients that end at any time and a daemon that
//! restarts.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use wnm_core::probe::{
    DRAIN, Failed, Gate, KnownFile, Order, ProbeCeilings, ProbeKind, ProbeLedger, ProbePlan, ProbeSchedule, ProbeTask,
    RunId, SizeClass,
};
use wnm_core::{TimeOfDay, Timestamp, Windows};

use super::invariants::{Property, Violation};
use crate::chance::Chance;

const HOUR: Duration = Duration::from_secs(60 * 60);

/// Tells whether a minute of the day is inside windows.
type Contains = fn(i64) -> bool;

/// Windows of probes, and whether they contain a minute of the day. The second states the first in other words, so that
/// an error of the windows is noticed.
const WINDOWS: [(&str, Contains); 5] = [
    ("hourly :05-:55", |minute| (5..55).contains(&(minute % 60))),
    ("hourly :50-:10", |minute| !(10..50).contains(&(minute % 60))),
    ("daily 22:00-06:00", |minute| !(6 * 60..22 * 60).contains(&minute)),
    ("hourly :00-:30,deny daily 10:00-14:00", |minute| minute % 60 < 30 && !(10 * 60..14 * 60).contains(&minute)),
    ("hourly :00-:60", |_| true),
];

/// A schedule of probes with the runs that it started.
pub(crate) struct Probes {
    schedule: ProbeSchedule,
    ceilings: ProbeCeilings,
    chance: Chance,
    windows: Windows,
    is_inside: Contains,
    running: BTreeMap<RunId, ProbeKind>,
    /// The runs of the last hour: start, kind and bytes.
    started: VecDeque<(Duration, ProbeKind, u64)>,
}

impl Probes {
    /// Returns the probes of a seed. Most of their task files ask for more than the ceilings allow.
    pub(crate) fn new(seed: u64) -> Self {
        let mut chance = Chance::new(seed, 7);
        let task = |at: u32, chance: &mut Chance| {
            let kind = ProbeKind::ALL.into_iter().cycle().nth(chance.below(3) as usize).unwrap_or(ProbeKind::Quote);
            let size = SizeClass::ALL.into_iter().cycle().nth(chance.below(7) as usize).unwrap_or(SizeClass::Tiny);
            ProbeTask {
                every: Duration::from_secs(chance.below(7200).into()),
                offset: Duration::from_secs(chance.below(7200).into()),
                workers: chance.below(12),
                repeat: chance.below(1000),
                retry: chance.below(20),
                ..ProbeTask::new(format!("task {at}"), kind, size)
            }
        };
        let tasks = (0..1 + chance.below(8)).map(|at| task(at, &mut chance)).collect();
        let file = |size| KnownFile { size, name: "file".to_owned(), address: "ab".repeat(32), md5: None };
        let ceilings = ProbeCeilings::of_host(1 + chance.below(16));
        let (texts, is_inside) = WINDOWS.into_iter().cycle().nth(chance.below(5) as usize).unwrap_or(WINDOWS[0]);
        let windows = Windows::new(texts.split(',').filter_map(|text| text.parse().ok()).collect());
        let mut schedule = ProbeSchedule::new(ceilings, ProbeLedger::default(), seed);
        schedule.set_plan(ProbePlan { tasks, files: SizeClass::ALL.map(file).into(), ..ProbePlan::default() });
        Self { schedule, ceilings, chance, windows, is_inside, running: BTreeMap::new(), started: VecDeque::new() }
    }

    /// Runs one step, and checks it.
    pub(crate) fn step(&mut self, wall: Timestamp, awake: Duration) -> Result<(), Violation> {
        if self.chance.once_in(300) {
            self.restart(awake);
        }
        let is_held = self.chance.once_in(50);
        let local = vec![TimeOfDay::utc(wall); self.windows.as_slice().len()];
        let gate = if is_held { Gate::Closed } else { Gate::of(&self.windows, &local) };
        for order in self.schedule.step(wall, awake, gate, Ok(())) {
            match order {
                Order::Start(run) => {
                    self.check_start(run.run, is_held, wall)?;
                    self.running.insert(run.run, run.task.kind);
                    self.started.push_back((awake, run.task.kind, run.subject.bytes().0));
                }
                Order::End(run) => {
                    self.running.remove(&run);
                    self.schedule.ended(run, Failed::No, awake);
                }
            }
        }
        self.check(is_held, wall, awake)?;
        let ending: Vec<RunId> = self.running.keys().copied().collect();
        for run in ending {
            if self.chance.once_in(3) {
                self.running.remove(&run);
                let failed = if self.chance.once_in(2) { Failed::Yes } else { Failed::No };
                self.schedule.ended(run, failed, awake);
            }
        }
        Ok(())
    }

    /// Replaces the schedule as a daemon that starts again does: it remembers the runs of before, and runs none of them.
    fn restart(&mut self, awake: Duration) {
        let mut ledger = ProbeLedger::default();
        for (at, kind, bytes) in &self.started {
            ledger.remember(*kind, wnm_core::Bytes(*bytes), awake.saturating_sub(*at), awake);
        }
        let mut schedule = ProbeSchedule::new(self.ceilings, ledger, u64::from(self.chance.below(u32::MAX)));
        schedule.set_plan(self.schedule.plan().clone());
        self.schedule = schedule;
        self.running.clear();
    }

    /// Tells whether a time of the wall clock is inside the windows.
    fn contains(&self, wall: Timestamp) -> bool {
        (self.is_inside)(wall.as_secs().rem_euclid(24 * 60 * 60) / 60)
    }

    fn check_start(&self, run: RunId, is_held: bool, wall: Timestamp) -> Result<(), Violation> {
        if is_held || !self.contains(wall) || !self.contains(wall.after(DRAIN)) {
            let minute = wall.as_secs().rem_euclid(24 * 60 * 60) / 60;
            return violated(format!("{run:?} starts at minute {minute} of the day, under a hold: {is_held}"));
        }
        Ok(())
    }

    fn check(&mut self, is_held: bool, wall: Timestamp, awake: Duration) -> Result<(), Violation> {
        if (is_held || !self.contains(wall)) && !self.running.is_empty() {
            return violated(format!("{} runs continue outside the window or under a hold", self.running.len()));
        }
        if self.running.len() > self.ceilings.at_once as usize {
            return violated(format!("{} runs at once", self.running.len()));
        }
        self.started.retain(|(at, ..)| awake.saturating_sub(*at) < HOUR);
        for (kind, most) in [(ProbeKind::Download, 360), (ProbeKind::Quote, 240), (ProbeKind::Upload, 120)] {
            let count = self.started.iter().filter(|(_, other, _)| *other == kind).count();
            if count > most {
                return violated(format!("{count} {kind} runs in an hour"));
            }
        }
        let bytes: u64 = self.started.iter().map(|(_, _, bytes)| bytes).sum();
        if bytes > self.ceilings.bytes_per_hour.0 {
            return violated(format!("{bytes} bytes in an hour"));
        }
        Ok(())
    }
}

fn violated(detail: String) -> Result<(), Violation> {
    Err(Violation::new(Property::Probes, detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Steps the probes of some seeds for a day; returns the first violation.
    fn first_violation(change: impl Fn(&mut Probes)) -> Option<Violation> {
        (0..40).find_map(|seed| {
            let mut probes = Probes::new(seed);
            change(&mut probes);
            (0..24 * 60_u64).find_map(|minute| {
                let at = Duration::from_secs(minute * 60);
                probes.step(Timestamp::from_millis(0).after(at), at).err()
            })
        })
    }

    #[test]
    fn schedule_above_a_ceiling_is_noticed() {
        assert_eq!(first_violation(|_| {}), None);
        let most = ProbeCeilings { at_once: u32::MAX, bytes_per_hour: wnm_core::Bytes(u64::MAX) };
        let unbounded = |probes: &mut Probes| {
            let mut schedule = ProbeSchedule::new(most, ProbeLedger::default(), 1);
            schedule.set_plan(probes.schedule.plan().clone());
            probes.schedule = schedule;
        };
        let violation = first_violation(unbounded).unwrap();
        assert_eq!(violation.property, Property::Probes);
        // More runs are on record for the hour than the ceiling allows.
        let forgetful =
            |probes: &mut Probes| probes.started.extend((0..361).map(|_| (Duration::ZERO, ProbeKind::Download, 0)));
        assert!(first_violation(forgetful).is_some());
    }

    #[test]
    fn schedule_outside_its_window_is_noticed() {
        let widened = |probes: &mut Probes| probes.windows = Windows::new(vec!["hourly :00-:60".parse().unwrap()]);
        assert!(first_violation(widened).is_some());
    }
}
