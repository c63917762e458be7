//! What touches the host.
pub mod standin;
