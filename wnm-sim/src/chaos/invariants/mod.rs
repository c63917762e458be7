//! What must always hold: one function a property, for the explorer, the property tests and the mutation check.
//!
//! The properties read thresholds, delays and states by themselves, in `facts`, and share nothing with the rules
//! but their input: a rule that is wrong cannot hide behind a property that is wrong in the same way.

mod choices;
mod costly;
mod facts;
pub(crate) mod host;
mod limits;
mod signals;
mod steady;

use std::fmt;

use wnm_core::{Clock, ClockReading, Decision, EngineState, Observation, Planned, Policy, Preset, Reason, Timestamp};

use facts::Facts;
pub(crate) use host::limits_of_time;

/// One thing that must always hold. The first fifteen have the numbers of the specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Property {
    /// Same input, byte-identical decision and state.
    SameInput,
    /// Saving and loading the state changes no future decision.
    SavedState,
    /// Permuting the nodes changes nothing.
    Permuted,
    /// Every limit holds, what is under way included.
    Limits,
    /// Never an add or a start beside a stop or a removal for pressure.
    OneWay,
    /// Disabled nodes and nodes in an operation are never chosen.
    LeftAlone,
    /// Active nodes never exceed the cap by what is decided.
    Cap,
    /// A node stands in a decision at most once.
    Once,
    /// Nothing is deleted unless dead, over the cap, for disk or as classic's order says.
    Deleted,
    /// A full disk with a removable node and nothing under way has a removal in the same cycle.
    FullDisk,
    /// Raising a signal never increases the adds.
    Raised,
    /// Missing metrics cause no adds.
    Missing,
    /// Never a downgrade.
    Downgrade,
    /// A jump of the wall clock causes no action.
    WallClock,
    /// Mass disappearance causes no destructive action.
    Vanished,
    /// A relief is of something that is near its mark, and never of load averages. Steady only.
    Curable,
    /// Growth leaves every signal under its ceiling. Steady only.
    Predicted,
    /// No node starts within half an hour of its stop for pressure. Steady only.
    Rested,
    /// The youngest are stopped, the oldest upgraded and started, in that order.
    Order,
    /// Pressure that something can be done about has something done about it.
    Relief,
    /// Room, calm and a node to start or add lead to a start or an add.
    Growth,
    /// No node starts before `delay_restart` has passed since its stop, and none is added while one waits.
    Waiting,
    /// Upgrades are rolled out when, and only when, they are enabled, wanted and allowed.
    Rollout,
    /// A look that shows nothing new changes no state, and least of all its beginning.
    Since,
    /// No process runs that no row knows.
    Rows,
    /// No port is given twice.
    Ports,
    /// No folder is gone without a tombstone.
    Tombstone,
    /// No node is removed as dead whose folder is merely out of sight.
    OutOfSight,
    /// A node that nothing is being done to has a program.
    Program,
    /// Every action ends.
    Ends,
    /// In calm everything comes to rest, and a further run changes nothing.
    Calm,
}

impl Property {
    /// Returns the number in the specification; None for what it says elsewhere than in its list.
    #[must_use]
    pub fn number(self) -> Option<u8> {
        match self {
            Self::Curable => Some(18),
            Self::Predicted => Some(19),
            Self::Rested => Some(20),
            _ => (self <= Self::Vanished).then_some(self as u8 + 1),
        }
    }

    /// Returns the sentence that must hold.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::SameInput => "same input, byte-identical decision and state",
            Self::SavedState => "saving and loading the state changes no future decision",
            Self::Permuted => "permuting the nodes changes nothing",
            Self::Limits => "every limit holds, what is under way included",
            Self::OneWay => "never add or start beside a stop or a removal for pressure",
            Self::LeftAlone => "disabled nodes and nodes in an operation are never chosen",
            Self::Cap => "active nodes never exceed the cap",
            Self::Once => "a node appears at most once",
            Self::Deleted => "nothing is deleted unless dead, over cap or for disk",
            Self::FullDisk => "a full disk has a removal in the same cycle",
            Self::Raised => "raising any signal never increases the adds",
            Self::Missing => "missing metrics cause no adds",
            Self::Downgrade => "never a downgrade",
            Self::WallClock => "a jump of the wall clock causes no action",
            Self::Vanished => "mass disappearance causes no destructive action",
            Self::Curable => "what is relieved is near its mark",
            Self::Predicted => "growth leaves every signal under its ceiling",
            Self::Rested => "no node starts within half an hour of its stop for pressure",
            Self::Order => "the youngest are stopped, the oldest started and upgraded",
            Self::Relief => "pressure is relieved",
            Self::Growth => "room is used",
            Self::Waiting => "no start before its delay has passed, and no add while one waits",
            Self::Rollout => "upgrades are rolled out when and only when they may be",
            Self::Since => "a look that shows nothing new changes nothing",
            Self::Rows => "no process without a row",
            Self::Ports => "ports are unique",
            Self::Tombstone => "no folder is gone without a tombstone",
            Self::OutOfSight => "no node is removed as dead whose folder is merely out of sight",
            Self::Program => "a node at rest has a program",
            Self::Ends => "every action ends",
            Self::Calm => "in calm everything comes to rest, and a further run changes nothing",
        }
    }
}

impl fmt::Display for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number() {
            Some(number) => write!(f, "property {number}, {}", self.sentence()),
            None => write!(f, "property {self:?}, {}", self.sentence()),
        }
    }
}

/// A property that did not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{property}: {what}")]
pub struct Violation {
    /// Which.
    pub property: Property,
    /// What was seen instead.
    pub what: String,
}

