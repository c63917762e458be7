use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use wnm_core::{FAUCET, Flavor, ManagerKind, Node, NodeId, Ports, Timestamp, Upnp};

use super::*;

const UUID: &str = "0b2ad0d5-5d4e-4c7e-9f55-3b7a6f4d9a01";
const ALWAYS: Duration = Duration::ZERO;
const LONG: Duration = Duration::from_secs(60);

/// A node with its folder here.
pub(crate) fn node_at(root: &Path) -> Node {
    Node {
        id: NodeId::FIRST,
        uuid: UUID.to_owned(),
        flavor: Flavor::Antnode,
        manager: ManagerKind::ALL[0],
        root_dir: root.to_owned(),
        log_dir: root.join("logs"),
        binary: root.join("antnode"),
        ports: Ports { node: 1, metrics: 2, rpc: 3 },
        wallet: FAUCET,
        network: Vec::new(),
        arguments: Vec::new(),
        environment: Vec::new(),
        upnp: Upnp::Off,
        born: Timestamp::default(),
    }
}

/// A storage folder in a folder of its own, beside something that must survive.
struct Ground {
    folder: tempfile::TempDir,
    roots: Vec<PathBuf>,
}

impl Ground {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let storage = folder.path().join("storage");
        fs::create_dir(&storage).unwrap();
        let precious = folder.path().join("precious");
        fs::create_dir(&precious).unwrap();
        fs::write(precious.join("photo"), "x").unwrap();
        Self { folder, roots: vec![storage] }
    }

    fn path(&self, rest: &str) -> PathBuf {
        self.folder.path().join(rest)
    }

    fn node(&self) -> Node {
        node_at(&self.path("storage/antnode0001"))
    }

    fn made(&self) -> Node {
        let node = self.node();
        create(&node, &self.roots).unwrap();
        fs::write(node.root_dir.join("secret-key"), "k").unwrap();
        fs::create_dir(node.root_dir.join("record_store")).unwrap();
        fs::write(node.root_dir.join("record_store/r"), "r").unwrap();
        node
    }

    /// Everything below the folder, to see that nothing changed.
    fn listing(&self) -> Vec<PathBuf> {
        fn walk(folder: &Path, into: &mut Vec<PathBuf>) {
            for entry in fs::read_dir(folder).unwrap().flatten() {
                into.push(entry.path());
                if entry.file_type().unwrap().is_dir() {
                    walk(&entry.path(), into);
                }
            }
        }
        let mut found = Vec::new();
        walk(self.folder.path(), &mut found);
        found.sort();
        found
    }

    fn assert_refused(&self, node: &Node, found: &str) {
        let before = self.listing();
        let error = trash(node, &self.roots).unwrap_err().to_string();
        assert!(error.contains(found), "{error}");
        assert_eq!(self.listing(), before);
    }
}

#[test]
fn a_node_is_made_trashed_and_swept() {
    let ground = Ground::new();
    let node = ground.made();
    create(&node, &ground.roots).unwrap();
    assert_eq!(owner(&node).unwrap(), Owner::This);
    let moved = trash(&node, &ground.roots).unwrap().unwrap();
    assert!(moved.ends_with(format!(".trash/{UUID}")));
    assert_eq!(owner(&node).unwrap(), Owner::Absent);
    assert_eq!(trash(&node, &ground.roots).unwrap(), Some(moved.clone()), "twice is harmless");
    assert_eq!(sweep_trash(&ground.roots, LONG, LONG), Swept { left: 1, ..Swept::default() });
    assert_eq!(sweep_trash(&ground.roots, Duration::ZERO, ALWAYS), Swept { left: 1, ..Swept::default() });
    assert!(moved.exists());
    assert_eq!(sweep_trash(&ground.roots, LONG, ALWAYS), Swept { deleted: 1, ..Swept::default() });
    assert_eq!(sweep_trash(&ground.roots, LONG, ALWAYS), Swept::default());
    assert_eq!(trash(&node, &ground.roots).unwrap(), None);
    assert!(ground.path("precious/photo").exists());
}

