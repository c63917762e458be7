//! The valves: holds, windows, `max_unavailable`, the ceiling, and the doubt about an observation.

use std::time::Duration;

use wnm_core::{
    Blocker, ClosedValve, FleetLimits, FleetLimitsSample, Hold, HoldSource, NodeState, Planned, Presence, Reason,
    Refusal, RolloutSample, RolloutWait, Selection, SkipReason, StopCause, TimeOfDay, Timestamp, Verb, Verdict,
    Version, Windows, evaluate, evaluate_request,
};

use super::colony::{Colony, NOW, ago, id, percent};

const OLD: Option<Version> = Some(Version::new(0, 4, 16));

fn hold() -> Hold {
    Hold { source: HoldSource::Command, reason: "new disks".to_owned(), since: None, until: None, drain: false }
}

fn held(mut colony: Colony) -> Colony {
    colony.look.valves.holds = vec![hold()];
    colony
}

/// Returns the colony at a local time, the same for all windows.
fn at(mut colony: Colony, hour: u32, minute: u32) -> Colony {
    let windows = colony.policy.valves.windows.as_slice().len();
    colony.look.valves.local = vec![Some(TimeOfDay::from_secs(hour * 3600 + minute * 60)); windows];
    colony
}

fn closed(colony: &Colony) -> Vec<ClosedValve> {
    let decision = colony.decision();
    let valves = decision.verdicts.into_iter().filter_map(|verdict| match verdict.verdict {
        Verdict::Skip(SkipReason::Blocked(Blocker::Valve { valve })) => Some(valve),
        _ => None,
    });
    valves.collect()
}

/// A colony of four nodes that a fifth one fits into.
fn growing(settings: &[(&str, &str)]) -> Colony {
    Colony::new(settings).running(1).running(2).running(3).running(4)
}

/// A colony of outdated nodes.
fn outdated(settings: &[(&str, &str)]) -> Colony {
    let all = [("enable_upgrade", "true"), ("node_cap", "20")];
    let more = [("max_concurrent_upgrades", "10"), ("max_concurrent_operations", "10")];
    let settings: Vec<_> = all.iter().chain(&more).chain(settings).copied().collect();
    (1..=10).fold(Colony::new(&settings), |colony, node| colony.running(node).version(node, OLD))
}

#[test]
fn hold_stops_voluntary_actions_and_no_others() {
    assert_eq!(growing(&[]).decided(), [("add", 5)]);
    let waiting = held(growing(&[]));
    assert_eq!(waiting.decided(), []);
    assert_eq!(closed(&waiting), [ClosedValve::Hold { hold: hold() }]);
    // A relief, and the start of a node that ended by itself.
    assert_eq!(held(growing(&[]).cpu(90.0)).decided(), [("stop", 4)]);
    let ended = growing(&[]).node(5, NodeState::Stopped { since: None, cause: StopCause::Found }, Presence::Gone);
    assert_eq!(held(ended).decided(), [("start", 5)]);
    // Upgrades, starts into headroom, dead nodes, and nodes over the cap.
    assert_eq!(held(outdated(&[])).decided(), []);
    assert_eq!(held(growing(&[]).stopped(5, Some(9000))).decided(), []);
    let dead = growing(&[("node_cap", "5")]).node(5, NodeState::Dead { since: ago(60) }, Presence::FolderMissing);
    assert_eq!((dead.decided().len(), held(dead).decided().len()), (1, 0));
    assert_eq!(held(growing(&[("node_cap", "3")])).decided(), []);
}

#[test]
fn held_rule_leaves_the_turn_to_a_relief() {
    let over_cap_and_hot = || growing(&[("node_cap", "3")]).cpu(90.0);
    assert_eq!(over_cap_and_hot().decided(), [("remove", 4)]);
    assert_eq!(held(over_cap_and_hot()).decided(), [("stop", 4)]);
}

#[test]
fn request_passes_a_hold_and_a_window() {
    let colony = at(held(growing(&[("window", "daily 22:00-06:00")])), 12, 0);
    let named = Selection::Named(vec![id(1)]);
    let request = evaluate_request(&colony.policy, colony.state, &colony.look, Verb::Restart, &named);
    assert_eq!((request.evaluation.decision.actions.len(), request.refused), (1, vec![]));
}

