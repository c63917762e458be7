//! Nodes that should run: desired conditions, restarts after an end, and crash loops.

use std::time::Duration;

use wnm_core::steps::{ActionId, ActionRecord, Outcome, Step};
use wnm_core::{
    Action, Blocker, Desired, Ended, Exit, ExitStatus, NodeState, Planned, Presence, Reason, ReasonGone, Selection,
    StopCause, UnlistedFolder, Verb, Verdict, evaluate, evaluate_request,
};

use super::colony::{Colony, NOW, ago, id, percent};
use super::{failed, pending};

const PRESETS: [&str; 2] = ["classic", "steady"];

/// Returns a full colony of nodes 1 to 4 with the given preset.
fn full(preset: &str) -> Colony {
    let colony = Colony::new(&[("preset", preset), ("node_cap", "4"), ("max_concurrent_starts", "2")]);
    (1..=4).fold(colony, Colony::running)
}

impl Colony {
    /// Runs cycles until a time after [`NOW`], one every ten seconds, and applies every action as done.
    fn run(&mut self, until: u64) -> Vec<(u64, &'static str, u32)> {
        let mut decided = Vec::new();
        let mut second = self.look.now.since(NOW).as_secs();
        while second < until {
            let evaluation = evaluate(&self.policy, self.state.clone(), &self.look);
            let actions = evaluation.decision.actions.clone();
            decided.extend(actions.iter().map(|p| (second, p.action.verb(), p.action.node().get())));
            let outcomes: Vec<_> = actions.into_iter().map(|planned| (planned, Outcome::Done)).collect();
            self.state = evaluation.apply(&outcomes);
            for (planned, _) in outcomes {
                let (node, presence) = match planned.action {
                    Action::Stop { node } => (node, Presence::Gone),
                    action => (action.node(), Presence::Answering),
                };
                if let Some(sample) = self.look.nodes.get_mut(&node) {
                    sample.presence = presence;
                }
            }
            second += 10;
            self.look.now = NOW.after(Duration::from_secs(second));
        }
        decided
    }

    /// Runs cycles in which node 2 ends right after each start.
    fn run_with_a_node_that_ends(&mut self, until: u64) -> Vec<u64> {
        let mut starts = Vec::new();
        while self.look.now < NOW.after(Duration::from_secs(until)) {
            let next = self.look.now.since(NOW).as_secs() + 10;
            starts.extend(self.run(next).into_iter().map(|(second, ..)| second));
            self.look.nodes.get_mut(&id(2)).expect("node 2 exists").presence = Presence::Gone;
        }
        starts
    }
}

#[test]
fn ended_node_of_a_full_colony_starts_again_after_ten_seconds() {
    for preset in PRESETS {
        let mut colony = full(preset).seen(2, Presence::Gone);
        let exit = Exit { status: Some(ExitStatus::Signal(9)), message: Some("out of memory".into()) };
        colony.look.nodes.get_mut(&id(2)).expect("node 2 exists").exit = Some(Box::new(exit.clone()));
        let first = colony.decision();
        assert_eq!(first.ended, [Ended { node: id(2), exit: Some(exit.clone()), restarted: false }], "{preset}");
        let recover =
            first.verdicts.iter().find(|verdict| verdict.rule == "recover").expect("both presets have the rule");
        let until = NOW.after(Duration::from_secs(10));
        assert_eq!(
            recover.verdict,
            Verdict::Skip(wnm_core::SkipReason::Blocked(Blocker::RetryDelay { node: id(2), until }))
        );
        assert_eq!(colony.run(10), [], "{preset}");
        let action = Action::Start { node: id(2), upgrade_to: None };
        let reason = Reason::Ended { attempt: 1, exit: Some(Box::new(exit)) };
        assert_eq!(colony.decision().actions, [Planned { action, reason }], "{preset}");
        assert_eq!(colony.run(700), [(10, "start", 2)], "{preset}");
        assert_eq!(colony.state.recoveries.get(&id(2)), None, "up for ten minutes");
    }
}

