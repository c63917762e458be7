//! Identity of processes: boot ID, PID, start time, executable and `--root-dir`.

#[cfg(target_os = "macos")]
mod macos;
mod proc;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::Metadata;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use wnm_core::{Node, ProcessIdentity, resolved_below};

use super::isolation::{Isolation, Namespace};
use crate::{files, volume};

/// The data of one process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessInfo {
    /// The PID.
    pub pid: u32,
    /// The PID of its parent.
    pub parent: u32,
    /// The start time, in the unit of [`ProcessIdentity::start`].
    pub start: u64,
    /// Whether it is alive.
    pub life: Liveness,
    /// The ID of its user; None where the kernel does not tell. Where its folder is known, it is that of the user who
    /// started a program with the setuid bit.
    pub user: Option<u32>,
    /// Its executable as the kernel reports it; None for an ended process, or without the rights to read it.
    pub executable: Option<PathBuf>,
    /// Its arguments, the program's name first.
    pub arguments: Vec<OsString>,
    /// Its working directory, read only where its `--root-dir` is relative; None without the rights to read it.
    pub working_dir: Option<PathBuf>,
    /// The folder of a node program without `--root-dir`, from its environment or its open files; None if unknown, and
    /// with that flag.
    pub implied_root: Option<PathBuf>,
    /// Its namespaces, read only where its folder is known.
    pub isolation: Isolation,
}

/// Whether a process is alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liveness {
    /// The process runs, sleeps or is stopped.
    Alive,
    /// The process is a zombie: it has ended with all its threads, and its parent has not waited for it.
    Ended,
}

impl ProcessInfo {
    /// Tells whether the process runs the program of a node on the folder of that node.
    #[must_use]
    pub fn runs(&self, node: &Node) -> bool {
        self.life == Liveness::Alive
            && self.is_on_folder_of(node)
            && self.executes(&node.binary)
            && self.may_use(&node.root_dir)
    }

    /// Tells whether the user of the process may run the node of this folder: root, the user of wnm, or the owner of the
    /// folder. Any user can start a program with the arguments of a node. True where the owner is unknown, as of a folder
    /// that is missing: then the process counts.
    #[must_use]
    pub fn may_use(&self, folder: &Path) -> bool {
        self.user.is_none_or(|user| may_use(user, folder))
    }

    /// Tells whether the process is about to end: it has given up its memory, and may still hold its locks and ports. On a
    /// busy host that takes a while.
    pub(crate) fn is_ending(&self) -> bool {
        self.life == Liveness::Alive && self.arguments.is_empty() && self.executable.is_none()
    }

    /// Tells whether the `--root-dir` of the process is the folder of a node, with any program. In a container the same
    /// path is another folder.
    #[must_use]
    pub fn is_on_folder_of(&self, node: &Node) -> bool {
        let root = node.root_dir.to_string_lossy();
        self.isolation.pids == Namespace::Shared && self.root_dir().is_some_and(|given| given.to_string_lossy() == root)
    }

    /// Tells whether the process that a process manager names for a node can be that of the node. In a container of
    /// another tool the folder has another path; any other process is on the folder, or executes the program of the node.
    pub(crate) fn may_run(&self, node: &Node) -> bool {
        self.is_on_folder_of(node) || self.isolation.pids != Namespace::Shared || self.executes(&node.binary)
    }

    /// Returns the folder of its node: the value of `--root-dir`, below the working directory where it is relative, or
    /// else the implied one; None without either.
    #[must_use]
    pub fn root_dir(&self) -> Option<OsString> {
        let Some(given) = root_dir_in(self.arguments.get(1..)?) else {
            return self.implied_root.clone().map(PathBuf::into_os_string);
        };
        match &self.working_dir {
            Some(folder) => Some(resolved_below(folder, Path::new(&given)).into_os_string()),
            None => Some(given),
        }
    }

    /// Returns the path of the executable without the suffix " (deleted)", which the kernel adds to a replaced file.
    #[must_use]
    pub fn program(&self) -> Option<&Path> {
        let path = self.executable.as_ref()?.as_os_str().as_bytes();
        Some(Path::new(OsStr::from_bytes(path.strip_suffix(b" (deleted)").unwrap_or(path))))
    }

