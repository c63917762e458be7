//! `wnm config`: the effective settings with their sources, and changes of the stored ones.

use std::path::{Path, PathBuf};

use serde::Serialize;
use wnm_core::{FIXED, Problem, Problems, RawSettings, Selection, Settings};
use wnm_store::Store;

use crate::args::{Config, ConsentFlag};
use crate::config::{self, file};
use crate::confirm::{self, Purpose};
use crate::context;
use crate::error::{CliError, CommandError, Exit};
use crate::output::Output;
use crate::render;
use crate::render::config::Sources;

/// The source of a value, in order of precedence. `wnm config` itself takes no settings as flags.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Source {
    /// An environment variable.
    Environment {
        /// The name of the variable.
        variable: String,
    },
    /// The config file.
    File {
        /// The path of the file.
        path: String,
    },
    /// The database.
    Database,
    /// No source sets the value.
    Default,
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Environment { variable } => write!(f, "variable {variable}"),
            Self::File { path } => write!(f, "file {path}"),
            Self::Database => f.write_str("database"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A setting with its effective value.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Entry {
    /// The name of the setting.
    pub(crate) key: &'static str,
    /// The effective value; null if no source sets it and it has no default.
    pub(crate) value: Option<String>,
    /// The source of the value.
    pub(crate) source: Source,
}

/// The config file.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct FileView {
    /// The path of the file, which need not exist.
    path: PathBuf,
    /// Whether the file exists.
    exists: bool,
}

/// A changed setting.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Changed {
    /// The name of the setting.
    key: &'static str,
    /// The effective value before; null if it had none.
    was: Option<String>,
    /// The effective value now; null if it has none.
    value: Option<String>,
}

/// The sources of settings below the command line.
struct SourceValues {
    environment: RawSettings,
    file: RawSettings,
    database: RawSettings,
}

impl SourceValues {
    fn read(database: RawSettings) -> Result<Self, CliError> {
        Ok(Self { environment: config::from_environment()?, file: file::read()?, database })
    }

    fn settings(&self) -> Result<Settings, Problems> {
        let above = self.environment.clone().over(self.file.clone());
        let host = context::host_defaults(&self.database, &above);
        config::fold([RawSettings::default(), above, self.database.clone()], &host)
    }

    fn source(&self, key: &str) -> Source {
        if self.environment.get(key).is_some()
            && let Some((variable, _)) = config::variable(key)
        {
            return Source::Environment { variable };
        }
        let path = file::path().filter(|_| self.file.get(key).is_some());
        match path {
            Some(path) => Source::File { path: path.display().to_string() },
            None if self.database.get(key).is_some() => Source::Database,
            None => Source::Default,
        }
    }

    fn entries(&self) -> Result<Vec<Entry>, Problems> {
        let effective = self.settings()?.to_raw();
        let entry = |key: &&'static str| Entry { key, value: effective.get(key), source: self.source(key) };
        Ok(RawSettings::KEYS.iter().map(entry).collect())
    }
}

/// Shows or changes settings.
pub(crate) fn run(db: &Path, command: Config, output: &Output) -> Result<Exit, CliError> {
    match command {
        Config::List { origin } => {
            let entries = sources(db)?.entries()?;
            let sources = if origin { Sources::Shown } else { Sources::Hidden };
            output.result(&entries, |entries| render::config::list(entries, sources, output.width()))?;
        }
        Config::Get { key } => {
            let key = known(&key)?;
            let entry = sources(db)?.entries()?.into_iter().find(|entry| entry.key == key);
            output.value(&entry, |entry| entry.as_ref().and_then(|e| e.value.clone()).unwrap_or_default())?;
        }
        Config::Set { consent, words } => {
            let pairs = pairs(&words)?;
            change(db, pairs.iter().map(|(key, _)| *key), consent, output, |stored| {
                let set = pairs.iter().filter_map(|(key, text)| config::set(stored, key, text).err());
                Problems::none_or(set.collect())
            })?;
        }
        Config::Unset { consent, keys } => {
            let keys = keys.iter().map(|key| known(key)).collect::<Result<Vec<_>, _>>()?;
            change(db, keys.iter().copied(), consent, output, |stored| {
                keys.iter().for_each(|key| _ = stored.clear(key));
                Ok(())
            })?;
        }
        Config::Path => {
            let path = file::path().unwrap_or_default();
            let view = FileView { exists: path.exists(), path };
            output.value(&view, |view| view.path.display().to_string())?;
        }
    }
    Ok(Exit::Done)
}

