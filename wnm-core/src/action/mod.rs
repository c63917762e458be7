//! Actions: their reasons, the verdicts of the rules, and the journalled steps that carry an action out.

pub(crate) mod decision;
pub(crate) mod failure_cause;
pub(crate) mod step;
pub mod steps;
pub(crate) mod valve;
pub(crate) mod verdict;
