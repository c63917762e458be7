//! A host of a modelled fleet: it reads the texts of the engine with the code of the product, and publishes its state.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use wnm_core::fleet::command::Target;
use wnm_core::fleet::control::{Control, Reader, Slot};
use wnm_core::fleet::host_state::{HostRollout, HostState};
use wnm_core::fleet::lease::trusted;
use wnm_core::fleet::name::Name;
use wnm_core::fleet::order::Program;
use wnm_core::fleet::session::{Session, Standing};
use wnm_core::{Colony, Desired, Hold, NodeState, Observation, RolloutSample, Timestamp, Upgrades};

use super::engine::{Engine, Key};
use super::truth::Truth;
use super::{Counts, program_of};
use crate::chaos::invariants::Violation;

/// Time after which the engine forgets the state of a silent host, as the publisher of the product sets it.
const STATE_LIFETIME: Duration = Duration::from_secs(90);

/// The clocks of a host.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Clocks {
    /// The wall clock of the host, which may be wrong.
    pub(crate) wall: Timestamp,
    /// The time since the boot, sleep included.
    pub(crate) uptime: Duration,
}

/// The nodes of a host, as it publishes them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    pub(crate) running: u64,
    pub(crate) desired: u64,
    pub(crate) outdated: u64,
    pub(crate) refused: bool,
    pub(crate) by_nodes: bool,
    pub(crate) holds: Vec<Hold>,
    /// The node program; None while it cannot be read.
    pub(crate) program: Option<Program>,
}

impl Facts {
    /// Returns the nodes of a colony after a cycle, as the daemon of the product counts them.
    pub(crate) fn of(colony: &Colony, observation: &Observation) -> Self {
        let target = observation.target.as_ref();
        let mut facts = Self {
            refused: target.is_some_and(|target| colony.state.is_refused(target)),
            by_nodes: colony.settings.policy.upgrades == Upgrades::ByNodes,
            holds: observation.valves.holds.clone(),
            program: target.cloned().and_then(program_of),
            ..Self::default()
        };
        for (id, state) in &colony.state.nodes {
            let version = observation.nodes.get(id).and_then(|sample| sample.version.as_ref());
            facts.desired += u64::from(colony.state.desired(*id, state) == Desired::Running);
            let is_outdated = match state {
                NodeState::Running { .. } => {
                    facts.running += 1;
                    version.zip(target).is_some_and(|(version, target)| version < target)
                }
                NodeState::Upgrading { .. } => true,
                _ => false,
            };
            facts.outdated += u64::from(is_outdated);
        }
        facts
    }
}

/// A host.
#[derive(Debug)]
pub(super) struct FleetHost {
    pub(super) name: Name,
    pub(super) targets: [Target; 2],
    pub(super) control: Control,
    pub(super) facts: Facts,
    pub(super) truth: Truth,
    /// The end of its partition from the engine.
    pub(super) cut_until: Timestamp,
    pub(super) clocks: Clocks,
    /// The error of its clock in milliseconds; unused for the explored host.
    pub(super) ahead: i64,
    /// Whether a restart loses the commands: a defect, which property 31 must notice.
    pub(super) loses_commands: bool,
    /// The time of the engine in the last turn, and the time since the boot then.
    engine: Option<(Timestamp, Duration)>,
    session: Session,
    sequence: u64,
    standing: Standing,
}

impl FleetHost {
    pub(super) fn new(name: Name) -> Self {
        Self {
            targets: [Target::All, Target::Host(name.clone())],
            name,
            control: Control::default(),
            facts: Facts::default(),
            truth: Truth::default(),
            cut_until: Timestamp::default(),
            clocks: Clocks::default(),
            ahead: 0,
            loses_commands: false,
            engine: None,
            session: Session::default(),
            sequence: 0,
            standing: Standing::New,
        }
    }

    /// Starts the daemon of the host again: it reads the commands that it stored.
    pub(super) fn restart(&mut self, id: u32) {
        let stored = serde_json::to_string(&self.control).ok().filter(|_| !self.loses_commands);
        self.control = stored.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        (self.engine, self.sequence, self.standing) = (None, 0, Standing::New);
        self.session = Session { since: 0, id: id.to_string() };
    }

