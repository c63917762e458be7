//! The inputs of the valves: the holds in effect, and the local times of the windows.
//!
//! The engine decides with a [`ValveSample`] of plain data; this module reads it. A source of holds implements
//! [`ReadHold`]. `for_host` of the module `host` has the sources of a host: the command, a file and an address.

#[cfg(feature = "host")]
pub mod host;

use std::collections::BTreeMap;

use wnm_core::{
    FleetLimits, FleetLimitsSample, Hold, HoldSource, HoldTrouble, RolloutSample, Settings, TimeOfDay, Timestamp,
    ValveSample, Window, Windows,
};

/// The reading of one source.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reading {
    /// The hold in effect; None without one. A source that cannot be read gives its last hold.
    pub hold: Option<Hold>,
    /// The reason for which the source cannot be read.
    pub problem: Option<String>,
}

/// A source of holds.
pub trait ReadHold: std::fmt::Debug {
    /// Returns the kind of the source.
    fn source(&self) -> HoldSource;

    /// Reads the source at a time of the wall clock. It must not wait longer than a few seconds, and only in the first
    /// call.
    fn read(&mut self, settings: &Settings, wall: Timestamp) -> Reading;

    /// Returns the rollout in effect. The default has none.
    fn rollout(&mut self, _settings: &Settings, _wall: Timestamp) -> Option<RolloutSample> {
        None
    }

    /// Returns the limits of the fleet in effect with their ends. The default has none.
    fn limits(&mut self, _settings: &Settings, _wall: Timestamp) -> Vec<(FleetLimits, Timestamp)> {
        Vec::new()
    }
}

/// Returns the local time of windows in their zones.
pub trait LocalTime: std::fmt::Debug {
    /// Returns the seconds since midnight in the zone of a window; None for an unknown zone.
    fn time_of_day(&mut self, window: &Window, wall: Timestamp) -> Option<TimeOfDay>;
}

/// A window names a time zone that the host does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the window {0} names an unknown time zone")]
pub struct UnknownZone(pub String);

/// Returns the local time of each window in its zone.
///
/// # Errors
/// The zone of a window is unknown.
pub fn local_times(
    zones: &mut dyn LocalTime,
    windows: &Windows,
    wall: Timestamp,
) -> Result<Vec<TimeOfDay>, UnknownZone> {
    let local = |window: &Window| zones.time_of_day(window, wall).ok_or_else(|| UnknownZone(window.to_string()));
    windows.as_slice().iter().map(local).collect()
}

/// All sources of holds of an agent. The default has none, and its windows are in UTC.
#[derive(Debug, Default)]
pub struct Holds {
    sources: Vec<Box<dyn ReadHold>>,
    zones: Option<Box<dyn LocalTime>>,
    /// The problem of each source that was reported last.
    reported: BTreeMap<HoldSource, String>,
}

impl Holds {
    /// Returns holds from these sources, in order of precedence for display. Any of them holds.
    #[must_use]
    pub fn new(sources: Vec<Box<dyn ReadHold>>, zones: Option<Box<dyn LocalTime>>) -> Self {
        Self { sources, zones, reported: BTreeMap::new() }
    }

    /// Adds a source, such as the manager of a fleet.
    pub fn add(&mut self, source: Box<dyn ReadHold>) {
        self.sources.push(source);
    }

    /// Reads all sources. Logs a problem of a source when it begins and when it ends.
    pub fn sample(&mut self, settings: &Settings, wall: Timestamp) -> ValveSample {
        let mut sample = ValveSample::default();
        for reader in &mut self.sources {
            let (source, Reading { hold, problem }) = (reader.source(), reader.read(settings, wall));
            report(&mut self.reported, source, problem.as_deref());
            sample.holds.extend(hold.filter(|hold| hold.until.is_none_or(|until| until > wall)));
            sample.rollout = sample.rollout.or_else(|| reader.rollout(settings, wall));
            let limits = reader.limits(settings, wall).into_iter();
            sample.limits.extend(limits.map(|(limits, until)| FleetLimitsSample { limits, until, local: Vec::new() }));
            sample.troubles.extend(problem.map(|problem| HoldTrouble { source, problem }));
        }
        if let Some(zones) = &mut self.zones {
            let mut local =
                |windows: &Windows| windows.as_slice().iter().map(|window| zones.time_of_day(window, wall)).collect();
            sample.local = local(&settings.policy.valves.windows);
            sample.limits.iter_mut().for_each(|of| of.local = local(&of.limits.window));
        }
        sample
    }
}

fn report(reported: &mut BTreeMap<HoldSource, String>, source: HoldSource, problem: Option<&str>) {
    match problem {
        Some(problem) if reported.get(&source).map(String::as_str) != Some(problem) => {
            tracing::warn!(%source, "cannot read a source of holds, its last state stays: {problem}");
            reported.insert(source, problem.to_owned());
        }
        Some(_) => {}
        None if reported.remove(&source).is_some() => tracing::info!(%source, "the source of holds can be read again"),
        None => {}
    }
}
