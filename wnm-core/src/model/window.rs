//! Maintenance windows: times of day at which voluntary actions may begin.
//!
//! A window is plain data and a pure function of a local time, so that the same type serves every part of wnm that asks
//! "now or later". The caller converts the clock into the zone of the window.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::units::Timestamp;

const MINUTES_PER_DAY: u32 = 24 * 60;
const SECONDS_PER_DAY: u32 = MINUTES_PER_DAY * 60;
/// Longest name of a time zone that is read; the longest of the IANA database has 32 characters.
const LONGEST_ZONE: usize = 64;

/// A local time: seconds since midnight, 0 to 86,399.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TimeOfDay(u32);

impl TimeOfDay {
    /// Returns the time this many seconds after midnight, modulo a day.
    #[must_use]
    pub const fn from_secs(seconds: u32) -> Self {
        Self(seconds % SECONDS_PER_DAY)
    }

    /// Returns the time of day in UTC.
    #[must_use]
    pub fn utc(at: Timestamp) -> Self {
        Self(u32::try_from(at.as_secs().rem_euclid(i64::from(SECONDS_PER_DAY))).unwrap_or_default())
    }

    /// Returns the seconds since midnight.
    #[must_use]
    pub const fn as_secs(self) -> u32 {
        self.0
    }

    /// Returns the time later by whole minutes, past midnight too.
    #[must_use]
    pub const fn after_minutes(self, minutes: u32) -> Self {
        Self((self.0 + minutes % MINUTES_PER_DAY * 60) % SECONDS_PER_DAY)
    }

    const fn minute(self) -> u32 {
        self.0 / 60
    }
}

/// Whether a window permits voluntary actions, or prevents them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Voluntary actions begin only inside this window, or inside another one that allows them.
    Allow,
    /// No voluntary action begins inside this window. It has precedence over every window that allows.
    Deny,
}

/// The period that a window repeats in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// Every day. The bounds are minutes since midnight, 0 to 1440.
    Daily,
    /// Every hour. The bounds are minutes since the full hour, 0 to 60.
    Hourly,
}

impl Period {
    const fn minutes(self) -> u32 {
        match self {
            Self::Daily => MINUTES_PER_DAY,
            Self::Hourly => 60,
        }
    }
}

/// A window, such as `daily 22:00-06:00`, `hourly :05-:55` or `deny daily 18:00-23:00 Europe/Berlin`.
///
/// The begin belongs to the window, the end does not. A window whose end is before its begin passes midnight, or the
/// full hour. A zone with daylight saving time has the local times that its clocks show: a window inside a skipped hour
/// does not occur on that day.
///
/// ```
/// use wnm_core::{TimeOfDay, Window};
///
/// let night: Window = "daily 22:00-06:00".parse()?;
/// assert!(night.contains(TimeOfDay::from_secs(23 * 3600)));
/// assert!(!night.contains(TimeOfDay::from_secs(6 * 3600)));
/// # Ok::<(), wnm_core::NotAWindow>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Window {
    access: Access,
    period: Period,
    /// First minute of the window in its period.
    from: u32,
    /// First minute after the window in its period.
    to: u32,
    /// Name of the time zone in the IANA database; None for the zone of the host.
    zone: Option<String>,
}

/// The reason for which a text is no window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAWindow {
    /// The text has another form.
    #[error("not of the form daily 22:00-06:00 or hourly :05-:55, with deny before it and a time zone after it")]
    Form,
    /// The begin is the end.
    #[error("its begin is its end")]
    Empty,
    /// The zone is no name of a time zone.
    #[error("its last word is not the name of a time zone, such as Europe/Berlin or UTC")]
    Zone,
}

impl Window {
    /// Returns the window that allows minutes of each hour, from `from` until before `to`, in the zone of the host.
    pub(crate) const fn hourly(from: u32, to: u32) -> Self {
        Self { access: Access::Allow, period: Period::Hourly, from, to, zone: None }
    }

