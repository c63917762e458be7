//! Nodes that run, and that their process manager does not start after a reboot of the host.

use wnm_core::{Desired, Node, NodeState};
use wnm_platform::Platform;
use wnm_store::Snapshot;

use super::{Check, Fix, counted, names};

const CHECK: &str = "boot";

/// Reports the nodes that should run and are not enabled in their process manager, and enables them for [`Fix::Yes`].
pub(super) fn check(platform: &Platform, snapshot: &Snapshot, fix: Fix) -> Option<Check> {
    let should_run = |node: &&Node| {
        let state = snapshot.state.nodes.get(&node.id);
        let is_up = state.is_some_and(NodeState::is_active);
        let desired = state.map(|state| snapshot.state.desired(node.id, state)).unwrap_or_default();
        is_up && desired == Desired::Running && !snapshot.state.acting.contains(&node.id)
    };
    let found = platform.not_enabled(snapshot.nodes.values().filter(should_run));
    if found.is_empty() {
        return None;
    }
    let subject = counted(found.len(), "running node", "running nodes");
    if fix == Fix::No {
        let message = format!("{subject} would not start after a reboot of the host: {}", names(&found));
        return Some(Check::warning(CHECK, message, "`wnm doctor --fix` enables their services"));
    }
    let enabled = found.iter().filter_map(|id| snapshot.nodes.get(id)).try_for_each(|node| platform.enable(node));
    Some(match enabled {
        Ok(()) => Check::ok(CHECK, format!("enabled {subject} to start after a reboot of the host: {}", names(&found))),
        Err(error) => {
            let hint = error.hint().unwrap_or_else(|| "run wnm as root".to_owned());
            Check::error(CHECK, error.to_string(), hint)
        }
    })
}
