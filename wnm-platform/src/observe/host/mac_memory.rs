//! Memory of macOS, from the output of its `vm_stat` and `sysctl`.
//!
//! macOS compresses the memory of idle programs before it swaps, and keeps files in memory that nothing else needs. The
//! free pages thus tell little: the used memory is that of Activity Monitor, the sum of the memory of programs, of wired
//! and of compressed memory.

use super::Memory;

/// The used share of memory, in percent, that a warning of the kernel stands for: with the default thresholds it ends the
/// growth, and stops no node.
const WARNING: u64 = 70;
/// The used share that the critical level of the kernel stands for, at which macOS ends idle programs.
const CRITICAL: u64 = 98;

/// Parses the output of `vm_stat`, and that of `sysctl hw.memsize kern.memorystatus_vm_pressure_level`; None when a
/// figure is missing or contradicts the others.
pub(super) fn memory(vm_stat: &str, sysctl: &str) -> Option<Memory> {
    let total = setting(sysctl, "hw.memsize").filter(|total| *total > 0)?;
    let pages = Pages::parse(vm_stat)?;
    let used = pages.used()?.checked_mul(pages.size)?;
    let stalled = match setting(sysctl, "kern.memorystatus_vm_pressure_level") {
        Some(2) => total / 100 * WARNING,
        Some(4) => total / 100 * CRITICAL,
        // 1 is the normal level; macOS before 10.9 has none.
        _ => 0,
    };
    Some(Memory { total, used: used.max(stalled).min(total) })
}

/// Returns the value of a line `name: value` of `sysctl`.
fn setting(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')?.trim().parse().ok())
}

/// The output of `vm_stat`: lines `name: count.` after a line with the size of a page.
struct Pages<'a> {
    text: &'a str,
    /// The size of a page in bytes: 4,096 on Intel, 16,384 on Apple silicon.
    size: u64,
}

impl<'a> Pages<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let size = text.split_once("page size of ")?.1.split_once(" bytes")?.0.parse().ok()?;
        Some(Self { text, size })
    }

    fn count(&self, name: &str) -> Option<u64> {
        let value = self.text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        value.trim().strip_suffix('.')?.parse().ok()
    }

    /// Returns the pages that no program can get without a loss.
    fn used(&self) -> Option<u64> {
        let wired = self.count("Pages wired down")?;
        let programs = match (self.count("Anonymous pages"), self.count("Pages active")) {
            // Programs allow that their purgeable pages are dropped.
            (Some(anonymous), _) => anonymous.saturating_sub(self.count("Pages purgeable").unwrap_or(0)),
            // macOS before 10.9 has no compressor, and does not tell files and programs apart.
            (None, active) => active?,
        };
        let compressed = self.count("Pages occupied by compressor").unwrap_or(0);
        Some(wired.saturating_add(programs).saturating_add(compressed))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Returns the output of macOS 11 and later, on a Mac with 16 GiB.
    fn vm_stat(anonymous: u64, wired: u64, compressor: u64) -> String {
        format!(
            "Mach Virtual Memory Statistics: (page size of 16384 bytes)\n\
             Pages free:                               62127.\n\
             Pages active:                            399853.\n\
             Pages inactive:                          397029.\n\
             Pages speculative:                         2193.\n\
             Pages throttled:                              0.\n\
             Pages wired down:{wired:>32}.\n\
             Pages purgeable:                             10.\n\
             \"Translation faults\":                1402034561.\n\
             Pages copy-on-write:                   88341236.\n\
             File-backed pages:                       200000.\n\
             Anonymous pages:{anonymous:>33}.\n\
             Pages stored in compressor:             9000000.\n\
             Pages occupied by compressor:{compressor:>20}.\n\
             Swapins:                                      0.\n"
        )
    }

    const SYSCTL: &str = "hw.memsize: 17179869184\nkern.memorystatus_vm_pressure_level: 1\n";
    const TOTAL: u64 = 17_179_869_184;

    #[test]
    fn programs_wired_and_compressed_memory_is_used() {
        let used = |text: &str, sysctl: &str| memory(text, sysctl).map(|memory| memory.used);
        let calm = vm_stat(400_010, 100_000, 50_000);
        assert_eq!(memory(&calm, SYSCTL), Some(Memory { total: TOTAL, used: 550_000 * 16384 }));
        for (level, share) in [("1", 52), ("2", 70), ("4", 98), ("7", 52), ("-1", 52), ("", 52)] {
            let sysctl = SYSCTL.replace(": 1\n", &format!(": {level}\n"));
            assert_eq!(used(&calm, &sysctl).map(|used| (used + TOTAL / 200) * 100 / TOTAL), Some(share), "{level}");
        }
        assert_eq!(used(&calm, "hw.memsize: 17179869184\n"), Some(550_000 * 16384), "macOS without the level");
        assert_eq!(used(&vm_stat(9_000_000, 1, 1), SYSCTL), Some(TOTAL), "more than all memory");
    }

    #[test]
    fn macos_without_a_compressor_counts_active_memory() {
        let text = "Mach Virtual Memory Statistics: (page size of 4096 bytes)\nPages free:   100.\nPages active:  300.\n\
                    Pages inactive:   200.\nPages speculative:  10.\nPages wired down:   400.\n";
        assert_eq!(memory(text, SYSCTL).map(|memory| memory.used), Some(700 * 4096));
    }

    #[test]
    fn malformed_output_yields_no_value() {
        let good = vm_stat(400_000, 100_000, 50_000);
        for (text, sysctl) in [
            ("", SYSCTL),
            (good.as_str(), ""),
            (good.as_str(), "hw.memsize: 0\n"),
            (good.as_str(), "hw.memsize: -5\n"),
            (&good.replace("16384", "-1"), SYSCTL),
            (&good.replace("100000.", "-100000."), SYSCTL),
            (&good.replace("100000.", "99999999999999999999."), SYSCTL),
            (&good.replace("page size of 16384 bytes", "page size of 18446744073709551615 bytes"), SYSCTL),
        ] {
            assert_eq!(memory(text, sysctl), None, "{text}\n{sysctl}");
        }
    }

    proptest! {
        #[test]
        fn used_memory_is_at_most_all(counts in any::<[u64; 3]>(), total in 1..u64::MAX, level in 0..5_u8) {
            let sysctl = format!("hw.memsize: {total}\nkern.memorystatus_vm_pressure_level: {level}\n");
            if let Some(memory) = memory(&vm_stat(counts[0], counts[1], counts[2]), &sysctl) {
                prop_assert!(memory.used <= memory.total);
            }
        }

        #[test]
        fn any_text_is_parsed(text in ".{0,200}") {
            let _ = memory(&text, SYSCTL);
        }
    }
}
