//! The limits that a host obeys: signed settings of the fleet, which narrow those of the host.

use serde::{Deserialize, Serialize};

use super::command::{Command, Refusal, Target, Verbs};
use super::control::{Taken, addressed, replace};
use super::name::Name;
use crate::model::fleet_limits::FleetLimits;
use crate::model::units::Timestamp;

/// The verb of a document with limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SetVerb {
    /// The limits, in place of those before.
    Set(FleetLimits),
}

impl Verbs for SetVerb {
    fn bounded(self) -> Result<Self, Refusal> {
        Ok(self)
    }
}

/// A signed document with limits.
pub type SetOrder = Command<SetVerb>;

/// The limits that a host obeys. Those for all hosts and those for this one are in effect together.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HostLimits {
    /// The document for all hosts of the highest generation.
    all: Option<SetOrder>,
    /// The document for this host of the highest generation.
    host: Option<SetOrder>,
}

impl HostLimits {
    /// Takes a document whose signature was checked.
    ///
    /// # Errors
    /// It is for others, it has ended, or its generation is not higher than that of the last one.
    pub fn take(&mut self, order: SetOrder, fleet: &Name, host: &Name, wall: Timestamp) -> Result<Taken, Refusal> {
        addressed(&order.fleet, &order.target, fleet, host)?;
        let slot = match order.target {
            Target::All => &mut self.all,
            Target::Host(_) => &mut self.host,
        };
        replace(slot, order, wall)
    }

    /// Returns the limits in effect with their ends.
    #[must_use]
    pub fn in_effect(&self, wall: Timestamp) -> Vec<(FleetLimits, Timestamp)> {
        let orders = self.all.iter().chain(&self.host).filter(|order| order.not_after > wall);
        let limits = orders.map(|order| {
            let SetVerb::Set(limits) = &order.verb;
            (limits.clone(), order.not_after)
        });
        limits.filter(|(limits, _)| *limits != FleetLimits::default()).collect()
    }

    /// Returns the highest generation of a document; 0 before the first.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.all.iter().chain(&self.host).map(|order| order.generation).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);

    fn set(generation: u64, target: Target, limits: &str) -> SetOrder {
        let (fleet, not_after) = ("farm".parse().unwrap(), NOW.after(Duration::from_secs(60)));
        let verb = SetVerb::Set(serde_json::from_str(limits).unwrap());
        Command { fleet, generation, target, issued: NOW, not_after, verb }
    }

    fn take(limits: &mut HostLimits, order: SetOrder) -> Result<Taken, Refusal> {
        limits.take(order, &"farm".parse().unwrap(), &"a".parse().unwrap(), NOW)
    }

    #[test]
    fn newest_limits_for_all_and_for_this_host_are_in_effect() {
        let (mut limits, host) = (HostLimits::default(), Target::Host("a".parse().unwrap()));
        let shown = |limits: &HostLimits, at| {
            limits.in_effect(at).iter().map(|(limits, _)| limits.to_string()).collect::<Vec<_>>()
        };
        take(&mut limits, set(5, Target::All, r#"{"window":["daily 22:00-06:00"]}"#)).unwrap();
        take(&mut limits, set(6, host.clone(), r#"{"window":["hourly :05-:55"],"max_unavailable":"10%"}"#)).unwrap();
        let both = ["window daily 22:00-06:00", "window hourly :05-:55; max_unavailable 10%"];
        assert_eq!((shown(&limits, NOW), limits.generation()), (both.map(str::to_owned).to_vec(), 6));
        assert_eq!(take(&mut limits, set(4, Target::All, "{}")), Err(Refusal::Older { generation: 4, applied: 5 }));
        assert_eq!(take(&mut limits, set(5, Target::All, "{}")), Err(Refusal::GenerationTwice(5)));
        let other = Target::Host("b".parse().unwrap());
        assert_eq!(take(&mut limits, set(9, other.clone(), "{}")), Err(Refusal::OtherTarget(other)));
        take(&mut limits, set(7, Target::All, "{}")).unwrap();
        assert_eq!(shown(&limits, NOW), both[1..]);
        assert_eq!(shown(&limits, NOW.after(Duration::from_secs(60))), Vec::<String>::new());
        let text = serde_json::to_string(&limits).unwrap();
        assert_eq!(serde_json::from_str::<HostLimits>(&text).unwrap(), limits);
    }

    #[test]
    fn unknown_limits_are_refused() {
        for text in [r#"{"node_cap":1}"#, r#"{"window":["always"]}"#, r#"{"max_unavailable":"-1"}"#] {
            assert!(serde_json::from_str::<FleetLimits>(text).is_err(), "{text}");
        }
    }
}
