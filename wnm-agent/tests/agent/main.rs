//! The cycle and the daemon on a colony in memory.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod alerts;
mod common;
mod cycle;
mod daemon;
mod earnings;
#[cfg(feature = "host")]
mod holds;
#[cfg(feature = "serve")]
mod http;
mod influx;
mod live;
mod monitoring;
mod requests;
#[cfg(feature = "serve")]
mod serve;
mod tls;
