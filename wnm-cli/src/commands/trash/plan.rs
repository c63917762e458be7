//! The node that a restore makes of a removed one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use wnm_core::{AllocationError, NewNodeInputs, Node, NodeId, Program, Settings, Timestamp, free_ids, new_node};
use wnm_platform::files;
use wnm_platform::node_dir::{RemovedNode, TRASH};

use super::{Storage, no_answer};
use crate::args::RemovedName;
use crate::commands::unlisted::{Process, Unlisted};
use crate::error::{CliError, TrashError};

/// A removed node and the node that it becomes.
pub(super) struct Place {
    pub(super) removed: RemovedNode,
    pub(super) node: Node,
    pub(super) origin: Origin,
}

/// The place of the folder of a node before its restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// The trash, or the storage folder after an interrupted restore.
    Trash,
    /// The storage folder, where its process may run: the database does not contain the node.
    Storage(Process),
}

/// The restore of one name.
pub(super) enum Plan {
    /// The colony contains the node.
    Already(NodeId),
    Restore(Box<Place>),
}

/// The colony and its trash.
pub(super) struct Surroundings<'a> {
    pub(super) settings: &'a Settings,
    pub(super) storage: &'a Storage,
    /// The folder for logs of new nodes; empty to log in the node's own folder.
    pub(super) logs: &'a Path,
    /// The nodes of the colony, and those that are about to be restored.
    pub(super) nodes: BTreeMap<NodeId, Node>,
    pub(super) removed: Vec<RemovedNode>,
    /// Nodes in the storage folders that the database does not contain.
    pub(super) unlisted: Vec<Unlisted>,
}

