//! The source of the events of a run.

use crate::chaos::faults::{Event, Faults, drawn_events};
use crate::scenario::chaos::{Scenario, Scripted};

/// The source of the events of a run.
#[derive(Debug, Clone, Copy)]
pub(super) enum Events<'a> {
    /// Drawn from the seed cycle by cycle, so that a long run needs no more memory than a short one.
    Drawn(&'a Faults),
    /// Listed in a scenario, in the order of their cycles.
    Listed(&'a [Scripted]),
}

impl Events<'_> {
    /// Returns the list of all events up to and including a cycle.
    pub(super) fn list(&self, scenario: &Scenario, last: u64) -> Vec<Scripted> {
        let mut all = Vec::new();
        let mut events = Vec::new();
        for cycle in 0..=last {
            self.fill(scenario, cycle, &mut events);
            all.extend(events.drain(..).map(|event| Scripted { cycle, event }));
        }
        all
    }

    /// Replaces the content of `events` by the events of a cycle.
    pub(super) fn fill(&self, scenario: &Scenario, cycle: u64, events: &mut Vec<Event>) {
        events.clear();
        match self {
            Self::Drawn(faults) if cycle < scenario.cycles => {
                drawn_events(scenario.seed, cycle, faults, scenario.nodes, events);
            }
            Self::Drawn(_) => {}
            Self::Listed(all) => {
                let first = all.partition_point(|scripted| scripted.cycle < cycle);
                let of_cycle = all[first..].iter().take_while(|scripted| scripted.cycle == cycle);
                events.extend(of_cycle.map(|scripted| scripted.event));
            }
        }
    }
}
