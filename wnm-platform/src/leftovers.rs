//! The traces of removed nodes on a host: a teardown ends only when none is left.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use wnm_core::{Node, NodeId};

use crate::error::PlatformError;
use crate::files;
use crate::node_dir::{self, Owner};
use crate::observe::process::Processes;
use crate::platform::Platform;

/// A trace of a removed node.
#[derive(Debug, thiserror::Error)]
pub enum Leftover {
    /// A folder of the node exists.
    #[error("folder {} is left", .0.display())]
    Folder(PathBuf),
    /// A process runs on the folder of the node.
    #[error("process {0} runs on its folder")]
    Process(u32),
    /// The process manager has a service or a container with its name.
    #[error("service {0} is left")]
    Service(String),
    /// The firewall has a rule for a port of the node.
    #[error("the firewall rule for port {0} is left")]
    Rule(u16),
    /// A source cannot tell.
    #[error("cannot check: {0}")]
    Unchecked(PlatformError),
}

impl Platform {
    /// Returns the traces of nodes that were removed. A folder outside of the storage folders does not count:
    /// wnm never deletes it.
    #[must_use]
    pub fn leftovers(&self, removed: &[Node], storage: &[PathBuf]) -> Vec<(NodeId, Leftover)> {
        let mut left = Vec::new();
        for node in removed {
            let mut add = |leftover| left.push((node.id, leftover));
            for folder in [&node.root_dir, &node.log_dir] {
                if is_own_folder(node, folder, storage) {
                    add(Leftover::Folder(folder.clone()));
                }
            }
            if let Some(folder) = node_dir::protected(node).filter(|folder| files::exists(folder)) {
                add(Leftover::Folder(folder));
            }
        }
        let processes = Processes::of_host().all();
        for node in removed {
            let running = processes.iter().filter(|process| process.runs(node));
            left.extend(running.map(|process| (node.id, Leftover::Process(process.pid))));
        }
        left.extend(self.leftover_services(removed));
        left.extend(self.leftover_rules(removed));
        left.sort_by_key(|(id, _)| *id);
        left
    }

    fn leftover_services(&self, removed: &[Node]) -> Vec<(NodeId, Leftover)> {
        let Some(first) = removed.first() else { return Vec::new() };
        let services = match self.manager.services() {
            Ok(services) => services,
            Err(error) => return vec![(first.id, Leftover::Unchecked(error))],
        };
        let of_node = |node: &&Node| {
            services.iter().any(|listed| {
                listed.name == node.service_name() && listed.folder.as_deref().is_none_or(|at| at == node.root_dir)
            })
        };
        removed.iter().filter(of_node).map(|node| (node.id, Leftover::Service(node.service_name()))).collect()
    }

    fn leftover_rules(&self, removed: &[Node]) -> Vec<(NodeId, Leftover)> {
        let Some(first) = removed.first() else { return Vec::new() };
        let rules = match self.firewall.rules() {
            Ok(rules) => rules,
            Err(error) => return vec![(first.id, Leftover::Unchecked(error))],
        };
        let rules: BTreeSet<(NodeId, u16)> = rules.into_iter().map(|rule| (rule.node, rule.port)).collect();
        let ports = removed.iter().flat_map(|node| node.ports.all().map(|port| (node.id, port)));
        ports.filter(|port| rules.contains(port)).map(|(id, port)| (id, Leftover::Rule(port))).collect()
    }
}

fn is_own_folder(node: &Node, folder: &Path, storage: &[PathBuf]) -> bool {
    // Logs may be shared with other nodes, and a new node may have the number.
    let is_own = matches!(node_dir::owner_of(folder, node), Ok(Owner::This));
    let is_below = storage.iter().any(|root| node.root_dir.starts_with(root));
    is_own && is_below
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::node_dir::tests::node_at;

    #[test]
    fn folders_of_a_node_are_left_until_they_are_moved_away() {
        let storage = tempfile::tempdir().unwrap();
        let roots = [storage.path().to_owned()];
        let mut node = node_at(&storage.path().join("antnode0001"));
        node.log_dir = storage.path().join("logs");
        node_dir::create(&node, &roots).unwrap();
        let folders = |node: &Node, roots: &[PathBuf]| {
            [&node.root_dir, &node.log_dir].into_iter().filter(|folder| is_own_folder(node, folder, roots)).count()
        };
        assert_eq!(folders(&node, &roots), 2);
        // Outside of the storage folders, and of another node.
        assert_eq!(folders(&node, &["/elsewhere".into()]), 0);
        let other = Node { uuid: "other".to_owned(), ..node.clone() };
        assert_eq!(folders(&other, &roots), 0);
        fs::rename(&node.root_dir, storage.path().join("away")).unwrap();
        assert_eq!(folders(&node, &roots), 1);
    }
}
