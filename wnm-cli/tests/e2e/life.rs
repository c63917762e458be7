//! The life of a colony, from the first node to the teardown.

use serde_json::{Value, json};
use wnm_platform::fake_node::Behaviour;

use crate::host::{Host, kill, pid, states};

/// Returns the lines of a page with single spaces between words.
fn lines(page: &str) -> Vec<String> {
    page.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

/// Returns a line of the table of actions without the duration.
fn without_time(line: String) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    match words.iter().position(|word| *word == "s") {
        Some(at) => [&words[..at - 1], &words[at + 1..]].concat().join(" "),
        None => line,
    }
}

#[test]
fn nodes_are_added_stopped_started_and_removed() {
    let host = Host::with_colony();
    host.expect(0, "node add --count 3");
    let nodes = host.wait_for("three running nodes", |nodes| states(nodes) == ["RUNNING"; 3]);
    assert_eq!(host.processes().len(), 3);
    for node in &nodes {
        assert_eq!(node["sample"]["version"], json!("0.4.17"));
        assert!(node["sample"]["peer_id"].as_str().unwrap().starts_with("12D3KooW"));
        assert_eq!(node["wallet"], json!("0x00455d78f850b0358E8cea5be24d415E01E107CF"));
    }

    // The youngest node stops first, and starts again as the same node.
    let before = nodes[2]["sample"]["peer_id"].clone();
    host.expect(0, "node stop --count 1");
    assert_eq!(states(&host.nodes()), ["RUNNING", "RUNNING", "STOPPED"]);
    assert_eq!(host.processes().len(), 2);
    host.expect(0, "node start antnode0003");
    let nodes = host.wait_for("the same node again", |nodes| states(nodes) == ["RUNNING"; 3]);
    assert_eq!(nodes[2]["sample"]["peer_id"], before);

    let old = pid(&nodes[0]);
    host.expect(0, "node restart 0001.service,1");
    let nodes = host.wait_for("another process", |nodes| states(nodes) == ["RUNNING"; 3]);
    assert_ne!(pid(&nodes[0]), old);

    host.expect(0, "node remove 2 --yes");
    assert_eq!(host.nodes().len(), 2);
    assert!(!host.path(".local/share/autonomi/node/antnode0002").exists());
    // A new node gets the lowest free number.
    host.expect(0, "node add");
    assert_eq!(host.nodes()[1]["name"], json!("antnode0002"));

    host.expect(1, "teardown");
    assert_eq!(host.processes().len(), 3);
    host.expect(0, "teardown --yes");
    assert_eq!(host.nodes().len(), 0);
    assert!(host.processes().is_empty());
    let left: Vec<_> = std::fs::read_dir(host.path(".local/share/autonomi/node")).unwrap().flatten().collect();
    assert!(
        left.iter().all(|entry| [".trash", ".wnm-volume"].iter().any(|name| entry.file_name() == *name)),
        "{left:?}"
    );
    assert_eq!(std::fs::read_dir(host.path(".local/share/autonomi/node/.trash")).unwrap().count(), 0);
    assert_eq!(host.expect(0, "--json run --dry-run --cpu-remove 99").json()["nodes"], json!(0));
}

#[test]
fn disabled_node_stays_stopped_until_requested() {
    let host = Host::with_colony();
    host.expect(0, "node add --count 2");
    host.expect(0, "node disable 1");
    host.put_binary("0.4.18", Behaviour::Normal);
    for line in [
        "run",
        "run --this-enable-upgrade",
        "node restart --all",
        "node upgrade --all",
        "node stop --all",
        "node start --all",
        "node start --count 2",
        "node remove --count 2 --yes",
        "node add",
        "run",
    ] {
        host.wnm(&line.split(' ').collect::<Vec<_>>());
        assert_eq!(states(&host.nodes())[0], "DISABLED", "{line}");
    }
    let stopped = host.expect(0, "node stop 1").out;
    assert!(stopped.contains("already stopped"), "{stopped}");
    host.expect(0, "node enable 1");
    assert_eq!(states(&host.nodes())[0], "STOPPED");
    host.expect(0, "node disable 1");
    host.expect(0, "node start 1");
    host.wait_for("the node up again", |nodes| states(nodes)[0] == "RUNNING");
}

