//! Values of settings: reading them from text and writing them as text.

use std::net::{IpAddr, Ipv4Addr};
use std::num::{IntErrorKind, ParseIntError};
use std::path::{Component, PathBuf};

use serde::{Deserialize, Serialize};

use super::problem::ProblemCause;
use super::setting::Shape;
use crate::model::firewall::FirewallKind;
use crate::model::flavor::Flavor;
use crate::model::manager::ManagerKind;
use crate::model::units::{Load, Percent};
use crate::model::upgrade_source::UpgradeSource;
use crate::model::wallet::{Address, Rewards};
use crate::model::weight::{NotAWeight, Weight};
use crate::model::window::{Window, Windows};
use crate::policy::thresholds::Preset;
use crate::policy::valves::MaxUnavailable;

/// Returns the cause of a value outside its range.
const fn out_of_range(min: u64, max: u64, unit: &'static str) -> ProblemCause {
    ProblemCause::OutOfRange { min, max, unit }
}

/// A value as text in a file, a variable, a flag or the database.
pub(super) trait Value: Sized {
    /// The kind of value as a noun phrase, for the errors of JSON and TOML files that contain a list or a table.
    const KIND: &'static str;
    /// The shape of the value, which decides how flags and JSON state it.
    const SHAPE: Shape = Shape::Text;
    /// Returns the allowed values for people.
    fn allowed() -> String {
        Self::KIND.to_owned()
    }
    /// Returns the words that the value may be; empty where only numbers or free texts are allowed.
    fn words() -> Vec<String> {
        Vec::new()
    }
    fn read(text: &str) -> Result<Self, ProblemCause>;
    fn write(&self) -> String;
    /// Reads a number of a JSON or TOML file.
    fn read_number(number: f64) -> Result<Self, ProblemCause> {
        Self::read(&number.to_string())
    }
}

macro_rules! whole_values {
    ($($type:ty)*) => {$(
        impl Value for $type {
            const KIND: &'static str = "a whole number";
            const SHAPE: Shape = Shape::Number;
            fn allowed() -> String {
                format!("0 to {}", Self::MAX)
            }
            fn read(text: &str) -> Result<Self, ProblemCause> {
                text.parse().map_err(|error: ParseIntError| {
                    // An unsigned type takes "-1" for an invalid digit.
                    let is_negative = text.strip_prefix('-').is_some_and(|digits| digits.parse::<Self>().is_ok());
                    match error.kind() {
                        IntErrorKind::PosOverflow => out_of_range(0, Self::MAX.into(), ""),
                        _ if is_negative => out_of_range(0, Self::MAX.into(), ""),
                        _ => ProblemCause::NotAWholeNumber,
                    }
                })
            }
            fn write(&self) -> String {
                self.to_string()
            }
            fn read_number(number: f64) -> Result<Self, ProblemCause> {
                // 2^53: beyond it a float no longer identifies one whole number.
                const LAST_EXACT: u64 = 1 << 53;
                if number.fract() != 0.0 {
                    return Err(ProblemCause::NotAWholeNumber);
                }
                let is_exact = (0.0..=LAST_EXACT as f64).contains(&number);
                let whole = is_exact.then_some(number as u64).and_then(|whole| whole.try_into().ok());
                whole.ok_or_else(|| out_of_range(0, LAST_EXACT.min(Self::MAX.into()), ""))
            }
        }
    )*};
}

whole_values!(u32 u64);

macro_rules! float_values {
    ($($type:ident: $kind:literal, 0 to $high:literal $unit:literal;)*) => {$(
        impl Value for $type {
            const KIND: &'static str = $kind;
            const SHAPE: Shape = Shape::Number;
            fn allowed() -> String {
                format!("0 to {}", $high)
            }
            fn read(text: &str) -> Result<Self, ProblemCause> {
                Self::read_number(text.parse().map_err(|_| ProblemCause::NotANumber)?)
            }
            fn read_number(number: f64) -> Result<Self, ProblemCause> {
                match $type::new(number) {
                    Ok(value) if number <= $high as f64 => Ok(value),
                    _ if number.is_nan() => Err(ProblemCause::NotANumber),
                    _ => Err(out_of_range(0, $high, $unit)),
                }
            }
            fn write(&self) -> String {
                self.get().to_string()
            }
        }
    )*};
}

float_values! {
    Percent: "a percentage", 0 to 100 "%";
    Load: "a load average", 0 to 1_000_000 "";
}

