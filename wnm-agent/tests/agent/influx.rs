//! Lines for InfluxDB, to a server that is away, slow or refuses, and to a file.

use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use wnm_agent::influx::{Destination, InfluxWriter, Spool, Target, Written, write_now};

use crate::common::request_body;

/// Answers each request with the next answer, and the last one for ever; records the bodies that were accepted.
struct Server {
    url: String,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn on(listener: TcpListener, answers: &'static [&'static str]) -> Self {
        let url = format!("http://{}", listener.local_addr().unwrap());
        let lines = Arc::new(Mutex::new(Vec::new()));
        let recorded = Arc::clone(&lines);
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let mut stream = stream.unwrap();
                let body = request_body(&stream);
                let answer = answers[number.min(answers.len() - 1)];
                if answer.contains(" 204 ") {
                    recorded.lock().unwrap().push(String::from_utf8(body).unwrap());
                }
                _ = stream.write_all(answer.as_bytes());
            }
        });
        Self { url, lines }
    }

    fn start(answers: &'static [&'static str]) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap(), answers)
    }
}

const OK: &str = "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
const BAD: &str = "HTTP/1.1 400 Bad Request\r\ncontent-length: 8\r\nconnection: close\r\n\r\nbad line";
const BUSY: &str = "HTTP/1.1 503 Busy\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

fn server_target(url: &str) -> Target {
    let destination = Destination::Server { url: format!("{url}/write?db=wnm"), authorization: None };
    Target { destination, every: Duration::from_secs(60) }
}

#[track_caller]
fn wait(writer: &InfluxWriter, wanted: impl Fn(&Written) -> bool) -> Written {
    let started = Instant::now();
    loop {
        let written = writer.written();
        if wanted(&written) {
            return written;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "{written:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn lines_wait_in_the_spool_and_arrive_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let spool = folder.path().join("spool");
    // The port of a server that does not run yet.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let writer = InfluxWriter::start(server_target(&format!("http://{address}")), None, &spool).unwrap();
    writer.write("a v=1 1\nb v=1 1\n".to_owned());
    writer.write("c v=1 2\n".to_owned());
    let written = wait(&writer, |written| written.problem.is_some() && written.spooled == 24);
    assert_eq!((written.accepted, written.dropped), (0, 0));
    drop(writer);
    // A restart finds the lines.
    let server = Server::on(TcpListener::bind(address).unwrap(), &[BUSY, OK]);
    let writer = InfluxWriter::start(server_target(&server.url), None, &spool).unwrap();
    writer.write("d v=1 3\n".to_owned());
    let written = wait(&writer, |written| written.accepted == 4);
    assert_eq!((written.spooled, written.problem), (0, None));
    assert_eq!(*server.lines.lock().unwrap(), ["a v=1 1\nb v=1 1\n", "c v=1 2\n", "d v=1 3\n"]);
}

#[test]
fn refused_lines_do_not_stop_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&[BAD, OK]);
    let writer = InfluxWriter::start(server_target(&server.url), None, &folder.path().join("spool")).unwrap();
    writer.write("bad\n".to_owned());
    writer.write("good v=1 1\n".to_owned());
    let written = wait(&writer, |written| written.accepted == 1);
    assert_eq!((written.dropped, written.spooled), (1, 0));
}

#[test]
fn without_a_disk_lines_are_sent_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let spool = folder.path().join("spool");
    std::fs::write(&spool, "a file").unwrap();
    let server = Server::start(&[OK]);
    let writer = InfluxWriter::start(server_target(&server.url), None, &spool).unwrap();
    writer.write("a v=1 1\n".to_owned());
    let written = wait(&writer, |written| written.accepted == 1);
    assert!(written.spool_problem.is_some());
}

#[test]
fn without_a_disk_the_problem_of_the_server_ends_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let spool = folder.path().join("spool");
    std::fs::write(&spool, "a file").unwrap();
    let server = Server::start(&[BUSY, OK]);
    let writer = InfluxWriter::start(server_target(&server.url), None, &spool).unwrap();
    writer.write("a v=1 1\n".to_owned());
    let written = wait(&writer, |written| written.dropped == 1);
    assert_eq!(written.problem.as_deref(), Some("the server answered 503"));
    writer.write("b v=1 2\n".to_owned());
    let written = wait(&writer, |written| written.accepted == 1);
    assert_eq!(written.problem, None);
}

#[test]
fn full_queue_drops_and_counts_without_waiting() {
    let folder = tempfile::tempdir().unwrap();
    // Takes connections, and never answers.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let writer = InfluxWriter::start(server_target(&url), None, &folder.path().join("spool")).unwrap();
    let started = Instant::now();
    (0..200).for_each(|number| writer.write(format!("a v={number} 1\n")));
    assert!(started.elapsed() < Duration::from_secs(1));
    assert!(writer.written().dropped > 0);
}

