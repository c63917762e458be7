//! The `wnm-sim` binary: parses, runs, and maps what came of it to an exit code.

use std::process::ExitCode;

use clap::Parser;
use wnm_sim::Cli;

fn main() -> ExitCode {
    Cli::parse().run().into()
}