#[test]
fn the_same_uuid_twice_in_the_trash_is_two_folders() {
    let ground = Ground::new();
    let first = trash(&ground.made(), &ground.roots).unwrap().unwrap();
    let second = trash(&ground.made(), &ground.roots).unwrap().unwrap();
    assert_ne!(first, second);
    assert_eq!(sweep_trash(&ground.roots, LONG, ALWAYS).deleted, 2);
}

#[test]
fn a_storage_folder_may_be_a_link() {
    let ground = Ground::new();
    symlink(ground.path("storage"), ground.path("link")).unwrap();
    let roots = vec![ground.path("link")];
    let node = node_at(&ground.path("link/antnode0001"));
    create(&node, &roots).unwrap();
    assert!(ground.path("storage/antnode0001").join(MARKER).exists());
    let moved = trash(&node, &roots).unwrap().unwrap();
    assert!(moved.starts_with(ground.path("storage").canonicalize().unwrap()));
}

#[test]
fn a_folder_that_is_a_link_is_refused() {
    let ground = Ground::new();
    let node = ground.node();
    mark(&ground.path("precious"), &node).unwrap();
    symlink(ground.path("precious"), &node.root_dir).unwrap();
    ground.assert_refused(&node, "is a symbolic link");
    assert!(create(&node, &ground.roots).is_err());
    let below = node_at(&node.root_dir.join("deeper"));
    ground.assert_refused(&below, "is a symbolic link");
}

#[test]
fn places_that_are_no_nodes_are_refused() {
    let ground = Ground::new();
    let at = |path: &str| node_at(&ground.path(path));
    for folder in ["precious", "storage", "."] {
        mark(&ground.path(folder), &ground.node()).unwrap();
    }
    ground.assert_refused(&at("precious"), "outside the storage folders");
    ground.assert_refused(&at("storage"), "contains the storage folder");
    ground.assert_refused(&at("storage/."), "contains the storage folder");
    ground.assert_refused(&node_at(ground.folder.path()), "outside the storage folders");
    ground.assert_refused(&at("storage/../precious"), "contains `..`");
    ground.assert_refused(&at("storage/x/../../precious"), "contains `..`");
    ground.assert_refused(&at("storage/.trash/antnode0001"), "in the trash");
    ground.assert_refused(&node_at(Path::new("storage/antnode0001")), "relative");
    ground.assert_refused(&node_at(Path::new("/")), "outside the storage folders");
    ground.assert_refused(&node_at(Path::new("")), "relative");
    fs::write(ground.path("storage/file"), "").unwrap();
    ground.assert_refused(&at("storage/file"), "is a file");
}

#[test]
fn a_folder_around_another_storage_folder_is_refused() {
    let mut ground = Ground::new();
    let node = ground.made();
    let inner = node.root_dir.join("more");
    fs::create_dir(&inner).unwrap();
    ground.roots.push(inner);
    ground.assert_refused(&node, "contains the storage folder");
}

#[test]
fn folders_of_others_are_refused() {
    let ground = Ground::new();
    let node = ground.made();
    let other = Node { uuid: "another".to_owned(), ..node.clone() };
    ground.assert_refused(&other, UUID);
    assert!(create(&other, &ground.roots).is_err());
    fs::write(node.root_dir.join(MARKER), "{").unwrap();
    ground.assert_refused(&node, "cannot parse node marker");
    fs::remove_file(node.root_dir.join(MARKER)).unwrap();
    symlink(ground.path("precious/photo"), node.root_dir.join(MARKER)).unwrap();
    ground.assert_refused(&node, "cannot read");
}

