//! Probes: their runs, their tasks, and their condition.

use serde::Serialize;
use wnm_agent::probe::{ClientProgram, ProgramError, ReadPlan};
use wnm_agent::valves::host::HostZones;
use wnm_agent::valves::local_times;
use wnm_core::probe::{
    ContentCheck, Gate, ProbeKind, ProbeOutcome, ProbePlan, ProbeRun, ProbeSummary, ProbeTask, SizeClass, spent_on_day,
};
use wnm_core::{Bytes, ProbeSettings, Timestamp};

use super::page::Width;
use super::table::Table;
use super::{GREEN, RED, YELLOW, counted, duration, styled, time};
use crate::error::CliError;
use crate::json::Time;

/// One run.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct RunView {
    /// The name of the task.
    task: String,
    /// The operation.
    kind: ProbeKind,
    /// The class of the file.
    size: SizeClass,
    /// The file: its name, or `seed N`.
    file: String,
    /// The client program with its version.
    client: String,
    /// The time of the start.
    started_at: Time,
    /// The time that the client took, in seconds.
    seconds: f64,
    /// The bytes of the content.
    bytes: u64,
    /// The transferred bytes a second; null for quotes and failures.
    bytes_per_second: Option<f64>,
    /// The comparison of the content with its digest.
    content: ContentCheck,
    /// The price in tokens, as a decimal number; null if the client named none.
    cost_ant: Option<String>,
    /// The address of an uploaded file, in hexadecimal digits; null for other runs.
    address: Option<String>,
    /// The attempt, from 1 on.
    attempt: u32,
    /// The result.
    outcome: ProbeOutcome,
    /// The exit code of the client; null if it was killed or did not start.
    exit_code: Option<i32>,
    /// The cause of a failure.
    cause: Option<String>,
    #[serde(skip)]
    started: Timestamp,
}

impl From<&ProbeRun> for RunView {
    fn from(run: &ProbeRun) -> Self {
        Self {
            task: run.task.clone(),
            kind: run.kind,
            size: run.size,
            file: run.file.clone(),
            client: run.client.clone(),
            started_at: run.started.into(),
            seconds: run.took.as_secs_f64(),
            bytes: run.bytes.0,
            bytes_per_second: run.rate(),
            content: run.content,
            cost_ant: run.cost.map(|cost| cost.to_string()),
            address: run.address.clone(),
            attempt: run.attempt,
            outcome: run.outcome,
            exit_code: run.exit_code,
            cause: run.cause.clone(),
            started: run.started,
        }
    }
}

impl RunView {
    fn row(&self) -> Vec<String> {
        let rate = self.bytes_per_second.map_or_else(|| "-".to_owned(), |rate| format!("{}/s", Bytes(rate as u64)));
        let check = match self.content {
            ContentCheck::Unchecked => "",
            ContentCheck::Valid => ", content valid",
            ContentCheck::Invalid => ", content invalid",
        };
        let cause = self.cause.as_ref().map(|cause| format!(": {cause}")).unwrap_or_default();
        vec![
            time(self.started),
            self.task.clone(),
            format!("{} {}", self.kind, self.size),
            self.file.clone(),
            format!("{:.1}s", self.seconds),
            rate,
            self.cost_ant.clone().unwrap_or_else(|| "-".to_owned()),
            styled(style(self.outcome), format!("{}{check}{cause}", words(self.outcome))),
        ]
    }
}

fn style(outcome: ProbeOutcome) -> anstyle::Style {
    match outcome {
        ProbeOutcome::Ok => GREEN,
        ProbeOutcome::Stopped => YELLOW,
        _ => RED,
    }
}

/// Returns an outcome for people.
fn words(outcome: ProbeOutcome) -> String {
    outcome.word().replace('_', " ")
}

/// Returns a table of runs. A narrow page omits prices, rates and files.
pub(crate) fn runs(runs: &[RunView], width: Width) -> String {
    if runs.is_empty() {
        return "no runs\n".to_owned();
    }
    let table = Table {
        header: &["STARTED", "TASK", "RUN", "FILE", "TIME", "RATE", "COST", "OUTCOME"],
        right: &[4, 5, 6],
        optional: &[6, 3, 5, 1, 2],
        rows: runs.iter().map(RunView::row).collect(),
    };
    table.text(width)
}

/// The files of a check.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct CheckedFile {
    /// The files.
    pub(crate) files: Vec<String>,
    /// The count of download tasks that can run.
    pub(crate) downloads: usize,
    /// The count of quote tasks that can run.
    pub(crate) quotes: usize,
    /// The count of upload tasks that can run.
    pub(crate) uploads: usize,
    /// The count of files on the network.
    pub(crate) known_files: usize,
    /// The count of seeds.
    pub(crate) seeds: usize,
    /// The tasks and entries that are skipped, with the reason.
    pub(crate) problems: Vec<String>,
}

