//! A cheap observation of the host and known processes, without queries to nodes or process managers.

use std::collections::BTreeMap;

use wnm_core::{
    Clock, Colony, Counters, HostSample, NodeCounters, NodeMap, NodeSample, Observation, Presence, ProcessIdentity,
};

use super::{processes_of_boot, sample};
use crate::Platform;

impl Platform {
    /// Observes the host and the CPU and memory use of known processes; all other values come from the last samples.
    ///
    /// For observations every second. Nodes are [`Presence::Unobserved`].
    #[must_use]
    pub fn quick_check(&self, colony: &Colony, clock: &Clock) -> (Observation, Counters) {
        let (before, reading) = self.counters(colony, clock);
        let processes: BTreeMap<_, &ProcessIdentity> = processes_of_boot(colony, &reading.boot).collect();
        let usage = self.host.usage(processes.values().copied());
        let (cpu_limit, cpu_limit_counters) = self.observe_cpu_limit(colony, &before);
        let mut counters = Counters { cpu_limit: cpu_limit_counters, ..reading.counters() };
        let elapsed = reading.since(&before);
        let mut nodes = NodeMap::with_capacity(colony.nodes.len());
        for (id, node) in &colony.nodes {
            // A node that was created since the last observation has no sample.
            let last = colony.samples.get(id).cloned();
            let last = last.unwrap_or_else(|| NodeSample { born: node.born, ..NodeSample::default() });
            let mut seen = NodeSample { presence: Presence::Unobserved, cpu: None, memory: None, ..last };
            let used = processes.get(id).and_then(|process| Some((process.pid, *usage.get(&process.pid)?)));
            if let Some((pid, usage)) = used {
                let since = before.nodes.get(id).zip(elapsed);
                seen.cpu = since.and_then(|(before, elapsed)| sample::cores(*before, usage, pid, elapsed));
                seen.memory = Some(usage.memory);
                counters.nodes.insert(*id, NodeCounters { pid, cpu_millis: usage.cpu_millis });
            }
            nodes.insert(*id, seen);
        }
        let pids: Vec<u32> = usage.keys().copied().collect();
        let psi = self.observe_psi(&colony.settings, &pids);
        let volumes = self.read_storage(colony).volumes;
        let host = HostSample { cpu_limit, psi, volumes, ..self.host.sample(&before, &reading) };
        (Observation { now: reading.at, rebooted: false, host, nodes, ..Observation::default() }, counters)
    }
}
