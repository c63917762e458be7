//! Short names of actions and reasons: headings of tables, lanes of charts, cells of CSV.

use std::fmt;

use wnm_core::{Anomaly, Blocker, Decision, Planned, Reason, Relief, Signal};

/// An action or a reason to wait, without its figures: decisions with the same heading are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Heading {
    /// The verb of an action; `wait` or `idle` without one.
    pub verb: &'static str,
    /// The reason.
    pub why: &'static str,
    /// The signal, for reasons of pressure.
    pub signal: Option<Signal>,
}

impl Heading {
    /// Returns the heading of an action.
    #[must_use]
    pub const fn of_action(planned: &Planned) -> Self {
        let (why, signal) = match &planned.reason {
            Reason::Dead => ("dead", None),
            Reason::Pressure { measure } => ("pressure", Some(measure.signal)),
            Reason::Relief { relief, measure } => (relief_name(*relief), Some(measure.signal)),
            Reason::OverCap { .. } => ("over cap", None),
            Reason::Outdated { .. } => ("outdated", None),
            Reason::Ended { .. } => ("ended", None),
            Reason::HeadroomToStart => ("headroom to start", None),
            Reason::HeadroomToAdd { .. } => ("headroom to add", None),
            Reason::Unlisted => ("unlisted", None),
            Reason::Requested => ("requested", None),
        };
        Self { verb: planned.action.verb(), why, signal }
    }

    /// Returns the heading of a decision without actions; None is a decision that no blocker ended.
    #[must_use]
    pub const fn of_blocker(blocker: Option<&Blocker>) -> Self {
        let Some(blocker) = blocker else { return Self { verb: IDLE, why: "nothing to do", signal: None } };
        let (why, signal) = match blocker {
            Blocker::Rebooted => ("rebooted", None),
            Blocker::Anomaly { anomaly: Anomaly::MassDisappearance { .. } } => ("mass disappearance", None),
            Blocker::Anomaly { anomaly: Anomaly::StorageChanged } => ("storage changed", None),
            Blocker::OperationLimit { .. } => ("operation limit", None),
            Blocker::OperationInProgress => ("operation in progress", None),
            Blocker::ReliefInProgress { .. } => ("relief in progress", None),
            Blocker::MoveInProgress => ("move in progress", None),
            Blocker::NoCandidate => ("no node to stop", None),
            Blocker::Cooldown { .. } => ("cooldown", None),
            Blocker::RestartDelay { .. } => ("restart delay", None),
            Blocker::RetryDelay { .. } => ("retry delay", None),
            Blocker::CrashLoop { .. } => ("crash loop", None),
            Blocker::AddDelay { .. } => ("failed additions", None),
            Blocker::RestartOverThreshold(comparison) => ("over threshold", Some(comparison.signal)),
            Blocker::MissingMetric { signal } => ("missing metric", Some(*signal)),
            Blocker::UnmeasuredNodes { .. } => ("unmeasured nodes", None),
            Blocker::ObservationPeriod { .. } => ("observation period", None),
            Blocker::OverThreshold(comparison) => ("over threshold", Some(comparison.signal)),
            Blocker::NoHeadroom { signal, .. } => ("no headroom", Some(*signal)),
            Blocker::StartSurge { .. } => ("start surge", None),
            Blocker::Throttled { .. } => ("throttled", None),
            Blocker::ExternalOverload { .. } => ("external overload", None),
            Blocker::BackgroundStalls { .. } => ("background stalls", Some(Signal::Cpu)),
            Blocker::ExternalUse { signal, .. } => ("external use", Some(*signal)),
            Blocker::GracePeriod { .. } => ("grace period", None),
            Blocker::NoVolume => ("no volume", None),
            Blocker::NodeCap { .. } => ("node cap", None),
            Blocker::Valve { .. } => ("closed valve", None),
        };
        Self { verb: WAIT, why, signal }
    }

    /// Tells whether the heading is that of an action.
    #[must_use]
    pub fn is_action(&self) -> bool {
        ![IDLE, WAIT].contains(&self.verb)
    }
}

/// The verb of a decision that no rule wants to change.
const IDLE: &str = "idle";
/// The verb of a decision that a blocker ended without an action.
const WAIT: &str = "wait";

const fn relief_name(relief: Relief) -> &'static str {
    match relief {
        Relief::Grace => "over threshold too long",
        Relief::Warning => "over warning threshold too long",
        Relief::Memory | Relief::Disk => "near threshold",
        Relief::Leak => "leak",
        Relief::Traffic => "traffic",
        Relief::Throttled => "throttled",
    }
}

impl fmt::Display for Heading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.verb, self.because())
    }
}

impl Heading {
    /// Returns the reason, with the signal where it has one: `pressure, cpu`.
    #[must_use]
    pub fn because(&self) -> String {
        match self.signal {
            Some(signal) => format!("{}, {signal}", self.why),
            None => self.why.to_owned(),
        }
    }
}

/// Returns a decision in short form: `stop 12 (pressure, cpu)`, `idle (nothing to do)`.
pub(crate) fn spell(decision: &Decision) -> String {
    if decision.actions.is_empty() {
        let heading = Heading::of_blocker(decision.blocker());
        return format!("{} ({})", heading.verb, heading.because());
    }
    let one = |planned: &Planned| {
        let node = planned.action.node().get();
        format!("{} {node} ({})", planned.action.verb(), Heading::of_action(planned).because())
    };
    decision.actions.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Returns the known name that is most similar, by Jaro-Winkler above 0.75; None where none is that similar.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // Jaro-Winkler favours a common prefix, as the settings have.
    let likeness = |known: &str| strsim::jaro_winkler(name, known);
    known
        .map(|known| (likeness(known), known))
        .filter(|(like, _)| *like > 0.75)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, known)| known)
}
