//! One run of a client program: in a folder and a process group of its own, behind other work, with a deadline.
//!
//! The client's output goes to files in its folder, so that one limit bounds everything that it writes. Every process that
//! it leaves behind is killed: those of its group, and on Linux those that carry its mark in their environment.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group, setpriority_pgrp};
use wnm_core::Bytes;
use wnm_core::probe::ProbeClient;

use crate::error::PlatformError;
use crate::exec::{Call, Exec};

/// The time between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(5);
/// The time between two checks of a running client.
const CHECK: Duration = Duration::from_millis(50);
/// The bytes of each output that are read.
const OUTPUT: u64 = 256 * 1024;
/// The lowest nice value.
const LOWEST: i32 = 19;
/// The variable that marks the processes of a run, with the path of its folder.
const MARK: &str = "WNM_PROBE_FOLDER";
const STDOUT: &str = "stdout";
const STDERR: &str = "stderr";

/// One call of a client program.
#[derive(Debug, Clone)]
pub struct ClientCall {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// The private key of the wallet that pays; None where nothing is paid.
    pub key: Option<Secret>,
    /// The folder of the run, which exists and contains nothing but files of the run. The client runs in it.
    pub folder: PathBuf,
    /// The time after which the client is ended.
    pub timeout: Duration,
    /// The greatest size of the folder with all that the client writes.
    pub limit: Bytes,
    /// The free space below which the client is ended: it may also write elsewhere, or to files without a name.
    pub spare: Bytes,
}

/// A text that is never printed.
#[derive(Clone)]
pub struct Secret(pub String);

impl Secret {
    /// Returns a text in which the secret, in upper or lower case, is replaced by `***`. A text that was cut inside of the
    /// secret is cut before it.
    #[must_use]
    pub fn hidden_in(&self, text: &str) -> String {
        let secret = self.0.trim_start_matches("0x");
        if secret.is_empty() {
            return text.to_owned();
        }
        let mut hidden = String::new();
        let mut rest = text;
        while let Some(at) = rest.to_ascii_lowercase().find(&secret.to_ascii_lowercase()) {
            let (before, behind) = rest.split_at(at);
            hidden.push_str(before);
            hidden.push_str("***");
            rest = behind.get(secret.len()..).unwrap_or_default();
        }
        // The least part of a key that is worth hiding.
        let begins =
            (8..secret.len()).rev().find_map(|length| secret.get(..length).filter(|part| ends_with(rest, part)));
        hidden.push_str(rest.get(..rest.len() - begins.map_or(0, str::len)).unwrap_or_default());
        hidden
    }
}

fn ends_with(text: &str, end: &str) -> bool {
    let from = text.len().checked_sub(end.len());
    from.and_then(|from| text.get(from..)).is_some_and(|last| last.eq_ignore_ascii_case(end))
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// The end of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientEnd {
    /// The client exited with this code.
    Exited(i32),
    /// A signal that wnm did not send ended it.
    Signalled(i32),
    /// It did not exit in time.
    TimedOut,
    /// wnm ended it before its time.
    Stopped,
    /// It wrote more than the limit.
    Oversized,
    /// The volume of its folder became too full.
    NoSpace,
}

/// A client that has ended.
#[derive(Debug, Clone)]
pub struct FinishedClient {
    /// The end.
    pub end: ClientEnd,
    /// The last bytes of standard output.
    pub stdout: Vec<u8>,
    /// The last bytes of standard error.
    pub stderr: Vec<u8>,
    /// The time from its start to its end.
    pub took: Duration,
}

