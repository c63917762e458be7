//! The nouns: units, nodes, programs, process managers, wallets, and one observation of a host.

pub(crate) mod clock;
pub(crate) mod cpu_limit;
pub(crate) mod firewall;
pub(crate) mod flavor;
pub(crate) mod manager;
pub(crate) mod metrics;
pub(crate) mod node;
pub(crate) mod observation;
pub(crate) mod program_cache;
pub(crate) mod units;
pub(crate) mod wallet;
