//! The engine: from a policy, a state and an observation to a decision, and from outcomes to the next state.

mod census;
pub(crate) mod colony;
mod cpu_limit;
pub(crate) mod evaluate;
mod forecast;
mod node_status;
pub(crate) mod request;
mod rules;
mod situation;
pub(crate) mod state;

pub use forecast::Forecast;