#[test]
fn actions_begin_inside_the_window_only() {
    let colony = || growing(&[("window", "daily 22:00-06:00, deny hourly :00-:05")]);
    assert_eq!(at(colony(), 23, 30).decided(), [("add", 5)]);
    let by_day = at(colony(), 12, 0);
    assert_eq!(by_day.decided(), []);
    let opens = NOW.after(Duration::from_secs(10 * 3600 + 5 * 60));
    assert_eq!(closed(&by_day), [ClosedValve::Window { opens: Some(opens) }]);
    assert_eq!(at(colony(), 23, 3).decided(), []);
    assert_eq!(at(colony().cpu(90.0), 12, 0).decided(), [("stop", 4)]);
}

#[expect(clippy::unwrap_used, reason = "a helper of tests")]
fn limited(mut colony: Colony, window: &str, most: Option<&str>) -> Colony {
    let limits = FleetLimits {
        window: Windows::new(vec![window.parse().unwrap()]),
        max_unavailable: most.map(|most| most.parse().unwrap()),
    };
    colony.look.valves.limits = vec![FleetLimitsSample { limits, until: NOW, local: Vec::new() }];
    colony
}

#[test]
fn fleet_narrows_the_settings_of_a_host_and_widens_none() {
    // NOW is 13:46:40 in UTC.
    let (inside, outside) = ("daily 13:00-14:00", "daily 14:00-15:00");
    assert_eq!(limited(growing(&[]), inside, None).decided(), [("add", 5)]);
    let closed_by_fleet = limited(growing(&[]), outside, None);
    assert_eq!(closed_by_fleet.decided(), []);
    let opens = NOW.after(Duration::from_secs(13 * 60 + 20));
    assert_eq!(closed(&closed_by_fleet), [ClosedValve::FleetWindow { opens: Some(opens) }]);
    assert_eq!(limited(growing(&[("window", outside)]), inside, None).decided(), []);
    assert_eq!(limited(growing(&[]).cpu(90.0), outside, None).decided(), [("stop", 4)]);
    let upgrades = |own: &str, of_fleet| {
        let decided = limited(outdated(&[("max_unavailable", own)]), inside, Some(of_fleet)).decided();
        decided.iter().filter(|(verb, _)| *verb == "upgrade").count()
    };
    assert_eq!((upgrades("2", "1"), upgrades("1", "2"), upgrades("2", "0"), upgrades("30%", "50%")), (1, 1, 0, 3));
    // A request of the owner of the host passes.
    let colony = limited(outdated(&[("max_unavailable", "2")]), outside, Some("0"));
    let named = Selection::Named(vec![id(1)]);
    let request = evaluate_request(&colony.policy, colony.state, &colony.look, Verb::Restart, &named);
    assert_eq!((request.evaluation.decision.actions.len(), request.refused), (1, vec![]));
}

#[test]
fn windows_without_a_local_time_use_utc() {
    // NOW is 13:46:40 in UTC.
    assert_eq!(growing(&[("window", "daily 13:00-14:00")]).decided(), [("add", 5)]);
    assert_eq!(growing(&[("window", "daily 14:00-15:00")]).decided(), []);
}

#[test]
fn unknown_zone_closes_the_window() {
    let mut colony = growing(&[("window", "daily 00:00-23:59 Mars/Olympus")]);
    colony.look.valves.local = vec![None];
    assert_eq!(colony.decided(), []);
    assert_eq!(closed(&colony), [ClosedValve::UnknownZone { zone: "Mars/Olympus".to_owned() }]);
}

#[test]
fn draining_window_begins_only_what_it_ends() {
    let colony = |drain| growing(&[("window", "daily 22:00-06:00"), ("drain", drain), ("delay_start", "300")]);
    assert_eq!(at(colony("true"), 5, 54).decided(), [("add", 5)]);
    assert_eq!(at(colony("false"), 5, 56).decided(), [("add", 5)]);
    let late = at(colony("true"), 5, 56);
    assert_eq!(late.decided(), []);
    assert_eq!(closed(&late), [ClosedValve::WindowEnds { closes: NOW.after(Duration::from_secs(240)) }]);
}