    /// Tells whether the executable is this program, or was before an upgrade replaced it. wnm keeps the old
    /// program as `.old`, a self-upgrading `ant-node` as `.backup`.
    ///
    /// When its volume was detached while the process ran, as by `umount -l`, the kernel shows the path of the executable
    /// below the root of that volume, which is the end of the program's path and leads nowhere.
    fn executes(&self, binary: &Path) -> bool {
        let Some(program) = self.program() else { return false };
        let is_end_of = |binary: &Path| program.strip_prefix("/").is_ok_and(|rest| binary.ends_with(rest));
        let named = |stem: &Path| {
            let program = program.as_os_str().as_bytes();
            let rest = program.strip_prefix(stem.as_os_str().as_bytes());
            rest.is_some_and(|rest| matches!(rest, b"" | b".old" | b".backup"))
        };
        named(binary) || named(&resolved(binary)) || is_end_of(binary) && !files::exists(program)
    }
}

/// As [`ProcessInfo::may_use`], for the ID of a user.
pub(crate) fn may_use(user: u32, folder: &Path) -> bool {
    user == 0
        || user == rustix::process::geteuid().as_raw()
        || files::metadata(folder).map_or(true, |facts| facts.uid() == user)
}

/// Returns the value of `--root-dir` in the arguments after the program name; None without this flag.
pub(crate) fn root_dir_in(words: &[OsString]) -> Option<OsString> {
    const FLAG: &str = "--root-dir";
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if word == FLAG {
            return words.next().cloned();
        }
        if let Some(value) = word.as_bytes().strip_prefix(FLAG.as_bytes()).and_then(|r| r.strip_prefix(b"=")) {
            return Some(OsString::from_vec(value.to_vec()));
        }
    }
    None
}

/// Resolves the links in the existing part of a path.
fn resolved(path: &Path) -> PathBuf {
    for ancestor in path.ancestors().skip(1) {
        if let (Ok(real), Ok(rest)) = (files::canonicalize(ancestor), path.strip_prefix(ancestor)) {
            return real.join(rest);
        }
    }
    path.to_owned()
}

/// Variables besides `ANT_…` that node programs read: the payment network of `antnode`, and the verbosity of logs.
const OF_NODES: [&str; 5] = ["EVM_NETWORK", "RPC_URL", "PAYMENT_TOKEN_ADDRESS", "DATA_PAYMENTS_ADDRESS", "RUST_LOG"];

/// The processes of a host.
#[derive(Debug, Clone)]
pub struct Processes {
    source: Source,
    boot: String,
    /// Longest wait for the memory of a process.
    patience: Duration,
}

#[derive(Debug, Clone)]
enum Source {
    /// A folder with the layout of `/proc`.
    Proc(PathBuf),
    #[cfg(target_os = "macos")]
    System,
}

impl Processes {
    /// Returns the processes of this host.
    #[must_use]
    pub fn of_host() -> Self {
        #[cfg(target_os = "macos")]
        return Self {
            source: Source::System,
            boot: sysinfo::System::boot_time().map(|started| started.to_string()).unwrap_or_default(),
            patience: volume::CALL,
        };
        #[cfg(not(target_os = "macos"))]
        Self::below(Path::new("/proc"))
    }

    /// Returns the processes of a folder with the layout of `/proc`.
    #[must_use]
    pub fn below(proc: &Path) -> Self {
        Self { source: Source::Proc(proc.to_owned()), boot: proc::boot_id(proc), patience: volume::CALL }
    }

