//! The domain types: units, nodes, node programs, process managers, wallets and observations.
//!
//! This module imports no other module of the crate.

pub(crate) mod clock;
pub(crate) mod cpu_limit;
pub(crate) mod exit;
pub(crate) mod firewall;
pub(crate) mod flavor;
pub(crate) mod fleet_limits;
pub(crate) mod hold;
pub(crate) mod manager;
pub(crate) mod max_unavailable;
pub(crate) mod metrics;
pub(crate) mod node;
pub(crate) mod node_day;
pub(crate) mod node_health;
pub(crate) mod node_update;
pub(crate) mod observation;
pub(crate) mod pressure_stall;
pub(crate) mod program_cache;
pub(crate) mod rollout;
pub mod secret;
pub(crate) mod unfit_text;
pub(crate) mod units;
pub(crate) mod unlisted;
pub(crate) mod upgrade_source;
pub(crate) mod volume;
pub(crate) mod wallet;
pub(crate) mod webrtc;
pub(crate) mod weight;
pub(crate) mod window;
