//! The tokens that uploads may spend in a day.

use wnm_core::Timestamp;
use wnm_core::probe::{Atto, day_of};

/// The spending of a day, which begins at midnight UTC.
///
/// A price is reserved before an upload starts, so that uploads at the same time never exceed the limit together.
#[derive(Debug, Clone, Copy)]
pub struct Spending {
    limit: Atto,
    day: i64,
    spent: Atto,
}

impl Spending {
    /// Returns the spending with a limit a day, of which `spent` was spent on the day of `now`.
    #[must_use]
    pub fn new(limit: Atto, spent: Atto, now: Timestamp) -> Self {
        Self { limit, day: day_of(now), spent }
    }

    /// Sets the limit a day.
    pub fn set_limit(&mut self, limit: Atto) {
        self.limit = limit;
    }

    /// Returns the tokens of today that are spent or reserved.
    pub fn spent(&mut self, now: Timestamp) -> Atto {
        // A clock that goes back to an earlier day allows nothing more.
        if day_of(now) > self.day {
            (self.day, self.spent) = (day_of(now), Atto::default());
        }
        self.spent
    }

    /// Tells whether another upload may ask for its price.
    pub fn is_left(&mut self, now: Timestamp) -> bool {
        self.spent(now) < self.limit
    }

    /// Reserves a price. Returns false, and reserves nothing, when the limit would be exceeded.
    pub fn reserve(&mut self, price: Atto, now: Timestamp) -> bool {
        let sum = self.spent(now).plus(price);
        let is_allowed = sum <= self.limit;
        if is_allowed {
            self.spent = sum;
        }
        is_allowed
    }

    /// Adds tokens of today that an earlier wnm spent.
    pub fn add(&mut self, spent: Atto, now: Timestamp) {
        self.spent = self.spent(now).plus(spent);
    }

    /// Replaces a reserved price by the tokens that the upload spent. An upload that does not tell them has spent its
    /// price.
    pub fn settle(&mut self, reserved: Atto, paid: Option<Atto>) {
        if let Some(paid) = paid {
            self.spent = Atto(self.spent.0.saturating_sub(reserved.0)).plus(paid);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_millis(hours * 60 * 60 * 1000)
    }

    #[test]
    fn uploads_at_the_same_time_stay_below_the_limit_together() {
        let mut spending = Spending::new(Atto(10), Atto(3), at(1));
        assert!(spending.reserve(Atto(4), at(1)));
        assert!(!spending.reserve(Atto(4), at(2)));
        spending.settle(Atto(4), Some(Atto(1)));
        assert!(spending.reserve(Atto(6), at(2)));
        assert!(!spending.is_left(at(3)));
        spending.settle(Atto(6), None);
        assert_eq!(spending.spent(at(4)), Atto(10));
    }

    #[test]
    fn each_day_has_its_own_limit_and_the_clock_never_gives_it_back() {
        let mut spending = Spending::new(Atto(10), Atto(10), at(23));
        assert!(!spending.is_left(at(23)));
        assert!(spending.reserve(Atto(10), at(24)));
        assert!(!spending.is_left(at(1)));
        spending.set_limit(Atto(0));
        assert!(!spending.is_left(at(48)));
    }
}
