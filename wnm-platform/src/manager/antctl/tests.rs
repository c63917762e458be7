//! The calls of antctl, and its registry as parsed from files of antctl 0.14.2. The conformance suite tests the manager
//! on real processes, with a fake antctl.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use wnm_core::{Program, Upnp};

use super::*;
use crate::exec::Output;
use crate::node_dir::tests::node_at;

const KIND: ManagerKind = ManagerKind::new(Program::Antctl, Scope::User);
const RECORDED: &str = include_str!("../../../tests/data/antctl-0.14.2/node_registry.json");
const STATUS: &str = include_str!("../../../tests/data/antctl-0.14.2/status.json");

type Calls = Arc<Mutex<Vec<String>>>;

/// An antctl that succeeds at everything, after `effect`, with its registry in a folder.
fn scripted(folder: &Path, effect: impl Fn(&Path) + Send + Sync + 'static) -> (Antctl, Calls) {
    scripted_as(KIND, folder, effect)
}

fn scripted_as(kind: ManagerKind, folder: &Path, effect: impl Fn(&Path) + Send + Sync + 'static) -> (Antctl, Calls) {
    let calls = Calls::default();
    let registry = folder.join("node_registry.json");
    let (log, path) = (Arc::clone(&calls), registry.clone());
    let exec = Exec::scripted(move |call| {
        let words: Vec<_> = call.arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        log.lock().unwrap().push(words.join(" "));
        effect(&path);
        Ok(Output::success(""))
    });
    let options = Options { antctl_registry: Some(registry), binary: "/p/antnode".into(), ..Options::default() };
    (Antctl::with(kind, &options, exec), calls)
}

/// The first node of the recorded registry, as wnm would have it.
fn first(root: &Path) -> Node {
    Node {
        log_dir: "/var/log/antnode/antnode1".into(),
        network: vec!["evm-arbitrum-one".into()],
        manager: KIND,
        ..node_at(root)
    }
}

#[test]
fn recorded_registry_is_read() {
    for text in [RECORDED, STATUS] {
        let registry = Registry::parse(text.as_bytes()).unwrap();
        assert_eq!((registry.nodes.len(), registry.next()), (3, 4));
        let entry = registry.of(&first(Path::new("/var/antctl/services/antnode1"))).unwrap();
        assert_eq!((entry.status.clone(), entry.number, entry.node_port), (Status::Added, 1, Some(55001)));
        assert_eq!(entry.version().unwrap().to_string(), "0.4.17");
    }
    // Without nodes, `status --json` prints an empty line.
    assert_eq!(Registry::parse(b"\n").unwrap(), Registry::default());
    assert!(Registry::parse(b"{\"nodes\": 3}").is_err());
    assert!(Registry::parse(&RECORDED.as_bytes()[..RECORDED.len() / 2]).is_err());
}

