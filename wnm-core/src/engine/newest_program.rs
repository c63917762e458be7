//! The program of a new node: that of a healthy node, where nodes have upgraded themselves beyond the node binary.

use std::collections::BTreeMap;

use crate::engine::state::EngineState;
use crate::model::manager::Program;
use crate::model::node::{Node, NodeId, NodeState};
use crate::model::observation::{NodeSample, Observation, Presence};
use crate::model::units::{Timestamp, Version};
use crate::model::upgrade_source::UpgradeSource;
use crate::policy::constants::{NEWEST_TRIES, STABLE};
use crate::policy::settings::Settings;

/// The newest program of healthy nodes, which a new node gets instead of the node binary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewestProgram {
    /// The version that these nodes run.
    pub version: Version,
    /// Nodes that run it, at least one and at most three, in order of their numbers. The file of each may meanwhile be
    /// another one, so that its copy is asked for its version.
    pub nodes: Vec<NodeId>,
}

/// Returns the program of healthy nodes that a new node gets; None where it gets the node binary.
///
/// A node is healthy when it runs and answers, has not ended by itself within ten minutes, and upgraded itself no later
/// than ten minutes ago. antctl copies the program of new nodes itself, so that its nodes get the node binary. A version that upgrades have failed with, by wnm or by a node itself, is left out.
#[must_use]
pub fn newest_program(
    settings: &Settings,
    nodes: &BTreeMap<NodeId, Node>,
    state: &EngineState,
    observation: &Observation,
) -> Option<NewestProgram> {
    if settings.upgrade_source == UpgradeSource::Binary || settings.manager.program == Program::Antctl {
        return None;
    }
    let failed = state.failed_versions();
    let is_usable =
        |version: &Version| !state.is_refused(version) && failed.iter().all(|failed| failed.version != *version);
    let version_of = |(id, sample): (&NodeId, &'_ NodeSample)| {
        let is_of_flavor = nodes.get(id).is_some_and(|node| node.flavor == settings.flavor);
        let version =
            sample.version.clone().filter(|_| is_of_flavor && is_healthy(state, *id, sample, observation.now));
        Some((version.filter(|version| is_usable(version))?, *id))
    };
    let mut all: BTreeMap<Version, Vec<NodeId>> = BTreeMap::new();
    for (version, id) in observation.nodes.iter().filter_map(version_of) {
        all.entry(version).or_default().push(id);
    }
    let (version, mut nodes) = all.pop_last()?;
    let binary = observation.target.as_ref().filter(|target| is_usable(target));
    nodes.truncate(NEWEST_TRIES);
    binary.is_none_or(|binary| version > *binary).then_some(NewestProgram { version, nodes })
}

