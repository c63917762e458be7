//! The end of commands that go on until they are interrupted.

use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::error::CliError;

/// Waits for SIGINT and SIGTERM, which then no longer kill the process.
pub(crate) struct Interrupt(Receiver<()>);

/// The reason for the end of a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waited {
    /// The time is over.
    Timeout,
    /// A signal asked the command to end.
    Interrupted,
}

impl Interrupt {
    /// Starts to wait for the signals.
    ///
    /// # Errors
    /// The system refuses the handlers.
    pub(crate) fn new() -> Result<Self, CliError> {
        let (sender, receiver) = channel();
        let mut signals = Signals::new([SIGINT, SIGTERM])?;
        std::thread::spawn(move || {
            for _ in signals.forever() {
                if sender.send(()).is_err() {
                    break;
                }
            }
        });
        Ok(Self(receiver))
    }

    /// Waits for a signal, at most for `timeout`.
    pub(crate) fn wait(&self, timeout: Duration) -> Waited {
        match self.0.recv_timeout(timeout) {
            Err(RecvTimeoutError::Timeout) => Waited::Timeout,
            Ok(()) | Err(RecvTimeoutError::Disconnected) => Waited::Interrupted,
        }
    }
}
