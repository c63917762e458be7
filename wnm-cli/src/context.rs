//! What every command works with: the store, the host, and the checked settings.

use std::path::{Path, PathBuf};
use std::time::Duration;

use wnm_core::{HostDefaults, HostSample, RawSettings, Settings};
use wnm_platform::Platform;
use wnm_platform::places;
use wnm_store::{Lock, Store};

use crate::args::{Global, SettingFlags};
use crate::config;
use crate::cycle::Mode;
use crate::error::CliError;
use crate::progress::Progress;

/// How long commands that act wait for the lock.
pub(crate) const LOCK_PATIENCE: Duration = Duration::from_secs(10);

/// Where the host's signals come from.
pub(crate) enum Signals {
    /// From the host.
    Measured,
    /// From a script, for those who show what the rules do.
    Scripted(Box<HostSample>),
}

/// An opened colony.
pub(crate) struct Context {
    pub(crate) store: Store,
    pub(crate) platform: Platform,
    pub(crate) settings: Settings,
    pub(crate) signals: Signals,
    pub(crate) progress: Progress,
    /// Where new nodes log.
    pub(crate) logs: PathBuf,
    flags: RawSettings,
    host: HostDefaults,
}

impl Context {
    /// Opens the colony for a command that acts; settings given as flags are checked together and kept.
    ///
    /// The caller holds the lock.
    pub(crate) fn open(db: &Path, flags: &SettingFlags) -> Result<Self, CliError> {
        Self::open_once(db, flags, RawSettings::default(), Mode::Act)
    }

    /// Opens the colony as [`open`](Self::open) does, with settings above all others that are not kept. A dry run keeps
    /// nothing.
    pub(crate) fn open_once(db: &Path, flags: &SettingFlags, once: RawSettings, mode: Mode) -> Result<Self, CliError> {
        let flags = config::from_flags(flags)?;
        let mut store = match mode {
            Mode::Act => Store::open(db)?,
            Mode::DryRun => Store::open_read_only(db)?,
        };
        let stored = store.settings()?;
        let surroundings = config::surroundings()?;
        let asked = flags.clone().over(surroundings.clone());
        let host = host_defaults(&stored, &asked);
        if !store.nodes()?.is_empty() {
            config::keep_fixed(&stored, &asked, &host)?;
        }
        let folded = flags.clone().over(stored.clone());
        let above = once.over(flags);
        let settings = config::fold([above.clone(), surroundings, stored.clone()], &host)?;
        if mode == Mode::Act && folded != stored {
            store.save_settings(&folded)?;
        }
        let platform = Platform::new(&settings)?;
        platform.restore_program_cache(store.program_cache()?);
        let logs = places::logs(settings.manager.scope);
        Ok(Self {
            store,
            platform,
            settings,
            signals: Signals::Measured,
            progress: Progress::hidden(),
            logs,
            flags: above,
            host,
        })
    }

    /// Takes up what other commands changed of the settings meanwhile.
    pub(crate) fn refresh(&mut self) -> Result<(), CliError> {
        let stored = self.store.settings()?;
        let settings = config::fold([self.flags.clone(), config::surroundings()?, stored], &self.host)?;
        if settings != self.settings {
            let platform = Platform::new(&settings)?;
            platform.restore_program_cache(self.platform.program_cache());
            self.platform = platform;
            self.settings = settings;
        }
        Ok(())
    }
}

/// Returns where the database is: where it was said, else where this user's is.
pub(crate) fn database(global: &Global) -> PathBuf {
    global.db.clone().unwrap_or_else(places::database)
}

/// Returns what the host suggests where these settings, the first higher, say nothing.
pub(crate) fn host_defaults(stored: &RawSettings, flags: &RawSettings) -> HostDefaults {
    let scope = flags.process_manager.or(stored.process_manager).map_or_else(places::own_scope, |kind| kind.scope);
    places::host_defaults(scope)
}

/// Takes the lock of the colony.
pub(crate) fn lock(db: &Path, patience: Duration) -> Result<Lock, CliError> {
    Ok(Lock::acquire(db, patience)?)
}
