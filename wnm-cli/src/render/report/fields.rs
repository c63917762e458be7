//! Named values in a fixed order, in four formats: text, JSON, environment, and a file of settings.

use std::fmt;

use serde::ser::{Serialize, SerializeMap, Serializer};

/// A value of a report.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// It is not known.
    Unknown,
    Switch(bool),
    Number(u64),
    Float(f64),
    Text(String),
    /// How often each text occurs, in order.
    Counts(Vec<(String, usize)>),
}

impl Value {
    /// Returns a number, whole where it is.
    pub(crate) fn number(value: f64) -> Self {
        if value.fract() == 0.0 && (0.0..1e15).contains(&value) {
            Self::Number(value as u64)
        } else {
            Self::Float(value)
        }
    }

    /// Returns a value, or that it is unknown.
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

/// Values as they were always written: `None`, `True`, `2.0`, `{'0.4.17': 5}`.
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

/// Named values, in order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fields {
    pub(crate) values: Vec<(&'static str, Value)>,
    /// The names of values that stand in quotes where a shell reads them.
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
    /// Returns lines of `key: value`.
    pub(crate) fn text(&self) -> String {
        self.values.iter().map(|(key, value)| format!("{key}: {value}\n")).collect()
    }

    /// Returns lines of `KEY=value`.
    pub(crate) fn env(&self) -> String {
        self.values.iter().map(|(key, value)| format!("{}={}\n", key.to_uppercase(), self.shown(key, value))).collect()
    }

    /// Returns lines of `key=value`.
    pub(crate) fn config(&self) -> String {
        self.values.iter().map(|(key, value)| format!("{key}={}\n", self.shown(key, value))).collect()
    }

    fn shown(&self, key: &str, value: &Value) -> String {
        if !self.quoted.contains(&key) {
            return value.to_string();
        }
        // What a shell would take for more than text within double quotes.
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
