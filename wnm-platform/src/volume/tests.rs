use std::fs;

use super::*;

const KNOWN: u64 = 7;

fn id(number: u32) -> NodeId {
    NodeId::new(number).unwrap()
}

fn view(access: Access, marker: Option<u64>, folders: &[FolderState]) -> View {
    View {
        access,
        identities: Identities { marker, file_system: Some(5) },
        folders: (1..).map(id).zip(folders.iter().copied()).collect(),
        ..View::default()
    }
}

#[test]
fn fault_of_a_volume() {
    use Access::{Failing, Missing, NoAnswer, Present};
    use FolderState as F;
    let lost = Some(VolumeFault::Lost);
    for (access, marker, known, folders, fault) in [
        // In place, by its marker or by its file system.
        (Present, Some(7), Some(7), &[F::Present][..], None),
        (Present, Some(7), Some(7), &[F::Missing], None),
        (Present, None, Some(5), &[F::Missing], None),
        (Present, None, None, &[], None),
        // The bare mount point, before the first node too.
        (Present, None, Some(7), &[F::Missing, F::Missing], lost),
        (Present, None, Some(7), &[], lost),
        // Another disk on the mount point.
        (Present, Some(8), Some(7), &[F::Missing], lost),
        // The folders show that the files moved to another file system.
        (Present, None, Some(7), &[F::Present, F::Missing], None),
        (Present, Some(8), Some(7), &[F::Present], None),
        // Nothing is known of a colony of an earlier release: all nodes missing is no proof of a deletion.
        (Present, None, None, &[F::Missing, F::Missing], lost),
        (Present, None, None, &[F::Present, F::Missing], None),
        // The folder below a mount point.
        (Missing, None, Some(7), &[], lost),
        (Missing, None, None, &[F::Missing], lost),
        (Missing, None, None, &[], None),
        (NoAnswer, None, Some(7), &[F::NoAnswer], Some(VolumeFault::Hung)),
        (Failing, None, None, &[F::Unreadable], Some(VolumeFault::Failing)),
    ] {
        assert_eq!(view(access, marker, folders).fault(known), fault, "{access:?} {marker:?} {known:?} {folders:?}");
    }
}

#[test]
fn read_only_is_a_fault_of_a_volume_in_place() {
    let read_only = View { is_read_only: true, ..view(Access::Present, Some(KNOWN), &[FolderState::Present]) };
    assert_eq!(read_only.fault(Some(KNOWN)), Some(VolumeFault::ReadOnly));
    assert_eq!(View { access: Access::NoAnswer, ..read_only }.fault(Some(KNOWN)), Some(VolumeFault::Hung));
}

#[test]
fn other_volume_without_nodes_is_a_replacement() {
    let other = View { is_mount_point: true, ..view(Access::Present, Some(8), &[]) };
    assert_eq!(other.fault(Some(KNOWN)), None);
    let with_nodes = View { is_mount_point: true, ..view(Access::Present, Some(8), &[FolderState::Missing]) };
    assert_eq!(with_nodes.fault(Some(KNOWN)), Some(VolumeFault::Lost));
}

#[test]
fn lost_volume_has_no_figures() {
    let space = Space { used: Percent::new(3.0).ok(), available: Some(Bytes(9)), ..Space::default() };
    let there = View { space, pool: "8:1".to_owned(), ..view(Access::Present, Some(KNOWN), &[]) };
    let volume = there.volume(Path::new("/s"), Some(KNOWN));
    assert_eq!((volume.identity, volume.available, volume.pool.as_str()), (KNOWN, Some(Bytes(9)), "8:1"));
    let other = there.volume(Path::new("/s"), Some(8));
    assert_eq!((other.fault, other.identity, other.used), (Some(VolumeFault::Lost), 0, None));
    // The known name stays until a marker replaces it.
    let by_system = View { identities: Identities { marker: None, file_system: Some(5) }, ..there };
    assert_eq!(by_system.volume(Path::new("/s"), Some(5)).identity, 5);
}

fn status(blocks: [u64; 3], files: [u64; 2]) -> StatVfs {
    StatVfs {
        f_bsize: 4096,
        f_frsize: 4096,
        f_blocks: blocks[0],
        f_bfree: blocks[1],
        f_bavail: blocks[2],
        f_files: files[0],
        f_ffree: files[1],
        f_favail: files[1],
        f_fsid: 0,
        f_flag: StatVfsMountFlags::empty(),
        f_namemax: 255,
    }
}

#[test]
fn dataset_in_a_full_pool_does_not_fit_a_node() {
    // A ZFS dataset of 252 KiB in a pool with 60 MiB left.
    let space = Space::of(&status([15_424, 15_360, 15_360], [0, 0]));
    let Space { used, total, available, inodes_used, inodes_free } = space;
    assert!(used.unwrap().get() < 0.5);
    let volume = Volume { used, total, available, inodes_used, inodes_free, ..Volume::default() };
    assert!(!volume.fits(Bytes(2_000_000_000)));
}

