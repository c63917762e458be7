//! The nodes that a decision adds.

use std::collections::BTreeMap;

use wnm_core::{
    Action, Colony, Decision, NewNodeInputs, Node, NodeId, Observation, Program, Reason, Refusal, new_node,
};

use crate::agent::Agent;
use crate::error::AgentError;
use crate::platform::{NewNodeIdentity, Platform};
use crate::store::Store;

impl<S: Store, P: Platform> Agent<S, P> {
    /// Returns the nodes that the decision adds, with their ports, folders and wallets.
    ///
    /// An addition by the rules whose ports belong to another node leaves the decision, so that it delays no other
    /// action. An addition that the operator requested is an error instead. An addition without a volume for it leaves
    /// the decision too; a requested one is refused.
    pub(crate) fn new_nodes(
        &mut self,
        colony: &Colony,
        observation: &Observation,
        decision: &mut Decision,
        refused: &mut Vec<(Option<NodeId>, Refusal)>,
    ) -> Result<Vec<Node>, AgentError<S::Error, P::Error>> {
        let mut created: BTreeMap<NodeId, Node> = BTreeMap::new();
        let mut impossible = Vec::new();
        for planned in &decision.actions {
            let Action::Add { node: id } = planned.action else { continue };
            let Some(storage) = self.platform.storage_for(colony, observation, &created) else {
                if planned.reason == Reason::Requested {
                    refused.push((Some(id), Refusal::no_volume(&observation.host.volumes)));
                }
                impossible.push(id);
                continue;
            };
            let NewNodeIdentity { uuid, roll } = self.platform.new_identity().map_err(AgentError::Platform)?;
            let inputs = NewNodeInputs { uuid, roll, storage, logs: self.logs.clone(), now: observation.now };
            match new_node(id, &colony.settings, inputs, colony.nodes.values().chain(created.values())) {
                Ok(node) => _ = created.insert(id, node),
                Err(error) if planned.reason == Reason::Requested => return Err(error.into()),
                Err(error) => {
                    tracing::warn!(%error, "cannot add a node");
                    impossible.push(id);
                }
            }
        }
        if !impossible.is_empty() {
            decision.actions.retain(|planned| !impossible.contains(&planned.action.node()));
        }
        Ok(created.into_values().collect())
    }

    /// Records the numbers of new nodes where the process manager never uses a number twice.
    ///
    /// The record comes before the intent: a number that is recorded and then not used does no harm.
    pub(crate) fn record_numbers(&mut self, new_nodes: &[Node]) -> Result<(), S::Error> {
        let highest = new_nodes.iter().map(|node| node.id.get()).max();
        let (Program::Antctl, Some(highest)) = (self.settings.manager.program, highest) else { return Ok(()) };
        self.settings.policy.highest_node_id_used = Some(self.store.record_highest_id(highest)?);
        Ok(())
    }
}
