//! Files with secrets of the operator, which only their owner may read.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Longest file, in bytes.
const LONGEST_FILE: u64 = 64 << 10;

/// A file with secrets cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PrivateFileError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Other users can read the file.
    #[error("cannot use {}: other users can read it (mode {mode:04o})", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Another user owns the file, and can write it.
    #[error("cannot use {}: another user (ID {owner}) owns it", path.display())]
    Owned {
        /// The file.
        path: PathBuf,
        /// The ID of its owner.
        owner: u32,
    },
    /// Another user owns the link in the place of the file, and can lead it to any file of this user.
    #[error("cannot use {}: it is a link of another user (ID {owner})", path.display())]
    Linked {
        /// The link.
        path: PathBuf,
        /// The ID of its owner.
        owner: u32,
    },
    /// The file is too long.
    #[error("cannot use {}: longer than {} KiB", path.display(), LONGEST_FILE >> 10)]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// The content is not valid. The cause quotes no secret.
    #[error("cannot use {}: {cause}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The cause.
        cause: String,
    },
}

impl PrivateFileError {
    /// Returns the command that corrects the permissions of the file; None for another cause.
    #[must_use]
    pub fn command(&self) -> Option<[String; 3]> {
        let (program, argument, path) = match self {
            Self::Open { path, .. } => ("chmod", "600".to_owned(), path),
            Self::Owned { path, .. } => ("chown", rustix::process::geteuid().as_raw().to_string(), path),
            Self::Unreadable { .. } | Self::Linked { .. } | Self::TooLong { .. } | Self::Invalid { .. } => return None,
        };
        Some([program.to_owned(), argument, path.display().to_string()])
    }
}

/// Reads the content of a file that only its owner can read: root, or the user of this process.
///
/// # Errors
/// The file cannot be read, is no regular file, is too long, other users can read it, or its content is not valid.
pub(crate) fn read<T>(path: &Path, parse: impl FnOnce(&str) -> Result<T, String>) -> Result<T, PrivateFileError> {
    parse(&text(path)?).map_err(|cause| PrivateFileError::Invalid { path: path.to_owned(), cause })
}

fn text(path: &Path) -> Result<String, PrivateFileError> {
    within_deadline(path, private_text)
}

/// Reads a file in a helper thread: the file system that an operator keeps secrets on can hang.
fn within_deadline(
    path: &Path,
    read: fn(&Path) -> Result<String, PrivateFileError>,
) -> Result<String, PrivateFileError> {
    wnm_platform::files::with_deadline(path, read)
        .map_err(|source| PrivateFileError::Unreadable { path: path.to_owned(), source })?
}

fn private_text(path: &Path) -> Result<String, PrivateFileError> {
    let is_foreign = |facts: &Metadata| ![0, rustix::process::geteuid().as_raw()].contains(&facts.uid());
    let link = path.symlink_metadata().ok().filter(Metadata::is_symlink);
    if let Some(link) = link.filter(is_foreign) {
        return Err(PrivateFileError::Linked { path: path.to_owned(), owner: link.uid() });
    }
    let (file, facts) = open(path)?;
    if facts.mode() & 0o077 != 0 {
        return Err(PrivateFileError::Open { path: path.to_owned(), mode: facts.mode() & 0o7777 });
    }
    if is_foreign(&facts) {
        return Err(PrivateFileError::Owned { path: path.to_owned(), owner: facts.uid() });
    }
    rest(path, file)
}

/// Reads the content of a file that other users may read.
#[cfg(any(feature = "serve", feature = "fleet"))]
pub(crate) fn read_public(path: &Path) -> Result<String, PrivateFileError> {
    within_deadline(path, |path| open(path).and_then(|(file, _)| rest(path, file)))
}

/// The state of a file, by which a change of its content, its owner or its mode is noticed: device and inode, the time of
/// the last change of these, and the length.
#[cfg(feature = "host")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileState {
    file: (u64, u64),
    changed: (i64, i64),
    length: u64,
}

/// Returns the state of a file; None if it is missing.
#[cfg(feature = "host")]
pub(crate) fn state(path: &Path) -> Option<FileState> {
    let facts = wnm_platform::files::with_deadline(path, Path::metadata).ok()?.ok()?;
    let changed = (facts.ctime(), facts.ctime_nsec());
    Some(FileState { file: (facts.dev(), facts.ino()), changed, length: facts.len() })
}

/// Opens a regular file for reading.
pub(crate) fn open(path: &Path) -> Result<(File, Metadata), PrivateFileError> {
    let unreadable = |source| PrivateFileError::Unreadable { path: path.to_owned(), source };
    // A pipe in its place must not stop the daemon.
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = File::options().read(true).custom_flags(flags).open(path).map_err(unreadable)?;
    let facts = file.metadata().map_err(unreadable)?;
    if !facts.is_file() {
        return Err(unreadable(io::Error::other("not a regular file")));
    }
    Ok((file, facts))
}

fn rest(path: &Path, file: File) -> Result<String, PrivateFileError> {
    let unreadable = |source| PrivateFileError::Unreadable { path: path.to_owned(), source };
    let mut text = String::new();
    file.take(LONGEST_FILE + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > LONGEST_FILE {
        return Err(PrivateFileError::TooLong { path: path.to_owned() });
    }
    Ok(text)
}

/// Reads TOML. The error names the line, and does not quote it, because it may contain a secret.
///
/// # Errors
/// The text is not TOML, or of another form.
#[cfg(feature = "host")]
pub(crate) fn parse<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    let line = |at: usize| text.as_bytes()[..at.min(text.len())].iter().filter(|byte| **byte == b'\n').count() + 1;
    toml::from_str(text).map_err(|error| {
        let place = error.span().map_or_else(String::new, |span| format!("line {}: ", line(span.start)));
        format!("{place}{}", error.message())
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, lchown, symlink};

    use super::*;

    #[test]
    fn link_of_another_user_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        std::fs::write(&file, "secret").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        symlink(&file, &link).unwrap();
        let content = |path: &Path| read(path, |text| Ok(text.to_owned())).map_err(|error| error.to_string());
        assert_eq!(content(&link).as_deref(), Ok("secret"));
        // Only root can give a link away.
        if lchown(&link, Some(1234), None).is_ok() {
            let error = content(&link).unwrap_err();
            assert_eq!(error, format!("cannot use {}: it is a link of another user (ID 1234)", link.display()));
            assert_eq!(content(&file).as_deref(), Ok("secret"));
        }
    }

    #[test]
    fn state_follows_content_and_mode() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        assert_eq!(state(&file), None);
        std::fs::write(&file, "a").unwrap();
        let first = state(&file);
        assert_eq!(state(&file), first);
        // A mode that lets other users read the file is a change, whose time may be that of the one before.
        let started = std::time::Instant::now();
        let mut mode = 0o600;
        while state(&file) == first {
            mode ^= 0o044;
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
            assert!(started.elapsed().as_secs() < 10);
        }
        let second = state(&file);
        std::fs::remove_file(&file).unwrap();
        std::fs::write(&file, "bb").unwrap();
        assert_ne!(state(&file), second);
    }
}
