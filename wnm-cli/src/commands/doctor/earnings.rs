//! The server of the earnings.

use std::path::Path;

use wnm_agent::earnings::{Source, stored};
use wnm_core::Settings;

use super::Check;
use crate::render::shell_text;

const NAME: &str = "earnings";

/// Checks the file that names the server, and the latest reading; nothing without the setting.
pub(super) fn check(db: &Path, settings: &Settings) -> Option<Check> {
    let path = settings.earnings.as_ref()?;
    let source = match Source::read(path) {
        Ok(source) => source,
        Err(error) => {
            let hint = error.command().map_or_else(
                || "`wnm config describe earnings` describes the file".to_owned(),
                |command| format!("run `{}`", shell_text(&command)),
            );
            return Some(Check::warning(NAME, format!("the earnings are not read: {error}"), hint));
        }
    };
    let origin = source.url.origin();
    let record = stored(db).unwrap_or_default();
    Some(match (record.problem, record.read) {
        (Some(problem), _) => Check::warning(
            NAME,
            format!("the earnings cannot be read from {origin}: {problem}"),
            format!("correct the url in {}; an answer to `curl {origin}` shows that the server runs", path.display()),
        ),
        (None, Some(_)) => Check::ok(NAME, format!("the earnings are read from {origin}")),
        (None, None) => Check::ok(NAME, format!("a daemon reads the earnings from {origin}, and has not done so yet")),
    })
}
