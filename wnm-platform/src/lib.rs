//! Access to the host: metrics, probes, process managers, firewalls, node folders, CPU limit and weight.

pub mod backup;
pub mod binary;
mod by_folder;
pub mod chunk_store;
pub mod cpu_limit;
mod error;
pub mod exec;
pub mod executor;
pub mod fake_node;
pub mod files;
pub mod firewall;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod guarded;
pub mod identity;
mod leftovers;
pub mod manager;
pub mod node_dir;
pub mod node_log;
pub mod observe;
pub mod open_files;
pub mod other_tools;
pub mod places;
mod platform;
pub mod probe;
pub mod service_install;
mod transfer;
pub mod volume;
pub mod weight;

pub use by_folder::ByFolder;
pub use error::{
    AntctlLimit, EngineProblem, FileOperation, NameHolder, ParsedFile, PlatformError, Refusal, RegistryProblem,
};
pub use exec::Exec;
pub use leftovers::Leftover;
pub use observe::host::read_clock;
pub use observe::unlisted_folders;
pub use platform::{ManagerFailure, Platform};
pub use transfer::{Movers, interrupted_copies};
