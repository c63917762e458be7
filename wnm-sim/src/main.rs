//! The `wnm-sim` binary: parses the command line, runs the command, and returns its exit code.

use std::process::ExitCode;

use wnm_sim::Cli;

fn main() -> ExitCode {
    Cli::complete();
    Cli::run_line().into()
}
