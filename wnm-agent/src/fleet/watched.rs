//! The fleet as a server of its operator knows it: the last state of each host, also after the engine has forgotten it.

use std::collections::BTreeMap;

use wnm_core::Timestamp;

use super::document::HostState;
use super::name::Name;
use super::operator::{Carried, HostRecord};
use super::rollout::carried::CarriedRollout;

/// A fleet over several readings.
#[derive(Debug, Clone, Default)]
pub struct Watched {
    /// The hosts by name.
    pub hosts: BTreeMap<Name, WatchedHost>,
    /// The commands and holds that the engine carries.
    pub carried: Vec<Carried>,
    /// The rollout that the engine carries; None without one in effect.
    pub rollout: Option<CarriedRollout>,
    /// The last complete reading; None before the first.
    pub read: Option<Timestamp>,
    /// The reason for which the last reading failed; None after a complete one.
    pub problem: Option<String>,
}

/// A host over several readings.
#[derive(Debug, Clone, PartialEq)]
pub struct WatchedHost {
    /// The last reading of the host. While the engine has no state, this is the last one that it had.
    pub record: HostRecord,
    /// Whether the engine has the state.
    pub freshness: Freshness,
    /// The last publication, by the clock of the host; None before the first.
    pub seen: Option<Timestamp>,
}

/// Whether a state is current.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// The engine has it.
    Current,
    /// The engine has forgotten it, or cannot be read.
    Stale,
}

impl Watched {
    /// Takes the hosts and commands of a complete reading.
    pub fn update(&mut self, records: Vec<HostRecord>, carried: Vec<Carried>, now: Timestamp) {
        let mut before = std::mem::take(&mut self.hosts);
        for record in records {
            let last = before.remove(&record.host);
            let freshness = if record.state.is_some() { Freshness::Current } else { Freshness::Stale };
            let seen = record.state().map(|state| state.at).or(last.as_ref().and_then(|last| last.seen));
            let state = record.state.clone().or_else(|| last.and_then(|last| last.record.state));
            let record = HostRecord { state, ..record };
            self.hosts.insert(record.host.clone(), WatchedHost { record, freshness, seen });
        }
        (self.carried, self.read, self.problem) = (carried, Some(now), None);
    }

    /// Takes a failed reading: all states are stale.
    pub fn fail(&mut self, problem: String) {
        self.problem = Some(problem);
        self.hosts.values_mut().for_each(|host| host.freshness = Freshness::Stale);
    }
}

impl WatchedHost {
    /// Returns the last state; None without one of the documented form.
    #[must_use]
    pub fn state(&self) -> Option<&HostState> {
        self.record.state()
    }

    /// Returns the state if it is current.
    #[must_use]
    pub fn current(&self) -> Option<&HostState> {
        self.state().filter(|_| self.freshness == Freshness::Current)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn record(host: &str, at: Option<i64>) -> HostRecord {
        let state = at.map(|at| {
            serde_json::from_value(serde_json::json!({
                "session": {"since": 1, "id": "0"}, "sequence": 7, "at": at, "wnm": "0.1.0", "phase": "running",
                "nodes": {"RUNNING": 38, "STOPPED": 2}, "desired": 40, "versions": {"0.4.16": 8, "0.4.17": 32},
                "signals": [{"signal": "cpu", "value": 71.0, "low": 49.0, "high": 70.0, "exceeded": true},
                    {"signal": "memory", "value": null, "low": 49.0, "high": 70.0, "exceeded": false}],
                "holds": [], "failure": null, "generation": 5, "problem": "x \"y\"\nz"
            }))
            .unwrap()
        });
        HostRecord { host: host.parse().unwrap(), invited: Timestamp::default(), state: state.map(Ok) }
    }

    #[test]
    fn forgotten_states_stay_and_are_stale() {
        let (name, now) = ("a".parse::<Name>().unwrap(), Timestamp::from_millis(9_000));
        let mut watched = Watched::default();
        watched.update(vec![record("a", Some(5_000)), record("b", None)], Vec::new(), now);
        assert_eq!(watched.hosts[&name].current().map(HostState::up), Some(38));
        watched.update(vec![record("a", None)], Vec::new(), now);
        let host = &watched.hosts[&name];
        assert_eq!((host.freshness, host.seen), (Freshness::Stale, Some(Timestamp::from_millis(5_000))));
        assert_eq!((host.current(), host.state().map(HostState::up)), (None, Some(38)));
        assert_eq!(watched.hosts.len(), 1);
        watched.update(vec![record("a", Some(6_000))], Vec::new(), now);
        assert!(watched.hosts[&name].current().is_some());
        watched.fail("away".to_owned());
        assert!(watched.hosts[&name].current().is_none() && watched.problem.is_some());
    }
}
