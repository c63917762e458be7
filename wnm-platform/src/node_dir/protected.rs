//! The folder of a node in which its own process cannot write: definition, installed program and standard error.
//!
//! Under `systemd+sudo` a node runs as another user than wnm and owns its folder for data. Root must neither run nor
//! believe a file of that folder, so that wnm keeps its own files in `.wnm/antnode0001` of the storage folder. The node
//! runs a second name of the installed program in its own folder, because node programs upgrade themselves by replacing
//! their executable: a replaced program harms only the node that replaced it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use wnm_core::{ManagerKind, Node, Program, Scope};

use super::program::share;
use super::{STDERR_LOG, refused};
use crate::error::{FileOperation, PlatformError, Refusal};
use crate::files;
use crate::guarded::{self, HeldFolder};

/// The folder in a storage folder for the protected folders of its nodes.
const PROTECTED: &str = ".wnm";
/// The suffixes of a program during an upgrade.
const UPGRADE_SUFFIXES: [&str; 2] = [".new", ".old"];

/// Returns the protected folder of a node; None where the node runs as the user of wnm, or in a container whose
/// definition docker keeps.
#[must_use]
pub fn protected(node: &Node) -> Option<PathBuf> {
    protected_folder(&node.root_dir, node.manager)
}

/// Returns the protected folder of the node with this folder, as [`protected`].
pub(crate) fn protected_folder(root_dir: &Path, manager: ManagerKind) -> Option<PathBuf> {
    let has_own_user = (manager.program, manager.scope) == (Program::Systemd, Scope::Sudo);
    let (parent, name) = (root_dir.parent()?, root_dir.file_name()?);
    has_own_user.then(|| parent.join(PROTECTED).join(name))
}

/// Returns the path of the program that wnm installed for a node. The node runs it under the path `node.binary`.
pub(crate) fn installed(node: &Node) -> PathBuf {
    match (protected(node), node.binary.file_name()) {
        (Some(folder), Some(name)) => folder.join(name),
        _ => node.binary.clone(),
    }
}

/// Returns the file with the standard error of a node's process.
pub(crate) fn errors_log(node: &Node) -> PathBuf {
    protected(node).unwrap_or_else(|| node.log_dir.clone()).join(STDERR_LOG)
}

/// Checks that no other user can write a folder around the protected folder of a node, if the node has one.
///
/// # Errors
/// Another user can write the storage folder, or a folder cannot be read.
pub(crate) fn check_around(node: &Node) -> Result<(), PlatformError> {
    let Some(folder) = protected(node) else { return Ok(()) };
    let fail = |source| PlatformError::File { operation: FileOperation::Create, path: folder.clone(), source };
    for outer in folder.ancestors().skip(1).take(2).collect::<Vec<_>>().into_iter().rev() {
        match HeldFolder::open(outer).and_then(|outer| outer.facts()) {
            Ok(facts) if guarded::is_own(&facts) => {}
            Ok(_) => return Err(refused(&node.root_dir, Refusal::SharedFolder(outer.to_owned()))),
            Err(error) if guarded::is_missing(&error) => {}
            Err(error) => return Err(fail(error)),
        }
    }
    Ok(())
}

/// Creates the protected folder of a node, if the node has one.
///
/// # Errors
/// As [`check_around`], or the folder cannot be created.
pub(crate) fn ensure(node: &Node) -> Result<(), PlatformError> {
    check_around(node)?;
    let Some(path) = protected(node) else { return Ok(()) };
    let made = HeldFolder::create(&path).map(drop);
    made.map_err(|source| PlatformError::File { operation: FileOperation::Create, path, source })
}

/// Removes the protected folder of a node with all its files, if the node has one.
///
/// # Errors
/// A file cannot be removed.
pub(crate) fn remove(node: &Node) -> Result<(), PlatformError> {
    let Some(folder) = protected(node) else { return Ok(()) };
    let fail = |source| PlatformError::File { operation: FileOperation::Remove, path: folder.clone(), source };
    let entries = match files::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if guarded::is_missing(&error) => return Ok(()),
        Err(error) => return Err(fail(error)),
    };
    for entry in entries {
        guarded::remove(&entry.path()).map_err(fail)?;
    }
    files::remove_dir(&folder).map_err(fail)?;
    // The folder of all nodes stays while another node uses it.
    let _ = folder.parent().map(files::remove_dir);
    Ok(())
}

