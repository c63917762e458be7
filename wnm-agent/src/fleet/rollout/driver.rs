//! The operator's side of a rollout on the engine: it signs the documents, and stores the state beside the file of the
//! operator.
//!
//! One command at a time drives a rollout. Without one no lease is renewed, so that all hosts stop within the life of a
//! lease.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use wnm_core::Timestamp;

use super::order::{RolloutOrder, RolloutVerb};
use super::plan::RolloutPlan;
use super::progress::{Phase, Progress, Rollout};
use crate::fleet::command::{LONGEST_COMMAND, Target};
use crate::fleet::document::HostState;
use crate::fleet::engine::{self, EngineError};
use crate::fleet::membership::Operator;
use crate::fleet::name::Name;
use crate::fleet::operator::{Fleet, FleetError};
use crate::fleet::random_hex;
use crate::fleet::secret_file::{self, SecretFileError};
use crate::fleet::signature::SigningKey;

/// Time between two turns of a driver.
pub const INTERVAL: Duration = Duration::from_secs(2);
/// Time after which another command may drive a rollout whose driver is silent.
const CLAIM: Duration = Duration::from_secs(60);
/// The validity of the documents for all hosts, and so of an abort.
const VALIDITY: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Largest file of a rollout that is read, in bytes: that of more than 10,000 hosts.
const LARGEST: u64 = 8 << 20;

/// A change of the progress of a host.
pub type Change = (Name, Progress);

/// A command that drives a rollout.
#[derive(Debug)]
pub struct Driver<'f> {
    fleet: &'f mut Fleet,
    key: SigningKey,
    path: PathBuf,
    /// Identifies this command among others.
    id: String,
    rollout: Rollout,
}

/// Returns the file of the rollout beside the file of an operator.
#[must_use]
pub fn rollout_path(operator: &Path) -> PathBuf {
    operator.with_extension("rollout")
}

/// Reads the last rollout of an operator; None before the first.
///
/// # Errors
/// The file is damaged, or other users can read it.
pub fn read_rollout(operator: &Path) -> Result<Option<Rollout>, SecretFileError> {
    match secret_file::read_json_up_to(&rollout_path(operator), LARGEST) {
        Ok(rollout) => Ok(Some(rollout)),
        Err(error) if error.is_missing() => Ok(None),
        Err(error) => Err(error),
    }
}

impl<'f> Driver<'f> {
    /// Starts a rollout. Hosts begin no upgrade without a lease from then on.
    ///
    /// # Errors
    /// Another command drives a rollout, or the engine, the key or a file cannot be used.
    pub fn start(
        fleet: &'f mut Fleet,
        key: SigningKey,
        path: &Path,
        plan: RolloutPlan,
        wall: Timestamp,
    ) -> Result<Self, FleetError> {
        let id = random_hex()?;
        claim(fleet, &id)?;
        let (now, until) = (engine_time(fleet, wall)?, wall.after(VALIDITY));
        let generation = fleet.next_generation(path, wall)?;
        let rollout = Rollout::new(plan, generation, now, until);
        let mut driver = Self { fleet, key, path: path.to_owned(), id, rollout };
        driver.store()?;
        let verb = RolloutVerb::Rollout { program: driver.rollout.plan.program.clone() };
        driver.send_to_all(generation, verb)?;
        Ok(driver)
    }

    /// Goes on with the last rollout of the operator, and lets the hosts after the canaries follow.
    ///
    /// # Errors
    /// No rollout can go on, another command drives it, or the engine, the key or a file cannot be used.
    pub fn promote(fleet: &'f mut Fleet, key: SigningKey, path: &Path, wall: Timestamp) -> Result<Self, FleetError> {
        let mut rollout = read_rollout(path)?.ok_or(FleetError::NoRollout)?;
        if matches!(rollout.phase, Phase::Complete | Phase::Stopped | Phase::Aborted) {
            return Err(FleetError::RolloutEnded(rollout.plan.program.version));
        }
        let id = random_hex()?;
        claim(fleet, &id)?;
        rollout.promote(engine_time(fleet, wall)?);
        let mut driver = Self { fleet, key, path: path.to_owned(), id, rollout };
        driver.store()?;
        Ok(driver)
    }

    /// Returns the rollout.
    #[must_use]
    pub const fn rollout(&self) -> &Rollout {
        &self.rollout
    }