    /// Returns whether the window permits or prevents.
    #[must_use]
    pub const fn access(&self) -> Access {
        self.access
    }

    /// Returns the name of the time zone; None for the zone of the host.
    #[must_use]
    pub fn zone(&self) -> Option<&str> {
        self.zone.as_deref()
    }

    /// Returns whether a local time, in the zone of the window, is inside it.
    #[must_use]
    pub const fn contains(&self, at: TimeOfDay) -> bool {
        let minute = at.minute() % self.period.minutes();
        if self.from < self.to {
            self.from <= minute && minute < self.to
        } else {
            self.from <= minute || minute < self.to
        }
    }
}

impl FromStr for Window {
    type Err = NotAWindow;

    fn from_str(text: &str) -> Result<Self, NotAWindow> {
        let mut words = text.split_whitespace().peekable();
        let access = match words.peek() {
            Some(&"deny") => Access::Deny,
            _ => Access::Allow,
        };
        words.next_if(|word| ["allow", "deny"].contains(word));
        let period = match words.next() {
            Some("daily") => Period::Daily,
            Some("hourly") => Period::Hourly,
            _ => return Err(NotAWindow::Form),
        };
        let (from, to) = words.next().and_then(|range| range.split_once('-')).ok_or(NotAWindow::Form)?;
        let bound = |text| minutes(period, text).ok_or(NotAWindow::Form);
        let (from, to) = (bound(from)?, bound(to)?);
        // Of two equal bounds, only those of the whole period are no mistake.
        let is_whole = (from, to) == (0, period.minutes());
        if from % period.minutes() == to % period.minutes() && !is_whole {
            return Err(NotAWindow::Empty);
        }
        let zone = words.next().map(str::to_owned);
        if words.next().is_some() {
            return Err(NotAWindow::Form);
        }
        let is_zone = |zone: &String| {
            let part = |part: &str| {
                part.starts_with(|c: char| c.is_ascii_alphabetic())
                    && part.chars().all(|c| c.is_ascii_alphanumeric() || "_+-".contains(c))
            };
            zone.len() <= LONGEST_ZONE && zone.split('/').all(part)
        };
        if !zone.iter().all(is_zone) {
            return Err(NotAWindow::Zone);
        }
        Ok(Self { access, period, from: from % period.minutes(), to, zone })
    }
}

/// Returns the minutes of a bound: `22:00` in a day, `:05` in an hour.
fn minutes(period: Period, text: &str) -> Option<u32> {
    let number = |text: &str, most: u32| {
        let is_plain = text.len() == 2 && text.chars().all(|c| c.is_ascii_digit());
        text.parse().ok().filter(|number: &u32| is_plain && *number <= most)
    };
    let (hour, minute) = text.split_once(':')?;
    match period {
        Period::Daily => {
            let minutes = number(hour, 24)? * 60 + number(minute, 59)?;
            (minutes <= MINUTES_PER_DAY).then_some(minutes)
        }
        Period::Hourly if hour.is_empty() => number(minute, 60),
        Period::Hourly => None,
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.access == Access::Deny {
            f.write_str("deny ")?;
        }
        let Self { from, to, .. } = self;
        match self.period {
            Period::Daily => write!(f, "daily {:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60)?,
            Period::Hourly => write!(f, "hourly :{from:02}-:{to:02}")?,
        }
        self.zone.iter().try_for_each(|zone| write!(f, " {zone}"))
    }
}

impl TryFrom<String> for Window {
    type Error = NotAWindow;
    fn try_from(text: String) -> Result<Self, NotAWindow> {
        text.parse()
    }
}

impl From<Window> for String {
    fn from(window: Window) -> Self {
        window.to_string()
    }
}

/// Several windows: voluntary actions may begin inside a window that allows, or at any time if none does, and never
/// inside a window that denies.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Windows(Vec<Window>);

/// Whether the windows are open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowState {
    /// Voluntary actions may begin.
    Open {
        /// Time until the windows close; None when they do not close within a day.
        closes: Option<Duration>,
    },
    /// No voluntary action begins.
    Closed {
        /// Time until the windows open; None when they do not open within a day.
        opens: Option<Duration>,
    },
}

