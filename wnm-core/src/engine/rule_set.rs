//! The rule set of an evaluation: that of the preset, or that of the Python wnm for comparisons.

use crate::model::units::Version;
use crate::policy::thresholds::{Policy, Upgrades};

/// The rule set of an evaluation.
///
/// It is an argument and not part of the [`Policy`], so that no setting selects the rules of the Python wnm: they remove
/// nodes that this engine keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RuleSet {
    /// The rules of the policy's preset.
    OfPreset,
    /// The rules of the Python wnm, for [`evaluate_parity`](crate::evaluate_parity).
    Parity,
}

impl RuleSet {
    /// Returns whether a node of a version counts as outdated.
    ///
    /// A node that upgraded itself to a newer version is not outdated, and no node is while wnm does not upgrade them.
    pub(crate) fn is_outdated(self, policy: &Policy, version: &Version, target: &Version) -> bool {
        version != target
            && match self {
                Self::OfPreset => policy.upgrades == Upgrades::ByManager && version < target,
                Self::Parity => true,
            }
    }
}
