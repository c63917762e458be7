//! Commands on the rollouts of a fleet.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use wnm_agent::fleet::rollout::order::Sha256;
use wnm_core::{MaxUnavailable, Version};

use super::numbers;

#[derive(Debug, Subcommand)]
pub(crate) enum FleetRollout {
    /// Upgrade the nodes of all hosts to one version, the canaries first
    #[command(
        after_help = "Each host upgrades to its own node program, within its own settings, holds and windows, and needs that program with this SHA-256 in place. The command gives out leases until the rollout ends; without it no host upgrades further after 5 minutes. Names of the options are those of Nomad.\n\nExamples:\n  wnm fleet rollout start 0.4.18 --program ./antnode --canary 2\n  wnm fleet rollout start 0.4.18 --program ./antnode --max-parallel 10% --max-failures 1% --auto-promote\n\nExit code 3: the rollout did not complete. Ctrl-C ends the command with exit code 0; `wnm fleet rollout promote` goes on."
    )]
    Start(FleetRolloutStart),
    /// Show the last rollout of this operator
    #[command(after_help = "Example:\n  wnm fleet rollout status    how far each host is")]
    Status,
    /// Let the hosts after the canaries follow, or go on with a rollout whose command has ended
    #[command(
        after_help = "Exit code 3: the rollout did not complete.\n\nExample:\n  wnm fleet rollout promote    the canaries are healthy: the other hosts follow"
    )]
    Promote,
    /// Stop the rollout on all hosts
    #[command(
        after_help = "No host begins another upgrade until the next rollout, for 30 days at most. Upgrades in progress are completed.\n\nExamples:\n  wnm fleet rollout abort --reason 'nodes lose peers'\n  wnm fleet rollout abort --release    each host upgrades by its own rules again"
    )]
    Abort(FleetRolloutAbort),
}

#[derive(Debug, Args)]
pub(crate) struct FleetRolloutStart {
    /// Version of the node program
    #[arg(value_name = "VERSION")]
    pub(crate) version: Version,
    #[command(flatten)]
    pub(crate) digest: ProgramDigest,
    /// Number of hosts that upgrade first; 0 for none
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = numbers::lines)]
    pub(crate) canary: u32,
    /// Maximum number of hosts, or share of all, that upgrade at the same time
    #[arg(long, value_name = "N|N%", default_value = "10%")]
    pub(crate) max_parallel: MaxUnavailable,
    /// Number of hosts, or share of all, that may fail; one more stops the rollout
    #[arg(long, value_name = "N|N%", default_value = "0")]
    pub(crate) max_failures: MaxUnavailable,
    /// Time for which an upgraded host must be healthy: all nodes up, no signal over its threshold, no failed cycle
    #[arg(long, value_name = "TIME", default_value = "5min", value_parser = numbers::duration)]
    pub(crate) min_healthy_time: Duration,
    /// Longest time from the upgrade of the last node of a host until the host is healthy
    #[arg(long, value_name = "TIME", default_value = "30min", value_parser = numbers::some_time)]
    pub(crate) healthy_deadline: Duration,
    /// Longest time in which a host with a lease upgrades no node
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = numbers::some_time)]
    pub(crate) progress_deadline: Duration,
    /// Least time between the begins of two hosts
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = numbers::duration)]
    pub(crate) stagger: Duration,
    /// Let the other hosts follow healthy canaries without `wnm fleet rollout promote`
    #[arg(long)]
    pub(crate) auto_promote: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct ProgramDigest {
    /// SHA-256 of the node program, 64 hexadecimal digits
    #[arg(long, value_name = "DIGEST")]
    pub(crate) sha256: Option<Sha256>,
    /// Copy of the node program, to compute the SHA-256 from
    #[arg(long, value_name = "FILE")]
    pub(crate) program: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct FleetRolloutAbort {
    /// Reason, for the operators
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) reason: String,
    /// Let each host upgrade by its own rules again
    #[arg(long)]
    pub(crate) release: bool,
}
