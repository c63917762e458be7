//! The volumes of storage folders: identity, space, faults, and access with a deadline.
//!
//! A volume can be unmounted, hang, fail or become read-only while wnm runs. Everything here returns in time, and tells
//! the fault of a volume apart from missing folders of nodes.

mod answer;
mod deadline;
mod identity;
mod mounts;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::fs::{StatVfs, StatVfsMountFlags};
use wnm_core::{Bytes, Node, NodeId, Percent, Volume, VolumeFault};

use crate::error::PlatformError;
use crate::node_dir::{self, Owner};
use identity::{Existing, Identities};
use mounts::Mounts;
#[cfg(any(test, fuzzing))]
pub(crate) use mounts::fuzz as fuzz_mounts;

pub(crate) use answer::unanswering;
use deadline::know_real;
pub(crate) use deadline::{CALL, WRITE, io, io_writing, know, progress, within};
pub use identity::MARKER;

/// The time for all calls of one observation on one volume. A thousand folders take 20 ms.
const DEADLINE: Duration = Duration::from_secs(5);

/// The condition of a node's folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FolderState {
    /// The folder exists.
    Present,
    /// The folder exists and is empty, as a mount point without its volume, or is a link that leads nowhere.
    Bare,
    /// The folder does not exist.
    Missing,
    /// The folder cannot be inspected, for example without permission. It counts as present.
    Unreadable,
    /// The file system does not answer.
    NoAnswer,
}

/// The volumes of the storage folders, and the folders of nodes on them.
#[derive(Debug, Clone, Default)]
pub struct Storage {
    /// The volume of each storage folder, in their order.
    pub volumes: Vec<Volume>,
    /// The folder of each node.
    pub folders: BTreeMap<NodeId, FolderState>,
}

impl Storage {
    /// Reads the volumes of these storage folders and the folders of these nodes. `known` has the identities of the
    /// volumes by storage folder. The missing folder of an `unsettled` node, which is being added or removed, is no sign
    /// of a lost volume.
    #[must_use]
    pub fn read<'a>(
        roots: &[PathBuf],
        nodes: impl IntoIterator<Item = &'a Node>,
        known: &BTreeMap<PathBuf, u64>,
        unsettled: &BTreeSet<NodeId>,
    ) -> Self {
        let mut on_root: BTreeMap<PathBuf, Vec<Node>> = roots.iter().map(|root| (root.clone(), Vec::new())).collect();
        for node in nodes {
            let root = volume_of(&node.root_dir, roots).map_or_else(|| node.root_dir.clone(), |i| roots[i].clone());
            on_root.entry(root).or_default().push(node.clone());
        }
        know(on_root.keys().map(PathBuf::as_path));
        let silent = unanswering(on_root.keys().map(PathBuf::as_path));
        let mut views: BTreeMap<PathBuf, View> = BTreeMap::new();
        let mut storage = Self::default();
        // Folders of one file system have one free space: what others write between two readings must not prefer one of
        // them. A limit of the space of one folder shows as another total.
        let mut spaces: BTreeMap<(u64, Option<Bytes>), Space> = BTreeMap::new();
        for (root, nodes) in on_root {
            let ids: Vec<NodeId> = nodes.iter().map(|node| node.id).collect();
            let mut view = read_in_time(&root, nodes, &silent);
            let folder = |id: &NodeId| view.folders.get(id).copied().unwrap_or(FolderState::NoAnswer);
            storage.folders.extend(ids.iter().map(|id| (*id, folder(id))));
            view.folders.retain(|id, _| !unsettled.contains(id));
            if let Some(device) = view.device {
                view.space = *spaces.entry((device, view.space.total)).or_insert(view.space);
            }
            views.insert(root, view);
        }
        storage.volumes = roots
            .iter()
            .map(|root| {
                views.get(root).map_or_else(Volume::default, |view| view.volume(root, known.get(root).copied()))
            })
            .collect();
        storage
    }

    /// Tells whether nothing is known of a node's folder and process: its volume has a fault, its file system does not
    /// answer, or the folder is a mount point without its volume.
    #[must_use]
    pub fn is_faulty(&self, node: NodeId, volume: Option<usize>) -> bool {
        let folder = self.folders.get(&node);
        matches!(folder, Some(FolderState::NoAnswer | FolderState::Bare)) || self.has_fault(volume)
    }

    /// Tells whether the file system of a node's folder answers, so that the files of the node can be read. A folder that
    /// was not asked for counts as answering.
    #[must_use]
    pub fn answers(&self, node: NodeId) -> bool {
        self.folders.get(&node) != Some(&FolderState::NoAnswer)
    }

    /// Tells whether a volume has a fault; false without a volume.
    pub(crate) fn has_fault(&self, volume: Option<usize>) -> bool {
        volume.and_then(|volume| self.volumes.get(volume)).is_some_and(|volume| volume.fault.is_some())
    }
}

