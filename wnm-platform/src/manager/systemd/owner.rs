//! The user of system-level nodes, and the ownership of their folders.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use wnm_core::Node;

use super::Systemd;
use super::render::{Group, USER};
use super::rights::{Access, Rights};
use crate::error::{FileOperation, PlatformError, Refusal};
use crate::files;
use crate::guarded::HeldFolder;
use crate::node_dir;

/// The user of system-level nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NodeUser {
    user: u32,
    group: u32,
}

impl Systemd {
    /// Gives the folders of a system-level node to its user. Only a folder that wnm has just made, or the folder of an
    /// imported node, changes its owner; the logs of several nodes in one folder stay as they are.
    pub(super) fn hand_over(&self, node: &Node) -> Result<(), PlatformError> {
        let owner = match self.owner.get() {
            Some(owner) => *owner,
            None => {
                let made = self.make_user()?;
                *self.owner.get_or_init(|| made)
            }
        };
        // The logs first: they may be in the folder of the node, whose user can then exchange them.
        for folder in [&node.log_dir, &node.root_dir] {
            let fail = |source| PlatformError::File { operation: FileOperation::Inspect, path: folder.clone(), source };
            let held = HeldFolder::open(folder).map_err(fail)?;
            let before = held.facts().map_err(fail)?.st_uid;
            if before != owner.user && node_dir::is_made_for(node, folder)? {
                if folder == &node.root_dir {
                    self.give_contents(node, before)?;
                }
                self.give(folder, &held, owner)?;
            }
            check_reach(folder, owner.user)?;
        }
        Ok(())
    }

    /// Checks that the user of system-level nodes may enter the folders around those of a new node.
    pub(super) fn check_way(&self, node: &Node) -> Result<(), PlatformError> {
        // A user that does not exist yet owns no folder.
        let user = self.owner.get().map(|owner| owner.user).or_else(|| self.id_of("-u").ok()).unwrap_or(u32::MAX);
        [&node.log_dir, &node.root_dir].into_iter().try_for_each(|folder| check_reach(folder, user))
    }

    /// Changes the owner of a folder, not of its contents.
    fn give(&self, folder: &Path, held: &HeldFolder, owner: NodeUser) -> Result<(), PlatformError> {
        let path = folder.display().to_string();
        match (&self.bus.rights, self.group()) {
            (Rights::Own, _) => held.give_to(owner.user, owner.group).map_err(|source| PlatformError::File {
                operation: FileOperation::Create,
                path: folder.to_owned(),
                source,
            }),
            (Rights::Sudo, Group::Own) => {
                self.bus.succeed(Access::Change, "chown", &["-h", "--", &format!("{USER}:"), &path]).map(drop)
            }
            (Rights::Sudo, Group::Operator(group)) => {
                self.bus.succeed(Access::Change, "chown", &["-h", "--", &format!("{USER}:{group}"), &path])?;
                self.bus.succeed(Access::Change, "chmod", &["2775", "--", &path]).map(drop)
            }
        }
    }

    /// Changes the owner of the files of a node that ran as another user until its import: only of that user, and no
    /// links, files with a second name or other volumes.
    fn give_contents(&self, node: &Node, before: u32) -> Result<(), PlatformError> {
        if !node_dir::holds_identity(&node.root_dir, &node.flavor) {
            return Ok(());
        }
        let (root, before) = (node.root_dir.display().to_string(), before.to_string());
        let found = ["-P", &root, "-xdev", "-user", &before, "(", "-type", "d", "-o", "-type", "f", "-links", "1", ")"];
        let given = ["-execdir", "chown", "-h", "--", &format!("{USER}:"), "{}", "+"];
        self.bus.succeed(Access::Change, "find", &[&found[..], &given[..]].concat()).map(drop)
    }

    /// Returns the user of system-level nodes, and creates the user if it is missing.
    fn make_user(&self) -> Result<NodeUser, PlatformError> {
        let user = self.id_of("-u").or_else(|_| {
            let made = ["--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", USER];
            self.bus.succeed(Access::Change, "useradd", &made).and_then(|_| self.id_of("-u"))
        })?;
        Ok(NodeUser { user, group: self.id_of("-g")? })
    }

    fn id_of(&self, which: &str) -> Result<u32, PlatformError> {
        let output = self.bus.succeed(Access::Query, "id", &[which, USER])?;
        let text = output.text();
        text.trim().parse().map_err(|_| output.failure_of(format!("id {which} {USER}")))
    }
}

/// Fails when the owner may not enter a folder on the path. systemd would report only "permission denied".
fn check_reach(folder: &Path, owner: u32) -> Result<(), PlatformError> {
    let is_closed =
        |path: &&Path| files::metadata(path).is_ok_and(|facts| facts.uid() != owner && facts.mode() & 0o001 == 0);
    match folder.ancestors().skip(1).find(is_closed) {
        None => Ok(()),
        Some(closed) => Err(PlatformError::Refused {
            path: folder.to_owned(),
            reason: Refusal::ClosedTo { closed: closed.to_owned(), user: USER },
        }),
    }
}
