//! A receiver that is a program of the operator: it gets the message on standard input.

use std::io::{self, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::program::is_trusted;

/// The time between two checks of a running command.
const CHECK: Duration = Duration::from_millis(20);

/// A command did not take a message.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// Another user can replace the program, and wnm would run it as root.
    #[error("{program} is not run as root, because another user can write it", program = .0.display())]
    NotTrusted(PathBuf),
    /// The program does not start.
    #[error("cannot run {program}: {source}", program = program.display())]
    NotStarted {
        /// The program.
        program: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The program failed.
    #[error("{program} {end}", program = program.display())]
    Failed {
        /// The program.
        program: PathBuf,
        /// The end, such as `exited with code 1`.
        end: String,
    },
}

/// Runs a command with a text on standard input, in a process group that is killed at its end or after `timeout`.
///
/// # Errors
/// The program does not start, is not trusted, fails, or does not end in time.
pub(super) fn run(words: &[String], input: &[u8], timeout: Duration) -> Result<(), CommandError> {
    let [program, arguments @ ..] = words else { return Ok(()) };
    let program = PathBuf::from(program);
    if !is_trusted(&program) {
        return Err(CommandError::NotTrusted(program));
    }
    let not_started = |source| CommandError::NotStarted { program: program.clone(), source };
    let mut command = Command::new(&program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    let mut child = command.spawn().map_err(not_started)?;
    match feed(&mut child, input, timeout).map_err(not_started)? {
        Some(status) if status.success() => Ok(()),
        status => Err(CommandError::Failed { program, end: end_of(status, timeout) }),
    }
}

/// Writes the input of a process, and waits for its end; None after its time. Kills the rest of its group.
fn feed(child: &mut Child, input: &[u8], timeout: Duration) -> io::Result<Option<ExitStatus>> {
    let begun = Instant::now();
    // A program that does not read its input must not stop this thread.
    let nonblocking = |stdin: &ChildStdin| fcntl_setfl(stdin, fcntl_getfl(stdin)? | OFlags::NONBLOCK);
    let mut stdin = child.stdin.take().filter(|stdin| nonblocking(stdin).is_ok());
    let mut rest = input;
    let mut status = child.try_wait();
    while matches!(status, Ok(None)) && begun.elapsed() < timeout {
        if let Some(pipe) = &mut stdin
            && write_some(pipe, &mut rest) == Written::All
        {
            // The program finds the end of its input.
            stdin = None;
        }
        std::thread::sleep(CHECK);
        status = child.try_wait();
    }
    // A group without processes is the aim.
    let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
    if matches!(status, Ok(None)) {
        let _ = child.wait();
    }
    status
}

/// Whether an input needs no further call.
#[derive(PartialEq, Eq)]
enum Written {
    All,
    Part,
}

/// Writes as much as a pipe takes now. A program that closed its input needs no more.
fn write_some(pipe: &mut ChildStdin, rest: &mut &[u8]) -> Written {
    while !rest.is_empty() {
        match pipe.write(rest) {
            Ok(written) => *rest = rest.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Written::Part,
            Err(_) => break,
        }
    }
    Written::All
}

fn end_of(status: Option<ExitStatus>, timeout: Duration) -> String {
    match status {
        None => format!("did not end within {} s", timeout.as_secs()),
        Some(status) => match (status.code(), status.signal()) {
            (Some(code), _) => format!("exited with code {code}"),
            (None, signal) => format!("was ended by signal {}", signal.unwrap_or_default()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, input: &[u8], timeout: Duration) -> Result<(), String> {
        let words = ["/bin/sh", "-c", script].map(str::to_owned);
        run(&words, input, timeout).map_err(|error| error.to_string())
    }

    #[test]
    fn program_gets_the_text_and_its_end_counts() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("input");
        let long = "x".repeat(200_000);
        let minute = Duration::from_secs(60);
        assert_eq!(shell(&format!("cat > {}", file.display()), long.as_bytes(), minute), Ok(()));
        assert_eq!(std::fs::read_to_string(file).unwrap(), long);
        // A program need not read.
        assert_eq!(shell("exit 0", long.as_bytes(), minute), Ok(()));
        for (script, end) in [("exit 3", "exited with code 3"), ("kill -9 $$", "was ended by signal 9")] {
            assert_eq!(shell(script, b"", minute), Err(format!("/bin/sh {end}")));
        }
        let missing = run(&["/nonexistent/notify".to_owned()], b"", minute).unwrap_err();
        assert!(missing.to_string().contains("/nonexistent/notify"), "{missing}");
    }

    #[test]
    fn program_that_hangs_is_killed_with_its_children() {
        let begun = Instant::now();
        let hung = shell("sleep 600 & sleep 600", "x".repeat(200_000).as_bytes(), Duration::from_millis(100));
        assert_eq!(hung, Err("/bin/sh did not end within 0 s".to_owned()));
        assert!(begun.elapsed() < Duration::from_secs(60));
    }
}
