//! The commands that read the history.

use clap::Args;
use wnm_core::NodeId;

use super::{Moment, numbers};

/// A part of the history.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Period {
    /// Only this node, which may be a removed one
    #[arg(long, value_name = "NODE")]
    pub(crate) node: Option<NodeId>,
    /// From this time on: a time ago such as 2h, a date such as 2026-11-01, or a time such as 2026-11-01T13:00:00Z
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<Moment>,
    /// Until this time, in the same forms; a date means the beginning of that day
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<Moment>,
}

#[derive(Debug, Args)]
pub(crate) struct History {
    #[command(flatten)]
    pub(crate) period: Period,
    /// List cycles without actions too; the last 100 are on record
    #[arg(long, conflicts_with = "node")]
    pub(crate) idle: bool,
    /// Maximum number of cycles, the latest ones
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = numbers::count)]
    pub(crate) limit: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Events {
    #[command(flatten)]
    pub(crate) period: Period,
    /// Number of events, the latest ones
    #[arg(
        short = 'n',
        long = "lines",
        default_value_t = 50,
        value_name = "N",
        value_parser = numbers::lines
    )]
    pub(crate) lines: u32,
    /// Go on with new events until interrupted; with --json one document per event
    #[arg(short, long, conflicts_with = "until")]
    pub(crate) follow: bool,
}
