//! The running daemon, on the page of `wnm status`.

use std::time::Duration;

use serde::Serialize;
use wnm_agent::control::{ClientError, DaemonInfo, ListenInfo};
use wnm_agent::without_numbers;
use wnm_core::Timestamp;
use wnm_store::Holder;

use super::{BOLD, GREEN, YELLOW, duration, styled, time};
use crate::json::Time;

/// A running daemon at a time of the colony's clock.
#[derive(Debug)]
pub(crate) struct Daemon {
    pub(crate) info: DaemonInfo,
    pub(crate) now: Timestamp,
}

impl Daemon {
    /// Returns the time until the next scheduled cycle; None before the first, and while draining.
    fn next_in(&self) -> Option<Duration> {
        self.info.next.map(|next| next.since(self.now))
    }
}

/// A running daemon that cannot be asked.
#[derive(Debug)]
pub(crate) struct Unreachable {
    /// Its process; None if unknown.
    pub(crate) holder: Option<Holder>,
    /// Why it cannot be asked, in a sentence.
    pub(crate) problem: String,
    /// How the operator can fix the cause.
    pub(crate) hint: &'static str,
}

impl Unreachable {
    /// Returns a daemon that does not answer at its control socket.
    pub(crate) fn new(holder: Option<Holder>, error: &ClientError) -> Self {
        let hint = "see the log of the daemon; SIGTERM ends it, and commands work without it";
        Self { holder, problem: without_numbers(&error.to_string()), hint }
    }

    /// Returns a daemon without a control socket, or with that of a release with another protocol.
    pub(crate) fn without_socket(holder: Option<Holder>) -> Self {
        let problem = "the daemon has no control socket for this release of wnm".to_owned();
        let hint = "commands work, and wait for the end of its cycle; its log names the reason";
        Self { holder, problem, hint }
    }
}

/// A running daemon that cannot be asked, as JSON.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct UnreachableView<'a> {
    /// The PID; null if unknown.
    pid: Option<u32>,
    /// The start of the daemon; null if unknown.
    started_at: Option<Time>,
    /// Why it cannot be asked.
    error: &'a str,
    /// How to fix the cause.
    hint: &'a str,
}

impl<'a> From<&'a Unreachable> for UnreachableView<'a> {
    fn from(daemon: &'a Unreachable) -> Self {
        let holder = daemon.holder.as_ref();
        Self {
            pid: holder.map(|holder| holder.pid),
            started_at: holder.map(|holder| Time::from(holder.since)),
            error: &daemon.problem,
            hint: daemon.hint,
        }
    }
}

/// The running daemon as JSON.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct DaemonView {
    /// The PID.
    pid: u32,
    /// The version of its wnm.
    version: String,
    /// The phase of its life.
    #[cfg_attr(test, schemars(extend("enum" = ["starting", "running", "draining", "ended"])))]
    phase: String,
    /// The start of the daemon; null if the clock could not be read.
    started_at: Option<Time>,
    /// The time from one scheduled cycle to the next, in seconds.
    interval_seconds: f64,
    /// The number of cycles that it has completed.
    cycles: u64,
    /// The time of its last cycle; null before the first.
    last_cycle_at: Option<Time>,
    /// The duration of its last cycle, in seconds; null before the first.
    last_cycle_seconds: Option<f64>,
    /// The due time of the next scheduled cycle; null before the first, and while draining.
    next_cycle_at: Option<Time>,
    /// The time until the next scheduled cycle, in seconds; null before the first, and while draining.
    next_cycle_in_seconds: Option<u64>,
    /// The failure of the last cycle; null after a complete one.
    error: Option<String>,
    /// How to fix that failure; null without specific advice.
    hint: Option<String>,
    /// The HTTP server; null when the setting `listen` is off.
    listen: Option<ListenView>,
}

/// The HTTP server of the daemon.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ListenView {
    /// The address in the settings.
    wanted: String,
    /// The address that serves: another port where that of the settings is taken; null if none could be had.
    address: Option<String>,
    /// Whether it speaks TLS (https).
    tls: bool,
    /// Why no address serves; null while one does.
    error: Option<String>,
    /// How to fix that cause; null without specific advice.
    hint: Option<String>,
    /// The end of the certificate or of its chain; null without TLS.
    certificate_ends_at: Option<Time>,
    /// Why clients do not accept the certificate, now or soon; null without such a reason.
    certificate_problem: Option<String>,
}

