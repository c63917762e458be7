//! What an operator sets: settings, thresholds, limits, and where new nodes go.

pub(crate) mod allocation;
pub(crate) mod constants;
pub(crate) mod node_settings;
pub(crate) mod pressure;
pub(crate) mod settings;
pub(crate) mod shrink;
pub(crate) mod thresholds;
pub(crate) mod tuning;
pub(crate) mod valves;
