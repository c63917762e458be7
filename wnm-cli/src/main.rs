//! `wnm`, the Weave Node Manager: parse, run, map to an exit code.

mod api;
mod args;
mod commands;
mod config;
mod confirm;
mod context;
mod cpu_limit;
mod daemon;
mod error;
#[cfg(debug_assertions)]
mod failpoint;
mod freshness;
mod interrupt;
mod json;
mod legacy;
mod notify;
mod output;
mod page;
mod progress;
mod push;
mod rebuild;
mod render;
#[cfg(test)]
mod schema;
mod signals;
mod takeover;
mod valves;

use std::ffi::OsString;
use std::process::ExitCode;

use args::Unparsed;
use error::{CliError, Exit};
use legacy::Rewritten;
use output::Output;
use wnm_platform::probe::fake_client;
use wnm_platform::{fake_node, places, volume};

fn main() -> ExitCode {
    // A copy of this executable under the name of a node program runs as a fake node.
    if fake_node::is_called().is_some() {
        return fake_node::main();
    }
    if fake_client::is_called() {
        return fake_client::main();
    }
    args::complete();
    signals::prepare();
    places::set_modes();
    wnm_platform::open_files::raise();
    let line: Vec<OsString> = std::env::args_os().collect();
    render::here::repeat_flags(&line);
    let plain = Output::plain(&line);
    let (args, notes) = match legacy::rewrite(line) {
        Ok(Rewritten::Line { args, notes }) => (args, notes),
        Ok(Rewritten::Nothing { reason }) => return plain.done(reason).into(),
        Err(error) => return plain.fail(&error.into()).into(),
    };
    let cli = match args::parse(&args) {
        Ok(cli) => cli,
        Err(Unparsed::Text(text)) => return ended(plain.words(&text).map(|()| Exit::Done), &plain),
        Err(Unparsed::Usage(error)) => return plain.fail(&error.into()).into(),
    };
    let mut output = Output::new(&cli.global);
    notes.iter().for_each(|note| output.say(note));
    let result = commands::run(cli, &mut output);
    ended(result, &output)
}

/// Returns the exit code of a command, and writes its error.
fn ended(result: Result<Exit, CliError>, output: &Output) -> ExitCode {
    let exit = result.unwrap_or_else(|error| output.fail(&error)).into();
    if volume::holds_process() {
        leave_streams();
    }
    exit
}

/// Gives up the standard streams. A file system that does not answer keeps this process after its end, and the caller
/// would wait for the end of its output.
fn leave_streams() {
    if let Ok(nothing) = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null") {
        _ = rustix::stdio::dup2_stdin(&nothing);
        _ = rustix::stdio::dup2_stdout(&nothing);
        _ = rustix::stdio::dup2_stderr(&nothing);
    }
}
