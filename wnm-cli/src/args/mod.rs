//! The command line.

mod settings;
mod upkeep;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use wnm_core::NodeId;

pub(crate) use settings::{OnceFlags, SettingFlags};
pub(crate) use upkeep::{Config, Db, Kept, Service, Util};

/// Parses a command line; prints help, version and usage errors itself and exits.
pub(crate) fn parse(args: Vec<OsString>) -> Cli {
    let mut command = in_both_spellings(Cli::command());
    let matches = command.clone().get_matches_from(args);
    Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.format(&mut command).exit())
}

/// Lets every flag of several words be written with underscores too.
fn in_both_spellings(command: clap::Command) -> clap::Command {
    let command = command.mut_args(|arg| match arg.get_long().filter(|long| long.contains('-')) {
        Some(long) => {
            let underscored = long.replace('-', "_");
            arg.alias(underscored)
        }
        None => arg,
    });
    command.mut_subcommands(in_both_spellings)
}

/// Keeps as many Autonomi nodes running as this machine can carry.
#[derive(Debug, Parser)]
#[command(
    name = "wnm",
    version,
    about = "Keeps as many Autonomi nodes running as this machine can carry",
    after_help = "Examples:\n  wnm init --rewards-address 0x…      begin a colony\n  wnm run --dry-run                   show what would be done now\n  wnm daemon                          keep the colony, looking every 5 s\n  wnm status                          the machine and the colony at a quick_check\n\nWithout a command, wnm runs one cycle: the same as `wnm run`.",
    disable_help_subcommand = true
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// Flags of every command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// Prints JSON on standard output
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) json: bool,
    /// When to use colour
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN", help_heading = "Global options")]
    pub(crate) color: Color,
    /// Says nothing but results and errors
    #[arg(short, long, global = true, help_heading = "Global options")]
    pub(crate) quiet: bool,
    /// Says more; twice for everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Global options")]
    pub(crate) verbose: u8,
    /// How log lines on standard error look
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT", help_heading = "Global options")]
    pub(crate) log_format: LogFormat,
    /// The file of settings, TOML or `key=value` lines; default: config.toml in the folder for configuration
    #[arg(long, global = true, value_name = "FILE", env = "WNM_CONFIG", help_heading = "Global options")]
    pub(crate) config: Option<PathBuf>,
    /// The database; default: the system's as root where it exists, else the user's
    #[arg(long, global = true, value_name = "PATH", env = "WNM_DB", help_heading = "Global options")]
    pub(crate) db: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Begins a colony on this host
    #[command(
        after_help = "Examples:\n  wnm init --rewards-address 0x… --node-cap 50\n  wnm init --from-wnm ~/.local/share/autonomi/colony.db --dry-run\n  wnm init --import --process-manager systemd+user --dry-run"
    )]
    Init(Init),
    /// Looks, decides, acts and records, once
    Run(Run),
    /// Does the same continuously; SIGTERM drains and ends, SIGHUP looks at once
    Daemon(Daemon),
    /// Shows the machine and the colony at a glance
    Status,
    /// Tells why a decision was made, rule by rule
    Explain {
        /// The number of the cycle; default: the last one
        cycle: Option<i64>,
    },
    /// Lists what was done, newest first
    History(History),
    /// Prints the last recorded cycle for scripts and dashboards
    #[command(
        after_help = "Examples:\n  wnm report node-status --format json\n  wnm report influx-resources                    for Telegraf's exec input\n  wnm report influx-resources --push http://127.0.0.1:8086\n\n--push takes organisation, bucket and token from INFLUX_ORG, INFLUX_BUCKET and INFLUX_TOKEN."
    )]
    Report(Report),
    /// Shows and changes nodes by name
    #[command(subcommand)]
    Node(Node),
    /// Shows and changes settings
    #[command(subcommand)]
    Config(Config),
    /// Tells what would keep a colony from running here, each with its hint
    Doctor {
        /// Removes firewall rules of ours that lead nowhere
        #[arg(long)]
        fix: bool,
    },
    /// Records the machine and the colony as a trace, for wnm-sim
    Record(Record),
    /// Checks, copies and restores the database
    #[command(subcommand)]
    Db(Db),
    /// Keeps wnm itself running: as a service of systemd or launchd, or by cron
    #[command(subcommand)]
    Service(Service),
    /// Completions for shells, and man pages
    #[command(subcommand)]
    Util(Util),
    /// Removes every node, with its identity, and leaves the settings
    Teardown {
        /// Yes, really
        #[arg(long)]
        confirm: bool,
        /// Removes the settings and the history too
        #[arg(long)]
        purge: bool,
    },
    /// Shows a colony of fake node nodes in a folder of its own, a few cycles long
    Demo(Demo),
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Takes over the nodes that the process manager keeps already, whoever made them
    #[arg(long, group = "source")]
    pub(crate) import: bool,
    /// Takes over settings and nodes from this database of the Python wnm, which is only read
    #[arg(long, value_name = "PATH", group = "source")]
    pub(crate) from_wnm: Option<PathBuf>,
    /// Takes over settings and nodes of anm, which is stopped first
    #[arg(long, group = "source")]
    pub(crate) from_anm: bool,
    /// Takes over the nodes of antctl, which goes on keeping them for wnm
    #[arg(long, group = "source")]
    pub(crate) from_antctl: bool,
    /// Shows what would come over, and changes nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) settings: SettingFlags,
}

#[derive(Debug, Default, Args)]
pub(crate) struct Run {
    /// Stops after the decision and shows it; nothing is kept
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) once: OnceFlags,
    #[command(flatten)]
    pub(crate) settings: SettingFlags,
}

