//! The file that names the server. It contains a token, so that only its owner may read it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use wnm_core::HttpUrl;

use crate::private_file::{self, PrivateFileError};

/// Least and greatest time between two writes of the metrics, in seconds.
const EVERY: std::ops::RangeInclusive<u64> = 10..=3600;
/// Time between two writes of the metrics without a setting, in seconds.
const USUAL: u64 = 60;

/// The destination of lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// A server: the address of its API with the query, and the header with the token.
    Server {
        /// The address.
        url: String,
        /// The value of the header `Authorization`; None without a token.
        authorization: Option<String>,
    },
    /// A file that grows, for a collector such as Telegraf.
    File(PathBuf),
}

/// The content of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The destination.
    pub destination: Destination,
    /// The time between two writes of the metrics.
    pub every: Duration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    url: Option<String>,
    org: Option<String>,
    bucket: Option<String>,
    database: Option<String>,
    token: Option<String>,
    file: Option<PathBuf>,
    every: Option<u64>,
}

impl Target {
    /// Reads the file.
    ///
    /// # Errors
    /// The file cannot be read, other users can read it, or it is not valid.
    pub fn read(path: &Path) -> Result<Self, PrivateFileError> {
        private_file::read(path, Self::parse)
    }

    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let content: Content = private_file::parse(text)?;
        let every = content.every.unwrap_or(USUAL);
        if !EVERY.contains(&every) {
            return Err(format!("every is not between {} and {} seconds", EVERY.start(), EVERY.end()));
        }
        let every = Duration::from_secs(every);
        let destination = match content {
            Content { url: None, file: Some(file), org: None, bucket: None, database: None, token: None, .. } => {
                if !file.is_absolute() {
                    return Err("file is not an absolute path".to_owned());
                }
                Destination::File(file)
            }
            Content { url: Some(url), file: None, org, bucket, database, token, .. } => {
                let url = HttpUrl::new(&url)
                    .map_err(|_| "the url is invalid: it begins with no http:// or https://".to_owned())?;
                if token.as_ref().is_some_and(|token| token.is_empty() || token.chars().any(|c| !c.is_ascii_graphic()))
                {
                    return Err("the token is empty, or contains spaces or characters beyond ASCII".to_owned());
                }
                let path = match (org, bucket, database) {
                    (Some(org), Some(bucket), None) => {
                        format!("/api/v2/write?org={}&bucket={}&precision=ns", encoded(&org), encoded(&bucket))
                    }
                    (None, None, Some(database)) => format!("/write?db={}&precision=ns", encoded(&database)),
                    _ => return Err("a url needs org and bucket, or database".to_owned()),
                };
                let url = format!("{}{path}", url.as_str().trim_end_matches('/'));
                Destination::Server { url, authorization: token.map(|token| format!("Token {token}")) }
            }
            _ => return Err("it needs a url, or a file alone".to_owned()),
        };
        Ok(Self { destination, every })
    }

    /// Returns the server or the file without secrets.
    #[must_use]
    pub fn place(&self) -> String {
        match &self.destination {
            Destination::Server { url, .. } => {
                HttpUrl::new(url).map_or_else(|_| String::new(), |url| url.origin().to_owned())
            }
            Destination::File(path) => path.display().to_string(),
        }
    }
}

/// Returns a text for the query of an address.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