#[test]
fn inodes_are_counted_where_they_are_limited() {
    let ext4 = Space::of(&status([1_000_000, 900_000, 850_000], [65_536, 655]));
    assert!((98.9..99.1).contains(&ext4.inodes_used.unwrap().get()));
    assert_eq!(ext4.inodes_free, Some(655));
    let btrfs = Space::of(&status([1_572_864, 1_571_328, 1_441_792], [0, 0]));
    assert_eq!((btrfs.inodes_used, btrfs.inodes_free), (None, None));
    assert_eq!(Space::of(&status([0, 0, 0], [0, 0])).used, None);
}

#[test]
fn innermost_storage_folder_holds_a_node() {
    let roots = ["/a", "/a/b", "/c"].map(PathBuf::from);
    for (folder, volume) in [("/a/x", Some(0)), ("/a/b/x", Some(1)), ("/ab", None), ("/c/x", Some(2))] {
        assert_eq!(volume_of(Path::new(folder), &roots), volume, "{folder}");
    }
}

#[test]
fn missing_storage_folder_has_the_space_of_its_parent() {
    let folder = tempfile::tempdir().unwrap();
    let [there, later] = [folder.path().to_owned(), folder.path().join("a/b/c")];
    let storage = Storage::read(&[there.clone(), later.clone()], [], &BTreeMap::new(), &BTreeSet::new());
    let [there, later] = storage.volumes.as_slice() else { panic!("{storage:?}") };
    assert_eq!((there.total, there.fault, later.fault), (later.total, None, None));
    assert!(there.shares_space_with(later));
    assert!(there.used.is_some() && there.available <= there.total);
}

#[test]
fn identity_survives_and_a_bare_folder_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let (root, aside) = (folder.path().join("s"), folder.path().join("aside"));
    fs::create_dir(&root).unwrap();
    let known = BTreeMap::from([(root.clone(), mark(&root).unwrap())]);
    let fault = || Storage::read(std::slice::from_ref(&root), [], &known, &BTreeSet::new()).volumes[0].fault;
    assert_eq!(fault(), None);
    fs::rename(&root, &aside).unwrap();
    assert_eq!(fault(), Some(VolumeFault::Lost));
    fs::create_dir(&root).unwrap();
    assert_eq!(fault(), Some(VolumeFault::Lost));
    assert!(check(&root, known.get(&root).copied()).is_err());
    fs::remove_dir(&root).unwrap();
    fs::write(&root, "").unwrap();
    assert_eq!(fault(), Some(VolumeFault::Lost), "a file at its place");
    fs::remove_file(&root).unwrap();
    fs::rename(&aside, &root).unwrap();
    assert_eq!(fault(), None);
    check(&root, known.get(&root).copied()).unwrap();
}

#[test]
fn folder_that_changed_is_read_again() {
    let home = tempfile::tempdir().unwrap();
    let node = crate::node_dir::tests::node_at(&home.path().join("antnode0001"));
    let fill = || fs::create_dir(&node.root_dir).and_then(|()| fs::write(node.root_dir.join("secret_key"), "k"));
    let read = |expected: FolderState| {
        let found = Storage::read(&[home.path().to_owned()], [&node], &BTreeMap::new(), &BTreeSet::new());
        assert_eq!(found.folders, BTreeMap::from([(node.id, expected)]));
    };
    read(FolderState::Missing);
    fill().unwrap();
    read(FolderState::Present);
    read(FolderState::Present);
    // As on an unmounted volume: another folder at its place.
    fs::rename(&node.root_dir, home.path().join("aside")).unwrap();
    fs::create_dir(&node.root_dir).unwrap();
    read(FolderState::Bare);
    fs::remove_dir(&node.root_dir).unwrap();
    fs::rename(home.path().join("aside"), &node.root_dir).unwrap();
    read(FolderState::Present);
    // A change of its time shows on file systems with coarse clocks after some milliseconds.
    std::thread::sleep(Duration::from_millis(20));
    fs::remove_file(node.root_dir.join("secret_key")).unwrap();
    read(FolderState::Bare);
    fs::remove_dir(&node.root_dir).unwrap();
    read(FolderState::Missing);
}

#[test]
fn link_that_leads_nowhere_is_no_missing_folder() {
    let (home, drive) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let node = crate::node_dir::tests::node_at(&home.path().join("antnode0001"));
    let [mounted, unmounted] = ["mounted", "unmounted"].map(|name| drive.path().join(name));
    fs::create_dir(&mounted).and_then(|()| fs::write(mounted.join("secret_key"), "k")).unwrap();
    std::os::unix::fs::symlink(&mounted, &node.root_dir).unwrap();
    let read = || Storage::read(&[home.path().to_owned()], [&node], &BTreeMap::new(), &BTreeSet::new());
    assert_eq!(read().folders[&node.id], FolderState::Present);
    fs::rename(&mounted, &unmounted).unwrap();
    let found = read();
    assert_eq!((found.folders[&node.id], found.is_faulty(node.id, Some(0))), (FolderState::Bare, true));
    assert_eq!(found.volumes[0].fault, None, "the other nodes are on their volume");
    fs::remove_file(&node.root_dir).unwrap();
    assert_eq!(read().folders[&node.id], FolderState::Missing);
}