#[test]
fn delays_double_until_five_ends_are_a_crash_loop() {
    let mut colony = full("steady").seen(2, Presence::Gone);
    let starts = colony.run_with_a_node_that_ends(6000);
    // Each end is observed ten seconds after the start.
    assert_eq!(starts, [10, 40, 90, 180, 1990, 3800, 5610]);
    let recovery = &colony.state.recoveries[&id(2)];
    assert_eq!(recovery.crash_loop_since, Some(NOW.after(Duration::from_secs(190))));
    assert!(matches!(colony.decision().verdicts.iter().find(|v| v.rule == "recover").map(|v| &v.verdict),
        Some(Verdict::Skip(wnm_core::SkipReason::Blocked(Blocker::CrashLoop { node, .. }))) if *node == id(2)));
    let others = colony.look.nodes.iter().filter(|(_, sample)| sample.presence == Presence::Answering).count();
    assert_eq!(others, 3);
}

#[test]
fn all_nodes_of_a_colony_come_back_within_the_start_limits() {
    for (preset, rebooted) in [("classic", false), ("classic", true), ("steady", false), ("steady", true)] {
        let settings =
            [("preset", preset), ("node_cap", "6"), ("max_concurrent_starts", "2"), ("max_concurrent_operations", "2")];
        let mut colony = (1..=6).fold(Colony::new(&settings), Colony::running);
        (1..=6).for_each(|n| colony.look.nodes.get_mut(&id(n)).expect("it exists").presence = Presence::Gone);
        colony.look.rebooted = rebooted;
        assert_eq!(colony.run(10), [], "{preset}: the first cycle observes");
        colony.look.rebooted = false;
        let starts = colony.run(600);
        let nodes: Vec<u32> = starts.iter().map(|(_, _, node)| *node).collect();
        assert_eq!(nodes, [1, 2, 3, 4, 5, 6], "{preset}");
        // Two per cycle: a started node that is seen up holds back no other one.
        assert_eq!(starts.last(), Some(&(30, "start", 6)), "{preset}");
    }
}

#[test]
fn starting_nodes_that_are_not_up_hold_back_further_starts() {
    let mut colony = full("classic").seen(2, Presence::Gone).seen(3, Presence::Gone);
    colony.policy.limits.starts = 1;
    colony.state = colony.settled_state(&[]);
    colony.look.now = NOW.after(Duration::from_secs(10));
    assert_eq!(colony.decided(), [("start", 2)]);
    let start = Action::Start { node: id(2), upgrade_to: None };
    colony.state = colony.settled_state(&[(start, Outcome::Done)]);
    let waiting = colony.seen(2, Presence::Silent);
    assert_eq!(waiting.decided(), []);
    assert_eq!(waiting.seen(2, Presence::Answering).decided(), [("start", 3)]);
}

#[test]
fn signals_over_their_high_thresholds_block_restarts() {
    let ended = || {
        let mut colony = full("classic").seen(2, Presence::Gone);
        colony.state = colony.settled_state(&[]);
        colony.look.now = NOW.after(Duration::from_secs(10));
        colony
    };
    assert_eq!(ended().decided(), [("start", 2)]);
    assert_eq!(ended().cpu(60.0).decided(), [("start", 2)], "between the thresholds");
    assert!(!ended().cpu(80.0).decided().contains(&("start", 2)));
    let mut full = ended();
    full.look.host.volumes[0].used = percent(95.0);
    assert!(!full.decided().contains(&("start", 2)));
    let mut blind = ended();
    blind.look.host.cpu = None;
    assert_eq!(blind.decided(), [("start", 2)], "a missing metric blocks additions only");
    let mut lowered = ended();
    lowered.policy.node_cap = 3;
    assert!(!lowered.decided().contains(&("start", 2)), "one node leaves");
}

#[test]
fn stopped_nodes_stay_stopped_when_their_process_is_lost_from_sight() {
    for (cause, desired) in [
        (StopCause::Requested, Desired::StoppedByRequest),
        (StopCause::Pressure, Desired::StoppedByPolicy),
        (StopCause::Found, Desired::Running),
    ] {
        let state = NodeState::Stopped { since: Some(ago(50)), cause };
        let mut colony = full("classic").node(2, state, Presence::Unreachable);
        colony.state = colony.settled_state(&[]);
        let unknown = colony.state.nodes[&id(2)].clone();
        assert_eq!((unknown.word(), colony.state.desired(id(2), &unknown)), ("UNKNOWN", desired));
        colony.state = serde_json::from_str(&serde_json::to_string(&colony.state).unwrap()).unwrap();
        let back = colony.seen(2, Presence::Gone).settled_state(&[]);
        assert_eq!(back.nodes[&id(2)], NodeState::Stopped { since: Some(NOW), cause });
        assert_eq!(back.desired.len(), 0, "the cause tells it again");
        assert_eq!(back.recoveries.contains_key(&id(2)), desired == Desired::Running);
    }
}

