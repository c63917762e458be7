//! Servers that answer, and servers that do everything else.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use super::*;

const METRICS: &str = "ant_node_uptime 77\nant_networking_records_stored 5\n# EOF\n";
const METADATA: &str =
    "ant_node_antnode_version_info{antnode_version=\"0.4.17\"} 1\nant_networking_peer_id_info{peer_id=\"12D3Koo\"} 1\n";

/// Serves every connection in a thread of its own, for as long as the test runs; returns where.
fn serve(converse: impl Fn(TcpStream) + Send + Sync + Clone + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let converse = converse.clone();
            thread::spawn(move || converse(stream));
        }
    });
    address
}

/// Reads one request; None when the client has gone.
fn request(mut stream: &TcpStream) -> Option<String> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        request.push(byte[0]);
    }
    Some(String::from_utf8(request).unwrap())
}

/// Serves one fixed answer to the first request, then closes.
fn answer(bytes: impl Into<Vec<u8>>) -> SocketAddr {
    let bytes = bytes.into();
    serve(move |mut stream| {
        let _ = request(&stream);
        let _ = stream.write_all(&bytes);
    })
}

fn ok(body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    [format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
}

/// Serves as a node does.
fn node() -> SocketAddr {
    serve(|mut stream| {
        while let Some(request) = request(&stream) {
            let body = if request.starts_with("GET /metrics ") { METRICS } else { METADATA };
            let _ = stream.write_all(&ok(body));
        }
    })
}

fn limits() -> Limits {
    Limits { deadline: Duration::from_millis(700), patience: Duration::from_millis(50), ..Limits::default() }
}

fn target(number: u32, address: SocketAddr, identity: AskIdentity) -> Target {
    Target { node: NodeId::new(number).unwrap(), address, priority: Priority::First, identity }
}

fn ask(address: SocketAddr, identity: AskIdentity) -> Option<Answer> {
    probe(vec![target(1, address, identity)], &limits()).remove(&NodeId::FIRST)
}

fn uptime(address: SocketAddr) -> Option<Option<u64>> {
    ask(address, AskIdentity::IfYounger(0)).map(|answer| answer.metrics.uptime)
}

#[test]
fn identity_is_requested_after_restart() {
    let address = node();
    for (identity, is_asked) in
        [(AskIdentity::Always, true), (AskIdentity::IfYounger(78), true), (AskIdentity::IfYounger(77), false)]
    {
        let answer = ask(address, identity).unwrap();
        assert_eq!((answer.metrics.records, answer.asked_identity), (Some(5), is_asked), "{identity:?}");
        let told = answer.identity.map(|told| (told.version.unwrap().to_string(), told.peer_id.unwrap()));
        assert_eq!(told, is_asked.then(|| ("0.4.17".to_owned(), "12D3Koo".to_owned())));
    }
}

#[test]
fn metrics_count_without_identity() {
    for ends in [true, false] {
        let address = serve(move |mut stream| {
            let _ = request(&stream);
            let _ = stream.write_all(&ok(METRICS));
            let _ = request(&stream);
            if !ends {
                let _ = request(&stream);
            }
        });
        let answer = ask(address, AskIdentity::Always).unwrap();
        assert_eq!((answer.metrics.uptime, answer.identity, answer.asked_identity), (Some(77), None, true));
    }
}

#[test]
fn all_framings_are_read() {
    assert_eq!(uptime(answer(ok(METRICS))), Some(Some(77)));
    assert_eq!(uptime(answer(format!("HTTP/1.0 200 OK\r\n\r\n{METRICS}"))), Some(Some(77)));
    let chunked = METRICS
        .as_bytes()
        .chunks(7)
        .fold("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned(), |text, chunk| {
            text + &format!("{:x}\r\n{}\r\n", chunk.len(), str::from_utf8(chunk).unwrap())
        })
        + "0\r\n\r\n";
    assert_eq!(uptime(answer(chunked.clone())), Some(Some(77)));
    let in_small_parts = serve(move |mut stream| {
        let _ = request(&stream);
        for part in chunked.as_bytes().chunks(9) {
            let _ = stream.write_all(part);
            thread::sleep(Duration::from_millis(2));
        }
        let _ = request(&stream);
    });
    assert_eq!(uptime(in_small_parts), Some(Some(77)));
}

#[test]
fn invalid_text_yields_empty_metrics() {
    let nonsense =
        b"ant_node_uptime NaN\nant_networking_records_stored 1e309\n\xff\xfe\x00 1\nant_networking_shunned{".to_vec();
    assert_eq!(uptime(answer(ok(nonsense))), Some(None));
}

