//! The fleet of a run: its host is one of several, on an engine that loses data and that anyone may write.
//!
//! Commands, holds, leases and rollouts are the code of the product in `wnm_core::fleet`. The model has the parts around
//! it: partitions, clocks that are wrong by an hour, daemons that start again, copied host ids, and texts that are
//! replayed, forged, damaged or written for another host. The properties 29 to 31 compare the effects with the documents
//! that the operators signed in truth.

mod engine;
mod host;
mod operator;
mod truth;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use wnm_agent::valves::{ReadHold, Reading};
use wnm_core::fleet::command::{Command, Target, Verb};
use wnm_core::fleet::control::Slot;
use wnm_core::fleet::name::Name;
use wnm_core::fleet::order::{Program, RolloutOrder, RolloutVerb};
use wnm_core::{Action, FleetLimits, HoldSource, Reason, RolloutSample, Settings, Timestamp, Version};

use super::invariants::{Property, Trial, Violation};
use super::version;
use crate::chance::Chance;
use engine::{Carried, Document, Engine, Key};
use host::FleetHost;
pub(crate) use host::{Clocks, Facts};
use operator::Operator;

/// The name of the fleet.
const FLEET: &str = "farm";
/// Most texts that an attacker remembers.
const MOST_REMEMBERED: u32 = 64;
/// An hour in milliseconds: the largest error of a clock.
const HOUR: u32 = 3_600_000;

/// Counts of a fleet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Turns of hosts with the engine.
    pub(crate) turns: u64,
    /// Texts that a host refused.
    pub(crate) refused: u64,
    /// Cycles of the explored host under a hold of the fleet.
    pub(crate) held: u64,
    /// Leases, first and renewed ones.
    pub(crate) leases: u64,
    /// Leases that ended without a result.
    pub(crate) lapsed: u64,
    /// Upgrades of the explored host that began during a rollout.
    pub(crate) upgrades: u64,
    /// Those of the other hosts.
    pub(crate) others: u64,
}

impl Counts {
    /// Adds other counts.
    pub(crate) const fn add(&mut self, other: Self) {
        self.turns += other.turns;
        self.refused += other.refused;
        self.held += other.held;
        self.leases += other.leases;
        self.lapsed += other.lapsed;
        self.upgrades += other.upgrades;
        self.others += other.others;
    }
}

/// A fleet. The first host is that of the run.
#[derive(Debug)]
pub(crate) struct Fleet {
    name: Name,
    key: Key,
    engine: Engine,
    operators: [Operator; 2],
    own: Rc<RefCell<FleetHost>>,
    others: Vec<FleetHost>,
    names: Vec<Name>,
    /// The texts that an attacker remembers.
    remembered: Vec<(Slot, Target, Carried)>,
    chance: Chance,
    counts: Counts,
    /// The boot of the explored host.
    boot: String,
}

/// The fleet as a source of holds of the explored agent, as the product's source reads it.
#[derive(Debug)]
pub(crate) struct FleetOfRun(Rc<RefCell<FleetHost>>);

impl ReadHold for FleetOfRun {
    fn source(&self) -> HoldSource {
        HoldSource::Fleet
    }

    fn read(&mut self, settings: &Settings, wall: Timestamp) -> Reading {
        let hold = settings.fleet_url.as_ref().and_then(|_| self.0.borrow().control.hold(wall));
        Reading { hold, problem: None }
    }

    fn limits(&mut self, settings: &Settings, wall: Timestamp) -> Vec<(FleetLimits, Timestamp)> {
        let limits = settings.fleet_url.as_ref().map(|_| self.0.borrow().control.limits.in_effect(wall));
        limits.unwrap_or_default()
    }

    fn rollout(&mut self, settings: &Settings, wall: Timestamp) -> Option<RolloutSample> {
        settings.fleet_url.as_ref()?;
        self.0.borrow().sample(wall)
    }
}

/// Returns the node program of a version. Some hosts have another file of it.
fn program_of(version: Version) -> Option<Program> {
    Some(Program { version, sha256: "ab".repeat(32).parse().ok()? })
}

impl Fleet {
    /// Returns the fleet of a seed. One of its hosts may be a copy of another.
    pub(crate) fn new(seed: u64) -> Option<Self> {
        let mut chance = Chance::new(seed, 8);
        let name: Name = FLEET.parse().ok()?;
        let host = |number: u32| format!("host-{number}").parse::<Name>().ok();
        let key = Key { secret: seed, trusts_all: false };
        let mut others = Vec::new();
        for number in 1..=1 + chance.below(3) {
            let mut other = FleetHost::new(host(number)?);
            other.facts.desired = 3;
            other.facts.running = 3;
            other.facts.by_nodes = chance.once_in(8);
            others.push(other);
        }
        if chance.once_in(3) {
            let copied = chance.below(others.len() as u32 + 1);
            others.push(FleetHost::new(host(copied)?));
        }
        let own = FleetHost::new(host(0)?);
        let mut names: Vec<Name> = others.iter().map(|other| other.name.clone()).chain([own.name.clone()]).collect();
        names.sort();
        names.dedup();
        let operator = |chance: &mut Chance| Operator::new(name.clone(), key, error(chance));
        let operators = [operator(&mut chance), operator(&mut chance)];
        Some(Self {
            engine: Engine::default(),
            operators,
            own: Rc::new(RefCell::new(own)),
            names,
            others,
            remembered: Vec::new(),
            chance,
            counts: Counts::default(),
            boot: String::new(),
            name,
            key,
        })
    }

