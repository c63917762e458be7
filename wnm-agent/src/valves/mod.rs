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

use crate::without_numbers;

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
    /// The problem of each source that was logged last; None for holds that log none.
    logged: Option<BTreeMap<HoldSource, HoldTrouble>>,
}

impl Holds {
    /// Returns holds from these sources, in order of precedence for display. Any of them holds.
    #[must_use]
    pub fn new(sources: Vec<Box<dyn ReadHold>>, zones: Option<Box<dyn LocalTime>>) -> Self {
        Self { sources, zones, logged: Some(BTreeMap::new()) }
    }

    /// Returns these holds for a page that shows their problems itself: they log none.
    #[must_use]
    pub fn without_log(self) -> Self {
        Self { logged: None, ..self }
    }

    /// Adds a source, such as the manager of a fleet.
    pub fn add(&mut self, source: Box<dyn ReadHold>) {
        self.sources.push(source);
    }

    /// Reads all sources. Logs a problem of a source when it begins and when it ends, except [without a
    /// log](Self::without_log).
    pub fn sample(&mut self, settings: &Settings, wall: Timestamp) -> ValveSample {
        let mut sample = ValveSample::default();
        for reader in &mut self.sources {
            let (source, Reading { hold, problem }) = (reader.source(), reader.read(settings, wall));
            let trouble = problem.map(|problem| HoldTrouble { source, problem: without_numbers(&problem) });
            if let Some(logged) = &mut self.logged {
                log(logged, source, trouble.as_ref());
            }
            sample.holds.extend(hold.filter(|hold| hold.until.is_none_or(|until| until > wall)));
            sample.rollout = sample.rollout.or_else(|| reader.rollout(settings, wall));
            let limits = reader.limits(settings, wall).into_iter();
            sample.limits.extend(limits.map(|(limits, until)| FleetLimitsSample { limits, until, local: Vec::new() }));
            sample.troubles.extend(trouble);
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

/// Returns a problem of a source of holds in a sentence.
#[must_use]
pub fn trouble_text(trouble: &HoldTrouble) -> String {
    let HoldTrouble { source, problem } = trouble;
    match source {
        // Most problems with a fleet leave its hold readable: a clock that is wrong, or an engine that is full.
        HoldSource::Fleet => format!("problem with the fleet, whose last hold stays: {problem}"),
        HoldSource::Command | HoldSource::File | HoldSource::Url => {
            format!("cannot read the hold by {source}, its last state stays: {problem}")
        }
    }
}

fn log(logged: &mut BTreeMap<HoldSource, HoldTrouble>, source: HoldSource, trouble: Option<&HoldTrouble>) {
    match trouble {
        Some(trouble) if logged.get(&source) != Some(trouble) => {
            tracing::warn!("{}", trouble_text(trouble));
            logged.insert(source, trouble.clone());
        }
        Some(_) => {}
        None if logged.remove(&source).is_some() => tracing::info!(%source, "the source of holds can be read again"),
        None => {}
    }
}