#[test]
fn killed_node_is_stopped_and_keeps_its_identity() {
    let host = Host::with_colony();
    host.expect(0, "node add");
    let nodes = host.wait_for("a running node", |nodes| states(nodes) == ["RUNNING"]);
    kill(pid(&nodes[0]).unwrap());
    host.wait_for("a stopped node", |nodes| states(nodes) == ["STOPPED"]);
    host.expect(0, "node start 1");
    let again = host.wait_for("the node again", |nodes| states(nodes) == ["RUNNING"]);
    assert_eq!(again[0]["sample"]["peer_id"], nodes[0]["sample"]["peer_id"]);
}

#[test]
fn upgrade_changes_the_program_and_failure_rolls_back() {
    let host = Host::with_colony();
    host.expect(0, "node add");
    let current = host.expect(0, "node upgrade 1").out;
    assert!(current.contains("already at version 0.4.17"), "{current}");
    host.put_binary("0.4.18", Behaviour::Normal);
    host.expect(0, "node upgrade 1");
    let nodes = host.wait_for("the new version", |nodes| states(nodes) == ["RUNNING"]);
    assert_eq!(nodes[0]["sample"]["version"], json!("0.4.18"));

    host.put_binary("0.4.19", Behaviour::ExitAtStart { code: 1 });
    let failed = host.expect(3, "node upgrade 1");
    assert!(failed.out.contains("failed to"), "{}", failed.out);
    let nodes = host.wait_for("the old version", |nodes| states(nodes) == ["RUNNING"]);
    assert_eq!(nodes[0]["sample"]["version"], json!("0.4.18"));

    // wnm never downgrades a node.
    host.put_binary("0.4.17", Behaviour::Normal);
    let refused = host.expect(3, "node upgrade 1");
    assert!(refused.out.contains("it has version 0.4.18"), "{}", refused.out);
}

/// The program of the first node.
const PROGRAM_OF_FIRST: &str = ".local/share/autonomi/node/antnode0001/antnode";

#[test]
fn new_node_gets_the_newest_program_of_a_healthy_node() {
    new_node_gets_the_newest_program(&Host::with_colony());
}

#[test]
#[ignore = "needs docker; .ci/docker-tests runs it"]
fn new_node_gets_the_newest_program_of_a_healthy_node_under_docker() {
    let host = Host::with_colony_under_docker();
    new_node_gets_the_newest_program(&host);
    host.expect(0, "teardown --yes");
}

fn new_node_gets_the_newest_program(host: &Host) {
    host.expect(0, "node add");
    host.put_binary("0.4.18", Behaviour::Normal);
    host.expect(0, "node upgrade 1");
    let of_version = |version: &'static str| {
        move |nodes: &[Value]| nodes.iter().all(|node| node["sample"]["version"] == json!(version))
    };
    host.wait_for("the new version", of_version("0.4.18"));
    host.put_binary("0.4.17", Behaviour::Normal);
    host.expect(0, "node add");
    let nodes = host.wait_for("a node of the newest version", of_version("0.4.18"));
    assert_eq!(states(&nodes), ["RUNNING", "RUNNING"]);
    let told = host.expect(0, "doctor").out;
    assert!(told.contains("new nodes get antnode 0.4.18 of antnode0001, antnode0002, instead of 0.4.17"), "{told}");

    // The file of a node may be another one than its process runs: it upgraded itself and has not restarted.
    host.put_program(PROGRAM_OF_FIRST, "0.4.19", Behaviour::ExitAtStart { code: 1 });
    host.expect(0, "node add");
    host.wait_for("the program of the second node", of_version("0.4.18"));
    host.expect(0, "config set upgrade_source=binary");
    host.expect(0, "node add");
    host.wait_for("the program of the setting", |nodes| nodes[3]["sample"]["version"] == json!("0.4.17"));
}

