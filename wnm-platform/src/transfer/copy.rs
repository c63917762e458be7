//! One pass of the copy: whatever differs from the source is copied, whatever the source lacks is removed.
//!
//! One thread walks the folders, and a few others copy the files: a small file costs system calls and a wait for the drive,
//! not bytes.

use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FileType, Gid, Mode, OFlags, Stat, Timespec, Timestamps, Uid};
use rustix::io::Errno;

use super::flush::Flusher;
use super::mover::Progress;
use super::tree::{self, DEPTH, deeper, is_hash, is_same_version, kind, size};
use super::verify::has_same_content;

/// The size of a read, in bytes.
pub(super) const BLOCK: usize = 1 << 20;

/// The comparison that decides whether a file is copied again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compare {
    /// By size and time: the node runs, and a later pass follows.
    Times,
    /// Files whose name is no hash also by content: a database may change without a new time.
    Contents,
}

/// The maximum number of threads that copy files: more gain little on the drives of nodes, and each holds a buffer of
/// [`BLOCK`] bytes.
const WORKERS: usize = 4;
/// The number of files that a thread takes at once.
const BATCH: usize = 128;

/// One pass of a folder.
pub(super) struct Pass<'a> {
    compare: Compare,
    /// Bytes per second; None without a limit.
    rate: Option<u64>,
    progress: &'a Progress,
    flusher: Mutex<Flusher>,
    begun: Instant,
    copied: AtomicU64,
    /// The first failure of a thread; the others then copy no more files.
    failure: Mutex<Option<PassError>>,
    has_failed: AtomicBool,
}

/// Files of one folder, which one thread copies.
struct Batch {
    source: Arc<OwnedFd>,
    target: Arc<OwnedFd>,
    /// The folder below the one of the pass.
    folder: Arc<Path>,
    /// The files as they were listed, each with the facts of its copy.
    files: Vec<(CString, Stat, Option<Stat>)>,
}

/// The folder in which a call failed: the drives differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Source,
    Copy,
}

/// An error of the copy, with the file below the folder that it concerns.
pub(super) type PassError = (Side, PathBuf, io::Error);

/// An error of a file of one side.
type FileError = (Side, io::Error);

/// Returns the error of an entry of the source.
fn at(path: &Path) -> impl Fn(io::Error) -> PassError + '_ {
    move |error| (Side::Source, path.to_owned(), error)
}

/// Returns the error of an entry of the copy.
fn at_copy(path: &Path) -> impl Fn(io::Error) -> PassError + '_ {
    move |error| (Side::Copy, path.to_owned(), error)
}

/// Returns the error of a file of the source.
pub(super) fn of_source(error: impl Into<io::Error>) -> FileError {
    (Side::Source, error.into())
}

/// Returns the error of a file of the copy.
pub(super) fn of_copy(error: impl Into<io::Error>) -> FileError {
    (Side::Copy, error.into())
}

