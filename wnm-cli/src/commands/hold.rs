//! `wnm hold` and `wnm resume`: the hold of an operator.

use std::path::Path;

use wnm_agent::valves::host::CommandHold;
use wnm_core::{HoldSource, RawSettings};
use wnm_store::Store;

use crate::args::Hold;
use crate::error::{CliError, CommandError, Exit};
use crate::output::Output;
use crate::render::valves::{ValvesNow, ValvesView, hold_text, lines};
use crate::valves;

/// Holds voluntary actions. The database may be busy or damaged, but it must exist, so that no hold is stored for a
/// mistyped path.
///
/// # Errors
/// There is no database, the end is past, or the hold cannot be stored.
pub(crate) fn hold(db: &Path, args: &Hold, output: &Output) -> Result<Exit, CliError> {
    require_database(db)?;
    let now = valves::now();
    let until = args.until.map(|until| until.at(now));
    if until.is_some_and(|until| until <= now) {
        return Err(CommandError::HoldEnded.into());
    }
    let reason: String = args.reason.split_whitespace().collect::<Vec<_>>().join(" ");
    let hold = wnm_core::Hold { source: HoldSource::Command, reason, since: Some(now), until, drain: args.drain };
    CommandHold::of(db).set(&hold).map_err(CommandError::Hold)?;
    show(db, output, |valves| format!("hold: {}; `wnm resume` ends it\n", hold_text(&hold, valves.now)))
}

/// Ends the hold of `wnm hold`. The others are listed.
///
/// # Errors
/// There is no database, or the hold cannot be removed.
pub(crate) fn resume(db: &Path, output: &Output) -> Result<Exit, CliError> {
    require_database(db)?;
    let ended = CommandHold::of(db).end().map_err(CommandError::Hold)?;
    show(db, output, |valves| {
        let first = if ended { "the hold by command ended\n" } else { "no hold by command is in effect\n" };
        format!("{first}{}", lines(valves))
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
        None => return Err(CommandError::ValvesUnknown.into()),
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