fn sources(db: &Path) -> Result<SourceValues, CliError> {
    SourceValues::read(Store::open_read_only(db)?.settings()?)
}

/// Returns the name of a setting from either spelling, with underscores or hyphens.
fn known(key: &str) -> Result<&'static str, Problem> {
    let underscored = key.replace('-', "_");
    let found = RawSettings::KEYS.iter().find(|known| **known == underscored).copied();
    found.ok_or_else(|| Problem::unknown_setting(key))
}

/// Reads `SETTING VALUE`, or several `SETTING=VALUE`.
fn pairs(words: &[String]) -> Result<Vec<(&'static str, String)>, CliError> {
    if let [key, value] = words
        && !key.contains('=')
    {
        return Ok(vec![(known(key)?, value.clone())]);
    }
    let pair = |word: &String| match word.split_once('=') {
        Some((key, value)) => Ok((known(key)?, value.to_owned())),
        None => Err(CommandError::NoValue { word: word.clone() }.into()),
    };
    words.iter().map(pair).collect()
}

/// Changes the stored settings, after the consent of the operator if the node cap falls below the number of nodes.
///
/// # Errors
/// A source of higher precedence sets one of them, the settings contradict each other, existing nodes were created
/// with one of them, or the consent is missing.
fn change(
    db: &Path,
    keys: impl Iterator<Item = &'static str> + Clone,
    consent: ConsentFlag,
    output: &Output,
    by: impl Fn(&mut RawSettings) -> Result<(), Problems>,
) -> Result<(), CliError> {
    if !consent.is_given {
        let store = Store::open_read_only(db)?;
        let (_, changed) = plan(&store, keys.clone(), &by)?;
        confirm_cap(db, &store, &changed, consent, output)?;
    }
    let _lock = context::lock(db, context::LOCK_TIMEOUT)?;
    let mut store = Store::open(db)?;
    let (settings, changed) = plan(&store, keys, &by)?;
    store.save_settings(&settings)?;
    output.result(&changed, |changed| {
        let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "unset".to_owned());
        let line = |changed: &Changed| match changed.was == changed.value {
            true => format!("{} = {} (unchanged)\n", changed.key, shown(&changed.value)),
            false => format!("{} = {} (was {})\n", changed.key, shown(&changed.value), shown(&changed.was)),
        };
        changed.iter().map(line).collect()
    })
}

/// Returns the settings to store and their changes.
fn plan(
    store: &Store,
    keys: impl Iterator<Item = &'static str> + Clone,
    by: impl Fn(&mut RawSettings) -> Result<(), Problems>,
) -> Result<(RawSettings, Vec<Changed>), CliError> {
    let before = SourceValues::read(store.settings()?)?;
    for key in keys.clone() {
        match before.source(key) {
            Source::Database | Source::Default => {}
            above => return Err(CommandError::SetElsewhere { key, source_name: above.to_string() }.into()),
        }
    }
    let mut stored = before.database.clone();
    by(&mut stored)?;
    let was = before.entries()?;
    let after = SourceValues { database: stored, ..before };
    let is = after.entries()?;
    let changed: Vec<Changed> = was
        .into_iter()
        .zip(is)
        .filter(|(was, is)| was.value != is.value || keys.clone().any(|key| key == is.key))
        .map(|(was, is)| Changed { key: is.key, was: was.value, value: is.value })
        .collect();
    if !store.nodes()?.is_empty()
        && let Some(Changed { key, was, value }) =
            changed.iter().find(|changed| FIXED.contains(&changed.key) && changed.was != changed.value)
    {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        return Err(CliError::FixedSetting { key, current: text(was), requested: text(value) });
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
    let Some(cap) = value.and_then(|value| value.parse::<u32>().ok()) else { return Ok(()) };
    let nodes = u32::try_from(store.nodes()?.len()).unwrap_or(u32::MAX);
    let Some(above) = nodes.checked_sub(cap).filter(|above| *above > 0) else { return Ok(()) };
    confirm::removal(db, Selection::Count(above), consent, Purpose::NodeCap { cap }, output).map(|_| ())
}
