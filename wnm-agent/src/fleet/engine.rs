//! The connection to the engine of a fleet: a server of the Redis protocol, version 7 or later.

use redis::{Pipeline, Value};
use wnm_core::{EngineUrl, Tls};

use super::membership::{ClientFiles, Login, Plaintext};
use super::wire::{self, Limits, TlsFault, Wire};
use crate::private_file;
use crate::without_numbers;

/// The first version whose ACL tells keys to read from keys to write.
const LEAST_VERSION: u64 = 7;

/// The engine cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The connection would leave this host without encryption.
    #[error("a connection to {url} would not be encrypted")]
    Plaintext {
        /// The address.
        url: String,
    },
    /// The certificates of the authorities cannot be used.
    #[error("the certificates of the authorities cannot be used: {cause}")]
    Authorities {
        /// The cause.
        cause: String,
    },
    /// The certificate of this client cannot be used.
    #[error("the certificate of this client cannot be used: {cause}")]
    Client {
        /// The cause.
        cause: String,
    },
    /// No connection, or it ended.
    #[error("cannot reach {url}: {cause}")]
    Unreachable {
        /// The address.
        url: String,
        /// The cause.
        cause: String,
    },
    /// The user or the password is wrong.
    #[error("{url} refuses the user {user}")]
    Login {
        /// The address.
        url: String,
        /// The user.
        user: String,
    },
    /// The server is older than version 7.
    #[error("{url} has version {version}, and a fleet needs version 7")]
    Old {
        /// The address.
        url: String,
        /// The version.
        version: String,
    },
    /// The server refuses an operation.
    #[error("{url} refuses an operation: {fault}")]
    Fault {
        /// The address.
        url: String,
        /// The cause.
        fault: Fault,
    },
}

/// The reason why the engine refuses an operation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The server is a replica.
    #[error("it is a read-only replica")]
    ReadOnly,
    /// The memory of the server is full.
    #[error("its memory is full")]
    Full,
    /// The server cannot write its disk, and refuses changes.
    #[error("it cannot write its disk")]
    Disk,
    /// The server loads its data.
    #[error("it is loading its data")]
    Loading,
    /// The user has no right.
    #[error("the user has no right to it")]
    NoRight,
    /// A key has a value of another type.
    #[error("a key of the fleet has a value of another type")]
    WrongType,
    /// Another cause.
    #[error("{0}")]
    Other(String),
}

impl Fault {
    fn of(code: &str, detail: &str) -> Self {
        match code {
            "READONLY" => Self::ReadOnly,
            "OOM" => Self::Full,
            "MISCONF" => Self::Disk,
            "LOADING" | "BUSY" | "MASTERDOWN" => Self::Loading,
            "NOPERM" | "NOAUTH" | "WRONGPASS" => Self::NoRight,
            "WRONGTYPE" => Self::WrongType,
            _ => Self::Other(super::command::one_line(&format!("{code} {detail}"))),
        }
    }
}

/// A connection to the engine.
pub struct Engine {
    wire: Wire,
    url: String,
    version: String,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("url", &self.url).finish_non_exhaustive()
    }
}

/// The replies to the commands of one round trip, each with its own fault.
pub type Replies = Vec<Result<Value, Fault>>;

impl Engine {
    /// Connects, and checks the version of the server.
    ///
    /// # Errors
    /// The connection would not be encrypted, the server cannot be reached, refuses the user, or is too old.
    pub fn connect(url: &EngineUrl, login: &Login) -> Result<Self, EngineError> {
        let text = url.to_string();
        if url.tls() == Tls::Off && !url.is_loopback() && login.plaintext == Plaintext::Refused {
            return Err(EngineError::Plaintext { url: text });
        }
        let wire = Wire::connect(url.host(), url.port(), tls(url, login)?, Limits::USUAL)
            .map_err(|error| unreachable(&error.into(), &text))?;
        let mut engine = Self { wire, url: text, version: String::new() };
        engine.version = engine.log_in(login)?;
        let major = engine.version.split('.').next().and_then(|major| major.parse::<u64>().ok());
        if major.is_none_or(|major| major < LEAST_VERSION) {
            return Err(EngineError::Old { url: engine.url, version: engine.version });
        }
        Ok(engine)
    }

    /// Returns the version of the server, such as `7.0.15`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Returns the error of a fault of this server.
    #[must_use]
    pub fn fault(&self, fault: Fault) -> EngineError {
        EngineError::Fault { url: self.url.clone(), fault }
    }

    /// Sends commands in one round trip.
    ///
    /// # Errors
    /// The connection ended. A command that the server refuses has its fault in the replies.
    pub fn ask(&mut self, commands: &Pipeline) -> Result<Replies, EngineError> {
        let replies = self.wire.ask(commands).map_err(|error| unreachable(&error, &self.url))?;
        let each = |reply| match reply {
            Value::ServerError(error) => Err(Fault::of(error.code(), error.details().unwrap_or_default())),
            value => Ok(value),
        };
        Ok(replies.into_iter().map(each).collect())
    }

    /// Sends commands in one round trip, each of which must succeed.
    ///
    /// # Errors
    /// The connection ended, or the server refuses a command.
    pub fn require(&mut self, commands: &Pipeline) -> Result<Vec<Value>, EngineError> {
        let replies: Result<Vec<Value>, Fault> = self.ask(commands)?.into_iter().collect();
        replies.map_err(|fault| self.fault(fault))
    }

