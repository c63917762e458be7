//! Property 24 over a run: the folders and bytes that a repeated failure costs.

use std::collections::BTreeMap;
use std::time::Duration;

use wnm_core::{Action, NodeId, Outcome, Planned, Reason, Timestamp};

use super::{Property, Violation};

/// Tries of the same kind in the first minutes of a failure: their delays are 10 s, 20 s, 40 s and 80 s.
const FIRST_TRIES: u64 = 5;
/// The delay between all further tries.
const LONGEST_DELAY: Duration = Duration::from_secs(1800);

/// Folders and bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// The number of folders.
    pub folders: u64,
    /// The bytes, in MB.
    pub megabytes: u64,
}

impl Cost {
    fn plus(self, other: Self) -> Self {
        let folders = self.folders.saturating_add(other.folders);
        Self { folders, megabytes: self.megabytes.saturating_add(other.megabytes) }
    }

    fn times(self, factor: u64) -> Self {
        let folders = self.folders.saturating_mul(factor);
        Self { folders, megabytes: self.megabytes.saturating_mul(factor) }
    }

    const fn exceeds(self, most: Self) -> bool {
        self.folders > most.folders || self.megabytes > most.megabytes
    }
}

/// An action with its outcome in a cycle, and its cost.
#[derive(Debug, Clone, Copy)]
pub struct Ended<'a> {
    /// The action with its reason.
    pub planned: &'a Planned,
    /// The outcome of the action.
    pub outcome: &'a Outcome,
    /// The folders and bytes that the action wrote.
    pub written: Cost,
    /// The folders and bytes of the action that its undo left.
    pub left: Cost,
}

/// Failures of the same kind in succession.
#[derive(Debug, Clone, Copy)]
struct Series {
    /// The time of the first failure.
    since: Timestamp,
    written: Cost,
}

/// The costs of the failures that no success has ended: those of all additions together, those of other actions by node.
#[derive(Debug, Clone)]
pub struct Costs {
    one: Cost,
    series: BTreeMap<(&'static str, Option<NodeId>), Series>,
}

impl Costs {
    /// Returns the costs of a run without failures so far, in which one try writes at most `one`.
    #[must_use]
    pub const fn new(one: Cost) -> Self {
        Self { one, series: BTreeMap::new() }
    }

    /// Counts an ended action of a cycle at `now`. `at_once` is the number of additions that may be in progress together.
    ///
    /// # Errors
    /// A failed action that was undone left a folder or bytes, or the rules repeat a failure so often that its tries
    /// write more than those after the delays do. The operator may repeat a failure at any time.
    pub fn count(&mut self, ended: &Ended<'_>, at_once: u32, now: Timestamp) -> Result<(), Violation> {
        let Ended { planned, outcome, written, left } = *ended;
        let (verb, id) = (planned.action.verb(), planned.action.node());
        let is_addition = matches!(planned.action, Action::Add { .. });
        let node = (!is_addition).then_some(id);
        let failure = match outcome {
            Outcome::Failed(failure) => failure,
            Outcome::Done => {
                self.series.retain(|key, _| key.1 != node);
                return Ok(());
            }
            Outcome::Pending { .. } | Outcome::Cancelled { .. } => return Ok(()),
        };
        let violated = |detail: String| Err(Violation::new(Property::Bounded, detail));
        if failure.rolled_back && left != Cost::default() {
            let Cost { folders, megabytes } = left;
            return violated(format!("failed {verb} of {id} leaves {folders} folders and {megabytes} MB"));
        }
        if planned.reason == Reason::Requested {
            return Ok(());
        }
        let series = self.series.entry((verb, node)).or_insert(Series { since: now, written: Cost::default() });
        series.written = series.written.plus(written);
        let lasts = now.since(series.since);
        let rounds = FIRST_TRIES.saturating_add(lasts.as_secs() / LONGEST_DELAY.as_secs());
        let at_once = if is_addition { u64::from(at_once) } else { 1 };
        let Cost { folders, megabytes } = series.written;
        if series.written.exceeds(self.one.times(rounds.saturating_mul(at_once))) {
            return violated(format!(
                "{verb} fails for {lasts:?} and has written {folders} folders and {megabytes} MB"
            ));
        }
        Ok(())
    }
}
