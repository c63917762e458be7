//! The parts of the bench of the daemon, and the page that they fill.

pub(crate) mod crowd;
pub(crate) mod daemon;
pub(crate) mod idle;
pub(crate) mod page;
pub(crate) mod reactions;
