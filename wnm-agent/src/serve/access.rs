//! Who may read the HTTP server: the token that clients present, and the certificate under whose names they reach it.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use axum::http::uri::Authority;
use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq as _;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::client::verify_server_name;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{self, ServerConfig};
use wnm_core::{ListenSettings, TlsFiles};

use super::validity;
use crate::control::FailureInfo;
use crate::live::Validity;
use crate::private_file::{self, PrivateFileError};

/// The least length of a token, in bytes.
const SHORTEST_TOKEN: usize = 16;

/// The contents of the files of the settings.
#[derive(Default, PartialEq, Eq)]
struct Files {
    token: Option<String>,
    /// The certificates and the key.
    tls: Option<(String, String)>,
}

/// The checks of the clients of a server. The default has none, for a server that only this host reaches.
#[derive(Default)]
pub(super) struct Access {
    files: Files,
    tls: Option<Tls>,
}

struct Tls {
    acceptor: TlsAcceptor,
    /// The certificate of the server.
    certificate: CertificateDer<'static>,
    /// The time for which its chain is valid; None for one without an end.
    validity: Option<Validity>,
}

impl PartialEq for Access {
    fn eq(&self, other: &Self) -> bool {
        self.files == other.files
    }
}

impl Access {
    /// Returns the checks of the settings; `last` where their files have not changed.
    ///
    /// # Errors
    /// A file cannot be used. The failure quotes no secret.
    pub(super) fn read(settings: &ListenSettings, last: Option<&Arc<Self>>) -> Result<Arc<Self>, FailureInfo> {
        let token = settings.token_file.as_deref().map(token).transpose()?;
        let tls = settings.tls.as_ref().map(|TlsFiles { certificate, key }| {
            let certificates = private_file::read_public(certificate).map_err(|error| failure(&error, CERT_HINT))?;
            let key = private_file::read(key, |text| Ok(text.to_owned())).map_err(|error| failure(&error, KEY_HINT))?;
            Ok::<_, FailureInfo>((certificates, key))
        });
        let files = Files { token, tls: tls.transpose()? };
        if let Some(last) = last.filter(|last| last.files == files) {
            return Ok(Arc::clone(last));
        }
        let tls = match (&files.tls, &settings.tls) {
            (Some((certificates, key)), Some(paths)) => Some(Tls::new(certificates, key).map_err(|cause| {
                let (certificate, key) = (paths.certificate.display(), paths.key.display());
                let hint =
                    "the files hold the certificate of the server with its chain, and its private key, in PEM form";
                FailureInfo {
                    error: format!("cannot use {certificate} with {key}: {cause}"),
                    hint: Some(hint.to_owned()),
                }
            })?),
            _ => None,
        };
        Ok(Arc::new(Self { files, tls }))
    }

    pub(super) fn acceptor(&self) -> Option<&TlsAcceptor> {
        self.tls.as_ref().map(|tls| &tls.acceptor)
    }

    /// Returns the time for which the certificate is valid; None without TLS.
    pub(super) fn validity(&self) -> Option<Validity> {
        self.tls.as_ref()?.validity
    }

    /// Returns the scheme of addresses of the server.
    pub(super) const fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// Returns whether the headers present the token. The comparison takes the same time for every token of its length.
    pub(super) fn permits(&self, headers: &HeaderMap) -> bool {
        let Some(token) = &self.files.token else { return true };
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return false };
        let given = value.to_str().ok().and_then(presented);
        given.is_some_and(|given| given.ct_eq(token.as_bytes()).into())
    }

    /// Returns whether a host with an optional port is this server: `localhost` or a loopback address; with TLS also any
    /// other address, because no name was resolved to it, and the names of the certificate.
    pub(super) fn is_own_host(&self, host: &str) -> bool {
        let Ok(authority) = host.parse::<Authority>() else { return false };
        // A user name in front of the host would hide it.
        if authority.as_str().contains('@') {
            return false;
        }
        let name = authority.host();
        let address = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
        match address.parse::<IpAddr>() {
            Ok(address) => address.is_loopback() || self.tls.is_some(),
            Err(_) => name.eq_ignore_ascii_case("localhost") || self.tls.as_ref().is_some_and(|tls| tls.names(name)),
        }
    }
}

/// Checks the files of the token and of TLS as a daemon does. Returns the time for which the certificate is valid; None
/// without TLS, and for a certificate without an end.
///
/// # Errors
/// A file cannot be used. The failure quotes no secret.
pub fn check_files(settings: &ListenSettings) -> Result<Option<Validity>, FailureInfo> {
    Access::read(settings, None).map(|access| access.validity())
}

