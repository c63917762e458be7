//! What an operator can ask of a policy before it acts: the engine that `wnm` runs, without a host beneath it.
//!
//! `decide` answers single situations, `replay` a recorded machine, `explore` a modelled one, and `chart` draws either.

mod chance;
mod chart;
mod decide;
mod error;
pub mod explore;
mod faults;
mod fuse;
pub mod invariants;
mod ledger;
mod lines;
mod output;
mod policy_args;
mod replay;
mod scenario;
mod session;
mod trace_file;
mod words;
mod world;

use clap::{Parser, Subcommand};

pub use decide::{Broken, Memory, answer_all};
pub use error::{Exit, SimError};
pub use replay::{Count, Course, Extent, OverLimit, Tally, Unlisted};
pub use words::Heading;

/// Replays, explores and judges the decisions of the Weave Node Manager, without touching a node.
#[derive(Debug, Parser)]
#[command(name = "wnm-sim", version, max_term_width = 120)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Decide(decide::Args),
    Replay(replay::Args),
    Explore(explore::Args),
    Chart(chart::Args),
}

impl Cli {
    /// Runs the command, and says on standard error what was wrong.
    #[must_use]
    pub fn run(self) -> Exit {
        let result = match self.command {
            Command::Decide(args) => decide::run(&args),
            Command::Replay(args) => replay::run(&args),
            Command::Explore(args) => explore::run(args),
            Command::Chart(args) => chart::run(&args),
        };
        result.unwrap_or_else(|error| error.report())
    }
}
