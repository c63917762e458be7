//! Reports, compared with those that the Python wnm wrote for the same colony.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use influxdb_line_protocol::{FieldValue, ParsedLine, parse_lines};
use serde_json::Value;
use wnm_core::{
    BytesPerSecond, Counters, EngineState, Flavor, HostSample, Load, LoadAverages, ManagerKind, Node, NodeId, NodeMap,
    NodeMetrics, NodeSample, NodeState, Observation, Percent, Policy, Ports, Presence, RawSettings, StopCause,
    Timestamp, Upnp, Version, Volume, evaluate,
};
use wnm_store::{CycleKind, Store};

use crate::host::Host;

fn recorded(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/python-reports").join(name);
    std::fs::read_to_string(path).unwrap()
}

fn text<'a>(node: &'a Value, key: &str) -> Option<&'a str> {
    node[key].as_str().filter(|text| !text.is_empty())
}

/// Returns a figure of a recorded node. The Python wnm wrote 0 for an unknown figure of a stopped node.
fn figure(node: &Value, key: &str) -> Option<u64> {
    node[key].as_u64().filter(|figure| *figure > 0 || node["status"] == "RUNNING")
}

fn state(node: &Value) -> NodeState {
    let since = Timestamp::from_secs(node["timestamp"].as_i64().unwrap());
    match node["status"].as_str().unwrap() {
        "RUNNING" => NodeState::Running { since },
        "STOPPED" => NodeState::Stopped { since: Some(since), cause: StopCause::Found },
        "DISABLED" => NodeState::Disabled { since },
        "UPGRADING" => NodeState::Upgrading { since, from: None, to: Version::new(0, 4, 18) },
        "RESTARTING" => NodeState::Restarting { since },
        "REMOVING" => NodeState::Removing { since },
        "DEAD" => NodeState::Dead { since },
        other => panic!("{other}"),
    }
}

fn log_dir(id: u64) -> PathBuf {
    PathBuf::from(format!("/home/op/.local/share/autonomi/logs/antnode{id:04}"))
}

fn node(recorded: &Value) -> Node {
    let port = |key: &str| u16::try_from(recorded[key].as_u64().unwrap()).unwrap();
    let id = recorded["id"].as_u64().unwrap();
    Node {
        service: None,
        id: NodeId::new(u32::try_from(id).unwrap()).unwrap(),
        uuid: format!("uuid-{id}"),
        flavor: Flavor::Antnode,
        manager: ManagerKind::ALL[0],
        root_dir: text(recorded, "root_dir").unwrap().into(),
        log_dir: log_dir(id),
        binary: text(recorded, "binary").unwrap().into(),
        ports: Ports { node: port("port"), metrics: Some(port("metrics_port")), rpc: Some(port("rpc_port")) },
        wallet: text(recorded, "wallet").unwrap().parse().unwrap(),
        network: vec!["evm-arbitrum-one".to_owned()],
        arguments: Vec::new(),
        environment: Vec::new(),
        upnp: Upnp::On,
        born: Timestamp::from_secs(recorded["age"].as_i64().unwrap()),
    }
}

fn sample(node: &Value) -> NodeSample {
    let figure = |key: &str| figure(node, key);
    NodeSample {
        presence: Presence::Answering,
        version: text(node, "version").map(|version| version.parse().unwrap()),
        peer_id: text(node, "peer_id").map(str::to_owned),
        metrics: Some(Box::new(NodeMetrics {
            uptime: figure("uptime"),
            records: figure("records"),
            relevant_records: figure("rel_records"),
            max_records: figure("max_records"),
            payment_count: figure("payment_count"),
            live_time: figure("live_time"),
            connected_peers: figure("connected_peers"),
            routing_table_peers: figure("total_peers"),
            open_connections: figure("open_connections"),
            network_size: figure("network_size"),
            memory_mb: figure("mem").map(|memory| memory as f64 / 100.0),
            cpu_percent: figure("cpu").map(|cpu| cpu as f64 / 100.0),
            shunned_by_close_group: figure("shunned"),
            bad_peers: figure("bad_peers"),
            puts_ok: figure("puts"),
            reward_balance: text(node, "rewards").filter(|rewards| *rewards != "0").map(|r| r.parse().unwrap()),
            ..NodeMetrics::default()
        })),
        ..NodeSample::default()
    }
}

