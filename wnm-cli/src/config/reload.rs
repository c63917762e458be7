//! The config file of a colony, which may change at any time, against the settings that wnm accepted from it.
//!
//! A file may be half written, lose its end on a full disk, or disappear; what is left of it often still parses, and
//! defaults would take the place of the lost lines. The settings of a changed file therefore replace the accepted ones
//! only when the file is complete and valid together with all other sources, and neither removes nor stops a node.
//! `wnm config accept` accepts a file that does.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use wnm_agent::Mode;
use wnm_core::{HostSample, RawSettings, Settings, Shrink, shrinks};
use wnm_platform::Platform;
use wnm_store::Store;

use super::file::{self, Content};
use super::record::Record;
use super::{check_fixed, fold, from_environment};
use crate::context::host_defaults;
use crate::error::{CliError, ConfigFileCause, ConfigFileError};
use crate::render::{self, counted};

/// Time for which a changed file must stay the same before a daemon uses it: programs that write in place take less.
pub(crate) const STABLE: Duration = Duration::from_secs(2);
/// Age below which a command reads a changed file a second time.
const YOUNG: Duration = Duration::from_secs(1);
/// Time between the two readings of a command.
const REREAD: Duration = Duration::from_millis(250);

/// The reason for which the settings before a change of the config file stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The failure and its cause.
    pub(crate) error: String,
    /// How the operator can fix the cause.
    pub(crate) hint: Option<String>,
}

/// The data of a colony that a changed file is judged by.
pub(crate) struct Colony<'a> {
    flags: &'a RawSettings,
    environment: RawSettings,
    stored: RawSettings,
    nodes: usize,
    store: &'a Store,
}

impl<'a> Colony<'a> {
    /// Reads the data of a colony. `flags` are the settings of higher precedence than any file.
    ///
    /// # Errors
    /// The environment or the database cannot be read.
    pub(crate) fn read(flags: &'a RawSettings, store: &'a Store) -> Result<Self, CliError> {
        let (stored, nodes) = (store.settings()?, store.node_count()?);
        Ok(Self { flags, environment: from_environment()?, stored, nodes, store })
    }

    /// Returns the effective settings with those of a file.
    fn settings(&self, file: &RawSettings) -> Result<Settings, CliError> {
        let surroundings = self.environment.clone().over(file.clone());
        let given = self.flags.clone().over(surroundings.clone());
        let host = host_defaults(&self.stored, &given);
        if self.nodes > 0 {
            check_fixed(&self.stored, &given, &host)?;
        }
        Ok(fold([self.flags.clone(), surroundings, self.stored.clone()], &host)?)
    }

    /// Returns the reason for which this colony does not take over settings; None if it does.
    fn refusal(&self, path: &Path, accepted: &RawSettings, found: &RawSettings) -> Option<Refusal> {
        // Without valid settings before, the error is not that of the change.
        let before = self.settings(accepted).ok()?;
        let after = self.settings(found).and_then(|settings| {
            Platform::new(&settings)?;
            Ok(settings)
        });
        let after = match after {
            Ok(after) => after,
            Err(error) => return Some(Refusal { error: error.message(), hint: error.hint() }),
        };
        let host: Option<HostSample> =
            self.store.snapshot().ok().and_then(|snapshot| snapshot.last).map(|last| last.host);
        let shrinks = shrinks(&before.policy, &after.policy, self.nodes, host.as_ref());
        if shrinks.is_empty() {
            return None;
        }
        let causes: Vec<String> = shrinks.iter().map(shrink_text).collect();
        let error = format!("config file {} {}", path.display(), causes.join(", and "));
        Some(Refusal { error, hint: Some(format!("correct the file, or accept it with `{}`", accept_command(path))) })
    }
}

fn shrink_text(shrink: &Shrink) -> String {
    match shrink {
        Shrink::NodeCap { before, after, above } => {
            let nodes = counted(above, "node");
            format!("would lower node_cap from {before} to {after} and remove {nodes}")
        }
        Shrink::Threshold(measure) => {
            let seen = measure.seen.map_or_else(String::new, |seen| format!(", below its value of {seen}"));
            format!("would lower the high threshold of {} to {}{seen}, and stop nodes", measure.signal, measure.remove)
        }
    }
}

fn accept_command(path: &Path) -> String {
    if file::is_named() {
        let path = path.display().to_string();
        return render::shell_text(&["wnm", "--config", &path, "config", "accept"].map(str::to_owned));
    }
    "wnm config accept".to_owned()
}

/// One reading of the config file. Two equal readings are the same file.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    File(Content),
    Failed { path: PathBuf, refusal: Refusal },
}

impl Seen {
    /// Reads the file. A file on record that is gone from its default place is a failure.
    fn read(record: &Record) -> Result<Content, ConfigFileError> {
        let content = file::content()?;
        let gone = record.paths().find(|path| file::is_usual(path) && !path.exists());
        match gone {
            Some(path) => Err(ConfigFileError { path: path.to_owned(), cause: ConfigFileCause::Missing }),
            None => Ok(content),
        }
    }

