//! The lines for InfluxDB.

use std::path::Path;
use std::time::Duration;

use wnm_agent::influx::{Target, oldest_spooled};
use wnm_core::Settings;

use super::Check;
use crate::render::{duration, shell_text};

const NAME: &str = "influx";

/// The age of a line in the spool from which the server counts as away.
const AWAY: Duration = Duration::from_secs(5 * 60);

/// Checks the file that names the server, and the spool; nothing without the setting.
pub(super) fn check(db: &Path, settings: &Settings) -> Option<Check> {
    let path = settings.influx.as_ref()?;
    let target = match Target::read(path) {
        Ok(target) => target,
        Err(error) => {
            let hint = error.command().map_or_else(
                || "`wnm config describe influx` describes the file".to_owned(),
                |command| format!("run `{}`", shell_text(&command)),
            );
            return Some(Check::warning(NAME, format!("no lines are written: {error}"), hint));
        }
    };
    let place = target.place();
    Some(match oldest_spooled(db).filter(|age| *age >= AWAY) {
        Some(age) => Check::warning(
            NAME,
            format!("{place} has accepted no lines for {}; they wait in the spool", duration(age)),
            "the log of the daemon names the cause: `wnm service show`",
        ),
        None => Check::ok(NAME, format!("lines are written to {place}")),
    })
}
