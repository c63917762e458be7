//! Each node in its own session, started by wnm itself: for containers and hosts without a service manager.
//!
//! A node's process holds a lock on a file in its folder. The lock is taken before the fork and inherited by the process
//! that a node starts as its successor, so that there is no window between fork and record. The PID file only saves the
//! search for the process.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use command_fds::CommandFdExt as _;
use process_wrap::std::{CommandWrap, ProcessSession};
use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;
use rustix::process::{Pid, WaitOptions, waitpid};
use wnm_core::{ExitStatus, ManagerKind, Node, NodeId, ProcessIdentity};

use super::definition::{self, is_missing};
use super::signal;
use super::{Described, Found, FoundProcess, Listed, Options, ProcessManager, Service, StopSignal, adopt};
use crate::binary::check_owner;
use crate::by_folder::ByFolder;
use crate::cpu_limit::CpuLimit;
use crate::error::{FileOperation, PlatformError};
use crate::guarded::{self, Trust};
use crate::node_dir::{self, Folder, Marker, STDERR_LOG};
use crate::observe::isolation::Namespace;
use crate::observe::process::{Liveness, ProcessInfo, Processes};
use crate::volume;
use crate::weight::ColonyWeight;

/// The lock file of the node's process. It is never replaced: a lock belongs to an inode, not to a name.
const LOCK: &str = ".wnm-lock";
/// The file with the identity of the node's process.
pub(super) const PID_FILE: &str = "wnm.pid";
/// The maximum size of the PID file, in bytes.
const LIMIT: u64 = 256 * 1024;
/// The time for the calls on the volume of a node without progress: a loaded host takes seconds to start a process.
const DEADLINE: Duration = Duration::from_secs(10);
/// The number of attempts for an operation that a forked process can disturb: between fork and exec it holds every open
/// file of its parent, so that a lock stays held and an executable stays busy.
const TRIES: u32 = 20;
/// The time for which a process counts as that of its node while it is alive. A process keeps its identity when it executes
/// another program.
const VERIFIED: Duration = Duration::from_secs(60);
/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(10);

#[derive(Clone)]
pub(super) struct Setsid(Arc<Own>);

struct Own {
    kind: ManagerKind,
    processes: Processes,
    /// The CPU limit that the nodes enter at their start.
    cpu_limit: Option<CpuLimit>,
    /// The weight that the nodes get at their start.
    weight: Option<ColonyWeight>,
    /// The ends of the processes that this wnm started. The kernel tells them to the parent of a process only.
    exits: Mutex<BTreeMap<NodeId, ExitStatus>>,
    /// The processes that were seen to run their nodes within the last minute.
    verified: Mutex<BTreeMap<NodeId, Verified>>,
}

/// A process that ran a node. That it is still alive is one small file, and that it runs the node are seven.
struct Verified {
    process: ProcessIdentity,
    root_dir: PathBuf,
    binary: PathBuf,
    at: Instant,
}

impl Setsid {
    pub(super) fn new(kind: ManagerKind, options: &Options) -> Self {
        let cpu_limit = options.group.clone().map(|group| CpuLimit::new(kind, group));
        let weight = options.group.clone().zip(options.weights);
        let weight = weight.map(|(group, weights)| ColonyWeight::new(kind, group, weights, options));
        let processes = Processes::of_host();
        let (exits, verified) = (Mutex::default(), Mutex::default());
        Self(Arc::new(Own { kind, processes, cpu_limit, weight, exits, verified }))
    }

    /// Runs calls on the files of a node in the helper thread of its volume.
    fn on_volume<T: Send + 'static>(
        &self,
        node: &Node,
        call: impl FnOnce(&Own, &Node) -> Result<T, PlatformError> + Send + 'static,
    ) -> Result<T, PlatformError> {
        let (own, of_node) = (Arc::clone(&self.0), node.clone());
        volume::try_within(&node.root_dir, volume::WRITE, move || call(&own, &of_node))
    }
}

