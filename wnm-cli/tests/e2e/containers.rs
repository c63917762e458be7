//! Nodes inside containers of other tools: copied out, and nothing else. The `docker` of these tests is a script with
//! containers in a folder, and the words of docker.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::host::{Host, Ran, pid};

const DOCKER: &str = r#"#!/bin/sh
containers=$HOME/containers
echo "$1 $2" >>"$HOME/calls"
case "$1 $2" in
"container inspect")
  [ -d "$containers/$5" ] || { echo "Error response from daemon: No such container: $5" >&2; exit 1; }
  cat "$containers/$5/facts" ;;
"cp "*)
  name=${2%%:*} path=${2#*:}
  [ -e "$containers/$name/files$path" ] || {
    echo "Error response from daemon: Could not find the file $path in container $name" >&2
    exit 1
  }
  cp -a "$containers/$name/files$path" "$3" ;;
*) echo "unexpected: $*" >&2; exit 1 ;;
esac
"#;

struct Docker<'a>(&'a Host);

impl<'a> Docker<'a> {
    fn on(host: &'a Host) -> Self {
        host.put_tool("docker", DOCKER);
        Self(host)
    }

    /// Returns a path in a container.
    fn path(&self, name: &str, inside: &str) -> PathBuf {
        self.0.path(&format!("containers/{name}/files{inside}"))
    }

    fn set(&self, name: &str, status: &str, restart: &str) {
        let folder = self.0.path(&format!("containers/{name}"));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("facts"), format!("{{\"status\":\"{status}\",\"restart\":\"{restart}\"}}\n")).unwrap();
    }

    /// Puts a node into a container: its identity, a record, and its program at `program`.
    fn put_node(&self, name: &str, folder: &str, program: &str, key: u8) {
        let inside = self.path(name, folder);
        fs::create_dir_all(inside.join("record_store")).unwrap();
        fs::write(inside.join("secret-key"), [key; 32]).unwrap();
        fs::write(inside.join("record_store/00ff"), "record").unwrap();
        let program = format!("containers/{name}/files{program}");
        self.0.put_program(&program, "0.4.17", wnm_platform::fake_node::Behaviour::Normal);
    }

    fn wnm(&self, line: &str) -> Ran {
        self.0.wnm(&line.split_whitespace().collect::<Vec<_>>())
    }

    /// Returns the different calls of docker.
    fn calls(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.0.path("calls")).unwrap();
        let mut calls: Vec<String> = calls.lines().map(|line| line.split(':').next().unwrap().to_owned()).collect();
        calls.sort();
        calls.dedup();
        calls
    }
}

/// Settings under which the load of the test host changes nothing.
const CALM: &str = "--process-manager setsid+user --mem-less-than 99 --mem-remove 100 --hd-less-than 99.9 --hd-remove 100 \
                    --cpu-less-than 99.9 --cpu-remove 100 --desired-load-average 9999 --max-load-average-allowed 10000 \
                    --delay-start 0 --delay-restart 0";

fn storage(host: &Host) -> PathBuf {
    host.path(".local/share/autonomi/node")
}

/// Returns the names in a folder, without hidden ones.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.retain(|name| !name.starts_with('.'));
    names.sort();
    names
}

fn entry(host: &Host, number: u16, changes: Value) -> Value {
    let recorded: Value =
        serde_json::from_str(include_str!("../../../wnm-platform/tests/data/antctl-0.14.2/node_registry.json"))
            .unwrap();
    let mut entry = recorded["nodes"][0].clone();
    let folder = format!("/var/antctl/services/antnode{number}");
    let described = json!({
        "number": number, "service_name": format!("antnode{number}"), "data_dir_path": folder,
        "log_dir_path": format!("/var/log/antnode/antnode{number}"), "antnode_path": format!("{folder}/antnode"),
        "node_port": host.spare_port(number), "metrics_port": null, "rpc_socket_addr": null, "status": "Running",
    });
    for changes in [described, changes] {
        entry.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    }
    entry
}

