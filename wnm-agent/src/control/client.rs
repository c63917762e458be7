//! The client of the control socket: HTTP/1.0, one request for each connection.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{
    CHANGES_PATH, ChangesRequest, DAEMON_PATH, DaemonInfo, Message, NODE_CHANGES_PATH, NodeRequest, REQUESTS_PATH,
    socket_path, with_short_path,
};

/// Time within which a daemon answers a question. Its server never waits for a cycle.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// The maximum length of an answer, or of one line of it: the actions of 10,000 nodes.
const LONGEST_ANSWER: u64 = 64 << 20;
/// The maximum length of the head of an answer. The server sends a few hundred bytes.
const LONGEST_HEAD: u64 = 16 << 10;

/// The reason why a daemon cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The socket cannot be used.
    #[error("cannot connect to the daemon at {path}: {source}", path = path.display())]
    Connect {
        /// The socket.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The server belongs to another user than this user, root, and the owner of the database.
    #[error("cannot use the daemon at {path}: it runs as user {uid}, who does not own the database", path = path.display())]
    Owner {
        /// The socket.
        path: PathBuf,
        /// The user of the server.
        uid: u32,
    },
    /// The daemon does not answer within the time limit, or breaks off its answer.
    #[error("the daemon does not answer: {}", cause(.0))]
    Answer(#[source] io::Error),
    /// The request holds text that JSON cannot.
    #[error("the request cannot be written: {0}")]
    Request(#[source] serde_json::Error),
    /// The daemon refuses the question.
    #[error("the daemon refuses: {status} {text}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The text of the answer.
        text: String,
    },
}

/// Returns why an answer did not come, where the words of the system do not tell: the limits of a socket end with those of
/// a socket that does not wait.
fn cause(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => "the time limit is over".to_owned(),
        io::ErrorKind::UnexpectedEof => "it closed the connection".to_owned(),
        _ => error.to_string(),
    }
}

/// The daemon of a database, which may run or not.
#[derive(Debug, Clone)]
pub struct Client {
    socket: PathBuf,
    database: PathBuf,
}

/// A connection to a running daemon.
#[derive(Debug)]
pub struct Connected {
    stream: UnixStream,
    socket: PathBuf,
}

/// The lines of an answer that goes on.
#[derive(Debug)]
pub struct Lines(BufReader<UnixStream>);

impl Client {
    /// Returns the client of the daemon of a database.
    #[must_use]
    pub fn of(database: &Path) -> Self {
        Self { socket: socket_path(database), database: database.to_path_buf() }
    }

    /// Returns the condition of the daemon; None when none runs, or one with another protocol.
    ///
    /// # Errors
    /// A daemon runs and cannot be asked.
    pub fn daemon(&self) -> Result<Option<DaemonInfo>, ClientError> {
        let Some(daemon) = self.connect()? else { return Ok(None) };
        let Some(mut answer) = daemon.ask("GET", DAEMON_PATH, &[])? else { return Ok(None) };
        let mut body = Vec::new();
        (&mut answer).take(LONGEST_ANSWER).read_to_end(&mut body).map_err(ClientError::Answer)?;
        let info = serde_json::from_slice(&body).map_err(|error| ClientError::Answer(error.into()))?;
        Ok(Some(info))
    }

    /// Sends a request. Returns the lines of the answer, each a [`Message`]; None when no daemon takes requests.
    ///
    /// The first line comes after the cycle that begins the actions.
    ///
    /// # Errors
    /// A daemon runs and does not take the request.
    pub fn request(&self, request: &NodeRequest, limit: Duration) -> Result<Option<Lines>, ClientError> {
        self.post(REQUESTS_PATH, request, limit)
    }

    /// Sends a request for changes, as [`Self::request`] sends one for an action.
    ///
    /// # Errors
    /// A daemon runs and does not take the request.
    pub fn request_changes(&self, request: &ChangesRequest, limit: Duration) -> Result<Option<Lines>, ClientError> {
        self.post(NODE_CHANGES_PATH, request, limit)
    }

    fn post(&self, path: &str, request: &impl Serialize, limit: Duration) -> Result<Option<Lines>, ClientError> {
        let body = serde_json::to_vec(request).map_err(ClientError::Request)?;
        self.lines("POST", path, &body, limit)
    }

    /// Returns a line for each change of the colony or of the daemon; None when no daemon runs. The server sends an empty
    /// line every 15 s without a change.
    ///
    /// # Errors
    /// A daemon runs and cannot be asked.
    pub fn changes(&self) -> Result<Option<Lines>, ClientError> {
        self.lines("GET", CHANGES_PATH, &[], Duration::from_secs(60))
    }

