//! Errors of single commands, each with its hint.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use wnm_agent::control::ClientError;
use wnm_agent::serve::ServeError;
use wnm_core::{ManagerKind, NodeId, Problem, ProblemCause};

use super::{ChangeError, EditError, Exit};
use crate::commands::alert::AlertError;
use crate::commands::config::Source;
use crate::commands::config::cap::LowerCap;
use crate::commands::hold::HoldError;
use crate::confirm::Purpose;
use crate::push::PushError;
use crate::render::{counted, shell_text};
use wnm_platform::ManagerFailure;

/// An error of a single command.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    #[error("no such node: {}", .0.name())]
    NoSuchNode(NodeId),
    #[error("no log of {} in {}", node.name(), folder.display())]
    NoLogFile { node: NodeId, folder: PathBuf },
    #[error("no log of {}: its program has written none to {}, and its process manager keeps none", node.name(), folder.display())]
    NoManagerLog { node: NodeId, folder: PathBuf },
    #[error("no cycle {0} on record")]
    NoSuchCycle(i64),
    #[error("no time between {since} (--since) and {until} (--until)")]
    EmptyPeriod { since: String, until: String },
    #[error("no cycle on record")]
    NoCycle,
    #[error(transparent)]
    Hold(HoldError),
    #[error(transparent)]
    Alert(AlertError),
    #[error("no node in the range {}-{}", .first.get(), .last.get())]
    NoNodeInRange { first: NodeId, last: NodeId },
    #[error("{}", unconfirmed(*.purpose, .nodes))]
    Unconfirmed { purpose: Purpose, nodes: Vec<NodeId>, line: String },
    /// A flag would lower the node cap; the command has run with the cap before.
    #[error("a node_cap of {} removes {} and needs --yes: it stays {}", .cap.after, counted(.cap.above, "node"), .cap.before)]
    LowerCap { cap: LowerCap, line: String },
    #[error("nothing was changed: not confirmed")]
    Declined,
    #[error("storage folder {} contains {} of another colony: {}", folder.display(), counted(nodes.len(), "node"), listed(nodes))]
    OwnedStorage { folder: PathBuf, nodes: Vec<NodeId> },
    #[error("the daemon of the colony{} runs", daemon(*.pid))]
    DaemonRuns { pid: u32 },
    #[error("no value given for {key}")]
    NoValue { key: &'static str, example: &'static str },
    /// The command has the place SETTING for the most similar name.
    #[error("{problem}")]
    UnknownSetting { problem: Box<Problem>, command: String },
    #[error("cannot unset {key}: it is required")]
    Required { key: &'static str },
    #[error("cannot store {key}: {place} sets it, with higher precedence")]
    SetElsewhere { key: &'static str, place: Source },
    #[error(transparent)]
    Change(#[from] ChangeError),
    #[error(transparent)]
    Edit(EditError),
    #[error("cannot reset a node under {manager}: it never reuses the number of a removed node")]
    ResetWithoutReuse { manager: ManagerKind },
    #[error("report {report} has no format {format}: only {}", known.join(" and "))]
    ReportFormat { report: String, format: String, known: Vec<String> },
    #[error("cannot push report {report}: only influx-resources can be pushed")]
    NotPushable { report: String },
    #[error("invalid address {url:?}: not http://HOST:PORT")]
    InvalidUrl { url: String },
    #[error("variable {variable} is not set")]
    NoVariable { variable: String },
    #[error("cannot write to InfluxDB at {url}: {cause}")]
    Push { url: String, cause: PushError },
    #[error("wnm is installed already, {place}")]
    TwoSupervisors { place: String, uninstall: &'static str },
    #[error("wnm is installed for another database, {place}, which would be without wnm")]
    ServesAnotherDatabase { place: String, uninstall: &'static str },
    #[error("no service manager: this host has neither systemd nor launchd")]
    NoServiceManager,
    #[error("cannot create trace {}: {source}", path.display())]
    CreateTrace { path: PathBuf, source: io::Error },
    #[error("cannot write trace {}: {source}", path.display())]
    WriteTrace { path: PathBuf, source: io::Error },
    #[error("cannot fill the terminal: {cause}")]
    NoTerminal { cause: &'static str },
    #[error("no completions for {shell}")]
    NoCompletions { shell: String },
    #[error("cannot write man pages to {}: {source}", path.display())]
    ManPages { path: PathBuf, source: io::Error },
    #[error("cannot take over nodes of {tool} under {manager}: they run under {required}")]
    WrongManager { tool: &'static str, manager: ManagerKind, required: &'static str },
    #[error("cannot take over {}: its nodes run under {manager:?}, which this wnm does not support", path.display())]
    UnknownManager { path: PathBuf, manager: String },
    #[error("no nodes to take over under {manager} in {folders}{skipped}")]
    NothingToTakeOver { manager: ManagerKind, folders: String, skipped: String },
    #[error("cannot find the home directory of user {user}: neither HOME nor the user database has an absolute path")]
    NoHome { user: u32 },
    #[error(
        "process manager {} does not answer: {}; nodes of unknown state: {}",
        .0.manager, .0.message, listed(&.0.nodes)
    )]
    ManagerFailure(ManagerFailure),
    /// A daemon runs and does not answer a request, or refuses it.
    #[error("cannot ask the daemon: {0}")]
    Daemon(ClientError),
    /// The cycle of a request failed in the daemon.
    #[error("{error}")]
    Requested { error: String, hint: Option<String> },
    #[error("the daemon ended before it began the request")]
    DaemonEnded,
    /// Another daemon holds the lock of the daemon.
    #[error("another daemon{} runs on this database", .pid.map_or_else(String::new, |pid| format!(" (PID {pid})")))]
    SecondDaemon { pid: Option<u32> },
    /// The server of the daemon cannot start.
    #[error(transparent)]
    Serve(ServeError),
    #[error("the demo was interrupted")]
    DemoInterrupted,
    #[error("the demo failed: {scene:?} did not end within {cycles} cycles")]
    DemoStuck { scene: String, cycles: usize },
    #[error("the demo failed: {0} has no running process")]
    DemoNoProcess(String),
    #[error("the demo found too few free port ranges between 20000 and 32000")]
    DemoNoPorts,
    #[error("the demo of a fleet found no redis-server in PATH")]
    DemoNoEngine,
    #[error("the demo failed: {goal}: not within {} s", time.as_secs())]
    DemoWaited { goal: &'static str, time: Duration },
    #[error("the demo failed: `wnm {command}`: {cause}")]
    DemoCommand { command: String, cause: String },
}

impl CommandError {
    /// Returns the end of the command.
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Push { .. } | Self::ManagerFailure(_) => Exit::ActionFailed,
            _ => Exit::Unusable,
        }
    }

    /// Returns how the operator can fix the cause; None when there is no specific advice.
    #[expect(clippy::too_many_lines, reason = "one arm for each error")]
    pub(crate) fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoSuchNode(_) | Self::NoNodeInRange { .. } => "list the nodes with `wnm node list`",
            Self::NoLogFile { node, .. } => return Some(manager_log(*node)),
            Self::NoManagerLog { node, .. } => return Some(last_events(*node)),
            Self::NoSuchCycle(_) => "list the cycles on record with `wnm history`",
            Self::EmptyPeriod { .. } => "give --since an earlier time than --until",
            Self::Hold(error) => error.hint(),
            Self::Alert(error) => return Some(error.hint()),
            Self::NoCycle => "run the first cycle with `wnm run`",
            Self::Unconfirmed { line, .. } | Self::LowerCap { line, .. } => return Some(format!("run `{line}`")),
            Self::OwnedStorage { .. } => {
                "take them over with `wnm init --import`, or choose another folder with --node-storage"
            }
            Self::DaemonRuns { pid: 0 } => "end it as the user that started it",
            Self::DaemonRuns { pid } => return Some(format!("end it as the user that started it, with `kill {pid}`")),
            Self::NoValue { key, example } => {
                return Some(format!("run `wnm config set {}`", shell_text(&[format!("{key}={example}")])));
            }
            Self::UnknownSetting { problem, command } => match &problem.cause {
                ProblemCause::UnknownSetting { nearest: Some(nearest) } => {
                    return Some(format!("run `{}`", command.replace("SETTING", nearest)));
                }
                _ => "list all settings with `wnm config list`",
            },
            Self::Required { key } => return Some(format!("run `wnm config set {key}=0x…` with another value")),
            Self::SetElsewhere { key, place } => return change_there(key, place),
            Self::Declined => return None,
            Self::Change(error) => return Some(error.hint()),
            Self::Edit(error) => return Some(error.hint()),
            Self::ResetWithoutReuse { .. } => "run `wnm node remove NODE`, then `wnm node add`",
            Self::ReportFormat { report, known, .. } => {
                let format = known.first().map_or("text", String::as_str);
                return Some(format!("run `wnm report {report} --format {format}`"));
            }
            Self::NotPushable { .. } | Self::InvalidUrl { .. } => {
                "run `wnm report influx-resources --push http://127.0.0.1:8086`"
            }
            Self::NoVariable { .. } => "set INFLUX_ORG, INFLUX_BUCKET and INFLUX_TOKEN",
            Self::Push { .. } => "check the address, and INFLUX_ORG, INFLUX_BUCKET and INFLUX_TOKEN",
            Self::TwoSupervisors { uninstall, .. } | Self::ServesAnotherDatabase { uninstall, .. } => {
                return Some(format!("run `{uninstall}` first"));
            }
            Self::NoServiceManager => {
                "use cron with `wnm service install --cron`; `wnm service show --cron` prints its line"
            }
            Self::WriteTrace { .. } => "free disk space, or choose another folder",
            Self::CreateTrace { path, source } | Self::ManPages { path, source } => {
                return Some(unwritable(path, source));
            }
            Self::WrongManager { .. } => "leave out --process-manager",
            Self::UnknownManager { .. } => "nothing was changed, and the nodes keep running under the Python wnm",
            Self::NothingToTakeOver { .. } => {
                "name the process manager with --process-manager, and the folders with --node-storage"
            }
            Self::ManagerFailure(failure) => {
                return Some(failure.hint.clone().unwrap_or_else(|| "check this host with `wnm doctor`".to_owned()));
            }
            Self::NoTerminal { .. } => "print the page again and again with `wnm status --watch`",
            Self::NoHome { .. } => "set HOME, as in `HOME=/srv/wnm wnm init --rewards-address 0x…`",
            Self::Daemon(_) => "check it with `wnm status`; SIGTERM ends it, and the command then runs without it",
            Self::Requested { hint, .. } => return hint.clone(),
            Self::DaemonEnded => "run the command again",
            Self::SecondDaemon { .. } | Self::Serve(ServeError::Taken { .. }) => {
                "run `wnm status`, which shows the daemon, or end that daemon first"
            }
            Self::Serve(_) | Self::NoCompletions { .. } => return None,
            Self::DemoNoEngine => "apt install redis-server",
            Self::DemoInterrupted
            | Self::DemoStuck { .. }
            | Self::DemoNoProcess(_)
            | Self::DemoNoPorts
            | Self::DemoWaited { .. }
            | Self::DemoCommand { .. } => "run `wnm demo` again, or check this host with `wnm doctor`",
        };
        Some(hint.to_owned())
    }
}

