//! The command line.

mod alert;
mod candidates;
mod change;
mod columns;
#[cfg(test)]
mod examples;
mod fleet;
mod groups;
mod help;
mod hold;
mod hyphen;
mod logs;
mod moment;
mod node;
mod numbers;
mod past;
mod probe;
mod rollout;
mod selected;
mod settings;
mod trash;
mod upkeep;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use crate::error::UsageError;

pub(crate) use alert::Alert;
pub(crate) use candidates::{COMPLETE, complete};
pub(crate) use change::{Move, Storage, Update};
pub(crate) use columns::{Column, NodeList};
pub(crate) use fleet::{
    ClientFiles, Fleet, FleetCommand, FleetEvents, FleetExpel, FleetHold, FleetHosts, FleetInit, FleetInvite,
    FleetJoin, FleetOrder, FleetResume, FleetServe, FleetSet, Limit,
};
pub(crate) use hold::Hold;
use hyphen::HyphenValue;
pub(crate) use logs::{LogSource, Logs};
pub(crate) use moment::Moment;
pub(crate) use node::{Count, Node, Nodes, Survey};
pub(crate) use past::{Events, History, Period};
pub(crate) use probe::{Probe, ProbeCheck, ProbeHistory, ProbeRunNow};
pub(crate) use rollout::{FleetRollout, FleetRolloutAbort, FleetRolloutStart, ProgramDigest};
pub(crate) use selected::{ConsentFlag, NodeRange, NotNodes, Removed, Selected};
pub(crate) use settings::{OnceFlags, SettingFlags};
pub(crate) use trash::{Backup, RemovedName, Restore, RestoreAny, Trash};
pub(crate) use upkeep::{Config, Db, Service, Supervision, Util};

/// The end of a command line that runs no command.
#[derive(Debug)]
pub(crate) enum Unparsed {
    /// The line asks for this text: help or the version.
    Text(String),
    /// The line is an error.
    Usage(UsageError),
}

/// Parses a command line.
///
/// # Errors
/// The line asks for help or the version, or it is not a valid command line.
pub(crate) fn parse(args: &[OsString]) -> Result<Cli, Unparsed> {
    let mut command = command();
    let mut args = help::as_flag(args, &command);
    let refused = |error: clap::Error, command: &clap::Command, args: &[OsString]| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Unparsed::Text(error.render().ansi().to_string()),
        _ => Unparsed::Usage(UsageError::new(&selected::with_choices(error), command, args)),
    };
    let matches = loop {
        let error = match command.try_get_matches_from_mut(&args) {
            Ok(matches) => break matches,
            Err(error) => error,
        };
        match HyphenValue::of(&error, &args, &command) {
            None => return Err(refused(error, &command, &args)),
            Some(found) if found.is_number() => args = found.joined,
            Some(found) => {
                let joined =
                    command.try_get_matches_from_mut(&found.joined).err().filter(|error| found.is_cause(error));
                return Err(joined.map_or_else(
                    || Unparsed::Usage(UsageError::hyphen(&found.before, &found.value, &command, &args)),
                    |error| refused(error, &command, &found.joined),
                ));
            }
        }
    };
    Cli::from_arg_matches(&matches).map_err(|error| refused(error.format(&mut command), &command, &args))
}

/// Returns the definition of the command line, for parsing, completions and man pages.
pub(crate) fn command() -> clap::Command {
    with_numbers(in_both_spellings(selected::with_usage(groups::grouped(Cli::command()))))
}

/// Reads a negative number as a value, where a value is due: the error then names its range, and not an unknown flag.
fn with_numbers(command: clap::Command) -> clap::Command {
    let command = command.mut_args(|arg| {
        let is_value = arg.get_action().takes_values() && !arg.is_allow_hyphen_values_set();
        if is_value { arg.allow_negative_numbers(true) } else { arg }
    });
    command.mut_subcommands(with_numbers)
}

/// Accepts every flag of several words with underscores too, as the Python wnm wrote them.
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

const GLOBAL: &str = "Global options";

