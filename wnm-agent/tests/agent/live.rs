//! The snapshots and events that a daemon publishes, in stepped time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use wnm_agent::Wake;
use wnm_agent::live::{DaemonPhase, Event, Live};
use wnm_core::steps::Step;
use wnm_core::{Action, NodeId, NodeState, Outcome, Percent, Signal};

use crate::common::{MemoryAgent, agent};
use crate::daemon::{Control, INTERVAL, run};

/// Runs a daemon for one turn for each entry of the script, without the turn that drains.
fn run_script(settings: &[(&str, &str)], script: &[fn(&mut MemoryAgent)]) -> (MemoryAgent, Live) {
    let (mut agent, calls) = agent(settings);
    let control = Control { calls, script: script.iter().copied().collect(), ..Control::default() };
    let end = (script.len() as u64 - 1) * 60_000 + 1;
    let (control, ended) = run(&mut agent, &[(end, Wake::End)], control);
    assert_eq!(ended, Ok(()));
    (agent, control.live)
}

/// Returns the kinds of the events from the start of the daemon until it was told to end.
fn kinds(live: &Live) -> Vec<&'static str> {
    let events = live.events(0).events;
    events.iter().map(|event| event.event.kind()).take_while(|kind| *kind != "daemon_drains").collect()
}

fn unchanged(_: &mut MemoryAgent) {}

fn busy(agent: &mut MemoryAgent) {
    agent.platform.cpu = Percent::clamped(99.0);
}

fn calm(agent: &mut MemoryAgent) {
    agent.platform.cpu = Percent::clamped(10.0);
}

#[test]
fn idle_cycles_replace_the_snapshot_and_log_nothing() {
    let (_, live) = run_script(&[("node_cap", "0")], &[unchanged, unchanged, unchanged]);
    assert_eq!(kinds(&live), ["daemon_started"]);
    let snapshot = live.snapshot().unwrap();
    assert_eq!(snapshot.report.cycle.map(|cycle| cycle.0), Some(4), "three turns, and one that drains");
    let status = live.status();
    assert_eq!((status.phase, status.cycles, status.interval), (DaemonPhase::Ended, 4, INTERVAL));
    assert_eq!((status.next, status.failure.as_ref()), (None, None));
    assert!(status.started.is_some());
}

#[test]
fn each_action_begins_and_ends_once() {
    let (_, live) = run_script(
        &[("node_cap", "1")],
        &[
            |agent| agent.platform.stuck = Some(Step::Start),
            unchanged,
            |agent| agent.platform.stuck = None,
            unchanged,
            unchanged,
        ],
    );
    let events = live.events(0).events;
    let actions: Vec<_> = events
        .iter()
        .filter_map(|event| match &event.event {
            Event::ActionBegun { action, planned, .. } => Some((action.0, planned.action.verb(), "begun")),
            Event::ActionEnded { action, planned, failure: None, .. } => {
                Some((action.0, planned.action.verb(), "done"))
            }
            _ => None,
        })
        .collect();
    assert_eq!(actions, [(1, "add", "begun"), (1, "add", "done")]);
    let numbers: Vec<u64> = events.iter().map(|event| event.number).collect();
    assert_eq!(numbers, (1..=events.len() as u64).collect::<Vec<_>>());
    assert!(events.iter().is_sorted_by_key(|event| event.at));
}

#[test]
fn node_that_ends_and_recovers_is_seen_in_its_states() {
    let (agent, live) = run_script(
        &[("node_cap", "1")],
        &[unchanged, unchanged, |agent| agent.platform.running.clear(), unchanged, unchanged],
    );
    let events = live.events(0).events;
    let words: Vec<_> = events
        .iter()
        .filter_map(|event| match &event.event {
            Event::NodeChanged { node: NodeId::FIRST, from, to } => {
                Some((from.as_ref().map(NodeState::word), to.as_ref().map(NodeState::word)))
            }
            _ => None,
        })
        .collect();
    assert_eq!(words[0], (Some("RESTARTING"), Some("RUNNING")), "{words:?}");
    assert!(
        words.contains(&(Some("RUNNING"), Some("STOPPED"))) || words.contains(&(Some("RUNNING"), Some("RESTARTING")))
    );
    assert_eq!(words.last().and_then(|(_, to)| *to), Some("RUNNING"), "{words:?}");
    assert_eq!(live.snapshot().unwrap().nodes_by_state().get("RUNNING"), Some(&1));
    assert!(agent.platform.running.contains_key(&NodeId::FIRST));
}

#[test]
fn signal_over_its_threshold_is_told_once_and_its_relief_too() {
    let (_, live) = run_script(&[("node_cap", "0")], &[unchanged, busy, busy, busy, calm, calm]);
    let events = live.events(0).events;
    let signals: Vec<_> = events
        .iter()
        .filter_map(|event| match &event.event {
            Event::SignalExceeded(measure) => Some(("exceeded", measure.signal)),
            Event::SignalRelieved(measure) => Some(("relieved", measure.signal)),
            _ => None,
        })
        .collect();
    assert_eq!(signals, [("exceeded", Signal::Cpu), ("relieved", Signal::Cpu)]);
}

#[test]
fn repeated_failure_is_told_once_and_its_end_too() {
    let (_, live) = run_script(
        &[("node_cap", "0")],
        &[
            unchanged,
            |agent| agent.store.fails = Some("load"),
            unchanged,
            |agent| agent.store.fails = Some("begin"),
            |agent| agent.store.fails = None,
            unchanged,
        ],
    );
    let kinds = kinds(&live);
    assert_eq!(kinds, ["daemon_started", "cycle_failed", "cycle_failed", "cycles_recovered"]);
    assert_eq!(live.status().failure, None);
}

#[test]
fn readers_keep_their_snapshot_and_listeners_hear_each_cycle() {
    let (mut agent, calls) = agent(&[("node_cap", "1")]);
    let control = Control { calls, ..Control::default() };
    let heard = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&heard);
    control.live.on_change(move || _ = counter.fetch_add(1, Ordering::Relaxed));
    let (control, _) = run(&mut agent, &[(1, Wake::End)], control);
    let kept = control.live.snapshot().unwrap();
    // The start, the cycle, the order to end, the cycle that drains.
    assert_eq!(heard.load(Ordering::Relaxed), 4);
    let next = Control { live: control.live.clone(), ..Control::default() };
    let (_, ended) = run(&mut agent, &[(1, Wake::End)], next);
    assert_eq!(ended, Ok(()));
    assert!(
        kept.report.worked.iter().all(|(record, outcome)| {
            matches!(record.planned.action, Action::Add { .. }) && *outcome == Outcome::Done
        })
    );
    assert_ne!(control.live.snapshot().unwrap().report.cycle, kept.report.cycle);
}
