//! The control socket: its server on a daemon of a colony in memory, with the real client and with clients that misbehave.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use wnm_agent::control::{Client, Lines, Message, NodeRequest, socket_path};
use wnm_agent::live::{Live, LoggedEvent, SignalSeries};
use wnm_agent::serve::{Daemon, Documents, NoAnswer, PageFile, Question, ServeError, Server};
use wnm_agent::{ChannelTimer, RequestQueue, Wake, run_daemon};
use wnm_core::steps::Step;
use wnm_core::{Listen, ListenSettings, NodeId, Outcome, Selection, Verb};

use crate::common::{MemoryAgent, agent};
use crate::daemon::{Control, INTERVAL};

const LIMIT: Duration = Duration::from_secs(30);

pub(crate) struct Served {
    folder: TempDir,
    pub(crate) live: Live,
    pub(crate) requests: RequestQueue,
    pub(crate) server: Server,
}

impl Served {
    pub(crate) fn new(wake: Sender<Wake>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (live, requests) = (Live::default(), RequestQueue::default());
        let server = start(&live, &requests, wake, &socket_path(&folder.path().join("wnm.db"))).unwrap();
        Self { folder, live, requests, server }
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join("wnm.db")
    }

    /// Serves HTTP without a token and without TLS.
    pub(crate) fn listen(&self, address: std::net::SocketAddr) {
        self.server.set_listen(&ListenSettings::local(Listen::At(address)));
    }

    pub(crate) fn client(&self) -> Client {
        Client::of(&self.database())
    }

    /// Sends bytes to the socket, and returns the answer until the server closes the connection.
    fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = UnixStream::connect(socket_path(&self.database())).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        // The server may have closed the connection before it read everything.
        let _ = stream.write_all(bytes);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }
}

/// Documents that name their question.
struct Plain;

impl Documents for Plain {
    fn document(&self, question: Question) -> Result<Vec<u8>, (NoAnswer, Vec<u8>)> {
        match question {
            Question::Node(node) if node.get() > 1 => Err((NoAnswer::NotFound, b"{}".to_vec())),
            Question::Explain { cycle: None } => Err((NoAnswer::Unavailable, b"{}".to_vec())),
            question => Ok(format!("\"{question:?}\"").into_bytes()),
        }
    }

    fn event(&self, event: &LoggedEvent) -> Vec<u8> {
        format!("{{\"number\":{}}}", event.number).into_bytes()
    }

    fn page(&self, signals: &[SignalSeries]) -> Vec<u8> {
        format!("<p>{} signals</p>", signals.len()).into_bytes()
    }

    fn page_files(&self) -> &'static [PageFile] {
        &[PageFile { path: "/page.css", content_type: "text/css", content: "body {}" }]
    }
}

pub(crate) fn start(
    live: &Live,
    requests: &RequestQueue,
    wake: Sender<Wake>,
    path: &Path,
) -> Result<Server, ServeError> {
    let daemon = Daemon {
        live: live.clone(),
        requests: requests.clone(),
        wake: Box::new(move || _ = wake.send(Wake::Requested)),
        documents: Arc::new(Plain),
        version: "0.0.0",
    };
    Server::start(daemon, path)
}

/// Runs a daemon on a colony in memory while `client` runs on another thread, and returns its result.
fn with_daemon<T: Send + 'static>(
    prepare: impl FnOnce(&mut MemoryAgent, &mut Control),
    client: impl FnOnce(Client) -> T + Send + 'static,
) -> T {
    let (wake, wakes) = channel();
    let served = Served::new(wake.clone());
    let (mut agent, calls) = agent(&[("node_cap", "1")]);
    let mut control =
        Control { calls, live: served.live.clone(), requests: served.requests.clone(), ..Control::default() };
    prepare(&mut agent, &mut control);
    let asked = served.client();
    let thread = std::thread::spawn(move || {
        let result = client(asked);
        wake.send(Wake::End).unwrap();
        result
    });
    run_daemon(&mut agent, INTERVAL, &mut control, &mut ChannelTimer::new(wakes), &served.live).unwrap();
    thread.join().unwrap()
}

