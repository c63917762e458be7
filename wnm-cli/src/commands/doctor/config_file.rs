//! The config file: a change that is not applied.

use std::path::Path;

use super::Check;
use crate::config::reload::{self, Refusal};

/// Returns a warning for a changed config file that is not applied. The file of a new colony is checked with the settings.
pub(super) fn check(db: &Path) -> Option<Check> {
    let Refusal { error, hint } = reload::shown(db).ok()?.refusal()?.clone();
    let message = format!("the settings before the change of the config file stay: {error}");
    Some(Check::warning("config_file", message, hint.unwrap_or_else(|| "correct the file".to_owned())))
}
