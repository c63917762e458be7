//! The wall clock as the node programs write it.

use std::time::{SystemTime, UNIX_EPOCH};

/// A moment of the civil calendar, in UTC.
pub(super) struct Moment {
    year: u64,
    month: u64,
    day: u64,
    second_of_day: u64,
    nanosecond: u32,
}

impl Moment {
    /// Reads the clock; a clock before 1970 reads as 1970.
    pub(super) fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::at(since.as_secs(), since.subsec_nanos())
    }

    /// Returns the moment so many seconds and nanoseconds after 1970 began.
    fn at(seconds: u64, nanosecond: u32) -> Self {
        // Years begin in March, so that the leap day is the last; eras are 400 years of 146097 days.
        let days = seconds / 86_400 + 719_468;
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * day_of_year + 2) / 153;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        Self {
            year: era * 400 + year_of_era + u64::from(month <= 2),
            month,
            day: day_of_year - (153 * shifted + 2) / 5 + 1,
            second_of_day: seconds % 86_400,
            nanosecond,
        }
    }

    /// Returns `YYYY-MM-DD`.
    pub(super) fn date(&self) -> String {
        format!("{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }

    /// Returns `YYYY-MM-DDTHH:MM:SS.ffffffZ`, as log lines have it.
    pub(super) fn stamp(&self) -> String {
        format!("{}T{}.{:06}Z", self.date(), self.time(), self.nanosecond / 1_000)
    }

    /// Returns `YYYY-MM-DD HH:MM:SS.fffffffff UTC`, as a critical failure has it.
    pub(super) fn spaced(&self) -> String {
        format!("{} {}.{:09} UTC", self.date(), self.time(), self.nanosecond)
    }

    fn time(&self) -> String {
        let second = self.second_of_day;
        format!("{:02}:{:02}:{:02}", second / 3_600, second / 60 % 60, second % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::Moment;

    #[test]
    fn counts_leap_days() {
        assert_eq!(Moment::at(0, 0).stamp(), "1970-01-01T00:00:00.000000Z");
        assert_eq!(Moment::at(1_709_164_799, 5_000).stamp(), "2024-02-28T23:59:59.000005Z");
        assert_eq!(Moment::at(1_709_164_800, 0).date(), "2024-02-29");
        assert_eq!(Moment::at(4_107_542_400, 0).spaced(), "2100-03-01 00:00:00.000000000 UTC");
    }
}
