//! The address of the daemon's HTTP server, and the files that protect it.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::problem::{Problem, ProblemCause};
use super::raw::RawSettings;
use super::values::Value;

/// The address on which a daemon serves HTTP, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Listen {
    /// The daemon serves no HTTP.
    Off,
    /// The daemon serves HTTP at this address, or at a later port where another program has it.
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
        "off, or an address with a port, such as 127.0.0.1:9910 or [::1]:9910".to_owned()
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
            _ => Ok(Self::At(address)),
        }
    }
    fn write(&self) -> String {
        self.address().map_or_else(|| "off".to_owned(), |address| address.to_string())
    }
}

/// The files of TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate of the server with those of its intermediate authorities, in PEM form.
    pub certificate: PathBuf,
    /// The private key of the certificate, in PEM form.
    pub key: PathBuf,
}

/// The HTTP server of a daemon.
///
/// Every process of the host reaches a loopback address, and every host of a network reaches any other one: such an
/// address always has a token and TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenSettings {
    /// The address.
    pub at: Listen,
    /// The file with the token that clients present; None where each client is served.
    pub token_file: Option<PathBuf>,
    /// The files of TLS; None for HTTP without encryption.
    pub tls: Option<TlsFiles>,
}

impl ListenSettings {
    /// A server that is off.
    pub const OFF: Self = Self::local(Listen::Off);

    /// Returns a server without a token and without TLS.
    #[must_use]
    pub const fn local(at: Listen) -> Self {
        Self { at, token_file: None, tls: None }
    }

    /// Returns the server that the settings describe.
    ///
    /// # Errors
    /// An address that other hosts reach, without a token or TLS; a certificate without its key, or a key without its
    /// certificate.
    pub(super) fn new(raw: &RawSettings) -> Result<Self, Problem> {
        let at = raw.listen.unwrap_or(Listen::Off);
        let file = |path: &Option<super::Path>| path.as_ref().map(|path| path.0.clone());
        let token_file = file(&raw.listen_token_file);
        let needs = |key: &str, value: &dyn std::fmt::Display, needed| {
            Problem::new(key, value, ProblemCause::Needs { needed, other_hosts: key == "listen" })
        };
        let tls = match (file(&raw.listen_cert), file(&raw.listen_key)) {
            (Some(certificate), Some(key)) => Some(TlsFiles { certificate, key }),
            (Some(certificate), None) => {
                return Err(needs("listen_cert", &certificate.display(), vec!["listen_key"]));
            }
            (None, Some(key)) => return Err(needs("listen_key", &key.display(), vec!["listen_cert"])),
            (None, None) => None,
        };
        let settings = Self { at, token_file, tls };
        match (at.address(), settings.missing()) {
            (Some(address), missing) if !missing.is_empty() => Err(needs("listen", &address, missing)),
            _ => Ok(settings),
        }
    }

    /// Returns the names of the settings that the address needs because other hosts reach it, and that are not given; none
    /// for a loopback address.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        if self.at.address().is_none_or(|address| address.ip().is_loopback()) {
            return Vec::new();
        }
        let token = self.token_file.is_none().then_some("listen_token_file");
        let tls = self.tls.is_none().then_some(["listen_cert", "listen_key"]);
        token.into_iter().chain(tls.into_iter().flatten()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_a_port() {
        for text in ["off", "127.0.0.1:9910", "127.1.2.3:1", "[::1]:65535", "0.0.0.0:9910", "[::]:9910"] {
            assert_eq!(Listen::read(text).map(|listen| listen.write()).as_deref(), Ok(text));
        }
        for text in ["", "9910", "localhost:9910", "127.0.0.1", "::1:9910", "127.0.0.1:99999", "OFF"] {
            assert_eq!(Listen::read(text), Err(ProblemCause::NotAnAddress), "{text}");
        }
        assert!(matches!(Listen::read("127.0.0.1:0"), Err(ProblemCause::OutOfRange { min: 1, .. })));
    }

    #[test]
    fn address_beyond_this_host_needs_a_token_and_tls() {
        let checked = |settings: &[&str]| {
            let mut raw = RawSettings::default();
            for setting in settings {
                let (key, value) = setting.split_once('=').unwrap();
                raw.set(key, value).unwrap();
            }
            ListenSettings::new(&raw).map_err(|problem| problem.to_string())
        };
        let (token, cert, key) = ("listen_token_file=/t", "listen_cert=/c", "listen_key=/k");
        let none: &[&str] = &[];
        for address in ["listen=off", "listen=127.0.0.1:9910", "listen=[::1]:9910"] {
            for files in [none, &[token], &[cert, key], &[token, cert, key]] {
                assert!(checked(&[&[address], files].concat()).is_ok(), "{address} {files:?}");
            }
        }
        for address in ["0.0.0.0:9910", "192.168.0.2:9910", "[::]:9910", "[::ffff:127.0.0.1]:9910"] {
            let listen = format!("listen={address}");
            assert!(checked(&[&listen, token, cert, key]).is_ok(), "{address}");
            for (files, missing) in [
                (none, "listen_token_file, listen_cert and listen_key"),
                (&[token], "listen_cert and listen_key"),
                (&[cert, key], "listen_token_file"),
            ] {
                let problem = format!("listen ({address}) needs {missing}, because other hosts can reach it");
                assert_eq!(checked(&[&[listen.as_str()], files].concat()), Err(problem));
            }
        }
        assert_eq!(checked(&[cert]), Err("listen_cert (/c) needs listen_key".to_owned()));
        assert_eq!(checked(&[key]), Err("listen_key (/k) needs listen_cert".to_owned()));
    }
}
