//! The chunk store of an `ant-node`: the lock that its process holds, and the store that earlier versions left behind.

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use wnm_core::{Bytes, Flavor};

use crate::files;
use crate::guarded::{self, Trust};
use crate::observe::disk_use;
use crate::observe::process::{Processes, may_use};
use crate::volume;

/// The file that a running `ant-node` locks with flock(2), below the folder of the node. Seen with 0.23.1.
const LOCK: &str = "chunks/.lock";
/// The store of versions before 0.23, which later versions do not read.
const EARLIER: &str = "chunks.mdb";
/// The time to measure that store, which has two files.
const MEASURED_WITHIN: Duration = Duration::from_secs(1);

/// The locks of all processes; see proc_locks(5).
const LOCKS: &str = "/proc/locks";

/// The lock of a running node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldLock {
    /// The locked file.
    pub path: PathBuf,
    /// The PID of the process that holds it; None where the kernel does not tell.
    pub process: Option<u32>,
}

impl fmt::Display for HeldLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match self.process {
            Some(process) => write!(f, "process {process} holds the lock {path}"),
            None => write!(f, "a process holds the lock {path}"),
        }
    }
}

/// Returns the lock of the node in a folder: a process uses its chunks, whatever the process manager says. None while no
/// process holds the lock, for other programs, and where the file cannot be opened.
///
/// Any user who can read the file can lock it. A lock counts only when root, the user of wnm or the owner of the folder
/// holds it, or when the kernel does not tell who does.
#[must_use]
pub fn held_lock(root: &Path, flavor: &Flavor, processes: &Processes) -> Option<HeldLock> {
    if *flavor != Flavor::AntNode {
        return None;
    }
    let (root, processes) = (root.to_owned(), processes.clone());
    let held = volume::io(&root.join(LOCK), move |path| {
        let file = guarded::open(path, Trust::Anyone)?;
        // Several readers may hold a shared lock, so that two checks at once do not see each other.
        if flock(&file, FlockOperation::NonBlockingLockShared) != Err(Errno::WOULDBLOCK) {
            return Ok(None);
        }
        let facts = file.metadata()?;
        let held = |process| Some(HeldLock { path: path.to_owned(), process });
        let holders = holders(&fs::read_to_string(LOCKS).unwrap_or_default(), facts.ino());
        if holders.is_empty() {
            return Ok(held(None));
        }
        let is_ended = |pid: u32| {
            let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
            pid.is_some_and(|pid| rustix::process::test_kill_process(pid) == Err(Errno::SRCH))
        };
        let counts = |pid: &u32| processes.user_of(*pid).map_or(!is_ended(*pid), |user| may_use(user, &root));
        let holder = holders.iter().copied().find(counts);
        // The process that took the lock may have left it to a child.
        let heir =
            || holders.iter().any(|pid| is_ended(*pid)).then(|| processes.with_lock(path, &facts, &root)).flatten();
        Ok(holder.or_else(heir).and_then(|process| held(Some(process))))
    });
    held.unwrap_or_default()
}

/// Returns the processes that hold a lock by flock(2) on files with this inode. The devices are left out: btrfs shows others
/// there than to its users.
fn holders(locks: &str, inode: u64) -> Vec<u32> {
    let holder = |line: &str| {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        // A process that waits for the lock has an arrow before these words.
        let [_, "FLOCK", _, _, pid, file, ..] = words[..] else { return None };
        let of: u64 = file.rsplit(':').next()?.parse().ok()?;
        pid.parse().ok().filter(|_| of == inode)
    };
    locks.lines().filter_map(holder).collect()
}

