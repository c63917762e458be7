//! The page of `wnm status`: the host, the nodes and the last decision.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anstyle::Style;
use serde::Serialize;
use wnm_core::{
    ActionRecord, Blocker, CpuLimitSample, FailedAction, FailedVersion, Health, LoadScope, Measure, NodeId, NodeState,
    Outcome, Planned, Psi, Reading, Stalls, Timestamp, UnlistedFolder, Volume, WeightMeans, WeightSample,
};

use super::config_file::{self, RefusalView};
use super::daemon::{self, Daemon, DaemonView, Unreachable, UnreachableView};
use super::earnings::{self, EarningsNow, EarningsView};
use super::failures::{self, FailureView};
use super::freshness::{self, ScheduleView};
use super::health::{self, HealthView};
use super::page::Width;
use super::unlisted;
use super::valves::{self, ValvesNow, ValvesView};
use super::versions;
use super::volumes::{self, VolumeView};
use super::{BOLD, DIM, GREEN, RED, YELLOW, duration, reason, styled};
use crate::config::reload::Refusal;
use crate::json::{self, Cause, CpuLimitView, PlannedView, PsiView, SignalView, Time, UnderWayView, WeightView};

/// The content of `wnm status`.
#[derive(Debug)]
pub(crate) struct Status {
    /// The number of the last recorded cycle; None before the first.
    pub(crate) cycle: Option<i64>,
    /// The time of its observation; None before the first cycle.
    pub(crate) at: Option<Timestamp>,
    /// The age of that observation, in seconds.
    pub(crate) age_seconds: u64,
    /// The schedule of the cycles.
    pub(crate) schedule: ScheduleView,
    /// Whether no cycle ran for three intervals, so that the rest describes the past.
    pub(crate) stale: bool,
    /// The problem of a stale record, in a sentence.
    pub(crate) stale_problem: Option<String>,
    /// The way to get cycles again; None if not stale.
    pub(crate) hint: Option<String>,
    /// The running daemon; None without one.
    pub(crate) daemon: Option<Daemon>,
    /// The running daemon if it cannot be asked.
    pub(crate) unreachable: Option<Unreachable>,
    /// The reason for which a change of the config file is not applied; None without one.
    pub(crate) config_file: Option<Refusal>,
    /// The holds and windows now; None when the settings are not valid.
    pub(crate) valves: Option<ValvesNow>,
    /// The earnings; None without the setting.
    pub(crate) earnings: Option<EarningsNow>,
    /// The health of the nodes on the last complete day.
    pub(crate) health: Health,
    /// The nodes that should run and do not.
    pub(crate) node_problems: Vec<NodeProblem>,
    /// The actions that failed, the latest first.
    pub(crate) failures: Vec<FailedAction>,
    /// The present time, from which the waits of the failed actions count.
    pub(crate) now: Timestamp,
    /// The volumes of the storage folders in the last cycle.
    pub(crate) storage: Vec<VolumeView>,
    /// The logical processors of the host; None if unknown.
    pub(crate) cpus: Option<u32>,
    /// The memory of the host, in bytes; None if unknown.
    pub(crate) memory_total: Option<u64>,
    /// The processes that the load averages count; None before the first cycle.
    pub(crate) load_scope: Option<LoadScope>,
    /// The CPU quota on a control group around the nodes that they are nearest to; None without one.
    pub(crate) cpu_quota: Option<CpuLimitSample>,
    /// The applied CPU limit; None if this host does not support one.
    pub(crate) cpu_limit: Option<CpuLimitSample>,
    /// The pressure stall information of the kernel; None if it provides none.
    pub(crate) psi: Option<Psi>,
    /// The means by which the nodes run behind other work; None if unknown.
    pub(crate) weight: Option<WeightSample>,
    /// The folders of nodes that the database did not contain in the last cycle.
    pub(crate) unlisted: Vec<UnlistedFolder>,
    /// The signals with their thresholds.
    pub(crate) signals: Vec<Measure>,
    /// The volumes of the storage folders, to which the signals of disks refer.
    pub(crate) volumes: Vec<Volume>,
    /// The maximum number of nodes.
    pub(crate) node_cap: u32,
    /// The count of nodes.
    pub(crate) nodes: usize,
    /// The count of nodes in each state.
    pub(crate) by_state: BTreeMap<&'static str, usize>,
    /// The count of nodes of each version, `unknown` included.
    pub(crate) by_version: BTreeMap<String, usize>,
    /// The versions that failed on nodes that upgraded themselves.
    pub(crate) failed_versions: Vec<FailedVersion>,
    /// The actions that have started and not ended.
    pub(crate) under_way: Vec<UnderWay>,
    /// The nodes that wait for the end of `delay_start` or `delay_upgrade`, the earliest end first.
    pub(crate) delayed: Vec<Delayed>,
    /// The actions that the last cycle decided.
    pub(crate) decided: Vec<Planned>,
    /// The blocker that ended the last cycle without an action; None when nothing called for one.
    pub(crate) blocker: Option<Blocker>,
    /// Blockers of the rules that were skipped in the last cycle.
    pub(crate) blockers: Vec<Blocker>,
    /// A state for each key of `by_state`, for its colour.
    pub(crate) states: BTreeMap<&'static str, NodeState>,
}