fn disabled() -> Colony {
    Colony::new(&[]).node(1, NodeState::Disabled { since: ago(5) }, Presence::Unobserved)
}

/// A removal that does not come to its end leaves a stopped node stopped, whoever stopped it, also when the manager
/// crashed after its begin.
#[test]
fn removals_leave_the_desired_condition() {
    use Desired::{Disabled, Running, StoppedByPolicy, StoppedByRequest};
    let stopped = |cause| NodeState::Stopped { since: Some(ago(9000)), cause };
    let colonies = [
        (Colony::new(&[]).node(1, stopped(StopCause::Pressure), Presence::Gone), StoppedByPolicy, StopCause::Pressure),
        (
            Colony::new(&[]).node(1, stopped(StopCause::Requested), Presence::Gone),
            StoppedByRequest,
            StopCause::Requested,
        ),
        (Colony::new(&[]).node(1, stopped(StopCause::Found), Presence::Gone), Running, StopCause::Removal),
        (Colony::new(&[]).running(1), Running, StopCause::Removal),
        (disabled(), Disabled, StopCause::Requested),
    ];
    let remove = Action::Remove { node: id(1), linger: Duration::ZERO };
    for (colony, want, cause) in colonies {
        for resumed in [false, true] {
            let mut colony = colony.clone();
            let begin = [(remove.clone(), pending())];
            if resumed {
                let planned = Planned { action: remove.clone(), reason: Reason::Requested };
                colony.state.resume_actions(&[ActionRecord::new(ActionId(1), planned, NOW)]);
            } else {
                colony.state = colony.settled_state(&begin);
            }
            let removing = colony.state.nodes[&id(1)].clone();
            assert_eq!((removing.word(), colony.state.desired(id(1), &removing)), ("REMOVING", want));
            assert!(want.is_possible_in(&removing));
            colony.state = colony.settled_state(&[(remove.clone(), failed(Step::Trash, false))]);
            let left = colony.state.nodes[&id(1)].clone();
            assert_eq!(colony.state.desired(id(1), &left), want);
            assert!(want.is_possible_in(&left), "{left:?}");
            let seen = colony.seen(1, Presence::Gone);
            assert_eq!(seen.decision().ended, [], "the removal has ended the process");
            let found = seen.settled_state(&[]);
            let is_as_before = match &found.nodes[&id(1)] {
                NodeState::Stopped { cause: found, .. } => *found == cause,
                state => want == Disabled && matches!(state, NodeState::Disabled { .. }),
            };
            assert!(is_as_before, "{:?} for {want:?}", found.nodes[&id(1)]);
        }
    }
}

#[test]
fn cancelled_removals_leave_stopped_nodes_stopped() {
    let within = ReasonGone::WithinCap { total: 1, cap: 2 };
    let found = [
        (Desired::Running, within.clone(), Desired::Running),
        (Desired::Running, ReasonGone::NotRemovedFor, Desired::StoppedByPolicy),
        (Desired::StoppedByPolicy, within.clone(), Desired::StoppedByPolicy),
        (Desired::StoppedByRequest, within, Desired::StoppedByRequest),
        (Desired::StoppedByRequest, ReasonGone::NotRemovedFor, Desired::StoppedByRequest),
    ];
    for (before, because, want) in found {
        let mut colony = Colony::new(&[]).node(1, NodeState::Removing { since: ago(60) }, Presence::Gone);
        colony.state.set_desired(id(1), before);
        let remove = Action::Remove { node: id(1), linger: Duration::ZERO };
        let after = colony.settled_state(&[(remove, Outcome::Cancelled { because })]);
        assert_eq!(after.desired(id(1), &after.nodes[&id(1)]), want, "from {before:?}");
        assert_eq!(after.desired.len(), 0, "the cause tells it");
    }
}

