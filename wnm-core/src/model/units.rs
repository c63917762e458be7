//! Quantities as types: a number never travels without its unit.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A number that had to be finite and within a range was not.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("expected {expected}, found {found}")]
pub struct OutOfRange {
    /// What would have been accepted, such as "a percentage from 0 to 100".
    pub expected: &'static str,
    /// What was given.
    pub found: String,
}

/// Declares a float that is finite and within a range, and therefore totally ordered.
macro_rules! bounded_float {
    ($(#[$doc:meta])* $name:ident, $low:expr, $high:expr, $expected:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(try_from = "f64", into = "f64")]
        pub struct $name(f64);

        impl $name {
            #[doc = concat!("Returns the value as ", stringify!($name), ", or an error unless it is ", $expected, ".")]
            pub fn new(value: f64) -> Result<Self, OutOfRange> {
                if ($low..=$high).contains(&value) {
                    // Adding zero turns -0.0 into 0.0, so that equal values print alike.
                    Ok(Self(value + 0.0))
                } else {
                    Err(OutOfRange { expected: $expected, found: value.to_string() })
                }
            }

            /// Returns the nearest value in range; None for NaN.
            #[must_use]
            pub fn clamped(value: f64) -> Option<Self> {
                (!value.is_nan()).then(|| Self(value.clamp($low, $high) + 0.0))
            }

            /// Returns the bare number.
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
    /// A share of a whole. Whole is 100; a measured share may pass it a little, where its counters are not in step.
    Percent, 0.0, 1000.0, "a percentage from 0 to 1000"
);
bounded_float!(
    /// A load average: runnable and disk-waiting tasks, averaged by the kernel; 0 or more.
    Load, 0.0, 1e6, "a load average from 0 to 1000000"
);
bounded_float!(
    /// Processor time over wall time: 1.0 keeps one core busy.
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

/// An amount of memory or disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_scaled(f, self.0, "")
    }
}

/// A rate of reading or writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct BytesPerSecond(pub u64);

impl fmt::Display for BytesPerSecond {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_scaled(f, self.0, "/s")
    }
}

/// Writes a byte count with the decimal prefix that leaves one to three digits before the point.
fn write_scaled(f: &mut fmt::Formatter<'_>, bytes: u64, per: &str) -> fmt::Result {
    const PREFIXES: [&str; 7] = ["", "k", "M", "G", "T", "P", "E"];
    // 999,950 shows as 1.0 MB, never as 1000.0 kB.
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

/// A moment, as milliseconds since the Unix epoch. All times in wnm are of this unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Returns the moment that many milliseconds after the epoch.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Returns the moment that many seconds after the epoch, at the ends of time where it overflows.
    #[must_use]
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Returns milliseconds since the epoch.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Returns whole seconds since the epoch, rounded down.
    #[must_use]
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Returns how long ago `earlier` was; zero when it lies ahead.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or_default())
    }

    /// Returns the moment that much later, at the end of time where it overflows.
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)))
    }

    /// Returns the moment that much earlier, at the beginning of time where it overflows.
    #[must_use]
    pub fn before(self, wait: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)))
    }
}

/// A version of a node program, ordered as semantic versions are (a pre-release before its release).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub struct Version(semver::Version);

/// A text was expected to be, or to hold, a version and is not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a version such as 0.4.17 or 0.4.10-rc.1, found {found:?}")]
pub struct NotAVersion {
    /// The text, cut to a readable length.
    pub found: String,
}

impl Version {
    /// Returns the version of these three numbers.
    #[must_use]
    pub const fn new(major: u64, minor: u64, patch: u64) -> Self {
        Self(semver::Version::new(major, minor, patch))
    }

    /// Returns the first version found among the words of a text, such as a program's `--version` output.
    #[must_use]
    pub fn find_in(text: &str) -> Option<Self> {
        text.split_whitespace().find_map(|word| word.parse().ok())
    }
}

impl FromStr for Version {
    type Err = NotAVersion;

    /// Reads `0.4.17`, `v0.4.17`, `0.4.10-rc.1` and dates such as `2025.01.31` (a nightly's version).
    fn from_str(text: &str) -> Result<Self, NotAVersion> {
        let trimmed = text.trim();
        let bare = trimmed.strip_prefix('v').unwrap_or(trimmed);
        semver::Version::parse(bare)
            .or_else(|error| without_leading_zeros(bare).map_or(Err(error), |t| semver::Version::parse(&t)))
            .map(Self)
            .map_err(|_| NotAVersion { found: trimmed.chars().take(40).collect() })
    }
}

/// Rewrites `2025.01.31` as `2025.1.31`: semantic versions allow no leading zeros.
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
    fn versions_are_read_in_every_form_the_programs_print() {
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
    fn a_release_candidate_comes_before_its_release() {
        let version = |text: &str| text.parse::<Version>().unwrap();
        assert!(version("0.4.10-rc.1") < version("0.4.10"));
        assert!(version("0.4.9") < version("0.4.10"));
    }

    #[test]
    fn floats_out_of_range_are_refused_and_clamped() {
        for bad in [f64::NAN, f64::INFINITY, -0.1, 1000.1] {
            assert!(Percent::new(bad).is_err(), "{bad}");
        }
        assert_eq!(Percent::clamped(1001.0), Percent::new(1000.0).ok());
        assert_eq!(Percent::clamped(f64::NAN), None);
        assert_eq!(Percent::new(-0.0).unwrap().to_string(), "0.0 %");
    }

    #[test]
    fn bytes_are_written_for_people() {
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
    fn times_saturate_instead_of_wrapping() {
        let (first, last) = (Timestamp::from_millis(i64::MIN), Timestamp::from_millis(i64::MAX));
        assert_eq!(first.since(last), Duration::ZERO);
        assert!(last.since(first) > Duration::from_secs(1));
        assert_eq!(last.after(Duration::MAX), last);
        assert_eq!(first.before(Duration::MAX), first);
        assert_eq!(Timestamp::from_secs(i64::MAX).as_millis(), i64::MAX);
        assert_eq!(Timestamp::from_millis(-1).as_secs(), -1);
    }
}
