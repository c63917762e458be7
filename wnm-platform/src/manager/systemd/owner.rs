//! The user of system-level nodes, and the ownership of their folders.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use wnm_core::Node;

use super::Systemd;
use super::render::{Group, USER};
use super::rights::Access;
use crate::error::{FileOperation, PlatformError, Refusal};

impl Systemd {
    /// Changes the owner of the folders of a system-level node to its user.
    pub(super) fn hand_over(&self, node: &Node) -> Result<(), PlatformError> {
        let owner = match self.owner.get() {
            Some(owner) => *owner,
            None => {
                let made = self.make_user()?;
                *self.owner.get_or_init(|| made)
            }
        };
        let group = match self.group() {
            Group::Own => String::new(),
            Group::Operator(group) => group.to_string(),
        };
        for folder in [&node.root_dir, &node.log_dir] {
            let facts = fs::metadata(folder);
            let facts = facts.map_err(|source| PlatformError::File {
                operation: FileOperation::Inspect,
                path: folder.clone(),
                source,
            })?;
            let path = folder.display().to_string();
            if facts.uid() != owner {
                self.bus.succeed(Access::Change, "chown", &["-RhP", "--", &format!("{USER}:{group}"), &path])?;
                if !group.is_empty() {
                    self.bus.succeed(Access::Change, "chmod", &["2775", "--", &path])?;
                }
            }
            check_reach(folder, owner)?;
        }
        Ok(())
    }

    /// Returns the ID of the user of system-level nodes, and creates the user if it is missing.
    fn make_user(&self) -> Result<u32, PlatformError> {
        let id = || self.bus.succeed(Access::Query, "id", &["-u", USER]);
        let output = id().or_else(|_| {
            let made = ["--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", USER];
            self.bus.succeed(Access::Change, "useradd", &made).and_then(|_| id())
        })?;
        let text = output.text();
        text.trim().parse().map_err(|_| output.failure_of(format!("id -u {USER}")))
    }
}

/// Fails when the owner may not enter a folder on the path. systemd would report only "permission denied".
fn check_reach(folder: &Path, owner: u32) -> Result<(), PlatformError> {
    let is_closed =
        |path: &&Path| fs::metadata(path).is_ok_and(|facts| facts.uid() != owner && facts.mode() & 0o001 == 0);
    match folder.ancestors().skip(1).find(is_closed) {
        None => Ok(()),
        Some(closed) => Err(PlatformError::Refused {
            path: folder.to_owned(),
            reason: Refusal::ClosedTo { closed: closed.to_owned(), user: USER },
        }),
    }
}
