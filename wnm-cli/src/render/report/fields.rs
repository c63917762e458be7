//! Named values in a fixed order, in the four formats of the Python wnm: text, JSON, environment file, config file.

use std::fmt;

use serde::ser::{Serialize, SerializeMap, Serializer};

/// A value of a report.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// Unknown: `None` in text, `null` in JSON.
    Unknown,
    Switch(bool),
    Number(u64),
    Float(f64),
    Text(String),
    /// The count of each text, in a fixed order.
    Counts(Vec<(String, usize)>),
}

impl Value {
    /// Returns a whole number if the value has no fraction: the Python wnm writes 50, not 50.0.
    pub(crate) fn number(value: f64) -> Self {
        if value.fract() == 0.0 && (0.0..1e15).contains(&value) {
            Self::Number(value as u64)
        } else {
            Self::Float(value)
        }
    }

    /// Returns the value; `Unknown` for None.
    pub(crate) fn or_unknown(value: Option<impl Into<Self>>) -> Self {
        value.map_or(Self::Unknown, Into::into)
    }
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::Number(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

/// Writes values as Python does: `None`, `True`, `2.0`, `{'0.4.17': 5}`.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("None"),
            Self::Switch(true) => f.write_str("True"),
            Self::Switch(false) => f.write_str("False"),
            Self::Number(value) => value.fmt(f),
            Self::Float(value) => write!(f, "{value:?}"),
            Self::Text(text) => f.write_str(text),
            Self::Counts(counts) => {
                let counts = counts.iter().map(|(text, count)| format!("'{text}': {count}"));
                write!(f, "{{{}}}", counts.collect::<Vec<_>>().join(", "))
            }
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Unknown => serializer.serialize_none(),
            Self::Switch(value) => serializer.serialize_bool(*value),
            Self::Number(value) => serializer.serialize_u64(*value),
            Self::Float(value) => serializer.serialize_f64(*value),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Counts(counts) => serializer.collect_map(counts.iter().map(|(text, count)| (text, count))),
        }
    }
}

/// Named values in a fixed order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fields {
    pub(crate) values: Vec<(&'static str, Value)>,
    /// The keys whose values have quotes in the environment and config formats.
    pub(crate) quoted: &'static [&'static str],
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.values.len()))?;
        for (key, value) in &self.values {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl Fields {
    /// Returns the text format: lines of `key: value`.
    pub(crate) fn text(&self) -> String {
        self.values.iter().map(|(key, value)| format!("{key}: {value}\n")).collect()
    }

    /// Returns the environment format: lines of `KEY=value`.
    pub(crate) fn env(&self) -> String {
        self.values
            .iter()
            .map(|(key, value)| format!("{}={}\n", key.to_uppercase(), self.quoted_value(key, value)))
            .collect()
    }

    /// Returns the config format: lines of `key=value`.
    pub(crate) fn config(&self) -> String {
        self.values.iter().map(|(key, value)| format!("{key}={}\n", self.quoted_value(key, value))).collect()
    }

    fn quoted_value(&self, key: &str, value: &Value) -> String {
        if !self.quoted.contains(&key) {
            return value.to_string();
        }
        // A shell interprets these characters within double quotes.
        let is_special = |c: char| matches!(c, '"' | '\\' | '$' | '`');
        let mut text = String::from("\"");
        for c in value.to_string().chars() {
            if is_special(c) {
                text.push('\\');
            }
            text.push(c);
        }
        text.push('"');
        text
    }
}