impl Surroundings<'_> {
    /// Plans the restore of one node under its old number, or under `number`.
    ///
    /// # Errors
    /// No folder or several folders have this name, the folder has no identity, its number, its place or all ports are
    /// taken, or the file system of its place, or of a storage folder where it may be, does not answer.
    pub(super) fn plan(&mut self, name: &RemovedName, number: Option<NodeId>) -> Result<Plan, CliError> {
        let removed = match self.find(name)? {
            Ok(removed) => removed,
            Err(existing) => return Ok(Plan::Already(existing)),
        };
        if removed.identity.is_none() {
            return Err(TrashError::NoIdentity { folder: removed.folder }.into());
        }
        self.place(removed, number, name.to_string()).map(|place| Plan::Restore(Box::new(place)))
    }

    /// Plans the restore of a removed node under its old number, or under `number`. Errors call it `named`.
    ///
    /// # Errors
    /// Its number, its place or all ports are taken, or the colony is full.
    pub(super) fn place(
        &mut self,
        removed: RemovedNode,
        number: Option<NodeId>,
        named: String,
    ) -> Result<Place, CliError> {
        let Some(id) = number.or(removed.id) else {
            return Err(TrashError::NoNumber { uuid: removed.uuid, free: self.free() }.into());
        };
        if self.nodes.contains_key(&id) {
            return Err(TrashError::NumberTaken { name: named, taken: id, free: self.free() }.into());
        }
        let (total, cap) = (self.nodes.len(), self.settings.policy.node_cap);
        if total >= cap as usize {
            return Err(TrashError::CapReached { name: named, total, cap }.into());
        }
        let node = self.node(&removed, id)?;
        let is_inside = |root: &&PathBuf| node.root_dir.starts_with(root) || node.log_dir.starts_with(root);
        if let Some(silent) = self.storage.silent.iter().find(is_inside) {
            return Err(no_answer(silent).into());
        }
        if is_occupied(&node.root_dir, &removed) {
            return Err(TrashError::FolderTaken { name: named, folder: node.root_dir, free: self.free() }.into());
        }
        let unlisted = self.unlisted.iter().find(|unlisted| unlisted.node.uuid == removed.uuid);
        let origin = unlisted.map_or(Origin::Trash, |unlisted| Origin::Storage(unlisted.process));
        // Its process may run on the folder.
        if origin != Origin::Trash && !files::is_same(&node.root_dir, &removed.folder) {
            return Err(TrashError::InPlace { uuid: removed.uuid, folder: removed.folder }.into());
        }
        self.nodes.insert(id, node.clone());
        Ok(Place { removed, node, origin })
    }

    /// Returns the removed node of this name, or as an error the number of the node if the colony contains it.
    fn find(&self, name: &RemovedName) -> Result<Result<RemovedNode, NodeId>, CliError> {
        let is_named = |uuid: &str, id: Option<NodeId>| name.is_of(uuid, id);
        let is_present = |uuid: &str| self.nodes.values().any(|node| node.uuid == uuid);
        let all = self.removed.iter().chain(self.unlisted.iter().map(|unlisted| &unlisted.node));
        let mut found = all.filter(|one| is_named(&one.uuid, one.id) && !is_present(&one.uuid));
        let Some(one) = found.next() else {
            let existing = self.nodes.values().find(|node| is_named(&node.uuid, Some(node.id)));
            return match (existing, self.storage.silent.first()) {
                (Some(node), _) => Ok(Err(node.id)),
                (None, Some(silent)) => Err(no_answer(silent).into()),
                (None, None) => Err(TrashError::NotFound { name: name.to_string() }.into()),
            };
        };
        let mut uuids = vec![one.uuid.clone()];
        uuids.extend(found.map(|other| other.uuid.clone()));
        // A guess could bring back the wrong identity.
        if uuids.len() > 1 {
            return Err(TrashError::Several { name: name.to_string(), uuids }.into());
        }
        Ok(Ok(one.clone()))
    }

    /// Returns the lowest number without a node and without a folder.
    pub(super) fn free(&self) -> NodeId {
        let name = |id: NodeId| self.settings.manager.folder_name(id);
        let has_folder = |id: &NodeId| self.storage.answering.iter().any(|root| files::exists(root.join(name(*id))));
        free_ids(self.nodes.keys().copied(), None).find(|id| !has_folder(id)).unwrap_or(NodeId::FIRST)
    }

    /// Returns the node as it was, with its number, place and ports adapted to the colony.
    fn node(&self, removed: &RemovedNode, id: NodeId) -> Result<Node, CliError> {
        let mut node = match &removed.node {
            Some(node) if self.is_believed(removed) => node.clone(),
            // Ports and the wallet lead to no other file.
            Some(node) => {
                Node { ports: node.ports, wallet: node.wallet, born: node.born, ..self.undescribed(removed, id)? }
            }
            None => self.undescribed(removed, id)?,
        };
        let is_renumbered = node.id != id;
        if is_renumbered {
            renumber(&mut node, id);
        }
        node.manager = self.settings.manager;
        if is_renumbered || self.check_ports(&node).is_err() {
            node.ports = self.settings.ports.of(id).ok_or(AllocationError::PortsExhausted { id })?;
            self.check_ports(&node)?;
        }
        Ok(node)
    }

    /// Tells whether the description of a removed node counts. In a container a node writes its folder as the user of wnm:
    /// only in the trash, where no container has the folder, is a description surely that of wnm.
    fn is_believed(&self, removed: &RemovedNode) -> bool {
        let is_unlisted = || self.unlisted.iter().any(|unlisted| unlisted.node.uuid == removed.uuid);
        let in_storage =
            removed.folder.parent().is_some_and(|parent| parent.file_name().is_none_or(|name| name != TRASH));
        self.settings.manager.program != Program::Docker || !in_storage || is_unlisted()
    }

    /// Returns a node under the present settings, for a folder whose description could not be written.
    fn undescribed(&self, removed: &RemovedNode, id: NodeId) -> Result<Node, CliError> {
        let parent = removed.folder.parent();
        let trash = parent.filter(|parent| parent.file_name().is_some_and(|name| name == TRASH));
        let storage = trash.and_then(Path::parent).or(parent).unwrap_or(Path::new("/"));
        let inputs = NewNodeInputs {
            uuid: removed.uuid.clone(),
            roll: getrandom::u64()?,
            storage: storage.to_owned(),
            logs: self.logs.to_owned(),
            now: created(removed).or(removed.removed).unwrap_or_default(),
        };
        let mut node = new_node(id, self.settings, inputs, self.nodes.values())?;
        if let Some(flavor) = &removed.identity {
            node.binary = node.root_dir.join(flavor.program());
            node.flavor = flavor.clone();
        }
        Ok(node)
    }

    fn check_ports(&self, node: &Node) -> Result<(), AllocationError> {
        for other in self.nodes.values() {
            if let Some(port) = node.ports.all().find(|port| other.ports.all().any(|taken| taken == *port)) {
                return Err(AllocationError::PortTaken { id: node.id, port, other: other.id });
            }
        }
        Ok(())
    }
}

