//! Nodes that stored nothing on a day on which most of their neighbours did.

use std::path::Path;

use wnm_core::{Day, Health, NodeId};
use wnm_store::Store;

use super::{Check, counted, names};

const CHECK: &str = "gains";

/// Reports the nodes that gained no record on the last complete day, from the days in the database.
pub(super) fn check(db: &Path) -> Option<Check> {
    let today = Day::of(wnm_platform::read_clock().ok()?.wall);
    // Another check reports a database that cannot be read.
    of(&Store::open_read_only(db).ok()?.health(today).ok()?)
}

fn of(health: &Health) -> Option<Check> {
    let idle: Vec<NodeId> = health.idle().collect();
    if idle.is_empty() {
        return None;
    }
    let message = format!(
        "{} no record on the last day, while most neighbours did: {}",
        counted(idle.len(), "node stored", "nodes stored"),
        names(&idle)
    );
    let hint = "check that the port of the node is open to the internet; `wnm node show` lists its days, `wnm node restart` \
                gives it new peers";
    Some(Check::warning(CHECK, message, hint))
}

#[cfg(test)]
mod tests {
    use wnm_core::NodeHealth;

    use super::*;

    #[test]
    fn idle_node_is_named() {
        let node = |gains_nothing| NodeHealth { gains_nothing, ..NodeHealth::default() };
        let nodes = [false, true, false].into_iter().zip(1..);
        let nodes = nodes.map(|(idle, id)| (NodeId::new(id).unwrap(), node(idle))).collect();
        let told = of(&Health { nodes, ..Health::default() }).unwrap();
        assert_eq!(told.message, "1 node stored no record on the last day, while most neighbours did: antnode0002");
        assert_eq!(of(&Health::default()), None);
    }
}
