//! Values of flags: whole numbers within a range, and times with a unit. Their errors name the allowed range.

use std::fmt::Display;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use wnm_core::trace::MOST_NODES;

use crate::capacity::TICK;

/// The longest run, in days (ten years): the model's clock stays exact far beyond.
const LONGEST: f64 = 3660.0;
const DAY: f64 = 86_400.0;

fn whole<T: FromStr + PartialOrd + Display>(text: &str, least: T, most: T) -> Result<T, String> {
    let allowed = |number: &T| *number >= least && *number <= most;
    text.parse().ok().filter(allowed).ok_or_else(|| format!("not a whole number from {least} to {most}"))
}

/// Parses a number of processors, at least 1.
pub(crate) fn cpus(text: &str) -> Result<u32, String> {
    whole(text, 1, u32::MAX)
}

/// Parses a number of nodes on a host, at most that of its ports.
pub(crate) fn nodes(text: &str) -> Result<u32, String> {
    whole(text, 0, MOST_NODES)
}

/// Parses a number of nodes for `explore`.
pub(crate) fn explored_nodes(text: &str) -> Result<u32, String> {
    whole(text, 0, 5000)
}

/// Parses a number of cycles or seeds, at least 1.
pub(crate) fn count(text: &str) -> Result<u64, String> {
    whole(text, 1, u64::MAX)
}

/// Parses a number of runs. `tune` says how many it needs at least.
pub(crate) fn runs(text: &str) -> Result<usize, String> {
    whole(text, 0, usize::MAX)
}

/// Parses a seed.
pub(crate) fn seed(text: &str) -> Result<u64, String> {
    whole(text, 0, u64::MAX)
}

/// Parses a number of seeds, at least 2: one run alone has no confidence interval.
pub(crate) fn seeds_to_compare(text: &str) -> Result<u64, String> {
    whole(text, 2, u64::MAX)
}

/// Parses a number of parallel runs, at least 1.
pub(crate) fn jobs(text: &str) -> Result<NonZeroUsize, String> {
    whole(text, 1, usize::MAX).map(|jobs| NonZeroUsize::new(jobs).unwrap_or(NonZeroUsize::MIN))
}

/// Parses the length of a run, in days: `7`, `0.5`, `7d` or `36h`.
pub(crate) fn days(text: &str) -> Result<f64, String> {
    let with_unit = || time(text).map(|time| time.as_secs_f64() / DAY);
    let days = text.parse().ok().or_else(with_unit).filter(|days| (TICK / DAY..=LONGEST).contains(days));
    days.ok_or_else(|| format!("not a time above 0 of at most {LONGEST} days, such as 7, 7d or 36h"))
}

/// Parses the length of a cycle, in seconds: `60`, `60s` or `5min`.
pub(crate) fn cycle(text: &str) -> Result<u32, String> {
    let with_unit = || time(text).filter(|time| time.subsec_nanos() == 0)?.as_secs().try_into().ok();
    let cycle = text.parse().ok().or_else(with_unit);
    let cycle = cycle.filter(|cycle: &u32| (5..=86_400).contains(cycle) && cycle.is_multiple_of(5));
    cycle.ok_or_else(|| "not a multiple of 5s from 5s to 1d, such as 60, 60s or 5min".to_owned())
}

/// Parses the name of a file for a chart; `-` is standard output.
pub(crate) fn svg_file(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    // A file of another format would have the wrong contents.
    let is_svg = path.extension().is_none_or(|extension| extension.eq_ignore_ascii_case("svg"));
    if is_svg { Ok(path) } else { Err("a chart is an SVG file, and its name ends in .svg".to_owned()) }
}

fn time(text: &str) -> Option<Duration> {
    humantime::parse_duration(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit_or_that_of_the_flag() {
        assert_eq!(["7", "7d", "168h"].map(days), [Ok(7.0), Ok(7.0), Ok(7.0)]);
        assert_eq!(["0.5", "12h", "720min"].map(days), [Ok(0.5), Ok(0.5), Ok(0.5)]);
        assert_eq!(["300", "300s", "5min", "5m"].map(cycle), [Ok(300), Ok(300), Ok(300), Ok(300)]);
        for text in ["0", "-1", "3661", "11y", "", "soon", "NaN", "inf"] {
            assert!(days(text).is_err(), "{text}");
        }
        for text in ["0", "7", "2500ms", "1s", "2d", "", "-5", "1.5"] {
            assert!(cycle(text).is_err(), "{text}");
        }
    }

    #[test]
    fn errors_name_the_range() {
        for text in ["0", "-1", "x", "", "1.5"] {
            assert_eq!(cpus(text), Err("not a whole number from 1 to 4294967295".to_owned()), "{text}");
            assert!(jobs(text).is_err() && count(text).is_err(), "{text}");
        }
        assert_eq!(seeds_to_compare("1"), Err("not a whole number from 2 to 18446744073709551615".to_owned()));
        assert_eq!(svg_file("x.svg"), Ok("x.svg".into()));
        assert!(svg_file("-").is_ok() && svg_file("chart").is_ok() && svg_file("x.png").is_err());
        assert_eq!(nodes("65536"), Err("not a whole number from 0 to 65535".to_owned()));
        assert_eq!(
            (nodes("0"), explored_nodes("5000"), seed("0"), jobs("3").map(usize::from)),
            (Ok(0), Ok(5000), Ok(0), Ok(3))
        );
    }
}
