//! Upgrades nodes to the version of the node binary, the oldest first, never over a threshold and never to an older version.

use crate::action::decision::{Action, Reason};
use crate::action::verdict::{SkipReason, Verdict};
use crate::engine::rules::{First, Plan, choose};
use crate::engine::situation::Situation;
use crate::policy::thresholds::Upgrades;

pub(crate) fn evaluate(situation: &Situation<'_>, plan: &mut Plan) -> Verdict {
    let Situation { policy, census, .. } = situation;
    if policy.upgrades == Upgrades::ByNodes {
        return Verdict::Skip(SkipReason::UpgradesByNodes);
    }
    let Some(target) = &situation.observation.target else { return Verdict::Skip(SkipReason::TargetUnknown) };
    if situation.state.is_refused(target) {
        return Verdict::Skip(SkipReason::TargetRefused { version: target.clone() });
    }
    if census.outdated == 0 {
        return Verdict::Skip(SkipReason::NothingOutdated);
    }
    if !situation.features.upgrade {
        return Verdict::Skip(SkipReason::TargetIsOlder);
    }
    // Of unknown version means not known to be older: such a node is never upgraded.
    let is_older = |version: &Option<_>| version.as_ref().is_some_and(|version| version < target);
    let allowance = plan.allowance(policy.limits.upgrades, census.upgrading);
    let outdated =
        choose(situation, First::Oldest, allowance, |seen| seen.is_running() && is_older(&seen.sample.version));
    for seen in outdated {
        let Some(from) = seen.sample.version.clone() else { continue };
        let action = Action::Upgrade { node: seen.id, from: Some(from.clone()), to: target.clone() };
        plan.push(action, Reason::Outdated { from, to: target.clone() });
    }
    if plan.has_actions() {
        Verdict::Act
    } else {
        // Only stopped nodes are outdated. They are upgraded when they start, so this rule must not end the cycle.
        Verdict::Skip(SkipReason::NothingOutdated)
    }
}