/// Run as many Autonomi nodes as this host can carry
#[derive(Debug, Parser)]
#[command(
    name = "wnm",
    version,
    about = "Run as many Autonomi nodes as this host can carry",
    after_help = "Examples:\n  wnm init --rewards-address 0x…  create a colony\n  wnm run --dry-run               show what wnm would do now\n  wnm service install             manage the nodes from now on\n  wnm status                      show the host and the nodes\n\nWithout a command, wnm runs one cycle, as `wnm run` does.\n`wnm help COMMAND` shows the flags of a command; `man wnm` lists exit codes and files.",
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
    /// Print JSON on standard output
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub(crate) json: bool,
    /// When to use colour
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN", help_heading = GLOBAL)]
    pub(crate) color: Color,
    /// Print only requested data, changes and errors
    #[arg(short, long, global = true, help_heading = GLOBAL)]
    pub(crate) quiet: bool,
    /// Print the commands that wnm runs, with their times; -vv prints every detail
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = GLOBAL)]
    pub(crate) verbose: u8,
    /// Format of log messages on standard error
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT", help_heading = GLOBAL)]
    pub(crate) log_format: LogFormat,
    /// Config file, TOML or key=value lines [default: the file that `wnm config path` prints]
    #[arg(long, global = true, value_name = "FILE", env = "WNM_CONFIG", help_heading = GLOBAL)]
    pub(crate) config: Option<PathBuf>,
    /// Database file [default: the file that `wnm db path` prints]
    #[arg(long, global = true, value_name = "FILE", env = "WNM_DB", help_heading = GLOBAL)]
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
    /// Create a colony on this host
    #[command(
        after_help = "Examples:\n  wnm init --rewards-address 0x… --node-cap 50\n  wnm init --from-wnm ~/.local/share/autonomi/colony.db --dry-run\n  wnm init --import --process-manager systemd+user --dry-run"
    )]
    Init(Init),
    /// Run one management cycle and exit
    #[command(
        after_help = "Without a terminal and --yes, a --node-cap that would remove nodes is not applied: the cycle runs\nwith the node cap before, and the command ends with exit code 1.\n\nExamples:\n  wnm run --dry-run\n  wnm run --this-action-delay 10s"
    )]
    Run(Run),
    /// Run management cycles until stopped
    #[command(
        after_help = "Signals:\n  SIGTERM, SIGINT  finish running actions for up to 30s, then exit;\n                   a second one ends wnm at once\n  SIGHUP           start the next cycle now\n\nWithout a terminal and --yes, a --node-cap that would remove nodes is not applied: the daemon warns,\nand keeps the node cap before.\n\nExample:\n  wnm daemon --interval 10s"
    )]
    Daemon(Daemon),
    /// Show the host and the colony
    #[command(
        after_help = "Examples:\n  wnm status --watch\n  wnm status --watch 10s\n  wnm status --check --json || echo 'look at the nodes'\n\nCtrl-C ends --watch with exit code 0."
    )]
    Status(Status),
    /// Show host and nodes on the whole terminal
    #[command(
        after_help = "Keys: q quits, ? lists all keys. Actions on nodes ask first, and go through the daemon if one runs.\n\nExamples:\n  wnm top\n  wnm top --sort memory\n  wnm top --filter stopped"
    )]
    Top(Top),
    /// Show why wnm acted or did not act
    #[command(
        after_help = "Examples:\n  wnm explain         the last cycle\n  wnm explain 1042    this one; `wnm history` lists them"
    )]
    Explain {
        /// Number of a cycle, as `wnm history` shows it [default: the last scheduled cycle]
        #[arg(value_name = "CYCLE", value_parser = numbers::cycle)]
        cycle: Option<i64>,
    },
    /// List past cycles and actions, newest first
    #[command(
        after_help = "Examples:\n  wnm history --since 2h\n  wnm history --node 3 --since 2026-11-01 --until 2026-11-02\n  wnm history --idle --limit 10"
    )]
    History(History),
    /// Print begins and ends of actions, oldest first
    #[command(
        after_help = "Examples:\n  wnm events -f\n  wnm events --node 3 --since 1d\n\nCtrl-C ends --follow with exit code 0."
    )]
    Events(Events),
    /// Print a report for scripts and dashboards
    #[command(
        after_help = "Examples:\n  wnm report node-status --format json\n  wnm report influx-resources                    for Telegraf's exec input\n  wnm report influx-resources --push http://127.0.0.1:8086\n\n--push reads organisation, bucket and token from the variables INFLUX_ORG, INFLUX_BUCKET and INFLUX_TOKEN."
    )]
    Report(Report),
    /// List, add, start, stop and remove nodes
    #[command(subcommand)]
    Node(Node),
    /// List, add and drain storage folders
    #[command(subcommand)]
    Storage(Storage),
    /// Hold voluntary actions until `wnm resume`
    #[command(
        after_help = "Under a hold wnm adds, upgrades and removes no node. It still stops nodes under pressure, and starts nodes that ended\nby themselves. Commands that name nodes work as ever.\n\nExamples:\n  wnm hold --reason 'new disks'\n  wnm hold --reason 'new kernel' --until 2h --drain"
    )]
    Hold(Hold),
    /// End the hold of `wnm hold`
    #[command(after_help = "Example:\n  wnm resume    add, upgrade and remove nodes again")]
    Resume,
    /// List and restore removed nodes
    #[command(subcommand)]
    Trash(Trash),
    /// Test whether the network answers from here
    #[command(subcommand)]
    Probe(Probe),
    /// Watch and hold many hosts together
    Fleet(Fleet),
    /// Show alerts and test their receivers
    #[command(
        subcommand,
        after_help = "The setting alerts names a file of mode 0600 with the receivers of the daemon's alerts:\n\n  [[receiver]]\n  kind = \"ntfy\"                  # ntfy, discord, webhook or alertmanager\n  url = \"https://ntfy.sh/topic\"\n  token = \"…\"                    # [default: none]\n  severity = \"critical\"          # least severity: warning or critical [default: warning]\n  name = \"phone\"                 # [default: the kind]"
    )]
    Alert(Alert),
    /// Show and change settings
    #[command(subcommand)]
    Config(Config),
    /// Check this host for problems and suggest fixes
    #[command(after_help = "Examples:\n  wnm doctor\n  wnm doctor --fix\n\nExit code 3: a check has the level error.")]
    Doctor {
        /// Correct firewall rules of nodes, and let the services of running nodes start after a reboot
        #[arg(long)]
        fix: bool,
    },
    /// Record the host and its nodes as a trace
    #[command(
        after_help = "wnm-sim reads traces, to replay decisions and to tune a policy.\n\nExamples:\n  wnm record --out host.jsonl.gz\n  wnm record --out host.jsonl --for 10min --interval 5s"
    )]
    Record(Record),
    /// Check, back up and restore the database
    #[command(subcommand)]
    Db(Db),
    /// Run wnm as a service or a cron job
    #[command(subcommand)]
    Service(Service),
    /// Print shell completions and man pages
    #[command(subcommand)]
    Util(Util),
    /// Remove all nodes with their identities
    #[command(
        after_help = "A service of wnm for this database is removed first, and a running daemon ends. Exit code 3: a node, or a trace\nof one, is left.\n\nExamples:\n  wnm teardown --dry-run\n  wnm teardown --purge"
    )]
    Teardown(Teardown),
    /// Run a short demo with fake nodes
    #[command(
        after_help = "Examples:\n  wnm demo            fake nodes with scripted load\n  wnm demo --fleet    a fleet of three hosts, on this one"
    )]
    Demo(Demo),
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Init {
    /// Take over the nodes that the process manager runs already
    #[arg(long, group = "source")]
    pub(crate) import: bool,
    /// Take over the settings and nodes of the Python wnm from its database, without changing it
    #[arg(long, value_name = "FILE", group = "source")]
    pub(crate) from_wnm: Option<PathBuf>,
    /// Stop anm, and take over its settings and nodes
    #[arg(long, group = "source")]
    pub(crate) from_anm: bool,
    /// Take over the nodes of antctl, which then runs them for wnm
    #[arg(long, group = "source")]
    pub(crate) from_antctl: bool,
    /// Copy the nodes of antctl out of a docker container, which must not run and stays as it is: its name, and the path of
    /// the registry in it, if that is not a usual one
    #[arg(long, value_name = "NAME[:PATH]", requires = "from_antctl")]
    pub(crate) container: Option<String>,
    /// Take over the nodes of the daemon of `ant`, which must not run, and rename its registry
    #[arg(long, group = "source")]
    pub(crate) from_ant: bool,
    /// Take over the nodes of formicaio, which must not run, from its database or the folder of that, and rename the database
    #[arg(long, value_name = "PATH", group = "source")]
    pub(crate) from_formicaio: Option<PathBuf>,
    /// Show what would be created or taken over, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) settings: SettingFlags,
}

