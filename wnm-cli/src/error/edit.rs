//! Errors of `wnm config edit`.

use std::io;
use std::path::PathBuf;

use super::{CliError, CommandError};
use crate::render::typed;

/// An edit that stored nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EditError {
    #[error("cannot create a file for the editor: {0}")]
    Create(io::Error),
    #[error("cannot edit the settings: editor {editor:?} failed: {cause}")]
    Editor { editor: String, cause: String },
    #[error("cannot read the edited settings {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    /// The edited settings cannot be stored. The file stays, so that no work is lost.
    #[error("{error}")]
    Kept { path: PathBuf, error: Box<CliError> },
}

impl EditError {
    /// Returns how the operator can continue.
    pub(super) fn hint(&self) -> String {
        match self {
            Self::Create(_) => "name a writable folder with the variable TMPDIR".to_owned(),
            Self::Editor { .. } => "name an editor, as in `EDITOR=nano wnm config edit`".to_owned(),
            Self::Read { path, .. } => format!("check the file {}", path.display()),
            // The line with the consent goes on with the file, unless that is in it already.
            Self::Kept { path, error } if let CliError::Command(CommandError::Unconfirmed { line, .. }) = &**error => {
                let file = typed(path);
                let rest = if line.contains(&file) { String::new() } else { format!(" {file}") };
                format!("run `{line}{rest}`")
            }
            Self::Kept { path, error } => {
                let path = typed(path);
                let fix = error.hint().map(|hint| format!("{hint}; ")).unwrap_or_default();
                format!("{fix}continue with `wnm config edit {path}`")
            }
        }
    }
}
