//! Which unit belongs to a node, and whether a node may take the name of a unit.

use std::fs;
use std::path::{Path, PathBuf};

use wnm_core::{Node, Scope};

use super::unit::Unit;
use super::{Systemd, render, root_of, unit_name};
use crate::error::{NameHolder, PlatformError};
use crate::files;

/// Folders of other system units: wnm never writes there, but a unit there has its name.
const ELSEWHERE: [&str; 3] = ["/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system"];

impl Systemd {
    /// Tells whether a unit belongs to the node, by its marker or by its folder. A missing unit counts as the node's.
    pub(super) fn is_ours(&self, node: &Node) -> bool {
        match Unit::read(&self.path(node)) {
            Ok(None) => true,
            Ok(Some(unit)) => {
                unit.value("Unit", render::UUID) == Some(&node.uuid)
                    || root_of(&unit).as_deref() == Some(&node.root_dir)
            }
            Err(_) => false,
        }
    }

    /// Tells whether there is no unit to stop. A query needs no root, so that stopping a node that was never created
    /// succeeds without `sudo`.
    pub(super) fn is_unknown(&self, node: &Node) -> bool {
        let is_made = [self.path(node), self.wanted(node)].iter().any(|path| files::symlink_metadata(path).is_ok());
        !is_made && self.show_one(node).is_ok_and(|shown| matches!(shown.active.as_str(), "inactive" | "failed"))
    }

    /// Fails when the unit name is taken by a unit that wnm may not overwrite.
    pub(super) fn check_free(&self, node: &Node) -> Result<(), PlatformError> {
        let path = self.path(node);
        let taken = |path: PathBuf, holder: NameHolder| {
            Err(PlatformError::Taken { node: node.id, name: format!("unit {}", path.display()), holder })
        };
        if let Ok(target) = fs::read_link(&path) {
            // `systemctl mask` replaces a unit by a link to /dev/null.
            let is_mask = target == Path::new("/dev/null");
            let holder = if is_mask { NameHolder::Mask { unit: unit_name(node) } } else { NameHolder::Link(target) };
            return taken(path, holder);
        }
        if let Some(unit) = Unit::read(&path)? {
            match unit.value("Unit", render::UUID) {
                Some(uuid) if uuid == node.uuid => {}
                Some(uuid) if root_of(&unit).is_some_and(|root| root != node.root_dir && files::exists(root)) => {
                    return taken(path.clone(), NameHolder::OtherNode { uuid: uuid.to_owned() });
                }
                Some(_) => {}
                None => return taken(path, NameHolder::ExternalUnit),
            }
        }
        let elsewhere = ELSEWHERE.map(|folder| Path::new(folder).join(unit_name(node)));
        match elsewhere.into_iter().find(|_| self.kind.scope == Scope::Sudo).filter(|path| files::exists(path)) {
            Some(path) => taken(path, NameHolder::ExternalUnit),
            None => Ok(()),
        }
    }
}