    /// Takes one turn: reads the states of the hosts, and gives out leases. Returns the changes.
    ///
    /// # Errors
    /// The engine, the key or a file cannot be used. The next turn tries again.
    pub fn turn(&mut self, wall: Timestamp) -> Result<Vec<Change>, FleetError> {
        if !self.rollout.phase.is_running() {
            return Ok(Vec::new());
        }
        claim(self.fleet, &self.id)?;
        let now = engine_time(self.fleet, wall)?;
        if self.is_replaced()? {
            self.rollout.phase = Phase::Aborted;
            self.store()?;
            return Ok(Vec::new());
        }
        let states: BTreeMap<Name, Option<HostState>> =
            self.fleet.hosts()?.into_iter().map(|record| (record.host, record.state.and_then(Result::ok))).collect();
        let before = self.rollout.clone();
        let leases = self.rollout.step(&states, now);
        if self.rollout != before {
            // Before the leases: a command that goes on after a crash must know them.
            self.store()?;
        }
        self.send_leases(&leases, wall)?;
        match self.rollout.phase {
            Phase::Stopped => self.stop("more hosts failed than the rollout allows", wall)?,
            Phase::Complete => {
                let generation = self.fleet.next_generation(&self.path, wall)?;
                self.send_to_all(generation, RolloutVerb::Release)?;
            }
            Phase::Canary | Phase::Waves | Phase::Promotable | Phase::Incomplete | Phase::Aborted => {}
        }
        if !self.rollout.phase.is_running() {
            release_claim(self.fleet)?;
        }
        let is_change = |(host, progress): &(&Name, &Progress)| {
            let kind = before.hosts.get(*host).map(std::mem::discriminant);
            kind != Some(std::mem::discriminant(*progress))
        };
        Ok(self.rollout.hosts.iter().filter(is_change).map(|(host, next)| (host.clone(), next.clone())).collect())
    }

    /// Connects to the engine again.
    ///
    /// # Errors
    /// The engine cannot be used.
    pub fn reconnect(&mut self) -> Result<(), FleetError> {
        *self.fleet = Fleet::open(self.fleet.operator().clone())?;
        Ok(())
    }

    /// Ends this command, so that another one may drive the rollout at once.
    ///
    /// # Errors
    /// The engine cannot be used.
    pub fn leave(self) -> Result<Rollout, FleetError> {
        release_claim(self.fleet)?;
        Ok(self.rollout)
    }

    /// Returns whether another document for all hosts has replaced that of this rollout. An engine that lost it gets it
    /// again.
    fn is_replaced(&mut self) -> Result<bool, FleetError> {
        let generation = current_order(self.fleet)?.map_or(0, |order| order.generation);
        if generation < self.rollout.generation {
            let verb = RolloutVerb::Rollout { program: self.rollout.plan.program.clone() };
            self.send_to_all(self.rollout.generation, verb)?;
        }
        Ok(generation > self.rollout.generation)
    }

    fn stop(&mut self, reason: &str, wall: Timestamp) -> Result<(), FleetError> {
        let generation = self.fleet.next_generation(&self.path, wall)?;
        let (program, reason) = (self.rollout.plan.program.clone(), reason.to_owned());
        self.send_to_all(generation, RolloutVerb::Abort { program, reason })
    }

    fn send_to_all(&mut self, generation: u64, verb: RolloutVerb) -> Result<(), FleetError> {
        let Rollout { started, until, .. } = self.rollout;
        send(self.fleet, &self.key, [(Target::All, verb, until)], generation, started)
    }

    fn send_leases(&mut self, hosts: &[Name], wall: Timestamp) -> Result<(), FleetError> {
        if hosts.is_empty() {
            return Ok(());
        }
        let generation = self.fleet.next_generation(&self.path, wall)?;
        let rollout = self.rollout.generation;
        let lease = |host: &Name| match self.rollout.hosts.get(host) {
            Some(Progress::Leased(leased)) => {
                Some((Target::Host(host.clone()), RolloutVerb::Lease { rollout }, leased.until))
            }
            _ => None,
        };
        let leases: Vec<_> = hosts.iter().filter_map(lease).collect();
        send(self.fleet, &self.key, leases, generation, wall)
    }

    fn store(&mut self) -> Result<(), FleetError> {
        Ok(secret_file::write_json(&rollout_path(&self.path), &self.rollout)?)
    }
}

/// The rule of the hosts after an abort.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterAbort {
    /// They begin no upgrade.
    Stop,
    /// They upgrade by their own rules.
    Release,
}