impl Own {
    fn look(&self, node: &Node, all: &OnceLock<Vec<ProcessInfo>>) -> Service {
        if let Some(process) = self.verified(node) {
            return Service::Running(process);
        }
        let noted = read_pid_file(node);
        if let Some(identity) = &noted {
            match self.processes.look_up(identity) {
                Some(facts) if facts.runs(node) => {
                    self.keep_verified(node, identity);
                    return Service::Running(identity.clone());
                }
                // It holds the lock until it has ended.
                Some(facts) if facts.is_ending() => return Service::Running(identity.clone()),
                Some(facts) => self.reap(node, &facts),
                None => {}
            }
        }
        let lock = match is_held(&node.root_dir.join(LOCK)) {
            // An adopted process was started without the lock, so its successor is searched among all processes.
            Ok(Lock::Free) if noted.is_none() => return Service::Stopped,
            Ok(lock) => lock,
            Err(error) => return Service::Unknown(format!("cannot read its lock file: {error}")),
        };
        // Without a lock file the node was never defined or has lost its folder: only the process list is left.
        let all = all.get_or_init(|| self.processes.all());
        let newest = all.iter().filter(|facts| facts.runs(node)).max_by_key(|facts| (facts.start, facts.pid));
        match (newest, lock) {
            (Some(facts), _) => {
                let identity = self.processes.identity(facts);
                record(node, &identity);
                Service::Running(identity)
            }
            (None, Lock::Held) => Service::Unknown("its lock is held, but no process of it exists".to_owned()),
            (None, Lock::Absent | Lock::Free) => {
                let _ = guarded::remove(&node.root_dir.join(PID_FILE));
                Service::Stopped
            }
        }
    }

    /// Returns the process of a node that was seen to run it within the last minute, and is alive.
    fn verified(&self, node: &Node) -> Option<ProcessIdentity> {
        let verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        let known = verified.get(&node.id).filter(|known| known.at.elapsed() < VERIFIED)?;
        let is_same = known.root_dir == node.root_dir && known.binary == node.binary;
        (is_same && self.processes.is_alive(&known.process)).then(|| known.process.clone())
    }

    fn keep_verified(&self, node: &Node, process: &ProcessIdentity) {
        let (root_dir, binary) = (node.root_dir.clone(), node.binary.clone());
        let known = Verified { process: process.clone(), root_dir, binary, at: Instant::now() };
        self.verified.lock().unwrap_or_else(PoisonError::into_inner).insert(node.id, known);
    }

    fn is_ending(&self, process: &ProcessIdentity) -> bool {
        self.processes.look_up(process).is_some_and(|facts| facts.is_ending())
    }

    /// Waits for an ended child of wnm, so that the kernel removes the zombie, and keeps its exit status.
    fn reap(&self, node: &Node, facts: &ProcessInfo) {
        if facts.life != Liveness::Ended || facts.parent != std::process::id() {
            return;
        }
        let pid = i32::try_from(facts.pid).ok().and_then(Pid::from_raw);
        let ended = pid.and_then(|pid| waitpid(Some(pid), WaitOptions::NOHANG).ok().flatten());
        let Some((_, status)) = ended else { return };
        let exit = status.exit_status().map(ExitStatus::Code);
        if let Some(exit) = exit.or_else(|| status.terminating_signal().map(ExitStatus::Signal)) {
            self.known_exits().insert(node.id, exit);
        }
    }

    fn known_exits(&self) -> MutexGuard<'_, BTreeMap<NodeId, ExitStatus>> {
        // Each entry is complete when it is inserted.
        self.exits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells whether a process has the user of wnm. Where the kernel does not tell, its program decides.
    fn is_of_wnm(&self, process: &ProcessInfo) -> bool {
        self.processes.user_of(process.pid).is_none_or(|user| user == rustix::process::geteuid().as_raw())
    }

    /// Returns the node of an external process on a folder. wnm starts it again with its own rights, so that neither the
    /// process nor its program may be that of another user.
    fn adoptable(
        &self,
        folder: &Folder,
        process: Option<&FoundProcess>,
        others: &ByFolder<ProcessInfo>,
    ) -> Result<Described, String> {
        let process =
            process.ok_or_else(|| match definition::process_of_any_user_on(folder, others, &self.processes) {
                Some(other) => {
                    format!("another user runs it as process {}: import it as that user", other.identity.pid)
                }
                None => {
                    "it does not run, so its ports and its rewards address are unknown: start it, then import it".into()
                }
            })?;
        process.executable.as_deref().map_or(Ok(()), check_owner).map_err(|error| error.to_string())?;
        let unreadable = || format!("the command line of process {} is unreadable", process.identity.pid);
        adopt::node(&adopt::Service {
            name: &folder.path.file_name().unwrap_or_default().to_string_lossy(),
            manager: self.kind,
            program: process.executable.as_deref().ok_or_else(unreadable)?,
            arguments: &process.words().ok_or_else(unreadable)?,
            environment: self.processes.environment(process.identity.pid, &BTreeSet::new()),
            working_dir: process.working_dir.as_deref(),
            folder,
            process: Some(process),
        })
        .map_err(|error| error.to_string())
    }

