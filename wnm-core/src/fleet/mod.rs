//! A fleet: the commands of an operator to many hosts, and the rollouts of node programs.
//!
//! The modules are pure. The engine of a fleet, its connections, keys and files are those of `wnm-agent`; whether a
//! signature is valid comes in as an answer ([`command::VerifySignature`]).
//!
//! - [`name`], [`command`]: names, commands and the holds without a signature
//! - [`control`]: the commands that a host obeys
//! - [`limits`]: signed settings that narrow those of a host
//! - [`session`]: the daemons that publish under one name
//! - [`host_state`]: the published state of a host
//! - [`order`], [`lease`]: the documents of a rollout, and the rollout that a host obeys
//! - [`plan`], [`progress`]: the settings of a rollout, its state and its next leases

pub mod command;
pub mod control;
pub mod host_state;
pub mod lease;
pub mod limits;
#[cfg(test)]
mod model;
pub mod name;
pub mod order;
pub mod plan;
pub mod progress;
pub mod session;
