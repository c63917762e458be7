//! The engine: derives a decision from a policy, a state and an observation, and the next state from the outcomes.

mod cancel;
mod census;
pub(crate) mod change;
pub(crate) mod colony;
mod cpu_limit;
pub(crate) mod evaluate;
pub(crate) mod failures;
mod forecast;
mod node_status;
pub(crate) mod recovery;
pub(crate) mod request;
mod rule_set;
mod rules;
mod situation;
pub(crate) mod state;

pub use forecast::Forecast;
