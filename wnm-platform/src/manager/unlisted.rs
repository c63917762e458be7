//! Folders of nodes that the colony does not contain: proof of the node by its definition, and remnants without a node.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use wnm_core::{Flavor, Node, ProcessIdentity, Program, UnlistedFolder};

use super::setsid::PID_FILE;
use super::{ProcessManager, Service};
use crate::error::PlatformError;
use crate::files;
use crate::node_dir::{self, Folder, Marker, holds_identity};
use crate::observe::process::{Liveness, ProcessInfo, Processes};

/// A node that the colony does not contain, as its definition describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvenNode {
    /// The node with its number.
    pub node: Node,
    /// Its process; None when it does not run.
    pub process: Option<ProcessIdentity>,
}

/// Returns the node of a folder that has its marker, its identity, and a definition that no other user than root and that
/// of wnm can write. A folder to which no node has written and without a process goes into the trash with the definition in
/// it, and a restore that ended early is completed.
///
/// None for any other folder, and for one whose manager does not tell whether the node runs.
///
/// # Errors
/// A remnant cannot be moved, or a restore cannot be completed.
pub(crate) fn settle(
    manager: &dyn ProcessManager,
    flavor: &Flavor,
    unlisted: &UnlistedFolder,
    roots: &[PathBuf],
) -> Result<Option<ProvenNode>, PlatformError> {
    let kind = manager.kind();
    let path = &unlisted.folder;
    let marker = Marker::read(path)?.filter(|marker| marker.uuid == unlisted.uuid);
    let Some(marker) = marker.filter(|_| kind.program != Program::Antctl) else { return Ok(None) };
    let id = marker.id;
    let folder = Folder { path: path.clone(), marker: Some(marker), flavor: None };
    let defined = manager.definition_of(&folder);
    let flavors: Vec<&Flavor> = defined.iter().map(|node| &node.flavor).chain([flavor]).chain(&Flavor::ALL).collect();
    if is_untouched(path, &flavors) {
        return remove_remnant(manager, &folder, defined, roots).map(|()| None);
    }
    let defined = match defined {
        Some(node) => Some(Node { id, ..node }),
        None => complete_restore(manager, path, roots)?,
    };
    let Some(node) = defined.filter(|node| node.manager == kind && holds_identity(path, &node.flavor)) else {
        return Ok(None);
    };
    Ok(match manager.survey(&[&node]).remove(&node.id) {
        Some(Service::Running(process)) => Some(ProvenNode { node, process: Some(process) }),
        Some(Service::Stopped) => Some(ProvenNode { node, process: None }),
        Some(Service::Unknown(_)) | None => None,
    })
}

/// Completes a restore that ended between the move of the folder out of the trash and the definition of the node. None for a
/// folder that has no description of such a node.
fn complete_restore(
    manager: &dyn ProcessManager,
    folder: &Path,
    roots: &[PathBuf],
) -> Result<Option<Node>, PlatformError> {
    let kind = manager.kind();
    // In a container a node writes its folder as the user of wnm, and could have written the description.
    if kind.program == Program::Docker {
        return Ok(None);
    }
    let removed = node_dir::interrupted_restore(folder);
    let node = removed.as_ref().and_then(|removed| removed.node.clone()).filter(|node| node.manager == kind);
    let (Some(removed), Some(node)) = (removed, node) else { return Ok(None) };
    node_dir::restore(&removed, &node, roots)?;
    node_dir::adopt(&node)?;
    manager.adopt(&[&node])?;
    node_dir::complete_restore(&node)?;
    Ok(Some(node))
}

/// Returns whether a folder contains only files of wnm and programs. The identity of an unknown flavor has an unknown name,
/// may be a link, and may be unreadable, so that the lack of a known one proves nothing.
fn is_untouched(folder: &Path, flavors: &[&Flavor]) -> bool {
    let is_of_wnm = |name: &OsStr| {
        let name = name.as_encoded_bytes();
        let is_program = |flavor: &&Flavor| name == flavor.program().as_bytes();
        name.starts_with(b".wnm-") || name == PID_FILE.as_bytes() || flavors.iter().any(is_program)
    };
    let entries = files::read_dir(folder);
    entries.is_ok_and(|entries| entries.iter().all(|entry| is_of_wnm(&entry.file_name())))
}

/// Moves a folder without an identity into the trash, unless a process uses it: that may be about to write one.
fn remove_remnant(
    manager: &dyn ProcessManager,
    folder: &Folder,
    defined: Option<Node>,
    roots: &[PathBuf],
) -> Result<(), PlatformError> {
    // The path of a process is compared and not followed: it may be on a volume that hangs.
    let paths = [Some(folder.path.clone()), files::canonicalize(&folder.path).ok()];
    let uses_it = |process: &ProcessInfo| {
        let given = process.root_dir().filter(|_| process.life == Liveness::Alive).map(PathBuf::from);
        given.is_some() && paths.contains(&given)
    };
    if Processes::of_host().all().iter().any(uses_it) {
        return Ok(());
    }
    if let Some(node) = defined {
        let services = if node.manager == manager.kind() { manager.survey(&[&node]) } else { return Ok(()) };
        if !matches!(services.get(&node.id), Some(Service::Stopped)) {
            return Ok(());
        }
        manager.undefine(&node)?;
    }
    let uuid = folder.marker.as_ref().map(|marker| marker.uuid.as_str()).unwrap_or_default();
    node_dir::trash_remnant(&folder.path, uuid, roots).map(drop)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn only_folders_that_no_node_has_written_to_are_remnants() {
        let flavors = [&Flavor::Antnode, &Flavor::AntNode];
        for (names, expected) in [
            (&[][..], true),
            (&[".wnm-node", ".wnm-definition", ".wnm-lock", "wnm.pid", "antnode"], true),
            (&[".wnm-node", "secret-key"], false),
            (&[".wnm-node", "key-of-another-flavor"], false),
            (&[".wnm-node", "chunks.mdb"], false),
            (&[".wnm-node", "antnode.old"], false),
        ] {
            let folder = tempfile::tempdir().unwrap();
            for name in names {
                fs::write(folder.path().join(name), "").unwrap();
            }
            assert_eq!(is_untouched(folder.path(), &flavors), expected, "{names:?}");
        }
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/nowhere/secret-key", folder.path().join("secret-key")).unwrap();
        assert!(!is_untouched(folder.path(), &flavors));
        assert!(!is_untouched(&folder.path().join("absent"), &flavors));
    }
}
