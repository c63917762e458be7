//! The HTTP server of a daemon.

use wnm_agent::control::FailureInfo;
use wnm_agent::serve::check_files;
use wnm_core::Settings;

use super::Check;

const NAME: &str = "listen";

const RENEW: &str = "renew the file of listen_cert; a daemon takes the new one by itself";

/// Checks the files of the token and of TLS; nothing without them.
pub(super) fn check(settings: &Settings) -> Option<Check> {
    let address = settings.listen.at.address()?;
    let protection = match (&settings.listen.token_file, &settings.listen.tls) {
        (Some(_), Some(_)) => "a token and TLS",
        (Some(_), None) => "a token",
        (None, Some(_)) => "TLS",
        (None, None) => return None,
    };
    Some(match check_files(&settings.listen) {
        Ok(validity) => match validity.and_then(|validity| validity.problem(crate::valves::now())) {
            None => Check::ok(NAME, format!("a daemon serves {address} with {protection}")),
            Some(problem) => Check::warning(NAME, format!("{address}: {problem}"), RENEW),
        },
        Err(FailureInfo { error, hint }) => {
            Check::warning(NAME, format!("a daemon does not serve {address}: {error}"), hint.unwrap_or_default())
        }
    })
}
