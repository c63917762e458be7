//! A monotonic clock of the colony, derived from the wall clock and the uptime of the host.

use serde::{Deserialize, Serialize};

use crate::model::units::Timestamp;

/// One reading of the clocks of the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockReading {
    /// The wall clock, which an operator or a time server can set to any value.
    pub wall: Timestamp,
    /// Time since the start of the host in milliseconds, suspended time included.
    pub uptime: u64,
    /// The identifier of the boot, unique for each start of the host.
    pub boot: String,
    /// The start of process 1, in clock ticks since the boot; None where it is not visible.
    ///
    /// A container that restarts has a new process 1, and keeps the identifier of the boot.
    pub init: Option<u64>,
}

/// The clock of the colony. It starts at the wall clock and then advances with the uptime of the host.
///
/// A step of the wall clock therefore never ends or restarts a delay. After a reboot the clock continues from the wall
/// clock, or from its last time if the wall clock is behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    now: Timestamp,
    uptime: u64,
    boot: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    init: Option<u64>,
}

impl Clock {
    /// Returns a clock that starts at the wall clock of the reading.
    #[must_use]
    pub fn start(reading: ClockReading) -> Self {
        Self { now: reading.wall, uptime: reading.uptime, boot: reading.boot, init: reading.init }
    }

    /// Returns whether all processes ended since the last reading: the host or the container restarted.
    #[must_use]
    pub fn is_restarted(&self, reading: &ClockReading) -> bool {
        // A start that only one of the readings has tells nothing: `hidepid` may have been changed.
        let is_other_init = self.init.zip(reading.init).is_some_and(|(last, now)| last != now);
        self.boot != reading.boot || is_other_init
    }

    /// Returns the clock at a later reading.
    #[must_use]
    pub fn advance(&self, reading: ClockReading) -> Self {
        let now = if reading.boot == self.boot {
            // Uptime of the same boot never decreases, except in a corrupt database: time then stands still.
            let elapsed = reading.uptime.saturating_sub(self.uptime);
            Timestamp::from_millis(self.now.as_millis().saturating_add_unsigned(elapsed))
        } else {
            self.now.max(reading.wall)
        };
        Self { now, uptime: reading.uptime, boot: reading.boot, init: reading.init.or(self.init) }
    }

    /// Returns the time of the colony.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// Returns the time since the start of the host in milliseconds, at the last reading.
    #[must_use]
    pub const fn uptime(&self) -> u64 {
        self.uptime
    }

    /// Returns the identifier of the boot at the last reading.
    #[must_use]
    pub fn boot(&self) -> &str {
        &self.boot
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(wall: i64, uptime: u64, boot: &str) -> ClockReading {
        ClockReading { wall: Timestamp::from_millis(wall), uptime, boot: boot.to_owned(), init: None }
    }

    #[test]
    fn wall_clock_step_does_not_move_the_clock() {
        let start = Clock::start(reading(1_000_000, 500, "a"));
        for wall in [i64::MIN, 0, 1_000_000, i64::MAX] {
            assert_eq!(start.advance(reading(wall, 1_500, "a")).now().as_millis(), 1_001_000);
        }
    }

    #[test]
    fn reboot_continues_from_the_wall_clock_and_never_back() {
        let start = Clock::start(reading(1_000_000, 500, "a"));
        assert_eq!(start.advance(reading(1_060_000, 10, "b")).now().as_millis(), 1_060_000);
        assert_eq!(start.advance(reading(0, 10, "b")).now().as_millis(), 1_000_000);
    }

    #[test]
    fn restart_is_a_new_boot_or_a_new_process_1() {
        let of = |boot: &str, init| ClockReading { init, ..reading(0, 500, boot) };
        for (before, after, is_restarted) in [
            (of("a", Some(1)), of("a", Some(1)), false),
            (of("a", Some(1)), of("b", Some(1)), true),
            (of("a", Some(1)), of("a", Some(9000)), true),
            (of("a", Some(1)), of("a", None), false),
            (of("a", None), of("a", Some(9000)), false),
            (of("a", None), of("b", None), true),
        ] {
            assert_eq!(Clock::start(before.clone()).is_restarted(&after), is_restarted, "{before:?} {after:?}");
        }
        // A reading without the start of process 1 in between hides no restart.
        let hidden = Clock::start(of("a", Some(1))).advance(of("a", None));
        assert!(hidden.is_restarted(&of("a", Some(2))));
    }

    #[test]
    fn decreasing_uptime_stops_the_clock() {
        let start = Clock::start(reading(1_000_000, 500, "a"));
        assert_eq!(start.advance(reading(1_000_000, 400, "a")).now().as_millis(), 1_000_000);
    }
}
