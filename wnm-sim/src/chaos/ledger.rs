//! The durable content of the fake store: nothing else survives a crash of the manager.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use wnm_core::{
    Action, ActionId, ActionRecord, Colony, Decision, EngineState, Node, NodeId, NodeMap, NodeState, Outcome, Reason,
    ReasonGone, Settings, Timestamp,
};

/// A stored node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredNode {
    pub(crate) node: Node,
    /// The UUID of the node as a number. The folder of the node carries it.
    pub(crate) uuid: u64,
    /// The index of the volume that holds the folder.
    pub(crate) volume: usize,
    /// The time of the last stop for pressure; None once the node starts again or the host restarted.
    pub(crate) stopped_at: Option<Timestamp>,
    /// The journal holds that the folder of the node goes.
    pub(crate) is_leaving: bool,
    pub(crate) is_disabled: bool,
}

impl StoredNode {
    /// Returns a new node. Its UUID is a number, and its storage folder is the one of [`storage_folder`].
    pub(crate) fn new(node: Node) -> Self {
        Self {
            uuid: node.uuid.parse().unwrap_or_default(),
            volume: node.root_dir.parent().and_then(volume_of).unwrap_or_default(),
            stopped_at: None,
            is_leaving: false,
            is_disabled: false,
            node,
        }
    }
}

impl StoredNode {
    /// Returns the node with another description.
    pub(crate) fn changed(&self, node: Node) -> Self {
        let volume = node.root_dir.parent().and_then(volume_of).unwrap_or(self.volume);
        Self { node, volume, ..self.clone() }
    }
}

/// Returns the volume of a storage folder.
pub(crate) fn volume_of(folder: &Path) -> Option<usize> {
    folder.file_name()?.to_str()?.parse().ok()
}

/// Returns the storage folder on a volume.
pub(crate) fn storage_folder(volume: usize) -> PathBuf {
    PathBuf::from(format!("/storage/{volume}"))
}

/// An action that has not ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OpenAction {
    pub(crate) record: ActionRecord,
    /// The time for which the manager had run when the action began, see [`FakeStore`](super::store::FakeStore).
    pub(crate) awake: Duration,
}

/// The durable content of the fake store.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Ledger {
    pub(crate) nodes: BTreeMap<NodeId, StoredNode>,
    pub(crate) state: EngineState,
    /// In the order in which the actions began.
    pub(crate) open: Vec<OpenAction>,
    next_action: i64,
    /// The additions of the rules that failed since the last addition that did not, and the time of the last failure.
    pub(crate) failed_additions: Option<(u32, Timestamp)>,
}

impl Ledger {
    /// Returns the content without the parts that change with every cycle: the clock and the forecast.
    pub(crate) fn timeless(&self) -> Self {
        let mut timeless = self.clone();
        timeless.state.clock = None;
        timeless.state.forecast = None;
        timeless
    }

    /// Returns the colony that a cycle starts from.
    pub(crate) fn colony(&self, settings: &Settings) -> Colony {
        Colony {
            settings: settings.clone(),
            nodes: self.nodes.iter().map(|(id, stored)| (*id, stored.node.clone())).collect(),
            state: self.state.clone(),
            samples: NodeMap::default(),
            unfinished: self.unfinished(),
            counters: None,
        }
    }

    /// Returns the records of the actions that have not ended.
    pub(crate) fn unfinished(&self) -> Vec<ActionRecord> {
        self.open.iter().map(|open| open.record.clone()).collect()
    }

    /// Stores new nodes and the intent of every action, and returns the records of the actions.
    pub(crate) fn begin(
        &mut self,
        decision: &Decision,
        new_nodes: &[Node],
        awake: Duration,
        now: Timestamp,
    ) -> Vec<ActionRecord> {
        self.nodes.extend(new_nodes.iter().map(|node| (node.id, StoredNode::new(node.clone()))));
        let mut records = Vec::with_capacity(decision.actions.len());
        for planned in &decision.actions {
            self.next_action += 1;
            let record = ActionRecord::new(ActionId(self.next_action), planned.clone(), now);
            self.open.push(OpenAction { record: record.clone(), awake });
            records.push(record);
        }
        records
    }

    /// Stores the outcome of every action and the state after them. Nodes without a state are forgotten.
    pub(crate) fn finish(&mut self, worked: &[(ActionRecord, Outcome)], state: &EngineState, now: Timestamp) {
        for (record, outcome) in worked {
            let (id, action) = (record.node(), &record.planned.action);
            if !matches!(outcome, Outcome::Pending { .. }) {
                self.open.retain(|open| open.record.id != record.id);
            }
            if matches!(action, Action::Add { .. }) {
                self.count_addition(&record.planned.reason, outcome, now);
            }
            let Some(node_state) = state.nodes.get(&id) else {
                self.nodes.remove(&id);
                continue;
            };
            let Some(stored) = self.nodes.get_mut(&id) else { continue };
            if !matches!(outcome, Outcome::Pending { .. })
                && let Some(changed) = record.changed(&stored.node)
            {
                *stored = stored.changed(changed);
            }
            stored.is_disabled = matches!(node_state, NodeState::Disabled { .. });
            match (action, outcome) {
                (Action::Stop { .. }, Outcome::Done)
                | (_, Outcome::Cancelled { because: ReasonGone::Relieved { .. } | ReasonGone::NotRemovedFor }) => {
                    stored.stopped_at = Some(now);
                }
                (Action::Start { .. } | Action::Enable { .. }, _) => stored.stopped_at = None,
                _ => {}
            }
        }
        self.state.clone_from(state);
    }

    fn count_addition(&mut self, reason: &Reason, outcome: &Outcome, now: Timestamp) {
        match outcome {
            Outcome::Failed(_) if *reason != Reason::Requested => {
                let before = self.failed_additions.map_or(0, |(count, _)| count);
                self.failed_additions = Some((before.saturating_add(1), now));
            }
            Outcome::Done => self.failed_additions = None,
            Outcome::Failed(_) | Outcome::Pending { .. } | Outcome::Cancelled { .. } => {}
        }
    }
}
