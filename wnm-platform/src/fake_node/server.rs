//! A small HTTP/1.1 server on the loopback, a thread for each connection, for the metrics of `antnode`.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::pages::Pages;

const CONTENT_TYPE: &str = "application/openmetrics-text;charset=utf-8;version=1.0.0";
const STACK: usize = 128 * 1024;
const IDLE: Duration = Duration::from_secs(300);
const LONGEST_LINE: u64 = 8 * 1024;

/// Invalid metrics: words and too large values in place of numbers, an open label, invalid UTF-8, no end of the text.
const GARBAGE: &[u8] = b"# TYPE ant_node_uptime gauge\n\
    ant_node_uptime NaN\n\
    ant_networking_records_stored 1e309\n\
    ant_networking_relevant_records -1\n\
    ant_networking_connected_peers many\n\
    ant_networking_peers_in_routing_table{range=\"7 7\n\
    ant_networking_shunned_count_total\n\
    ant_node_current_reward_wallet_balance 99999999999999999999999999999999999999999999999999999999999999999999\n\
    ant_node_antnode_version_info{antnode_version=\"\xff\xfe\"} 1\n\
    \x00\xc3\x28\xf0\x9f ant_networking_peer_id_info{peer_id=\"";

/// How requests are answered.
#[derive(Debug, Clone, Copy)]
pub(super) enum ReplyMode {
    /// At once and truly.
    Prompt,
    /// Truly, so long after the request.
    Delayed(Duration),
    /// At once, with invalid text.
    Garbage,
    /// Never; connections are accepted and kept.
    Never,
}

/// A running server.
pub(super) struct Server {
    address: SocketAddr,
    closing: Arc<AtomicBool>,
    acceptor: JoinHandle<()>,
}

impl Server {
    /// Listens on 127.0.0.1, on any free port for port 0, and answers from then on; fails when the port is taken.
    pub(super) fn start(port: u16, reply_mode: ReplyMode, pages: Pages) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let address = listener.local_addr()?;
        let closing = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&closing);
        let accept = move || accept(&listener, &told, reply_mode, &Arc::new(pages));
        let acceptor = thread::Builder::new().stack_size(STACK).spawn(accept)?;
        Ok(Self { address, closing, acceptor })
    }

    /// Returns where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Frees the port.
    pub(super) fn close(self) {
        self.closing.store(true, Ordering::Release);
        // The acceptor blocks in accept(2) until a connection arrives.
        if TcpStream::connect(self.address).is_ok() {
            let _ = self.acceptor.join();
        }
    }
}

fn accept(listener: &TcpListener, closing: &AtomicBool, reply_mode: ReplyMode, pages: &Arc<Pages>) {
    for stream in listener.incoming() {
        if closing.load(Ordering::Acquire) {
            return;
        }
        let Ok(stream) = stream else {
            thread::sleep(Duration::from_secs(1)); // out of files, most likely
            continue;
        };
        let pages = Arc::clone(pages);
        // A connection that gets no thread is dropped: its client sees it closed.
        let _ = thread::Builder::new().stack_size(STACK).spawn(move || converse(&stream, reply_mode, &pages));
    }
}

/// A request, as far as it matters here.
struct Request {
    method: String,
    path: String,
    connection: Connection,
    body: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Connection {
    KeepAlive,
    Close,
}

fn converse(stream: &TcpStream, reply_mode: ReplyMode, pages: &Pages) -> io::Result<()> {
    stream.set_read_timeout(Some(IDLE))?;
    stream.set_nodelay(true)?;
    let mut reader = BufReader::with_capacity(2 * 1024, stream);
    if matches!(reply_mode, ReplyMode::Never) {
        return io::copy(&mut reader, &mut io::sink()).map(drop);
    }
    while let Some(request) = read_request(&mut reader)? {
        io::copy(&mut reader.by_ref().take(request.body), &mut io::sink())?;
        if let ReplyMode::Delayed(wait) = reply_mode {
            thread::sleep(wait);
        }
        let page = if request.method == "GET" { pages.page(&request.path) } else { None };
        let (status, body) = match (page, reply_mode) {
            (None, _) => ("404 Not Found", b"Not found try localhost:[port]/metrics".to_vec()),
            (Some(_), ReplyMode::Garbage) => ("200 OK", GARBAGE.to_vec()),
            (Some(text), _) => ("200 OK", text.into_bytes()),
        };
        let mut response = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n", body.len());
        if status == "200 OK" {
            response.push_str(&format!("content-type: {CONTENT_TYPE}\r\n"));
        }
        if request.connection == Connection::Close {
            response.push_str("connection: close\r\n");
        }
        let mut response = (response + "\r\n").into_bytes();
        if request.method != "HEAD" {
            response.extend(body);
        }
        let mut writer = stream;
        writer.write_all(&response)?;
        if request.connection == Connection::Close {
            break;
        }
    }
    Ok(())
}

/// Reads a request's head; None when the client is done or does not speak HTTP.
fn read_request(reader: &mut BufReader<&TcpStream>) -> io::Result<Option<Request>> {
    let line = read_line(reader)?;
    let mut words = line.split_ascii_whitespace();
    let (Some(method), Some(target), Some(version)) = (words.next(), words.next(), words.next()) else {
        return Ok(None);
    };
    let path = target.split('?').next().unwrap_or_default().to_owned();
    let connection = if version == "HTTP/1.1" { Connection::KeepAlive } else { Connection::Close };
    let mut request = Request { method: method.to_owned(), path, connection, body: 0 };
    loop {
        let line = read_line(reader)?;
        if line.is_empty() {
            return Ok(Some(request));
        }
        let Some((name, value)) = line.split_once(':') else { return Ok(None) };
        match (name.trim().to_ascii_lowercase().as_str(), value.trim().to_ascii_lowercase().as_str()) {
            ("connection", "close") => request.connection = Connection::Close,
            ("connection", "keep-alive") => request.connection = Connection::KeepAlive,
            ("content-length", length) => request.body = length.parse().unwrap_or(0),
            _ => {}
        }
    }
}

fn read_line(reader: &mut BufReader<&TcpStream>) -> io::Result<String> {
    let mut line = Vec::new();
    reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)?;
    if line.len() as u64 == LONGEST_LINE {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a line without end"));
    }
    Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
}
