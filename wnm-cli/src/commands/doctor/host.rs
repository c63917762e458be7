//! What nodes are made by: the process manager, the node program, the folders.

use wnm_core::Settings;
use wnm_platform::{PlatformError, binary, places};

use super::{Check, some};

pub(super) fn manager(settings: &Settings, error: Option<&PlatformError>) -> Check {
    let kind = settings.manager;
    match (error, wnm_platform::manager::doubt(kind)) {
        (Some(error), _) => Check::wrong("manager", error.to_string(), "wnm init --process-manager setsid+user"),
        (None, Some(doubt)) => Check::doubtful("manager", format!("{kind}: {}", doubt.found), doubt.hint),
        (None, None) => Check::fine("manager", kind.to_string()),
    }
}

/// Asks the program of new nodes for its version: it tells that it is there, may be run, is for this kind of machine,
/// and is the program that is wanted.
pub(super) fn binary(settings: &Settings) -> Check {
    if settings.manager.chooses_program() {
        return Check::fine("node binary", format!("as {} chooses", settings.manager));
    }
    match binary::version_of(settings) {
        Ok(version) => Check::fine("node binary", format!("{} {version}", settings.binary.display())),
        Err(error) => {
            let hint = format!("put {} for this kind of machine there, or set antnode_path", settings.flavor.program());
            Check::wrong("node binary", error.to_string(), hint)
        }
    }
}

pub(super) fn folders(settings: &Settings) -> Check {
    match places::unwritable(&settings.storage) {
        None => Check::fine("folders", some(settings.storage.iter().map(|folder| folder.display().to_string()))),
        Some(folder) => Check::wrong(
            "folders",
            format!("nothing can be written in {}", folder.display()),
            "make it writable, or set node_storage",
        ),
    }
}
