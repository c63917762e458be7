//! Upgrades that nodes made themselves, and the versions that failed in them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::engine::recovery::Recovery;
use crate::model::node::{NodeId, NodeMap};
use crate::model::observation::{Observation, Presence};
use crate::model::units::{Timestamp, Version};
use crate::policy::constants::{UPGRADE_MEMORY, UPGRADE_TRIAL};

/// The last upgrade that a node made itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OwnUpgrade {
    /// The version after the upgrade.
    pub to: Version,
    /// Time of the first observation of that version.
    pub at: Timestamp,
    /// Whether the node ended by itself within an hour after the upgrade, and has not been up for ten minutes since.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub failed: bool,
}

/// A version that failed on nodes that upgraded themselves to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedVersion {
    /// The version.
    pub version: Version,
    /// Nodes that upgraded themselves to it within the last week.
    pub upgraded: usize,
    /// Those of them that failed, at least one.
    pub failed: Vec<NodeId>,
}

/// Returns the versions that failed on nodes that upgraded themselves, the oldest version first.
pub(crate) fn failed_versions(upgrades: &NodeMap<OwnUpgrade>) -> Vec<FailedVersion> {
    let mut all: BTreeMap<&Version, (usize, Vec<NodeId>)> = BTreeMap::new();
    for (id, upgrade) in upgrades {
        let (upgraded, failed) = all.entry(&upgrade.to).or_default();
        *upgraded += 1;
        failed.extend(upgrade.failed.then_some(*id));
    }
    all.into_iter()
        .filter(|(_, (_, failed))| !failed.is_empty())
        .map(|(version, (upgraded, failed))| FailedVersion { version: version.clone(), upgraded, failed })
        .collect()
}

/// Records the upgrades of an observation, and the nodes that ended after theirs. `is_changed` tells whether an action of
/// wnm may have replaced the program of a node. The recoveries are those after the observation.
pub(crate) fn update<'a>(
    upgrades: &mut NodeMap<OwnUpgrade>,
    recoveries: &NodeMap<Recovery>,
    observation: &Observation,
    ended: impl Iterator<Item = &'a NodeId>,
    is_changed: impl Fn(NodeId) -> bool,
) {
    let now = observation.now;
    for id in ended {
        record_end(upgrades, *id, now);
    }
    for (id, sample) in &observation.nodes {
        // Another process than that of the node may have answered.
        let (Some(to), Some(_)) = (&sample.version, &sample.upgraded_from) else { continue };
        if sample.presence != Presence::Unverified && !is_changed(*id) {
            // The end of the process in the same observation belongs to the upgrade.
            upgrades.insert(*id, OwnUpgrade { to: to.clone(), at: now, failed: false });
        }
    }
    for (id, upgrade) in upgrades.iter_mut() {
        upgrade.failed &= recoveries.contains_key(id);
    }
    upgrades.retain(|id, upgrade| {
        let is_remembered = upgrade.failed || now.since(upgrade.at) < UPGRADE_MEMORY;
        let sample = observation.nodes.get(id);
        is_remembered && sample.is_some_and(|sample| sample.version.as_ref().is_none_or(|seen| *seen == upgrade.to))
    });
}

