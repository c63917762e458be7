//! `wnm config`: the effective settings with their sources, and changes of the stored ones.

pub(crate) mod cap;
pub(crate) mod change;
pub(crate) mod describe;
mod edit;

use std::path::{Path, PathBuf};

use serde::Serialize;
use wnm_agent::Mode;
use wnm_core::secret::masked_words;
use wnm_core::{HostSample, Problem, Problems, RawSettings, Selection, Setting, Settings, Shape, Unit};
use wnm_store::Store;

use crate::args::{Config, ConsentFlag};
use crate::config::hint::SettingsError;
use crate::config::reload::{Acceptance, Colony, ConfigFile};
use crate::config::{self, file};
use crate::confirm::{self, Purpose};
use crate::context;
use crate::error::{CliError, CommandError, Exit};
use crate::output::Output;
use crate::render;
use crate::render::config::Sources;
use crate::render::secret;

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
    /// No source sets the value, and it is the default of `steady` on a host where other work goes before the nodes for
    /// CPU time.
    BehindOtherWork,
    /// No source sets the value.
    Default,
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Environment { variable } => write!(f, "variable {variable}"),
            Self::File { path } => write!(f, "file {path}"),
            Self::Database => f.write_str("database"),
            Self::BehindOtherWork => f.write_str("default behind other work"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// The value of a setting in JSON: a number in the unit of the setting, a boolean, or a text.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub(crate) enum SettingValue {
    Switch(bool),
    Number(serde_json::Number),
    Text(String),
}

impl SettingValue {
    /// Returns the JSON form of a value from its text; a number beyond the range of JSON stays a text.
    pub(crate) fn of(setting: &Setting, bare: String) -> Self {
        match setting.shape {
            Shape::Switch => Self::Switch(bare == "true"),
            Shape::Number => serde_json::from_str(&bare).map_or(Self::Text(bare), Self::Number),
            Shape::Words | Shape::Text => Self::Text(bare),
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
    pub(crate) value: Option<SettingValue>,
    /// The unit of the value; null without a unit.
    pub(crate) unit: Option<Unit>,
    /// The source of the value.
    pub(crate) source: Source,
    /// The value for people, such as `5min`.
    #[serde(skip)]
    pub(crate) shown: Option<String>,
}

/// The path of a file, such as the config file or the database.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct FileView {
    /// The path of the file, which need not exist.
    path: PathBuf,
    /// Whether the file exists.
    exists: bool,
}

impl FileView {
    /// Returns the view of a path at this moment.
    pub(crate) fn of(path: &Path) -> Self {
        Self { path: path.to_owned(), exists: path.exists() }
    }
}

/// The sources of settings below the command line.
struct SourceValues {
    environment: RawSettings,
    file: RawSettings,
    database: RawSettings,
    /// The host at the last cycle, on which some defaults depend.
    host: Option<HostSample>,
}

impl SourceValues {
    /// Reads the sources. The settings of the config file are those that wnm accepted.
    fn read(store: &Store) -> Result<Self, CliError> {
        let flags = RawSettings::default();
        let accepted = ConfigFile::open(store.path(), Mode::DryRun, &Colony::read(&flags, store)?)?;
        accepted.warn();
        let file = accepted.settings().clone();
        let host = store.last_cycle()?.map(|cycle| cycle.host);
        Ok(Self { environment: config::from_environment()?, file, database: store.settings()?, host })
    }

    /// Checks all settings together.
    fn check(&self) -> Result<(), Problems> {
        let above = self.environment.clone().over(self.file.clone());
        let host = context::host_defaults(&self.database, &above);
        Settings::new(&above.over(self.database.clone()), &host).map(|_| ())
    }

    fn settings(&self) -> Result<Settings, SettingsError> {
        let above = self.environment.clone().over(self.file.clone());
        let host = context::host_defaults(&self.database, &above);
        config::fold([RawSettings::default(), above, self.database.clone()], &host)
    }

