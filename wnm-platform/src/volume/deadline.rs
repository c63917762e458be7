//! The one door for calls on a storage path: each has a deadline, in a helper thread.
//!
//! A file system that hangs, such as NFS without its server, blocks the calling thread beyond the reach of signals. The
//! thread stays behind until the file system answers again; meanwhile all further calls on the same volume fail at once,
//! so that a volume holds one thread at most, and a cycle waits for it once.
//!
//! A volume is known by its storage folder ([`know`]). A call inside of another one on the same volume runs in the same
//! thread, so that work on many files costs one thread.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread;
use std::time::Duration;

/// The time for one call on a storage path. A disk that spins up takes some seconds.
pub(crate) const CALL: Duration = Duration::from_secs(6);
/// The time for calls that write, without progress. A flush on a disk that other programs fill waits for their data.
pub(crate) const WRITE: Duration = Duration::from_secs(40);

/// The storage folders, and those of nodes and logs outside of all, by their names: as configured and without links.
static KNOWN: RwLock<BTreeMap<PathBuf, PathBuf>> = RwLock::new(BTreeMap::new());
/// The volumes with a call that has not returned in time. Shared by all callers, because the file system is.
static HUNG: Mutex<BTreeMap<PathBuf, Arc<Work>>> = Mutex::new(BTreeMap::new());

/// The helpers without work. A thread for each call would cost 30 µs.
static IDLE: Mutex<Vec<Helper>> = Mutex::new(Vec::new());

/// The work of a helper, which puts the helper back among the idle ones at its end.
type Job = Box<dyn FnOnce(&Helper) + Send>;

/// A helper thread, to which jobs are sent.
#[derive(Clone)]
struct Helper(mpsc::Sender<Job>);

thread_local! {
    /// The work of this thread, when it is a helper.
    static OWN: RefCell<Option<(PathBuf, Arc<Work>)>> = const { RefCell::new(None) };
}

/// A call on a storage path that did not return in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the file system does not answer")]
pub(crate) struct NoAnswer;

impl From<NoAnswer> for io::Error {
    fn from(error: NoAnswer) -> Self {
        Self::new(io::ErrorKind::TimedOut, error)
    }
}

/// The work of a helper thread.
#[derive(Debug, Default)]
struct Work {
    /// The number of calls that have begun.
    progress: AtomicU64,
    has_returned: AtomicBool,
}

/// Makes storage folders known, under which each path belongs to one volume.
pub(crate) fn know<'a>(folders: impl IntoIterator<Item = &'a Path>) {
    let folders: Vec<&Path> = folders.into_iter().filter(|folder| folder.is_absolute()).collect();
    let is_known = |known: &BTreeMap<PathBuf, PathBuf>| folders.iter().all(|folder| known.contains_key(*folder));
    if is_known(&KNOWN.read().unwrap_or_else(PoisonError::into_inner)) {
        return;
    }
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    for folder in folders {
        known.entry(folder.to_owned()).or_insert_with(|| folder.to_owned());
    }
}

/// Makes another name of a storage folder known: the one without links.
pub(crate) fn know_real(real: &Path, folder: &Path) {
    if real == folder || KNOWN.read().unwrap_or_else(PoisonError::into_inner).contains_key(real) {
        return;
    }
    KNOWN.write().unwrap_or_else(PoisonError::into_inner).insert(real.to_owned(), folder.to_owned());
}

/// Returns the storage folder around a path: the innermost one. None for a path outside of all.
pub(crate) fn volume_around(path: &Path) -> Option<PathBuf> {
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    path.ancestors().find_map(|folder| known.get(folder).cloned())
}

/// Runs one call on a path, in a helper thread if the path is on a volume of nodes.
///
/// # Errors
/// That of the call, or [`io::ErrorKind::TimedOut`] when the file system does not answer.
pub(crate) fn io<T: Send + 'static>(
    path: &Path,
    call: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    io_within(path, CALL, call)
}

/// As [`io`], for calls that write and flush.
///
/// # Errors
/// As [`io`].
pub(crate) fn io_writing<T: Send + 'static>(
    path: &Path,
    call: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    io_within(path, WRITE, call)
}

