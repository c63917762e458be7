//! A node's own copy of its program: installation, swap for a new one, and the way back.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use wnm_core::Bytes;

use super::temporary;
use crate::error::{FileOperation, PlatformError};
use crate::guarded::{self, Trust, remove as remove_file, sync_folder};

/// The space that must stay free after the copy, in bytes.
const RESERVE: u64 = 16 * 1024 * 1024;
/// The maximum size of a program, in bytes: `antnode` 0.4 has 40 MB, a debug build 600 MB.
const PROGRAM_LIMIT: u64 = 2 << 30;

/// Returns the SHA-256 of a file in lower-case hexadecimal; None when the file does not exist.
///
/// # Errors
/// The file is unreadable.
pub fn digest(path: &Path) -> Result<Option<String>, PlatformError> {
    match guarded::open(path, Trust::Anyone).and_then(|file| hash(file, &mut io::sink())) {
        Ok(digest) => Ok(Some(digest)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(PlatformError::File { operation: FileOperation::Read, path: path.to_owned(), source }),
    }
}

/// Copies a program atomically and returns its digest. An equal file stays unchanged.
///
/// # Errors
/// The program cannot be read, or the copy cannot be written.
pub fn install(from: &Path, to: &Path) -> Result<String, PlatformError> {
    install_file(&resolved(from), to)
}

/// Copies the program of a node to another node, as [`install`]. The node could have made its program a link to a file of
/// root, so that no link is followed.
///
/// # Errors
/// As [`install`]; the program is a link or no regular file.
pub(crate) fn install_of_node(from: &Path, to: &Path) -> Result<String, PlatformError> {
    install_file(from, to)
}

fn install_file(from: &Path, to: &Path) -> Result<String, PlatformError> {
    let Some(present) = digest(to)? else { return copy(from, to) };
    match digest(from)? {
        Some(wanted) if wanted == present => Ok(wanted),
        Some(_) => copy(from, to),
        None => Err(PlatformError::BinaryMissing { path: from.to_owned() }),
    }
}

/// Copies the new program beside the installed one. Returns the digests of the installed and of the new one.
///
/// # Errors
/// As [`install`].
pub fn stage(from: &Path, binary: &Path) -> Result<(Option<String>, String), PlatformError> {
    let before = digest(binary)?;
    Ok((before, install(from, &beside(binary, ".new"))?))
}

/// Replaces the installed program by the staged one and keeps the old one. A program is installed at every moment.
///
/// # Errors
/// Neither the staged nor the installed program has the digest `to`, or the folder is not writable.
pub fn swap(binary: &Path, to: &str) -> Result<(), PlatformError> {
    let new = beside(binary, ".new");
    match digest(&new)? {
        None if digest(binary)?.as_deref() == Some(to) => return Ok(()),
        Some(found) if found == to => {}
        found => {
            return Err(PlatformError::ProgramChanged { path: new, expected: Some(to.to_owned()), found });
        }
    }
    let keep = || match share(binary, &beside(binary, ".old")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    };
    let swapped = keep().and_then(|()| guarded::rename(&new, binary));
    swapped.map_err(|source| PlatformError::File { operation: FileOperation::Replace, path: binary.to_owned(), source })
}

/// The progress of a program swap that is undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SwapProgress {
    /// The journal has no swap: the old program is still in place.
    NotStarted,
    /// The swap happened, or wnm ended before it could record it.
    Possible,
}

/// Restores the old program and removes the staged one. `from` and `to` are the digests of the old and the new program,
/// `source` is the configured program, which may be either.
///
/// # Errors
/// No copy of the old program exists, or the folder is not writable.
pub fn swap_back(
    binary: &Path,
    from: Option<&str>,
    to: &str,
    swapped: SwapProgress,
    source: &Path,
) -> Result<(), PlatformError> {
    let (old, new) = (beside(binary, ".old"), beside(binary, ".new"));
    let in_place = digest(binary)?;
    let kept = digest(&old)?;
    let is_back = in_place.is_some() && in_place.as_deref() == from;
    let was_exchanged = swapped == SwapProgress::Possible || in_place.as_deref() == Some(to);
    let changed = |found: Option<String>| PlatformError::ProgramChanged {
        path: binary.to_owned(),
        expected: from.map(ToOwned::to_owned),
        found,
    };
    let back =
        |error| PlatformError::File { operation: FileOperation::Replace, path: binary.to_owned(), source: error };
    match in_place {
        Some(_) if is_back || !was_exchanged => {}
        _ if kept.is_some() => guarded::rename(&old, binary).map_err(back)?,
        // The old program upgraded itself before the swap, so the installed one is neither.
        Some(found) if found != to => {}
        _ if from.is_some() && digest(&resolved(source))?.as_deref() == from => {
            copy(&resolved(source), binary)?;
        }
        // Without an old program, the staged one is better than none.
        None if from.is_none() && digest(&new)?.is_some() => guarded::rename(&new, binary).map_err(back)?,
        found => return Err(changed(found)),
    }
    drop_old(binary)
}

