//! Addresses of HTTP servers that wnm asks or writes to.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::problem::ProblemCause;
use super::values::Value;

/// An address that begins with `http://` or `https://` and names a host, without a user and a password.
///
/// Settings are shown by `wnm config list`, so that a secret does not belong into an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HttpUrl(String);

impl HttpUrl {
    /// Returns the address of a text.
    ///
    /// # Errors
    /// The text has another scheme, no host, a user, or a space or control character.
    pub fn new(text: &str) -> Result<Self, ProblemCause> {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let authority = rest.map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
        let is_plain = !text.chars().any(|c| c.is_control() || c.is_whitespace());
        match authority {
            Some(host) if host.contains('@') => Err(ProblemCause::UrlWithUser),
            Some(host) if !host.is_empty() && !host.starts_with(':') && is_plain => Ok(Self(text.to_owned())),
            Some(_) | None => Err(ProblemCause::NotAUrl),
        }
    }

    /// Returns the address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the scheme and the host, without the path, which may contain a secret.
    #[must_use]
    pub fn origin(&self) -> &str {
        let begin = self.0.find("://").map_or(0, |at| at + 3);
        let end = self.0[begin..].find(['/', '?', '#']).map_or(self.0.len(), |at| begin + at);
        &self.0[..end]
    }
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Value for HttpUrl {
    const KIND: &'static str = "an address that begins with http:// or https://";
    fn read(text: &str) -> Result<Self, ProblemCause> {
        Self::new(text)
    }
    fn write(&self) -> String {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_name_a_host_and_no_user() {
        for (text, origin) in [
            ("https://example.org/a?b", "https://example.org"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://[::1]:80/x", "http://[::1]:80"),
        ] {
            assert_eq!(HttpUrl::new(text).as_ref().map(HttpUrl::origin), Ok(origin));
        }
        for text in
            ["", "example.org", "ftp://example.org", "https://", "http:///x", "http://:80", "http://a b", "http://a\n"]
        {
            assert_eq!(HttpUrl::new(text), Err(ProblemCause::NotAUrl), "{text}");
        }
        assert_eq!(HttpUrl::new("https://user:secret@example.org"), Err(ProblemCause::UrlWithUser));
    }
}