    fn of(read: Result<Content, ConfigFileError>) -> Self {
        read.map_or_else(Self::failed, Self::File)
    }

    fn failed(error: ConfigFileError) -> Self {
        let path = error.path.clone();
        let error = CliError::from(error);
        Self::Failed { path, refusal: Refusal { error: error.message(), hint: error.hint() } }
    }

    fn path(&self) -> Option<&Path> {
        match self {
            Self::File(content) => content.path.as_deref(),
            Self::Failed { path, .. } => Some(path),
        }
    }

    /// Returns the settings of a valid file.
    fn settings(&self) -> Result<RawSettings, Refusal> {
        match self {
            Self::File(content) => content.settings().map_err(|error| {
                let error = CliError::from(error);
                Refusal { error: error.message(), hint: error.hint() }
            }),
            Self::Failed { refusal, .. } => Err(refusal.clone()),
        }
    }
}

/// The config file of a colony: the accepted settings, and a change that is not accepted.
#[derive(Debug)]
pub(crate) struct ConfigFile {
    db: PathBuf,
    accepted: RawSettings,
    /// The reading that the accepted settings are from; None after a refused one.
    used: Option<Seen>,
    /// A changed file, and the time of its first reading.
    candidate: Option<(Seen, Duration)>,
    refusal: Option<Refusal>,
}

impl ConfigFile {
    /// Reads the config file for one command. A command that acts waits until a file that has just changed stays the
    /// same, and stores the accepted settings.
    ///
    /// # Errors
    /// A file that no cycle has used before cannot be read, or is not valid.
    pub(crate) fn open(db: &Path, mode: Mode, colony: &Colony<'_>) -> Result<Self, CliError> {
        let mut record = Record::load(db);
        let read = Seen::read(&record);
        let path = read.as_ref().map_or_else(|error| Some(error.path.clone()), |content| content.path.clone());
        let known = path.as_deref().and_then(|path| record.of(path)).cloned();
        let mut opened =
            Self { db: db.to_owned(), accepted: RawSettings::default(), used: None, candidate: None, refusal: None };
        let Some(known) = known else {
            let content = read?;
            opened.accepted = content.settings()?;
            opened.used = Some(Seen::File(content));
            opened.remember(&mut record, mode);
            return Ok(opened);
        };
        let mut seen = Seen::of(read);
        if mode == Mode::Act && seen.settings().as_ref() != Ok(&known) && path.as_deref().is_some_and(is_young) {
            std::thread::sleep(REREAD);
            seen = Seen::of(Seen::read(&record));
        }
        opened.accepted = known;
        opened.refusal = opened.judge(seen, &mut record, mode, colony);
        Ok(opened)
    }

    /// Reads the config file for a cycle of a daemon at a time of its monotonic clock. A changed file counts once it has
    /// been the same for [`STABLE`]; under [`Reload::Requested`] it counts at once.
    pub(crate) fn refresh(&mut self, now: Duration, reload: Reload, colony: &Colony<'_>) -> Refreshing {
        let mut record = Record::load(&self.db);
        let seen = Seen::of(Seen::read(&record));
        if self.used.as_ref() == Some(&seen) {
            self.candidate = None;
            self.set_refusal(None);
            return Refreshing::Unchanged;
        }
        let since = match &self.candidate {
            Some((known, since)) if *known == seen => *since,
            _ => now,
        };
        self.candidate = Some((seen.clone(), since));
        if reload == Reload::Scheduled && now.saturating_sub(since) < STABLE {
            return if since == now { Refreshing::Changed } else { Refreshing::Unchanged };
        }
        let refusal = self.judge(seen, &mut record, Mode::Act, colony);
        self.set_refusal(refusal);
        Refreshing::Unchanged
    }

    /// Accepts a reading, or keeps the accepted settings and returns the reason.
    fn judge(&mut self, seen: Seen, record: &mut Record, mode: Mode, colony: &Colony<'_>) -> Option<Refusal> {
        let path = seen.path().map(Path::to_owned);
        match seen.settings() {
            Ok(found) => {
                let is_accepted = path.as_deref().and_then(|path| record.of(path)) == Some(&found);
                let refusal = match &path {
                    Some(path) if !is_accepted && found != self.accepted => {
                        colony.refusal(path, &self.accepted, &found)
                    }
                    _ => None,
                };
                if refusal.is_none() {
                    self.accepted = found;
                    self.used = Some(seen);
                    self.candidate = None;
                    self.remember(record, mode);
                }
                refusal
            }
            Err(refusal) => Some(refusal),
        }
    }

    fn set_refusal(&mut self, refusal: Option<Refusal>) {
        if self.refusal == refusal {
            return;
        }
        self.refusal = refusal;
        match self.refusal {
            Some(_) => self.warn(),
            None => tracing::info!("the config file is applied again"),
        }
    }

    /// Logs the reason for which a changed file is not applied. Pages that show it need no such line.
    pub(crate) fn warn(&self) {
        if let Some(Refusal { error, hint }) = &self.refusal {
            tracing::warn!(hint, "the settings before the change of the config file stay: {error}");
        }
    }

