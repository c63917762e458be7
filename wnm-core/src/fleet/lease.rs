//! The rollout that a host obeys: a pure state that outlives restarts of the daemon and losses of the engine.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::command::{Refusal, Target};
use super::control::{Taken, addressed, replace};
use super::name::Name;
use super::order::{Program, RolloutOrder, RolloutVerb};
use crate::model::rollout::{RolloutSample, RolloutWait};
use crate::model::units::Timestamp;

/// Time after the last turn with the engine in which a host trusts its lease: several turns, and less than a lease.
pub const ENGINE_TRUSTED: Duration = Duration::from_secs(60);

/// Returns the time of the engine, given its time in the last turn with it and the age of that turn by a clock that no
/// change of time moves; None when a host no longer trusts it.
#[must_use]
pub fn trusted(read: Timestamp, age: Duration) -> Option<Timestamp> {
    (age <= ENGINE_TRUSTED).then(|| read.after(age))
}

/// The documents of a rollout that a host obeys.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Leases {
    /// The document for all hosts of the highest generation.
    order: Option<RolloutOrder>,
    /// The lease of the highest generation.
    lease: Option<RolloutOrder>,
}

impl Leases {
    /// Takes a document whose signature was checked. `now` is the time of the engine.
    ///
    /// # Errors
    /// It is for others, it has ended, or its generation is not higher than that of the last one.
    pub fn take(&mut self, order: RolloutOrder, fleet: &Name, host: &Name, now: Timestamp) -> Result<Taken, Refusal> {
        addressed(&order.fleet, &order.target, fleet, host)?;
        order.check_target()?;
        let slot = match order.target {
            Target::All => &mut self.order,
            Target::Host(_) => &mut self.lease,
        };
        replace(slot, order, now)
    }

    /// Returns the highest generation of a document for all hosts; 0 before the first.
    #[must_use]
    pub fn rollout(&self) -> u64 {
        self.order.as_ref().map_or(0, |order| order.generation)
    }

    /// Returns the generation of the lease of the current rollout; 0 without one.
    #[must_use]
    pub fn lease(&self) -> u64 {
        self.current_lease().map_or(0, |lease| lease.generation)
    }

    fn current_lease(&self) -> Option<&RolloutOrder> {
        let rollout = self.rollout();
        self.lease.as_ref().filter(|lease| lease.verb == RolloutVerb::Lease { rollout })
    }

    /// Returns the document for all hosts of the highest generation.
    #[must_use]
    pub const fn order(&self) -> Option<&RolloutOrder> {
        self.order.as_ref()
    }

    /// Returns the end of the lease of the current rollout, by the clock of the engine; None without one.
    #[must_use]
    pub fn lease_end(&self) -> Option<Timestamp> {
        self.current_lease().map(|lease| lease.not_after)
    }

    /// Returns the node program of the rollout in effect; None without one.
    #[must_use]
    pub fn program(&self, wall: Timestamp) -> Option<&Program> {
        let order = self.order.as_ref().filter(|order| order.not_after > wall)?;
        match &order.verb {
            RolloutVerb::Rollout { program } | RolloutVerb::Abort { program, .. } => Some(program),
            RolloutVerb::Release | RolloutVerb::Lease { .. } => None,
        }
    }

    /// Returns the rollout in effect; None when upgrades follow the own rules of the host.
    ///
    /// `own` is the node program of the host, as far as it could be read. `engine` is the time of the engine, by which
    /// leases end; None while the engine is away.
    #[must_use]
    pub fn sample(&self, own: Option<&Program>, wall: Timestamp, engine: Option<Timestamp>) -> Option<RolloutSample> {
        let program = self.program(wall)?;
        let is_aborted = self.order.as_ref().is_some_and(|order| matches!(order.verb, RolloutVerb::Abort { .. }));
        let wait = match (engine, self.current_lease()) {
            _ if is_aborted => Some(RolloutWait::Aborted),
            (_, None) => Some(RolloutWait::NoLease),
            (None, Some(_)) => Some(RolloutWait::EngineAway),
            (Some(now), Some(lease)) if lease.not_after <= now => Some(RolloutWait::LeaseEnded),
            (Some(_), Some(_)) if own != Some(program) => Some(RolloutWait::OtherProgram),
            (Some(_), Some(_)) => None,
        };
        Some(RolloutSample { version: program.version.clone(), wait })
    }
}