/// Copies the protected files of a node to the protected folder of its other place. Each call completes an interrupted one.
///
/// # Errors
/// Another user can write the storage folder, or a file cannot be copied.
pub(crate) fn carry(from: &Node, to: &Node) -> Result<(), PlatformError> {
    let (Some(source), Some(target)) = (protected(from), protected(to)) else { return Ok(()) };
    let entries = match files::read_dir(source) {
        Ok(entries) => entries,
        // A node of an earlier release, whose files are in its own folder.
        Err(error) if guarded::is_missing(&error) => return Ok(()),
        Err(source) => return Err(PlatformError::File { operation: FileOperation::List, path: target, source }),
    };
    ensure(to)?;
    for entry in entries {
        let fail = |source| PlatformError::File { operation: FileOperation::Read, path: target.clone(), source };
        let path = entry.path();
        let Some(name) = path.file_name().filter(|_| files::is_file(&path)) else { continue };
        let to = target.join(name);
        if name == STDERR_LOG {
            continue;
        }
        let mode = files::metadata(&path).map(|facts| facts.permissions().mode()).unwrap_or(0o600) & 0o777;
        super::program::copy(&path, &to)?;
        files::set_permissions(&to, fs::Permissions::from_mode(mode)).map_err(fail)?;
    }
    Ok(())
}

/// Puts the installed program at the path where the node runs it.
///
/// # Errors
/// The folder of the node is not writable.
pub(crate) fn provide(node: &Node) -> Result<(), PlatformError> {
    let installed = installed(node);
    if installed == node.binary {
        return Ok(());
    }
    share(&installed, &node.binary).map_err(|source| PlatformError::File {
        operation: FileOperation::CopyProgramTo,
        path: node.binary.clone(),
        source,
    })
}

/// Takes over the program that the node runs, where it differs from the installed one: the node has upgraded itself, or
/// an earlier release of wnm installed it. wnm never runs it with rights of its own.
///
/// # Errors
/// The program cannot be copied.
pub(crate) fn take_over(node: &Node) -> Result<(), PlatformError> {
    let installed = installed(node);
    if installed == node.binary || is_same_file(&node.binary, &installed)? {
        return Ok(());
    }
    let is_first = is_absent(&installed)?;
    if super::digest(&node.binary)? != super::digest(&installed)? {
        super::program::copy(&node.binary, &installed)?;
    }
    if is_first {
        // Of an upgrade that an earlier release of wnm began. The digests in the journal decide about their use.
        for suffix in UPGRADE_SUFFIXES {
            let (from, to) = (beside(&node.binary, suffix), beside(&installed, suffix));
            if !is_absent(&from)? {
                super::program::copy(&from, &to)?;
            }
        }
    }
    Ok(())
}

/// Takes over the program that the node runs, unless wnm has installed one in the protected folder already.
///
/// # Errors
/// As [`take_over`].
pub(crate) fn take_over_first(node: &Node) -> Result<(), PlatformError> {
    if !is_absent(&installed(node))? {
        return Ok(());
    }
    ensure(node)?;
    take_over(node)
}

/// Removes the files of an upgrade that an earlier release of wnm left beside the program that the node runs.
///
/// # Errors
/// The folder of the node is not writable.
pub(crate) fn drop_leftovers(node: &Node) -> Result<(), PlatformError> {
    if protected(node).is_none() {
        return Ok(());
    }
    super::drop_old(&node.binary)
}

fn beside(binary: &Path, suffix: &str) -> PathBuf {
    let mut path = binary.as_os_str().to_owned();
    path.push(suffix);
    PathBuf::from(path)
}

fn is_same_file(one: &Path, other: &Path) -> Result<bool, PlatformError> {
    let (one, other) = (inspect(one)?, inspect(other)?);
    Ok(match (one, other) {
        (Some(one), Some(other)) => (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino),
        // Without a program the node has nothing to take over.
        (None, _) => true,
        (Some(_), None) => false,
    })
}

fn is_absent(path: &Path) -> Result<bool, PlatformError> {
    Ok(inspect(path)?.is_none())
}

fn inspect(path: &Path) -> Result<Option<rustix::fs::Stat>, PlatformError> {
    guarded::facts(path).map_err(|source| PlatformError::File {
        operation: FileOperation::Inspect,
        path: path.to_owned(),
        source,
    })
}
