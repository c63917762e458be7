//! What touches the host.
pub mod standin;

mod error;
pub mod firewall;
pub mod hands;
pub mod manager;
pub mod node_dir;
mod ports;
pub mod process;
pub mod exec;
mod observe;
mod platform;
pub mod places;
pub mod host;
pub mod binary;
pub mod probe;

pub use error::PlatformError;
pub use exec::Exec;
pub use host::read_clock;
pub use platform::Platform;
