use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use wnm_core::{FAUCET, Flavor, ManagerKind, Node, NodeId, Ports, Timestamp, Upnp};

use super::*;

const UUID: &str = "0b2ad0d5-5d4e-4c7e-9f55-3b7a6f4d9a01";
const ALWAYS: Duration = Duration::ZERO;
const LONG: Duration = Duration::from_secs(60);
const NOW: Timestamp = Timestamp::from_secs(1_000_000);

/// A node with its folder here.
pub(crate) fn node_at(root: &Path) -> Node {
    Node {
        service: None,
        id: NodeId::FIRST,
        uuid: UUID.to_owned(),
        flavor: Flavor::Antnode,
        manager: ManagerKind::ALL[0],
        root_dir: root.to_owned(),
        log_dir: root.join("logs"),
        binary: root.join("antnode"),
        ports: Ports { node: 1, metrics: Some(2), rpc: Some(3) },
        wallet: FAUCET,
        network: Vec::new(),
        arguments: Vec::new(),
        environment: Vec::new(),
        upnp: Upnp::Off,
        born: Timestamp::default(),
    }
}

/// The texts that a unit, a property list or a container may read differently.
pub(crate) const HOSTILE: [&str; 14] = [
    "50%n %h",
    "$HOME ${HOME} $$",
    "`id` $(id)",
    "a\"b'c",
    "back\\slash\\",
    ";",
    "-x",
    "",
    " a b ",
    "# a",
    "a\nExecStartPre=/bin/false\n[Install]\nAlias=dbus.service",
    "a\tb",
    "\u{202e}é\u{200b}\u{fffd}",
    "[Service]",
];

/// Returns nodes with a hostile text in one field each, and the field. The folders of the nodes exist.
pub(crate) fn hostile_nodes(folder: &Path) -> Vec<(String, Node)> {
    let mut nodes = Vec::new();
    for (number, text) in HOSTILE.iter().enumerate() {
        let root = folder.join(format!("n{number}"));
        let inner = root.join(text.trim());
        let program = inner.join("antnode");
        if !text.contains('\n') && fs::create_dir_all(&inner).is_ok() {
            fs::copy("/bin/true", &program).unwrap();
        }
        fs::create_dir_all(root.join("logs")).unwrap();
        fs::copy("/bin/true", root.join("antnode")).unwrap();
        let node = node_at(&root);
        let mut add = |field: &str, node: Node| nodes.push((format!("{field} {text:?}"), node));
        let word = (*text).to_owned();
        add("argument", Node { arguments: vec![word.clone(), "--local".to_owned()], ..node.clone() });
        add("network", Node { network: vec!["evm-custom".to_owned(), word.clone()], ..node.clone() });
        add("value", Node { environment: vec![("A".to_owned(), word.clone())], ..node.clone() });
        add("name", Node { environment: vec![(word.clone(), "v".to_owned())], ..node.clone() });
        add("service", Node { service: Some(word), ..node.clone() });
        add("binary", Node { binary: program.clone(), ..node.clone() });
        add("log_dir", Node { log_dir: inner.clone(), ..node.clone() });
        add("root_dir", Node { root_dir: inner.clone(), binary: program, log_dir: inner.join("logs"), ..node });
    }
    nodes
}

/// A storage folder in a folder of its own, beside something that must survive.
struct Storage {
    folder: tempfile::TempDir,
    roots: Vec<PathBuf>,
}

