//! Texts that other programs write or read: metrics, traces, decision cases, command lines of nodes.

pub mod case;
pub(crate) mod command_line;
pub(crate) mod exposition;
pub mod trace;