/// Removes all leftovers of an upgrade beside the installed program.
///
/// # Errors
/// The folder is not writable.
pub fn drop_old(binary: &Path) -> Result<(), PlatformError> {
    drop_staged(binary)?;
    for suffix in [".old", ".old.tmp"] {
        let path = beside(binary, suffix);
        remove_file(&path).map_err(|source| PlatformError::File { operation: FileOperation::Remove, path, source })?;
    }
    sync_folder(binary).map_err(|source| PlatformError::File {
        operation: FileOperation::Sync,
        path: binary.to_owned(),
        source,
    })
}

/// Removes only a staged program.
///
/// # Errors
/// The folder is not writable.
pub fn drop_staged(binary: &Path) -> Result<(), PlatformError> {
    for suffix in [".new", ".new.tmp"] {
        let path = beside(binary, suffix);
        remove_file(&path).map_err(|source| PlatformError::File { operation: FileOperation::Remove, path, source })?;
    }
    Ok(())
}

/// Checks that this many bytes and the reserve are free on the volume of a folder.
///
/// # Errors
/// Too little space is free.
pub(crate) fn check_free_space(folder: &Path, bytes: u64) -> Result<(), PlatformError> {
    let Ok(volume) = rustix::fs::statvfs(folder) else { return Ok(()) };
    let available = volume.f_bavail.saturating_mul(volume.f_frsize);
    let needed = bytes.saturating_add(RESERVE);
    if available >= needed {
        return Ok(());
    }
    Err(PlatformError::NoHeadroom { path: folder.to_owned(), needed: Bytes(needed), available: Bytes(available) })
}

fn beside(binary: &Path, suffix: &str) -> PathBuf {
    let mut path = binary.as_os_str().to_owned();
    path.push(suffix);
    PathBuf::from(path)
}

/// Puts the same program at a second path, in the place of another one. Both names share one file where the file system
/// has hard links; exFAT has none.
pub(super) fn share(from: &Path, to: &Path) -> io::Result<()> {
    match guarded::link(from, to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            let source = guarded::open(from, Trust::Anyone)?;
            guarded::replace(to, 0o755, |file| hash(source, file)).map(drop)
        }
        other => other,
    }
}

/// Copies a program and returns its digest.
pub(super) fn copy(from: &Path, to: &Path) -> Result<String, PlatformError> {
    let fail = |path: &Path, source| PlatformError::File {
        operation: FileOperation::CopyProgramTo,
        path: path.to_owned(),
        source,
    };
    // The leftover of an interrupted attempt would count as used space.
    let half = temporary(to);
    remove_file(&half).map_err(|error| fail(&half, error))?;
    let source = match guarded::open(from, Trust::Anyone) {
        Ok(source) => source,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(PlatformError::BinaryMissing { path: from.to_owned() });
        }
        Err(error) => return Err(fail(to, error)),
    };
    let length = source.metadata().map_err(|error| fail(to, error))?.len();
    check_free_space(to.parent().unwrap_or(to), length)?;
    guarded::replace(to, 0o755, |file| hash(source, file)).map_err(|error| fail(to, error))
}

/// Returns the file of the configured program, which may be a link. The program of a node may not: the node could make
/// wnm copy a file of root.
#[must_use]
pub fn resolved(configured: &Path) -> PathBuf {
    configured.canonicalize().unwrap_or_else(|_| configured.to_owned())
}

/// Copies a file to a writer and returns its SHA-256.
fn hash(file: File, on: &mut dyn io::Write) -> io::Result<String> {
    let mut file = file.take(PROGRAM_LIMIT + 1);
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 128 * 1024];
    loop {
        let read = match file.read(&mut buffer) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let Some(chunk) = buffer.get(..read).filter(|chunk| !chunk.is_empty()) else { break };
        hasher.update(chunk);
        on.write_all(chunk)?;
    }
    if file.limit() == 0 {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("longer than {PROGRAM_LIMIT} bytes")));
    }
    on.flush()?;
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
