//! Files that appear completely or not at all: a draft beside them gets their name when it is on the disk.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use crate::file::{folder, suffixed};

/// Stands between the name of a file and the PID of the process that writes its draft. No other program has such names.
const SUFFIX: &str = ".wnm-draft-";

/// Returns the path for a draft of a file. Drafts of the file by processes that were killed are removed.
pub(crate) fn path(of: &Path) -> PathBuf {
    // Not those of longer names, which another thread may be writing.
    remove(of, |rest| rest.starts_with(SUFFIX));
    suffixed(of, &format!("{SUFFIX}{}", std::process::id()))
}

/// Removes the drafts that killed processes left, of a file and of those whose name continues its name.
pub(crate) fn remove_left(of: &Path) {
    remove(of, |_| true);
}

/// Removes the drafts of ended processes. `is_meant` gets the part of a name after that of the file.
fn remove(of: &Path, is_meant: impl Fn(&str) -> bool) {
    let Some(name) = of.file_name().map(|name| name.to_string_lossy().into_owned()) else { return };
    for entry in fs::read_dir(folder(of)).into_iter().flatten().flatten() {
        let other = entry.file_name().to_string_lossy().into_owned();
        if other.strip_prefix(&name).is_some_and(&is_meant) && writer(&other).is_some_and(has_ended) {
            // A draft that stays does no harm.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Returns the process that writes a draft, or a file beside it such as its journal; None for other files.
fn writer(name: &str) -> Option<Pid> {
    let (_, pid) = name.rsplit_once(SUFFIX)?;
    Pid::from_raw(pid.split('-').next()?.parse().ok()?)
}

/// Tells whether a process writes no draft any more: it has ended, or is this one, which begins another.
fn has_ended(pid: Pid) -> bool {
    pid == rustix::process::getpid() || test_kill_process(pid) == Err(Errno::SRCH)
}

/// Writes a file of mode 0600, in place of an earlier one.
///
/// # Errors
/// The folder is missing or cannot be written.
pub fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    write(path, text, |draft| fs::rename(draft, path))
}

/// Writes a file of mode 0600. Never replaces one.
///
/// # Errors
/// The file exists (`AlreadyExists`), or the folder is missing or cannot be written.
pub fn create(path: &Path, text: &[u8]) -> io::Result<()> {
    write(path, text, |draft| publish(draft, path))
}

fn write(path: &Path, text: &[u8], place: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let draft = self::path(path);
    let written = (|| {
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        file.write_all(text)?;
        file.sync_all()?;
        place(&draft)?;
        // Without this, a power cut could still take back the new name.
        File::open(folder(path))?.sync_all()
    })();
    if written.is_err() {
        let _ = fs::remove_file(&draft);
    }
    written
}

/// Gives a finished draft its name. A hard link, unlike a rename, fails when the name is taken.
///
/// # Errors
/// The name is taken (`AlreadyExists`), or the folder cannot be written.
pub(crate) fn publish(draft: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(draft, to) {
        Ok(()) => fs::remove_file(draft),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
        // FAT and some network file systems have no hard links.
        Err(_) if fs::symlink_metadata(to).is_err() => fs::rename(draft, to),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn file_is_replaced_or_created() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        create(&path, b"one").unwrap();
        assert_eq!(create(&path, b"two").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"one");
        replace(&path, b"three").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"three");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
    }

    #[test]
    fn only_drafts_of_ended_processes_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        // PIDs are below 4,194,304 on Linux and below 100,000 on macOS.
        let dead = i32::MAX;
        let left = [
            format!("wnm.db{SUFFIX}{dead}"),
            format!("wnm.db{SUFFIX}{dead}-journal"),
            format!("wnm.db.hold{SUFFIX}{dead}"),
        ];
        let kept = [
            format!("wnm.db{SUFFIX}1"),
            format!("other{SUFFIX}{dead}"),
            format!("wnm.db{SUFFIX}"),
            "wnm.db.new-7".to_owned(),
            "wnm.db".to_owned(),
        ];
        left.iter().chain(&kept).for_each(|name| fs::write(folder.path().join(name), "").unwrap());
        path(&folder.path().join("wnm.db"));
        assert_eq!(left.each_ref().map(|name| folder.path().join(name).exists()), [false, false, true]);
        remove_left(&folder.path().join("wnm.db"));
        let mut names: Vec<String> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        let mut kept = kept.to_vec();
        kept.sort();
        names.sort();
        assert_eq!(names, kept);
    }
}
