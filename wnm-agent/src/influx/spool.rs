//! The spool: batches of lines as files of a folder, of bounded size.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Greatest size of all batches together, in bytes: two weeks of a host with 100 nodes at one write a minute.
pub const LARGEST_SPOOL: u64 = 256 << 20;
/// The end of the name of a complete batch.
const SUFFIX: &str = ".lines";

/// A folder of batches. Their names are numbers in the order of their age.
#[derive(Debug)]
pub struct Spool {
    folder: PathBuf,
    largest: u64,
    /// The number and the size of each batch, oldest first.
    batches: std::collections::VecDeque<(u64, u64)>,
}

impl Spool {
    /// Opens the spool in a folder, which need not exist, with this greatest size in bytes.
    #[must_use]
    pub fn open(folder: &Path, largest: u64) -> Self {
        let mut batches: Vec<(u64, u64)> = Vec::new();
        for entry in fs::read_dir(folder).into_iter().flatten().map_while(Result::ok) {
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            match name.strip_suffix(SUFFIX).and_then(|number| number.parse().ok()) {
                Some(number) => batches.push((number, entry.metadata().map_or(0, |facts| facts.len()))),
                // A draft of a process that was killed.
                None if name.ends_with(".draft") => _ = fs::remove_file(entry.path()),
                None => {}
            }
        }
        batches.sort_unstable();
        Self { folder: folder.to_owned(), largest, batches: batches.into() }
    }

    fn path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number:020}{SUFFIX}"))
    }

    /// Adds a batch, and drops the oldest ones beyond the greatest size. Returns the number of dropped lines.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn push(&mut self, lines: &str) -> io::Result<u64> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let number = self.batches.back().map_or(0, |(number, _)| number + 1);
        let draft = self.folder.join(format!("{number:020}.draft"));
        let written = (|| {
            let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
            file.write_all(lines.as_bytes())?;
            fs::rename(&draft, self.path(number))
        })();
        if let Err(error) = written {
            _ = fs::remove_file(&draft);
            return Err(error);
        }
        self.batches.push_back((number, lines.len() as u64));
        let mut dropped = 0;
        while self.bytes() > self.largest && self.batches.len() > 1 {
            dropped += self.oldest().map_or(0, |lines| lines.lines().count() as u64);
            self.pop();
        }
        Ok(dropped)
    }

    /// Returns the oldest batch; None without one. A batch that cannot be read is dropped.
    pub fn oldest(&mut self) -> Option<String> {
        while let Some((number, _)) = self.batches.front() {
            if let Ok(lines) = fs::read_to_string(self.path(*number)) {
                return Some(lines);
            }
            self.pop();
        }
        None
    }

    /// Removes the oldest batch.
    pub fn pop(&mut self) {
        if let Some((number, _)) = self.batches.pop_front() {
            _ = fs::remove_file(self.path(number));
        }
    }

    /// Returns the size of all batches, in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.batches.iter().map(|(_, bytes)| bytes).sum()
    }
}
