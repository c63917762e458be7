//! The hold of a fleet, as a source of holds.
//!
//! The daemon stores the commands that it obeys beside the database, so that a hold outlives a restart and a loss of the
//! engine, and so that other commands show it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wnm_core::{FleetLimits, HoldSource, RolloutSample, Settings, Timestamp};

use super::control::Control;
use super::rollout::lease::trusted;
use super::rollout::order::Program;
use super::secret_file;
use crate::valves::host::beside;
use crate::valves::{ReadHold, Reading};

/// The commands that a host obeys, and its problem with the fleet.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FleetState {
    /// The commands.
    pub control: Control,
    /// The problem of the last turn; None without one.
    pub problem: Option<String>,
    /// The last turn that reached the engine, by the host's clock; None before the first.
    pub reached: Option<Timestamp>,
    /// The time of the engine in that turn; None if it gave none.
    #[serde(default)]
    pub engine: Option<Timestamp>,
    /// The node program of the host; None while it cannot be read.
    #[serde(default)]
    pub program: Option<Program>,
}

impl FleetState {
    fn path(database: &Path) -> PathBuf {
        beside(database, ".fleet-state")
    }

    /// Reads the stored state of a colony; None without one that is valid.
    #[must_use]
    pub fn read(database: &Path) -> Option<Self> {
        secret_file::read_json(&Self::path(database)).ok()
    }

    /// Stores the state of a colony.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, database: &Path) -> Result<(), secret_file::SecretFileError> {
        secret_file::write_json(&Self::path(database), self)
    }

    /// Removes the state of a colony: that of another fleet must not hold.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn remove(database: &Path) -> Result<(), secret_file::SecretFileError> {
        secret_file::remove(&Self::path(database))
    }
}

/// The state that the thread of the fleet shares with the cycles.
#[derive(Debug, Clone, Default)]
pub struct SharedState(Arc<Mutex<Shared>>);

#[derive(Debug, Clone, Default)]
struct Shared {
    state: FleetState,
    /// The last time of the engine, and the uptime of the host at that moment, in milliseconds: no change of the wall clock
    /// makes a lease longer, and no suspension of the host.
    engine: Option<(Timestamp, u64)>,
}

impl SharedState {
    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self) -> FleetState {
        self.lock().state.clone()
    }

    pub(super) fn set(&self, state: FleetState) {
        self.lock().state = state;
    }

    /// Records the time of the engine of a turn that has just reached it.
    pub(super) fn set_engine_time(&self, engine: Timestamp) {
        self.lock().engine = uptime().map(|uptime| (engine, uptime));
    }

    fn rollout(&self, wall: Timestamp) -> Option<RolloutSample> {
        let shared = self.lock();
        let engine = shared.engine.and_then(|(time, read)| {
            let age = uptime()?.saturating_sub(read);
            trusted(time, Duration::from_millis(age))
        });
        shared.state.control.leases.sample(shared.state.program.as_ref(), wall, engine)
    }
}

/// Returns the uptime of the host in milliseconds, which counts the time of a suspension; None where it cannot be read.
fn uptime() -> Option<u64> {
    wnm_platform::read_clock().ok().map(|reading| reading.uptime)
}

/// The hold of a fleet.
#[derive(Debug)]
pub struct FleetHold {
    database: PathBuf,
    /// The state of the daemon of this process; None to read the stored one.
    shared: Option<SharedState>,
}

impl FleetHold {
    /// Returns the hold that is stored for a colony.
    #[must_use]
    pub fn stored(database: &Path) -> Self {
        Self { database: database.to_owned(), shared: None }
    }

    /// Returns the hold of the daemon of this process.
    #[must_use]
    pub fn live(database: &Path, shared: SharedState) -> Self {
        Self { database: database.to_owned(), shared: Some(shared) }
    }
}

impl ReadHold for FleetHold {
    fn source(&self) -> HoldSource {
        HoldSource::Fleet
    }

    fn read(&mut self, settings: &Settings, wall: Timestamp) -> Reading {
        if settings.fleet_url.is_none() {
            return Reading::default();
        }
        let state = match &self.shared {
            Some(shared) => shared.get(),
            None => FleetState::read(&self.database).unwrap_or_default(),
        };
        Reading { hold: state.control.hold(wall), problem: state.problem }
    }

    fn limits(&mut self, settings: &Settings, wall: Timestamp) -> Vec<(FleetLimits, Timestamp)> {
        if settings.fleet_url.is_none() {
            return Vec::new();
        }
        match &self.shared {
            Some(shared) => shared.lock().state.control.limits.in_effect(wall),
            None => FleetState::read(&self.database).unwrap_or_default().control.limits.in_effect(wall),
        }
    }

    fn rollout(&mut self, settings: &Settings, wall: Timestamp) -> Option<RolloutSample> {
        settings.fleet_url.as_ref()?;
        match &self.shared {
            Some(shared) => shared.rollout(wall),
            // Without the thread of a daemon, the time of the engine is unknown, and no upgrade begins.
            None => FleetState::read(&self.database)?.control.leases.sample(None, wall, None),
        }
    }
}
