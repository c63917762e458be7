//! Signals that must not reach wnm as its caller left them, or as the kernel treats them.

use std::fs;
use std::sync::Arc;

use signal_hook::consts::{SIGCHLD, SIGXFSZ};
use signal_hook::flag::register;

/// Sets the handlers. The programs that wnm starts inherit none of them.
pub(crate) fn prepare() {
    // Some supervisors ignore SIGCHLD, and so do their children: the kernel then forgets how a program ended. A handler
    // only there, because each end of a program would interrupt waits.
    if is_ignored(SIGCHLD, &fs::read_to_string("/proc/self/status").unwrap_or_default()) {
        _ = register(SIGCHLD, Arc::default());
    }
    // Over the limit on the size of files, a write then fails and names its file, instead of the end of wnm.
    _ = register(SIGXFSZ, Arc::default());
}

/// Tells whether a process ignores a signal, from its `/proc/PID/status`.
fn is_ignored(signal: i32, status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_bits_of_a_mask() {
        for (status, is_it) in [
            ("Name:\twnm\nSigIgn:\t0000000000010000\nSigCgt:\t0\n", true),
            ("SigIgn:\tfffffffffffeffff\nSigCgt:\tffffffffffffffff\n", false),
            ("SigIgn:\tx\n", false),
            ("", false),
        ] {
            assert_eq!(is_ignored(17, status), is_it, "{status}");
        }
    }
}
