//! The commands, one in each file.

pub(crate) mod alert;
mod by_daemon;
mod change;
pub(crate) mod config;
pub(crate) mod db;
mod demo;
pub(crate) mod doctor;
mod drive;
mod events;
pub(crate) mod explain;
pub(crate) mod fleet;
mod history;
pub(crate) mod hold;
pub(crate) mod init;
pub(crate) mod logs;
pub(crate) mod node;
mod period;
pub(crate) mod probe;
pub(crate) mod record;
mod report;
mod run;
mod selection;
pub(crate) mod service;
pub(crate) mod status;
mod storage;
mod teardown;
mod top;
mod trash;
pub(crate) mod unlisted;
mod util;

use crate::args::{Cli, Command, Run};
use crate::config::file::{self, Choice};
use crate::context;
use crate::daemon;
use crate::error::{CliError, Exit};
use crate::output::Output;
use doctor::Fix;

/// Runs the command of a parsed command line.
pub(crate) fn run(cli: Cli, output: &mut Output) -> Result<Exit, CliError> {
    let db = context::database(&cli.global);
    file::choose(match (&cli.command, cli.global.config) {
        (Some(Command::Demo(_)), _) => Choice::Nothing,
        (_, Some(path)) => Choice::Named(path),
        (_, None) => Choice::Usual,
    });
    match cli.command.unwrap_or_else(|| Command::Run(Run::default())) {
        Command::Init(args) => init::run(&db, &args, output),
        Command::Run(args) => run::run(&db, &args, output),
        Command::Daemon(args) => daemon::run(&db, &args, output),
        Command::Status(args) => status::run(&db, &args, output),
        Command::Top(args) => top::run(&db, args, output),
        Command::Explain { cycle } => explain::run(&db, cycle, output),
        Command::History(args) => history::run(&db, &args, output),
        Command::Events(args) => events::run(&db, &args, output),
        Command::Report(args) => report::run(&db, &args, output),
        Command::Node(args) => node::run(&db, args, output),
        Command::Storage(command) => storage::run(&db, command, output),
        Command::Hold(args) => hold::hold(&db, &args, output),
        Command::Resume => hold::resume(&db, output),
        Command::Trash(command) => trash::run(&db, command, output),
        Command::Probe(command) => probe::run(&db, command, output),
        Command::Fleet(args) => fleet::run(&db, args, output),
        Command::Alert(command) => alert::run(&db, command, output),
        Command::Config(command) => config::run(&db, command, output),
        Command::Doctor { fix } => doctor::run(&db, if fix { Fix::Yes } else { Fix::No }, output),
        Command::Record(args) => record::run(&db, &args, output),
        Command::Db(command) => db::run(&db, command, output),
        Command::Service(command) => service::run(&db, command, output),
        Command::Util(command) => util::run(command, output),
        Command::Teardown(args) => teardown::run(&db, &args, output),
        Command::Demo(args) => demo::run(&args, output),
    }
}
