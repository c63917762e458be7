//! The state of the colony: age of the last cycle, clock, and nodes that do not answer, are shunned or restart.

use std::collections::BTreeMap;
use std::time::Duration;

use wnm_core::{Desired, Node, NodeId, NodeMap, NodeSample, NodeState, Presence, Recovery, StopCause, Timestamp};
use wnm_platform::Platform;
use wnm_platform::manager::Service;
use wnm_platform::volume::{Storage, volume_of};
use wnm_store::Snapshot;

use super::{Check, counted, first_few, names};
use crate::commands::status::colony_time;
use crate::render::{duration, failures, recovery};

/// Age of the last cycle from which it is reported: ten runs of a crontab line with the shortest interval of cron.
const STALE: Duration = Duration::from_secs(600);
/// Difference between the colony's clock and the wall clock from which it is reported. Time servers correct less.
const CLOCK_DRIFT: Duration = Duration::from_secs(60);
/// Restarts of a node from which they are reported: each upgrade of its own program is one.
const RESTARTS: u32 = 3;
/// Uptime of a node, in seconds, from which earlier restarts do not matter.
const STABLE: u64 = 600;

pub(super) fn check(snapshot: &Snapshot) -> Vec<Check> {
    let now = colony_time(snapshot.state.clock.as_ref());
    let samples = &snapshot.samples;
    [last_cycle(snapshot, now), clock(snapshot), unverified(samples), shunned(samples, now)]
        .into_iter()
        .flatten()
        .collect()
}

fn last_cycle(snapshot: &Snapshot, now: Timestamp) -> Option<Check> {
    const CHECK: &str = "cycles";
    let age = now.since(snapshot.state.clock.as_ref()?.now());
    let message = format!("the last cycle ended {} ago", duration(age));
    Some(if age > STALE {
        Check::warning(CHECK, message, "`wnm service install` runs cycles without a pause; `wnm run` runs one now")
    } else {
        Check::ok(CHECK, message)
    })
}

/// Compares the colony's clock, which runs on from the boot of the host, with the wall clock.
fn clock(snapshot: &Snapshot) -> Option<Check> {
    const CHECK: &str = "clock";
    let reading = match wnm_platform::read_clock() {
        Ok(reading) => reading,
        Err(error) => return Some(Check::error(CHECK, error.to_string(), error.hint().unwrap_or_default())),
    };
    let wall = reading.wall;
    let now = snapshot.state.clock.as_ref()?.advance(reading).now();
    let drift = wall.since(now).max(now.since(wall));
    Some(if drift > CLOCK_DRIFT {
        let message = format!("the wall clock was changed by {} since the boot of the host", duration(drift));
        Check::warning(CHECK, message, "reboot to correct the times in `wnm history`; delays are not affected")
    } else {
        Check::ok(CHECK, "the wall clock was not changed since the boot of the host")
    })
}

fn with_presence(samples: &NodeMap<NodeSample>, presences: &[Presence]) -> Vec<NodeId> {
    let found = samples.iter().filter(|(_, sample)| presences.contains(&sample.presence));
    found.map(|(id, _)| *id).collect()
}

/// Lists the nodes on whose port another process answers.
fn unverified(samples: &NodeMap<NodeSample>) -> Option<Check> {
    let nodes = with_presence(samples, &[Presence::Unverified]);
    (!nodes.is_empty()).then(|| {
        let subject = counted(nodes.len(), "node is", "nodes are");
        let message = format!("{subject} unverified (another process answers on the port): {}", names(&nodes));
        Check::error("unverified", message, "`ss -lntp` shows the process: end it, and wnm manages the node again")
    })
}

/// Lists the nodes that their peers shun, the longest first.
fn shunned(samples: &NodeMap<NodeSample>, now: Timestamp) -> Option<Check> {
    let mut shunned: Vec<_> = samples.iter().filter_map(|(id, sample)| Some((sample.shunned_since?, *id))).collect();
    shunned.sort();
    (!shunned.is_empty()).then(|| {
        let subject = counted(shunned.len(), "node is", "nodes are");
        let list = shunned.iter().map(|(since, id)| format!("{} for {}", id.name(), duration(now.since(*since))));
        let message = format!("{subject} shunned by peers: {}", first_few(list));
        let hint = "a shunned node earns little; `wnm node reset NODE` gives it a new identity";
        Check::warning("shunned", message, hint)
    })
}

