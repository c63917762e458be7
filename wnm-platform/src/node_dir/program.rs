//! A node's own copy of its program: installation, swap for a new one, and the way back.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use wnm_core::Bytes;

use super::temporary;
use crate::error::{FileOperation, PlatformError};
use crate::files;
use crate::guarded::{self, Trust, remove as remove_file, sync_folder};
use crate::volume;

/// The space that must stay free after the copy, in bytes.
const RESERVE: u64 = 16 * 1024 * 1024;
/// The maximum size of a program, in bytes: `antnode` 0.4 has 40 MB, a debug build 600 MB.
const PROGRAM_LIMIT: u64 = 2 << 30;
/// The part of a file that is read at once, in bytes.
const PART: usize = 128 * 1024;
/// The part of a copy that is flushed at once, in bytes.
const FLUSHED: usize = 32 << 20;

/// Returns the SHA-256 of a file in lower-case hexadecimal; None when the file does not exist.
///
/// # Errors
/// The file is unreadable.
pub fn digest(path: &Path) -> Result<Option<String>, PlatformError> {
    match volume::io(path, |path| hash(guarded::open(path, Trust::Anyone)?, path, &mut io::sink())) {
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
    let Ok(volume) = files::statvfs(folder) else { return Ok(()) };
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
            let from = from.to_owned();
            guarded::replace(to, 0o755, move |file| hash(source, &from, file)).map(drop)
        }
        other => other,
    }
}

/// Copies a program and returns its digest.
pub(super) fn copy(from: &Path, to: &Path) -> Result<String, PlatformError> {
    let (source, target) = (from.to_owned(), to.to_owned());
    volume::try_within(to, volume::WRITE, move || copy_here(&source, &target))
}

fn copy_here(from: &Path, to: &Path) -> Result<String, PlatformError> {
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
    let from = from.to_owned();
    guarded::replace(to, 0o755, move |file| hash(source, &from, &mut Flushed { file, unflushed: 0 }))
        .map_err(|error| fail(to, error))
}

/// Returns the file of the configured program, which may be a link. The program of a node may not: the node could make
/// wnm copy a file of root.
#[must_use]
pub fn resolved(configured: &Path) -> PathBuf {
    files::canonicalize(configured).unwrap_or_else(|_| configured.to_owned())
}

/// A file that is flushed part by part: a flush of the whole could take longer on a slow disk than a disk has to answer.
struct Flushed<'a> {
    file: &'a mut File,
    /// The number of bytes since the last flush.
    unflushed: usize,
}

impl io::Write for Flushed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.unflushed += written;
        if self.unflushed >= FLUSHED {
            self.file.sync_data()?;
            self.unflushed = 0;
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Copies a file to a writer and returns its SHA-256. The file is read in the helper thread of its own volume: a hang of
/// that one must not hold the helper of the target.
fn hash(file: File, path: &Path, on: &mut dyn io::Write) -> io::Result<String> {
    let file = Arc::new(file);
    let mut hasher = Sha256::new();
    let mut length = 0;
    loop {
        let source = Arc::clone(&file);
        let part = volume::io(path, move |_| {
            let mut part = Vec::with_capacity(PART);
            (&*source).take(PART as u64).read_to_end(&mut part)?;
            Ok(part)
        })?;
        if part.is_empty() {
            break;
        }
        length += part.len() as u64;
        if length > PROGRAM_LIMIT {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("longer than {PROGRAM_LIMIT} bytes")));
        }
        hasher.update(&part);
        on.write_all(&part)?;
        volume::progress();
    }
    on.flush()?;
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
