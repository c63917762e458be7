//! The end of the manager, at any point of its cycle.

use std::cell::Cell;

/// Burns down point by point; once it is out the manager is dead and does nothing more.
#[derive(Debug)]
pub(crate) struct Fuse(Cell<Option<u32>>);

impl Fuse {
    /// Returns a fuse of so many points; None never burns down.
    pub(crate) const fn new(points: Option<u32>) -> Self {
        Self(Cell::new(points))
    }

    /// Passes a point, and tells whether the manager still lives.
    pub(crate) fn holds(&self) -> bool {
        match self.0.get() {
            None => true,
            Some(0) => false,
            Some(points) => {
                self.0.set(Some(points - 1));
                true
            }
        }
    }

    /// Tells whether the manager is dead.
    pub(crate) fn is_out(&self) -> bool {
        self.0.get() == Some(0)
    }

    /// Tells whether the manager may die.
    pub(crate) fn is_lit(&self) -> bool {
        self.0.get().is_some()
    }
}