impl Storage {
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
fn node_is_created_trashed_and_swept() {
    let storage = Storage::new();
    let node = storage.made();
    create(&node, &storage.roots).unwrap();
    assert_eq!(owner(&node).unwrap(), Owner::This);
    let moved = trash(&node, &storage.roots).unwrap().unwrap();
    assert!(moved.ends_with(format!(".trash/{UUID}")));
    assert_eq!(owner(&node).unwrap(), Owner::Absent);
    assert_eq!(trash(&node, &storage.roots).unwrap(), Some(moved.clone()), "twice is harmless");
    assert_eq!(sweep_trash(&storage.roots, LONG, LONG, NOW), Swept { left: 1, ..Swept::default() });
    assert_eq!(sweep_trash(&storage.roots, Duration::ZERO, ALWAYS, NOW), Swept { left: 1, ..Swept::default() });
    assert!(moved.exists());
    assert_eq!(sweep_trash(&storage.roots, LONG, ALWAYS, NOW), Swept { deleted: 1, ..Swept::default() });
    assert_eq!(sweep_trash(&storage.roots, LONG, ALWAYS, NOW), Swept::default());
    assert_eq!(trash(&node, &storage.roots).unwrap(), None);
    assert!(storage.path("precious/photo").exists());
}

#[test]
fn same_uuid_gets_a_folder_in_trash_each_time() {
    let storage = Storage::new();
    let trashed = |_| trash(&storage.made(), &storage.roots).unwrap().unwrap();
    let folders: BTreeSet<PathBuf> = (0..120).map(trashed).collect();
    assert_eq!(folders.len(), 120);
    assert_eq!(sweep_trash(&storage.roots, LONG, ALWAYS, NOW).deleted, 120);
}

#[test]
fn trashed_node_is_restored_with_its_logs() {
    let storage = Storage::new();
    let node = Node { log_dir: storage.path("logs/antnode0001"), ..storage.node() };
    create(&node, &storage.roots).unwrap();
    fs::write(node.root_dir.join("secret-key"), "k").unwrap();
    fs::write(node.log_dir.join("antnode.log"), "x").unwrap();
    let before = storage.listing();
    assert_eq!(list_trash(&storage.roots), []);
    trash(&node, &storage.roots).unwrap();

    let removed = list_trash(&storage.roots);
    assert_eq!(removed.len(), 1);
    assert_eq!((removed[0].node.as_ref(), removed[0].id), (Some(&node), Some(node.id)));
    assert_eq!(removed[0].identity, Some(Flavor::Antnode));
    restore(&removed[0], &node, &storage.roots).unwrap();
    assert_eq!(list_trash(&storage.roots), []);
    // The database has no row yet: until then the folder is an interrupted restore, which may run again.
    let interrupted = interrupted_restores(&storage.roots);
    assert_eq!(interrupted.len(), 1);
    restore(&interrupted[0], &node, &storage.roots).unwrap();
    complete_restore(&node).unwrap();
    assert_eq!(interrupted_restores(&storage.roots), []);
    assert_eq!(storage.listing(), before);
    assert_eq!(owner(&node).unwrap(), Owner::This);
}

#[test]
fn restore_gives_another_number_and_place() {
    let storage = Storage::new();
    trash(&storage.made(), &storage.roots).unwrap();
    let removed = list_trash(&storage.roots).remove(0);
    let root = storage.path("storage/antnode0007");
    let node = Node { id: NodeId::new(7).unwrap(), ..node_at(&root) };
    restore(&removed, &node, &storage.roots).unwrap();
    assert_eq!(Marker::read(&root).unwrap(), Some(Marker::of(&node)));
    // A restore that ends here is completed with the new number.
    assert_eq!(interrupted_restore(&root).and_then(|removed| removed.node), Some(node.clone()));
    complete_restore(&node).unwrap();
    assert_eq!(interrupted_restore(&root), None);
}

#[test]
fn restore_is_refused_without_identity_or_place() {
    let storage = Storage::new();
    let node = storage.made();
    trash(&node, &storage.roots).unwrap();
    let removed = list_trash(&storage.roots).remove(0);
    let refused = |removed: &RemovedNode, node: &Node| {
        let before = storage.listing();
        let error = restore(removed, node, &storage.roots).unwrap_err().to_string();
        assert_eq!(storage.listing(), before);
        error
    };
    fs::create_dir(&node.root_dir).unwrap();
    assert!(refused(&removed, &node).contains("it exists already"));
    fs::remove_dir(&node.root_dir).unwrap();
    assert!(refused(&removed, &node_at(&storage.path("precious"))).contains("outside the storage folders"));
    fs::remove_file(removed.folder.join("secret-key")).unwrap();
    let without = list_trash(&storage.roots).remove(0);
    assert!(refused(&without, &node).contains("no identity file"));
}

#[test]
fn listed_trash_contains_only_nodes() {
    let storage = Storage::new();
    let node = storage.made();
    let moved = trash(&node, &storage.roots).unwrap().unwrap();
    let bin = storage.path("storage/.trash");
    fs::create_dir(bin.join("photos")).unwrap();
    fs::write(bin.join("note"), "x").unwrap();
    symlink(&moved, bin.join("link")).unwrap();
    let links = vec![storage.path("link")];
    symlink(storage.path("storage"), &links[0]).unwrap();
    let listed = list_trash(&[storage.roots.clone(), links].concat());
    assert_eq!(listed.iter().map(|one| one.uuid.as_str()).collect::<Vec<_>>(), [UUID]);
    // A folder whose deletion has begun is incomplete.
    fs::rename(&moved, moved.with_extension("deleting")).unwrap();
    assert_eq!(list_trash(&storage.roots), []);
}

#[test]
fn storage_folder_may_be_a_link() {
    let storage = Storage::new();
    symlink(storage.path("storage"), storage.path("link")).unwrap();
    let roots = vec![storage.path("link")];
    let node = node_at(&storage.path("link/antnode0001"));
    create(&node, &roots).unwrap();
    assert!(storage.path("storage/antnode0001").join(MARKER).exists());
    let moved = trash(&node, &roots).unwrap().unwrap();
    assert!(moved.starts_with(storage.path("storage").canonicalize().unwrap()));
}

#[test]
fn linked_folder_is_refused() {
    let storage = Storage::new();
    let node = storage.node();
    mark(&storage.path("precious"), &node).unwrap();
    symlink(storage.path("precious"), &node.root_dir).unwrap();
    storage.assert_refused(&node, "is a symbolic link");
    assert!(create(&node, &storage.roots).is_err());
    let below = node_at(&node.root_dir.join("deeper"));
    storage.assert_refused(&below, "is a symbolic link");
}

#[test]
fn paths_outside_storage_are_refused() {
    let storage = Storage::new();
    let at = |path: &str| node_at(&storage.path(path));
    for folder in ["precious", "storage", "."] {
        mark(&storage.path(folder), &storage.node()).unwrap();
    }
    storage.assert_refused(&at("precious"), "outside the storage folders");
    storage.assert_refused(&at("storage"), "contains the storage folder");
    storage.assert_refused(&at("storage/."), "contains the storage folder");
    storage.assert_refused(&node_at(storage.folder.path()), "outside the storage folders");
    storage.assert_refused(&at("storage/../precious"), "contains `..`");
    storage.assert_refused(&at("storage/x/../../precious"), "contains `..`");
    storage.assert_refused(&at("storage/.trash/antnode0001"), "in the trash");
    storage.assert_refused(&node_at(Path::new("storage/antnode0001")), "relative");
    storage.assert_refused(&node_at(Path::new("/")), "outside the storage folders");
    storage.assert_refused(&node_at(Path::new("")), "relative");
    fs::write(storage.path("storage/file"), "").unwrap();
    storage.assert_refused(&at("storage/file"), "is a file");
}

#[test]
fn folder_around_storage_is_refused() {
    let mut storage = Storage::new();
    let node = storage.made();
    let inner = node.root_dir.join("more");
    fs::create_dir(&inner).unwrap();
    storage.roots.push(inner);
    storage.assert_refused(&node, "contains the storage folder");
}

#[test]
fn folder_of_another_node_is_refused() {
    let storage = Storage::new();
    let node = storage.made();
    let other = Node { uuid: "another".to_owned(), ..node.clone() };
    storage.assert_refused(&other, UUID);
    assert!(create(&other, &storage.roots).is_err());
    fs::write(node.root_dir.join(MARKER), "{").unwrap();
    storage.assert_refused(&node, "cannot parse node marker");
    fs::remove_file(node.root_dir.join(MARKER)).unwrap();
    symlink(storage.path("precious/photo"), node.root_dir.join(MARKER)).unwrap();
    storage.assert_refused(&node, "cannot read");
}

#[test]
fn unmarked_folder_needs_identity_file() {
    let storage = Storage::new();
    let node = storage.made();
    fs::remove_file(node.root_dir.join(MARKER)).unwrap();
    assert!(create(&node, &storage.roots).is_err(), "a new node does not take over an existing folder");
    storage.assert_refused(&Node { uuid: "short".to_owned(), ..node.clone() }, "identity file");
    storage.assert_refused(&Node { flavor: Flavor::AntNode, ..node.clone() }, "identity file");
    trash(&node, &storage.roots).unwrap();
    assert_eq!(sweep_trash(&storage.roots, LONG, ALWAYS, NOW).deleted, 1);
}

#[test]
fn uuid_that_is_no_file_name_is_refused() {
    let storage = Storage::new();
    let node = storage.made();
    for uuid in ["", "..", "a/b", "../../precious", "a.b", "x-logs"] {
        storage.assert_refused(&Node { uuid: uuid.to_owned(), ..node.clone() }, "not usable as a file name");
    }
}

/// The node can write its marker, and the UUID becomes a line of its unit.
#[test]
fn marker_with_more_than_a_uuid_is_refused() {
    let storage = Storage::new();
    let node = storage.made();
    for uuid in ["x\nExecStartPre=+/bin/sh", "x\r", "", "../x", "%h", "x y"] {
        mark(&node.root_dir, &Node { uuid: uuid.to_owned(), ..node.clone() }).unwrap();
        let error = Marker::read(&node.root_dir).unwrap_err().to_string();
        assert!(error.contains("not usable as a file name") && !error.contains(['\n', '\r']), "{error}");
    }
}

#[test]
fn linked_trash_is_not_used() {
    let storage = Storage::new();
    let node = storage.made();
    let elsewhere = storage.path("precious").join(UUID);
    fs::create_dir(&elsewhere).unwrap();
    mark(&elsewhere, &node).unwrap();
    fs::remove_dir(storage.path("storage/.trash")).unwrap();
    symlink(storage.path("precious"), storage.path("storage/.trash")).unwrap();
    storage.assert_refused(&node, "a link or a file");
    assert_eq!(sweep_trash(&storage.roots, LONG, ALWAYS, NOW), Swept::default());
    assert!(elsewhere.exists());
}

#[test]
fn sweep_keeps_unknown_folders() {
    let storage = Storage::new();
    let node = storage.made();
    let moved = trash(&node, &storage.roots).unwrap().unwrap();
    let bin = storage.path("storage/.trash");
    fs::rename(&moved, bin.join("0b2ad0d5-5d4e-4c7e-9f55-3b7a6f4d9a02")).unwrap();
    fs::create_dir(bin.join("photos")).unwrap();
    fs::write(bin.join("photos/secret-key"), "").unwrap();
    fs::write(bin.join("letter"), "").unwrap();
    symlink(storage.path("precious"), bin.join(UUID)).unwrap();
    let before = storage.listing();
    let swept = sweep_trash(&storage.roots, LONG, ALWAYS, NOW);
    assert_eq!((swept.deleted, swept.refused.len()), (0, 4), "{swept:?}");
    assert_eq!(storage.listing(), before);
}

#[test]
fn deletion_does_not_follow_links() {
    let storage = Storage::new();
    let node = storage.made();
    symlink(storage.path("precious"), node.root_dir.join("link")).unwrap();
    symlink(storage.path("precious/photo"), node.root_dir.join("record_store/link")).unwrap();
    trash(&node, &storage.roots).unwrap();
    assert_eq!(sweep_trash(&storage.roots, LONG, ALWAYS, NOW).deleted, 1);
    assert!(storage.path("precious/photo").exists());
}

#[test]
fn interrupted_deletion_continues() {
    let storage = Storage::new();
    let node = storage.made();
    let moved = trash(&node, &storage.roots).unwrap().unwrap();
    let begun = moved.with_file_name(format!("{UUID}.deleting"));
    fs::rename(&moved, &begun).unwrap();
    for left in ["record_store/r", "record_store", ".wnm-removed", MARKER, "secret-key"] {
        let path = begun.join(left);
        let _ = if path.is_dir() { fs::remove_dir(&path) } else { fs::remove_file(&path) };
    }
    fs::remove_dir_all(begun.join("logs")).unwrap();
    assert_eq!(sweep_trash(&storage.roots, LONG, LONG, NOW).deleted, 1, "however young, and empty");
}

#[test]
fn marked_external_logs_move_to_trash() {
    let storage = Storage::new();
    let node = Node { log_dir: storage.path("logs/antnode0001"), ..storage.node() };
    create(&node, &storage.roots).unwrap();
    fs::write(node.log_dir.join("antnode.log"), "x").unwrap();
    trash(&node, &storage.roots).unwrap();
    assert!(!node.log_dir.exists());
    assert!(storage.path("logs").exists());
    assert_eq!(sweep_trash(&storage.roots, LONG, ALWAYS, NOW).deleted, 2);
}

#[test]
fn logs_of_a_folder_that_systemd_made_again_move_to_trash() {
    let storage = Storage::new();
    let node = Node { log_dir: storage.path("logs/antnode0001"), ..storage.node() };
    create(&node, &storage.roots).unwrap();
    fs::remove_dir_all(&node.log_dir).unwrap();
    fs::create_dir(&node.log_dir).unwrap();
    fs::write(node.log_dir.join("antnode.log"), "x").unwrap();
    trash(&node, &storage.roots).unwrap();
    assert!(!node.log_dir.exists());
}

#[test]
fn unmarked_external_logs_stay() {
    let storage = Storage::new();
    let node = Node { log_dir: storage.path("precious"), ..storage.node() };
    create(&node, &storage.roots).unwrap();
    trash(&node, &storage.roots).unwrap();
    assert!(storage.path("precious/photo").exists());
    // Ours by a marker, and yet a folder around the nodes.
    let node = Node { log_dir: storage.folder.path().to_owned(), ..storage.node() };
    mark(&node.log_dir, &node).unwrap();
    create(&node, &storage.roots).unwrap();
    trash(&node, &storage.roots).unwrap();
    assert!(storage.path("precious/photo").exists());
    // Ours, behind a link.
    let node = Node { log_dir: storage.path("link"), ..storage.node() };
    fs::remove_file(storage.folder.path().join(MARKER)).unwrap();
    mark(&storage.path("precious"), &node).unwrap();
    symlink(storage.path("precious"), &node.log_dir).unwrap();
    create(&node, &storage.roots).unwrap();
    trash(&node, &storage.roots).unwrap();
    assert!(storage.path("precious/photo").exists());
}

#[test]
fn logs_that_others_can_exchange_are_not_followed() {
    use std::os::unix::fs::PermissionsExt as _;
    let storage = Storage::new();
    let node = Node { log_dir: storage.path("shared/logs/antnode0001"), ..storage.node() };
    create(&node, &storage.roots).unwrap();
    // Another user puts a link to a folder of the same name in the place of the logs.
    fs::rename(storage.path("shared/logs"), storage.path("shared/old")).unwrap();
    fs::create_dir(storage.path("precious/antnode0001")).unwrap();
    symlink(storage.path("precious"), storage.path("shared/logs")).unwrap();
    fs::set_permissions(storage.path("shared"), fs::Permissions::from_mode(0o777)).unwrap();
    trash(&node, &storage.roots).unwrap().unwrap();
    assert!(storage.path("precious/antnode0001").exists());
}

#[test]
fn logs_with_the_identity_of_a_node_stay() {
    let storage = Storage::new();
    let node = Node { log_dir: storage.path("other/antnode0001"), ..storage.node() };
    fs::create_dir_all(&node.log_dir).unwrap();
    fs::write(node.log_dir.join("secret-key"), [7; 32]).unwrap();
    create(&node, &storage.roots).unwrap();
    trash(&node, &storage.roots).unwrap().unwrap();
    assert!(node.log_dir.join("secret-key").exists());
}

#[test]
fn failed_creation_leaves_no_folder() {
    let storage = Storage::new();
    let node = Node { log_dir: storage.path("logs/antnode0001"), ..storage.node() };
    make_folder(&node.log_dir).unwrap();
    mark(&node.log_dir, &Node { uuid: "another".to_owned(), ..node.clone() }).unwrap();
    assert!(create(&node, &storage.roots).is_err());
    assert!(!node.root_dir.exists());
    // Files that existed before remain.
    make_folder(&node.root_dir).unwrap();
    mark(&node.root_dir, &node).unwrap();
    assert!(create(&node, &storage.roots).is_err());
    assert_eq!(owner(&node).unwrap(), Owner::This);
}

#[test]
fn interrupted_creation_continues() {
    let storage = Storage::new();
    let node = storage.node();
    fs::create_dir(&node.root_dir).unwrap();
    fs::write(node.root_dir.join(".wnm-node.tmp"), "{\"ver").unwrap();
    create(&node, &storage.roots).unwrap();
    assert_eq!(Marker::read(&node.root_dir).unwrap(), Some(Marker::of(&node)));
}

#[test]
fn marked_and_identity_folders_are_found() {
    let storage = Storage::new();
    let node = storage.made();
    fs::create_dir(storage.path("storage/other")).unwrap();
    let background = storage.path("storage/background");
    fs::create_dir(&background).unwrap();
    fs::write(background.join("node_identity.key"), "").unwrap();
    symlink(&background, storage.path("storage/link")).unwrap();
    let found = find(&[storage.roots[0].clone(), storage.path("nowhere")]).unwrap();
    let marked = Folder { path: node.root_dir.clone(), marker: Some(Marker::of(&node)), flavor: Some(Flavor::Antnode) };
    assert_eq!(found, [marked, Folder { path: background, marker: None, flavor: Some(Flavor::AntNode) }]);
}

/// A program of version `old` in place, and one of version `new` to come.
fn exchange() -> (Storage, Node, PathBuf) {
    let storage = Storage::new();
    let node = storage.made();
    let source = storage.path("source");
    fs::write(&source, "old").unwrap();
    install(&source, &node.binary).unwrap();
    fs::write(&source, "new").unwrap();
    (storage, node, source)
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
fn program_swap_is_reversible() {
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
        swap_back(&node.binary, from.as_deref(), &to, SwapProgress::Possible, &source).unwrap();
        assert_eq!(fs::read_to_string(&node.binary).unwrap(), "old");
        assert_eq!(names(&node), ["antnode"]);
    }
}

#[test]
fn interrupted_swap_continues() {
    let (_ground, node, source) = exchange();
    let (from, to) = stage(&source, &node.binary).unwrap();
    fs::hard_link(&node.binary, node.root_dir.join("antnode.old")).unwrap();
    fs::write(node.root_dir.join("antnode.old.tmp"), "half").unwrap();
    swap(&node.binary, &to).unwrap();
    assert_eq!(fs::read_to_string(node.root_dir.join("antnode.old")).unwrap(), "old");
    // Neither in place: the old program is restored from the kept copy, then from its source by its digest.
    fs::remove_file(&node.binary).unwrap();
    swap_back(&node.binary, from.as_deref(), &to, SwapProgress::Possible, &source).unwrap();
    assert_eq!(fs::read_to_string(&node.binary).unwrap(), "old");
    fs::remove_file(&node.binary).unwrap();
    fs::write(&source, "old").unwrap();
    swap_back(&node.binary, from.as_deref(), &to, SwapProgress::Possible, &source).unwrap();
    assert_eq!(fs::read_to_string(&node.binary).unwrap(), "old");
    fs::remove_file(&node.binary).unwrap();
    fs::write(&source, "third").unwrap();
    assert!(swap_back(&node.binary, from.as_deref(), &to, SwapProgress::Possible, &source).is_err());
}

#[test]
fn stale_old_program_is_not_restored() {
    let (_ground, node, source) = exchange();
    fs::write(node.root_dir.join("antnode.old"), "ancient").unwrap();
    let (from, to) = stage(&source, &node.binary).unwrap();
    swap_back(&node.binary, from.as_deref(), &to, SwapProgress::NotStarted, &source).unwrap();
    assert_eq!(fs::read_to_string(&node.binary).unwrap(), "old");
    // It upgraded itself between staging and stopping.
    stage(&source, &node.binary).unwrap();
    fs::write(&node.binary, "own").unwrap();
    swap_back(&node.binary, from.as_deref(), &to, SwapProgress::NotStarted, &source).unwrap();
    assert_eq!(fs::read_to_string(&node.binary).unwrap(), "own");
}

#[test]
fn staged_program_is_verified() {
    let (_ground, node, source) = exchange();
    let (_, to) = stage(&source, &node.binary).unwrap();
    fs::write(node.root_dir.join("antnode.new"), "ne").unwrap();
    assert!(swap(&node.binary, &to).is_err());
    fs::remove_file(node.root_dir.join("antnode.new")).unwrap();
    assert!(swap(&node.binary, &to).is_err());
    assert_eq!(fs::read_to_string(&node.binary).unwrap(), "old");
}

#[test]
fn partial_copy_is_repeated() {
    let (_ground, node, source) = exchange();
    fs::write(node.root_dir.join("antnode.tmp"), "half").unwrap();
    install(&source, &node.binary).unwrap();
    assert_eq!(fs::read_to_string(&node.binary).unwrap(), "new");
    assert_eq!(names(&node), ["antnode"]);
    assert!(install(&node.root_dir.join("nothing"), &node.binary).is_err());
    let error = check_free_space(&node.root_dir, u64::MAX / 2).unwrap_err().to_string();
    assert!(error.starts_with("not enough disk space at "), "{error}");
}

/// A node that runs as another user than wnm, with its folder and a program to install.
fn protected_node(storage: &Storage) -> (Node, PathBuf) {
    let node = Node { manager: "systemd+sudo".parse().unwrap(), ..storage.made() };
    let program = storage.path("program");
    fs::write(&program, "program 1").unwrap();
    (node, program)
}

#[test]
fn program_of_a_node_is_no_link() {
    let storage = Storage::new();
    let (node, program) = protected_node(&storage);
    let other = storage.path("storage/antnode0002/antnode");
    ensure_protected(&node).unwrap();
    fs::create_dir_all(other.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(&program, &other).unwrap();
    assert!(install_of_node(&other, &installed(&node)).is_err());
    assert!(!installed(&node).exists());
    fs::remove_file(&other).unwrap();
    fs::write(&other, "program 2").unwrap();
    let copied = install_of_node(&other, &installed(&node)).unwrap();
    assert_eq!(Some(copied.clone()), digest(&other).unwrap());
    assert_eq!(install_of_node(&other, &installed(&node)).unwrap(), copied);
    assert_eq!(fs::read(installed(&node)).unwrap(), b"program 2");
}

#[test]
fn installed_program_and_that_of_the_node_are_one_file() {
    use std::os::unix::fs::MetadataExt as _;
    let storage = Storage::new();
    let (node, program) = protected_node(&storage);
    let installed = installed(&node);
    assert_eq!(installed, storage.path("storage/.wnm/antnode0001/antnode"));
    for _ in 0..2 {
        ensure_protected(&node).unwrap();
        install(&program, &installed).unwrap();
        provide(&node).unwrap();
    }
    let inode = |path: &Path| fs::metadata(path).unwrap().ino();
    assert_eq!(inode(&installed), inode(&node.binary));
    take_over(&node).unwrap();
    assert_eq!(inode(&installed), inode(&node.binary));
    // The node upgrades itself, as node programs do: by another file of the same name.
    fs::write(node.binary.with_extension("mine"), "program 2").unwrap();
    fs::rename(node.binary.with_extension("mine"), &node.binary).unwrap();
    assert_eq!(fs::read(&installed).unwrap(), b"program 1");
    take_over_first(&node).unwrap();
    assert_eq!(fs::read(&installed).unwrap(), b"program 1");
    take_over(&node).unwrap();
    assert_eq!(fs::read(&installed).unwrap(), b"program 2");
    // Instead of a program the node offers a file of root.
    fs::remove_file(&node.binary).unwrap();
    symlink(storage.path("precious/photo"), &node.binary).unwrap();
    assert!(take_over(&node).is_err());
    assert_eq!(fs::read(&installed).unwrap(), b"program 2");
    provide(&node).unwrap();
    assert_eq!(fs::read(&node.binary).unwrap(), b"program 2");
    remove_protected(&node).unwrap();
    remove_protected(&node).unwrap();
    assert!(!storage.path("storage/.wnm").exists());
    assert_eq!(fs::read(storage.path("precious/photo")).unwrap(), b"x");
}

#[test]
fn upgrade_of_an_earlier_release_goes_on() {
    let storage = Storage::new();
    let (node, program) = protected_node(&storage);
    let old = install(&program, &node.binary).unwrap();
    fs::write(&program, "program 2").unwrap();
    let (from, to) = stage(&program, &node.binary).unwrap();
    assert_eq!(from.as_deref(), Some(old.as_str()));
    for _ in 0..2 {
        take_over_first(&node).unwrap();
        swap(&installed(&node), &to).unwrap();
        provide(&node).unwrap();
    }
    assert_eq!(fs::read(&node.binary).unwrap(), b"program 2");
    swap_back(&installed(&node), from.as_deref(), &to, SwapProgress::Possible, &program).unwrap();
    provide(&node).unwrap();
    drop_leftovers(&node).unwrap();
    assert_eq!(fs::read(&node.binary).unwrap(), b"program 1");
    assert!(!node.binary.with_file_name("antnode.new").exists());
}

#[test]
fn storage_that_another_user_can_write_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let storage = Storage::new();
    let (node, _) = protected_node(&storage);
    fs::set_permissions(storage.path("storage"), fs::Permissions::from_mode(0o777)).unwrap();
    let error = ensure_protected(&node).unwrap_err();
    assert!(error.to_string().ends_with("/storage"), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("chmod go-w")), "{error}");
    assert!(!storage.path("storage/.wnm").exists());
}

