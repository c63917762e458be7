//! The end of commands that go on until they are interrupted.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::error::CliError;

/// Waits for SIGINT and SIGTERM, which then no longer kill the process.
pub(crate) struct Interrupt {
    sender: Sender<Waited>,
    waits: Receiver<Waited>,
}

/// The reason for the end of a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waited {
    /// The time is over.
    Timeout,
    /// Another thread has news.
    Woken,
    /// A signal asked the command to end.
    Interrupted,
}

impl Interrupt {
    /// Starts to wait for the signals.
    ///
    /// # Errors
    /// The system refuses the handlers.
    pub(crate) fn new() -> Result<Self, CliError> {
        let (sender, waits) = channel();
        let waker = sender.clone();
        let mut signals = Signals::new([SIGINT, SIGTERM])?;
        std::thread::Builder::new().spawn(move || {
            for _ in signals.forever() {
                if waker.send(Waited::Interrupted).is_err() {
                    break;
                }
            }
        })?;
        Ok(Self { sender, waits })
    }

    /// Returns a function that ends a wait early; false when the command has ended.
    pub(crate) fn waker(&self) -> impl Fn() -> bool + Send + 'static {
        let sender = self.sender.clone();
        move || sender.send(Waited::Woken).is_ok()
    }

    /// Waits for a signal or a waker, at most for `timeout`.
    pub(crate) fn wait(&self, timeout: Duration) -> Waited {
        match self.waits.recv_timeout(timeout) {
            Ok(waited) => waited,
            Err(RecvTimeoutError::Timeout) => Waited::Timeout,
            Err(RecvTimeoutError::Disconnected) => Waited::Interrupted,
        }
    }
}
