//! Short names of actions and reasons: headings of tables, lanes of charts, cells of CSV.

use std::fmt;

use wnm_core::{Anomaly, Decision, Planned, Reason, Relief, Rest, Signal};

/// An action or a reason to wait, without its figures: decisions with the same heading are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Heading {
    /// The verb of an action; [`Self::WAIT`] for a decision without actions.
    pub verb: &'static str,
    /// The reason.
    pub why: &'static str,
    /// The signal, for reasons of pressure.
    pub signal: Option<Signal>,
}

impl Heading {
    /// The verb of a decision without actions.
    pub const WAIT: &str = "wait";

    /// Returns the heading of an action.
    #[must_use]
    pub const fn of_action(planned: &Planned) -> Self {
        let (why, signal) = match &planned.reason {
            Reason::Dead => ("dead", None),
            Reason::Pressure { measure } => ("pressure", Some(measure.signal)),
            Reason::Relief { relief, measure } => (relief_name(*relief), Some(measure.signal)),
            Reason::OverCap { .. } => ("over cap", None),
            Reason::Outdated { .. } => ("outdated", None),
            Reason::HeadroomToStart => ("headroom to start", None),
            Reason::HeadroomToAdd { .. } => ("headroom to add", None),
            Reason::Requested => ("requested", None),
        };
        Self { verb: planned.action.verb(), why, signal }
    }

    /// Returns the heading of a decision without actions.
    #[must_use]
    pub const fn of_wait(rest: &Rest) -> Self {
        let why = match rest {
            Rest::Rebooted => "rebooted",
            Rest::Anomaly { anomaly: Anomaly::MassDisappearance { .. } } => "mass disappearance",
            Rest::Anomaly { anomaly: Anomaly::StorageChanged } => "storage changed",
            Rest::OperationsUnderWay { .. } => "operations under way",
            Rest::ReliefUnderWay { .. } => "relief under way",
            Rest::NothingToRelieve => "nothing to relieve",
            Rest::Settling { .. } => "cooldown",
            Rest::WaitingToRestart { .. } => "waiting to restart",
            Rest::Content => "nothing to do",
        };
        Self { verb: Self::WAIT, why, signal: None }
    }
}

const fn relief_name(relief: Relief) -> &'static str {
    match relief {
        Relief::Grace => "over threshold too long",
        Relief::Soft => "over warning threshold too long",
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

/// Returns a decision in short form: `stop 12 (pressure, cpu)`, `wait (nothing to do)`.
pub(crate) fn spell(decision: &Decision) -> String {
    if let Some(rest) = decision.rest() {
        return format!("{} ({})", Heading::WAIT, Heading::of_wait(&rest).because());
    }
    let one = |planned: &Planned| {
        let node = planned.action.node().get();
        format!("{} {node} ({})", planned.action.verb(), Heading::of_action(planned).because())
    };
    decision.actions.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Returns the known name that is most similar, by Jaro-Winkler above 0.75; None where none is that similar.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |known: &str| strsim::jaro_winkler(name, known);
    known
        .map(|known| (likeness(known), known))
        .filter(|(like, _)| *like > 0.75)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, known)| known)
}
