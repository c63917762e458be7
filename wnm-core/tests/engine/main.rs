//! The rules beyond the recorded decisions of the Python wnm, and the effect of outcomes on the state.
#![expect(clippy::expect_used, reason = "a test may")]

mod bad_input;
mod cancel;
mod classic;
mod colony;
mod comparisons;
mod dead;
mod failed_removals;
mod reasons;
mod recover;
mod steady;
mod valves;
mod volumes;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use wnm_core::steps::{ActionId, ActionRecord, Failure, Outcome, Step, StepFailure};
use wnm_core::{
    Action, Blocker, NodeState, Planned, Presence, Reason, Refusal, Selection, StopCause, Verb, Version, Volume,
    evaluate, evaluate_request,
};

use colony::{Colony, NOW, TARGET, ago, id, percent};

fn failed(step: Step, rolled_back: bool) -> Outcome {
    Outcome::Failed(Failure {
        failed: StepFailure { step, at: NOW, error: "no".to_owned(), cause: wnm_core::FailureCause::Other, hint: None },
        rolled_back,
    })
}

fn pending() -> Outcome {
    Outcome::Pending { step: Step::Confirm, since: NOW, why: "not yet".to_owned() }
}

#[test]
fn stopped_node_waits_for_cooldown_and_blocks_additions() {
    let colony = || Colony::new(&[("max_concurrent_starts", "3"), ("max_concurrent_operations", "3")]).running(1);
    let waiting = colony().stopped(2, Some(599));
    assert_eq!(waiting.decided(), []);
    assert_eq!(
        waiting.blocker(),
        Some(Blocker::RestartDelay { node: id(2), until: NOW.after(Duration::from_secs(1)) })
    );
    assert_eq!(colony().stopped(2, Some(600)).decided(), [("start", 2), ("add", 3), ("add", 4)]);
    // The stop time is unknown: the node starts without a delay. A waiting node does not delay another one.
    assert_eq!(colony().stopped(2, Some(10)).stopped(3, None).decided(), [("start", 3)]);
}

#[test]
fn busy_nodes_are_not_selected() {
    let settings = [("max_concurrent_removals", "9"), ("max_concurrent_operations", "9")];
    let colony = Colony::new(&settings)
        .running(1)
        .running(2)
        .running(3)
        .running(4)
        .node(5, NodeState::Disabled { since: ago(5) }, Presence::Unobserved)
        .seen(2, Presence::Unverified)
        .seen(3, Presence::Silent)
        .cpu(90.0);
    assert_eq!(colony.decided(), [("stop", 4)]);
    let mut colony = colony;
    colony.state.nodes.insert(id(4), NodeState::Removing { since: ago(5) });
    assert_eq!(colony.blocker(), Some(Blocker::ReliefInProgress { removing: 1 }));
}

#[test]
fn actions_in_progress_count_against_the_limit() {
    let mut colony = Colony::new(&[]).running(1).running(2).cpu(90.0);
    colony.state.acting.insert(id(2));
    assert_eq!(colony.blocker(), Some(Blocker::OperationLimit { in_progress: 1, limit: 1 }));
}

#[test]
fn ceiling_bounds_additions_of_unbounded_settings() {
    let most = u32::MAX.to_string();
    let limits = ["node_cap", "max_concurrent_starts", "max_concurrent_operations"].map(|key| (key, most.as_str()));
    let colony = Colony::new(&limits).running(1);
    assert_eq!(colony.decided().len(), 120);
}

#[test]
fn full_volume_removes_only_its_own_nodes() {
    let mut colony = Colony::new(&[]).running(1).running(2).running(3);
    let full = |used| Volume { used: percent(used), ..Volume::default() };
    colony.look.host.volumes = vec![full(95.0), full(20.0)];
    for (number, volume) in [(1, 0), (2, 1), (3, 1)] {
        colony.look.nodes.get_mut(&id(number)).expect("it is there").volume = Some(volume);
    }
    assert_eq!(colony.decided(), [("remove", 1)]);
}

#[test]
fn removal_delays_only_running_nodes() {
    let linger = |colony: Colony| match colony.decision().actions.remove(0).action {
        Action::Remove { linger, .. } => linger,
        other => panic!("{other:?}"),
    };
    let full = |mut colony: Colony| {
        colony.look.host.volumes[0].used = percent(95.0);
        colony
    };
    assert_eq!(linger(full(Colony::new(&[]).running(1))), Duration::from_secs(300));
    assert_eq!(linger(full(Colony::new(&[]).stopped(1, None))), Duration::ZERO);
}

