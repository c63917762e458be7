//! Execution of one program without threads and without waiting for its children.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, ExitStatus};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process_group};

use wnm_core::Bytes;

use super::{Call, Output};
use crate::error::PlatformError;
use crate::volume;

/// The wait for output after the exit: a daemon that the program started may keep the streams open for ever.
const GRACE: Duration = Duration::from_millis(10);
/// The wait for the end of a killed program.
const KILLED: Duration = Duration::from_secs(1);
/// The killed programs that have not ended.
static LEFT: Mutex<Vec<Child>> = Mutex::new(Vec::new());
/// The time for new attempts after ETXTBSY.
const BUSY: Duration = Duration::from_secs(1);

/// Runs a program and returns its output.
pub(super) fn run(call: &Call) -> Result<Output, PlatformError> {
    let begun = Instant::now();
    let not_started = |source| PlatformError::NotStarted { command: call.summary(), source };
    let mut child = spawn(call, begun).map_err(not_started)?;
    let mut group = Group(Some(Pid::from_child(&child)));
    let mut out = Stream::new(child.stdout.take(), call.output_limit).map_err(not_started)?;
    let mut err = Stream::new(child.stderr.take(), call.output_limit).map_err(not_started)?;
    let followed = follow(&mut child, &mut out, &mut err, begun + call.deadline).map_err(not_started)?;
    if let Followed::Ended(status) = followed {
        group.0 = None;
        return Ok(Output { code: status.code(), signal: status.signal(), stdout: out.kept, stderr: err.kept });
    }
    drop(group);
    leave(child);
    if followed == Followed::Flooded {
        return Err(PlatformError::Flooded { command: call.summary(), limit: Bytes(call.output_limit as u64) });
    }
    let printed = Output { stdout: out.kept, stderr: err.kept, ..Output::default() }.message();
    Err(PlatformError::Hung { command: call.summary(), deadline: call.deadline, printed })
}

/// The end of a program, or the reason to end it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Followed {
    Ended(ExitStatus),
    OutOfTime,
    Flooded,
}

/// A process group that is killed on drop.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Removes the zombie of a killed program. A program in a call on a file system that does not answer ends with that call
/// only, and is removed by a later call.
fn leave(mut child: Child) {
    let begun = Instant::now();
    let mut left = LEFT.lock().unwrap_or_else(PoisonError::into_inner);
    left.retain_mut(|earlier| matches!(earlier.try_wait(), Ok(None)));
    while matches!(child.try_wait(), Ok(None)) {
        if begun.elapsed() > KILLED {
            left.push(child);
            return;
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// Starts the program, with new attempts after ETXTBSY: a file that was just written is still open for writing in a
/// process that another thread is forking, until its exec.
fn spawn(call: &Call, begun: Instant) -> io::Result<Child> {
    loop {
        match spawn_once(call) {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy && begun.elapsed() < BUSY => {
                thread::sleep(Duration::from_millis(5));
            }
            result => return result,
        }
    }
}

/// Starts the program. The kernel reads it before this returns, which takes for ever on a volume that hangs.
fn spawn_once(call: &Call) -> io::Result<Child> {
    let program = Path::new(&call.program);
    if !program.is_absolute() {
        return call.command().spawn();
    }
    let call = call.clone();
    volume::io(program, move |_| call.command().spawn())
}

/// Collects output until the program exits, the deadline passes, or a stream exceeds its limit.
fn follow(
    child: &mut Child,
    out: &mut Stream<impl Read + AsFd>,
    err: &mut Stream<impl Read + AsFd>,
    deadline: Instant,
) -> io::Result<Followed> {
    let mut pause = Duration::from_millis(1);
    let mut ended: Option<(ExitStatus, Instant)> = None;
    loop {
        let progress = out.drain() | err.drain();
        if out.is_flooded() || err.is_flooded() {
            return Ok(Followed::Flooded);
        }
        if ended.is_none() {
            ended = child.try_wait()?.map(|status| (status, Instant::now()));
        }
        let is_complete = out.source.is_none() && err.source.is_none();
        match ended {
            Some((status, at)) if is_complete || at.elapsed() >= GRACE => return Ok(Followed::Ended(status)),
            Some(_) => {}
            None if Instant::now() >= deadline => return Ok(Followed::OutOfTime),
            None => {}
        }
        // poll(2) does not report an exit, so the pause between two checks doubles up to 20 ms.
        let is_awaited = progress || ended.is_some();
        pause = if is_awaited { Duration::from_millis(1) } else { (pause * 2).min(Duration::from_millis(20)) };
        await_output(out, err, pause);
    }
}

fn await_output(out: &Stream<impl AsFd>, err: &Stream<impl AsFd>, pause: Duration) {
    let fds = [out.source.as_ref().map(AsFd::as_fd), err.source.as_ref().map(AsFd::as_fd)];
    let mut fds: Vec<PollFd<'_>> =
        fds.into_iter().flatten().map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
    if fds.is_empty() {
        thread::sleep(pause);
    } else {
        let _ = poll(&mut fds, Timespec::try_from(pause).ok().as_ref());
    }
}

/// One output stream, read without blocking.
struct Stream<S> {
    /// None after its end.
    source: Option<S>,
    kept: Vec<u8>,
    limit: usize,
    /// Whether the program printed more than the limit. Its answer is incomplete, and it may never end.
    flooded: bool,
}

impl<S: Read + AsFd> Stream<S> {
    fn new(source: Option<S>, limit: usize) -> io::Result<Self> {
        if let Some(source) = &source {
            rustix::io::ioctl_fionbio(source, true)?;
        }
        Ok(Self { source, kept: Vec::new(), limit, flooded: false })
    }

    fn is_flooded(&self) -> bool {
        self.flooded
    }

    /// Reads the available bytes, at most about one limit. Returns whether there were any.
    fn drain(&mut self) -> bool {
        let mut buffer = [0; 8192];
        let mut read = 0;
        while read <= self.limit {
            let Some(source) = &mut self.source else { break };
            match source.read(&mut buffer) {
                Ok(0) => self.source = None,
                Ok(n) => {
                    let room = self.limit.saturating_sub(self.kept.len()).min(n);
                    self.kept.extend_from_slice(&buffer[..room]);
                    self.flooded |= room < n;
                    read += n;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // The stream is unusable, but the exit code still counts.
                Err(_) => self.source = None,
            }
        }
        read > 0
    }
}