#[test]
fn add_puts_network_last_and_checks_registry() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("antnode1");
    fs::create_dir(&root).unwrap();
    let node = Node { environment: vec![("A".into(), "b c".into()), ("D".into(), "e".into())], ..first(&root) };
    let entry = |root: &str| {
        RECORDED.split("},{\"alpha\"").next().unwrap().replace("/var/antctl/services/antnode1", root) + "}]}"
    };
    let made = entry(root.to_str().unwrap());
    let (antctl, calls) = scripted(folder.path(), move |registry| fs::write(registry, &made).unwrap());
    antctl.define(&node).unwrap();
    antctl.define(&node).unwrap();
    let place = folder.path().to_str().unwrap();
    let shown = calls.lock().unwrap().join("\n").replace(place, "/s");
    insta::assert_snapshot!(shown, @r"
    add --count 1 --data-dir-path /s --log-dir-path /var/log/antnode --node-port 1 --metrics-port 2 --rpc-port 3 --path /p/antnode --max-log-files 1 --max-archived-log-files 1 --rewards-address 0x00455d78f850b0358E8cea5be24d415E01E107CF --no-upnp --env A=b c,D=e evm-arbitrum-one
    --version
    ");

    // antctl refuses a number for the first node of a network.
    let (antctl, calls) = scripted(folder.path(), |_| ());
    fs::remove_file(folder.path().join("node_registry.json")).unwrap();
    antctl.define(&Node { arguments: vec!["--first".to_owned()], ..node.clone() }).unwrap_err();
    assert!(calls.lock().unwrap()[0].starts_with("add --data-dir-path "), "{calls:?}");

    // It succeeds, and makes something else.
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = |port: u16| {
        let node = Node { ports: Ports { node: port, ..node.ports }, ..node.clone() };
        let text = entry("/else");
        let (antctl, calls) = scripted(folder.path(), move |registry| fs::write(registry, &text).unwrap());
        let error = antctl.define(&node).unwrap_err().to_string();
        assert!(error.contains("an entry at /else in ") && error.ends_with("node_registry.json"), "{error}");
        fs::remove_file(folder.path().join("node_registry.json")).unwrap();
        calls.lock().unwrap()[1..].to_vec()
    };
    // A service with the ports of the node belongs to the node and is removed; one with other ports is external.
    assert_eq!(elsewhere(55001), ["-v remove --service-name antnode1 --keep-directories"]);
    assert_eq!(elsewhere(55009), Vec::<String>::new());

    // Left to choose, it is told of neither program nor folders.
    let zen = ManagerKind::new(Program::Antctl, Scope::Zen);
    let (antctl, calls) = scripted_as(zen, folder.path(), |_| ());
    antctl.define(&node).unwrap_err();
    insta::assert_snapshot!(calls.lock().unwrap().join("\n"), @"add --count 1 --node-port 1 --metrics-port 2 --rpc-port 3 --max-log-files 1 --max-archived-log-files 1 --rewards-address 0x00455d78f850b0358E8cea5be24d415E01E107CF --no-upnp --env A=b c,D=e evm-arbitrum-one");
}

#[test]
fn number_mismatch_prevents_add() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("node_registry.json"), RECORDED.replace("\"Added\"", "\"Removed\"")).unwrap();
    let (antctl, calls) = scripted(folder.path(), |_| ());
    let error = antctl.define(&first(&folder.path().join("antnode1"))).unwrap_err();
    let text = "cannot define node 0001: number 1 is taken by antctl, which assigns number 4 next";
    assert_eq!(error.to_string(), text);
    assert_eq!(error.hint().as_deref(), Some("set highest_node_id_used to 3"));
    assert!(calls.lock().unwrap().is_empty());
}

#[test]
fn unclear_state_is_queried_once() {
    let folder = tempfile::tempdir().unwrap();
    let nodes: Vec<Node> = (1..=3)
        .map(|number| Node {
            id: NodeId::new(number).unwrap(),
            ..first(Path::new(&format!("/var/antctl/services/antnode{number}")))
        })
        .collect();
    let nodes: Vec<&Node> = nodes.iter().collect();
    let path = folder.path().join("node_registry.json");
    fs::write(&path, RECORDED).unwrap();
    let (antctl, calls) = scripted(folder.path(), |_| ());
    assert!(antctl.survey(&nodes).values().all(|service| *service == Service::Stopped));
    assert!(calls.lock().unwrap().is_empty());
    // It says that two run, and there is no process; asked, it knows of no node at all.
    fs::write(&path, RECORDED.replacen("\"Added\"", "\"Running\"", 2)).unwrap();
    assert!(antctl.survey(&nodes).values().all(|service| *service == Service::Stopped));
    assert_eq!(*calls.lock().unwrap(), ["status --json"]);
    fs::write(&path, "{ half").unwrap();
    assert!(antctl.survey(&nodes).values().all(|service| matches!(service, Service::Unknown(_))));
}

