//! Probes: downloads, quotes and uploads that tell whether the network answers from this host.
//!
//! The modules are pure. [`ProbePlan`] is the content of a task file, [`ProbeSchedule`] decides which runs start and
//! which end, [`ProbeLedger`] keeps every plan below the built-in ceilings, and [`ProbeClient`] knows the command lines
//! and the answers of the client programs.

mod ceiling;
mod client;
mod line;
mod outcome;
mod plan;
mod schedule;
mod summary;
mod window;

pub use ceiling::{ProbeCeilings, ProbeLedger, Refused};
pub use client::{ClientAnswer, ClientOutput, ClientRequest, Dialect, ProbeClient};
pub use line::{influx_line, run_line, summary_line};
pub use outcome::{Atto, ContentCheck, ProbeOutcome, ProbeRun};
pub use plan::{KnownFile, ProbeKind, ProbePlan, ProbeTask, SeededFile, SizeClass, TaskCause, TaskProblem, check_name};
pub use schedule::{Assignment, Failed, Order, ProbeSchedule, RunId, Subject};
pub use summary::{Distribution, ProbeSummary, day_of, spent_on_day};
pub(crate) use window::ever_opens;
pub use window::{DRAIN, Gate, default_windows};
