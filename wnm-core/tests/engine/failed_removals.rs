//! Removals that the host refuses.

use std::collections::BTreeSet;
use std::time::Duration;

use wnm_core::steps::Step;
use wnm_core::{Action, Bytes, Outcome, Planned, Presence, Volume, evaluate};

use super::colony::{Colony, NOW, id, percent};
use super::failed;

/// Runs cycles of ten seconds for a day. A removal stops its node; it fails when the folder moves to the trash, except on
/// the nodes in `removable`. Returns the nodes that any removal has begun on, and those that are left.
fn run(colony: &mut Colony, removable: &[u32]) -> (BTreeSet<u32>, Vec<u32>) {
    let mut begun = BTreeSet::new();
    for second in (0..24 * 3600).step_by(10) {
        colony.look.now = NOW.after(Duration::from_secs(second));
        let evaluation = evaluate(&colony.policy, colony.state.clone(), &colony.look);
        let mut outcomes: Vec<(Planned, Outcome)> = Vec::new();
        for planned in evaluation.decision.actions.clone() {
            let node = planned.action.node();
            let is_removal = matches!(planned.action, Action::Remove { .. });
            assert!(is_removal, "{planned:?}");
            begun.insert(node.get());
            let is_removable = removable.contains(&node.get());
            outcomes.push((planned, if is_removable { Outcome::Done } else { failed(Step::Trash, false) }));
        }
        colony.state = evaluation.apply(&outcomes);
        for (planned, outcome) in outcomes {
            let node = planned.action.node();
            if outcome == Outcome::Done {
                colony.look.nodes.remove(&node);
            } else if let Some(sample) = colony.look.nodes.get_mut(&node) {
                sample.presence = Presence::Gone;
            }
        }
    }
    (begun, colony.look.nodes.iter().map(|(id, _)| id.get()).collect())
}

fn colony(preset: &str, cap: &str) -> Colony {
    (1..=8).fold(Colony::new(&[("preset", preset), ("node_cap", cap), ("move_nodes", "false")]), Colony::running)
}

/// A removal that fails has stopped its node: only so many nodes are stopped as are over the cap, also while no removal
/// succeeds, and one that cannot be removed keeps no other one.
#[test]
fn failed_removals_over_the_cap_stop_no_more_than_the_excess() {
    for preset in ["classic", "steady"] {
        let (begun, left) = run(&mut colony(preset, "6"), &[]);
        assert_eq!((begun, left), ([7, 8].into(), (1..=8).collect()), "{preset}");
        let (begun, left) = run(&mut colony(preset, "6"), &[7]);
        assert_eq!((begun, left), ([7, 8].into(), vec![1, 2, 3, 4, 5, 6, 8]), "{preset}");
    }
}

#[test]
fn failed_removals_on_a_full_volume_stop_no_more_than_it_needs() {
    for preset in ["classic", "steady"] {
        let mut colony = colony(preset, "8");
        let volume = Volume { used: percent(92.0), total: Some(Bytes(1_000_000_000_000)), ..Volume::default() };
        colony.look.host.volumes = vec![volume];
        for number in 1..=8 {
            colony.look.nodes.get_mut(&id(number)).expect("it exists").disk = Some(Bytes(20_000_000_000));
        }
        // 2 % of 1 TB over the threshold of 90 %, and 0.3 % more under steady: one node, or two.
        let (begun, left) = run(&mut colony, &[]);
        let wanted = if preset == "steady" { vec![7, 8] } else { vec![8] };
        assert_eq!((begun.into_iter().collect::<Vec<_>>(), left), (wanted, (1..=8).collect()), "{preset}");
    }
}
