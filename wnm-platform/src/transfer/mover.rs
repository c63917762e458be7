//! Threads that copy folders beside the cycles of wnm, behind other work.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use wnm_core::steps::Step;
use wnm_core::{ActionId, Bytes, Node};

use super::copy::{Compare, Pass, PassError, Side};
use super::place::{lock_file, staging};
use super::tree::{self, DEPTH};
use super::verify::difference;
use crate::error::{FileOperation, PlatformError};
use crate::guarded;
use crate::node_dir::check_free_space;
use crate::weight::lower_this_thread;

/// The time for which a cycle waits for a copy: a small folder is copied within it.
const PATIENCE: Duration = Duration::from_millis(200);

/// The work of one step of a move.
#[derive(Debug, Clone)]
pub(crate) struct Work {
    /// The step: copy, copy the rest, or verify.
    pub(crate) step: Step,
    /// The node at its old place.
    pub(crate) from: Node,
    /// The node at its new place.
    pub(crate) to: Node,
    /// Bytes per second; None without a limit.
    pub(crate) rate: Option<u64>,
    /// Bytes that stay free on the target; None after the first pass, which has checked the space for the folder.
    pub(crate) reserve: Option<u64>,
}

/// The progress of a copy, shared with its thread.
#[derive(Debug, Default)]
pub(super) struct Progress {
    done: AtomicU64,
    total: AtomicU64,
    stop: AtomicBool,
}

impl Progress {
    pub(super) fn add(&self, bytes: u64) {
        self.done.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

struct Mover {
    step: Step,
    progress: Arc<Progress>,
    thread: JoinHandle<Result<(), PlatformError>>,
    /// Whether a cycle has asked since the last [`Movers::wait`]: a copy of an action that ended elsewhere is not asked for.
    asked: bool,
}

/// The state of the work of a step.
#[derive(Debug)]
pub(crate) enum Polled {
    /// The work is complete.
    Done,
    /// The work goes on; the text tells how far it is.
    Running(String),
}

/// The copies that this process runs. They stop with it, and the next process continues them.
#[derive(Default)]
pub struct Movers(Mutex<BTreeMap<ActionId, Mover>>);

impl Movers {
    /// Begins the work of a step, or tells how far it is.
    ///
    /// # Errors
    /// The copy failed.
    pub(crate) fn poll(&self, action: ActionId, work: impl FnOnce() -> Work) -> Result<Polled, PlatformError> {
        // An entry is complete when it is inserted, so the map stays valid after a panic.
        let mut movers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let work = work();
        let mut mover = match movers.remove(&action) {
            Some(running) if running.step == work.step => running,
            other => {
                // Another wnm has brought the action to this step.
                other.iter().for_each(Mover::stop);
                begin(work)?
            }
        };
        let deadline = Instant::now() + PATIENCE;
        while !mover.thread.is_finished() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(2));
        }
        if !mover.thread.is_finished() {
            let text = describe(mover.step, &mover.progress);
            mover.asked = true;
            movers.insert(action, mover);
            return Ok(Polled::Running(text));
        }
        match mover.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)) {
            Ok(()) => Ok(Polled::Done),
            Err(PlatformError::CopyBusy) => Ok(Polled::Running("another wnm copies the folder".to_owned())),
            Err(error) => Err(error),
        }
    }

    /// Waits until a copy that the last cycle has asked for ends, at most for `limit`. Returns false if there is none.
    pub(crate) fn wait(&self, limit: Duration) -> bool {
        let mut movers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        movers.retain(|_, mover| std::mem::take(&mut mover.asked) || !mover.thread.is_finished());
        drop(movers);
        let deadline = Instant::now() + limit;
        loop {
            let movers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let is_over = movers.values().any(|mover| mover.thread.is_finished()) || Instant::now() >= deadline;
            if is_over || movers.is_empty() {
                return !movers.is_empty();
            }
            drop(movers);
            thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Mover {
    fn stop(&self) {
        self.progress.stop.store(true, Ordering::Relaxed);
    }
}

impl Drop for Movers {
    fn drop(&mut self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().for_each(Mover::stop);
    }
}

fn begin(work: Work) -> Result<Mover, PlatformError> {
    let progress = Arc::new(Progress::default());
    let (step, shared) = (work.step, Arc::clone(&progress));
    let path = work.from.root_dir.clone();
    let thread = thread::Builder::new().name(format!("move-{}", work.from.id)).spawn(move || {
        lower_this_thread();
        run(&work, &shared)
    });
    let thread = thread.map_err(|source| PlatformError::File { operation: FileOperation::CopyFolder, path, source })?;
    Ok(Mover { step, progress, thread, asked: false })
}

fn describe(step: Step, progress: &Progress) -> String {
    let bytes = |value: &AtomicU64| Bytes(value.load(Ordering::Relaxed));
    let (done, total) = (bytes(&progress.done), bytes(&progress.total));
    match step {
        Step::Copy if total.0 > 0 => format!("copied {} of {total}", Bytes(done.0.min(total.0))),
        Step::Verify => format!("compared {done}"),
        _ => format!("copied {done}"),
    }
}

fn run(work: &Work, progress: &Progress) -> Result<(), PlatformError> {
    let (source, target) = (&work.from.root_dir, staging(&work.to));
    let fail =
        |path: PathBuf, source: io::Error| PlatformError::File { operation: FileOperation::CopyFolder, path, source };
    let lock = lock_file(&work.to);
    let lock = guarded::open_or_create(&lock, 0o600).map_err(|error| fail(lock, error))?;
    if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
        return Err(PlatformError::CopyBusy);
    }
    let from = tree::open(source).map_err(|error| fail(source.clone(), error))?;
    let to = tree::open(&target).map_err(|error| fail(target.clone(), error))?;
    // The hint of the error depends on the volume that failed.
    let within = |(side, path, error): PassError| match side {
        Side::Source => fail(source.join(path), error),
        Side::Copy => fail(target.join(path), error),
    };
    let compare = match work.step {
        Step::Verify => {
            let different = difference(&from, &to, std::path::Path::new(""), progress, DEPTH).map_err(within)?;
            let error = |path: PathBuf| PlatformError::CopyDiffers { path: source.join(path) };
            return different.map_or(Ok(()), |path| Err(error(path)));
        }
        Step::Copy => Compare::Times,
        _ => Compare::Contents,
    };
    if let Some(reserve) = work.reserve {
        // Not in the later passes: the node is down meanwhile.
        let total = tree::total(&from, DEPTH).map_err(|error| fail(source.clone(), error))?;
        progress.total.store(total, Ordering::Relaxed);
        let present = tree::total(&to, DEPTH).map_err(|error| fail(target.clone(), error))?;
        check_free_space(&target, total.saturating_sub(present).saturating_add(reserve))?;
    }
    Pass::run(from, to, compare, work.rate, progress).map_err(within)
}