#[derive(Debug, Default, Args)]
pub(crate) struct Run {
    /// Show the decision, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask before a lower --node-cap removes nodes; required without a terminal
    #[arg(short, long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) once: OnceFlags,
    #[command(flatten)]
    pub(crate) settings: SettingFlags,
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Exit with code 3 when no cycle ran for three intervals, or a node that should run does not
    #[arg(long)]
    pub(crate) check: bool,
    /// Show the page again every 2s, or after this time, until interrupted; at least 100ms
    #[arg(
        short,
        long,
        value_name = "TIME",
        num_args = 0..=1,
        default_missing_value = "2s",
        conflicts_with = "check",
        value_parser = numbers::interval
    )]
    pub(crate) watch: Option<Duration>,
}

#[derive(Debug, Args)]
pub(crate) struct Top {
    /// Time between two readings, such as 2s or 10s; at least 100ms
    #[arg(long, default_value = "2s", value_name = "TIME", value_parser = numbers::interval)]
    pub(crate) interval: Duration,
    /// Sort by a column of `wnm node list`: texts upwards, numbers and times from the largest down
    #[arg(
        long,
        value_name = "COLUMN",
        value_enum,
        ignore_case = true,
        default_value_t = Column::Name,
        hide_possible_values = true
    )]
    pub(crate) sort: Column,
    /// Show only nodes with this text in name, state, reason, version or peer ID
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) filter: String,
}