    fn lines(&self, method: &str, path: &str, body: &[u8], limit: Duration) -> Result<Option<Lines>, ClientError> {
        let Some(daemon) = self.connect()? else { return Ok(None) };
        daemon.stream.set_read_timeout(Some(limit)).map_err(ClientError::Answer)?;
        Ok(daemon.ask(method, path, body)?.map(Lines))
    }

    /// Connects to the daemon; returns None when none runs.
    ///
    /// # Errors
    /// The socket cannot be used, or its server belongs to another user.
    pub fn connect(&self) -> Result<Option<Connected>, ClientError> {
        let failed = |source| ClientError::Connect { path: self.socket.clone(), source };
        let stream = match with_short_path(&self.socket, |path| UnixStream::connect(path)) {
            Ok(stream) => stream,
            // No file, or the file of a daemon that was killed.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
                return Ok(None);
            }
            Err(error) => return Err(failed(error)),
        };
        let uid = server_uid(&stream, &self.socket).map_err(failed)?;
        let is_trusted = uid == 0
            || uid == rustix::process::geteuid().as_raw()
            || fs::metadata(&self.database).is_ok_and(|database| database.uid() == uid);
        if !is_trusted {
            return Err(ClientError::Owner { path: self.socket.clone(), uid });
        }
        let limit = Some(ANSWER_LIMIT);
        stream.set_read_timeout(limit).and_then(|()| stream.set_write_timeout(limit)).map_err(failed)?;
        Ok(Some(Connected { stream, socket: self.socket.clone() }))
    }
}

/// Returns the user of the process that listens on a socket.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn server_uid(stream: &UnixStream, _: &Path) -> io::Result<u32> {
    Ok(rustix::net::sockopt::socket_peercred(stream)?.uid.as_raw())
}

/// Returns the user who made a socket.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn server_uid(_: &UnixStream, path: &Path) -> io::Result<u32> {
    Ok(fs::metadata(path)?.uid())
}

impl Connected {
    /// Sends a question and reads the head of its answer. Returns the rest; None if the daemon does not know the path, or ends.
    fn ask(mut self, method: &str, path: &str, body: &[u8]) -> Result<Option<BufReader<UnixStream>>, ClientError> {
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.0\r\nHost: wnm\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        );
        self.stream.write_all(head.as_bytes()).map_err(ClientError::Answer)?;
        self.stream.write_all(body).map_err(ClientError::Answer)?;
        tracing::trace!(socket = %self.socket.display(), method, path, "asked the daemon");
        let mut answer = BufReader::new(self.stream);
        let status = read_head(&mut answer).map_err(ClientError::Answer)?;
        match status {
            200 => Ok(Some(answer)),
            // Another protocol, or a daemon that ends.
            404 | 410 => Ok(None),
            status => {
                let mut text = String::new();
                let _ = answer.take(LONGEST_HEAD).read_to_string(&mut text);
                Err(ClientError::Refused { status, text: text.trim().to_owned() })
            }
        }
    }
}

/// Reads the head of an answer, and returns its status.
fn read_head(answer: &mut impl BufRead) -> io::Result<u16> {
    let mut head = Vec::new();
    let mut limited = answer.take(LONGEST_HEAD);
    loop {
        let length = head.len();
        if limited.read_until(b'\n', &mut head)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if &head[length..] == b"\r\n" {
            break;
        }
    }
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut headers);
    response.parse(&head).map_err(io::Error::other)?;
    response.code.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

impl Lines {
    /// Returns the next message; None at the end of the answer. Empty lines are skipped.
    ///
    /// # Errors
    /// No line comes within `limit`, or the line is no message.
    pub fn message(&mut self, limit: Duration) -> Result<Option<Message>, ClientError> {
        self.next(limit)
    }

    /// Waits for the next line; returns false at the end of the answer.
    ///
    /// # Errors
    /// No line comes within the time limit.
    pub fn wait(&mut self) -> Result<bool, ClientError> {
        Ok(self.line()?.is_some())
    }

    fn next<T: DeserializeOwned>(&mut self, limit: Duration) -> Result<Option<T>, ClientError> {
        // A limit of zero would mean none.
        let limit = Some(limit.max(Duration::from_millis(1)));
        self.0.get_ref().set_read_timeout(limit).map_err(ClientError::Answer)?;
        loop {
            match self.line()? {
                None => return Ok(None),
                Some(line) if line.is_empty() => {}
                Some(line) => {
                    let message = serde_json::from_slice(&line).map_err(|error| ClientError::Answer(error.into()))?;
                    return Ok(Some(message));
                }
            }
        }
    }

    /// Returns the next line without its line feed; None at the end.
    fn line(&mut self) -> Result<Option<Vec<u8>>, ClientError> {
        let mut line = Vec::new();
        (&mut self.0).take(LONGEST_ANSWER).read_until(b'\n', &mut line).map_err(ClientError::Answer)?;
        // A line without its end was cut off.
        Ok((line.pop() == Some(b'\n')).then_some(line))
    }
}
