//! Removed nodes come back from the trash with their identities.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::host::{Host, kill, pid, states};

fn storage(host: &Host) -> PathBuf {
    host.path(".local/share/autonomi/node")
}

fn text<'a>(node: &'a Value, key: &str) -> &'a str {
    node[key].as_str().unwrap()
}

#[test]
fn removed_node_is_restored_with_its_identity() {
    let host = Host::with_colony();
    host.expect(0, "node add --count 3");
    let before = host.wait_for("three running nodes", |nodes| states(nodes) == ["RUNNING"; 3]);
    assert_eq!(host.expect(0, "trash list").out, "the trash is empty\n");
    // Later nodes get other settings, and a restored node keeps its own.
    host.expect(0, "config set rewards_address 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed");
    host.expect(0, "node remove 2 --yes");

    let list = host.expect(0, "--json trash list").json();
    let entry = &list[0];
    assert_eq!(
        (&entry["node"], &entry["name"], &entry["uuid"]),
        (&json!(2), &json!("antnode0002"), &before[1]["uuid"])
    );
    assert_eq!(entry["has_identity"], json!(true));
    let time = |key: &str| text(entry, key).parse::<jiff::Timestamp>().unwrap();
    assert_eq!(time("kept_until").duration_since(time("removed_at")).as_hours(), 24);
    assert!(entry["size_bytes"].as_u64().unwrap() > 0, "{entry}");
    let shown = host.expect(0, "trash list").out;
    assert!(shown.contains("antnode0002") && shown.contains(text(&before[1], "uuid")), "{shown}");

    let planned = host.expect(0, "--json trash restore 2 --dry-run").json();
    assert_eq!(planned[0]["result"], json!("planned"));
    assert_eq!(host.nodes().len(), 2);

    let restored = host.expect(0, "--json trash restore antnode0002").json();
    assert_eq!((&restored[0]["action"], &restored[0]["result"]), (&json!("restore"), &json!("done")));
    let history = host.expect(0, "history --node 2").out;
    assert!(history.contains("restore antnode0002: done (requested)"), "{history}");
    let nodes = host.nodes();
    assert_eq!(states(&nodes), ["RUNNING", "STOPPED", "RUNNING"]);
    for key in ["uuid", "ports", "wallet", "arguments", "created_at", "folder", "log_folder", "program"] {
        assert_eq!(nodes[1][key], before[1][key], "{key}");
    }
    // A restored node is in the colony already.
    for line in ["trash restore 2", "node restore 2"] {
        let again = host.expect(0, &format!("--json {line}")).json();
        assert_eq!((&again[0]["result"], &again[0]["reason"]), (&json!("already"), &json!("already in the colony")));
    }
    assert_eq!(host.expect(0, "--json trash list").json(), json!([]));

    host.expect(0, "node start 2");
    let after = host.wait_for("three running nodes", |nodes| states(nodes) == ["RUNNING"; 3]);
    assert_eq!(after[1]["sample"]["peer_id"], before[1]["sample"]["peer_id"]);
    let files = fs::read_dir(storage(&host).join("antnode0002")).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(!files.into_iter().any(|name| name == ".wnm-removed"));
    host.expect(0, "db check");
    assert_eq!(host.expect(0, "doctor").code(), 0);
}

#[test]
fn taken_number_needs_another_one() {
    let host = Host::with_colony();
    host.expect(0, "node add --count 2");
    let before = host.wait_for("two running nodes", |nodes| states(nodes) == ["RUNNING"; 2]);
    host.expect(0, "node reset 2 --yes");
    let refused = host.expect(1, "trash restore 2").err;
    assert!(refused.contains("the colony has another antnode0002"), "{refused}");
    assert!(refused.contains("`wnm trash restore antnode0002 --as 3`"), "{refused}");
    host.expect(1, "trash restore 2 --as 1");
    host.expect(1, "trash restore 1,2 --as 3");
    host.expect(1, "trash restore 5");
    host.expect(2, "trash restore nonsense");
    host.expect(2, "trash restore");

    host.expect(0, "trash restore antnode0002 --as 3");
    let nodes = host.nodes();
    assert_eq!(states(&nodes), ["RUNNING", "RUNNING", "STOPPED"]);
    assert_eq!(nodes[2]["uuid"], before[1]["uuid"]);
    assert!(text(&nodes[2], "folder").ends_with("/antnode0003"), "{}", nodes[2]);
    assert!(text(&nodes[2], "program").contains("/antnode0003/"), "{}", nodes[2]);
    assert_ne!(nodes[2]["ports"], nodes[1]["ports"]);
    host.expect(0, "node start 3");
    let after = host.wait_for("three running nodes", |nodes| states(nodes) == ["RUNNING"; 3]);
    assert_eq!(after[2]["sample"]["peer_id"], before[1]["sample"]["peer_id"]);
}

