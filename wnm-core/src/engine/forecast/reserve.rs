//! What a cap leaves free beyond what others use by now: as much as they lately rose by at once.

use serde::{Deserialize, Serialize};

use crate::policy::constants::{LONG_CYCLE, MEASURING, RESERVE_DECAY, TRUSTED};

/// What is kept free for what others may begin, as long as it is known what the nodes need.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Reserve {
    /// The most that others lately rose by from one look to the next, in percent of the machine: it fades.
    swing: f32,
    /// Milliseconds for which nodes may still be held back on what is known of their need.
    trusted: u32,
    /// False until the need is known, and again while it is measured anew.
    is_held: bool,
}

impl Reserve {
    /// Takes up by how much others rose within so many milliseconds, and whether nodes were held back, so that what they
    /// need was not to be seen.
    pub(super) fn look(&mut self, rise: f64, span: u32, is_throttled: bool) {
        let faded = f64::from(self.swing) * (-f64::from(span) / 1000.0 / RESERVE_DECAY).exp();
        self.swing = if span < LONG_CYCLE { faded } else { faded.max(rise) } as f32;
        self.trusted = if is_throttled {
            self.trusted.saturating_sub(span)
        } else {
            span.saturating_mul(MEASURING).saturating_add(self.trusted).min(TRUSTED)
        };
        self.is_held = if self.is_held { self.trusted > 0 } else { self.trusted == TRUSTED };
    }

    /// Returns what is to be kept free, in percent of the machine; None while it is measured what the nodes need.
    pub(super) fn percent(self) -> Option<f64> {
        self.is_held.then(|| self.swing.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u32 = 60_000;

    /// Returns a reserve after ten minutes in which nodes were not held back and others rose by so much.
    fn measured(rise: f64) -> Reserve {
        let mut reserve = Reserve::default();
        for _ in 0..10 {
            assert_eq!(reserve.percent(), None, "before the need is known");
            reserve.look(rise, MINUTE, false);
        }
        reserve
    }

    #[test]
    fn what_others_rose_by_fades_to_a_third_in_two_hours() {
        let mut reserve = measured(30.0);
        assert_eq!(reserve.percent(), Some(30.0));
        for _ in 0..120 {
            reserve.look(0.0, MINUTE, false);
        }
        assert!((reserve.percent().unwrap() - 30.0 / std::f64::consts::E).abs() < 1e-2, "{reserve:?}");
        reserve.look(20.0, MINUTE, false);
        assert_eq!(reserve.percent(), Some(20.0));
    }

    #[test]
    fn short_looks_need_no_reserve() {
        let mut reserve = measured(0.0);
        reserve.look(40.0, 5_000, false);
        assert_eq!(reserve.percent(), Some(0.0));
    }

    #[test]
    fn after_two_hours_of_holding_back_the_need_is_measured_for_ten_minutes() {
        let mut reserve = measured(30.0);
        for minute in 0..120 {
            assert!(reserve.percent().is_some(), "{minute}");
            reserve.look(30.0, MINUTE, true);
        }
        for minute in 0..10 {
            assert_eq!(reserve.percent(), None, "{minute}");
            reserve.look(30.0, MINUTE, false);
        }
        assert_eq!(reserve.percent(), Some(30.0));
    }
}
