//! Values of flags that are numbers, times or sizes. Their errors name the allowed range, not the parser's fault.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

/// The longest time of a flag. A clock can add it.
const LONGEST: Duration = Duration::from_hours(24 * 3650);
/// The longest time between two cycles or samples.
const LONGEST_INTERVAL: Duration = Duration::from_hours(24);

fn whole<T: FromStr + PartialOrd + Display>(text: &str, least: T, most: T) -> Result<T, String> {
    let allowed = |number: &T| *number >= least && *number <= most;
    text.parse().ok().filter(allowed).ok_or_else(|| format!("not a whole number from {least} to {most}"))
}

/// Parses a number of nodes, cycles or lines, at least 1.
pub(super) fn count(text: &str) -> Result<u32, String> {
    whole(text, 1, u32::MAX)
}

/// Parses a number of lines, which may be 0.
pub(super) fn lines(text: &str) -> Result<u32, String> {
    whole(text, 0, u32::MAX)
}

/// Parses a pause of at most an hour as milliseconds. A bare number is milliseconds, as the Python wnm writes it.
pub(super) fn milliseconds(text: &str) -> Result<u64, String> {
    const LONGEST: Duration = Duration::from_secs(3_600);
    let pause = text.parse().map(Duration::from_millis).or_else(|_| humantime::parse_duration(text));
    let pause = pause.ok().filter(|pause| *pause <= LONGEST);
    let millis = pause.and_then(|pause| u64::try_from(pause.as_millis()).ok());
    millis
        .ok_or_else(|| "not a time of at most 1h, such as 500ms, 10s or 5min; a bare number is milliseconds".to_owned())
}

/// Parses the number of a cycle.
pub(super) fn cycle(text: &str) -> Result<i64, String> {
    whole(text, 1, i64::MAX)
}

/// Parses the time between two cycles or samples, from 100 ms to a day.
pub(super) fn interval(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        interval if interval < Duration::from_millis(100) => Err("shorter than 100ms".to_owned()),
        interval if interval > LONGEST_INTERVAL => Err("longer than 1d".to_owned()),
        interval => Ok(interval),
    }
}

/// Parses a time such as `30s`. A bare number is seconds, as in most settings.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let time = text.parse().map(Duration::from_secs).or_else(|_| humantime::parse_duration(text));
    match time {
        Ok(time) if time <= LONGEST => Ok(time),
        Ok(_) => Err("longer than 10 years (3650d)".to_owned()),
        Err(_) => Err("not a time such as 30s, 5m or 1h; a bare number is seconds".to_owned()),
    }
}

/// Parses a time of which there is some: a time that is waited for, or in which work is done.
pub(super) fn some_time(text: &str) -> Result<Duration, String> {
    duration(text).and_then(|time| if time.is_zero() { Err("not a time above 0".to_owned()) } else { Ok(time) })
}

/// Parses a size such as `256MB` above 0, in bytes.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let size = text.parse::<bytesize::ByteSize>().map(|size| size.as_u64());
    size.ok().filter(|size| *size > 0).ok_or_else(|| "not a size above 0, such as 256MB".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_range() {
        for text in ["0", "-1", "x", "", "4294967296", "1.5"] {
            assert_eq!(count(text), Err("not a whole number from 1 to 4294967295".to_owned()), "{text}");
        }
        assert_eq!((count("1"), lines("0"), milliseconds("3600000")), (Ok(1), Ok(0), Ok(3_600_000)));
        assert_eq!((milliseconds("10s"), milliseconds("1m 5s"), milliseconds("0")), (Ok(10_000), Ok(65_000), Ok(0)));
        for text in ["-3", "fast", "", "3600001", "2h", "1.5"] {
            assert!(milliseconds(text).is_err(), "{text}");
        }
        assert!(cycle("0").is_err() && cycle("9").is_ok());
        assert!(interval("99ms").is_err() && interval("100ms").is_ok() && interval("0").is_err());
        assert!(interval("1d").is_ok() && interval("1d 1s").is_err());
        assert!(duration("3650d").is_ok() && duration("0").is_ok() && some_time("1ms").is_ok());
        for text in ["18446744073709551615", "11y"] {
            assert_eq!(duration(text), Err("longer than 10 years (3650d)".to_owned()), "{text}");
            assert!(interval(text).is_err() && some_time(text).is_err(), "{text}");
        }
        assert!(some_time("0s").is_err() && size("0").is_err() && size("0MB").is_err() && size("1B").is_ok());
        assert_eq!((interval("5"), duration("90")), (Ok(Duration::from_secs(5)), Ok(Duration::from_secs(90))));
        assert!(duration("soon").is_err() && size("many").is_err());
    }
}
