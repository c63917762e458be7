//! Commands on the database, the settings, the service of wnm itself, and for shells and man pages.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::{ConsentFlag, numbers};

#[derive(Debug, Subcommand)]
pub(crate) enum Db {
    /// Print the path of the database
    #[command(after_help = "Examples:\n  wnm db path\n  du -h \"$(wnm db path)\"    its size")]
    Path,
    /// Check the database for damage
    #[command(
        after_help = "Exit code 3: the database is damaged.\n\nExamples:\n  wnm db check\n  wnm --db /backup/wnm.db db check    check a backup"
    )]
    Check,
    /// Write a copy of the database, also while wnm runs
    #[command(after_help = "Example:\n  wnm db backup /backup/wnm.db")]
    Backup {
        /// File to write, which must not exist
        file: PathBuf,
    },
    /// Replace the database by a backup, and rename the old one
    #[command(after_help = "Example:\n  wnm db restore /backup/wnm.db")]
    Restore {
        /// Backup to restore
        file: PathBuf,
    },
    /// Migrate the database of an earlier version, after a backup
    #[command(
        after_help = "wnm migrates the database by itself at the first cycle of a new version.\n\nExample:\n  wnm db migrate    migrate at a time that you choose"
    )]
    Migrate,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// List all settings with their effective values
    #[command(
        after_help = "Examples:\n  wnm config list\n  wnm config list --origin    also whether a value is stored, or from a file or a variable"
    )]
    List {
        /// Show the source of each value
        #[arg(long)]
        origin: bool,
    },
    /// Print the effective value of a setting
    #[command(after_help = "Example:\n  wnm config get node_cap")]
    Get {
        /// Name of the setting, such as node_cap
        #[arg(value_name = "SETTING")]
        key: String,
    },
    /// Describe settings: unit, default, allowed values, effect
    #[command(after_help = "Examples:\n  wnm config describe node_cap\n  wnm config describe          all settings")]
    Describe {
        /// Names of settings, such as node_cap [default: all]
        #[arg(value_name = "SETTING")]
        keys: Vec<String>,
    },
    /// Store settings in the database, all or none
    #[command(
        after_help = "A number has the unit of its setting. A time may be written as 10s, 5min or 2h 5min, a size as 500MB or 1.5TiB.\nA value that begins with a hyphen needs the form SETTING=VALUE.\n\nExamples:\n  wnm config set node_cap 30\n  wnm config set node_cap 30 delay_start 5min\n  wnm config set cpu_remove=80 delay_start=5min\n  wnm config set start_args=--verbose"
    )]
    Set {
        #[command(flatten)]
        consent: ConsentFlag,
        /// Names and values of settings, as words or as SETTING=VALUE
        #[arg(value_name = "SETTING VALUE", required = true, allow_negative_numbers = true)]
        words: Vec<String>,
    },
    /// Delete settings from the database, so that defaults apply
    #[command(after_help = "Example:\n  wnm config unset cpu_less_than cpu_remove")]
    Unset {
        #[command(flatten)]
        consent: ConsentFlag,
        /// Names of settings, such as node_cap
        #[arg(value_name = "SETTING", required = true)]
        keys: Vec<String>,
    },
    /// Edit the settings of the database in an editor
    #[command(
        after_help = "The editor is $VISUAL, $EDITOR or vi. The settings are checked together before they are stored; after an error the\nfile stays, and `wnm config edit FILE` continues with it.\n\nExample:\n  EDITOR=nano wnm config edit"
    )]
    Edit {
        #[command(flatten)]
        consent: ConsentFlag,
        /// File of an earlier edit that was not stored
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Print the path of the config file, even if it does not exist
    #[command(after_help = "Example:\n  wnm config path")]
    Path,
    /// Accept a changed config file that removes or stops nodes
    #[command(
        after_help = "A changed config file that is valid, and that neither removes nor stops nodes, is accepted without this command.\n\nExample:\n  wnm config accept --yes"
    )]
    Accept {
        #[command(flatten)]
        consent: ConsentFlag,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Service {
    /// Install and start the service, now and at every boot
    #[command(
        after_help = "Examples:\n  wnm service install                 a service with a cycle every 5s\n  wnm service install --interval 1m\n  wnm service install --cron          a crontab line with a cycle every minute"
    )]
    Install(Supervision),
    /// Stop and remove the service; nodes keep running
    #[command(
        after_help = "Examples:\n  wnm service uninstall\n  wnm service uninstall --cron    remove the crontab line"
    )]
    Uninstall(Supervision),
    /// Print the service file and its path
    #[command(after_help = "Examples:\n  wnm service show\n  wnm service show --cron    the crontab line")]
    Show(Supervision),
}

/// The supervisor that runs wnm.
#[derive(Debug, Clone, Args)]
pub(crate) struct Supervision {
    /// Use cron, with one cycle a minute, instead of a service
    #[arg(long, conflicts_with = "interval")]
    pub(crate) cron: bool,
    /// Time between two cycles of the service, such as 5s or 1m; at least 100ms; a bare number is seconds
    #[arg(long, default_value = "5s", value_name = "TIME", value_parser = numbers::interval)]
    pub(crate) interval: Duration,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Util {
    /// Print a completion script, which asks wnm for nodes, settings and values
    #[command(
        after_help = "Examples:\n  wnm util completions bash > ~/.local/share/bash-completion/completions/wnm\n  wnm util completions zsh > ~/.zfunc/_wnm\n  wnm util completions fish > ~/.config/fish/completions/wnm.fish\n  wnm util completions powershell >> $PROFILE"
    )]
    Completions {
        /// Shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Print the man page, or write the pages of all commands
    #[command(
        after_help = "Examples:\n  wnm util man | man -l -\n  wnm util man --out ~/.local/share/man/man1    the pages of all commands"
    )]
    Man {
        /// Folder for the pages of all commands, created if necessary
        #[arg(long, value_name = "FOLDER")]
        out: Option<PathBuf>,
    },
    /// Print a dashboard of Grafana for the metrics of the daemon, as JSON
    #[command(
        after_help = "Grafana asks for a data source of Prometheus that scrapes the address in the setting `listen`.\n\nExample:\n  wnm util grafana-dashboard > wnm.json"
    )]
    GrafanaDashboard,
    /// Print alert rules of Prometheus for the metrics of the daemon
    #[command(
        after_help = "The job of the scrape is named wnm.\n\nExample:\n  wnm util prometheus-rules > /etc/prometheus/wnm-rules.yml"
    )]
    PrometheusRules,
}
