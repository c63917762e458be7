//! The process manager, and the program of new nodes.

use wnm_core::{Settings, Version};
use wnm_platform::{Platform, PlatformError};

use super::Check;

const MANAGER: &str = "process_manager";

/// Checks whether the process manager of the settings can be opened here, and tries it.
pub(super) fn manager(settings: &Settings, platform: Result<&Platform, &PlatformError>) -> Check {
    const HINT: &str = "install it, or initialise with another one, such as `wnm init --process-manager setsid+user`";
    let kind = settings.manager;
    let failed = |error: &PlatformError| {
        Check::error(MANAGER, format!("{kind}: {error}"), error.hint().unwrap_or_else(|| HINT.to_owned()))
    };
    let tried = match platform {
        Err(error) => return failed(error),
        Ok(platform) => platform.check_manager().err(),
    };
    match (&tried, doubt(settings)) {
        (Some(error), _) => failed(error),
        (None, Some(doubt)) => doubt,
        (None, None) => Check::ok(MANAGER, kind.to_string()),
    }
}

/// Reports a condition of the process manager that endangers nodes.
pub(super) fn doubt(settings: &Settings) -> Option<Check> {
    let kind = settings.manager;
    let doubt = wnm_platform::manager::warning(kind)?;
    Some(Check::warning(MANAGER, format!("{kind}: {}", doubt.found), doubt.hint))
}

/// Reports the version of the node binary: one call shows that it exists, is executable, is built for this machine and
/// is the program of the flavor. The version is None where the process manager chooses the program.
pub(super) fn program(settings: &Settings, version: Option<&Result<Version, PlatformError>>) -> Check {
    const CHECK: &str = "node_program";
    let Some(version) = version else {
        return Check::ok(CHECK, format!("{} selects the program", settings.manager));
    };
    match version {
        Ok(version) => Check::ok(CHECK, format!("{} {version}", settings.binary.display())),
        Err(error) => {
            let other = || format!("put {} for this machine there, or set antnode_path", settings.flavor.program());
            let of_owner = error.hint().filter(|_| matches!(error, PlatformError::BinaryUntrusted { .. }));
            Check::error(CHECK, error.to_string(), of_owner.unwrap_or_else(other))
        }
    }
}