fn io_within<T: Send + 'static>(
    path: &Path,
    deadline: Duration,
    call: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let Some(volume) = volume_around(path) else { return call(path) };
    if is_own(&volume) {
        return call(path);
    }
    let path = path.to_owned();
    within(&volume, deadline, move || call(&path))?
}

/// Runs calls on the volume of a path in a helper thread and returns their result. The deadline is the time without
/// progress: a call through [`io`], or [`progress`].
///
/// # Errors
/// The deadline passes, or an earlier call on the same volume still has not returned.
pub(crate) fn within<T: Send + 'static>(
    path: &Path,
    deadline: Duration,
    call: impl FnOnce() -> T + Send + 'static,
) -> Result<T, NoAnswer> {
    let volume = volume_around(path).unwrap_or_else(|| path.to_owned());
    if is_own(&volume) {
        return Ok(call());
    }
    let result = Arc::new(Mutex::new(None));
    let slot = Arc::clone(&result);
    let call = move || *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(call());
    run(volume, deadline, Box::new(call))?;
    let result = result.lock().unwrap_or_else(PoisonError::into_inner).take();
    result.ok_or(NoAnswer)
}

/// Runs calls on a volume in a helper thread. It is no generic function, of which the program would contain a copy with
/// its channel for each type of a result.
fn run(volume: PathBuf, deadline: Duration, call: Box<dyn FnOnce() + Send>) -> Result<(), NoAnswer> {
    if is_hung(&volume) {
        return Err(NoAnswer);
    }
    let work = Arc::new(Work::default());
    let (sender, receiver) = mpsc::sync_channel(1);
    let (mark, own) = (ReturnMark(Arc::clone(&work)), (volume.clone(), Arc::clone(&work)));
    let job = move |helper: &Helper| {
        let outer = OWN.replace(Some(own));
        call();
        OWN.set(outer);
        drop(mark);
        // Before the end is told, so that the next call finds this helper.
        idle().push(helper.clone());
        // The receiver is gone when the call was late.
        let _ = sender.send(());
    };
    hand_over(Box::new(job));
    let mut seen = 0;
    loop {
        match receiver.recv_timeout(deadline) {
            Ok(()) => return Ok(()),
            Err(RecvTimeoutError::Disconnected) => return Err(NoAnswer),
            Err(RecvTimeoutError::Timeout) => {
                let progress = work.progress.load(Ordering::Relaxed);
                if progress == seen {
                    hung().insert(volume, work);
                    return Err(NoAnswer);
                }
                seen = progress;
            }
        }
    }
}

/// Gives a job to an idle helper, or to a new one.
fn hand_over(mut job: Job) {
    loop {
        let Some(helper) = idle().pop() else { break };
        match helper.0.send(job) {
            Ok(()) => return,
            Err(unsent) => job = unsent.0,
        }
    }
    let (sender, jobs) = mpsc::channel::<Job>();
    let helper = Helper(sender);
    let own = helper.clone();
    // A job that panics ends its thread, and its waiter gets no answer.
    let run = move || jobs.into_iter().for_each(|job| job(&own));
    let thread = thread::Builder::new().name("storage".to_owned()).spawn(run);
    // A host without threads left is no fault of the volume: the job runs here, without a deadline.
    if let (Err(_), Err(unsent)) = (thread, helper.0.send(job)) {
        unsent.0(&helper);
    }
}

fn idle() -> MutexGuard<'static, Vec<Helper>> {
    IDLE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tells the waiting thread, if this is a helper, that the work goes on.
pub(crate) fn progress() {
    OWN.with_borrow(|own| {
        if let Some((_, work)) = own {
            work.progress.fetch_add(1, Ordering::Relaxed);
        }
    });
}

/// Tells whether an earlier call on this volume has not returned yet.
pub(crate) fn is_hung(path: &Path) -> bool {
    let volume = volume_around(path).unwrap_or_else(|| path.to_owned());
    let mut hung = hung();
    match hung.get(&volume) {
        Some(work) if work.has_returned.load(Ordering::Acquire) => {
            hung.remove(&volume);
            false
        }
        Some(_) => true,
        None => false,
    }
}

/// Tells whether a call of this process has not returned yet: it holds a thread that no signal ends.
pub(crate) fn is_any_hung() -> bool {
    hung().values().any(|work| !work.has_returned.load(Ordering::Acquire))
}

