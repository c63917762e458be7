//! The weight of the nodes against the host's other work.

use wnm_core::{Colony, Observation};

use crate::platform::Platform;

/// Puts the running nodes behind other work. A failure ends nothing; `wnm doctor` and `wnm status` show its effect, and
/// a daemon would repeat a warning in every cycle.
pub(crate) fn apply<P: Platform>(platform: &mut P, colony: &Colony, observation: &Observation) {
    let running = observation.nodes.iter().filter_map(|(id, sample)| {
        let process = sample.process.as_ref()?;
        Some((colony.nodes.get(id)?, process.pid))
    });
    let running: Vec<_> = running.collect();
    if let Err(error) = platform.apply_weight(&colony.settings, &running) {
        tracing::debug!(%error, "cannot put all nodes behind other work");
    }
}