macro_rules! word_values {
    ($($type:ty: $kind:literal;)*) => {$(
        impl Value for $type {
            const KIND: &'static str = $kind;
            fn allowed() -> String {
                Self::ALL.map(|value| value.write()).join(", ")
            }
            fn words() -> Vec<String> {
                Self::ALL.map(|value| value.write()).into()
            }
            fn read(text: &str) -> Result<Self, ProblemCause> {
                let named = Self::ALL.into_iter().find(|value| value.write() == text);
                named.ok_or_else(|| ProblemCause::NotOneOf { allowed: Self::ALL.map(|value| value.write()).into() })
            }
            fn write(&self) -> String {
                self.to_string()
            }
        }
    )*};
}

word_values! {
    ManagerKind: "a process manager";
    FirewallKind: "a firewall";
    Preset: "a preset";
    UpgradeSource: "a source of programs";
}

impl Value for Windows {
    const KIND: &'static str = "windows, separated by commas";
    fn allowed() -> String {
        "daily HH:MM-HH:MM or hourly :MM-:MM, with deny before it and a time zone after it, separated by commas"
            .to_owned()
    }
    fn read(text: &str) -> Result<Self, ProblemCause> {
        let window = |text: &str| {
            text.parse::<Window>().map_err(|cause| ProblemCause::Window { window: text.trim().to_owned(), cause })
        };
        text.split(',').map(window).collect::<Result<_, _>>().map(Self::new)
    }
    fn write(&self) -> String {
        self.as_slice().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }
}

impl Value for MaxUnavailable {
    const KIND: &'static str = "a whole number or a percentage";
    fn allowed() -> String {
        "0 or more nodes, or 0% to 100% of the nodes that should run".to_owned()
    }
    fn read(text: &str) -> Result<Self, ProblemCause> {
        text.parse().map_err(|_| ProblemCause::NotMaxUnavailable)
    }
    fn write(&self) -> String {
        self.to_string()
    }
}

impl Value for Weight {
    const KIND: &'static str = "a weight";
    fn allowed() -> String {
        format!("1 to {}, or idle", Self::MOST)
    }
    fn words() -> Vec<String> {
        vec!["idle".to_owned()]
    }
    fn read(text: &str) -> Result<Self, ProblemCause> {
        text.parse().map_err(|error| match error {
            NotAWeight::OutOfRange => out_of_range(1, Self::MOST.into(), ""),
            NotAWeight::Text => {
                ProblemCause::NotOneOf { allowed: vec![format!("1 to {}", Self::MOST), "idle".to_owned()] }
            }
        })
    }
    fn write(&self) -> String {
        self.to_string()
    }
}

impl Value for Rewards {
    const KIND: &'static str = "a rewards address or a weighted list of them";
    fn words() -> Vec<String> {
        ["faucet", "donate"].map(str::to_owned).into()
    }
    fn read(text: &str) -> Result<Self, ProblemCause> {
        text.parse().map_err(|error| ProblemCause::Wallet(Box::new(error)))
    }
    fn write(&self) -> String {
        self.to_string()
    }
}

impl Value for Address {
    const KIND: &'static str = "a rewards address";
    fn read(text: &str) -> Result<Self, ProblemCause> {
        text.parse().map_err(|error| ProblemCause::Wallet(Box::new(error)))
    }
    fn write(&self) -> String {
        self.to_string()
    }
}

impl Value for Flavor {
    const KIND: &'static str = "a node program";
    fn allowed() -> String {
        "antnode, ant-node, or custom with a description".to_owned()
    }
    fn words() -> Vec<String> {
        [Self::Antnode, Self::AntNode].map(|flavor| flavor.write()).into()
    }
    fn read(text: &str) -> Result<Self, ProblemCause> {
        text.parse().map_err(|error| ProblemCause::Flavor(Box::new(error)))
    }
    fn write(&self) -> String {
        self.to_string()
    }
}

impl Value for String {
    const KIND: &'static str = "a text";
    fn read(text: &str) -> Result<Self, ProblemCause> {
        if text.trim().is_empty() {
            return Err(ProblemCause::Empty);
        }
        if text.chars().any(char::is_control) { Err(ProblemCause::ControlCharacter) } else { Ok(text.to_owned()) }
    }
    fn write(&self) -> String {
        self.clone()
    }
}