/// Returns these nodes by the volume of their folders, each with a folder on it.
pub(crate) fn by_volume(nodes: &[&Node]) -> Vec<(PathBuf, Vec<Node>)> {
    let mut found: BTreeMap<PathBuf, Vec<Node>> = BTreeMap::new();
    for node in nodes {
        let volume = deadline::volume_around(&node.root_dir).unwrap_or_else(|| node.root_dir.clone());
        found.entry(volume).or_default().push((*node).clone());
    }
    found.into_iter().collect()
}

/// As [`within`], with a missing answer as an error.
///
/// # Errors
/// That of the call, or the file system does not answer.
pub(crate) fn try_within<T: Send + 'static>(
    path: &Path,
    deadline: Duration,
    call: impl FnOnce() -> Result<T, PlatformError> + Send + 'static,
) -> Result<T, PlatformError> {
    within(path, deadline, call).unwrap_or_else(|_| {
        let path = deadline::volume_around(path).unwrap_or_else(|| path.to_owned());
        Err(PlatformError::Volume { path, fault: VolumeFault::Hung })
    })
}

/// Returns the index of the storage folder around a folder: the innermost one.
#[must_use]
pub fn volume_of(folder: &Path, roots: &[PathBuf]) -> Option<usize> {
    let around = roots.iter().enumerate().filter(|(_, root)| folder.starts_with(root));
    around.max_by_key(|(_, root)| root.as_os_str().len()).map(|(at, _)| at)
}

/// Returns the name of the space of the volume at a path. Equal names mean shared space. A path without a mount has its own.
#[cfg(target_os = "macos")]
pub(crate) fn pool_of(path: &Path) -> String {
    let mounts = Mounts::around(path);
    mounts.of(path).map_or_else(|| path.display().to_string(), |mount| mounts.pool(mount))
}

/// Tells whether a file system holds a thread of this process, so that the kernel keeps the process after its end.
#[must_use]
pub fn holds_process() -> bool {
    deadline::is_any_hung()
}

/// Returns the storage folders whose file systems answer.
#[must_use]
pub fn answering(roots: &[PathBuf]) -> Vec<PathBuf> {
    know(roots.iter().map(PathBuf::as_path));
    let silent = unanswering(roots.iter().map(PathBuf::as_path));
    roots.iter().filter(|root| !silent.contains(*root)).cloned().collect()
}

/// Returns how an operator ends a fault of the volume of a storage folder.
#[must_use]
pub fn hint(root: &Path, fault: VolumeFault) -> String {
    let root = root.display();
    match fault {
        VolumeFault::Lost => {
            format!("mount it again (`findmnt --target {root}` shows the present mount); wnm goes on by itself")
        }
        VolumeFault::Hung => {
            format!(
                "restore the server or the disk of {root}, or run `umount -l` on its mount point and mount it again"
            )
        }
        VolumeFault::Failing => {
            format!("`dmesg` shows errors of the disk; run `umount -l` on the mount point of {root} and mount it again")
        }
        VolumeFault::ReadOnly => format!(
            "`dmesg` shows why; after a check of the file system run `mount -o remount,rw` on the mount point of {root}"
        ),
    }
}

/// Writes a marker into a storage folder, unless it has one, and returns the identity of its volume; None when the folder
/// cannot be marked and its file system has no permanent name.
#[must_use]
pub fn mark(root: &Path) -> Option<u64> {
    let folder = root.to_owned();
    let identity = within(root, DEADLINE, move || {
        identity::mark(&folder).ok().or_else(|| View::read(&folder, &[]).identities.file_system)
    });
    identity.ok().flatten()
}

/// Marks the volumes of a new colony, and returns their identities by storage folder. A volume from which the folder of a
/// node is missing may be the wrong one: it gets no identity.
#[must_use]
pub fn identify<'a>(roots: &[PathBuf], nodes: impl IntoIterator<Item = &'a Node> + Clone) -> BTreeMap<PathBuf, u64> {
    let storage = Storage::read(roots, nodes.clone(), &BTreeMap::new(), &BTreeSet::new());
    let is_missing = |node: &&Node| storage.folders.get(&node.id) != Some(&FolderState::Present);
    let lacking: BTreeSet<usize> =
        nodes.into_iter().filter(is_missing).filter_map(|node| volume_of(&node.root_dir, roots)).collect();
    let usable =
        storage.volumes.iter().enumerate().filter(|(at, volume)| volume.fault.is_none() && !lacking.contains(at));
    usable.filter_map(|(_, volume)| Some((volume.root.clone(), mark(&volume.root)?))).collect()
}