/// Returns the host sample of a recorded report with lines of `key: value` or `KEY=value`.
fn machine(report: &str) -> HostSample {
    let pairs = report.lines().filter_map(|line| line.trim().trim_end_matches(',').split_once([':', '=']));
    let values: BTreeMap<String, &str> =
        pairs.map(|(key, value)| (key.trim_matches('"').to_lowercase(), value.trim())).collect();
    let number = |key: &str| values[key].parse::<f64>().unwrap();
    let percent = |key: &str| Percent::new(number(key)).ok();
    let rate = |key: &str| Some(BytesPerSecond(values[key].parse().unwrap()));
    let load = |key: &str| Load::new(number(key)).unwrap();
    HostSample {
        cpus: Some(2),
        started: Some(Timestamp::from_secs(values["system_start"].parse().unwrap())),
        cpu: percent("used_cpu_percent"),
        io_wait: percent("io_wait"),
        memory: percent("used_mem_percent"),
        volumes: vec![Volume {
            used: percent("used_hd_percent"),
            total: Some(wnm_core::Bytes(values["total_hd_bytes"].parse().unwrap())),
            ..Volume::default()
        }],
        load: Some(LoadAverages {
            one: load("load_average_1"),
            five: load("load_average_5"),
            fifteen: load("load_average_15"),
        }),
        disk_read: rate("hdio_read_bytes"),
        disk_write: rate("hdio_write_bytes"),
        net_read: rate("netio_read_bytes"),
        net_write: rate("netio_write_bytes"),
        ..HostSample::default()
    }
}

/// The time of the recorded observation, in milliseconds.
const OBSERVED: i64 = 1_795_211_466_632;

/// A host with the recorded colony.
struct Colony {
    host: Host,
    store: Store,
    samples: NodeMap<NodeSample>,
    state: EngineState,
}

impl Colony {
    fn new(settings: &[(&str, &str)]) -> Self {
        let host = Host::new();
        let mut store = Store::create(&host.path("wnm.db")).unwrap();
        let mut raw = RawSettings::default();
        for (key, value) in settings {
            raw.set(key, value).unwrap();
        }
        store.save_settings(&raw).unwrap();
        let recorded: Vec<Value> = serde_json::from_str(&recorded("node-status-details.json")).unwrap();
        let nodes: Vec<_> = recorded.iter().map(|recorded| (node(recorded), state(recorded))).collect();
        store.insert_nodes(&nodes).unwrap();
        let samples = recorded.iter().zip(&nodes).map(|(recorded, (node, _))| (node.id, sample(recorded))).collect();
        let nodes = nodes.into_iter().map(|(node, state)| (node.id, state)).collect();
        let mut colony = Self { host, store, samples, state: EngineState { nodes, ..EngineState::default() } };
        colony.observe(HostSample { cpus: Some(2), ..HostSample::default() });
        colony
    }

    /// Records a cycle with this host sample.
    fn observe(&mut self, machine: HostSample) {
        let now = Timestamp::from_millis(OBSERVED);
        let observation = Observation { now, host: machine, nodes: self.samples.clone(), ..Observation::default() };
        let policy = Policy::new(&RawSettings::default(), Some(2)).unwrap();
        let decision = evaluate(&policy, EngineState::default(), &Observation::default()).decision;
        let (cycle, _) = self.store.begin(CycleKind::Scheduled, &observation, &decision, &[]).unwrap();
        self.store.finish(cycle, &[], &self.state, &observation, &Counters::default()).unwrap();
    }

    #[track_caller]
    fn report(&self, line: &str) -> String {
        self.host.expect(0, &format!("report {line}")).out
    }
}

