//! Numbers, ports and folders of new nodes.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::model::node::{Node, NodeId, Ports};
use crate::model::units::{Bytes, Timestamp};
use crate::model::volume::Volume;
use crate::model::webrtc::WebRtc;
use crate::policy::settings::{Problem, ProblemCause, RawSettings, Settings, Thousands};
use crate::policy::thresholds::Policy;

/// The starts of the three port ranges in thousands. Node N has the port `start · 1000 + N` of each range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortRanges {
    node: u16,
    metrics: u16,
    rpc: u16,
}

impl PortRanges {
    /// Returns the ranges of the settings; by default they start at 55000, 13000 and 30000.
    ///
    /// # Errors
    /// With `node_cap` nodes, a range exceeds port 65535 or overlaps another range.
    pub fn new(raw: &RawSettings) -> Result<Self, Problem> {
        let start = |setting: Option<Thousands>, default| setting.map_or(default, |t| t.0);
        let ranges = Self {
            node: start(raw.port_start, 55),
            metrics: start(raw.metrics_port_start, 13),
            rpc: start(raw.rpc_port_start, 30),
        };
        let cap = raw.node_cap.unwrap_or(Policy::DEFAULT_NODE_CAP);
        let named =
            [("port_start", ranges.node), ("metrics_port_start", ranges.metrics), ("rpc_port_start", ranges.rpc)];
        for (i, (key, start)) in named.into_iter().enumerate() {
            let (first, last) = (u32::from(start) * 1000 + 1, (u32::from(start) * 1000).saturating_add(cap));
            if last > u32::from(u16::MAX) {
                return Err(Problem::new(key, start, ProblemCause::PortsExceedLast { last, node_cap: cap }));
            }
            let overlaps = |other: u16| {
                let other = u32::from(other) * 1000;
                first <= other + cap && other < last
            };
            if let Some((other, _)) = named[..i].iter().find(|(_, other)| overlaps(*other)) {
                let cause = ProblemCause::PortsOverlap { other, ports: (first, last), node_cap: cap };
                return Err(Problem::new(key, start, cause));
            }
        }
        Ok(ranges)
    }

    /// Returns the starts of the node, metrics and RPC ports, in thousands.
    #[must_use]
    pub const fn thousands(self) -> [u16; 3] {
        [self.node, self.metrics, self.rpc]
    }

    /// Returns the ports of a node; None if one would exceed 65535.
    #[must_use]
    pub fn of(&self, id: NodeId) -> Option<Ports> {
        let port = |start: u16| (u32::from(start) * 1000).checked_add(id.get()).and_then(|p| u16::try_from(p).ok());
        Some(Ports { node: port(self.node)?, metrics: Some(port(self.metrics)?), rpc: Some(port(self.rpc)?) })
    }
}

/// Returns the lowest ids outside `taken`, which is in ascending order.
///
/// The ids begin at 1, or after `highest_used` where an id must never be used twice (under `antctl`).
pub fn free_ids(taken: impl IntoIterator<Item = NodeId>, highest_used: Option<u32>) -> impl Iterator<Item = NodeId> {
    let mut candidate = highest_used.and_then(NodeId::new).map_or(NodeId::FIRST, NodeId::next);
    let first = candidate;
    let mut taken = taken.into_iter().filter(move |id| *id >= first).peekable();
    std::iter::from_fn(move || {
        while taken.next_if(|id| *id <= candidate).is_some_and(|id| id == candidate) {
            candidate = candidate.next();
        }
        let free = candidate;
        candidate = candidate.next();
        Some(free)
    })
}

