//! A rollout of a fleet.

use serde::Serialize;
use wnm_agent::fleet::name::Name;
use wnm_agent::fleet::rollout::progress::{Failure, Phase, Progress, Rollout, Wait};

use crate::json::Time;
use crate::render::{BOLD, styled, time};

/// Most hosts of one state that the page names.
const MOST_NAMED: usize = 10;

/// A rollout.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct RolloutView {
    /// The version of the node program.
    version: String,
    /// The SHA-256 of the node program.
    sha256: String,
    /// The state.
    #[cfg_attr(test, schemars(extend("enum" = ["canary", "promotable", "waves", "complete", "incomplete", "stopped", "aborted"])))]
    phase: &'static str,
    /// The begin, by the clock of the engine.
    started_at: Time,
    /// The most hosts that upgrade at the same time.
    max_parallel: usize,
    /// The most hosts that may fail.
    max_failures: usize,
    /// The hosts that have the version and are healthy.
    healthy: usize,
    /// The hosts with a lease.
    leased: usize,
    /// The hosts that failed.
    failed: usize,
    /// The hosts without a lease, whose turn comes or that cannot upgrade.
    waiting: usize,
    /// All hosts, by name.
    hosts: Vec<RolloutHostView>,
    #[serde(skip)]
    page: String,
}

/// A host in a rollout.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct RolloutHostView {
    /// The name.
    host: String,
    /// Its progress.
    #[cfg_attr(test, schemars(extend("enum" = ["waiting", "leased", "healthy", "failed"])))]
    progress: &'static str,
    /// The reason to wait, or of the failure; null otherwise.
    reason: Option<&'static str>,
    /// The end of the lease, by the clock of the engine; null without one.
    lease_until: Option<Time>,
    /// The nodes that are not upgraded yet; null without a lease.
    outdated: Option<u64>,
}

impl RolloutHostView {
    fn new(host: &Name, progress: &Progress) -> Self {
        let leased = if let Progress::Leased(leased) = progress { Some(leased) } else { None };
        Self {
            host: host.to_string(),
            progress: word(progress),
            reason: reason(progress),
            lease_until: leased.map(|leased| leased.until.into()),
            outdated: leased.map(|leased| leased.outdated),
        }
    }
}

impl From<&Rollout> for RolloutView {
    fn from(rollout: &Rollout) -> Self {
        let count = |wanted: &str| rollout.count(|progress| word(progress) == wanted);
        let (phase, _) = phase(&rollout.phase);
        Self {
            version: rollout.plan.program.version.to_string(),
            sha256: rollout.plan.program.sha256.to_string(),
            phase,
            started_at: rollout.started.into(),
            max_parallel: rollout.plan.most_parallel(rollout.hosts.len()),
            max_failures: rollout.plan.most_failures(rollout.hosts.len()),
            healthy: count("healthy"),
            leased: count("leased"),
            failed: count("failed"),
            waiting: count("waiting"),
            hosts: rollout.hosts.iter().map(|(host, progress)| RolloutHostView::new(host, progress)).collect(),
            page: page(rollout),
        }
    }
}

/// Returns the page of a rollout.
pub(crate) fn rollout(view: &RolloutView) -> String {
    view.page.clone()
}

fn page(rollout: &Rollout) -> String {
    let (_, sentence) = phase(&rollout.phase);
    let line = |name: &str, text: String| format!("{}  {text}\n", styled(BOLD, format!("{name:<8}")));
    let (parallel, failures) =
        (rollout.plan.most_parallel(rollout.hosts.len()), rollout.plan.most_failures(rollout.hosts.len()));
    let mut text = line("rollout", format!("{} since {}", rollout.plan.program.version, time(rollout.started)));
    text.push_str(&line("state", sentence.to_owned()));
    text.push_str(&line("limits", format!("{parallel} at a time, {failures} may fail")));
    let count = |wanted: &str| rollout.count(|progress| word(progress) == wanted);
    let counts = ["healthy", "leased", "failed", "waiting"].map(|word| format!("{} {word}", count(word)));
    text.push_str(&line("hosts", counts.join(", ")));
    for wanted in ["failed", "leased", "waiting"] {
        let of_word: Vec<_> = rollout.hosts.iter().filter(|(_, progress)| word(progress) == wanted).collect();
        let is_plain = |progress: &Progress| *progress == Progress::Waiting(Wait::Turn);
        let named: Vec<_> = of_word.into_iter().filter(|(_, progress)| !is_plain(progress)).collect();
        for (host, progress) in named.iter().take(MOST_NAMED) {
            text.push_str(&line(wanted, format!("{host}{}", details(progress))));
        }
        if named.len() > MOST_NAMED {
            text.push_str(&line(wanted, format!("and {} more", named.len() - MOST_NAMED)));
        }
    }
    text
}

fn details(progress: &Progress) -> String {
    match progress {
        Progress::Leased(leased) => {
            let nodes = if leased.outdated == 1 { "node" } else { "nodes" };
            format!(": {} {nodes} left", leased.outdated)
        }
        other => reason(other).map_or_else(String::new, |reason| format!(": {reason}")),
    }
}

/// Returns a change of a host as a line.
pub(crate) fn rollout_change(host: &Name, progress: &Progress) -> String {
    format!("{host} {}{}", word(progress), reason(progress).map_or_else(String::new, |reason| format!(": {reason}")))
}

const fn word(progress: &Progress) -> &'static str {
    match progress {
        Progress::Waiting(_) => "waiting",
        Progress::Leased(_) => "leased",
        Progress::Healthy => "healthy",
        Progress::Failed(_) => "failed",
    }
}

const fn reason(progress: &Progress) -> Option<&'static str> {
    Some(match progress {
        Progress::Waiting(wait) => match wait {
            Wait::Turn => "its turn has not come",
            Wait::Away => "it publishes no state",
            Wait::Program => "it has another node program",
            Wait::Held => "a hold is in effect",
            Wait::Window => "its window is closed",
            Wait::ByNodes => "its nodes upgrade themselves (enable_upgrade is false)",
            Wait::Unhealthy => "nodes are down, a signal is over its threshold, or a cycle failed",
        },
        Progress::Failed(failure) => match failure {
            Failure::LeaseLapsed => "its lease ended without a result",
            Failure::Refused => "its upgrades failed too often",
            Failure::NoProgress => "it upgraded no node within the progress deadline",
            Failure::Unhealthy => "it was not healthy within the healthy deadline",
        },
        Progress::Leased(_) | Progress::Healthy => return None,
    })
}

const fn phase(phase: &Phase) -> (&'static str, &'static str) {
    match phase {
        Phase::Canary => ("canary", "the canaries upgrade"),
        Phase::Promotable => ("promotable", "the canaries are healthy; go on with `wnm fleet rollout promote`"),
        Phase::Waves => ("waves", "the hosts upgrade"),
        Phase::Complete => ("complete", "complete; hosts upgrade by their own rules again"),
        Phase::Incomplete => ("incomplete", "incomplete: the hosts that are left cannot upgrade"),
        Phase::Stopped => ("stopped", "stopped: more hosts failed than allowed; no host begins an upgrade"),
        Phase::Aborted => ("aborted", "aborted"),
    }
}