/// Lists the nodes that should run and do not, by the answers of their process managers: after a reboot the last cycle on
/// record is of the time before. Nodes on file systems that do not answer are left out: the check of volumes lists them.
pub(super) fn down(services: &BTreeMap<NodeId, Service>, snapshot: &Snapshot, storage: &Storage) -> Check {
    const CHECK: &str = "nodes_down";
    let state = &snapshot.state;
    let should_run = |id: &NodeId| {
        let is_leaving = matches!(state.nodes.get(id), Some(NodeState::Removing { .. }));
        let desired = state.nodes.get(id).map(|node| state.desired(*id, node)).unwrap_or_default();
        desired == Desired::Running && !is_leaving && !state.acting.contains(id)
    };
    let can_be_asked = |node: &&Node| should_run(&node.id) && storage.answers(node.id);
    let nodes: Vec<_> = snapshot.nodes.values().filter(can_be_asked).collect();
    let in_state = |wanted: fn(&Service) -> bool| {
        let ids = nodes.iter().map(|node| node.id);
        ids.filter(|id| services.get(id).is_some_and(wanted)).collect::<Vec<_>>()
    };
    let mut down = in_state(|service| *service == Service::Stopped);
    let unknown = in_state(|service| matches!(service, Service::Unknown(_)));
    let is_dead = |id: &NodeId| matches!(state.nodes.get(id), Some(NodeState::Dead { .. }));
    down.extend(nodes.iter().map(|node| node.id).filter(is_dead));
    down.sort_unstable();
    down.dedup();
    if down.is_empty() && !unknown.is_empty() {
        let subject = counted(unknown.len(), "node", "nodes");
        let message = format!("the process manager does not tell the state of {subject}: {}", names(&unknown));
        return Check::warning(
            CHECK,
            message,
            "`wnm node list` shows the state of each node; `wnm run` observes again",
        );
    }
    if down.is_empty() {
        return Check::ok(CHECK, format!("all nodes that should run have a process: {}", nodes.len()));
    }
    let roots: Vec<_> = storage.volumes.iter().map(|volume| volume.root.clone()).collect();
    let is_on_faulty_volume = |id: &NodeId| {
        let folder = snapshot.nodes.get(id).map(|node| node.root_dir.as_path());
        folder.is_some_and(|folder| storage.is_faulty(*id, volume_of(folder, &roots)))
    };
    let now = colony_time(state.clock.as_ref());
    let list = down.iter().map(|id| {
        let why = if is_dead(id) {
            "its folder is missing".to_owned()
        } else if is_on_faulty_volume(id) {
            "its volume is lost or faulty".to_owned()
        } else {
            // A sample of the running node is older than its end.
            let last = snapshot.samples.get(id).filter(|sample| !recovery::is_up(sample));
            recovery::text(state.recoveries.get(id), last, now)
        };
        format!("{} ({why})", id.name())
    });
    let message =
        format!("{} not run although desired: {}", counted(down.len(), "node does", "nodes do"), first_few(list));
    let hint =
        "`wnm run` or the daemon starts them again; `wnm node show NODE` prints the end of a node and its log folder";
    Check::error(CHECK, message, hint)
}

/// Lists the actions that failed, the latest first, with the hint of the latest.
pub(super) fn failures(snapshot: &Snapshot) -> Option<Check> {
    let now = colony_time(snapshot.state.clock.as_ref());
    let failed = failures::latest(&snapshot.state);
    let latest = failed.first()?;
    let list = first_few(failed.iter().map(|failed| failures::text(failed, now)));
    let hint =
        latest.hint.clone().unwrap_or_else(|| "`wnm history` lists the actions with their failed steps".to_owned());
    Some(Check::warning("failures", format!("failed actions: {list}"), hint))
}

/// Lists the nodes in a crash loop.
pub(super) fn crash_loops(snapshot: &Snapshot) -> Option<Check> {
    let now = colony_time(snapshot.state.clock.as_ref());
    let looping: Vec<_> = snapshot.state.recoveries.iter().filter(|(_, recovery)| recovery.is_crash_loop()).collect();
    (!looping.is_empty()).then(|| {
        let subject = counted(looping.len(), "node is", "nodes are");
        let end = |(id, found): &(&NodeId, &Recovery)| {
            format!("{} ({})", id.name(), recovery::text(Some(found), snapshot.samples.get(id), now))
        };
        let message = format!("{subject} in a crash loop: {}", first_few(looping.iter().map(end)));
        let hint = "`wnm node show NODE` prints its log folder; once the cause is fixed, `wnm node start NODE` starts it at once";
        Check::error("crash_loop", message, hint)
    })
}

