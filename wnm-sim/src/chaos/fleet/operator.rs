//! The operators of a modelled fleet: two computers with one key, of which one drives rollouts.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use wnm_core::fleet::command::{Command, Stop, StopId, Target, Verb, next_generation};
use wnm_core::fleet::control::Slot;
use wnm_core::fleet::limits::SetVerb;
use wnm_core::fleet::name::Name;
use wnm_core::fleet::order::{Program, RolloutOrder, RolloutVerb};
use wnm_core::fleet::plan::RolloutPlan;
use wnm_core::fleet::progress::{Failure, Phase, Progress, Rollout, Wait};
use wnm_core::{FleetLimits, MaxUnavailable, Timestamp, Windows};

use super::engine::{Carried, Document, Engine, Key};
use super::{Counts, ahead};
use crate::chance::Chance;
use crate::chaos::invariants::{Property, Violation};

/// The validity of the documents of a rollout for all hosts.
const VALIDITY: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A computer of an operator.
#[derive(Debug)]
pub(super) struct Operator {
    fleet: Name,
    key: Key,
    /// The error of its clock in milliseconds.
    pub(super) ahead: i64,
    /// The end of its partition from the engine.
    pub(super) cut_until: Timestamp,
    /// The generation of its last document.
    generation: u64,
    rollout: Option<Rollout>,
    lapses: Lapses,
    /// Whether lapsed leases are forgotten: a defect, which property 30 must notice.
    pub(super) forgets_lapses: bool,
}

/// The leases of a rollout in truth, for property 30.
#[derive(Debug, Default)]
struct Lapses {
    /// The end of the last lease of each host without a result.
    leased: BTreeMap<Name, Timestamp>,
    /// The hosts whose lease ended without a result.
    lapsed: BTreeSet<Name>,
    /// Whether more leases lapsed than the plan allows.
    is_over: bool,
}

impl Operator {
    pub(super) fn new(fleet: Name, key: Key, ahead: i64) -> Self {
        let (rollout, lapses) = (None, Lapses::default());
        let cut_until = Timestamp::default();
        Self { fleet, key, ahead, cut_until, generation: 0, rollout, lapses, forgets_lapses: false }
    }

    fn wall(&self, now: Timestamp) -> Timestamp {
        ahead(now, self.ahead)
    }

    /// Returns the generation of the next document, above those that the engine carries.
    fn next(&mut self, engine: &Engine, now: Timestamp) -> u64 {
        let generation = |carried: &Carried| match &*carried.document {
            Document::Command(command) => command.generation,
            Document::Order(order) => order.generation,
            Document::Limits(order) => order.generation,
            Document::Stop(_) | Document::Forged => 0,
        };
        let seen = engine.carried(now).map(generation).max().unwrap_or(0);
        self.generation = next_generation(self.generation, self.wall(now), seen);
        self.generation
    }

    /// Sends a signed hold or resume. A resume ends the holds without a signature that the engine carries, and those that the
    /// hosts publish.
    pub(super) fn command(
        &mut self,
        engine: &mut Engine,
        (targets, hosts): (&[Target], &[Name]),
        chance: &mut Chance,
        now: Timestamp,
    ) -> Vec<Carried> {
        let (generation, issued) = (self.next(engine, now), self.wall(now));
        let not_after = issued.after(Duration::from_secs(chance.one_of([600, 7_200, 86_400, 2_592_000])));
        let is_hold = chance.once_in(3);
        let stop = |carried: &Carried| match &*carried.document {
            Document::Stop(stop) => Some(stop.id.clone()),
            Document::Command(_) | Document::Order(_) | Document::Limits(_) | Document::Forged => None,
        };
        let published = hosts.iter().filter_map(|host| engine.state(host, now)).flat_map(|state| state.stops.clone());
        let lifts: BTreeSet<StopId> = engine.carried(now).filter_map(stop).chain(published).collect();
        let lifts = lifts.into_iter().collect();
        let verb = match is_hold {
            true => Verb::Hold { reason: "x".to_owned(), drain: chance.once_in(3) },
            false => Verb::Resume { lifts },
        };
        let fleet = &self.fleet;
        let command = |target: &Target| Command {
            fleet: fleet.clone(),
            generation,
            target: target.clone(),
            issued,
            not_after,
            verb: verb.clone(),
        };
        let mut sent = Vec::new();
        for command in targets.iter().map(command) {
            let carried =
                Carried { text: self.key.sign(&command), document: Rc::new(Document::Command(command.clone())) };
            engine.set(Slot::Command, command.target, carried.clone(), not_after);
            sent.push(carried);
        }
        sent
    }

