//! Who a process is: the host's run, its number, when it started, its executable and its `--root-dir`.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use wnm_core::{Node, ProcessIdentity};

/// What was read of one process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Its number.
    pub pid: u32,
    /// The number of the process that is told when it ends.
    pub parent: u32,
    /// When it started, as in [`ProcessIdentity`].
    pub start: u64,
    /// Whether it still runs.
    pub life: Life,
    /// Its executable as the system tells it; None for an ended process, or one of another user.
    pub executable: Option<PathBuf>,
    /// Its arguments, the program's name first.
    pub arguments: Vec<OsString>,
}

/// Whether a process still runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// It runs, or could.
    Alive,
    /// It ended, and its parent has not asked how.
    Ended,
}

impl Facts {
    /// Tells whether the process runs the program of a node on the folder of that node.
    #[must_use]
    pub fn runs(&self, node: &Node) -> bool {
        self.life == Life::Alive && self.is_on_folder_of(node) && self.executes(&node.binary)
    }

    /// Tells whether the process was given the folder of a node as its `--root-dir`, whatever program it runs.
    #[must_use]
    pub fn is_on_folder_of(&self, node: &Node) -> bool {
        let root = node.root_dir.to_string_lossy();
        self.root_dir().is_some_and(|given| given.to_string_lossy() == root)
    }

    /// Returns the word given as `--root-dir`; None when there is none.
    #[must_use]
    pub fn root_dir(&self) -> Option<OsString> {
        root_dir_in(self.arguments.get(1..)?)
    }

    /// Returns the path of the executable without the mark of one that was replaced or removed.
    #[must_use]
    pub fn program(&self) -> Option<&Path> {
        let path = self.executable.as_ref()?.as_os_str().as_bytes();
        Some(Path::new(OsStr::from_bytes(path.strip_suffix(b" (deleted)").unwrap_or(path))))
    }

    /// Tells whether the executable is this one, or was until an upgrade put another in its place.
    fn executes(&self, binary: &Path) -> bool {
        let Some(program) = self.program() else { return false };
        let named = |stem: &Path| {
            let program = program.as_os_str().as_bytes();
            let rest = program.strip_prefix(stem.as_os_str().as_bytes());
            rest.is_some_and(|rest| matches!(rest, b"" | b".old" | b".backup"))
        };
        named(binary) || named(&resolved(binary))
    }
}

/// Returns the word given as `--root-dir` among those after a program's name; None when there is none.
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

/// Returns the path with all links resolved in the part of it that exists.
fn resolved(path: &Path) -> PathBuf {
    for ancestor in path.ancestors().skip(1) {
        if let (Ok(real), Ok(rest)) = (ancestor.canonicalize(), path.strip_prefix(ancestor)) {
            return real.join(rest);
        }
    }
    path.to_owned()
}

/// The processes of a host.
#[derive(Debug, Clone)]
pub struct Processes {
    source: Source,
    boot: String,
}

#[derive(Debug, Clone)]
enum Source {
    /// A folder laid out as `/proc`.
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
        };
        #[cfg(not(target_os = "macos"))]
        Self::below(Path::new("/proc"))
    }

    /// Returns the processes described by a folder that is laid out as `/proc`.
    #[must_use]
    pub fn below(proc: &Path) -> Self {
        let boot = fs::read_to_string(proc.join("sys/kernel/random/boot_id")).unwrap_or_default();
        Self { source: Source::Proc(proc.to_owned()), boot: boot.trim().to_owned() }
    }

    /// Returns the variables of a process whose names begin so; none where they may not be read.
    pub(crate) fn environment(&self, pid: u32, prefix: &str) -> Vec<(String, String)> {
        let text = match &self.source {
            Source::Proc(proc) => fs::read(proc.join(pid.to_string()).join("environ")).unwrap_or_default(),
            #[cfg(target_os = "macos")]
            Source::System => Vec::new(),
        };
        let pairs = text.split(|byte| *byte == 0).filter_map(|pair| std::str::from_utf8(pair).ok()?.split_once('='));
        let wanted = pairs.filter(|(name, _)| name.starts_with(prefix));
        wanted.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// Returns what can be read of a process; None when there is none of this number.
    #[must_use]
    pub fn facts(&self, pid: u32) -> Option<Facts> {
        match &self.source {
            Source::Proc(proc) => read(proc, pid),
            #[cfg(target_os = "macos")]
            Source::System => macos::facts(Some(pid)).into_iter().find(|facts| facts.pid == pid),
        }
    }

    /// Returns every process there is, in the order of their numbers.
    #[must_use]
    pub fn all(&self) -> Vec<Facts> {
        match &self.source {
            Source::Proc(proc) => {
                let entries = fs::read_dir(proc).into_iter().flatten().flatten();
                let mut pids: Vec<u32> = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
                pids.sort_unstable();
                pids.into_iter().filter_map(|pid| read(proc, pid)).collect()
            }
            #[cfg(target_os = "macos")]
            Source::System => macos::facts(None),
        }
    }

    /// Returns who the process of this number is; None when there is none.
    #[must_use]
    pub fn identify(&self, pid: u32) -> Option<ProcessIdentity> {
        self.facts(pid).map(|facts| self.identity(&facts))
    }

    /// Returns who the process is that these facts are of.
    #[must_use]
    pub fn identity(&self, facts: &Facts) -> ProcessIdentity {
        ProcessIdentity { boot: self.boot.clone(), pid: facts.pid, start: facts.start }
    }

    /// Returns the facts of exactly this process, ended or not; None when it is no more.
    #[must_use]
    pub fn look_up(&self, identity: &ProcessIdentity) -> Option<Facts> {
        if identity.boot != self.boot {
            return None;
        }
        self.facts(identity.pid).filter(|facts| facts.start == identity.start)
    }

    /// Tells whether this very process still runs, and runs this node.
    #[must_use]
    pub fn matches(&self, identity: &ProcessIdentity, node: &Node) -> bool {
        self.look_up(identity).is_some_and(|facts| facts.runs(node))
    }

    /// Returns the processes that run this node, the one that started last at the end. More than one is seen while a
    /// node restarts itself, or when somebody else started a second.
    #[must_use]
    pub fn running(&self, node: &Node) -> Vec<Facts> {
        let mut found = self.all();
        found.retain(|facts| facts.runs(node));
        found.sort_by_key(|facts| (facts.start, facts.pid));
        found
    }
}

