//! Requests to HTTP servers: TLS with rustls, bounded times and answers, no redirects and no proxies.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

use crate::private_file::{self, PrivateFileError};
use crate::{aside, without_numbers};

/// Largest file of certificates that is read, in bytes.
const LARGEST_FILE: u64 = 1 << 20;
/// Longest quotation of an answer, in characters.
const LONGEST_QUOTE: usize = 200;
/// Longest answer to a request that sends data, in bytes.
const LONGEST_REPLY: u64 = 64 << 10;

/// The reason for which a request failed. No address is part of it: its path may be a secret.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// The file of certificates cannot be used.
    #[error("cannot use {}: {cause}", path.display())]
    Authorities {
        /// The file.
        path: PathBuf,
        /// The cause.
        cause: String,
    },
    /// No answer arrived.
    #[error("{0}")]
    Request(String),
    /// The server answered with an error.
    #[error("the server answered {status}{}{quote}", if quote.is_empty() { "" } else { ": " })]
    Status {
        /// The status code.
        status: u16,
        /// The begin of the answer on one line.
        quote: String,
        /// The time after which the server accepts another request.
        retry_after: Option<Duration>,
    },
    /// The server refused the question for a reason in its answer, or the answer is longer than allowed.
    #[error("{0}")]
    Refused(String),
    /// The answer has another form.
    #[error("the answer is not of the documented form: {0}")]
    Answer(String),
}

/// Returns a client whose requests end after `timeout`. With a file of certificates in PEM form, only their authorities
/// are trusted; without one, the public ones of Mozilla.
///
/// # Errors
/// The file cannot be read, or holds no certificate.
pub fn client(timeout: Duration, authorities: Option<&Path>) -> Result<ureq::Agent, OutboundError> {
    let roots = match authorities {
        None => RootCerts::WebPki,
        Some(path) => {
            let failed = |cause: String| OutboundError::Authorities { path: path.to_owned(), cause };
            RootCerts::new_with_certs(&certificates(path).map_err(failed)?)
        }
    };
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(timeout))
        .http_status_as_error(false)
        // A redirect or a proxy would send a secret to another server.
        .max_redirects(0)
        .proxy(None)
        .user_agent(concat!("wnm/", env!("CARGO_PKG_VERSION")))
        .tls_config(TlsConfig::builder().root_certs(roots).build())
        .build();
    Ok(ureq::Agent::with_parts(config, DefaultConnector::default(), Names))
}

/// Finds the addresses of a server by its name, within the time that is left.
///
/// The resolver of ureq panics on a host that is at its limit of tasks.
#[derive(Debug)]
struct Names;

impl Resolver for Names {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let (sender, found) = channel();
        let (uri, config) = (uri.clone(), config.clone());
        // Without a timeout of its own, the resolver of ureq starts no thread.
        let find = move || _ = sender.send(DefaultResolver::default().resolve(&uri, &config, NextTimeout::default()));
        aside::run("wnm-name", find);
        found.recv_timeout(*timeout.after).unwrap_or_else(|error| match error {
            RecvTimeoutError::Timeout => Err(ureq::Error::Timeout(timeout.reason)),
            RecvTimeoutError::Disconnected => Err(ureq::Error::HostNotFound),
        })
    }
}

pub(crate) fn certificates(path: &Path) -> Result<Vec<Certificate<'static>>, String> {
    use std::io::Read as _;
    let (file, _) = private_file::open(path).map_err(|error| match error {
        PrivateFileError::Unreadable { source, .. } => source.to_string(),
        error => error.to_string(),
    })?;
    let mut text = Vec::new();
    file.take(LARGEST_FILE).read_to_end(&mut text).map_err(|error| error.to_string())?;
    let mut found = Vec::new();
    for item in parse_pem(&text) {
        if let PemItem::Certificate(certificate) = item.map_err(|error| error.to_string())? {
            found.push(certificate.to_owned());
        }
    }
    if found.is_empty() { Err("it holds no certificate in PEM form".to_owned()) } else { Ok(found) }
}

/// Returns the answer to a GET request.
///
/// # Errors
/// No answer arrived in time, its status is not 200, or it is longer than `longest` bytes.
pub fn get(client: &ureq::Agent, url: &str, longest: u64) -> Result<Vec<u8>, OutboundError> {
    let response = client.get(url).call().map_err(|error| failed(&error))?;
    let mut response = accepted(response)?;
    response.body_mut().with_config().limit(longest).read_to_vec().map_err(|error| failed(&error))
}

