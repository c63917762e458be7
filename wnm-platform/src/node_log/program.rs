//! The lines that a program prints, collected by a thread until it exits or is no longer wanted.

use std::io::Read as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::thread;

use rustix::process::{Pid, Signal, kill_process_group};

use super::{NewLines, complete_lines, printable};
use crate::error::PlatformError;
use crate::exec::{Call, Output};

/// The parts of output that wait for a reader. A program that prints faster waits itself.
const PARTS: usize = 64;
/// The last lines that an error message is chosen from.
const KEPT: usize = 5;

/// A running program with the lines that it has printed. The program ends with this value.
pub(super) struct Lines {
    child: Child,
    parts: Receiver<Vec<u8>>,
    pending: Vec<u8>,
    last: Vec<String>,
    command: String,
}

impl Lines {
    /// Starts a program whose two streams become one, in the order in which it prints.
    pub(super) fn start(call: &Call) -> Result<Self, PlatformError> {
        let not_started = |source| PlatformError::NotStarted { command: call.summary(), source };
        let (mut reader, writer) = std::io::pipe().map_err(not_started)?;
        let mut command = call.command();
        command.stdin(Stdio::null()).stderr(writer.try_clone().map_err(not_started)?).stdout(writer);
        let (sender, parts) = sync_channel(PARTS);
        let pass = move || {
            let mut part = vec![0; 64 * 1024];
            while let Ok(read @ 1..) = reader.read(&mut part) {
                if sender.send(part[..read].to_vec()).is_err() {
                    break;
                }
            }
        };
        // Before the program, which would run on without a reader. The thread ends with the last write end.
        thread::Builder::new().spawn(pass).map_err(not_started)?;
        let child = command.spawn().map_err(not_started)?;
        // Closes the write end in this process, so that the read ends with the program.
        drop(command);
        Ok(Self { child, parts, pending: Vec::new(), last: Vec::new(), command: call.summary() })
    }

    /// Returns the lines since the last reading.
    ///
    /// # Errors
    /// The program has ended with a failure.
    pub(super) fn read(&mut self) -> Result<NewLines, PlatformError> {
        let mut has_ended = false;
        // One reading returns at most the parts that wait now, so that a program that prints without end does not hold it.
        for _ in 0..PARTS {
            match self.parts.try_recv() {
                Ok(mut part) => self.pending.append(&mut part),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => {
                    has_ended = true;
                    break;
                }
            }
        }
        let mut lines = complete_lines(&mut self.pending);
        if has_ended && !self.pending.is_empty() {
            lines.push(printable(&std::mem::take(&mut self.pending)));
        }
        self.last.extend(lines.iter().rev().take(KEPT).rev().cloned());
        self.last.drain(..self.last.len().saturating_sub(KEPT));
        if has_ended {
            self.check_status()?;
        }
        Ok(NewLines { lines, has_ended })
    }

    fn check_status(&mut self) -> Result<(), PlatformError> {
        let waited = self.child.wait();
        let status = waited.map_err(|source| PlatformError::NotStarted { command: self.command.clone(), source })?;
        if status.success() {
            return Ok(());
        }
        let output = Output {
            code: status.code(),
            signal: status.signal(),
            stderr: self.last.join("\n").into_bytes(),
            ..Output::default()
        };
        Err(output.failure_of(self.command.clone()))
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        // The program of its own process group has ended with the wait, and its number may belong to another one.
        if let Ok(None) = self.child.try_wait() {
            let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
            let _ = self.child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads until the end of the program.
    fn all(script: &str) -> Result<Vec<String>, PlatformError> {
        let mut lines = Lines::start(&Call::new("sh").args(["-c", script])).unwrap();
        let mut all = Vec::new();
        loop {
            let NewLines { lines, has_ended } = lines.read()?;
            all.extend(lines);
            if has_ended {
                return Ok(all);
            }
            thread::yield_now();
        }
    }

    #[test]
    fn streams_are_one_in_order() {
        assert_eq!(all("echo 1; echo 2 >&2; printf 3").unwrap(), ["1", "2", "3"]);
        assert_eq!(all("seq 20000").unwrap().len(), 20_000);
    }

    #[test]
    fn failure_names_the_command_and_its_words() {
        let error = all("echo 'no such container: antnode0001' >&2; exit 1").unwrap_err().to_string();
        assert!(error.contains("exit code 1") && error.contains("no such container"), "{error}");
        assert!(Lines::start(&Call::new("/does/not/exist")).is_err());
    }

    #[test]
    fn program_ends_with_its_reader() {
        let lines = Lines::start(&Call::new("sleep").arg("1000")).unwrap();
        let pid = Pid::from_child(&lines.child);
        drop(lines);
        assert!(rustix::process::test_kill_process(pid).is_err());
    }
}
