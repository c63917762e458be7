//! Requests to a daemon, in stepped time.

use std::sync::{Arc, Mutex};

use wnm_agent::live::CycleFailure;
use wnm_agent::{Begun, MOST_REQUESTS, Request, RequestQueue, RequestedWork, Requester, Wake};
use wnm_core::steps::Step;
use wnm_core::{ChangeRequest, NodeChange, NodeId, NodeState, Outcome, Refusal, Selection, StopCause, Verb};

use crate::common::{MemoryAgent, agent};
use crate::daemon::{Control, run};

type Answer = Arc<Mutex<Option<Result<Begun, CycleFailure>>>>;

/// A requester that notes its answer, and may have left.
struct Noted {
    answer: Answer,
    waits: bool,
}

impl Requester for Noted {
    fn is_waiting(&self) -> bool {
        self.waits
    }

    fn answer(self: Box<Self>, answer: Result<Begun, CycleFailure>) {
        *self.answer.lock().unwrap() = Some(answer);
    }
}

fn request(verb: Verb, waits: bool) -> (Request, Answer) {
    let answer = Answer::default();
    let requester = Box::new(Noted { answer: Arc::clone(&answer), waits });
    let work = RequestedWork::Action(verb, Selection::Named(vec![NodeId::FIRST]));
    (Request { work, requester }, answer)
}

fn queue(requests: impl IntoIterator<Item = Request>) -> RequestQueue {
    let queue = RequestQueue::default();
    requests.into_iter().for_each(|request| queue.push(request).unwrap());
    queue
}

#[test]
fn request_runs_at_once_and_leaves_the_schedule() {
    let (mut agent, calls) = agent(&[("node_cap", "1")]);
    let (stop, answer) = request(Verb::Stop, true);
    let control = Control { calls, requests: queue([stop]), ..Control::default() };
    let signals = [(7_000, Wake::Requested), (61_000, Wake::End)];
    let (control, ended) = run(&mut agent, &signals, control);
    assert_eq!(ended, Ok(()));
    // The stop is complete at once, so that no resumed cycle follows.
    assert_eq!(control.turns, [0, 7_000, 60_000, 61_000]);
    let begun = answer.lock().unwrap().take().unwrap().unwrap();
    let [(record, outcome)] = &begun.worked[..] else { panic!("{begun:?}") };
    assert_eq!((record.node(), outcome), (NodeId::FIRST, &Outcome::Done));
    assert!(matches!(
        agent.store.state.nodes.get(&NodeId::FIRST),
        Some(NodeState::Stopped { cause: StopCause::Requested, .. })
    ));
    let snapshot = control.live.snapshot().unwrap();
    let scheduled = snapshot.scheduled.as_ref().unwrap();
    assert!(scheduled.verdicts.iter().all(|verdict| verdict.rule != "requested"), "{scheduled:?}");
}

#[test]
fn pending_actions_of_a_request_resume_before_the_next_cycle() {
    let (mut agent, calls) = agent(&[("node_cap", "1")]);
    let (restart, answer) = request(Verb::Restart, true);
    let control = Control {
        calls,
        requests: queue([restart]),
        script: [
            |_: &mut _| {},
            |agent: &mut MemoryAgent| agent.platform.stuck = Some(Step::SeeGone),
            |_: &mut _| {},
            |agent: &mut MemoryAgent| agent.platform.stuck = None,
        ]
        .into(),
        ..Control::default()
    };
    let (control, _) = run(&mut agent, &[(7_000, Wake::Requested), (61_000, Wake::End)], control);
    assert_eq!(control.turns, [0, 7_000, 7_250, 7_500, 60_000, 61_000]);
    let begun = answer.lock().unwrap().take().unwrap().unwrap();
    assert!(matches!(begun.worked[..], [(_, Outcome::Pending { .. })]));
}

#[test]
fn node_that_is_down_for_its_move_does_not_wait_for_the_next_cycle() {
    let (mut agent, calls) = agent(&[("node_cap", "1"), ("node_storage", "/storage/0,/storage/1")]);
    let answer = Answer::default();
    let change = ChangeRequest { node: NodeId::FIRST, change: NodeChange::Move("/storage/1".into()) };
    let requester = Box::new(Noted { answer: Arc::clone(&answer), waits: true });
    let moves = Request { work: RequestedWork::Changes(vec![change]), requester };
    let script = [|_: &mut _| {}, |agent: &mut MemoryAgent| agent.platform.stuck = Some(Step::CopyRest)];
    let start_completes = Some(std::time::Duration::from_secs(300));
    let control =
        Control { calls, requests: queue([moves]), script: script.into(), start_completes, ..Control::default() };
    let (control, _) = run(&mut agent, &[(7_000, Wake::Requested), (400_000, Wake::End)], control);
    let begun = answer.lock().unwrap().take().unwrap().unwrap();
    assert!(matches!(begun.worked[..], [(_, Outcome::Pending { step: Step::CopyRest, .. })]), "{begun:?}");
    let between = |from: u64, to: u64| control.turns.iter().filter(|at| (from..to).contains(*at)).count();
    assert!(between(290_000, 300_000) >= 40, "{:?}", control.turns);
    assert_eq!(between(301_000, 359_000), 0, "the move has ended");
}