#[test]
fn drain_cancels_removals_for_the_cap_only() {
    let removing = |reason: Reason| {
        let settings = [("node_cap", "3"), ("window", "daily 22:00-06:00"), ("drain", "true")];
        let mut colony = growing(&settings).node(4, NodeState::Removing { since: ago(60) }, Presence::Gone);
        colony.state.acting.insert(id(4));
        colony.state.removals.insert(id(4), reason);
        colony
    };
    let cancelled = |colony: &Colony| colony.decision().cancelled.len();
    let over_cap = || removing(Reason::OverCap { total: 4, cap: 3 });
    assert_eq!(cancelled(&at(over_cap(), 23, 0)), 0);
    assert_eq!(cancelled(&at(over_cap(), 5, 59)), 1);
    assert_eq!(cancelled(&at(over_cap(), 7, 0)), 1);
    assert_eq!(cancelled(&at(removing(Reason::Requested), 7, 0)), 0);
    // A hold cancels only if it drains.
    assert_eq!(cancelled(&at(held(over_cap()), 23, 0)), 0);
    let mut draining = at(held(over_cap()), 23, 0);
    draining.look.valves.holds[0].drain = true;
    assert_eq!(cancelled(&draining), 1);
}

#[test]
fn voluntary_stops_respect_max_unavailable() {
    let upgrades = |limit| outdated(&[("max_unavailable", limit)]);
    // A rule without an action left leaves the turn to growth, which stops no node.
    let upgraded = |colony: &Colony| colony.decided().iter().filter(|(verb, _)| *verb == "upgrade").count();
    assert_eq!(upgraded(&outdated(&[])), 10);
    assert_eq!(upgraded(&upgrades("3")), 3);
    assert_eq!(upgraded(&upgrades("25%")), 3);
    assert_eq!(upgraded(&upgrades("0")), 0);
    // A node that is down counts.
    let one_down = upgrades("3").node(11, NodeState::Unknown { since: ago(60) }, Presence::Silent);
    assert_eq!(upgraded(&one_down), 2);
    let all_down = upgrades("1").node(11, NodeState::Unknown { since: ago(60) }, Presence::Silent);
    assert_eq!(closed(&all_down), [ClosedValve::MaxUnavailable { unavailable: 1, most: 1 }]);
    // Nodes that the policy or an operator stopped do not.
    assert_eq!(upgraded(&upgrades("3").stopped(11, Some(60))), 3);
    // A relief is not voluntary.
    assert_eq!(growing(&[("max_unavailable", "0")]).cpu(90.0).decided(), [("stop", 4)]);
}

#[test]
fn unnamed_requests_beyond_max_unavailable_come_later() {
    let request = |verb, selection: &Selection| {
        let colony = growing(&[("max_unavailable", "1")]);
        let request = evaluate_request(&colony.policy, colony.state, &colony.look, verb, selection);
        (request.evaluation.decision.actions.len(), request.refused)
    };
    let later = |node| (Some(id(node)), Refusal::Later { unavailable: 1, most: 1 });
    assert_eq!(request(Verb::Restart, &Selection::All), (1, vec![later(2), later(3), later(4)]));
    assert_eq!(request(Verb::Restart, &Selection::Count(2)), (1, vec![later(2)]));
    assert_eq!(request(Verb::Restart, &Selection::Named(vec![id(1), id(2)])), (2, vec![]));
    // These verbs are to take nodes down.
    assert_eq!(request(Verb::Stop, &Selection::All), (4, vec![]));
    assert_eq!(request(Verb::Remove, &Selection::All), (4, vec![]));
}