/// Checks that a storage folder is on its known volume, before an action changes files there.
///
/// # Errors
/// The file system does not answer, or the folder is on another volume.
pub(crate) fn check(root: &Path, known: Option<u64>) -> Result<(), PlatformError> {
    let failed = |fault| PlatformError::Volume { path: root.to_owned(), fault };
    let folder = root.to_owned();
    let view = within(root, DEADLINE, move || View::read(&folder, &[])).map_err(|_| failed(VolumeFault::Hung))?;
    match view.volume(root, known).fault {
        Some(fault) => Err(failed(fault)),
        None => Ok(()),
    }
}

fn read_in_time(root: &Path, nodes: Vec<Node>, silent: &BTreeSet<PathBuf>) -> View {
    if silent.contains(root) {
        return View::default();
    }
    let folder = root.to_owned();
    within(root, DEADLINE, move || View::read(&folder, &nodes)).unwrap_or_default()
}

/// The access to a storage folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Access {
    #[default]
    NoAnswer,
    Failing,
    Missing,
    Present,
}

/// Everything that one reading at a storage folder shows. The default is a file system that does not answer.
#[derive(Debug, Clone, Default)]
struct View {
    access: Access,
    identities: Identities,
    is_read_only: bool,
    /// Whether the folder is a mount point of its own, and not the bare folder below one.
    is_mount_point: bool,
    pool: String,
    /// The device number of its file system.
    device: Option<u64>,
    space: Space,
    folders: BTreeMap<NodeId, FolderState>,
}

impl View {
    fn read(root: &Path, nodes: &[Node]) -> Self {
        let (access, existing) = match identity::existing(root) {
            Ok(existing) => {
                know_real(&existing.real, root);
                (Access::Present, Some(existing))
            }
            Err(error) if is_missing(&error) => (Access::Missing, nearest(root)),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => (Access::Present, None),
            Err(_) => (Access::Failing, None),
        };
        let mut view = Self { access, ..Self::default() };
        seen().retain(|_, seen| seen.at.elapsed() < SEEN_FOR);
        view.folders = nodes.iter().map(|node| (node.id, folder(node))).collect();
        let Some(existing) = existing else { return view };
        let status = match rustix::fs::statvfs(&existing.real) {
            Ok(status) => status,
            Err(_) => return Self { access: Access::Failing, ..view },
        };
        (view.device, view.space) = (Some(existing.device), Space::of(&status));
        view.is_read_only = status.f_flag.contains(StatVfsMountFlags::RDONLY);
        view.describe(root, &existing, &status);
        view
    }

    /// Fills in the identity and the pool.
    fn describe(&mut self, root: &Path, Existing { real, device }: &Existing, status: &StatVfs) {
        let mounts = Mounts::around(real);
        let mount = mounts.of(real);
        self.pool = mount.map_or_else(|| device.to_string(), |mount| mounts.pool(mount));
        if self.access == Access::Present {
            self.is_mount_point = mount.is_some_and(|mount| mount.point == *real);
            let file_system = match mount {
                Some(mount) => identity::of_file_system(mount, real, status),
                // Without a list of mounts the device number is the best name.
                None => Some(*device),
            };
            self.identities = Identities { marker: identity::of_marker(root), file_system };
        }
    }

    fn volume(&self, root: &Path, known: Option<u64>) -> Volume {
        let fault = self.fault(known);
        let usable = Volume { root: root.to_owned(), fault, ..Volume::default() };
        if matches!(fault, Some(VolumeFault::Lost | VolumeFault::Hung | VolumeFault::Failing)) {
            // The figures would be those of another volume.
            return usable;
        }
        let Space { used, total, available, inodes_used, inodes_free } = self.space;
        let identity = known.filter(|known| self.identities.include(*known));
        let identity = self.identities.marker.or(identity).unwrap_or_else(|| self.identities.preferred());
        Volume { identity, pool: self.pool.clone(), used, total, available, inodes_used, inodes_free, ..usable }
    }

