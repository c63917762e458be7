//! Which answers on metrics ports are those of the nodes.

use std::collections::BTreeMap;

use wnm_core::{BoundPort, Colony, Flavor, Node, NodeId, WrongAnswer};

use super::previous;
use crate::manager::Service;
use crate::observe::ports;
use crate::observe::probe::{Answer, AnsweredBy};

/// Removes the answers of other programs and other nodes, and returns them.
pub(super) fn take_wrong(
    colony: &Colony,
    services: &BTreeMap<NodeId, Service>,
    answers: &mut BTreeMap<NodeId, Answer>,
) -> BTreeMap<NodeId, WrongAnswer> {
    let peers = Peers::of(colony);
    let wrong = |(id, answer): (&NodeId, &Answer)| {
        let node = colony.nodes.get(id)?;
        Some((*id, peers.wrong(node, services.get(id), answer)?))
    };
    let wrong: BTreeMap<NodeId, WrongAnswer> = answers.iter().filter_map(wrong).collect();
    answers.retain(|id, _| !wrong.contains_key(id));
    wrong
}

/// The peer ids that the nodes of a colony had at the last observation.
struct Peers<'a> {
    colony: &'a Colony,
    owners: BTreeMap<&'a str, NodeId>,
}

impl<'a> Peers<'a> {
    fn of(colony: &'a Colony) -> Self {
        let known =
            colony.nodes.values().filter_map(|node| Some((previous(colony, node)?.peer_id.as_deref()?, node.id)));
        Self { colony, owners: known.collect() }
    }

    /// Returns the reason why an answer is not that of the node; None for the node's.
    fn wrong(&self, node: &Node, service: Option<&Service>, answer: &Answer) -> Option<WrongAnswer> {
        match (answer.answered_by, &node.flavor) {
            (AnsweredBy::Other, Flavor::Antnode | Flavor::AntNode) => return Some(WrongAnswer::NotMetrics),
            // The metrics of a program that wnm does not know have any names.
            (AnsweredBy::Other, Flavor::Custom(_)) | (AnsweredBy::Node, _) => {}
        }
        let answered = answer.identity.as_ref()?.peer_id.as_ref()?;
        let previous = previous(self.colony, node);
        let known = previous.and_then(|previous| previous.peer_id.clone());
        let is_of_other = || self.owners.get(answered.as_str()).is_some_and(|owner| *owner != node.id);
        let is_wrong = match (&known, service) {
            (Some(known), _) if known == answered => false,
            (None, _) => is_of_other(),
            (Some(_), _) if is_of_other() => true,
            // A process never changes its peer id. Another process may have another identity, which an operator has
            // put in the folder, if it is the one that answers.
            (Some(_), Some(Service::Running(process))) => {
                let is_same = previous.is_some_and(|previous| previous.process.as_ref() == Some(process));
                let held = || ports::is_held_by(BoundPort::LoopbackTcp(node.metrics_port()?), process.pid);
                is_same || held() == Some(false)
            }
            (Some(_), Some(Service::Stopped | Service::Unknown(_)) | None) => true,
        };
        is_wrong.then(|| WrongAnswer::OtherPeer { answered: answered.clone(), known })
    }
}