/// Returns how to change a setting at the place that sets it.
fn change_there(key: &str, place: &Source) -> Option<String> {
    match place {
        Source::Environment { variable } => Some(format!("change the variable, or run `unset {variable}` first")),
        Source::File { path } => Some(format!("change {key} in {path}, or delete it there")),
        Source::Database | Source::BehindOtherWork | Source::Default => None,
    }
}

/// Returns how to write to a path that the system refuses.
fn unwritable(path: &Path, error: &io::Error) -> String {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match error.kind() {
        io::ErrorKind::NotFound => format!("create the folder with `mkdir -p {}`", folder.display()),
        io::ErrorKind::AlreadyExists => "choose a name that does not exist yet".to_owned(),
        io::ErrorKind::NotADirectory => format!("name a path in a folder: {} is not one", folder.display()),
        _ => "choose a writable folder".to_owned(),
    }
}

fn manager_log(node: NodeId) -> String {
    format!("read that of its process manager with `wnm node logs {} --source manager`", node.name())
}

fn last_events(node: NodeId) -> String {
    format!("see its state and its last events with `wnm node show {}`", node.name())
}

/// Returns the effect of a command that lacks a consent, with at most five nodes by name.
fn unconfirmed(purpose: Purpose, nodes: &[NodeId]) -> String {
    let count = counted(nodes.len(), "node");
    let effect = match purpose {
        Purpose::Remove => format!("removing {count} needs --yes"),
        Purpose::Reset => format!("giving {count} a new identity needs --yes"),
        Purpose::Restore => format!("restoring {count} needs --yes, because they must not run on another host"),
        Purpose::Teardown if nodes.is_empty() => "emptying the trash needs --yes".to_owned(),
        Purpose::Teardown => format!("removing {count} and emptying the trash needs --yes"),
        Purpose::NodeCap { cap } => format!("a node_cap of {cap} removes {count} and needs --yes"),
    };
    if nodes.is_empty() {
        return effect;
    }
    format!("{effect}: {}", listed(nodes))
}

fn daemon(pid: u32) -> String {
    if pid == 0 { String::new() } else { format!(" (PID {pid})") }
}

/// Returns at most five nodes by name, and the number of the others.
fn listed(nodes: &[NodeId]) -> String {
    const NAMED: usize = 5;
    let mut names: Vec<String> = nodes.iter().take(NAMED).map(|id| id.name()).collect();
    if nodes.len() > NAMED {
        names.push(format!("{} more", nodes.len() - NAMED));
    }
    names.join(", ")
}
