//! The memory of browser sessions, which nodes of `ant-node` can do without.

use wnm_core::{Bytes, Settings, WebRtc};
use wnm_store::Snapshot;

use super::{Check, counted};

const CHECK: &str = "webrtc";
/// Sessions of browsers that one node holds at most, and the memory of each; measured with ant-node 0.23.1.
const SESSIONS: u64 = 256;
const MEMORY_OF_SESSION: u64 = 512 * 1024;

/// Reports nodes that serve browsers while the use of memory prevents more nodes.
pub(super) fn check(settings: &Settings, snapshot: &Snapshot) -> Option<Check> {
    let used = snapshot.last.as_ref()?.host.memory?;
    let serves = snapshot.nodes.values().filter(|node| WebRtc::of(&node.flavor, &node.arguments) == Some(WebRtc::On));
    let count = serves.count();
    if count == 0 || used < settings.policy.memory.less_than {
        return None;
    }
    let most = Bytes(SESSIONS * MEMORY_OF_SESSION);
    let message = format!(
        "memory {used} leaves no headroom for a node, and {} browsers over WebRTC, with up to {most} each",
        counted(count, "node serves", "nodes serve")
    );
    let hint = "`wnm config set webrtc=false`, then `wnm node update --all --set webrtc=false`";
    Some(Check::warning(CHECK, message, hint))
}

#[cfg(test)]
mod tests {
    use wnm_core::{HostSample, NewNodeInputs, NodeId, Percent, Timestamp, new_node};

    use super::*;
    use crate::commands::doctor::settings_with;
    use crate::render::tests::cycle;

    #[test]
    fn sessions_are_a_lever_when_memory_is_short() {
        let checked = |changes: &[(&str, &str)], memory: f64| {
            let settings = settings_with(changes);
            let birth = NewNodeInputs {
                uuid: "u".to_owned(),
                roll: 0,
                storage: "/s".into(),
                logs: "/l".into(),
                now: Timestamp::default(),
            };
            let node = new_node(NodeId::FIRST, &settings, birth, []).unwrap();
            let host = HostSample { memory: Percent::new(memory).ok(), ..HostSample::default() };
            let last = Some(wnm_store::CycleRecord { host, ..cycle() });
            let snapshot = Snapshot { nodes: [(node.id, node)].into(), last, ..Snapshot::default() };
            check(&settings, &snapshot)
        };
        let found = checked(&[("flavor", "ant-node")], 88.0).unwrap();
        insta::assert_snapshot!(format!("{}\n{}", found.message, found.hint.unwrap()));
        assert_eq!(checked(&[("flavor", "ant-node")], 20.0), None);
        assert_eq!(checked(&[("flavor", "ant-node"), ("webrtc", "false")], 88.0), None);
        assert_eq!(checked(&[("flavor", "antnode")], 88.0), None);
    }
}