#[test]
fn actions_set_the_desired_condition() {
    use Desired::{Disabled, Running, StoppedByPolicy, StoppedByRequest};
    let stop = Action::Stop { node: id(1) };
    let requested = Reason::Requested;
    let policy = Reason::OverCap { total: 2, cap: 1 };
    let cases = [
        (stop.clone(), policy.clone(), pending(), StoppedByPolicy),
        (stop.clone(), policy.clone(), Outcome::Done, StoppedByPolicy),
        (stop.clone(), policy, failed(Step::SeeGone, true), Running),
        (stop.clone(), requested.clone(), pending(), StoppedByRequest),
        (stop.clone(), requested.clone(), Outcome::Done, StoppedByRequest),
        // The process may end later.
        (stop, requested.clone(), failed(Step::SeeGone, true), StoppedByRequest),
        (Action::Disable { node: id(1) }, requested.clone(), pending(), StoppedByRequest),
        (Action::Disable { node: id(1) }, requested.clone(), Outcome::Done, Disabled),
        (Action::Restart { node: id(1) }, requested, failed(Step::Start, true), Running),
    ];
    for (action, reason, outcome, want) in cases {
        let colony = Colony::new(&[]).running(1);
        let planned = Planned { action, reason };
        let after = evaluate(&colony.policy, colony.state, &colony.look).apply(&[(planned.clone(), outcome)]);
        assert_eq!(after.desired(id(1), &after.nodes[&id(1)]), want, "{planned:?}");
    }
    let stopped = NodeState::Stopped { since: Some(ago(30)), cause: StopCause::Pressure };
    let colony = Colony::new(&[]).node(1, stopped, Presence::Gone);
    let reason = Reason::OverCap { total: 2, cap: 1 };
    let slow = Planned { action: Action::Stop { node: id(1) }, reason };
    let after = evaluate(&colony.policy, colony.state, &colony.look).apply(&[(slow, failed(Step::SeeGone, true))]);
    assert_eq!(after.desired(id(1), &after.nodes[&id(1)]), StoppedByPolicy, "it stopped before the stop failed");
    let disabled = disabled();
    let enabled = disabled.settled_state(&[(Action::Enable { node: id(1) }, Outcome::Done)]);
    assert_eq!(enabled.desired(id(1), &enabled.nodes[&id(1)]), StoppedByPolicy);
}

#[test]
fn requested_stop_outlasts_the_policy() {
    for preset in PRESETS {
        let mut colony = full(preset);
        colony.policy.node_cap = 6;
        let selection = Selection::Named(vec![id(2)]);
        let requested = evaluate_request(&colony.policy, colony.state.clone(), &colony.look, Verb::Stop, &selection);
        let stop = requested.evaluation.decision.actions[0].clone();
        let state = requested.evaluation.apply(&[(stop, Outcome::Done)]);
        colony.state = state;
        colony = colony.seen(2, Presence::Gone);
        let decided = colony.run(3000);
        assert!(!decided.iter().any(|(_, _, node)| *node == 2), "{preset}: {decided:?}");
    }
}

#[test]
fn failed_additions_wait_and_leave_taken_numbers_out() {
    let mut colony = Colony::new(&[]).running(1);
    assert_eq!(colony.decided(), [("add", 2)]);
    colony.state = colony.settled_state(&[(Action::Add { node: id(2) }, failed(Step::Start, true))]);
    assert_eq!(colony.decided(), []);
    colony.look.now = NOW.after(Duration::from_secs(10));
    assert_eq!(colony.decided(), [("add", 3)], "the ports of number 2 are taken");
    colony.state = colony.settled_state(&[(Action::Add { node: id(3) }, Outcome::Done)]);
    assert_eq!(colony.state.failures, []);
}

