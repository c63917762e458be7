//! One run: a scenario from its first cycle to its end, checked after every cycle.

use std::time::Duration;

use wnm_core::steps::{ActionRecord, Effect, Executor, Step, StepError, carry_out};
use wnm_core::{
    Action, Clock, Decision, EngineState, NodeId, NodeState, Observation, Outcome, Planned, Policy, PortRanges,
    Selection, Timestamp, Verb, evaluate, evaluate_request,
};

use super::scramble::scrambled;
use super::tally::Tally;
use crate::chance::{Chance, mixed};
use crate::chaos::faults::{Event, Faults, drawn_events};
use crate::chaos::fuse::Fuse;
use crate::chaos::invariants::{
    Property, Trial, Violation, check, check_clock, check_cycle, check_request, check_thoroughly,
};
use crate::chaos::invariants::{host, limits_of_time};
use crate::chaos::ledger::{Ledger, Pages, Row};
use crate::chaos::{ChaosModel, Site};
use crate::scenario::chaos::{Scenario, Scripted};

/// Where the events of a run come from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Events<'a> {
    /// They are drawn as the run goes on, so that a long run needs no more memory than a short one.
    Drawn(&'a Faults),
    /// They are written down, in the order of their cycles.
    Written(&'a [Scripted]),
}

impl Events<'_> {
    /// Writes down everything that happens up to a cycle.
    pub(super) fn written(&self, scenario: &Scenario, last: u64) -> Vec<Scripted> {
        let mut all = Vec::new();
        let mut events = Vec::new();
        for cycle in 0..=last {
            self.of(scenario, cycle, &mut events);
            all.extend(events.drain(..).map(|event| Scripted { cycle, event }));
        }
        all
    }

    fn of(&self, scenario: &Scenario, cycle: u64, events: &mut Vec<Event>) {
        events.clear();
        match self {
            Self::Drawn(faults) if cycle < scenario.cycles => {
                drawn_events(scenario.seed, cycle, faults, scenario.nodes, events);
            }
            Self::Drawn(_) => {}
            Self::Written(all) => {
                let first = all.partition_point(|scripted| scripted.cycle < cycle);
                let of_cycle = all[first..].iter().take_while(|scripted| scripted.cycle == cycle);
                events.extend(of_cycle.map(|scripted| scripted.event));
            }
        }
    }
}

/// A violation, and the cycle after which it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) cycle: u64,
    pub(super) violation: Violation,
}

/// Cycles between two thorough checks.
const THOROUGH_EVERY: u64 = 100;
/// States and looks beside the real ones that each of them tries.
const SCRAMBLES: u32 = 2;

/// A scenario on its way.
pub(super) struct Run<'a> {
    scenario: &'a Scenario,
    events: Events<'a>,
    policy: Policy,
    ranges: PortRanges,
    world: ChaosModel,
    ledger: Ledger,
    seen: Observation,
    cycle: u64,
    interval: i64,
    /// How long the manager could have worked: a host that sleeps leaves it no time.
    awake: Duration,
    /// Writes to the journal that will fail.
    failing: u32,
    tally: Tally,
}

/// What the manager is to do in a cycle beyond looking.
enum Trigger {
    Scheduled,
    Requested(Verb, Selection),
}

/// How the manager's cycle ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Finish,
    Death,
}

impl<'a> Run<'a> {
    /// Returns a run before its first cycle, or what is wrong with its settings.
    pub(super) fn new(scenario: &'a Scenario, events: Events<'a>) -> Result<Self, String> {
        let (policy, ranges) = scenario.policy()?;
        let mut world = ChaosModel::new(scenario);
        let mut ledger = Ledger::default();
        let mut chance = Chance::new(scenario.seed, 3);
        for id in (1..=scenario.nodes).filter_map(NodeId::new) {
            let volume = chance.below(world.volumes() as u32) as usize;
            let age = i64::from(chance.below(1_000_000)) * 1000;
            let born = world.on_wall(-age);
            let Some(row) = ledger.enter(id, &ranges, volume, born) else { continue };
            world.settle_in(id, &row.clone(), &mut chance);
            ledger.state.nodes.insert(id, NodeState::Running { since: born });
        }
        Ok(Self {
            scenario,
            events,
            policy,
            ranges,
            world,
            ledger,
            seen: Observation::default(),
            cycle: 0,
            interval: i64::from(scenario.interval) * 1000,
            awake: Duration::ZERO,
            failing: 0,
            tally: Tally::default(),
        })
    }

