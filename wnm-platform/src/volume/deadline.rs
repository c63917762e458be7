//! Calls on a storage path with a deadline, in a helper thread.
//!
//! A file system that hangs, such as NFS without its server, blocks the calling thread beyond the reach of signals. The
//! thread stays behind until the file system answers again; meanwhile all further calls on the same path fail at once, so
//! that a path holds one thread at most.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// The paths with a call that has not returned in time. Shared by all callers, because the file system is.
static HUNG: Mutex<BTreeMap<PathBuf, Arc<AtomicBool>>> = Mutex::new(BTreeMap::new());

/// A call on a storage path that did not return in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the file system does not answer")]
pub(crate) struct NoAnswer;

/// Runs a call on a storage path in a helper thread and returns its result.
///
/// # Errors
/// The call takes longer than the deadline, or an earlier call on the same path still has not returned.
pub(crate) fn within<T: Send + 'static>(
    path: &Path,
    deadline: Duration,
    call: impl FnOnce() -> T + Send + 'static,
) -> Result<T, NoAnswer> {
    if is_hung(path) {
        return Err(NoAnswer);
    }
    let returned = Arc::new(AtomicBool::new(false));
    let (sender, receiver) = mpsc::sync_channel(1);
    let mark = ReturnMark(Arc::clone(&returned));
    let spawned = thread::Builder::new().name("storage".to_owned()).spawn(move || {
        let result = call();
        drop(mark);
        // The receiver is gone when the call was late.
        let _ = sender.send(result);
    });
    // Without threads left, the host is in a state in which a missing answer is the truth.
    spawned.map_err(|_| NoAnswer)?;
    receiver.recv_timeout(deadline).map_err(|error| {
        if error == RecvTimeoutError::Timeout {
            hung().insert(path.to_owned(), returned);
        }
        NoAnswer
    })
}

/// Tells whether an earlier call on this path has not returned yet.
pub(crate) fn is_hung(path: &Path) -> bool {
    let mut hung = hung();
    match hung.get(path) {
        Some(returned) if returned.load(Ordering::Acquire) => {
            hung.remove(path);
            false
        }
        Some(_) => true,
        None => false,
    }
}

/// Sets its flag when it is dropped, also by a panic of the call.
struct ReturnMark(Arc<AtomicBool>);

impl Drop for ReturnMark {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

fn hung() -> MutexGuard<'static, BTreeMap<PathBuf, Arc<AtomicBool>>> {
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
        let begun = std::time::Instant::now();
        while is_hung(path) {
            assert!(begun.elapsed() < LONG);
            thread::yield_now();
        }
        assert_eq!(within(path, LONG, || 2), Ok(2));
    }

    #[test]
    fn panic_of_a_call_is_no_answer() {
        let path = Path::new("/deadline/panic");
        assert_eq!(within::<u8>(path, LONG, || panic!("as a test")), Err(NoAnswer));
        assert_eq!(within(path, LONG, || 3), Ok(3));
    }
}
