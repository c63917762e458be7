//! A fleet: many hosts on one engine, a server of the Redis protocol.
//!
//! Each host pulls: its daemon publishes its state every ten seconds, and reads the commands for it. No host depends on
//! another one, and none on the engine: without it the host goes on by its own rules, and its last hold stands until its
//! end. The engine is transport and no authority: hosts obey commands that the key of the fleet has signed, and holds of
//! anyone. A fleet can narrow the actions of a host, and never cause one.
//!
//! - pure, in [`wnm_core::fleet`]: [`command`], [`control`], [`limits`], [`name`] and the parts of [`rollout`];
//! - pure: [`document`], [`keys`], [`access`], [`signature`], [`shown`], [`watched`];
//! - files: [`membership`], [`secret_file`];
//! - the engine: [`engine`], [`publisher`] for a host, [`operator`] and [`invitation`] for its operator;
//! - a daemon: `service`, `hold`.

pub mod access;
pub mod document;
pub mod engine;
mod hold;
pub mod invitation;
pub mod keys;
pub mod membership;
pub mod operator;
pub mod publisher;
pub mod rollout;
pub mod secret_file;
mod service;
pub mod shown;
pub mod signature;
pub mod watched;
mod wire;

pub use wnm_core::fleet::{command, control, limits, name};

pub use hold::{FleetHold, FleetState, SharedState};
pub use service::{Describe, FleetService};

/// Returns random bits.
fn random_bits() -> Result<u128, getrandom::Error> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes)?;
    Ok(u128::from_le_bytes(bytes))
}

/// Returns 128 random bits in hexadecimal digits.
fn random_hex() -> Result<String, getrandom::Error> {
    random_bits().map(|bits| format!("{bits:032x}"))
}
