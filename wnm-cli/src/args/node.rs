//! The command line of `wnm node`.

use clap::{Args, Subcommand};

use super::{Backup, Logs, Move, NodeList, NodeRange, Removed, RestoreAny, Selected, Update, numbers};

#[derive(Debug, Subcommand)]
pub(crate) enum Node {
    /// List nodes
    #[command(
        after_help = "A terminal that is too narrow shows fewer columns; --columns shows the named ones. -q prints only the names.\n\nExamples:\n  wnm node list --state STOPPED,UNKNOWN\n  wnm node list --sort memory\n  wnm node list --columns name,state,reason,disk\n  wnm node list -q --state STOPPED | xargs -r wnm node start"
    )]
    List(NodeList),
    /// Show all data of nodes, and their last events
    #[command(
        after_help = "Secrets in the environment and in the arguments are shown as ***.\n\nExamples:\n  wnm node show antnode0003\n  wnm node show 3 --json"
    )]
    Show(Nodes),
    /// Print the log of a node
    #[command(
        after_help = "A line names the file, or the command that prints the log of the process manager.\n\nExamples:\n  wnm node logs 3\n  wnm node logs antnode0003 -f\n  wnm node logs 3 --source manager -n 20\n\nCtrl-C ends --follow with exit code 0."
    )]
    Logs(Logs),
    /// Add nodes
    #[command(after_help = "Examples:\n  wnm node add --dry-run\n  wnm node add --count 3 --interval 10s")]
    Add(Count),
    /// Remove nodes with their identities
    #[command(
        after_help = "The folders stay in the trash for a day; `wnm trash restore` brings a node back.\n\nExamples:\n  wnm node remove antnode0003\n  wnm node remove 5-9 --dry-run\n  wnm node remove --state STOPPED --yes"
    )]
    Remove(Removed),
    /// Start nodes, the oldest first, and upgrade outdated ones
    #[command(after_help = "Examples:\n  wnm node start antnode0003\n  wnm node start --all")]
    Start(Selected),
    /// Stop nodes, the youngest first, until they are started by name
    #[command(
        after_help = "Examples:\n  wnm node stop antnode0003\n  wnm node stop 1,3,5-9\n  wnm node stop --count 2"
    )]
    Stop(Selected),
    /// Restart nodes
    #[command(after_help = "Examples:\n  wnm node restart antnode0003\n  wnm node restart --all --interval 10s")]
    Restart(Selected),
    /// Upgrade nodes to the installed node program, the oldest first
    #[command(after_help = "Examples:\n  wnm node upgrade antnode0003\n  wnm node upgrade --count 1")]
    Upgrade(Selected),
    /// Give nodes a new identity, and keep their numbers and ports
    #[command(after_help = "The old folders stay in the trash for a day.\n\nExample:\n  wnm node reset antnode0003")]
    Reset(Removed),
    /// Give existing nodes other settings, and restart the running ones
    #[command(
        after_help = "Settings: rewards_address, network, start_args, environment, no_upnp, webrtc, log_dir, port, metrics_port, rpc_port.\nNodes restart in groups of max_concurrent_operations. A node that does not start with the new settings gets the old ones back.\n\nExamples:\n  wnm node update --all --dry-run\n  wnm node update 3 --set start_args='--verbose' --set port=56003\n  wnm node update --state RUNNING --set environment=RUST_LOG=info"
    )]
    Update(Update),
    /// Move nodes to another storage folder
    #[command(
        after_help = "A running node stops only for the last part of the copy, and runs on at its old place if the move fails.\nAfter Ctrl-C the daemon, or `wnm run`, continues the move. The setting move_rate limits its speed.\n\nExample:\n  wnm node move antnode0003 --to /mnt/disk2"
    )]
    Move(Move),
    /// Allow disabled nodes to start again
    #[command(after_help = "Examples:\n  wnm node enable antnode0003\n  wnm node enable --all")]
    Enable(Selected),
    /// Stop nodes, and keep them stopped until enabled or started by name
    #[command(after_help = "Examples:\n  wnm node disable antnode0003\n  wnm node disable 1,3,5-9")]
    Disable(Selected),
    /// Write the identities and the descriptions of nodes to a file
    #[command(
        after_help = "The file contains private keys and environments, and has the mode 0600. It contains no records. The nodes may run.\n\nExamples:\n  wnm node backup --all --to /mnt/usb\n  wnm node backup 3 --to antnode0003.backup"
    )]
    Backup(Backup),
    /// Restore removed nodes from the trash, or nodes from a backup, stopped
    #[command(
        after_help = "A node of a backup must not run anywhere else: peers exclude an identity that runs twice.\n\nExamples:\n  wnm node restore antnode0003\n  wnm node restore --from antnode0003.backup\n  wnm node restore 3 --from nodes.backup --as 7"
    )]
    Restore(RestoreAny),
    /// Probe every node and store the results
    #[command(after_help = "Example:\n  wnm node survey --interval 500ms")]
    Survey(Survey),
}

#[derive(Debug, Args)]
pub(crate) struct Survey {
    /// Pause between the probes of two nodes, such as 500ms or 10s [default: survey_delay]
    #[arg(long, value_name = "TIME", value_parser = numbers::milliseconds)]
    pub(crate) interval: Option<u64>,
    /// Probe the nodes, and store nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Nodes {
    /// Nodes, such as 3, 0003, antnode0003 or 5-9, separated by spaces or commas [default: all]
    #[arg(value_name = "NODE", value_delimiter = ',')]
    pub(crate) nodes: Vec<NodeRange>,
}

#[derive(Debug, Args)]
pub(crate) struct Count {
    /// Number of nodes
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = numbers::count)]
    pub(crate) count: u32,
    /// Pause between the actions on two nodes, such as 500ms or 10s [default: action_delay]
    #[arg(long, value_name = "TIME", value_parser = numbers::milliseconds)]
    pub(crate) interval: Option<u64>,
    /// Show the actions, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}
