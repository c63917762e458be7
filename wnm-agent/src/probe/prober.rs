//! The loop of the probes with its clients behind a trait, so that days of it are tested in moments.

use std::time::Duration;

use wnm_core::probe::{
    Assignment, Failed, Gate, Order, ProbeOutcome, ProbePlan, ProbeRun, ProbeSchedule, Refused, RunId,
};
use wnm_core::{TimeOfDay, Timestamp, Windows};

/// A run that has ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Finished {
    /// The number of the run.
    pub run: RunId,
    /// Its result.
    pub result: ProbeRun,
}

/// The clients of a host.
pub trait RunClients {
    /// Starts a run. It ends later, also when its client cannot be started.
    fn start(&mut self, assignment: Assignment);

    /// Ends a run before its time.
    fn end(&mut self, run: RunId);

    /// Returns the runs that have ended since the last call.
    fn finished(&mut self) -> Vec<Finished>;
}

/// The probes of a host.
#[derive(Debug)]
pub struct Prober<R> {
    schedule: ProbeSchedule,
    clients: R,
}

impl<R: RunClients> Prober<R> {
    /// Returns a prober without tasks.
    #[must_use]
    pub fn new(schedule: ProbeSchedule, clients: R) -> Self {
        Self { schedule, clients }
    }

    /// Counts a run of another process for the ceilings.
    pub fn remember(&mut self, run: &ProbeRun, now: Timestamp, elapsed: Duration) {
        self.schedule.remember(run, now, elapsed);
    }

    /// Replaces the plan. Running runs continue.
    pub fn set_plan(&mut self, plan: ProbePlan) {
        self.schedule.set_plan(plan);
    }

    /// Returns the schedule.
    #[must_use]
    pub const fn schedule(&self) -> &ProbeSchedule {
        &self.schedule
    }

    /// Returns the clients.
    pub const fn clients(&mut self) -> &mut R {
        &mut self.clients
    }

    /// Collects the runs that ended, starts those that are due, and ends those that may not continue.
    pub fn tick(
        &mut self,
        now: Timestamp,
        elapsed: Duration,
        gate: Gate,
        uploads: Result<(), Refused>,
    ) -> Vec<ProbeRun> {
        let finished = self.clients.finished();
        for Finished { run, result } in &finished {
            let failed = match result.outcome {
                ProbeOutcome::Ok | ProbeOutcome::Stopped => Failed::No,
                _ => Failed::Yes,
            };
            self.schedule.ended(*run, failed, elapsed);
        }
        for order in self.schedule.step(now, elapsed, gate, uploads) {
            match order {
                Order::Start(assignment) => self.clients.start(*assignment),
                Order::End(run) => self.clients.end(run),
            }
        }
        finished.into_iter().map(|finished| finished.result).collect()
    }
}

/// Returns the gate of a moment: closed under a hold, else that of the windows by the local time in the zone of each.
pub(super) fn gate(windows: &Windows, local: &[TimeOfDay], is_held: bool) -> Gate {
    if is_held { Gate::Closed } else { Gate::of(windows, local) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use wnm_core::Bytes;
    use wnm_core::probe::{ContentCheck, ProbeCeilings, ProbeKind, ProbeLedger, ProbeTask, SizeClass, default_windows};

    use super::*;

    /// Clients that take five minutes, by a clock that the test sets.
    #[derive(Default)]
    struct Stepped {
        now: i64,
        running: BTreeMap<RunId, (i64, Assignment)>,
        finished: Vec<Finished>,
        most: usize,
    }

    impl Stepped {
        fn finish(&mut self, run: RunId, outcome: ProbeOutcome) {
            let Some((started, assignment)) = self.running.remove(&run) else { panic!("{run:?} does not run") };
            let result = ProbeRun {
                task: assignment.task.name,
                kind: assignment.task.kind,
                size: assignment.task.size,
                file: assignment.subject.name(),
                client: "ant 0.2.4".to_owned(),
                started: Timestamp::from_millis(started * 1000),
                took: Duration::from_secs((self.now - started) as u64),
                bytes: Bytes(1),
                content: ContentCheck::Unchecked,
                cost: None,
                address: None,
                attempt: assignment.attempt,
                outcome,
                exit_code: None,
                cause: None,
            };
            self.finished.push(Finished { run, result });
        }
    }

    impl RunClients for Stepped {
        fn start(&mut self, assignment: Assignment) {
            self.running.insert(assignment.run, (self.now, assignment));
            self.most = self.most.max(self.running.len());
        }

        fn end(&mut self, run: RunId) {
            if self.running.contains_key(&run) {
                self.finish(run, ProbeOutcome::Stopped);
            }
        }

        fn finished(&mut self) -> Vec<Finished> {
            let now = self.now;
            let ended: Vec<RunId> =
                self.running.iter().filter(|(_, (started, _))| now - started >= 300).map(|(run, _)| *run).collect();
            for run in ended {
                self.finish(run, ProbeOutcome::Ok);
            }
            std::mem::take(&mut self.finished)
        }
    }

    #[test]
    fn day_of_hourly_windows() {
        let task = ProbeTask { workers: 3, repeat: 20, ..ProbeTask::new("t", ProbeKind::Quote, SizeClass::Tiny) };
        let schedule = ProbeSchedule::new(ProbeCeilings::of_host(2), ProbeLedger::default(), 1);
        let mut prober = Prober::new(schedule, Stepped::default());
        prober.set_plan(ProbePlan { tasks: vec![task], ..ProbePlan::default() });
        let mut runs = Vec::new();
        for second in 0..24 * 3600 {
            prober.clients().now = second;
            let now = Timestamp::from_millis(second * 1000);
            let gate = gate(&default_windows(), &[TimeOfDay::utc(now)], false);
            runs.extend(prober.tick(now, Duration::from_secs(second as u64), gate, Ok(())));
        }
        assert_eq!(prober.clients().most, 3);
        // Runs of five minutes with pauses of 10 s begin ten times from minute 5 to minute 53; the last one is ended at
        // minute 55.
        assert_eq!(runs.len(), 24 * 3 * 10);
        let minute = |run: &ProbeRun| run.started.as_millis() / 60_000 % 60;
        assert!(runs.iter().all(|run| (5..53).contains(&minute(run))));
        let end = |run: &ProbeRun| run.started.after(run.took).as_millis() % 3_600_000;
        assert!(runs.iter().all(|run| end(run) <= 55 * 60_000));
        let stopped = runs.iter().filter(|run| run.outcome == ProbeOutcome::Stopped);
        assert_eq!(stopped.count(), 24 * 3);
    }

    #[test]
    fn hold_ends_all_runs_at_once() {
        let task = ProbeTask::new("t", ProbeKind::Quote, SizeClass::Tiny);
        let schedule = ProbeSchedule::new(ProbeCeilings::of_host(2), ProbeLedger::default(), 1);
        let mut prober = Prober::new(schedule, Stepped::default());
        prober.set_plan(ProbePlan { tasks: vec![task], ..ProbePlan::default() });
        let now = Timestamp::from_millis(600_000);
        let mut tick = |second: u64, is_held: bool| {
            let gate = gate(&default_windows(), &[TimeOfDay::utc(now)], is_held);
            prober.tick(now, Duration::from_secs(second), gate, Ok(()))
        };
        assert_eq!(tick(0, false), []);
        assert_eq!(tick(1, true), []);
        let ended: Vec<ProbeOutcome> = tick(2, true).iter().map(|run| run.outcome).collect();
        assert_eq!(ended, [ProbeOutcome::Stopped]);
    }
}