#[test]
fn spool_is_bounded_and_private() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spool");
    let mut spool = Spool::open(&path, 20);
    assert_eq!(spool.push("a v=1 1\n").unwrap(), 0);
    assert_eq!(spool.push("b v=1 1\n").unwrap(), 0);
    assert_eq!(spool.push("c v=1 1\n").unwrap(), 1);
    assert_eq!((spool.bytes(), spool.oldest().as_deref()), (16, Some("b v=1 1\n")));
    std::fs::write(path.join("00000000000000000009.draft"), "half").unwrap();
    let mut spool = Spool::open(&path, 20);
    assert_eq!(spool.oldest().as_deref(), Some("b v=1 1\n"));
    spool.pop();
    spool.pop();
    assert_eq!((spool.oldest(), spool.bytes()), (None, 0));
    assert_eq!(std::fs::read_dir(&path).unwrap().count(), 0);
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn file_grows_by_the_lines() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lines");
    let target = Target { destination: Destination::File(file.clone()), every: Duration::from_secs(60) };
    let writer = InfluxWriter::start(target, None, &folder.path().join("spool")).unwrap();
    writer.write("a v=1 1\n".to_owned());
    writer.write("b v=1 1\n".to_owned());
    wait(&writer, |written| written.accepted == 2);
    assert_eq!(std::fs::read_to_string(file).unwrap(), "a v=1 1\nb v=1 1\n");
}

#[test]
fn pipe_without_a_reader_is_told_and_holds_up_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("lines");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let target = Target { destination: Destination::File(pipe.clone()), every: Duration::from_secs(60) };
    let writer = InfluxWriter::start(target, None, &folder.path().join("spool")).unwrap();
    writer.write("a v=1 1\n".to_owned());
    let problem = wait(&writer, |written| written.problem.is_some()).problem.unwrap();
    assert!(problem.starts_with(&format!("cannot write {}: ", pipe.display())), "{problem}");
    // The lines wait for a file in its place.
    std::fs::remove_file(&pipe).unwrap();
    wait(&writer, |written| written.accepted == 1);
    assert_eq!(std::fs::read_to_string(pipe).unwrap(), "a v=1 1\n");
}

#[test]
fn link_that_another_user_can_exchange_gets_no_lines() {
    let folder = tempfile::tempdir().unwrap();
    let [own, shared] = ["own", "shared"].map(|name| folder.path().join(name));
    std::fs::write(&own, "a line of root\n").unwrap();
    std::fs::create_dir(&shared).unwrap();
    std::os::unix::fs::symlink(&own, shared.join("lines")).unwrap();
    let target = Target { destination: Destination::File(shared.join("lines")), every: Duration::from_secs(60) };
    write_now(&target, None, "a v=1 1\n").unwrap();
    std::fs::set_permissions(&shared, std::fs::Permissions::from_mode(0o777)).unwrap();
    let error = write_now(&target, None, "b v=1 1\n").unwrap_err();
    assert!(error.to_string().contains("another user made a symbolic link"), "{error}");
    assert_eq!(std::fs::read_to_string(own).unwrap(), "a line of root\na v=1 1\n");
}

#[test]
fn full_volume_leaves_no_part_of_a_line() {
    // Each write fails there, and nothing can be cut off.
    let target = Target { destination: Destination::File("/dev/full".into()), every: Duration::from_secs(60) };
    let folder = tempfile::tempdir().unwrap();
    let writer = InfluxWriter::start(target, None, &folder.path().join("spool")).unwrap();
    writer.write("a v=1 1\n".to_owned());
    let written = wait(&writer, |written| written.problem.is_some());
    assert_eq!((written.accepted, written.spooled), (0, 8));
}

fn target_file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("influx.toml");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    (folder, path)
}

fn read(text: &str) -> Result<Target, String> {
    let (_folder, path) = target_file(text);
    Target::read(&path).map_err(|error| error.to_string())
}

#[test]
fn file_names_a_server_of_either_version_or_a_file() {
    let server = |url: &str, token: Option<&str>| Destination::Server {
        url: url.to_owned(),
        authorization: token.map(str::to_owned),
    };
    let two = "url = 'http://127.0.0.1:8086/'\norg = 'my home'\nbucket = 'wnm'\ntoken = 'hush'\nevery = 10\n";
    let target = read(two).unwrap();
    let url = "http://127.0.0.1:8086/api/v2/write?org=my%20home&bucket=wnm&precision=ns";
    assert_eq!((target.destination.clone(), target.every), (server(url, Some("Token hush")), Duration::from_secs(10)));
    assert_eq!(target.place(), "http://127.0.0.1:8086");
    let one = read("url = 'http://127.0.0.1:8086'\ndatabase = 'wnm'\n").unwrap();
    assert_eq!(one.destination, server("http://127.0.0.1:8086/write?db=wnm&precision=ns", None));
    assert_eq!(read("file = '/var/lines'\n").unwrap().destination, Destination::File(Path::new("/var/lines").into()));
    for (text, cause) in [
        ("", "needs a url, or a file alone"),
        ("url = 'http://a'\n", "needs org and bucket, or database"),
        ("url = 'http://a'\ndatabase = 'x'\nfile = '/x'\n", "needs a url, or a file alone"),
        ("url = 'SECRET'\ndatabase = 'x'\n", "the url is invalid"),
        ("file = 'x'\n", "not an absolute path"),
        ("url = 'http://a'\ndatabase = 'x'\ntoken = 'SECRET SECRET'\n", "the token is empty"),
        ("file = '/x'\nevery = 1\n", "every is not between 10 and 3600"),
        ("tokn = 'SECRET'\n", "line 1: unknown field"),
    ] {
        let error = read(text).unwrap_err();
        assert!(error.contains(cause) && !error.contains("SECRET"), "{text:?}: {error}");
    }
}
