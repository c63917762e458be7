//! Names of fleets and of their hosts.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest name, in bytes: that of a label of a host name.
const LONGEST: usize = 63;

/// The name of a fleet or of a host: 1 to 63 lower-case letters, digits, dots and hyphens, with a letter or digit first.
///
/// Names are parts of keys and of ACL patterns of the engine, so that they contain no character with a meaning there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

/// A text that is no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a name of 1 to 63 lower-case letters, digits, dots and hyphens")]
pub struct NotAName {
    /// The begin of the text.
    pub text: String,
}

impl Name {
    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        let is_plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
        let is_valid = (1..=LONGEST).contains(&text.len())
            && text.bytes().all(|c| is_plain(c) || c == b'.' || c == b'-')
            && text.as_bytes().first().copied().is_some_and(is_plain);
        if is_valid { Ok(Self(text.to_owned())) } else { Err(NotAName { text: text.chars().take(LONGEST).collect() }) }
    }
}

impl TryFrom<String> for Name {
    type Error = NotAName;

    fn try_from(text: String) -> Result<Self, NotAName> {
        text.parse()
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_have_no_character_with_a_meaning_in_keys() {
        for text in ["a", "web-1", "db.example.org", "7", &"x".repeat(63)] {
            assert_eq!(text.parse::<Name>().map(String::from).as_deref(), Ok(text));
        }
        for text in ["", "-a", ".a", "A", "a:b", "a*", "a?", "a[b]", "a b", "a\n", "ä", &"x".repeat(64)] {
            assert!(text.parse::<Name>().is_err(), "{text}");
            assert!(serde_json::from_value::<Name>(text.into()).is_err());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn any_text_is_a_name_or_an_error(text in ".{0,80}") {
            if let Ok(name) = text.parse::<Name>() {
                prop_assert!(name.as_str().bytes().all(|c| c.is_ascii_alphanumeric() || b".-".contains(&c)));
            }
        }
    }
}
