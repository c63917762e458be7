//! Quantities as types, so that each number has a unit.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A number outside the range of its quantity, or NaN.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{value} is not {accepted}")]
pub struct OutOfRange {
    /// The accepted numbers as a noun phrase, such as "a percentage from 0 to 1000".
    pub accepted: &'static str,
    /// The number.
    pub value: f64,
}

/// Declares a float within a range, which excludes NaN and is therefore totally ordered.
macro_rules! bounded_float {
    ($(#[$doc:meta])* $name:ident, $low:expr, $high:expr, $accepted:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(try_from = "f64", into = "f64")]
        pub struct $name(f64);

        impl $name {
            #[doc = concat!("Returns the value as ", stringify!($name), ", or an error unless it is ", $accepted, ".")]
            pub fn new(value: f64) -> Result<Self, OutOfRange> {
                if ($low..=$high).contains(&value) {
                    // Adding zero turns -0.0 into 0.0, so that equal values have equal text.
                    Ok(Self(value + 0.0))
                } else {
                    Err(OutOfRange { accepted: $accepted, value })
                }
            }

            /// Returns the nearest value in the range; None for NaN.
            #[must_use]
            pub fn clamped(value: f64) -> Option<Self> {
                (!value.is_nan()).then(|| Self(value.clamp($low, $high) + 0.0))
            }

            /// Returns the number without its unit.
            #[must_use]
            pub fn get(self) -> f64 {
                self.0
            }
        }

        impl Eq for $name {}

        impl Ord for $name {
            fn cmp(&self, other: &Self) -> Ordering {
                self.0.total_cmp(&other.0)
            }
        }

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl TryFrom<f64> for $name {
            type Error = OutOfRange;
            fn try_from(value: f64) -> Result<Self, OutOfRange> {
                Self::new(value)
            }
        }

        impl From<$name> for f64 {
            fn from(value: $name) -> f64 {
                value.0
            }
        }
    };
}

bounded_float!(
    /// A share, 0 to 1000 %. A measured share can exceed 100 %, because the kernel updates its counters at different
    /// times.
    Percent, 0.0, 1000.0, "a percentage from 0 to 1000"
);
bounded_float!(
    /// A load average of the kernel: the number of runnable and disk-waiting tasks, 0 or more.
    Load, 0.0, 1e6, "a load average from 0 to 1000000"
);
bounded_float!(
    /// CPU time per wall time: 1.0 is one busy core.
    Cores, 0.0, 1e6, "a number of cores from 0 to 1000000"
);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} %", self.0)
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2}", self.0)
    }
}

impl fmt::Display for Cores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} cores", self.0)
    }
}

/// An amount of memory or disk space, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_scaled(f, self.0, "")
    }
}

/// A data rate, in bytes per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct BytesPerSecond(pub u64);

impl fmt::Display for BytesPerSecond {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_scaled(f, self.0, "/s")
    }
}

/// Writes a byte count with the decimal prefix for one to three digits before the point.
fn write_scaled(f: &mut fmt::Formatter<'_>, bytes: u64, per: &str) -> fmt::Result {
    const PREFIXES: [&str; 7] = ["", "k", "M", "G", "T", "P", "E"];
    // From 999.95 on, rounding to one decimal would give 1000.0: the next prefix gives 1.0.
    let mut value = bytes as f64;
    let mut prefix = 0;
    while value >= 999.95 && prefix + 1 < PREFIXES.len() {
        value /= 1000.0;
        prefix += 1;
    }
    match prefix {
        0 => write!(f, "{bytes} B{per}"),
        _ => write!(f, "{value:.1} {}B{per}", PREFIXES[prefix]),
    }
}

/// A time, in milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Returns the time this many milliseconds after the epoch.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Returns the time this many seconds after the epoch; saturates at the ends of the range.
    #[must_use]
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Returns the milliseconds since the epoch.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Returns the whole seconds since the epoch, rounded down.
    #[must_use]
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Returns the time since `earlier`; zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or_default())
    }

    /// Returns the time later by `wait`; saturates at the end of the range.
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)))
    }

    /// Returns the time earlier by `wait`; saturates at the start of the range.
    #[must_use]
    pub fn before(self, wait: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)))
    }
}

/// A version of a node program, in semantic order: a pre-release is less than its release.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub struct Version(semver::Version);

/// A text that is no version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid version {text:?}: not like 0.4.17 or 0.4.10-rc.1")]
pub struct NotAVersion {
    /// The text, cut to 40 characters.
    pub text: String,
}