/// Tells whether this thread is the helper for a volume, and notes its progress.
fn is_own(volume: &Path) -> bool {
    OWN.with_borrow(|own| match own {
        Some((own, work)) => {
            work.progress.fetch_add(1, Ordering::Relaxed);
            own == volume
        }
        None => false,
    })
}

/// Marks its work as returned when it is dropped, also by a panic of the call.
struct ReturnMark(Arc<Work>);

impl Drop for ReturnMark {
    fn drop(&mut self) {
        self.0.has_returned.store(true, Ordering::Release);
    }
}

fn hung() -> MutexGuard<'static, BTreeMap<PathBuf, Arc<Work>>> {
    HUNG.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_secs(30);

    #[test]
    fn result_in_time_is_returned() {
        assert_eq!(within(Path::new("/deadline/fast"), LONG, || 7), Ok(7));
    }

    /// Waits until the helper of a volume has returned.
    fn await_return(path: &Path) {
        let begun = std::time::Instant::now();
        while is_hung(path) {
            assert!(begun.elapsed() < LONG);
            thread::yield_now();
        }
    }

    #[test]
    fn hung_path_holds_one_thread_and_heals() {
        let path = Path::new("/deadline/hung");
        let (release, hold) = mpsc::channel::<()>();
        let call = move || {
            let _ = hold.recv();
        };
        assert_eq!(within(path, SHORT, call), Err(NoAnswer));
        // No further thread begins: the call would send.
        let (sender, receiver) = mpsc::channel();
        for _ in 0..100 {
            let sender = sender.clone();
            assert!(within(path, LONG, move || sender.send(1)).is_err());
        }
        assert!(receiver.try_recv().is_err());
        assert_eq!(within(Path::new("/deadline/other"), LONG, || 1), Ok(1), "other paths are not affected");
        release.send(()).unwrap();
        await_return(path);
        assert_eq!(within(path, LONG, || 2), Ok(2));
    }

    #[test]
    fn all_paths_of_a_hung_volume_fail_at_once() {
        let volume = Path::new("/deadline/volume");
        know([volume]);
        know_real(Path::new("/deadline/real"), volume);
        let (release, hold) = mpsc::channel::<()>();
        let call = move || {
            let _ = hold.recv();
        };
        assert_eq!(within(&volume.join("antnode0001/file"), SHORT, call), Err(NoAnswer));
        for path in ["/deadline/volume", "/deadline/volume/antnode0002/logs", "/deadline/real/antnode0003"] {
            let error = io(Path::new(path), |_| Ok(())).unwrap_err();
            assert_eq!((error.kind(), error.to_string()), (io::ErrorKind::TimedOut, NoAnswer.to_string()), "{path}");
        }
        assert!(io(Path::new("/deadline/elsewhere"), |_| Ok(())).is_ok());
        release.send(()).unwrap();
        await_return(volume);
        assert!(io(volume, |_| Ok(())).is_ok());
    }

    #[test]
    fn calls_within_a_call_share_its_thread() {
        let volume = Path::new("/deadline/nested");
        know([volume, Path::new("/deadline/nested/inner")]);
        let threads = within(volume, LONG, || {
            let here = thread::current().id();
            let of = |path: &str| io(Path::new(path), |_| Ok(thread::current().id())).unwrap() == here;
            (of("/deadline/nested/file"), of("/deadline/nested/inner/file"), of("/deadline/unknown"))
        });
        assert_eq!(threads, Ok((true, false, true)));
        let own = thread::current().id();
        assert_ne!(io(volume, |_| Ok(thread::current().id())).unwrap(), own);
    }

    #[test]
    fn work_that_goes_on_is_not_late() {
        let steps = within(Path::new("/deadline/slow"), SHORT * 5, || {
            for _ in 0..15 {
                thread::sleep(SHORT);
                progress();
            }
            15
        });
        assert_eq!(steps, Ok(15));
    }

    #[test]
    fn panic_of_a_call_is_no_answer() {
        let path = Path::new("/deadline/panic");
        assert_eq!(within::<u8>(path, LONG, || panic!("as a test")), Err(NoAnswer));
        assert_eq!(within(path, LONG, || 3), Ok(3));
    }
}
