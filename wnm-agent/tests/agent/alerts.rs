//! Alerts with real requests and stepped time, to receivers that misbehave.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use wnm_agent::alerts::{AlertService, stored};
use wnm_agent::live::{CycleFailure, Live};
use wnm_core::probe::{ContentCheck, ProbeKind, ProbeOutcome, ProbeRun, SizeClass};
use wnm_core::{Bytes, Timestamp};

use crate::common::request_body;

/// Seconds from cycle to cycle.
const STEP: u64 = 5;

/// The behaviour of a receiver.
#[derive(Clone, Copy)]
enum Manner {
    Accepts,
    /// The first request gets this answer, later ones are accepted.
    First(&'static str),
    /// Takes connections, and never answers.
    Hangs,
    /// Answers with bytes that are no HTTP.
    Babbles,
}

/// A server that records the bodies of its requests.
struct Server {
    url: String,
    bodies: Arc<Mutex<Vec<Value>>>,
}

impl Server {
    fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/secret-path", listener.local_addr().unwrap());
        let bodies = Arc::new(Mutex::new(Vec::new()));
        let recorded = Arc::clone(&bodies);
        std::thread::spawn(move || {
            let mut open = Vec::new();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let body = body(&stream);
                let count = {
                    let mut bodies = recorded.lock().unwrap();
                    bodies.push(body);
                    bodies.len()
                };
                let ok = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                match manner {
                    Manner::First(answer) if count == 1 => _ = stream.write_all(answer.as_bytes()),
                    Manner::Accepts | Manner::First(_) => _ = stream.write_all(ok.as_bytes()),
                    Manner::Babbles => _ = stream.write_all(b"\0\0\0\r\n\r\n"),
                    Manner::Hangs => open.push(stream),
                }
            }
        });
        Self { url, bodies }
    }

    fn bodies(&self) -> Vec<Value> {
        self.bodies.lock().unwrap().clone()
    }

    fn statuses(&self) -> Vec<String> {
        self.bodies().iter().map(|body| body["status"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

/// Reads a request; returns its body, as a text where it is no JSON.
fn body(stream: &TcpStream) -> Value {
    let body = request_body(stream);
    serde_json::from_slice(&body).unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&body).into_owned()))
}

/// A daemon's alerts with a clock that the test steps.
struct Stand {
    folder: tempfile::TempDir,
    live: Live,
    service: AlertService,
    now: Timestamp,
}

