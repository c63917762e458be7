//! The rules, one a file, in order of priority: each acts, rests, or passes the turn to the next.

mod await_operations;
mod clear_dead;
mod enforce_node_cap;
mod grow;
mod grow_steadily;
mod observe_after_reboot;
mod pause_on_anomaly;
mod relieve_cpu;
mod relieve_disk;
mod relieve_memory;
mod relieve_pressure;
mod relieve_traffic;
mod upgrade;

use crate::action::decision::{Action, Planned, Reason};
use crate::action::verdict::Verdict;
use crate::engine::node_status::NodeStatus;
use crate::engine::situation::Situation;
use crate::model::node::NodeState;
use crate::policy::constants::{MOST_NODES, PRESSURE_COOLDOWN};
use crate::policy::thresholds::Preset;

/// One rule.
pub(crate) struct Rule {
    /// What it is after.
    pub(crate) name: &'static str,
    /// Looks at the situation, and perhaps plans.
    pub(crate) judge: fn(&Situation<'_>, &mut Plan) -> Verdict,
}

/// Returns the rules of a preset in their order: the first to act or rest ends the cycle.
pub(crate) const fn rules(preset: Preset) -> &'static [Rule] {
    match preset {
        Preset::Classic => &CLASSIC,
        Preset::Steady => &STEADY,
    }
}

/// How many rules a preset has at most.
pub(crate) const MOST_RULES: usize = STEADY.len();

const CLASSIC: [Rule; 7] = [
    Rule { name: "observe_after_reboot", judge: observe_after_reboot::judge },
    Rule { name: "pause_on_anomaly", judge: pause_on_anomaly::judge },
    Rule { name: "clear_dead", judge: clear_dead::judge },
    Rule { name: "await_operations", judge: await_operations::judge },
    Rule { name: "relieve_pressure", judge: relieve_pressure::judge },
    Rule { name: "upgrade", judge: upgrade::judge },
    Rule { name: "grow", judge: grow::judge },
];

const STEADY: [Rule; 11] = [
    Rule { name: "observe_after_reboot", judge: observe_after_reboot::judge },
    Rule { name: "pause_on_anomaly", judge: pause_on_anomaly::judge },
    Rule { name: "clear_dead", judge: clear_dead::judge },
    Rule { name: "enforce_node_cap", judge: enforce_node_cap::judge },
    Rule { name: "relieve_disk", judge: relieve_disk::judge },
    Rule { name: "relieve_memory", judge: relieve_memory::judge },
    Rule { name: "relieve_cpu", judge: relieve_cpu::judge },
    Rule { name: "relieve_traffic", judge: relieve_traffic::judge },
    Rule { name: "await_operations", judge: await_operations::judge },
    Rule { name: "upgrade", judge: upgrade::judge },
    Rule { name: "grow_steadily", judge: grow_steadily::judge },
];

/// The actions planned so far, and how many operations are left.
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

    /// Returns how many more operations of a kind fit, given its own limit and how many of it are under way: at most
    /// as many as there can be nodes, whatever the limits.
    pub(crate) fn room(&self, limit: u32, under_way: u32) -> usize {
        limit.saturating_sub(under_way).min(self.operations_left).min(MOST_NODES) as usize
    }

    pub(crate) fn push(&mut self, action: Action, reason: Reason) {
        self.actions.push(Planned { action, reason });
    }

    pub(crate) fn has_actions(&self) -> bool {
        !self.actions.is_empty()
    }

    pub(crate) fn into_actions(self) -> Vec<Planned> {
        self.actions
    }
}

/// Which end of the colony is chosen first.
#[derive(Clone, Copy)]
pub(crate) enum First {
    Youngest,
    Oldest,
}

/// Returns up to `count` nodes that satisfy `wanted` and may be chosen, by age; of twins the higher id is the younger.
pub(crate) fn choose<'s, 'a>(
    situation: &'s Situation<'a>,
    first: First,
    count: usize,
    wanted: impl Fn(&NodeStatus<'a>) -> bool,
) -> Vec<&'s NodeStatus<'a>> {
    choose_any(situation, first, count, |seen| seen.is_free() && wanted(seen))
}

/// Returns up to `count` running nodes, the youngest first, but those that started lately last: they are not to come and
/// go in turn.
fn choose_to_rest<'s, 'a>(situation: &'s Situation<'a>, count: usize) -> Vec<&'s NodeStatus<'a>> {
    let lately = situation.observation.now.before(PRESSURE_COOLDOWN);
    let is_fresh = |seen: &NodeStatus<'a>| matches!(*seen.state, NodeState::Running { since } if since > lately);
    let mut chosen = choose(situation, First::Youngest, count, |seen| seen.is_running() && !is_fresh(seen));
    chosen.extend(choose(situation, First::Youngest, count - chosen.len(), is_fresh));
    chosen
}

/// Returns up to `count` nodes that satisfy `wanted`, by age, whether or not a rule might choose them.
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
