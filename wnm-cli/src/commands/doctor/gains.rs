//! Nodes that stored nothing on a day on which most of their neighbours did.

use std::collections::BTreeMap;
use std::path::Path;

use wnm_core::{Day, NodeDay, NodeId, gain_nothing};
use wnm_store::Store;

use super::{Check, counted, names};

const CHECK: &str = "gains";

/// Reports the nodes that gained no record on the last complete day, from the days in the database.
pub(super) fn check(db: &Path) -> Option<Check> {
    let today = Day::of(wnm_platform::read_clock().ok()?.wall);
    // Another check reports a database that cannot be read.
    let days = Store::open_read_only(db).ok()?.node_days(today.before(1)).ok()?.days;
    of(&days, today)
}

fn of(days: &BTreeMap<NodeId, Vec<NodeDay>>, today: Day) -> Option<Check> {
    let yesterday = today.before(1);
    let of_day =
        |(id, days): (&NodeId, &Vec<NodeDay>)| Some((*id, days.iter().find(|day| day.day == yesterday)?.clone()));
    let idle = gain_nothing(&days.iter().filter_map(of_day).collect());
    if idle.is_empty() {
        return None;
    }
    let message = format!(
        "{} no record on the last day, while most neighbours did: {}",
        counted(idle.len(), "node stored", "nodes stored"),
        names(&idle)
    );
    let hint = "check that the port of the node is open to the internet; `wnm node show` lists its days, `wnm node restart` \
                gives it new peers";
    Some(Check::warning(CHECK, message, hint))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use wnm_core::NodeMetrics;

    use super::*;

    #[test]
    fn idle_node_is_named_on_the_day_after() {
        let day = |gained: u64| {
            let at = |hours: u64| Day(20_000).start().after(Duration::from_secs(hours * 3600));
            let metrics = |records| NodeMetrics { records: Some(records), ..NodeMetrics::default() };
            let first = NodeDay::after(None, at(0), Some(&metrics(5)));
            vec![NodeDay::after(Some(&first), at(23), Some(&metrics(5 + gained)))]
        };
        let days: BTreeMap<NodeId, Vec<NodeDay>> =
            [4, 0, 1, 9].into_iter().zip(1..).map(|(gained, id)| (NodeId::new(id).unwrap(), day(gained))).collect();
        let told = of(&days, Day(20_001)).unwrap();
        assert_eq!(told.message, "1 node stored no record on the last day, while most neighbours did: antnode0002");
        assert_eq!(of(&days, Day(20_000)), None);
        assert_eq!(of(&days, Day(20_002)), None);
    }
}
