//! `wnm config describe`: the facts of settings, from the list of settings. It needs no colony.

use serde::Serialize;
use wnm_core::{Affects, RawSettings, Setting, TakesEffect, Unit};

use super::{known, unit};
use crate::error::CliError;
use crate::output::Output;
use crate::render;

/// The facts of a setting.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Description {
    /// The name of the setting.
    pub(crate) key: &'static str,
    /// The meaning of the setting.
    pub(crate) description: &'static str,
    /// The default as a text for people.
    pub(crate) default: &'static str,
    /// The unit of a bare number; null without a unit.
    pub(crate) unit: Option<Unit>,
    /// The allowed values as a text for people.
    pub(crate) allowed: String,
    /// A valid value.
    pub(crate) example: &'static str,
    /// The time at which a new value takes effect.
    pub(crate) takes_effect: TakesEffect,
    /// The nodes that a new value affects.
    pub(crate) affects: Affects,
    /// The flag.
    pub(crate) flag: String,
    /// The environment variables, the first with the highest precedence.
    pub(crate) variables: Vec<String>,
}

impl Description {
    /// Returns the facts of a setting.
    pub(crate) fn of(setting: &'static Setting) -> Self {
        Self {
            key: setting.key,
            description: setting.about,
            default: setting.facts.default,
            unit: unit(setting),
            allowed: setting.allowed(),
            example: setting.facts.example,
            takes_effect: setting.facts.takes_effect,
            affects: setting.facts.affects,
            flag: setting.flag(),
            variables: setting.variables(),
        }
    }
}

/// Describes settings; all of them without a name.
pub(super) fn run(keys: &[String], output: &Output) -> Result<(), CliError> {
    let named = keys.iter().map(|key| known(key, "describe")).collect::<Result<Vec<_>, _>>()?;
    let is_named = |setting: &&Setting| named.is_empty() || named.contains(&setting.key);
    let descriptions: Vec<Description> = RawSettings::ALL.iter().filter(is_named).map(Description::of).collect();
    output.result(&descriptions, |all| render::config::descriptions(all))
}
