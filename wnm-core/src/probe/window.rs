//! The times at which probes run.

use std::time::Duration;

use crate::model::window::{TimeOfDay, Window, WindowState, Windows};

/// The time before the end of a window in which no run starts, so that short runs end by themselves.
pub const DRAIN: Duration = Duration::from_secs(2 * 60);

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

impl Gate {
    /// Returns the gate of windows, from the local time in the zone of each.
    #[must_use]
    pub fn of(windows: &Windows, local: &[TimeOfDay]) -> Self {
        match windows.state(local) {
            WindowState::Closed { .. } => Self::Closed,
            WindowState::Open { closes: Some(left) } if left <= DRAIN => Self::Draining,
            WindowState::Open { .. } => Self::Open,
        }
    }
}

/// Returns the windows without a setting: minutes 5 to 55 of each hour. Operators' other hourly work starts at the full
/// hour.
#[must_use]
pub fn default_windows() -> Windows {
    Windows::new(vec![Window::hourly(5, 55)])
}

/// Tells whether a run ever starts in these windows. Windows in several time zones are assumed to be in one.
pub(crate) fn ever_opens(windows: &Windows) -> bool {
    let at = |minute: u32| vec![TimeOfDay::from_secs(minute * 60); windows.as_slice().len()];
    (0..24 * 60).any(|minute| Gate::of(windows, &at(minute)) == Gate::Open)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(text: &str) -> Windows {
        Windows::new(text.split(',').map(|window| window.parse().unwrap()).collect())
    }

    #[test]
    fn windows_drain_before_their_end() {
        let of = |windows: &Windows, hour: u32, minute: u32, second: u32| {
            let at = TimeOfDay::from_secs(hour * 3600 + minute * 60 + second);
            Gate::of(windows, &vec![at; windows.as_slice().len()])
        };
        for (hour, minute, second, gate) in [
            (7, 0, 0, Gate::Closed),
            (7, 4, 59, Gate::Closed),
            (7, 5, 0, Gate::Open),
            (7, 52, 59, Gate::Open),
            (7, 53, 0, Gate::Draining),
            (7, 54, 59, Gate::Draining),
            (7, 55, 0, Gate::Closed),
            (8, 5, 0, Gate::Open),
        ] {
            assert_eq!(of(&default_windows(), hour, minute, second), gate, "{minute}:{second}");
        }
        assert_eq!(of(&windows("hourly :00-:60"), 0, 59, 59), Gate::Open);
        let night = windows("daily 22:00-06:00, deny hourly :00-:10");
        assert_eq!(of(&night, 23, 57, 59), Gate::Open);
        assert_eq!(of(&night, 23, 58, 0), Gate::Draining);
        assert_eq!(of(&night, 0, 9, 59), Gate::Closed);
        assert_eq!(of(&night, 6, 30, 0), Gate::Closed);
    }

    #[test]
    fn short_windows_never_open() {
        for (text, opens) in [
            ("hourly :05-:55", true),
            ("hourly :00-:60", true),
            ("hourly :05-:08", true),
            ("hourly :05-:07", false),
            ("daily 22:00-06:00, deny daily 21:00-07:00", false),
        ] {
            assert_eq!(ever_opens(&windows(text)), opens, "{text}");
        }
    }
}
