//! The folders and log folders of nodes: whether the user of each node can write them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use wnm_core::{Node, NodeId, ProcessIdentity, Program, Scope, Settings};
use wnm_platform::manager::Service;
use wnm_platform::observe::process::Processes;
use wnm_platform::places;
use wnm_platform::volume::{Storage, volume_of};
use wnm_store::Snapshot;

use super::{Check, counted, first_few};

/// Reports the folders in which the user of their node cannot create files.
pub(super) fn check(
    settings: &Settings,
    services: &BTreeMap<NodeId, Service>,
    storage: &Storage,
    snapshot: &Snapshot,
) -> Option<Check> {
    let has_volume = |node: &&Node| !storage.is_faulty(node.id, volume_of(&node.root_dir, &settings.storage));
    let nodes = snapshot.nodes.values().filter(has_volume);
    let processes = Processes::of_host();
    let folders = nodes.filter_map(|node| {
        let process = match services.get(&node.id) {
            Some(Service::Running(process)) => Some(process),
            Some(Service::Stopped | Service::Unknown(_)) | None => None,
        };
        let user = process.and_then(|process| user_of(&processes, process)).or_else(|| user_of_stopped(node))?;
        Some((user, [node.root_dir.clone(), node.log_dir.clone()].map(|folder| (node.id, folder))))
    });
    let mut of_users: BTreeMap<u32, Vec<(NodeId, PathBuf)>> = BTreeMap::new();
    for (user, of_node) in folders {
        of_users.entry(user).or_default().extend(of_node);
    }
    let closed = of_users.into_iter().flat_map(|(user, folders)| places::closed_to(user, folders));
    report(&closed.collect::<Vec<_>>())
}

fn user_of(processes: &Processes, process: &ProcessIdentity) -> Option<u32> {
    processes.look_up(process)?;
    processes.user_of(process.pid)
}

/// Returns the user of a node that does not run: that of wnm, for managers that give nodes no other one. The start of any
/// other node gives the folders to its user.
fn user_of_stopped(node: &Node) -> Option<u32> {
    let is_own = match (node.manager.program, node.manager.scope) {
        (Program::Setsid, _) | (Program::Systemd | Program::Launchd, Scope::User) => true,
        (Program::Systemd | Program::Launchd | Program::Docker | Program::Antctl, _) => false,
    };
    (is_own && node.manager.scope == places::own_scope()).then(places::user)
}

fn report(closed: &[(NodeId, PathBuf)]) -> Option<Check> {
    (!closed.is_empty()).then(|| {
        let subject = counted(closed.len(), "folder is", "folders are");
        let list = closed.iter().map(|(id, folder)| format!("{} ({})", id.name(), folder.display()));
        let message = format!("{subject} not writable for the user of the node: {}", first_few(list));
        Check::error(
            "folder",
            message,
            "`ls -ld FOLDER` shows its owner: correct it with `chown`, then restart the node",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::Level;

    #[test]
    fn closed_folders_are_named_with_their_nodes() {
        assert_eq!(report(&[]), None);
        let closed: Vec<_> = [(2, "/s/antnode0002"), (3, "/var/log/antnode/antnode0003")]
            .into_iter()
            .filter_map(|(number, folder)| Some((NodeId::new(number)?, folder.into())))
            .collect();
        let check = report(&closed).unwrap();
        assert_eq!(check.level, Level::Error);
        assert_eq!(
            check.message,
            "2 folders are not writable for the user of the node: antnode0002 (/s/antnode0002), \
             antnode0003 (/var/log/antnode/antnode0003)"
        );
    }
}