#[test]
fn nodes_of_antctl_are_copied_out_of_a_container_at_rest() {
    let host = Host::new();
    let docker = Docker::on(&host);
    for number in 1..=4 {
        let folder = format!("/var/antctl/services/antnode{number}");
        // The fourth has the identity of the first.
        docker.put_node("ants", &folder, &format!("{folder}/antnode"), if number == 4 { 1 } else { number });
    }
    fs::write(docker.path("ants", "/var/antctl/services/antnode3/secret-key"), "no key").unwrap();
    let entries = [
        entry(&host, 1, json!({})),
        entry(&host, 2, json!({"status": "Hibernating", "relay": true})),
        entry(&host, 3, json!({})),
        entry(&host, 4, json!({})),
        entry(&host, 5, json!({})),
        entry(&host, 6, json!({"status": "Removed"})),
        entry(&host, 7, json!({"service_name": "../../antnode7"})),
        json!({"service_name": "antnode8"}),
    ];
    let registry = json!({"nodes": entries}).to_string();
    fs::write(docker.path("ants", "/var/antctl/node_registry.json"), &registry).unwrap();
    docker.set("ants", "running", "unless-stopped");

    // A dry run reads a container that runs, and tells why the command would refuse it.
    let line = format!("init --from-antctl --container ants {CALM}");
    let shown = docker.wnm(&format!("--json {line} --dry-run"));
    assert_eq!(shown.code(), 0, "{}", shown.err);
    assert!(shown.err.contains("container ants runs") && shown.err.contains("docker stop ants"), "{}", shown.err);
    let plan = shown.json();
    let of =
        |key: &str| -> Vec<Value> { plan["nodes"].as_array().unwrap().iter().map(|node| node[key].clone()).collect() };
    assert_eq!(of("node"), [json!(1), json!(2)]);
    assert_eq!(of("previous_state"), [json!("RUNNING"), json!("HIBERNATING")]);
    assert_eq!(plan["nodes"][0]["folder"], json!(storage(&host).join("antnode1")));
    let mut skipped: Vec<String> = plan["skipped"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| format!("{}: {}", one["name"].as_str().unwrap(), one["reason"].as_str().unwrap()))
        .collect();
    skipped.sort();
    insta::assert_snapshot!(skipped.join("\n"));
    assert!(plan["changes"][0].as_str().unwrap().contains("never start it again"), "{plan}");
    assert!(!host.path("wnm.db").exists() && !storage(&host).exists());

    for (status, restart, reason) in
        [("running", "no", "container ants runs"), ("exited", "always", "container ants starts together with docker")]
    {
        docker.set("ants", status, restart);
        let refused = docker.wnm(&line);
        assert_eq!(refused.code(), 1, "{}", refused.out);
        assert!(refused.err.contains(reason) && refused.err.contains("hint: run `docker update"), "{}", refused.err);
        assert!(!host.path("wnm.db").exists() && !storage(&host).exists());
    }

    docker.set("ants", "exited", "no");
    let ran = docker.wnm(&line);
    assert_eq!(ran.code(), 0, "{}", ran.err);
    assert_eq!(names(&storage(&host)), ["antnode1", "antnode2"]);
    for number in 1..=2 {
        let (here, there) = (
            storage(&host).join(format!("antnode{number}")),
            docker.path("ants", &format!("/var/antctl/services/antnode{number}")),
        );
        for file in ["secret-key", "record_store/00ff", "antnode"] {
            assert_eq!(fs::read(here.join(file)).unwrap(), fs::read(there.join(file)).unwrap(), "{file}");
        }
        assert!(!there.join(".wnm-node").exists());
    }
    // Docker was asked for nothing but facts and copies.
    let mut calls = docker.calls();
    calls.retain(|call| call != "container inspect");
    assert_eq!(calls, ["cp ants"]);
    // The node that antctl ran starts; one of another status waits for its operator.
    host.expect(0, "run");
    let nodes = host.wait_for("the first node", |nodes| pid(&nodes[0]).is_some());
    assert_eq!(pid(&nodes[1]), None);
}