#[test]
fn without_a_marker_the_identity_file_counts() {
    let ground = Ground::new();
    let node = ground.made();
    fs::remove_file(node.root_dir.join(MARKER)).unwrap();
    assert!(create(&node, &ground.roots).is_err(), "an addition takes over nobody's folder");
    ground.assert_refused(&Node { uuid: "short".to_owned(), ..node.clone() }, "identity file");
    ground.assert_refused(&Node { flavor: Flavor::AntNode, ..node.clone() }, "identity file");
    trash(&node, &ground.roots).unwrap();
    assert_eq!(sweep_trash(&ground.roots, LONG, ALWAYS).deleted, 1);
}

#[test]
fn uuids_that_lead_elsewhere_are_refused() {
    let ground = Ground::new();
    let node = ground.made();
    for uuid in ["", "..", "a/b", "../../precious", "a.b", "x-logs"] {
        ground.assert_refused(&Node { uuid: uuid.to_owned(), ..node.clone() }, "not usable as a file name");
    }
}

#[test]
fn a_trash_that_is_a_link_is_neither_used_nor_swept() {
    let ground = Ground::new();
    let node = ground.made();
    let elsewhere = ground.path("precious").join(UUID);
    fs::create_dir(&elsewhere).unwrap();
    mark(&elsewhere, &node).unwrap();
    fs::remove_dir(ground.path("storage/.trash")).unwrap();
    symlink(ground.path("precious"), ground.path("storage/.trash")).unwrap();
    ground.assert_refused(&node, "a link or a file");
    assert_eq!(sweep_trash(&ground.roots, LONG, ALWAYS), Swept::default());
    assert!(elsewhere.exists());
}

#[test]
fn a_sweep_leaves_what_is_not_a_node() {
    let ground = Ground::new();
    let node = ground.made();
    let moved = trash(&node, &ground.roots).unwrap().unwrap();
    let bin = ground.path("storage/.trash");
    fs::rename(&moved, bin.join("0b2ad0d5-5d4e-4c7e-9f55-3b7a6f4d9a02")).unwrap();
    fs::create_dir(bin.join("photos")).unwrap();
    fs::write(bin.join("photos/secret-key"), "").unwrap();
    fs::write(bin.join("letter"), "").unwrap();
    symlink(ground.path("precious"), bin.join(UUID)).unwrap();
    let before = ground.listing();
    let swept = sweep_trash(&ground.roots, LONG, ALWAYS);
    assert_eq!((swept.deleted, swept.refused.len()), (0, 4), "{swept:?}");
    assert_eq!(ground.listing(), before);
}

#[test]
fn deleting_follows_no_link_out_of_the_folder() {
    let ground = Ground::new();
    let node = ground.made();
    symlink(ground.path("precious"), node.root_dir.join("link")).unwrap();
    symlink(ground.path("precious/photo"), node.root_dir.join("record_store/link")).unwrap();
    trash(&node, &ground.roots).unwrap();
    assert_eq!(sweep_trash(&ground.roots, LONG, ALWAYS).deleted, 1);
    assert!(ground.path("precious/photo").exists());
}

#[test]
fn a_deletion_that_was_interrupted_is_taken_up() {
    let ground = Ground::new();
    let node = ground.made();
    let moved = trash(&node, &ground.roots).unwrap().unwrap();
    let begun = moved.with_file_name(format!("{UUID}.deleting"));
    fs::rename(&moved, &begun).unwrap();
    for left in ["record_store/r", "record_store", MARKER, "secret-key"] {
        let path = begun.join(left);
        let _ = if path.is_dir() { fs::remove_dir(&path) } else { fs::remove_file(&path) };
    }
    fs::remove_dir_all(begun.join("logs")).unwrap();
    assert_eq!(sweep_trash(&ground.roots, LONG, LONG).deleted, 1, "however young, and empty");
}

#[test]
fn logs_elsewhere_go_along_when_they_are_ours() {
    let ground = Ground::new();
    let node = Node { log_dir: ground.path("logs/antnode0001"), ..ground.node() };
    create(&node, &ground.roots).unwrap();
    fs::write(node.log_dir.join("antnode.log"), "x").unwrap();
    trash(&node, &ground.roots).unwrap();
    assert!(!node.log_dir.exists());
    assert!(ground.path("logs").exists());
    assert_eq!(sweep_trash(&ground.roots, LONG, ALWAYS).deleted, 2);
}

