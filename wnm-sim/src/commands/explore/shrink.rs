//! Shrinking: the smallest scenario that still shows a violation.

use super::events::Events;
use super::run::{Found, Run};
use crate::scenario::chaos::Scenario;

/// The number of runs that shrinking may take, so that it ends within seconds.
const MOST_RUNS: u32 = 3000;

/// Returns a scenario with fewer cycles, nodes and events that violates the same property.
pub(super) fn shrunk(scenario: Scenario, found: Found) -> (Scenario, Found) {
    let mut best = Shrinking { scenario, found, runs_left: MOST_RUNS };
    best.end_at_violation();
    loop {
        let before = best.size();
        best.drop_events();
        best.drop_nodes();
        best.end_at_violation();
        if best.size() >= before || best.runs_left == 0 {
            break;
        }
    }
    (best.scenario, best.found)
}

struct Shrinking {
    scenario: Scenario,
    found: Found,
    runs_left: u32,
}

impl Shrinking {
    fn size(&self) -> (usize, u32, u64) {
        (self.scenario.events.len(), self.scenario.nodes, self.scenario.cycles)
    }

    /// Runs a scenario, and takes it as the best one if it violates the same property.
    fn accept(&mut self, scenario: Scenario) -> bool {
        if self.runs_left == 0 {
            return false;
        }
        self.runs_left -= 1;
        let events = Events::Listed(&scenario.events);
        let Ok(mut run) = Run::new(&scenario, events) else { return false };
        match run.run_to_end() {
            Some(found) if found.violation.property == self.found.violation.property => {
                drop(run);
                self.found = found;
                self.scenario = scenario;
                true
            }
            Some(_) | None => false,
        }
    }

    /// Ends the scenario with the cycle of the violation. A violation in the calm cycles keeps all cycles before them.
    fn end_at_violation(&mut self) {
        let cycles = (self.found.cycle + 1).min(self.scenario.cycles);
        let mut shorter = Scenario { cycles, ..self.scenario.clone() };
        shorter.events.retain(|scripted| scripted.cycle < cycles);
        self.accept(shorter);
        // An earlier violation is easier to debug. Large cuts first, because each try costs a run.
        let mut cut = self.scenario.cycles / 2;
        while cut > 0 {
            let mut shorter = self.scenario.clone();
            shorter.cycles = self.scenario.cycles.saturating_sub(cut);
            shorter.events.retain(|scripted| scripted.cycle < shorter.cycles);
            if !self.accept(shorter) {
                cut /= 2;
            }
            cut = cut.min(self.scenario.cycles / 2);
        }
    }

    /// Removes events: large chunks first, then single ones.
    fn drop_events(&mut self) {
        let mut chunk = self.scenario.events.len();
        while chunk > 0 {
            let mut first = 0;
            while first < self.scenario.events.len() {
                let mut fewer = self.scenario.clone();
                let end = (first + chunk).min(fewer.events.len());
                fewer.events.drain(first..end);
                if !self.accept(fewer) {
                    first += chunk;
                }
            }
            chunk /= 2;
        }
    }

    fn drop_nodes(&mut self) {
        let mut fewer_by = self.scenario.nodes;
        while fewer_by > 0 {
            let nodes = self.scenario.nodes.saturating_sub(fewer_by);
            if nodes == self.scenario.nodes || !self.accept(Scenario { nodes, ..self.scenario.clone() }) {
                fewer_by /= 2;
            }
            fewer_by = fewer_by.min(self.scenario.nodes);
        }
    }
}
