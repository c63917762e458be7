//! Detection of file systems that hang, by processes of their own.
//!
//! A process with one thread in a call on a hung file system cannot end, even after SIGKILL: FUSE and disks in error
//! handling wait uninterruptibly, and `wnm run` would then hang at its exit. So the first call on each storage path is made
//! by `stat -f`, a process that can be left behind, and wnm itself only touches paths that answered it.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::deadline;
use crate::exec::search_path;

/// The time that all file systems together have to answer, and again each one alone. A disk that spins up takes some
/// seconds, and a loaded host a second to start a process.
const DEADLINE: Duration = Duration::from_secs(4);
/// The longest pause between two queries whether a process has ended.
const LONGEST_PAUSE: Duration = Duration::from_millis(20);
/// The time for which a search for processes of earlier runs that found none stays valid.
const SEARCHED: Duration = Duration::from_secs(60);
/// The program and its arguments before the paths.
const PROGRAM: [&str; 3] = ["stat", "-f", "--"];

/// The processes of this run that have not ended, by path.
static STUCK: Mutex<BTreeMap<PathBuf, Child>> = Mutex::new(BTreeMap::new());
/// The last search for processes of earlier runs.
static EARLIER: Mutex<Earlier> = Mutex::new(Earlier { at: None, paths: BTreeSet::new() });
/// The processes for several paths that have not ended; kept only to wait for them when they end.
static LEFT: Mutex<Vec<Child>> = Mutex::new(Vec::new());

/// Returns the paths whose file system does not answer. A path that does not exist counts as answering.
pub(crate) fn unanswering<'a>(paths: impl IntoIterator<Item = &'a Path>) -> BTreeSet<PathBuf> {
    let paths: BTreeSet<&Path> = paths.into_iter().collect();
    let is_hung = |path: &&&Path| is_stuck(path) || deadline::is_hung(path);
    let mut silent: BTreeSet<PathBuf> = paths.iter().filter(is_hung).map(|path| path.into()).collect();
    silent.extend(Earlier::read(&mut earlier(), Path::new("/proc"), &paths));
    let rest: Vec<&Path> = paths.into_iter().filter(|path| !silent.contains(*path)).collect();
    if rest.is_empty() || together(&rest) == Ended::Yes {
        return silent;
    }
    silent.extend(each_alone(&rest));
    silent
}

/// Whether a process has ended.
#[derive(PartialEq, Eq)]
enum Ended {
    Yes,
    No,
}

/// Queries all paths with one process, which costs about a millisecond.
fn together(paths: &[&Path]) -> Ended {
    // Without `stat` on this host nothing is known; the deadlines of this process remain.
    let Some(mut child) = spawn(paths) else { return Ended::Yes };
    let ended = wait(&mut child, Instant::now() + DEADLINE);
    let mut left = LEFT.lock().unwrap_or_else(PoisonError::into_inner);
    left.retain_mut(|earlier| matches!(earlier.try_wait(), Ok(None)));
    if ended == Ended::No {
        let _ = child.kill();
        left.push(child);
    }
    ended
}

/// Queries each path with its own process, at the same time, and returns those without an answer.
fn each_alone(paths: &[&Path]) -> Vec<PathBuf> {
    let children: Vec<(&Path, Child)> = paths.iter().filter_map(|path| Some((*path, spawn(&[path])?))).collect();
    let until = Instant::now() + DEADLINE;
    let mut silent = Vec::new();
    for (path, mut child) in children {
        if wait(&mut child, until) == Ended::No {
            silent.push(path.to_owned());
            // It ends with the hang at the latest. Until then it is the evidence of it, for later runs of wnm too.
            let _ = child.kill();
            stuck().insert(path.to_owned(), child);
        }
    }
    silent
}

fn spawn(paths: &[&Path]) -> Option<Child> {
    let [program, arguments @ ..] = PROGRAM;
    let mut command = Command::new(program);
    // A pipe of the caller that the process inherited would stay open as long as the process.
    command.args(arguments).args(paths).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.envs(search_path().map(|path| ("PATH", path)));
    command.current_dir("/").spawn().ok()
}