#[test]
fn description_of_another_user_is_not_believed() {
    use std::os::unix::fs::PermissionsExt as _;
    let storage = Storage::new();
    let node = storage.made();
    fs::write(node.root_dir.join("secret-key"), [7; 32]).unwrap();
    let moved = trash(&node, &storage.roots).unwrap().unwrap();
    let described = || list_trash(&storage.roots)[0].node.is_some();
    assert!(described());
    fs::set_permissions(moved.join(".wnm-removed"), fs::Permissions::from_mode(0o606)).unwrap();
    assert!(!described());
}

#[test]
fn description_that_the_node_left_is_not_believed() {
    let storage = Storage::new();
    let node = storage.made();
    fs::write(node.root_dir.join("secret-key"), [7; 32]).unwrap();
    let forged = Node { log_dir: "/etc".into(), ..node.clone() };
    fs::write(node.root_dir.join(".wnm-removed"), serde_json::to_vec(&forged).unwrap()).unwrap();
    // wnm cannot write its own description there.
    fs::create_dir_all(node.root_dir.join(".wnm-removed.tmp/x")).unwrap();
    trash(&node, &storage.roots).unwrap().unwrap();
    assert_eq!(list_trash(&storage.roots)[0].node, None);
}

#[test]
fn trash_ages_by_the_clock_of_wnm() {
    let storage = Storage::new();
    let node = storage.made();
    fs::write(node.root_dir.join("secret-key"), [7; 32]).unwrap();
    let moved = trash(&node, &storage.roots).unwrap().unwrap();
    let sweep = |now: Timestamp| sweep_trash(&storage.roots, LONG, LONG, now).deleted;
    // The wall clock of this host is decades ahead of the colony's clock.
    assert_eq!(sweep(NOW), 0);
    assert_eq!(list_trash(&storage.roots)[0].removed, Some(NOW));
    assert_eq!(sweep(NOW.after(LONG - Duration::from_secs(1))), 0);
    // After a restore the next removal begins a new age.
    let removed = list_trash(&storage.roots).remove(0);
    restore(&removed, &node, &storage.roots).unwrap();
    complete_restore(&node).unwrap();
    assert_eq!(trash(&node, &storage.roots).unwrap().unwrap(), moved);
    let later = NOW.after(LONG * 2);
    assert_eq!(sweep(later), 0);
    assert_eq!(sweep(later.after(LONG)), 1);
}

