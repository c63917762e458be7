//! `wnm`, the Weave Node Manager: parse, run, map to an exit code.

mod args;
mod commands;
mod config;
mod confirm;
mod context;
mod cpu_limit;
mod daemon;
mod error;
mod freshness;
mod interrupt;
mod legacy;
mod output;
mod progress;
mod push;
mod render;
#[cfg(test)]
mod schema;
mod takeover;

use std::process::ExitCode;

use legacy::Rewritten;
use output::Output;
use wnm_platform::fake_node;

fn main() -> ExitCode {
    // A copy of this executable under the name of a node program runs as a fake node.
    if fake_node::is_called().is_some() {
        return fake_node::main();
    }
    wnm_platform::open_files::raise();
    let (args, notes) = match legacy::rewrite(std::env::args_os().collect()) {
        Ok(Rewritten::Line { args, notes }) => (args::parse(args), notes),
        Ok(Rewritten::Nothing { reason }) => return Output::plain().done(reason).into(),
        Err(error) => return Output::plain().fail(&error.into()).into(),
    };
    let mut output = Output::new(&args.global);
    notes.iter().for_each(|note| output.say(note));
    match commands::run(args, &mut output) {
        Ok(exit) => exit.into(),
        Err(error) => output.fail(&error).into(),
    }
}
