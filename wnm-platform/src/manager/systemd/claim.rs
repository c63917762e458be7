//! Which unit belongs to a node, and whether a node may take the name of a unit.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use wnm_core::{Node, Scope};

use super::unit::Unit;
use super::{Systemd, render, root_of, unit_name};
use crate::error::{NameHolder, PlatformError};
use crate::files;

/// Folders of other units, of the system and of users: wnm never writes there, but a unit there has its name.
const OF_SYSTEM: [&str; 3] = ["/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system"];
const OF_USERS: [&str; 4] =
    ["/etc/systemd/user", "/run/systemd/user", "/usr/local/lib/systemd/user", "/usr/lib/systemd/user"];

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
        let elsewhere = match self.kind.scope {
            Scope::Sudo => &OF_SYSTEM[..],
            Scope::User | Scope::Zen => &OF_USERS,
        };
        self.check_free_beside(node, elsewhere)
    }

    /// Fails as [`check_free`](Self::check_free) does, with these folders of other units.
    pub(super) fn check_free_beside(&self, node: &Node, elsewhere: &[impl AsRef<Path>]) -> Result<(), PlatformError> {
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
                // Its unit hides one of the same name elsewhere, as that of an imported node may.
                Some(uuid) if uuid == node.uuid => return Ok(()),
                Some(uuid) if root_of(&unit).is_some_and(|root| root != node.root_dir && !is_gone(&root)) => {
                    return taken(path.clone(), NameHolder::OtherNode { uuid: uuid.to_owned() });
                }
                Some(_) => {}
                None => return taken(path, NameHolder::ExternalUnit),
            }
        }
        match unit_in(elsewhere, &unit_name(node)) {
            Some(path) => taken(path, NameHolder::ExternalUnit),
            None => Ok(()),
        }
    }
}

fn unit_in(folders: &[impl AsRef<Path>], unit: &str) -> Option<PathBuf> {
    folders.iter().map(|folder| folder.as_ref().join(unit)).find(|path| files::exists(path))
}

/// Tells whether a folder does not exist. One on a volume that does not answer may.
fn is_gone(folder: &Path) -> bool {
    files::metadata(folder).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unit_is_found_in_each_folder() {
        let place = tempfile::tempdir().unwrap();
        let folders = ["run", "local", "lib"].map(|name| place.path().join(name));
        assert_eq!(unit_in(&folders, "a.service"), None);
        for (folder, number) in folders.iter().rev().zip(1..) {
            fs::create_dir(folder).unwrap();
            let path = folder.join("a.service");
            fs::write(&path, "").unwrap();
            assert_eq!(unit_in(&folders, "a.service"), Some(path), "{number} of 3");
        }
    }

    #[test]
    fn only_a_folder_that_does_not_exist_is_gone() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(is_gone(&place.path().join("none")));
        assert!(!is_gone(place.path()) && !is_gone(&file));
        // Another error than that of a missing folder.
        assert!(!is_gone(&file.join("below")));
    }
}