/// Returns the storage folder with the most space for one more node; the first of several equal ones, None when no volume
/// can take a node. A folder without a known volume counts as usable.
///
/// The space is the free space of the volume, minus the growth that its nodes still have until each uses `full`; volumes
/// of one pool share both. `nodes` gives the folder of each node and its present size.
pub fn storage_with_most_space<'a, 'n>(
    storage: &'a [PathBuf],
    volumes: &[Volume],
    full: Bytes,
    nodes: impl Iterator<Item = (&'n Path, Bytes)> + Clone,
) -> Option<&'a PathBuf> {
    let of = |folder: &PathBuf| volumes.iter().find(|volume| volume.root == *folder);
    let space = |folder: &PathBuf| {
        let volume = of(folder)?;
        let free = volume.available?;
        let pool: Vec<&Volume> = volumes.iter().filter(|other| other.shares_space_with(volume)).collect();
        let growth = nodes.clone().filter(|(root, _)| pool.iter().any(|volume| root.starts_with(&volume.root)));
        let growth: u64 = growth.map(|(_, held)| full.0.saturating_sub(held.0)).fold(0, u64::saturating_add);
        Some(free.0.saturating_sub(growth))
    };
    // `max_by_key` returns the last of several equal elements.
    let usable = storage.iter().rev().filter(|folder| of(folder).is_none_or(|volume| volume.fits(full)));
    // Folders that share their space get equal numbers of nodes.
    usable.max_by_key(|folder| {
        (space(folder), Reverse(nodes.clone().filter(|(root, _)| root.starts_with(folder)).count()))
    })
}

/// The inputs of a new node that the core cannot produce: random numbers, the time and folders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewNodeInputs {
    /// The permanent identifier of the node.
    pub uuid: String,
    /// A uniformly random number that selects the rewards address.
    pub roll: u64,
    /// The storage folder that will contain the folder of the node.
    pub storage: PathBuf,
    /// The folder for logs; empty to log in the node's own folder.
    pub logs: PathBuf,
    /// The time of creation.
    pub now: Timestamp,
}

/// A new node cannot get its ports.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AllocationError {
    /// A port of the node would exceed 65535.
    #[error("cannot allocate ports for node {id}: they would exceed 65535")]
    PortsExhausted {
        /// The number of the new node.
        id: NodeId,
    },
    /// Another node has the same port.
    #[error("cannot allocate port {port} for node {id}: node {other} has it")]
    PortTaken {
        /// The number of the new node.
        id: NodeId,
        /// The port in conflict.
        port: u16,
        /// The number of the node that has the port.
        other: NodeId,
    },
}

/// Returns a new node with this id under the settings.
///
/// # Errors
/// A port exceeds 65535 or belongs to one of `others`.
pub fn new_node<'a>(
    id: NodeId,
    settings: &Settings,
    inputs: NewNodeInputs,
    others: impl IntoIterator<Item = &'a Node>,
) -> Result<Node, AllocationError> {
    let mut ports = settings.ports.of(id).ok_or(AllocationError::PortsExhausted { id })?;
    let arguments = settings.arguments_for(&settings.flavor);
    if WebRtc::of(&settings.flavor, &arguments) == Some(WebRtc::Off) {
        ports.rpc = None;
    }
    for other in others {
        if let Some(port) = ports.all().find(|port| other.ports.all().any(|taken| taken == *port)) {
            return Err(AllocationError::PortTaken { id, port, other: other.id });
        }
    }
    let name = settings.manager.folder_name(id);
    let root_dir = inputs.storage.join(&name);
    Ok(Node {
        service: None,
        id,
        uuid: inputs.uuid,
        flavor: settings.flavor.clone(),
        manager: settings.manager,
        binary: root_dir.join(settings.flavor.program()),
        log_dir: log_dir(&root_dir, &inputs.logs, &name),
        root_dir,
        ports,
        wallet: settings.rewards.draw(inputs.roll, settings.donate),
        network: settings.network.clone(),
        arguments,
        environment: settings.environment.clone(),
        upnp: settings.upnp,
        born: inputs.now,
    })
}