/// Returns the store of an earlier version in the folder of an `ant-node`, with its use of the disk if that can be
/// measured. The node cannot read it, and lacks the chunks in it.
#[must_use]
pub fn earlier_store(root: &Path, flavor: &Flavor) -> Option<(PathBuf, Option<Bytes>)> {
    let path = root.join(EARLIER);
    let is_there = *flavor == Flavor::AntNode && files::symlink_metadata(&path).is_ok_and(|facts| facts.is_dir());
    is_there.then(|| {
        let until = Instant::now() + MEASURED_WITHIN;
        let size = volume::io(&path, move |path| Ok(disk_use(path, until)));
        (path, size.ok().flatten().map(Bytes))
    })
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::process::CommandExt as _;
    use std::process::{Child, Command, Stdio};

    use super::*;

    #[test]
    fn lock_is_held_while_a_process_holds_it() {
        let root = tempfile::tempdir().unwrap();
        let processes = Processes::of_host();
        let held = |flavor| held_lock(root.path(), &flavor, &processes).map(|lock| lock.path);
        assert_eq!(held(Flavor::AntNode), None);
        fs::create_dir(root.path().join("chunks")).unwrap();
        let path = root.path().join(LOCK);
        let file = File::create(&path).unwrap();
        assert_eq!(held(Flavor::AntNode), None);
        flock(&file, FlockOperation::NonBlockingLockExclusive).unwrap();
        assert_eq!(held(Flavor::AntNode), Some(path.clone()));
        assert_eq!(held(Flavor::Antnode), None);
        flock(&file, FlockOperation::Unlock).unwrap();
        assert_eq!(held(Flavor::AntNode), None);
        // Another file behind a link says nothing about the node.
        fs::remove_file(&path).unwrap();
        flock(&file, FlockOperation::NonBlockingLockExclusive).unwrap();
        let other = root.path().join("other");
        fs::write(&other, "").unwrap();
        std::os::unix::fs::symlink(&other, &path).unwrap();
        assert_eq!(held(Flavor::AntNode), None);
    }

    #[test]
    fn holders_of_a_file_are_those_of_its_inode() {
        let locks = "1: FLOCK  ADVISORY  WRITE 359 00:13:11691 0 EOF\n\
                     2: POSIX  ADVISORY  WRITE 360 00:13:11691 0 EOF\n\
                     3: -> FLOCK  ADVISORY  WRITE 361 00:13:11691 0 EOF\n\
                     4: FLOCK  ADVISORY  READ 362 fe:01:11691 0 EOF\n\
                     5: FLOCK  ADVISORY  READ 363 00:13:1169 0 EOF\n6: FLOCK\n\n";
        assert_eq!(holders(locks, 11691), [359, 362]);
        assert_eq!(holders(locks, 7), [] as [u32; 0]);
    }

    /// Runs a shell that locks a file as this user, and returns it once it has the lock.
    fn locker(file: &Path, user: u32, script: &str) -> Child {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("exec 9<\"$0\"; flock 9; {script}"), file.to_str().unwrap()]);
        let mut child = shell.uid(user).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = [0; 1];
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut said).unwrap();
        child
    }

    #[test]
    #[ignore = "needs root; .ci/root-tests runs it"]
    fn lock_of_another_user_does_not_count_as_root() {
        use std::os::unix::fs::{PermissionsExt as _, chown};

        let root = tempfile::tempdir().unwrap();
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(root.path().join("chunks")).unwrap();
        let path = root.path().join(LOCK);
        File::create(&path).unwrap();
        let processes = Processes::of_host();
        let held = || held_lock(root.path(), &Flavor::AntNode, &processes).map(|lock| lock.process);
        // The command `flock` takes the lock, ends, and leaves it to the shell.
        // A process of root that has the file open without the lock, as a child of wnm before it executes its program.
        let mut idle = Command::new("sleep").arg("1000").stdin(File::open(&path).unwrap()).spawn().unwrap();
        for (owner, user, counts) in [(0, 12345, false), (12345, 12345, true), (12345, 12346, false), (12345, 0, true)]
        {
            chown(root.path(), Some(owner), None).unwrap();
            let mut shell = locker(&path, user, "echo; exec sleep 1000");
            let found = held();
            shell.kill().unwrap();
            shell.wait().unwrap();
            assert_eq!(found, counts.then_some(Some(shell.id())), "{owner} {user}");
            assert_eq!(held(), None);
        }
        idle.kill().unwrap();
        idle.wait().unwrap();
        let own = File::open(&path).unwrap();
        flock(&own, FlockOperation::NonBlockingLockExclusive).unwrap();
        assert_eq!(held(), Some(Some(std::process::id())));
    }

    #[test]
    fn earlier_store_is_found_with_its_size() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(earlier_store(root.path(), &Flavor::AntNode), None);
        let store = root.path().join(EARLIER);
        fs::create_dir(&store).unwrap();
        fs::write(store.join("data.mdb"), vec![7; 100_000]).unwrap();
        let (path, size) = earlier_store(root.path(), &Flavor::AntNode).unwrap();
        assert!(path == store && size >= Some(Bytes(100_000)), "{size:?}");
        assert_eq!(earlier_store(root.path(), &Flavor::Antnode), None);
    }
}