#[test]
fn two_folders_of_a_number_need_the_uuid() {
    let host = Host::with_colony();
    let mut uuids = Vec::new();
    for _ in 0..2 {
        host.expect(0, "node add");
        uuids.push(text(&host.nodes()[0], "uuid").to_owned());
        host.expect(0, "node remove 1 --yes");
    }
    let refused = host.expect(1, "trash restore 1").err;
    assert!(refused.contains("2 nodes antnode0001") && refused.contains("wnm trash restore "), "{refused}");
    host.expect(0, &format!("node restore {}", uuids[0]));
    assert_eq!(text(&host.nodes()[0], "uuid"), uuids[0]);
    host.expect(0, &format!("trash restore {} --as 2", &uuids[1][..13]));
    assert_eq!(text(&host.nodes()[1], "uuid"), uuids[1]);
}

#[test]
fn restore_is_refused_without_identity_place_or_capacity() {
    let host = Host::with_colony();
    host.expect(0, "node add --count 2");
    host.expect(0, "node remove --all --yes");
    let list = host.expect(0, "--json trash list").json();
    let folder = |id: u64| {
        let entry = list.as_array().unwrap().iter().find(|entry| entry["node"] == json!(id)).unwrap();
        PathBuf::from(text(entry, "folder"))
    };
    fs::remove_file(folder(1).join("secret-key")).unwrap();
    let refused = host.expect(1, "trash restore 1").err;
    assert!(refused.contains("no identity file"), "{refused}");
    assert!(host.expect(0, "trash list").out.contains("no identity"));
    // One that cannot be restored restores none of them.
    host.expect(1, "trash restore 2,1");
    assert_eq!(host.nodes().len(), 0);

    let place = storage(&host).join("antnode0002");
    fs::create_dir(&place).unwrap();
    let refused = host.expect(1, "trash restore 2").err;
    assert!(refused.contains("antnode0002 exists already") && refused.contains("--as 1"), "{refused}");
    fs::remove_dir(&place).unwrap();

    host.expect(0, "node add");
    host.expect(0, "config set node_cap 1");
    let refused = host.expect(1, "trash restore 2").err;
    assert!(refused.contains("node_cap is 1") && refused.contains("`wnm config set node_cap 2`"), "{refused}");
    host.expect(0, "config set node_cap 2");
    host.expect(0, "trash restore 2");
}

#[test]
fn interrupted_restore_is_completed() {
    let host = Host::with_colony();
    host.expect(0, "node add");
    let before = host.nodes();
    host.expect(0, "node remove 1 --yes");
    // The folder has moved back, and the power failed before its row was written.
    let uuid = text(&before[0], "uuid");
    fs::rename(storage(&host).join(".trash").join(uuid), storage(&host).join("antnode0001")).unwrap();
    host.expect(0, "trash restore 1");
    assert_eq!(host.nodes()[0]["uuid"], before[0]["uuid"]);
    host.expect(0, "node start 1");
}

#[test]
fn folder_without_description_gets_the_present_settings() {
    let host = Host::with_colony();
    host.expect(0, "node add");
    let before = host.wait_for("a running node", |nodes| states(nodes) == ["RUNNING"]);
    host.expect(0, "node remove 1 --yes");
    let folder = storage(&host).join(".trash").join(text(&before[0], "uuid"));
    fs::remove_file(folder.join(".wnm-removed")).unwrap();
    host.expect(0, "trash restore 1");
    host.expect(0, "node start 1");
    let after = host.wait_for("a running node", |nodes| states(nodes) == ["RUNNING"]);
    assert_eq!(after[0]["sample"]["peer_id"], before[0]["sample"]["peer_id"]);
    assert_eq!(after[0]["ports"], before[0]["ports"]);
}