    /// Returns the source of holds of the explored agent.
    pub(crate) fn source(&self) -> FleetOfRun {
        FleetOfRun(Rc::clone(&self.own))
    }

    /// Returns the counts since the last call.
    pub(crate) fn take_counts(&mut self) -> Counts {
        std::mem::take(&mut self.counts)
    }

    /// Takes the nodes of the explored host after a cycle, which it publishes in its next turn.
    pub(crate) fn take_facts(&mut self, facts: Facts) {
        self.own.borrow_mut().facts = facts;
    }

    /// Takes one turn of all hosts and operators, and checks their effects. `now` is the time of the engine.
    pub(crate) fn step(&mut self, now: Timestamp, clocks: Clocks, boot: &str) -> Result<(), Violation> {
        if self.boot != boot {
            boot.clone_into(&mut self.boot);
            self.own.borrow_mut().restart(self.chance.below(u32::MAX));
        }
        self.disturb(now);
        self.attack(now);
        self.operate(now);
        for operator in &mut self.operators {
            let sent = operator.drive(&mut self.engine, &self.names, now, &mut self.counts)?;
            remember(&mut self.remembered, &mut self.chance, Slot::Rollout, sent);
        }
        let own = &mut *self.own.borrow_mut();
        own.clocks = clocks;
        own.turn(&self.name, &self.key, &mut self.engine, now, &mut self.counts);
        let hold = own.control.hold(clocks.wall);
        self.counts.held += u64::from(hold.is_some());
        own.truth.check_hold(hold.as_ref(), &own.name, clocks.wall)?;
        for other in &mut self.others {
            other.clocks = Clocks { wall: ahead(now, other.ahead), uptime: now.since(Timestamp::default()) };
            other.turn(&self.name, &self.key, &mut self.engine, now, &mut self.counts);
            other.cycle(now, &mut self.counts)?;
        }
        Ok(())
    }

    /// Checks the scheduled decision of the explored agent: its own holds stand whatever the fleet says, and its upgrades
    /// have a lease.
    pub(crate) fn check(&mut self, trial: &Trial<'_>, is_held: bool, now: Timestamp) -> Result<(), Violation> {
        let own = self.own.borrow();
        let valves = &trial.observation.valves;
        if is_held && !valves.holds.iter().any(|hold| hold.source != HoldSource::Fleet) {
            return Err(Violation::new(Property::Fleet, "a hold of the host is not in effect"));
        }
        for planned in trial.decision.actions.iter().filter(|of| matches!(of.reason, Reason::Outdated { .. })) {
            let Action::Upgrade { to, .. } = &planned.action else { continue };
            own.truth.check_upgrade(to, valves.rollout.as_ref(), &own.name, (own.clocks.wall, now))?;
            self.counts.upgrades += u64::from(valves.rollout.is_some());
        }
        Ok(())
    }

    /// Lets partitions begin, clocks change, daemons start again, and the engine lose its data.
    fn disturb(&mut self, now: Timestamp) {
        let chance = &mut self.chance;
        let until = |chance: &mut Chance| now.after(Duration::from_secs(chance.one_of([30, 90, 400, 2_000])));
        if chance.once_in(150) {
            self.engine = Engine::default();
        }
        if chance.once_in(80) {
            let operator = chance.one_of([0, 1]);
            self.operators[operator].cut_until = until(chance);
        }
        if chance.once_in(60) {
            self.own.borrow_mut().cut_until = until(chance);
        }
        if chance.once_in(80) {
            self.own.borrow_mut().restart(chance.below(u32::MAX));
        }
        for other in &mut self.others {
            if chance.once_in(60) {
                other.cut_until = until(chance);
            }
            if chance.once_in(80) {
                other.restart(chance.below(u32::MAX));
            }
            if chance.once_in(150) {
                other.ahead = error(chance);
            }
            if chance.once_in(100) {
                other.facts.running = 3 - u64::from(chance.once_in(2));
            }
        }
    }

    /// Lets an attacker who can write the engine send a text that he saw, forged or damaged.
    fn attack(&mut self, now: Timestamp) {
        let chance = &mut self.chance;
        let until = now.after(Duration::from_secs(chance.one_of([60, 600, 86_400])));
        let target = target(&self.names, chance);
        if chance.once_in(300) {
            let carried = operator::stop(&self.name, target.clone(), chance, now);
            self.engine.set(Slot::Stop, target.clone(), carried.clone(), until);
            remember(&mut self.remembered, chance, Slot::Stop, [carried]);
        }
        if chance.once_in(25) {
            let (slot, carried) = self.forged(now);
            self.engine.set(slot, target.clone(), carried, until);
        }
        let chance = &mut self.chance;
        if self.remembered.is_empty() || !chance.once_in(12) {
            return;
        }
        let (slot, of, carried) = &self.remembered[chance.below(self.remembered.len() as u32) as usize];
        let target = if chance.once_in(4) { target } else { of.clone() };
        let carried = if chance.once_in(6) { damaged(carried, chance) } else { carried.clone() };
        self.engine.set(*slot, target, carried, until);
    }

