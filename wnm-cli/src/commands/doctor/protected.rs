//! Nodes whose own process can write files that wnm believes.

use wnm_core::{Node, NodeId};
use wnm_platform::manager;
use wnm_store::Snapshot;

use super::{Check, counted, names};

/// Reports nodes of an earlier release that no cycle has converted; None when all are converted.
pub(super) fn check(snapshot: &Snapshot) -> Option<Check> {
    let nodes: Vec<&Node> = snapshot.nodes.values().collect();
    of(&manager::unprotected(&nodes))
}

fn of(unprotected: &[NodeId]) -> Option<Check> {
    (!unprotected.is_empty()).then(|| {
        let nodes = counted(unprotected.len(), "node", "nodes");
        let message =
            format!("{nodes} can write the definition and the program that wnm believes: {}", names(unprotected));
        let hint = "run `wnm run`, which converts them without a restart and warns about each that it cannot convert";
        Check::warning("protection", message, hint)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_that_are_not_converted_are_named() {
        assert_eq!(of(&[]), None);
        let id = |number| NodeId::new(number).unwrap();
        let check = of(&[id(2), id(7)]).unwrap();
        let message = "2 nodes can write the definition and the program that wnm believes: antnode0002, antnode0007";
        assert_eq!((check.level, check.message.as_str()), (super::super::Level::Warning, message));
    }
}