/// The settings of the recorded colony.
const SETTINGS: &[(&str, &str)] = &[
    ("node_cap", "50"),
    ("delay_start", "5"),
    ("node_storage", "/home/op/.local/share/autonomi/node"),
    ("rewards_address", "0x00455d78f850b0358E8cea5be24d415E01E107CF:100,faucet:1,donate:10"),
    ("max_load_average_allowed", "2.0"),
    ("desired_load_average", "1.2"),
    ("environment", "ANT_LOG=all RUST_LOG=info"),
    ("start_args", "--local"),
    ("antnode_path", "/home/op/.local/bin/antnode"),
    ("no_upnp", "false"),
    ("process_manager", "setsid+user"),
];

#[test]
fn nodes_are_reported_as_recorded() {
    let colony = Colony::new(SETTINGS);
    assert_eq!(colony.report("node-status"), recorded("node-status.text"));
    assert_eq!(colony.report("node-status --format json"), recorded("node-status.json"));
    assert_eq!(colony.report("node-status --json"), recorded("node-status.json"));

    // This wnm writes the real log folders and program paths, which the Python wnm did not.
    let root = "/home/op/.local/share/autonomi/node/antnode";
    let mut json = recorded("node-status-details.json").replace("systemd+user", "setsid+user");
    let mut text = recorded("node-status-details.text");
    for id in [1, 2, 3, 5, 6, 7, 8, 9] {
        let logs = log_dir(id).display().to_string();
        json = json.replacen("\"log_dir\": null", &format!("\"log_dir\": {logs:?}"), 1);
        text = text.replace(&format!("{root}{id:04}/logs"), &logs);
        text = text.replace(&format!("{root}{id:04}/{root}"), root);
    }
    assert_eq!(colony.report("node-status-details --format json"), json);
    assert_eq!(colony.report("node-status-details"), text);
    // The command line of the Python wnm.
    let old = colony.host.expect(0, "--report node-status --report_format json --service_name antnode0003,antnode0001");
    let listed: Vec<Value> = serde_json::from_str(&old.out).unwrap();
    let names: Vec<_> = listed.iter().map(|node| node["service_name"].as_str().unwrap()).collect();
    assert_eq!(names, ["antnode0003.service", "antnode0001.service"]);
    let one: Value = serde_json::from_str(&colony.report("node-status --format json 3")).unwrap();
    assert_eq!(one.as_array().unwrap().len(), 1);
}

#[test]
fn settings_are_reported_as_recorded() {
    let colony = Colony::new(SETTINGS);
    let database = colony.host.path("wnm.db").canonicalize().unwrap().display().to_string();
    for format in ["text", "json", "env", "config"] {
        let expected = recorded(&format!("machine-config.{format}"))
            .replace("systemd+user", "setsid+user")
            // This wnm writes the last stop of a node, the Python wnm that of its own memory.
            .replace("1795100000", "1795199820")
            // This wnm stores the path that the command line expanded.
            .replace("~/.local/bin/antnode", "/home/op/.local/bin/antnode")
            .replace("/home/op/.local/share/autonomi/colony.db", &database);
        assert_eq!(colony.report(&format!("machine-config --format {format}")), expected, "{format}");
    }
}

#[test]
fn metrics_are_reported_as_recorded() {
    let home = Host::new();
    let binary = home.path(".local/bin/antnode").display().to_string();
    let settings: Vec<_> = SETTINGS.iter().copied().filter(|(key, _)| *key != "antnode_path").collect();
    let mut colony = Colony::new(&[settings, vec![("antnode_path", &binary)]].concat());
    for format in ["text", "json", "env", "config"] {
        let recorded = recorded(&format!("machine-metrics.{format}"));
        colony.observe(machine(&recorded));
        let expected = recorded.replace("/home/op/.local/bin/antnode", &binary);
        assert_eq!(colony.report(&format!("machine-metrics --format {format}")), expected, "{format}");
    }
}

