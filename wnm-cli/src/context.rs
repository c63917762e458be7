//! The context of a command: the agent of the colony, the sources of its settings, and the progress bar.

use std::path::{Path, PathBuf};
use std::time::Duration;

use wnm_agent::host::HostAgent;
use wnm_agent::valves::host::for_host;
use wnm_agent::{Agent, Mode, Report, Trigger};
use wnm_core::{HostDefaults, RawSettings};
use wnm_platform::Platform;
use wnm_platform::places;
use wnm_store::{Followed, Lock, Store};

use crate::args::{Global, SettingFlags};
use crate::config;
use crate::config::reload::{Colony, ConfigFile, Refreshing, Refusal, Reload};
use crate::error::CliError;
use crate::progress::Progress;
use crate::rebuild::{self, Attempt};

/// Time for which commands that change the colony wait for the lock.
pub(crate) const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// An opened colony.
pub(crate) struct Context {
    pub(crate) agent: HostAgent,
    pub(crate) progress: Progress,
    pub(crate) sources: SettingSources,
}

/// The sources of the settings beside the database, which other commands may change at any time.
pub(crate) struct SettingSources {
    flags: RawSettings,
    host: HostDefaults,
    file: ConfigFile,
}

impl Context {
    /// Opens the colony for a command that acts. Settings given as flags are checked together and stored.
    ///
    /// The caller holds the lock.
    ///
    /// # Errors
    /// The database cannot be opened, the settings are not valid, or their process manager cannot work here.
    pub(crate) fn open(db: &Path, flags: &SettingFlags) -> Result<Self, CliError> {
        Self::open_once(db, flags, RawSettings::default(), Mode::Act)
    }

    /// Opens the colony as [`open`](Self::open) does, with settings of the highest precedence that are not stored. A
    /// dry run stores nothing.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub(crate) fn open_once(db: &Path, flags: &SettingFlags, once: RawSettings, mode: Mode) -> Result<Self, CliError> {
        let flags = config::from_flags(flags)?;
        let mut store = match mode {
            Mode::Act => Store::open(db)?,
            Mode::DryRun => Store::open_read_only(db)?,
        };
        let stored = store.settings()?;
        let above = once.clone().over(flags.clone());
        let file = ConfigFile::open(db, mode, &Colony::read(&above, &store)?)?;
        file.warn();
        let surroundings = config::from_environment()?.over(file.settings().clone());
        let given = flags.clone().over(surroundings.clone());
        let host = host_defaults(&stored, &given);
        if store.node_count()? > 0 {
            config::check_fixed(&stored, &given, &host)?;
        }
        let merged = flags.clone().over(stored.clone());
        let flags = once.over(flags);
        let settings = config::fold([flags.clone(), surroundings, stored.clone()], &host)?;
        if mode == Mode::Act && merged != stored {
            store.save_settings(&merged)?;
        }
        let platform = Platform::new(&settings)?;
        platform.restore_program_cache(store.cached()?);
        let logs = places::logs_of(&settings);
        let agent = Agent { logs, holds: for_host(db), ..Agent::new(store, platform, settings) };
        Ok(Self { agent, progress: Progress::hidden(), sources: SettingSources { flags, host, file } })
    }

    /// Runs one cycle, with the progress bar of the command.
    ///
    /// # Errors
    /// As for [`Agent::run_cycle`].
    pub(crate) fn run_cycle(&mut self, trigger: &Trigger, mode: Mode) -> Result<Report, CliError> {
        Ok(self.agent.run_cycle(trigger, mode, &mut self.progress)?)
    }
}

impl SettingSources {
    /// Rebuilds the database of a daemon, which its last cycle could not read.
    ///
    /// # Errors
    /// As for [`rebuild::rebuild`].
    pub(crate) fn rebuild(&self, db: &Path) -> Result<Attempt, CliError> {
        rebuild::rebuild(db, &self.flags)
    }

    /// Brings the settings of an agent up to date with the database, the environment and the config file. `now` is a time
    /// of the monotonic clock of this process.
    ///
    /// # Errors
    /// A source cannot be read, the settings are not valid, or their process manager cannot work here.
    pub(crate) fn refresh(
        &mut self,
        db: &Path,
        agent: &mut HostAgent,
        now: Duration,
        reload: Reload,
    ) -> Result<Refreshing, CliError> {
        let database = db.display();
        match agent.store.follow(db)? {
            Followed::Unchanged => {}
            Followed::Replaced => tracing::warn!(%database, "the database was replaced; opened the new one"),
            Followed::WrittenBack => {
                tracing::warn!(%database, "the database was removed or damaged; wrote it again, without a loss");
            }
        }
        let refreshing = self.file.refresh(now, reload, &Colony::read(&self.flags, &agent.store)?);
        let stored = agent.store.settings()?;
        let surroundings = config::from_environment()?.over(self.file.settings().clone());
        let settings = config::fold([self.flags.clone(), surroundings, stored], &self.host)?;
        if settings != agent.settings {
            let platform = Platform::new(&settings)?;
            platform.restore_program_cache(agent.platform.program_cache());
            agent.platform = platform;
            agent.logs = places::logs_of(&settings);
            agent.settings = settings;
        }
        Ok(refreshing)
    }

    /// Returns the reason for which a change of the config file is not applied; None without one.
    pub(crate) fn refusal(&self) -> Option<&Refusal> {
        self.file.refusal()
    }
}

/// Returns the path of the database: that of `--db`, else the default of this user.
pub(crate) fn database(global: &Global) -> PathBuf {
    global.db.clone().unwrap_or_else(places::database)
}

/// Returns the defaults that depend on the host. Their scope is that of the process manager in `flags` or `stored`.
pub(crate) fn host_defaults(stored: &RawSettings, flags: &RawSettings) -> HostDefaults {
    let scope = flags.process_manager.or(stored.process_manager).map_or_else(places::own_scope, |kind| kind.scope);
    places::host_defaults(scope)
}

/// Takes the lock of the colony, and waits for it at most for `timeout`.
///
/// # Errors
/// Another process holds the lock, or its file cannot be used.
pub(crate) fn lock(db: &Path, timeout: Duration) -> Result<Lock, CliError> {
    Ok(Lock::acquire(db, timeout)?)
}
