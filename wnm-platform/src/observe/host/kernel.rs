//! Parsers for `/proc`. A missing value is None, or zero where the function says so.

use wnm_core::{Load, LoadAverages, Percent, Stall, StallTime};

use super::CpuTicks;

/// Parses the first line of `/proc/stat`.
pub(super) fn cpu_ticks(text: &str) -> Option<CpuTicks> {
    let line = text.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let mut ticks = line.split_ascii_whitespace().map(|word| word.parse::<u64>().ok());
    let mut next = || ticks.next().flatten();
    let (user, nice, system, idle) = (next()?, next()?, next()?, next()?);
    // Old kernels have fewer fields. Guest time is part of user and nice already.
    let (io_wait, irq, soft_irq, steal) =
        (next().unwrap_or(0), next().unwrap_or(0), next().unwrap_or(0), next().unwrap_or(0));
    let sum = |ticks: &[u64]| ticks.iter().fold(0_u64, |sum, ticks| sum.saturating_add(*ticks));
    let busy = sum(&[user, nice, system, irq, soft_irq, steal]);
    Some(CpuTicks { busy, io_wait, total: sum(&[busy, idle, io_wait]) })
}

/// Parses `/proc/loadavg`.
pub(super) fn load_averages(text: &str) -> Option<LoadAverages> {
    let mut words = text.split_ascii_whitespace();
    let mut next = || Load::clamped(words.next()?.parse().ok()?);
    Some(LoadAverages { one: next()?, five: next()?, fifteen: next()? })
}

/// Parses a file of `/proc/pressure`, or a `*.pressure` of a control group.
pub(super) fn stall(text: &str) -> Option<Stall> {
    let time = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
        let value = |key: &str| line.split_ascii_whitespace().find_map(|word| word.strip_prefix(key));
        // A share of time, whatever a file system in user space prints.
        let avg10 = Percent::clamped(value("avg10=")?.parse::<f64>().ok()?.min(100.0))?;
        Some(StallTime { avg10, total: value("total=").and_then(|total| total.parse().ok()) })
    };
    Some(Stall { some: time("some")?, full: time("full") })
}