    /// Returns what was counted so far.
    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Runs to the end, and then in calm until everything rests; returns the first violation.
    pub(super) fn run_to_end(&mut self) -> Option<Found> {
        let mut events = Vec::new();
        while self.cycle < self.scenario.cycles {
            self.events.of(self.scenario, self.cycle, &mut events);
            if let Err(violation) = self.go_through(&events) {
                return Some(Found { cycle: self.cycle, violation });
            }
            self.cycle += 1;
        }
        self.tally.end_run();
        self.come_to_rest().err().map(|violation| Found { cycle: self.cycle, violation })
    }

    /// Runs one cycle, with what happens at its beginning.
    fn go_through(&mut self, events: &[Event]) -> Result<(), Violation> {
        self.world.pass(self.cycle, self.interval);
        self.awake += Duration::from_millis(self.interval.unsigned_abs());
        let mut trigger = Trigger::Scheduled;
        let mut points = None;
        for event in events {
            self.world.meet(event);
            match event {
                Event::Crash { points: after } => points = Some(*after),
                Event::JournalFails { writes } => self.failing = *writes,
                Event::Cap { cap } => self.policy.node_cap = *cap,
                Event::Ask { verb, node } => trigger = Trigger::Requested(*verb, Selection::Named(vec![*node])),
                Event::AskSome { verb, count } => trigger = Trigger::Requested(*verb, Selection::Count(*count)),
                _ => {}
            }
        }
        let fuse = Fuse::new(points);
        let before = fuse.is_lit().then(|| self.ledger.state.clone());
        let end = self.manage(&trigger, &fuse)?;
        let died = points.filter(|_| end == End::Death);
        self.tally.count_cycle(self.ledger.rows.len(), died);
        if let (Some(before), End::Death) = (before, end) {
            // What was not finished was never written.
            self.ledger.state = before;
        }
        host::check(&mut self.world, &self.ledger)?;
        limits_of_time(&self.ledger.open, self.awake)
    }

    /// Does what the manager does in one cycle, up to the point where it dies.
    fn manage(&mut self, trigger: &Trigger, fuse: &Fuse) -> Result<End, Violation> {
        if fuse.is_out() {
            return Ok(End::Death);
        }
        let mut state = std::mem::take(&mut self.ledger.state);
        let records = self.ledger.open.iter().map(|open| open.record.clone()).collect::<Vec<_>>();
        state.take_up(&records);
        let clock = self.read_clock(&state)?;
        let rebooted = state.clock.as_ref().is_some_and(|last| last.boot() != clock.boot());
        self.world.look(&self.ledger.rows, &self.policy, clock.now(), rebooted, &mut self.seen);
        let (policy, seen) = (self.policy.clone(), std::mem::take(&mut self.seen));
        let end = self.act(state, &policy, &seen, clock, trigger, fuse);
        self.seen = seen;
        if rebooted && end == Ok(End::Finish) {
            self.ledger.rows.values_mut().for_each(|row| row.stopped_at = None);
        }
        end
    }