/// The status as JSON.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct StatusView<'a> {
    /// The number of the last recorded cycle; null before the first.
    cycle: Option<i64>,
    /// The time of its observation; null before the first cycle.
    at: Option<Time>,
    /// The age of that observation, in seconds.
    age_seconds: u64,
    /// The schedule of the cycles.
    schedule: &'a ScheduleView,
    /// Whether no cycle ran for three intervals, so that the rest describes the past.
    stale: bool,
    /// The way to get cycles again; null if not stale.
    hint: Option<&'a str>,
    /// The running daemon; null without one, and while it cannot be asked.
    daemon: Option<DaemonView>,
    /// The running daemon if it cannot be asked: it does not answer, or has no control socket; null otherwise.
    unreachable_daemon: Option<UnreachableView<'a>>,
    /// The reason for which the settings before a change of the config file stay; null when the file is applied.
    config_file: Option<RefusalView<'a>>,
    /// The holds and windows now; null when the settings are not valid.
    valves: Option<ValvesView>,
    /// The earnings; null without the setting.
    earnings: Option<EarningsView>,
    /// The health of the nodes on the last complete day; null if no reading of that day contained a count.
    health: Option<HealthView>,
    /// The nodes that should run and do not.
    node_problems: &'a [NodeProblem],
    /// The actions that failed and are tried again, the latest first. Failed additions count together.
    failures: Vec<FailureView>,
    /// The volumes of the storage folders in the last cycle.
    storage: &'a [VolumeView],
    /// The logical processors of the host; null if unknown.
    cpus: Option<u32>,
    /// The memory of the host; null if unknown.
    memory_total_bytes: Option<u64>,
    /// Whose processes the load averages count: those of this host, or of the host around this container; null before the
    /// first cycle.
    #[cfg_attr(test, schemars(extend("enum" = ["host", "host_of_container", null])))]
    load_scope: Option<&'static str>,
    /// The CPU quota of another program on a control group around the nodes; null without one.
    cpu_quota: Option<CpuLimitView>,
    /// The CPU limit; null if this host does not support one.
    cpu_limit: Option<CpuLimitView>,
    /// The pressure stall information of the kernel; null if it provides none.
    psi: Option<PsiView>,
    /// The means by which the nodes run behind other work; null if unknown.
    weight: Option<WeightView>,
    /// The folders of nodes in the storage folders that the database did not contain in the last cycle.
    unlisted_folders: Vec<&'a Path>,
    /// The signals with their thresholds.
    signals: Vec<SignalView>,
    /// The maximum number of nodes.
    node_cap: u32,
    /// The count of nodes.
    nodes: usize,
    /// The count of nodes in each state.
    by_state: &'a BTreeMap<&'static str, usize>,
    /// The count of nodes of each version; the key `unknown` counts those of unknown version.
    by_version: &'a BTreeMap<String, usize>,
    /// The newest version of a node; null if no version is known.
    newest_version: Option<&'a str>,
    /// The count of nodes with an older version than the newest.
    older_nodes: usize,
    /// The versions that failed on nodes that upgraded themselves within the last week.
    failed_versions: Vec<FailedVersionView<'a>>,
    /// The actions that have started and not ended.
    under_way: Vec<UnderWayView>,
    /// The nodes that wait for the end of `delay_start` or `delay_upgrade`, the earliest end first.
    delayed: &'a [Delayed],
    /// The actions that the last cycle decided.
    decided: Vec<PlannedView>,
    /// The blocker that ended the last cycle without an action; null when nothing called for one.
    blocker: Option<Cause>,
    /// The blockers of the rules that were skipped in the last cycle.
    blockers: Vec<Cause>,
}

