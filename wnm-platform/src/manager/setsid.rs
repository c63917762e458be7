//! Each node in a session of its own, started by wnm itself: for containers and hosts without a service manager.
//!
//! A node's process holds a lock on a file in its folder, taken before it is forked and inherited by whatever it
//! restarts itself as. So "running" is known without a race between fork and record; the pid file only makes the
//! process quick to find.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use command_fds::CommandFdExt as _;
use process_wrap::std::{CommandWrap, ProcessSession};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use rustix::process::{Pid, WaitOptions, waitpid};
use wnm_core::{ManagerKind, Node, NodeId, ProcessIdentity};

use super::definition::{self, is_missing};
use super::signal;
use super::{Found, FoundProcess, Listed, Options, ProcessManager, Service, StopSignal, adopt};
use crate::cpu_limit::CpuLimit;
use crate::error::{FileOperation, PlatformError};
use crate::node_dir::{self, Folder, STDERR_LOG};
use crate::observe::process::{Liveness, ProcessInfo, Processes};

/// The file whose lock the node's process holds. It is made once and never replaced.
const LOCK: &str = ".wnm-lock";
/// The file that names the node's process, for speed only.
const PID_FILE: &str = "wnm.pid";
/// The longest of these files that is read, in bytes.
const LIMIT: u64 = 256 * 1024;
/// Tries, and the pause between them, for what another process of this host can spoil for a moment: one being forked
/// holds every open file until its exec.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(10);

pub(super) struct Setsid {
    kind: ManagerKind,
    processes: Processes,
    /// What the nodes are put into when they start.
    cpu_limit: Option<CpuLimit>,
}

impl Setsid {
    pub(super) fn new(kind: ManagerKind, options: &Options) -> Self {
        let cpu_limit = options.group.clone().map(|group| CpuLimit::new(kind, group));
        Self { kind, processes: Processes::of_host(), cpu_limit }
    }

    fn look(&self, node: &Node, all: &OnceCell<Vec<ProcessInfo>>) -> Service {
        let noted = read_pid_file(node);
        if let Some(identity) = &noted {
            match self.processes.look_up(identity) {
                Some(facts) if facts.runs(node) => return Service::Running(identity.clone()),
                Some(facts) => reap(&facts),
                None => {}
            }
        }
        let lock = match is_held(&node.root_dir.join(LOCK)) {
            // An adopted process may have restarted itself without the lock: then another is looked for once.
            Ok(Lock::Free) if noted.is_none() => return Service::Stopped,
            Ok(lock) => lock,
            Err(error) => return Service::Unknown(format!("expected to read its lock: {error}")),
        };
        // Without a lock file it was never defined, or its folder is gone: only the processes can tell.
        let all = all.get_or_init(|| self.processes.all());
        let newest = all.iter().filter(|facts| facts.runs(node)).max_by_key(|facts| (facts.start, facts.pid));
        match (newest, lock) {
            (Some(facts), _) => {
                let identity = self.processes.identity(facts);
                record(node, &identity);
                Service::Running(identity)
            }
            (None, Lock::Held) => Service::Unknown("its lock is held, and no process is found that runs it".to_owned()),
            (None, Lock::Absent | Lock::Free) => {
                let _ = fs::remove_file(node.root_dir.join(PID_FILE));
                Service::Stopped
            }
        }
    }

    /// Returns the node that a process by another tool runs on a folder.
    fn adoptable(&self, folder: &Folder, process: Option<&FoundProcess>) -> Result<Node, String> {
        let process = process.ok_or_else(|| {
            "it does not run, and nothing else says with which ports and for whom it did: start it as ever, then import"
                .to_owned()
        })?;
        let untold = || format!("the command line of process {} cannot be read", process.identity.pid);
        let words = process.arguments.iter().skip(1).map(|word| word.to_str().map(ToOwned::to_owned));
        let node = adopt::node(&adopt::Service {
            name: &folder.path.file_name().unwrap_or_default().to_string_lossy(),
            manager: self.kind,
            program: process.executable.as_deref().ok_or_else(untold)?,
            arguments: &words.collect::<Option<Vec<String>>>().ok_or_else(untold)?,
            environment: self.processes.environment(process.identity.pid, "ANT_"),
            folder,
        })
        .map_err(|error| error.to_string())?;
        match super::other_holder(&node) {
            Some(holder) => Err(format!("{holder} keeps it")),
            None => Ok(node),
        }
    }

    fn spawn(&self, node: &Node) -> Result<(), PlatformError> {
        let fail = |source| PlatformError::StartFailed { node: node.id, binary: node.binary.clone(), source };
        let lock = take_lock(node)?;
        let errors = open_errors(node).map_err(fail)?;
        let once = || {
            // Kept under its own number: a fixed one could be what the fork reports a failed exec through.
            let (lock, errors) = (OwnedFd::from(lock.try_clone()?), errors.try_clone()?);
            CommandWrap::with_new(&node.binary, |command| {
                command.args(node.flavor.arguments(node)).current_dir(&node.root_dir).env_clear();
                let kept = ["PATH", "HOME", "LANG"].into_iter().filter_map(|name| Some((name, env::var_os(name)?)));
                command.envs(kept).envs(node.environment.iter().map(|(name, value)| (name, value)));
                command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(errors);
                command.preserved_fds(vec![lock]);
            })
            .wrap(ProcessSession)
            .spawn()
        };
        let child = retry(once, |error| error.kind() == io::ErrorKind::ExecutableFileBusy).map_err(fail)?;
        // What it starts itself follows it there.
        if let Some(Err(error)) = self.cpu_limit.as_ref().map(|cpu_limit| cpu_limit.enter(child.id())) {
            tracing::warn!(node = %node.id, %error, "the node is not capped with the others");
        }
        if let Some(identity) = self.processes.identify(child.id()) {
            record(node, &identity);
        }
        Ok(())
    }
}

