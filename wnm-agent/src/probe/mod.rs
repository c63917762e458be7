//! Probes of a daemon: a thread that runs the clients of a task file within its window, below the built-in ceilings.
//!
//! The thread holds no lock of the database. It hands the runs that ended to the thread of the cycles, which stores them.

mod clients;
mod key;
mod prober;
mod service;
mod source;
mod spending;
mod task_file;

pub use clients::remains::clear_commands;
pub use clients::{ClientProgram, ClientThreads, Payment, ProgramError};
pub use key::read_key;
pub use prober::{Finished, Prober, RunClients};
pub use service::{ProbeConfig, ProbeService, ProbeStatus};
pub use source::{Refreshed, SourceError, Sources, read_file};
pub use spending::{NotReserved, Reservation, Spending};
pub use task_file::{FileProblem, ReadPlan, TaskFileError, read_plan};
