//! What a node costs and how a host behaves: the figures that the model is fitted by.

use serde::Deserialize;

use crate::scenario::capacity::Amount;

/// Constants of the model; `docs/host-model.md` has their sources.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Constants {
    /// Cores that a grown node uses, on average.
    pub(crate) cpu_cores: Amount,
    /// How much nodes differ in that (sigma of the lognormal distribution).
    pub(crate) cpu_spread: Amount,
    /// How many times its grown use a node uses beyond it when it starts.
    pub(crate) surge: Amount,
    /// Seconds in which that falls to a third (1/e).
    pub(crate) surge_seconds: Amount,
    /// Memory of a node that starts.
    pub(crate) memory_start_mb: Amount,
    /// Memory of a grown node.
    pub(crate) memory_full_mb: Amount,
    /// Seconds in which what is left to grow falls to a third.
    pub(crate) memory_seconds: Amount,
    /// What a grown node stores.
    pub(crate) disk_gb: Amount,
    /// Seconds in which what is left to store falls to a third.
    pub(crate) disk_seconds: Amount,
    /// How far the demand of all nodes wanders together, as a share of it.
    pub(crate) own_wander: Amount,
    /// Seconds in which it forgets where it was.
    pub(crate) own_wander_seconds: Amount,
    /// How far background load wanders, as a share of it.
    pub(crate) background_wander: Amount,
    /// Seconds in which it forgets where it was.
    pub(crate) background_wander_seconds: Amount,
    /// White noise of all demand, from five seconds to the next, as a share of it.
    pub(crate) noise: Amount,
    /// Spikes of five seconds in an hour.
    pub(crate) spikes_per_hour: Amount,
    /// The greatest of them, as a share of all processors.
    pub(crate) spike: Amount,
    /// Seconds from the start of a process to its first answer.
    pub(crate) answer_seconds: Amount,
    /// Seconds a process takes to end.
    pub(crate) stop_seconds: Amount,
    /// Seconds the deletion of an empty folder takes.
    pub(crate) delete_least_seconds: Amount,
    /// Seconds the deletion of a full one takes.
    pub(crate) delete_most_seconds: Amount,
    /// Seconds a reboot takes.
    pub(crate) reboot_seconds: Amount,
}

impl Default for Constants {
    fn default() -> Self {
        let of = Amount::of;
        Self {
            cpu_cores: of(0.05),
            cpu_spread: of(0.25),
            surge: of(6.0),
            surge_seconds: of(90.0),
            memory_start_mb: of(80.0),
            memory_full_mb: of(180.0),
            memory_seconds: of(4.0 * 3600.0),
            disk_gb: of(20.0),
            disk_seconds: of(3.0 * 86_400.0),
            own_wander: of(0.02),
            own_wander_seconds: of(900.0),
            background_wander: of(0.01),
            background_wander_seconds: of(300.0),
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
