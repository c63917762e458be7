//! The address of the daemon's HTTP server.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::problem::ProblemCause;
use super::values::Value;

/// The address on which a daemon serves HTTP: on the loopback interface, or none.
///
/// Whoever reaches the server reads it without a password, so that it is not reachable from other hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Listen {
    /// The daemon serves no HTTP.
    Off,
    /// The daemon serves HTTP at this loopback address, or at a later port where another program has it.
    At(SocketAddr),
}

impl Listen {
    /// Returns the address; None when off.
    #[must_use]
    pub const fn address(self) -> Option<SocketAddr> {
        match self {
            Self::Off => None,
            Self::At(address) => Some(address),
        }
    }
}

impl Value for Listen {
    const KIND: &'static str = "an address with a port, or off";
    fn allowed() -> String {
        "off, or a loopback address with a port, such as 127.0.0.1:9910 or [::1]:9910".to_owned()
    }
    fn words() -> Vec<String> {
        ["off", "127.0.0.1:9910"].map(str::to_owned).into()
    }
    fn read(text: &str) -> Result<Self, ProblemCause> {
        if text == "off" {
            return Ok(Self::Off);
        }
        let address: SocketAddr = text.parse().map_err(|_| ProblemCause::NotAnAddress)?;
        match address.port() {
            0 => Err(ProblemCause::OutOfRange { min: 1, max: u16::MAX.into(), unit: "" }),
            _ if address.ip().is_loopback() => Ok(Self::At(address)),
            _ => Err(ProblemCause::NotLoopback),
        }
    }
    fn write(&self) -> String {
        self.address().map_or_else(|| "off".to_owned(), |address| address.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_addresses_are_read() {
        for text in ["off", "127.0.0.1:9910", "127.1.2.3:1", "[::1]:65535"] {
            assert_eq!(Listen::read(text).map(|listen| listen.write()).as_deref(), Ok(text));
        }
        for text in ["", "9910", "localhost:9910", "127.0.0.1", "::1:9910", "127.0.0.1:99999", "OFF"] {
            assert_eq!(Listen::read(text), Err(ProblemCause::NotAnAddress), "{text}");
        }
        for text in ["0.0.0.0:9910", "192.168.0.2:9910", "[::]:9910", "[::ffff:127.0.0.1]:9910"] {
            assert_eq!(Listen::read(text), Err(ProblemCause::NotLoopback), "{text}");
        }
        assert!(matches!(Listen::read("127.0.0.1:0"), Err(ProblemCause::OutOfRange { min: 1, .. })));
    }
}