impl Version {
    /// Returns the version with these three numbers.
    #[must_use]
    pub const fn new(major: u64, minor: u64, patch: u64) -> Self {
        Self(semver::Version::new(major, minor, patch))
    }

    /// Returns the first version among the words of a text, such as the `--version` output of a program.
    #[must_use]
    pub fn find_in(text: &str) -> Option<Self> {
        text.split_whitespace().find_map(|word| word.parse().ok())
    }
}

impl FromStr for Version {
    type Err = NotAVersion;

    /// Parses `0.4.17`, `v0.4.17`, `0.4.10-rc.1`, and dates such as `2025.01.31`, the version of a nightly build.
    fn from_str(text: &str) -> Result<Self, NotAVersion> {
        let trimmed = text.trim();
        let bare = trimmed.strip_prefix('v').unwrap_or(trimmed);
        semver::Version::parse(bare)
            .or_else(|error| without_leading_zeros(bare).map_or(Err(error), |t| semver::Version::parse(&t)))
            .map(Self)
            .map_err(|_| NotAVersion { text: trimmed.chars().take(40).collect() })
    }
}

/// Returns `2025.1.31` for `2025.01.31`, because semantic versions have no leading zeros; None without three numbers.
fn without_leading_zeros(text: &str) -> Option<String> {
    let mut numbers = text.splitn(3, '.');
    let (major, minor, rest) = (numbers.next()?, numbers.next()?, numbers.next()?);
    let number = |n: &str| n.parse::<u64>().ok();
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (patch, tail) = rest.split_at(end);
    Some(format!("{}.{}.{}{tail}", number(major)?, number(minor)?, number(patch)?))
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl TryFrom<String> for Version {
    type Error = NotAVersion;
    fn try_from(text: String) -> Result<Self, NotAVersion> {
        text.parse()
    }
}

impl From<Version> for String {
    fn from(version: Version) -> String {
        version.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_the_output_of_node_programs() {
        for (text, want) in [
            ("Autonomi Node v0.4.17\nNetwork version: ant/1.0/1", "0.4.17"),
            ("Autonomi Node v0.4.10-rc.1", "0.4.10-rc.1"),
            ("Autonomi Node -- Nightly Release 2025.01.31", "2025.1.31"),
            ("ant-node 0.23.1", "0.23.1"),
        ] {
            assert_eq!(Version::find_in(text).map(|v| v.to_string()).as_deref(), Some(want), "{text}");
        }
        for text in ["", "v", "0.4", "bash 5", "GNU bash, version 5.2.15(1)-release"] {
            assert_eq!(Version::find_in(text), None, "{text}");
        }
    }

    #[test]
    fn release_candidate_is_less_than_its_release() {
        let version = |text: &str| text.parse::<Version>().unwrap();
        assert!(version("0.4.10-rc.1") < version("0.4.10"));
        assert!(version("0.4.9") < version("0.4.10"));
    }

    #[test]
    fn numbers_out_of_range_are_refused_or_clamped() {
        for bad in [f64::NAN, f64::INFINITY, -0.1, 1000.1] {
            assert!(Percent::new(bad).is_err(), "{bad}");
        }
        assert_eq!(Percent::clamped(1001.0), Percent::new(1000.0).ok());
        assert_eq!(Percent::clamped(f64::NAN), None);
        assert_eq!(Percent::new(-0.0).unwrap().to_string(), "0.0 %");
    }

    #[test]
    fn byte_counts_have_decimal_prefixes() {
        for (bytes, want) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (999_949, "999.9 kB"),
            (999_950, "1.0 MB"),
            (u64::MAX, "18.4 EB"),
        ] {
            assert_eq!(Bytes(bytes).to_string(), want);
        }
        assert_eq!(BytesPerSecond(2_500_000).to_string(), "2.5 MB/s");
    }

    #[test]
    fn times_saturate_at_the_ends_of_the_range() {
        let (first, last) = (Timestamp::from_millis(i64::MIN), Timestamp::from_millis(i64::MAX));
        assert_eq!(first.since(last), Duration::ZERO);
        assert!(last.since(first) > Duration::from_secs(1));
        assert_eq!(last.after(Duration::MAX), last);
        assert_eq!(first.before(Duration::MAX), first);
        assert_eq!(Timestamp::from_secs(i64::MAX).as_millis(), i64::MAX);
        assert_eq!(Timestamp::from_millis(-1).as_secs(), -1);
    }
}
