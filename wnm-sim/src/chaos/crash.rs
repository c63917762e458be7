//! A crash of the manager at any point of its cycle.

use std::cell::Cell;

/// Counts the points of a cycle at which the manager can crash, down to the one at which it does.
///
/// From that point on the manager changes nothing: neither the fake store nor the model, until the next cycle.
#[derive(Debug, Default)]
pub(crate) struct CrashCountdown(Cell<Option<u32>>);

impl CrashCountdown {
    /// Sets the number of points that the manager still passes; None for a cycle without a crash.
    pub(crate) fn set(&self, points: Option<u32>) {
        self.0.set(points);
    }

    /// Passes one point, and returns whether the manager is still alive.
    pub(crate) fn pass(&self) -> bool {
        match self.0.get() {
            None => true,
            Some(0) => false,
            Some(points) => {
                self.0.set(Some(points - 1));
                true
            }
        }
    }

    /// Returns whether the manager has crashed.
    pub(crate) fn has_crashed(&self) -> bool {
        self.0.get() == Some(0)
    }

    /// Returns whether the manager has crashed or may crash in this cycle.
    pub(crate) fn is_set(&self) -> bool {
        self.0.get().is_some()
    }
}
