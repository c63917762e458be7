//! The store through its public functions, on real files.
#![allow(clippy::unwrap_used, clippy::panic, reason = "these are tests, helpers included")]

mod crash;
mod cycle;
mod damage;
mod files;
mod fixtures;
mod history;
mod lock;
mod nodes;
mod rebuild;
mod settings;
mod state;
#[cfg(target_os = "linux")]
mod wear;
