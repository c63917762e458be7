//! The layout of `/proc`.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Read as _;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use wnm_core::{Flavor, resolved_below};

use super::{Isolation, Liveness, ProcessInfo, may_use, root_dir_in};
use crate::{node_dir, volume};

/// The maximum length of the arguments and of the environment of a process, in bytes. A node has some hundred.
const TEXT_LIMIT: u64 = 128 * 1024;

/// Returns the ID of the boot of the host; empty where the kernel does not tell.
pub(super) fn boot_id(proc: &Path) -> String {
    fs::read_to_string(proc.join("sys/kernel/random/boot_id")).unwrap_or_default().trim().to_owned()
}

/// Tells whether the processes of other users are hidden.
pub(super) fn hides_others(proc: &Path) -> bool {
    proc.join("self").exists() && fs::read(proc.join("1/stat")).is_err()
}

/// Returns the PIDs of all processes, in order.
pub(super) fn pids(proc: &Path) -> Vec<u32> {
    let entries = fs::read_dir(proc).into_iter().flatten().flatten();
    let mut pids: Vec<u32> = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    pids.sort_unstable();
    pids
}

/// Returns the variables of a process, each with a zero byte at its end.
pub(super) fn environment(process: &Path) -> Vec<u8> {
    head(&process.join("environ"))
}

/// Returns the user of a process: that of its folder, also where its files belong to root. A program with the setuid bit,
/// such as `su`, gets its words from the user who started it, and counts as that user's.
pub(super) fn user_of(process: &Path) -> Option<u32> {
    let user = fs::metadata(process).ok()?.uid();
    let status = || fs::read_to_string(process.join("status")).ok();
    Some(if user == 0 { status().as_deref().and_then(real_user).unwrap_or(user) } else { user })
}

/// Returns the real user ID in the text of `/proc/PID/status`.
fn real_user(status: &str) -> Option<u32> {
    status.lines().find_map(|line| line.strip_prefix("Uid:"))?.split_ascii_whitespace().next()?.parse().ok()
}

/// Returns a process besides this one that may use a folder and has this file open with a lock by flock(2). Files of other
/// names are left alone: they can be on a file system that hangs. A child of this process has all its files open, without
/// their locks, until it executes its program.
pub(super) fn with_lock(proc: &Path, path: &Path, file: &fs::Metadata, folder: &Path) -> Option<u32> {
    let is_named = |one: &Path| fs::read_link(one).is_ok_and(|opened| opened.file_name() == path.file_name());
    let is_it = |of: &fs::Metadata| (of.dev(), of.ino()) == (file.dev(), file.ino());
    let is_locked = |process: &Path, one: &Path| {
        let facts = one.file_name().map(|number| fs::read_to_string(process.join("fdinfo").join(number)));
        facts.and_then(Result::ok).is_none_or(|facts| facts.lines().any(|line| line.starts_with("lock:")))
    };
    pids(proc).into_iter().find(|pid| {
        let process = proc.join(pid.to_string());
        let open = || fs::read_dir(process.join("fd")).into_iter().flatten().flatten();
        *pid != std::process::id()
            && user_of(&process).is_some_and(|user| may_use(user, folder))
            && open()
                .map(|one| one.path())
                .any(|one| is_named(&one) && fs::metadata(&one).is_ok_and(|of| is_it(&of)) && is_locked(&process, &one))
    })
}

/// Reads the first bytes of a file of a process. A user can give a process megabytes of arguments, and start thousands.
fn head(file: &Path) -> Vec<u8> {
    let mut text = Vec::new();
    _ = fs::File::open(file).and_then(|file| file.take(TEXT_LIMIT).read_to_end(&mut text));
    text
}

/// Returns the data of a process; None when the PID is free. Reading its arguments waits while its memory is locked.
pub(super) fn read(proc: &Path, pid: u32) -> Option<ProcessInfo> {
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
        facts.user = user_of(&folder);
    }
    Some(facts)
}

/// Returns the data of a process that are outside its memory, where its arguments are.
fn without_arguments(folder: &Path, pid: u32) -> Option<ProcessInfo> {
    let Stat { life, parent, start } = stat(folder)?;
    Some(ProcessInfo {
        pid,
        parent,
        start,
        life,
        user: fs::metadata(folder).ok().map(|facts| facts.uid()),
        executable: fs::read_link(folder.join("exe")).ok(),
        arguments: Vec::new(),
        working_dir: None,
        implied_root: None,
        isolation: Isolation::default(),
    })
}

/// Returns the data of a process whose memory cannot be read. A node mostly runs a copy of the program in its folder.
pub(super) fn read_without_memory(proc: &Path, pid: u32) -> Option<ProcessInfo> {
    let folder = proc.join(pid.to_string());
    let mut facts = without_arguments(&folder, pid)?;
    facts.arguments.extend(facts.executable.clone().map(PathBuf::into_os_string));
    let of_node = |program: &&Path| Flavor::ALL.iter().any(|flavor| program.ends_with(flavor.program()));
    facts.implied_root = facts.program().filter(of_node).and_then(Path::parent).map(Path::to_owned);
    if facts.implied_root.is_some() {
        facts.isolation = Isolation::of(proc, pid);
        facts.user = user_of(&folder);
    }
    Some(facts)
}

/// Returns the folder of a node program that runs without `--root-dir`: both programs then choose one below the data
/// folder of their user. The log of an `antnode` and the lock file of an `ant-node` there are open while they run.
fn implied_root(process: &Path, arguments: &[OsString]) -> Option<PathBuf> {
    const VARIABLE: &[u8] = b"ANT_ROOT_DIR=";
    let name = Path::new(arguments.first()?).file_name()?;
    let flavor = Flavor::ALL.into_iter().find(|flavor| flavor.program() == name)?;
    let environment = environment(process);
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

/// State, parent and start time of a process.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) life: Liveness,
    pub(super) parent: u32,
    /// The start time, in the unit of [`ProcessIdentity::start`](wnm_core::ProcessIdentity::start).
    pub(super) start: u64,
}

/// Reads the state of a process; None when the PID is free.
pub(super) fn stat(process: &Path) -> Option<Stat> {
    // 52 numbers and a name of at most 64 bytes, which the kernel gives to one call.
    let mut text = [0; 2048];
    let length = fs::File::open(process.join("stat")).and_then(|mut file| file.read(&mut text)).ok()?;
    parse_stat(text.get(..length)?)
}

/// Parses the state of a process. The name in parentheses may itself contain blanks and parentheses. A process whose first
/// thread has ended before the others is shown as a zombie, but is alive.
fn parse_stat(stat: &[u8]) -> Option<Stat> {
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(stat.get(end + 1..)?).ok()?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let threads: u32 = fields.get(17)?.parse().ok()?;
    let life = match *fields.first()? {
        "Z" | "X" | "x" if threads <= 1 => Liveness::Ended,
        _ => Liveness::Alive,
    };
    Some(Stat { life, parent: fields.get(1)?.parse().ok()?, start: fields.get(19)?.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

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
