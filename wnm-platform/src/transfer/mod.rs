//! The move of a node's folder to another volume: a copy that can be interrupted anywhere and goes on where it stopped.
//!
//! A file of the copy has the time of its source only once its content is on the drive, so that a file with the same
//! size and time need not be copied again after a cut. The copy grows in a folder that no other user can write, and never
//! has the name of a node's folder before it is complete.

mod copy;
mod flush;
mod mover;
mod place;
mod tree;
mod verify;

pub use mover::Movers;
pub(crate) use mover::{Polled, Work};
pub use place::interrupted_copies;
pub(crate) use place::{
    Remaining, can_rename, delete_source, drop_copy, drop_source, holds_copy, is_moved_away, prepare, switch,
    switch_back,
};

#[cfg(test)]
mod tests;
