//! Commands around a colony: its database, its settings, its keeper, and what shells and manuals want to know.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::interval;

#[derive(Debug, Subcommand)]
pub(crate) enum Db {
    /// Prints where the database is
    Path,
    /// Looks for damage
    Check,
    /// Writes a copy, also while wnm is at work
    Backup {
        /// The file to write, which must not exist yet
        file: PathBuf,
    },
    /// Puts a copy in the place of the database, and sets aside what stood there
    Restore {
        /// The copy
        file: PathBuf,
    },
    /// Brings a database of an earlier version up to date, with a copy before each step
    Migrate,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Lists every setting with the value it has
    List {
        /// Says where each value comes from
        #[arg(long)]
        origin: bool,
    },
    /// Prints the value a setting has
    Get {
        /// The setting, such as node_cap
        #[arg(value_name = "SETTING")]
        key: String,
    },
    /// Keeps settings in the database; all are checked together
    #[command(after_help = "Examples:\n  wnm config set node_cap 30\n  wnm config set cpu_remove=80 mem_remove=85")]
    Set {
        /// A setting and its value, or several as SETTING=VALUE
        #[arg(value_name = "SETTING VALUE", required = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
    /// Takes settings out of the database: a lower layer says what they are
    Unset {
        /// The settings, such as node_cap
        #[arg(value_name = "SETTING", required = true)]
        keys: Vec<String>,
    },
    /// Prints the file of settings that is read, or would be if it were there
    Path,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Service {
    /// Writes the service down and starts it, now and whenever the host starts
    #[command(
        after_help = "Examples:\n  wnm service install                 as a service that looks every 5 s\n  wnm service install --interval 1m\n  wnm service install --cron          as a line of your crontab: one cycle a minute"
    )]
    Install(Kept),
    /// Ends the service and takes it away; nodes go on
    Uninstall(Kept),
    /// Prints what would be written down, and where
    Show(Kept),
}

/// How wnm is kept running.
#[derive(Debug, Clone, Args)]
pub(crate) struct Kept {
    /// By cron, once a minute, instead of a service
    #[arg(long, conflicts_with = "interval")]
    pub(crate) cron: bool,
    /// Time between two looks of the service, such as 5s or 1m; at least 100ms
    #[arg(long, default_value = "5s", value_name = "TIME", value_parser = interval)]
    pub(crate) interval: Duration,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Util {
    /// Prints the completions of a shell
    #[command(after_help = "Example:\n  wnm util completions bash > ~/.local/share/bash-completion/completions/wnm")]
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Prints the man page, or writes those of all commands to a folder
    Man {
        /// The folder
        #[arg(long, value_name = "FOLDER")]
        out: Option<PathBuf>,
    },
}