impl Tls {
    fn new(certificates: &str, key: &str) -> Result<Self, String> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificates.as_bytes()).collect();
        let chain = chain.map_err(|_| "a certificate is no valid PEM".to_owned())?;
        let certificate = chain.first().cloned().ok_or("no certificate in PEM form")?;
        let validity = validity::of(&chain);
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| "no private key in PEM form".to_owned())?;
        let cause = |error: rustls::Error| match error {
            rustls::Error::InconsistentKeys(_) => "the key is not that of the certificate".to_owned(),
            error => error.to_string(),
        };
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(cause)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(cause)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), certificate, validity })
    }

    fn names(&self, name: &str) -> bool {
        let Ok(name) = ServerName::try_from(name) else { return false };
        ParsedCertificate::try_from(&self.certificate).is_ok_and(|parsed| verify_server_name(&parsed, &name).is_ok())
    }
}

const TOKEN_HINT: &str =
    "write a token with `(umask 077; openssl rand -hex 32 >FILE)`, FILE being that of listen_token_file";
const CERT_HINT: &str = "`wnm config describe listen_cert` describes the file";
const KEY_HINT: &str = "`wnm config describe listen_key` describes the file";

fn failure(error: &PrivateFileError, hint: &str) -> FailureInfo {
    let command = error.command().map(|command| format!("run `{}`", command.join(" ")));
    FailureInfo { error: error.to_string(), hint: Some(command.unwrap_or_else(|| hint.to_owned())) }
}

fn token(path: &Path) -> Result<String, FailureInfo> {
    let parse = |text: &str| match text.trim() {
        "" => Err("it is empty".to_owned()),
        token if token.len() < SHORTEST_TOKEN => Err(format!("a token has at least {SHORTEST_TOKEN} characters")),
        // No header can hold another character.
        token if !token.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Err("a token is one word of ASCII characters".to_owned())
        }
        token => Ok(token.to_owned()),
    };
    private_file::read(path, parse).map_err(|error| failure(&error, TOKEN_HINT))
}

/// Returns the token in a header `Authorization`: that of the scheme Bearer, or the password of the scheme Basic, for
/// which browsers ask. The user of Basic may be any.
fn presented(value: &str) -> Option<Vec<u8>> {
    let (scheme, rest) = value.split_once(' ')?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.as_bytes().to_vec());
    }
    let pair = scheme.eq_ignore_ascii_case("basic").then(|| STANDARD.decode(rest).ok())??;
    let colon = pair.iter().position(|byte| *byte == b':')?;
    Some(pair[colon + 1..].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_tls() -> Access {
        let names = ["node.example", "*.farm.example"].map(str::to_owned);
        let rcgen::CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(names).unwrap();
        let tls = Tls::new(&cert.pem(), &signing_key.serialize_pem()).unwrap();
        Access { files: Files::default(), tls: Some(tls) }
    }

    #[test]
    fn hosts_are_this_one_or_those_of_the_certificate() {
        let (plain, tls) = (Access::default(), with_tls());
        for host in ["localhost", "LocalHost:9910", "127.0.0.1", "127.0.0.1:9910", "127.9.9.9:1", "[::1]", "[::1]:9910"]
        {
            assert!(plain.is_own_host(host) && tls.is_own_host(host), "{host}");
        }
        for host in ["192.168.0.2", "0.0.0.0:9910", "[::]", "[2001:db8::1]:9910", "node.example", "Node.Example:9910"] {
            assert!(!plain.is_own_host(host) && tls.is_own_host(host), "{host}");
        }
        assert!(tls.is_own_host("web.farm.example"));
        for host in [
            "",
            "evil.example",
            "farm.example",
            "a.b.farm.example",
            "node.example.evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "localhost@evil.example",
            "evil@localhost",
            "localhost.",
            "2130706433",
            "127.1",
            "a b",
        ] {
            assert!(!plain.is_own_host(host) && !tls.is_own_host(host), "{host}");
        }
    }

    #[test]
    fn token_is_that_of_bearer_or_the_password_of_basic() {
        let files = Files { token: Some("0123456789abcdef".to_owned()), tls: None };
        let access = Access { files, tls: None };
        let permits = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::AUTHORIZATION, value.parse().unwrap());
            }
            access.permits(&headers)
        };
        let basic = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
        for value in [
            "Bearer 0123456789abcdef".to_owned(),
            "bearer  0123456789abcdef".to_owned(),
            basic("any:0123456789abcdef"),
            basic(":0123456789abcdef"),
        ] {
            assert!(permits(&[&value]), "{value}");
        }
        for value in [
            String::new(),
            "0123456789abcdef".to_owned(),
            "Bearer".to_owned(),
            "Bearer ".to_owned(),
            "Bearer 0123456789abcde".to_owned(),
            "Bearer 0123456789abcdef0".to_owned(),
            "Bearer 0123456789ABCDEF".to_owned(),
            "Digest 0123456789abcdef".to_owned(),
            "Basic 0123456789abcdef".to_owned(),
            "Basic !".to_owned(),
            basic("0123456789abcdef"),
            basic("0123456789abcdef:any"),
            basic("a:b:0123456789abcdef"),
        ] {
            assert!(!permits(&[&value]), "{value}");
        }
        assert!(!permits(&[]) && !permits(&["Bearer 0123456789abcdef"; 2]));
        assert!(Access::default().permits(&HeaderMap::new()), "without a token each client is served");
    }
}
