//! The nodes of a trace: a full list at times, and only changes between two full lists.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::engine::state::EngineState;
use crate::format::case::{CaseStatus, timestamp};
use crate::format::trace::{MOST_NODES, TraceError, seconds};
use crate::model::node::{NodeId, NodeState};
use crate::model::observation::{NodeSample, Observation};
use crate::model::units::{Bytes, Cores, Timestamp, Version};

/// The change of one fact of a node in a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Patch<T> {
    /// The line has no such key: the fact is unchanged.
    #[default]
    Unchanged,
    /// `null`: the fact is unknown from this line on.
    Unknown,
    /// The new value.
    Is(T),
}

impl<T> Patch<T> {
    const fn is_unchanged(&self) -> bool {
        matches!(self, Self::Unchanged)
    }

    fn from_change(before: Option<&Option<T>>, now: &Option<T>) -> Self
    where
        T: PartialEq + Clone,
    {
        match (before, now) {
            (Some(before), now) if before == now => Self::Unchanged,
            (None, None) => Self::Unchanged,
            (_, Some(now)) => Self::Is(now.clone()),
            (Some(_), None) => Self::Unknown,
        }
    }

    fn over<U>(&self, before: Option<U>, convert: impl FnOnce(&T) -> Option<U>) -> Option<U> {
        match self {
            Self::Unchanged => before,
            Self::Unknown => None,
            Self::Is(now) => convert(now),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Unknown, Self::Is))
    }
}

impl<T: Serialize> Serialize for Patch<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Unchanged | Self::Unknown => serializer.serialize_none(),
            Self::Is(value) => value.serialize(serializer),
        }
    }
}

/// The changes of one node in a line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeChange {
    /// The number of the node.
    pub id: NodeId,
    /// The state, without its facts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<CaseStatus>,
    /// The start of the state, in Unix seconds.
    #[serde(default, skip_serializing_if = "Patch::is_unchanged")]
    pub since: Patch<f64>,
    /// The version of the program.
    #[serde(default, skip_serializing_if = "Patch::is_unchanged")]
    pub version: Patch<String>,
    /// The creation time of the identity, in Unix seconds.
    #[serde(default, skip_serializing_if = "Patch::is_unchanged")]
    pub born: Patch<f64>,
    /// CPU use, in cores.
    #[serde(default, skip_serializing_if = "Patch::is_unchanged")]
    pub cpu: Patch<f64>,
    /// Resident memory, in bytes.
    #[serde(default, skip_serializing_if = "Patch::is_unchanged")]
    pub memory: Patch<u64>,
    /// Disk space of the node's folder, in bytes.
    #[serde(default, skip_serializing_if = "Patch::is_unchanged")]
    pub disk: Patch<u64>,
    /// The index of the volume with the node's folder, from 0.
    #[serde(default, skip_serializing_if = "Patch::is_unchanged")]
    pub volume: Patch<usize>,
    /// Whether an action on the node is under way.
    #[serde(default, skip_serializing_if = "Patch::is_unchanged")]
    pub acting: Patch<bool>,
}

/// The changes of all nodes in a sample.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum NodeChanges {
    /// No node changed.
    #[default]
    Same,
    /// The complete list of nodes.
    All(Vec<NodeChange>),
    /// Some nodes are new, changed or gone.
    Some {
        /// New and changed nodes.
        changed: Vec<NodeChange>,
        /// Nodes that no longer exist.
        gone: Vec<NodeId>,
    },
}

impl NodeChanges {
    /// Updates the nodes and their states from the previous sample to this one.
    pub(super) fn apply(&self, observation: &mut Observation, state: &mut EngineState) -> Result<(), TraceError> {
        match self {
            Self::Same => Ok(()),
            Self::All(all) => {
                let remembered = std::mem::take(&mut state.nodes);
                observation.nodes.clear();
                state.acting.clear();
                for change in all {
                    if observation.nodes.contains_key(&change.id) {
                        return Err(TraceError::NodeTwice { id: change.id });
                    }
                    change.apply(remembered.get(&change.id), observation, state)?;
                }
                Ok(())
            }
            Self::Some { changed, gone } => {
                for id in gone {
                    observation.nodes.remove(id);
                    state.nodes.remove(id);
                    state.acting.remove(id);
                }
                for change in changed {
                    let remembered = state.nodes.remove(&change.id);
                    change.apply(remembered.as_ref(), observation, state)?;
                }
                Ok(())
            }
        }
    }
}