impl<'a> From<&'a Status> for StatusView<'a> {
    fn from(status: &'a Status) -> Self {
        let cause = |blocker: &Blocker| Cause::blocker(blocker, status.at.unwrap_or_default());
        Self {
            cycle: status.cycle,
            at: status.at.map(Time::from),
            age_seconds: status.age_seconds,
            schedule: &status.schedule,
            stale: status.stale,
            hint: status.hint.as_deref(),
            daemon: status.daemon.as_ref().map(DaemonView::from),
            unreachable_daemon: status.unreachable.as_ref().map(UnreachableView::from),
            config_file: status.config_file.as_ref().map(RefusalView::from),
            valves: status.valves.as_ref().map(ValvesView::from),
            earnings: status.earnings.as_ref().map(EarningsView::from),
            health: HealthView::of(&status.health),
            node_problems: &status.node_problems,
            failures: status.failures.iter().map(FailureView::from).collect(),
            storage: &status.storage,
            cpus: status.cpus,
            memory_total_bytes: status.memory_total,
            load_scope: status.load_scope.map(json::load_scope),
            cpu_quota: status.cpu_quota.map(CpuLimitView::from),
            cpu_limit: status.cpu_limit.map(CpuLimitView::from),
            psi: status.psi.as_ref().map(PsiView::from),
            weight: status.weight.as_ref().map(WeightView::from),
            unlisted_folders: status.unlisted.iter().map(|unlisted| unlisted.folder.as_path()).collect(),
            signals: SignalView::all(&status.signals, &status.volumes),
            node_cap: status.node_cap,
            nodes: status.nodes,
            by_state: &status.by_state,
            by_version: &status.by_version,
            newest_version: versions::newest(&status.by_version),
            older_nodes: versions::older(&status.by_version),
            failed_versions: status.failed_versions.iter().map(FailedVersionView::from).collect(),
            under_way: status
                .under_way
                .iter()
                .map(|work| UnderWayView::of(&work.record, work.outcome.as_ref()))
                .collect(),
            delayed: &status.delayed,
            decided: status.decided.iter().map(PlannedView::from).collect(),
            blocker: status.blocker.as_ref().map(cause),
            blockers: status.blockers.iter().map(cause).collect(),
        }
    }
}

impl Status {
    /// Returns whether a recent cycle is on record, every node that should run runs, and no volume has a fault.
    pub(crate) fn is_healthy(&self) -> bool {
        let has_faults = self.storage.iter().any(|volume| volume.fault.is_some());
        self.cycle.is_some() && !self.stale && self.node_problems.is_empty() && !has_faults
    }
}

/// A node that should run and does not.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct NodeProblem {
    pub(crate) node: NodeId,
    /// The name of the node, such as `antnode0003`.
    pub(crate) name: String,
    /// The state in one word, such as `STOPPED`.
    pub(crate) status: &'static str,
    /// Why it does not run.
    pub(crate) problem: String,
}

/// A version that failed on nodes that upgraded themselves to it: they ended within an hour.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct FailedVersionView<'a> {
    version: String,
    /// The count of nodes that upgraded themselves to it.
    upgraded: usize,
    /// Those of them that failed, and have not been up for ten minutes since.
    failed: &'a [NodeId],
}