/// Waits for the end of a process, with growing pauses: most end within a millisecond.
fn wait(child: &mut Child, until: Instant) -> Ended {
    let mut pause = Duration::from_micros(200);
    loop {
        match child.try_wait() {
            Ok(None) if Instant::now() < until => thread::sleep(pause),
            Ok(None) => return Ended::No,
            Ok(Some(_)) | Err(_) => return Ended::Yes,
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Tells whether the process of an earlier call on this path has not ended; one that has ended is forgotten.
fn is_stuck(path: &Path) -> bool {
    let mut stuck = stuck();
    let Some(child) = stuck.get_mut(path) else { return false };
    if matches!(child.try_wait(), Ok(None)) {
        return true;
    }
    stuck.remove(path);
    false
}

/// The last search for processes of earlier runs, which reads a file of each process on the host.
#[derive(Debug, Default)]
struct Earlier {
    at: Option<Instant>,
    paths: BTreeSet<PathBuf>,
}

impl Earlier {
    /// Returns the paths on which a process of an earlier run is stuck. After a search without any, a daemon looks at the
    /// same paths again a minute later: only another run beside it could have left a process since.
    fn read(&mut self, proc: &Path, paths: &BTreeSet<&Path>) -> Vec<PathBuf> {
        let is_recent = self.at.is_some_and(|at| at.elapsed() < SEARCHED);
        if is_recent && paths.iter().all(|path| self.paths.contains(*path)) {
            return Vec::new();
        }
        let stuck = stuck_earlier(proc, paths);
        self.at = stuck.is_empty().then(Instant::now);
        self.paths = paths.iter().map(|path| path.to_path_buf()).collect();
        stuck
    }
}

/// Returns the paths on which a process of an earlier run of wnm is stuck. Without this query each run of a crontab line
/// would leave one more behind.
fn stuck_earlier(proc: &Path, paths: &BTreeSet<&Path>) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(proc).into_iter().flatten().flatten();
    let lines = entries.filter_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let folder = proc.join(pid.to_string());
        // The short name first: it is the cheaper of the two files.
        let is_stat = std::fs::read(folder.join("comm")).is_ok_and(|name| name == b"stat\n");
        if !is_stat || !is_uninterruptible(&std::fs::read(folder.join("stat")).ok()?) {
            return None;
        }
        std::fs::read(folder.join("cmdline")).ok()
    });
    let paths_of = |line: Vec<u8>| {
        let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
        let [program, flag, end, path, b""] = words.as_slice() else { return None };
        let is_ours = [*program, *flag, *end].map(OsStr::from_bytes) == PROGRAM.map(OsStr::new);
        let path = Path::new(OsStr::from_bytes(path));
        (is_ours && paths.contains(path)).then(|| path.to_owned())
    };
    lines.filter_map(paths_of).collect()
}

/// Tells whether the state of a process in `/proc/PID/stat` is uninterruptible sleep.
fn is_uninterruptible(stat: &[u8]) -> bool {
    let state = stat.iter().rposition(|byte| *byte == b')').and_then(|end| stat.get(end + 2));
    state == Some(&b'D')
}

fn earlier() -> MutexGuard<'static, Earlier> {
    EARLIER.lock().unwrap_or_else(PoisonError::into_inner)
}

fn stuck() -> MutexGuard<'static, BTreeMap<PathBuf, Child>> {
    STUCK.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn ordinary_and_missing_paths_answer() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("nothing");
        assert_eq!(unanswering([folder.path(), missing.as_path()]), BTreeSet::new());
        assert_eq!(unanswering([]), BTreeSet::new());
    }

    #[test]
    fn hundred_paths_cost_one_process() {
        let folder = tempfile::tempdir().unwrap();
        let paths: Vec<PathBuf> = (0..100).map(|n| folder.path().join(format!("volume {n}"))).collect();
        paths.iter().for_each(|path| fs::create_dir(path).unwrap());
        assert_eq!(unanswering(paths.iter().map(PathBuf::as_path)), BTreeSet::new());
    }

    #[test]
    fn stuck_process_of_an_earlier_run_is_found() {
        let proc = tempfile::tempdir().unwrap();
        let process = |pid: &str, name: &str, state: &str, line: &[u8]| {
            let folder = proc.path().join(pid);
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join("comm"), format!("{name}\n")).unwrap();
            fs::write(folder.join("stat"), format!("{pid} ({name}) {state} 1 1 1")).unwrap();
            fs::write(folder.join("cmdline"), line).unwrap();
        };
        process("10", "stat", "D", b"stat\0-f\0--\0/mnt/hung\0");
        process("11", "stat", "S", b"stat\0-f\0--\0/mnt/slow\0");
        process("12", "stat", "D", b"stat\0/mnt/a\0");
        process("13", "stat", "D", b"stat\0-f\0--\0/mnt/b\0/mnt/a\0");
        process("14", "df", "D", b"stat\0-f\0--\0/mnt/b\0");
        process("15", "stat", "D", b"stat\0-f\0--\0/mnt/of another colony\0");
        fs::create_dir(proc.path().join("sys")).unwrap();
        let paths: BTreeSet<&Path> = ["/mnt/hung", "/mnt/slow", "/mnt/a", "/mnt/b"].map(Path::new).into();
        assert_eq!(stuck_earlier(proc.path(), &paths), [Path::new("/mnt/hung")]);

        // One that is found is looked for again, and so are other paths than those without one.
        let mut earlier = Earlier::default();
        let read = |earlier: &mut Earlier, path: &str| earlier.read(proc.path(), &[Path::new(path)].into()).len();
        assert_eq!([1, 1], [read(&mut earlier, "/mnt/hung"), read(&mut earlier, "/mnt/hung")]);
        assert_eq!(
            [0, 1, 0],
            [read(&mut earlier, "/mnt/a"), read(&mut earlier, "/mnt/hung"), read(&mut earlier, "/mnt/c")]
        );
        process("16", "stat", "D", b"stat\0-f\0--\0/mnt/c\0");
        assert_eq!(read(&mut earlier, "/mnt/c"), 0, "within a minute");
        earlier.at = Instant::now().checked_sub(SEARCHED);
        assert_eq!(read(&mut earlier, "/mnt/c"), 1);
    }
}