impl NodeChange {
    fn apply(
        &self,
        remembered: Option<&NodeState>,
        observation: &mut Observation,
        state: &mut EngineState,
    ) -> Result<(), TraceError> {
        let word = self.state.or_else(|| remembered.map(CaseStatus::of));
        let status = word.ok_or(TraceError::UnlistedNode { id: self.id })?;
        if observation.nodes.len() >= MOST_NODES as usize && !observation.nodes.contains_key(&self.id) {
            return Err(TraceError::TooManyNodes);
        }
        let sample = observation.nodes.entry(self.id).or_default();
        sample.version = self.version.over(sample.version.take(), |text| text.parse().ok());
        sample.born = self.born.over(Some(sample.born), |born| Some(timestamp(*born))).unwrap_or_default();
        sample.cpu = self.cpu.over(sample.cpu, |cores| Cores::new(*cores).ok());
        sample.memory = self.memory.over(sample.memory, |bytes| Some(Bytes(*bytes)));
        sample.disk = self.disk.over(sample.disk, |bytes| Some(Bytes(*bytes)));
        sample.volume = self.volume.over(sample.volume, |volume| Some(*volume));
        let same = remembered.filter(|state| CaseStatus::of(state) == status);
        let since = self.since.over(same.and_then(NodeState::since), |since| Some(timestamp(*since)));
        let next = status.state(since, observation.now, || sample.version.clone(), observation.target.as_ref());
        // A line has no key for some facts of a state, such as the cause of a stop: they stay unchanged.
        let next = same.filter(|same| same.since() == since).cloned().unwrap_or(next);
        state.nodes.insert(self.id, next);
        match self.acting {
            Patch::Unchanged => {}
            Patch::Is(true) => _ = state.acting.insert(self.id),
            Patch::Is(false) | Patch::Unknown => _ = state.acting.remove(&self.id),
        }
        Ok(())
    }
}

/// The facts of a node with the precision of the format, so that smaller differences are no change.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct WrittenNode {
    state: CaseStatus,
    since: Option<Timestamp>,
    version: Option<Version>,
    born: Timestamp,
    /// In thousandths of a core. Finer noise would put every node into every sample.
    cpu: Option<u32>,
    memory: Option<Bytes>,
    disk: Option<Bytes>,
    volume: Option<usize>,
    acting: bool,
}

impl WrittenNode {
    pub(super) fn new(id: NodeId, sample: &NodeSample, engine: &EngineState) -> Self {
        let state = engine.nodes.get(&id);
        Self {
            state: state.map_or(CaseStatus::Unknown, CaseStatus::of),
            since: state.and_then(NodeState::since),
            version: sample.version.clone(),
            born: sample.born,
            cpu: sample.cpu.map(|cores| (cores.get() * 1000.0).round() as u32),
            memory: sample.memory,
            disk: sample.disk,
            volume: sample.volume,
            acting: engine.acting.contains(&id),
        }
    }

    /// Returns the change since the last written facts; all facts if there are none.
    pub(super) fn change(&self, id: NodeId, before: Option<&Self>) -> NodeChange {
        let state = before.is_none_or(|before| before.state != self.state).then_some(self.state);
        let since = |node: &Self| node.since.map(seconds);
        let version = |node: &Self| node.version.as_ref().map(ToString::to_string);
        let born = |node: &Self| Some(seconds(node.born));
        let cpu = |node: &Self| node.cpu.map(|thousandths| f64::from(thousandths) / 1000.0);
        let memory = |node: &Self| node.memory.map(|bytes| bytes.0);
        let disk = |node: &Self| node.disk.map(|bytes| bytes.0);
        let volume = |node: &Self| node.volume;
        let acting = |node: &Self| node.acting.then_some(true);
        macro_rules! patch {
            ($($field:ident)*) => {
                NodeChange {
                    id,
                    state,
                    $($field: Patch::from_change(before.map($field).as_ref(), &$field(self)),)*
                }
            };
        }
        let mut change = patch!(since version born cpu memory disk volume acting);
        if before.is_none() {
            // Without the key, a reader would keep the start of the same state from before.
            change.since = since(self).map_or(Patch::Unknown, Patch::Is);
        }
        change
    }
}