impl<'a> Pass<'a> {
    /// Copies the folder `source` to the existing folder `target`.
    ///
    /// # Errors
    /// A file cannot be read or written, or the copy was stopped.
    pub(super) fn run(
        source: OwnedFd,
        target: OwnedFd,
        compare: Compare,
        rate: Option<u64>,
        progress: &'a Progress,
    ) -> Result<(), PassError> {
        let here = Path::new("");
        let top = target.try_clone().map_err(at_copy(here))?;
        let pass = Self {
            compare,
            rate,
            progress,
            flusher: Mutex::new(Flusher::new(target)),
            begun: Instant::now(),
            copied: AtomicU64::new(0),
            failure: Mutex::new(None),
            has_failed: AtomicBool::new(false),
        };
        let workers = thread::available_parallelism().map_or(1, std::num::NonZero::get).min(WORKERS);
        let walked = thread::scope(|scope| {
            // The queue bounds the number of open folders.
            let (sender, receiver) = sync_channel(workers);
            let receiver = Arc::new(Mutex::new(receiver));
            for number in 0..workers {
                let (pass, receiver) = (&pass, Arc::clone(&receiver));
                // The thread inherits the low priority of the copy.
                let thread = thread::Builder::new().name("move-copy".to_owned());
                match thread.spawn_scoped(scope, move || pass.work(&receiver)) {
                    Ok(_) => {}
                    Err(error) if number == 0 => return Err(at(here)(error)),
                    // A host at its limit of tasks copies with the threads that it has.
                    Err(_) => break,
                }
            }
            // The last thread that ends drops the receiver, so that the walk never waits for a thread that is gone.
            drop(receiver);
            pass.folder(Arc::new(source), Arc::new(top), here, DEPTH, &sender)
        });
        // Before the error of the walk, which a failed thread has ended.
        if let Some(failure) = pass.failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(failure);
        }
        walked?;
        pass.flusher.into_inner().unwrap_or_else(PoisonError::into_inner).finish().map_err(at_copy(here))
    }

    fn folder(
        &self,
        source: Arc<OwnedFd>,
        target: Arc<OwnedFd>,
        path: &Path,
        depth: u32,
        queue: &SyncSender<Batch>,
    ) -> Result<(), PassError> {
        let mut entries = tree::entries(&source).map_err(at(path))?;
        // Files are read in the order of their inodes, which is about that of the drive.
        entries.sort_unstable_by_key(|(_, facts)| facts.st_ino);
        let mut copies = Self::remove_others(&target, &entries, path, depth)?;
        let mut files = Vec::new();
        for (name, facts) in entries {
            match kind(&facts) {
                FileType::Directory => {
                    let path = path.join(std::ffi::OsStr::from_bytes(name.to_bytes()));
                    let depth = deeper(depth).map_err(at(&path))?;
                    let inner = match tree::open_in(&source, &name) {
                        Err(error) if is_gone(&error) => continue,
                        opened => opened.map_err(at(&path))?,
                    };
                    let made = make_folder(&target, &name, &facts).map_err(at_copy(&path))?;
                    self.folder(Arc::new(inner), Arc::new(made), &path, depth, queue)?;
                }
                FileType::RegularFile => {
                    let copy = copies.remove(&name);
                    files.push((name, facts, copy));
                }
                FileType::Symlink => {
                    let path = path.join(std::ffi::OsStr::from_bytes(name.to_bytes()));
                    copy_link(&source, &target, &name).map_err(|(side, error)| (side, path, error))?;
                }
                // Sockets and FIFOs belong to the process.
                _ => {}
            }
        }
        let folder: Arc<Path> = path.into();
        let mut files = files.into_iter();
        loop {
            let files: Vec<_> = files.by_ref().take(BATCH).collect();
            if files.is_empty() {
                return Ok(());
            }
            let (source, target, folder) = (Arc::clone(&source), Arc::clone(&target), Arc::clone(&folder));
            if self.is_over() || queue.send(Batch { source, target, folder, files }).is_err() {
                return Err(at(path)(io::ErrorKind::Interrupted.into()));
            }
        }
    }

    fn is_over(&self) -> bool {
        self.progress.is_stopped() || self.has_failed.load(Ordering::Relaxed)
    }

    /// Copies batches until the walk has ended.
    fn work(&self, queue: &Mutex<Receiver<Batch>>) {
        let mut buffer = vec![0; BLOCK];
        loop {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(batch) = next else { return };
            for (name, facts, copy) in &batch.files {
                let path = batch.folder.join(std::ffi::OsStr::from_bytes(name.to_bytes()));
                match self.file(&batch, name, facts, copy.as_ref(), &path, &mut buffer) {
                    // The node has deleted or replaced it meanwhile.
                    Err((Side::Source, error)) if is_gone(&error) => {}
                    Ok(()) => {}
                    Err((side, error)) => {
                        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
                        failure.get_or_insert((side, path, error));
                        self.has_failed.store(true, Ordering::Relaxed);
                        break;
                    }
                }
            }
        }
    }

    /// Removes entries of the copy that the source lacks, or has with another kind. Returns the others.
    fn remove_others(
        target: &OwnedFd,
        wanted: &[(CString, Stat)],
        path: &Path,
        depth: u32,
    ) -> Result<HashMap<CString, Stat>, PassError> {
        let mut copies: HashMap<CString, Stat> = tree::entries(target).map_err(at_copy(path))?.into_iter().collect();
        if copies.is_empty() {
            return Ok(copies);
        }
        let wanted: HashMap<&CStr, FileType> =
            wanted.iter().map(|(name, facts)| (name.as_c_str(), kind(facts))).collect();
        for (name, facts) in copies.extract_if(|name, facts| wanted.get(name.as_c_str()) != Some(&kind(facts))) {
            remove_all(target, &name, kind(&facts), depth).map_err(at_copy(path))?;
        }
        Ok(copies)
    }

    /// Copies a file unless its `copy` is one already. The `listed` facts may be older than the file: the node may run.
    fn file(
        &self,
        Batch { source, target, .. }: &Batch,
        name: &CStr,
        listed: &Stat,
        copy: Option<&Stat>,
        path: &Path,
        buffer: &mut [u8],
    ) -> Result<(), FileError> {
        if self.is_over() {
            return Err(of_source(io::ErrorKind::Interrupted));
        }
        if let Some(copy) = copy {
            if self.is_copied(source, target, name, listed, copy)? {
                self.progress.add(size(listed));
                return Ok(());
            }
            tree::remove(target, name, FileType::RegularFile).map_err(of_copy)?;
        }
        let mut from = File::from(tree::open_file(source, name).map_err(of_source)?);
        let facts = rustix::fs::fstat(&from).map_err(of_source)?;
        if kind(&facts) != FileType::RegularFile {
            return Ok(());
        }
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let to = rustix::fs::openat(target, name, flags, Mode::RUSR | Mode::WUSR).map_err(of_copy)?;
        let mut to = File::from(to);
        let is_sparse = u64::try_from(facts.st_blocks).unwrap_or_default().saturating_mul(512) < size(&facts);
        let bytes = self.content(&mut from, &mut to, is_sparse, buffer)?;
        give(&to, &facts).map_err(of_copy)?;
        let mut flusher = self.flusher.lock().unwrap_or_else(PoisonError::into_inner);
        flusher.add(path.to_owned(), times(&facts), bytes).map_err(of_copy)
    }

    fn is_copied(
        &self,
        source: &OwnedFd,
        target: &OwnedFd,
        name: &CStr,
        facts: &Stat,
        copy: &Stat,
    ) -> Result<bool, FileError> {
        if !is_same_version(facts, copy) {
            return Ok(false);
        }
        if self.compare == Compare::Times || is_hash(name) {
            return Ok(true);
        }
        let one = tree::open_file(source, name).map_err(of_source)?;
        let other = tree::open_file(target, name).map_err(of_copy)?;
        has_same_content(&mut File::from(one), &mut File::from(other))
    }

    /// Copies the content of a file, and leaves holes where a sparse source has zeros.
    fn content(&self, from: &mut File, to: &mut File, is_sparse: bool, buffer: &mut [u8]) -> Result<u64, FileError> {
        let mut bytes = 0;
        loop {
            if self.is_over() {
                return Err(of_source(io::ErrorKind::Interrupted));
            }
            let read = match from.read(buffer) {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(of_source(error)),
            };
            let Some(block) = buffer.get(..read).filter(|block| !block.is_empty()) else { break };
            if is_sparse && block.iter().all(|byte| *byte == 0) {
                to.seek(SeekFrom::Current(i64::try_from(read).unwrap_or_default())).map_err(of_copy)?;
            } else {
                to.write_all(block).map_err(of_copy)?;
            }
            bytes += read as u64;
            self.progress.add(read as u64);
            self.copied.fetch_add(read as u64, Ordering::Relaxed);
            self.keep_rate();
        }
        if is_sparse {
            to.set_len(bytes).map_err(of_copy)?;
        }
        Ok(bytes)
    }

    /// Waits so that the bytes copied so far do not exceed the rate.
    fn keep_rate(&self) {
        let Some(rate) = self.rate.filter(|rate| *rate > 0) else { return };
        let due = Duration::from_secs_f64(self.copied.load(Ordering::Relaxed) as f64 / rate as f64);
        // In short waits, so that a stop takes effect.
        while let Some(left) = due.checked_sub(self.begun.elapsed()).filter(|left| !left.is_zero()) {
            if self.is_over() {
                return;
            }
            thread::sleep(left.min(Duration::from_millis(100)));
        }
    }
}

fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

fn times(facts: &Stat) -> Timestamps {
    let modified = Timespec { tv_sec: facts.st_mtime as _, tv_nsec: facts.st_mtime_nsec as _ };
    Timestamps { last_access: modified, last_modification: modified }
}

/// Gives a copy the owner and the mode of its source, without the right to run with the rights of its owner: only root can
/// change owners, and some file systems have none.
fn give(copy: impl AsFd, facts: &Stat) -> io::Result<()> {
    if rustix::process::geteuid().is_root() {
        let (user, group) = (Uid::from_raw(facts.st_uid), Gid::from_raw(facts.st_gid));
        lenient(rustix::fs::fchown(&copy, Some(user), Some(group)))?;
    }
    lenient(rustix::fs::fchmod(&copy, Mode::from_raw_mode(facts.st_mode).difference(Mode::SUID)))
}

fn lenient(result: rustix::io::Result<()>) -> io::Result<()> {
    match result {
        Ok(()) | Err(Errno::PERM | Errno::NOTSUP) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn make_folder(target: &OwnedFd, name: &CStr, facts: &Stat) -> io::Result<OwnedFd> {
    match rustix::fs::mkdirat(target, name, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(error) => return Err(error.into()),
    }
    let made = tree::open_in(target, name)?;
    give(&made, facts)?;
    Ok(made)
}

/// Copies a link as a link; its target is never opened.
fn copy_link(source: &OwnedFd, target: &OwnedFd, name: &CStr) -> Result<(), FileError> {
    let to = match rustix::fs::readlinkat(source, name, Vec::new()) {
        Err(Errno::NOENT) => return Ok(()),
        read => read.map_err(of_source)?,
    };
    tree::remove(target, name, FileType::Symlink).map_err(of_copy)?;
    rustix::fs::symlinkat(to, target, name).map_err(of_copy)
}

fn remove_all(folder: &OwnedFd, name: &CStr, kind: FileType, depth: u32) -> io::Result<()> {
    if kind == FileType::Directory {
        let depth = deeper(depth)?;
        let inner = tree::open_in(folder, name)?;
        for (name, facts) in tree::entries(&inner)? {
            remove_all(&inner, &name, tree::kind(&facts), depth)?;
        }
    }
    tree::remove(folder, name, kind)
}
