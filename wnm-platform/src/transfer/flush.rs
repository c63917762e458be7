//! The flush of copied files to the drive, beside the copy of the next ones.

use std::io;
use std::mem;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use rustix::fs::{AtFlags, Timestamps};

/// The bytes after which the copy is flushed, and then counts as copied after a cut.
const BATCH: u64 = 256 << 20;
/// The number of files after which the copy is flushed. A flush costs about the same for few files as for many; a cut
/// costs the copy of at most two batches.
const BATCH_FILES: usize = 32_768;

/// The copied files whose content may not be on the drive yet.
pub(super) struct Flusher {
    target: Arc<OwnedFd>,
    /// The files since the last flush began, with the times of their sources.
    files: Vec<(PathBuf, Timestamps)>,
    bytes: u64,
    running: Option<JoinHandle<io::Result<()>>>,
}

impl Flusher {
    /// Returns a flusher of the files below an open folder.
    pub(super) fn new(target: OwnedFd) -> Self {
        Self { target: Arc::new(target), files: Vec::new(), bytes: 0, running: None }
    }

    /// Adds a copied file by its path below the folder. A path is added once.
    ///
    /// # Errors
    /// The previous flush failed.
    pub(super) fn add(&mut self, path: PathBuf, times: Timestamps, bytes: u64) -> io::Result<()> {
        self.files.push((path, times));
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes >= BATCH || self.files.len() >= BATCH_FILES { self.begin() } else { Ok(()) }
    }

    /// Flushes all added files.
    ///
    /// # Errors
    /// The drive does not take them.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.begin()?;
        self.wait()
    }

    fn begin(&mut self) -> io::Result<()> {
        // At most one batch waits for the drive, which bounds the cost of a cut.
        self.wait()?;
        if self.files.is_empty() {
            return Ok(());
        }
        let (target, files) = (Arc::clone(&self.target), mem::take(&mut self.files));
        self.bytes = 0;
        // The thread inherits the low priority of the copy.
        let thread = thread::Builder::new().name("move-flush".to_owned()).spawn(move || complete(&target, &files))?;
        self.running = Some(thread);
        Ok(())
    }

    fn wait(&mut self) -> io::Result<()> {
        let Some(thread) = self.running.take() else { return Ok(()) };
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

impl Drop for Flusher {
    /// Waits for the flush in progress: after the lock of the copy is free, it would mark files of the next pass.
    fn drop(&mut self) {
        if let Some(Ok(Err(error))) = self.running.take().map(JoinHandle::join) {
            tracing::debug!(%error, "cannot flush a copy that has ended");
        }
    }
}

/// Flushes files, and gives them the times of their sources: from now on they count as copied.
fn complete(target: &OwnedFd, files: &[(PathBuf, Timestamps)]) -> io::Result<()> {
    flush(target, files.iter().map(|(path, _)| path.as_path()))?;
    for (path, times) in files {
        rustix::fs::utimensat(target, path, times, AtFlags::SYMLINK_NOFOLLOW)?;
    }
    Ok(())
}

/// Flushes the files of a folder to the drive.
#[cfg(target_os = "linux")]
fn flush<'a>(target: &OwnedFd, _files: impl Iterator<Item = &'a Path>) -> io::Result<()> {
    Ok(rustix::fs::syncfs(target)?)
}

/// Flushes the files of a folder to the drive.
#[cfg(not(target_os = "linux"))]
fn flush<'a>(target: &OwnedFd, files: impl Iterator<Item = &'a Path>) -> io::Result<()> {
    use rustix::fs::{Mode, OFlags};

    for file in files {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        rustix::fs::fsync(rustix::fs::openat(target, file, flags, Mode::empty())?)?;
    }
    Ok(())
}
