//! Files with secrets of the operator, which only their owner may read.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

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
            Self::Unreadable { .. } | Self::TooLong { .. } | Self::Invalid { .. } => return None,
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
    let (file, facts) = open(path)?;
    if facts.mode() & 0o077 != 0 {
        return Err(PrivateFileError::Open { path: path.to_owned(), mode: facts.mode() & 0o7777 });
    }
    let own = rustix::process::geteuid().as_raw();
    if ![0, own].contains(&facts.uid()) {
        return Err(PrivateFileError::Owned { path: path.to_owned(), owner: facts.uid() });
    }
    rest(path, file)
}

/// Reads the content of a file that other users may read.
#[cfg(any(feature = "serve", feature = "fleet"))]
pub(crate) fn read_public(path: &Path) -> Result<String, PrivateFileError> {
    within_deadline(path, |path| open(path).and_then(|(file, _)| rest(path, file)))
}

/// Returns the time of the last change of a file and its length, by which a change is noticed; None if it is missing.
pub(crate) fn change(path: &Path) -> Option<(SystemTime, u64)> {
    let facts = wnm_platform::files::with_deadline(path, Path::metadata).ok()?.ok()?;
    Some((facts.modified().ok()?, facts.len()))
}

fn open(path: &Path) -> Result<(File, Metadata), PrivateFileError> {
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
