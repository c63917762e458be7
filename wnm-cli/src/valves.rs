//! The valves of the colony as they are now, for commands that show them.

use std::path::Path;

use wnm_agent::fleet::shown::ShownRollout;
use wnm_agent::valves::host::for_display;
use wnm_core::{RawSettings, Settings, Timestamp};

use crate::config;
use crate::context;
use crate::render::valves::ValvesNow;

/// Returns the valves of the colony now; None when its settings are not valid.
pub(crate) fn read(db: &Path, stored: RawSettings) -> Option<ValvesNow> {
    let host = context::host_defaults(&stored, &RawSettings::default());
    let raw = config::reload::surroundings_of(db).ok()?.over(stored);
    Settings::new(&raw, &host).ok().map(|settings| of(db, &settings))
}

/// Returns the valves of the colony now, with these settings.
pub(crate) fn of(db: &Path, settings: &Settings) -> ValvesNow {
    let now = now();
    let mut holds = for_display(db);
    let sample = holds.sample(settings, now);
    let rollout = settings.fleet_url.as_ref().and_then(|_| ShownRollout::read(db, now));
    ValvesNow { now, settings: settings.policy.valves.clone(), sample, rollout }
}

/// Returns the time of the wall clock, by which windows and holds go.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_millis(jiff::Timestamp::now().as_millisecond())
}
