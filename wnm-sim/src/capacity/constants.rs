//! Constants of the capacity model: the cost of a node and the behaviour of the host.

use serde::Deserialize;

use crate::scenario::capacity::Amount;

/// Constants of the model; `docs/capacity-model.md` has their sources. `wnm-sim calibrate` fits them to a trace.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Constants {
    /// Cores that a mature node uses, on average.
    pub(crate) cpu_cores: Amount,
    /// Spread of that use between nodes (sigma of a lognormal distribution).
    pub(crate) cpu_spread: Amount,
    /// Extra CPU use of a node at its start, as a multiple of its mature use.
    pub(crate) surge: Amount,
    /// Seconds in which the extra use falls to 1/e.
    pub(crate) surge_seconds: Amount,
    /// Memory of a node at its start, in MB.
    pub(crate) memory_start_mb: Amount,
    /// Memory of a mature node, in MB.
    pub(crate) memory_full_mb: Amount,
    /// Seconds in which the difference to the mature memory falls to 1/e.
    pub(crate) memory_seconds: Amount,
    /// Disk space of a mature node, in GB.
    pub(crate) disk_gb: Amount,
    /// Seconds in which the difference to the mature disk space falls to 1/e.
    pub(crate) disk_seconds: Amount,
    /// Common slow variation of the nodes' demand: standard deviation as a share of the demand.
    pub(crate) own_wander: Amount,
    /// Correlation time of that variation, in seconds.
    pub(crate) own_wander_seconds: Amount,
    /// Slow variation of the background load: standard deviation as a share of it.
    pub(crate) background_wander: Amount,
    /// Correlation time of that variation, in seconds.
    pub(crate) background_wander_seconds: Amount,
    /// White noise of all demand from one step of five seconds to the next, as a share of the demand.
    pub(crate) noise: Amount,
    /// Spikes of background load, of five seconds each, in an hour.
    pub(crate) spikes_per_hour: Amount,
    /// The largest spike, as a share of all processors.
    pub(crate) spike: Amount,
    /// Seconds from the start of a process to its first answer.
    pub(crate) answer_seconds: Amount,
    /// Seconds from the order to end to the exit of a process.
    pub(crate) stop_seconds: Amount,
    /// Seconds to delete the folder of an empty node.
    pub(crate) delete_least_seconds: Amount,
    /// Seconds to delete the folder of a mature node.
    pub(crate) delete_most_seconds: Amount,
    /// Seconds that a reboot takes.
    pub(crate) reboot_seconds: Amount,
}

impl Default for Constants {
    fn default() -> Self {
        let of = Amount::of;
        Self {
            // Assumed: 60 idle nodes on a loopback network used 0.004 cores each, without the traffic of the real
            // network.
            cpu_cores: of(0.05),
            cpu_spread: of(0.25),
            surge: of(6.0),
            surge_seconds: of(90.0),
            // Assumed as well: the idle nodes grew from 28 to 35 MB.
            memory_start_mb: of(80.0),
            memory_full_mb: of(180.0),
            memory_seconds: of(4.0 * 3600.0),
            disk_gb: of(20.0),
            disk_seconds: of(3.0 * 86_400.0),
            own_wander: of(0.02),
            own_wander_seconds: of(900.0),
            background_wander: of(0.01),
            background_wander_seconds: of(300.0),
            // Samples of one second have 4 %; a step averages over five of them.
            noise: of(0.02),
            spikes_per_hour: of(1.0),
            spike: of(0.25),
            answer_seconds: of(10.0),
            stop_seconds: of(10.0),
            delete_least_seconds: of(30.0),
            delete_most_seconds: of(300.0),
            reboot_seconds: of(120.0),
        }
    }
}
