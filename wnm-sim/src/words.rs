//! Short words for what was decided and why: headings of tables, lanes of charts, cells of CSV.

use std::fmt;

use wnm_core::{Anomaly, Decision, Planned, Reason, Relief, Rest, Signal};

/// What was decided and why, without the figures: decisions of one heading are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Heading {
    /// The verb of an action; `rest` where there is none.
    pub verb: &'static str,
    /// Why.
    pub why: &'static str,
    /// Which signal, for pressure.
    pub signal: Option<Signal>,
}

impl Heading {
    /// Returns the heading of an action.
    #[must_use]
    pub const fn of_action(planned: &Planned) -> Self {
        let (why, signal) = match &planned.reason {
            Reason::Dead => ("dead", None),
            Reason::Pressure { measure } => ("pressure", Some(measure.signal)),
            Reason::Relief { relief, measure } => (of_relief(*relief), Some(measure.signal)),
            Reason::OverCap { .. } => ("over cap", None),
            Reason::Outdated { .. } => ("outdated", None),
            Reason::HeadroomToStart => ("room to start", None),
            Reason::HeadroomToAdd { .. } => ("room to add", None),
            Reason::Requested => ("requested", None),
        };
        Self { verb: planned.action.verb(), why, signal }
    }

    /// Returns the heading of a decision to do nothing.
    #[must_use]
    pub const fn of_rest(rest: &Rest) -> Self {
        let why = match rest {
            Rest::Rebooted => "rebooted",
            Rest::Anomaly { anomaly: Anomaly::MassDisappearance { .. } } => "mass disappearance",
            Rest::Anomaly { anomaly: Anomaly::StorageChanged } => "storage changed",
            Rest::OperationsUnderWay { .. } => "operations under way",
            Rest::ReliefUnderWay { .. } => "relief under way",
            Rest::NothingToRelieve => "nothing to relieve",
            Rest::Settling { .. } => "settling",
            Rest::WaitingToRestart { .. } => "waiting to restart",
            Rest::Content => "content",
        };
        Self { verb: "rest", why, signal: None }
    }
}

const fn of_relief(relief: Relief) -> &'static str {
    match relief {
        Relief::Grace => "too high for too long",
        Relief::Soft => "near the mark for long",
        Relief::Memory | Relief::Disk => "near the mark",
        Relief::Leak => "leaks",
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
    /// Returns why, with the signal where it has one: `pressure, cpu`.
    #[must_use]
    pub fn because(&self) -> String {
        match self.signal {
            Some(signal) => format!("{}, {signal}", self.why),
            None => self.why.to_owned(),
        }
    }
}

/// Returns a decision in a few words: `stop 12 (pressure, cpu)`, `rest (content)`.
pub(crate) fn spell(decision: &Decision) -> String {
    if let Some(rest) = decision.rest() {
        return format!("rest ({})", Heading::of_rest(&rest).because());
    }
    let one = |planned: &Planned| {
        let node = planned.action.node().get();
        format!("{} {node} ({})", planned.action.verb(), Heading::of_action(planned).because())
    };
    decision.actions.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Returns the known name that is most like another one, if any is.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |known: &str| strsim::jaro_winkler(name, known);
    known
        .map(|known| (likeness(known), known))
        .filter(|(like, _)| *like > 0.75)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, known)| known)
}
