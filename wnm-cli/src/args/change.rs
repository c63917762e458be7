//! Commands that change existing nodes: their settings or their storage folder.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Selected;

#[derive(Debug, Args)]
pub(crate) struct Update {
    #[command(flatten)]
    pub(crate) which: Selected,
    /// New value of a setting; repeatable [default: the present settings of new nodes]
    #[arg(long = "set", value_name = "SETTING=VALUE")]
    pub(crate) values: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Move {
    #[command(flatten)]
    pub(crate) which: Selected,
    /// Storage folder to move to, one of node_storage
    #[arg(long, value_name = "FOLDER")]
    pub(crate) to: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Storage {
    /// List storage folders with their nodes and their space
    #[command(
        after_help = "Example:\n  wnm storage list    how many nodes each folder has, and how much space is left"
    )]
    List,
    /// Add storage folders for new nodes
    #[command(after_help = "Example:\n  wnm storage add /mnt/disk2")]
    Add {
        /// Folders, absolute or relative to the current one
        #[arg(value_name = "FOLDER", required = true)]
        folders: Vec<PathBuf>,
    },
    /// Move all nodes off a storage folder, and add no more to it
    #[command(
        after_help = "The folder stays in node_storage, so that nodes which cannot move remain managed. `wnm storage add` \
                      uses it again.\n\nExample:\n  wnm storage drain /mnt/disk1 --dry-run"
    )]
    Drain {
        /// Storage folder, one of node_storage
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,
        /// Show which nodes would move, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
}
