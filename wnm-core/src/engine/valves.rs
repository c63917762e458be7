//! The valves: they keep a rule from voluntary actions, and every rule from more actions than the ceiling allows.
//!
//! Voluntary actions change a colony that could stay as it is: additions, starts into headroom, upgrades, removals over
//! the cap, and the removal of dead nodes. Reliefs protect the host, and a node that ended by itself should run: no hold
//! and no window delays either. Requests of an operator pass, too.

use std::time::Duration;

use crate::action::decision::{Action, Planned, Reason};
use crate::action::valve::ClosedValve;
use crate::action::verdict::{Blocker, Verdict};
use crate::engine::node_status::NodeStatus;
use crate::engine::rule_set::RuleSet;
use crate::engine::rules::Plan;
use crate::engine::situation::Situation;
use crate::model::node::{Desired, NodeState};
use crate::model::observation::Presence;
use crate::model::window::WindowState;
use crate::policy::constants::DRAIN_MARGIN;
use crate::policy::thresholds::Delays;
use crate::policy::valves::{MaxUnavailable, WindowEnd, is_mass_silence};

const fn is_voluntary(reason: &Reason) -> bool {
    match reason {
        Reason::Dead
        | Reason::OverCap { .. }
        | Reason::Outdated { .. }
        | Reason::HeadroomToStart
        | Reason::HeadroomToAdd { .. } => true,
        Reason::Pressure { .. }
        | Reason::Relief { .. }
        | Reason::Ended { .. }
        | Reason::Unlisted
        | Reason::Requested => false,
    }
}

/// Removes the actions that a closed valve prevents from the plan of a rule, and returns the verdict of the rule after that.
///
/// A rule without an action left is blocked, and the next rule is evaluated: a hold must not keep a relief from its turn.
pub(crate) fn filter(situation: &Situation<'_>, rule_set: RuleSet, plan: &mut Plan, verdict: Verdict) -> Verdict {
    if rule_set == RuleSet::Parity || !plan.has_actions() {
        return verdict;
    }
    let gate = plan.actions().iter().any(|planned| is_voluntary(&planned.reason)).then(|| Gate::of(situation));
    let mut prevented = None;
    if let Some(mut gate) = gate {
        plan.retain(|planned| match gate.closed_for(planned) {
            Some(valve) => {
                prevented.get_or_insert(valve);
                false
            }
            None => true,
        });
    }
    let (most, ceiling) = situation.state.recent.allowance(situation.observation.now);
    if plan.truncate(most as usize) {
        prevented.get_or_insert(ceiling);
    }
    match prevented {
        Some(valve) if !plan.has_actions() => Verdict::blocked(Blocker::Valve { valve }),
        Some(_) | None => verdict,
    }
}

/// The valves of one cycle.
struct Gate<'s> {
    situation: &'s Situation<'s>,
    /// The valve that is closed for every voluntary action.
    closed: Option<ClosedValve>,
    /// Time until the windows close.
    closes: Option<Duration>,
    /// Nodes that further actions may stop, with the limit; None without a limit.
    budget: Option<Budget>,
}

struct Budget {
    unavailable: u32,
    most: u32,
}

impl<'s> Gate<'s> {
    fn of(situation: &'s Situation<'s>) -> Self {
        let Situation { policy, observation, .. } = situation;
        let mut closes = None;
        let hold = observation.valves.holds.first().cloned();
        let closed = hold
            .map(|hold| ClosedValve::Hold { hold })
            .or_else(|| match policy.valves.window_state(&observation.valves, observation.now) {
                Ok(WindowState::Open { closes: left }) => {
                    closes = left;
                    None
                }
                Ok(WindowState::Closed { opens }) => {
                    Some(ClosedValve::Window { opens: opens.map(|wait| observation.now.after(wait)) })
                }
                Err(zone) => Some(ClosedValve::UnknownZone { zone }),
            })
            .or_else(|| {
                let mut limits = observation.valves.limits.iter();
                limits.find_map(|limits| match limits.window_state(observation.now) {
                    Ok(WindowState::Open { closes: left }) => {
                        closes = closes.into_iter().chain(left).min();
                        None
                    }
                    Ok(WindowState::Closed { opens }) => {
                        Some(ClosedValve::FleetWindow { opens: opens.map(|wait| observation.now.after(wait)) })
                    }
                    Err(zone) => Some(ClosedValve::UnknownZone { zone }),
                })
            })
            .or_else(|| silence(situation));
        let of_fleet = observation.valves.limits.iter().filter_map(|of| of.limits.max_unavailable);
        let budget = Budget::of(situation, policy.valves.max_unavailable.into_iter().chain(of_fleet));
        Self { situation, closed, closes, budget }
    }

