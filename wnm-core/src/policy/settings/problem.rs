//! Errors of settings: the setting, the value given, and the cause as data.

use std::fmt;

use super::unit::Unit;
use super::{RawSettings, Shape};
use crate::model::flavor::InvalidFlavor;
use crate::model::secret::masked_line;
use crate::model::unfit_text::UnfitText;
use crate::model::wallet::WalletError;
use crate::model::window::NotAWindow;

/// The longest value that an error quotes, in characters.
const LONGEST_QUOTE: usize = 80;

/// An error in one setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The name of the setting, or of the variable that sets it.
    pub key: String,
    /// The value as written, cut to 80 characters; None for a setting without a value.
    pub value: Option<String>,
    /// The location of the value, such as `line 3 of /etc/wnm.conf`; None where the name alone identifies it.
    pub place: Option<String>,
    /// The reason why the value cannot be used.
    pub cause: ProblemCause,
}

/// The reason why a setting cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProblemCause {
    /// No setting has this name.
    UnknownSetting {
        /// The setting with the most similar name, if one is similar.
        nearest: Option<&'static str>,
    },
    /// The setting is required and no source sets it.
    Missing,
    /// The text is not a whole number.
    NotAWholeNumber,
    /// The text is not a number.
    NotANumber,
    /// The text is not a number in the unit of the setting, and no time or size with a known unit.
    NotAQuantity {
        /// The unit of the setting.
        unit: Unit,
    },
    /// The time or size is not a whole number in the unit of the setting, such as 500ms for seconds.
    NotWholeUnits {
        /// The unit of the setting.
        unit: Unit,
    },
    /// The number is outside the range of the setting.
    OutOfRange {
        /// The least allowed value.
        min: u64,
        /// The greatest allowed value.
        max: u64,
        /// The unit of both, such as `%`; empty for a plain number.
        unit: &'static str,
    },
    /// The text is neither `true` nor `false`.
    NotABoolean,
    /// The text is not UTF-8.
    NotUtf8,
    /// The text is none of the allowed words.
    NotOneOf {
        /// The allowed words.
        allowed: Vec<String>,
    },
    /// The text is empty.
    Empty,
    /// The text contains a control character, such as a line feed.
    ControlCharacter,
    /// A folder is a relative path.
    RelativePath {
        /// The path.
        path: String,
    },
    /// A folder contains `..`.
    ParentFolder {
        /// The path.
        path: String,
    },
    /// A quote is not closed, so that the text cannot be split into words.
    UnclosedQuote,
    /// The text is neither an IP address nor a host name.
    NotAHost,
    /// The network is none of those that the node program knows.
    UnknownNetwork {
        /// The networks of the node program, each as its first word.
        known: &'static [&'static str],
    },
    /// The text is no address with a port.
    NotAnAddress,
    /// The text is no address of an HTTP server.
    NotAUrl,
    /// The address contains a user, and perhaps a password.
    UrlWithUser,
    /// The value is not the address of the engine of a fleet.
    NotAnEngine,
    /// A text of a list describes no window.
    Window {
        /// The text.
        window: String,
        /// The cause.
        cause: NotAWindow,
    },
    /// The text is neither a number nor a percentage of nodes.
    NotMaxUnavailable,
    /// The windows of probes close before a run starts.
    NoProbeStarts,
    /// The text is no amount of tokens.
    NotAnAmount,
    /// A word of an environment is not `NAME=VALUE`.
    NotAPair,
    /// A word cannot be given to every program unchanged.
    Unfit(Box<UnfitText>),
    /// The text is no rewards address and no weighted list of them.
    Wallet(Box<WalletError>),
    /// The text describes no node program.
    Flavor(Box<InvalidFlavor>),
    /// The value does not fit the value of another setting.
    Contradicts {
        /// The relation to the other setting that must be true.
        relation: Relation,
        /// The other setting.
        other: &'static str,
        /// The value of the other setting, with its unit.
        other_value: String,
    },
    /// The setting needs others that have no value.
    Needs {
        /// The other settings, at least one.
        needed: Vec<&'static str>,
        /// Whether it needs them because other hosts can reach the address.
        other_hosts: bool,
    },
    /// The highest port of the range, for the node with the number `node_cap`, would exceed 65535.
    PortsExceedLast {
        /// The highest port that the range would need.
        last: u32,
        /// The maximum number of nodes.
        node_cap: u32,
    },
    /// Two port ranges overlap.
    PortsOverlap {
        /// The setting of the other range.
        other: &'static str,
        /// The first and the last port of the range.
        ports: (u32, u32),
        /// The maximum number of nodes.
        node_cap: u32,
    },
}

