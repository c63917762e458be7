//! The rollout of a fleet on this host.

use serde::Serialize;
use wnm_agent::fleet::shown::{ShownRollout, Standing};
use wnm_core::{RolloutWait, Timestamp};

use super::valves::rollout_wait;
use super::{duration, time};
use crate::json::Time;

/// The rollout of a fleet on this host.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct HostRolloutView {
    /// The fleet; null if its name cannot be read.
    fleet: Option<String>,
    /// The version to which nodes may be upgraded.
    version: String,
    /// The SHA-256 of the node program of that version.
    sha256: String,
    /// The standing of this host: `leased` while upgrades may begin.
    #[cfg_attr(test, schemars(extend("enum" = ["leased", "waiting", "aborted"])))]
    standing: &'static str,
    /// The reason to wait; null for another standing.
    wait: Option<RolloutWait>,
    /// The reason of the abort; null for another standing.
    reason: Option<String>,
    /// The end of the lease, by the clock of this host; null without one.
    lease_until: Option<Time>,
    /// The time of the last command of the rollout.
    since: Time,
    /// The end of that command. Later upgrades follow the own rules of this host.
    until: Time,
}

impl From<&ShownRollout> for HostRolloutView {
    fn from(rollout: &ShownRollout) -> Self {
        let ShownRollout { fleet, program, issued, until, standing } = rollout;
        let (word, wait, reason, lease_until) = match standing {
            Standing::Leased { until } => ("leased", None, None, Some((*until).into())),
            Standing::Waiting(wait) => ("waiting", Some(*wait), None, None),
            Standing::Aborted { reason } => ("aborted", None, Some(reason.clone()), None),
        };
        Self {
            fleet: fleet.as_ref().map(ToString::to_string),
            version: program.version.to_string(),
            sha256: program.sha256.to_string(),
            standing: word,
            wait,
            reason,
            lease_until,
            since: (*issued).into(),
            until: (*until).into(),
        }
    }
}

/// Returns the rollout with the standing of this host, its origin and its end.
pub(super) fn text(rollout: &ShownRollout, now: Timestamp) -> String {
    let ShownRollout { fleet, program, issued, until, standing } = rollout;
    let standing = match standing {
        Standing::Leased { until } => format!("upgrades may begin under a lease until {}", time(*until)),
        Standing::Waiting(wait) => format!("no upgrade begins, {}", rollout_wait(*wait)),
        Standing::Aborted { reason } => format!("aborted, no upgrade begins: {reason}"),
    };
    let origin = fleet.as_ref().map_or_else(|| "the fleet".to_owned(), |fleet| format!("the fleet {fleet}"));
    let age = duration(now.since(*issued));
    format!("{}: {standing} (by {origin}, for {age}, until {})", program.version, time(*until))
}
