//! The log files of a node program: the newest one, its last lines, and the change to a new file.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{complete_lines, failed};
use crate::FileOperation;
use crate::error::PlatformError;
use crate::guarded::{self, Trust};
use crate::node_dir::STDERR_LOG;
use crate::volume;

/// The part of a file that one reading returns at most, and that is searched for its last lines, in bytes.
const MOST: u64 = 4 * 1024 * 1024;

/// A log file with the position of the next reading.
#[derive(Clone)]
pub(super) struct LogFile {
    path: PathBuf,
    /// The lines that the first reading returns.
    first: Option<usize>,
    position: u64,
    inode: u64,
    /// The begin of a line whose end is not yet written.
    pending: Vec<u8>,
}

impl LogFile {
    pub(super) fn new(path: PathBuf, lines: usize) -> Self {
        Self { path, first: Some(lines), position: 0, inode: 0, pending: Vec::new() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the complete lines since the last reading; at first the last lines.
    pub(super) fn read(&mut self) -> Result<Vec<String>, PlatformError> {
        let mut file = self.clone();
        let (file, lines) = volume::io(&self.path, move |_| {
            let lines = file.read_now();
            Ok((file, lines))
        })
        .map_err(failed(FileOperation::Read, &self.path))?;
        *self = file;
        lines
    }

    fn read_now(&mut self) -> Result<Vec<String>, PlatformError> {
        let Some(lines) = self.first.take() else { return self.read_new() };
        let (mut file, length) = self.open()?;
        self.position = length.saturating_sub(MOST);
        let is_whole = self.position == 0;
        let mut found = self.read_on(&mut file)?;
        // The first line of a part may be the end of a line.
        let begin = found.len().saturating_sub(lines).max(usize::from(!is_whole)).min(found.len());
        Ok(found.split_off(begin))
    }

    fn read_new(&mut self) -> Result<Vec<String>, PlatformError> {
        let mut lines = Vec::new();
        match self.open_again() {
            Ok(mut file) => lines.extend(self.read_on(&mut file)?),
            // The program has renamed it, or removed it as the oldest one.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(FileOperation::Open, &self.path)(error)),
        }
        let folder = self.path.parent().unwrap_or(Path::new("/")).to_owned();
        // Standard error is followed until the program writes its first file.
        if let Some(newest) = newest(&folder)?.filter(|newest| *newest != self.path) {
            *self = Self { first: None, ..Self::new(newest, 0) };
            let (mut file, _) = self.open()?;
            lines.extend(self.read_on(&mut file)?);
        }
        Ok(lines)
    }

    /// Opens the file at the position of the last reading, or at its begin if it is another or a shorter file.
    fn open_again(&mut self) -> io::Result<File> {
        let file = guarded::open(&self.path, Trust::Anyone)?;
        let metadata = file.metadata()?;
        if metadata.ino() != self.inode || metadata.len() < self.position {
            self.position = 0;
            self.inode = metadata.ino();
            self.pending.clear();
        }
        Ok(file)
    }

    fn open(&mut self) -> Result<(File, u64), PlatformError> {
        let opened =
            guarded::open(&self.path, Trust::Anyone).and_then(|file| file.metadata().map(|metadata| (file, metadata)));
        let (file, metadata) = opened.map_err(failed(FileOperation::Open, &self.path))?;
        self.inode = metadata.ino();
        Ok((file, metadata.len()))
    }

    fn read_on(&mut self, file: &mut File) -> Result<Vec<String>, PlatformError> {
        let mut part = Vec::new();
        let read = file.seek(SeekFrom::Start(self.position)).and_then(|_| file.take(MOST).read_to_end(&mut part));
        self.position += read.map_err(failed(FileOperation::Read, &self.path))? as u64;
        self.pending.append(&mut part);
        let lines = complete_lines(&mut self.pending);
        if self.pending.len() as u64 >= MOST {
            // A line without an end would otherwise grow for ever.
            self.pending.clear();
        }
        Ok(lines)
    }
}

/// Returns the log that the node program wrote last; None without one.
///
/// # Errors
/// The folder cannot be listed. An absent folder is no error.
pub(super) fn newest(folder: &Path) -> Result<Option<PathBuf>, PlatformError> {
    match volume::io(folder, newest_in) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        found => found.map_err(failed(FileOperation::List, folder)),
    }
}

fn newest_in(folder: &Path) -> io::Result<Option<PathBuf>> {
    let logs = fs::read_dir(folder)?.flatten().filter(|entry| entry.file_name().to_str().is_some_and(is_log));
    let dated = logs.filter_map(|entry| {
        let metadata = entry.metadata().ok().filter(fs::Metadata::is_file)?;
        Some((metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH), entry.path()))
    });
    Ok(dated.max().map(|(_, path)| path))
}