#[test]
fn storage_in_wrong_places_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let storage = Storage::new();
    let node = storage.made();
    fs::write(storage.path("precious/secret-key"), [7; 32]).unwrap();
    symlink(&node.root_dir, storage.path("link")).unwrap();
    fs::create_dir(storage.path("open")).unwrap();
    fs::set_permissions(storage.path("open"), fs::Permissions::from_mode(0o777)).unwrap();
    let refusal = |path: &Path| match check_storage_place(path) {
        Err(error @ PlatformError::StorageRefused { .. }) => {
            assert!(error.hint().is_some(), "{error}");
            error.to_string().split(": ").last().unwrap_or_default().to_owned()
        }
        other => format!("{other:?}"),
    };
    for (path, reason) in [
        (PathBuf::from("/"), "it is the root folder"),
        (PathBuf::from("nodes"), "the path is relative or contains `..`"),
        (storage.path("storage/../other"), "the path is relative or contains `..`"),
        (storage.path("storage/.trash/nodes"), "it is in the trash"),
        (node.root_dir.clone(), "/storage/antnode0001 is the folder of a node"),
        (node.root_dir.join("a/b"), "/storage/antnode0001 is the folder of a node"),
        (storage.path("link/nodes"), "/storage/antnode0001 is the folder of a node"),
        (storage.path("precious/nodes"), "/precious is the folder of a node"),
        (storage.path("open"), "/open"),
    ] {
        let found = refusal(&path);
        assert!(found.ends_with(reason), "{}: {found}", path.display());
    }
    assert!(check_storage_place(&storage.path("storage")).is_ok());
    assert!(check_storage_place(&storage.path("new/folder")).is_ok());
}

#[test]
fn trash_has_a_size() {
    let [one, two] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let roots = [one.path().to_owned(), two.path().to_owned()];
    let later = || std::time::Instant::now() + std::time::Duration::from_secs(60);
    assert_eq!(trash_size(&roots, later()), 0);
    for (root, folder) in [(&roots[0], "a/record_store"), (&roots[0], "b"), (&roots[1], "c")] {
        fs::create_dir_all(root.join(TRASH).join(folder)).unwrap();
        fs::write(root.join(TRASH).join(folder).join("record"), [7; 100_000]).unwrap();
    }
    fs::write(roots[0].join("not in the trash"), [7; 900_000]).unwrap();
    let size = trash_size(&roots, later());
    assert!((300_000..400_000).contains(&size), "{size}");
    assert_eq!(trash_size(&roots, std::time::Instant::now()), 0, "without time nothing is measured");
}

#[test]
fn fault_of_a_marker_is_quoted_in_part() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(MARKER), format!("{{\"version\": \"{}\"}}", "a".repeat(1000))).unwrap();
    let error = Marker::read(folder.path()).unwrap_err().to_string();
    assert!(error.len() < 400 && error.ends_with(" …"), "{error}");
}
