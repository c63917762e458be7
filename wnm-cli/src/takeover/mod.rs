//! The import of nodes of other tools: which nodes and settings wnm imports, which not, and why. This module changes
//! nothing on the host, apart from [`anm::Anm::halt`] and [`registry::Registry::retire`].

pub(crate) mod anm;
pub(crate) mod ant;
pub(crate) mod contained;
pub(crate) mod formicaio;
pub(crate) mod found;
mod node;
mod obstacle;
pub(crate) mod registry;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use wnm_core::{Node, NodeId, NodeState, RawSettings, Settings, Timestamp, UnfitText};
use wnm_platform::files;
use wnm_platform::identity::{self, IdentityDigest};
use wnm_platform::node_dir::{MARKER, Marker};
use wnm_store::python_db::PythonColony;

use crate::json;
use obstacle::Obstacle;

/// The note on a node whose folder wnm does not delete.
pub(crate) const OUTSIDE_STORAGE: &str =
    "its folder is outside of node_storage: wnm does not delete it when the node is removed";
/// The note on a node without an identity.
const NO_IDENTITY: &str = "its folder holds no identity: the node creates one when it starts";

/// The plan of an import.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Takeover {
    /// The settings that wnm stores.
    pub(crate) settings: RawSettings,
    /// The imported nodes, by number.
    pub(crate) nodes: Vec<ImportedNode>,
    /// Nodes, services and settings that are not imported.
    pub(crate) skipped: Vec<Skipped>,
    /// Changes on the host other than the markers in the folders of the nodes.
    pub(crate) changes: Vec<String>,
}

impl Takeover {
    /// Returns the plan for these named candidates. Of two nodes with the same number, port, folder or identity the second
    /// one is skipped; a running node comes before one that does not run.
    fn of(
        settings: RawSettings,
        candidates: impl IntoIterator<Item = (String, Result<ImportedNode, Obstacle>)>,
    ) -> Self {
        let mut takeover = Self { settings, nodes: Vec::new(), skipped: Vec::new(), changes: Vec::new() };
        let mut identities = BTreeMap::new();
        let mut candidates: Vec<_> = candidates.into_iter().collect();
        let is_running = |imported: &ImportedNode| matches!(imported.state, NodeState::Running { .. });
        candidates.sort_by_key(|(_, candidate)| !candidate.as_ref().is_ok_and(is_running));
        for (name, candidate) in candidates {
            let imported = candidate.and_then(|mut imported| {
                check_paths(&imported.node)?;
                UnfitText::of(&imported.node).map_or(Ok(()), Err)?;
                check_unique(&imported.node, &takeover.nodes)?;
                check_identity(&mut imported, &mut identities)?;
                Ok(imported)
            });
            match imported {
                Ok(imported) => takeover.nodes.push(imported),
                Err(obstacle) => takeover.skipped.push(Skipped { name, reason: obstacle.to_string() }),
            }
        }
        takeover.nodes.sort_by_key(|imported| imported.node.id);
        takeover
    }
}

/// A node that is imported.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ImportedNode {
    #[serde(flatten, serialize_with = "json::description")]
    #[cfg_attr(test, schemars(with = "json::NodeDescription"))]
    pub(crate) node: Node,
    /// The assumed state until the first cycle observes the node, such as `RUNNING`.
    #[serde(rename = "status", serialize_with = "json::state_word")]
    #[cfg_attr(test, schemars(with = "String"))]
    pub(crate) state: NodeState,
    /// The state that the other tool recorded, in its own word; null without one.
    pub(crate) previous_state: Option<String>,
    /// The version that the other tool recorded.
    pub(crate) version: Option<String>,
    /// The peer ID that the other tool recorded.
    pub(crate) peer_id: Option<String>,
    /// Differences to the node under the other tool, a sentence each.
    pub(crate) notes: Vec<String>,
}

/// A node, service or setting that is not imported.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Skipped {
    /// The name of the node or service, its folder, or the setting with its value.
    pub(crate) name: String,
    /// Why it is not imported.
    pub(crate) reason: String,
}

/// The folder of a node on this host.
#[derive(Debug, Clone, Default)]
pub(crate) struct Folder {
    pub(crate) exists: bool,
    /// The marker of wnm, from an earlier attempt or from another colony.
    pub(crate) marker: Option<Marker>,
    /// The creation time of the identity; None without an identity.
    pub(crate) identity: Option<Timestamp>,
}

/// The facts about this host that an import depends on.
pub(crate) struct Host<'a> {
    pub(crate) now: Timestamp,
    /// The folder for the logs of nodes without a recorded one.
    pub(crate) logs: PathBuf,
    /// Reads the folder of a node.
    pub(crate) folder: &'a dyn Fn(&Path) -> Folder,
    /// Returns a new UUID.
    pub(crate) uuid: &'a dyn Fn() -> String,
}

/// Returns the plan for a colony of the Python wnm: `stored` are the settings to store, `settings` the effective ones.
pub(crate) fn plan(colony: &PythonColony, stored: RawSettings, settings: &Settings, host: &Host<'_>) -> Takeover {
    let candidates = colony.nodes.iter().map(|old| (name(old.id), node::import(old, settings, host)));
    let mut takeover = Takeover::of(stored, candidates);
    takeover.skipped.extend(unused_settings(&colony.unused));
    takeover
}

