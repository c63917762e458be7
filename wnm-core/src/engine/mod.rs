//! The engine: from a policy, a state and an observation to a decision, and from outcomes to the next state.

mod census;
pub(crate) mod colony;
mod cpu_limit;
pub(crate) mod evaluate;
mod forecast;
pub(crate) mod request;
mod rules;

pub use forecast::Forecast;
