//! Scenarios: descriptions of hosts and of events on them, read from files or built in.

pub(crate) mod capacity;
pub(crate) mod catalogue;
pub(crate) mod chaos;