    fn spawn(&self, node: &Node) -> Result<(), PlatformError> {
        let fail = |source| PlatformError::StartFailed { node: node.id, binary: node.binary.clone(), source };
        let lock = take_lock(node)?;
        let errors = open_errors(node).map_err(fail)?;
        let once = || {
            // The lock keeps its own descriptor number: a fixed one could be the pipe through which the standard library
            // reports a failed exec.
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
        self.known_exits().remove(&node.id);
        if let Some(weight) = &self.weight {
            weight.prepare();
        }
        let start = || retry(once, |error| error.kind() == io::ErrorKind::ExecutableFileBusy);
        let child = start_behind(self.weight.as_ref(), start).map_err(fail)?;
        // A process that the node starts inherits the control group.
        if let Some(Err(error)) = self.cpu_limit.as_ref().map(|cpu_limit| cpu_limit.enter(child.id())) {
            tracing::warn!(node = %node.id, %error, "cannot put the node under the CPU limit");
        }
        if let Some(weight) = &self.weight {
            weight.enter(child.id());
        }
        if let Some(identity) = self.processes.identify(child.id()) {
            record(node, &identity);
        }
        Ok(())
    }
}

impl ProcessManager for Setsid {
    fn kind(&self) -> ManagerKind {
        self.0.kind
    }

    fn define(&self, node: &Node) -> Result<(), PlatformError> {
        adopt::check_texts(node)?;
        self.on_volume(node, |_, node| {
            let path = node.root_dir.join(LOCK);
            open_lock(&path).map_err(|source| PlatformError::File {
                operation: FileOperation::Create,
                path,
                source,
            })?;
            definition::write(node)
        })
    }

    fn start(&self, node: &Node) -> Result<(), PlatformError> {
        self.on_volume(node, |own, node| match own.look(node, &OnceLock::new()) {
            Service::Running(process) if !own.is_ending(&process) => Ok(()),
            _ => own.spawn(node),
        })
    }

    fn stop(&self, node: &Node, stop_signal: StopSignal) -> Result<(), PlatformError> {
        signal::all_but(None, &self.0.processes, node, stop_signal)
    }

    fn exits(&self, nodes: &[&Node]) -> BTreeMap<NodeId, ExitStatus> {
        let known = self.0.known_exits();
        nodes.iter().filter_map(|node| Some((node.id, *known.get(&node.id)?))).collect()
    }

    fn undefine(&self, node: &Node) -> Result<(), PlatformError> {
        definition::remove(node)?;
        definition::remove_file(&node.root_dir.join(PID_FILE))
    }

    fn survey(&self, nodes: &[&Node]) -> BTreeMap<NodeId, Service> {
        let all = Arc::new(OnceLock::new());
        let look = |(folder, nodes): (PathBuf, Vec<Node>)| {
            let ids: Vec<NodeId> = nodes.iter().map(|node| node.id).collect();
            let (own, all) = (Arc::clone(&self.0), Arc::clone(&all));
            let look_all = move || Ok(nodes.iter().map(|node| (node.id, own.look(node, &all))).collect());
            volume::try_within(&folder, DEADLINE, look_all)
                .unwrap_or_else(|error| ids.into_iter().map(|id| (id, Service::from(&error))).collect::<Vec<_>>())
        };
        volume::by_volume(nodes).into_iter().flat_map(look).collect()
    }

