//! The receivers of alerts.

use std::path::Path;

use wnm_agent::alerts::{self, HEARTBEAT, Receivers};
use wnm_core::Settings;

use super::Check;
use crate::commands::alert::AlertError;

const NAME: &str = "alerts";

/// Checks the file of receivers, and their latest answers; nothing without the setting.
pub(super) fn check(db: &Path, settings: &Settings) -> Vec<Check> {
    let Some(path) = &settings.alerts else { return Vec::new() };
    let receivers = match Receivers::read(path) {
        Ok(read) => read,
        Err(error) => {
            let error = AlertError::from(error);
            return vec![Check::warning(NAME, format!("alerts are not told: {error}"), error.hint())];
        }
    };
    let stored = alerts::stored(db);
    let problem = |name: &str| stored.receivers.get(name).and_then(|state| state.problem.clone());
    let names = receivers.receivers.iter().map(|receiver| receiver.name.as_str());
    let names = names.chain(receivers.heartbeat.as_ref().map(|_| HEARTBEAT));
    let failing = names.filter_map(|name| Some((name, problem(name)?)));
    let mut checks: Vec<Check> = failing
        .map(|(name, problem)| {
            let message = format!("the receiver {name} did not take the latest alert: {problem}");
            Check::warning(NAME, message, "correct the file of receivers, then run `wnm alert test`")
        })
        .collect();
    if checks.is_empty() {
        let count = super::counted(receivers.receivers.len(), "receiver of alerts", "receivers of alerts");
        checks.push(Check::ok(NAME, count));
    }
    checks
}
