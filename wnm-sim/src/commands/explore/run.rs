//! One run: the cycles of a scenario, each checked, and then calm cycles until nothing changes.

#[cfg(test)]
mod states;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use wnm_agent::valves::{ReadHold, Reading};
use wnm_agent::{Agent, AgentError, Mode, Trigger};
use wnm_core::{
    ChangeRequest, Hold, HoldSource, Limits, NewNodeInputs, NodeChange, NodeId, NodeState, NodeUpdate, Outcome,
    Selection, Settings, Timestamp, Upgrades, Valves, new_node,
};

use super::checks::{DecisionChecks, FleetChecks};
use super::events::Events;
use super::tally::Tally;
use crate::chance::Chance;
use crate::chaos::crash::CrashCountdown;
use crate::chaos::faults::Event;
use crate::chaos::fleet::{Clocks, Facts, Fleet};
use crate::chaos::invariants::{Cost, Costs, Ended, Property, Violation, host, limits_of_time, pace};
use crate::chaos::ledger::{Ledger, StoredNode, storage_folder};
use crate::chaos::platform::ChaosPlatform;
use crate::chaos::probes::Probes;
use crate::chaos::store::{FakeStore, StoreFault};
use crate::chaos::{ChaosModel, HostNode, PROGRAM_MB};
use crate::scenario::chaos::Scenario;

/// A violation, and the cycle that showed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) cycle: u64,
    pub(super) violation: Violation,
}

/// A run of a scenario: the agent of the product on the fake store and the chaos model.
pub(super) struct Run<'a> {
    scenario: &'a Scenario,
    events: Events<'a>,
    agent: Agent<FakeStore, ChaosPlatform>,
    ledger: Rc<RefCell<Ledger>>,
    crash: Rc<CrashCountdown>,
    hold: Rc<Cell<Option<ScriptedHold>>>,
    cycle: u64,
    /// Milliseconds from cycle to cycle.
    interval: i64,
    tally: Tally,
    costs: Costs,
    probes: Probes,
    fleet: Option<Fleet>,
}

/// A hold of a scenario.
#[derive(Debug, Clone, Copy)]
struct ScriptedHold {
    /// The first cycle without the hold.
    until: u64,
    drain: bool,
}

/// The source of the holds of a run.
#[derive(Debug)]
struct HoldOfRun(Rc<Cell<Option<ScriptedHold>>>);

impl ReadHold for HoldOfRun {
    fn source(&self) -> HoldSource {
        HoldSource::Command
    }

    fn read(&mut self, _: &Settings, _: Timestamp) -> Reading {
        let hold = self.0.get().map(|ScriptedHold { drain, .. }| Hold {
            source: HoldSource::Command,
            reason: String::new(),
            since: None,
            until: None,
            drain,
        });
        Reading { hold, problem: None }
    }
}

/// The end of a cycle of the manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Finished,
    Crashed,
}

impl<'a> Run<'a> {
    /// Returns a run before its first cycle.
    ///
    /// # Errors
    /// The settings of the scenario are not valid.
    pub(super) fn new(scenario: &'a Scenario, events: Events<'a>) -> Result<Self, String> {
        let settings = scenario.settings()?;
        let mut model = ChaosModel::new(scenario);
        let mut ledger = Ledger::default();
        let mut chance = Chance::new(scenario.seed, 3);
        for id in (1..=scenario.nodes).filter_map(NodeId::new) {
            let volume = chance.below(model.volumes() as u32) as usize;
            let age = i64::from(chance.below(1_000_000)) * 1000;
            let now = model.wall_time(-age);
            let (storage, logs) = (storage_folder(volume), "/logs".into());
            // The UUIDs of these nodes must differ from those that the platform counts up from 1.
            let uuid = (INITIAL_UUIDS + u64::from(id.get())).to_string();
            let inputs = NewNodeInputs { uuid, roll: 0, storage, logs, now };
            // Port ranges do not overlap, so that no node takes a port of another one.
            let Ok(node) = new_node(id, &settings, inputs, std::iter::empty()) else { continue };
            let stored = StoredNode::new(node);
            model.place(id, &stored, &mut chance);
            ledger.nodes.insert(id, stored);
            ledger.state.nodes.insert(id, NodeState::Running { since: now });
        }
        let ledger = Rc::new(RefCell::new(ledger));
        let crash = Rc::new(CrashCountdown::default());
        let store = FakeStore::new(Rc::clone(&ledger), Rc::clone(&crash));
        let platform = ChaosPlatform::new(model, Rc::clone(&ledger), Rc::clone(&crash));
        let hold = Rc::new(Cell::new(None));
        let mut agent = Agent::new(store, platform, settings);
        agent.holds.add(Box::new(HoldOfRun(Rc::clone(&hold))));
        let fleet = agent.settings.fleet_url.as_ref().and_then(|_| Fleet::new(scenario.seed));
        if let Some(fleet) = &fleet {
            agent.holds.add(Box::new(fleet.source()));
        }
        Ok(Self {
            scenario,
            events,
            agent,
            ledger,
            crash,
            hold,
            cycle: 0,
            interval: i64::from(scenario.interval) * 1000,
            tally: Tally::default(),
            costs: Costs::new(Cost { folders: 1, megabytes: PROGRAM_MB }),
            probes: Probes::new(scenario.seed),
            fleet,
        })
    }