#[test]
fn systemd_knows_more_than_the_registry() {
    let folder = tempfile::tempdir().unwrap();
    let node = first(Path::new("/var/antctl/services/antnode1"));
    for (recorded, active, state) in [
        // A start and a stop by systemd, neither of which antctl knows.
        ("Added", "activating", None),
        ("Stopped", "deactivating", None),
        ("Running", "inactive", Some(Service::Stopped)),
        ("Running", "failed", Some(Service::Stopped)),
        ("Running", "active", None),
    ] {
        let text = RECORDED.replacen("\"Added\"", &format!("\"{recorded}\""), 1);
        fs::write(folder.path().join("node_registry.json"), text).unwrap();
        let (antctl, calls) = scripted(folder.path(), |_| ());
        let exec = Exec::scripted(move |_| Ok(Output::success(format!("{active}\n"))));
        let antctl = Antctl { units: Some(ExternalUnits::below(folder.path(), Scope::User, exec)), ..antctl };
        let seen = antctl.survey(&[&node]).remove(&node.id).unwrap();
        let is_same = state.map_or_else(|| matches!(seen, Service::Unknown(_)), |state| seen == state);
        assert!(is_same && calls.lock().unwrap().is_empty(), "{recorded} {active}: {seen:?}");
    }
}

#[test]
fn words_that_antctl_does_not_quote_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (antctl, _) = scripted(folder.path(), |_| ());
    let unable = Exec::scripted(|_| Ok(Output::success("")));
    let units = Antctl { units: Some(ExternalUnits::below(folder.path(), Scope::User, unable)), ..antctl };
    let plain = first(Path::new("/srv/nodes (old)/antnode1"));
    let (antctl, _) = scripted(folder.path(), |_| ());
    antctl.supports(&plain).unwrap();
    insta::assert_snapshot!(units.supports(&plain).unwrap_err(), @r#"antctl cannot manage node 0001: it does not quote "/srv/nodes (old)/antnode1" in its unit, and systemd reads that differently"#);
    units.supports(&first(Path::new("/srv/--root-dir=x/(deleted)/antnode1"))).unwrap();
    for word in ["50%", "$HOME", "a\"b", "it's", "a\\b", ";", "tab\there", ""] {
        let node = Node { arguments: vec![word.to_owned()], ..first(Path::new("/srv/antnode1")) };
        assert!(units.supports(&node).is_err(), "{word}");
    }
}

#[test]
fn recorded_nodes_are_discovered() {
    let folder = tempfile::tempdir().unwrap();
    let storage = folder.path().to_str().unwrap();
    for name in ["antnode1", "antnode2", "antnode9"] {
        fs::create_dir(folder.path().join(name)).unwrap();
        fs::write(folder.path().join(name).join("secret-key"), [1; 32]).unwrap();
    }
    let text = RECORDED.replace("/var/antctl/services", storage).replacen("\"ArbitrumOne\"", "{\"Custom\":{}}", 2);
    let text = text.replacen("{\"Custom\":{}}", "\"ArbitrumOne\"", 1);
    fs::write(folder.path().join("node_registry.json"), text).unwrap();
    let (antctl, calls) = scripted(folder.path(), |_| ());
    let found = antctl.discover(&[folder.path().to_owned()]).unwrap();
    assert_eq!(
        found[0].node.as_ref().unwrap().node.ports,
        Ports { node: 55001, metrics: Some(13001), rpc: Some(30001) }
    );
    assert_eq!((found[0].status.as_deref(), &found[0].version), (Some("ADDED"), &wnm_core::Version::find_in("0.4.17")));
    // The second has a custom network, the third has no entry: neither can be adopted.
    let whys: Vec<_> = found[1..].iter().map(|found| found.node.clone().unwrap_err()).collect();
    assert_eq!(whys[0], "its payment network is unknown to wnm");
    assert!(whys[1].ends_with("node_registry.json has no entry of it"), "{whys:?}");
    assert_eq!((antctl.services().unwrap().len(), antctl.highest_number().unwrap()), (3, Some(3)));
    assert_eq!(found[0].node.as_ref().unwrap().node.wallet, wnm_core::FAUCET);
    assert!(calls.lock().unwrap().is_empty());
}

