//! The version of systemd, which decides about the values that a unit may have. systemd ignores a line whose value it does
//! not know.

use super::Bus;
use super::rights::Access;

/// The version of systemd, such as 252.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(pub(super) u32);

/// The target of the standard error of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StandardError {
    /// A file that each start empties.
    Truncate,
    /// A file that grows. wnm empties it before each start.
    Append,
    /// The journal.
    Journal,
}

impl Version {
    /// A version with all values that wnm writes. Later ones have them too.
    pub(super) const CURRENT: Self = Self(248);

    /// Returns the version of this host; [`CURRENT`](Self::CURRENT) where systemctl does not tell it.
    pub(super) fn of(bus: &Bus) -> Self {
        let told = bus.succeed(Access::Query, "systemctl", &["--version"]).ok();
        told.and_then(|output| Self::parse(&output.text())).unwrap_or(Self::CURRENT)
    }

    /// Parses the first line of `systemctl --version`: `systemd 247 (247.3-7+deb11u4)`, `systemd 253.5-1-arch`.
    fn parse(text: &str) -> Option<Self> {
        let word = text.lines().next()?.strip_prefix("systemd ")?;
        let digits = word.split(|c: char| !c.is_ascii_digit()).next()?;
        digits.parse().ok().map(Self)
    }

    /// Tells whether `Type=exec` is known, with which a start fails when the program cannot be executed.
    pub(super) const fn has_type_exec(self) -> bool {
        self.0 >= 240
    }

    /// Returns the best target of the standard error.
    pub(super) const fn standard_error(self) -> StandardError {
        match self.0 {
            248.. => StandardError::Truncate,
            240.. => StandardError::Append,
            _ => StandardError::Journal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_is_the_first_number() {
        for (text, version) in [
            ("systemd 252 (252.39-1~deb12u1)\n+PAM +AUDIT\n", Some(252)),
            ("systemd 247 (247.3-7+deb11u4)\n", Some(247)),
            ("systemd 253.5-1-arch\n", Some(253)),
            ("systemd 219\n+PAM", Some(219)),
            ("systemd v9\n", None),
            ("systemd \n", None),
            ("", None),
        ] {
            assert_eq!(Version::parse(text), version.map(Version), "{text}");
        }
    }
}
