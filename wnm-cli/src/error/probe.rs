//! Errors of the commands on probes.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;

use wnm_agent::probe::{ProgramError, SourceError};

/// The reason why a command on probes cannot run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProbeError {
    #[error("no task of probes is set")]
    NoTasks,
    #[error("no task {name:?}")]
    NoSuchTask { name: String, nearest: Option<String> },
    #[error(transparent)]
    Source(#[from] Arc<SourceError>),
    /// A file that a check read.
    #[error(transparent)]
    Checked(SourceError),
    #[error("no probe can run: {0}")]
    Program(#[from] ProgramError),
    #[error("cannot use the folder {}: {source}", path.display())]
    Folder { path: PathBuf, source: std::io::Error },
}

impl ProbeError {
    /// Returns how the operator can fix the cause; None when there is no specific advice.
    pub(super) fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoTasks => {
                "write a task file, check it with `wnm probe check FILE`, and set it with `wnm config set probe_tasks FILE`"
            }
            Self::NoSuchTask { nearest: Some(nearest), .. } => {
                return Some(format!("did you mean {nearest:?}? `wnm probe tasks` lists all"));
            }
            Self::NoSuchTask { nearest: None, .. } => "list the tasks with `wnm probe tasks`",
            Self::Source(error) => match **error {
                SourceError::File { .. } | SourceError::Fetch { .. } => {
                    "set other sources with `wnm config set probe_tasks FILE`"
                }
                SourceError::Content { .. } => "check the file with `wnm probe check FILE`",
            },
            Self::Checked(SourceError::Content { .. }) => "compare it with the examples of docs/probes.md",
            Self::Checked(SourceError::File { source, .. }) if source.kind() == ErrorKind::NotFound => {
                "name an existing file"
            }
            Self::Checked(_) => "name a file that the user of wnm can read",
            Self::Program(_) => "name the client program with `wnm config set probe_client PATH`",
            Self::Folder { .. } => return None,
        };
        Some(hint.to_owned())
    }
}