#[test]
fn upgrades_need_a_known_older_version() {
    let old = Version::new(0, 4, 15);
    let colony = || {
        Colony::new(&[("enable_upgrade", "true"), ("max_concurrent_upgrades", "5"), ("max_concurrent_operations", "5")])
            .running(1)
            .running(2)
            .running(3)
            .cpu(60.0)
    };
    assert_eq!(colony().decided(), []);
    assert_eq!(colony().version(2, Some(old.clone())).decided(), [("upgrade", 2)]);
    assert_eq!(colony().version(2, None).decided(), []);
    assert_eq!(colony().version(3, Some(Version::new(0, 5, 0))).decided(), []);
    // The oldest node runs something newer: this binary is behind.
    let behind = colony().version(1, Some(Version::new(0, 5, 0))).version(2, Some(old.clone()));
    assert_eq!(behind.decided(), []);
    let mut refused = colony().version(2, Some(old.clone()));
    refused.state.failed_upgrades.insert(TARGET, 2);
    assert_eq!(refused.decided(), []);
    assert_eq!(colony().version(2, Some(old)).cpu(90.0).decided(), [("stop", 3)], "never under pressure");
}

#[test]
fn stopped_outdated_node_is_upgraded_at_its_start() {
    let colony =
        Colony::new(&[("enable_upgrade", "true")]).running(1).stopped(2, None).version(2, Some(Version::new(0, 4, 15)));
    let decision = colony.decision();
    let action = Action::Start { node: id(2), upgrade_to: Some(TARGET) };
    assert_eq!(decision.actions, [Planned { action, reason: Reason::HeadroomToStart }]);
}

#[test]
fn identity_of_a_volume_is_learned_from_its_nodes() {
    use Presence::{Answering, FolderMissing, Gone, Unobserved};
    let (old, new) = (5, 7);
    // Known identities, presence of nodes 1 and 2, whether an action on 2 is in progress; known ones after the cycle.
    let cases = [
        (None, [Unobserved, Unobserved], false, None),
        (None, [FolderMissing, FolderMissing], false, None),
        (None, [Gone, Unobserved], false, Some(new)),
        (None, [Answering, FolderMissing], false, Some(new)),
        (Some(old), [Answering, Answering], false, Some(new)),
        (Some(old), [Unobserved, FolderMissing], false, Some(old)),
        // One of the nodes is still on the known volume.
        (Some(old), [Answering, FolderMissing], false, Some(old)),
        (Some(old), [Answering, FolderMissing], true, Some(new)),
        (Some(old), [Answering, Answering], true, Some(new)),
        (Some(new), [Answering, FolderMissing], false, Some(new)),
    ];
    for (known, presence, is_acting, want) in cases {
        let [one, two] = presence;
        let mut colony = Colony::new(&[]).running(1).running(2).seen(1, one).seen(2, two);
        let elsewhere = Volume { root: "/elsewhere".into(), identity: 9, ..Volume::default() };
        colony.look.host.volumes[0].identity = new;
        colony.look.host.volumes.push(elsewhere);
        colony.state.volumes = known.map(|device| (PathBuf::new(), device)).into_iter().collect();
        colony.state.acting = is_acting.then_some(id(2)).into_iter().collect();
        let devices = colony.settled_state(&[]).volumes;
        let want: BTreeMap<_, _> = want.map(|device| (PathBuf::new(), device)).into_iter().collect();
        assert_eq!(devices, want, "{known:?} {presence:?} {is_acting}");
    }
}

#[test]
fn unfinished_actions_of_the_journal_mark_their_nodes() {
    let mut state = Colony::new(&[]).running(1).running(2).stopped(3, None).state;
    state.acting.insert(id(1));
    let record = |number, action| {
        let planned = Planned { action, reason: Reason::Requested };
        ActionRecord::new(ActionId(number), planned, ago(40))
    };
    let start = Action::Start { node: id(3), upgrade_to: None };
    state.resume_actions(&[record(1, Action::Stop { node: id(2) }), record(2, start)]);
    assert_eq!(state.acting, [id(2), id(3)].into());
    let words: Vec<_> = state.nodes.values().map(NodeState::word).collect();
    assert_eq!(words, ["RUNNING", "RUNNING", "RESTARTING"]);
    assert_eq!(state.nodes[&id(3)], NodeState::Restarting { since: ago(40) });
}

