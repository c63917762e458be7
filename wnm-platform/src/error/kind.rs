//! The kind of cause of an error, by which the engine tells what would fail again.

use std::io::{self, ErrorKind};

use wnm_core::FailureCause;

use super::{EngineProblem, PlatformError, Refusal};
use crate::node_dir;

impl PlatformError {
    /// Returns the kind of cause.
    #[must_use]
    pub fn kind_of_cause(&self) -> FailureCause {
        match self {
            Self::FolderInUse { .. }
            | Self::PortInUse { .. }
            | Self::OtherService { .. }
            | Self::StillRuns { .. }
            | Self::Taken { .. }
            | Self::Refused { reason: Refusal::Unmarked | Refusal::OtherNode { .. }, .. } => FailureCause::Number,
            Self::NoHeadroom { .. } | Self::NoInodes { .. } => FailureCause::Space,
            Self::NoExec { .. } | Self::NoExecution { .. } | Self::Volume { .. } | Self::StorageUnusable { .. } => {
                FailureCause::Volume
            }
            Self::BinaryMissing { .. }
            | Self::BinaryNotExecutable { .. }
            | Self::BinaryUnrecognized { .. }
            | Self::BinaryUntrusted { .. }
            | Self::BinaryOtherMachine { .. }
            | Self::BinaryHangs { .. } => FailureCause::Program,
            Self::ArgumentsRefused { .. } => FailureCause::Arguments,
            Self::SudoAsks { .. }
            | Self::SudoRefuses { .. }
            | Self::NeedsRoot { .. }
            | Self::Engine { problem: EngineProblem::NotPermitted, .. }
            | Self::Refused { reason: Refusal::SharedFolder(_) | Refusal::ClosedTo { .. }, .. }
            | Self::StorageRefused { reason: Refusal::SharedFolder(_), .. } => FailureCause::Rights,
            Self::ExitedAtStart { .. } => FailureCause::Exit,
            Self::NotStarted { .. }
            | Self::Hung { .. }
            | Self::Flooded { .. }
            | Self::ProgramFailed { .. }
            | Self::NotAsked { .. }
            | Self::NoUserSession { .. }
            | Self::NoDomain { .. }
            | Self::ImageAbsent { .. }
            | Self::Engine { .. }
            | Self::ImageMissing { .. }
            | Self::NoFirewall { .. } => FailureCause::Tool,
            // Only an existing folder has a marker that is closed to this user.
            Self::File { source, path, .. }
                if source.kind() == ErrorKind::PermissionDenied && path.ends_with(node_dir::MARKER) =>
            {
                FailureCause::Number
            }
            Self::File { source, .. } => of_system(source),
            Self::StorageRefused { .. }
            | Self::CopyBusy
            | Self::CopyDiffers { .. }
            | Self::Clock { .. }
            | Self::Unparsable { .. }
            | Self::Refused { .. }
            | Self::NotText { .. }
            | Self::UnfitText { .. }
            | Self::ProgramChanged { .. }
            | Self::StartFailed { .. }
            | Self::UnknownNode { .. }
            | Self::NothingStaged { .. }
            | Self::SignalFailed { .. }
            | Self::PriorityFailed { .. }
            | Self::NoSystemd { .. }
            | Self::Registry { .. }
            | Self::Antctl { .. }
            | Self::NoCpuLimit(_) => FailureCause::Other,
        }
    }
}

fn of_system(error: &io::Error) -> FailureCause {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => FailureCause::Space,
        ErrorKind::PermissionDenied => FailureCause::Rights,
        ErrorKind::ReadOnlyFilesystem | ErrorKind::StaleNetworkFileHandle => FailureCause::Volume,
        _ => FailureCause::Other,
    }
}