/// Returns the result of a check.
pub(crate) fn checked(checked: &CheckedFile) -> String {
    let mut lines = vec![format!(
        "{}, {} and {}; {} and {}",
        counted(checked.downloads, "download"),
        counted(checked.quotes, "quote"),
        counted(checked.uploads, "upload"),
        counted(checked.known_files, "file"),
        counted(checked.seeds, "seed"),
    )];
    lines.extend(checked.problems.iter().map(|problem| format!("{} {problem}", styled(YELLOW, "warning:"))));
    lines.join("\n") + "\n"
}

/// A plan.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct PlanView {
    #[serde(flatten)]
    plan: ProbePlan,
    /// The tasks and entries that are skipped, with the reason.
    problems: Vec<String>,
}

impl From<ReadPlan> for PlanView {
    fn from(read: ReadPlan) -> Self {
        Self { plan: read.plan, problems: read.problems.iter().map(ToString::to_string).collect() }
    }
}

/// Returns a table of the tasks, and the count of their files.
pub(crate) fn plan(view: &PlanView, width: Width) -> String {
    let row = |task: &ProbeTask| {
        vec![
            task.name.clone(),
            format!("{} {}", task.kind, task.size),
            format!("{} after {}", duration(task.every), duration(task.offset)),
            task.workers.to_string(),
            task.repeat.to_string(),
            duration(task.timeout),
            task.retry.to_string(),
        ]
    };
    let mut text = if view.plan.tasks.is_empty() {
        "no tasks\n".to_owned()
    } else {
        let table = Table {
            header: &["TASK", "RUN", "EVERY", "WORKERS", "REPEAT", "TIMEOUT", "RETRY"],
            right: &[3, 4, 5, 6],
            optional: &[6, 5, 4, 3],
            rows: view.plan.tasks.iter().map(row).collect(),
        };
        table.text(width)
    };
    text.push_str(&format!(
        "\n{} to download, {}\n",
        counted(view.plan.files.len(), "file"),
        counted(view.plan.seeds.len(), "seed")
    ));
    for problem in &view.problems {
        text.push_str(&format!("{} {problem}\n", styled(YELLOW, "warning:")));
    }
    text
}

/// The condition of the probes.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct StatusView {
    /// Whether a daemon runs the tasks.
    on: bool,
    /// The client program with its version; null if it cannot be used.
    client: Option<String>,
    /// Whether runs may start now by the window: `open`, `draining` or `closed`.
    window_state: &'static str,
    /// The minutes of each hour in which probes run.
    window: String,
    /// The count of tasks that can run.
    tasks: usize,
    /// The tokens that uploads spent today, as a decimal number; null without uploads.
    spent_today_ant: Option<String>,
    /// The tokens that uploads may spend in a day, as a decimal number; null without uploads.
    spend_limit_ant: Option<String>,
    /// The results of the last day by kind and size.
    last_day: Vec<SummaryView>,
    /// The reasons why tasks or all probes cannot run.
    problems: Vec<String>,
}

/// The runs of one kind and size.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct SummaryView {
    /// The operation.
    kind: ProbeKind,
    /// The class of the files.
    size: SizeClass,
    /// The count of runs.
    runs: usize,
    /// The count of runs that succeeded.
    ok: usize,
    /// The count of runs that tell against the network.
    network_failures: usize,
    /// The shortest successful run, in seconds; null without one.
    min_seconds: Option<f64>,
    /// The mean of the successful runs, in seconds.
    mean_seconds: Option<f64>,
    /// The time within which 95 % of the successful runs ended, in seconds.
    p95_seconds: Option<f64>,
    /// The longest successful run, in seconds.
    max_seconds: Option<f64>,
}

impl From<ProbeSummary> for SummaryView {
    fn from(summary: ProbeSummary) -> Self {
        Self {
            kind: summary.kind,
            size: summary.size,
            runs: summary.count,
            ok: summary.ok,
            network_failures: summary.network_failures,
            min_seconds: summary.seconds.map(|seconds| seconds.min),
            mean_seconds: summary.seconds.map(|seconds| seconds.mean),
            p95_seconds: summary.seconds.map(|seconds| seconds.p95),
            max_seconds: summary.seconds.map(|seconds| seconds.max),
        }
    }
}

impl StatusView {
    /// Returns the condition, with the runs of the last day.
    pub(crate) fn new(
        settings: &ProbeSettings,
        client: Result<ClientProgram, ProgramError>,
        plan: Result<ReadPlan, CliError>,
        runs: &[ProbeRun],
        now: Timestamp,
    ) -> Self {
        let mut problems = Vec::new();
        let client = client.map_err(|error| problems.push(error.to_string())).ok();
        let plan = plan.map_err(|error| problems.push(error.to_string())).unwrap_or_default();
        let local = local_times(&mut HostZones, &settings.windows, now);
        let gate = local.as_ref().map_or(Gate::Closed, |local| Gate::of(&settings.windows, local));
        problems.extend(local.err().map(|zone| zone.to_string()));
        problems.extend(plan.problems.iter().map(ToString::to_string));
        Self {
            on: settings.on,
            client: client.map(|client| client.client.to_string()),
            window_state: match gate {
                Gate::Open => "open",
                Gate::Draining => "draining",
                Gate::Closed => "closed",
            },
            window: settings.windows.as_slice().iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
            tasks: plan.plan.tasks.len(),
            spent_today_ant: settings.upload.then(|| spent_on_day(runs, now).to_string()),
            spend_limit_ant: settings.upload.then(|| settings.spend.to_string()),
            last_day: ProbeSummary::of(runs).into_iter().map(SummaryView::from).collect(),
            problems,
        }
    }
}

