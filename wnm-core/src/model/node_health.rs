//! The health of nodes: their last complete day, compared with their week before and with their neighbours.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::node::NodeId;
use super::node_day::{Day, NodeDay, gain_nothing};

/// The number of days before the last one that its count of shuns is compared with.
const WEEK: i64 = 7;
/// The least number of these days that must be known.
const LEAST_DAYS: u64 = 3;

/// The direction in which the number of shuns goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Trend {
    /// More than chance explains.
    Rising,
    /// As many as before, within chance.
    Steady,
    /// Fewer than chance explains.
    Falling,
}

impl Trend {
    /// Returns the word in JSON and for people, such as `rising`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Rising => "rising",
            Self::Steady => "steady",
            Self::Falling => "falling",
        }
    }

    /// Returns the trend as a number: 1, 0 or -1.
    #[must_use]
    pub const fn number(self) -> i8 {
        match self {
            Self::Rising => 1,
            Self::Steady => 0,
            Self::Falling => -1,
        }
    }
}

/// The counts of a day, of one node or of all together. A count that no reading contained is None.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DayCounts {
    /// The day.
    pub day: Day,
    /// The growth of the stored records, negative when nodes gave records up.
    pub records_gained: Option<i64>,
    /// The payments.
    pub payments: Option<u64>,
    /// How often peers shunned the nodes.
    pub shunned: Option<u64>,
    /// The number of shuns against the week before; None with fewer than three known days.
    pub shunned_trend: Option<Trend>,
}

/// The health of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct NodeHealth {
    /// The counts of the last complete day.
    pub counts: DayCounts,
    /// Whether the node gained no record on that day, while most of its neighbours on the host did.
    pub gains_nothing: bool,
}

/// The health of the nodes of a colony.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Health {
    /// The counts of all nodes together on the last complete day.
    pub total: DayCounts,
    /// The nodes with a count on that day.
    pub nodes: BTreeMap<NodeId, NodeHealth>,
}

/// The shuns of some nodes on a day.
#[derive(Debug, Clone, Copy, Default)]
struct Shuns {
    count: u64,
    /// The nodes that were observed for most of the day.
    nodes: u64,
}

impl Shuns {
    /// Returns those of one node; none if the node was not observed for most of the day.
    fn of(day: &NodeDay) -> Self {
        match day.shunned.filter(|_| day.is_covered()) {
            Some(count) => Self { count, nodes: 1 },
            None => Self::default(),
        }
    }

    fn and(self, other: Self) -> Self {
        Self { count: self.count.saturating_add(other.count), nodes: self.nodes + other.nodes }
    }
}

impl Health {
    /// Returns the first day that the health on a day follows from.
    #[must_use]
    pub fn since(today: Day) -> Day {
        today.before(1 + WEEK)
    }

    /// Returns the health on a day, from the days of the nodes since [`since`](Self::since).
    #[must_use]
    pub fn of(days: &BTreeMap<NodeId, Vec<NodeDay>>, today: Day) -> Self {
        let last = today.before(1);
        let last_days: BTreeMap<NodeId, &NodeDay> = days
            .iter()
            .filter_map(|(id, days)| Some((*id, days.iter().find(|day| day.day == last && day.is_known())?)))
            .collect();
        let idle = gain_nothing(&last_days);
        // The first place is the last day, the others are those before it.
        let mut of_all = [Shuns::default(); 1 + WEEK as usize];
        let mut nodes = BTreeMap::new();
        for (id, day) in &last_days {
            let mut of_node = [Shuns::default(); 1 + WEEK as usize];
            for day in days.get(id).into_iter().flatten() {
                let place = usize::try_from(last.0.saturating_sub(day.day.0)).ok();
                if let Some(shuns) = place.and_then(|place| of_node.get_mut(place)) {
                    *shuns = Shuns::of(day);
                }
            }
            of_all.iter_mut().zip(of_node).for_each(|(all, node)| *all = all.and(node));
            let counts = DayCounts {
                day: last,
                records_gained: day.records_gained(),
                payments: day.payments,
                shunned: day.shunned,
                shunned_trend: trend(&of_node),
            };
            nodes.insert(*id, NodeHealth { counts, gains_nothing: idle.contains(id) });
        }
        let each = || nodes.values().map(|node: &NodeHealth| node.counts);
        let sum = |count: fn(DayCounts) -> Option<u64>| each().filter_map(count).reduce(u64::saturating_add);
        let total = DayCounts {
            day: last,
            records_gained: each().filter_map(|counts| counts.records_gained).reduce(i64::saturating_add),
            payments: sum(|counts| counts.payments),
            shunned: sum(|counts| counts.shunned),
            shunned_trend: trend(&of_all),
        };
        Self { total, nodes }
    }

    /// Returns the nodes that gained no record, while most of their neighbours did.
    pub fn idle(&self) -> impl Iterator<Item = NodeId> {
        self.nodes.iter().filter(|(_, node)| node.gains_nothing).map(|(id, _)| *id)
    }
}

