//! Checks that a path is below a storage folder and contains no links.

use std::io;
use std::path::{Component, Path, PathBuf};

use wnm_core::Flavor;

use super::{MARKER, TRASH, holds_identity, refused};
use crate::error::{FileOperation, PlatformError, Refusal};
use crate::files;
use crate::guarded;

/// Checks that a folder, which need not exist, is a place for the folders of nodes.
///
/// # Errors
/// The folder is `/`, is relative or contains `..`, is in the trash or in the folder of a node, or another user can write
/// it.
pub(crate) fn check_storage_place(folder: &Path) -> Result<(), PlatformError> {
    let refused = |reason| Err(PlatformError::StorageRefused { path: folder.to_owned(), reason });
    if !folder.is_absolute() || folder.components().any(|part| part == Component::ParentDir) {
        return refused(Refusal::NotAbsolute);
    }
    // Links on the way may lead into the folder of a node.
    let existing = folder.ancestors().find_map(|path| Some((path, files::canonicalize(path).ok()?)));
    let resolved = match existing {
        Some((path, real)) if path == folder => real,
        Some((path, real)) => folder.strip_prefix(path).map_or_else(|_| real.clone(), |rest| real.join(rest)),
        None => folder.to_owned(),
    };
    if resolved.parent().is_none() {
        return refused(Refusal::RootFolder);
    }
    if resolved.components().any(|part| part.as_os_str() == TRASH) {
        return refused(Refusal::InTrash);
    }
    let is_node = |path: &&Path| {
        files::symlink_metadata(path.join(MARKER)).is_ok()
            || Flavor::ALL.iter().any(|flavor| holds_identity(path, flavor))
    };
    if let Some(node) = resolved.ancestors().find(is_node) {
        return refused(Refusal::InsideNode(node.to_owned()));
    }
    match guarded::facts(&resolved) {
        // In a folder with the sticky bit, such as /tmp, no other user can exchange a folder of wnm.
        Ok(Some(facts)) if !guarded::is_own(&facts) && facts.st_mode & 0o1000 == 0 => {
            refused(Refusal::SharedFolder(resolved))
        }
        Ok(_) => Ok(()),
        Err(source) => Err(PlatformError::StorageUnusable { path: folder.to_owned(), source }),
    }
}

/// A path below a storage folder without links on the way. It need not exist.
#[derive(Debug)]
pub(super) struct CheckedPath {
    /// The storage folder, resolved.
    pub(super) root: PathBuf,
    /// The path, resolved.
    pub(super) path: PathBuf,
}

impl CheckedPath {
    /// Checks a path.
    ///
    /// # Errors
    /// The path is relative, contains `..`, is or contains a storage folder, is outside of them or in their trash, or
    /// passes a link or a file.
    pub(super) fn of(path: &Path, roots: &[PathBuf]) -> Result<Self, PlatformError> {
        if !path.is_absolute() || path.components().any(|part| part == Component::ParentDir) {
            return Err(refused(path, Refusal::NotAbsolute));
        }
        let mut candidates: Vec<Self> = Vec::new();
        let mut real_roots = Vec::new();
        for root in roots.iter().filter(|root| root.is_absolute()) {
            let Ok(real) = files::canonicalize(root) else { continue };
            let rest = path.strip_prefix(root).or_else(|_| path.strip_prefix(&real));
            if let Ok(rest) = rest {
                candidates.push(Self { path: real.join(rest), root: real.clone() });
            }
            real_roots.push(real);
        }
        // With nested storage folders, the innermost one counts.
        let place = candidates.into_iter().max_by_key(|place| place.root.components().count());
        let Some(place) = place else { return Err(refused(path, Refusal::OutsideStorage)) };
        if let Some(root) = real_roots.iter().find(|root| root.starts_with(&place.path)) {
            return Err(refused(path, Refusal::ContainsStorage(root.clone())));
        }
        place.check_way(path)?;
        Ok(place)
    }

    fn check_way(&self, path: &Path) -> Result<(), PlatformError> {
        let rest = self.path.strip_prefix(&self.root).map_err(|_| refused(path, Refusal::OutsideStorage))?;
        if rest.starts_with(TRASH) {
            return Err(refused(path, Refusal::InTrash));
        }
        let mut step = self.root.clone();
        for part in rest {
            step.push(part);
            match files::symlink_metadata(&step) {
                Ok(facts) if facts.is_dir() => {}
                Ok(facts) if facts.is_symlink() => {
                    return Err(refused(path, Refusal::Link(step)));
                }
                Ok(_) => return Err(refused(path, Refusal::File(step))),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                Err(source) => {
                    return Err(PlatformError::File { operation: FileOperation::Inspect, path: step, source });
                }
            }
        }
        Ok(())
    }
}
