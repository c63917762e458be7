//! The part of each hour in which probes run.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::model::units::Timestamp;

const HOUR: u64 = 60 * 60 * 1000;

/// The runs that a moment allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// Runs start.
    Open,
    /// Running runs continue, and no run starts.
    Draining,
    /// No run continues.
    Closed,
}

/// The minutes of each hour in which probes run. All time zones with whole hours have the same minutes; the minutes of
/// UTC count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HourWindow {
    /// The first minute, 0 to 59.
    from: u8,
    /// The minute after the last one, 1 to 60.
    until: u8,
}

impl HourWindow {
    /// The window without a setting: minutes 5 to 55. Operators' other hourly work starts at the full hour.
    pub const DEFAULT: Self = Self { from: 5, until: 55 };
    /// The time before the end of the window in which no run starts, so that short runs end by themselves.
    pub const DRAIN: Duration = Duration::from_secs(2 * 60);

    /// Returns the gate at a time.
    #[must_use]
    pub fn gate(self, at: Timestamp) -> Gate {
        if (self.from, self.until) == (0, 60) {
            return Gate::Open;
        }
        let now = u64::try_from(at.as_millis()).unwrap_or(0) % HOUR;
        let [from, until] = [self.from, self.until].map(|minute| u64::from(minute) * 60 * 1000);
        let drain = u64::try_from(Self::DRAIN.as_millis()).unwrap_or(0);
        if !(from..until).contains(&now) {
            Gate::Closed
        } else if now + drain >= until {
            Gate::Draining
        } else {
            Gate::Open
        }
    }
}

impl fmt::Display for HourWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, ":{:02}-:{:02}", self.from, self.until)
    }
}

/// A text is not a window.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a window of at least 5 minutes in each hour, such as :05-:55")]
pub struct NotAWindow;

impl FromStr for HourWindow {
    type Err = NotAWindow;

    /// Reads minutes of the hour, such as `:05-:55` or `hourly :05-:55`; `:00-:60` is the whole hour.
    fn from_str(text: &str) -> Result<Self, NotAWindow> {
        let text = text.trim();
        let (from, until) = text.strip_prefix("hourly").unwrap_or(text).trim().split_once('-').ok_or(NotAWindow)?;
        let minute = |text: &str| {
            let digits = text.trim().strip_prefix(':')?;
            let is_number = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| digits.parse::<u8>().ok())?
        };
        let (from, until) = (minute(from).ok_or(NotAWindow)?, minute(until).ok_or(NotAWindow)?);
        if until <= 60 && from + 5 <= until { Ok(Self { from, until }) } else { Err(NotAWindow) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64, second: i64) -> Timestamp {
        Timestamp::from_millis(1_764_403_200_000 + (minute * 60 + second) * 1000)
    }

    #[test]
    fn window_drains_before_its_end() {
        let window = HourWindow::DEFAULT;
        for (minute, second, gate) in [
            (0, 0, Gate::Closed),
            (4, 59, Gate::Closed),
            (5, 0, Gate::Open),
            (52, 59, Gate::Open),
            (53, 0, Gate::Draining),
            (54, 59, Gate::Draining),
            (55, 0, Gate::Closed),
            (65, 0, Gate::Open),
        ] {
            assert_eq!(window.gate(at(minute, second)), gate, "{minute}:{second}");
        }
        assert_eq!("hourly :00-:60".parse::<HourWindow>().unwrap().gate(at(59, 59)), Gate::Open);
    }

    #[test]
    fn text_is_a_window_or_refused() {
        for text in [":05-:55", "hourly :05-:55", " hourly  :05 - :55 "] {
            assert_eq!(text.parse(), Ok(HourWindow::DEFAULT), "{text}");
        }
        for text in ["", "5-55", ":5-:55", ":55-:05", ":05-:08", ":05-:61", "daily 22:00-06:00", ":-1-:55", ":+5-:55"] {
            assert_eq!(text.parse::<HourWindow>(), Err(NotAWindow), "{text}");
        }
        assert_eq!(HourWindow::DEFAULT.to_string(), ":05-:55");
    }
}