    /// Returns a command, release or lease that another key has signed.
    fn forged(&mut self, now: Timestamp) -> (Slot, Carried) {
        let chance = &mut self.chance;
        let (key, target) = (Key { secret: !self.key.secret, ..self.key }, target(&self.names, chance));
        let generation = u64::try_from(now.as_millis()).unwrap_or(0) + u64::from(chance.below(HOUR));
        let (fleet, issued, not_after) = (self.name.clone(), now, now.after(Duration::from_secs(86_400)));
        let document = Rc::new(Document::Forged);
        if chance.once_in(2) {
            let verb = Verb::Resume { lifts: Vec::new() };
            let command = Command { fleet, generation, target, issued, not_after, verb };
            return (Slot::Command, Carried { text: key.sign(&command), document });
        }
        let verb = match &target {
            Target::All => RolloutVerb::Release,
            Target::Host(_) => RolloutVerb::Lease { rollout: self.own.borrow().control.leases.rollout() },
        };
        let order = RolloutOrder { fleet, generation, target, issued, not_after, verb };
        (Slot::Rollout, Carried { text: key.sign(&order), document })
    }

    /// Lets the operators command, and hosts install the program of a rollout.
    fn operate(&mut self, now: Timestamp) {
        let chance = &mut self.chance;
        let sender = chance.one_of([0, 1]);
        let is_cut = self.operators[sender].cut_until > now;
        if chance.once_in(40) && !is_cut {
            let targets = match chance.once_in(2) {
                true => vec![Target::All],
                false => self.names.iter().filter(|_| chance.once_in(2)).cloned().map(Target::Host).collect(),
            };
            let sent = self.operators[sender].command(&mut self.engine, (&targets, &self.names), chance, now);
            remember(&mut self.remembered, chance, Slot::Command, sent);
        }
        if chance.once_in(150) && !is_cut {
            let target = target(&self.names, chance);
            let sent = self.operators[sender].set(&mut self.engine, target, chance, now);
            remember(&mut self.remembered, chance, Slot::Limits, [sent]);
        }
        let own = self.own.borrow().facts.program.clone();
        let drawn = program_of(version(u64::from(chance.below(8))));
        let driver = &mut self.operators[0];
        if driver.cut_until > now {
            return;
        }
        if chance.once_in(100) {
            let wanted = if chance.once_in(4) { drawn } else { own.or(drawn) };
            let sent = wanted.map(|program| driver.start(&mut self.engine, program, chance, now));
            remember(&mut self.remembered, chance, Slot::Rollout, sent);
        }
        if chance.once_in(60) {
            let sent = driver.promote_or_abort(&mut self.engine, chance, now);
            remember(&mut self.remembered, chance, Slot::Rollout, sent);
        }
        let wanted = driver.program();
        for other in &mut self.others {
            if chance.once_in(20) {
                other.install(wanted.clone());
            }
        }
    }
}

/// Returns the error of a clock in milliseconds: none, or up to an hour either way.
fn error(chance: &mut Chance) -> i64 {
    if chance.once_in(2) { 0 } else { i64::from(chance.below(2 * HOUR)) - i64::from(HOUR) }
}

/// Returns a time by a clock with an error in milliseconds.
const fn ahead(now: Timestamp, error: i64) -> Timestamp {
    Timestamp::from_millis(now.as_millis().saturating_add(error))
}

fn target(names: &[Name], chance: &mut Chance) -> Target {
    let host = names.get(chance.below(2 * names.len() as u32) as usize);
    host.map_or(Target::All, |host| Target::Host(host.clone()))
}

/// Returns a truncated text, or one with a changed byte.
fn damaged(carried: &Carried, chance: &mut Chance) -> Carried {
    let at = chance.below(carried.text.len() as u32) as usize;
    let mut bytes = carried.text.as_bytes().to_vec();
    if chance.once_in(2) {
        bytes.truncate(at);
    } else {
        bytes[at] = bytes[at].wrapping_add(1);
    }
    Carried { text: String::from_utf8_lossy(&bytes).into(), document: Rc::new(Document::Forged) }
}

fn remember(
    remembered: &mut Vec<(Slot, Target, Carried)>,
    chance: &mut Chance,
    slot: Slot,
    sent: impl IntoIterator<Item = Carried>,
) {
    for carried in sent {
        let target = match &*carried.document {
            Document::Command(command) => command.target.clone(),
            Document::Order(order) => order.target.clone(),
            Document::Stop(stop) => stop.target.clone(),
            Document::Limits(order) => order.target.clone(),
            Document::Forged => Target::All,
        };
        if remembered.len() == MOST_REMEMBERED as usize {
            remembered.swap_remove(chance.below(MOST_REMEMBERED) as usize);
        }
        remembered.push((slot, target, carried));
    }
}

#[cfg(test)]
mod tests;