/// Tells whether a file name is that of a log: `antnode.log`, `antnode_20261129T031500.log`, `ant-node.2026-11-29`.
/// Compressed ones are older than any other.
fn is_log(name: &str) -> bool {
    let is_compressed = [".gz", ".zst", ".zip"].iter().any(|end| name.ends_with(end));
    let is_named = name.split('.').skip(1).any(|part| part == "log");
    let is_dated = name.starts_with("ant") && name.split('.').skip(1).any(|part| part.starts_with("20"));
    // antnode writes the cause of its end to this file too, and once more to its log.
    let is_other = [STDERR_LOG, "critical_failure.log"].contains(&name);
    !is_other && !is_compressed && (is_named || is_dated)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::fs::symlink;

    use super::*;

    fn append(path: &Path, text: &str) {
        let mut file = File::options().create(true).append(true).open(path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn age(path: &Path, seconds: u64) {
        let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(2_000_000_000 + seconds);
        File::options().append(true).open(path).unwrap().set_modified(time).unwrap();
    }

    #[test]
    fn names_of_logs() {
        for name in ["antnode.log", "antnode_20261129T031500.log", "ant-node.2026-11-29", "ant-node.log.2026-11-29"] {
            assert!(is_log(name), "{name}");
        }
        for name in [
            STDERR_LOG,
            "critical_failure.log",
            "antnode",
            "ant-node",
            "antnode_20261129.log.gz",
            "antnode.pid",
            "secret_key",
            "log",
        ] {
            assert!(!is_log(name), "{name}");
        }
    }

    #[test]
    fn last_lines_then_new_ones_over_a_rotation() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("antnode.log");
        append(&path, "1\n2\n3\n4");
        age(&path, 0);
        let mut log = LogFile::new(newest(folder.path()).unwrap().unwrap(), 2);
        assert_eq!(log.read().unwrap(), ["2", "3"]);
        assert!(log.read().unwrap().is_empty(), "the fourth line has no end yet");
        append(&path, "4\r\n\x1b[31m5\x1b[0m\x07\n");
        age(&path, 1);
        assert_eq!(log.read().unwrap(), ["44", "5\u{fffd}"]);

        // As antnode: the full file gets a date, and a new one begins under the old name.
        fs::rename(&path, folder.path().join("antnode_20261129T031500.log")).unwrap();
        append(&path, "6\n");
        age(&path, 2);
        assert_eq!(log.read().unwrap(), ["6"]);
        // As ant-node: the new file has another name.
        let next = folder.path().join("ant-node.2026-11-30");
        append(&next, "7\n");
        age(&next, 3);
        assert_eq!(log.read().unwrap(), ["7"]);
        // A truncated file begins again.
        fs::write(&next, "8\n").unwrap();
        fs::write(&next, "").unwrap();
        age(&next, 4);
        assert!(log.read().unwrap().is_empty());
        append(&next, "9\n");
        age(&next, 5);
        assert_eq!(log.read().unwrap(), ["9"]);
    }

    #[test]
    fn links_and_pipes_are_no_logs() {
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("secret");
        fs::write(&secret, "root's\n").unwrap();
        symlink(&secret, folder.path().join("antnode.log")).unwrap();
        crate::guarded::make_pipe(&folder.path().join("antnode_2.log"));
        assert_eq!(newest(folder.path()).unwrap(), None);
        assert_eq!(newest(&folder.path().join("absent")).unwrap(), None);
        // A link that replaces the file after it was found.
        for name in ["antnode.log", "antnode_2.log"] {
            assert!(LogFile::new(folder.path().join(name), 5).read().is_err(), "{name}");
        }
    }

    #[test]
    fn log_folder_that_others_can_exchange_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let logs = guarded::linked_logs(folder.path(), "antnode.log");
        assert!(LogFile::new(logs.join("antnode.log"), 5).read().is_err());
    }

    #[test]
    fn last_lines_of_a_huge_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("antnode.log");
        let line = format!("{}\n", "x".repeat(99));
        fs::write(&path, line.repeat(60_000)).unwrap();
        let mut log = LogFile::new(path, 60_000);
        let lines = log.read().unwrap();
        assert!(lines.len() < 60_000 && lines.iter().all(|line| line.len() == 99), "{}", lines.len());
        assert!(log.read().unwrap().is_empty());
    }
}