impl ProcessManager for Setsid {
    fn kind(&self) -> ManagerKind {
        self.kind
    }

    fn define(&self, node: &Node) -> Result<(), PlatformError> {
        let path = node.root_dir.join(LOCK);
        open_lock(&path).map_err(|source| PlatformError::File { operation: FileOperation::Create, path, source })?;
        definition::write(node)
    }

    fn start(&self, node: &Node) -> Result<(), PlatformError> {
        match self.look(node, &OnceCell::new()) {
            Service::Running(_) => Ok(()),
            Service::Stopped | Service::Unknown(_) => self.spawn(node),
        }
    }

    fn stop(&self, node: &Node, stop_signal: StopSignal) -> Result<(), PlatformError> {
        signal::all_but(None, &self.processes, node, stop_signal)
    }

    fn undefine(&self, node: &Node) -> Result<(), PlatformError> {
        definition::remove(node)?;
        definition::remove_file(&node.root_dir.join(PID_FILE))
    }

    fn survey(&self, nodes: &[&Node]) -> BTreeMap<NodeId, Service> {
        let all = OnceCell::new();
        nodes.iter().map(|node| (node.id, self.look(node, &all))).collect()
    }

    fn discover(&self, roots: &[PathBuf]) -> Result<Vec<Found>, PlatformError> {
        let all = self.processes.all();
        let found = |folder| {
            let process = definition::process_on(&folder, &all, &self.processes);
            let node = definition::read(&folder).map_or_else(|| self.adoptable(&folder, process.as_ref()), Ok);
            Found::new(folder, node, process)
        };
        Ok(node_dir::find(roots)?.into_iter().map(found).collect())
    }

    /// Nothing keeps these nodes, and a process anywhere else on the host may be anybody's.
    fn services(&self) -> Result<Vec<Listed>, PlatformError> {
        Ok(Vec::new())
    }
}

/// Asks for what an ended child of ours left behind, so that it goes away altogether.
fn reap(facts: &ProcessInfo) {
    if facts.life == Liveness::Ended && facts.parent == std::process::id() {
        let pid = i32::try_from(facts.pid).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _ = waitpid(Some(pid), WaitOptions::NOHANG);
        }
    }
}

/// Whether a process holds a lock.
enum Lock {
    Held,
    Free,
    Absent,
}

fn is_held(path: &Path) -> io::Result<Lock> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if is_missing(&error) => return Ok(Lock::Absent),
        Err(error) => return Err(error),
    };
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(Lock::Free),
        Err(Errno::WOULDBLOCK) => Ok(Lock::Held),
        Err(error) => Err(error.into()),
    }
}

fn open_lock(path: &Path) -> io::Result<File> {
    fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o644).open(path)
}

/// Takes the lock that the process is to inherit.
fn take_lock(node: &Node) -> Result<File, PlatformError> {
    let path = node.root_dir.join(LOCK);
    let lock = open_lock(&path).map_err(|source| PlatformError::File {
        operation: FileOperation::Open,
        path: path.clone(),
        source,
    })?;
    let taken = retry(
        || flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(io::Error::from),
        |error| error.kind() == io::ErrorKind::WouldBlock,
    );
    match taken {
        Ok(()) => Ok(lock),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(PlatformError::StillRuns { node: node.id }),
        Err(source) => Err(PlatformError::File { operation: FileOperation::Lock, path, source }),
    }
}

fn retry<T>(mut act: impl FnMut() -> io::Result<T>, is_passing: impl Fn(&io::Error) -> bool) -> io::Result<T> {
    for _ in 1..TRIES {
        match act() {
            Err(error) if is_passing(&error) => thread::sleep(PAUSE),
            other => return other,
        }
    }
    act()
}

/// Opens the file that takes the process's standard error, emptied.
fn open_errors(node: &Node) -> io::Result<File> {
    fs::create_dir_all(&node.log_dir)?;
    let path = node.log_dir.join(STDERR_LOG);
    // Emptied by hand: to append and to truncate are not had together.
    let file = fs::OpenOptions::new().append(true).create(true).open(path)?;
    file.set_len(0)?;
    Ok(file)
}

fn read_pid_file(node: &Node) -> Option<ProcessIdentity> {
    let text = node_dir::read_bounded(&node.root_dir.join(PID_FILE), LIMIT).ok()?;
    serde_json::from_slice(&text).ok()
}

/// Notes who runs a node. The lock says the same, only slower: a failure is of no account.
fn record(node: &Node, identity: &ProcessIdentity) {
    let written = serde_json::to_vec(identity).map(|text| node_dir::write(&node.root_dir.join(PID_FILE), &text, 0o644));
    if let Ok(Err(error)) = written {
        tracing::debug!(node = %node.id, %error, "the pid file is not written");
    }
}
