//! The rules, one for each file. Each acts, waits, or is skipped; the presets define their order.

mod await_operations;
mod clear_dead;
mod enforce_node_cap;
mod grow;
mod grow_steadily;
mod move_nodes;
mod observe_after_reboot;
mod parity;
mod pause_on_anomaly;
mod recover;
mod relieve_cpu;
mod relieve_disk;
mod relieve_memory;
mod relieve_pressure;
mod relieve_traffic;
mod upgrade;

pub(crate) use enforce_node_cap::surplus_removals;
pub(crate) use relieve_disk::level as disk_level;

use crate::action::decision::{Action, Planned, Reason};
use crate::action::verdict::Verdict;
use crate::engine::failures;
use crate::engine::node_status::NodeStatus;
use crate::engine::rule_set::RuleSet;
use crate::engine::situation::Situation;
use crate::model::node::NodeState;
use crate::policy::constants::{MOST_NODES, PRESSURE_COOLDOWN};
use crate::policy::thresholds::Preset;

/// One rule.
pub(crate) struct Rule {
    /// Name of the rule in decisions, such as `relieve_cpu`.
    pub(crate) name: &'static str,
    /// Evaluates the situation, and adds actions to the plan when the verdict is to act.
    pub(crate) evaluate: fn(&Situation<'_>, &mut Plan) -> Verdict,
}

/// Returns the rules in order of priority: the first one that acts or waits ends the cycle.
pub(crate) const fn rules(rule_set: RuleSet, preset: Preset) -> &'static [Rule] {
    match (rule_set, preset) {
        (RuleSet::Parity, _) => &PARITY,
        (RuleSet::OfPreset, Preset::Classic) => &CLASSIC,
        (RuleSet::OfPreset, Preset::Steady) => &STEADY,
    }
}

/// Number of rules of the longest preset, for allocation.
pub(crate) const MOST_RULES: usize = STEADY.len();

const PARITY: [Rule; 7] = [
    Rule { name: "observe_after_reboot", evaluate: observe_after_reboot::evaluate },
    Rule { name: "pause_on_anomaly", evaluate: pause_on_anomaly::evaluate },
    Rule { name: "clear_dead", evaluate: clear_dead::evaluate },
    Rule { name: "await_operations", evaluate: await_operations::evaluate },
    Rule { name: "relieve_pressure", evaluate: parity::relieve_pressure },
    Rule { name: "upgrade", evaluate: upgrade::evaluate },
    Rule { name: "grow", evaluate: grow::evaluate },
];

const CLASSIC: [Rule; 11] = [
    Rule { name: "observe_after_reboot", evaluate: observe_after_reboot::evaluate },
    Rule { name: "pause_on_anomaly", evaluate: pause_on_anomaly::evaluate },
    Rule { name: "clear_dead", evaluate: clear_dead::evaluate },
    Rule { name: "recover", evaluate: recover::evaluate },
    Rule { name: "await_operations", evaluate: await_operations::evaluate },
    Rule { name: "enforce_node_cap", evaluate: enforce_node_cap::evaluate },
    Rule { name: "move_nodes", evaluate: move_nodes::evaluate },
    Rule { name: "relieve_disk", evaluate: relieve_disk::evaluate },
    Rule { name: "relieve_pressure", evaluate: relieve_pressure::evaluate },
    Rule { name: "upgrade", evaluate: upgrade::evaluate },
    Rule { name: "grow", evaluate: grow::evaluate },
];

const STEADY: [Rule; 13] = [
    Rule { name: "observe_after_reboot", evaluate: observe_after_reboot::evaluate },
    Rule { name: "pause_on_anomaly", evaluate: pause_on_anomaly::evaluate },
    Rule { name: "clear_dead", evaluate: clear_dead::evaluate },
    Rule { name: "recover", evaluate: recover::evaluate },
    Rule { name: "enforce_node_cap", evaluate: enforce_node_cap::evaluate },
    Rule { name: "move_nodes", evaluate: move_nodes::evaluate },
    Rule { name: "relieve_disk", evaluate: relieve_disk::evaluate },
    Rule { name: "relieve_memory", evaluate: relieve_memory::evaluate },
    Rule { name: "relieve_cpu", evaluate: relieve_cpu::evaluate },
    Rule { name: "relieve_traffic", evaluate: relieve_traffic::evaluate },
    Rule { name: "await_operations", evaluate: await_operations::evaluate },
    Rule { name: "upgrade", evaluate: upgrade::evaluate },
    Rule { name: "grow_steadily", evaluate: grow_steadily::evaluate },
];

/// The planned actions, and the operations that may still begin.
pub(crate) struct Plan {
    actions: Vec<Planned>,
    operations_left: u32,
}

