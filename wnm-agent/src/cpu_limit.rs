//! The CPU limit of the colony: applied as decided, and lifted when no cycle follows.

use wnm_core::{Decision, Observation, Settings};

use crate::platform::Platform;

/// Applies the decided CPU limit where the observed one differs. A failure ends nothing, and is logged when it is another
/// one than the last.
pub(crate) fn apply<P: Platform>(
    platform: &mut P,
    settings: &Settings,
    observation: &Observation,
    decision: &Decision,
    last_refusal: &mut Option<String>,
) {
    let applied = match (observation.host.cpu_limit, decision.cpu_limit) {
        // The setting may have changed while a limit was applied.
        _ if !settings.cpu_limit => platform.lift_cpu_limit(),
        (Some(observed), decided) if observed.differs_from(decided) => match decided {
            None => platform.lift_cpu_limit(),
            Some(limit) => {
                let processes = observation.nodes.values().filter_map(|node| node.process.as_ref());
                let processes: Vec<u32> = processes.map(|process| process.pid).collect();
                platform.set_cpu_limit(limit, &processes)
            }
        },
        (Some(_) | None, _) => Ok(()),
    };
    let refusal = applied.err().map(|error| error.to_string());
    if let Some(error) = refusal.as_ref().filter(|_| refusal != *last_refusal) {
        tracing::warn!(%error, hint = "check this host with `wnm doctor`", "cannot apply the CPU limit of the nodes");
    }
    *last_refusal = refusal;
}

/// Lifts the CPU limit of the colony because no further cycle will adjust it. A failure is logged.
pub fn lift<P: Platform>(platform: &mut P) {
    if let Err(error) = platform.lift_cpu_limit() {
        tracing::warn!(%error, "cannot lift the CPU limit of the nodes; it ends with the next restart of the host");
    }
}
