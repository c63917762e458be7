//! One non-blocking connection to one node.

use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType};
use wnm_core::{NodeId, is_node_metrics, parse_identity, parse_metrics};

use super::response::{Framing, Head, unchunk};
use super::{Answer, AnsweredBy, AskIdentity, Target};

/// The initial buffer size in bytes: the response of `antnode` 0.4 has about 43 kB.
const USUAL_ANSWER: usize = 56 * 1024;
/// The maximum size of a response head, in bytes.
const LONGEST_HEAD: usize = 16 * 1024;

pub(super) struct Connection<'a> {
    target: &'a Target,
    stream: TcpStream,
    begun: Instant,
    phase: Phase,
    /// The answer so far: metrics count even when the identity does not arrive.
    answer: Option<Answer>,
    head: Option<Head>,
    /// The bytes of the current response.
    received: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Sending,
    Receiving,
}

/// The result of driving a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// The connection waits for the socket.
    Waiting,
    /// The connection has ended, with or without an answer.
    Over,
}

impl<'a> Connection<'a> {
    /// Starts to connect; None when the socket cannot be created or the address is refused at once.
    pub(super) fn open(target: &'a Target, begun: Instant, mut buffer: Vec<u8>) -> Option<Self> {
        let stream = connect(&target.address).ok()?;
        buffer.clear();
        let phase = Phase::Sending;
        let mut connection = Self { target, stream, begun, phase, answer: None, head: None, received: buffer };
        // On the loopback the connection is usually established by now.
        let _ = connection.send("/metrics");
        Some(connection)
    }

    pub(super) fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.begun)
    }

    pub(super) fn poll_fd(&self) -> PollFd<'_> {
        let awaited = match self.phase {
            Phase::Sending => PollFlags::OUT,
            Phase::Receiving => PollFlags::IN,
        };
        PollFd::new(&self.stream, awaited)
    }

    /// Closes the connection. Returns the answer, and the buffer for reuse.
    pub(super) fn end(self) -> (NodeId, Option<Answer>, Vec<u8>) {
        (self.target.node, self.answer, self.received)
    }

    /// Drives the connection as far as possible without blocking. `limit` is the maximum response size in bytes.
    pub(super) fn advance(&mut self, limit: usize) -> Progress {
        let progress = match self.phase {
            Phase::Sending => self.send(if self.answer.is_none() { "/metrics" } else { "/metadata" }),
            Phase::Receiving => {
                self.receive(limit).and_then(|body| body.map_or(Ok(Progress::Waiting), |body| self.read(&body)))
            }
        };
        progress.unwrap_or(Progress::Over)
    }

    /// Parses a complete body, and requests the identity if it is needed.
    fn read(&mut self, body: &Body) -> io::Result<Progress> {
        let text = match body {
            Body::InPlace { start, end } => self.received.get(*start..*end).unwrap_or_default(),
            Body::Apart(text) => text,
        };
        if let Some(answer) = &mut self.answer {
            answer.identity = Some(parse_identity(text));
            return Ok(Progress::Over);
        }
        if !is_node_metrics(text) {
            self.answer = Some(Answer { answered_by: AnsweredBy::Other, ..Answer::default() });
            return Ok(Progress::Over);
        }
        let metrics = parse_metrics(text);
        let asked_identity = match self.target.identity {
            AskIdentity::Always => true,
            AskIdentity::IfYounger(known) => metrics.uptime.is_some_and(|uptime| uptime < known),
        };
        self.answer = Some(Answer { metrics, asked_identity, ..Answer::default() });
        if !asked_identity {
            return Ok(Progress::Over);
        }
        self.head = None;
        self.received.clear();
        self.send("/metadata")
    }

    /// Sends a request now, or else when the connection is established.
    fn send(&mut self, path: &str) -> io::Result<Progress> {
        let host = self.target.address;
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nuser-agent: wnm\r\naccept-encoding: identity\r\n\r\n");
        match self.stream.write(request.as_bytes()) {
            Ok(sent) if sent == request.len() => {
                self.phase = Phase::Receiving;
                Ok(Progress::Waiting)
            }
            Ok(_) => Err(io::ErrorKind::WriteZero.into()),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected) => {
                self.phase = Phase::Sending;
                Ok(Progress::Waiting)
            }
            Err(error) => Err(error),
        }
    }

    /// Receives the available bytes; returns the body once it is complete.
    fn receive(&mut self, limit: usize) -> io::Result<Option<Body>> {
        loop {
            self.received.reserve(if self.received.is_empty() { USUAL_ANSWER } else { 16 * 1024 });
            let got = match rustix::io::read(&self.stream, spare_capacity(&mut self.received)) {
                Ok(got) => got,
                Err(Errno::AGAIN) => return Ok(None),
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            if self.head.is_none() {
                self.head = Head::read(&self.received)?;
                if self.head.is_none() && self.received.len() > LONGEST_HEAD {
                    return Err(io::ErrorKind::InvalidData.into());
                }
            }
            if let Some(body) = self.complete(limit, if got == 0 { Peer::Closed } else { Peer::Open })? {
                return Ok(Some(body));
            }
            if got == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if self.received.len() > limit {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
        }
    }

    /// Returns the body if it is complete.
    fn complete(&self, limit: usize, peer: Peer) -> io::Result<Option<Body>> {
        let Some(head) = self.head else { return Ok(None) };
        let (start, all) = (head.length, self.received.len());
        match head.framing {
            Framing::Length(length) if length > limit => Err(io::ErrorKind::FileTooLarge.into()),
            Framing::Length(length) if all >= start + length => Ok(Some(Body::InPlace { start, end: start + length })),
            Framing::Length(_) => Ok(None),
            Framing::UntilClosed => Ok((peer == Peer::Closed).then_some(Body::InPlace { start, end: all })),
            // Chunks end with an empty line, so that most calls return here without parsing.
            Framing::Chunks if !self.received.ends_with(b"\r\n\r\n") => Ok(None),
            Framing::Chunks => {
                unchunk(self.received.get(start..).unwrap_or_default()).map(|body| body.map(Body::Apart))
            }
        }
    }
}

/// Whether the peer has closed its side of the connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Peer {
    Open,
    Closed,
}

/// A complete body.
enum Body {
    /// A range of the received bytes.
    InPlace { start: usize, end: usize },
    /// Joined from chunks.
    Apart(Vec<u8>),
}

/// Starts to connect a non-blocking socket.
fn connect(address: &SocketAddr) -> io::Result<TcpStream> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket(family)?;
    match rustix::net::connect(socket.as_fd(), address) {
        Ok(()) | Err(Errno::INPROGRESS | Errno::INTR) => Ok(TcpStream::from(socket)),
        Err(error) => Err(error.into()),
    }
}

#[cfg(target_os = "linux")]
fn socket(family: AddressFamily) -> rustix::io::Result<OwnedFd> {
    use rustix::net::SocketFlags;
    rustix::net::socket_with(family, SocketType::STREAM, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC, None)
}

#[cfg(not(target_os = "linux"))]
fn socket(family: AddressFamily) -> rustix::io::Result<OwnedFd> {
    let socket = rustix::net::socket(family, SocketType::STREAM, None)?;
    rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
    rustix::io::ioctl_fionbio(&socket, true)?;
    Ok(socket)
}
