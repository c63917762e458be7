//! The metrics servers that a cycle asks. In a large colony a cycle asks a part of the nodes, and each node twice a minute:
//! to ask 1000 nodes and to read their 43 kB each takes 52 to 69 ms of processor time, which was half of the cost of an
//! idle daemon.
//!
//! Processes are observed in every cycle, so that the end of a node is known at once. Only the metrics of a node that
//! answered, and whose process is the same, are those of an earlier cycle.

use std::collections::{BTreeMap, BTreeSet};

use wnm_core::{Colony, NodeId, NodeState, Presence};

use super::previous;
use crate::manager::Service;
use crate::observe::probe::{Answer, Target};

/// The usual value of [`Slices::all_at_once`].
const ALL_AT_ONCE: usize = 200;
/// The time in which each node is asked once, in milliseconds.
const PERIOD: u64 = 30_000;

/// The times at which nodes had their last turn in this process, in milliseconds since the start of the host.
#[derive(Debug, Default)]
pub(super) struct Turns(BTreeMap<NodeId, u64>);

impl Turns {
    /// Records that a node had its turn.
    pub(super) fn taken(&mut self, node: NodeId, uptime: u64) {
        self.0.insert(node, uptime);
    }

    /// Forgets all other nodes.
    pub(super) fn keep(&mut self, is_known: impl Fn(&NodeId) -> bool) {
        self.0.retain(|node, _| is_known(node));
    }

    /// Tells whether the turn of a node came since its last one. The turns of the nodes are spread over the period.
    pub(super) fn is_due(&self, node: NodeId, uptime: u64) -> bool {
        let Some(last) = self.0.get(&node) else { return true };
        // Neighbouring numbers are far apart, so that a part of the numbers has no slice of its own.
        let phase = u64::from(node.get()).wrapping_mul(7919) % PERIOD;
        let turn = |at: u64| (at + phase) / PERIOD;
        turn(uptime) != turn(*last)
    }
}

/// The turns of the metrics servers.
#[derive(Debug)]
pub(crate) struct Slices {
    last: Turns,
    /// The number of nodes up to which all are asked in every cycle.
    pub(crate) all_at_once: usize,
}

impl Default for Slices {
    fn default() -> Self {
        Self { last: Turns::default(), all_at_once: ALL_AT_ONCE }
    }
}

impl Slices {
    /// Divides targets into those that this cycle asks, and those whose last answer stays, with that answer.
    pub(super) fn divide(
        &mut self,
        colony: &Colony,
        services: &BTreeMap<NodeId, Service>,
        targets: Vec<Target>,
        uptime: u64,
    ) -> (Vec<Target>, BTreeMap<NodeId, (Target, Answer)>) {
        let known: BTreeSet<NodeId> = targets.iter().map(|target| target.node).collect();
        self.last.keep(|node| known.contains(node));
        let acting: BTreeSet<NodeId> = colony.unfinished.iter().map(|record| record.node()).collect();
        let is_large = targets.len() > self.all_at_once;
        let (mut asked, mut kept) = (Vec::new(), BTreeMap::new());
        for target in targets {
            let node = target.node;
            let may_stay = is_large && !acting.contains(&node) && !self.last.is_due(node, uptime);
            match may_stay.then(|| last_answer(colony, services.get(&node)?, node)).flatten() {
                Some(answer) => _ = kept.insert(node, (target, answer)),
                None => {
                    self.last.taken(node, uptime);
                    asked.push(target);
                }
            }
        }
        (asked, kept)
    }

    /// Records that nodes were asked after all.
    pub(super) fn asked(&mut self, nodes: impl Iterator<Item = NodeId>, uptime: u64) {
        nodes.for_each(|node| self.last.taken(node, uptime));
    }
}

/// Returns the metrics of the last sample as an answer; None unless the node answered, runs, and has the same process.
fn last_answer(colony: &Colony, service: &Service, node: NodeId) -> Option<Answer> {
    let Service::Running(process) = service else { return None };
    let is_running = matches!(colony.state.nodes.get(&node), Some(NodeState::Running { .. }));
    let sample = previous(colony, colony.nodes.get(&node)?)?;
    let is_known = sample.presence == Presence::Answering
        && sample.process.as_ref() == Some(process)
        && sample.version.is_some()
        && sample.peer_id.is_some();
    let metrics = sample.metrics.as_deref().filter(|_| is_running && is_known)?;
    Some(Answer { metrics: metrics.clone(), ..Answer::default() })
}

/// Tells whether a node that answered before gives no answer now. The others are asked too then: a cause that concerns all
/// nodes must not look like that of a few.
pub(super) fn is_newly_silent(
    colony: &Colony,
    services: &BTreeMap<NodeId, Service>,
    asked: &[NodeId],
    answers: &BTreeMap<NodeId, Answer>,
) -> bool {
    let answered = |node: &NodeId| {
        let sample = colony.nodes.get(node).and_then(|node| previous(colony, node));
        sample.is_some_and(|sample| sample.presence == Presence::Answering)
            && !matches!(services.get(node), Some(Service::Stopped) | None)
    };
    asked.iter().any(|node| !answers.contains_key(node) && answered(node))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_node_has_a_turn_in_every_period() {
        let nodes: Vec<NodeId> = (1..=1000).filter_map(NodeId::new).collect();
        let mut slices = Slices::default();
        let mut counts = BTreeMap::<NodeId, Vec<u64>>::new();
        let mut largest = 0;
        for cycle in 0..36_u64 {
            let uptime = 1_000_000 + cycle * 5000;
            let due: Vec<NodeId> = nodes.iter().copied().filter(|node| slices.last.is_due(*node, uptime)).collect();
            if cycle > 0 {
                largest = largest.max(due.len());
            }
            for node in &due {
                counts.entry(*node).or_default().push(uptime);
            }
            slices.asked(due.into_iter(), uptime);
        }
        assert!(largest < 250, "{largest} of 1000 nodes in one cycle");
        for (node, times) in counts {
            let widest = times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
            assert!(widest <= PERIOD + 5000, "{node} waits {widest} ms");
            assert!((6..=8).contains(&times.len()), "{node} is asked {} times in three minutes", times.len());
        }
    }
}