#[derive(Debug, Args)]
pub(crate) struct Daemon {
    /// Time between two looks, such as 5s or 1m; at least 100ms
    #[arg(long, default_value = "5s", value_name = "TIME", value_parser = interval)]
    pub(crate) interval: Duration,
    #[command(flatten)]
    pub(crate) settings: SettingFlags,
}

fn interval(text: &str) -> Result<Duration, String> {
    let interval = duration(text)?;
    if interval < Duration::from_millis(100) {
        return Err("expected at least 100ms".to_owned());
    }
    Ok(interval)
}

fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| format!("expected a time such as 30s, 5m or 1h: {error}"))
}

fn size(text: &str) -> Result<u64, String> {
    let size = text.parse::<bytesize::ByteSize>();
    size.map(|size| size.as_u64()).map_err(|error| format!("expected a size such as 256MB: {error}"))
}

#[derive(Debug, Args)]
pub(crate) struct History {
    /// Only what concerns this node
    #[arg(long, value_name = "NODE")]
    pub(crate) node: Option<NodeId>,
    /// Only the last while, such as 1h or 2d
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) since: Option<Duration>,
    /// At most this many entries
    #[arg(long, default_value_t = 50, value_name = "N")]
    pub(crate) limit: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Record {
    /// The file to write; compressed when its name ends in .gz
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Time between two samples
    #[arg(long, default_value = "1s", value_name = "TIME", value_parser = interval)]
    pub(crate) interval: Duration,
    /// How long to record; default: until interrupted
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub(crate) length: Option<Duration>,
    /// Size at which a file is moved aside and the next begins, before compression; five are kept
    #[arg(long, default_value = "256MB", value_name = "SIZE", value_parser = size)]
    pub(crate) rotate: u64,
    /// A note at the beginning of the trace
    #[arg(long, value_name = "TEXT")]
    pub(crate) annotate: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Keeps the folder, and says where it is
    #[arg(long)]
    pub(crate) keep: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Report {
    /// Which report
    #[arg(value_enum, value_name = "REPORT")]
    pub(crate) kind: ReportKind,
    /// Nodes such as 3, 0003 or antnode0003; several by comma or repetition; default: all
    #[arg(value_name = "NODE", value_delimiter = ',')]
    pub(crate) nodes: Vec<NodeId>,
    /// How it is written; default: text
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) format: Option<ReportFormat>,
    /// Writes the lines of influx-resources to InfluxDB there, instead of standard output
    #[arg(long, value_name = "URL")]
    pub(crate) push: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportKind {
    /// A line for each node
    NodeStatus,
    /// All that is known of each node
    NodeStatusDetails,
    /// Figures of nodes as lines for InfluxDB
    InfluxResources,
    /// The settings in force
    MachineConfig,
    /// The machine and its nodes in numbers
    MachineMetrics,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// Lines for people
    Text,
    /// JSON
    Json,
    /// KEY=value, as a shell reads it
    Env,
    /// key=value, as a file of settings
    Config,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Node {
    /// Lists nodes
    List(Nodes),
    /// Shows all that is known of nodes
    Show(Nodes),
    /// Adds nodes
    Add(Count),
    /// Removes nodes, with their identities
    Remove(Selected),
    /// Starts nodes, the oldest first; an outdated one is upgraded as it starts
    Start(Selected),
    /// Stops nodes, the youngest first; the rules may start them again
    Stop(Selected),
    /// Stops nodes and starts them again
    Restart(Selected),
    /// Gives nodes the version of the node binary, the oldest first
    Upgrade(Selected),
    /// Gives nodes a new identity: the old folder goes to the trash for a day, number and ports stay
    #[command(after_help = "Example:\n  wnm node reset antnode0003")]
    Reset(Reset),
    /// Lets disabled nodes be started again
    Enable(Selected),
    /// Stops nodes and keeps them down until they are started by name
    Disable(Selected),
    /// Looks at every node and records what is seen
    Survey(Survey),
}

#[derive(Debug, Args)]
pub(crate) struct Reset {
    /// Nodes such as 3, 0003 or antnode0003; several by comma or repetition
    #[arg(value_name = "NODE", value_delimiter = ',', required = true)]
    pub(crate) nodes: Vec<NodeId>,
    /// Shows what would go, and changes nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Survey {
    /// Milliseconds between the probes of two nodes, this time only
    #[arg(long, value_name = "MS")]
    pub(crate) interval: Option<u64>,
    /// Records nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Nodes {
    /// Nodes such as 3, 0003 or antnode0003; several by comma or repetition; default: all
    #[arg(value_name = "NODE", value_delimiter = ',')]
    pub(crate) nodes: Vec<NodeId>,
}

#[derive(Debug, Args)]
pub(crate) struct Count {
    /// How many
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) count: u32,
    /// Milliseconds between the actions on two nodes, this time only
    #[arg(long, value_name = "MS")]
    pub(crate) interval: Option<u64>,
    /// Shows what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("which").args(["nodes", "count", "all"]))]
pub(crate) struct Selected {
    /// Nodes such as 3, 0003 or antnode0003; several by comma or repetition
    #[arg(value_name = "NODE", value_delimiter = ',')]
    pub(crate) nodes: Vec<NodeId>,
    /// How many, chosen by age; default: 1
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) count: Option<u32>,
    /// All that it can be done to
    #[arg(long)]
    pub(crate) all: bool,
    /// Milliseconds between the actions on two nodes, this time only
    #[arg(long, value_name = "MS")]
    pub(crate) interval: Option<u64>,
    /// Shows what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
}