#[test]
fn logs_elsewhere_stay_when_they_are_not_ours() {
    let ground = Ground::new();
    let node = Node { log_dir: ground.path("precious"), ..ground.node() };
    create(&node, &ground.roots).unwrap();
    trash(&node, &ground.roots).unwrap();
    assert!(ground.path("precious/photo").exists());
    // Ours by a marker, and yet a folder around the nodes.
    let node = Node { log_dir: ground.folder.path().to_owned(), ..ground.node() };
    mark(&node.log_dir, &node).unwrap();
    create(&node, &ground.roots).unwrap();
    trash(&node, &ground.roots).unwrap();
    assert!(ground.path("precious/photo").exists());
    // Ours, behind a link.
    let node = Node { log_dir: ground.path("link"), ..ground.node() };
    fs::remove_file(ground.folder.path().join(MARKER)).unwrap();
    mark(&ground.path("precious"), &node).unwrap();
    symlink(ground.path("precious"), &node.log_dir).unwrap();
    create(&node, &ground.roots).unwrap();
    trash(&node, &ground.roots).unwrap();
    assert!(ground.path("precious/photo").exists());
}

#[test]
fn a_node_whose_logs_have_no_place_leaves_nothing_behind() {
    let ground = Ground::new();
    let node = Node { log_dir: ground.path("logs/antnode0001"), ..ground.node() };
    make_folder(&node.log_dir).unwrap();
    mark(&node.log_dir, &Node { uuid: "another".to_owned(), ..node.clone() }).unwrap();
    assert!(create(&node, &ground.roots).is_err());
    assert!(!node.root_dir.exists());
    // What was there before stays.
    make_folder(&node.root_dir).unwrap();
    mark(&node.root_dir, &node).unwrap();
    assert!(create(&node, &ground.roots).is_err());
    assert_eq!(owner(&node).unwrap(), Owner::This);
}

#[test]
fn an_interrupted_making_is_taken_up() {
    let ground = Ground::new();
    let node = ground.node();
    fs::create_dir(&node.root_dir).unwrap();
    fs::write(node.root_dir.join(".wnm-node.tmp"), "{\"ver").unwrap();
    create(&node, &ground.roots).unwrap();
    assert_eq!(Marker::read(&node.root_dir).unwrap(), Some(Marker::of(&node)));
}

#[test]
fn found_are_folders_with_a_marker_or_an_identity() {
    let ground = Ground::new();
    let node = ground.made();
    fs::create_dir(ground.path("storage/other")).unwrap();
    let background = ground.path("storage/background");
    fs::create_dir(&background).unwrap();
    fs::write(background.join("node_identity.key"), "").unwrap();
    symlink(&background, ground.path("storage/link")).unwrap();
    let found = find(&[ground.roots[0].clone(), ground.path("nowhere")]).unwrap();
    let marked = Folder { path: node.root_dir.clone(), marker: Some(Marker::of(&node)), flavor: Some(Flavor::Antnode) };
    assert_eq!(found, [marked, Folder { path: background, marker: None, flavor: Some(Flavor::AntNode) }]);
}

/// A program of version `old` in place, and one of version `new` to come.
fn exchange() -> (Ground, Node, PathBuf) {
    let ground = Ground::new();
    let node = ground.made();
    let source = ground.path("source");
    fs::write(&source, "old").unwrap();
    install(&source, &node.binary).unwrap();
    fs::write(&source, "new").unwrap();
    (ground, node, source)
}

fn names(node: &Node) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(&node.root_dir)
        .unwrap()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("antnode"))
        .collect();
    names.sort();
    names
}

