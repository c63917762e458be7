//! The HTTP server on a daemon of a colony in memory: metrics, readiness, and clients that misbehave.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use wnm_agent::Wake;
use wnm_agent::live::Live;
use wnm_agent::metrics::{Format, render};
use wnm_core::{DayCounts, ListenSettings, NodeHealth, NodeId, NodeMetrics, Trend};

use crate::common::agent;
use crate::daemon::{Control, run};
use crate::serve::Served;

pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// Returns the live data of a daemon that added a node and saw it run.
fn live() -> Live {
    let (mut agent, calls) = agent(&[("node_cap", "1")]);
    let control = Control { calls, ..Control::default() };
    let (control, ended) = run(&mut agent, &[(120_001, Wake::End)], control);
    assert_eq!(ended, Ok(()));
    control.live
}

fn text(live: &Live, format: Format) -> String {
    String::from_utf8(render(live, "1.2.3", format)).unwrap()
}

/// Asserts that a text has the form of the exposition format: each family once, with its samples below it, and no sample
/// twice. Returns the values of the samples.
fn samples(text: &str) -> BTreeMap<String, f64> {
    let mut families = Vec::new();
    let mut samples = BTreeMap::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(name.starts_with("wnm_") && help.ends_with('.'), "{line}");
            assert!(!families.contains(&name), "{name} twice");
            families.push(name);
        } else if line.starts_with('#') {
            assert!(line == "# EOF" || line.split(' ').nth(2) == families.last().copied(), "{line}");
        } else {
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert!(name.starts_with(families.last().unwrap()), "{line}");
            assert!(samples.insert(name.to_owned(), value.parse().unwrap()).is_none(), "{name} twice");
        }
    }
    samples
}

#[test]
fn metrics_tell_the_colony_and_its_cycles() {
    let live = live();
    let samples = samples(&text(&live, Format::Prometheus));
    for (name, value) in [
        ("wnm_build_info{version=\"1.2.3\"}", 1.0),
        ("wnm_cycles_total{trigger=\"scheduled\"}", 3.0),
        ("wnm_cycles_total{trigger=\"resumed\"}", 1.0),
        ("wnm_cycle_interval_seconds", 60.0),
        ("wnm_cycle_duration_seconds_bucket{le=\"0.01\"}", 4.0),
        ("wnm_cycle_duration_seconds_bucket{le=\"+Inf\"}", 4.0),
        ("wnm_cycle_failures_total", 0.0),
        ("wnm_actions_total{action=\"add\",reason=\"headroom_to_add\",result=\"done\"}", 1.0),
        ("wnm_nodes{state=\"running\"}", 1.0),
        ("wnm_nodes{state=\"dead\"}", 0.0),
        ("wnm_nodes_desired{desired=\"running\"}", 1.0),
        ("wnm_nodes_down", 0.0),
        ("wnm_node_cap", 1.0),
        ("wnm_node_up{node=\"antnode0001\"}", 1.0),
        ("wnm_node_state{node=\"antnode0001\",state=\"running\"}", 1.0),
        ("wnm_signal_ratio{signal=\"cpu\"}", 0.1),
        ("wnm_signal_ratio{signal=\"disk\",folder=\"/storage/0\"}", 0.2),
        ("wnm_signal_threshold_ratio{level=\"high\",signal=\"cpu\"}", 0.7),
        ("wnm_signal_load{signal=\"load1\"}", 0.5),
        ("wnm_signal_exceeded{signal=\"memory\"}", 0.0),
        ("wnm_volume_used_ratio{folder=\"/storage/0\"}", 0.2),
        ("wnm_host_cpus", 4.0),
    ] {
        assert!(samples.get(name).is_some_and(|found| (found - value).abs() < 1e-9), "{name} {value}: {samples:#?}");
    }
    // Unknown is not zero.
    assert!(!samples.keys().any(|name| name.starts_with("wnm_node_cpu_cores") || name.starts_with("wnm_host_io_wait")));
}

