//! `wnm config set` and `unset`: changes of the stored settings, all or none.

use std::ffi::OsStr;
use std::path::Path;

use serde::Serialize;
use wnm_core::{Affects, NODE_SETTINGS, Node, RawSettings, Selection, Setting, Settings, TakesEffect, Unit, update_to};
use wnm_store::Store;

use super::{SettingValue, Source, SourceValues, known, unit};
use crate::args::ConsentFlag;
use crate::config;
use crate::config::hint::{Origin, SettingsError};
use crate::confirm::{self, Purpose};
use crate::context;
use crate::error::{CliError, CommandError};
use crate::output::Output;
use crate::render;

/// A changed setting.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Changed {
    /// The name of the setting.
    pub(crate) key: &'static str,
    /// The effective value before; null if it had none.
    pub(crate) was: Option<SettingValue>,
    /// The effective value now; null if it has none.
    pub(crate) value: Option<SettingValue>,
    /// The unit of both values; null without a unit.
    pub(crate) unit: Option<Unit>,
    /// The time at which the new value takes effect.
    pub(crate) takes_effect: TakesEffect,
    /// The number of existing nodes that keep the value they were created with.
    pub(crate) nodes_with_old_value: usize,
    /// Both values for people.
    #[serde(skip)]
    pub(crate) shown: [Option<String>; 2],
    /// The nodes that the new value affects.
    #[serde(skip)]
    pub(crate) affects: Affects,
}

/// Stores settings, given as `SETTING VALUE` or `SETTING=VALUE`, one or several.
pub(super) fn set(db: &Path, words: &[String], consent: ConsentFlag, output: &Output) -> Result<(), CliError> {
    let pairs = pairs(words)?;
    // Values are checked before the database is opened: a typing error is the same with and without a colony.
    config::collect(pairs.iter().map(|(key, text)| (*key, OsStr::new(text), Origin::Stored)))?;
    let keys: Vec<&'static str> = pairs.iter().map(|(key, _)| *key).collect();
    apply(db, &keys, consent, output, |stored| {
        pairs.iter().try_for_each(|(key, text)| config::set(stored, key, text)).map_err(CliError::from)
    })
}

/// Deletes settings from the database.
pub(super) fn unset(db: &Path, keys: &[String], consent: ConsentFlag, output: &Output) -> Result<(), CliError> {
    let keys = keys.iter().map(|key| known(key, "unset")).collect::<Result<Vec<_>, _>>()?;
    apply(db, &keys, consent, output, |stored| {
        keys.iter().for_each(|key| _ = stored.clear(key));
        Ok(())
    })
}

/// Reads `SETTING VALUE …` or `SETTING=VALUE …`.
fn pairs(words: &[String]) -> Result<Vec<(&'static str, String)>, CliError> {
    let unknown = |key: &str, value: &str| {
        known(key, "set").map_err(|error| match error {
            CommandError::UnknownSetting { problem, .. } => {
                let pair = render::shell_text(&[format!("SETTING={value}")]);
                CommandError::UnknownSetting { problem, command: format!("wnm config set {pair}") }
            }
            error => error,
        })
    };
    let (apart, rest) = words.as_chunks();
    if rest.is_empty() && apart.iter().all(|[key, _]| !key.contains('=')) {
        return apart.iter().map(|[key, value]| Ok((unknown(key, value)?, value.clone()))).collect();
    }
    let pair = |word: &String| match word.split_once('=') {
        Some((key, value)) => Ok((unknown(key, value)?, value.to_owned())),
        None => {
            let key = known(word, "describe")?;
            let example = RawSettings::setting(key).map_or("", |setting| setting.facts.example);
            Err(CommandError::NoValue { key, example }.into())
        }
    };
    words.iter().map(pair).collect()
}

