//! Nodes in backups, and their return to this colony and to another one.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::host::{Host, states};

fn key(host: &Host, number: u32) -> std::path::PathBuf {
    host.path(&format!(".local/share/autonomi/node/antnode000{number}/secret-key"))
}

fn path(path: &Path) -> String {
    path.display().to_string()
}

/// Returns a backup of two running nodes of a host.
fn backed_up(host: &Host) -> (Vec<Value>, String) {
    host.expect(0, "node add --count 2");
    let nodes = host.wait_for("two running nodes", |nodes| states(nodes) == ["RUNNING"; 2]);
    let file = path(&host.path("nodes.backup"));
    let done = host.expect(0, &format!("--json node backup --all --to {file}")).json();
    assert_eq!((&done[0]["result"], &done[1]["result"]), (&json!("done"), &json!("done")));
    (nodes, file)
}

#[test]
fn nodes_come_to_another_host_with_identity_settings_and_age() {
    let host = Host::with_colony();
    let (before, file) = backed_up(&host);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let keys = [1, 2].map(|number| fs::read(key(&host, number)).unwrap());

    // Both colonies of this test are on one machine, where the processes of the first one would be found.
    host.expect(0, "node remove --all --yes");
    let other = Host::with_colony();
    other.expect(0, "node add");
    let planned = other.expect(0, &format!("--json node restore --from {file} --dry-run")).json();
    assert_eq!((&planned[0]["name"], &planned[0]["result"]), (&json!("antnode0002"), &json!("planned")));
    assert_eq!(other.nodes().len(), 1);
    // The original may still run there.
    let asked = other.expect(1, &format!("node restore --from {file}"));
    assert!(asked.err.contains("must not run on another host"), "{}", asked.err);

    let restored = other.expect(0, &format!("--json node restore --from {file} --yes")).json();
    assert_eq!(restored[0]["reason"], json!("stopped; it was antnode0001"));
    let nodes = other.nodes();
    assert_eq!(states(&nodes), ["RUNNING", "STOPPED", "STOPPED"]);
    for (index, number) in [2, 3].into_iter().enumerate() {
        let (node, old) = (&nodes[index + 1], &before[index]);
        for same in ["uuid", "wallet", "arguments", "created_at", "network"] {
            assert_eq!(node[same], old[same], "{same}");
        }
        assert_eq!(fs::read(key(&other, number)).unwrap(), keys[index]);
        assert_eq!(fs::metadata(key(&other, number)).unwrap().permissions().mode() & 0o777, 0o600);
    }
    other.expect(0, "node start 2,3");
    let nodes = other.wait_for("all nodes", |nodes| states(nodes) == ["RUNNING"; 3]);
    assert_eq!(nodes[1]["sample"]["peer_id"], before[0]["sample"]["peer_id"]);
}

#[test]
fn identity_never_lives_twice_on_a_host() {
    let host = Host::with_colony();
    let (_, file) = backed_up(&host);
    let refused = host.expect(1, &format!("node restore --from {file} --yes"));
    assert!(refused.err.contains("antnode0001 has the same identity"), "{}", refused.err);
    // One refused node holds back all.
    host.expect(0, "node remove 1 --yes");
    let refused = host.expect(1, &format!("node restore 1 --from {file} --yes"));
    assert!(refused.err.contains("in the trash") && refused.err.contains("wnm trash restore"), "{}", refused.err);
    let refused = host.expect(1, &format!("node restore --from {file} --yes"));
    assert_eq!(host.nodes().len(), 1, "{}", refused.err);

    // A process of another colony on this host.
    let other = Host::with_colony();
    let refused = other.expect(1, &format!("node restore 2 --from {file} --yes"));
    assert!(refused.err.contains("antnode0002 has the same identity"), "{}", refused.err);
    host.expect(0, "node remove 2 --yes");
    other.expect(0, &format!("node restore 2 --from {file} --yes --as 5"));
    assert_eq!(other.nodes()[0]["name"], json!("antnode0005"));
    let again = other.expect(1, &format!("node restore 2 --from {file} --yes"));
    assert!(again.err.contains("antnode0005 has the same identity"), "{}", again.err);
}

#[test]
fn cut_changed_and_other_files_are_refused() {
    let host = Host::with_colony();
    let (_, file) = backed_up(&host);
    let whole = fs::read(&file).unwrap();
    let bad = host.path("bad.backup");
    for content in [&whole[..whole.len() / 2], &[&whole[..], b" "].concat(), b"SQLite format 3"] {
        fs::write(&bad, content).unwrap();
        let refused = host.expect(1, &format!("node restore --from {} --yes", path(&bad)));
        assert!(refused.err.contains("hint:"), "{}", refused.err);
    }
    let named = host.expect(1, &format!("node restore 9 --from {file} --yes"));
    assert!(named.err.contains("contains no node antnode0009"), "{}", named.err);
    // A backup replaces no file, and one of a node without a key has nothing.
    let missing = host.expect(1, "node backup 1 --to /missing/folder/nodes.backup");
    assert!(missing.err.contains("hint: create the folder /missing/folder first"), "{}", missing.err);
    let exists = host.expect(1, &format!("node backup 1 --to {file}"));
    assert!(exists.err.contains("the file exists"), "{}", exists.err);
    fs::remove_file(key(&host, 1)).unwrap();
    let folder = path(&host.path("backups"));
    fs::create_dir(&folder).unwrap();
    let done = host.expect(3, &format!("--json node backup --all --to {folder}")).data();
    assert_eq!((&done[0]["result"], &done[0]["reason"]), (&json!("refused"), &json!("it has no identity yet")));
    let files: Vec<_> = fs::read_dir(&folder).unwrap().collect();
    assert_eq!(files.len(), 1);
    host.expect(2, "node backup --all");
    host.expect(2, "node restore");
}