#[test]
fn formats_have_the_same_samples() {
    let live = live();
    let prometheus = samples(&text(&live, Format::Prometheus));
    let open = text(&live, Format::OpenMetrics);
    assert!(open.ends_with("# EOF\n"));
    assert_eq!(samples(&open), prometheus);
    let json: serde_json::Value = serde_json::from_slice(&render(&live, "1.2.3", Format::Json)).unwrap();
    let count: usize = json.as_array().unwrap().iter().map(|family| family["samples"].as_array().unwrap().len()).sum();
    assert_eq!(count, prometheus.len());
}

#[test]
fn each_family_is_documented_with_its_meaning() {
    let documented = include_str!("../../../docs/metrics.md");
    for line in text(&thousand_nodes(), Format::Prometheus).lines().filter(|line| line.starts_with("# HELP ")) {
        let (name, help) = line["# HELP ".len()..].split_once(' ').unwrap();
        let row = documented.lines().find(|row| row.starts_with(&format!("| `{name}` | ")));
        assert!(
            row.is_some_and(|row| row.ends_with(&format!("| {} |", help.trim_end_matches('.')))),
            "{name}: {row:?}"
        );
    }
}

#[test]
fn daemon_without_a_cycle_has_metrics_of_its_own_only() {
    let samples = samples(&text(&Live::default(), Format::Prometheus));
    assert_eq!(samples.get("wnm_cycles_total{trigger=\"scheduled\"}"), Some(&0.0));
    assert!(!samples.keys().any(|name| name.starts_with("wnm_node") || name.starts_with("wnm_host")));
}

/// Publishes a colony of 1000 nodes that report all their metrics.
fn thousand_nodes() -> Live {
    let (mut agent, calls) = agent(&[("node_cap", "1")]);
    agent.platform.metrics = Some(NodeMetrics {
        uptime: Some(1),
        records: Some(2),
        relevant_records: Some(2),
        max_records: Some(3),
        payment_count: Some(4),
        connected_peers: Some(5),
        routing_table_peers: Some(6),
        open_connections: Some(7),
        network_size: Some(8),
        shunned_count: Some(9),
        bad_peers: Some(10),
        puts_ok: Some(11),
        puts_failed: Some(12),
        network_bytes: Some(13),
        ..NodeMetrics::default()
    });
    let control = Control { calls, ..Control::default() };
    let (_, ended) = run(&mut agent, &[(60_001, Wake::End)], control);
    assert_eq!(ended, Ok(()));
    agent.settings = crate::common::settings(&[("node_cap", "1000")]);
    let node = agent.store.nodes[&NodeId::FIRST].clone();
    let state = agent.store.state.nodes.get(&NodeId::FIRST).unwrap().clone();
    for number in 2..=1000 {
        let id = NodeId::new(number).unwrap();
        agent.store.nodes.insert(id, wnm_core::Node { id, ..node.clone() });
        agent.store.state.nodes.insert(id, state.clone());
        agent.platform.running.insert(id, 1000 + number);
    }
    let counts = DayCounts {
        records_gained: Some(-5),
        payments: Some(3),
        shunned: Some(2),
        shunned_trend: Some(Trend::Falling),
        ..DayCounts::default()
    };
    let health = |id: &NodeId| (*id, NodeHealth { counts, gains_nothing: id.get() == 7 });
    agent.store.health = agent.store.nodes.keys().map(health).collect();
    let control = Control::default();
    let (control, _) = run(&mut agent, &[(1, Wake::End)], control);
    control.live
}

