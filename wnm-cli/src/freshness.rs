//! The age of the record that pages show, compared with the schedule of the cycles.

use std::time::Duration;

use wnm_core::{RawSettings, Timestamp};
use wnm_store::{Schedule, Snapshot, Store};

use crate::config;

/// Intervals without a cycle after which the record counts as stale: two may be lost to a slow cycle and a busy host.
const INTERVALS: u32 = 3;
/// Shortest age of a stale record. A daemon may have an interval of 100 ms, but a cycle over many nodes takes seconds.
const LEAST: Duration = Duration::from_secs(15);

/// The age of the last cycle on record, and the schedule of the cycles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Freshness {
    /// The time since the observation of the last cycle; None before the first cycle.
    pub(crate) age: Option<Duration>,
    /// The schedule that the last scheduled cycle recorded.
    pub(crate) schedule: Schedule,
    /// The age from which the record is stale.
    limit: Duration,
}

impl Freshness {
    /// Returns the freshness of a snapshot at the time `now` of the colony.
    ///
    /// `survey` is the pause of a cycle between the probes of two nodes, which lengthens every cycle.
    pub(crate) fn of(snapshot: &Snapshot, now: Timestamp, survey: Duration) -> Self {
        let nodes = u32::try_from(snapshot.nodes.len()).unwrap_or(u32::MAX);
        let cycle = snapshot.schedule.interval.saturating_add(survey.saturating_mul(nodes));
        let age = snapshot.last.as_ref().map(|last| now.since(last.at));
        Self { age, schedule: snapshot.schedule, limit: cycle.saturating_mul(INTERVALS).max(LEAST) }
    }

    /// Returns whether the last cycle is too old for its record to describe the present.
    pub(crate) fn is_stale(self) -> bool {
        self.age.is_some_and(|age| age > self.limit)
    }
}

/// Stores the schedule of the cycles. A failure is only logged, because the cycles matter more than their schedule.
pub(crate) fn record(store: &mut Store, schedule: Schedule) {
    if let Err(error) = store.save_schedule(schedule) {
        tracing::warn!(%error, "cannot store the schedule of the cycles");
    }
}

/// Returns the pause between the probes of two nodes; zero if the settings cannot be read.
pub(crate) fn survey_delay(stored: &RawSettings) -> Duration {
    let above = config::surroundings().unwrap_or_default();
    Duration::from_millis(above.survey_delay.or(stored.survey_delay).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use wnm_core::NodeId;

    use super::*;
    use crate::render::tests::{cycle, node};

    fn snapshot(schedule: Schedule, nodes: u32) -> Snapshot {
        let nodes = (1..=nodes).filter_map(|number| Some((NodeId::new(number)?, node(number))));
        Snapshot { last: Some(cycle()), schedule, nodes: nodes.collect(), ..Snapshot::default() }
    }

    #[test]
    fn record_is_stale_after_three_intervals() {
        let seconds = Duration::from_secs;
        let cases = [
            (Schedule::CRON, 0, 0, 180),
            (Schedule::daemon(seconds(5)), 0, 0, 15),
            (Schedule::daemon(seconds(60)), 0, 0, 180),
            // The shortest limit, and cycles that wait two seconds before each node.
            (Schedule::daemon(Duration::from_millis(100)), 0, 0, 15),
            (Schedule::daemon(seconds(5)), 10, 2, 75),
        ];
        for (schedule, nodes, survey, limit) in cases {
            let snapshot = snapshot(schedule, nodes);
            let at = |age: u64| Freshness::of(&snapshot, cycle().at.after(seconds(age)), seconds(survey));
            assert!(!at(limit).is_stale(), "{schedule:?}");
            assert!(at(limit + 1).is_stale(), "{schedule:?}");
        }
    }

    #[test]
    fn colony_without_cycle_is_not_stale() {
        let freshness = Freshness::of(&Snapshot::default(), cycle().at, Duration::ZERO);
        assert!(!freshness.is_stale() && freshness.age.is_none());
    }
}