#[test]
fn version_that_fails_where_nodes_upgrade_themselves_is_told() {
    let host = Host::with_colony();
    host.expect(0, "node add");
    host.expect(0, "node add");
    let nodes = host.nodes();
    host.put_program(PROGRAM_OF_FIRST, "0.4.18", Behaviour::ExitAtStart { code: 1 });
    assert!(host.expect(0, "--json status").json()["failed_versions"].as_array().unwrap().is_empty());
    kill(pid(&nodes[0]).unwrap());
    host.wait_for("a stopped node", |nodes| states(nodes) == ["STOPPED", "RUNNING"]);
    host.expect(3, "node start 1");
    let failed = json!([{"version": "0.4.18", "upgraded": 1, "failed": [1]}]);
    assert_eq!(host.expect(0, "--json status").json()["failed_versions"], failed);
    let told = host.expect(3, "doctor").out;
    assert!(told.contains("0.4.18 failed on 1 of 1 node that upgraded itself: antnode0001"), "{told}");
    host.expect(0, "node add");
    assert_eq!(host.nodes()[2]["sample"]["version"], json!("0.4.17"));
}

#[test]
fn stopped_outdated_node_is_upgraded_at_start() {
    let host = Host::with_colony();
    host.expect(0, "node add");
    host.expect(0, "node stop --count 1");
    host.put_binary("0.4.18", Behaviour::Normal);
    host.expect(0, "node start 1");
    let nodes = host.wait_for("the new version", |nodes| states(nodes) == ["RUNNING"]);
    assert_eq!(nodes[0]["sample"]["version"], json!("0.4.18"));
}

#[test]
fn failed_addition_leaves_no_files() {
    let host = Host::new();
    host.put_binary("0.4.17", Behaviour::ExitAtStart { code: 1 });
    assert_eq!(host.wnm(&host.init_args()).code(), 0);
    let failed = host.expect(3, "node add");
    assert!(lines(&failed.out)[1].contains(" failed to "), "{}", failed.out);
    assert_eq!(host.nodes().len(), 0);
    assert!(host.processes().is_empty());
    assert!(!host.path(".local/share/autonomi/node/antnode0001").exists());
}

#[test]
fn table_shows_done_and_failed_actions() {
    let host = Host::with_colony();
    host.expect(0, "node add --count 3");
    host.expect(0, "node stop 2");
    let mixed = host.expect(0, "node stop 1,2,3");
    let table: Vec<_> = lines(&mixed.out).into_iter().map(without_time).collect();
    assert_eq!(
        table,
        [
            "NODE ACTION TOOK RESULT",
            "antnode0001 stop done",
            "antnode0003 stop done",
            "antnode0002 stop already stopped",
            "",
            "2 done, 1 already",
        ]
    );

    // The same as JSON, in the order of the command line.
    let again = host.expect(0, "--json node start 1,2,3");
    let works = again.json().as_array().unwrap().clone();
    assert!(works.iter().all(|work| work["action"] == "start" && work["result"] == "done"), "{}", again.out);
    host.wait_for("three running nodes", |nodes| states(nodes) == ["RUNNING"; 3]);
    let again = host.expect(0, "--json node start 2");
    let works = again.json().as_array().unwrap().clone();
    assert_eq!((&works[0]["name"], &works[0]["result"]), (&json!("antnode0002"), &json!("already")));
    assert_eq!((&works[0]["reason"], &works[0]["seconds"]), (&json!("already running"), &Value::Null));
    assert_eq!(host.expect(0, "--json node start --all").json(), json!([]));
    assert_eq!(host.expect(0, "node start --all").out, "nothing to do\n");

    host.expect(0, "node disable 2");
    let survey = host.expect(0, "node survey");
    assert_eq!(
        lines(&survey.out)[1..3],
        ["antnode0001 survey done: RUNNING, answering", "antnode0003 survey done: RUNNING, answering"]
    );
}

#[test]
fn dry_run_changes_nothing() {
    let host = Host::with_colony();
    let shown = host.expect(0, "node add --count 2 --dry-run");
    assert_eq!(lines(&shown.out)[2], "antnode0002 add planned");
    host.expect(0, "run --dry-run");
    assert!(host.processes().is_empty());
    let status = host.expect(0, "--json status").json();
    assert_eq!(status["cycle"], serde_json::Value::Null);
}

