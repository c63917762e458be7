//! The steps, and the lists of steps that actions and their undo consist of.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::action::decision::{Action, Afterwards};
use crate::policy::constants::{CONFIRM_PATIENCE, EXIT_PATIENCE, STEP_PATIENCE};

/// One step of an action. Every step may be repeated; a step whose effect already exists counts as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Creates the folders of the node, with its marker.
    Folder,
    /// Copies the program into the node's folder.
    Binary,
    /// Defines the node's service in the process manager.
    Define,
    /// Opens the node's port in the firewall.
    OpenPort,
    /// Starts the process, after a check that no other process uses the folder or the ports.
    Start,
    /// Confirms that the process runs; the evidence is its identity.
    Confirm,
    /// Sends the process the signal to end.
    Stop,
    /// Waits until the process has ended; kills it after its grace period.
    SeeGone,
    /// Closes the node's port in the firewall.
    ClosePort,
    /// Records the removal: from this step on a removal is completed, never undone.
    Tombstone,
    /// Keeps the stopped node for `delay_remove` before its folder moves to the trash.
    Linger,
    /// Removes the node's service from the process manager.
    Undefine,
    /// Moves the node's folders to the trash.
    Trash,
    /// Copies the new program beside the old one.
    Stage,
    /// Puts the new program in place and keeps the old one beside it.
    Swap,
    /// Puts the old program back in place and deletes the staged one.
    SwapBack,
    /// Deletes the old program.
    DropOld,
    /// Copies the folder of the node to another storage folder, while the node runs.
    Copy,
    /// Copies the files that changed since the first copy. The node does not run.
    CopyRest,
    /// Compares the copy with the folder: names, sizes, and the content of all files whose name is no hash.
    Verify,
    /// Puts the new description of the node in place of the old one: from this step on, steps act on the new folder.
    Switch,
    /// Puts the old description of the node back in place.
    SwitchBack,
    /// Deletes the copy.
    DropCopy,
    /// Moves the folder at the old place to the trash.
    DropSource,
}

impl Step {
    /// Returns the time that the step may stay incomplete before its action fails; None without a time limit.
    #[must_use]
    pub const fn patience(self) -> Option<Duration> {
        match self {
            Self::Confirm => Some(CONFIRM_PATIENCE),
            Self::SeeGone => Some(EXIT_PATIENCE),
            // A copy takes as long as the drives need for it.
            Self::Linger | Self::Copy | Self::CopyRest | Self::Verify | Self::DropCopy => None,
            // These steps complete or fail at once. A pending one waits for another program, such as a package manager's lock.
            Self::Folder
            | Self::Binary
            | Self::Define
            | Self::OpenPort
            | Self::Start
            | Self::Stop
            | Self::ClosePort
            | Self::Tombstone
            | Self::Undefine
            | Self::Trash
            | Self::Stage
            | Self::Swap
            | Self::SwapBack
            | Self::DropOld
            | Self::Switch
            | Self::SwitchBack
            | Self::DropSource => Some(STEP_PATIENCE),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Folder => "make folder",
            Self::Binary => "copy program",
            Self::Define => "define service",
            Self::OpenPort => "open port",
            Self::Start => "start",
            Self::Confirm => "confirm start",
            Self::Stop => "stop",
            Self::SeeGone => "wait for exit",
            Self::ClosePort => "close port",
            Self::Tombstone => "record removal",
            Self::Linger => "wait before removal",
            Self::Undefine => "undefine service",
            Self::Trash => "move to trash",
            Self::Stage => "stage program",
            Self::Swap => "swap program",
            Self::SwapBack => "swap program back",
            Self::DropOld => "drop old program",
            Self::Copy => "copy folder",
            Self::CopyRest => "copy the rest",
            Self::Verify => "verify copy",
            Self::Switch => "switch description",
            Self::SwitchBack => "switch description back",
            Self::DropCopy => "drop copy",
            Self::DropSource => "move old folder to trash",
        })
    }
}