impl Stand {
    fn new(receivers: &[(&str, &Server)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let entry = |(number, (kind, server)): (usize, &(&str, &Server))| {
            format!("[[receiver]]\nname = 'r{number}'\nkind = '{kind}'\nurl = '{}'\n", server.url)
        };
        let text: String = receivers.iter().enumerate().map(entry).collect();
        write_private(&folder.path().join("alerts.toml"), &text);
        let service = AlertService::new(&folder.path().join("wnm.db"));
        Self { folder, live: Live::default(), service, now: Timestamp::from_secs(1_795_000_000) }
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join("wnm.db")
    }

    fn set_problem(&self, problem: Option<&str>) {
        self.live.set_config_file(problem.map(|error| CycleFailure { error: error.to_owned(), hint: None }));
    }

    /// Steps the clock. Each step gives requests on other threads real time to end; none depends on it.
    fn step(&mut self, seconds: u64) {
        for _ in 0..seconds / STEP {
            let file = self.folder.path().join("alerts.toml");
            let started = Instant::now();
            self.service.observe(&self.live, Some(&file), None, self.now);
            assert!(started.elapsed() < Duration::from_secs(5), "a receiver delays the cycle");
            self.now = self.now.after(Duration::from_secs(STEP));
        }
    }

    /// Repeats cycles at the same time of the clock until requests on other threads have ended.
    fn settle(&mut self, wanted: impl Fn(&Self) -> bool) {
        let started = Instant::now();
        while !wanted(self) {
            assert!(started.elapsed() < Duration::from_secs(20), "{:?}", stored(&self.database()));
            let file = self.folder.path().join("alerts.toml");
            self.service.observe(&self.live, Some(&file), None, self.now);
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Ends a number of runs of a probe at the present time.
    fn probe(&mut self, runs: usize, outcome: ProbeOutcome) {
        let run = ProbeRun {
            task: "ask".to_owned(),
            kind: ProbeKind::Quote,
            size: SizeClass::Tiny,
            file: "seed 7".to_owned(),
            client: "ant 0.2.4".to_owned(),
            started: self.now,
            took: Duration::ZERO,
            bytes: Bytes(1),
            content: ContentCheck::Unchecked,
            cost: None,
            address: None,
            attempt: 1,
            outcome,
            exit_code: None,
            cause: None,
        };
        self.service.count_probes(&vec![run; runs]);
    }

    fn accepted(&self, receiver: &str) -> bool {
        stored(&self.database()).receivers[receiver].last.is_some()
    }

    fn problem(&self, receiver: &str) -> Option<String> {
        stored(&self.database()).receivers[receiver].problem.clone()
    }
}

fn write_private(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn alert_is_told_once_and_resolved_once_over_a_restart() {
    let server = Server::start(Manner::Accepts);
    let mut stand = Stand::new(&[("webhook", &server)]);
    stand.set_problem(Some("line 2: invalid TOML"));
    stand.step(300);
    assert_eq!(server.bodies(), Vec::<Value>::new(), "the condition has not lasted for long enough");
    stand.step(40);
    stand.settle(|stand| stand.accepted("r0"));
    stand.step(600);
    assert_eq!(server.statuses(), ["firing"]);
    let alert = &server.bodies()[0]["alerts"][0];
    assert_eq!(
        (&alert["labels"]["alertname"], &alert["labels"]["severity"]),
        (&"wnm_config_file".into(), &"warning".into())
    );
    assert!(alert["annotations"]["summary"].as_str().unwrap().ends_with("invalid TOML"));
    assert_eq!(stand.service.summary().warnings, 1);

    stand.service = AlertService::new(&stand.database());
    stand.step(600);
    assert_eq!(server.statuses(), ["firing"], "a restart repeats nothing");
    stand.set_problem(None);
    stand.step(STEP);
    stand.settle(|_| server.bodies().len() == 2);
    stand.settle(|stand| stored(&stand.database()).alerts.is_empty());
    stand.step(600);
    assert_eq!(server.statuses(), ["firing", "resolved"]);
}

#[test]
fn receivers_that_misbehave_delay_neither_the_cycle_nor_another_receiver() {
    let slow_down =
        "HTTP/1.1 429 Too Many Requests\r\ncontent-length: 20\r\nconnection: close\r\n\r\n{\"retry_after\": 600}";
    let [good, limited, hung, babbling] =
        [Manner::Accepts, Manner::First(slow_down), Manner::Hangs, Manner::Babbles].map(Server::start);
    let mut stand =
        Stand::new(&[("webhook", &good), ("discord", &limited), ("ntfy", &hung), ("alertmanager", &babbling)]);
    stand.set_problem(Some("x"));
    stand.step(340);
    stand.settle(|stand| stand.accepted("r0") && stand.problem("r1").is_some() && stand.problem("r3").is_some());
    let problem = stand.problem("r1").unwrap();
    assert_eq!(problem, "the server answered 429: {\"retry_after\": 600}");
    stand.step(590);
    assert_eq!(limited.bodies().len(), 1, "the receiver asked for ten minutes");
    stand.step(20);
    stand.settle(|stand| stand.accepted("r1") && stand.problem("r1").is_none());
    let content = limited.bodies()[1]["content"].as_str().unwrap().to_owned();
    assert!(content.contains("a change of the config file is not applied: x"), "{content}");
    assert!(!stand.problem("r3").unwrap().contains("secret-path"));
    assert!(stand.service.summary().failing.contains(&"r3".to_owned()));
    assert!(!hung.bodies().is_empty());
    assert_eq!(good.bodies().len(), 1);
}

#[test]
fn file_that_turns_bad_keeps_its_receivers() {
    let server = Server::start(Manner::Accepts);
    let mut stand = Stand::new(&[("webhook", &server)]);
    stand.step(STEP);
    let file = stand.folder.path().join("alerts.toml");
    let good = std::fs::read_to_string(&file).unwrap();
    write_private(&file, "[[receiver]]\nkind = 'webhook'\n");
    stand.set_problem(Some("x"));
    stand.step(340);
    stand.settle(|stand| stand.accepted("r0"));
    assert!(stand.service.summary().problem.unwrap().contains("the url is missing"));
    write_private(&file, &good);
    stand.step(STEP);
    assert_eq!(stand.service.summary().problem, None);
    // Without the setting nothing is left.
    stand.service.observe(&stand.live, None, None, stand.now);
    assert!(!stand.folder.path().join("wnm.db.alerts").exists());
}

#[test]
fn large_share_of_failed_probes_is_told_when_it_lasts() {
    let server = Server::start(Manner::Accepts);
    let mut stand = Stand::new(&[("webhook", &server)]);
    // Four runs in an hour are too few to judge.
    stand.probe(4, ProbeOutcome::NetworkError);
    stand.step(3700);
    assert_eq!(stored(&stand.database()).alerts, []);
    // A failure of this host does not count as one of the network.
    stand.probe(10, ProbeOutcome::ClientError);
    stand.step(3700);
    assert_eq!(stored(&stand.database()).alerts, []);
    for _ in 0..5 {
        stand.probe(1, ProbeOutcome::Ok);
        stand.probe(2, ProbeOutcome::DataLoss);
        stand.step(300);
    }
    assert_eq!(server.bodies(), Vec::<Value>::new(), "the share is over its threshold for less than 30 minutes");
    stand.step(640);
    stand.settle(|stand| stand.accepted("r0"));
    let alert = &server.bodies()[0]["alerts"][0];
    assert_eq!(alert["labels"]["alertname"], "wnm_probes_fail");
    assert_eq!(alert["annotations"]["summary"], "10 of the 15 probes of the last hour failed because of the network");
    // Half of the runs is not more than half.
    stand.probe(5, ProbeOutcome::Ok);
    stand.step(310);
    stand.settle(|_| server.bodies().len() == 2);
    assert_eq!(server.statuses(), ["firing", "resolved"]);
}
