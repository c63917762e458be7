//! The address of the engine of a fleet: a server of the Redis protocol.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::problem::ProblemCause;
use super::values::Value;

/// The port of an address that names none.
const DEFAULT_PORT: u16 = 6379;

/// An address such as `rediss://redis.example.org:6379`, without a user, a password and a database.
///
/// Settings are shown by `wnm config list`, so that a password does not belong into an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineUrl {
    tls: Tls,
    host: String,
    port: u16,
}

/// Whether a connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// The connection uses TLS, as `rediss://` says.
    On,
    /// The connection is not encrypted, as `redis://` says.
    Off,
}

impl EngineUrl {
    /// Returns the address of a text. A missing port is 6379.
    ///
    /// # Errors
    /// The text has another scheme, no host, a user, a path, an invalid port, or a space.
    pub fn new(text: &str) -> Result<Self, ProblemCause> {
        let (tls, rest) = match (text.strip_prefix("rediss://"), text.strip_prefix("redis://")) {
            (Some(rest), _) => (Tls::On, rest),
            (None, Some(rest)) => (Tls::Off, rest),
            (None, None) => return Err(ProblemCause::NotAnEngine),
        };
        if rest.contains('@') {
            return Err(ProblemCause::UrlWithUser);
        }
        let (host, port) = split(rest).ok_or(ProblemCause::NotAnEngine)?;
        let is_valid = |c: char| c.is_ascii_alphanumeric() || "-._:%".contains(c);
        if host.is_empty() || host.len() > 253 || !host.chars().all(is_valid) {
            return Err(ProblemCause::NotAnEngine);
        }
        Ok(Self { tls, host: host.to_owned(), port })
    }

    /// Returns whether connections are encrypted.
    #[must_use]
    pub const fn tls(&self) -> Tls {
        self.tls
    }

    /// Returns the host name or address, an IPv6 address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Returns whether the host is this one.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
    }
}

/// Splits `host:port` or `[address]:port`; None for an invalid port or bracket.
fn split(authority: &str) -> Option<(&str, u16)> {
    let port = |text: &str| text.parse().ok().filter(|port| *port != 0);
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        return match rest.strip_prefix(':') {
            Some(text) => Some((host, port(text)?)),
            None if rest.is_empty() => Some((host, DEFAULT_PORT)),
            None => None,
        };
    }
    match authority.split_once(':') {
        Some((_, text)) if text.contains(':') => None,
        Some((host, text)) => Some((host, port(text)?)),
        None => Some((authority, DEFAULT_PORT)),
    }
}

impl fmt::Display for EngineUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.tls {
            Tls::On => "rediss",
            Tls::Off => "redis",
        };
        let Self { host, port, .. } = self;
        if host.contains(':') { write!(f, "{scheme}://[{host}]:{port}") } else { write!(f, "{scheme}://{host}:{port}") }
    }
}

impl Serialize for EngineUrl {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EngineUrl {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(&text).map_err(|_| serde::de::Error::custom(format!("{text:?} is not {}", Self::KIND)))
    }
}

impl Value for EngineUrl {
    const KIND: &'static str = "an address that begins with redis:// or rediss://";
    fn read(text: &str) -> Result<Self, ProblemCause> {
        Self::new(text)
    }
    fn write(&self) -> String {
        self.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_name_a_host_and_a_port() {
        for (text, shown, loopback) in [
            ("redis://127.0.0.1", "redis://127.0.0.1:6379", true),
            ("rediss://redis.example.org:7000", "rediss://redis.example.org:7000", false),
            ("redis://[::1]:6380", "redis://[::1]:6380", true),
            ("redis://localhost", "redis://localhost:6379", true),
            ("redis://10.8.0.1", "redis://10.8.0.1:6379", false),
            ("redis://127.example.org", "redis://127.example.org:6379", false),
        ] {
            let url = EngineUrl::new(text).unwrap();
            assert_eq!((url.to_string().as_str(), url.is_loopback()), (shown, loopback));
            assert_eq!(EngineUrl::new(shown), Ok(url));
        }
        for text in [
            "",
            "127.0.0.1",
            "http://a",
            "redis://",
            "redis://:6379",
            "redis://a:0",
            "redis://a:70000",
            "redis://a:b",
            "redis://a/1",
            "redis://a b",
            "redis://::1",
            "redis://[::1",
            "redis://[::1]6379",
        ] {
            assert_eq!(EngineUrl::new(text), Err(ProblemCause::NotAnEngine), "{text}");
        }
        assert_eq!(EngineUrl::new("redis://user:secret@a"), Err(ProblemCause::UrlWithUser));
    }
}