impl Plan {
    pub(crate) fn new(situation: &Situation<'_>) -> Self {
        let under_way = situation.census.operations();
        let operations_left = situation.policy.limits.operations.saturating_sub(under_way);
        Self { actions: Vec::new(), operations_left }
    }

    /// Returns the number of operations of a kind that may begin: within its own limit, less those in progress, within
    /// the limit of all operations, and at most [`MOST_NODES`].
    pub(crate) fn allowance(&self, limit: u32, under_way: u32) -> usize {
        limit.saturating_sub(under_way).min(self.operations_left).min(MOST_NODES) as usize
    }

    pub(crate) fn push(&mut self, action: Action, reason: Reason) {
        self.actions.push(Planned { action, reason });
    }

    pub(crate) fn has_actions(&self) -> bool {
        !self.actions.is_empty()
    }

    pub(crate) fn actions(&self) -> &[Planned] {
        &self.actions
    }

    /// Keeps the actions that satisfy `may`.
    pub(crate) fn retain(&mut self, may: impl FnMut(&Planned) -> bool) {
        self.actions.retain(may);
    }

    /// Keeps the first `most` actions; returns whether there were more.
    pub(crate) fn truncate(&mut self, most: usize) -> bool {
        let are_more = self.actions.len() > most;
        self.actions.truncate(most);
        are_more
    }

    pub(crate) fn into_actions(self) -> Vec<Planned> {
        self.actions
    }
}

/// Returns whether the volumes are known, and none of them can take another node.
pub(crate) fn no_volume_fits(situation: &Situation<'_>) -> bool {
    let volumes = &situation.observation.host.volumes;
    !volumes.is_empty() && !volumes.iter().any(|volume| volume.fits(situation.policy.crisis))
}

/// The order of selection by age.
#[derive(Clone, Copy)]
pub(crate) enum First {
    Youngest,
    Oldest,
}

/// Returns up to `count` nodes by age that satisfy `wanted` and that a rule may select. Of two nodes of the same age the
/// higher number is the younger.
pub(crate) fn choose<'s, 'a>(
    situation: &'s Situation<'a>,
    first: First,
    count: usize,
    wanted: impl Fn(&NodeStatus<'a>) -> bool,
) -> Vec<&'s NodeStatus<'a>> {
    // Another node may do: an action that failed shortly before is not repeated at once.
    choose_any(situation, first, count, |seen| seen.is_free() && wanted(seen) && !is_delayed(situation, seen))
}

/// Returns whether the delay of a failed action on a node runs.
fn is_delayed(situation: &Situation<'_>, seen: &NodeStatus<'_>) -> bool {
    let failed = &situation.state.failures;
    !failed.is_empty() && failures::delays(failed, seen.id, situation.observation.now)
}

/// Returns whether a removal of a node failed, and its next try waits.
fn awaits_removal(situation: &Situation<'_>, seen: &NodeStatus<'_>) -> bool {
    let failed = &situation.state.failures;
    failed
        .iter()
        .any(|entry| entry.node == seen.id && entry.verb == "remove" && entry.retry_at > situation.observation.now)
}

/// Returns up to `count` running nodes, the youngest first. Nodes that started within the last half hour come last, so
/// that no node starts and stops in turn.
fn choose_to_stop<'s, 'a>(situation: &'s Situation<'a>, count: usize) -> Vec<&'s NodeStatus<'a>> {
    let lately = situation.observation.now.before(PRESSURE_COOLDOWN);
    let is_fresh = |seen: &NodeStatus<'a>| matches!(*seen.state, NodeState::Running { since } if since > lately);
    let mut chosen = choose(situation, First::Youngest, count, |seen| seen.is_running() && !is_fresh(seen));
    chosen.extend(choose(situation, First::Youngest, count - chosen.len(), is_fresh));
    chosen
}

/// Returns up to `count` nodes by age that satisfy `wanted`, including those that no rule may select.
pub(crate) fn choose_any<'s, 'a>(
    situation: &'s Situation<'a>,
    first: First,
    count: usize,
    wanted: impl Fn(&NodeStatus<'a>) -> bool,
) -> Vec<&'s NodeStatus<'a>> {
    let mut chosen: Vec<_> = situation.nodes.iter().filter(|seen| wanted(seen)).collect();
    let age = |seen: &&NodeStatus<'a>| (seen.sample.born, seen.id);
    let order = |a: &&NodeStatus<'a>, b: &&NodeStatus<'a>| match first {
        First::Oldest => age(a).cmp(&age(b)),
        First::Youngest => age(b).cmp(&age(a)),
    };
    if (1..chosen.len()).contains(&count) {
        chosen.select_nth_unstable_by(count - 1, order);
    }
    chosen.truncate(count);
    chosen.sort_unstable_by(order);
    chosen
}
