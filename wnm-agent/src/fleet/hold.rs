//! The hold of a fleet, as a source of holds.
//!
//! The daemon stores the commands that it obeys beside the database, so that a hold outlives a restart and a loss of the
//! engine, and so that other commands show it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use wnm_core::{HoldSource, Settings, Timestamp};

use super::control::Control;
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
pub struct SharedState(Arc<Mutex<FleetState>>);

impl SharedState {
    pub(super) fn get(&self) -> FleetState {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set(&self, state: FleetState) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
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
}