    /// Returns the valve that prevents an action; None when it may begin. An action that may begin uses the budget.
    fn closed_for(&mut self, planned: &Planned) -> Option<ClosedValve> {
        if !is_voluntary(&planned.reason) {
            return None;
        }
        if self.closed.is_some() {
            return self.closed.clone();
        }
        let Situation { policy, observation, .. } = self.situation;
        if policy.valves.window_end == WindowEnd::Drain
            && let Some(left) = self.closes
            && left < delay(&planned.action, policy.delays)
        {
            return Some(ClosedValve::WindowEnds { closes: observation.now.after(left) });
        }
        if let (Action::Upgrade { to, .. }, Some(rollout)) = (&planned.action, &observation.valves.rollout)
            && let Some(wait) = rollout.wait_for(to)
        {
            return Some(ClosedValve::Rollout { version: rollout.version.clone(), wait });
        }
        let budget = self.budget.as_mut().filter(|_| stops_a_node(self.situation, &planned.action))?;
        if budget.unavailable >= budget.most {
            return Some(ClosedValve::MaxUnavailable { unavailable: budget.unavailable, most: budget.most });
        }
        budget.unavailable += 1;
        None
    }
}

impl Budget {
    /// Returns the budget of the tightest limit; None without one.
    fn of(situation: &Situation<'_>, limits: impl IntoIterator<Item = MaxUnavailable>) -> Option<Self> {
        let mut limits = limits.into_iter().peekable();
        limits.peek()?;
        let (unavailable, total) = availability(situation);
        limits.map(|limit| limit.of(total)).min().map(|most| Self { unavailable, most })
    }
}

/// Returns the number of nodes that requests may stop, and the valve that closes at that number; None for no limit.
pub(crate) fn stops_left(situation: &Situation<'_>) -> Option<(u32, u32, u32)> {
    // A request is one of the owner of the host, whom the limits of a fleet do not bind.
    let Budget { unavailable, most } = Budget::of(situation, situation.policy.valves.max_unavailable)?;
    Some((most.saturating_sub(unavailable), unavailable, most))
}

/// Returns the counts of unavailable nodes and of nodes that should run.
fn availability(situation: &Situation<'_>) -> (u32, u32) {
    let (mut unavailable, mut total) = (0, 0);
    for seen in &situation.nodes {
        let (counts, is_available) = match *seen.state {
            NodeState::Disabled { .. } => (false, true),
            NodeState::Stopped { .. } => (situation.desired(seen) == Desired::Running || seen.acting, false),
            NodeState::Running { .. } => (true, !seen.acting),
            NodeState::Unknown { .. }
            | NodeState::Restarting { .. }
            | NodeState::Upgrading { .. }
            | NodeState::Migrating { .. }
            | NodeState::Removing { .. }
            | NodeState::Dead { .. } => (true, false),
        };
        total += u32::from(counts);
        unavailable += u32::from(counts && !is_available);
    }
    (unavailable, total)
}

/// Returns whether an action stops a node that runs now.
fn stops_a_node(situation: &Situation<'_>, action: &Action) -> bool {
    match action {
        Action::Upgrade { .. } | Action::Restart { .. } => true,
        Action::Remove { node, .. }
        | Action::Stop { node }
        | Action::Disable { node }
        | Action::Update { node, .. }
        | Action::Move { node, .. } => situation.nodes.iter().any(|seen| seen.id == *node && seen.is_running()),
        Action::Add { .. } | Action::Start { .. } | Action::Enable { .. } | Action::Restore { .. } => false,
    }
}

/// Returns the time from the begin of an action until its node stays as it is.
const fn delay(action: &Action, delays: Delays) -> Duration {
    match action {
        Action::Add { .. }
        | Action::Start { .. }
        | Action::Restart { .. }
        | Action::Update { .. }
        | Action::Move { .. } => delays.start,
        Action::Upgrade { .. } => delays.upgrade,
        Action::Remove { linger, .. } => *linger,
        Action::Stop { .. } | Action::Disable { .. } | Action::Enable { .. } | Action::Restore { .. } => Duration::ZERO,
    }
}

/// Returns whether a removal in its delay ends, because a hold or the end of a window drains.
pub(crate) fn drains(situation: &Situation<'_>) -> bool {
    let Situation { policy, observation, .. } = situation;
    let at_end = |state: Result<WindowState, String>| match state {
        Ok(WindowState::Open { closes }) => closes.is_some_and(|left| left <= DRAIN_MARGIN),
        Ok(WindowState::Closed { .. }) => true,
        Err(_) => false,
    };
    let own = || at_end(policy.valves.window_state(&observation.valves, observation.now));
    let of_fleet = || observation.valves.limits.iter().any(|limits| at_end(limits.window_state(observation.now)));
    observation.valves.holds.iter().any(|hold| hold.drain)
        || policy.valves.window_end == WindowEnd::Drain && (own() || of_fleet())
}

/// Returns the valve that closes while most running nodes are silent.
fn silence(situation: &Situation<'_>) -> Option<ClosedValve> {
    let ran = |seen: &&NodeStatus<'_>| {
        !seen.acting && matches!(*seen.state, NodeState::Running { .. } | NodeState::Unknown { .. })
    };
    let is_silent = |seen: &NodeStatus<'_>| {
        matches!(seen.sample.presence, Presence::Silent | Presence::Unreachable | Presence::VolumeFault)
    };
    let (mut silent, mut total) = (0, 0);
    for seen in situation.nodes.iter().filter(ran) {
        total += 1;
        silent += u32::from(is_silent(seen));
    }
    is_mass_silence(silent, total).then_some(ClosedValve::MostNodesSilent { silent, total })
}