/// Returns the trend of the first day against those after it. Shuns are rare and independent events, whose count varies by
/// the root of its mean: a difference of more than two times that, and one more, is a trend.
fn trend(days: &[Shuns]) -> Option<Trend> {
    let (last, before) = days.split_first()?;
    let known = before.iter().filter(|day| day.nodes > 0);
    let (count, week) = known.fold((0u64, Shuns::default()), |(count, week), day| (count + 1, week.and(*day)));
    if last.nodes == 0 || count < LEAST_DAYS {
        return None;
    }
    let expected = week.count as f64 / week.nodes as f64 * last.nodes as f64;
    let difference = last.count as f64 - expected;
    let chance = 1.0 + 2.0 * expected.sqrt();
    Some(if difference > chance {
        Trend::Rising
    } else if difference < -chance {
        Trend::Falling
    } else {
        Trend::Steady
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::metrics::NodeMetrics;

    const TODAY: Day = Day(20_000);

    fn id(number: u32) -> NodeId {
        NodeId::new(number).unwrap()
    }

    /// Returns a day with readings from its begin on.
    fn day(back: i64, hours: u64, gained: u64, shunned: u64) -> NodeDay {
        let start = TODAY.before(back).start();
        let metrics = |records, shunned| NodeMetrics {
            records: Some(records),
            payment_count: Some(records),
            shunned_count: Some(shunned),
            ..NodeMetrics::default()
        };
        let first = NodeDay::after(None, start, Some(&metrics(10, 0)));
        NodeDay::after(
            Some(&first),
            start.after(Duration::from_secs(hours * 3600)),
            Some(&metrics(10 + gained, shunned)),
        )
    }

    fn trend_of(last: u64, before: &[u64]) -> Option<Trend> {
        let before = before.iter().zip(2..).map(|(shunned, back)| day(back, 23, 1, *shunned));
        let days: Vec<NodeDay> = before.chain([day(1, 23, 1, last)]).collect();
        let health = Health::of(&BTreeMap::from([(id(1), days)]), TODAY);
        assert_eq!(health.total, health.nodes[&id(1)].counts, "one node is all nodes");
        health.total.shunned_trend
    }

    #[test]
    fn trend_is_told_where_chance_does_not_explain_it() {
        for (last, before, trend) in [
            (9, &[0, 0][..], None),
            (1, &[0, 0, 0], Some(Trend::Steady)),
            (2, &[0, 0, 0], Some(Trend::Rising)),
            (9, &[4, 4, 4, 4], Some(Trend::Steady)),
            (10, &[4, 4, 4, 4], Some(Trend::Rising)),
            (0, &[4, 4, 4, 4], Some(Trend::Steady)),
            (1, &[9, 9, 9], Some(Trend::Falling)),
            // A day that is older than the week does not count.
            (30, &[0, 0, 0, 0, 0, 0, 0, 900], Some(Trend::Rising)),
        ] {
            assert_eq!(trend_of(last, before), trend, "{last} after {before:?}");
        }
    }

    #[test]
    fn partly_observed_day_has_no_trend() {
        let mut days: Vec<NodeDay> = (2..8).map(|back| day(back, 23, 1, 0)).collect();
        days.push(day(1, 6, 1, 90));
        let health = Health::of(&BTreeMap::from([(id(1), days)]), TODAY);
        assert_eq!((health.total.shunned, health.total.shunned_trend), (Some(90), None));
    }

    #[test]
    fn colony_of_more_nodes_than_before_is_compared_per_node() {
        let old = |last| (2..6).map(|back| day(back, 23, 1, 4)).chain([last]).collect::<Vec<_>>();
        let mut days = BTreeMap::from([(id(1), old(day(1, 23, 1, 4)))]);
        days.extend((2..10).map(|number| (id(number), vec![day(1, 23, 1, 4)])));
        let total = Health::of(&days, TODAY).total;
        assert_eq!((total.shunned, total.shunned_trend), (Some(36), Some(Trend::Steady)));
    }

    #[test]
    fn counts_are_those_of_the_last_complete_day() {
        let gained = |gained| vec![day(2, 23, 50, 0), day(1, 23, gained, 1), day(0, 5, 70, 0)];
        let mut days: BTreeMap<NodeId, Vec<NodeDay>> =
            [4, 0, 1, 9].into_iter().zip(1..).map(|(records, number)| (id(number), gained(records))).collect();
        let unknown = NodeDay::after(None, TODAY.before(1).start(), None);
        days.insert(id(9), vec![unknown]);
        let health = Health::of(&days, TODAY);
        assert_eq!(health.total.day, TODAY.before(1));
        assert_eq!(
            (health.total.records_gained, health.total.payments, health.total.shunned),
            (Some(14), Some(14), Some(4))
        );
        assert_eq!(health.idle().collect::<Vec<_>>(), [id(2)]);
        assert!(!health.nodes.contains_key(&id(9)));
        assert_eq!(Health::of(&days, TODAY.before(-9)).nodes, BTreeMap::new());
        assert_eq!(
            Health::of(&days, TODAY.before(-9)).total,
            DayCounts { day: TODAY.before(-8), ..DayCounts::default() }
        );
    }
}