#[test]
fn history_and_explain_show_past_actions() {
    let host = Host::with_colony();
    host.expect(0, "node add");
    host.expect(0, "run");
    let history = host.expect(0, "--json history --node 1 --since 1h").json();
    assert_eq!(history.as_array().unwrap().last().unwrap()["decided"][0]["action"], json!("add"));
    let explained = host.expect(0, "explain").out;
    for rule in ["observe_after_reboot", "relieve_cpu", "grow_steadily"] {
        assert!(explained.contains(rule), "{explained}");
    }
    assert!(host.expect(1, "history --node 2").err.contains("no such node: antnode0002"));
    assert!(host.expect(0, "history --since 0s").out.starts_with("no actions recorded"));
    host.expect(0, "node add");
    for (line, adds) in [("history", 2), ("history --limit 1", 1), ("history --node antnode0002", 1)] {
        let page = host.expect(0, line).out;
        assert_eq!(page.matches("add antnode").count(), adds, "{line}: {page}");
    }
    host.expect(0, "node remove 2 --yes");
    // The past of a removed node stays readable.
    assert!(host.expect(0, "history --node 2").out.contains("remove antnode0002"));
    let status = host.expect(0, "--json status").json();
    assert_eq!(status["nodes"], json!(1));
    assert_eq!(status["by_version"]["0.4.17"], json!(1));
    assert_eq!(host.expect(0, "doctor").code(), 0);
}

#[test]
fn status_shows_the_remaining_time_of_an_operation() {
    let host = Host::with_colony();
    host.expect(0, "config set delay_start=300");
    host.expect(0, "node add");
    let delayed = host.expect(0, "--json status").json()["delayed"].clone();
    assert_eq!((&delayed[0]["node"], &delayed[0]["status"]), (&json!(1), &json!("RESTARTING")));
    assert!((200..=300).contains(&delayed[0]["left_seconds"].as_u64().unwrap()), "{delayed}");
    let shown = host.expect(0, "status").out;
    assert!(shown.contains("antnode0001 restarting: ") && shown.contains(" left\n"), "{shown}");
    host.expect(0, "config set delay_start=0");
    host.wait_for("a running node", |nodes| states(nodes) == ["RUNNING"]);
    assert_eq!(host.expect(0, "--json status").json()["delayed"], json!([]));
}

#[test]
fn nodes_spread_over_the_storage_folders() {
    let host = Host::with_colony();
    let [one, other] = ["one", "two words"].map(|name| host.path(name));
    let both = format!("node_storage={},{}", one.display(), other.display());
    assert_eq!(host.wnm(&["config", "set", &both]).code(), 0);
    // Both folders are on one device: the one with fewer nodes, which may still grow, has more headroom.
    host.expect(0, "node add --count 3");
    host.expect(0, "node add");
    let nodes = |folder: &std::path::Path| {
        let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        names.filter(|name| name.to_string_lossy().starts_with("antnode")).count()
    };
    assert_eq!((nodes(&one), nodes(&other)), (2, 2));
    let status = host.expect(0, "--json status").json();
    let signals = status["signals"].as_array().unwrap().iter().filter(|signal| signal["signal"] == "disk");
    let folders: Vec<_> = signals.map(|signal| signal["folder"].as_str().unwrap().to_owned()).collect();
    assert_eq!(folders, [&one, &other].map(|folder| folder.display().to_string()));
    host.wait_for("four running nodes", |nodes| states(nodes) == ["RUNNING"; 4]);
}

#[test]
fn all_selects_every_node() {
    let host = Host::with_colony();
    host.expect(0, "node add --count 3");
    let begun = std::time::Instant::now();
    host.expect(0, "node restart --all --interval 700");
    assert!(begun.elapsed() >= std::time::Duration::from_millis(1400), "{:?}", begun.elapsed());
    host.wait_for("three running nodes", |nodes| states(nodes) == ["RUNNING"; 3]);
    host.expect(0, "node stop --count 2");
    assert_eq!(states(&host.nodes()), ["RUNNING", "STOPPED", "STOPPED"]);
}

