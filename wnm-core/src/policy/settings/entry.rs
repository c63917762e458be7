//! Deserialization and serialization of settings: a JSON or TOML map, and one value from its text.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Error as DeError, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::RawSettings;
use super::problem::{Problem, ProblemCause};
use super::unit::Unit;
use super::values::Value;

/// Reads the value of a setting from its text; space around it is ignored.
///
/// # Errors
/// The text is not of the type of the setting, or has an unknown unit.
pub(super) fn read<T: Value>(key: &str, unit: Unit, text: &str) -> Result<T, Problem> {
    let read = unit.to_bare(text.trim()).and_then(|bare| T::read(&bare)).map_err(|cause| match cause {
        // The forms with a unit are worth a mention where a number is missing.
        ProblemCause::NotAWholeNumber if !unit.forms().is_empty() => ProblemCause::NotAQuantity { unit },
        cause => cause,
    });
    read.map_err(|cause| Problem::new(key, text, cause))
}

/// Reads the value of one setting from a string, a number or a boolean of a JSON or TOML file.
pub(super) struct Entry<'a, T> {
    pub(super) key: &'a str,
    pub(super) unit: Unit,
    pub(super) value: PhantomData<T>,
}

impl<'de, T: Value> DeserializeSeed<'de> for Entry<'_, T> {
    type Value = T;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<T: Value> Visitor<'_> for Entry<'_, T> {
    type Value = T;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} for {}", T::KIND, self.key)
    }
    fn visit_str<E: DeError>(self, text: &str) -> Result<T, E> {
        read(self.key, self.unit, text).map_err(E::custom)
    }
    fn visit_bool<E: DeError>(self, value: bool) -> Result<T, E> {
        self.visit_str(if value { "true" } else { "false" })
    }
    fn visit_u64<E: DeError>(self, value: u64) -> Result<T, E> {
        self.visit_f64(value as f64)
    }
    fn visit_i64<E: DeError>(self, value: i64) -> Result<T, E> {
        self.visit_f64(value as f64)
    }
    fn visit_f64<E: DeError>(self, value: f64) -> Result<T, E> {
        T::read_number(value).map_err(|cause| E::custom(Problem::new(self.key, value, cause)))
    }
}

impl<'de> Deserialize<'de> for RawSettings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Settings;
        impl<'de> Visitor<'de> for Settings {
            type Value = RawSettings;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of settings")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawSettings, A::Error> {
                let mut raw = RawSettings::default();
                while let Some(key) = map.next_key::<Cow<'de, str>>()? {
                    raw.set_from(&key, &mut map)?;
                }
                Ok(raw)
            }
        }
        deserializer.deserialize_map(Settings)
    }
}

impl Serialize for RawSettings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(Self::KEYS.iter().filter_map(|key| self.get(key).map(|text| (key, text))))
    }
}