/// Returns the log folder of a node: below the folder for logs, or below the node's own folder if that is empty.
fn log_dir(root_dir: &Path, logs: &Path, name: &str) -> PathBuf {
    if logs.as_os_str().is_empty() { root_dir.join("logs") } else { logs.join(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(numbers: &[u32]) -> Vec<NodeId> {
        numbers.iter().filter_map(|n| NodeId::new(*n)).collect()
    }

    #[test]
    fn free_ids_fill_gaps_in_ascending_order() {
        for (taken, want) in
            [(&[][..], &[1, 2, 3][..]), (&[1, 2, 5], &[3, 4, 6]), (&[2, 3], &[1, 4, 5]), (&[7], &[1, 2, 3])]
        {
            let free: Vec<NodeId> = free_ids(ids(taken), None).take(3).collect();
            assert_eq!(free, ids(want), "{taken:?}");
        }
        for (taken, used, want) in [(&[][..], 0, &[1, 2][..]), (&[1], 3, &[4, 5]), (&[2, 5], 4, &[6, 7])] {
            let free: Vec<NodeId> = free_ids(ids(taken), Some(used)).take(2).collect();
            assert_eq!(free, ids(want), "{taken:?} after {used}");
        }
    }

    #[test]
    fn new_node_uses_the_storage_with_most_space() {
        let storage = ["/a", "/b", "/c"].map(PathBuf::from);
        let goes = |free: [Option<u64>; 3], nodes: &[(&str, u64)]| {
            let volume = |(root, free): (&PathBuf, Option<u64>)| Volume {
                root: root.clone(),
                available: free.map(Bytes),
                ..Volume::default()
            };
            let volumes: Vec<Volume> = storage.iter().zip(free).map(volume).collect();
            let nodes = nodes.iter().map(|(root, held)| (Path::new(*root), Bytes(*held)));
            storage_with_most_space(&storage, &volumes, Bytes(20), nodes).and_then(|folder| folder.to_str())
        };
        assert_eq!(goes([Some(50), Some(60), Some(40)], &[]), Some("/b"));
        // A new node is empty now and will grow to the full size.
        assert_eq!(goes([Some(50), Some(60), Some(40)], &[("/b/antnode0001", 0)]), Some("/a"));
        assert_eq!(goes([Some(50), Some(60), Some(40)], &[("/b/antnode0001", 20)]), Some("/b"));
        assert_eq!(goes([Some(50), Some(60), None], &[("/b/1", 0), ("/b/2", 5), ("/a/3", 1), ("/a/4", 9)]), Some("/b"));
        assert_eq!(goes([Some(20), Some(20), Some(20)], &[]), Some("/a"));
        // Less space than a full node needs.
        assert_eq!(goes([Some(19), Some(19), Some(19)], &[]), None);
        assert_eq!(goes([Some(19), Some(19), None], &[]), Some("/c"));
        assert_eq!(goes([None; 3], &[]), Some("/a"));
        assert_eq!(storage_with_most_space(&[], &[], Bytes(1), std::iter::empty()), None);
    }

    #[test]
    fn volumes_of_a_pool_share_the_growth_of_their_nodes() {
        let storage = ["/a", "/b", "/c"].map(PathBuf::from);
        let on = |(root, pool): (&PathBuf, &str)| Volume {
            root: root.clone(),
            pool: pool.to_owned(),
            available: Some(Bytes(if pool == "x" { 100 } else { 70 })),
            ..Volume::default()
        };
        let volumes: Vec<Volume> = storage.iter().zip(["x", "x", "y"]).map(on).collect();
        let goes = |nodes: &[&str]| {
            let nodes = nodes.iter().map(|root| (Path::new(*root), Bytes(0)));
            storage_with_most_space(&storage, &volumes, Bytes(20), nodes)
        };
        assert_eq!(goes(&[]), Some(&storage[0]));
        assert_eq!(goes(&["/a/1"]), Some(&storage[1]));
        assert_eq!(goes(&["/a/1", "/b/2"]), Some(&storage[2]), "two nodes will take 40 of 100");
    }

    #[test]
    fn port_ranges_that_overflow_or_overlap_are_refused() {
        let check = |node: u16, metrics: u16, cap: u32| {
            let raw = RawSettings {
                port_start: Some(Thousands(node)),
                metrics_port_start: Some(Thousands(metrics)),
                node_cap: Some(cap),
                ..RawSettings::default()
            };
            PortRanges::new(&raw).map(|_| ()).map_err(|problem| problem.to_string())
        };
        assert_eq!(check(55, 13, 1000), Ok(()));
        assert_eq!(check(64, 13, 1000), Ok(()));
        assert_eq!(check(55, 54, 1000), Ok(()));
        insta::assert_snapshot!(
            [check(64, 13, 2000), check(55, 54, 1001), check(55, 55, 1), check(12, 13, 1001)]
                .map(Result::unwrap_err)
                .join("\n"),
            @r"
        port_start (64) needs ports up to 66000 with node_cap 2000, beyond the last port 65535
        metrics_port_start (54) overlaps port_start: with node_cap 1001 it needs ports 54001 to 55001
        metrics_port_start (55) overlaps port_start: with node_cap 1 it needs ports 55001 to 55001
        metrics_port_start (13) overlaps port_start: with node_cap 1001 it needs ports 13001 to 14001
        "
        );
    }
}
