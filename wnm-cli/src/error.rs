//! What can go wrong, with the hint beside it, and the exit code it ends in.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use wnm_agent::AgentError;
use wnm_agent::host::{HostAgentError, HostError};
use wnm_core::{AllocationError, Problems};
use wnm_platform::PlatformError;
use wnm_store::{LockError, StoreError};

use crate::legacy::LegacyError;
use crate::takeover::anm::AnmError;

/// How the command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything was done.
    Done,
    /// The configuration or what was asked cannot work.
    Unusable,
    /// Some action failed, or something is wrong.
    ActionFailed,
    /// Another wnm holds the lock.
    Locked,
    /// There is no colony yet.
    NotInitialised,
    /// A fault of wnm itself, or of what it stands on.
    Internal,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Unusable => 1,
            // 2 is clap's, for a command line that is not understood.
            Exit::ActionFailed => 3,
            Exit::Locked => 4,
            Exit::NotInitialised => 5,
            Exit::Internal => 70,
        })
    }
}

/// Why a command could not be carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    #[error("{0}")]
    Settings(#[from] Problems),
    #[error(transparent)]
    Setting(#[from] wnm_core::Problem),
    #[error("in the environment: {0}")]
    Environment(Problems),
    #[error("expected settings in {}: {}", path.display(), faults.join("\n  "))]
    File { path: PathBuf, faults: Vec<String> },
    #[error("{key} is fixed: it is {is}, and {asked} was asked")]
    FixedSetting { key: String, is: String, asked: String },
    #[error("expected no colony yet, found one in {}", path.display())]
    AlreadyInitialised { path: PathBuf },
    #[error("teardown removes every node with its identity, and needs --confirm")]
    Unconfirmed,
    #[error("expected a cycle that was kept, found none{}", .0.map(|id| format!(" of number {id}")).unwrap_or_default())]
    NoSuchCycle(Option<i64>),
    #[error("{what}")]
    Usage { what: String, hint: String },
    #[error("expected InfluxDB at {url} to take the lines, found {found}")]
    NotPushed { url: String, found: String },
    #[error(transparent)]
    Legacy(#[from] LegacyError),
    #[error(transparent)]
    Anm(#[from] AnmError),
    #[error(transparent)]
    Allocation(#[from] AllocationError),
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Platform(#[from] PlatformError),
    #[error("expected to write the output: {0}")]
    Output(#[from] std::io::Error),
    #[error("expected random numbers from the system: {0}")]
    Random(#[from] getrandom::Error),
    #[error("expected to write JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl From<HostAgentError> for CliError {
    fn from(error: HostAgentError) -> Self {
        match error {
            AgentError::Store(error) => Self::Store(error),
            AgentError::Platform(HostError::Platform(error)) => Self::Platform(error),
            AgentError::Platform(HostError::Random(error)) => Self::Random(error),
            AgentError::Allocation(error) => Self::Allocation(error),
        }
    }
}

impl CliError {
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Settings(_)
            | Self::Setting(_)
            | Self::Environment(_)
            | Self::File { .. }
            | Self::FixedSetting { .. }
            | Self::AlreadyInitialised { .. }
            | Self::Unconfirmed
            | Self::NoSuchCycle(_)
            | Self::Usage { .. }
            | Self::Legacy(_)
            | Self::Anm(_)
            | Self::Allocation(_) => Exit::Unusable,
            Self::NotPushed { .. } => Exit::ActionFailed,
            Self::Lock(LockError::Held { .. }) => Exit::Locked,
            Self::Store(StoreError::NotInitialised { .. }) => Exit::NotInitialised,
            Self::Lock(_) | Self::Store(_) | Self::Platform(_) => Exit::Unusable,
            Self::Output(_) | Self::Random(_) | Self::Json(_) => Exit::Internal,
        }
    }

    /// Returns what the operator can do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Settings(problems) => {
                let needs_wallet = problems.all().iter().any(|p| p.key == "rewards_address" && p.is_missing());
                let first = problems.all().first().map_or("node_cap", |problem| problem.key.as_str());
                Some(if needs_wallet {
                    "give --rewards-address 0x…, the account that your nodes' earnings go to".to_owned()
                } else {
                    format!("set --{} VALUE, or WNM_{}=VALUE", first.replace('_', "-"), first.to_uppercase())
                })
            }
            Self::Setting(_) => Some("`wnm config list` shows all settings".to_owned()),
            Self::Environment(_) => Some("set the variable otherwise, or take it out of the environment".to_owned()),
            Self::File { .. } => Some("correct it there, or name another file with --config FILE".to_owned()),
            Self::FixedSetting { .. } => Some(
                "nodes were made by it: once `wnm teardown --confirm` has removed them, it can be changed".to_owned(),
            ),
            Self::AlreadyInitialised { .. } => Some(
                "change settings with `wnm run --SETTING VALUE`; `wnm teardown --confirm` removes the nodes".to_owned(),
            ),
            Self::Unconfirmed => Some("wnm teardown --confirm".to_owned()),
            Self::NoSuchCycle(_) => Some("`wnm history` lists the cycles that are kept".to_owned()),
            Self::Usage { hint, .. } => Some(hint.clone()),
            Self::Legacy(error) => Some(error.hint()),
            Self::Anm(error) => Some(error.hint()),
            Self::NotPushed { .. } => {
                Some("compare the address with INFLUX_ORG, INFLUX_BUCKET and INFLUX_TOKEN, then try again".to_owned())
            }
            Self::Lock(LockError::Held { .. }) => {
                Some("wait for it to end; nothing needs to be removed, the lock goes with its process".to_owned())
            }
            Self::Store(StoreError::NotInitialised { path }) => Some(begin(path)),
            Self::Platform(error) => error.hint(),
            Self::Allocation(_) | Self::Lock(_) | Self::Store(_) => None,
            Self::Output(_) | Self::Random(_) | Self::Json(_) => None,
        }
    }
}

/// Returns how a colony begins: with what the Python wnm left, where its database lies beside ours.
fn begin(path: &Path) -> String {
    let left = path.with_file_name("colony.db");
    if left.is_file() {
        return format!("wnm init --from-wnm {}", left.display());
    }
    "wnm init --rewards-address 0x…".to_owned()
}
