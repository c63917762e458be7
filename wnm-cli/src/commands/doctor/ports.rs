//! Whether the ports of nodes that do not run are free.

use wnm_core::{NodeId, NodeState, Settings};
use wnm_platform::observe::ports;
use wnm_store::Snapshot;

use super::{Check, counted};

/// Checks the ports of each stopped node, and of each node that the node cap still allows.
pub(super) fn check(settings: &Settings, snapshot: Option<&Snapshot>) -> Check {
    const CHECK: &str = "ports";
    // A port of a running node is bound by that node.
    let is_up = |id: NodeId| snapshot.is_some_and(|s| s.state.nodes.get(&id).is_some_and(NodeState::is_active));
    let down = (1..=settings.policy.node_cap).filter_map(NodeId::new).filter(|id| !is_up(*id));
    let wanted = down.flat_map(|id| match snapshot.and_then(|snapshot| snapshot.nodes.get(&id)) {
        Some(node) => node.flavor.bound_ports(&node.ports),
        None => settings.ports.of(id).map(|ports| settings.flavor.bound_ports(&ports)).unwrap_or_default(),
    });
    let taken = ports::taken(wanted);
    let [first, ..] = taken.as_slice() else {
        return Check::ok(
            CHECK,
            format!("the ports of all nodes up to node_cap ({}) are free", settings.policy.node_cap),
        );
    };
    // The kernel shows the sockets of other users' processes only to root.
    let holder = ports::holder(*first).unwrap_or_else(|| "a process of another user".to_owned());
    let taken = counted(taken.len(), "port of stopped or future nodes is", "ports of stopped or future nodes are");
    Check::error(
        CHECK,
        format!("{taken} in use: {holder} has {}", ports::name(*first)),
        format!(
            "`ss -lnp | grep {}` shows the process: end it, or set port_start and metrics_port_start",
            first.number()
        ),
    )
}
