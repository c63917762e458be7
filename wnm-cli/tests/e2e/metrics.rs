//! The HTTP server of the daemon: metrics of real processes of fake nodes.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::host::{Host, turn};

/// A daemon that is killed at the end of its test.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Waits until the status of the daemon satisfies `wanted`, and returns it.
#[track_caller]
fn daemon(host: &Host, goal: &str, wanted: impl Fn(&serde_json::Value) -> bool) -> serde_json::Value {
    let started = Instant::now();
    loop {
        let status = host.expect(0, "--json status").json();
        if wanted(&status["daemon"]) {
            return status["daemon"].clone();
        }
        assert!(started.elapsed() < Duration::from_secs(30), "no {goal}: {status}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn daemon_serves_metrics_where_the_setting_says() {
    let host = Host::with_colony();
    let wanted = format!("127.0.0.1:{}", host.spare_port(3));
    host.expect(0, "node add --count 2");
    let _daemon = {
        let _turn = turn();
        let mut command = host.command(&["daemon", "--interval", "100ms"]);
        Daemon(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    };
    daemon(&host, "running daemon without HTTP", |daemon| daemon["phase"] == "running" && daemon["listen"].is_null());
    host.expect(0, &format!("config set listen={wanted}"));
    let serves =
        |daemon: &serde_json::Value| daemon["listen"]["wanted"] == *wanted && daemon["listen"]["address"].is_string();
    // Another program may have taken the port: the next free one serves.
    let address = daemon(&host, "HTTP server", serves)["listen"]["address"].as_str().unwrap().to_owned();
    assert!(host.expect(0, "status").out.contains(&format!("metrics at http://{address}/metrics")));
    let started = Instant::now();
    let metrics = loop {
        let metrics = get(&address, "/metrics");
        if metrics.contains("wnm_nodes{state=\"running\"} 2\n") {
            break metrics;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "{metrics}");
        std::thread::sleep(Duration::from_millis(100));
    };
    for sample in
        ["wnm_node_up{node=\"antnode0002\"} 1\n", "wnm_node_memory_bytes{node=\"antnode0001\"} ", "wnm_node_records{"]
    {
        assert!(metrics.contains(sample), "{sample}: {metrics}");
    }
    assert!(metrics.contains(&format!("wnm_build_info{{version=\"{}\"}} 1\n", env!("CARGO_PKG_VERSION"))));
    assert!(get(&address, "/readyz").starts_with("HTTP/1.0 200 "));
    host.expect(0, "config set listen=off");
    daemon(&host, "end of the HTTP server", |daemon| daemon["listen"].is_null());
    assert!(TcpStream::connect(&address).is_err());
}

#[test]
fn address_without_a_port_or_beyond_this_host_without_a_token_is_refused() {
    let host = Host::with_colony();
    for (value, cause) in [
        ("0.0.0.0:9910", "needs listen_token_file, listen_cert and listen_key, because other hosts can reach it"),
        ("9910", "neither off nor an address with a port"),
        ("127.0.0.1:0", "not between 1 and 65535"),
    ] {
        let error = host.expect(1, &format!("config set listen={value}")).err;
        assert!(error.contains(cause) && error.contains("hint: "), "{error}");
    }
}

/// Writes a file that only its owner can read.
fn secret(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn other_hosts_read_through_tls_with_the_token() {
    let host = Host::with_colony();
    let [token, cert, key] = ["listen.token", "listen.pem", "listen.key"].map(|name| host.path(name));
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    secret(&token, "a-token-of-32-characters-and-more\n");
    fs::write(&cert, made.cert.pem()).unwrap();
    secret(&key, &made.signing_key.serialize_pem());
    let (port, place) = (host.spare_port(7), |path: &Path| path.display().to_string());
    let files = format!("listen_token_file={} listen_cert={} listen_key={}", place(&token), place(&cert), place(&key));
    host.expect(0, &format!("config set listen=0.0.0.0:{port} node_cap=1 {files}"));
    let (running, address) = serving(&host);
    assert!(host.expect(0, "status").out.contains(&format!("metrics at https://{address}/metrics")));
    let port = address.rsplit(':').next().unwrap().to_owned();
    let authority = ureq::tls::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap();
    let tls = ureq::tls::TlsConfig::builder().root_certs(ureq::tls::RootCerts::new_with_certs(&[authority])).build();
    let config = ureq::Agent::config_builder().tls_config(tls).http_status_as_error(false).proxy(None);
    let client: ureq::Agent = config.timeout_global(Some(Duration::from_secs(30))).build().into();
    let get = |authorization: &str| {
        let request = client.get(format!("https://127.0.0.1:{port}/metrics"));
        request.header("Authorization", authorization).call().map(|answer| answer.status().as_u16())
    };
    let bearer = "Bearer a-token-of-32-characters-and-more";
    assert_eq!(get(bearer).unwrap(), 200);
    assert_eq!(get("Bearer x").unwrap(), 401);

    let hang_up = || {
        let pid = rustix::process::Pid::from_raw(i32::try_from(running.0.id()).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    };
    fs::set_permissions(&token, fs::Permissions::from_mode(0o644)).unwrap();
    hang_up();
    let listen = daemon(&host, "end of the server", |daemon| daemon["listen"]["address"].is_null())["listen"].clone();
    let error = format!("cannot use {}: other users can read it (mode 0644)", token.display());
    assert_eq!((&listen["error"], listen["tls"].as_bool()), (&error.clone().into(), Some(false)), "{listen}");
    let status = host.expect(0, "status").out;
    let told = format!("cannot serve metrics at 0.0.0.0:{}: {error}", host.spare_port(7));
    assert!(
        status.contains(&told) && status.contains(&format!("hint: run `chmod 600 {}`", token.display())),
        "{status}"
    );
    let doctor = host.wnm(&["doctor"]).out;
    assert!(doctor.contains(&format!("a daemon does not serve 0.0.0.0:{}: {error}", host.spare_port(7))), "{doctor}");
    assert!(get(bearer).is_err(), "the server is off");

    secret(&token, "another-token-of-32-characters");
    hang_up();
    daemon(&host, "server with another token", |daemon| daemon["listen"]["address"] == *address);
    assert_eq!(get(bearer).unwrap(), 401);
    assert_eq!(get("Bearer another-token-of-32-characters").unwrap(), 200);
}

/// A daemon without the privilege to use low ports: an ordinary user, or root without that capability.
#[test]
fn privileged_port_is_refused_and_no_other_port_serves() {
    let host = Host::with_colony();
    // The next port needs no privilege on most hosts, and is not taken in its place.
    host.expect(0, "config set listen=127.0.0.1:1023 node_cap=1");
    let inner = host.command(&["daemon", "--interval", "10m"]);
    let mut command = if rustix::process::geteuid().is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--bounding-set=-net_bind_service", "--"]).arg(inner.get_program());
        command
    } else {
        Command::new(inner.get_program())
    };
    command.args(inner.get_args()).env_clear().envs(inner.get_envs().filter_map(|(key, value)| Some((key, value?))));
    let _daemon = {
        let _turn = turn();
        Daemon(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    };
    let decided = |daemon: &serde_json::Value| daemon["phase"] == "running" && daemon["listen"].is_object();
    let listen = daemon(&host, "attempt to listen", decided)["listen"].clone();
    let first = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start").unwrap();
    if first.trim().parse::<u16>().unwrap() <= 1023 {
        // A container whose processes may use every port.
        assert_eq!(listen["error"], serde_json::Value::Null, "{listen}");
        return;
    }
    assert_eq!(listen["address"], serde_json::Value::Null, "{listen}");
    assert_eq!(listen["error"], "port 1023 needs privileges of root");
    let status = host.expect(0, "status").out;
    let hint = "hint: choose another port, such as `wnm config set listen=127.0.0.1:9910`";
    assert!(
        status.contains("cannot serve metrics at 127.0.0.1:1023: port 1023 needs") && status.contains(hint),
        "{status}"
    );
}

/// Returns the JSON in the body of an answer with this status.
#[track_caller]
fn json(address: &str, path: &str, status: &str) -> serde_json::Value {
    let answer = get(address, path);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with(&format!("HTTP/1.0 {status} ")), "{path}: {answer}");
    serde_json::from_str(body).unwrap()
}

#[test]
fn api_answers_with_the_documents_of_the_commands() {
    let host = Host::with_colony();
    let address = format!("127.0.0.1:{}", host.spare_port(4));
    host.expect(0, "node add --count 2");
    host.expect(0, &format!("config set listen={address} node_cap=2"));
    host.expect(0, "config set environment=API_KEY=hunter2");
    let _daemon = {
        let _turn = turn();
        let mut command = host.command(&["daemon", "--interval", "10m"]);
        Daemon(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    };
    daemon(&host, "HTTP server", |daemon| daemon["phase"] == "running" && daemon["listen"]["address"] == *address);
    for (path, schema, command) in [
        ("/api/v1/status", "status", "status"),
        ("/api/v1/nodes", "node", "node list"),
        ("/api/v1/nodes/2", "node-show", "node show 2"),
        ("/api/v1/history", "history", "history"),
        ("/api/v1/explain", "explain", "explain"),
        ("/api/v1/config", "config-list", "config list"),
    ] {
        let document = json(&address, path, "200");
        crate::schema::validate(schema, &document);
        let printed = host.expect(0, &format!("--json {command}")).json();
        let keys = |value: &serde_json::Value| match value {
            serde_json::Value::Array(items) => format!("{} items", items.len()),
            value => format!("{:?}", value.as_object().unwrap().keys().collect::<Vec<_>>()),
        };
        assert_eq!(keys(&document["data"]), keys(&printed), "{path}");
    }
    assert_eq!(json(&address, "/api/v1/nodes/2", "200")["data"][0]["name"], "antnode0002");
    let config = json(&address, "/api/v1/config", "200").to_string();
    assert!(config.contains("API_KEY=***") && !config.contains("hunter2"), "{config}");
    for (path, message) in
        [("/api/v1/nodes/9", "no such node: antnode0009"), ("/api/v1/explain?cycle=999999", "no cycle")]
    {
        let error = json(&address, path, "404");
        crate::schema::validate("error", &error);
        assert!(error["error"]["message"].as_str().unwrap().starts_with(message), "{error}");
    }
}

/// Starts a daemon, and returns the address of its HTTP server: another program may have taken the port of the setting, so
/// that the next free one serves.
fn serving(host: &Host) -> (Daemon, String) {
    let started = {
        let _turn = turn();
        let mut command = host.command(&["daemon", "--interval", "10m"]);
        Daemon(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    };
    let serves = |daemon: &serde_json::Value| daemon["phase"] == "running" && daemon["listen"]["address"].is_string();
    let address = daemon(host, "HTTP server", serves)["listen"]["address"].as_str().unwrap().to_owned();
    (started, address)
}

#[test]
fn events_of_the_api_come_at_once() {
    use std::io::{BufRead, BufReader};
    let host = Host::with_colony();
    host.expect(0, &format!("config set listen=127.0.0.1:{} node_cap=1", host.spare_port(5)));
    let (_daemon, address) = serving(&host);
    let mut stream = TcpStream::connect(&address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.write_all(format!("GET /api/v1/events?after=0 HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes()).unwrap();
    let lines = BufReader::new(stream).lines().map(Result::unwrap);
    let mut events = lines.filter_map(|line| Some(serde_json::from_str(line.strip_prefix("data: ")?).unwrap()));
    let first: serde_json::Value = events.next().unwrap();
    assert_eq!((&first["data"]["event"], &first["data"]["number"]), (&"daemon_started".into(), &1.into()));
    // The policy may have added the node already; an operator may stop it at any time.
    if host.expect(0, "--json node list").json().as_array().unwrap().is_empty() {
        host.expect(0, "node add");
    }
    host.expect(0, "node stop 1");
    let ended = events
        .inspect(|event| crate::schema::validate("live-event", event))
        .find(|event| event["data"]["event"] == "action_ended" && event["data"]["action"] == "stop");
    let ended = ended.unwrap();
    assert_eq!((&ended["data"]["result"], &ended["data"]["name"]), (&"done".into(), &"antnode0001".into()));
}

#[test]
fn metrics_are_compressed_for_clients_that_accept_it() {
    let host = Host::with_colony();
    host.expect(0, &format!("config set listen=127.0.0.1:{} node_cap=1", host.spare_port(6)));
    let (_daemon, address) = serving(&host);
    let scrape = |path: &str, accepted: &str| {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nAccept-Encoding: {accepted}\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        // Also a client that closes its side gets the answer.
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(answer[..end].to_vec()).unwrap().to_lowercase();
        assert!(head.starts_with("http/1.1 200 ") && head.contains("\r\nvary: accept, accept-encoding\r\n"), "{head}");
        (head.contains("\r\ncontent-encoding: gzip"), answer.split_off(end + 4))
    };
    for path in ["/metrics", "/metrics?format=json"] {
        let (is_compressed, plain) = scrape(path, "gzip;q=0");
        assert!(!is_compressed && plain.windows(9).any(|bytes| bytes == b"wnm_nodes"));
        let (is_compressed, short) = scrape(path, "gzip");
        let mut text = Vec::new();
        flate2::read::GzDecoder::new(&short[..]).read_to_end(&mut text).unwrap();
        assert!(is_compressed && short.len() < plain.len() / 3, "{} of {} bytes", short.len(), plain.len());
        assert!(text.windows(9).any(|bytes| bytes == b"wnm_nodes"));
    }
}

/// Returns the schema of an answer in a description of the API, with the definitions that it refers to.
fn answer_schema(description: &serde_json::Value, path: &str, status: &str, content_type: &str) -> serde_json::Value {
    let answers = &description["paths"][path]["get"]["responses"];
    let schema = answers[status]["content"][content_type]["schema"].clone();
    assert!(schema.is_object(), "{path} has no answer {status} as {content_type}: {answers}");
    serde_json::json!({ "allOf": [schema], "components": description["components"] })
}

#[test]
fn answers_fit_the_description_of_the_api() {
    let host = Host::with_colony();
    host.expect(0, "node add --count 2");
    host.expect(0, &format!("config set listen=127.0.0.1:{} node_cap=2", host.spare_port(6)));
    let (_daemon, address) = serving(&host);
    let description = json(&address, "/api/v1/openapi.json", "200");
    let mut documents = 0;
    for (path, item) in description["paths"].as_object().unwrap() {
        let contents = item["get"]["responses"]["200"]["content"].as_object().unwrap();
        if contents.contains_key("text/event-stream") {
            continue;
        }
        let asked = path.replace("{node}", "2");
        let answer = get(&address, &asked);
        let content_type = answer.lines().find_map(|line| line.strip_prefix("content-type: ")).unwrap();
        let known = contents.keys().any(|known| content_type.split(';').next() == Some(known));
        assert!(answer.starts_with("HTTP/1.0 200 ") && known, "{path}: {content_type}");
        if contents.contains_key("application/json") {
            let asked = if path == "/metrics" { "/metrics?format=json" } else { &asked };
            let schema = answer_schema(&description, path, "200", "application/json");
            let validator = jsonschema::draft202012::new(&schema).unwrap();
            let document = json(&address, asked, "200");
            let faults: Vec<_> =
                validator.iter_errors(&document).map(|e| format!("{}: {e}", e.instance_path())).collect();
            assert!(faults.is_empty(), "{path}: {faults:#?}");
            assert!(!validator.is_valid(&serde_json::json!("text")), "{path}: its schema allows everything");
            documents += 1;
        }
    }
    assert_eq!(documents, 8);
    for (path, asked) in
        [("/api/v1/nodes/{node}", "/api/v1/nodes/9"), ("/api/v1/explain", "/api/v1/explain?cycle=999999")]
    {
        let schema = answer_schema(&description, path, "404", "application/json");
        assert!(jsonschema::draft202012::new(&schema).unwrap().is_valid(&json(&address, asked, "404")), "{asked}");
    }
    for (path, asked) in [("/api/v1/history", "/api/v1/history?limit=0"), ("/metrics", "/metrics?format=xml")] {
        answer_schema(&description, path, "400", "text/plain");
        assert!(get(&address, asked).starts_with("HTTP/1.0 400 "), "{asked}");
    }
}