/// Returns the page of the condition.
pub(crate) fn status(view: &StatusView, width: Width) -> String {
    let state = if view.on { styled(GREEN, "on") } else { "off; `wnm config set probe=true` turns them on".to_owned() };
    let mut text = format!("probes: {state}\n");
    text.push_str(&format!("client: {}\n", view.client.as_deref().unwrap_or("none")));
    text.push_str(&format!("window: {}, {} now\n", view.window, view.window_state));
    text.push_str(&format!("tasks: {}\n", view.tasks));
    if let (Some(spent), Some(limit)) = (&view.spent_today_ant, &view.spend_limit_ant) {
        text.push_str(&format!("uploads: {spent} of {limit} tokens spent today\n"));
    }
    for problem in &view.problems {
        text.push_str(&format!("{} {problem}\n", styled(YELLOW, "warning:")));
    }
    if view.last_day.is_empty() {
        return text + "\nno run in the last day\n";
    }
    let seconds = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.1}s"));
    let row = |summary: &SummaryView| {
        vec![
            format!("{} {}", summary.kind, summary.size),
            summary.runs.to_string(),
            summary.ok.to_string(),
            summary.network_failures.to_string(),
            seconds(summary.min_seconds),
            seconds(summary.mean_seconds),
            seconds(summary.p95_seconds),
            seconds(summary.max_seconds),
        ]
    };
    let table = Table {
        header: &["LAST DAY", "RUNS", "OK", "NETWORK FAILURES", "MIN", "MEAN", "P95", "MAX"],
        right: &[1, 2, 3, 4, 5, 6, 7],
        optional: &[4, 7, 5],
        rows: view.last_day.iter().map(row).collect(),
    };
    format!("{text}\n{}", table.text(width))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use wnm_core::Windows;
    use wnm_core::probe::Atto;

    use super::*;

    fn run(outcome: ProbeOutcome, cause: Option<&str>) -> ProbeRun {
        ProbeRun {
            task: "small downloads".to_owned(),
            kind: ProbeKind::Download,
            size: SizeClass::Small,
            file: "picture".to_owned(),
            client: "ant 0.2.4".to_owned(),
            started: Timestamp::from_secs(1_770_000_000),
            took: Duration::from_millis(12_340),
            bytes: Bytes(5_000_000),
            content: if outcome == ProbeOutcome::Ok { ContentCheck::Valid } else { ContentCheck::Unchecked },
            cost: None,
            address: None,
            attempt: 1,
            outcome,
            exit_code: Some(0),
            cause: cause.map(str::to_owned),
        }
    }

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn pages_of_runs_and_of_the_condition() {
        let all = [
            run(ProbeOutcome::Ok, None),
            run(ProbeOutcome::NetworkError, Some("Could not connect to enough peers in time.")),
            ProbeRun {
                kind: ProbeKind::Upload,
                cost: Some(Atto(42)),
                ..run(ProbeOutcome::Stopped, Some("ended by wnm"))
            },
        ];
        let views: Vec<RunView> = all.iter().map(RunView::from).collect();
        insta::assert_snapshot!("runs", plain(&runs(&views, Width::Full)));
        insta::assert_snapshot!("runs_of_60_columns", plain(&runs(&views, Width::Columns(60))));
        let settings = ProbeSettings {
            on: true,
            sources: vec!["/etc/wnm/probe.toml".to_owned()],
            client: None,
            arguments: Vec::new(),
            windows: Windows::new(vec!["hourly :05-:55 UTC".parse().unwrap()]),
            upload: true,
            key_file: Some("/etc/wnm/key".into()),
            spend: Atto(1_000_000_000_000_000_000),
        };
        let client = Err(ProgramError::NotFound { name: "ant".to_owned() });
        let now = Timestamp::from_secs(1_770_000_600);
        let view = StatusView::new(&settings, client, Ok(ReadPlan::default()), &all, now);
        insta::assert_snapshot!("status", plain(&status(&view, Width::Full)));
        let off = ProbeSettings { on: false, upload: false, ..settings };
        let client = Err(ProgramError::NotFound { name: "ant".to_owned() });
        let view = StatusView::new(&off, client, Ok(ReadPlan::default()), &[], now);
        insta::assert_snapshot!("status_of_probes_that_are_off", plain(&status(&view, Width::Full)));
    }

    #[test]
    fn page_of_tasks() {
        let mut task = ProbeTask::new("small downloads", ProbeKind::Download, SizeClass::Small);
        task.offset = Duration::from_secs(300);
        let plan_view = PlanView {
            plan: ProbePlan { tasks: vec![task], ..ProbePlan::default() },
            problems: vec!["task \"t\" is skipped: an earlier task has the same name".to_owned()],
        };
        insta::assert_snapshot!(plain(&plan(&plan_view, Width::Full)));
    }
}