#[test]
fn programs_are_exchanged_and_back() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_ground, node, source) = exchange();
    let (from, to) = stage(&source, &node.binary).unwrap();
    assert_eq!(stage(&source, &node.binary).unwrap(), (from.clone(), to.clone()));
    for _ in 0..2 {
        swap(&node.binary, &to).unwrap();
        assert_eq!(fs::read_to_string(&node.binary).unwrap(), "new");
        assert_eq!(names(&node), ["antnode", "antnode.old"]);
    }
    assert_eq!(fs::metadata(&node.binary).unwrap().permissions().mode() & 0o777, 0o755);
    for _ in 0..2 {
        swap_back(&node.binary, from.as_deref(), &to, Swapped::Perhaps, &source).unwrap();
        assert_eq!(fs::read_to_string(&node.binary).unwrap(), "old");
        assert_eq!(names(&node), ["antnode"]);
    }
}

#[test]
fn an_exchange_is_taken_up_wherever_it_stopped() {
    let (_ground, node, source) = exchange();
    let (from, to) = stage(&source, &node.binary).unwrap();
    fs::hard_link(&node.binary, node.root_dir.join("antnode.old")).unwrap();
    fs::write(node.root_dir.join("antnode.old.tmp"), "half").unwrap();
    swap(&node.binary, &to).unwrap();
    assert_eq!(fs::read_to_string(node.root_dir.join("antnode.old")).unwrap(), "old");
    // Neither in place: the old one comes back by what was kept, then by its digest from where it came.
    fs::remove_file(&node.binary).unwrap();
    swap_back(&node.binary, from.as_deref(), &to, Swapped::Perhaps, &source).unwrap();
    assert_eq!(fs::read_to_string(&node.binary).unwrap(), "old");
    fs::remove_file(&node.binary).unwrap();
    fs::write(&source, "old").unwrap();
    swap_back(&node.binary, from.as_deref(), &to, Swapped::Perhaps, &source).unwrap();
    assert_eq!(fs::read_to_string(&node.binary).unwrap(), "old");
    fs::remove_file(&node.binary).unwrap();
    fs::write(&source, "third").unwrap();
    assert!(swap_back(&node.binary, from.as_deref(), &to, Swapped::Perhaps, &source).is_err());
}

#[test]
fn a_stale_old_program_never_replaces_the_one_in_place() {
    let (_ground, node, source) = exchange();
    fs::write(node.root_dir.join("antnode.old"), "ancient").unwrap();
    let (from, to) = stage(&source, &node.binary).unwrap();
    swap_back(&node.binary, from.as_deref(), &to, Swapped::Never, &source).unwrap();
    assert_eq!(fs::read_to_string(&node.binary).unwrap(), "old");
    // It upgraded itself between staging and stopping.
    stage(&source, &node.binary).unwrap();
    fs::write(&node.binary, "own").unwrap();
    swap_back(&node.binary, from.as_deref(), &to, Swapped::Never, &source).unwrap();
    assert_eq!(fs::read_to_string(&node.binary).unwrap(), "own");
}

#[test]
fn what_was_staged_is_checked_before_it_is_used() {
    let (_ground, node, source) = exchange();
    let (_, to) = stage(&source, &node.binary).unwrap();
    fs::write(node.root_dir.join("antnode.new"), "ne").unwrap();
    assert!(swap(&node.binary, &to).is_err());
    fs::remove_file(node.root_dir.join("antnode.new")).unwrap();
    assert!(swap(&node.binary, &to).is_err());
    assert_eq!(fs::read_to_string(&node.binary).unwrap(), "old");
}

#[test]
fn a_program_that_is_half_copied_is_copied_again() {
    let (_ground, node, source) = exchange();
    fs::write(node.root_dir.join("antnode.tmp"), "half").unwrap();
    install(&source, &node.binary).unwrap();
    assert_eq!(fs::read_to_string(&node.binary).unwrap(), "new");
    assert_eq!(names(&node), ["antnode"]);
    assert!(install(&node.root_dir.join("nothing"), &node.binary).is_err());
    let error = check_room(&node.root_dir, u64::MAX / 2).unwrap_err().to_string();
    assert!(error.starts_with("not enough disk space at "), "{error}");
}
