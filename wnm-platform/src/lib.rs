//! What touches the host.
pub mod standin;

pub mod binary;
mod error;
pub mod exec;
pub mod firewall;
pub mod hands;
pub mod host;
pub mod manager;
pub mod node_dir;
mod observe;
pub mod own_service;
pub mod places;
mod platform;
pub mod ports;
pub mod probe;
pub mod process;
pub mod quota;

pub use error::PlatformError;
pub use exec::Exec;
pub use host::read_clock;
pub use platform::Platform;
