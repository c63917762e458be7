//! Clocks that jump, and programs that name wrong versions.

use std::time::Duration;

use wnm_core::{Clock, ClockReading, NodeState, Outcome, Presence, Version, evaluate};

use super::colony::{Colony, NOW, TARGET, ago, id};

const DAY: Duration = Duration::from_secs(24 * 3600);
/// The longest delay before a node that should run is started again.
const LONGEST_DELAY: u64 = 1800;

/// Runs a cycle every ten seconds for some time. Returns the seconds, verbs and numbers of its actions, all of which succeed.
fn run(colony: &mut Colony, seconds: u64) -> Vec<(u64, &'static str, u32)> {
    let begin = colony.look.now;
    let mut decided = Vec::new();
    for second in (0..=seconds).step_by(10) {
        colony.look.now = begin.after(Duration::from_secs(second));
        let evaluation = evaluate(&colony.policy, colony.state.clone(), &colony.look);
        let actions = evaluation.decision.actions.clone();
        decided.extend(actions.iter().map(|p| (second, p.action.verb(), p.action.node().get())));
        let outcomes: Vec<_> = actions.into_iter().map(|planned| (planned, Outcome::Done)).collect();
        colony.state = evaluation.apply(&outcomes);
        for (planned, _) in outcomes {
            if let Some(sample) = colony.look.nodes.get_mut(&planned.action.node()) {
                sample.presence = Presence::Answering;
            }
        }
        colony.look.rebooted = false;
    }
    decided
}

/// A wall clock that jumps removes no node, whether the host restarts in between or not, and a node in a crash loop starts
/// again within the longest delay.
#[test]
fn clock_that_jumps_removes_nothing_and_blocks_no_restart() {
    let reading = |wall, boot: &str| ClockReading { wall, uptime: 5_000, boot: boot.to_owned(), init: None };
    let year = NOW.after(365 * DAY);
    let day_back = ago(DAY.as_secs());
    for preset in ["classic", "steady"] {
        for (wall, boot) in [(year, "a"), (day_back, "a"), (year, "b"), (day_back, "b")] {
            let settings = [("preset", preset), ("node_cap", "4"), ("max_concurrent_starts", "2")];
            let mut colony = (1..=4).fold(Colony::new(&settings), Colony::running);
            // Node 2 ends after each of five starts.
            for _ in 0..5 {
                colony.look.nodes.get_mut(&id(2)).expect("node 2 exists").presence = Presence::Gone;
                let decided = run(&mut colony, LONGEST_DELAY);
                assert!(decided.iter().all(|(_, verb, node)| (*verb, *node) == ("start", 2)), "{decided:?}");
            }
            colony.look.nodes.get_mut(&id(2)).expect("node 2 exists").presence = Presence::Gone;
            run(&mut colony, 0);

            let before = Clock::start(reading(colony.look.now, "a"));
            let after = before.advance(reading(wall, boot));
            assert!(after.now() >= before.now(), "the clock of the colony never goes back");
            colony.look.now = after.now();
            colony.look.rebooted = before.is_restarted(&reading(wall, boot));
            let decided = run(&mut colony, LONGEST_DELAY + 10);
            let case = format!("{preset}, {wall:?}, boot {boot}: {decided:?}");
            assert!(decided.iter().all(|(_, verb, _)| *verb == "start"), "{case}");
            assert!(decided.iter().any(|(_, _, node)| *node == 2), "{case}");
        }
    }
}

/// A program that names the target when asked, and whose process answers with another version, is upgraded three times: the
/// cycle that sees the second upgrade without effect has decided the third one.
#[test]
fn program_that_lies_about_its_version_is_not_upgraded_for_ever() {
    for (answered, upgrades) in
        [(Some(Version::new(0, 4, 15)), 3), (Some(TARGET), 0), (Some(Version::new(9, 0, 0)), 0), (None, 0)]
    {
        for preset in ["classic", "steady"] {
            let settings = [("preset", preset), ("node_cap", "1"), ("enable_upgrade", "true")];
            let mut colony = Colony::new(&settings).running(1).version(1, answered.clone());
            let decided = run(&mut colony, 24 * 3600);
            let count = decided.iter().filter(|(_, verb, _)| *verb == "upgrade").count();
            assert_eq!((count, decided.len()), (upgrades, upgrades), "{preset}, {answered:?}: {decided:?}");
            assert!(matches!(colony.state.nodes[&id(1)], NodeState::Running { .. }), "{preset}, {answered:?}");
        }
    }
}
