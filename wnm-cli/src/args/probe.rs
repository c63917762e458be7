//! Commands on probes.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use wnm_core::probe::{ProbeKind, ProbeOutcome};

use super::{Moment, numbers};

#[derive(Debug, Subcommand)]
pub(crate) enum Probe {
    /// Run tasks once now, and wait for their results
    #[command(
        after_help = "A run by name ignores the window. It counts for the ceilings, and an upload for probe_spend.\nExit code 3: a run failed.\n\nExamples:\n  wnm probe run\n  wnm probe run 'small downloads' --json"
    )]
    Run(ProbeRunNow),
    /// Show whether probes run, and their results of the last day
    #[command(after_help = "Examples:\n  wnm probe status\n  wnm probe status --json    the same for a program")]
    Status,
    /// List past runs, newest first
    #[command(
        after_help = "Examples:\n  wnm probe history --since 1h\n  wnm probe history --outcome data_loss\n  wnm probe history --since 5m --lines    in the line protocol of InfluxDB"
    )]
    History(ProbeHistory),
    /// List the effective tasks, and count their files
    #[command(after_help = "Example:\n  wnm probe tasks    the names for `wnm probe run`")]
    Tasks,
    /// Check task files and lists, without running them
    #[command(
        after_help = "Exit code 3: a task or an entry is skipped.\n\nExamples:\n  wnm probe check probe.toml\n  wnm probe check tasks.xml downloads.csv"
    )]
    Check(ProbeCheck),
}

#[derive(Debug, Args)]
pub(crate) struct ProbeRunNow {
    /// Names of tasks, as `wnm probe tasks` shows them [default: all]
    #[arg(value_name = "TASK")]
    pub(crate) tasks: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ProbeHistory {
    /// From this time on: a time ago such as 2h, a date such as 2026-11-01, or a time such as 2026-11-01T13:00:00Z
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<Moment>,
    /// Until this time, in the same forms
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<Moment>,
    /// Only runs of this kind
    #[arg(long, value_enum, value_name = "KIND")]
    pub(crate) kind: Option<KindName>,
    /// Only runs of this task
    #[arg(long, value_name = "TASK")]
    pub(crate) task: Option<String>,
    /// Only runs with this outcome
    #[arg(long, value_enum, value_name = "OUTCOME")]
    pub(crate) outcome: Option<OutcomeName>,
    /// Maximum number of runs, the latest ones
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = numbers::count)]
    pub(crate) limit: u32,
    /// Print the runs as lines of the line protocol of InfluxDB, oldest first, with a summary of each kind and size
    #[arg(long, conflicts_with = "json")]
    pub(crate) lines: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ProbeCheck {
    /// Task files and lists, which count together
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
}

/// A kind of probe on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KindName(pub(crate) ProbeKind);

impl ValueEnum for KindName {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self(ProbeKind::Download), Self(ProbeKind::Quote), Self(ProbeKind::Upload)]
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(self.0.word().into())
    }
}

/// An outcome on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OutcomeName(pub(crate) ProbeOutcome);

impl ValueEnum for OutcomeName {
    fn value_variants<'a>() -> &'a [Self] {
        &[
            Self(ProbeOutcome::Ok),
            Self(ProbeOutcome::Killed),
            Self(ProbeOutcome::Stopped),
            Self(ProbeOutcome::ClientError),
            Self(ProbeOutcome::NetworkError),
            Self(ProbeOutcome::DataLoss),
            Self(ProbeOutcome::Unknown),
        ]
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(self.0.word().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_and_outcome_has_a_name() {
        assert_eq!(KindName::value_variants().iter().map(|name| name.0).collect::<Vec<_>>(), ProbeKind::ALL);
        assert_eq!(OutcomeName::value_variants().iter().map(|name| name.0).collect::<Vec<_>>(), ProbeOutcome::ALL);
    }
}