#[test]
fn other_programs_are_no_nodes() {
    for body in ["", "<!DOCTYPE html><html><body>ant_node_uptime 5</body></html>", "node_cpu_seconds_total 7\n# EOF\n"]
    {
        let found = ask(answer(ok(body)), AskIdentity::Always).unwrap();
        assert_eq!((found.answered_by, found.asked_identity), (AnsweredBy::Other, false), "{body}");
    }
    assert_eq!(ask(node(), AskIdentity::Always).unwrap().answered_by, AnsweredBy::Node);
}

#[test]
fn invalid_responses_end_at_deadline() {
    let refused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let silent = serve(|stream| {
        let _ = request(&stream);
        let _ = request(&stream);
    });
    let trickle = serve(|mut stream| {
        for byte in ok(METRICS) {
            let _ = stream.write_all(&[byte]);
            thread::sleep(Duration::from_secs(1));
        }
    });
    let endless_headers = serve(|mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
        while stream.write_all(b"x-more: and more\r\n").is_ok() {}
    });
    let endless_header = serve(|mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nx-more: ");
        while stream.write_all(&[b'x'; 4096]).is_ok() {}
    });
    let giant = answer("HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n");
    let endless_body = serve(|mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(&[b'#'; 65536]).is_ok() {}
    });
    let giant_chunk = serve(|mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffff\r\n");
        while stream.write_all(&[b'#'; 65536]).is_ok() {}
    });
    for (what, address, within) in [
        ("refused", refused, 300),
        ("silent", silent, 1500),
        ("one byte a second", trickle, 1500),
        ("endless headers", endless_headers, 600),
        ("an endless header", endless_header, 600),
        ("a giant text", giant, 300),
        ("an endless text", endless_body, 600),
        ("a giant chunk", giant_chunk, 600),
        ("cut short", answer("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nant_node_uptime 1\n"), 300),
        ("wrong status", answer("HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n"), 300),
        ("redirect", answer("HTTP/1.1 302 Found\r\nlocation: /metrics\r\ncontent-length: 0\r\n\r\n"), 300),
        ("not HTTP", answer("SSH-2.0-OpenSSH_9.2p1\r\n"), 300),
        ("closed at once", answer(""), 300),
        ("bad chunks", answer("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n\r\n"), 300),
    ] {
        let begun = Instant::now();
        assert_eq!(ask(address, AskIdentity::Always), None, "{what}");
        assert!(begun.elapsed() < Duration::from_millis(within), "{what} took {:?}", begun.elapsed());
    }
}

#[test]
fn hanging_nodes_do_not_delay_others() {
    let (silent, alive) = (serve(|stream| drop((request(&stream), request(&stream)))), node());
    // More that hang than connections may be open at once, all of them first.
    let targets = (1..=60).map(|n| target(n, if n <= 40 { silent } else { alive }, AskIdentity::Always)).collect();
    let limits = Limits { at_once: 4, open: 1000, patience: Duration::from_millis(20), ..limits() };
    let answers = probe(targets, &limits);
    assert_eq!(answers.keys().map(|id| id.get()).collect::<Vec<_>>(), (41..=60).collect::<Vec<_>>());

    // With hope they are last, and then even few connections are enough.
    let priority = |n| if n <= 40 { Priority::Last } else { Priority::First };
    let targets = (1..=60).map(|n| Target {
        priority: priority(n),
        ..target(n, if n <= 40 { silent } else { alive }, AskIdentity::Always)
    });
    assert_eq!(probe(targets.collect(), &Limits { at_once: 4, open: 4, ..limits }).len(), 20);
}

#[test]
fn pace_spreads_requests() {
    let address = node();
    let targets = (1..=5).map(|n| target(n, address, AskIdentity::IfYounger(0))).collect();
    let begun = Instant::now();
    let limits = Limits { pace: Duration::from_millis(60), deadline: Duration::from_millis(100), ..limits() };
    assert_eq!(probe(targets, &limits).len(), 5);
    assert!(begun.elapsed() >= Duration::from_millis(240));
    assert!(probe(Vec::new(), &limits).is_empty());
}

#[test]
fn hosts_are_addresses_or_names() {
    assert_eq!(resolve("127.0.0.1"), Some(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    assert_eq!(resolve("LocalHost"), Some(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    assert_eq!(resolve("::1"), "::1".parse().ok());
    assert_eq!(resolve("no host"), None);
}
