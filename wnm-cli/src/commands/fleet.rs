//! `wnm fleet`: many hosts on one engine.

mod doctor;
mod host;
mod list;
mod order;
mod rollout;
mod serve;
mod setup;

use std::path::{Path, PathBuf};

use wnm_agent::fleet::membership::{ClientFiles, Operator};
use wnm_agent::fleet::operator::Fleet;

use crate::args::{self, FleetCommand};
use crate::error::{CliError, Exit, FleetCommandError};
use crate::output::Output;

pub(crate) use doctor::membership as check_membership;
pub(crate) use host::forget;

/// Runs a command on a fleet.
pub(crate) fn run(db: &Path, args: args::Fleet, output: &mut Output) -> Result<Exit, CliError> {
    let path = args.fleet.unwrap_or_else(|| db.with_file_name("fleet.json"));
    match args.command {
        FleetCommand::Init(args) => setup::init(&path, args, output),
        FleetCommand::Invite(args) => setup::invite(&path, args, output),
        FleetCommand::Join(args) => host::join(db, args, output),
        FleetCommand::Expel(args) => setup::expel(&path, &args, output),
        FleetCommand::Leave => host::leave(db, output),
        FleetCommand::Status => list::status(&path, output),
        FleetCommand::Hosts => list::hosts(&path, output),
        FleetCommand::Nodes(args) => list::nodes(&path, args, output),
        FleetCommand::Events(args) => list::events(&path, &args, output),
        FleetCommand::Hold(args) => order::hold(&path, args, output),
        FleetCommand::Resume(args) => order::resume(&path, args, output),
        FleetCommand::Set(args) => order::set(&path, args, output),
        FleetCommand::Rollout(command) => rollout::run(&path, command, output),
        FleetCommand::Serve(args) => serve::run(&path, &args, output),
        FleetCommand::Doctor => doctor::run(db, &path, output),
    }
}

/// Returns an error of a fleet as that of the command.
fn failed(error: impl Into<FleetCommandError>) -> CliError {
    CliError::Fleet(Box::new(error.into()))
}

/// Returns the files of the certificate of a client. The daemon reads them again for each connection, from any folder.
fn client(args: args::ClientFiles) -> Result<Option<ClientFiles>, CliError> {
    let Some((certificate, key)) = args.client_cert.zip(args.client_key) else { return Ok(None) };
    let absolute = |path: PathBuf| {
        std::path::absolute(&path)
            .map_err(|error| failed(FleetCommandError::Authorities { path, cause: error.to_string() }))
    };
    Ok(Some(ClientFiles { certificate: absolute(certificate)?, key: absolute(key)? }))
}

fn operator(path: &Path) -> Result<Operator, CliError> {
    Operator::read(path).map_err(|error| {
        if error.is_missing() { failed(FleetCommandError::NoOperator(path.to_owned())) } else { failed(error) }
    })
}

/// Connects as the operator of the fleet of a file.
fn open(path: &Path) -> Result<Fleet, CliError> {
    let operator = operator(path)?;
    Fleet::open(operator).map_err(failed)
}