    /// Sends signed limits, half of them none.
    pub(super) fn set(&mut self, engine: &mut Engine, target: Target, chance: &mut Chance, now: Timestamp) -> Carried {
        let (fleet, generation, issued) = (self.fleet.clone(), self.next(engine, now), self.wall(now));
        let not_after = issued.after(Duration::from_secs(chance.one_of([600, 7_200, 86_400])));
        let window =
            Windows::new(["daily 06:00-20:00".parse(), "deny hourly :20-:30".parse()].into_iter().flatten().collect());
        let max_unavailable = Some(MaxUnavailable::Nodes(chance.below(3)));
        let limits = if chance.once_in(2) { FleetLimits { window, max_unavailable } } else { FleetLimits::default() };
        let (target_of, verb) = (target.clone(), SetVerb::Set(limits));
        let order = Command { fleet, generation, target, issued, not_after, verb };
        let carried = Carried { text: self.key.sign(&order), document: Rc::new(Document::Limits(order)) };
        engine.set(Slot::Limits, target_of, carried.clone(), not_after);
        carried
    }

    /// Returns the node program of the last rollout.
    pub(super) fn program(&self) -> Option<Program> {
        self.rollout.as_ref().map(|rollout| rollout.plan.program.clone())
    }

    /// Begins a rollout of a program, which replaces the one before.
    pub(super) fn start(
        &mut self,
        engine: &mut Engine,
        program: Program,
        chance: &mut Chance,
        now: Timestamp,
    ) -> Carried {
        let generation = self.next(engine, now);
        let seconds = |chance: &mut Chance, choices: [u64; 3]| Duration::from_secs(chance.one_of(choices));
        let plan = RolloutPlan {
            program: program.clone(),
            canary: chance.below(3),
            max_parallel: MaxUnavailable::Nodes(1 + chance.below(3)),
            max_failures: MaxUnavailable::Nodes(chance.below(3)),
            min_healthy_time: seconds(chance, [0, 60, 300]),
            healthy_deadline: seconds(chance, [300, 600, 1_800]),
            progress_deadline: seconds(chance, [600, 3_600, 86_400]),
            stagger: seconds(chance, [0, 0, 120]),
            auto_promote: chance.once_in(2),
        };
        let until = self.wall(now).after(VALIDITY);
        self.rollout = Some(Rollout::new(plan, generation, now, until));
        self.lapses = Lapses::default();
        self.send_all(engine, generation, RolloutVerb::Rollout { program }, until, now)
    }

    /// Lets the hosts after the canaries follow, or ends the rollout; returns the document that ends it.
    pub(super) fn promote_or_abort(
        &mut self,
        engine: &mut Engine,
        chance: &mut Chance,
        now: Timestamp,
    ) -> Option<Carried> {
        let rollout = self.rollout.as_mut()?;
        if !chance.once_in(4) {
            rollout.promote(now);
            return None;
        }
        let program = rollout.plan.program.clone();
        rollout.phase = Phase::Aborted;
        let until = rollout.until;
        let verb = match chance.once_in(2) {
            true => RolloutVerb::Abort { program, reason: String::new() },
            false => RolloutVerb::Release,
        };
        let generation = self.next(engine, now);
        Some(self.send_all(engine, generation, verb, until, now))
    }

    fn send_all(
        &self,
        engine: &mut Engine,
        generation: u64,
        verb: RolloutVerb,
        until: Timestamp,
        now: Timestamp,
    ) -> Carried {
        self.send(engine, Target::All, generation, verb, until, now)
    }

    fn send(
        &self,
        engine: &mut Engine,
        target: Target,
        generation: u64,
        verb: RolloutVerb,
        not_after: Timestamp,
        now: Timestamp,
    ) -> Carried {
        let issued = self.wall(now);
        let order =
            RolloutOrder { fleet: self.fleet.clone(), generation, target: target.clone(), issued, not_after, verb };
        let carried = Carried { text: self.key.sign(&order), document: Rc::new(Document::Order(order)) };
        engine.set(Slot::Rollout, target, carried.clone(), not_after);
        carried
    }

    /// Takes one turn of the command that drives the rollout, and checks property 30. Returns the documents that it sent.
    pub(super) fn drive(
        &mut self,
        engine: &mut Engine,
        hosts: &[Name],
        now: Timestamp,
        counts: &mut Counts,
    ) -> Result<Vec<Carried>, Violation> {
        let Some(mut rollout) = self.rollout.take() else { return Ok(Vec::new()) };
        let mut sent = Vec::new();
        if rollout.phase.is_running() && self.cut_until <= now {
            let carried = engine.get(Slot::Rollout, &Target::All, now).map(|carried| &*carried.document);
            let current = if let Some(Document::Order(order)) = carried { order.generation } else { 0 };
            if current > rollout.generation {
                rollout.phase = Phase::Aborted;
            } else {
                if current < rollout.generation {
                    let verb = RolloutVerb::Rollout { program: rollout.plan.program.clone() };
                    sent.push(self.send_all(engine, rollout.generation, verb, rollout.until, now));
                }
                sent.extend(self.step(engine, &mut rollout, hosts, now, counts)?);
            }
        }
        self.rollout = Some(rollout);
        Ok(sent)
    }