/// A relation between the values of two settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// Less than the other.
    Below,
    /// Less than the other, in a group of four traffic limits that all apply once one of them is set.
    BelowInGroup,
    /// Less than or equal to the other.
    AtMost,
    /// Greater than or equal to the other.
    AtLeast,
    /// At most 100 % together with the other.
    WithinWhole,
}

impl Problem {
    /// Returns the problem of a value as written.
    pub(crate) fn new(key: &str, value: impl fmt::Display, cause: ProblemCause) -> Self {
        let value = value.to_string().chars().take(LONGEST_QUOTE).collect();
        Self { key: key.to_owned(), value: Some(value), place: None, cause }
    }

    /// Returns the problem of a required setting without a value.
    pub(crate) fn missing(key: &str) -> Self {
        Self { key: key.to_owned(), value: None, place: None, cause: ProblemCause::Missing }
    }

    /// Returns the problem of a value that is no whole number.
    #[must_use]
    pub fn not_a_whole_number(key: &str, value: &str) -> Self {
        Self::new(key, value, ProblemCause::NotAWholeNumber)
    }

    /// Returns the problem of a value that is not UTF-8, from its legible part.
    #[must_use]
    pub fn not_utf8(key: &str, value: &str) -> Self {
        Self::new(key, value, ProblemCause::NotUtf8)
    }

    /// Returns the problem of a name that no setting has, with the setting of the most similar name.
    #[must_use]
    pub fn unknown_setting(key: &str) -> Self {
        let nearest = nearest(key, super::RawSettings::KEYS);
        Self { key: key.to_owned(), value: None, place: None, cause: ProblemCause::UnknownSetting { nearest } }
    }

    /// Returns the problem with the location of its value.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.place = Some(place.into());
        self
    }

    /// Tells whether the setting is required and has no value.
    #[must_use]
    pub const fn is_missing(&self) -> bool {
        matches!(self.cause, ProblemCause::Missing)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        let value = self.value.as_deref().unwrap_or_default();
        // The words of a command line or of an environment may be secrets, and a daemon logs its problems.
        let is_words = RawSettings::setting(key).is_some_and(|setting| setting.shape == Shape::Words);
        let masked = if is_words { masked_line(value) } else { value.to_owned() };
        let value = masked.as_str();
        match &self.cause {
            ProblemCause::UnknownSetting { nearest: Some(nearest) } => {
                write!(f, "unknown setting {key:?} (did you mean {nearest}?)")?;
            }
            ProblemCause::UnknownSetting { nearest: None } => write!(f, "unknown setting {key:?}")?,
            ProblemCause::Missing => write!(f, "{key} is not set")?,
            ProblemCause::Contradicts { relation, other, other_value } => {
                relation.write(f, [&format!("{key} ({value})"), &format!("{other} ({other_value})")])?;
            }
            ProblemCause::Needs { needed, other_hosts } => {
                let last = needed.last().copied().unwrap_or_default();
                let others = needed.split_last().map(|(_, others)| others.join(", ")).unwrap_or_default();
                let and = if others.is_empty() { "" } else { " and " };
                let why = if *other_hosts { ", because other hosts can reach it" } else { "" };
                write!(f, "{key} ({value}) needs {others}{and}{last}{why}")?;
            }
            ProblemCause::PortsExceedLast { last, node_cap } => {
                write!(
                    f,
                    "{key} ({value}) needs ports up to {last} with node_cap {node_cap}, beyond the last port 65535"
                )?;
            }
            ProblemCause::PortsOverlap { other, ports: (first, last), node_cap } => {
                write!(
                    f,
                    "{key} ({value}) overlaps {other}: with node_cap {node_cap} it needs ports {first} to {last}"
                )?;
            }
            cause => {
                write!(f, "invalid value {value:?} for {key}: ")?;
                cause.write(f, value)?;
            }
        }
        self.place.as_ref().map_or(Ok(()), |place| write!(f, " ({place})"))
    }
}

impl std::error::Error for Problem {}

impl Relation {
    fn write(self, f: &mut fmt::Formatter<'_>, [one, other]: [&str; 2]) -> fmt::Result {
        match self {
            Self::Below => write!(f, "{one} must be below {other}"),
            Self::BelowInGroup => {
                write!(f, "{one} must be below {other}, as all four limits of a group apply once one is set")
            }
            Self::AtMost => write!(f, "{one} must not exceed {other}"),
            Self::AtLeast => write!(f, "{one} must not be below {other}"),
            Self::WithinWhole => write!(f, "{one} and {other} must not exceed 100 % together"),
        }
    }
}