/// Lists the nodes that their process manager restarts again and again.
pub(super) fn restarts(platform: &Platform, snapshot: &Snapshot, storage: &Storage) -> Option<Check> {
    // A node that an operator or the policy stopped does not restart: its count is from an earlier time.
    let should_run = |id: &NodeId| {
        let state = snapshot.state.nodes.get(id);
        state.is_some_and(|state| {
            state.is_active() || matches!(state, NodeState::Stopped { cause: StopCause::Found, .. })
        })
    };
    let nodes = snapshot.nodes.values().filter(|node| should_run(&node.id) && storage.answers(node.id));
    match platform.restarts(nodes) {
        Ok(counts) => restarting(&counts, &snapshot.samples),
        Err(error) => {
            let message = format!("cannot read the restart counts of nodes: {error}");
            Some(Check::warning(RESTARTS_CHECK, message, "see whether the process manager works"))
        }
    }
}

const RESTARTS_CHECK: &str = "restarts";

fn restarting(counts: &BTreeMap<NodeId, u32>, samples: &NodeMap<NodeSample>) -> Option<Check> {
    let uptime = |id| samples.get(id).and_then(|sample| sample.metrics.as_ref()?.uptime);
    let is_young = |id| uptime(id).is_none_or(|uptime| uptime < STABLE);
    let restarting: Vec<_> = counts.iter().filter(|(id, count)| **count >= RESTARTS && is_young(id)).collect();
    (!restarting.is_empty()).then(|| {
        let subject = counted(restarting.len(), "node restarts", "nodes restart");
        let list = first_few(restarting.iter().map(|(id, count)| format!("{} ({count} times)", id.name())));
        let hint = "`wnm node show NODE` prints the path of its log; `wnm node stop NODE` until the cause is fixed";
        Check::error(RESTARTS_CHECK, format!("{subject} again and again: {list}"), hint)
    })
}

#[cfg(test)]
mod tests {
    use wnm_core::{Clock, ClockReading, NodeMetrics};

    use super::*;
    use crate::commands::doctor::Level;

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
    fn shunned_nodes_are_listed_the_longest_first() {
        let since = |second: Option<i64>| NodeSample {
            shunned_since: second.map(Timestamp::from_secs),
            ..NodeSample::default()
        };
        let now = Timestamp::from_secs(10_000);
        assert_eq!(shunned(&samples([None, None].map(since)), now), None);
        let check = shunned(&samples([Some(9940), None, Some(2800)].map(since)), now).unwrap();
        assert_eq!(check.message, "2 nodes are shunned by peers: antnode0003 for 2h, antnode0001 for 1min");
        assert!(check.hint.unwrap().contains("wnm node reset"));
        let many = shunned(&samples(vec![since(Some(1)); 200]), now).unwrap();
        assert!(many.message.ends_with(" and 195 more"), "{}", many.message);
    }

    #[test]
    fn node_with_long_uptime_is_not_restarting() {
        let samples = samples([up(Some(5)), up(Some(700)), up(Some(5)), up(None)]);
        let counts = |all: [u32; 5]| (1..).filter_map(NodeId::new).zip(all).collect::<BTreeMap<_, _>>();
        assert_eq!(restarting(&counts([2, 90, 0, 1, 2]), &samples), None);
        let check = restarting(&counts([3, 90, 0, 14, 4]), &samples).unwrap();
        assert_eq!(
            check.message,
            "3 nodes restart again and again: antnode0001 (3 times), antnode0004 (14 times), antnode0005 (4 times)"
        );
    }

    #[test]
    fn changed_wall_clock_is_a_warning() {
        let reading = wnm_platform::read_clock().unwrap();
        let hour = Duration::from_secs(3600);
        for (wall, level, message) in [
            (reading.wall, Level::Ok, "was not changed"),
            (reading.wall.after(hour), Level::Warning, "was changed by "),
            (reading.wall.before(hour), Level::Warning, "was changed by "),
        ] {
            let mut snapshot = Snapshot::default();
            assert_eq!(clock(&snapshot), None);
            snapshot.state.clock = Some(Clock::start(ClockReading { wall, ..reading.clone() }));
            let check = clock(&snapshot).unwrap();
            assert!(check.level == level && check.message.contains(message), "{check:?}");
            let after = |age| last_cycle(&snapshot, wall.after(age)).unwrap();
            assert_eq!((after(STALE).level, after(hour).level), (Level::Ok, Level::Warning));
            assert_eq!(after(hour).message, "the last cycle ended 1h ago");
        }
    }

    #[test]
    fn unverified_nodes_are_not_those_that_give_no_answer() {
        let present = |presence| NodeSample { presence, ..NodeSample::default() };
        let all = samples(
            [Presence::Answering, Presence::Silent, Presence::Unreachable, Presence::Unverified, Presence::Gone]
                .map(present),
        );
        assert_eq!(
            unverified(&all).unwrap().message,
            "1 node is unverified (another process answers on the port): antnode0004"
        );
        assert_eq!(unverified(&samples([])), None);
    }
}