impl<'a> From<&'a FailedVersion> for FailedVersionView<'a> {
    fn from(failed: &'a FailedVersion) -> Self {
        Self { version: failed.version.to_string(), upgraded: failed.upgraded, failed: &failed.failed }
    }
}

/// Returns a version that failed in one line: `0.4.18 failed on 2 of 5 nodes that upgraded themselves`.
pub(crate) fn failed_version(failed: &FailedVersion) -> String {
    let FailedVersion { version, upgraded, failed } = failed;
    let nodes = if *upgraded == 1 { "node that upgraded itself" } else { "nodes that upgraded themselves" };
    format!("{version} failed on {} of {upgraded} {nodes}", failed.len())
}

/// An action that has started and not ended.
#[derive(Debug)]
pub(crate) struct UnderWay {
    pub(crate) record: ActionRecord,
    /// The last outcome; None if its first cycle was interrupted.
    pub(crate) outcome: Option<Outcome>,
}

/// Columns beside the bar of a signal: 14 for its name, 34 for its value and thresholds.
const BESIDE_BAR: usize = 14 + 34;

/// A node that waits for the end of a delay after its start or upgrade.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Delayed {
    pub(crate) node: NodeId,
    /// The state in one word, such as `UPGRADING`.
    pub(crate) status: &'static str,
    /// The rest of the delay, in seconds.
    pub(crate) left_seconds: u64,
}

/// Most delayed nodes on the page, and most nodes with a problem: more would push the last decision off the screen.
const MOST_NODES: usize = 5;

/// Returns the page: at most 78 columns wide, with shorter bars on a narrow terminal.
pub(crate) fn text(status: &Status, width: Width) -> String {
    let bar = width.beside(BESIDE_BAR, 10, 30);
    let unreachable = status.unreachable.as_ref().map(daemon::unreachable);
    let daemon = status.daemon.as_ref().map(daemon::text).or(unreachable).unwrap_or_default();
    let Some(at) = status.at else {
        // A hold of a new colony explains why its first cycles add no node.
        let valves: String = status.valves.as_ref().map(valves::lines).into_iter().collect();
        let refusal: String = status.config_file.as_ref().map(config_file::text).into_iter().collect();
        let none = "no cycle recorded: `wnm run` runs one cycle, `wnm daemon` one every few seconds\n";
        return format!("{daemon}{refusal}{valves}{none}");
    };
    let mut text = match (&status.stale_problem, &status.hint) {
        (Some(problem), hint) => freshness::warning(problem, hint.as_deref().unwrap_or("run `wnm run`")),
        (None, _) => String::new(),
    };
    text.push_str(&daemon);
    text.extend(status.config_file.as_ref().map(config_file::text));
    text.extend(status.valves.as_ref().map(valves::lines));
    let age = format!("observed {} ago", duration(Duration::from_secs(status.age_seconds)));
    let columns = format!("{:>6} {:>10} {:>10}", "value", "low", "high");
    let fill = BESIDE_BAR + bar - "host  ".len() - columns.len();
    text.push_str(&format!("{}  {age:<fill$}{}\n\n", styled(BOLD, "host"), styled(DIM, columns)));
    for measure in &status.signals {
        text.push_str(&signal(measure, bar, if status.stale { DIM } else { signal_style(measure) }));
    }
    let faults = volumes::fault_lines(&status.storage);
    text.extend(faults.iter().map(|line| format!("{line}\n")));
    if status.load_scope == Some(LoadScope::Container) {
        text.push_str(&format!("  {:<12}not judged: in this container it is the load of the host\n", "load"));
    }
    if let Some(line) = status.cpu_quota.and_then(cpu_quota) {
        text.push_str(&format!("  {:<12}{line}\n", "CPU quota"));
    }
    if let Some(line) = status.cpu_limit.and_then(|applied| cpu_limit(applied, status.cpus)) {
        text.push_str(&format!("  {:<12}{line}\n", "CPU limit"));
    }
    if let Some(weight) = &status.weight {
        text.push_str(&format!("  {:<12}{}\n", "weight", weight_line(weight)));
    }
    if let Some(psi) = &status.psi {
        text.push_str(&stalls(psi));
    }
    let of_cap = format!("{} of at most {}", status.nodes, status.node_cap);
    text.push_str(&format!("\n{}   {of_cap}\n", styled(BOLD, "nodes")));
    if !status.by_state.is_empty() {
        text.push('\n');
    }
    for (word, count) in &status.by_state {
        let known = status.states.get(word).map_or(Style::new(), super::state_style);
        let style = if status.stale { DIM } else { known };
        text.push_str(&format!("  {}{count:>5}\n", styled(style, format!("{word:<12}"))));
    }
    let versions = versions::line(&status.by_version);
    if !versions.is_empty() {
        text.push_str(&format!("  {:<12}{versions}\n", "versions"));
    }
    for failed in &status.failed_versions {
        text.push_str(&format!("  {:<12}{}\n", "upgrades", failed_version(failed)));
    }
    text.push_str(&health::lines(&status.health));
    text.extend(unlisted::line(&status.unlisted));
    text.extend(status.earnings.as_ref().map(earnings::lines));
    text.push_str(&lists(status, at));
    text.push_str(&format!("\n{}\n\n{}", styled(BOLD, "last decision"), decision(status, at)));
    text
}