impl ProblemCause {
    /// A count of 0, where the setting needs at least 1.
    pub(crate) const AT_LEAST_ONE: Self = Self::OutOfRange { min: 1, max: u32::MAX as u64, unit: "" };

    /// Writes the reason as it follows the setting and its value.
    fn write(&self, f: &mut fmt::Formatter<'_>, value: &str) -> fmt::Result {
        match self {
            Self::NotAWholeNumber => f.write_str("not a whole number"),
            Self::NotANumber => f.write_str("not a number"),
            Self::NotAQuantity { unit } => write!(f, "not a whole number of {unit}, {}", unit.forms()),
            Self::NotWholeUnits { unit } => write!(f, "not a whole number of {unit}"),
            // The greatest number of 64 bits is no limit that anyone chose.
            Self::OutOfRange { min, max: u64::MAX, .. } if value.starts_with('-') => write!(f, "below {min}"),
            Self::OutOfRange { max: u64::MAX, .. } => f.write_str("too large"),
            Self::OutOfRange { min, max, unit } => {
                let space = if unit.is_empty() { "" } else { " " };
                write!(f, "not between {min} and {max}{space}{unit}")
            }
            Self::NotABoolean => f.write_str("neither true nor false"),
            Self::NotUtf8 => f.write_str("not UTF-8"),
            Self::NotOneOf { allowed } => write!(f, "not one of {}", allowed.join(", ")),
            Self::Empty => f.write_str("must not be empty"),
            Self::ControlCharacter => f.write_str("contains a control character"),
            Self::RelativePath { path } => write!(f, "{path:?} is not an absolute path"),
            Self::ParentFolder { path } => write!(f, "{path:?} contains \"..\""),
            Self::UnclosedQuote => f.write_str("a quote is not closed"),
            Self::NotAHost => f.write_str("neither an IP address nor a host name"),
            Self::UnknownNetwork { known } => write!(f, "no network of the node program: not {}", known.join(", ")),
            Self::NotAnAddress => f.write_str("neither off nor an address with a port, such as 127.0.0.1:9910"),
            Self::NoProbeStarts => {
                f.write_str("no probe starts in it: none starts in the last two minutes of a window")
            }
            Self::NotAnAmount => f.write_str("not an amount of tokens, such as 0.5"),
            Self::NotAUrl => f.write_str("not an address such as https://example.org/path"),
            Self::NotAnEngine => f.write_str("not an address such as rediss://redis.example.org:6379"),
            Self::UrlWithUser => f.write_str("must not contain a user or a password"),
            Self::Window { window, cause } if window == value => write!(f, "{cause}"),
            Self::Window { window, cause } => write!(f, "{window:?}: {cause}"),
            Self::NotMaxUnavailable => f.write_str("neither a whole number nor a percentage, such as 2 or 10%"),
            Self::NotAPair => f.write_str("not NAME=VALUE"),
            Self::Unfit(unfit) => write!(f, "{unfit}"),
            Self::Wallet(error) if error.text == value => write!(f, "{}", error.cause),
            Self::Wallet(error) => write!(f, "{error}"),
            Self::Flavor(error) => write!(f, "{}", error.cause),
            // Written by `Problem` itself, because the value does not come first.
            Self::UnknownSetting { .. }
            | Self::Missing
            | Self::Contradicts { .. }
            | Self::Needs { .. }
            | Self::PortsExceedLast { .. }
            | Self::PortsOverlap { .. } => Ok(()),
        }
    }
}