#[test]
fn node_that_an_older_database_lacks_is_taken_in_again() {
    let host = Host::with_colony();
    host.expect(0, "node add");
    let old = host.path("old.db").display().to_string();
    host.expect(0, &format!("db backup {old}"));
    host.expect(0, "node add --count 2");
    let before = host.wait_for("three running nodes", |nodes| states(nodes) == ["RUNNING"; 3]);
    host.expect(0, "node stop 3");
    host.expect(0, &format!("db restore {old}"));
    assert_eq!(host.nodes().len(), 1);

    let uuids = [text(&before[1], "uuid"), text(&before[2], "uuid")];
    // Their processes are on ports of this colony, which is an error.
    let doctor = host.expect(3, "doctor").out;
    assert!(doctor.contains("2 nodes in the storage folders are not in the database: antnode0002 ("), "{doctor}");
    assert!(doctor.contains(&format!("`wnm trash restore {}`", uuids[0])), "{doctor}");
    // Their numbers and folders stay theirs.
    let refused = host.expect(1, &format!("trash restore {} --as 7", uuids[0])).err;
    assert!(refused.contains("stays in its place") && refused.contains("under its own number"), "{refused}");

    // A requested cycle takes nothing in, and gives their numbers to no new node.
    assert_eq!(host.nodes().len(), 1);
    let unlisted = host.expect(0, "--json status").json()["unlisted_folders"].clone();
    assert_eq!(unlisted, json!([before[1]["folder"], before[2]["folder"]]));
    let status = host.expect(0, "status").out;
    assert!(status.contains("antnode0002 and 1 other folder are not in the database"), "{status}");
    host.expect(0, "node add");
    let nodes = host.nodes();
    let names: Vec<_> = nodes.iter().map(|node| text(node, "name")).collect();
    assert_eq!(names, ["antnode0001", "antnode0004"]);

    let restored = host.expect(0, &format!("--json trash restore {},3", uuids[0])).json();
    let reasons = [&restored[0]["reason"], &restored[1]["reason"]];
    assert_eq!(reasons, [&json!("running"), &json!("stopped")], "{restored}");
    let after = host.wait_for("the node again", |nodes| states(nodes) == ["RUNNING", "RUNNING", "STOPPED", "RUNNING"]);
    assert_eq!(after[1]["sample"]["pid"], before[1]["sample"]["pid"]);
    for (node, key) in [1, 2].into_iter().flat_map(|node| ["uuid", "ports", "wallet", "folder"].map(|key| (node, key)))
    {
        assert_eq!(after[node][key], before[node][key], "{key}");
    }
    assert!(!host.expect(0, "doctor").out.contains("unlisted_nodes"));
}