/// A client could not be run.
#[derive(Debug, thiserror::Error)]
pub enum ClientRunError {
    /// The program did not start.
    #[error("cannot start {program}: {source}", program = program.display())]
    NotStarted {
        /// The program.
        program: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A file of the run cannot be used.
    #[error("cannot use {path}: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The program is no client, or does not run.
    #[error("{program} is not a client program of the network: `--version` printed {printed:?}", program = program.display())]
    NotAClient {
        /// The program.
        program: PathBuf,
        /// The first line of its output.
        printed: String,
    },
    /// The program cannot be asked for its version.
    #[error(transparent)]
    Version(#[from] PlatformError),
}

/// Asks a program for its version, and recognises it.
///
/// # Errors
/// The program does not run, or is no client.
pub fn recognise(program: &Path) -> Result<ProbeClient, ClientRunError> {
    let call = Call::new(program).arg("--version").within(Duration::from_secs(10));
    let output = Exec::real().run(&call)?;
    let printed = String::from_utf8_lossy(&output.stdout);
    ProbeClient::recognise(&printed).ok_or_else(|| ClientRunError::NotAClient {
        program: program.to_owned(),
        printed: printed.lines().next().unwrap_or_default().chars().take(80).collect(),
    })
}

/// Gives the calling thread the priority of clients, on Linux, where each thread has its own. The processes that it starts
/// inherit the priority.
pub fn yield_to_others() {
    // A thread that keeps its priority still works.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), LOWEST);
}

/// Runs a client until it exits, or until it is ended: after its timeout, over its limit, or when `is_stopped`. It gets
/// SIGTERM first, and SIGKILL 5 s later. `meanwhile` is called every 50 ms.
///
/// # Errors
/// The client does not start, or its output cannot be read.
pub fn run_client(
    call: &ClientCall,
    is_stopped: impl Fn() -> bool,
    meanwhile: impl FnMut(),
) -> Result<FinishedClient, ClientRunError> {
    let output = |name: &str| {
        let path = call.folder.join(name);
        File::create_new(&path).map_err(|source| ClientRunError::File { path, source })
    };
    let mut command = Command::new(&call.program);
    command
        .args(&call.arguments)
        .current_dir(&call.folder)
        .env(MARK, &call.folder)
        .env_remove("SECRET_KEY")
        .stdin(Stdio::null())
        .stdout(output(STDOUT)?)
        .stderr(output(STDERR)?)
        .process_group(0);
    if let Some(Secret(key)) = &call.key {
        command.env("SECRET_KEY", key);
    }
    let begun = Instant::now();
    let not_started = |source| ClientRunError::NotStarted { program: call.program.clone(), source };
    let mut child = command.spawn().map_err(not_started)?;
    let group = Group { leader: Pid::from_child(&child), folder: &call.folder };
    // The first thread of the client has just begun; those that follow inherit its priority.
    let _ = setpriority_pgrp(Some(group.leader), LOWEST);
    let end = follow(&mut child, &group, call, begun, is_stopped, meanwhile).map_err(not_started)?;
    let took = begun.elapsed();
    drop(group);
    // Its group was killed, so that this returns at once and removes the zombie.
    let _ = child.wait();
    let printed = |name: &str| {
        let path = call.folder.join(name);
        tail(&path).map_err(|source| ClientRunError::File { path, source })
    };
    Ok(FinishedClient { end, stdout: printed(STDOUT)?, stderr: printed(STDERR)?, took })
}

/// The processes of a client, which are killed on drop.
struct Group<'a> {
    leader: Pid,
    folder: &'a Path,
}

impl Group<'_> {
    fn signal(&self, signal: Signal) {
        // A group without processes is the aim.
        let _ = kill_process_group(self.leader, signal);
    }
}

impl Drop for Group<'_> {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        kill_marked(self.folder);
    }
}

fn follow(
    child: &mut Child,
    group: &Group<'_>,
    call: &ClientCall,
    begun: Instant,
    is_stopped: impl Fn() -> bool,
    mut meanwhile: impl FnMut(),
) -> io::Result<ClientEnd> {
    let mut ending: Option<(ClientEnd, Instant)> = None;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(ending.map_or_else(|| end_of(status), |(end, _)| end));
        }
        let reason = if is_stopped() {
            Some(ClientEnd::Stopped)
        } else if begun.elapsed() >= call.timeout {
            Some(ClientEnd::TimedOut)
        } else if size_of(&call.folder) > call.limit.0 {
            Some(ClientEnd::Oversized)
        } else if free_space(&call.folder).is_some_and(|free| free < call.spare.0) {
            Some(ClientEnd::NoSpace)
        } else {
            None
        };
        match (ending, reason) {
            // A client that fills the disk gets no time for its end.
            (None, Some(end @ (ClientEnd::Oversized | ClientEnd::NoSpace))) => {
                group.signal(Signal::KILL);
                ending = Some((end, Instant::now()));
            }
            (None, Some(end)) => {
                group.signal(Signal::TERM);
                ending = Some((end, Instant::now()));
            }
            (Some((_, since)), _) if since.elapsed() >= GRACE => group.signal(Signal::KILL),
            (Some(_), Some(ClientEnd::Oversized | ClientEnd::NoSpace)) => group.signal(Signal::KILL),
            _ => {}
        }
        meanwhile();
        thread::sleep(CHECK);
    }
}

