//! The engine: derives a decision from a policy, a state and an observation, and the next state from the outcomes.

mod cancel;
pub(crate) mod ceiling;
mod census;
pub(crate) mod change;
pub(crate) mod colony;
mod cpu_limit;
pub(crate) mod evaluate;
pub(crate) mod failures;
mod forecast;
pub(crate) mod newest_program;
mod node_status;
pub(crate) mod own_upgrades;
pub(crate) mod recovery;
pub(crate) mod request;
mod rule_set;
mod rules;
mod situation;
pub(crate) mod state;
mod valves;

pub use forecast::Forecast;