#[test]
fn reboot_delays_actions_by_one_cycle() {
    let mut colony = Colony::new(&[]).running(1).stopped(2, Some(10)).seen(1, Presence::Gone);
    colony.look.rebooted = true;
    assert_eq!(colony.blocker(), Some(Blocker::Rebooted));
    let settled = colony.settled(&[]);
    assert_eq!(settled[&id(1)], NodeState::Stopped { since: None, cause: StopCause::Found });
    // Nothing of it is left elsewhere: it need not wait any more.
    assert_eq!(settled[&id(2)], NodeState::Stopped { since: None, cause: StopCause::Pressure });
}

#[test]
fn observation_sets_the_state_after_the_delay() {
    let restarting = |seconds, presence| {
        let state = NodeState::Restarting { since: ago(seconds) };
        Colony::new(&[]).node(1, state, presence).settled(&[])[&id(1)].clone()
    };
    assert_eq!(restarting(299, Presence::Silent), NodeState::Restarting { since: ago(299) });
    assert_eq!(restarting(300, Presence::Answering), NodeState::Running { since: NOW });
    assert_eq!(restarting(300, Presence::Silent), NodeState::Unknown { since: NOW });
    let gone = NodeState::Stopped { since: Some(NOW), cause: StopCause::Found };
    assert_eq!(restarting(300, Presence::Gone), gone);
    assert_eq!(restarting(1, Presence::Gone), gone, "an ended process is not waited for");
    // Without an observation the state stays.
    assert_eq!(restarting(300, Presence::Unobserved), NodeState::Restarting { since: ago(300) });
}

#[test]
fn unchanged_state_keeps_its_start_time() {
    let colony = Colony::new(&[]).running(1).stopped(2, Some(50));
    assert_eq!(colony.settled(&[]), colony.state.nodes);
    let start = Action::Start { node: id(2), upgrade_to: None };
    let first = colony.settled_state(&[(start.clone(), pending())]);
    assert_eq!(first.nodes[&id(2)], NodeState::Restarting { since: NOW });
    assert!(first.acting.contains(&id(2)));
    let mut later = colony;
    later.state = first;
    later.look.now = NOW.after(Duration::from_secs(20));
    let done = later.settled_state(&[(start, Outcome::Done)]);
    assert_eq!(done.nodes[&id(2)], NodeState::Restarting { since: NOW });
    assert!(done.acting.is_empty());
}

#[test]
fn outcomes_set_the_states() {
    let start = Action::Start { node: id(1), upgrade_to: None };
    let upgrade = Action::Upgrade { node: id(1), from: None, to: TARGET };
    let remove = Action::Remove { node: id(1), linger: Duration::ZERO };
    let cases = [
        (Action::Stop { node: id(1) }, Outcome::Done, Some("STOPPED")),
        (Action::Stop { node: id(1) }, pending(), Some("RUNNING")),
        (Action::Stop { node: id(1) }, failed(Step::SeeGone, true), Some("RUNNING")),
        (Action::Disable { node: id(1) }, Outcome::Done, Some("DISABLED")),
        (start.clone(), failed(Step::Confirm, true), Some("STOPPED")),
        (Action::Add { node: id(1) }, failed(Step::Binary, true), None),
        (Action::Add { node: id(1) }, failed(Step::Binary, false), Some("DEAD")),
        (Action::Enable { node: id(1) }, Outcome::Done, Some("RUNNING")),
        (upgrade.clone(), pending(), Some("UPGRADING")),
        (upgrade.clone(), failed(Step::Confirm, true), Some("RUNNING")),
        (upgrade, failed(Step::Confirm, false), Some("STOPPED")),
        (remove.clone(), pending(), Some("REMOVING")),
        (remove.clone(), Outcome::Done, None),
        (remove.clone(), failed(Step::SeeGone, true), Some("UNKNOWN")),
        (remove, failed(Step::Trash, true), Some("STOPPED")),
    ];
    for (action, outcome, want) in cases {
        let settled = Colony::new(&[]).running(1).settled(&[(action.clone(), outcome.clone())]);
        assert_eq!(settled.get(&id(1)).map(NodeState::word), want, "{action:?} {outcome:?}");
    }
}

