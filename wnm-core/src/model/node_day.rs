//! The health and the work of a node on one day: its new records and payments, and how often peers shunned it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::metrics::NodeMetrics;
use super::node::NodeId;
use super::units::Timestamp;

/// The milliseconds of a day.
const DAY: i64 = 24 * 60 * 60 * 1000;
/// The share of a day, in percent, that the readings of a node must cover before a day without a record counts: a node that
/// was down for most of it had no chance.
const COVERED_PERCENT: i64 = 75;
/// The least number of neighbours whose day is compared.
const NEIGHBOURS: usize = 3;

/// A day in UTC, as the number of days since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Day(pub i64);

impl Day {
    /// Returns the day of a time.
    #[must_use]
    pub fn of(at: Timestamp) -> Self {
        Self(at.as_millis().div_euclid(DAY))
    }

    /// Returns the first moment of the day.
    #[must_use]
    pub fn start(self) -> Timestamp {
        Timestamp::from_millis(self.0.saturating_mul(DAY))
    }

    /// Returns the day that is this many days earlier.
    #[must_use]
    pub fn before(self, days: i64) -> Self {
        Self(self.0.saturating_sub(days))
    }
}

/// One reading of the counters of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DayReading {
    /// The time of the reading.
    pub at: Timestamp,
    /// The stored records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<u64>,
    /// The payments since the start of the process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payments: Option<u64>,
    /// How often peers shunned the node since the start of the process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shunned: Option<u64>,
    /// The records stored on request since the start of the process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub puts: Option<u64>,
}

/// The day of one node. Counters that begin anew with a process are added up; a count that no reading contained is None.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeDay {
    /// The day.
    pub day: Day,
    /// The reading that the day begins with: the last one of the day before, if it is less than a day old.
    pub first: DayReading,
    /// The latest reading.
    pub last: DayReading,
    /// The payments on the day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payments: Option<u64>,
    /// How often peers shunned the node on the day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shunned: Option<u64>,
    /// The records stored on request on the day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub puts: Option<u64>,
    /// Whether the node reported that it holds its maximum of records.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_full: bool,
}

impl NodeDay {
    /// Returns the day after a reading at `at`. `previous` is the latest stored day of the node, this one or an earlier one.
    ///
    /// An earlier reading after a clock that jumped back counts as none.
    #[must_use]
    pub fn after(previous: Option<&Self>, at: Timestamp, metrics: Option<&NodeMetrics>) -> Self {
        let reading = DayReading {
            at,
            records: metrics.and_then(|metrics| metrics.records),
            payments: metrics.and_then(|metrics| metrics.payment_count),
            shunned: metrics.and_then(|metrics| metrics.shunned_count),
            puts: metrics.and_then(|metrics| metrics.puts_ok),
        };
        let day = Day::of(at);
        let is_full = metrics.is_some_and(|metrics| {
            metrics.max_records.is_some_and(|most| most > 0 && metrics.records.is_some_and(|records| records >= most))
        });
        let recent = previous.filter(|previous| {
            previous.last.at <= at && at.as_millis().saturating_sub(previous.last.at.as_millis()) < DAY
        });
        let before = recent.map_or(reading, |recent| recent.last);
        let same = recent.filter(|recent| recent.day == day);
        let sum = |earlier: Option<Option<u64>>, before: Option<u64>, now: Option<u64>| {
            let earlier = earlier.flatten();
            match (before, now) {
                // A counter that is lower than before began anew with its process.
                (Some(before), Some(now)) => {
                    Some(earlier.unwrap_or(0).saturating_add(now.checked_sub(before).unwrap_or(now)))
                }
                (None, Some(_)) => Some(earlier.unwrap_or(0)),
                (_, None) => earlier,
            }
        };
        // A node without an answer keeps its last counts, from which the next answer continues.
        let last = DayReading {
            at,
            records: reading.records.or(before.records),
            payments: reading.payments.or(before.payments),
            shunned: reading.shunned.or(before.shunned),
            puts: reading.puts.or(before.puts),
        };
        Self {
            day,
            first: same.map_or(before, |same| DayReading {
                // A node that answers later in the day begins with its first answer.
                records: same.first.records.or(reading.records),
                ..same.first
            }),
            last,
            payments: sum(same.map(|same| same.payments), before.payments, reading.payments),
            shunned: sum(same.map(|same| same.shunned), before.shunned, reading.shunned),
            puts: sum(same.map(|same| same.puts), before.puts, reading.puts),
            is_full: is_full || same.is_some_and(|same| same.is_full),
        }
    }

    /// Returns the growth of the stored records on the day, which is negative when the node gave records up.
    #[must_use]
    pub fn records_gained(&self) -> Option<i64> {
        let (first, last) = (self.first.records?, self.last.records?);
        Some(i64::try_from(last).unwrap_or(i64::MAX).saturating_sub(i64::try_from(first).unwrap_or(i64::MAX)))
    }

    /// Tells whether a reading of the day contained a count.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.last.records.is_some() || self.payments.is_some() || self.shunned.is_some() || self.puts.is_some()
    }

    /// Tells whether the readings cover most of the day.
    pub(super) fn is_covered(&self) -> bool {
        let from = self.first.at.as_millis().max(self.day.start().as_millis());
        (self.last.at.as_millis().saturating_sub(from)).saturating_mul(100) >= COVERED_PERCENT.saturating_mul(DAY)
    }

    /// Tells whether the node stored at least one more record on the day.
    fn has_gained(&self) -> bool {
        self.records_gained().is_some_and(|gained| gained > 0) || self.puts.is_some_and(|puts| puts > 0)
    }
}