/// Returns the lists of nodes that do not run, of failed actions, and of work under way, without the empty ones.
pub(crate) fn lists(status: &Status, at: Timestamp) -> String {
    let mut text = String::new();
    if !status.node_problems.is_empty() {
        text.push_str(&format!("\n{}\n\n", styled(BOLD, "not running")));
        text.push_str(&first_nodes(&status.node_problems, node_problem));
    }
    if !status.failures.is_empty() {
        text.push_str(&format!("\n{}\n\n", styled(BOLD, "failed")));
        text.push_str(&first_nodes(&status.failures, |failed| format!("  {}\n", failures::text(failed, status.now))));
    }
    if !status.under_way.is_empty() || !status.delayed.is_empty() {
        text.push_str(&format!("\n{}\n\n", styled(BOLD, "under way")));
        text.extend(status.under_way.iter().map(|work| under_way(work, at)));
        text.push_str(&first_nodes(&status.delayed, delayed));
    }
    text
}

/// Returns the colour of a signal by its thresholds.
pub(crate) fn signal_style(measure: &Measure) -> Style {
    if measure.is_exceeded() {
        RED
    } else if measure.allows() {
        GREEN
    } else {
        YELLOW
    }
}

/// Returns the lines of the first nodes of a list, and the count of the others.
fn first_nodes<T>(nodes: &[T], line: impl Fn(&T) -> String) -> String {
    let mut text: String = nodes.iter().take(MOST_NODES).map(line).collect();
    if let Some(more) = nodes.len().checked_sub(MOST_NODES).filter(|more| *more > 0) {
        text.push_str(&format!("  and {more} more\n"));
    }
    text
}

/// Returns the bar of a signal, with its two thresholds as `│`.
pub(crate) fn bar(measure: &Measure, width: usize) -> String {
    let full = match measure.remove {
        Reading::Percent(_) => 100.0,
        Reading::Load(_) | Reading::Rate(_) => measure.remove.number() * 1.5,
    };
    let place = |value: f64| if full > 0.0 { ((value / full * width as f64).round() as usize).min(width) } else { 0 };
    let (seen, low, high) = (
        measure.seen.map(|seen| place(seen.number())),
        place(measure.less_than.number()),
        place(measure.remove.number()),
    );
    (0..width)
        .map(|at| match seen {
            _ if at + 1 == low || at + 1 == high => '│',
            Some(seen) if at < seen => '█',
            _ => '·',
        })
        .collect()
}

/// Returns the line of a signal: its bar, its value, its low and its high threshold.
fn signal(measure: &Measure, width: usize, style: Style) -> String {
    let seen = measure.seen.map_or_else(|| "unknown".to_owned(), |seen| seen.to_string());
    format!(
        "  {:<12}{} {seen:>11} {:>10} {:>10}\n",
        measure.signal.to_string(),
        styled(style, bar(measure, width)),
        measure.less_than.to_string(),
        measure.remove.to_string()
    )
}

