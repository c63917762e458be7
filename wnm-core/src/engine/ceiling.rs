//! The ceiling: a limit on the pace of the rules that no setting raises.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::action::decision::{Planned, Reason};
use crate::action::steps::ActionRecord;
use crate::action::valve::ClosedValve;
use crate::model::units::Timestamp;
use crate::policy::constants::MOST_ACTIONS;

/// The actions that the rules began within the longest period of the ceiling.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RecentActions(Vec<(Timestamp, u32)>);

impl RecentActions {
    /// Returns whether no action is recorded.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Records actions that begin now, and forgets those that no period of the ceiling counts any more.
    pub(crate) fn record(&mut self, begun: u32, now: Timestamp) {
        let oldest = now.before(MOST_ACTIONS[MOST_ACTIONS.len() - 1].1);
        self.0.retain(|(at, _)| *at > oldest);
        if begun > 0 {
            self.0.push((now, begun));
        }
    }

    /// Records the unfinished actions of a cycle that a crash ended before its state was stored.
    pub(crate) fn resume(&mut self, unfinished: &[ActionRecord]) {
        let mut begun: Vec<Timestamp> =
            unfinished.iter().filter(|record| is_counted(&record.planned)).map(|record| record.begun).collect();
        begun.sort_unstable();
        for group in begun.chunk_by(|one, other| one == other) {
            let (at, count) = (group[0], group.len() as u32);
            match self.0.iter_mut().find(|(known, _)| *known == at) {
                Some((_, known)) => *known = count.max(*known),
                None => self.0.push((at, count)),
            }
        }
        self.0.sort_unstable();
    }

    /// Returns the number of actions that may begin now, and the valve that closes at that number.
    pub(crate) fn allowance(&self, now: Timestamp) -> (u32, ClosedValve) {
        let limits = MOST_ACTIONS.iter().map(|(most, per)| {
            let counted = || self.0.iter().filter(|(at, _)| *at > now.before(*per));
            let begun = counted().fold(0_u32, |sum, (_, begun)| sum.saturating_add(*begun));
            let until = counted().next().map_or(now, |(at, _)| at.after(*per));
            (most.saturating_sub(begun), ClosedValve::Ceiling { most: *most, per: *per, until })
        });
        let tightest = limits.min_by_key(|(left, _)| *left);
        // The list of limits is a constant with two entries.
        tightest.unwrap_or((u32::MAX, ClosedValve::Ceiling { most: u32::MAX, per: Duration::ZERO, until: now }))
    }
}

/// Returns whether the ceiling counts an action: every action that no operator requested.
pub(crate) fn is_counted(planned: &Planned) -> bool {
    planned.reason != Reason::Requested
}