    /// Stores the accepted settings.
    fn remember(&self, record: &mut Record, mode: Mode) {
        let Some(path) = self.used.as_ref().and_then(Seen::path) else { return };
        if mode == Mode::DryRun || record.of(path) == Some(&self.accepted) {
            return;
        }
        record.accept(path, self.accepted.clone());
        if let Err(error) = record.store(&self.db) {
            tracing::warn!(%error, "cannot store the accepted settings of the config file beside the database");
        }
    }

    /// Returns the accepted settings.
    pub(crate) fn settings(&self) -> &RawSettings {
        &self.accepted
    }

    /// Returns the reason for which a changed file is not applied; None without one.
    pub(crate) fn refusal(&self) -> Option<&Refusal> {
        self.refusal.as_ref()
    }
}

/// The cause of a reading of the config file by a daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reload {
    /// A cycle.
    Scheduled,
    /// The operator, with SIGHUP.
    Requested,
}

/// The result of a reading by a daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refreshing {
    /// The file is as before, or was judged.
    Unchanged,
    /// The file has just changed, and is to be read again after [`STABLE`].
    Changed,
}

/// Returns whether a file was written so recently, or in the future, that its writer may not have finished.
fn is_young(path: &Path) -> bool {
    let modified = path.metadata().and_then(|facts| facts.modified());
    modified.is_ok_and(|modified| SystemTime::now().duration_since(modified).map_or(true, |age| age < YOUNG))
}

/// Returns the config file of a colony for a command that only shows.
///
/// # Errors
/// A file that no cycle has used before cannot be read or is not valid, or the database cannot be read.
pub(crate) fn shown(db: &Path) -> Result<ConfigFile, CliError> {
    let store = Store::open_read_only(db)?;
    let flags = RawSettings::default();
    ConfigFile::open(db, Mode::DryRun, &Colony::read(&flags, &store)?)
}

/// Returns the settings of the environment and the config file, as the colony of a database uses them. Without a readable
/// database the file counts as it is.
///
/// # Errors
/// A source cannot be read, or is not valid.
pub(crate) fn surroundings_of(db: &Path) -> Result<RawSettings, CliError> {
    let record = Record::load(db);
    let read = Seen::read(&record);
    let file = match read.as_ref().map(|content| (content.path.as_deref(), content.settings())) {
        // The common case needs no database.
        Ok((path, Ok(found))) if path.is_none_or(|path| record.of(path).is_none_or(|known| *known == found)) => found,
        _ => match shown(db) {
            Ok(file) => file.accepted,
            Err(CliError::Store(_)) => {
                let path = read.as_ref().map_or_else(|error| Some(&error.path), |content| content.path.as_ref());
                match path.and_then(|path| record.of(path)) {
                    Some(known) => known.clone(),
                    None => read?.settings()?,
                }
            }
            Err(error) => return Err(error),
        },
    };
    Ok(from_environment()?.over(file))
}

/// A change of the config file that an operator accepts.
#[derive(Debug)]
pub(crate) struct Acceptance {
    db: PathBuf,
    record: Record,
    path: Option<PathBuf>,
    settings: RawSettings,
    /// The nodes that the change removes.
    pub(crate) removed: Option<(u32, u32)>,
}

impl Acceptance {
    /// Reads the file as it is now. Its settings must be valid; they may remove and stop nodes.
    ///
    /// # Errors
    /// The file cannot be read, or its settings are not valid together with those of the other sources.
    pub(crate) fn read(db: &Path) -> Result<Self, CliError> {
        let store = Store::open_read_only(db)?;
        let flags = RawSettings::default();
        let colony = Colony::read(&flags, &store)?;
        let record = Record::load(db);
        let content = file::content()?;
        let settings = content.settings()?;
        let after = colony.settings(&settings)?;
        Platform::new(&after)?;
        let accepted = shown(db).map(|file| file.accepted).unwrap_or_default();
        let before = colony.settings(&accepted).ok();
        let shrinks = before.map(|before| shrinks(&before.policy, &after.policy, colony.nodes, None));
        let removed = shrinks.unwrap_or_default().into_iter().find_map(|shrink| match shrink {
            Shrink::NodeCap { after, above, .. } => Some((after, above)),
            Shrink::Threshold(_) => None,
        });
        Ok(Self { db: db.to_owned(), record, path: content.path, settings, removed })
    }

    /// Stores the acceptance. A running daemon follows in its next cycle.
    ///
    /// # Errors
    /// The folder of the database cannot be written.
    pub(crate) fn store(mut self) -> Result<(), CliError> {
        let gone: Vec<PathBuf> = self.record.paths().filter(|path| !path.exists()).map(Path::to_owned).collect();
        gone.iter().for_each(|path| self.record.forget(path));
        if let Some(path) = &self.path {
            self.record.accept(path, self.settings);
        }
        Ok(self.record.store(&self.db)?)
    }
}