/// Records an end of a node by itself, or a start whose process exited.
pub(crate) fn record_end(upgrades: &mut NodeMap<OwnUpgrade>, id: NodeId, now: Timestamp) {
    if let Some(upgrade) = upgrades.get_mut(&id) {
        upgrade.failed |= now.since(upgrade.at) <= UPGRADE_TRIAL;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::observation::NodeSample;

    const HOUR: u64 = 3600;

    fn number(number: u32) -> NodeId {
        NodeId::new(number).unwrap()
    }

    fn version(patch: u64) -> Version {
        Version::new(0, 4, patch)
    }

    fn observation(second: u64, version_of: impl Fn(u32) -> (Option<Version>, Option<Version>)) -> Observation {
        let sample = |id| {
            let (version, upgraded_from) = version_of(id);
            (number(id), NodeSample { presence: Presence::Answering, version, upgraded_from, ..NodeSample::default() })
        };
        let nodes = (1..=3).map(sample).collect();
        Observation { now: Timestamp::from_secs(second as i64), nodes, ..Observation::default() }
    }

    #[derive(Default)]
    struct Memory {
        own_upgrades: NodeMap<OwnUpgrade>,
        recoveries: NodeMap<Recovery>,
    }

    impl Memory {
        fn kept(&self) -> Vec<u32> {
            self.own_upgrades.iter().map(|(id, _)| id.get()).collect()
        }
    }

    /// Applies an observation in which these nodes ended, as the engine does.
    fn step(memory: &mut Memory, observation: &Observation, ended: &[u32]) {
        let ended: Vec<NodeId> = ended.iter().copied().map(number).collect();
        let Memory { own_upgrades, recoveries } = memory;
        crate::engine::recovery::update(recoveries, observation, ended.iter());
        update(own_upgrades, recoveries, observation, ended.iter(), |_| false);
    }

    #[test]
    fn version_fails_when_a_node_ends_soon_after_its_own_upgrade() {
        // The upgrade of all three nodes at 0; ends as (second, node); the failed nodes at the end.
        for (ends, until, failed) in [
            (&[][..], 60, &[][..]),
            (&[(0, 1)], 60, &[]),
            (&[(60, 1)], 60, &[1]),
            (&[(60, 1), (90, 3)], 120, &[1, 3]),
            (&[(HOUR + 1, 2)], HOUR + 2, &[]),
            // Up for ten minutes after its end.
            (&[(60, 1)], 60 + 601, &[]),
        ] {
            let mut memory = Memory::default();
            let upgrade = observation(0, |_| (Some(version(18)), Some(version(17))));
            let ended_at = |second| ends.iter().filter(|(at, _)| *at == second).map(|(_, id)| *id).collect::<Vec<_>>();
            step(&mut memory, &upgrade, &ended_at(0));
            for second in 1..=until {
                step(&mut memory, &observation(second, |_| (Some(version(18)), None)), &ended_at(second));
            }
            let failed: Vec<NodeId> = failed.iter().copied().map(number).collect();
            let expected = FailedVersion { version: version(18), upgraded: 3, failed };
            let expected: Vec<_> = Some(expected).filter(|it| !it.failed.is_empty()).into_iter().collect();
            assert_eq!(failed_versions(&memory.own_upgrades), expected, "{ends:?}");
        }
    }

    #[test]
    fn upgrades_by_wnm_and_of_other_processes_do_not_count() {
        let mut seen = observation(9, |_| (Some(version(18)), Some(version(17))));
        seen.nodes.get_mut(&number(1)).unwrap().presence = Presence::Unverified;
        let mut upgrades = NodeMap::new();
        update(&mut upgrades, &NodeMap::new(), &seen, std::iter::empty(), |id| id == number(2));
        assert_eq!(upgrades.iter().map(|(id, _)| id.get()).collect::<Vec<_>>(), [3]);
    }

    #[test]
    fn memory_ends_with_the_version_the_node_and_after_a_week() {
        let upgraded = || {
            let mut memory = Memory::default();
            step(&mut memory, &observation(0, |_| (Some(version(18)), Some(version(17)))), &[]);
            memory
        };
        let mut memory = upgraded();
        step(&mut memory, &observation(5, |id| (Some(version(if id == 1 { 19 } else { 18 })), None)), &[]);
        assert_eq!(memory.kept(), [2, 3]);
        let mut seen = observation(6, |_| (None, None));
        seen.nodes.remove(&number(2));
        step(&mut memory, &seen, &[]);
        assert_eq!(memory.kept(), [3], "a version that is unknown for a moment stays");
        let mut memory = upgraded();
        memory.recoveries.insert(number(1), Recovery::default());
        memory.own_upgrades.get_mut(&number(1)).unwrap().failed = true;
        step(&mut memory, &observation(8 * 24 * HOUR, |_| (Some(version(18)), None)), &[1]);
        assert_eq!(memory.kept(), [1], "a failure stays until it is over");
    }
}