/// Returns the applied CPU limit: `12.0 of 16 cores, nodes throttled 8 % of the time`; None without one.
pub(crate) fn cpu_limit(applied: CpuLimitSample, cpus: Option<u32>) -> Option<String> {
    let limit = applied.limit?.get();
    let of = cpus.map_or_else(String::new, |cpus| format!(" of {cpus}"));
    let throttled = applied
        .throttled
        .map_or_else(String::new, |share| format!(", nodes throttled {:.0} % of the time", share.get()));
    Some(format!("{limit:.1}{of} cores{throttled}"))
}

/// Returns the means by which the nodes run behind other work: `CPU by control group, disks not applied`.
pub(crate) fn weight_line(weight: &WeightSample) -> String {
    let means = |means: Option<WeightMeans>| match means {
        Some(WeightMeans::Group) => "by control group",
        Some(WeightMeans::UserGroup) => "by control group of the user",
        Some(WeightMeans::NodeGroups) => "by container",
        Some(WeightMeans::Priority) => "by priority",
        None => "not applied",
    };
    format!("CPU {}, disks {}", means(weight.cpu), means(weight.io))
}

/// Returns the CPU quota around the nodes: `1.5 cores around the nodes, throttled 12 % of the time`; None without one.
pub(crate) fn cpu_quota(quota: CpuLimitSample) -> Option<String> {
    let throttled =
        quota.throttled.map_or_else(String::new, |share| format!(", throttled {:.0} % of the time", share.get()));
    Some(format!("{:.1} cores around the nodes{throttled}", quota.limit?.get()))
}

/// Returns the lines of tasks that waited: of all, and of the background load where control groups tell.
fn stalls(psi: &Psi) -> String {
    let line = |name: &str, stalls: &Stalls| {
        let [cpu, memory, io] = [stalls.cpu, stalls.memory, stalls.io].map(|stall| stall.some.avg10.get());
        format!("  {name:<12}waits for CPU {cpu:.0} %, memory {memory:.0} %, disks {io:.0} % of the last 10 s\n")
    };
    let background = psi.background.as_ref().map_or_else(String::new, |stalls| line("background", stalls));
    line("pressure", &psi.host) + &background
}

pub(crate) fn under_way(work: &UnderWay, now: Timestamp) -> String {
    let outcome = work.outcome.as_ref().map_or_else(|| "started".to_owned(), |outcome| reason::outcome(outcome, now));
    format!("  {}: {outcome}\n", reason::action(&work.record.planned.action))
}

pub(crate) fn node_problem(node: &NodeProblem) -> String {
    format!("  {} {}: {}\n", node.name, node.status.to_lowercase(), node.problem)
}

pub(crate) fn delayed(node: &Delayed) -> String {
    let left = duration(Duration::from_secs(node.left_seconds));
    format!("  {} {}: {left} of its delay left\n", node.node.name(), node.status.to_lowercase())
}

pub(crate) fn decision(status: &Status, at: Timestamp) -> String {
    if status.cycle.is_some() && status.decided.is_empty() {
        let reasons = reason::no_action_lines(status.blocker.as_ref(), &status.blockers, &status.signals, at);
        return reasons.iter().map(|line| format!("  {line}\n")).collect();
    }
    let line = |p: &Planned| format!("  {}: {}\n", reason::action(&p.action), reason::reason(&p.reason));
    status.decided.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use wnm_core::{Cores, Percent};

    use super::*;

    #[test]
    fn cpu_limit_is_shown_with_its_throttling() {
        let (limit, throttled) = (Cores::new(12.0).ok(), Percent::new(8.3).ok());
        for (applied, cpus, line) in [
            (CpuLimitSample::default(), Some(16), None),
            (CpuLimitSample { limit, throttled: None }, None, Some("12.0 cores")),
            (CpuLimitSample { limit, throttled }, Some(16), Some("12.0 of 16 cores, nodes throttled 8 % of the time")),
        ] {
            assert_eq!(cpu_limit(applied, cpus).as_deref(), line);
        }
    }
}
