//! `wnm fleet init`, `invite` and `expel`.

use std::path::{Path, PathBuf};

use wnm_agent::fleet::engine;
use wnm_agent::fleet::membership::{Login, Operator, Plaintext};
use wnm_agent::fleet::operator::Fleet;
use wnm_agent::fleet::secret_file;

use super::{client, failed, open};
use crate::args::{FleetExpel, FleetInit, FleetInvite};
use crate::error::{CliError, Exit, FleetCommandError};
use crate::output::Output;
use crate::render::fleet::{self, CreatedFleet, Invited, Member};
use crate::valves;

/// Creates a fleet.
///
/// # Errors
/// Its file exists, its key cannot be used, or the engine cannot be used.
pub(super) fn init(path: &Path, args: FleetInit, output: &Output) -> Result<Exit, CliError> {
    let key = Operator::key_path(path);
    if path.exists() {
        return Err(failed(FleetCommandError::Exists(path.to_owned())));
    }
    let password = args.password_file.as_deref().map(secret_file::read_password).transpose().map_err(failed)?;
    let ca = args.ca.map(certificates).transpose()?;
    let plaintext = if args.unencrypted { Plaintext::Allowed } else { Plaintext::Refused };
    let client = client(args.client)?;
    let admin = Login { user: args.user, password, ca, client, plaintext };
    if let Some(folder) = path.parent() {
        let failed_folder = |source| FleetCommandError::Folder { path: folder.to_owned(), source };
        std::fs::create_dir_all(folder).map_err(|source| failed(failed_folder(source)))?;
    }
    let fleet = Fleet::create(args.name, args.url, &admin, path).map_err(failed)?;
    let created = CreatedFleet::of(fleet.operator(), path, &key);
    output.result(&created, fleet::created)?;
    Ok(Exit::Done)
}

fn certificates(path: PathBuf) -> Result<String, CliError> {
    engine::read_certificates(&path).map_err(|cause| failed(FleetCommandError::Authorities { path, cause }))
}

/// Invites a host.
///
/// # Errors
/// The engine cannot be used.
pub(super) fn invite(path: &Path, args: FleetInvite, output: &Output) -> Result<Exit, CliError> {
    let mut fleet = open(path)?;
    let now = valves::now();
    let invitation = fleet.invite(args.host.clone(), args.url, args.valid, now, path).map_err(failed)?;
    let word = invitation.encode()?;
    let invited = Invited::new(&args.host, &word, now.after(args.valid));
    output.value(&invited, fleet::invited)?;
    Ok(Exit::Done)
}

/// Ends the membership of a host.
///
/// # Errors
/// The host was not invited, or the engine cannot be used.
pub(super) fn expel(path: &Path, args: &FleetExpel, output: &Output) -> Result<Exit, CliError> {
    let mut fleet = open(path)?;
    fleet.expel(&args.host, path).map_err(failed)?;
    let operator = fleet.operator();
    let member = Member::new(&operator.fleet, &args.host, Some(&operator.url));
    output.result(&member, fleet::expelled)?;
    Ok(Exit::Done)
}