    /// Logs in, and returns the version of the server.
    fn log_in(&mut self, login: &Login) -> Result<String, EngineError> {
        let mut commands = redis::pipe();
        if let Some(password) = &login.password {
            commands.cmd("AUTH").arg(&login.user).arg(password.reveal());
        }
        commands.cmd("HELLO");
        for reply in self.ask(&commands)? {
            match reply {
                Ok(value) => {
                    if let Some(version) = field(&value, "version") {
                        return Ok(version);
                    }
                }
                Err(Fault::NoRight) => {
                    return Err(EngineError::Login { url: self.url.clone(), user: login.user.clone() });
                }
                // A server before version 6 has no users and no such command.
                Err(Fault::Other(_)) => return Ok("5 or earlier".to_owned()),
                Err(fault) => return Err(self.fault(fault)),
            }
        }
        Ok("unknown".to_owned())
    }
}

/// Returns the text of a field of a reply that is a map.
fn field(value: &Value, name: &str) -> Option<String> {
    let is_name = |value: &Value| bytes(value) == Some(name.as_bytes());
    let found = match value {
        Value::Map(pairs) => pairs.iter().find(|(key, _)| is_name(key)).map(|(_, value)| value),
        Value::Array(items) => {
            items.chunks(2).find(|pair| pair.first().is_some_and(is_name)).and_then(|pair| pair.get(1))
        }
        _ => None,
    };
    found.and_then(bytes).map(|text| String::from_utf8_lossy(text).into_owned())
}

/// Returns the bytes of a reply; None for a missing value.
#[must_use]
pub fn bytes(value: &Value) -> Option<&[u8]> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) => Some(text.as_bytes()),
        _ => None,
    }
}

/// Returns the text of a reply; None for a missing value.
#[must_use]
pub fn text(value: &Value) -> Option<String> {
    bytes(value).filter(|bytes| !bytes.is_empty()).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
}

/// Returns the time of a reply to `TIME`, in milliseconds; None for another reply.
#[must_use]
pub fn millis(value: &Value) -> Option<i64> {
    let Value::Array(parts) = value else { return None };
    let number = |at: usize| parts.get(at).and_then(text)?.parse::<i64>().ok();
    Some(number(0)?.saturating_mul(1000).saturating_add(number(1)? / 1000))
}

/// Reads a file of certificates in PEM form, of at most 16 KiB, so that an invitation stays a line.
///
/// # Errors
/// The file cannot be read, is longer, or holds no certificate.
pub fn read_certificates(path: &std::path::Path) -> Result<String, String> {
    const LONGEST: usize = 16 << 10;
    crate::outbound::certificates(path)?;
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    if text.len() > LONGEST { Err("it is longer than 16 KiB".to_owned()) } else { Ok(text) }
}

/// Returns the configuration of TLS of a login; None for an address without TLS.
fn tls(url: &EngineUrl, login: &Login) -> Result<Option<rustls::ClientConfig>, EngineError> {
    if url.tls() == Tls::Off {
        return Ok(None);
    }
    let client = login.client.as_ref().map(client_certificate).transpose()?;
    let client = client.as_ref().map(|(certificate, key)| (certificate.as_str(), key.as_str()));
    let config = wire::tls(login.ca.as_deref(), client).map_err(|fault| match fault {
        TlsFault::Authorities(cause) => EngineError::Authorities { cause: super::command::one_line(&cause) },
        TlsFault::Client(cause) => EngineError::Client { cause: super::command::one_line(&cause) },
    });
    config.map(Some)
}

/// Reads the certificate of this client and its key, which no other user may read.
fn client_certificate(files: &ClientFiles) -> Result<(String, String), EngineError> {
    let unusable = |error: private_file::PrivateFileError| EngineError::Client { cause: error.to_string() };
    let certificate = private_file::read_public(&files.certificate).map_err(unusable)?;
    let key = private_file::read(&files.key, |text| Ok(text.to_owned())).map_err(unusable)?;
    Ok((certificate, key))
}

fn unreachable(error: &redis::RedisError, url: &str) -> EngineError {
    let cause = if error.is_timeout() { "no answer in time".to_owned() } else { cause_of(error) };
    EngineError::Unreachable { url: url.to_owned(), cause }
}

/// Returns the innermost cause of an error, on one line.
fn cause_of(error: &redis::RedisError) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    super::command::one_line(&without_numbers(&cause.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_told_apart_by_their_code() {
        for (code, fault) in [
            ("READONLY", Fault::ReadOnly),
            ("OOM", Fault::Full),
            ("MISCONF", Fault::Disk),
            ("LOADING", Fault::Loading),
            ("NOPERM", Fault::NoRight),
            ("WRONGTYPE", Fault::WrongType),
            ("ERR", Fault::Other("ERR x y".to_owned())),
        ] {
            assert_eq!(Fault::of(code, "x\r\ny"), fault);
        }
    }

    #[test]
    fn a_connection_without_tls_stays_on_the_host() {
        let login =
            Login { user: "u".to_owned(), password: None, ca: None, client: None, plaintext: Plaintext::Refused };
        let url = EngineUrl::new("redis://192.0.2.1").unwrap();
        let error = Engine::connect(&url, &login).unwrap_err();
        assert_eq!(error, EngineError::Plaintext { url: "redis://192.0.2.1:6379".to_owned() });
    }

    #[test]
    fn closed_port_is_unreachable() {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let login =
            Login { user: "u".to_owned(), password: None, ca: None, client: None, plaintext: Plaintext::Refused };
        let error =
            Engine::connect(&EngineUrl::new(&format!("redis://127.0.0.1:{port}")).unwrap(), &login).unwrap_err();
        let told = format!("cannot reach redis://127.0.0.1:{port}: connection refused");
        assert_eq!(error.to_string(), told);
    }
}
