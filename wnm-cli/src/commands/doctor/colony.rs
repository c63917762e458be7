//! How the colony fares: its cycles, its clock, and nodes that are silent, shunned or restarting.

use std::collections::BTreeMap;
use std::time::Duration;

use wnm_core::{NodeId, NodeMap, NodeSample, NodeState, Presence, StopCause, Timestamp};
use wnm_platform::Platform;
use wnm_store::Snapshot;

use super::{Check, names, some};
use crate::commands::status::colony_time;
use crate::render::span;

/// Age of the last cycle beyond which nothing seems to keep the colony.
const STALE: Duration = Duration::from_secs(600);
/// Difference between the colony's clock and the wall clock that is worth a word.
const CLOCK_DRIFT: Duration = Duration::from_secs(60);
/// Restarts that a node may make by itself: each upgrade of its own is one.
const RESTARTS: u32 = 3;
/// Time a node runs, in seconds, after which its restarts are over.
const SETTLED: u64 = 600;

pub(super) fn check(snapshot: &Snapshot) -> Vec<Check> {
    let now = colony_time(snapshot.state.clock.as_ref());
    let samples = &snapshot.samples;
    [last_look(snapshot, now), clock(snapshot), strays(samples), silent(samples), shunned(samples, now)]
        .into_iter()
        .flatten()
        .collect()
}

fn last_look(snapshot: &Snapshot, now: Timestamp) -> Option<Check> {
    let age = now.since(snapshot.state.clock.as_ref()?.now());
    let found = format!("the last cycle was {} ago", span(age));
    Some(if age > STALE {
        Check::doubtful("cycles", found, "keep `wnm daemon` running, or `wnm` in a crontab")
    } else {
        Check::fine("cycles", found)
    })
}

fn clock(snapshot: &Snapshot) -> Option<Check> {
    let reading = wnm_platform::read_clock().ok()?;
    let wall = reading.wall;
    let now = snapshot.state.clock.as_ref()?.advance(reading).now();
    let drift = wall.since(now).max(now.since(wall));
    Some(if drift > CLOCK_DRIFT {
        let found =
            format!("the wall clock was set by {} since the host started; delays are not affected", span(drift));
        Check::doubtful("clock", found, "times in the history follow again after the next reboot")
    } else {
        Check::fine("clock", "steady")
    })
}

fn of_presence(samples: &NodeMap<NodeSample>, presences: &[Presence]) -> Vec<NodeId> {
    let found = samples.iter().filter(|(_, sample)| presences.contains(&sample.presence));
    found.map(|(id, _)| *id).collect()
}

fn strays(samples: &NodeMap<NodeSample>) -> Option<Check> {
    let strays = of_presence(samples, &[Presence::Stray]);
    (!strays.is_empty()).then(|| {
        let found = format!("another process answers on the ports of {}", names(&strays));
        Check::wrong("strays", found, "`ss -lntp` shows it; end it, and the node can be managed again")
    })
}

fn silent(samples: &NodeMap<NodeSample>) -> Option<Check> {
    let silent = of_presence(samples, &[Presence::Silent, Presence::Unreachable]);
    (!silent.is_empty()).then(|| {
        let found = format!("no answer from the metrics ports of {}", names(&silent));
        Check::doubtful("metrics", found, "`wnm node show NODE` names its log; wnm node restart NODE")
    })
}

/// Lists the nodes that are shunned, the longest first.
fn shunned(samples: &NodeMap<NodeSample>, now: Timestamp) -> Option<Check> {
    let mut shunned: Vec<_> = samples.iter().filter_map(|(id, sample)| Some((sample.shunned_since?, *id))).collect();
    shunned.sort();
    (!shunned.is_empty()).then(|| {
        let each = shunned.iter().map(|(since, id)| format!("{} for {}", id.name(), span(now.since(*since))));
        let found = format!("shunned by peers: {}", some(each));
        Check::doubtful(
            "shunned",
            found,
            "a node that stays so earns little; wnm node reset NODE gives it a new identity",
        )
    })
}

/// Lists the nodes that their process manager starts again and again.
pub(super) fn restarts(platform: &Platform, snapshot: &Snapshot) -> Option<Check> {
    // Others are down because somebody wanted it: how often they were started before is over.
    let should_run = |id: &NodeId| {
        let state = snapshot.state.nodes.get(id);
        state.is_some_and(|state| {
            state.is_active() || matches!(state, NodeState::Stopped { cause: StopCause::Found, .. })
        })
    };
    let nodes = snapshot.nodes.values().filter(|node| should_run(&node.id));
    match platform.restarts(nodes) {
        Ok(counts) => restarting(&counts, &snapshot.samples),
        Err(error) => {
            Some(Check::doubtful("restarts", error.to_string(), "hint what the manager says, and look again"))
        }
    }
}