    /// Returns the variables of a process that a node program reads, and those of these names. Others, such as those of the
    /// shell that started it, have no meaning for a node.
    pub(crate) fn environment(&self, pid: u32, named: &BTreeSet<String>) -> Vec<(String, String)> {
        let text = match &self.source {
            Source::Proc(proc) => {
                let folder = proc.join(pid.to_string());
                let process = folder.clone();
                volume::within(&folder, self.patience, move || proc::environment(&process)).unwrap_or_default()
            }
            #[cfg(target_os = "macos")]
            Source::System => Vec::new(),
        };
        let pairs = text.split(|byte| *byte == 0).filter_map(|pair| std::str::from_utf8(pair).ok()?.split_once('='));
        let is_wanted = |name: &str| name.starts_with("ANT_") || OF_NODES.contains(&name) || named.contains(name);
        let wanted = pairs.filter(|(name, _)| is_wanted(name));
        wanted.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// Returns the data of a process; None when the PID is free.
    #[must_use]
    pub fn facts(&self, pid: u32) -> Option<ProcessInfo> {
        match &self.source {
            Source::Proc(proc) => self.read(proc, pid),
            #[cfg(target_os = "macos")]
            Source::System => macos::facts(Some(pid)).into_iter().find(|facts| facts.pid == pid),
        }
    }

    /// Reads the data of a process with a deadline. A process that maps a file of a hung NFS server holds its memory until
    /// the server answers, and reading its arguments waits for that.
    fn read(&self, proc: &Path, pid: u32) -> Option<ProcessInfo> {
        let own = proc.to_owned();
        volume::within(&proc.join(pid.to_string()), self.patience, move || proc::read(&own, pid))
            .unwrap_or_else(|_| proc::read_without_memory(proc, pid))
    }

    /// Tells whether the kernel hides the processes of other users, as with the mount option `hidepid` of `/proc`.
    #[must_use]
    pub fn hides_others(&self) -> bool {
        match &self.source {
            Source::Proc(proc) => proc::hides_others(proc),
            #[cfg(target_os = "macos")]
            Source::System => false,
        }
    }

    /// Returns the ID of the user of a process; None when it is gone, and where the kernel does not tell.
    #[must_use]
    pub fn user_of(&self, pid: u32) -> Option<u32> {
        match &self.source {
            Source::Proc(proc) => proc::user_of(&proc.join(pid.to_string())),
            #[cfg(target_os = "macos")]
            Source::System => None,
        }
    }

    /// Returns a process besides this one that may use a folder and has this file open with a lock by flock(2); None if there
    /// is none, or where the kernel does not tell.
    pub(crate) fn with_lock(&self, path: &Path, file: &Metadata, folder: &Path) -> Option<u32> {
        match &self.source {
            Source::Proc(proc) => proc::with_lock(proc, path, file, folder),
            #[cfg(target_os = "macos")]
            Source::System => None,
        }
    }

    /// Returns all processes, ordered by PID.
    #[must_use]
    pub fn all(&self) -> Vec<ProcessInfo> {
        match &self.source {
            Source::Proc(proc) => {
                let pids = proc::pids(proc);
                // One helper thread for all, and one for each after a process that does not let its memory be read.
                let (own, each) = (proc.clone(), pids.clone());
                let read_each = move || each.into_iter().filter_map(|pid| proc::read(&own, pid)).collect();
                volume::within(proc, self.patience / 3, read_each)
                    .unwrap_or_else(|_| pids.into_iter().filter_map(|pid| self.read(proc, pid)).collect())
            }
            #[cfg(target_os = "macos")]
            Source::System => macos::facts(None),
        }
    }

    /// Returns the identity of a process; None when the PID is free.
    #[must_use]
    pub fn identify(&self, pid: u32) -> Option<ProcessIdentity> {
        self.facts(pid).map(|facts| self.identity(&facts))
    }

    /// Returns the identity of a process that `/proc` hides from this user, from its start in microseconds since the boot.
    pub(crate) fn hidden(&self, pid: u32, started_micros: u64) -> ProcessIdentity {
        let ticks = u128::from(started_micros) * u128::from(rustix::param::clock_ticks_per_second()) / 1_000_000;
        ProcessIdentity { boot: self.boot.clone(), pid, start: u64::try_from(ticks).unwrap_or(u64::MAX) }
    }

    /// Returns the identity of a process from its data.
    #[must_use]
    pub fn identity(&self, facts: &ProcessInfo) -> ProcessIdentity {
        ProcessIdentity { boot: self.boot.clone(), pid: facts.pid, start: facts.start }
    }

    /// Returns the data of exactly this process, alive or zombie; None when it no longer exists.
    #[must_use]
    pub fn look_up(&self, identity: &ProcessIdentity) -> Option<ProcessInfo> {
        if identity.boot != self.boot {
            return None;
        }
        self.facts(identity.pid).filter(|facts| facts.start == identity.start)
    }

    /// Tells whether exactly this process is alive.
    pub(crate) fn is_alive(&self, identity: &ProcessIdentity) -> bool {
        match &self.source {
            Source::Proc(proc) => {
                let stat = proc::stat(&proc.join(identity.pid.to_string()));
                identity.boot == self.boot
                    && stat.is_some_and(|stat| stat.life == Liveness::Alive && stat.start == identity.start)
            }
            #[cfg(target_os = "macos")]
            Source::System => self.look_up(identity).is_some_and(|facts| facts.life == Liveness::Alive),
        }
    }

    /// Tells whether exactly this process is alive and runs this node.
    #[must_use]
    pub fn matches(&self, identity: &ProcessIdentity, node: &Node) -> bool {
        self.look_up(identity).is_some_and(|facts| facts.runs(node))
    }

    /// Returns the processes that run this node, the newest last. Two exist while a node restarts itself, or after an
    /// external start.
    #[must_use]
    pub fn running(&self, node: &Node) -> Vec<ProcessInfo> {
        let mut found = self.all();
        found.retain(|facts| facts.runs(node));
        found.sort_by_key(|facts| (facts.start, facts.pid));
        found
    }
}
