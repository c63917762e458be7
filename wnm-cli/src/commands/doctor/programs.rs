//! The program of new nodes, and versions that failed on nodes that upgraded themselves.

use wnm_core::{Observation, Settings, newest_program};
use wnm_store::Snapshot;

use super::{Check, names};
use crate::render::status::failed_version;

const CHECK: &str = "upgrades";

/// Reports versions that failed where nodes upgrade themselves, and the node whose program new nodes get.
pub(super) fn check(settings: &Settings, snapshot: &Snapshot, target: Option<&wnm_core::Version>) -> Vec<Check> {
    let state = &snapshot.state;
    let mut checks: Vec<Check> = state
        .failed_versions()
        .iter()
        .map(|failed| {
            let message = format!("{}: {}", failed_version(failed), names(&failed.failed));
            let hint =
                "`wnm node show NODE` prints the last end of a node and its log folder; new nodes get another version";
            Check::warning(CHECK, message, hint)
        })
        .collect();
    let now = state.clock.as_ref().map(wnm_core::Clock::now).unwrap_or_default();
    let observation =
        Observation { now, nodes: snapshot.samples.clone(), target: target.cloned(), ..Observation::default() };
    checks.extend(newest_program(settings, &snapshot.nodes, state, &observation).map(|newest| {
        let (program, from) = (settings.flavor.program(), names(&newest.nodes));
        let than = target.map_or_else(|| "the one at antnode_path".to_owned(), ToString::to_string);
        let message = format!("new nodes get {program} {} of {from}, instead of {than}", newest.version);
        Check::ok(CHECK, message)
    }));
    checks
}

#[cfg(test)]
mod tests {
    use wnm_core::{
        EngineState, NewNodeInputs, NodeId, NodeMap, NodeSample, NodeState, OwnUpgrade, Presence, Timestamp, Version,
        new_node,
    };

    use super::*;
    use crate::commands::doctor::{lines, settings_with};

    #[test]
    fn failed_versions_and_the_program_of_new_nodes_are_told() {
        let version = |patch| Version::new(0, 4, patch);
        let settings = settings_with(&[("process_manager", "setsid+user")]);
        let node = |id| {
            let birth = NewNodeInputs {
                uuid: "u".to_owned(),
                roll: 0,
                storage: "/s".into(),
                logs: "/l".into(),
                now: Timestamp::default(),
            };
            new_node(id, &settings, birth, []).unwrap()
        };
        let ids: Vec<NodeId> = (1..=5).filter_map(NodeId::new).collect();
        let sample = NodeSample { presence: Presence::Answering, version: Some(version(18)), ..NodeSample::default() };
        let upgraded = |(id, failed)| (id, OwnUpgrade { to: version(19), at: Timestamp::default(), failed });
        let failed = ids.iter().copied().zip([true, true, false]).map(upgraded);
        let state = EngineState {
            nodes: ids.iter().map(|id| (*id, NodeState::Running { since: Timestamp::default() })).collect(),
            own_upgrades: failed.collect(),
            ..EngineState::default()
        };
        let snapshot = Snapshot {
            nodes: ids.iter().map(|id| (*id, node(*id))).collect(),
            samples: ids[3..].iter().map(|id| (*id, sample.clone())).collect::<NodeMap<_>>(),
            state,
            ..Snapshot::default()
        };
        let told = |target| lines(&check(&settings, &snapshot, target));
        insta::assert_snapshot!(format!("{}{}", told(Some(&version(17))), told(None)));
        assert!(check(&settings, &Snapshot::default(), Some(&version(17))).is_empty());
    }
}
