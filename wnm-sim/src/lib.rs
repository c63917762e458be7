//! The simulator of the Weave Node Manager: the decisions of `wnm` on recorded and modelled hosts.
//!
//! | command | work |
//! |---|---|
//! | `decide` | answers single decision cases |
//! | `replay` | repeats the decisions on a recorded host |
//! | `try` | shows the effect of changed settings on a recorded host |
//! | `explore` | runs the cycle on the chaos model, on which everything fails, and checks the invariants |
//! | `run`, `score` | measure policies on the capacity model, a host under load |
//! | `tune` | searches for better settings on the capacity model |
//! | `compare` | compares steady with classic and the baselines |
//! | `calibrate` | fits the capacity model to a recorded host |
//! | `util` | prints completion scripts and man pages |
//! | `chart` | draws recordings and runs |

mod candidates;
mod capacity;
mod chance;
mod chaos;
mod commands;
mod error;
mod jobs;
mod lines;
mod load_average;
mod output;
mod policy_args;
mod run_file;
mod scenario;
mod statistics;
mod table;
mod trace_file;
mod usage;
mod values;
mod words;

use clap::{Parser, Subcommand};

pub use chaos::invariants;
pub use commands::decide::{Rules, StateMode, StreamError, answer_all};
pub use commands::explore;
pub use commands::replay::{Count, Course, Extent, OverLimit, Tally, Unlisted};
pub use commands::run::healthy_nodes;
pub use error::{Exit, SimError};
pub use words::Heading;

/// Reads a negative number as a value, where a value is due: the error then names its range, and not an unknown flag.
fn with_numbers(command: clap::Command) -> clap::Command {
    let command = command.mut_args(|arg| {
        let is_value = arg.get_action().takes_values() && !arg.is_allow_hyphen_values_set();
        if is_value { arg.allow_negative_numbers(true) } else { arg }
    });
    command.mut_subcommands(with_numbers)
}

/// Replay, explore and score the decisions of the Weave Node Manager on recorded and modelled hosts
#[derive(Debug, Parser)]
#[command(name = "wnm-sim", version, max_term_width = 120)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

use commands::{calibrate, chart, compare, decide, replay, run, score, trial, tune, util};

#[derive(Debug, Subcommand)]
enum Command {
    Decide(decide::Args),
    Replay(replay::Args),
    Try(trial::Args),
    Explore(explore::Args),
    Run(run::Args),
    Score(score::Args),
    Tune(tune::Args),
    Compare(compare::Args),
    Chart(chart::Args),
    Calibrate(calibrate::Args),
    Util(util::Args),
}

impl Cli {
    /// Prints candidates and ends the process where a completion script asks for them; else returns.
    pub fn complete() {
        clap_complete::CompleteEnv::with_factory(<Self as clap::CommandFactory>::command)
            .var(util::COMPLETE)
            .complete();
    }

    /// Runs the command line of this process. An error is printed to standard error.
    #[must_use]
    pub fn run_line() -> Exit {
        let args: Vec<_> = std::env::args_os().collect();
        let mut command = with_numbers(<Self as clap::CommandFactory>::command());
        let matches = command.try_get_matches_from_mut(&args);
        match matches.and_then(|matches| <Self as clap::FromArgMatches>::from_arg_matches(&matches)) {
            Ok(cli) => cli.run(),
            Err(error) => usage::report(&error, &command, &args),
        }
    }

    fn run(self) -> Exit {
        let result = match self.command {
            Command::Decide(args) => decide::run(&args),
            Command::Replay(args) => replay::run(&args),
            Command::Try(args) => trial::run(&args),
            Command::Explore(args) => explore::run(args),
            Command::Run(args) => run::run(&args),
            Command::Score(args) => score::run(&args),
            Command::Tune(args) => tune::run(&args),
            Command::Compare(args) => compare::run(&args),
            Command::Chart(args) => chart::run(&args),
            Command::Calibrate(args) => calibrate::run(&args),
            Command::Util(args) => util::run(&args),
        };
        result.unwrap_or_else(|error| error.report())
    }
}

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory as _};

    use super::{Cli, with_numbers};

    /// Asserts that each command without commands below it has an example, and returns all examples.
    fn examples(command: &Command, path: &str) -> Vec<String> {
        if command.has_subcommands() {
            let below = |below| examples(below, &format!("{path} {}", below.get_name()));
            return command.get_subcommands().flat_map(below).collect();
        }
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let (_, lines) = help.split_once("Examples:\n").unwrap_or_else(|| panic!("{path}: no examples"));
        // A text may follow the examples.
        let found: Vec<String> = lines.lines().map_while(|line| line.strip_prefix("  ")).map(str::to_owned).collect();
        assert!(found.iter().any(|line| line.contains(path)), "{path}: {found:?}");
        found
    }

    #[test]
    fn every_command_has_an_example_that_is_a_command_line_of_wnm_sim() {
        let command = with_numbers(Cli::command());
        for example in examples(&command, "wnm-sim") {
            // A remark stands apart by two spaces.
            let line = example.split("  ").next().unwrap_or_default();
            for words in line.split(" && ").filter_map(|part| Some(part.split_once("wnm-sim ")?.1)) {
                let words = words.split(' ').take_while(|word| !["|", ">", ">>"].contains(word));
                let parsed = command.clone().try_get_matches_from(std::iter::once("wnm-sim").chain(words));
                assert!(parsed.is_ok(), "{example}: {}", parsed.unwrap_err());
            }
        }
    }
}
