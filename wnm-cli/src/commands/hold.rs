//! `wnm hold` and `wnm resume`: the hold of an operator.

use std::path::Path;

use wnm_agent::valves::host::{CommandHold, CommandHoldError};
use wnm_core::{HoldSource, RawSettings, Timestamp};
use wnm_store::Store;

use crate::args::Hold;
use crate::error::{CliError, CommandError, Exit};
use crate::output::Output;
use crate::render::valves::{ValvesNow, ValvesView, hold_text, lines};
use crate::valves;

/// The hold cannot be changed or shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HoldError {
    #[error("the end of the hold (--until) is not in the future")]
    Ended,
    #[error(transparent)]
    File(CommandHoldError),
    #[error("the hold was changed, but the settings are not valid")]
    Settings,
}

impl HoldError {
    /// Returns how the operator can fix the cause.
    pub(crate) const fn hint(&self) -> &'static str {
        match self {
            Self::Ended => "give a later time, such as --until 2h",
            Self::File(_) => "run the command as the user that owns the database",
            Self::Settings => "`wnm doctor` names the settings that are not valid",
        }
    }
}

/// Whether a hold cancels removals in their delay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Drain {
    Yes,
    No,
}

fn failed(error: CommandHoldError) -> CommandError {
    CommandError::Hold(HoldError::File(error))
}

/// Holds voluntary actions. The database may be busy or damaged, but it must exist, so that no hold is stored for a
/// mistyped path.
///
/// # Errors
/// There is no database, the end is past, or the hold cannot be stored.
pub(crate) fn hold(db: &Path, args: &Hold, output: &Output) -> Result<Exit, CliError> {
    let now = valves::now();
    let until = args.until.map(|until| until.at(now));
    let hold = set(db, &args.reason, until, if args.drain { Drain::Yes } else { Drain::No })?;
    show(db, output, |valves| format!("hold: {}; `wnm resume` ends it\n", hold_text(&hold, valves.now)))
}

/// Stores the hold by command.
///
/// # Errors
/// There is no database, the end is past, or the hold cannot be stored.
pub(super) fn set(db: &Path, reason: &str, until: Option<Timestamp>, drain: Drain) -> Result<wnm_core::Hold, CliError> {
    require_database(db)?;
    let now = valves::now();
    if until.is_some_and(|until| until <= now) {
        return Err(CommandError::Hold(HoldError::Ended).into());
    }
    let reason: String = reason.split_whitespace().collect::<Vec<_>>().join(" ");
    let hold =
        wnm_core::Hold { source: HoldSource::Command, reason, since: Some(now), until, drain: drain == Drain::Yes };
    CommandHold::of(db).set(&hold).map_err(failed)?;
    Ok(hold)
}

/// Ends the hold by command. Returns whether one was in effect.
///
/// # Errors
/// There is no database, or the hold cannot be removed.
pub(super) fn end(db: &Path) -> Result<bool, CliError> {
    require_database(db)?;
    Ok(CommandHold::of(db).end().map_err(failed)?)
}

/// Ends the hold of `wnm hold`. The others are listed.
///
/// # Errors
/// There is no database, or the hold cannot be removed.
pub(crate) fn resume(db: &Path, output: &Output) -> Result<Exit, CliError> {
    let ended = end(db)?;
    show(db, output, |valves| {
        let first = if ended { "the hold by command ended\n" } else { "no hold by command is in effect\n" };
        format!("{first}{}", lines(valves)).trim_end().to_owned()
    })
}

fn show(db: &Path, output: &Output, page: impl FnOnce(&ValvesNow) -> String) -> Result<Exit, CliError> {
    let stored = Store::open_read_only(db).and_then(|store| store.settings()).unwrap_or_else(|error| {
        tracing::warn!(%error, "the settings cannot be read, so that only the hold by command is known");
        RawSettings::default()
    });
    let valves = valves::read(db, with_address(stored));
    match valves {
        Some(valves) => output.either(&valves, |valves| ValvesView::from(valves), page)?,
        None => return Err(CommandError::Hold(HoldError::Settings).into()),
    }
    Ok(Exit::Done)
}

/// Returns the settings with a rewards address, which the valves do not need.
fn with_address(mut stored: RawSettings) -> RawSettings {
    if stored.rewards_address.is_none() {
        _ = stored.set("rewards_address", "faucet");
    }
    stored
}

fn require_database(db: &Path) -> Result<(), CliError> {
    if db.exists() { Ok(()) } else { Ok(Store::open_read_only(db).map(drop)?) }
}
