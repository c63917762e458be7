//! Errors of the command line: the failure and its cause, a hint, and the exit code.

mod change;
mod command;
mod config_file;
mod edit;
mod exit;
mod fleet;
mod probe;
mod trash;
mod usage;

use std::path::Path;

use wnm_agent::host::{HostAgentError, HostError};
use wnm_agent::{AgentError, without_numbers};
use wnm_core::{AllocationError, Problem, Problems};
use wnm_platform::PlatformError;
use wnm_platform::backup::BackupError;
use wnm_store::{LockError, Store, StoreError};

use crate::config::hint::SettingsError;
use crate::legacy::LegacyError;
use crate::render::{self, typed};
use crate::takeover::anm::AnmError;
use crate::takeover::contained::ContainedError;
use crate::takeover::registry::RegistryError;

pub(crate) use change::ChangeError;
pub(crate) use command::CommandError;
pub(crate) use config_file::{ConfigFileCause, ConfigFileError, EntryCause, EntryError};
pub(crate) use edit::EditError;
pub(crate) use exit::Exit;
pub(crate) use fleet::{FleetCommandError, engine_hint};
pub(crate) use probe::ProbeError;
pub(crate) use trash::TrashError;
pub(crate) use usage::{UsageError, at_words, takes_value};

/// The error that ended a command.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    ConfigFile(#[from] ConfigFileError),
    #[error("cannot change {key} from {current} to {requested}: the existing nodes were created with it")]
    FixedSetting { key: &'static str, current: String, requested: String },
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error(transparent)]
    Trash(#[from] TrashError),
    #[error(transparent)]
    Backup(#[from] BackupError),
    #[error(transparent)]
    Probe(#[from] ProbeError),
    #[error(transparent)]
    Fleet(Box<FleetCommandError>),
    #[error(transparent)]
    Anm(#[from] AnmError),
    /// The registry of another tool cannot be read, or the tool runs.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// Nodes inside containers cannot be imported.
    #[error(transparent)]
    Contained(#[from] ContainedError),
    #[error(transparent)]
    Usage(#[from] UsageError),
    #[error(transparent)]
    Legacy(#[from] LegacyError),
    #[error(transparent)]
    Allocation(#[from] AllocationError),
    #[error("{}", lock_text(.0))]
    Lock(#[from] LockError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Platform(#[from] PlatformError),
    #[error("cannot write standard output: {0}")]
    Output(std::io::Error),
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
    #[error("a call to the system failed: {0}")]
    System(std::io::Error),
    #[error("cannot read random numbers from the system: {0}")]
    Random(#[from] getrandom::Error),
    #[error("cannot write JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl From<HostAgentError> for CliError {
    fn from(error: HostAgentError) -> Self {
        match error {
            AgentError::Store(error) => Self::Store(error),
            AgentError::Platform(error) => error.into(),
            AgentError::Allocation(error) => Self::Allocation(error),
        }
    }
}

impl From<HostError> for CliError {
    fn from(error: HostError) -> Self {
        match error {
            HostError::Platform(error) => Self::Platform(error),
            HostError::Random(error) => Self::Random(error),
        }
    }
}

impl From<std::io::Error> for CliError {
    fn from(error: std::io::Error) -> Self {
        // A host at its limit of tasks says no more than "again".
        let is_at_limit = error.raw_os_error() == Some(rustix::io::Errno::AGAIN.raw_os_error());
        if is_at_limit { Self::Thread(error) } else { Self::System(error) }
    }
}

impl From<Problems> for CliError {
    fn from(problems: Problems) -> Self {
        Self::Settings(problems.into())
    }
}

impl From<Problem> for CliError {
    fn from(problem: Problem) -> Self {
        Problems::from(problem).into()
    }
}

impl CliError {
    /// Returns the failure and its cause for people: an error of the system in lower case and without its number, which
    /// says no more than its words.
    pub(crate) fn message(&self) -> String {
        without_numbers(&self.to_string())
    }

    /// Returns the end of the command.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Command(error) => error.exit(),
            Self::Settings(_)
            | Self::ConfigFile(_)
            | Self::FixedSetting { .. }
            | Self::Trash(_)
            | Self::Backup(_)
            | Self::Probe(_)
            | Self::Fleet(_)
            | Self::Anm(_)
            | Self::Registry(_)
            | Self::Contained(_)
            | Self::Allocation(_) => Exit::Unusable,
            Self::Usage(_) | Self::Legacy(_) => Exit::Usage,
            Self::Lock(LockError::Held { .. }) => Exit::Locked,
            Self::Store(StoreError::NotInitialised { .. }) => Exit::NotInitialised,
            Self::Lock(_) | Self::Store(_) | Self::Platform(_) => Exit::Unusable,
            Self::Output(_) => Exit::Output,
            // A service that ends with it is started again.
            Self::Thread(_) | Self::System(_) | Self::Random(_) | Self::Json(_) => Exit::Internal,
        }
    }

    /// Returns how the operator can fix the cause; None when there is no specific advice.
    pub(crate) fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Settings(error) => error.hint().to_owned(),
            Self::ConfigFile(error) => error.hint(),
            Self::FixedSetting { .. } => "remove the nodes first with `wnm teardown`".to_owned(),
            Self::Command(error) => return error.hint(),
            Self::Trash(error) => error.hint(),
            Self::Backup(error) => return error.hint(),
            Self::Probe(error) => return error.hint(),
            Self::Fleet(error) => return error.hint(),
            Self::Anm(error) => error.hint(),
            Self::Registry(error) => error.hint(),
            Self::Contained(error) => return error.hint(),
            Self::Usage(error) => error.hint().to_owned(),
            Self::Legacy(error) => error.hint(),
            Self::Lock(error) => error.hint(),
            Self::Store(StoreError::NotInitialised { path }) => init_hint(path),
            Self::Store(error) => return error.hint(),
            Self::Platform(error) => return error.hint(),
            Self::Allocation(_) => "set another port_start, or remove the node that holds the ports".to_owned(),
            Self::Output(_) => {
                "free space on the disk of standard output; actions of the command have taken effect".to_owned()
            }
            Self::Thread(_) => {
                "end other processes of this user, or raise its limit of tasks (`ulimit -u`, TasksMax of the service)"
                    .to_owned()
            }
            Self::System(_) | Self::Random(_) | Self::Json(_) => return None,
        };
        Some(hint)
    }
}

/// Returns the text of a lock error, with the time since when the holder runs in the zone of the host.
fn lock_text(error: &LockError) -> String {
    match error {
        LockError::Held { holder: Some(holder), .. } => {
            format!("another wnm (PID {}) is running since {}", holder.pid, render::time(holder.since))
        }
        LockError::Held { holder: None, .. } | LockError::OtherOwner { .. } | LockError::Unusable { .. } => {
            error.to_string()
        }
    }
}

/// Returns the command that creates a colony. Beside a database of the Python wnm, a takeover is more likely.
fn init_hint(path: &Path) -> String {
    if Store::has_copy(path) {
        return "run `wnm run`, which rebuilds the database from its copies".to_owned();
    }
    let python = path.with_file_name("colony.db");
    if python.is_file() {
        return format!("create a colony from the Python wnm with `wnm init --from-wnm {}`", typed(&python));
    }
    "create a colony with `wnm init --rewards-address 0x…`".to_owned()
}