impl From<&ListenInfo> for ListenView {
    fn from(info: &ListenInfo) -> Self {
        let ListenInfo { wanted, address, tls, error, hint, certificate_ends, certificate_problem } = info.clone();
        let certificate_ends_at = certificate_ends.map(Time::from);
        Self { wanted, address, tls, error, hint, certificate_ends_at, certificate_problem }
    }
}

impl From<&Daemon> for DaemonView {
    fn from(daemon: &Daemon) -> Self {
        let seconds = |millis: u64| Duration::from_millis(millis).as_secs_f64();
        let info = &daemon.info;
        Self {
            pid: info.pid,
            version: info.version.clone(),
            phase: info.phase.clone(),
            started_at: info.started.map(Time::from),
            interval_seconds: seconds(info.interval_ms),
            cycles: info.cycles,
            last_cycle_at: info.last.map(Time::from),
            last_cycle_seconds: info.took_ms.map(seconds),
            next_cycle_at: info.next.map(Time::from),
            next_cycle_in_seconds: daemon.next_in().map(|left| left.as_secs()),
            error: info.failure.as_ref().map(|failure| failure.error.clone()),
            hint: info.failure.as_ref().and_then(|failure| failure.hint.clone()),
            listen: info.listen.as_ref().map(ListenView::from),
        }
    }
}

/// Returns the line of a daemon, and the failure of its last cycle.
pub(crate) fn text(daemon: &Daemon) -> String {
    let info = &daemon.info;
    let since = info.started.map_or_else(String::new, |at| format!(" since {}", time(at)));
    let next = match (daemon.next_in(), info.phase.as_str()) {
        (Some(left), "running") => format!(", next cycle in {}", duration(left)),
        (_, phase) => format!(", {phase}"),
    };
    let mut text = format!("{}  PID {}{since}{next}\n", styled(BOLD, "daemon"), info.pid);
    text.extend(info.listen.as_ref().map(listen));
    if let Some(failure) = &info.failure {
        text.push_str(&format!("{} the last cycle failed: {}\n", styled(YELLOW.bold(), "warning:"), failure.error));
        text.extend(failure.hint.iter().map(|hint| format!("{} {hint}\n", styled(GREEN.bold(), "hint:"))));
    }
    text.push('\n');
    text
}

/// Returns the lines of a daemon that cannot be asked.
pub(crate) fn unreachable(daemon: &Unreachable) -> String {
    let Unreachable { holder, problem, hint } = daemon;
    let line = holder.as_ref().map_or_else(String::new, |Holder { pid, since }| {
        format!("{}  PID {pid} since {}\n", styled(BOLD, "daemon"), time(*since))
    });
    let (label, below) = (styled(YELLOW.bold(), "warning:"), styled(GREEN.bold(), "hint:"));
    format!("{line}{label} {problem}\n{below} {hint}\n\n")
}

/// Returns the line of the HTTP server.
fn listen(info: &ListenInfo) -> String {
    let ListenInfo { wanted, address, tls, error, hint, certificate_problem, .. } = info;
    let scheme = if *tls { "https" } else { "http" };
    let certificate = certificate_problem.as_ref().map_or_else(String::new, |problem| {
        let (label, below) = (styled(YELLOW.bold(), "warning:"), styled(GREEN.bold(), "hint:"));
        format!("{label} {problem}\n{below} renew the file of listen_cert; the daemon takes the new one by itself\n")
    });
    match address {
        Some(address) if address == wanted => format!("        metrics at {scheme}://{address}/metrics\n{certificate}"),
        Some(address) => {
            format!("        metrics at {scheme}://{address}/metrics, because {wanted} is taken\n{certificate}")
        }
        None => {
            let (label, below) = (styled(YELLOW.bold(), "warning:"), styled(GREEN.bold(), "hint:"));
            let error = without_numbers(error.as_deref().unwrap_or("unknown error"));
            let hint = hint.as_deref().unwrap_or("choose another address with `wnm config set listen=127.0.0.1:9910`");
            format!("{label} cannot serve metrics at {wanted}: {error}\n{below} {hint}\n")
        }
    }
}