fn read(proc: &Path, pid: u32) -> Option<Facts> {
    let folder = proc.join(pid.to_string());
    let stat = fs::read(folder.join("stat")).ok()?;
    let (life, parent, start) = parse_stat(&stat)?;
    let line = fs::read(folder.join("cmdline")).unwrap_or_default();
    let line = line.strip_suffix(b"\0").unwrap_or(&line);
    let words = line.split(|byte| *byte == 0).map(|word| OsString::from_vec(word.to_vec()));
    let arguments = if line.is_empty() { Vec::new() } else { words.collect() };
    Some(Facts { pid, parent, start, life, executable: fs::read_link(folder.join("exe")).ok(), arguments })
}

/// Reads state, parent and start time. The name in parentheses may hold spaces and parentheses itself.
fn parse_stat(stat: &[u8]) -> Option<(Life, u32, u64)> {
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(stat.get(end + 1..)?).ok()?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let life = match *fields.first()? {
        "Z" | "X" | "x" => Life::Ended,
        _ => Life::Alive,
    };
    Some((life, fields.get(1)?.parse().ok()?, fields.get(19)?.parse().ok()?))
}

#[cfg(target_os = "macos")]
mod macos {
    use sysinfo::{Pid, ProcessRefreshKind, ProcessStatus, ProcessesToUpdate, System, UpdateKind};

    use super::{Facts, Life};

    /// Returns the process of this number, or all.
    pub(super) fn facts(pid: Option<u32>) -> Vec<Facts> {
        let Ok(mut system) = System::new() else { return Vec::new() };
        let wanted: Vec<Pid> = pid.into_iter().map(Pid::from_u32).collect();
        let which = if wanted.is_empty() { ProcessesToUpdate::All } else { ProcessesToUpdate::Some(&wanted) };
        let kind = ProcessRefreshKind::nothing().with_exe(UpdateKind::Always).with_cmd(UpdateKind::Always);
        system.refresh_processes_specifics(which, true, kind);
        let mut found: Vec<Facts> = system
            .processes()
            .values()
            .map(|process| Facts {
                pid: process.pid().as_u32(),
                parent: process.parent().map_or(0, Pid::as_u32),
                start: process.start_time(),
                life: match process.status() {
                    ProcessStatus::Zombie | ProcessStatus::Dead => Life::Ended,
                    _ => Life::Alive,
                },
                executable: process.exe().map(Into::into),
                arguments: process.cmd().to_vec(),
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
    fn a_process_is_ours_by_executable_and_root_dir() {
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

    #[test]
    fn another_boot_start_or_number_is_another_process() {
        let words = ["antnode", "--root-dir", "/s/antnode0001"];
        let proc = host("S", Path::new("/s/antnode0001/antnode"), &words);
        let node = node_at(Path::new("/s/antnode0001"));
        let processes = Processes::below(proc.path());
        let identity = processes.identify(7).unwrap();
        assert!(processes.matches(&identity, &node));
        for other in [
            ProcessIdentity { boot: "other".into(), ..identity.clone() },
            ProcessIdentity { start: 4712, ..identity.clone() },
            ProcessIdentity { pid: 8, ..identity },
        ] {
            assert!(!processes.matches(&other, &node), "{other:?}");
        }
        assert_eq!(processes.running(&node).len(), 1);
    }

    #[test]
    fn an_ended_process_runs_nothing() {
        let words = ["antnode", "--root-dir", "/s/antnode0001"];
        let proc = host("Z", Path::new("/s/antnode0001/antnode"), &words);
        let facts = Processes::below(proc.path()).facts(7).unwrap();
        assert_eq!((facts.life, facts.parent, facts.start), (Life::Ended, 3, 4711));
        assert!(!facts.runs(&node_at(Path::new("/s/antnode0001"))));
    }

    #[test]
    fn a_stat_that_makes_no_sense_is_no_process() {
        for bad in ["", "7", "7 (a", "7 (a)", "7 (a) S", "7 (a) S x 0 0", "7 (a) S 1 2 3"] {
            assert_eq!(parse_stat(bad.as_bytes()), None, "{bad}");
        }
    }
}