#[test]
fn thousand_nodes_are_bounded_and_quick() {
    let live = thousand_nodes();
    let started = Instant::now();
    let text = text(&live, Format::Prometheus);
    let took = started.elapsed();
    let samples = samples(&text);
    assert!(samples.len() > 18_000 && samples.len() < 25_000, "{}", samples.len());
    assert_eq!(samples.keys().filter(|name| name.starts_with("wnm_node_up{")).count(), 1000);
    assert_eq!(samples.get("wnm_nodes{state=\"running\"}"), Some(&1000.0));
    for (name, value) in [
        ("wnm_node_records_gained_last_day{node=\"antnode0001\"}", -5.0),
        ("wnm_node_payments_last_day{node=\"antnode0001\"}", 3.0),
        ("wnm_node_shunned_last_day{node=\"antnode0001\"}", 2.0),
        ("wnm_node_shunned_trend{node=\"antnode0001\"}", -1.0),
        ("wnm_node_gains_nothing{node=\"antnode0001\"}", 0.0),
        ("wnm_node_gains_nothing{node=\"antnode0007\"}", 1.0),
    ] {
        assert_eq!(samples.get(name), Some(&value), "{name}");
    }
    // 20 ms in a release build. This build is not optimised, and the host may be busy.
    let limit = if cfg!(debug_assertions) { Duration::from_secs(2) } else { Duration::from_millis(20) };
    println!("1000 nodes: {} samples in {took:?}", samples.len());
    assert!(took < limit, "{took:?}");
}