/// Returns the nodes that gained no record on a day while most of their neighbours on the host did. Full nodes, and nodes
/// that were not observed for most of the day, are not judged.
pub(super) fn gain_nothing(days: &BTreeMap<NodeId, &NodeDay>) -> Vec<NodeId> {
    let judged = |day: &&NodeDay| day.is_covered() && day.records_gained().is_some() && !day.is_full;
    let all: Vec<(NodeId, &NodeDay)> =
        days.iter().map(|(id, day)| (*id, *day)).filter(|(_, day)| judged(day)).collect();
    let gaining = all.iter().filter(|(_, day)| day.has_gained()).count();
    let idle = all.len() - gaining;
    if gaining < NEIGHBOURS || gaining <= idle {
        return Vec::new();
    }
    all.into_iter().filter(|(_, day)| !day.has_gained()).map(|(id, _)| id).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: i64 = 60 * 60 * 1000;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_millis(1000 * DAY + hours * HOUR)
    }

    fn metrics(records: u64, payments: u64, shunned: u64) -> NodeMetrics {
        NodeMetrics {
            records: Some(records),
            payment_count: Some(payments),
            shunned_count: Some(shunned),
            ..NodeMetrics::default()
        }
    }

    fn fold(readings: &[(i64, Option<NodeMetrics>)]) -> Vec<NodeDay> {
        let mut days: Vec<NodeDay> = Vec::new();
        for (hours, metrics) in readings {
            let day = NodeDay::after(days.last(), at(*hours), metrics.as_ref());
            if days.last().is_some_and(|last| last.day == day.day) {
                days.pop();
            }
            days.push(day);
        }
        days
    }

    fn shown(day: &NodeDay) -> (i64, Option<i64>, Option<u64>, Option<u64>) {
        (day.day.0 - 1000, day.records_gained(), day.payments, day.shunned)
    }

    #[test]
    fn days_add_up_over_restarts_and_gaps() {
        let days = fold(&[
            (0, Some(metrics(10, 5, 2))),
            (6, Some(metrics(14, 7, 2))),
            // No answer, then another process.
            (12, None),
            (18, Some(metrics(13, 1, 4))),
            // The day begins with the last reading of the one before.
            (25, Some(metrics(20, 2, 4))),
            // After a gap of two days nothing is attributed to the day.
            (75, Some(metrics(90, 50, 9))),
        ]);
        let shown: Vec<_> = days.iter().map(shown).collect();
        assert_eq!(
            shown,
            [(0, Some(3), Some(3), Some(2)), (1, Some(7), Some(1), Some(0)), (3, Some(0), Some(0), Some(0)),]
        );
    }

    #[test]
    fn node_without_metrics_has_unknown_counts() {
        let day = NodeDay::after(None, at(0), None);
        assert_eq!((day.records_gained(), day.payments, day.shunned, day.puts), (None, None, None, None));
        let counted = NodeDay::after(Some(&day), at(1), Some(&metrics(3, 0, 0)));
        assert_eq!((counted.last.records, counted.payments), (Some(3), Some(0)));
    }

    #[test]
    fn idle_node_beside_gaining_neighbours_is_told() {
        let id = |number| NodeId::new(number).unwrap();
        let day = |from: i64, to: i64, gained: u64| {
            fold(&[(from, Some(metrics(10, 0, 0))), (to, Some(metrics(10 + gained, 0, 0)))]).pop().unwrap()
        };
        let full = |day: NodeDay| NodeDay { is_full: true, ..day };
        let mut days = BTreeMap::from([
            (id(1), day(0, 23, 4)),
            (id(2), day(0, 23, 0)),
            (id(3), day(0, 23, 1)),
            (id(4), full(day(0, 23, 0))),
            // It was down for most of the day.
            (id(5), day(20, 23, 0)),
        ]);
        let idle = |days: &BTreeMap<NodeId, NodeDay>| gain_nothing(&days.iter().map(|(id, day)| (*id, day)).collect());
        assert_eq!(idle(&days), [], "two neighbours are too few");
        days.insert(id(6), day(0, 23, 9));
        assert_eq!(idle(&days), [id(2)]);
        // As many idle as gaining: the network is quiet.
        days.extend([(id(7), day(0, 23, 0)), (id(8), day(0, 23, 0))]);
        assert_eq!(idle(&days), []);
    }

    proptest! {
        /// Whatever the readings, a day never counts more than the counters rose, and a repeated reading changes nothing.
        #[test]
        fn sums_are_bounded(readings in prop::collection::vec((0..48i64, 0..1000u64), 1..30)) {
            let mut last: Option<NodeDay> = None;
            let mut clock = 0;
            let mut most = 0u64;
            for (hours, payments) in readings {
                clock += hours;
                most += payments;
                let metrics = metrics(0, payments, 0);
                let day = NodeDay::after(last.as_ref(), at(clock), Some(&metrics));
                prop_assert!(day.payments.unwrap() <= most);
                prop_assert_eq!(&NodeDay::after(Some(&day), at(clock), Some(&metrics)), &day);
                last = Some(day);
            }
        }
    }
}