impl Value for bool {
    const KIND: &'static str = "true or false";
    const SHAPE: Shape = Shape::Switch;
    fn words() -> Vec<String> {
        ["true", "false"].map(str::to_owned).into()
    }
    fn read(text: &str) -> Result<Self, ProblemCause> {
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(true),
            "false" | "0" | "no" | "off" => Ok(false),
            _ => Err(ProblemCause::NotABoolean),
        }
    }
    fn write(&self) -> String {
        self.to_string()
    }
}

/// Folders, separated by commas: absolute paths without `..` and control characters, at least one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Folders(pub Vec<PathBuf>);

impl Value for Folders {
    const KIND: &'static str = "folders, separated by commas";
    fn read(text: &str) -> Result<Self, ProblemCause> {
        text.split(',').map(|path| Folder::read(path.trim()).map(|folder| folder.0)).collect::<Result<_, _>>().map(Self)
    }
    fn write(&self) -> String {
        self.0.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(",")
    }
}

/// A folder: an absolute path without `..` and control characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Folder(pub PathBuf);

impl Value for Folder {
    const KIND: &'static str = "a folder";
    fn read(path: &str) -> Result<Self, ProblemCause> {
        let folder = PathBuf::from(path);
        if path.chars().any(char::is_control) {
            Err(ProblemCause::ControlCharacter)
        } else if path.is_empty() {
            Err(ProblemCause::Empty)
        } else if !folder.is_absolute() {
            Err(ProblemCause::RelativePath { path: path.to_owned() })
        } else if folder.components().any(|part| part == Component::ParentDir) {
            Err(ProblemCause::ParentFolder { path: path.to_owned() })
        } else {
            Ok(Self(folder))
        }
    }
    fn write(&self) -> String {
        self.0.display().to_string()
    }
}

/// A file: an absolute path without `..` and control characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Path(pub PathBuf);

impl Value for Path {
    const KIND: &'static str = "the path of a file";
    fn allowed() -> String {
        "an absolute path".to_owned()
    }
    fn read(path: &str) -> Result<Self, ProblemCause> {
        Folder::read(path).map(|folder| Self(folder.0))
    }
    fn write(&self) -> String {
        self.0.display().to_string()
    }
}

/// The name of a host, as RFC 1123 defines it, or an IP address without brackets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HostName(pub String);

impl Value for HostName {
    const KIND: &'static str = "an IP address or a host name";
    fn read(text: &str) -> Result<Self, ProblemCause> {
        // RFC 1123, section 2.1, and RFC 1035, section 2.3.4.
        const LONGEST_NAME: usize = 253;
        const LONGEST_LABEL: usize = 63;
        let text = String::read(text)?;
        if text.parse::<IpAddr>().is_ok() {
            return Ok(Self(text));
        }
        let is_label = |label: &str| {
            (1..=LONGEST_LABEL).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        // A name whose last label is a number is an IPv4 address that cannot be read, such as 999.1.1.1.
        let is_number = text.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
        let is_name = text.len() <= LONGEST_NAME && text.split('.').all(is_label) && !is_number;
        if is_name { Ok(Self(text)) } else { Err(ProblemCause::NotAHost) }
    }
    fn write(&self) -> String {
        self.0.clone()
    }
}

impl Default for HostName {
    /// Returns the loopback address.
    fn default() -> Self {
        Self(Ipv4Addr::LOCALHOST.to_string())
    }
}

/// Words, quoted and separated as in a shell. No shell ever runs them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Words(pub Vec<String>);

impl Value for Words {
    const KIND: &'static str = "words, quoted as in a shell";
    const SHAPE: Shape = Shape::Words;
    fn read(text: &str) -> Result<Self, ProblemCause> {
        shell_words::split(text).map(Self).map_err(|_| ProblemCause::UnclosedQuote)
    }
    fn write(&self) -> String {
        shell_words::join(&self.0)
    }
}

/// The start of a port range in thousands, 1 to 64: 55 means port 55000. The text `55000` means the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Thousands(pub u16);

impl Value for Thousands {
    const KIND: &'static str = "thousands of a port";
    const SHAPE: Shape = Shape::Number;
    fn allowed() -> String {
        "1 to 64".to_owned()
    }
    fn read(text: &str) -> Result<Self, ProblemCause> {
        let number = u32::read(text)?;
        let thousands = if number >= 1000 && number.is_multiple_of(1000) { number / 1000 } else { number };
        let range = out_of_range(1, 64, "thousand");
        u16::try_from(thousands).ok().filter(|start| (1..=64).contains(start)).map(Self).ok_or(range)
    }
    fn write(&self) -> String {
        self.0.to_string()
    }
}
