//! The HTTP server of the daemon: metrics of real processes of fake nodes.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
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

fn get(address: &str, path: &str) -> String {
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
    let address = format!("127.0.0.1:{}", host.spare_port(3));
    host.expect(0, "node add --count 2");
    let _daemon = {
        let _turn = turn();
        let mut command = host.command(&["daemon", "--interval", "100ms"]);
        Daemon(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    };
    daemon(&host, "running daemon without HTTP", |daemon| daemon["phase"] == "running" && daemon["listen"].is_null());
    host.expect(0, &format!("config set listen={address}"));
    daemon(&host, "HTTP server", |daemon| daemon["listen"]["address"] == *address);
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
fn address_beyond_this_host_is_refused() {
    let host = Host::with_colony();
    for (value, cause) in [
        ("0.0.0.0:9910", "not a loopback address"),
        ("9910", "neither off nor an address with a port"),
        ("127.0.0.1:0", "not between 1 and 65535"),
    ] {
        let error = host.expect(1, &format!("config set listen={value}")).err;
        assert!(error.contains(cause) && error.contains("hint: "), "{error}");
    }
}
