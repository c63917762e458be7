//! A moment on a command line: a time ago, a date, or a full time.

use std::str::FromStr;
use std::time::Duration;

use jiff::civil;
use wnm_core::Timestamp;

use crate::render;

/// The longest time from the present, a hundred years: the moment has a date.
const LONGEST: Duration = Duration::from_hours(24 * 36_525);

/// A moment, relative to the present or fixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// This long before the present.
    Ago(Duration),
    /// A fixed time.
    At(Timestamp),
}

/// A text that is no moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a time ago such as 2h, a date such as 2026-11-01, or a time such as 2026-11-01T13:00:00Z")]
pub(crate) struct NotAMoment;

impl Moment {
    /// Returns the moment as a time, for the present `now`.
    pub(crate) fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Ago(ago) => now.before(ago),
            Self::At(at) => at,
        }
    }
}

impl FromStr for Moment {
    type Err = NotAMoment;

    /// Parses a moment. A date means its midnight, and a time without an offset is local to this host.
    fn from_str(text: &str) -> Result<Self, NotAMoment> {
        if let Ok(ago) = humantime::parse_duration(text) {
            return if ago <= LONGEST { Ok(Self::Ago(ago)) } else { Err(NotAMoment) };
        }
        if let Ok(at) = text.parse::<jiff::Timestamp>() {
            return Ok(Self::At(Timestamp::from_millis(at.as_millisecond())));
        }
        let local = text.parse::<civil::DateTime>().or_else(|_| text.parse::<civil::Date>().map(civil::DateTime::from));
        let zoned = local.map_err(|_| NotAMoment)?.to_zoned(render::zone()).map_err(|_| NotAMoment)?;
        Ok(Self::At(Timestamp::from_millis(zoned.timestamp().as_millisecond())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_dates_and_times_ago_are_parsed() {
        let now = Timestamp::from_secs(2_000_000_000);
        for (text, expected) in [
            ("2h", now.before(Duration::from_secs(7_200))),
            ("100y", now.before(Duration::from_hours(24 * 36_525))),
            ("1d 30min", now.before(Duration::from_secs(88_200))),
            ("2026-03-01", Timestamp::from_secs(1_772_323_200)),
            ("2026-03-01T12:00:00Z", Timestamp::from_secs(1_772_366_400)),
            ("2026-03-01T13:00:00+01:00", Timestamp::from_secs(1_772_366_400)),
            ("2026-03-01 12:00", Timestamp::from_secs(1_772_366_400)),
            ("2026-03-01 12:00:30", Timestamp::from_secs(1_772_366_430)),
        ] {
            assert_eq!(text.parse::<Moment>().map(|moment| moment.at(now)), Ok(expected), "{text}");
        }
        for text in
            ["", "yesterday", "2026-13-01", "2026-02-30", "12:00", "5", "-2h", "2h ago", "18446744073709551615s"]
        {
            assert_eq!(text.parse::<Moment>(), Err(NotAMoment), "{text}");
        }
    }
}