    /// Returns the counts of the cycles so far.
    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Runs all cycles, and then calm ones until nothing changes; returns the first violation.
    pub(super) fn run_to_end(&mut self) -> Option<Found> {
        let mut events = Vec::new();
        while self.cycle < self.scenario.cycles {
            self.events.fill(self.scenario, self.cycle, &mut events);
            if let Err(violation) = self.run_cycle(&events) {
                return Some(Found { cycle: self.cycle, violation });
            }
            self.cycle += 1;
        }
        self.tally.end_run();
        self.run_calm().err().map(|violation| Found { cycle: self.cycle, violation })
    }

    /// Runs one cycle with the events at its beginning.
    fn run_cycle(&mut self, events: &[Event]) -> Result<(), Violation> {
        self.agent.platform.model.advance(self.cycle, self.interval);
        self.agent.store.awake += Duration::from_millis(self.interval.unsigned_abs());
        let mut trigger = Trigger::Scheduled;
        let mut crash = None;
        for event in events {
            self.agent.platform.model.apply(event);
            match event {
                Event::Crash { points } => crash = Some(*points),
                Event::JournalFails { writes } => self.agent.store.failing_writes = *writes,
                Event::Hold { seconds, drain } => {
                    let cycles = self.cycle + i64::from(*seconds).div_euclid(self.interval / 1000).unsigned_abs() + 1;
                    self.hold.set(Some(ScriptedHold { until: cycles, drain: *drain }));
                }
                Event::Cap { cap } => self.agent.settings.policy.node_cap = *cap,
                Event::Ask { verb, node } => trigger = Trigger::Requested(*verb, Selection::Named(vec![*node])),
                Event::AskSome { verb, count } => trigger = Trigger::Requested(*verb, Selection::Count(*count)),
                Event::Move { node, volume } => {
                    let to = storage_folder(*volume as usize % self.agent.platform.model.volumes());
                    trigger = changed(*node, NodeChange::Move(to));
                }
                Event::Update { node, argument } => {
                    let update = NodeUpdate { arguments: Some(vec![argument.to_string()]), ..NodeUpdate::default() };
                    trigger = changed(*node, NodeChange::Update(Box::new(update)));
                }
                _ => {}
            }
        }
        self.hold.set(self.hold.get().filter(|hold| hold.until > self.cycle));
        let wall = self.agent.platform.model.clocks().wall;
        self.probes.step(wall, self.agent.store.awake)?;
        self.step_fleet()?;
        self.crash.set(crash);
        let end = self.manage(&trigger)?;
        let ledger = self.ledger.borrow();
        self.tally.count_cycle(ledger.nodes.len(), crash.filter(|_| end == End::Crashed));
        host::check(&mut self.agent.platform.model, &ledger)?;
        limits_of_time(&ledger.open, self.agent.store.awake)?;
        pace(&self.agent.store.begun).map_err(|found| Violation::new(Property::Ceiling, found))
    }

    fn step_fleet(&mut self) -> Result<(), Violation> {
        let Some(fleet) = &mut self.fleet else { return Ok(()) };
        let model = &self.agent.platform.model;
        let reading = model.clocks();
        let clocks = Clocks { wall: reading.wall, uptime: Duration::from_millis(reading.uptime) };
        fleet.step(model.correct_time(), clocks, &reading.boot)?;
        self.tally.count_fleet(fleet.take_counts());
        Ok(())
    }

