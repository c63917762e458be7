//! A clock that neither jumps nor runs backwards, made from one that does.

use serde::{Deserialize, Serialize};

use crate::model::units::Timestamp;

/// What the host's clocks show at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockReading {
    /// The wall clock, which people and time servers may set at will.
    pub wall: Timestamp,
    /// Milliseconds since the host started, time spent suspended included.
    pub uptime: u64,
    /// The name the kernel gave to this run of the host.
    pub boot: String,
}

/// The colony's clock: it starts at the wall clock and then advances with the host's uptime, so that a step of the
/// wall clock, of any size in any direction, never makes a delay pass or begin again.
///
/// After a reboot it continues from the wall clock, but never from before where it stood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    now: Timestamp,
    uptime: u64,
    boot: String,
}

impl Clock {
    /// Returns the clock as it stands at its first reading.
    #[must_use]
    pub fn start(reading: ClockReading) -> Self {
        Self { now: reading.wall, uptime: reading.uptime, boot: reading.boot }
    }

    /// Returns the clock as it stands at a later reading.
    #[must_use]
    pub fn advance(&self, reading: ClockReading) -> Self {
        let now = if reading.boot == self.boot {
            let elapsed = reading.uptime.saturating_sub(self.uptime);
            Timestamp::from_millis(self.now.as_millis().saturating_add_unsigned(elapsed))
        } else {
            self.now.max(reading.wall)
        };
        Self { now, uptime: reading.uptime, boot: reading.boot }
    }

    /// Returns the colony's time.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// Returns milliseconds since the host started.
    #[must_use]
    pub const fn uptime(&self) -> u64 {
        self.uptime
    }

    /// Returns the name of the run of the host that this clock last saw.
    #[must_use]
    pub fn boot(&self) -> &str {
        &self.boot
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(wall: i64, uptime: u64, boot: &str) -> ClockReading {
        ClockReading { wall: Timestamp::from_millis(wall), uptime, boot: boot.to_owned() }
    }

    #[test]
    fn a_step_of_the_wall_clock_is_not_seen() {
        let start = Clock::start(reading(1_000_000, 500, "a"));
        for wall in [i64::MIN, 0, 1_000_000, i64::MAX] {
            assert_eq!(start.advance(reading(wall, 1_500, "a")).now().as_millis(), 1_001_000);
        }
    }

    #[test]
    fn a_reboot_takes_up_the_wall_clock_and_never_goes_back() {
        let start = Clock::start(reading(1_000_000, 500, "a"));
        assert_eq!(start.advance(reading(1_060_000, 10, "b")).now().as_millis(), 1_060_000);
        assert_eq!(start.advance(reading(0, 10, "b")).now().as_millis(), 1_000_000);
    }

    #[test]
    fn an_uptime_that_runs_backwards_stands_still() {
        let start = Clock::start(reading(1_000_000, 500, "a"));
        assert_eq!(start.advance(reading(1_000_000, 400, "a")).now().as_millis(), 1_000_000);
    }
}