#[test]
fn reason_of_an_action_sets_the_stop_cause() {
    let stop = |reason| (Action::Stop { node: id(1) }, reason, Outcome::Done);
    let remove = |reason| (Action::Remove { node: id(1), linger: Duration::ZERO }, reason, failed(Step::Trash, false));
    let stopped = |cause| NodeState::Stopped { since: Some(NOW), cause };
    let over = Reason::OverCap { total: 2, cap: 1 };
    let cases = [
        (stop(Reason::Requested), stopped(StopCause::Requested)),
        (stop(over.clone()), stopped(StopCause::Pressure)),
        (remove(Reason::Dead), NodeState::Dead { since: NOW }),
        (remove(over), stopped(StopCause::Removal)),
    ];
    for ((action, reason, outcome), want) in cases {
        let colony = Colony::new(&[]).running(1);
        let planned = Planned { action, reason };
        let settled = evaluate(&colony.policy, colony.state, &colony.look).apply(&[(planned.clone(), outcome)]);
        assert_eq!(settled.nodes[&id(1)], want, "{planned:?}");
    }
    let disabled = Colony::new(&[]).node(1, NodeState::Disabled { since: ago(5) }, Presence::Unobserved);
    let enabled = disabled.settled(&[(Action::Enable { node: id(1) }, Outcome::Done)]);
    assert_eq!(enabled[&id(1)], NodeState::Stopped { since: None, cause: StopCause::Requested });
}

#[test]
fn version_is_refused_after_failed_upgrades() {
    let mut colony = Colony::new(&[]).running(1);
    let upgrade = Action::Upgrade { node: id(1), from: None, to: TARGET };
    for want in [false, true] {
        colony.state = colony.settled_state(&[(upgrade.clone(), failed(Step::Confirm, true))]);
        assert_eq!(colony.state.is_refused(&TARGET), want);
    }
}

#[test]
fn requests_are_planned_or_refused_with_a_reason() {
    let old = Version::new(0, 4, 15);
    let colony = Colony::new(&[("node_cap", "6")])
        .running(1)
        .version(1, Some(old))
        .running(2)
        .stopped(3, Some(1))
        .node(4, NodeState::Disabled { since: ago(5) }, Presence::Unobserved)
        .running(5)
        .seen(5, Presence::Unverified);
    let asked = |verb, selection: Selection| {
        let requested = evaluate_request(&colony.policy, colony.state.clone(), &colony.look, verb, &selection);
        let actions: Vec<_> =
            requested.evaluation.decision.actions.iter().map(|p| (p.action.verb(), p.action.node().get())).collect();
        (actions, requested.refused.into_iter().map(|(_, refusal)| refusal.to_string()).collect::<Vec<_>>())
    };
    let none = Vec::<String>::new;
    assert_eq!(asked(Verb::Stop, Selection::Count(1)), (vec![("stop", 2)], none()));
    // A disabled node stays disabled until it is named, or until all nodes are removed.
    assert_eq!(asked(Verb::Start, Selection::All), (vec![("start", 3)], none()));
    assert_eq!(asked(Verb::Start, Selection::Named(vec![id(4)])), (vec![("start", 4)], none()));
    assert_eq!(asked(Verb::Upgrade, Selection::All), (vec![("upgrade", 1)], none()));
    assert_eq!(asked(Verb::Remove, Selection::Count(3)), (vec![("remove", 3), ("remove", 2), ("remove", 1)], none()));
    assert_eq!(asked(Verb::Remove, Selection::All).0.first(), Some(&("remove", 4)));
    let (actions, refused) = asked(Verb::Add, Selection::Count(3));
    assert_eq!(actions, [("add", 6)]);
    assert_eq!(refused, ["5 nodes exist, and node_cap is 6"]);
    let named = |numbers: &[u32]| Selection::Named(numbers.iter().map(|n| id(*n)).collect());
    let (actions, refused) = asked(Verb::Add, named(&[3, 9, 9, 8]));
    assert_eq!(actions, [("add", 9)]);
    assert_eq!(refused, ["it is STOPPED", "6 nodes exist, and node_cap is 6"]);
    let (actions, refused) = asked(Verb::Stop, named(&[2, 3, 4, 5, 9, 2]));
    assert_eq!(actions, [("stop", 2)]);
    assert_eq!(
        refused,
        [
            "it is STOPPED",
            "it is DISABLED",
            "the process on its ports is not managed by wnm",
            &Refusal::NoSuchNode.to_string()
        ]
    );
}