/// A registry of one node of antctl 0.14.2 with these values in place of those of an ordinary entry.
fn registry_of(root: &Path, changes: &[(&str, serde_json::Value)]) -> Vec<u8> {
    let mut registry: serde_json::Value = serde_json::from_str(RECORDED).unwrap();
    let nodes = registry["nodes"].as_array_mut().unwrap();
    nodes.truncate(1);
    let entry = nodes[0].as_object_mut().unwrap();
    entry.insert("data_dir_path".to_owned(), root.to_str().unwrap().into());
    entry.insert("status".to_owned(), "Stopped".into());
    for (key, value) in changes {
        entry.insert((*key).to_owned(), value.clone());
    }
    registry["environment_variables"] = serde_json::json!([["ANT_LOG", "v"]]);
    serde_json::to_vec(&registry).unwrap()
}

#[test]
fn entries_with_every_setting_or_hardly_one_are_adopted() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("antnode1");
    fs::create_dir(&root).unwrap();
    fs::write(root.join("secret-key"), [1; 32]).unwrap();
    let adopted = |changes: &[(&str, serde_json::Value)]| {
        fs::write(folder.path().join("node_registry.json"), registry_of(&root, changes)).unwrap();
        let (antctl, _) = scripted(folder.path(), |_| ());
        let mut found = antctl.discover(&[folder.path().to_owned()]).unwrap();
        found.remove(0).node.unwrap().node
    };
    let peer = "/ip4/203.0.113.7/udp/12000/quic-v1/p2p/12D3KooWA87LdBGDmDx8csNfv4zth8a5tbFw4og3M3p9xVKCRCA6";
    let full = adopted(&[
        ("alpha", true.into()),
        ("relay", true.into()),
        ("no_upnp", true.into()),
        ("log_format", "Json".into()),
        ("max_log_files", 5.into()),
        ("network_id", 2.into()),
        ("node_ip", "192.168.1.7".into()),
        ("environment_variables", serde_json::json!([["ANT_LOG", "all"]])),
        (
            "initial_peers_config",
            serde_json::json!({
                "first": false, "addrs": [peer], "network_contacts_url": [], "local": false, "ignore_cache": true,
                "bootstrap_cache_dir": null
            }),
        ),
    ]);
    assert_eq!(
        full.arguments.join(" "),
        format!("--ignore-cache --alpha --relay --peer {peer} --network-id 2 --ip 192.168.1.7 --log-format json")
    );
    assert_eq!((full.environment, full.upnp), (vec![("ANT_LOG".to_owned(), "all".to_owned())], Upnp::Off));

    let plain = adopted(&[("metrics_port", serde_json::Value::Null), ("node_port", 41235.into())]);
    assert_eq!(plain.ports, Ports { node: 41235, metrics: None, rpc: Some(30001) });
    assert_eq!((plain.arguments, plain.environment[0].1.as_str()), (Vec::new(), "v"));
}

#[test]
fn units_of_adopted_nodes_are_reloaded_once() {
    let folder = tempfile::tempdir().unwrap();
    let text = RECORDED.replace("/var/antctl/services", folder.path().to_str().unwrap());
    let (antctl, _) = scripted(folder.path(), |_| {});
    fs::write(folder.path().join("node_registry.json"), text).unwrap();
    let nodes = [1, 2, 3].map(|number| {
        let root = folder.path().join(format!("antnode{number}"));
        fs::create_dir(&root).unwrap();
        fs::write(folder.path().join(format!("antnode{number}.service")), "[Service]\n").unwrap();
        Node { id: NodeId::new(number).unwrap(), ..first(&root) }
    });
    let calls = Calls::default();
    let log = Arc::clone(&calls);
    let exec = Exec::scripted(move |call| {
        log.lock().unwrap().push(call.summary());
        Ok(Output::success(""))
    });
    let antctl = Antctl { units: Some(ExternalUnits::below(folder.path(), Scope::User, exec)), ..antctl };
    for _ in 0..2 {
        antctl.adopt(&nodes.iter().collect::<Vec<_>>()).unwrap();
        let calls = calls.lock().unwrap().clone();
        assert!(matches!(calls.as_slice(), [only] if only.ends_with("daemon-reload")), "{calls:?}");
    }
    for number in 1..=3 {
        assert!(folder.path().join(format!("antnode{number}.service.d/50-wnm-slice.conf")).exists());
        assert!(folder.path().join(format!("antnode{number}/.wnm-definition")).exists());
    }
}