/// Aborts the current rollout of the engine. A command that drives it ends. Returns the rollout as far as this operator
/// knows it.
///
/// # Errors
/// The engine carries no rollout, or the engine, the key or a file cannot be used.
pub fn abort(
    fleet: &mut Fleet,
    key: &SigningKey,
    path: &Path,
    after: AfterAbort,
    reason: &str,
    wall: Timestamp,
) -> Result<Option<Rollout>, FleetError> {
    let known = read_rollout(path)?;
    let program = match current_order(fleet)?.map(|order| order.verb) {
        Some(RolloutVerb::Rollout { program } | RolloutVerb::Abort { program, .. }) => Some(program),
        Some(RolloutVerb::Release | RolloutVerb::Lease { .. }) | None => None,
    };
    // An engine that lost its data carries none, and the hosts still obey it.
    let program = program.or_else(|| known.as_ref().map(|rollout| rollout.plan.program.clone()));
    let program = program.ok_or(FleetError::NoRollout)?;
    let verb = match after {
        AfterAbort::Stop => RolloutVerb::Abort { program, reason: reason.to_owned() },
        AfterAbort::Release => RolloutVerb::Release,
    };
    let generation = fleet.next_generation(path, wall)?;
    send(fleet, key, [(Target::All, verb, wall.after(VALIDITY))], generation, wall)?;
    let Some(mut rollout) = known else { return Ok(None) };
    if !matches!(rollout.phase, Phase::Complete | Phase::Stopped) {
        rollout.phase = Phase::Aborted;
        secret_file::write_json(&rollout_path(path), &rollout)?;
    }
    Ok(Some(rollout))
}

/// Returns the document for all hosts that the engine carries, if the fleet's key has signed it.
///
/// # Errors
/// The engine cannot be used.
pub fn current_order(fleet: &mut Fleet) -> Result<Option<RolloutOrder>, FleetError> {
    let key = fleet.keys().rollout(&Target::All);
    let mut commands = redis::pipe();
    commands.cmd("GETRANGE").arg(key).arg(0).arg(LONGEST_COMMAND);
    let replies = fleet.engine().require(&commands)?;
    let text = replies.first().and_then(engine::text);
    Ok(text.and_then(|text| RolloutOrder::read(&text, &fleet.operator().key).ok()))
}

fn send(
    fleet: &mut Fleet,
    key: &SigningKey,
    documents: impl IntoIterator<Item = (Target, RolloutVerb, Timestamp)>,
    generation: u64,
    issued: Timestamp,
) -> Result<(), FleetError> {
    let mut commands = redis::pipe();
    for (target, verb, not_after) in documents {
        let name = fleet.keys().rollout(&target);
        let order = RolloutOrder { fleet: fleet.operator().fleet.clone(), generation, target, issued, not_after, verb };
        commands.cmd("SET").arg(name).arg(key.sign_command(&order)?).arg("PXAT").arg(not_after.as_millis());
    }
    Ok(fleet.engine().require(&commands).map(drop)?)
}

/// Takes or renews the right to drive a rollout.
fn claim(fleet: &mut Fleet, id: &str) -> Result<(), FleetError> {
    let (key, life) = (fleet.keys().driver(), CLAIM.as_secs());
    let mut commands = redis::pipe();
    commands.cmd("SET").arg(&key).arg(id).arg("NX").arg("EX").arg(life);
    commands.cmd("GETRANGE").arg(&key).arg(0).arg(64);
    let replies = fleet.engine().require(&commands)?;
    if replies.get(1).and_then(engine::text).as_deref() != Some(id) {
        return Err(FleetError::RolloutDriven);
    }
    let mut renewal = redis::pipe();
    renewal.cmd("SET").arg(&key).arg(id).arg("XX").arg("EX").arg(life);
    Ok(fleet.engine().require(&renewal).map(drop)?)
}

fn release_claim(fleet: &mut Fleet) -> Result<(), FleetError> {
    let key = fleet.keys().driver();
    let mut commands = redis::pipe();
    commands.cmd("DEL").arg(key);
    Ok(fleet.engine().require(&commands).map(drop)?)
}

fn engine_time(fleet: &mut Fleet, wall: Timestamp) -> Result<Timestamp, EngineError> {
    let mut commands = redis::pipe();
    commands.cmd("TIME");
    let replies = fleet.engine().require(&commands)?;
    Ok(replies.first().and_then(engine::millis).map_or(wall, Timestamp::from_millis))
}

impl Fleet {
    /// Returns the generation of the next document, and stores it first: a later one must be higher, also after a crash
    /// in between. Reads the file again, which another command may have changed.
    fn next_generation(&mut self, path: &Path, wall: Timestamp) -> Result<u64, FleetError> {
        let seen = current_order(self)?.map_or(0, |order| order.generation);
        let mut operator = Operator::read(path)?;
        let generation = operator.next_generation(wall, seen);
        operator.write(path)?;
        self.set_operator(operator);
        Ok(generation)
    }
}
