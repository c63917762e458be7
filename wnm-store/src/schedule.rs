//! The schedule of the cycles, by which a reader tells a current record from an old one.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Store;
use crate::error::StoreError;
use crate::nodes::{self, Single};
use crate::record::{self, Record};
use crate::write::Write;

/// The program that runs the scheduled cycles of a colony.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Runner {
    /// `wnm run`, which cron starts every minute.
    Run,
    /// `wnm daemon`.
    Daemon,
}

/// The schedule of the cycles, as the last scheduled cycle recorded it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// The program that ran the cycle.
    pub runner: Runner,
    /// The time from the start of one cycle to the start of the next.
    pub interval: Duration,
}

impl Schedule {
    /// The schedule of cron, whose shortest interval is a minute.
    pub const CRON: Self = Self { runner: Runner::Run, interval: Duration::from_secs(60) };

    /// Returns the schedule of a daemon.
    #[must_use]
    pub const fn daemon(interval: Duration) -> Self {
        Self { runner: Runner::Daemon, interval }
    }
}

impl Default for Schedule {
    /// Returns the schedule of cron, for a database without a recorded one.
    fn default() -> Self {
        Self::CRON
    }
}

impl Store {
    /// Stores the schedule, unless it is unchanged.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn save_schedule(&mut self, schedule: Schedule) -> Result<(), StoreError> {
        let text = record::to_json(&schedule, Record::Schedule)?;
        // Every cycle calls this, and a write transaction costs an fsync even when it changes nothing.
        if self.read(|db| nodes::is_single(db, Single::Schedule, &text))? {
            return Ok(());
        }
        self.write(Write::Schedule, |tx| nodes::write_single(tx, Single::Schedule, &text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedule_is_stored_and_cron_is_the_default() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::create(&folder.path().join("wnm.db")).unwrap();
        assert_eq!(store.snapshot().unwrap().schedule, Schedule::CRON);
        for schedule in [Schedule::daemon(Duration::from_millis(2_500)), Schedule::CRON] {
            store.save_schedule(schedule).unwrap();
            assert_eq!(store.snapshot().unwrap().schedule, schedule);
        }
    }

    #[test]
    fn unreadable_schedule_counts_as_cron() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::create(&folder.path().join("wnm.db")).unwrap();
        store.db.execute("INSERT INTO singles VALUES ('schedule', '{}', row_digest('schedule', '{}'))", []).unwrap();
        let snapshot = store.snapshot().unwrap();
        assert_eq!((snapshot.schedule, snapshot.unreadable.len()), (Schedule::CRON, 1));
    }
}
