//! Reasons why a colony cannot have a CPU limit.

use std::fmt;
use std::path::PathBuf;

/// The reason why the CPU limit of a colony cannot be set or read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoCpuLimit {
    /// launchd has no limit on several services together.
    Launchd,
    /// antctl writes its own services, outside any group of wnm.
    Antctl,
    /// The host has no control groups with a CPU controller.
    NoController,
    /// Control groups are mounted read-only, as in most containers.
    ReadOnly,
    /// Only root may limit containers.
    ContainersNeedRoot,
    /// wnm may not write any control group around it.
    NotWritable,
    /// The control group has no CPU controller for its children.
    NotDelegated(PathBuf),
    /// No node is in the group yet.
    EmptyGroup,
    /// The user has no systemd instance.
    NoUserSystemd(u32),
    /// Version 1 of control groups does not let users limit CPU.
    UserNeedsVersion2,
    /// systemd has no CPU controller for the user at this control group.
    UserNotDelegated(PathBuf),
    /// Another program set a limit on the slice.
    LimitedByOther(String),
}

impl NoCpuLimit {
    /// Returns how the operator can make the CPU limit available; None when there is no way.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::ContainersNeedRoot => "run wnm as root",
            Self::NotWritable => "run wnm as root, or use the process manager systemd",
            Self::EmptyGroup => "nodes enter the group at their next start",
            Self::UserNotDelegated(_) => {
                "run `printf '[Service]\\nDelegate=cpu memory pids\\n' | sudo systemctl edit --stdin user@.service`, \
                 and log in again"
            }
            Self::Launchd
            | Self::Antctl
            | Self::NoController
            | Self::ReadOnly
            | Self::NotDelegated(_)
            | Self::NoUserSystemd(_)
            | Self::UserNeedsVersion2
            | Self::LimitedByOther(_) => return None,
        };
        Some(hint.to_owned())
    }
}

impl fmt::Display for NoCpuLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Launchd => f.write_str("launchd has no limit on several services together"),
            Self::Antctl => f.write_str("antctl starts its services outside the control group of wnm"),
            Self::NoController => f.write_str("this host has no control groups for CPU time"),
            Self::ReadOnly => f.write_str("control groups are mounted read-only"),
            Self::ContainersNeedRoot => f.write_str("only root may limit containers"),
            Self::NotWritable => f.write_str("no control group around wnm is writable"),
            Self::NotDelegated(path) => write!(f, "control group {} has no CPU controller", path.display()),
            Self::EmptyGroup => f.write_str("no node is in the control group"),
            Self::NoUserSystemd(user) => write!(f, "no systemd instance of user {user} is running"),
            Self::UserNeedsVersion2 => f.write_str("version 1 of control groups does not let users limit CPU"),
            Self::UserNotDelegated(path) => write!(f, "systemd delegates no CPU controller at {}", path.display()),
            Self::LimitedByOther(slice) => write!(f, "another program limits the CPU of {slice}"),
        }
    }
}
