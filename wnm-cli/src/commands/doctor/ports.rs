//! Whether the ports of nodes that do not run are free now.

use wnm_core::{BoundPort, NodeId, NodeState, Settings};
use wnm_platform::observe::ports;
use wnm_store::Snapshot;

use super::Check;

pub(super) fn check(settings: &Settings, snapshot: Option<&Snapshot>) -> Check {
    let is_up = |id: NodeId| snapshot.is_some_and(|s| s.state.nodes.get(&id).is_some_and(NodeState::is_active));
    let down = (1..=settings.policy.node_cap).filter_map(NodeId::new).filter(|id| !is_up(*id));
    let bound = down.flat_map(|id| match snapshot.and_then(|snapshot| snapshot.nodes.get(&id)) {
        Some(node) => node.flavor.bound_ports(&node.ports),
        None => settings.ports.of(id).map(|ports| settings.flavor.bound_ports(&ports)).unwrap_or_default(),
    });
    let taken: Vec<BoundPort> = bound.filter(|port| !ports::is_free(*port)).collect();
    let [first, ..] = taken.as_slice() else { return Check::fine("ports", "those of nodes to come are free") };
    let holder = ports::holder(*first).unwrap_or_else(|| "a process that cannot be told".to_owned());
    Check::wrong(
        "ports",
        format!("{} of nodes to come are taken, {} first, by {holder}", taken.len(), ports::words(*first)),
        format!("`ss -lnp | grep {}` shows by whom; end that, or choose other ranges", first.number()),
    )
}