    fn step(
        &mut self,
        engine: &mut Engine,
        rollout: &mut Rollout,
        hosts: &[Name],
        now: Timestamp,
        counts: &mut Counts,
    ) -> Result<Vec<Carried>, Violation> {
        let states =
            hosts.iter().map(|host| (host.clone(), engine.state(host, now).map(|state| (**state).clone()))).collect();
        let phase = rollout.phase.clone();
        let leases = rollout.step(&states, now);
        if self.forgets_lapses {
            let lapsed = |progress: &&mut Progress| **progress == Progress::Failed(Failure::LeaseLapsed);
            rollout.hosts.values_mut().filter(lapsed).for_each(|of| *of = Progress::Waiting(Wait::Turn));
        }
        counts.lapsed += self.lapses.follow(rollout, &phase, &leases, now)?;
        counts.leases += leases.len() as u64;
        let mut sent = Vec::new();
        if !leases.is_empty() {
            let generation = self.next(engine, now);
            for host in leases {
                let Some(Progress::Leased(leased)) = rollout.hosts.get(&host) else { continue };
                let verb = RolloutVerb::Lease { rollout: rollout.generation };
                sent.push(self.send(engine, Target::Host(host), generation, verb, leased.until, now));
            }
        }
        let verb = match rollout.phase {
            Phase::Stopped => RolloutVerb::Abort { program: rollout.plan.program.clone(), reason: String::new() },
            Phase::Complete => RolloutVerb::Release,
            Phase::Canary | Phase::Promotable | Phase::Waves | Phase::Incomplete | Phase::Aborted => return Ok(sent),
        };
        let generation = self.next(engine, now);
        sent.push(self.send_all(engine, generation, verb, rollout.until, now));
        Ok(sent)
    }
}

impl Lapses {
    /// Property 30: a lease that ends without a result is a failure, and with more failures than the plan allows no lease
    /// follows. Returns the leases that lapsed in this turn.
    fn follow(&mut self, rollout: &Rollout, before: &Phase, leases: &[Name], now: Timestamp) -> Result<u64, Violation> {
        let mut lapsed: Vec<Name> = Vec::new();
        self.leased.retain(|host, until| {
            let has_lapsed = *until <= now;
            if has_lapsed {
                lapsed.push(host.clone());
            }
            !has_lapsed
        });
        let count = lapsed.len() as u64;
        self.lapsed.extend(lapsed);
        let found = |detail: String| Err(Violation::new(Property::Lapsed, detail));
        let is_failed = |host: &&Name| matches!(rollout.hosts.get(*host), Some(Progress::Failed(_)));
        if let Some(host) = self.lapsed.iter().find(|host| !is_failed(host)) {
            return found(format!("the lease of {host} lapsed, and it is {:?}", rollout.hosts.get(host)));
        }
        // A canary stands for all hosts.
        let allowed = match (before, rollout.plan.max_failures) {
            (Phase::Canary, _) => 0,
            (_, MaxUnavailable::Nodes(hosts)) => hosts as usize,
            (_, MaxUnavailable::Share(_)) => rollout.hosts.len(),
        };
        self.is_over |= self.lapsed.len() > allowed;
        if self.is_over && (rollout.phase.is_running() || !leases.is_empty()) {
            let lapsed = self.lapsed.len();
            return found(format!(
                "{lapsed} leases lapsed of {allowed} allowed, and the rollout is {:?}",
                rollout.phase
            ));
        }
        for host in leases {
            if let Some(Progress::Leased(leased)) = rollout.hosts.get(host) {
                self.leased.insert(host.clone(), leased.until);
            }
        }
        self.leased.retain(|host, _| matches!(rollout.hosts.get(host), Some(Progress::Leased(_))));
        Ok(count)
    }
}

/// Returns a hold without a signature.
pub(super) fn stop(fleet: &Name, target: Target, chance: &mut Chance, now: Timestamp) -> Carried {
    let stop = Stop {
        fleet: fleet.clone(),
        id: StopId::new(u128::from(chance.below(u32::MAX))),
        target,
        issued: now,
        not_after: now.after(Duration::from_secs(chance.one_of([60, 3_600, 86_400]))),
        reason: "x".to_owned(),
        drain: chance.once_in(3),
    };
    let text = serde_json::to_string(&stop).unwrap_or_default().into();
    Carried { text, document: Rc::new(Document::Stop(stop)) }
}
