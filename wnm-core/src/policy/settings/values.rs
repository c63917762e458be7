//! Values of settings, as they are read from text and written as text.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::model::firewall::FirewallKind;
use crate::model::flavor::Flavor;
use crate::model::manager::ManagerKind;
use crate::model::units::{Load, Percent};
use crate::model::wallet::{Address, Rewards};
use crate::policy::thresholds::Preset;

/// A value as it stands in a file, a variable, a flag or the database.
pub(super) trait Value: Sized {
    /// What is accepted, as it follows "expected".
    const EXPECTED: &'static str;
    const IS_SWITCH: bool = false;
    fn read(text: &str) -> Option<Self>;
    fn write(&self) -> String;
    /// Reads a number of a JSON or TOML file; by way of its text unless a type knows better.
    fn read_number(number: f64) -> Option<Self> {
        Self::read(&number.to_string())
    }
}

macro_rules! plain_values {
    ($($type:ty: $expected:literal;)*) => {$(
        impl Value for $type {
            const EXPECTED: &'static str = $expected;
            fn read(text: &str) -> Option<Self> {
                text.parse().ok()
            }
            fn write(&self) -> String {
                self.to_string()
            }
        }
    )*};
}

macro_rules! whole_values {
    ($($type:ty: $expected:literal;)*) => {$(
        impl Value for $type {
            const EXPECTED: &'static str = $expected;
            fn read(text: &str) -> Option<Self> {
                text.parse().ok()
            }
            fn write(&self) -> String {
                self.to_string()
            }
            fn read_number(number: f64) -> Option<Self> {
                // 2^53: beyond it a float no longer names one whole number.
                let is_whole = number.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&number);
                is_whole.then_some(number as u64).and_then(|n| n.try_into().ok())
            }
        }
    )*};
}

whole_values! {
    u32: "a whole number from 0 to 4294967295";
    u64: "a whole number, 0 or more";
}

plain_values! {
    Rewards: "an address, faucet, donate, or a weighted list of them";
    Address: "a rewards address of 0x and 40 hexadecimal digits";
    ManagerKind: "a process manager such as setsid+user";
    FirewallKind: "ufw or none";
    Flavor: "antnode, ant-node, or custom and a description";
}

impl Value for String {
    const EXPECTED: &'static str = "a text, not empty, without control characters";
    fn read(text: &str) -> Option<Self> {
        let is_sound = !text.trim().is_empty() && !text.chars().any(char::is_control);
        is_sound.then(|| text.to_owned())
    }
    fn write(&self) -> String {
        self.clone()
    }
}

impl Value for bool {
    const EXPECTED: &'static str = "true or false";
    const IS_SWITCH: bool = true;
    fn read(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Some(true),
            "false" | "0" | "no" | "off" => Some(false),
            _ => None,
        }
    }
    fn write(&self) -> String {
        self.to_string()
    }
}

macro_rules! float_values {
    ($($type:ident to $high:literal: $expected:literal;)*) => {$(
        impl Value for $type {
            const EXPECTED: &'static str = $expected;
            fn read(text: &str) -> Option<Self> {
                text.parse().ok().and_then(Self::read_number)
            }
            fn read_number(number: f64) -> Option<Self> {
                $type::new(number).ok().filter(|_| number <= $high)
            }
            fn write(&self) -> String {
                self.get().to_string()
            }
        }
    )*};
}

float_values! {
    Percent to 100.0: "a percentage from 0 to 100";
    Load to 1e6: "a load average from 0 to 1000000";
}

impl Value for Preset {
    const EXPECTED: &'static str = "classic or steady";
    fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preset| preset.word() == text)
    }
    fn write(&self) -> String {
        self.word().to_owned()
    }
}

/// Folders, comma-separated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Folders(pub Vec<PathBuf>);

impl Value for Folders {
    const EXPECTED: &'static str = "one or more absolute folders, comma-separated, without control characters or ..";
    fn read(text: &str) -> Option<Self> {
        let folders: Vec<PathBuf> = text.split(',').map(|folder| PathBuf::from(folder.trim())).collect();
        let parent = |path: &PathBuf| path.components().any(|part| part == std::path::Component::ParentDir);
        let sound = !text.chars().any(char::is_control) && folders.iter().all(|f| f.is_absolute() && !parent(f));
        sound.then_some(Self(folders))
    }
    fn write(&self) -> String {
        self.0.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(",")
    }
}

/// Words as a shell splits them; no shell ever runs them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Words(pub Vec<String>);

impl Value for Words {
    const EXPECTED: &'static str = "words as a shell reads them, each quote closed";
    fn read(text: &str) -> Option<Self> {
        shell_words::split(text).ok().map(Self)
    }
    fn write(&self) -> String {
        shell_words::join(&self.0)
    }
}

/// Thousands a port range begins at: 55 stands for 55000, and so does 55000 itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Thousands(pub u16);

impl Value for Thousands {
    const EXPECTED: &'static str = "thousands from 1 to 64, such as 55 or 55000";
    fn read(text: &str) -> Option<Self> {
        let number: u16 = text.parse().ok()?;
        let thousands = if number >= 1000 && number.is_multiple_of(1000) { number / 1000 } else { number };
        (1..=64).contains(&thousands).then_some(Self(thousands))
    }
    fn write(&self) -> String {
        self.0.to_string()
    }
}
