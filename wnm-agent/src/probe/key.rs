//! The file with the private key of the wallet that pays uploads.

use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use wnm_platform::probe::Secret;

/// The longest key file, in bytes.
const LONGEST_KEY: u64 = 1024;

/// A key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file cannot be read.
    #[error("cannot read the key file {path}: {source}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Other users can read the file.
    #[error("the key file {path} has the mode {mode:04o}: other users can read it", path = path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The file contains no private key. The error never quotes it.
    #[error("the key file {path} contains no private key of 64 hexadecimal digits", path = path.display())]
    NotAKey {
        /// The file.
        path: PathBuf,
    },
}

/// Reads the private key of a wallet from a file that only its owner can read.
///
/// # Errors
/// The file cannot be read, other users can read it, or it contains no private key.
pub fn read_key(path: &Path) -> Result<Secret, KeyFileError> {
    let unreadable = |source| KeyFileError::Unreadable { path: path.to_owned(), source };
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let file =
        fs::OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path).map_err(unreadable)?;
    let facts = file.metadata().map_err(unreadable)?;
    if !facts.is_file() {
        return Err(unreadable(io::Error::other("not a regular file")));
    }
    let own = rustix::process::geteuid().as_raw();
    if facts.mode() & 0o077 != 0 || ![0, own].contains(&facts.uid()) {
        return Err(KeyFileError::Open { path: path.to_owned(), mode: facts.mode() & 0o7777 });
    }
    let mut text = String::new();
    file.take(LONGEST_KEY).read_to_string(&mut text).map_err(unreadable)?;
    let digits = text.trim().trim_start_matches("0x");
    let is_key = digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_key { Ok(Secret(format!("0x{digits}"))) } else { Err(KeyFileError::NotAKey { path: path.to_owned() }) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn key_is_read_from_a_private_file_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let read = |text: &str, mode: u32| {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            read_key(&path)
        };
        let digits = "0123456789abcdef".repeat(4);
        assert_eq!(read(&format!("0x{digits}\n"), 0o600).unwrap().0, format!("0x{digits}"));
        assert!(matches!(read(&digits, 0o640), Err(KeyFileError::Open { mode: 0o640, .. })));
        for text in ["", "password", &digits[1..], &format!("{digits}0")] {
            let error = read(text, 0o400).unwrap_err();
            assert!(matches!(error, KeyFileError::NotAKey { .. }));
            assert!(text.is_empty() || !error.to_string().contains(text), "{error}");
        }
        assert!(matches!(read_key(&folder.path().join("none")), Err(KeyFileError::Unreadable { .. })));
        assert!(matches!(read_key(folder.path()), Err(KeyFileError::Unreadable { .. })));
    }
}