#[test]
fn rollout_of_a_fleet_delays_upgrades_and_nothing_else() {
    let under = |mut colony: Colony, version: Version, wait| {
        colony.look.valves.rollout = Some(RolloutSample { version, wait });
        colony
    };
    let (new, newer) = (Version::new(0, 4, 17), Version::new(0, 4, 18));
    assert_eq!(outdated(&[]).decided().len(), 10);
    assert_eq!(under(outdated(&[]), new.clone(), None).decided().len(), 10);
    for (version, wait, shown) in [
        (new.clone(), Some(RolloutWait::NoLease), RolloutWait::NoLease),
        (new.clone(), Some(RolloutWait::Aborted), RolloutWait::Aborted),
        (newer, None, RolloutWait::OtherProgram),
    ] {
        let waiting = under(outdated(&[]), version.clone(), wait);
        assert!(!waiting.decided().iter().any(|(verb, _)| *verb == "upgrade"));
        assert_eq!(closed(&waiting), [ClosedValve::Rollout { version, wait: shown }]);
    }
    // The own settings of the host decide under a lease, too.
    let by_nodes = under(outdated(&[("enable_upgrade", "false")]), new.clone(), None);
    assert!(!by_nodes.decided().iter().any(|(verb, _)| *verb == "upgrade"));
    assert_eq!(held(under(outdated(&[]), new.clone(), None)).decided(), []);
    assert_eq!(under(growing(&[]), new, Some(RolloutWait::NoLease)).decided(), [("add", 5)]);
}

#[test]
fn ceiling_bounds_every_rule_whatever_is_configured() {
    let settings = [("node_cap", "5000"), ("max_concurrent_starts", "5000"), ("max_concurrent_operations", "5000")];
    let mut colony = Colony::new(&settings);
    let (mut now, mut begun) = (NOW, Vec::new());
    for _ in 0..1000 {
        colony.look.now = now;
        let evaluation = evaluate(&colony.policy, colony.state.clone(), &colony.look);
        let actions: Vec<Planned> = evaluation.decision.actions.clone();
        begun.extend(actions.iter().map(|_| now));
        // No action ever ends in the state, so that the rule goes on at once.
        colony.state.recent = evaluation.apply(&[]).recent;
        now = now.after(Duration::from_secs(5));
    }
    let within = |end: Timestamp, seconds: u64| {
        let begin = end.before(Duration::from_secs(seconds));
        begun.iter().filter(|at| **at > begin && **at <= end).count()
    };
    let most = |seconds| begun.iter().map(|at| within(*at, seconds)).max();
    assert_eq!((most(60), most(3600)), (Some(120), Some(1200)));
}

#[test]
fn ceiling_counts_the_actions_of_a_crashed_cycle() {
    use wnm_core::Action;
    use wnm_core::steps::{ActionId, ActionRecord};
    let mut colony =
        Colony::new(&[("node_cap", "5000"), ("max_concurrent_starts", "5000"), ("max_concurrent_operations", "5000")]);
    let unfinished: Vec<_> = (1..=120)
        .map(|number| ActionRecord {
            id: ActionId(number),
            planned: Planned { action: Action::Stop { node: id(number as u32) }, reason: Reason::HeadroomToStart },
            begun: ago(10),
            done: Vec::new(),
            failure: None,
            undone: Vec::new(),
        })
        .collect();
    assert_eq!(colony.decided().len(), 120);
    colony.state.resume_actions(&unfinished);
    colony.state.acting.clear();
    assert_eq!(colony.decided().len(), 0);
    assert!(
        matches!(closed(&colony)[..], [ClosedValve::Ceiling { most: 120, until, .. }] if until == NOW.after(Duration::from_secs(50)))
    );
}

#[test]
fn colony_stays_as_it_is_while_most_nodes_are_silent() {
    let silent = |count| {
        (1..=count).fold(growing(&[]).running(5).running(6), |colony, node| colony.seen(node, Presence::Silent))
    };
    assert_eq!(silent(3).decided(), [("add", 7)]);
    let suspect = silent(4);
    assert_eq!(suspect.decided(), []);
    assert_eq!(closed(&suspect), [ClosedValve::MostNodesSilent { silent: 4, total: 6 }]);
    // The host is measured apart from the nodes.
    let mut hot = silent(4);
    hot.look.host.cpu = percent(90.0);
    assert_eq!(hot.decided().len(), 1);
}