/// Waits until the daemon has run its first cycle.
fn first_cycle(client: &Client) -> wnm_agent::control::DaemonInfo {
    let started = Instant::now();
    loop {
        let info = client.daemon().unwrap().expect("the daemon runs");
        if info.cycles > 0 {
            return info;
        }
        assert!(started.elapsed() < LIMIT, "no cycle: {info:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn stop() -> NodeRequest {
    NodeRequest { verb: Verb::Stop, selection: Selection::Named(vec![NodeId::FIRST]) }
}

fn messages(lines: &mut Lines) -> Vec<Message> {
    std::iter::from_fn(|| lines.message(LIMIT).unwrap()).collect()
}

#[test]
fn daemon_tells_its_condition() {
    let info = with_daemon(|_, _| {}, |client| first_cycle(&client));
    assert_eq!((info.pid, info.version.as_str(), info.phase.as_str()), (std::process::id(), "0.0.0", "running"));
    assert_eq!(info.interval_ms, 60_000);
    assert!(info.started.is_some() && info.failure.is_none() && info.took_ms.is_some());
    assert_eq!(info.next, info.last.map(|last| last.after(INTERVAL)));
}

#[test]
fn request_gets_the_ends_of_its_actions() {
    let messages = with_daemon(
        |_, control| {
            control.script = [
                |_: &mut MemoryAgent| {},
                |agent: &mut MemoryAgent| agent.platform.stuck = Some(Step::SeeGone),
                |agent: &mut MemoryAgent| agent.platform.stuck = None,
            ]
            .into();
        },
        |client| {
            first_cycle(&client);
            messages(&mut client.request(&stop(), LIMIT).unwrap().unwrap())
        },
    );
    let [Message::Begun { worked, refused }, .., Message::Ended { action, outcome }] = &messages[..] else {
        panic!("{messages:?}")
    };
    assert!(matches!(worked[..], [(_, Outcome::Pending { .. })]) && refused.is_empty());
    assert_eq!((*action, outcome), (worked[0].0.id, &Outcome::Done));
}

#[test]
fn request_that_fails_tells_why() {
    let messages = with_daemon(
        |_, control| {
            control.script =
                [|_: &mut MemoryAgent| {}, |agent: &mut MemoryAgent| agent.store.fails = Some("load")].into();
        },
        |client| {
            first_cycle(&client);
            messages(&mut client.request(&stop(), LIMIT).unwrap().unwrap())
        },
    );
    assert!(
        matches!(&messages[..], [Message::Failed(failure)] if failure.error.contains("load fails")),
        "{messages:?}"
    );
}

#[test]
fn changes_are_announced_and_end_with_the_daemon() {
    let mut lines = with_daemon(
        |_, _| {},
        |client| {
            let mut lines = client.changes().unwrap().unwrap();
            first_cycle(&client);
            assert!(lines.wait().unwrap());
            let mut stop_lines = client.request(&stop(), LIMIT).unwrap().unwrap();
            assert!(!messages(&mut stop_lines).is_empty());
            assert!(lines.wait().unwrap(), "the stop is a change");
            lines
        },
    );
    while lines.wait().unwrap() {}
}

#[test]
fn database_without_a_daemon_has_no_answers() {
    let folder = tempfile::tempdir().unwrap();
    let client = Client::of(&folder.path().join("wnm.db"));
    assert_eq!(client.daemon().unwrap(), None);
    assert!(client.request(&stop(), LIMIT).unwrap().is_none());
    // The file of a daemon that was killed.
    drop(std::os::unix::net::UnixListener::bind(socket_path(&folder.path().join("wnm.db"))).unwrap());
    assert_eq!(client.daemon().unwrap(), None);
}

#[test]
fn second_daemon_on_a_database_is_refused() {
    let served = Served::new(channel().0);
    let path = socket_path(&served.database());
    let error = start(&served.live, &served.requests, channel().0, &path).unwrap_err();
    assert!(matches!(&error, ServeError::Taken { path: taken } if *taken == path), "{error}");
    assert!(served.client().daemon().unwrap().is_some());
}

#[test]
fn malformed_requests_are_refused() {
    let served = Served::new(channel().0);
    let post = |body: &str| {
        let head = format!("POST /control/1/requests HTTP/1.0\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        served.raw(head.as_bytes())
    };
    for body in ["", "{", "[]", r#"{"verb":"explode","selection":"all"}"#, r#"{"verb":"stop"}"#, "\0"] {
        assert!(post(body).starts_with("HTTP/1.0 400 "), "{body}: {}", post(body));
    }
    let cases = [
        ("GET / HTTP/1.0\r\n\r\n", "HTTP/1.0 404 "),
        ("GET /control/2/daemon HTTP/1.0\r\n\r\n", "HTTP/1.0 404 "),
        ("DELETE /control/1/daemon HTTP/1.0\r\n\r\n", "HTTP/1.0 405 "),
        ("nonsense\r\n\r\n", "HTTP/1.1 400 "),
        ("POST /control/1/requests HTTP/1.0\r\nContent-Length: 300000\r\n\r\n", "HTTP/1.0 413 "),
        // Two lengths: the end of the request depends on the reader.
        (
            "POST /control/1/requests HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 7\r\n\r\n{}{}{}",
            "HTTP/1.1 400 ",
        ),
    ];
    for (request, answer) in cases {
        let padded =
            if request.contains("300000") { format!("{request}{}", "x".repeat(300_000)) } else { request.into() };
        let found = served.raw(padded.as_bytes());
        assert!(found.starts_with(answer), "{request:?}: {found}");
    }
    let header = format!("GET /control/1/daemon HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "a".repeat(1 << 20));
    let found = served.raw(header.as_bytes());
    assert!(found.is_empty() || found.starts_with("HTTP/1.1 431 "), "{found}");
    assert!(served.client().daemon().unwrap().is_some(), "the server goes on");
}

#[test]
fn silent_clients_are_disconnected_and_free_their_place() {
    let served = Served::new(channel().0);
    let path = socket_path(&served.database());
    let silent: Vec<UnixStream> = (0..80).map(|_| UnixStream::connect(&path).unwrap()).collect();
    let started = Instant::now();
    // The places are taken until the time limit for the head of a request is over.
    let mut stream = UnixStream::connect(&path).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.write_all(b"GET /control/1/daemon HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.0 200 "), "{answer}");
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    drop(silent);
}
