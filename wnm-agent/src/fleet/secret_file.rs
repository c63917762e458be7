//! Files with secrets: mode 0600, written completely or not at all, and refused when other users can read them.

use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use wnm_store::draft;

use super::membership::Secret;

/// Largest file that is read, in bytes.
const LARGEST: u64 = 64 << 10;
/// The bits of a mode that let other users read or write a file.
const OTHERS: u32 = 0o077;

/// A file with a secret cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    /// The system refuses an operation.
    #[error("cannot {operation} {}: {source}", path.display())]
    System {
        /// The operation.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Other users can read or write the file.
    #[error("other users can read {} (mode {mode:03o})", path.display())]
    Readable {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// Another user owns the file.
    #[error("another user (ID {owner}) owns {}", path.display())]
    OtherOwner {
        /// The file.
        path: PathBuf,
        /// The owner.
        owner: u32,
    },
    /// The file is no regular file, or too long.
    #[error("{} is not a regular file of at most {} KiB", path.display(), largest >> 10)]
    Unusual {
        /// The file.
        path: PathBuf,
        /// The largest size, in bytes.
        largest: u64,
    },
    /// The content has another form.
    #[error("{} is damaged: {cause}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The cause.
        cause: String,
    },
}

impl SecretFileError {
    /// Returns whether the file does not exist.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::System { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

fn failed(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SecretFileError {
    let path = path.to_owned();
    move |source| SecretFileError::System { operation, path, source }
}

/// Reads a file of this user or root that only its owner can read. Never follows a link, nor waits for a pipe.
pub(super) fn read(path: &Path) -> Result<String, SecretFileError> {
    read_up_to(path, LARGEST)
}

fn read_up_to(path: &Path, largest: u64) -> Result<String, SecretFileError> {
    let flags = OFlags::NONBLOCK.union(OFlags::NOCTTY).union(OFlags::NOFOLLOW);
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    let opened = std::fs::OpenOptions::new().read(true).custom_flags(flags).open(path);
    let file = opened.map_err(failed("read", path))?;
    let metadata = file.metadata().map_err(failed("read", path))?;
    if !metadata.is_file() || metadata.len() > largest {
        return Err(SecretFileError::Unusual { path: path.to_owned(), largest });
    }
    let owner = metadata.uid();
    if owner != 0 && owner != rustix::process::geteuid().as_raw() {
        return Err(SecretFileError::OtherOwner { path: path.to_owned(), owner });
    }
    if metadata.mode() & OTHERS != 0 {
        return Err(SecretFileError::Readable { path: path.to_owned(), mode: metadata.mode() & 0o777 });
    }
    let mut text = String::new();
    file.take(largest).read_to_string(&mut text).map_err(failed("read", path))?;
    Ok(text)
}

/// Reads a document of JSON from a file that only its owner can read.
pub(super) fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, SecretFileError> {
    read_json_up_to(path, LARGEST)
}

/// Reads a document of JSON, of at most `largest` bytes, from a file that only its owner can read.
pub(super) fn read_json_up_to<T: serde::de::DeserializeOwned>(path: &Path, largest: u64) -> Result<T, SecretFileError> {
    let text = read_up_to(path, largest)?;
    serde_json::from_str(&text)
        .map_err(|error| SecretFileError::Damaged { path: path.to_owned(), cause: error.to_string() })
}

/// Reads a password from a file that only its owner can read, without the line feed at its end.
///
/// # Errors
/// The file cannot be read, or other users can read it.
pub fn read_password(path: &Path) -> Result<Secret, SecretFileError> {
    read(path).map(|text| Secret::new(text.trim_end_matches(['\n', '\r']).to_owned()))
}

/// Creates a file that only its owner can read, completely or not at all, and never replaces one.
pub(super) fn create(path: &Path, text: &str) -> Result<(), SecretFileError> {
    draft::create(path, text.as_bytes()).map_err(failed("create", path))
}

/// Writes a document of JSON to a file that only its owner can read, in place of an earlier one.
pub(super) fn write_json<T: serde::Serialize>(path: &Path, value: &T) -> Result<(), SecretFileError> {
    let text = serde_json::to_vec_pretty(value).map_err(io::Error::from).map_err(failed("write", path))?;
    draft::replace(path, &text).map_err(failed("write", path))
}

/// Removes a file, which may be missing.
pub(super) fn remove(path: &Path) -> Result<(), SecretFileError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", path)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn files_that_others_can_read_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        assert!(read(&path).unwrap_err().is_missing());
        create(&path, "one").unwrap();
        assert_eq!(read(&path).unwrap(), "one");
        assert!(matches!(create(&path, "two"), Err(SecretFileError::System { .. })));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(read(&path), Err(SecretFileError::Readable { mode: 0o640, .. })));
        write_json(&path, &7).unwrap();
        assert_eq!(read_json::<u8>(&path).unwrap(), 7);
        assert!(matches!(read_json::<String>(&path), Err(SecretFileError::Damaged { .. })));
        assert!(matches!(read(folder.path()), Err(SecretFileError::Unusual { .. })));
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(matches!(read(&link), Err(SecretFileError::System { .. })));
        remove(&path).unwrap();
        remove(&path).unwrap();
    }
}
