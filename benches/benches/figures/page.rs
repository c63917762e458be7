//! The page `docs/figures.md`.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use super::crowd::{Crowd, READERS, SLOW_CLIENTS};
use super::idle::Idle;
use super::reactions::Reactions;
use wnm_benches::Result;

const HEAD: &str = "# Figures of the daemon

`just figures` measures and writes this page. Each node of the first two tables is a process that waits, and an endpoint of
one process that serves the metrics of a real node; those of the last are processes of fake nodes, on a third daemon that is
measured at the same time as the first table.

";

/// All figures.
pub(crate) struct Figures {
    pub(crate) length: Duration,
    pub(crate) loads: [String; 2],
    pub(crate) idle: [Idle; 2],
    pub(crate) crowd: Crowd,
    pub(crate) reactions: Reactions,
}

/// Returns the page.
pub(crate) fn render(figures: &Figures, wnm: &Path) -> Result<String> {
    let mut page = String::from(HEAD);
    write_host(&mut page, &figures.loads)?;
    write_idle(&mut page, &figures.idle, figures.length)?;
    write_crowd(&mut page, &figures.crowd)?;
    write_reactions(&mut page, &figures.reactions)?;
    writeln!(page, "\nThe binary has {:.1} MB (bound: 14 MB).", fs::metadata(wnm)?.len() as f64 / 1e6)?;
    Ok(page)
}

fn write_host(page: &mut String, [begin, end]: &[String; 2]) -> Result<()> {
    let cores = std::thread::available_parallelism()?;
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let model = read("/proc/cpuinfo");
    let model = model.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let (model, kernel) = (model.map_or("unknown", |(_, model)| model), read("/proc/sys/kernel/osrelease"));
    writeln!(page, "Host: {cores} cores of {model}, Linux {}.", kernel.trim())?;
    writeln!(
        page,
        "Load average of 1 min at the begin and at the end: {begin} and {end}. Other load delays answers and"
    )?;
    writeln!(page, "reactions; it does not change the CPU time of the daemon.\n")?;
    Ok(())
}

fn write_idle(page: &mut String, idle: &[Idle; 2], length: Duration) -> Result<()> {
    let seconds = length.as_secs();
    writeln!(page, "| idle for {seconds} s, with a cycle every 5 s | 200 nodes | 1000 nodes | bound |")?;
    writeln!(page, "|---|---|---|---|")?;
    let mut row = |name: &str, bound: &str, value: fn(&Idle) -> String| {
        writeln!(page, "| {name} | {} | {} | {bound} |", value(&idle[0]), value(&idle[1]))
    };
    row("CPU, of one core", "2 %", |idle| format!("{:.2} %", idle.cpu * 100.0))?;
    row("memory (largest resident set)", "50 MB", |idle| format!("{:.1} MB", idle.memory as f64 / 1e6))?;
    row("written to disk, for each day", "200 MB", |idle| format!("{:.1} MB", idle.written / 1e6))?;
    row("`/metrics` after a cycle (rendered), median", "20 ms", |idle| millis(middle(&idle.answers.metrics_made)))?;
    row("`/metrics` again, median", "", |idle| millis(middle(&idle.answers.metrics_kept)))?;
    row("first byte of the page, median", "10 ms", |idle| millis(middle(&idle.answers.page_kept)))?;
    row("first byte of the page after a cycle (made anew), median", "", |idle| {
        millis(middle(&idle.answers.page_made))
    })?;
    Ok(())
}

fn write_crowd(page: &mut String, crowd: &Crowd) -> Result<()> {
    writeln!(page, "\n| crowd, 1000 nodes | |\n|---|---|")?;
    let (spread, beside, memory) = (millis(crowd.spread), millis(crowd.beside), crowd.memory as f64 / 1e6);
    writeln!(page, "| {READERS} readers of events: from the first reader to the last, per cycle | {spread} |")?;
    writeln!(page, "| {SLOW_CLIENTS} clients that begin a request and stop: `/metrics` beside them | {beside} |")?;
    writeln!(page, "| memory of the daemon after them | {memory:.1} MB |\n")?;
    Ok(())
}

fn write_reactions(page: &mut String, reactions: &Reactions) -> Result<()> {
    writeln!(page, "| reaction, with a cycle every 5 s | times | p50 | p99 |\n|---|---|---|---|")?;
    for (name, times) in [
        ("from the kill of a node to its state in the API", &reactions.noticed),
        ("from the kill of a node to its new process, 10 s after it was noticed at the earliest", &reactions.restarted),
        ("from memory over its threshold to the end of the stopped node", &reactions.relieved),
    ] {
        let [p50, p99] = [50, 99].map(|share| percentile(times, share).as_secs_f64());
        writeln!(page, "| {name} | {} | {p50:.1} s | {p99:.1} s |", times.len())?;
    }
    Ok(())
}

fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

fn middle(times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort();
    percentile(&times, 50)
}

/// Returns the least time that is not less than a share of sorted ones, in percent; zero without one.
fn percentile(sorted: &[Duration], share: usize) -> Duration {
    let rank = (sorted.len() * share).div_ceil(100);
    rank.checked_sub(1).and_then(|at| sorted.get(at)).copied().unwrap_or_default()
}