    /// Evaluates the cycle, checks the decision, and carries it out, up to the point where the manager dies.
    fn act(
        &mut self,
        state: EngineState,
        policy: &Policy,
        seen: &Observation,
        clock: Clock,
        trigger: &Trigger,
        fuse: &Fuse,
    ) -> Result<End, Violation> {
        let trial = state.clone();
        let evaluation = match trigger {
            Trigger::Scheduled => {
                let evaluation = evaluate(policy, state, seen);
                self.check(&trial, seen, &evaluation.decision)?;
                evaluation
            }
            Trigger::Requested(verb, selection) => {
                let evaluation = evaluate_request(policy, state, seen, *verb, selection).evaluation;
                let decision = &evaluation.decision;
                check_request(&Trial { policy, state: &trial, observation: seen, decision })?;
                evaluation
            }
        };
        self.tally.count(seen, &evaluation.decision);
        if !fuse.holds() {
            return Ok(End::Death);
        }
        let now = seen.now;
        self.ledger.begin(&evaluation.decision, self.awake, &self.ranges, self.world.roomiest(), now);
        let records = self.ledger.open.iter().map(|open| open.record.clone()).collect::<Vec<_>>();
        let ended = self.carry_out(records, now, fuse);
        if !fuse.holds() {
            return Ok(End::Death);
        }
        let planned: Vec<(Planned, Outcome)> =
            ended.iter().map(|(record, outcome)| (record.planned.clone(), outcome.clone())).collect();
        let mut state = evaluation.apply(&planned);
        check_outcomes(&state, &planned)?;
        state.clock = Some(clock);
        let outcomes: Vec<_> = ended
            .into_iter()
            .map(|(record, outcome)| (record.id, record.planned.action, outcome))
            .inspect(|(_, _, outcome)| self.tally.count_outcome(outcome))
            .collect();
        self.ledger.finish(&outcomes, state, now);
        Ok(End::Finish)
    }

    fn read_clock(&self, state: &EngineState) -> Result<Clock, Violation> {
        let reading = self.world.clocks();
        match &state.clock {
            None => Ok(Clock::start(reading)),
            Some(last) => {
                check_clock(last, &reading)?;
                Ok(last.advance(reading))
            }
        }
    }

    fn check(&self, state: &EngineState, seen: &Observation, decision: &Decision) -> Result<(), Violation> {
        let trial = Trial { policy: &self.policy, state, observation: seen, decision };
        check_cycle(&trial)?;
        if self.cycle.is_multiple_of(THOROUGH_EVERY) || seen.rebooted {
            check_thoroughly(&trial)?;
            self.check_scrambled(state, seen)?;
        }
        let now = seen.now;
        let is_start = |planned: &&Planned| matches!(planned.action, Action::Start { .. });
        for planned in decision.actions.iter().filter(is_start) {
            let id = planned.action.node();
            let stopped = self.ledger.rows.get(&id).and_then(|row| row.stopped_at);
            if let Some(stopped) = stopped.filter(|stopped| now.since(*stopped) < self.policy.delays.restart) {
                let what = format!("{id} starts {:?} after it was stopped", now.since(stopped));
                return Err(Violation::new(Property::Waiting, what));
            }
        }
        Ok(())
    }

    /// Checks what would be decided in states and looks that this run does not come by.
    fn check_scrambled(&self, state: &EngineState, seen: &Observation) -> Result<(), Violation> {
        let mut chance = Chance::new(self.scenario.seed ^ mixed(self.cycle), 4);
        for _ in 0..SCRAMBLES {
            let (state, observation) = scrambled(state, seen, &mut chance);
            let decision = evaluate(&self.policy, state.clone(), &observation).decision;
            let trial = Trial { policy: &self.policy, state: &state, observation: &observation, decision: &decision };
            check_cycle(&trial)?;
            check(Property::Since, &trial)?;
        }
        Ok(())
    }

    /// Carries out what was under way and what was begun now.
    fn carry_out(
        &mut self,
        mut records: Vec<ActionRecord>,
        now: Timestamp,
        fuse: &Fuse,
    ) -> Vec<(ActionRecord, Outcome)> {
        if records.is_empty() {
            return Vec::new();
        }
        let Ledger { rows, open, .. } = &mut self.ledger;
        let mut executor = Doing { world: &mut self.world, rows, fuse };
        let mut pages = Pages { open, leaving: Vec::new(), fuse, failing: &mut self.failing };
        let outcomes = carry_out(&mut records, &mut executor, &mut pages, now);
        for id in pages.leaving {
            if let Some(row) = rows.get_mut(&id) {
                row.is_leaving = true;
            }
        }
        records.into_iter().zip(outcomes).collect()
    }