impl Windows {
    /// Returns whether the windows are open. A window without a local time uses UTC, at `now`.
    ///
    /// # Errors
    /// The name of a time zone that the host does not know.
    pub fn state_at(&self, local: &[Option<TimeOfDay>], now: Timestamp) -> Result<WindowState, String> {
        if self.0.is_empty() {
            return Ok(WindowState::Open { closes: None });
        }
        let utc = TimeOfDay::utc(now);
        let local = self.0.iter().enumerate().map(|(place, window)| {
            let known = local.get(place).copied().unwrap_or(Some(utc));
            known.ok_or_else(|| window.zone().unwrap_or_default().to_owned())
        });
        let local: Vec<_> = local.collect::<Result<_, _>>()?;
        Ok(self.state(&local))
    }

    /// Returns the windows of a list.
    #[must_use]
    pub const fn new(windows: Vec<Window>) -> Self {
        Self(windows)
    }

    /// Returns the windows in the order of the setting.
    #[must_use]
    pub fn as_slice(&self) -> &[Window] {
        &self.0
    }

    /// Returns whether the windows are open, from the local time in the zone of each.
    ///
    /// `local` has an entry for each window. Windows begin and end at full minutes, so that the search for the next
    /// change goes from minute to minute.
    #[must_use]
    pub fn state(&self, local: &[TimeOfDay]) -> WindowState {
        let is_open = self.is_open(local, 0);
        // All zones in use differ from UTC by whole minutes.
        let passed = local.first().map_or(0, |at| at.as_secs() % 60);
        let change = (1..=MINUTES_PER_DAY).find(|minutes| self.is_open(local, *minutes) != is_open);
        let change = change.map(|minutes| Duration::from_secs(u64::from(minutes * 60 - passed)));
        if is_open { WindowState::Open { closes: change } } else { WindowState::Closed { opens: change } }
    }

