//! Parsers for `/proc`. A missing value is None, or zero where the function says so.

use std::collections::BTreeSet;

use wnm_core::{Load, LoadAverages, Percent, Stall, StallTime};

use super::CpuTicks;

/// Parses `/proc/stat`. Returns the time of the allowed CPUs and their number; None for the number where the file does not
/// tell. All CPUs count where `allowed` is empty or names none of them.
pub(super) fn cpu_ticks(text: &str, allowed: &BTreeSet<u32>) -> Option<(CpuTicks, Option<u32>)> {
    let whole = ticks(text.lines().find_map(|line| line.strip_prefix("cpu "))?)?;
    let single = text.lines().filter_map(|line| {
        let (number, counters) = line.strip_prefix("cpu")?.split_once(' ')?;
        Some((number.parse::<u32>().ok()?, ticks(counters)?))
    });
    let single: Vec<(u32, CpuTicks)> = single.collect();
    // LXCFS lists only the CPUs of the container, with other numbers.
    let is_whole = allowed.len() >= single.len();
    let part = single.iter().filter(|(number, _)| !is_whole && allowed.contains(number));
    let part = part.map(|(_, ticks)| (*ticks, 1)).reduce(|(sum, n), (ticks, one)| (sum.plus(ticks), n + one));
    let all = u32::try_from(single.len()).ok().filter(|all| *all > 0);
    Some(part.map_or((whole, all), |(ticks, number)| (ticks, Some(number))))
}

/// Parses the counters of one line of `/proc/stat`.
fn ticks(counters: &str) -> Option<CpuTicks> {
    let mut ticks = counters.split_ascii_whitespace().map(|word| word.parse::<u64>().ok());
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