/// Waits until the HTTP server listens, and returns its address.
fn address(served: &Served) -> SocketAddr {
    let started = Instant::now();
    loop {
        let listen = served.client().daemon().unwrap().unwrap().listen;
        if let Some(address) = listen.as_ref().and_then(|listen| listen.address.as_ref()) {
            return address.parse().unwrap();
        }
        assert!(started.elapsed() < LIMIT, "{listen:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Returns the first port of a pair that is free now.
pub(crate) fn free_port() -> SocketAddr {
    let first = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    if first.port() < 60_000 { first } else { free_port() }
}

/// Sends bytes, and returns the answer until the server closes the connection.
fn raw(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    // The server may have closed the connection before it read everything.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn get(address: SocketAddr, path: &str) -> String {
    raw(address, format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes())
}

pub(crate) fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

#[test]
fn server_follows_its_setting_and_takes_the_next_free_port() {
    let served = Served::new(channel().0);
    assert_eq!(served.client().daemon().unwrap().unwrap().listen, None);
    let wanted = free_port();
    let _other = TcpListener::bind(wanted).unwrap();
    served.listen(wanted);
    let found = address(&served);
    assert!(found.port() > wanted.port() && found.port() < wanted.port() + 20, "{found}");
    assert_eq!(status(&get(found, "/healthz")), "200");

    served.server.set_listen(&ListenSettings::OFF);
    let started = Instant::now();
    while served.client().daemon().unwrap().unwrap().listen.is_some() {
        assert!(started.elapsed() < LIMIT);
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(TcpStream::connect(found).is_err(), "the server is off");
}

#[test]
fn address_that_cannot_be_had_is_told() {
    let served = Served::new(channel().0);
    // No interface of this host has the address.
    served.listen("192.0.2.1:9910".parse().unwrap());
    let started = Instant::now();
    let error = loop {
        if let Some(listen) = served.client().daemon().unwrap().unwrap().listen {
            break listen;
        }
        assert!(started.elapsed() < LIMIT);
        std::thread::sleep(Duration::from_millis(5));
    };
    assert!(error.address.is_none() && error.error.is_some(), "{error:?}");
}

#[test]
fn http_is_served_where_the_control_socket_cannot_be_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wnm.db.sock");
    std::fs::create_dir(&path).unwrap();
    let (live, requests) = (Live::default(), wnm_agent::RequestQueue::default());
    let server = crate::serve::start(&live, &requests, channel().0, &path).unwrap();
    let failure = server.no_socket().unwrap().to_string();
    assert!(failure.starts_with(&format!("cannot make the control socket {}: ", path.display())), "{failure}");
    let address = free_port();
    server.set_listen(&ListenSettings::local(wnm_core::Listen::At(address)));
    let started = Instant::now();
    while TcpStream::connect(address).is_err() {
        assert!(started.elapsed() < LIMIT);
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(status(&get(address, "/healthz")), "200");
    drop(server);
    assert!(TcpStream::connect(address).is_err(), "the server is off");
}

#[test]
fn pages_answer_and_others_are_refused() {
    let served = Served::new(channel().0);
    served.listen(free_port());
    let address = address(&served);
    let metrics = get(address, "/metrics");
    assert!(metrics.contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"), "{metrics}");
    assert!(metrics.contains("\nwnm_build_info{version=\"0.0.0\"} 1\n"), "{metrics}");
    let accept = "Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5";
    let open = raw(address, format!("GET /metrics HTTP/1.1\r\nHost: localhost\r\n{accept}\r\n\r\n").as_bytes());
    assert!(open.ends_with("# EOF\n"), "{open}");
    assert!(get(address, "/metrics?format=json").contains("content-type: application/json\r\n"));
    assert!(get(address, "/api/v1").contains("/metrics?format=json"));
    let ready = get(address, "/readyz");
    assert!(ready.starts_with("HTTP/1.1 503 ") && ready.ends_with("no cycle has completed\n"), "{ready}");
    let host = format!("Host: {address}");
    for (request, code) in [
        ("GET /metrics?format=xml HTTP/1.1\r\n{host}\r\n\r\n", "400"),
        ("GET /control/1/daemon HTTP/1.1\r\n{host}\r\n\r\n", "404"),
        ("GET /../../etc/passwd HTTP/1.1\r\n{host}\r\n\r\n", "404"),
        ("POST /control/1/requests HTTP/1.1\r\n{host}\r\nContent-Length: 2\r\n\r\n{}", "405"),
        ("DELETE /metrics HTTP/1.1\r\n{host}\r\n\r\n", "405"),
        // A web page whose name resolves to this host.
        ("GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n", "403"),
        ("GET http://evil.example/metrics HTTP/1.1\r\n{host}\r\n\r\n", "400"),
        ("GET /metrics HTTP/1.1\r\n{host}\r\nOrigin: http://evil.example\r\n\r\n", "403"),
        ("GET /metrics HTTP/1.1\r\n\r\n", "400"),
        ("GET /metrics HTTP/1.1\r\n{host}\r\nHost: evil.example\r\n\r\n", "400"),
        // Two lengths: the end of the request depends on the reader.
        ("GET /metrics HTTP/1.1\r\n{host}\r\nContent-Length: 0\r\nContent-Length: 44\r\n\r\n", "400"),
        ("GET /metrics HTTP/1.1\r\n{host}\r\nTransfer-Encoding: chunked, x\r\n\r\n0\r\n\r\n", "400"),
        ("\u{16}\u{3}\u{1}TLS\r\n\r\n", "400"),
    ] {
        let answer = raw(address, request.replace("{host}", &host).as_bytes());
        assert_eq!(status(&answer), code, "{request:?}: {answer}");
        assert!(!answer.contains("access-control-allow-origin"));
    }
    let smuggled = format!("GET /healthz HTTP/1.1\r\n{host}\r\n\r\nGET /metrics HTTP/1.1\r\n{host}\r\n\r\n");
    assert_eq!(raw(address, smuggled.as_bytes()).matches("HTTP/1.1 ").count(), 1, "a connection serves one request");
    let long = raw(address, format!("GET / HTTP/1.1\r\n{host}\r\nX: {}\r\n\r\n", "a".repeat(1 << 20)).as_bytes());
    assert!(long.is_empty() || status(&long) == "431", "{long}");
    assert_eq!(status(&get(address, "/healthz")), "200");
}

#[test]
fn readiness_follows_the_cycles() {
    let (wake, wakes) = channel();
    let served = Served::new(wake.clone());
    served.listen(free_port());
    let address = address(&served);
    let (mut agent, calls) = agent(&[("node_cap", "0")]);
    let mut control = Control { calls, live: served.live.clone(), ..Control::default() };
    let client = std::thread::spawn(move || {
        let started = Instant::now();
        let mut answer = get(address, "/readyz");
        while status(&answer) != "200" && started.elapsed() < LIMIT {
            std::thread::sleep(Duration::from_millis(5));
            answer = get(address, "/readyz");
        }
        wake.send(Wake::End).unwrap();
        answer
    });
    let mut timer = wnm_agent::ChannelTimer::new(wakes);
    wnm_agent::run_daemon(&mut agent, Duration::from_secs(60), &mut control, &mut timer, &served.live).unwrap();
    assert_eq!(status(&client.join().unwrap()), "200");
    agent.store.fails = Some("load");
    let failing = Control { live: served.live.clone(), ..Control::default() };
    let (_, ended) = run(&mut agent, &[(1, Wake::End)], failing);
    assert_eq!(ended, Ok(()));
    let answer = get(address, "/readyz");
    assert!(status(&answer) == "503" && answer.contains("load fails"), "{answer}");
    assert!(get(address, "/metrics").contains("\nwnm_cycle_failing 1\n"));
}

#[test]
fn clients_that_send_nothing_make_room() {
    let served = Served::new(channel().0);
    served.listen(free_port());
    let address = address(&served);
    let mut silent = Vec::new();
    for number in 0..600 {
        let mut stream = TcpStream::connect(address).unwrap();
        // Half of them begin a request and stop.
        if number % 2 == 0 {
            let _ = stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: ");
        }
        silent.push(stream);
    }
    let started = Instant::now();
    assert_eq!(status(&get(address, "/metrics")), "200");
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    drop(silent);
}

#[test]
fn api_answers_questions_and_refuses_malformed_ones() {
    let served = Served::new(channel().0);
    served.listen(free_port());
    let address = address(&served);
    for (path, body) in [
        ("/api/v1/status", "\"Status\""),
        ("/api/v1/nodes", "\"Nodes\""),
        ("/api/v1/nodes/1", "\"Node(NodeId(1))\""),
        ("/api/v1/nodes/antnode0001", "\"Node(NodeId(1))\""),
        ("/api/v1/history", "\"History { limit: 50 }\""),
        ("/api/v1/history?limit=1000", "\"History { limit: 1000 }\""),
        ("/api/v1/explain?cycle=7", "\"Explain { cycle: Some(7) }\""),
        ("/api/v1/config", "\"Config\""),
    ] {
        let answer = get(address, path);
        assert!(answer.ends_with(&format!("\r\n\r\n{body}")), "{path}: {answer}");
        assert!(answer.contains("content-type: application/json\r\n"), "{answer}");
    }
    for (path, code) in [
        ("/api/v1/nodes/2", "404"),
        ("/api/v1/nodes/x", "400"),
        ("/api/v1/nodes/..%2f..", "400"),
        ("/api/v1/history?limit=0", "400"),
        ("/api/v1/history?limit=1001", "400"),
        ("/api/v1/explain?x=1", "400"),
        ("/api/v1/explain", "503"),
        ("/api/v2/status", "404"),
    ] {
        assert_eq!(status(&get(address, path)), code, "{path}");
    }
}

/// Connects to the stream of events, and returns it after its head.
fn reader(address: SocketAddr, query: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let request = format!("GET /api/v1/events{query} HTTP/1.0\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).unwrap();
    assert_eq!(&head[..8], b"HTTP/1.0", "{}", String::from_utf8_lossy(&head));
    stream
}

/// Reads until the text comes.
fn read_until(stream: &mut TcpStream, wanted: &str) -> String {
    let mut text = String::new();
    let mut bytes = [0; 4096];
    while !text.contains(wanted) {
        let length = stream.read(&mut bytes).unwrap();
        assert!(length > 0, "the stream ended: {text}");
        text.push_str(&String::from_utf8_lossy(&bytes[..length]));
    }
    text
}

#[test]
fn fifty_readers_get_the_events_and_the_next_is_refused() {
    let (wake, wakes) = channel();
    let served = Served::new(wake.clone());
    served.listen(free_port());
    let address = address(&served);
    let mut readers: Vec<TcpStream> = (0..wnm_agent::serve::MOST_READERS).map(|_| reader(address, "")).collect();
    readers.iter_mut().for_each(|reader| _ = read_until(reader, ": wnm\n\n"));
    assert_eq!(status(&get(address, "/api/v1/events")), "503");
    assert_eq!(status(&get(address, "/metrics")), "200", "other pages are served");
    let (mut agent, calls) = agent(&[("node_cap", "1")]);
    let mut control = Control { calls, live: served.live.clone(), ..Control::default() };
    wake.send(Wake::End).unwrap();
    let mut timer = wnm_agent::ChannelTimer::new(wakes);
    wnm_agent::run_daemon(&mut agent, Duration::from_secs(60), &mut control, &mut timer, &served.live).unwrap();
    for reader in &mut readers {
        let text = read_until(reader, "event: action_ended\ndata: {\"number\":");
        let begun = served.live.status().started.unwrap().as_millis();
        let first = format!("id: {begun}-1\nevent: daemon_started\ndata: {{\"number\":1}}\n\n");
        assert!(text.contains(&first), "{text}");
    }
    drop(readers);
    // The places are free again; a reader that connects anew gets the events after the number that it names.
    let started = Instant::now();
    while status(&get_head(address, "/api/v1/events?after=2")) == "503" {
        assert!(started.elapsed() < LIMIT);
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(status(&get(address, "/api/v1/events?after=x")), "400");
    // A browser that connects again to another daemon names an event of the one before.
    let mut reader = TcpStream::connect(address).unwrap();
    reader.set_read_timeout(Some(LIMIT)).unwrap();
    let request = format!("GET /api/v1/events HTTP/1.0\r\nHost: {address}\r\nLast-Event-ID: 7000-57\r\n\r\n");
    reader.write_all(request.as_bytes()).unwrap();
    read_until(&mut reader, "-1\nevent: daemon_started\n");
    let refused = get_with(address, "DELETE", "/metrics");
    assert!(refused.contains("\r\nallow: GET, HEAD\r\n"), "{refused}");
}

/// Returns the answer to a request with another method.
fn get_with(address: SocketAddr, method: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.write_all(format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Returns the first line of an answer, and leaves.
fn get_head(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes()).unwrap();
    let mut head = [0; 20];
    stream.read_exact(&mut head).unwrap();
    String::from_utf8_lossy(&head).into_owned()
}

#[test]
fn page_has_a_content_policy_its_files_and_the_signals_of_each_cycle() {
    let (wake, wakes) = channel();
    let served = Served::new(wake.clone());
    served.listen(free_port());
    let address = address(&served);
    let page = get(address, "/");
    assert!(page.ends_with("<p>0 signals</p>"), "{page}");
    let policy = page.lines().find_map(|line| line.strip_prefix("content-security-policy: ")).unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    assert!(page.contains("content-type: text/html; charset=utf-8\r\n"), "{page}");
    assert!(get(address, "/page.css").contains("content-type: text/css\r\n"));
    assert_eq!(status(&get(address, "/page.css/x")), "404");
    let mut updates = TcpStream::connect(address).unwrap();
    updates.set_read_timeout(Some(LIMIT)).unwrap();
    updates.write_all(format!("GET /updates HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes()).unwrap();
    read_until(&mut updates, ": wnm\n\n");
    let (mut agent, calls) = agent(&[("node_cap", "1")]);
    let mut control = Control { calls, live: served.live.clone(), ..Control::default() };
    wake.send(Wake::End).unwrap();
    let mut timer = wnm_agent::ChannelTimer::new(wakes);
    wnm_agent::run_daemon(&mut agent, Duration::from_secs(60), &mut control, &mut timer, &served.live).unwrap();
    // The end of the daemon may come before its cycle was announced.
    read_until(&mut updates, "event: ");
    let page = get(address, "/");
    assert!(page.contains(" signals</p>") && !page.contains("<p>0 signals"), "the page follows the cycle: {page}");
}
