//! Resource use of single processes, with one read for each.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use wnm_core::{Bytes, ProcessIdentity};

use super::{Host, Usage};

impl Host {
    /// Returns the resource use of processes by PID. Ended processes and reused PIDs are absent.
    #[must_use]
    pub fn usage<'a>(&self, processes: impl IntoIterator<Item = &'a ProcessIdentity>) -> BTreeMap<u32, Usage> {
        let units = Units { ticks: rustix::param::clock_ticks_per_second(), page: rustix::param::page_size() as u64 };
        let uptime = super::uptime();
        let mut text = [0; 1024];
        let processes = processes.into_iter();
        processes
            .filter_map(|process| {
                let length = read_into(&self.root.join(format!("proc/{}/stat", process.pid)), &mut text)?;
                Some((process.pid, usage(text.get(..length)?, process.start, &units, uptime)?))
            })
            .collect()
    }
}

fn read_into(path: &Path, text: &mut [u8]) -> Option<usize> {
    File::open(path).ok()?.read(text).ok()
}

/// The units of the kernel's counters.
struct Units {
    /// Ticks per second.
    ticks: u64,
    /// Bytes per page.
    page: u64,
}

/// Parses `/proc/PID/stat`; None when the process has ended or has another start time.
fn usage(text: &[u8], start: u64, units: &Units, uptime: u64) -> Option<Usage> {
    // The name in parentheses may itself contain parentheses and blanks.
    let after_name = text.iter().rposition(|b| *b == b')')? + 1;
    let mut words = std::str::from_utf8(text.get(after_name..)?).ok()?.split_ascii_whitespace();
    let state = words.next()?;
    if matches!(state, "Z" | "X" | "x") {
        return None;
    }
    // Counted from the state, which is field 3 of proc(5): utime is 14, stime 15, starttime 22, rss 24.
    let mut number = |skip: usize| words.nth(skip)?.parse::<u64>().ok();
    let ticks = number(10)?.saturating_add(number(0)?);
    let started = number(6)?;
    let pages = number(1)?;
    let millis = |ticks: u64| ticks.saturating_mul(1000) / units.ticks.max(1);
    (started == start).then(|| Usage {
        cpu_millis: millis(ticks),
        memory: Bytes(pages.saturating_mul(units.page)),
        age: uptime.saturating_sub(millis(started)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str =
        "77 (ant) node) S 1 77 77 0 -1 4194304 101 0 0 0 250 50 0 0 20 0 4 0 170877 3133440 411 18446744073709551615 9";

    #[test]
    fn stat_line_is_parsed_after_name() {
        let units = Units { ticks: 100, page: 4096 };
        let read = |text: &str, start| usage(text.as_bytes(), start, &units, 1_708_770 + 5000);
        let want = Usage { cpu_millis: 3000, memory: Bytes(411 * 4096), age: 5000 };
        assert_eq!(read(STAT, 170_877), Some(want));
        assert_eq!(read(STAT, 170_878), None, "another process with this number");
        assert_eq!(read(&STAT.replace(") S", ") Z"), 170_877), None);
        for end in 0..STAT.len() - 40 {
            assert_eq!(read(&STAT[..end], 170_877), None, "cut at {end}");
        }
    }
}