impl Action {
    /// Returns the steps of the action, in order.
    #[must_use]
    pub const fn steps(&self) -> &'static [Step] {
        use Step::*;
        match self {
            // The program is the most of a new node. It is copied after all steps that a right or a tool can refuse.
            Self::Add { .. } => &[Folder, Define, OpenPort, Binary, Start, Confirm],
            Self::Start { upgrade_to: None, .. } => &[Define, OpenPort, Start, Confirm],
            Self::Start { upgrade_to: Some(_), .. } => {
                &[Stage, Stop, SeeGone, Swap, Define, OpenPort, Start, Confirm, DropOld]
            }
            Self::Stop { .. } | Self::Disable { .. } => &[Stop, SeeGone, ClosePort],
            Self::Enable { .. } | Self::Restore { .. } => &[],
            Self::Restart { .. } => &[Stop, SeeGone, Define, OpenPort, Start, Confirm],
            Self::Upgrade { .. } => &[Stage, Stop, SeeGone, Swap, Define, Start, Confirm, DropOld],
            Self::Remove { linger, .. } if linger.is_zero() => {
                &[Tombstone, Stop, SeeGone, Linger, Undefine, Trash, ClosePort]
            }
            // In its delay the node is like a stopped one, so that the removal may still be cancelled.
            Self::Remove { .. } => &[Stop, SeeGone, ClosePort, Linger, Tombstone, Undefine, Trash],
            Self::Update { then: Afterwards::Running, .. } => {
                &[Stop, SeeGone, ClosePort, Switch, Define, OpenPort, Start, Confirm]
            }
            Self::Update { then: Afterwards::Stopped, .. } => &[Switch, Define],
            Self::Move { then: Afterwards::Running, .. } => {
                &[Copy, Stop, SeeGone, CopyRest, Verify, Switch, Define, Start, Confirm, DropSource]
            }
            Self::Move { then: Afterwards::Stopped, .. } => &[CopyRest, Verify, Switch, Define, DropSource],
        }
    }

    /// Returns the steps that undo the action after the step `failed`.
    #[must_use]
    pub fn steps_back(&self, failed: Step) -> &'static [Step] {
        use Step::*;
        match self {
            Self::Add { .. } => &[Stop, SeeGone, Undefine, Trash, ClosePort],
            Self::Start { upgrade_to: None, .. } | Self::Restart { .. } => match failed {
                // The process ignored the signal to end: the node still runs, so nothing is to be undone.
                Stop | SeeGone => &[],
                _ => &[Stop, SeeGone, ClosePort],
            },
            Self::Start { upgrade_to: Some(_), .. } | Self::Upgrade { .. } => match failed {
                Stage => &[SwapBack],
                DropOld => &[],
                _ => &[Stop, SeeGone, SwapBack, Start, Confirm],
            },
            Self::Stop { .. }
            | Self::Disable { .. }
            | Self::Enable { .. }
            | Self::Restore { .. }
            | Self::Remove { .. } => &[],
            Self::Update { then: Afterwards::Running, .. } => match failed {
                Stop | SeeGone => &[],
                _ => &[Stop, SeeGone, ClosePort, SwitchBack, Define, OpenPort, Start, Confirm],
            },
            Self::Update { then: Afterwards::Stopped, .. } => &[SwitchBack, Define],
            Self::Move { then: Afterwards::Running, .. } => match failed {
                Copy | Stop | SeeGone => &[DropCopy],
                // The node comes up again before time is spent on the copy.
                CopyRest | Verify => &[Start, Confirm, DropCopy],
                // The node runs at its new place.
                DropSource => &[],
                _ => &[Stop, SeeGone, SwitchBack, Define, Start, Confirm, DropCopy],
            },
            Self::Move { then: Afterwards::Stopped, .. } => match failed {
                CopyRest | Verify => &[DropCopy],
                DropSource => &[],
                _ => &[SwitchBack, Define, DropCopy],
            },
        }
    }
}
