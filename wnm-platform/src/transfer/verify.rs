//! The comparison of a copy with its source, after the last pass. The node does not run, so that both stay the same.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::FileType;

use super::copy::{BLOCK, PassError, Side, of_copy, of_source};
use super::mover::Progress;
use super::tree::{self, deeper, is_hash, is_same_version, kind, size};

/// Returns the first entry that differs between a folder and its copy; None when they are equal. Records are compared by
/// name, size and time, all other files by their content too.
///
/// # Errors
/// A file cannot be read, or the comparison was stopped.
pub(super) fn difference(
    source: &OwnedFd,
    copy: &OwnedFd,
    path: &Path,
    progress: &Progress,
    depth: u32,
) -> Result<Option<PathBuf>, PassError> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |error: io::Error| (Side::Source, path, error)
    };
    let at_copy = |path: &Path| {
        let path = path.to_owned();
        move |error: io::Error| (Side::Copy, path, error)
    };
    let is_copied = |kind: FileType| matches!(kind, FileType::RegularFile | FileType::Directory | FileType::Symlink);
    let mut wanted = tree::entries(source).map_err(at(path))?;
    wanted.retain(|(_, facts)| is_copied(kind(facts)));
    let found = tree::entries(copy).map_err(at_copy(path))?;
    if let Some((name, _)) = wanted.iter().zip(&found).find(|(one, other)| one.0 != other.0).map(|(one, _)| one) {
        return Ok(Some(path.join(OsStr::from_bytes(name.to_bytes()))));
    }
    if wanted.len() != found.len() {
        return Ok(Some(path.to_owned()));
    }
    for ((name, facts), (_, copied)) in wanted.iter().zip(&found) {
        let path = path.join(OsStr::from_bytes(name.to_bytes()));
        if kind(facts) != kind(copied) {
            return Ok(Some(path));
        }
        match kind(facts) {
            FileType::Directory => {
                let depth = deeper(depth).map_err(at(&path))?;
                let one = tree::open_in(source, name).map_err(at(&path))?;
                let other = tree::open_in(copy, name).map_err(at_copy(&path))?;
                let inner = difference(&one, &other, &path, progress, depth)?;
                if inner.is_some() {
                    return Ok(inner);
                }
            }
            FileType::RegularFile => {
                if progress.is_stopped() {
                    return Err(at(&path)(io::ErrorKind::Interrupted.into()));
                }
                progress.add(size(facts));
                let same = is_same_version(facts, copied)
                    && (is_hash(name) || {
                        let one = tree::open_file(source, name).map_err(at(&path))?;
                        let other = tree::open_file(copy, name).map_err(at_copy(&path))?;
                        has_same_content(&mut File::from(one), &mut File::from(other))
                            .map_err(|(side, error)| (side, path.clone(), error))?
                    });
                if !same {
                    return Ok(Some(path));
                }
            }
            _ => {}
        }
    }
    Ok(None)
}

/// Tells whether two files have the same content, from their present positions on.
///
/// `one` is of the source, and `other` of the copy.
pub(super) fn has_same_content(one: &mut File, other: &mut File) -> Result<bool, (Side, io::Error)> {
    let (mut left, mut right) = (vec![0; BLOCK], vec![0; BLOCK]);
    loop {
        let a = fill(one, &mut left).map_err(of_source)?;
        let b = fill(other, &mut right).map_err(of_copy)?;
        if left.get(..a) != right.get(..b) {
            return Ok(false);
        }
        if a == 0 {
            return Ok(true);
        }
    }
}

/// Reads until the buffer is full or the file ends.
fn fill(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read(rest) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