#[test]
fn stuck_request_slows_to_the_interval() {
    let (mut agent, calls) = agent(&[("node_cap", "1")]);
    let (restart, _) = request(Verb::Restart, true);
    let script = [|_: &mut _| {}, |agent: &mut MemoryAgent| agent.platform.stuck = Some(Step::Folder)];
    let control = Control { calls, requests: queue([restart]), script: script.into(), ..Control::default() };
    agent.platform.stuck = None;
    let (control, _) = run(&mut agent, &[(1_000, Wake::Requested), (400_000, Wake::End)], control);
    assert!(control.turns.iter().filter(|at| **at > 190_000).count() < 12, "{:?}", control.turns);
}

#[test]
fn failure_is_told_to_the_requester_alone() {
    let (mut agent, calls) = agent(&[("node_cap", "0")]);
    let (stop, answer) = request(Verb::Stop, true);
    let script = [
        |_: &mut _| {},
        |agent: &mut MemoryAgent| agent.store.fails = Some("load"),
        |agent: &mut MemoryAgent| {
            agent.store.fails = None;
        },
    ];
    let control = Control { calls, requests: queue([stop]), script: script.into(), ..Control::default() };
    let (control, _) = run(&mut agent, &[(1_000, Wake::Requested), (60_000, Wake::End)], control);
    assert!(answer.lock().unwrap().take().unwrap().is_err());
    assert!(control.live.events(0).events.iter().all(|event| event.event.kind() != "cycle_failed"));
    assert_eq!(control.live.status().failure, None);
}

#[test]
fn refusals_reach_the_requester() {
    let (mut agent, calls) = agent(&[("node_cap", "0")]);
    let (stop, answer) = request(Verb::Stop, true);
    let control = Control { calls, requests: queue([stop]), ..Control::default() };
    run(&mut agent, &[(1_000, Wake::Requested), (2_000, Wake::End)], control).1.unwrap();
    let begun = answer.lock().unwrap().take().unwrap().unwrap();
    assert_eq!(begun.refused, [(Some(NodeId::FIRST), Refusal::NoSuchNode)]);
}

#[test]
fn requests_of_requesters_that_left_never_begin() {
    let (mut agent, calls) = agent(&[("node_cap", "1")]);
    let (left, _) = request(Verb::Stop, false);
    let control = Control { calls, requests: queue([left]), ..Control::default() };
    let (control, _) = run(&mut agent, &[(7_000, Wake::Requested), (8_000, Wake::End)], control);
    assert_eq!(control.turns, [0, 8_000]);
    assert!(agent.platform.running.contains_key(&NodeId::FIRST));
}

#[test]
fn draining_daemon_drops_requests() {
    let (mut agent, calls) = agent(&[("node_cap", "1")]);
    let (stop, answer) = request(Verb::Stop, true);
    let control = Control { calls, requests: queue([stop]), ..Control::default() };
    run(&mut agent, &[(7_000, Wake::End)], control).1.unwrap();
    assert_eq!(Arc::strong_count(&answer), 1, "the requester is dropped without an answer");
    assert!(answer.lock().unwrap().is_none());
    assert!(agent.platform.running.contains_key(&NodeId::FIRST));
}

#[test]
fn queue_is_bounded_and_drops_those_that_left_first() {
    let queue = RequestQueue::default();
    for _ in 0..MOST_REQUESTS - 1 {
        queue.push(request(Verb::Stop, true).0).unwrap();
    }
    queue.push(request(Verb::Stop, false).0).unwrap();
    queue.push(request(Verb::Start, true).0).unwrap();
    let refused = queue.push(request(Verb::Start, true).0).unwrap_err();
    assert!(matches!(refused.work, RequestedWork::Action(Verb::Start, _)));
    assert_eq!(std::iter::from_fn(|| queue.pop()).count(), MOST_REQUESTS);
}
