//! Identity of processes: boot ID, PID, start time, executable and `--root-dir`.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Read as _;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use wnm_core::{Flavor, Node, ProcessIdentity, resolved_below};

use super::isolation::{Isolation, Namespace};
use crate::node_dir;
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
    /// The ID of its user; None where the kernel does not tell.
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
        let Some(user) = self.user else { return true };
        user == 0
            || user == rustix::process::geteuid().as_raw()
            || files::metadata(folder).map_or(true, |facts| facts.uid() == user)
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

/// The maximum length of the arguments and of the environment of a process, in bytes. A node has some hundred.
const TEXT_LIMIT: u64 = 128 * 1024;

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
        let boot = fs::read_to_string(proc.join("sys/kernel/random/boot_id")).unwrap_or_default();
        Self { source: Source::Proc(proc.to_owned()), boot: boot.trim().to_owned(), patience: volume::CALL }
    }

    /// Returns the variables of a process that a node program reads. Others, such as those of the shell that started it,
    /// have no meaning for a node.
    pub(crate) fn environment(&self, pid: u32) -> Vec<(String, String)> {
        let text = match &self.source {
            Source::Proc(proc) => {
                let folder = proc.join(pid.to_string());
                let file = folder.join("environ");
                volume::within(&folder, self.patience, move || head(&file)).unwrap_or_default()
            }
            #[cfg(target_os = "macos")]
            Source::System => Vec::new(),
        };
        let pairs = text.split(|byte| *byte == 0).filter_map(|pair| std::str::from_utf8(pair).ok()?.split_once('='));
        let wanted = pairs.filter(|(name, _)| name.starts_with("ANT_") || OF_NODES.contains(name));
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
        volume::within(&proc.join(pid.to_string()), self.patience, move || read(&own, pid))
            .unwrap_or_else(|_| without_memory(proc, pid))
    }

    /// Tells whether the kernel hides the processes of other users, as with the mount option `hidepid` of `/proc`.
    #[must_use]
    pub fn hides_others(&self) -> bool {
        match &self.source {
            Source::Proc(proc) => proc.join("self").exists() && fs::read(proc.join("1/stat")).is_err(),
            #[cfg(target_os = "macos")]
            Source::System => false,
        }
    }

    /// Returns the ID of the user of a process; None when it is gone, and where the kernel does not tell.
    #[must_use]
    pub fn user_of(&self, pid: u32) -> Option<u32> {
        match &self.source {
            Source::Proc(proc) => user_of(&proc.join(pid.to_string())),
            #[cfg(target_os = "macos")]
            Source::System => None,
        }
    }

    /// Returns all processes, ordered by PID.
    #[must_use]
    pub fn all(&self) -> Vec<ProcessInfo> {
        match &self.source {
            Source::Proc(proc) => {
                let entries = fs::read_dir(proc).into_iter().flatten().flatten();
                let mut pids: Vec<u32> = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
                pids.sort_unstable();
                // One helper thread for all, and one for each after a process that does not let its memory be read.
                let (own, each) = (proc.clone(), pids.clone());
                let read_each = move || each.into_iter().filter_map(|pid| read(&own, pid)).collect();
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
                let mut stat = [0; 1024];
                let path = proc.join(format!("{}/stat", identity.pid));
                let length = fs::File::open(path).and_then(|mut file| file.read(&mut stat)).unwrap_or_default();
                let facts = parse_stat(&stat[..length]);
                let is_same = identity.boot == self.boot && facts.is_some_and(|(_, _, start)| start == identity.start);
                is_same && facts.is_some_and(|(life, _, _)| life == Liveness::Alive)
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

/// Returns the user of the folder of a process, which is that of the process also where its files belong to root.
fn user_of(process: &Path) -> Option<u32> {
    fs::metadata(process).ok().map(|facts| facts.uid())
}

/// Reads the first bytes of a file of a process. A user can give a process megabytes of arguments, and start thousands.
fn head(file: &Path) -> Vec<u8> {
    let mut text = Vec::new();
    _ = fs::File::open(file).and_then(|file| file.take(TEXT_LIMIT).read_to_end(&mut text));
    text
}

fn read(proc: &Path, pid: u32) -> Option<ProcessInfo> {
    volume::progress();
    let folder = proc.join(pid.to_string());
    let mut facts = without_arguments(&folder, pid)?;
    let line = head(&folder.join("cmdline"));
    let line = line.strip_suffix(b"\0").unwrap_or(&line);
    let words = line.split(|byte| *byte == 0).map(|word| OsString::from_vec(word.to_vec()));
    facts.arguments = if line.is_empty() { Vec::new() } else { words.collect() };
    let root_dir = root_dir_in(facts.arguments.get(1..).unwrap_or_default());
    let is_relative = root_dir.as_ref().is_some_and(|dir| !Path::new(dir).is_absolute());
    facts.working_dir = if is_relative { fs::read_link(folder.join("cwd")).ok() } else { None };
    facts.implied_root = if root_dir.is_none() { implied_root(&folder, &facts.arguments) } else { None };
    let is_known = root_dir.is_some() || facts.implied_root.is_some();
    if is_known {
        facts.isolation = Isolation::of(proc, pid);
    }
    Some(facts)
}

/// Returns what the kernel tells of a process without its memory, where its arguments are.
fn without_arguments(folder: &Path, pid: u32) -> Option<ProcessInfo> {
    let (life, parent, start) = parse_stat(&fs::read(folder.join("stat")).ok()?)?;
    Some(ProcessInfo {
        pid,
        parent,
        start,
        life,
        user: user_of(folder),
        executable: fs::read_link(folder.join("exe")).ok(),
        arguments: Vec::new(),
        working_dir: None,
        implied_root: None,
        isolation: Isolation::default(),
    })
}

/// Returns the data of a process whose memory cannot be read. A node mostly runs a copy of the program in its folder.
fn without_memory(proc: &Path, pid: u32) -> Option<ProcessInfo> {
    let mut facts = without_arguments(&proc.join(pid.to_string()), pid)?;
    facts.arguments.extend(facts.executable.clone().map(PathBuf::into_os_string));
    let of_node = |program: &&Path| Flavor::ALL.iter().any(|flavor| program.ends_with(flavor.program()));
    facts.implied_root = facts.program().filter(of_node).and_then(Path::parent).map(Path::to_owned);
    if facts.implied_root.is_some() {
        facts.isolation = Isolation::of(proc, pid);
    }
    Some(facts)
}

/// Returns the folder of a node program that runs without `--root-dir`: both programs then choose one below the data
/// folder of their user. The log of an `antnode` and the lock file of an `ant-node` there are open while they run.
fn implied_root(process: &Path, arguments: &[OsString]) -> Option<PathBuf> {
    const VARIABLE: &[u8] = b"ANT_ROOT_DIR=";
    let name = Path::new(arguments.first()?).file_name()?;
    let flavor = Flavor::ALL.into_iter().find(|flavor| flavor.program() == name)?;
    let environment = head(&process.join("environ"));
    let of_variable = environment.split(|byte| *byte == 0).find_map(|pair| pair.strip_prefix(VARIABLE));
    if let Some(folder) = of_variable.filter(|_| flavor == Flavor::AntNode) {
        let folder = Path::new(OsStr::from_bytes(folder));
        let base = fs::read_link(process.join("cwd")).unwrap_or_default();
        return Some(resolved_below(&base, folder));
    }
    let open = fs::read_dir(process.join("fd")).ok()?.flatten().filter_map(|entry| fs::read_link(entry.path()).ok());
    // The files are at most two folders below that of the node.
    let with_identity = |file: PathBuf| {
        let mut folders = file.ancestors().skip(1).take(2).filter(|folder| folder.is_absolute());
        folders.find(|folder| node_dir::holds_identity(folder, &flavor)).map(Path::to_owned)
    };
    open.into_iter().find_map(with_identity)
}

/// Parses state, parent and start time. The name in parentheses may itself contain blanks and parentheses. A process whose
/// first thread has ended before the others is shown as a zombie, and is none.
fn parse_stat(stat: &[u8]) -> Option<(Liveness, u32, u64)> {
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(stat.get(end + 1..)?).ok()?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let threads: u32 = fields.get(17)?.parse().ok()?;
    let life = match *fields.first()? {
        "Z" | "X" | "x" if threads <= 1 => Liveness::Ended,
        _ => Liveness::Alive,
    };
    Some((life, fields.get(1)?.parse().ok()?, fields.get(19)?.parse().ok()?))
}

#[cfg(target_os = "macos")]
mod macos {
    use sysinfo::{Pid, ProcessRefreshKind, ProcessStatus, ProcessesToUpdate, System, UpdateKind};

    use super::{Isolation, Liveness, ProcessInfo};

    /// Returns the process with this PID, or all processes.
    pub(super) fn facts(pid: Option<u32>) -> Vec<ProcessInfo> {
        let Ok(mut system) = System::new() else { return Vec::new() };
        let wanted: Vec<Pid> = pid.into_iter().map(Pid::from_u32).collect();
        let which = if wanted.is_empty() { ProcessesToUpdate::All } else { ProcessesToUpdate::Some(&wanted) };
        let kind = ProcessRefreshKind::nothing()
            .with_exe(UpdateKind::Always)
            .with_cmd(UpdateKind::Always)
            .with_cwd(UpdateKind::Always);
        system.refresh_processes_specifics(which, true, kind);
        let mut found: Vec<ProcessInfo> = system
            .processes()
            .values()
            .map(|process| ProcessInfo {
                pid: process.pid().as_u32(),
                parent: process.parent().map_or(0, Pid::as_u32),
                start: process.start_time(),
                life: match process.status() {
                    ProcessStatus::Zombie | ProcessStatus::Dead => Liveness::Ended,
                    _ => Liveness::Alive,
                },
                user: None,
                executable: process.exe().map(Into::into),
                arguments: process.cmd().to_vec(),
                working_dir: process.cwd().map(Into::into),
                implied_root: None,
                isolation: Isolation::default(),
            })
            .collect();
        found.sort_by_key(|facts| facts.pid);
        found
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::node_dir::tests::node_at;

    /// A folder laid out as `/proc` with one process in it.
    fn host(state: &str, executable: &Path, words: &[&str]) -> tempfile::TempDir {
        let proc = tempfile::tempdir().unwrap();
        let random = proc.path().join("sys/kernel/random");
        fs::create_dir_all(&random).unwrap();
        fs::write(random.join("boot_id"), "b00t\n").unwrap();
        let folder = proc.path().join("7");
        fs::create_dir(&folder).unwrap();
        let zeros = "0 ".repeat(17);
        fs::write(folder.join("stat"), format!("7 (a ) b) (c) {state} 3 {zeros}4711 9 9")).unwrap();
        fs::write(folder.join("cmdline"), words.iter().map(|word| format!("{word}\0")).collect::<String>()).unwrap();
        symlink(executable, folder.join("exe")).unwrap();
        proc
    }

    fn runs(executable: &str, words: &[&str]) -> bool {
        let proc = host("S", Path::new(executable), words);
        let node = node_at(Path::new("/s p/antnode0001"));
        let processes = Processes::below(proc.path());
        let identity = ProcessIdentity { boot: "b00t".into(), pid: 7, start: 4711 };
        assert_eq!(processes.identify(7), Some(identity.clone()));
        processes.matches(&identity, &node)
    }

    #[test]
    fn executable_and_root_dir_identify_a_node() {
        let exe = "/s p/antnode0001/antnode";
        let words = ["antnode", "--port", "1", "--root-dir", "/s p/antnode0001"];
        assert!(runs(exe, &words));
        assert!(runs("/s p/antnode0001/antnode (deleted)", &words));
        assert!(runs("/s p/antnode0001/antnode.old", &words));
        assert!(runs("/s p/antnode0001/antnode.backup (deleted)", &words));
        assert!(runs(exe, &["antnode", "--root-dir=/s p/antnode0001"]));
        assert!(!runs("/s p/antnode0001/antnode2", &words));
        assert!(!runs("/usr/bin/antnode", &words));
        assert!(!runs(exe, &["antnode", "--root-dir", "/s p/antnode00012"]));
        assert!(!runs(exe, &["antnode", "--root-dir"]));
        assert!(!runs(exe, &["antnode", "x--root-dir=/s p/antnode0001"]));
        assert!(!runs(exe, &[]));
    }

    /// Any user can start the program of a node with its arguments.
    #[test]
    fn process_of_another_user_runs_no_node() {
        let folder = tempfile::tempdir().unwrap();
        let node = node_at(folder.path());
        let words = ["antnode", "--root-dir", folder.path().to_str().unwrap()];
        let proc = host("S", &node.binary, &words);
        let processes = Processes::below(proc.path());
        let own = processes.facts(7).unwrap();
        assert!(own.user.is_some() && own.runs(&node), "{own:?}");
        let other = ProcessInfo { user: own.user.map(|user| user + 1), ..own };
        assert!(!other.runs(&node));
        assert!(ProcessInfo { user: Some(0), ..other.clone() }.runs(&node));
        // A node that lost its folder still runs.
        let gone = node_at(Path::new("/s p/antnode0001"));
        let words = ["antnode".into(), "--root-dir=/s p/antnode0001".into()].to_vec();
        assert!(ProcessInfo { executable: Some(gone.binary.clone()), arguments: words, ..other }.runs(&gone));
    }

    #[test]
    #[ignore = "needs root; .ci/root-tests runs it"]
    fn process_of_the_owner_of_a_folder_runs_its_node_as_root() {
        use std::os::unix::fs::chown;
        let folder = tempfile::tempdir().unwrap();
        let node = node_at(folder.path());
        let proc = host("S", &node.binary, &["antnode", "--root-dir", folder.path().to_str().unwrap()]);
        let processes = Processes::below(proc.path());
        for (owner, user, expected) in [(0, 0, true), (0, 12345, false), (12345, 12345, true), (12345, 12346, false)] {
            chown(folder.path(), Some(owner), None).unwrap();
            chown(proc.path().join("7"), Some(user), None).unwrap();
            assert_eq!(processes.running(&node).len(), usize::from(expected), "{owner} {user}");
        }
    }

    #[test]
    fn executable_on_a_detached_volume_has_the_end_of_its_path() {
        let words = ["antnode", "--root-dir", "/s p/antnode0001"];
        assert!(runs("/antnode0001/antnode", &words), "the volume was mounted on the storage folder");
        assert!(runs("/antnode", &words), "the volume was mounted on the folder of the node");
        assert!(!runs("/0001/antnode", &words));
        assert!(!runs("/antnode0002/antnode", &words));
        assert!(!runs("/", &words));
    }

    #[test]
    fn relative_root_dir_is_below_the_working_directory() {
        let node = node_at(Path::new("/s/n/antnode0001"));
        for given in ["antnode0001", "./antnode0001/", "../n/antnode0001"] {
            let proc = host("S", Path::new("/s/n/antnode0001/antnode"), &["antnode", "--root-dir", given]);
            let processes = Processes::below(proc.path());
            assert!(processes.running(&node).is_empty(), "the working directory is unknown");
            symlink("/s/n", proc.path().join("7/cwd")).unwrap();
            assert_eq!(processes.running(&node).len(), 1, "{given}");
        }
    }

    #[test]
    fn process_whose_memory_cannot_be_read_is_known_by_its_program() {
        let words = ["antnode", "--root-dir", "/s/antnode0001"];
        let proc = host("D", Path::new("/s/antnode0001/antnode"), &words);
        let line = proc.path().join("7/cmdline");
        fs::remove_file(&line).unwrap();
        // A pipe without a writer: opening it waits.
        crate::guarded::make_pipe(&line);
        let processes = Processes { patience: Duration::from_millis(50), ..Processes::below(proc.path()) };
        let node = node_at(Path::new("/s/antnode0001"));
        let identity = ProcessIdentity { boot: "b00t".into(), pid: 7, start: 4711 };
        for _ in 0..3 {
            assert!(processes.matches(&identity, &node));
            assert_eq!(processes.running(&node).len(), 1);
        }
        assert!(processes.running(&node_at(Path::new("/s/antnode0002"))).is_empty());
        // The pipe gets a writer, which ends.
        drop(fs::OpenOptions::new().read(true).write(true).open(&line).unwrap());
    }

    #[test]
    fn folder_is_implied_by_environment_or_open_files() {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().join("autonomi/node/12D3KooW");
        fs::create_dir_all(root.join("logs")).unwrap();
        let proc = host("S", Path::new("/opt/antnode"), &["/opt/antnode", "--port", "1"]);
        let folder_of = || Processes::below(proc.path()).facts(7).unwrap().root_dir().map(PathBuf::from);
        let process = proc.path().join("7");
        fs::create_dir(process.join("fd")).unwrap();
        symlink(root.join("logs/antnode.log"), process.join("fd/3")).unwrap();
        symlink("socket:[7]", process.join("fd/4")).unwrap();
        assert_eq!(folder_of(), None, "the folder holds no identity");
        fs::write(root.join("secret-key"), [7; 32]).unwrap();
        assert_eq!(folder_of(), Some(root));
        fs::write(process.join("environ"), "HOME=/\0ANT_ROOT_DIR=n/1\0").unwrap();
        assert!(folder_of().is_some_and(|folder| folder.starts_with(home.path())), "antnode reads no such variable");
        fs::write(process.join("cmdline"), "/opt/ant-node\0--ipv4-only\0").unwrap();
        symlink("/srv", process.join("cwd")).unwrap();
        assert_eq!(folder_of(), Some("/srv/n/1".into()));
        fs::write(process.join("cmdline"), "/usr/bin/tail\0-f\0").unwrap();
        assert_eq!(folder_of(), None);
    }

    #[test]
    fn node_in_a_container_is_another_node() {
        let words = ["antnode", "--root-dir", "/s/antnode0001"];
        let proc = host("S", Path::new("/s/antnode0001/antnode"), &words);
        for (name, inode) in [("self", 1), ("7", 2)] {
            fs::create_dir_all(proc.path().join(name).join("ns")).unwrap();
            symlink(format!("pid:[{inode}]"), proc.path().join(name).join("ns/pid")).unwrap();
        }
        let node = node_at(Path::new("/s/antnode0001"));
        assert!(Processes::below(proc.path()).running(&node).is_empty());
    }

    #[test]
    fn boot_start_and_pid_identify_a_process() {
        let words = ["antnode", "--root-dir", "/s/antnode0001"];
        let proc = host("S", Path::new("/s/antnode0001/antnode"), &words);
        let node = node_at(Path::new("/s/antnode0001"));
        let processes = Processes::below(proc.path());
        let identity = processes.identify(7).unwrap();
        assert!(processes.matches(&identity, &node));
        assert!(processes.is_alive(&identity));
        for other in [
            ProcessIdentity { boot: "other".into(), ..identity.clone() },
            ProcessIdentity { start: 4712, ..identity.clone() },
            ProcessIdentity { pid: 8, ..identity },
        ] {
            assert!(!processes.matches(&other, &node) && !processes.is_alive(&other), "{other:?}");
        }
        assert_eq!(processes.running(&node).len(), 1);
    }

    #[test]
    fn ended_process_does_not_run_node() {
        let words = ["antnode", "--root-dir", "/s/antnode0001"];
        let proc = host("Z", Path::new("/s/antnode0001/antnode"), &words);
        let facts = Processes::below(proc.path()).facts(7).unwrap();
        assert_eq!((facts.life, facts.parent, facts.start), (Liveness::Ended, 3, 4711));
        assert!(!facts.runs(&node_at(Path::new("/s/antnode0001"))));
    }

    #[test]
    fn process_is_ending_until_its_last_thread_has_ended() {
        let proc = host("S", Path::new("/s/antnode0001/antnode"), &[]);
        let processes = Processes::below(proc.path());
        let stat = |state: &str, threads: u32| {
            let zeros = "0 ".repeat(15);
            fs::write(proc.path().join("7/stat"), format!("7 (a) {state} 3 {zeros}{threads} 0 4711 9 9")).unwrap();
            processes.facts(7).unwrap()
        };
        assert!(!stat("S", 3).is_ending(), "its arguments are empty");
        fs::remove_file(proc.path().join("7/exe")).unwrap();
        for (state, threads, life) in
            [("R", 1, Liveness::Alive), ("D", 9, Liveness::Alive), ("Z", 2, Liveness::Alive), ("Z", 1, Liveness::Ended)]
        {
            let facts = stat(state, threads);
            assert_eq!((facts.life, facts.is_ending()), (life, life == Liveness::Alive), "{state} {threads}");
        }
    }

    #[test]
    fn invalid_stat_is_rejected() {
        for bad in [
            "",
            "7",
            "7 (a",
            "7 (a)",
            "7 (a) S",
            "7 (a) S x 0 0",
            "7 (a) S 1 2 3",
            "7 (a) S 3 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 x 0 1",
        ] {
            assert_eq!(parse_stat(bad.as_bytes()), None, "{bad}");
        }
    }
}
