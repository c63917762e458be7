//! The rollout that the engine carries, for commands that show it.

use wnm_core::Timestamp;

use super::driver::current_order;
use super::order::{Program, RolloutVerb};
use crate::fleet::command::Target;
use crate::fleet::document::HostState;
use crate::fleet::operator::{Fleet, FleetError, HostRecord};

/// Most hosts whose leases one round trip asks for.
const BATCH: usize = 500;

/// The rollout that the engine carries, signed by the fleet's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarriedRollout {
    /// The node program.
    pub program: Program,
    /// The generation of the document.
    pub generation: u64,
    /// The time of issue, by the operator's clock.
    pub issued: Timestamp,
    /// The end of the document.
    pub until: Timestamp,
    /// The state.
    pub standing: CarriedStanding,
    /// The hosts that publish and obey the document.
    pub obeying: usize,
    /// The hosts whose lease has not ended.
    pub leased: usize,
    /// The hosts that publish, have the node program, and no outdated node.
    pub upgraded: usize,
}

/// The state of a rollout that the engine carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CarriedStanding {
    /// A command gives out leases.
    Driven,
    /// No command gives out leases.
    Idle,
    /// It was aborted.
    Aborted {
        /// The reason, on one line.
        reason: String,
    },
}

impl Fleet {
    /// Returns the rollout that the engine carries at a time; None without one in effect.
    ///
    /// # Errors
    /// The engine cannot be used.
    pub fn rollout(&mut self, records: &[HostRecord], wall: Timestamp) -> Result<Option<CarriedRollout>, FleetError> {
        let Some(order) = current_order(self)?.filter(|order| order.not_after > wall) else { return Ok(None) };
        let (program, reason) = match order.verb {
            RolloutVerb::Rollout { program } => (program, None),
            RolloutVerb::Abort { program, reason } => (program, Some(reason)),
            RolloutVerb::Release | RolloutVerb::Lease { .. } => return Ok(None),
        };
        let standing = match reason {
            Some(reason) => CarriedStanding::Aborted { reason },
            None if self.count([self.keys().driver()])? > 0 => CarriedStanding::Driven,
            None => CarriedStanding::Idle,
        };
        let states = || records.iter().filter_map(HostRecord::state).map(|state| &state.rollout);
        // The engine ends leases, whatever a host says.
        let has_lease = |state: &HostState| state.rollout.generation == order.generation && state.rollout.lease > 0;
        let leased = records.iter().filter(|record| record.state().is_some_and(has_lease));
        let leases: Vec<String> =
            leased.map(|record| self.keys().rollout(&Target::Host(record.host.clone()))).collect();
        Ok(Some(CarriedRollout {
            generation: order.generation,
            issued: order.issued,
            until: order.not_after,
            standing,
            obeying: states().filter(|rollout| rollout.generation == order.generation).count(),
            leased: self.count(leases)?,
            upgraded: states()
                .filter(|rollout| rollout.outdated == 0 && rollout.program.as_ref() == Some(&program))
                .count(),
            program,
        }))
    }

    /// Returns the number of keys that the engine has.
    fn count(&mut self, keys: impl IntoIterator<Item = String>) -> Result<usize, FleetError> {
        let keys: Vec<String> = keys.into_iter().collect();
        let mut count = 0;
        for batch in keys.chunks(BATCH) {
            let mut commands = redis::pipe();
            commands.cmd("EXISTS").arg(batch);
            let replies = self.engine().require(&commands)?;
            count += if let Some(redis::Value::Int(found)) = replies.first() { *found } else { 0 };
        }
        Ok(usize::try_from(count).unwrap_or(0))
    }
}