    fn fault(&self, known: Option<u64>) -> Option<VolumeFault> {
        let is_intact = || self.folders.values().any(|folder| *folder == FolderState::Present);
        let lacks_all = !self.folders.is_empty() && self.folders.values().all(|f| *f == FolderState::Missing);
        match (self.access, known) {
            (Access::NoAnswer, _) => return Some(VolumeFault::Hung),
            (Access::Failing, _) => return Some(VolumeFault::Failing),
            // A folder that never held a node is created with its first node.
            (Access::Missing, known) if known.is_some() || lacks_all => return Some(VolumeFault::Lost),
            // The marker of a node proves more than a changed identity, as after a change of the file system.
            // Without a node on it, another volume on the mount point is a replacement.
            (Access::Present, Some(_)) if self.is_mount_point && self.folders.is_empty() => {}
            (Access::Present, Some(known)) if !self.identities.include(known) && !is_intact() => {
                return Some(VolumeFault::Lost);
            }
            (Access::Present, None) if lacks_all => return Some(VolumeFault::Lost),
            (Access::Missing | Access::Present, _) => {}
        }
        self.is_read_only.then_some(VolumeFault::ReadOnly)
    }
}

/// Returns the nearest existing folder around a missing one, for its space.
fn nearest(folder: &Path) -> Option<Existing> {
    folder.ancestors().skip(1).find_map(|path| identity::existing(path).ok())
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn folder(node: &Node) -> FolderState {
    let version = match node.root_dir.metadata() {
        Ok(facts) => Version { file: (facts.dev(), facts.ino()), changed: (facts.ctime(), facts.ctime_nsec()) },
        // An operator put the folder on another volume, which is lost.
        Err(error) if is_missing(&error) && node.root_dir.is_symlink() => return FolderState::Bare,
        Err(error) if is_missing(&error) => return FolderState::Missing,
        Err(_) => return FolderState::Unreadable,
    };
    if seen().get(&node.root_dir).is_some_and(|seen| seen.version == version) {
        return FolderState::Present;
    }
    let state = match node_dir::owner(node) {
        Ok(Owner::Unmarked) if is_empty(&node.root_dir) => FolderState::Bare,
        Ok(Owner::Absent) => FolderState::Missing,
        Ok(Owner::This | Owner::Unmarked | Owner::Other(_)) => FolderState::Present,
        Err(_) => FolderState::Unreadable,
    };
    if state == FolderState::Present {
        seen().insert(node.root_dir.clone(), Seen { version, at: Instant::now() });
    }
    state
}

/// The folders that were present within the last minute. That such a folder has not changed is one call, and that it holds
/// a node is twenty; for 1000 nodes these were a third of the cost of an idle daemon.
static SEEN: Mutex<BTreeMap<PathBuf, Seen>> = Mutex::new(BTreeMap::new());
/// The time for which a folder that has not changed is not read again.
const SEEN_FOR: Duration = Duration::from_secs(60);

/// A folder that was present.
#[derive(Debug)]
struct Seen {
    version: Version,
    at: Instant,
}

/// What changes when a file comes into a folder or leaves it, or when another folder takes its place.
#[derive(Debug, PartialEq, Eq)]
struct Version {
    /// The device and the number of the folder.
    file: (u64, u64),
    changed: (i64, i64),
}

fn seen() -> MutexGuard<'static, BTreeMap<PathBuf, Seen>> {
    SEEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tells whether a folder holds no files; a new ext4 holds `lost+found`.
fn is_empty(folder: &Path) -> bool {
    let mut entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.all(|entry| entry.file_name() == "lost+found")
}

/// The space of a volume, as `df` and `df -i` show it: without the blocks that are reserved for root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Space {
    used: Option<Percent>,
    total: Option<Bytes>,
    available: Option<Bytes>,
    inodes_used: Option<Percent>,
    inodes_free: Option<u64>,
}

impl Space {
    fn of(status: &StatVfs) -> Self {
        let bytes = |blocks: u64| Some(Bytes(blocks.saturating_mul(status.f_frsize)));
        let used = status.f_blocks.saturating_sub(status.f_bfree);
        // File systems that allocate inodes as needed, such as btrfs, report none.
        let has_inodes = status.f_files > 0;
        let inodes = status.f_files.saturating_sub(status.f_ffree);
        Self {
            used: share(used, used.saturating_add(status.f_bavail)),
            total: bytes(status.f_blocks),
            available: bytes(status.f_bavail),
            inodes_used: share(inodes, inodes.saturating_add(status.f_favail)).filter(|_| has_inodes),
            inodes_free: has_inodes.then_some(status.f_favail),
        }
    }
}

/// Returns a part of a whole in percent; None when the whole is zero.
fn share(part: u64, whole: u64) -> Option<Percent> {
    if whole == 0 { None } else { Percent::clamped((part as f64 * 100.0 / whole as f64).min(100.0)) }
}

#[cfg(test)]
mod tests;