    /// Runs the cycle of the manager, up to its end or its crash.
    fn manage(&mut self, trigger: &Trigger) -> Result<End, Violation> {
        let (seed, cycle, ledger, tally) = (self.scenario.seed, self.cycle, &*self.ledger, &mut self.tally);
        let (is_held, now) = (self.hold.get().is_some(), self.agent.platform.model.correct_time());
        let fleet = self.fleet.as_mut().map(|fleet| FleetChecks { fleet, is_held, now });
        let mut checks = DecisionChecks { seed, cycle, ledger, tally, fleet, result: Ok(()) };
        let ended = self.agent.run_cycle(trigger, Mode::Act, &mut checks);
        checks.result?;
        match ended {
            Ok(report) => {
                let (starts, now) = (self.agent.settings.policy.limits.starts, report.observation.now);
                for (record, outcome) in &report.worked {
                    self.tally.count_outcome(outcome);
                    if !matches!(outcome, Outcome::Pending { .. }) {
                        let (written, left) = self.agent.platform.model.take_cost(record);
                        let ended = Ended { planned: &record.planned, outcome, written, left };
                        self.costs.count(&ended, starts, now)?;
                    }
                }
                if let Some(fleet) = &mut self.fleet {
                    fleet.take_facts(Facts::of(&report.colony, &report.observation));
                }
                self.agent.store.loaded = Some(report.colony);
                self.agent.platform.observed = report.observation;
                Ok(End::Finished)
            }
            Err(AgentError::Store(StoreFault::Crashed)) => Ok(End::Crashed),
            Err(AgentError::Store(StoreFault::Violated(violation)) | AgentError::Platform(violation)) => Err(violation),
            // The operator requested a node beyond the last port.
            Err(AgentError::Allocation(_)) => Ok(End::Finished),
        }
    }

    /// Ends all faults and lifts all limits, and requires that within some cycles the manager has nothing left to do.
    fn run_calm(&mut self) -> Result<(), Violation> {
        const MOST_CYCLES: u64 = 60;
        self.agent.platform.model.calm_down();
        self.agent.store.failing_writes = 0;
        // Longer than every patience of a step and every delay but those of an hour.
        self.interval = 400_000;
        let most = u32::MAX;
        let policy = &mut self.agent.settings.policy;
        policy.limits = Limits { upgrades: most, starts: most, removals: most, operations: most };
        policy.upgrades = Upgrades::ByNodes;
        policy.valves = Valves::default();
        self.hold.set(None);
        (self.agent.settings.fleet_url, self.fleet) = (None, None);
        let lasting = |run: &Self| {
            let nodes = run.agent.platform.model.nodes().iter().map(HostNode::lasting).collect::<Vec<_>>();
            (run.ledger.borrow().timeless(), nodes)
        };
        let end = self.cycle + MOST_CYCLES;
        while self.cycle < end {
            let before = lasting(self);
            self.run_cycle(&[])?;
            self.cycle += 1;
            if self.unfinished().is_none() && before == lasting(self) {
                return Ok(());
            }
        }
        let unfinished = self.unfinished().unwrap_or_else(|| "every cycle changes something".to_owned());
        Err(Violation::new(Property::Calm, format!("after {MOST_CYCLES} calm cycles: {unfinished}")))
    }

    /// Returns the first action or node that has not come to its end: an open action, a node in an operation, or a dead
    /// node that was not removed.
    ///
    /// After a mass disappearance the manager removes nothing until the operator decides.
    fn unfinished(&self) -> Option<String> {
        let ledger = self.ledger.borrow();
        if let Some(open) = ledger.open.first() {
            return Some(format!("{:?}", open.record));
        }
        let state = &ledger.state;
        // The limit of the engine is higher in large colonies; then this check requires less.
        let is_missing = |id: &NodeId| state.missing_since.contains_key(id);
        let is_out_of_sight = |id: &NodeId| is_missing(id) || ledger.nodes[id].is_disabled;
        let has_mass_disappearance = state.missing_since.len() > 3 || ledger.nodes.keys().all(is_out_of_sight);
        // Without a known device an empty mount point and a lost folder look the same.
        let is_device_known = |id: &NodeId| {
            let volume = ledger.nodes.get(id).map(|stored| stored.volume);
            let volume = volume.and_then(|volume| self.agent.platform.observed.host.volumes.get(volume));
            volume.is_some_and(|volume| state.volumes.contains_key(&volume.root))
        };
        let is_unfinished = |(id, node): &(&NodeId, &NodeState)| {
            let is_lost = is_device_known(id) && state.missing_since.contains_key(id);
            let is_lost = is_lost && !matches!(node, NodeState::Disabled { .. });
            let is_dead = matches!(node, NodeState::Dead { .. }) || is_lost;
            node.is_in_operation() || (is_dead && !has_mass_disappearance)
        };
        state.nodes.iter().find(is_unfinished).map(|(id, node)| format!("{id} is {node:?}"))
    }
}

fn changed(node: NodeId, change: NodeChange) -> Trigger {
    Trigger::Changed(vec![ChangeRequest { node, change }])
}

/// A number above every UUID that a run can count up to.
const INITIAL_UUIDS: u64 = 1 << 40;