    /// Ends all trouble, lifts all limits, and requires that after some cycles nothing is done any more.
    fn come_to_rest(&mut self) -> Result<(), Violation> {
        const PATIENCE: u64 = 60;
        self.world.calm_down();
        self.failing = 0;
        self.interval = 400_000;
        let most = u32::MAX;
        self.policy.limits = wnm_core::Limits { upgrades: most, starts: most, removals: most, operations: most };
        self.policy.upgrades = wnm_core::Upgrades::ByNodes;
        let lasting =
            |run: &Self| (run.ledger.timeless(), run.world.sites().iter().map(Site::lasting).collect::<Vec<_>>());
        let end = self.cycle + PATIENCE;
        while self.cycle < end {
            let before = lasting(self);
            self.go_through(&[])?;
            self.cycle += 1;
            if self.restless().is_none() && before == lasting(self) {
                return Ok(());
            }
        }
        let restless = self.restless().unwrap_or_else(|| "every further run changes something".to_owned());
        Err(Violation::new(Property::Calm, format!("no rest after {PATIENCE} calm cycles: {restless}")))
    }

    /// Tells whether it is known on which device a node's folder was: otherwise nobody can say that it is lost.
    fn is_proven(&self, id: &NodeId) -> bool {
        let volume = self.ledger.rows.get(id).and_then(|row| self.seen.host.volumes.get(row.volume));
        volume.is_some_and(|volume| self.ledger.state.devices.contains_key(&volume.root))
    }

    /// Returns what has not come to rest: an action, or a node with a delay that runs or with a folder it should have.
    ///
    /// When more has vanished than chance explains nothing is done until the operator says what is to become of it.
    fn restless(&self) -> Option<String> {
        if let Some(open) = self.ledger.open.first() {
            return Some(format!("{:?}", open.record));
        }
        let state = &self.ledger.state;
        let is_anomalous = state.missing.len() > 3;
        let is_restless = |(id, at): &(&NodeId, &NodeState)| {
            let is_lost = self.is_proven(id) && state.missing.contains(id) && !matches!(at, NodeState::Disabled { .. });
            let is_dead = matches!(at, NodeState::Dead { .. }) || is_lost;
            at.is_in_operation() || (is_dead && !is_anomalous)
        };
        state.nodes.iter().find(is_restless).map(|(id, at)| format!("{id} is {at:?}"))
    }
}

/// Requires that exactly those nodes count as being acted on whose action goes on.
fn check_outcomes(state: &EngineState, worked: &[(Planned, Outcome)]) -> Result<(), Violation> {
    for (planned, outcome) in worked {
        let (id, is_pending) = (planned.action.node(), matches!(outcome, Outcome::Pending { .. }));
        if state.acting.contains(&id) != is_pending {
            let what = format!("{} of {id} has come to {outcome:?}, and counts otherwise", planned.action.verb());
            return Err(Violation::new(Property::Ends, what));
        }
    }
    Ok(())
}

/// The manager's hands in the model, until it dies.
struct Doing<'a> {
    world: &'a mut ChaosModel,
    rows: &'a std::collections::BTreeMap<NodeId, Row>,
    fuse: &'a Fuse,
}

impl Executor for Doing<'_> {
    fn perform(&mut self, record: &ActionRecord, step: Step, now: Timestamp) -> Effect {
        if !self.fuse.holds() {
            return Effect::NotYet("the manager is dead".to_owned());
        }
        match self.rows.get(&record.node()) {
            Some(row) => self.world.perform(row, record, step, now),
            None => Effect::Failed(StepError::new("there is no such node")),
        }
    }
}
