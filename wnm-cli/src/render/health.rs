//! The health of the nodes on their last complete day: lines for people, and JSON.

use serde::Serialize;
use wnm_core::{Day, DayCounts, Health, NodeHealth, NodeId, Trend};

use super::nodes::or_dash;
use super::{YELLOW, styled};

/// Most idle nodes that a line names.
const MOST_NODES: usize = 5;

/// The counts of the last complete day.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct CountsView {
    /// The day in UTC, such as `2026-11-30`.
    date: String,
    /// The growth of the stored records; negative when nodes gave records up, null if unknown.
    records_gained: Option<i64>,
    /// The payments received; null if unknown.
    payments: Option<u64>,
    /// How often peers shunned the nodes; null if unknown.
    shunned: Option<u64>,
    /// That count against the mean of the seven days before; null with fewer than three known days.
    shunned_trend: Option<Trend>,
}

impl From<DayCounts> for CountsView {
    fn from(DayCounts { day, records_gained, payments, shunned, shunned_trend }: DayCounts) -> Self {
        Self { date: date(day), records_gained, payments, shunned, shunned_trend }
    }
}

/// The health of a node as JSON.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct NodeHealthView {
    #[serde(flatten)]
    counts: CountsView,
    /// Whether the node gained no record on that day, while most of its neighbours on the host did.
    gains_nothing: bool,
}

impl From<NodeHealth> for NodeHealthView {
    fn from(NodeHealth { counts, gains_nothing }: NodeHealth) -> Self {
        Self { counts: counts.into(), gains_nothing }
    }
}

/// The health of the nodes of a colony as JSON.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct HealthView {
    #[serde(flatten)]
    counts: CountsView,
    /// The nodes that gained no record on that day, while most of their neighbours did.
    gain_nothing: Vec<NodeId>,
}

impl HealthView {
    /// Returns the health of a colony; None if no count of its last complete day is known.
    pub(crate) fn of(health: &Health) -> Option<Self> {
        let known = !health.nodes.is_empty();
        known.then(|| Self { counts: health.total.into(), gain_nothing: health.idle().collect() })
    }
}

/// Returns the date of a day, such as `2026-11-30`.
pub(crate) fn date(day: Day) -> String {
    let start = jiff::Timestamp::from_second(day.start().as_secs());
    start.map_or_else(|_| day.0.to_string(), |start| start.strftime("%F").to_string())
}

/// Returns a growth with its sign, such as `+12`.
pub(crate) fn signed(growth: i64) -> String {
    format!("{growth:+}")
}

/// Returns the health of a node in two words.
pub(crate) fn word(node: &NodeHealth) -> &'static str {
    match node {
        NodeHealth { gains_nothing: true, .. } => "gains nothing",
        NodeHealth { counts: DayCounts { shunned_trend: Some(Trend::Rising), .. }, .. } => "shunned more",
        _ => "ok",
    }
}

/// Returns the place of a node in a list that begins with those that need attention.
pub(crate) fn rank(node: &NodeHealth) -> u8 {
    match word(node) {
        "gains nothing" => 0,
        "shunned more" => 1,
        _ => 2,
    }
}

/// Returns the counts of a day: `records +12, payments 3, shunned 1 (rising)`.
pub(crate) fn counts(counts: &DayCounts) -> String {
    let trend = counts.shunned_trend.map_or_else(String::new, |trend| format!(" ({})", trend.word()));
    let [payments, shunned] = [counts.payments, counts.shunned].map(or_dash);
    format!("records {}, payments {payments}, shunned {shunned}{trend}", or_dash(counts.records_gained.map(signed)))
}

/// Returns the nodes that gained no record in a sentence; None without one.
pub(crate) fn idle(health: &Health) -> Option<String> {
    let idle: Vec<String> = health.idle().map(|id| id.name()).collect();
    let more = idle.len().saturating_sub(MOST_NODES);
    let mut names = idle.iter().take(MOST_NODES).cloned().collect::<Vec<_>>().join(", ");
    if more > 0 {
        names.push_str(&format!(" and {more} more"));
    }
    (!idle.is_empty()).then(|| format!("no record gained, as most neighbours did: {names}"))
}

/// Returns the lines for `wnm status`; none before the first complete day.
pub(crate) fn lines(health: &Health) -> String {
    if health.nodes.is_empty() {
        return String::new();
    }
    let mut text = format!("  {:<12}{}\n", "last day", counts(&health.total));
    text.extend(idle(health).map(|idle| format!("  {:<12}{}\n", "gains", styled(YELLOW, idle))));
    text
}
