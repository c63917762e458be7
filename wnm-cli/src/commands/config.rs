//! `wnm config`: what each setting is, where that comes from, and how it changes.

use std::path::{Path, PathBuf};

use serde::Serialize;
use wnm_core::{FIXED, Problem, Problems, RawSettings, Settings};
use wnm_store::Store;

use crate::args::Config;
use crate::config::{self, file};
use crate::context;
use crate::error::{CliError, Exit};
use crate::output::Output;
use crate::render;
use crate::render::config::Sources;

/// Where a value comes from, the highest first; the command line of this command sets none.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "layer", rename_all = "snake_case")]
pub(crate) enum Origin {
    /// A variable of the environment.
    Environment {
        /// Its name.
        variable: String,
    },
    /// The file of settings.
    File {
        /// Where it is.
        path: String,
    },
    /// The database.
    Database,
    /// Nobody said it.
    Default,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Environment { variable } => write!(f, "variable {variable}"),
            Self::File { path } => write!(f, "file {path}"),
            Self::Database => f.write_str("database"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A setting with the value it has.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Entry {
    /// Its name.
    pub(crate) key: &'static str,
    /// None for what has no value unless it is set.
    pub(crate) value: Option<String>,
    /// The layer it comes from.
    pub(crate) origin: Origin,
}

/// The file of settings.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct FileView {
    /// Where it is, or would be.
    path: PathBuf,
    /// Whether it is there.
    exists: bool,
}

/// What became of a setting.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Changed {
    /// Its name.
    key: &'static str,
    /// What it was; null where it had no value.
    was: Option<String>,
    /// What it is now.
    value: Option<String>,
}

/// Every layer below the command line.
struct Layers {
    environment: RawSettings,
    file: RawSettings,
    database: RawSettings,
}

impl Layers {
    fn read(database: RawSettings) -> Result<Self, CliError> {
        Ok(Self { environment: config::from_environment()?, file: file::read()?, database })
    }

    fn settings(&self) -> Result<Settings, Problems> {
        let above = self.environment.clone().over(self.file.clone());
        let host = context::host_defaults(&self.database, &above);
        config::fold([RawSettings::default(), above, self.database.clone()], &host)
    }

    fn origin(&self, key: &str) -> Origin {
        if self.environment.get(key).is_some()
            && let Some((variable, _)) = config::variable(key)
        {
            return Origin::Environment { variable };
        }
        let path = file::path().filter(|_| self.file.get(key).is_some());
        match path {
            Some(path) => Origin::File { path: path.display().to_string() },
            None if self.database.get(key).is_some() => Origin::Database,
            None => Origin::Default,
        }
    }

    fn entries(&self) -> Result<Vec<Entry>, Problems> {
        let in_force = self.settings()?.to_raw();
        let entry = |key: &&'static str| Entry { key, value: in_force.get(key), origin: self.origin(key) };
        Ok(RawSettings::KEYS.iter().map(entry).collect())
    }
}

/// Shows or changes settings.
pub(crate) fn run(db: &Path, command: Config, output: &Output) -> Result<Exit, CliError> {
    match command {
        Config::List { origin } => {
            let entries = layers(db)?.entries()?;
            let sources = if origin { Sources::Shown } else { Sources::Hidden };
            output.result(&entries, |entries| render::config::list(entries, sources, output.width()))?;
        }
        Config::Get { key } => {
            let key = known(&key)?;
            let entry = layers(db)?.entries()?.into_iter().find(|entry| entry.key == key);
            output.value(&entry, |entry| entry.as_ref().and_then(|e| e.value.clone()).unwrap_or_default())?;
        }
        Config::Set { words } => {
            let pairs = pairs(&words)?;
            change(db, pairs.iter().map(|(key, _)| *key), output, |kept| {
                let set = pairs.iter().filter_map(|(key, text)| config::set(kept, key, text).err());
                Problems::none_or(set.collect())
            })?;
        }
        Config::Unset { keys } => {
            let keys = keys.iter().map(|key| known(key)).collect::<Result<Vec<_>, _>>()?;
            change(db, keys.iter().copied(), output, |kept| {
                keys.iter().for_each(|key| _ = kept.clear(key));
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

fn layers(db: &Path) -> Result<Layers, CliError> {
    Layers::read(Store::open_read_only(db)?.settings()?)
}

/// Returns a setting by its name in either spelling.
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
        None => Err(CliError::Usage {
            what: format!("expected a setting and its value, found {word:?} alone"),
            hint: format!("wnm config set {word}=VALUE"),
        }),
    };
    words.iter().map(pair).collect()
}

/// Changes what is kept, unless a layer above the database says otherwise, or nodes were made by it.
fn change(
    db: &Path,
    keys: impl Iterator<Item = &'static str> + Clone,
    output: &Output,
    by: impl FnOnce(&mut RawSettings) -> Result<(), Problems>,
) -> Result<(), CliError> {
    let _lock = context::lock(db, context::LOCK_TIMEOUT)?;
    let mut store = Store::open(db)?;
    let before = Layers::read(store.settings()?)?;
    for key in keys.clone() {
        match before.origin(key) {
            Origin::Database | Origin::Default => {}
            above => {
                return Err(CliError::Usage {
                    what: format!("expected {key} to be the database's to say, found it set by {above}"),
                    hint: "change it there, or take it out there".to_owned(),
                });
            }
        }
    }
    let mut kept = before.database.clone();
    by(&mut kept)?;
    let was = before.entries()?;
    let after = Layers { database: kept, ..before };
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
        return Err(CliError::FixedSetting { key: (*key).to_owned(), is: text(was), asked: text(value) });
    }
    store.save_settings(&after.database)?;
    output.result(&changed, |changed| {
        let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "unset".to_owned());
        let line = |changed: &Changed| match changed.was == changed.value {
            true => format!("{} = {}, as before\n", changed.key, shown(&changed.value)),
            false => format!("{} = {}, was {}\n", changed.key, shown(&changed.value), shown(&changed.was)),
        };
        changed.iter().map(line).collect()
    })
}