    fn discover(&self, roots: &[PathBuf]) -> Result<Vec<Found>, PlatformError> {
        let all = self.0.processes.all().into_iter();
        let (own, others): (Vec<_>, Vec<_>) = all.partition(|process| self.0.is_of_wnm(process));
        let [own, others] = [own, others].map(definition::by_folder);
        let (mut all, mut external) = (Vec::new(), Vec::new());
        for folder in node_dir::find(roots)? {
            let process = definition::process_on(&folder, &own, &self.0.processes);
            let node = definition::read(&folder, self.0.kind).map_or_else(
                || {
                    external.push(all.len());
                    self.0.adoptable(&folder, process.as_ref(), &others)
                },
                |node| Ok(node.into()),
            );
            all.push(Found::new(folder, node, process));
        }
        refuse_held(&mut all, &external);
        Ok(all)
    }

    /// Returns the processes of node programs whose folder has no marker: a marker shows that a colony has the node.
    fn services(&self) -> Result<Vec<Listed>, PlatformError> {
        let listed = |facts: ProcessInfo| {
            let is_here = facts.life == Liveness::Alive && facts.isolation.pids == Namespace::Shared;
            let folder =
                PathBuf::from(facts.root_dir().filter(|_| is_here && adopt::is_node_program(facts.program()))?);
            let is_free = folder.is_absolute() && matches!(Marker::read(&folder), Ok(None));
            is_free.then(|| Listed { name: format!("process {}", facts.pid), folder: Some(folder), fault: None })
        };
        Ok(self.0.processes.all().into_iter().filter_map(listed).collect())
    }
}

/// Refuses the nodes at these places that another manager holds. Their numbers may still be equal, so that the places
/// stand for them.
fn refuse_held(all: &mut [Found], places: &[usize]) {
    let numbered = places.iter().filter_map(|place| {
        let id = u32::try_from(place + 1).ok().and_then(NodeId::new)?;
        Some(Node { id, ..all.get(*place)?.node.as_ref().ok()?.node.clone() })
    });
    let numbered: Vec<Node> = numbered.collect();
    for (id, holder) in super::other_holders(&numbered.iter().collect::<Vec<_>>()) {
        let place = usize::try_from(id.get()).ok().and_then(|number| all.get_mut(number - 1));
        if let Some(found) = place {
            found.node = Err(format!("{holder} manages it"));
        }
    }
}

/// Starts a process from a thread of low priority, which the process inherits: all its threads have it from the first
/// instruction on, and wnm keeps its own priority.
#[cfg(target_os = "linux")]
fn start_behind<T: Send>(weight: Option<&ColonyWeight>, start: impl Fn() -> io::Result<T> + Send) -> io::Result<T> {
    let Some(weight) = weight else { return start() };
    let lowered = move || {
        weight.lower_thread();
        start()
    };
    thread::scope(|scope| {
        let started = thread::Builder::new().spawn_scoped(scope, lowered)?;
        started.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Starts a process. macOS has priorities of processes only, so that the started process gets it.
#[cfg(not(target_os = "linux"))]
fn start_behind<T>(_weight: Option<&ColonyWeight>, start: impl Fn() -> io::Result<T>) -> io::Result<T> {
    start()
}

/// The state of a lock file.
enum Lock {
    Held,
    Free,
    Absent,
}

fn is_held(path: &Path) -> io::Result<Lock> {
    let file = match guarded::open(path, Trust::Anyone) {
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
    guarded::open_or_create(path, 0o600)
}

/// Takes the lock that the process inherits.
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

/// Opens an empty file for the standard error of the process.
fn open_errors(node: &Node) -> io::Result<File> {
    guarded::make_folder(&node.log_dir)?;
    let file = guarded::open_or_create(&node.log_dir.join(STDERR_LOG), 0o644)?;
    // The node appends, so that a log that its operator empties does not get a hole.
    rustix::fs::fcntl_setfl(&file, OFlags::APPEND)?;
    file.set_len(0)?;
    Ok(file)
}

fn read_pid_file(node: &Node) -> Option<ProcessIdentity> {
    let text = guarded::read(&node.root_dir.join(PID_FILE), LIMIT, Trust::Anyone).ok()?;
    serde_json::from_slice(&text).ok()
}

/// Writes the PID file. A failure only costs time: without the file, the process is searched.
fn record(node: &Node, identity: &ProcessIdentity) {
    let written = serde_json::to_vec(identity).map(|text| node_dir::write(&node.root_dir.join(PID_FILE), &text, 0o644));
    if let Ok(Err(error)) = written {
        tracing::debug!(node = %node.id, %error, "cannot write the PID file");
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::process::CommandExt as _;
    use std::process::Command;

    use wnm_core::{Program, Scope};

    use super::*;
    use crate::node_dir::tests::node_at;

    fn setsid() -> Setsid {
        Setsid::new(ManagerKind::new(Program::Setsid, Scope::User), &Options::default())
    }

    #[test]
    fn node_runs_until_its_process_has_released_the_lock() {
        let proc = tempfile::tempdir().unwrap();
        fs::create_dir_all(proc.path().join("sys/kernel/random")).unwrap();
        fs::write(proc.path().join("sys/kernel/random/boot_id"), "b00t\n").unwrap();
        fs::create_dir(proc.path().join("7")).unwrap();
        fs::write(proc.path().join("7/stat"), format!("7 (antnode) Z 1 {}2 0 4711 9", "0 ".repeat(15))).unwrap();
        let own = Own { processes: Processes::below(proc.path()), ..Arc::into_inner(setsid().0).unwrap() };
        let folder = tempfile::tempdir().unwrap();
        let node = node_at(folder.path());
        let process = ProcessIdentity { boot: "b00t".to_owned(), pid: 7, start: 4711 };
        record(&node, &process);
        let lock = take_lock(&node).unwrap();
        assert_eq!(own.look(&node, &OnceLock::new()), Service::Running(process.clone()));
        assert!(own.is_ending(&process), "a start waits for its end");
        fs::remove_dir_all(proc.path().join("7")).unwrap();
        assert!(matches!(own.look(&node, &OnceLock::new()), Service::Unknown(_)), "another process holds the lock");
        // Not by closing the file: a child that another test has just forked has it open until it executes its program.
        flock(&lock, FlockOperation::Unlock).unwrap();
        assert_eq!(own.look(&node, &OnceLock::new()), Service::Stopped);
    }

    #[test]
    fn processes_and_programs_of_other_users_are_not_imported() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("antnode");
        fs::write(&program, "").unwrap();
        let root = folder.path().display().to_string();
        let words = ["antnode", "--root-dir", &root, "--port", "4001", "--rewards-address"].map(str::to_owned);
        let wallet = "0x00455d78f850b0358E8cea5be24d415E01E107CF".to_owned();
        let arguments: Vec<OsString> =
            words.into_iter().chain([wallet, "evm-arbitrum-one".to_owned()]).map(OsString::from).collect();
        let setsid = setsid();
        let own = setsid.0.processes.facts(std::process::id()).unwrap();
        let facts = ProcessInfo { executable: Some(program.clone()), arguments, ..own };
        let of_node = Folder { path: folder.path().to_owned(), marker: None, flavor: None };
        let all = definition::by_folder([facts.clone()]);
        let process = definition::process_on(&of_node, &all, &setsid.0.processes).unwrap();
        let refusal = |process| match setsid.0.adoptable(&of_node, process, &all) {
            Ok(described) => described.node.root_dir.display().to_string(),
            Err(reason) => reason,
        };
        assert_eq!(refusal(Some(&process)), root);
        assert!(refusal(None).starts_with("another user runs it as process "), "{}", refusal(None));
        let foreign = ProcessInfo { user: facts.user.map(|user| user + 1), ..facts };
        assert_eq!(definition::process_on(&of_node, &definition::by_folder([foreign]), &setsid.0.processes), None);
        for (file, mode) in [(&program, 0o646), (&folder.path().to_owned(), 0o777)] {
            let before = fs::metadata(file).unwrap().permissions();
            fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
            assert!(
                refusal(Some(&process)).contains("another user"),
                "{}: {}",
                file.display(),
                refusal(Some(&process))
            );
            fs::set_permissions(file, before).unwrap();
        }
    }

    #[test]
    #[ignore = "needs root; .ci/root-tests runs it"]
    fn process_of_another_user_is_not_of_wnm_as_root() {
        let setsid = setsid();
        for (user, expected) in [(0, true), (12345, false)] {
            let mut child = Command::new("sleep").arg("60").uid(user).spawn().unwrap();
            let facts = setsid.0.processes.facts(child.id()).unwrap();
            assert_eq!(setsid.0.is_of_wnm(&facts), expected, "user {user}");
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}