#[test]
fn changed_wallet_applies_to_new_nodes() {
    let host = Host::with_colony();
    host.expect(0, "node add");
    let other = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
    host.expect(0, &format!("config set rewards_address {other}"));
    host.expect(0, "run");
    host.expect(0, "node restart 1");
    host.expect(0, "node add");
    let report = host.expect(0, "report node-status-details --format json").json();
    let wallets: Vec<_> = report.as_array().unwrap().iter().map(|node| node["wallet"].as_str().unwrap()).collect();
    assert_eq!(wallets, ["0x00455d78f850b0358E8cea5be24d415E01E107CF", other]);
    assert!(host.expect(0, "report node-status-details 2").out.contains(other));
}

#[test]
fn demo_ends_and_leaves_no_files() {
    let host = Host::new();
    let played = host.expect(0, "demo");
    for scene in ["killed", "the node is started", "An overload", "All nodes are removed"] {
        assert!(played.err.contains(scene), "{}", played.err);
    }
    let folder = played.err.split("under setsid, in ").nth(1).unwrap().lines().next().unwrap();
    assert!(folder.contains("wnm-demo-") && !std::path::Path::new(folder).exists(), "{folder}");
    // A removal that waits for the exit of its node has a line in each cycle.
    let is_removal = |line: &&str| line.contains("remove antnode") && line.ends_with(": done (requested)");
    assert_eq!(played.out.lines().filter(is_removal).count(), 5, "{}", played.out);
}

#[test]
fn database_is_backed_up_and_restored() {
    let host = Host::with_colony();
    host.expect(0, "node add");
    let copy = host.path("copy.db").display().to_string();
    host.expect(0, "db check");
    host.expect(0, &format!("db backup {copy}"));
    host.expect(1, &format!("db backup {copy}"));
    host.expect(0, "node remove 1 --yes");
    let restored = host.expect(0, &format!("--json db restore {copy}")).json();
    assert!(std::path::Path::new(restored["set_aside"].as_str().unwrap()).exists());
    // The removed node is on record again, and the next cycle finds its folder missing.
    assert_eq!(host.expect(0, "--json node list").json().as_array().unwrap().len(), 1);
    host.expect(0, "db migrate");
    assert_eq!(host.expect(0, "db path").out.trim(), host.path("wnm.db").display().to_string());
}

#[test]
fn antctl_needs_no_node_program() {
    let host = Host::new();
    std::fs::remove_file(host.path(".local/bin/antnode")).unwrap();
    let mut args = host.init_args();
    let at = args.iter().position(|arg| arg == "setsid+user").unwrap();
    args[at] = "antctl+zen".to_owned();
    let missing = host.wnm(&args);
    assert_ne!(missing.code(), 0);
    assert!(missing.err.contains("antctl"), "{}", missing.err);
    assert!(!host.path("wnm.db").exists());
    let antctl = host.path("antctl");
    std::os::unix::fs::symlink("/bin/true", &antctl).unwrap();
    args.extend(["--antctl-path".to_owned(), antctl.display().to_string()]);
    let begun = host.wnm(&args);
    assert_eq!(begun.code(), 0, "{}", begun.err);
    assert!(begun.out.contains("(of its choice)") && begun.out.contains("antctl+zen"), "{}", begun.out);
    assert!(host.wnm(&["doctor"]).out.contains("antctl+zen selects the program"));
    // Without antctl, no node can be added, and no files stay.
    std::fs::remove_file(antctl).unwrap();
    let failed = host.expect(3, "node add");
    assert!(failed.out.contains("antctl"), "{}", failed.out);
    assert!(!host.path(".local/share/autonomi/node/antnode1").exists());
}

