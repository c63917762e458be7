//! The connection to an engine: TCP or TLS, with bounds on the time and on the length of each answer. The `redis` crate
//! writes commands and reads answers, but bounds only the time of each single read.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::{Parser, Pipeline, Value};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// The bounds on each question with its answers.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    /// Longest wait for a connection, and for the next bytes of an answer.
    wait: Duration,
    /// Longest time to the end of the answers.
    time: Duration,
    /// Longest answers, in bytes.
    bytes: u64,
}

impl Limits {
    /// 1,000 hosts of 1,000 nodes have 37 MB.
    pub(super) const USUAL: Self =
        Self { wait: Duration::from_secs(5), time: Duration::from_secs(60), bytes: 64 << 20 };
}

/// A connection to an engine, with or without TLS.
pub(super) struct Wire {
    stream: Stream,
    parser: Parser,
    /// Whether answers may be left of a question that failed.
    is_broken: bool,
}

enum Stream {
    Plain(Socket),
    Tls(Box<StreamOwned<ClientConnection, Socket>>),
}

/// A TCP connection whose reads and writes end at a time, and after a number of bytes.
struct Socket {
    tcp: TcpStream,
    limits: Limits,
    /// The end of the question.
    until: Instant,
    /// The bytes that may still come.
    left: u64,
}

impl Wire {
    /// Connects, with TLS where it has a configuration.
    ///
    /// # Errors
    /// The name has no address, or no address accepts a connection in time.
    pub(super) fn connect(host: &str, port: u16, tls: Option<ClientConfig>, limits: Limits) -> io::Result<Self> {
        let socket = Socket::connect(host, port, limits)?;
        let stream = match tls {
            None => Stream::Plain(socket),
            Some(config) => {
                let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
                let connection = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
                Stream::Tls(Box::new(StreamOwned::new(connection, socket)))
            }
        };
        Ok(Self { stream, parser: Parser::new(), is_broken: false })
    }

    /// Sends commands, and returns their answers. After an error, each further question fails.
    ///
    /// # Errors
    /// The connection ends, the answers take too long or are too long, or are none of the protocol.
    pub(super) fn ask(&mut self, commands: &Pipeline) -> redis::RedisResult<Vec<Value>> {
        if std::mem::replace(&mut self.is_broken, true) {
            return Err(io::Error::from(io::ErrorKind::NotConnected).into());
        }
        let answers = self.exchange(commands)?;
        self.is_broken = false;
        Ok(answers)
    }

    fn exchange(&mut self, commands: &Pipeline) -> redis::RedisResult<Vec<Value>> {
        self.stream.begin();
        self.stream.write_all(&commands.get_packed_pipeline())?;
        self.stream.flush()?;
        commands.cmd_iter().map(|_| self.parser.parse_value(&mut self.stream)).collect()
    }
}

impl Stream {
    fn begin(&mut self) {
        let socket = match self {
            Self::Plain(socket) => socket,
            Self::Tls(stream) => &mut stream.sock,
        };
        (socket.until, socket.left) = (Instant::now() + socket.limits.time, socket.limits.bytes);
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

impl Socket {
    fn connect(host: &str, port: u16, limits: Limits) -> io::Result<Self> {
        let until = Instant::now() + limits.wait;
        let mut failed = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in (host, port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, remaining(until)?) {
                Ok(tcp) => {
                    tcp.set_nodelay(true)?;
                    return Ok(Self { tcp, limits, until, left: limits.bytes });
                }
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }
}

/// Returns the time until the end of a wait.
fn remaining(until: Instant) -> io::Result<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::Error::other(format!("its answer is longer than {} MB", self.limits.bytes >> 20)));
        }
        self.tcp.set_read_timeout(Some(remaining(self.until)?.min(self.limits.wait)))?;
        let read = self.tcp.read(buffer)?;
        self.left = self.left.saturating_sub(read as u64);
        Ok(read)
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.tcp.set_write_timeout(Some(remaining(self.until)?.min(self.limits.wait)))?;
        self.tcp.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.tcp.flush()
    }
}

/// Returns the configuration of TLS: trusts the authorities of a text in PEM form, or the public ones of Mozilla.
///
/// # Errors
/// The text holds no usable certificate, or the certificate of the client does not belong to its key.
pub(super) fn tls(authorities: Option<&str>, client: Option<(&str, &str)>) -> Result<ClientConfig, TlsFault> {
    let mut roots = RootCertStore::empty();
    match authorities {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(text) => {
            let refused = |error: &dyn std::error::Error| TlsFault::Authorities(error.to_string());
            for certificate in certificates(text).map_err(|error| refused(&error))? {
                roots.add(certificate).map_err(|error| refused(&error))?;
            }
        }
    }
    // Named: another library of the process may have installed another provider.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| TlsFault::Authorities(error.to_string()))?.with_root_certificates(roots);
    let Some((certificate, key)) = client else { return Ok(config.with_no_client_auth()) };
    let refused = |error: &dyn std::error::Error| TlsFault::Client(error.to_string());
    let chain = certificates(certificate).map_err(|error| refused(&error))?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|error| refused(&error))?;
    config.with_client_auth_cert(chain, key).map_err(|error| refused(&error))
}

/// A reason why there is no configuration of TLS.
pub(super) enum TlsFault {
    /// The certificates of the authorities cannot be used.
    Authorities(String),
    /// The certificate of the client or its key cannot be used.
    Client(String),
}

fn certificates(text: &str) -> Result<Vec<CertificateDer<'static>>, rustls::pki_types::pem::Error> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(text.as_bytes()).collect::<Result<_, _>>()?;
    if found.is_empty() { Err(rustls::pki_types::pem::Error::NoItemsFound) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// Asks a server that sends the same bytes again and again, with a pause after each time.
    fn ask(begin: &'static [u8], again: &'static str, pause: Duration, time: Duration) -> (Wire, redis::RedisError) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut sent = stream.write_all(begin);
            while sent.is_ok() {
                thread::sleep(pause);
                sent = stream.write_all(again.as_bytes());
            }
        });
        let limits = Limits { wait: Duration::from_secs(30), time, bytes: 1 << 20 };
        let mut wire = Wire::connect("127.0.0.1", port, None, limits).unwrap();
        let error = wire.ask(redis::pipe().cmd("HELLO")).unwrap_err();
        (wire, error)
    }

    #[test]
    fn answer_that_never_ends_is_ended() {
        let (_, error) = ask(b"+", "x", Duration::from_millis(10), Duration::from_millis(300));
        assert!(error.is_timeout(), "{error}");
        let numbers: &str = ":12345\r\n".repeat(8192).leak();
        for begin in [&b"$1000000000\r\n"[..], b"*1000000000\r\n", b"%1000000000\r\n", b"|1000000000\r\n"] {
            let (mut wire, error) = ask(begin, numbers, Duration::ZERO, Duration::from_secs(60));
            assert!(error.to_string().contains("longer than 1 MB"), "{error}");
            // The rest of the answer is no answer to the next question.
            let error = wire.ask(redis::pipe().cmd("TIME")).unwrap_err();
            assert!(error.is_io_error(), "{error}");
        }
    }
}
