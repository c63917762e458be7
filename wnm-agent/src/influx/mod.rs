//! Lines for InfluxDB: the metrics of a daemon once a minute and its probes, to a server or a file.
//!
//! The cycle hands lines over and goes on; a thread writes them into a spool on the disk and sends them, oldest first. The
//! spool is bounded: while the server is away for long, the oldest lines are dropped and counted.

#[cfg(feature = "serve")]
mod service;
mod spool;
mod target;
mod writer;

#[cfg(feature = "serve")]
pub use service::{InfluxService, oldest_spooled, spool_of};
pub use spool::{LARGEST_SPOOL, Spool};
pub use target::{Destination, Target};
pub use writer::{InfluxWriter, Written, write_now};