    /// Takes a turn with the engine: reads the texts for the host, and publishes its state.
    pub(super) fn turn(&mut self, fleet: &Name, key: &Key, engine: &mut Engine, now: Timestamp, counts: &mut Counts) {
        let Clocks { wall, uptime } = self.clocks;
        if self.cut_until > now {
            return;
        }
        counts.turns += 1;
        self.engine = Some((now, uptime));
        let reader = Reader { fleet, host: &self.name, key, wall, engine: now };
        for target in &self.targets {
            for slot in Slot::ALL {
                let Some(carried) = engine.get(slot, target, now) else { continue };
                counts.refused += u64::from(self.control.obey(slot, target, &carried.text, &reader).is_err());
                self.truth.deliver(slot, &carried.document, &self.name, wall, now);
            }
        }
        if self.session.since == 0 {
            self.session.since = now.as_millis();
        }
        let current = engine.state(&self.name, now).map(Rc::clone);
        let Some(standing) = self.standing.before(&self.session, current.as_ref().map(|of| &of.session)) else {
            return;
        };
        self.sequence += 1;
        let replaced = engine.publish(self.state(wall), &self.name, now.after(STATE_LIFETIME));
        self.standing = standing.after(&self.session, replaced.as_ref().map(|of| &of.session)).0;
    }

    fn state(&self, wall: Timestamp) -> HostState {
        let Facts { running, desired, outdated, refused, by_nodes, holds, program } = self.facts.clone();
        let (generation, lease) = (self.control.leases.rollout(), self.control.leases.lease());
        HostState {
            session: self.session.clone(),
            sequence: self.sequence,
            at: wall,
            wnm: String::new(),
            phase: String::new(),
            nodes: BTreeMap::from([("RUNNING".to_owned(), running)]),
            desired,
            versions: BTreeMap::new(),
            signals: Vec::new(),
            holds,
            window: None,
            last_action: None,
            failure: None,
            generation: self.control.generation(),
            limits: self.control.limits.generation(),
            stops: self.control.stops(wall),
            problem: None,
            rollout: HostRollout { generation, lease, program, outdated, refused, by_nodes },
        }
    }

    /// Returns the rollout in effect, as the agent of a host reads it.
    pub(super) fn sample(&self, wall: Timestamp) -> Option<RolloutSample> {
        let age = |read: Duration| self.clocks.uptime.saturating_sub(read);
        let engine = self.engine.and_then(|(time, read)| trusted(time, age(read)));
        self.control.leases.sample(self.facts.program.as_ref(), wall, engine)
    }

    /// Checks the hold, and begins the upgrade of a node where the host and the fleet allow it. A host that only the fleet
    /// models has no other cycle.
    pub(super) fn cycle(&mut self, now: Timestamp, counts: &mut Counts) -> Result<(), Violation> {
        let wall = self.clocks.wall;
        let hold = self.control.hold(wall);
        self.truth.check_hold(hold.as_ref(), &self.name, wall)?;
        let Facts { outdated, by_nodes, .. } = self.facts;
        let Some(Program { version, .. }) = &self.facts.program else { return Ok(()) };
        let sample = self.sample(wall);
        let is_allowed = sample.as_ref().is_none_or(|sample| sample.wait_for(version).is_none());
        if outdated > 0 && !by_nodes && hold.is_none() && is_allowed {
            self.truth.check_upgrade(version, sample.as_ref(), &self.name, (wall, now))?;
            counts.others += u64::from(sample.is_some());
            self.facts.outdated -= 1;
        }
        self.facts.holds = hold.into_iter().collect();
        Ok(())
    }

    /// Installs another node program: all nodes are outdated.
    pub(super) fn install(&mut self, program: Option<Program>) {
        if self.facts.program != program {
            (self.facts.program, self.facts.outdated) = (program, self.facts.desired);
        }
    }
}