#[test]
fn container_without_a_registry_or_a_name_is_told() {
    let host = Host::new();
    let docker = Docker::on(&host);
    docker.set("empty", "exited", "no");
    for (place, error, hint) in [
        ("other", "no container other", "docker container ls --all"),
        ("-f", "no container -f", "docker container ls --all"),
        ("empty", "no registry of antctl in container empty", "--container empty:/path"),
        ("empty:/home/ant/registry.json", "searched /home/ant/registry.json", "--container empty:/path"),
    ] {
        let ran = docker.wnm(&format!("init --from-antctl --container={place} {CALM}"));
        assert_eq!(ran.code(), 1, "{place}: {}", ran.out);
        assert!(ran.err.contains(error) && ran.err.contains(hint), "{place}: {}", ran.err);
    }
    fs::create_dir_all(docker.path("empty", "/var/antctl")).unwrap();
    fs::write(docker.path("empty", "/var/antctl/node_registry.json"), "{\"nodes\": [").unwrap();
    let cut = docker.wnm(&format!("init --from-antctl --container empty {CALM}"));
    assert_eq!(cut.code(), 1, "{}", cut.out);
    assert!(cut.err.contains("cannot parse"), "{}", cut.err);
    // The name needs the tool.
    assert_eq!(docker.wnm("init --container empty").code(), 2);
    assert!(!host.path("wnm.db").exists());
}

#[test]
fn nodes_of_formicaio_are_copied_out_of_their_containers() {
    let host = Host::new();
    let docker = Docker::on(&host);
    let ids = ["a1", "b2", "c3"].map(|digits| digits.repeat(32));
    for (key, id) in (1..).zip(&ids[..2]) {
        docker.put_node(id, "/app/node_data", "/app/antnode", key);
        docker.set(id, "exited", "no");
    }
    docker.set(&ids[2], "exited", "no");
    let database = host.path("formicaio/formicaio.db");
    fs::create_dir_all(database.parent().unwrap()).unwrap();
    let db = rusqlite::Connection::open(&database).unwrap();
    db.execute_batch(
        "CREATE TABLE nodes (node_id TEXT PRIMARY KEY NOT NULL, status TEXT, bin_version TEXT, port INTEGER, \
         metrics_port INTEGER, rewards_addr TEXT, upnp INTEGER, ip_addr TEXT)",
    )
    .unwrap();
    for (number, (id, status)) in (1..).zip(ids.iter().zip([r#""Active""#, r#"{"Inactive":"Stopped"}"#, r#""Active""#]))
    {
        let wallet = "00455d78f850b0358E8cea5be24d415E01E107CF";
        let values = rusqlite::params![id, status, host.spare_port(number), wallet];
        db.execute("INSERT INTO nodes VALUES (?1, ?2, '0.4.17', ?3, NULL, ?4, 0, '127.0.0.1')", values).unwrap();
    }
    drop(db);
    let line = format!("init --from-formicaio {} {CALM}", database.parent().unwrap().display());
    docker.set(&ids[1], "running", "no");
    let shown = docker.wnm(&format!("--json {line} --dry-run"));
    assert_eq!(shown.code(), 0, "{}", shown.err);
    assert!(shown.err.contains("runs: a copy"), "{}", shown.err);
    let plan = shown.json();
    assert_eq!(plan["nodes"].as_array().unwrap().len(), 2);
    assert_eq!(plan["nodes"][0]["arguments"], json!(["--ip", "127.0.0.1"]));
    let reason = plan["skipped"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("/app/node_data in its container holds no identity"), "{reason}");
    assert_eq!(docker.wnm(&line).code(), 1);
    assert!(!host.path("wnm.db").exists() && database.exists());

    docker.set(&ids[1], "exited", "no");
    let ran = docker.wnm(&line);
    assert_eq!(ran.code(), 0, "{}", ran.err);
    assert_eq!(names(&storage(&host)), ["a1a1a1a1a1a1", "b2b2b2b2b2b2"]);
    assert!(!database.exists() && host.path("formicaio/formicaio.db.before-wnm").exists());
    host.expect(0, "run");
    let nodes = host.wait_for("the first node", |nodes| pid(&nodes[0]).is_some());
    assert_eq!(pid(&nodes[1]), None);
}
