//! The rollout that the engine carries.

use serde::Serialize;
use wnm_agent::fleet::rollout::carried::{CarriedRollout, CarriedStanding};
use wnm_core::Timestamp;

use super::member::until;
use crate::json::Time;
use crate::render::time;

/// The rollout that the engine carries.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct CarriedRolloutView {
    /// The version of the node program.
    version: String,
    /// The SHA-256 of the node program.
    sha256: String,
    /// The state: `driven` while a command gives out leases, and `idle` while none does.
    #[cfg_attr(test, schemars(extend("enum" = ["driven", "idle", "aborted"])))]
    standing: &'static str,
    /// The reason of the abort; null otherwise.
    reason: Option<String>,
    /// The generation.
    generation: u64,
    /// The time of issue, by the operator's clock.
    since: Time,
    /// The end. Later each host upgrades by its own rules.
    until: Time,
    /// The hosts that publish and obey the rollout.
    hosts_obeying: usize,
    /// The hosts with a lease.
    hosts_leased: usize,
    /// The hosts that publish and have the version on all nodes.
    hosts_upgraded: usize,
    #[serde(skip)]
    issued: Timestamp,
    #[serde(skip)]
    end: Timestamp,
}

impl From<&CarriedRollout> for CarriedRolloutView {
    fn from(rollout: &CarriedRollout) -> Self {
        let CarriedRollout { program, standing, issued, until, .. } = rollout;
        let (word, reason) = match standing {
            CarriedStanding::Driven => ("driven", None),
            CarriedStanding::Idle => ("idle", None),
            CarriedStanding::Aborted { reason } => ("aborted", Some(reason.clone())),
        };
        Self {
            version: program.version.to_string(),
            sha256: program.sha256.to_string(),
            standing: word,
            reason,
            generation: rollout.generation,
            since: (*issued).into(),
            until: (*until).into(),
            hosts_obeying: rollout.obeying,
            hosts_leased: rollout.leased,
            hosts_upgraded: rollout.upgraded,
            issued: *issued,
            end: *until,
        }
    }
}

impl CarriedRolloutView {
    /// Returns the rollout in a sentence: the version, its state, the hosts, its begin and end.
    pub(super) fn line(&self) -> String {
        let Self { version, hosts_obeying, hosts_leased, hosts_upgraded, .. } = self;
        let state = match (self.standing, &self.reason) {
            ("aborted", Some(reason)) => format!("aborted, no upgrade begins: {reason}"),
            ("driven", _) => "a command gives out leases".to_owned(),
            _ => "no command gives out leases, `wnm fleet rollout promote` goes on".to_owned(),
        };
        let hosts = |count: &usize| format!("{count} {}", if *count == 1 { "host" } else { "hosts" });
        format!(
            "{version}: {state}; {} obey it, {hosts_leased} with a lease, {hosts_upgraded} upgraded, since {}, {}",
            hosts(hosts_obeying),
            time(self.issued),
            until(self.end)
        )
    }
}