/// All problems of a set of settings, at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Returns all problems as one error, if the list is not empty.
    ///
    /// # Errors
    /// The list is not empty.
    pub fn none_or(problems: Vec<Problem>) -> Result<(), Self> {
        if problems.is_empty() { Ok(()) } else { Err(Self(problems)) }
    }

    /// Returns each problem, in the order of the checks.
    #[must_use]
    pub fn all(&self) -> &[Problem] {
        &self.0
    }

    /// Returns the problems as a list.
    #[must_use]
    pub fn into_vec(self) -> Vec<Problem> {
        self.0
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            write!(f, "{}{problem}", if i == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// Settings of earlier builds with their present names. A similar name would be a wrong guess for them.
const RENAMED: [(&str, &str); 5] = [
    ("steady_soft", "steady_warning"),
    ("steady_back", "steady_relief_target"),
    ("steady_goal", "steady_growth_target"),
    ("steady_ride", "steady_grace"),
    ("steady_settle", "steady_cooldown"),
];

/// Returns the known name that shares most pairs of letters with `name`, if they are at least half of it.
fn nearest(name: &str, known: &[&'static str]) -> Option<&'static str> {
    if let Some((_, new)) = RENAMED.iter().find(|(old, _)| *old == name) {
        return Some(new);
    }
    let near = known.iter().max_by_key(|known| shared_pairs(known, name))?;
    (shared_pairs(near, name) * 2 >= name.len()).then_some(near)
}

/// Returns how many pairs of adjacent letters two names share: a simple measure of similarity.
fn shared_pairs(one: &str, other: &str) -> usize {
    let pairs: Vec<&[u8]> = other.as_bytes().windows(2).collect();
    one.as_bytes().windows(2).filter(|pair| pairs.contains(pair)).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RawSettings;

    #[test]
    fn mistyped_setting_gets_a_suggestion() {
        let error = |key: &str| RawSettings::default().set(key, "3").unwrap_err().to_string();
        assert_eq!(error("cpu_les_than"), "unknown setting \"cpu_les_than\" (did you mean cpu_less_than?)");
        assert_eq!(error("zzz"), "unknown setting \"zzz\"");
    }

    #[test]
    fn each_problem_names_setting_value_and_cause() {
        let error = |key: &str, text: &str| RawSettings::default().set(key, text).unwrap_err().to_string();
        let mut lines: Vec<String> = [
            ("node_cap", "abc"),
            ("node_cap", "-1"),
            ("node_cap", "1.5"),
            ("crisis_bytes", "99999999999999999999999"),
            ("cpu_remove", "many"),
            ("cpu_remove", "101"),
            ("cpu_remove", "NaN"),
            ("desired_load_average", "-1"),
            ("no_upnp", "maybe"),
            ("preset", "steadier"),
            ("process_manager", "sysv"),
            ("firewall", "iptables"),
            ("flavor", "antnod"),
            ("host", ""),
            ("host", "a\nb"),
            ("host", "999.1.1.1"),
            ("antnode_path", "bin/antnode"),
            ("action_delay", "-1"),
            ("node_storage", "/a,nodes"),
            ("node_storage", "/a/../b"),
            ("start_args", "--log 'unclosed"),
            ("port_start", "65"),
            ("port_start", "55001"),
            ("port_start", "x"),
            ("rewards_address", "0x123"),
            ("rewards_address", "faucet:1,0x12:3"),
        ]
        .map(|(key, text)| error(key, text))
        .into();
        let problem = Problem::missing("rewards_address");
        lines.push(problem.to_string());
        lines.push(Problem::not_a_whole_number("delay_start", "5.5").at("line 2 of /etc/anm").to_string());
        insta::assert_snapshot!(lines.join("\n"), @r#"
        invalid value "abc" for node_cap: not a whole number
        invalid value "-1" for node_cap: not between 0 and 4294967295
        invalid value "1.5" for node_cap: not a whole number
        invalid value "99999999999999999999999" for crisis_bytes: too large
        invalid value "many" for cpu_remove: not a number
        invalid value "101" for cpu_remove: not between 0 and 100 %
        invalid value "NaN" for cpu_remove: not a number
        invalid value "-1" for desired_load_average: not between 0 and 1000000
        invalid value "maybe" for no_upnp: neither true nor false
        invalid value "steadier" for preset: not one of classic, steady
        invalid value "sysv" for process_manager: not one of setsid+user, setsid+sudo, systemd+user, systemd+sudo, launchd+user, launchd+sudo, docker, antctl+user, antctl+sudo, antctl+zen
        invalid value "iptables" for firewall: not one of none, ufw
        invalid value "antnod" for flavor: not antnode, ant-node, or custom with a description
        invalid value "" for host: must not be empty
        invalid value "a\nb" for host: contains a control character
        invalid value "999.1.1.1" for host: neither an IP address nor a host name
        invalid value "bin/antnode" for antnode_path: "bin/antnode" is not an absolute path
        invalid value "-1" for action_delay: below 0
        invalid value "/a,nodes" for node_storage: "nodes" is not an absolute path
        invalid value "/a/../b" for node_storage: "/a/../b" contains ".."
        invalid value "--log 'unclosed" for start_args: a quote is not closed
        invalid value "65" for port_start: not between 1 and 64 thousand
        invalid value "55001" for port_start: not between 1 and 64 thousand
        invalid value "x" for port_start: not a whole number
        invalid value "0x123" for rewards_address: not 0x and 40 hexadecimal digits
        invalid value "faucet:1,0x12:3" for rewards_address: invalid rewards address "0x12": not 0x and 40 hexadecimal digits
        rewards_address is not set
        invalid value "5.5" for delay_start: not a whole number (line 2 of /etc/anm)
        "#);
    }
}