#[test]
fn reset_node_has_a_new_identity_and_the_same_ports() {
    let host = Host::with_colony();
    host.expect(0, "node add --count 2");
    let facts = |nodes: &[Value]| {
        let fact = |node: &Value, key: &str| node[key].to_string();
        let of = |node| [fact(node, "node"), fact(node, "ports"), fact(node, "folder")];
        nodes.iter().map(of).collect::<Vec<_>>()
    };
    let uuids = |nodes: &[Value]| nodes.iter().map(|node| node["uuid"].to_string()).collect::<Vec<_>>();
    let before = host.wait_for("two nodes", |nodes| states(nodes) == ["RUNNING", "RUNNING"]);
    let key =
        |id: u32| std::fs::read(host.path(&format!(".local/share/autonomi/node/antnode000{id}/secret-key"))).unwrap();
    let keys = [key(1), key(2)];

    let shown = host.expect(0, "node reset 2 --dry-run");
    assert_eq!(lines(&shown.out)[1], "antnode0002 reset planned");
    host.expect(1, "node reset 7");
    host.expect(2, "node reset");
    assert_eq!(uuids(&host.nodes()), uuids(&before));

    let ran = host.expect(0, "node reset antnode0002 --yes");
    assert_eq!(
        lines(&ran.out).into_iter().map(without_time).collect::<Vec<_>>(),
        ["NODE ACTION TOOK RESULT", "antnode0002 reset done", "", "1 done"]
    );
    let after = host.wait_for("two nodes", |nodes| states(nodes) == ["RUNNING", "RUNNING"]);
    assert_eq!(facts(&after), facts(&before));
    assert_eq!(uuids(&after)[0], uuids(&before)[0]);
    assert_ne!(uuids(&after)[1], uuids(&before)[1]);
    assert_eq!(key(1), keys[0]);
    assert_ne!(key(2), keys[1]);
    // The old folder stays in the trash for a day.
    host.expect(0, "run");
    let trash = host.path(".local/share/autonomi/node/.trash");
    let old = trash.join(before[1]["uuid"].as_str().unwrap()).join("secret-key");
    assert_eq!(std::fs::read(old).unwrap(), keys[1]);
    // On a volume over its low threshold the trash is emptied at once.
    host.expect(0, "run --hd-less-than 0.01");
    assert_eq!(std::fs::read_dir(trash).unwrap().count(), 0);
}

#[test]
fn teardown_keeps_settings_without_purge() {
    let host = Host::with_colony();
    host.expect(0, "node add");
    host.expect(1, "teardown --purge");
    host.expect(0, "teardown --yes");
    assert_eq!(host.expect(0, "config get node_cap").out, "6\n");
    host.expect(0, "node add");
    host.expect(0, "teardown --yes --purge");
    host.expect(5, "status");
    assert!(host.processes().is_empty());
    let left = |below: &str| {
        std::fs::read_dir(host.path(below)).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>()
    };
    assert!(
        left("").iter().all(|name| name == "wnm.lock" || name.to_str().unwrap().starts_with('.')),
        "{:?}",
        left("")
    );
    let args = host.init_args();
    assert_eq!(host.wnm(&args).code(), 0);
}

#[test]
fn explain_keeps_the_rules_after_a_request() {
    let host = Host::with_colony();
    host.expect(0, "node add");
    let first = host.expect(0, "--json explain").json();
    assert_ne!(first["kind"], "scheduled", "a colony without a scheduled cycle explains the last of any kind");

    host.expect(0, "run");
    let scheduled = host.expect(0, "--json explain").json();
    assert_eq!((&scheduled["kind"], scheduled["requested_later"].as_array().unwrap().len()), (&"scheduled".into(), 0));
    assert!(scheduled["verdicts"].as_array().unwrap().len() > 1, "{scheduled}");

    host.expect(0, "node stop 1");
    host.expect(0, "node survey");
    let after = host.expect(0, "--json explain").json();
    assert_eq!((&after["cycle"], &after["verdicts"]), (&scheduled["cycle"], &scheduled["verdicts"]));
    let later = after["requested_later"].as_array().unwrap();
    assert_eq!((later.len(), &later[0]["kind"]), (1, &"requested".into()), "{after}");

    let number = &later[0]["cycle"];
    let shown = host.expect(0, "explain").out;
    assert!(shown.starts_with(&format!("cycle {number}, requested: stop antnode0001")), "{shown}");
    assert!(shown.contains(&format!("\n\ncycle {}  ", scheduled["cycle"])), "{shown}");
    let one = host.expect(0, &format!("explain {number}")).out;
    assert!(one.lines().next().unwrap().ends_with("requested"), "{one}");
    assert!(!one.contains(&format!("cycle {}", scheduled["cycle"])), "{one}");
}
