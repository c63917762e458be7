//! `wnm fleet join` and `leave`: the membership of this host.

use std::path::Path;

use wnm_agent::fleet::FleetState;
use wnm_agent::fleet::invitation::accept;
use wnm_agent::fleet::membership::{Invitation, Membership};
use wnm_agent::fleet::operator::FleetError;
use wnm_agent::fleet::publisher::Publisher;
use wnm_core::EngineUrl;
use wnm_store::Store;

use super::{client, failed};
use crate::args::FleetJoin;
use crate::context::{self, LOCK_TIMEOUT};
use crate::error::{CliError, Exit, FleetCommandError};
use crate::output::Output;
use crate::render::fleet::{self, Member};

/// Joins a fleet. A running daemon takes part from its next cycle on.
///
/// # Errors
/// The host is in a fleet, the invitation cannot be used, or the membership cannot be stored.
pub(super) fn join(db: &Path, args: FleetJoin, output: &Output) -> Result<Exit, CliError> {
    let mut invitation = Invitation::decode(&args.invitation).map_err(|error| failed(FleetError::from(error)))?;
    invitation.login.client = client(args.client)?;
    let _lock = context::lock(db, LOCK_TIMEOUT)?;
    let mut store = Store::open(db)?;
    if let Ok(member) = Membership::read(db)
        && store.settings()?.fleet_url.is_some()
    {
        return Err(failed(FleetCommandError::Member(member.fleet)));
    }
    let url = invitation.url.clone();
    let membership = accept(invitation).map_err(failed)?;
    // A hold of an earlier fleet must not stay.
    FleetState::remove(db).map_err(failed)?;
    membership.write(db).map_err(failed)?;
    store_url(&mut store, Some(url.clone()))?;
    let member = Member::of(&membership, Some(&url));
    output.result(&member, fleet::joined)?;
    Ok(Exit::Done)
}

/// Leaves the fleet. The password is removed from this host, and its documents from the engine where it answers.
///
/// # Errors
/// The host is in no fleet, or its files cannot be changed.
pub(super) fn leave(db: &Path, output: &Output) -> Result<Exit, CliError> {
    let _lock = context::lock(db, LOCK_TIMEOUT)?;
    let mut store = Store::open(db)?;
    let url = store.settings()?.fleet_url;
    let membership = match Membership::read(db) {
        Ok(membership) => Some(membership),
        Err(error) if error.is_missing() && url.is_none() => return Err(failed(FleetCommandError::NoMember)),
        Err(error) => {
            tracing::warn!(%error, "the membership is removed without a message to the engine");
            None
        }
    };
    store_url(&mut store, None)?;
    if let (Some(membership), Some(url)) = (&membership, &url) {
        let mut publisher = Publisher::new(url.clone(), membership.clone(), String::new());
        if let Err(error) = publisher.withdraw() {
            tracing::warn!(%error, "the engine forgets the state of this host by itself within a day");
        }
    }
    forget(db)?;
    let member = membership.as_ref().map(|membership| Member::of(membership, url.as_ref()));
    output.result(&member, |member| fleet::left(member.as_ref()))?;
    Ok(Exit::Done)
}

/// Removes the membership and the stored commands of a fleet.
///
/// # Errors
/// A file cannot be removed.
pub(crate) fn forget(db: &Path) -> Result<(), CliError> {
    Membership::remove(db).map_err(failed)?;
    FleetState::remove(db).map_err(failed)
}

fn store_url(store: &mut Store, url: Option<EngineUrl>) -> Result<(), CliError> {
    let mut settings = store.settings()?;
    settings.fleet_url = url;
    Ok(store.save_settings(&settings)?)
}