fn restarting(counts: &BTreeMap<NodeId, u32>, samples: &NodeMap<NodeSample>) -> Option<Check> {
    let uptime = |id| samples.get(id).and_then(|sample| sample.metrics.as_ref()?.uptime);
    let is_young = |id| uptime(id).is_none_or(|uptime| uptime < SETTLED);
    let again: Vec<_> = counts.iter().filter(|(id, count)| **count >= RESTARTS && is_young(id)).collect();
    (!again.is_empty()).then(|| {
        let found = some(again.iter().map(|(id, count)| format!("{} ({count} times)", id.name())));
        let hint = "`wnm node show NODE` names its log; wnm node stop NODE until that is mended";
        Check::wrong("restarts", format!("started again and again by its manager: {found}"), hint)
    })
}

#[cfg(test)]
mod tests {
    use wnm_core::{Clock, ClockReading, NodeMetrics};

    use super::*;
    use crate::commands::doctor::Health;

    fn samples(all: impl IntoIterator<Item = NodeSample>) -> NodeMap<NodeSample> {
        (1..).filter_map(NodeId::new).zip(all).collect()
    }

    fn up(seconds: Option<u64>) -> NodeSample {
        NodeSample {
            metrics: Some(Box::new(NodeMetrics { uptime: seconds, ..NodeMetrics::default() })),
            ..NodeSample::default()
        }
    }

    #[test]
    fn shunned_nodes_are_listed_with_since_when() {
        let since = |second: Option<i64>| NodeSample {
            shunned_since: second.map(Timestamp::from_secs),
            ..NodeSample::default()
        };
        let now = Timestamp::from_secs(10_000);
        assert_eq!(shunned(&samples([None, None].map(since)), now), None);
        let check = shunned(&samples([Some(9940), None, Some(2800)].map(since)), now).unwrap();
        assert_eq!(check.found, "shunned by peers: antnode0003 for 2h, antnode0001 for 1m");
        assert!(check.hint.unwrap().contains("wnm node reset"));
        let many = shunned(&samples(vec![since(Some(1)); 200]), now).unwrap();
        assert!(many.found.ends_with(" and 195 more"), "{}", many.found);
    }

    #[test]
    fn a_node_that_runs_for_long_has_done_with_restarting() {
        let samples = samples([up(Some(5)), up(Some(700)), up(Some(5)), up(None)]);
        let counts = |all: [u32; 5]| (1..).filter_map(NodeId::new).zip(all).collect::<BTreeMap<_, _>>();
        assert_eq!(restarting(&counts([2, 90, 0, 1, 2]), &samples), None);
        let check = restarting(&counts([3, 90, 0, 14, 4]), &samples).unwrap();
        assert_eq!(
            check.found,
            "started again and again by its manager: antnode0001 (3 times), antnode0004 (14 times), antnode0005 (4 times)"
        );
    }

    #[test]
    fn the_clock_of_the_colony_is_compared_with_that_of_the_wall() {
        let reading = wnm_platform::read_clock().unwrap();
        let hour = Duration::from_secs(3600);
        for (wall, health, said) in [
            (reading.wall, Health::Fine, "steady"),
            (reading.wall.after(hour), Health::Doubtful, "was set by "),
            (reading.wall.before(hour), Health::Doubtful, "was set by "),
        ] {
            let mut snapshot = Snapshot::default();
            assert_eq!(clock(&snapshot), None);
            snapshot.state.clock = Some(Clock::start(ClockReading { wall, ..reading.clone() }));
            let check = clock(&snapshot).unwrap();
            assert!(check.health == health && check.found.contains(said), "{check:?}");
            let looked = |age| last_look(&snapshot, wall.after(age)).unwrap();
            assert_eq!((looked(STALE).health, looked(hour).health), (Health::Fine, Health::Doubtful));
            assert_eq!(looked(hour).found, "the last cycle was 1h ago");
        }
    }

    #[test]
    fn nodes_that_do_not_answer_are_told_from_strays() {
        let present = |presence| NodeSample { presence, ..NodeSample::default() };
        let all = samples(
            [Presence::Answering, Presence::Silent, Presence::Unreachable, Presence::Stray, Presence::Gone]
                .map(present),
        );
        assert_eq!(strays(&all).unwrap().found, "another process answers on the ports of antnode0004");
        assert_eq!(silent(&all).unwrap().found, "no answer from the metrics ports of antnode0002, antnode0003");
        assert_eq!((strays(&samples([])), silent(&samples([]))), (None, None));
    }
}
