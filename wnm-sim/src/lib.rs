//! What an operator can ask of a policy before it acts: the engine that `wnm` runs, without a host beneath it.
//!
//! `decide` answers single situations, `replay` a recorded machine, `explore` a modelled one on which things go wrong,
//! `run` and `score` judge policies on a modelled one under load, `tune` looks for better ones, `compare` says whether
//! steady is worth having, `calibrate` fits that host to a recorded machine, and `chart` draws what was recorded or run.

mod calibrate;
mod chance;
mod chart;
mod compare;
mod decide;
mod error;
pub mod explore;
mod faults;
mod fuse;
mod host;
pub mod invariants;
mod jobs;
mod ledger;
mod lines;
mod load_average;
mod output;
mod policy_args;
mod replay;
mod run;
mod run_file;
mod scenario;
mod score;
mod session;
mod statistics;
mod table;
mod trace_file;
mod tune;
mod words;
mod world;

use clap::{Parser, Subcommand};

pub use decide::{Broken, Memory, answer_all};
pub use error::{Exit, SimError};
pub use replay::{Count, Course, Extent, OverLimit, Tally, Unlisted};
pub use run::healthy_nodes;
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
    Run(run::Args),
    Score(score::Args),
    Tune(tune::Args),
    Compare(compare::Args),
    Chart(chart::Args),
    Calibrate(calibrate::Args),
}

impl Cli {
    /// Runs the command, and says on standard error what was wrong.
    #[must_use]
    pub fn run(self) -> Exit {
        let result = match self.command {
            Command::Decide(args) => decide::run(&args),
            Command::Replay(args) => replay::run(&args),
            Command::Explore(args) => explore::run(args),
            Command::Run(args) => run::run(&args),
            Command::Score(args) => score::run(&args),
            Command::Tune(args) => tune::run(&args),
            Command::Compare(args) => compare::run(&args),
            Command::Chart(args) => chart::run(&args),
            Command::Calibrate(args) => calibrate::run(&args),
        };
        result.unwrap_or_else(|error| error.report())
    }
}
