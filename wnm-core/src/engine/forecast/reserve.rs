//! The reserve: CPU that the limit keeps free, as large as the greatest recent rise of the background load.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::policy::constants::{LONG_CYCLE, MEASURING, RESERVE_DECAY, TRUSTED};

/// The reserve, which exists while the demand of the nodes is known.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Reserve {
    /// Greatest recent rise of the background load within one cycle, in percent of the machine; it decays.
    swing: f32,
    /// Milliseconds for which the measured demand of the nodes may still be used while they are throttled.
    trusted: u32,
    /// False until the demand is known, and again while it is measured anew.
    is_held: bool,
    /// Whether the limit is lifted, because throttled nodes would never show their demand.
    is_lifted: bool,
}

impl Reserve {
    /// Updates the reserve by the rise of the background load within `span` milliseconds. While the nodes are throttled
    /// their demand cannot be measured.
    pub(super) fn update(&mut self, rise: f64, span: u32, is_throttled: bool) {
        // Nodes that ask for more than the whole machine are throttled by any limit: it is lifted for the usual time.
        let is_throttled = is_throttled && !self.is_lifted;
        let faded = f64::from(self.swing) * (-f64::from(span) / 1000.0 / RESERVE_DECAY).exp();
        // A short cycle lowers the limit in time by itself: a reserve would only take CPU from the nodes.
        self.swing = if span < LONG_CYCLE { faded } else { faded.max(rise) } as f32;
        self.trusted = if is_throttled {
            self.trusted.saturating_sub(span)
        } else {
            span.saturating_mul(MEASURING).saturating_add(self.trusted).min(TRUSTED)
        };
        // A hysteresis: the reserve starts with full trust and ends without any, so that it does not flicker in between.
        self.is_held = if self.is_held { self.trusted > 0 } else { self.trusted == TRUSTED };
        self.is_lifted = !self.is_held && (self.is_lifted || is_throttled);
    }

    /// Makes the demand unknown, so that it is measured anew.
    pub(super) const fn forget(&mut self) {
        (self.trusted, self.is_held, self.is_lifted) = (0, false, true);
    }

    /// Returns whether the limit is lifted to measure the demand.
    pub(super) const fn is_lifted(self) -> bool {
        self.is_lifted
    }

    /// Returns the time for which the demand was measured, and the time that is required.
    pub(super) fn measured(self) -> (Duration, Duration) {
        let time = |trusted: u32| Duration::from_millis((trusted / MEASURING).into());
        (time(self.trusted), time(TRUSTED))
    }

    /// Returns the reserve, in percent of the machine; None while the demand of the nodes is measured.
    pub(super) fn percent(self) -> Option<f64> {
        self.is_held.then(|| self.swing.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u32 = 60_000;

    /// Returns a reserve after ten minutes without throttling, with this rise of the background load in each.
    fn measured(rise: f64) -> Reserve {
        let mut reserve = Reserve::default();
        for _ in 0..10 {
            assert_eq!(reserve.percent(), None, "before the demand is known");
            reserve.update(rise, MINUTE, false);
        }
        reserve
    }

    #[test]
    fn reserve_decays_to_a_third_in_two_hours() {
        let mut reserve = measured(30.0);
        assert_eq!(reserve.percent(), Some(30.0));
        for _ in 0..120 {
            reserve.update(0.0, MINUTE, false);
        }
        assert!((reserve.percent().unwrap() - 30.0 / std::f64::consts::E).abs() < 1e-2, "{reserve:?}");
        reserve.update(20.0, MINUTE, false);
        assert_eq!(reserve.percent(), Some(20.0));
    }

    #[test]
    fn short_cycles_have_no_reserve() {
        let mut reserve = measured(0.0);
        reserve.update(40.0, 5_000, false);
        assert_eq!(reserve.percent(), Some(0.0));
    }

    #[test]
    fn demand_is_measured_again_after_two_hours_of_throttling() {
        let mut reserve = measured(30.0);
        for minute in 0..120 {
            assert!(reserve.percent().is_some(), "{minute}");
            reserve.update(30.0, MINUTE, true);
        }
        for minute in 0..10 {
            assert_eq!((reserve.percent(), reserve.is_lifted()), (None, true), "{minute}");
            reserve.update(30.0, MINUTE, false);
        }
        assert_eq!((reserve.percent(), reserve.is_lifted()), (Some(30.0), false));
        reserve.forget();
        assert_eq!((reserve.percent(), reserve.is_lifted()), (None, true));
    }

    #[test]
    fn demand_beyond_the_machine_does_not_lift_the_limit_for_good() {
        let mut reserve = measured(30.0);
        reserve.forget();
        for _ in 0..10 {
            assert!(reserve.is_lifted());
            reserve.update(0.0, MINUTE, true);
        }
        assert!(!reserve.is_lifted());
    }
}
