//! The sources of holds of a host: the file of `wnm hold`, the file of the setting `hold_file`, `hold_url`, and
//! the fleet.

mod command;
mod file;
mod url;

use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use wnm_core::{TimeOfDay, Timestamp, Window};

pub(crate) use command::beside;
pub use command::{CommandHold, CommandHoldError};
pub use url::{CachedUrl, POLL_INTERVAL};

use super::{Holds, LocalTime, ReadHold};

/// Returns the holds of the colony of a database. That of a fleet is the one that the daemon stored.
#[must_use]
pub fn for_host(database: &Path) -> Holds {
    DaemonHolds::new(database).readers()
}

/// The holds of a daemon, for its cycles and for the threads beside them.
#[derive(Debug, Clone)]
pub struct DaemonHolds {
    database: PathBuf,
    url: url::UrlHold,
    #[cfg(feature = "fleet")]
    fleet: Option<crate::fleet::SharedState>,
}

impl DaemonHolds {
    /// Returns the holds of the colony of a database. That of a fleet is the one that another daemon stored.
    #[must_use]
    pub fn new(database: &Path) -> Self {
        Self {
            database: database.to_owned(),
            url: url::UrlHold::new(database),
            #[cfg(feature = "fleet")]
            fleet: None,
        }
    }

    /// Returns these holds with that of the fleet in which this process takes part.
    #[cfg(feature = "fleet")]
    #[must_use]
    pub fn with_fleet(self, fleet: crate::fleet::SharedState) -> Self {
        Self { fleet: Some(fleet), ..self }
    }

    /// Returns the holds for one thread. All threads together ask the address once a minute.
    #[must_use]
    pub fn readers(&self) -> Holds {
        let mut holds = without_fleet(&self.database, self.url.clone());
        #[cfg(feature = "fleet")]
        if let Some(fleet) = &self.fleet {
            holds.add(Box::new(crate::fleet::FleetHold::live(&self.database, fleet.clone())));
            return holds;
        }
        add_stored_fleet(&mut holds, &self.database);
        holds
    }
}

fn without_fleet(database: &Path, url: url::UrlHold) -> Holds {
    let command = CommandHold::of(database);
    let sources: Vec<Box<dyn ReadHold>> = vec![Box::new(command), Box::<file::FileHold>::default(), Box::new(url)];
    Holds::new(sources, Some(Box::new(HostZones)))
}

#[cfg(feature = "fleet")]
fn add_stored_fleet(holds: &mut Holds, database: &Path) {
    holds.add(Box::new(crate::fleet::FleetHold::stored(database)));
}

#[cfg(not(feature = "fleet"))]
const fn add_stored_fleet(_: &mut Holds, _: &Path) {}

/// Returns the holds for a command that only shows: the address is not asked, its last answer is read.
#[must_use]
pub fn for_display(database: &Path) -> Holds {
    let command = CommandHold::of(database);
    let sources: Vec<Box<dyn ReadHold>> =
        vec![Box::new(command), Box::<file::FileHold>::default(), Box::new(CachedUrl::of(database))];
    let mut holds = Holds::new(sources, Some(Box::new(HostZones))).without_log();
    add_stored_fleet(&mut holds, database);
    holds
}

/// The time zones of the host, read for each window: the database of zones may be updated while a daemon runs, and
/// jiff caches it.
#[derive(Debug, Clone, Copy)]
pub struct HostZones;

impl LocalTime for HostZones {
    fn time_of_day(&mut self, window: &Window, wall: Timestamp) -> Option<TimeOfDay> {
        let zone = match window.zone() {
            Some("UTC") => TimeZone::UTC,
            Some(name) => TimeZone::get(name).ok()?,
            None => TimeZone::try_system().unwrap_or(TimeZone::UTC),
        };
        let at = jiff::Timestamp::from_millisecond(wall.as_millis()).ok()?;
        let time = at.to_zoned(zone).time();
        let seconds = i64::from(time.hour()) * 3600 + i64::from(time.minute()) * 60 + i64::from(time.second());
        u32::try_from(seconds).ok().map(TimeOfDay::from_secs)
    }
}

/// Longest reason that is shown, in characters.
const LONGEST_REASON: usize = 200;

/// Returns a reason on one line of bounded length, without control characters.
fn one_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default().trim();
    line.chars().filter(|c| !c.is_control()).take(LONGEST_REASON).collect()
}