#[test]
fn additions_skip_the_numbers_of_folders_without_a_row() {
    let mut colony = Colony::new(&[]).running(1);
    colony.look.host.unlisted =
        [2, 3].map(|number| UnlistedFolder { folder: "/s".into(), number: id(number), uuid: String::new() }).to_vec();
    assert_eq!(colony.decided(), [("add", 4)]);
    let requested = |selection| {
        let (policy, state) = (&colony.policy, colony.state.clone());
        let evaluated = evaluate_request(policy, state, &colony.look, Verb::Add, &selection).evaluation;
        evaluated.decision.actions.iter().map(|planned| planned.action.node()).collect::<Vec<_>>()
    };
    assert_eq!(requested(Selection::Count(2)), [id(4), id(5)]);
    // The operator may have removed the folder in between.
    assert_eq!(requested(Selection::Named(vec![id(2)])), [id(2)]);
}

#[test]
fn failed_start_is_retried_with_the_same_delays() {
    let stopped = NodeState::Stopped { since: Some(ago(9000)), cause: StopCause::Found };
    let mut colony = full("classic").node(2, stopped, Presence::Gone);
    let start = Action::Start { node: id(2), upgrade_to: None };
    for (step, ends) in [(Step::Start, 0), (Step::Confirm, 1)] {
        assert_eq!(colony.decided(), [("start", 2)]);
        let planned = Planned { action: start.clone(), reason: Reason::Ended { attempt: 1, exit: None } };
        let evaluation = evaluate(&colony.policy, colony.state.clone(), &colony.look);
        colony.state = evaluation.apply(&[(planned, failed(step, true))]);
        let recovery = &colony.state.recoveries[&id(2)];
        assert_eq!(recovery.ends.len(), ends, "{step}");
        assert!(recovery.error.is_some());
        assert_eq!(colony.decided(), []);
        colony.look.now = recovery.retry_at;
    }
}

#[test]
fn restarts_by_the_process_manager_are_ends() {
    for preset in PRESETS {
        let mut colony = full(preset);
        for end in 1..=5 {
            assert_eq!(colony.run(end * 60), [], "{preset}: a node that runs again needs no action");
            colony.look.nodes.get_mut(&id(2)).expect("node 2 exists").restarted = true;
            assert_eq!(colony.decision().ended, [Ended { node: id(2), exit: None, restarted: true }], "{preset}");
            assert_eq!(colony.run(end * 60 + 10), []);
            colony.look.nodes.get_mut(&id(2)).expect("node 2 exists").restarted = false;
            assert_eq!(colony.state.recoveries[&id(2)].attempts, u32::try_from(end).expect("few ends"), "{preset}");
        }
        assert!(colony.state.recoveries[&id(2)].is_crash_loop(), "{preset}");
        colony.run(1000);
        assert!(colony.state.recoveries.is_empty(), "{preset}: up for ten minutes");
    }
}

#[test]
fn processes_replaced_by_an_action_or_a_reboot_are_no_ends() {
    let restarting = NodeState::Restarting { since: ago(10) };
    let stopped = NodeState::Stopped { since: Some(ago(60)), cause: StopCause::Requested };
    for (state, is_acting, rebooted) in [
        (NodeState::Running { since: ago(60) }, true, false),
        (NodeState::Running { since: ago(60) }, false, true),
        (restarting, false, false),
        (stopped, false, false),
    ] {
        let mut colony = full("steady").node(2, state.clone(), Presence::Answering);
        colony.look.nodes.get_mut(&id(2)).expect("node 2 exists").restarted = true;
        colony.look.rebooted = rebooted;
        if is_acting {
            colony.state.acting.insert(id(2));
        }
        let evaluation = evaluate(&colony.policy, colony.state.clone(), &colony.look);
        assert_eq!(evaluation.decision.ended, [], "{state:?}");
        assert!(evaluation.apply(&[]).recoveries.is_empty(), "{state:?}");
    }
}

#[test]
fn external_process_on_the_port_of_a_stopped_node_starts_nothing() {
    for preset in PRESETS {
        let stopped = NodeState::Stopped { since: Some(ago(60)), cause: StopCause::Pressure };
        let mut colony = full(preset).node(2, stopped, Presence::Unverified);
        colony.look.host.cpu = percent(60.0);
        assert_eq!(colony.run(30), []);
        colony = colony.seen(2, Presence::Gone);
        assert_eq!(colony.run(120), [], "{preset}: the node did not run, and has not ended");
        assert!(colony.state.recoveries.is_empty(), "{preset}");
    }
}
