//! The agent of the Weave Node Manager: the one management cycle, and the daemon that repeats it.
//!
//! ```text
//! load ──► observe ──► decide ──► begin ──► execute ──► apply ──► finish
//! store    platform    core       store     platform    core      store
//! ```
//!
//! [`Agent::run_cycle`] runs these steps once; [`run_daemon`] repeats them. Both work on two traits: a [`Store`], which
//! makes intents and progress durable, and a [`Platform`], which measures the host and executes steps. The module
//! `host`, behind the default feature of the same name, implements them for SQLite and for the host that wnm runs on.
//! The simulator implements them for its fake store and its chaos model, and so explores this very sequence.
//!
//! A daemon publishes each cycle in [`live::Live`]: an immutable snapshot and the events since the one before, for any
//! number of readers on other threads.
//!
//! The crate has no command line, reads no settings files, and prints nothing. Warnings go to [`tracing`].

mod agent;
#[cfg(feature = "host")]
pub mod alerts;
#[cfg(any(feature = "host", feature = "serve"))]
mod aside;
#[cfg(feature = "serve")]
pub mod control;
mod cpu_limit;
mod cycle;
mod daemon;
#[cfg(feature = "host")]
pub mod earnings;
mod error;
#[cfg(feature = "fleet")]
pub mod fleet;
#[cfg(all(any(test, fuzzing), feature = "fleet", feature = "probe"))]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(feature = "host")]
pub mod host;
#[cfg(feature = "host")]
pub mod influx;
pub mod live;
#[cfg(feature = "serve")]
pub mod metrics;
mod new_nodes;
mod observer;
#[cfg(feature = "host")]
pub mod outbound;
mod platform;
#[cfg(any(feature = "host", feature = "serve"))]
pub mod private_file;
#[cfg(feature = "probe")]
pub mod probe;
#[cfg(feature = "host")]
mod program;
mod report;
mod request;
#[cfg(feature = "serve")]
pub mod serve;
#[cfg(feature = "host")]
pub mod settings_text;
mod store;
mod trash;
mod trigger;
mod unlisted;
pub mod valves;
mod volumes;
mod weight;

pub use agent::{Agent, Signals};
pub use cpu_limit::lift as lift_cpu_limit;
pub use daemon::{ChannelTimer, DRAIN_LIMIT, DaemonControl, Refreshed, Timer, Wake, run_daemon};
pub use error::{AgentError, HintedError, without_numbers};
pub use observer::{Evaluated, Observer};
pub use platform::{Boot, FoundNode, NewNodeIdentity, NodeProcess, Platform};
pub use report::Report;
pub use request::{Begun, MOST_REQUESTS, Request, RequestQueue, RequestedWork, Requester};
pub use store::{Begin, CycleId, Finish, Store};
pub use trash::RETENTION as TRASH_RETENTION;
pub use trigger::{Mode, Trigger};
