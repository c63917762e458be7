//! The identity of a volume: the marker in the storage folder, else the UUID of the file system.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::StatVfs;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::mounts::{Mount, exact};
use crate::error::PlatformError;
use crate::guarded::{self, Trust};
use crate::node_dir;

/// The file in a storage folder that identifies its volume.
pub const MARKER: &str = ".wnm-volume";
/// The format version of markers that this release writes.
const MARKER_VERSION: u32 = 1;
/// The maximum size of a marker, in bytes.
const MARKER_LIMIT: u64 = 4096;
/// The names of block devices by the UUID of their file system; udev(7) keeps them.
const BY_UUID: &str = "/dev/disk/by-uuid";

/// The marker of a volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Marker {
    /// The format version.
    version: u32,
    /// The UUID of the volume.
    uuid: String,
}

/// The identities that a volume shows. Its known identity is one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Identities {
    /// From the marker; None without one.
    pub(super) marker: Option<u64>,
    /// From the file system and the place of the folder in it; None for one without a permanent name.
    pub(super) file_system: Option<u64>,
}

impl Identities {
    /// Returns the identity to remember; 0 if unknown. A marker moves with the files to another disk.
    pub(super) fn preferred(self) -> u64 {
        self.marker.or(self.file_system).unwrap_or(0)
    }

    /// Tells whether one of the identities is the known one.
    pub(super) fn include(self, known: u64) -> bool {
        self.marker == Some(known) || self.file_system == Some(known)
    }
}

/// Returns the identity in the marker of a storage folder; None without a readable marker.
pub(super) fn of_marker(root: &Path) -> Option<u64> {
    let text = guarded::read(&root.join(MARKER), MARKER_LIMIT, Trust::Anyone).ok()?;
    let marker: Marker = serde_json::from_slice(&text).ok()?;
    Some(number(&format!("marker {}", marker.uuid)))
}

/// Writes a marker into a storage folder that has none, and returns the identity.
///
/// # Errors
/// The marker cannot be written.
pub(super) fn mark(root: &Path) -> Result<u64, PlatformError> {
    if let Some(identity) = of_marker(root) {
        return Ok(identity);
    }
    let uuid = uuid::Uuid::new_v4().to_string();
    let text = serde_json::to_vec(&Marker { version: MARKER_VERSION, uuid: uuid.clone() }).unwrap_or_default();
    node_dir::write(&root.join(MARKER), &text, 0o644)?;
    Ok(number(&format!("marker {uuid}")))
}

/// Returns the identity of a folder by its file system; None without a permanent name of the file system.
///
/// The name is the source for network file systems and ZFS, whose device numbers change; the number that ext4 and btrfs
/// derive from their UUID; and the UUID that udev knows for other file systems on a block device.
pub(super) fn of_file_system(mount: &Mount, real: &Path, status: &StatVfs) -> Option<u64> {
    let source = mount.source.to_string_lossy();
    let name = match mount.kind.as_str() {
        "zfs" | "nfs" | "nfs4" | "cifs" | "smb3" | "9p" | "virtiofs" | "ceph" => source.into_owned(),
        "ext2" | "ext3" | "ext4" | "btrfs" if status.f_fsid != 0 => format!("{:x}", status.f_fsid),
        _ => uuid_of(Path::new(&mount.source), Path::new(BY_UUID))?,
    };
    Some(number(&format!("{} {name} {}", mount.kind, exact(&mount.place(real)))))
}

/// Returns the UUID of the file system on a block device.
fn uuid_of(device: &Path, by_uuid: &Path) -> Option<String> {
    if !device.is_absolute() {
        return None;
    }
    let device = device.canonicalize().ok()?;
    let mut links = fs::read_dir(by_uuid).ok()?.flatten();
    let link = links.find(|link| link.path().canonicalize().is_ok_and(|target| target == device))?;
    Some(link.file_name().to_string_lossy().into_owned())
}

/// Returns a number for a name, never 0: the first eight bytes of its SHA-256.
fn number(name: &str) -> u64 {
    let digest = Sha256::digest(name.as_bytes());
    let first = digest.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    first.max(1)
}

/// A folder that exists, with links resolved.
#[derive(Debug)]
pub(super) struct Existing {
    pub(super) real: PathBuf,
    pub(super) device: u64,
}

/// Resolves a folder.
///
/// # Errors
/// The folder does not exist, is a file, or cannot be read.
pub(super) fn existing(folder: &Path) -> io::Result<Existing> {
    let real = folder.canonicalize()?;
    let facts = real.metadata()?;
    if !facts.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    Ok(Existing { real, device: facts.dev() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marker_is_written_once_and_moves_with_the_files() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        fs::create_dir(&old).unwrap();
        assert_eq!(of_marker(&old), None);
        let identity = mark(&old).unwrap();
        assert_eq!((mark(&old).unwrap(), of_marker(&old)), (identity, Some(identity)));
        fs::rename(&old, &new).unwrap();
        assert_eq!(of_marker(&new), Some(identity));
        fs::create_dir(&old).unwrap();
        assert_ne!(mark(&old).unwrap(), identity);
    }

    #[test]
    fn damaged_or_linked_marker_is_no_marker() {
        let folder = tempfile::tempdir().unwrap();
        let marker = folder.path().join(MARKER);
        for text in ["", "{}", "[1]", "\u{0}", &" ".repeat(10_000)] {
            fs::write(&marker, text).unwrap();
            assert_eq!(of_marker(folder.path()), None, "{text:.10}");
        }
        fs::remove_file(&marker).unwrap();
        let other = tempfile::tempdir().unwrap();
        mark(other.path()).unwrap();
        std::os::unix::fs::symlink(other.path().join(MARKER), &marker).unwrap();
        assert_eq!(of_marker(folder.path()), None);
    }

    #[test]
    fn uuid_of_a_block_device_is_that_of_its_link() {
        let folder = tempfile::tempdir().unwrap();
        let (device, by_uuid) = (folder.path().join("sda1"), folder.path().join("by-uuid"));
        fs::write(&device, "").unwrap();
        fs::create_dir(&by_uuid).unwrap();
        std::os::unix::fs::symlink("../sdb1", by_uuid.join("1111-2222")).unwrap();
        std::os::unix::fs::symlink("../sda1", by_uuid.join("3333-4444")).unwrap();
        assert_eq!(uuid_of(&device, &by_uuid).as_deref(), Some("3333-4444"));
        assert_eq!(uuid_of(&folder.path().join("sdc1"), &by_uuid), None);
        assert_eq!(uuid_of(Path::new("tmpfs"), &by_uuid), None);
    }
}