/// Imports the recorded database itself and compares the reports on settings and nodes.
#[test]
fn imported_colony_is_reported_as_recorded() {
    let host = Host::new();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wnm-store/tests/data/python-colony.db.gz");
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(std::fs::File::open(data).unwrap()).read_to_end(&mut bytes).unwrap();
    let from = host.path("colony.db");
    std::fs::write(&from, bytes).unwrap();
    let home = host.path("").display().to_string();
    let home = home.trim_end_matches('/');
    let db = rusqlite::Connection::open(&from).unwrap();
    let moved = format!(
        "UPDATE machine SET process_manager = 'setsid+user', node_storage = replace(node_storage, '/home/op', '{home}');
         UPDATE node SET manager_type = 'setsid+user', root_dir = replace(root_dir, '/home/op', '{home}'),
             binary = replace(binary, '/home/op', '{home}')"
    );
    db.execute_batch(&moved).unwrap();
    db.close().unwrap();
    let theirs: Vec<Value> =
        serde_json::from_str(&recorded("node-status-details.json").replace("/home/op", home)).unwrap();
    for (node, key) in theirs.iter().zip(1_u8..) {
        let folder = PathBuf::from(node["root_dir"].as_str().unwrap());
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("secret-key"), [key; 32]).unwrap();
    }
    host.expect(0, &format!("init --from-wnm {}", from.display()));

    let report = |line: &str| host.expect(0, &format!("report {line}")).out;
    let database = host.path("wnm.db").canonicalize().unwrap().display().to_string();
    for format in ["text", "json", "env", "config"] {
        let expected = recorded(&format!("machine-config.{format}"))
            .replace("systemd+user", "setsid+user")
            // This wnm writes the last stop of a node, the Python wnm that of its own memory.
            .replace("1795100000", "1795199820")
            .replace("/home/op/.local/share/autonomi/colony.db", &database)
            .replace("/home/op", home)
            .replace("~/.local/bin/antnode", &format!("{home}/.local/bin/antnode"));
        assert_eq!(report(&format!("machine-config --format {format}")), expected, "{format}");
    }
    let ours: Vec<Value> = serde_json::from_str(&report("node-status-details --format json")).unwrap();
    assert_eq!(ours.len(), theirs.len());
    let keys = |node: &Value| node.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    for (our, their) in ours.iter().zip(&theirs) {
        assert_eq!(keys(our), keys(their));
        for key in
            ["id", "node_name", "service", "root_dir", "binary", "port", "metrics_port", "rpc_port", "wallet", "age"]
        {
            assert_eq!(our[key], their[key], "{key} of {}", our["id"]);
        }
    }
}

/// Returns the fields of a line as text.
fn fields(line: &ParsedLine<'_>) -> Vec<(String, String)> {
    let shown = |value: &FieldValue<'_>| match value {
        FieldValue::String(text) => format!("{text:?}", text = text.as_str()),
        other => other.to_string(),
    };
    line.field_set.iter().map(|(key, value)| (key.to_string(), shown(value))).collect()
}

#[test]
fn influx_lines_match_the_recorded_ones_without_unknown_fields() {
    let colony = Colony::new(SETTINGS);
    let written = colony.report("influx-resources");
    let recorded = recorded("influx-resources.txt");
    let [ours, theirs] = [&written, &recorded].map(|text| parse_lines(text).collect::<Result<Vec<_>, _>>().unwrap());
    assert_eq!(ours.len(), theirs.len());
    for (our, their) in ours.iter().zip(&theirs) {
        assert_eq!(our.series.to_string(), their.series.to_string());
        assert_eq!(our.timestamp, Some(OBSERVED * 1_000_000));
        let runs = our.series.measurement.as_str() != "nodes"
            || fields(their).contains(&("status".to_owned(), "\"RUNNING\"".to_owned()));
        let is_known = |(key, value): &(String, String)| {
            key != "gets" && (runs || !["0i", "0", "\"\"", "\"0\""].contains(&value.as_str()))
        };
        let expected: Vec<_> = fields(their).into_iter().filter(is_known).collect();
        assert_eq!(fields(our), expected);
    }
    let some = colony.report("influx-resources 2,antnode0001");
    assert!(some.starts_with("nodes,id=2 ") && some.lines().count() == 4, "{some}");
}

