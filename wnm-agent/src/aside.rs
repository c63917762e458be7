//! Work beside the calling thread.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Runs work on a thread of its own. A host that is at its limit of tasks runs it on the calling thread, which waits for its
/// end.
pub(crate) fn run(name: &str, work: impl FnOnce() + Send + 'static) {
    run_with(work, |work| thread::Builder::new().name(name.to_owned()).spawn(work).map(drop));
}

/// Runs work by `start`, or here if that fails.
fn run_with<F: FnOnce() + Send + 'static>(
    work: F,
    start: impl FnOnce(Box<dyn FnOnce() + Send>) -> std::io::Result<()>,
) {
    // A thread that does not start drops its closure, and the work with it.
    let kept = Arc::new(Mutex::new(Some(work)));
    let given = Arc::clone(&kept);
    let started = start(Box::new(move || take(&given).into_iter().for_each(|work| work())));
    if started.is_err() {
        take(&kept).into_iter().for_each(|work| work());
    }
}

fn take<F>(work: &Mutex<Option<F>>) -> Option<F> {
    work.lock().unwrap_or_else(PoisonError::into_inner).take()
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn work_without_a_thread_is_done_here_and_once() {
        let here = thread::current().id();
        let (sender, receiver) = channel();
        let work = |sender: std::sync::mpsc::Sender<_>| move || sender.send(thread::current().id()).unwrap();
        run_with(work(sender.clone()), |work| {
            drop(work);
            Err(io::ErrorKind::WouldBlock.into())
        });
        assert_eq!(receiver.try_recv(), Ok(here));
        run("other", work(sender));
        assert_ne!(receiver.recv().unwrap(), here);
        assert!(receiver.recv().is_err());
    }
}
