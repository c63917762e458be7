//! The daemons that publish under the name of one host: two of them are a host whose membership was copied.

use serde::{Deserialize, Serialize};

/// The identity of a daemon that publishes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Session {
    /// The first publication, by the clock of the engine, in milliseconds.
    pub since: i64,
    /// A random number.
    pub id: String,
}

/// The right of a daemon to publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Standing {
    /// It has made no publication.
    #[default]
    New,
    /// Its last publication was followed by none of another daemon, or by one that is younger.
    Publishing,
    /// An older daemon publishes under the same name.
    Second,
}

/// Another daemon that publishes under the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Twin {
    /// It is older: this daemon stops publishing.
    Older,
    /// It is younger: it stops when it notices.
    Younger,
}

impl Standing {
    /// Returns the standing with which a daemon may publish, given the session that publishes now; None for one that may
    /// not, because an older daemon does.
    #[must_use]
    pub fn before(self, own: &Session, current: Option<&Session>) -> Option<Self> {
        match self {
            Self::Second if current.is_some_and(|current| current.id != own.id) => None,
            Self::Second => Some(Self::New),
            Self::New | Self::Publishing => Some(self),
        }
    }

    /// Returns the standing after a publication, given the session whose publication it replaced.
    #[must_use]
    pub fn after(self, own: &Session, replaced: Option<&Session>) -> (Self, Option<Twin>) {
        match replaced.filter(|other| other.id != own.id) {
            Some(other) if self == Self::Publishing && own > other => (Self::Second, Some(Twin::Older)),
            Some(_) if self == Self::Publishing => (Self::Publishing, Some(Twin::Younger)),
            // The session of the daemon before this one.
            Some(_) | None => (Self::Publishing, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(since: i64) -> Session {
        Session { since, id: since.to_string() }
    }

    #[test]
    fn the_younger_of_two_daemons_stops_until_the_other_is_away() {
        let (old, young) = (session(1), session(2));
        // A daemon that starts again replaces the last publication of the one before.
        assert_eq!(Standing::New.after(&young, Some(&old)), (Standing::Publishing, None));
        assert_eq!(Standing::Publishing.after(&old, Some(&young)), (Standing::Publishing, Some(Twin::Younger)));
        assert_eq!(Standing::Publishing.after(&young, Some(&old)), (Standing::Second, Some(Twin::Older)));
        assert_eq!(Standing::Publishing.after(&young, Some(&young)), (Standing::Publishing, None));
        assert_eq!(Standing::Second.before(&young, Some(&old)), None);
        assert_eq!(Standing::Second.before(&young, Some(&young)), Some(Standing::New));
        assert_eq!(Standing::Second.before(&young, None), Some(Standing::New));
    }
}