#[test]
fn empty_colony_is_reported() {
    let host = Host::with_colony();
    assert_eq!(host.expect(0, "report node-status --format json").out, "[]\n");
    assert_eq!(host.expect(0, "report node-status-details --format json").out, "[]\n");
    assert_eq!(host.expect(0, "report node-status").out, "No nodes found.\n");
    assert_eq!(host.expect(0, "report influx-resources").out, "nodes_totals nodes_running=0i,nodes_killed=0i\n");
    let metrics: Value = serde_json::from_str(&host.expect(0, "report machine-metrics --format json").out).unwrap();
    assert_eq!(metrics["load_average_1"], Value::Null);
    assert_eq!(metrics["antnode_version"], "0.4.17");
    let config: Value = serde_json::from_str(&host.expect(0, "report machine-config --format json").out).unwrap();
    assert_eq!(config["node_cap"], 6);
}

#[test]
fn unsupported_formats_are_refused() {
    let host = Host::with_colony();
    let errors: Vec<String> = [
        "report node-status --format env",
        "report node-status-details --format config",
        "report influx-resources --format json",
        "--json report influx-resources",
        "report machine-config --push http://127.0.0.1:1",
        "report influx-resources --push ftp://influx.example",
        "report influx-resources --push influx:8086",
        "report influx-resources --push http:///",
        "report influx-resources --push http://127.0.0.1:1",
        "report node-status 7",
    ]
    .into_iter()
    .map(|line| {
        let ran = host.expect(1, line);
        assert_eq!(ran.out, "");
        format!("$ wnm {line}\n{}", ran.err)
    })
    .collect();
    host.expect(2, "report node-stats");
    host.expect(2, "--report node-stats");
    let at = vec![(r#""generated_at":"[^"]+""#, r#""generated_at":"TIME""#)];
    insta::with_settings!({filters => at}, {
        insta::assert_snapshot!(errors.join("\n"));
    });
}

/// Starts a server that answers one request and returns it.
fn server(answer: &'static str) -> (String, std::thread::JoinHandle<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let taken = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            reader.read_line(&mut head).unwrap();
        }
        let length =
            head.to_lowercase().split("content-length: ").nth(1).unwrap().lines().next().unwrap().parse().unwrap();
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        stream.write_all(answer.as_bytes()).unwrap();
        (head, String::from_utf8(body).unwrap())
    });
    (url, taken)
}

fn push(colony: &Colony, url: &str) -> std::process::Output {
    let mut command = colony.host.command(&["report", "influx-resources", "--push", url]);
    command.env("INFLUX_ORG", "my org").env("INFLUX_BUCKET", "nodes&more").env("INFLUX_TOKEN", "s3cr3t==");
    command.output().unwrap()
}

#[test]
fn lines_are_written_to_influx() {
    let colony = Colony::new(SETTINGS);
    let (url, taken) = server("HTTP/1.1 204 No Content\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let output = push(&colony, &url);
    let (head, body) = taken.join().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(output.stdout.is_empty());
    let request = head.lines().next().unwrap();
    assert!(request.starts_with("POST /api/v2/write?org=my%20org&bucket=nodes%26more&precision=ns "), "{request}");
    assert!(head.to_lowercase().contains("\r\nauthorization: token s3cr3t==\r\n"), "{head}");
    assert_eq!(body, colony.report("influx-resources"));

    let refused =
        "HTTP/1.1 401 Unauthorized\r\ncontent-length: 24\r\nconnection: close\r\n\r\n{\"code\":\n\"unauthorized\"}\n";
    let (url, taken) = server(refused);
    let output = push(&colony, &url);
    taken.join().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{message}");
    assert!(
        message.contains("401 Unauthorized {\"code\": \"unauthorized\"}") && !message.contains("s3cr3t"),
        "{message}"
    );

    let output = push(&colony, "http://127.0.0.1:1");
    assert_eq!(output.status.code(), Some(3), "{output:?}");
}
