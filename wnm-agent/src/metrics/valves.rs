//! The metrics of the valves: holds, windows, and the valves that keep rules from actions.

use wnm_core::{Blocker, WindowState};

use super::{Sink, gauge, single};
use crate::live::Snapshot;

/// Writes nothing on a host without valves.
pub(super) fn write(snapshot: &Snapshot, sink: &mut dyn Sink) {
    let observation = &snapshot.report.observation;
    let sample = &observation.valves;
    if !sample.holds.is_empty() {
        sink.family(gauge("wnm_hold", "Holds in effect by their source; the value is always 1."));
        for hold in &sample.holds {
            sink.sample("", &[("source", hold.source.word())], 1.0);
        }
    }
    if !sample.troubles.is_empty() {
        sink.family(gauge("wnm_hold_source_failing", "Sources of holds that cannot be read; the value is always 1."));
        for trouble in &sample.troubles {
            sink.sample("", &[("source", trouble.source.word())], 1.0);
        }
    }
    let settings = &snapshot.report.colony.settings.policy.valves;
    if !settings.windows.as_slice().is_empty() {
        let is_open = matches!(settings.window_state(sample, observation.now), Ok(WindowState::Open { .. }));
        let help = "Whether the windows allow voluntary actions: 1 while they do.";
        single(sink, gauge("wnm_window_open", help), Some(f64::from(u8::from(is_open))));
    }
    let decision = snapshot.scheduled.as_deref();
    let valves = decision.map(|decision| decision.blockers()).unwrap_or_default().into_iter();
    let mut closed: Vec<_> = valves
        .filter_map(|blocker| match blocker {
            Blocker::Valve { valve } => Some(valve.word()),
            _ => None,
        })
        .collect();
    closed.sort_unstable();
    closed.dedup();
    if !closed.is_empty() {
        let help = "Valves that kept a rule from an action in the last scheduled cycle; the value is always 1.";
        sink.family(gauge("wnm_valve_closed", help));
        for valve in closed {
            sink.sample("", &[("valve", valve)], 1.0);
        }
    }
}
