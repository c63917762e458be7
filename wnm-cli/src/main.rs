//! `wnm`, the Weave Node Manager: parse, run, map to an exit code.

mod args;
mod commands;
mod config;
mod context;
mod cycle;
mod daemon;
mod error;
mod output;
mod render;

use std::process::ExitCode;

use wnm_platform::standin;

fn main() -> ExitCode {
    // Copied under the name of a node program, this executable plays that node.
    if standin::is_called().is_some() {
        return standin::main();
    }
    let args = args::parse();
    let mut output = output::Output::new(&args.global);
    match commands::run(args, &mut output) {
        Ok(exit) => exit.into(),
        Err(error) => output.fail(&error).into(),
    }
}
