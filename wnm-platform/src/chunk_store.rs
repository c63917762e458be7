//! The chunk store of an `ant-node`: the lock that its process holds, and the store that earlier versions left behind.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use wnm_core::{Bytes, Flavor};

use crate::files;
use crate::guarded::{self, Trust};
use crate::observe::disk_use;
use crate::volume;

/// The file that a running `ant-node` locks with flock(2), below the folder of the node. Seen with 0.23.1.
const LOCK: &str = "chunks/.lock";
/// The store of versions before 0.23, which later versions do not read.
const EARLIER: &str = "chunks.mdb";
/// The time to measure that store, which has two files.
const MEASURED_WITHIN: Duration = Duration::from_secs(1);

/// Returns the locked file of the node in a folder: a process uses its chunks, whatever the process manager says. None
/// while no process holds the lock, for other programs, and where the file cannot be opened.
#[must_use]
pub fn held_lock(root: &Path, flavor: &Flavor) -> Option<PathBuf> {
    if *flavor != Flavor::AntNode {
        return None;
    }
    let path = root.join(LOCK);
    let is_held = volume::io(&path, |path| {
        let file = guarded::open(path, Trust::Anyone)?;
        // Several readers may hold a shared lock, so that two checks at once do not see each other.
        Ok(flock(&file, FlockOperation::NonBlockingLockShared) == Err(Errno::WOULDBLOCK))
    });
    is_held.unwrap_or(false).then_some(path)
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
    use std::fs::{self, File};

    use super::*;

    #[test]
    fn lock_is_held_while_a_process_holds_it() {
        let root = tempfile::tempdir().unwrap();
        let held = |flavor| held_lock(root.path(), &flavor);
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