/// Gives a node another number, and the folders that belong to it.
fn renumber(node: &mut Node, id: NodeId) {
    let name = node.manager.folder_name(id);
    let old = std::mem::take(&mut node.root_dir);
    node.root_dir = old.with_file_name(&name);
    let moved = |path: &Path| path.strip_prefix(&old).ok().map(|rest| node.root_dir.join(rest));
    let (binary, logs) = (moved(&node.binary), moved(&node.log_dir));
    if let Some(binary) = binary {
        node.binary = binary;
    }
    node.log_dir = logs.unwrap_or_else(|| node.log_dir.with_file_name(&name));
    node.id = id;
}

/// Tells whether something else is at the place of a node.
fn is_occupied(place: &Path, removed: &RemovedNode) -> bool {
    files::symlink_metadata(place).is_ok() && !files::is_same(place, &removed.folder)
}

/// Returns the time when the identity file was written, which is the creation of the node.
fn created(removed: &RemovedNode) -> Option<Timestamp> {
    let identity = removed.folder.join(removed.identity.as_ref()?.identity_file());
    let written = files::symlink_metadata(identity).ok()?.modified().ok()?;
    let seconds = written.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs();
    Some(Timestamp::from_secs(i64::try_from(seconds).ok()?))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use wnm_core::Flavor;

    use super::*;
    use crate::commands::doctor::settings_with;

    /// Returns the node that a restore makes of a folder with a hostile description.
    fn restored(manager: &str, folder: PathBuf, root: &Path) -> Node {
        let settings = settings_with(&[("node_cap", "9"), ("process_manager", manager)]);
        let described = Node {
            log_dir: "/etc".into(),
            binary: "/root/antnode".into(),
            environment: vec![("DOCKER_HOST".to_owned(), "tcp://192.0.2.1".to_owned())],
            ..new_node(
                NodeId::FIRST,
                &settings,
                NewNodeInputs {
                    uuid: "u".to_owned(),
                    roll: 0,
                    storage: root.to_owned(),
                    logs: PathBuf::new(),
                    now: Timestamp::default(),
                },
                [],
            )
            .unwrap()
        };
        let removed = RemovedNode {
            uuid: "u".to_owned(),
            id: Some(NodeId::FIRST),
            folder,
            removed: None,
            size: None,
            identity: Some(Flavor::Antnode),
            node: Some(described),
        };
        let surroundings = Surroundings {
            settings: &settings,
            storage: &Storage { answering: vec![root.to_owned()], silent: Vec::new() },
            logs: Path::new(""),
            nodes: BTreeMap::new(),
            removed: Vec::new(),
            unlisted: Vec::new(),
        };
        surroundings.node(&removed, NodeId::FIRST).unwrap()
    }

    #[test]
    fn description_that_a_container_can_write_names_no_path() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("antnode0001");
        fs::create_dir(&folder).unwrap();
        let node = restored("docker", folder.clone(), root.path());
        assert_eq!((node.log_dir, node.binary), (folder.join("logs"), folder.join("antnode")));
        assert_eq!(node.environment, []);
        // No process of a node has the trash, and under setsid the node has the rights of wnm anyhow.
        let trashed = root.path().join(TRASH).join("u");
        for (manager, folder) in [("docker", trashed), ("setsid+user", folder)] {
            assert_eq!(restored(manager, folder, root.path()).log_dir, Path::new("/etc"), "{manager}");
        }
    }
}
