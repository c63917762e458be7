//! The rollout of a fleet, as this host sees it: it can delay the upgrades of the policy, and never begin one.

use serde::{Deserialize, Serialize};

use crate::model::units::Version;

/// The rollout in effect on this host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RolloutSample {
    /// The version to which nodes may be upgraded.
    pub version: Version,
    /// The reason for which no upgrade may begin; None while the host has a lease.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<RolloutWait>,
}

/// The reason for which a rollout lets no upgrade begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RolloutWait {
    /// The host has no lease yet.
    NoLease,
    /// The lease has ended.
    LeaseEnded,
    /// The engine of the fleet does not answer, so that the end of the lease is unknown.
    EngineAway,
    /// The node program of the host has another version or another digest.
    OtherProgram,
    /// The rollout was aborted.
    Aborted,
}

impl RolloutSample {
    /// Returns the reason for which an upgrade to a version may not begin; None when it may.
    #[must_use]
    pub fn wait_for(&self, to: &Version) -> Option<RolloutWait> {
        self.wait.or_else(|| (*to != self.version).then_some(RolloutWait::OtherProgram))
    }
}