fn end_of(status: ExitStatus) -> ClientEnd {
    match (status.code(), status.signal()) {
        (Some(code), _) => ClientEnd::Exited(code),
        (None, signal) => ClientEnd::Signalled(signal.unwrap_or_default()),
    }
}

/// The bytes that an entry of a folder counts for beside its content, so that empty files are bounded too.
const ENTRY: u64 = 4096;

/// Returns the free space of the volume of a folder, in bytes.
fn free_space(folder: &Path) -> Option<u64> {
    let volume = rustix::fs::statvfs(folder).ok()?;
    Some(volume.f_bavail.saturating_mul(volume.f_frsize))
}

/// Returns the sum of the lengths of all files below a folder, without following links.
fn size_of(folder: &Path) -> u64 {
    let mut folders = vec![folder.to_owned()];
    let mut sum: u64 = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            sum = sum.saturating_add(ENTRY);
            match entry.metadata() {
                Ok(facts) if facts.is_dir() => folders.push(entry.path()),
                Ok(facts) => sum = sum.saturating_add(facts.len()),
                // The client has just removed it.
                Err(_) => {}
            }
        }
    }
    sum
}

/// Returns the last bytes of a file.
fn tail(path: &Path) -> io::Result<Vec<u8>> {
    use std::io::Seek as _;
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(io::SeekFrom::Start(length.saturating_sub(OUTPUT)))?;
    let mut bytes = Vec::new();
    file.take(OUTPUT).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Kills the processes of earlier runs below `scratch`, which a wnm that was killed left behind. Returns their count.
pub fn end_leftovers(scratch: &Path) -> usize {
    kill_marked(scratch)
}

/// Kills the processes of runs in this folder or below it, which their environment or their output names. Returns their
/// count.
#[cfg(target_os = "linux")]
fn kill_marked(folder: &Path) -> usize {
    use std::os::unix::ffi::OsStrExt as _;
    let mark = [MARK.as_bytes(), b"=", folder.as_os_str().as_bytes()].concat();
    let is_marked = |process: &Path| {
        // The environment of a process of another user cannot be read, and such a process belongs to no run.
        let environment = fs::read(process.join("environ")).unwrap_or_default();
        let in_environment = environment.split(|byte| *byte == 0).any(|variable| {
            variable.strip_prefix(mark.as_slice()).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
        });
        let is_output = |number: &&str| {
            let target = fs::read_link(process.join("fd").join(number)).unwrap_or_default();
            target.starts_with(folder) && target.file_name().is_some_and(|name| name == STDOUT || name == STDERR)
        };
        in_environment || ["1", "2"].iter().any(is_output)
    };
    let (mut killed, mut empty) = (0, 0);
    // A process that starts another one and ends may have been replaced meanwhile.
    for _ in 0..ROUNDS {
        let found = kill_all(is_marked);
        killed += found;
        empty = if found == 0 { empty + 1 } else { 0 };
        if empty == EMPTY_ROUNDS {
            break;
        }
    }
    killed
}

/// The number of rounds in which processes are killed that start others.
#[cfg(target_os = "linux")]
const ROUNDS: usize = 100;
/// The number of rounds without a process after which none is left.
#[cfg(target_os = "linux")]
const EMPTY_ROUNDS: usize = 3;

/// Kills the processes for whose folder in `/proc` a condition holds. Returns their count.
#[cfg(target_os = "linux")]
fn kill_all(is_wanted: impl Fn(&Path) -> bool) -> usize {
    let own = Pid::from_raw(std::process::id().cast_signed());
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?));
    let mut pids: Vec<Pid> = pids.filter(|pid| Some(*pid) != own).collect();
    // The latest first: a process that starts another one may end before the others were looked at.
    pids.sort_unstable_by_key(|pid| std::cmp::Reverse(pid.as_raw_nonzero()));
    let is_wanted = |pid: &Pid| is_wanted(&Path::new("/proc").join(pid.as_raw_nonzero().to_string()));
    let wanted = pids.into_iter().filter(is_wanted);
    wanted.filter(|pid| rustix::process::kill_process(*pid, Signal::KILL).is_ok()).count()
}