#[test]
fn cycle_takes_in_nodes_and_moves_remnants_into_the_trash() {
    let host = Host::with_colony();
    host.expect(0, "config set node_cap 3");
    host.expect(0, "node add");
    let old = host.path("old.db").display().to_string();
    host.expect(0, &format!("db backup {old}"));
    host.expect(0, "config set node_cap 4");
    host.expect(0, "node add --count 3");
    let before = host.wait_for("four running nodes", |nodes| states(nodes) == ["RUNNING"; 4]);
    kill(pid(&before[1]).unwrap());
    host.expect(0, &format!("db restore {old}"));
    let bare = storage(&host).join("antnode0006");
    fs::create_dir(&bare).unwrap();
    fs::write(bare.join(".wnm-node"), r#"{"version":1,"uuid":"0b2e1c9e-0000-4000-8000-000000000000","id":6}"#).unwrap();
    // Its identity is all that is left of it, and no definition that a cycle may believe.
    let unproven = storage(&host).join("antnode0005");
    fs::create_dir(&unproven).unwrap();
    fs::write(unproven.join("secret-key"), [7; 32]).unwrap();
    fs::write(unproven.join(".wnm-node"), r#"{"version":1,"uuid":"0b2e1c9e-0000-4000-8000-000000000005","id":5}"#)
        .unwrap();
    let doctor = host.expect(3, "doctor").out;
    assert!(doctor.contains("4 nodes in the storage folders are not in the database"), "{doctor}");
    assert!(doctor.contains("1 folder of a node without an identity"), "{doctor}");
    assert!(doctor.contains("`wnm run` moves it into the trash"), "{doctor}");

    // Two of three fit below the node cap of the older database: the third would be removed again.
    let ran = host.expect(0, "run");
    assert_eq!(ran.err.matches("took in a node that the database did not contain").count(), 2, "{}", ran.err);
    let history = host.expect(0, "history").out;
    assert_eq!(history.matches("done (the database did not contain it)").count(), 2, "{history}");
    assert!(!bare.exists() && storage(&host).join(".trash/0b2e1c9e-0000-4000-8000-000000000000").exists());
    assert!(unproven.exists());
    host.expect(0, "run");
    let after = host.wait_for("the nodes again", |nodes| states(nodes) == ["RUNNING"; 3]);
    assert_ne!(after[1]["sample"]["pid"], before[1]["sample"]["pid"], "it ended, and was started again");
    assert_eq!(after[2]["sample"]["pid"], before[2]["sample"]["pid"], "it ran all the time");
    assert_eq!(host.processes().len(), 4);
    host.expect(0, "config set node_cap 4");
    host.expect(0, "run");
    let after = host.wait_for("the last node", |nodes| states(nodes) == ["RUNNING"; 4]);
    assert_eq!(host.processes().len(), 4);
    for (node, key) in (0..4).flat_map(|node| ["uuid", "ports", "wallet", "folder", "name"].map(|key| (node, key))) {
        assert_eq!(after[node][key], before[node][key], "{key}");
    }
}

#[test]
fn cycle_completes_a_restore_that_moved_the_folder_only() {
    let host = Host::with_colony();
    host.expect(0, "node add --count 2");
    let before = host.wait_for("two running nodes", |nodes| states(nodes) == ["RUNNING"; 2]);
    host.expect(0, "node remove 2 --yes");
    let [folder, uuid] = ["folder", "uuid"].map(|key| text(&before[1], key).to_owned());
    fs::rename(storage(&host).join(".trash").join(&uuid), &folder).unwrap();
    let ran = host.expect(0, "run");
    assert!(ran.err.contains("took in a node that the database did not contain"), "{}", ran.err);
    let after = host.nodes();
    for key in ["uuid", "ports", "wallet", "folder", "name", "created_at"] {
        assert_eq!(after[1][key], before[1][key], "{key}");
    }
    assert!(!Path::new(&folder).join(".wnm-removed").exists());
    host.expect(0, "node start 2");
    let again = host.wait_for("both nodes", |nodes| states(nodes) == ["RUNNING"; 2]);
    assert_eq!(again[1]["sample"]["peer_id"], before[1]["sample"]["peer_id"]);
}

/// The file system of the storage folder does not answer `stat -f`: no command may touch it.
#[test]
fn trash_of_a_hung_volume_is_named() {
    let host = Host::with_colony();
    host.expect(0, "node add --count 2");
    host.expect(0, "node remove 2 --yes");
    let uuid = text(&host.expect(0, "--json trash list").json()[0], "uuid").to_owned();
    let hung = format!("#!/bin/sh\ncase $* in *{}*) exec sleep 60;; esac\n", storage(&host).display());
    host.put_tool("stat", &hung);
    for words in [["trash", "list"].as_slice(), &["trash", "restore", &uuid], &["node", "restore", "2"]] {
        let begun = Instant::now();
        let ran = host.wnm(words);
        assert!(begun.elapsed() < Duration::from_secs(20), "{words:?}: {:?}", begun.elapsed());
        assert_eq!(ran.code() == 0, words[1] == "list", "{words:?}: {}", ran.err);
        assert!(ran.err.contains("does not answer") && ran.err.contains("umount -l"), "{words:?}: {}", ran.err);
    }
    fs::remove_file(host.path("tools/stat")).unwrap();
    host.expect(0, "trash restore 2");
}
