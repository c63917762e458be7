//! The chaos model: a small host on which everything fails, the invariants that must hold on it, and a fake store.
//!
//! The model implements the platform of the agent and the ledger its store, so that `explore` runs the cycle of the
//! product. All arithmetic is on whole numbers, and all noise is drawn from the seed and the number of the cycle: a
//! scenario runs alike on every machine, and a scenario without one of its events keeps the noise of all others.

mod cpu_limit;
pub(crate) mod crash;
mod events;
mod executor;
pub(crate) mod faults;
pub(crate) mod fleet;
pub mod invariants;
pub(crate) mod ledger;
mod model;
mod node;
mod observe;
pub(crate) mod platform;
pub(crate) mod probes;
pub(crate) mod store;

pub(crate) use model::ChaosModel;
pub(crate) use node::{HostNode, PROGRAM_MB};
pub(crate) use observe::version;

/// Milliseconds since the start of the scenario; negative before it.
pub(crate) type Millis = i64;
