//! Rollouts: hosts upgrade their nodes to one version, a few hosts at a time, and stop when hosts fail.
//!
//! While a rollout is in effect, each host begins upgrades only under a lease: a signed document for this host, which
//! ends within minutes by the clock of the engine. The operator's command gives out leases, and renews them while a host
//! makes progress. A host does its own rolling upgrade within its own settings, holds and windows, and publishes its
//! result. A lease can delay an upgrade, and never begins one.
//!
//! - pure, in [`wnm_core::fleet`]: [`order`] has the documents, [`lease`] the state of a host, [`plan`] the settings of a
//!   rollout, [`progress`] its state and its next leases;
//! - the engine: [`driver`] and [`carried`] for the operator, and `program` for the node program of a host.

pub mod carried;
pub mod driver;
pub(super) mod program;

pub use wnm_core::fleet::{lease, order, plan, progress};