impl Violation {
    pub(crate) fn new(property: Property, what: impl Into<String>) -> Self {
        Self { property, what: what.into() }
    }
}

/// What one cycle knew, and what it decided.
#[derive(Debug, Clone, Copy)]
pub struct Trial<'a> {
    /// What the operator wants.
    pub policy: &'a Policy,
    /// What was remembered.
    pub state: &'a EngineState,
    /// What was seen.
    pub observation: &'a Observation,
    /// What the rules made of it.
    pub decision: &'a Decision,
}

impl<'a> Trial<'a> {
    /// Returns what the rules decided; what the operator asked for is bound by less.
    fn decided(&self) -> impl Iterator<Item = &'a Planned> + use<'a> {
        self.decision.actions.iter().filter(|planned| planned.reason != Reason::Requested)
    }
}

/// What a property found: what is wrong, in words.
type Finding = Result<(), String>;

type Check = fn(&Trial<'_>, &Facts<'_>) -> Finding;

/// The properties that are checked on every cycle, under every preset.
const EVERY_CYCLE: [(Property, Check); 11] = [
    (Property::Limits, limits::limits),
    (Property::OneWay, limits::one_way),
    (Property::LeftAlone, choices::left_alone),
    (Property::Cap, limits::cap),
    (Property::Once, choices::once),
    (Property::Deleted, choices::deleted),
    (Property::FullDisk, signals::full_disk),
    (Property::Missing, signals::missing),
    (Property::Downgrade, choices::downgrade),
    (Property::Vanished, signals::vanished),
    (Property::Waiting, choices::waiting),
];

/// What the classic preset promises besides, and the steady one.
const CLASSIC: [(Property, Check); 4] = [
    (Property::Order, choices::order),
    (Property::Relief, signals::relief),
    (Property::Growth, signals::growth),
    (Property::Rollout, signals::rollout),
];
const STEADY: [(Property, Check); 4] = [
    (Property::Curable, steady::relief),
    (Property::Predicted, steady::predicted),
    (Property::Rested, steady::rested),
    (Property::Order, steady::order),
];

const fn of_preset(preset: Preset) -> &'static [(Property, Check)] {
    match preset {
        Preset::Classic => &CLASSIC,
        Preset::Steady => &STEADY,
    }
}

/// The properties that cost several decisions each.
const NOW_AND_THEN: [(Property, Check); 5] = [
    (Property::SameInput, costly::same_input),
    (Property::SavedState, costly::saved_state),
    (Property::Permuted, costly::permuted),
    (Property::Raised, costly::raised),
    (Property::Since, costly::since),
];

fn check_all<'a>(trial: &Trial<'_>, checks: impl IntoIterator<Item = &'a (Property, Check)>) -> Result<(), Violation> {
    let facts = Facts::of(trial);
    for (property, check) in checks {
        check(trial, &facts).map_err(|what| Violation::new(*property, what))?;
    }
    Ok(())
}

/// Checks what is cheap enough for every cycle.
///
/// # Errors
/// The first property that does not hold.
pub fn check_cycle(trial: &Trial<'_>) -> Result<(), Violation> {
    check_all(trial, EVERY_CYCLE.iter().chain(of_preset(trial.policy.preset)))
}

/// Checks what the operator was granted: thresholds and limits do not bind it.
///
/// # Errors
/// The first property that does not hold.
pub fn check_request(trial: &Trial<'_>) -> Result<(), Violation> {
    const GRANTED: [(Property, Check); 2] =
        [(Property::Once, choices::once), (Property::Downgrade, choices::downgrade)];
    check_all(trial, &GRANTED)
}

/// Checks what costs many decisions: properties 1, 2, 3 and 11, and that states keep their beginning.
///
/// # Errors
/// The first property that does not hold.
pub fn check_thoroughly(trial: &Trial<'_>) -> Result<(), Violation> {
    check_all(trial, &NOW_AND_THEN)
}

/// Checks one property of a decision; the others hold of something else, and are no concern of a trial.
///
/// # Errors
/// It does not hold.
pub fn check(property: Property, trial: &Trial<'_>) -> Result<(), Violation> {
    let of_this: Vec<_> = EVERY_CYCLE
        .iter()
        .chain(of_preset(trial.policy.preset))
        .chain(&NOW_AND_THEN)
        .copied()
        .filter(|(checked, _)| *checked == property)
        .collect();
    check_all(trial, &of_this)
}

/// Checks property 14 on one reading: two readings that differ by the wall clock alone show the same time, which is
/// as much later as the host was up longer. Rules see no other clock, so they decide alike.
///
/// A restart of the host takes the wall clock up anew; that is no jump.
///
/// # Errors
/// It does not hold.
pub fn check_clock(last: &Clock, reading: &ClockReading) -> Result<(), Violation> {
    let now = last.advance(reading.clone()).now();
    let found = |what: String| Err(Violation::new(Property::WallClock, what));
    if now < last.now() {
        return found(format!("the clock ran back by {:?}", last.now().since(now)));
    }
    if reading.boot != last.boot() {
        return Ok(());
    }
    let elapsed = reading.uptime.saturating_sub(last.uptime());
    let due = last.now().as_millis().saturating_add_unsigned(elapsed);
    if now.as_millis() != due {
        return found(format!("up {elapsed} ms longer, and the clock went on by {:?}", now.since(last.now())));
    }
    for wall in [i64::MIN, 0, reading.wall.as_millis().saturating_add(31_536_000_000), i64::MAX] {
        let jumped = ClockReading { wall: Timestamp::from_millis(wall), ..reading.clone() };
        if last.advance(jumped).now() != now {
            return found(format!("a wall clock at {wall} ms moves it"));
        }
    }
    Ok(())
}
