//! The calls of [`std::fs`] on storage paths, each with a deadline in the helper thread of the volume.
//!
//! `wnm-core/tests/layers.rs` refuses the calls of the standard library, and lists the modules that may use them.

use std::ffi::OsString;
use std::fs::{self, FileType, Metadata, Permissions};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Access, StatVfs};

use crate::guarded::{is_own_user, others_can_write};
use crate::volume;

/// Longest wait for a file system that holds no nodes: a cycle may read several such files.
const PATIENCE: Duration = Duration::from_secs(2);

/// Runs calls on a path that an operator chose and that may be on any file system, with a deadline in a helper thread.
///
/// # Errors
/// [`io::ErrorKind::TimedOut`]: the file system does not answer.
pub fn with_deadline<T: Send + 'static>(path: &Path, calls: impl FnOnce(&Path) -> T + Send + 'static) -> io::Result<T> {
    let own = path.to_owned();
    Ok(volume::within(path, PATIENCE, move || calls(&own))?)
}

/// An entry of a folder, read with the folder.
#[derive(Debug, Clone)]
pub struct Entry {
    path: PathBuf,
    name: OsString,
    /// None for an entry that cannot be inspected.
    kind: Option<FileType>,
}

impl Entry {
    /// Returns the path of the entry.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.path.clone()
    }

    /// Returns the name of the entry in its folder.
    #[must_use]
    pub fn file_name(&self) -> OsString {
        self.name.clone()
    }

    /// Tells whether the entry is a folder, and no link.
    #[must_use]
    pub fn is_dir(&self) -> bool {
        self.kind.is_some_and(|kind| kind.is_dir())
    }
}

/// As [`fs::read_dir`], with all entries at once. An entry that cannot be read ends the list with an error.
///
/// # Errors
/// The call fails, or the file system does not answer.
pub fn read_dir(path: impl AsRef<Path>) -> io::Result<Vec<Entry>> {
    volume::io(path.as_ref(), |path| {
        fs::read_dir(path)?
            .map(|entry| {
                let entry = entry?;
                Ok(Entry { path: entry.path(), name: entry.file_name(), kind: entry.file_type().ok() })
            })
            .collect()
    })
}

/// As [`fs::metadata`].
///
/// # Errors
/// The call fails, or the file system does not answer.
pub fn metadata(path: impl AsRef<Path>) -> io::Result<Metadata> {
    volume::io(path.as_ref(), |path| fs::metadata(path))
}

/// As [`fs::symlink_metadata`].
///
/// # Errors
/// The call fails, or the file system does not answer.
pub fn symlink_metadata(path: impl AsRef<Path>) -> io::Result<Metadata> {
    volume::io(path.as_ref(), |path| fs::symlink_metadata(path))
}

/// As [`fs::canonicalize`].
///
/// # Errors
/// The call fails, or the file system does not answer.
pub fn canonicalize(path: impl AsRef<Path>) -> io::Result<PathBuf> {
    volume::io(path.as_ref(), |path| fs::canonicalize(path))
}

/// As [`fs::read_link`].
///
/// # Errors
/// The call fails, or the file system does not answer.
pub fn read_link(path: impl AsRef<Path>) -> io::Result<PathBuf> {
    volume::io(path.as_ref(), |path| fs::read_link(path))
}

/// Tells whether two paths lead to one file or folder: through links, or through a bind mount.
#[must_use]
pub fn is_same(one: impl AsRef<Path>, other: impl AsRef<Path>) -> bool {
    let number = |path: &Path| metadata(path).map(|facts| (facts.dev(), facts.ino()));
    let (one, other) = (one.as_ref(), other.as_ref());
    one == other || matches!((number(one), number(other)), (Ok(one), Ok(other)) if one == other)
}

/// Tells whether a path exists, with links followed. False when that cannot be known.
#[must_use]
pub fn exists(path: impl AsRef<Path>) -> bool {
    metadata(path).is_ok()
}

/// Tells whether a path is a file, with links followed.
#[must_use]
pub fn is_file(path: impl AsRef<Path>) -> bool {
    metadata(path).is_ok_and(|facts| facts.is_file())
}

/// Tells whether a path is a folder, with links followed.
#[must_use]
pub fn is_dir(path: impl AsRef<Path>) -> bool {
    metadata(path).is_ok_and(|facts| facts.is_dir())
}

/// Tells whether no other user than root and that of wnm can write a file or folder with these facts, also not as a member
/// of its group.
#[must_use]
pub fn is_own(facts: &Metadata) -> bool {
    is_own_user(facts.uid()) && !others_can_write(facts.mode(), facts.gid())
}

/// As [`fs::read`].
///
/// # Errors
/// The call fails, or the file system does not answer.
pub fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    volume::io(path.as_ref(), |path| fs::read(path))
}

/// As [`fs::create_dir`].
///
/// # Errors
/// The call fails, or the file system does not answer.
pub fn create_dir(path: impl AsRef<Path>) -> io::Result<()> {
    volume::io_writing(path.as_ref(), |path| fs::create_dir(path))
}

/// As [`fs::create_dir_all`].
///
/// # Errors
/// The call fails, or the file system does not answer.
pub fn create_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    volume::io_writing(path.as_ref(), |path| fs::create_dir_all(path))
}

/// As [`fs::remove_dir`].
///
/// # Errors
/// The call fails, or the file system does not answer.
pub fn remove_dir(path: impl AsRef<Path>) -> io::Result<()> {
    volume::io_writing(path.as_ref(), |path| fs::remove_dir(path))
}

/// As [`fs::remove_file`].
///
/// # Errors
/// The call fails, or the file system does not answer.
pub fn remove_file(path: impl AsRef<Path>) -> io::Result<()> {
    volume::io_writing(path.as_ref(), |path| fs::remove_file(path))
}

/// As [`fs::rename`].
///
/// # Errors
/// The call fails, or the file system does not answer.
pub fn rename(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<()> {
    let to = to.as_ref().to_owned();
    volume::io_writing(from.as_ref(), move |from| fs::rename(from, to))
}

/// As [`fs::set_permissions`].
///
/// # Errors
/// The call fails, or the file system does not answer.
pub fn set_permissions(path: impl AsRef<Path>, permissions: Permissions) -> io::Result<()> {
    volume::io_writing(path.as_ref(), move |path| fs::set_permissions(path, permissions))
}

/// As [`rustix::fs::statvfs`].
pub(crate) fn statvfs(path: impl AsRef<Path>) -> io::Result<StatVfs> {
    volume::io(path.as_ref(), |path| Ok(rustix::fs::statvfs(path)?))
}

/// Tells whether this process may use a file or folder in these ways.
pub(crate) fn is_accessible(path: impl AsRef<Path>, access: Access) -> bool {
    volume::io(path.as_ref(), move |path| Ok(rustix::fs::access(path, access)?)).is_ok()
}