    fn is_open(&self, local: &[TimeOfDay], minutes: u32) -> bool {
        let inside = |access: Access| {
            let of_kind = self.0.iter().zip(local).filter(move |(window, _)| window.access == access);
            of_kind.map(move |(window, at)| window.contains(at.after_minutes(minutes)))
        };
        let mut allowing = inside(Access::Allow).peekable();
        let is_allowed = allowing.peek().is_none() || allowing.any(|inside| inside);
        is_allowed && !inside(Access::Deny).any(|inside| inside)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> TimeOfDay {
        let (hour, minute) = text.split_once(':').unwrap();
        TimeOfDay::from_secs(hour.parse::<u32>().unwrap() * 3600 + minute.parse::<u32>().unwrap() * 60)
    }

    fn windows(texts: &[&str]) -> Windows {
        Windows::new(texts.iter().map(|text| text.parse().unwrap()).collect())
    }

    #[test]
    fn texts_round_trip() {
        for text in [
            "daily 22:00-06:00",
            "daily 00:00-24:00",
            "hourly :05-:55",
            "hourly :00-:60",
            "hourly :55-:05 UTC",
            "deny daily 18:00-23:00 Europe/Berlin",
            "deny hourly :00-:01 America/Argentina/Buenos_Aires",
            "daily 01:00-02:00 Etc/GMT+5",
        ] {
            let window = text.parse::<Window>();
            assert_eq!(window.map(|window| window.to_string()).as_deref(), Ok(text));
        }
        assert_eq!("allow  daily 01:00-24:00".parse::<Window>().unwrap().to_string(), "daily 01:00-24:00");
    }

    #[test]
    fn other_texts_are_refused_with_the_reason() {
        for (text, reason) in [
            ("", NotAWindow::Form),
            ("daily", NotAWindow::Form),
            ("weekly 22:00-06:00", NotAWindow::Form),
            ("daily 22:00", NotAWindow::Form),
            ("daily 2:00-06:00", NotAWindow::Form),
            ("daily 25:00-06:00", NotAWindow::Form),
            ("daily 24:01-06:00", NotAWindow::Form),
            ("daily +1:00-06:00", NotAWindow::Form),
            ("hourly 05-55", NotAWindow::Form),
            ("hourly 1:05-:55", NotAWindow::Form),
            ("hourly :05-:61", NotAWindow::Form),
            ("daily 22:00-06:00 UTC UTC", NotAWindow::Form),
            ("allow deny daily 22:00-06:00", NotAWindow::Form),
            ("daily 22:00-22:00", NotAWindow::Empty),
            ("daily 24:00-24:00", NotAWindow::Empty),
            ("hourly :60-:00", NotAWindow::Empty),
            ("daily 22:00-06:00 ../etc/passwd", NotAWindow::Zone),
            ("daily 22:00-06:00 /etc", NotAWindow::Zone),
            ("daily 22:00-06:00 +01:00", NotAWindow::Zone),
        ] {
            assert_eq!(text.parse::<Window>(), Err(reason), "{text}");
        }
    }

    #[test]
    fn windows_contain_their_begin_and_not_their_end() {
        for (text, inside, outside) in [
            ("daily 22:00-06:00", ["22:00", "05:59"], ["21:59", "06:00"]),
            ("daily 09:30-17:00", ["09:30", "16:59"], ["09:29", "17:00"]),
            ("daily 18:00-24:00", ["18:00", "23:59"], ["00:00", "17:59"]),
            ("hourly :05-:55", ["03:05", "22:54"], ["03:04", "22:55"]),
            ("hourly :50-:10", ["03:50", "00:09"], ["03:10", "03:49"]),
        ] {
            let window: Window = text.parse().unwrap();
            assert!(inside.iter().all(|time| window.contains(at(time))), "{text}");
            assert!(!outside.iter().any(|time| window.contains(at(time))), "{text}");
        }
    }

    #[test]
    fn whole_period_never_closes() {
        for text in ["daily 00:00-24:00", "hourly :00-:60"] {
            assert_eq!(windows(&[text]).state(&[at("23:59")]), WindowState::Open { closes: None }, "{text}");
        }
    }

    #[test]
    fn deny_has_precedence_and_no_allow_allows() {
        let minutes = |minutes: u64| Some(Duration::from_secs(minutes * 60));
        let state = |texts: &[&str], time: &str| windows(texts).state(&vec![at(time); texts.len()]);
        assert_eq!(state(&[], "12:00"), WindowState::Open { closes: None });
        assert_eq!(state(&["daily 10:00-14:00"], "12:00"), WindowState::Open { closes: minutes(120) });
        assert_eq!(state(&["daily 10:00-14:00"], "14:00"), WindowState::Closed { opens: minutes(20 * 60) });
        assert_eq!(state(&["deny daily 10:00-14:00"], "09:00"), WindowState::Open { closes: minutes(60) });
        let both = ["daily 10:00-14:00", "hourly :00-:10", "deny daily 11:00-12:00"];
        assert_eq!(state(&both, "11:05"), WindowState::Closed { opens: minutes(55) });
        assert_eq!(state(&both, "15:05"), WindowState::Open { closes: minutes(5) });
        // Always denied: no opening within a day.
        let never = ["daily 10:00-11:00", "deny daily 09:00-12:00"];
        assert_eq!(state(&never, "10:30"), WindowState::Closed { opens: None });
    }

    #[test]
    fn time_until_a_change_counts_seconds() {
        let open = windows(&["daily 10:00-14:00"]).state(&[TimeOfDay::from_secs(13 * 3600 + 59 * 60 + 45)]);
        assert_eq!(open, WindowState::Open { closes: Some(Duration::from_secs(15)) });
    }
}