/// Changes the stored settings, after the consent of the operator if the node cap falls below the number of nodes.
/// Reports the settings whose effective value changed, and those in `keys`.
///
/// # Errors
/// A source of higher precedence sets one of them, the settings contradict each other, existing nodes were created
/// with one of them, or the consent is missing.
pub(in crate::commands) fn apply(
    db: &Path,
    keys: &[&'static str],
    consent: ConsentFlag,
    output: &Output,
    by: impl Fn(&mut RawSettings) -> Result<(), CliError>,
) -> Result<(), CliError> {
    if !consent.is_given {
        let store = Store::open_read_only(db)?;
        let (_, changed) = plan(&store, keys, &by)?;
        confirm_cap(db, &store, &changed, consent, output)?;
    }
    let _lock = context::lock(db, context::LOCK_TIMEOUT)?;
    let mut store = Store::open(db)?;
    let (settings, changed) = plan(&store, keys, &by)?;
    store.save_settings(&settings)?;
    output.result(&changed, |changed| render::config::changes(changed))
}

/// Returns the settings to store and their changes.
fn plan(
    store: &Store,
    keys: &[&'static str],
    by: impl Fn(&mut RawSettings) -> Result<(), CliError>,
) -> Result<(RawSettings, Vec<Changed>), CliError> {
    let before = SourceValues::read(store)?;
    for key in keys {
        let source = before.source(key);
        if matches!(source, Source::Environment { .. } | Source::File { .. }) {
            return Err(CommandError::SetElsewhere { key, place: source }.into());
        }
    }
    let mut stored = before.database.clone();
    by(&mut stored)?;
    let was = before.effective()?.to_raw();
    let after = SourceValues { database: stored, ..before };
    let settings = after.effective().map_err(|error| if_removed(error, keys))?;
    let is = settings.to_raw();
    let nodes: Vec<Node> = store.nodes()?.into_values().collect();
    let changed: Vec<Changed> = RawSettings::ALL
        .iter()
        .filter(|setting| was.get(setting.key) != is.get(setting.key) || keys.contains(&setting.key))
        .map(|setting| change(setting, [&was, &is], &settings, &nodes))
        .collect();
    let fixed = changed.iter().find(|changed| {
        changed.takes_effect == TakesEffect::FixedAfterInit && changed.was != changed.value && !nodes.is_empty()
    });
    if let Some(Changed { key, shown: [was, is], .. }) = fixed {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        return Err(CliError::FixedSetting { key, current: text(was), requested: text(is) });
    }
    Ok((after.database, changed))
}

/// Asks for consent to a node cap below the number of nodes, because the next cycles remove the nodes above it.
fn confirm_cap(
    db: &Path,
    store: &Store,
    changed: &[Changed],
    consent: ConsentFlag,
    output: &Output,
) -> Result<(), CliError> {
    let value = changed.iter().find(|changed| changed.key == "node_cap").and_then(|changed| changed.value.as_ref());
    let Some(SettingValue::Number(cap)) = value else { return Ok(()) };
    let Some(cap) = cap.as_u64().and_then(|cap| u32::try_from(cap).ok()) else { return Ok(()) };
    let nodes = u32::try_from(store.node_count()?).unwrap_or(u32::MAX);
    let Some(above) = nodes.checked_sub(cap).filter(|above| *above > 0) else { return Ok(()) };
    confirm::removal(db, Selection::Count(above), consent, Purpose::NodeCap { cap }, output).map(|_| ())
}

/// Returns the error of settings that contradict each other. A required setting that was removed is set again by the
/// same command, not by a flag of `init`.
fn if_removed(error: SettingsError, keys: &[&str]) -> CliError {
    if keys.contains(&"rewards_address") && error.is_missing("rewards_address") {
        return CommandError::Required { key: "rewards_address" }.into();
    }
    error.into()
}

fn change(setting: &Setting, [was, is]: [&RawSettings; 2], settings: &Settings, nodes: &[Node]) -> Changed {
    let value = |raw: &RawSettings| raw.get(setting.key).map(|bare| SettingValue::of(setting, bare));
    let is_changed = was.get(setting.key) != is.get(setting.key);
    let keeps = |node: &&Node| is_changed && differs(node, setting, settings);
    Changed {
        key: setting.key,
        was: value(was),
        value: value(is),
        unit: unit(setting),
        takes_effect: setting.facts.takes_effect,
        nodes_with_old_value: nodes.iter().filter(keeps).count(),
        shown: [was.display(setting.key), is.display(setting.key)],
        affects: setting.facts.affects,
    }
}

/// Tells whether a node was created with another value of a setting that only new nodes get.
fn differs(node: &Node, setting: &Setting, settings: &Settings) -> bool {
    match setting.key {
        _ if setting.facts.affects != Affects::New => false,
        key if NODE_SETTINGS.contains(&key) => update_to(settings, node, &[key], 0).applied_to(node) != *node,
        "flavor" => node.flavor != settings.flavor,
        "node_storage" => !settings.storage.iter().any(|folder| node.root_dir.starts_with(folder)),
        // The number is for new nodes only, and no node holds it.
        "highest_node_id_used" => false,
        // A node does not record the image and the version it came from.
        _ => true,
    }
}