#[derive(Debug, Args)]
pub(crate) struct Daemon {
    /// Time between two cycles, such as 5s or 1m; at least 100ms; a bare number is seconds
    #[arg(long, default_value = "5s", value_name = "TIME", value_parser = numbers::interval)]
    pub(crate) interval: Duration,
    /// Do not ask before a lower --node-cap removes nodes; required without a terminal
    #[arg(short, long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) settings: SettingFlags,
}

#[derive(Debug, Args)]
pub(crate) struct Teardown {
    #[command(flatten)]
    pub(crate) consent: ConsentFlag,
    /// Show which nodes would be removed, and change nothing
    #[arg(long, conflicts_with = "purge")]
    pub(crate) dry_run: bool,
    /// Remove the database with settings and history too
    #[arg(long)]
    pub(crate) purge: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Record {
    /// File to write, which must not exist; compressed if its name ends in .gz
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Time between two samples, such as 1s; at least 100ms; a bare number is seconds
    #[arg(long, default_value = "1s", value_name = "TIME", value_parser = numbers::interval)]
    pub(crate) interval: Duration,
    /// Duration of the recording, such as 10m or 1d [default: until interrupted]
    #[arg(long = "for", value_name = "TIME", value_parser = numbers::some_time)]
    pub(crate) length: Option<Duration>,
    /// Size, before compression, at which a new file begins; five full files are kept
    #[arg(long, default_value = "256MB", value_name = "SIZE", value_parser = numbers::size)]
    pub(crate) rotate: u64,
    /// Note at the beginning of the trace
    #[arg(long, value_name = "TEXT")]
    pub(crate) annotate: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Keep the folder of the demo, and print its path
    #[arg(long)]
    pub(crate) keep: bool,
    /// Show probes of a fake network instead of nodes
    #[arg(long)]
    pub(crate) probe: bool,
    /// Show a fleet of three hosts with a redis-server, which must be installed
    #[arg(long, conflicts_with = "probe")]
    pub(crate) fleet: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Report {
    /// Report to print
    #[arg(value_enum, value_name = "REPORT")]
    pub(crate) kind: ReportKind,
    /// Nodes, such as 3, 0003, antnode0003 or 5-9, separated by spaces or commas [default: all]
    #[arg(value_name = "NODE", value_delimiter = ',')]
    pub(crate) nodes: Vec<NodeRange>,
    /// Output format [default: text]
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) format: Option<ReportFormat>,
    /// Write the lines of influx-resources to the InfluxDB at this address
    #[arg(long, value_name = "URL")]
    pub(crate) push: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportKind {
    /// One line for each node
    NodeStatus,
    /// All data of each node
    NodeStatusDetails,
    /// Metrics of the nodes in the line protocol of InfluxDB
    InfluxResources,
    /// The effective settings
    MachineConfig,
    /// Counts of nodes and use of the host
    MachineMetrics,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// Text for people
    Text,
    /// JSON
    Json,
    /// KEY=value lines for a shell
    Env,
    /// key=value lines for a config file
    Config,
}