/// macOS shows the environment of processes to root only; the process group is all that is killed there.
#[cfg(not(target_os = "linux"))]
fn kill_marked(_folder: &Path) -> usize {
    0
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    struct Fixture {
        _folder: tempfile::TempDir,
        call: ClientCall,
    }

    fn shell(script: &str) -> Fixture {
        let folder = tempfile::tempdir().unwrap();
        let call = ClientCall {
            program: "/bin/sh".into(),
            arguments: vec!["-c".into(), script.into()],
            key: None,
            folder: folder.path().to_owned(),
            timeout: Duration::from_secs(60),
            limit: Bytes(1_000_000),
            spare: Bytes(0),
        };
        Fixture { _folder: folder, call }
    }

    fn run(fixture: &Fixture) -> FinishedClient {
        run_client(&fixture.call, || false, || {}).unwrap()
    }

    /// Waits for the end of the process whose number is in the file `pid`. The kernel ends a killed process a moment after
    /// the signal.
    fn is_killed(fixture: &Fixture) -> bool {
        let pid = fs::read_to_string(fixture.call.folder.join("pid")).unwrap();
        let stat = PathBuf::from("/proc").join(pid.trim()).join("stat");
        (0..500).any(|_| {
            thread::sleep(Duration::from_millis(10));
            let stat = fs::read_to_string(&stat).unwrap_or_default();
            stat.rsplit_once(')').is_none_or(|(_, rest)| rest.trim_start().starts_with('Z'))
        })
    }

    #[test]
    fn output_exit_code_and_place_are_those_of_the_client() {
        // The priority is set after the start.
        let fixture =
            shell("pwd; until [ $(nice) = 19 ]; do :; done; nice; echo e >&2; echo \"key:$SECRET_KEY\"; exit 7");
        let finished = run(&fixture);
        let folder = fixture.call.folder.canonicalize().unwrap();
        assert_eq!(finished.end, ClientEnd::Exited(7));
        assert_eq!(String::from_utf8(finished.stdout).unwrap(), format!("{}\n19\nkey:\n", folder.display()));
        assert_eq!(finished.stderr, b"e\n");
    }

    #[test]
    fn key_is_in_the_environment_only() {
        let mut fixture = shell("echo \"$SECRET_KEY\"; tr '\\0' ' ' < /proc/$$/cmdline");
        fixture.call.key = Some(Secret("0xabc".to_owned()));
        assert_eq!(String::from_utf8(run(&fixture).stdout).unwrap().matches("0xabc").count(), 1);
        assert!(!format!("{:?}", fixture.call).contains("0xabc"));
    }

    #[test]
    fn key_is_hidden_in_texts() {
        let key = Secret(format!("0x{}", "aB1".repeat(20)));
        for (text, hidden) in [
            (format!("bad key 0x{}, and {}.", "ab1".repeat(20), "AB1".repeat(20)), "bad key 0x***, and ***."),
            (format!("bad key {}", "aB1".repeat(12)), "bad key "),
            ("ö no key aB1".to_owned(), "ö no key aB1"),
        ] {
            assert_eq!(key.hidden_in(&text), hidden);
        }
        assert_eq!(Secret("0x".to_owned()).hidden_in("a"), "a");
    }

    #[test]
    fn deaf_client_is_killed_after_its_timeout() {
        let mut fixture = shell("trap '' TERM; while :; do sleep 1; done");
        // The time in which a busy host lets the shell set its trap.
        fixture.call.timeout = Duration::from_secs(1);
        let finished = run(&fixture);
        assert_eq!(finished.end, ClientEnd::TimedOut);
        assert!(finished.took >= GRACE, "{:?}", finished.took);
    }

    #[test]
    fn stopped_client_may_end_by_itself() {
        let fixture = shell("trap 'echo bye; exit 3' TERM; echo begun; while :; do sleep 0.05; done");
        let stopped = AtomicBool::new(false);
        let output = fixture.call.folder.join(STDOUT);
        let finished = run_client(
            &fixture.call,
            || {
                stopped.fetch_or(fs::read(&output).is_ok_and(|text| text == b"begun\n"), Ordering::Relaxed);
                stopped.load(Ordering::Relaxed)
            },
            || {},
        );
        let finished = finished.unwrap();
        assert_eq!((finished.end, finished.stdout.as_slice()), (ClientEnd::Stopped, b"begun\nbye\n".as_slice()));
    }

    #[test]
    fn client_that_floods_or_fills_the_disk_is_killed() {
        let empty = "i=0; while :; do i=$((i + 1)); : > $i; done";
        for script in ["yes", "yes > file", "mkdir -p a/b; yes > a/b/c", empty] {
            let fixture = shell(script);
            assert_eq!(run(&fixture).end, ClientEnd::Oversized, "{script}");
        }
        // Bytes that no name leads to.
        let mut fixture = shell("exec 3> file; rm file; sleep 600 >&3");
        fixture.call.spare = Bytes(u64::MAX);
        assert_eq!(run(&fixture).end, ClientEnd::NoSpace);
    }

    #[test]
    fn processes_that_a_client_leaves_are_killed() {
        let fixture = shell("sleep 600 & echo $! > pid");
        assert_eq!(run(&fixture).end, ClientEnd::Exited(0));
        assert!(is_killed(&fixture));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn processes_that_leave_the_group_are_killed() {
        let fixture = shell(
            "setsid sh -c 'echo $$ > pid.new; mv pid.new pid; exec sleep 600' & while ! test -e pid; do sleep 0.05; done",
        );
        assert_eq!(run(&fixture).end, ClientEnd::Exited(0));
        assert!(is_killed(&fixture));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn processes_without_their_environment_or_that_fork_are_killed() {
        let wait = "while ! test -e pid; do sleep 0.05; done";
        let bare = "env -i setsid sh -c 'echo $$ > pid.new; mv pid.new pid; exec sleep 600' &";
        let fixture = shell(&format!("{bare} {wait}"));
        assert_eq!(run(&fixture).end, ClientEnd::Exited(0));
        assert!(is_killed(&fixture));
        // Each parent starts the next process as soon as one is killed.
        let parent = "until test -e go; do sleep 0.05; done; while :; do sleep 60; done";
        let parents = format!("i=0; while [ $i -lt 30 ]; do i=$((i + 1)); setsid sh -c '{parent}' & done");
        let fixture = shell(&format!("{parents}; sleep 0.5; : > go; sleep 0.5"));
        assert_eq!(run(&fixture).end, ClientEnd::Exited(0));
        let folder = fixture.call.folder.display().to_string();
        let is_left = |entry: fs::DirEntry| {
            let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
            String::from_utf8_lossy(&environment).contains(&folder)
        };
        let are_ended = (0..500).any(|_| {
            thread::sleep(Duration::from_millis(10));
            !fs::read_dir("/proc").unwrap().flatten().any(is_left)
        });
        assert!(are_ended, "processes are left");
    }

    #[test]
    fn missing_program_is_named() {
        let mut fixture = shell("");
        fixture.call.program = "/nonexistent/ant".into();
        let error = run_client(&fixture.call, || false, || {}).unwrap_err();
        assert_eq!(error.to_string(), "cannot start /nonexistent/ant: No such file or directory (os error 2)");
    }

    #[test]
    fn other_program_is_no_client() {
        let error = recognise(Path::new("/bin/cat")).unwrap_err();
        assert!(matches!(error, ClientRunError::NotAClient { .. }), "{error}");
    }
}