/// Sends a POST request with these headers. The content of a successful answer is not used.
///
/// # Errors
/// No answer arrived in time, or its status is not one of success.
pub fn post(client: &ureq::Agent, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<(), OutboundError> {
    sent(client, url, headers, body).map(|_| ())
}

/// Returns the answer to a POST request with these headers.
///
/// # Errors
/// No answer arrived in time, its status is not one of success, or it is longer than `longest` bytes.
pub fn ask(
    client: &ureq::Agent,
    url: &str,
    headers: &[(&str, &str)],
    body: &[u8],
    longest: u64,
) -> Result<Vec<u8>, OutboundError> {
    let mut response = sent(client, url, headers, body)?;
    response.body_mut().with_config().limit(longest).read_to_vec().map_err(|error| failed(&error))
}

fn sent(
    client: &ureq::Agent,
    url: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<ureq::http::Response<ureq::Body>, OutboundError> {
    let mut request = client.post(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    accepted(request.send(body).map_err(|error| failed(&error))?)
}

fn accepted(mut response: ureq::http::Response<ureq::Body>) -> Result<ureq::http::Response<ureq::Body>, OutboundError> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let header =
        response.headers().get("retry-after").and_then(|value| wait(value.to_str().ok()?, jiff::Timestamp::now()));
    let answer = response.body_mut().with_config().limit(LONGEST_REPLY).read_to_string().unwrap_or_default();
    let retry_after = retry_after(&answer).or(header);
    let quote = answer.split_whitespace().collect::<Vec<_>>().join(" ");
    let quote = quote.chars().filter(|c| !c.is_control()).take(LONGEST_QUOTE).collect();
    Err(OutboundError::Status { status: status.as_u16(), quote, retry_after })
}

/// Returns the wait that a header `Retry-After` asks for: seconds, or the date of their end. Another value, as a date that
/// has passed, asks for none. The callers bound a long wait.
fn wait(header: &str, now: jiff::Timestamp) -> Option<Duration> {
    let header = header.trim();
    if !header.is_empty() && header.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(header.parse().unwrap_or(u64::MAX)));
    }
    let end = jiff::fmt::rfc2822::parse(header).ok()?.timestamp();
    Duration::try_from(end.duration_since(now)).ok()
}

/// Returns the wait that the body of an answer asks for: Discord in seconds, Telegram in its parameters.
fn retry_after(answer: &str) -> Option<Duration> {
    let answer: serde_json::Value = serde_json::from_str(answer).ok()?;
    let seconds = answer.get("retry_after").or_else(|| answer.get("parameters")?.get("retry_after"))?.as_f64()?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// Returns the failure of a request, without its address.
fn failed(error: &ureq::Error) -> OutboundError {
    OutboundError::Request(match error {
        ureq::Error::BadUri(_) => "the address cannot be used".to_owned(),
        ureq::Error::Timeout(_) => "no answer in time".to_owned(),
        ureq::Error::BodyExceedsLimit(limit) => {
            return OutboundError::Refused(format!("the answer is longer than {limit} bytes"));
        }
        ureq::Error::Io(error) => without_numbers(&error.to_string()),
        error => error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wait_is_that_of_seconds_or_of_a_date() {
        let now = "1994-11-06T08:49:00Z".parse().unwrap();
        let longest = Some(u64::MAX);
        for (header, seconds) in [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("18446744073709551615", longest),
            ("99999999999999999999999", longest),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(37)),
            ("Sun, 06 Nov 1994 09:49:37 +0100", Some(37)),
            ("Sun, 06 Nov 1994 08:49:00 GMT", Some(0)),
            ("Sun, 06 Nov 1994 08:48:37 GMT", None),
            ("-1", None),
            ("+1", None),
            ("1.5", None),
            ("1e9", None),
            ("soon", None),
            ("", None),
            ("1994-11-06T08:49:37Z", None),
            ("Sun, 99 Nov 1994 08:49:37 GMT", None),
        ] {
            assert_eq!(wait(header, now).map(|wait| wait.as_secs()), seconds, "{header}");
        }
    }

    #[test]
    fn waits_in_an_answer_are_seconds() {
        for (answer, seconds) in [
            (r#"{"retry_after": 1.5}"#, Some(1.5)),
            (r#"{"parameters": {"retry_after": 7}}"#, Some(7.0)),
            (r#"{"retry_after": -1}"#, None),
            (r#"{"retry_after": 1e300}"#, None),
            (r#"{"retry_after": "soon"}"#, None),
            ("[]", None),
            ("<html>", None),
        ] {
            assert_eq!(retry_after(answer).map(|wait| wait.as_secs_f64()), seconds, "{answer}");
        }
    }

    #[test]
    fn failure_of_the_system_is_told_in_plain_words() {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let client = client(Duration::from_secs(5), None).unwrap();
        let error = get(&client, &format!("http://127.0.0.1:{port}/"), 1).unwrap_err();
        assert_eq!(error.to_string(), "connection refused");
    }

    #[test]
    fn authorities_are_those_of_a_regular_file() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        // Reading a pipe would wait for a writer.
        for path in [pipe.as_path(), folder.path()] {
            assert_eq!(certificates(path).unwrap_err(), "not a regular file");
        }
        assert!(certificates(&folder.path().join("missing")).is_err());
    }
}