    /// Returns the settings with those defaults that depend on the host as the last cycle saw it.
    fn effective(&self) -> Result<Settings, SettingsError> {
        let mut settings = self.settings()?;
        if let Some(host) = &self.host {
            settings.policy = settings.policy.on(host).into_owned();
        }
        Ok(settings)
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

    fn entries(&self) -> Result<Vec<Entry>, SettingsError> {
        let (without_host, effective) = (self.settings()?.to_raw(), self.effective()?.to_raw());
        let entry = |setting: &'static Setting| {
            let value = effective.get(setting.key);
            let depends_on_host = value != without_host.get(setting.key);
            Entry {
                key: setting.key,
                value: value.map(|bare| SettingValue::of(setting, bare)),
                unit: unit(setting),
                source: if depends_on_host { Source::BehindOtherWork } else { self.source(setting.key) },
                shown: effective.display(setting.key),
            }
        };
        Ok(RawSettings::ALL.iter().map(entry).collect())
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
            let key = known(&key, "get")?;
            let entry = sources(db)?.entries()?.into_iter().find(|entry| entry.key == key);
            output.value(&entry, |entry| entry.as_ref().and_then(|e| e.shown.clone()).unwrap_or_default())?;
        }
        Config::Describe { keys } => describe::run(&keys, output)?,
        Config::Set { consent, words } => change::set(db, &words, consent, output)?,
        Config::Unset { consent, keys } => change::unset(db, &keys, consent, output)?,
        Config::Edit { consent, file } => edit::run(db, file.as_deref(), consent, output)?,
        Config::Path => {
            let path = file::path().unwrap_or_default();
            let view = FileView::of(&path);
            output.value(&view, |view| view.path.display().to_string())?;
        }
        Config::Accept { consent } => accept(db, consent, output)?,
    }
    Ok(Exit::Done)
}

/// Accepts the config file as it is, after the consent of the operator if it removes nodes.
fn accept(db: &Path, consent: ConsentFlag, output: &Output) -> Result<(), CliError> {
    let acceptance = Acceptance::read(db)?;
    if let Some((cap, above)) = acceptance.removed {
        confirm::removal(db, Selection::Count(above), consent, Purpose::NodeCap { cap }, output)?;
    }
    acceptance.store()?;
    let view = FileView::of(&file::path().unwrap_or_default());
    output.result(&view, |view| match view.exists {
        true => format!("accepted {}\n", view.path.display()),
        false => "accepted that no config file exists\n".to_owned(),
    })
}

/// Returns the effective settings for readers other than the operator: without the secrets in the command line and the
/// environment of nodes.
///
/// # Errors
/// A source cannot be read, or the settings are invalid.
pub(crate) fn without_secrets(db: &Path) -> Result<Vec<Entry>, CliError> {
    let settings = sources(db)?.settings()?;
    let mut entries = sources(db)?.entries()?;
    for entry in &mut entries {
        let shown = match entry.key {
            "environment" => secret::variables(&settings.environment),
            "start_args" => secret::line(&masked_words(&settings.arguments)),
            "network" => secret::line(&masked_words(&settings.network)),
            "probe_args" => secret::line(&masked_words(&settings.probe.arguments)),
            _ => continue,
        };
        entry.value = Some(SettingValue::Text(shown));
    }
    Ok(entries)
}

fn sources(db: &Path) -> Result<SourceValues, CliError> {
    SourceValues::read(&Store::open_read_only(db)?)
}

fn unit(setting: &Setting) -> Option<Unit> {
    Some(setting.facts.unit).filter(|unit| *unit != Unit::None)
}

/// Returns the name of a setting from either spelling, with underscores or hyphens. `verb` is the subcommand, for the
/// hint with the most similar name.
fn known(key: &str, verb: &str) -> Result<&'static str, CommandError> {
    let underscored = key.replace('-', "_");
    let found = RawSettings::KEYS.iter().find(|known| **known == underscored).copied();
    found.ok_or_else(|| CommandError::UnknownSetting {
        problem: Box::new(Problem::unknown_setting(key)),
        command: format!("wnm config {verb} SETTING"),
    })
}