fn is_healthy(state: &EngineState, id: NodeId, sample: &NodeSample, now: Timestamp) -> bool {
    let is_proven = |upgraded: Option<Timestamp>| upgraded.is_none_or(|at| now.since(at) >= STABLE);
    sample.presence == Presence::Answering
        && matches!(state.nodes.get(&id), Some(NodeState::Running { .. }))
        && !state.acting.contains(&id)
        && !state.recoveries.contains_key(&id)
        && is_proven(state.own_upgrades.get(&id).map(|upgrade| upgrade.at))
        && sample.upgraded_from.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::own_upgrades::OwnUpgrade;
    use crate::engine::recovery::Recovery;
    use crate::model::flavor::Flavor;
    use crate::model::node::NodeMap;
    use crate::policy::allocation::{NewNodeInputs, new_node};
    use crate::policy::settings::{HostDefaults, RawSettings};

    const NOW: Timestamp = Timestamp::from_secs(10_000);

    fn number(number: u32) -> NodeId {
        NodeId::new(number).unwrap()
    }

    fn version(patch: u64) -> Version {
        Version::new(0, 4, patch)
    }

    fn settings(changes: &[(&str, &str)]) -> Settings {
        let manager = "setsid+user".parse().unwrap();
        let host = HostDefaults { cpus: 2, storage: "/s".into(), programs: "/bin".into(), manager };
        let mut raw = RawSettings::default();
        for (key, value) in [("rewards_address", "faucet")].iter().chain(changes) {
            raw.set(key, value).unwrap();
        }
        Settings::new(&raw, &host).unwrap()
    }

    fn node(id: NodeId, settings: &Settings) -> Node {
        let inputs = NewNodeInputs {
            uuid: "u".to_owned(),
            roll: 0,
            storage: "/s".into(),
            logs: "/l".into(),
            now: Timestamp::default(),
        };
        new_node(id, settings, inputs, []).unwrap()
    }

    /// A colony of four running nodes of versions 16, 18, 18 and 17, with the node binary 17.
    struct Colony {
        settings: Settings,
        nodes: BTreeMap<NodeId, Node>,
        state: EngineState,
        observation: Observation,
    }

    impl Colony {
        fn new() -> Self {
            let settings = settings(&[]);
            let ids = [(1, 16), (2, 18), (3, 18), (4, 17)].map(|(id, patch)| (number(id), patch));
            let sample = |patch| NodeSample {
                presence: Presence::Answering,
                version: Some(version(patch)),
                ..NodeSample::default()
            };
            let running = NodeState::Running { since: Timestamp::default() };
            Self {
                nodes: ids.iter().map(|(id, _)| (*id, node(*id, &settings))).collect(),
                settings,
                state: EngineState {
                    nodes: ids.iter().map(|(id, _)| (*id, running.clone())).collect(),
                    ..EngineState::default()
                },
                observation: Observation {
                    now: NOW,
                    nodes: ids.iter().map(|(id, patch)| (*id, sample(*patch))).collect::<NodeMap<_>>(),
                    target: Some(version(17)),
                    ..Observation::default()
                },
            }
        }

        fn newest(&self) -> Option<(u64, Vec<u32>)> {
            let newest = newest_program(&self.settings, &self.nodes, &self.state, &self.observation)?;
            let patch = (0..100).find(|patch| version(*patch) == newest.version).unwrap();
            Some((patch, newest.nodes.into_iter().map(NodeId::get).collect()))
        }

        fn sample(&mut self, id: u32) -> &mut NodeSample {
            self.observation.nodes.get_mut(&number(id)).unwrap()
        }
    }

    #[test]
    fn new_node_gets_the_newest_program_of_a_healthy_node() {
        type Change = fn(&mut Colony);
        type Newest = Option<(u64, &'static [u32])>;
        let table: [(&str, Change, Newest); 19] = [
            ("newer than the binary", |_| {}, Some((18, &[2, 3]))),
            ("setting", |it| it.settings = settings(&[("upgrade_source", "binary")]), None),
            ("antctl decides", |it| it.settings = settings(&[("process_manager", "antctl+user")]), None),
            ("equal binary", |it| it.observation.target = Some(version(18)), None),
            ("newer binary", |it| it.observation.target = Some(version(19)), None),
            ("no binary", |it| it.observation.target = None, Some((18, &[2, 3]))),
            (
                "refused binary",
                |it| {
                    it.observation.target = Some(version(19));
                    it.state.failed_upgrades.insert(version(19), 2);
                },
                Some((18, &[2, 3])),
            ),
            ("refused version", |it| _ = it.state.failed_upgrades.insert(version(18), 2), None),
            ("silent", |it| it.sample(2).presence = Presence::Silent, Some((18, &[3]))),
            ("unverified", |it| it.sample(2).presence = Presence::Unverified, Some((18, &[3]))),
            ("of unknown version", |it| it.sample(2).version = None, Some((18, &[3]))),
            ("just upgraded", |it| it.sample(2).upgraded_from = Some(version(17)), Some((18, &[3]))),
            ("acting", |it| _ = it.state.acting.insert(number(3)), Some((18, &[2]))),
            ("ended", |it| _ = it.state.recoveries.insert(number(3), Recovery::default()), Some((18, &[2]))),
            (
                "starting",
                |it| _ = it.state.nodes.insert(number(3), NodeState::Restarting { since: NOW }),
                Some((18, &[2])),
            ),
            (
                "upgraded 9 minutes ago",
                |it| upgraded(it, 3, NOW.before(std::time::Duration::from_secs(540)), false),
                Some((18, &[2])),
            ),
            (
                "upgraded an hour ago",
                |it| upgraded(it, 3, NOW.before(std::time::Duration::from_secs(3600)), false),
                Some((18, &[2, 3])),
            ),
            ("failed on another node", |it| upgraded(it, 3, Timestamp::default(), true), None),
            ("another program", |it| it.nodes.get_mut(&number(2)).unwrap().flavor = Flavor::AntNode, Some((18, &[3]))),
        ];
        for (name, change, expected) in table {
            let mut colony = Colony::new();
            change(&mut colony);
            assert_eq!(colony.newest(), expected.map(|(patch, nodes)| (patch, nodes.to_vec())), "{name}");
        }
    }

    fn upgraded(colony: &mut Colony, id: u32, at: Timestamp, failed: bool) {
        colony.state.own_upgrades.insert(number(id), OwnUpgrade { to: version(18), at, failed });
    }
}