fn name(id: Option<i64>) -> String {
    let known = id.and_then(|id| u32::try_from(id).ok()).and_then(NodeId::new);
    known.map_or_else(
        || id.map_or_else(|| "a node without a number".to_owned(), |id| format!("node {id}")),
        NodeId::name,
    )
}

/// Checks that the paths of a node are absolute and without `..`: such a path leads elsewhere than it seems, and to
/// another place when a folder on the way becomes a link.
fn check_paths(node: &Node) -> Result<(), Obstacle> {
    let is_plain =
        |path: &Path| path.is_absolute() && !path.components().any(|part| part == std::path::Component::ParentDir);
    let paths = [(&node.root_dir, "folder"), (&node.log_dir, "log folder"), (&node.binary, "program")];
    check_link(&node.root_dir)?;
    match paths.into_iter().find(|(path, _)| !is_plain(path)) {
        None => Ok(()),
        Some((path, name)) => Err(Obstacle::NotPlain { name, path: path.clone() }),
    }
}

/// Checks that a folder is not a symbolic link: wnm deletes and moves folders, and the owner of a link could exchange its
/// target meanwhile.
fn check_link(folder: &Path) -> Result<(), Obstacle> {
    match files::read_link(folder) {
        Ok(target) => Err(Obstacle::Link { folder: folder.to_owned(), target }),
        // Not a link.
        Err(_) => Ok(()),
    }
}

/// Checks that a node shares its number, ports, folder and UUID with none of the others.
fn check_unique(node: &Node, others: &[ImportedNode]) -> Result<(), Obstacle> {
    for other in others.iter().map(|imported| &imported.node) {
        if other.id == node.id {
            let marker = node.root_dir.join(MARKER);
            let marker = files::is_file(&marker).then_some(marker);
            return Err(Obstacle::SameNumber { folder: other.root_dir.clone(), marker });
        }
        let shared = node.ports.all().find(|port| other.ports.all().any(|taken| taken == *port));
        if let Some(port) = shared {
            return Err(Obstacle::SamePort { port, owner: other.id });
        }
        if other.uuid == node.uuid || files::is_same(&other.root_dir, &node.root_dir) {
            return Err(Obstacle::SameFolder { folder: node.root_dir.clone(), owner: other.id });
        }
    }
    let ports: Vec<u16> = node.ports.all().collect();
    if (1..ports.len()).any(|i| ports[i..].contains(&ports[i - 1])) {
        return Err(Obstacle::RepeatedPort(ports));
    }
    Ok(())
}

/// Checks that the identity file of a node is a key, and that no other node has the same one. A running node with a file
/// that is not a key gets a note, because it uses the key that it has read at its start.
fn check_identity(
    imported: &mut ImportedNode,
    known: &mut BTreeMap<IdentityDigest, (NodeId, PathBuf)>,
) -> Result<(), Obstacle> {
    let Node { id, root_dir, flavor, .. } = &imported.node;
    match (identity::key_fault(root_dir, flavor), &imported.state) {
        (Some(fault), NodeState::Running { .. }) => {
            imported.notes.push(format!("{fault}: the node does not start again with it"));
        }
        (Some(fault), _) => return Err(fault.into()),
        (None, _) => {}
    }
    let Some(digest) = identity::digest(root_dir, flavor) else { return Ok(()) };
    if let Some((owner, folder)) = known.get(&digest) {
        return Err(Obstacle::SameIdentity { owner: *owner, folder: folder.clone() });
    }
    known.insert(digest, (*id, root_dir.clone()));
    Ok(())
}

/// Returns the settings of another tool that this wnm does not have, each with the reason.
pub(crate) fn unused_settings(unused: &BTreeMap<String, String>) -> impl Iterator<Item = Skipped> {
    unused.iter().map(|(key, value)| Skipped {
        name: format!("{key} = {value}"),
        reason: match key.as_str() {
            "cpu_count" => "wnm counts the processors of the host",
            "last_stopped_at" => "wnm stores the time of the stop with each node",
            "highest_node_id_used" => "a new node gets the lowest free number",
            "DiscordUsername" => "wnm passes no owner to nodes",
            "NodeVersion" => "new nodes get the program at antnode_path",
            "UpgradeHour" | "UpgradeMin" => "nodes upgrade themselves, unless enable_upgrade is set",
            _ => "wnm has no such setting",
        }
        .to_owned(),
    })
}

/// Reads the folder of a node: its marker and the time of its identity. A missing folder is no error.
pub(crate) fn read_folder(path: &Path) -> Folder {
    let marker = Marker::read(path).ok().flatten();
    let identities = wnm_core::Flavor::ALL.map(|flavor| path.join(flavor.identity_file()));
    let changed = identities.iter().find_map(|file| files::symlink_metadata(file).ok()?.modified().ok());
    let since_epoch = changed.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    Folder { exists: files::is_dir(path), marker, identity: since_epoch.map(|span| Timestamp::default().after(span)) }
}
