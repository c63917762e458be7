//! Properties of every decision and every cycle: one function a property, used by the explorer and the property tests.
//!
//! The properties derive thresholds, delays and states on their own, in `facts`, and share only their input with the
//! rules: an error in a rule is not repeated in the property that checks it.

mod choices;
mod costly;
mod costs;
mod facts;
pub(crate) mod host;
mod limits;
mod moves;
mod signals;
mod steady;
mod valves;

use std::fmt;

use wnm_core::{Clock, ClockReading, Decision, EngineState, Observation, Planned, Policy, Preset, Reason, Timestamp};

pub use costs::{Cost, Costs, Ended};
use facts::Facts;
pub(crate) use host::limits_of_time;
pub(crate) use valves::pace;

/// A property that always holds. The first fifteen are numbered, and so are some of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Property {
    /// Same input, byte-identical decision and state.
    SameInput,
    /// Saving and loading the state changes no future decision.
    SavedState,
    /// Permuting the nodes changes nothing.
    Permuted,
    /// Every limit holds, operations in progress included.
    Limits,
    /// Never an add or a start beside a stop or a removal for pressure.
    OneWay,
    /// Disabled nodes and nodes in an operation are never chosen.
    LeftAlone,
    /// No decision raises the number of active nodes above the node cap.
    Cap,
    /// A decision names a node at most once.
    Once,
    /// A node is deleted only when it is dead, over the cap, or for disk.
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
    /// A relief is for a signal near its high threshold, and never for load averages. Steady only.
    Curable,
    /// Growth leaves every signal under its ceiling. Steady only.
    Predicted,
    /// No node starts within half an hour of its stop for pressure. Steady only.
    Rested,
    /// What is desired and can run, runs again within a bounded time after its cause has gone.
    Recovers,
    /// No CPU limit is below the floor at which the nodes still serve. Steady only.
    Floor,
    /// A repeated failure never costs more than a bounded number of folders and bytes.
    Bounded,
    /// Nothing is removed for CPU, memory, load or traffic.
    Kept,
    /// No more removals for the cap than nodes are over it.
    Excess,
    /// No voluntary action under a hold, outside its window, or while most nodes are silent.
    Voluntary,
    /// Voluntary actions never make more nodes unavailable than `max_unavailable`.
    Unavailable,
    /// The ceiling bounds the actions of the rules, whatever is configured.
    Ceiling,
    /// A rule moves one node at a time, off a volume near its high threshold, to one that stays below its low threshold.
    Moved,
    /// No node is removed for disk that another volume could take.
    MovedFirst,
    /// The youngest are stopped, the oldest upgraded and started, in that order.
    Order,
    /// Pressure leads to a relief when a node is available for it.
    Relief,
    /// Headroom, no operation in progress and a node to start or add lead to a start or an add.
    Growth,
    /// No node starts before `delay_restart` has passed since its stop, and none is added while one waits.
    Waiting,
    /// Upgrades are rolled out when, and only when, they are enabled, wanted and allowed.
    Rollout,
    /// An observation without a change changes no state, nor the time at which it began.
    Since,
    /// Every process has a row in the store.
    Rows,
    /// Every port belongs to one node.
    Ports,
    /// A folder disappears only after its tombstone.
    Tombstone,
    /// A node whose folder is only hidden, as by a missing mount, is not removed as dead.
    OutOfSight,
    /// A node without an action in progress has a program.
    Program,
    /// Every action ends.
    Ends,
    /// Without faults every action ends, and a further cycle changes nothing.
    Calm,
    /// No task file of probes exceeds a ceiling or the window.
    Probes,
    /// The fleet begins no upgrade that the host's own policy would not begin, and none without a lease.
    Fleet,
    /// A lease that ends without a result counts as a failure, and too many failures stop the rollout.
    Lapsed,
    /// Only a signed resume of a higher generation lifts a hold before its end.
    Lifted,
}

impl Property {
    /// Returns the number of the property; None for a property without one.
    #[must_use]
    pub fn number(self) -> Option<u8> {
        match self {
            Self::Curable => Some(18),
            Self::Predicted => Some(19),
            Self::Rested => Some(20),
            Self::Kept => Some(21),
            Self::Excess => Some(25),
            Self::Voluntary => Some(26),
            Self::Unavailable => Some(27),
            Self::Ceiling => Some(28),
            Self::Recovers => Some(22),
            Self::Floor => Some(23),
            Self::Bounded => Some(24),
            Self::Fleet => Some(29),
            Self::Lapsed => Some(30),
            Self::Lifted => Some(31),
            Self::Probes => Some(32),
            Self::Moved => Some(33),
            Self::MovedFirst => Some(34),
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
            Self::Limits => "every limit holds, operations in progress included",
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
            Self::Curable => "a relief is for a signal near its high threshold",
            Self::Predicted => "growth leaves every signal under its ceiling",
            Self::Rested => "no node starts within half an hour of its stop for pressure",
            Self::Floor => "no CPU limit is below the floor at which the nodes still serve",
            Self::Bounded => "a repeated failure costs a bounded number of folders and bytes",
            Self::Recovers => "a node that should run and can run is started again",
            Self::Kept => "nothing is removed for CPU, memory, load or traffic",
            Self::Excess => "no more removals for the cap than nodes are over it",
            Self::Voluntary => "no voluntary action under a hold, outside its window, or while most nodes are silent",
            Self::Unavailable => "voluntary actions make no more nodes unavailable than allowed",
            Self::Ceiling => "the ceiling bounds the actions of the rules",
            Self::Moved => {
                "a rule moves one node at a time off a filling volume, to one that stays below its low threshold"
            }
            Self::MovedFirst => "nothing is removed for disk that another volume could take",
            Self::Order => "the youngest are stopped, the oldest started and upgraded",
            Self::Relief => "pressure is relieved",
            Self::Growth => "headroom is used",
            Self::Waiting => "no start before its delay has passed, and no add while one waits",
            Self::Rollout => "upgrades are rolled out when and only when they may be",
            Self::Since => "an observation without a change changes nothing",
            Self::Rows => "no process without a row",
            Self::Ports => "ports are unique",
            Self::Tombstone => "no folder is gone without a tombstone",
            Self::OutOfSight => "no node with a hidden folder is removed as dead",
            Self::Program => "a node at rest has a program",
            Self::Ends => "every action ends",
            Self::Calm => "without faults every action ends, and a further cycle changes nothing",
            Self::Probes => "no task file of probes exceeds a ceiling or the window",
            Self::Fleet => {
                "the fleet begins no upgrade that the host's own policy would not begin, and none without a lease"
            }
            Self::Lapsed => "a lapsed lease stops the rollout",
            Self::Lifted => "only a signed resume of a higher generation lifts a hold before its end",
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
#[error("{property}: {detail}")]
pub struct Violation {
    /// The violated property.
    pub property: Property,
    /// The observed facts, for a developer.
    pub detail: String,
}

impl Violation {
    pub(crate) fn new(property: Property, detail: impl Into<String>) -> Self {
        Self { property, detail: detail.into() }
    }
}

/// The input and the decision of one cycle.
#[derive(Debug, Clone, Copy)]
pub struct Trial<'a> {
    /// The policy of the operator.
    pub policy: &'a Policy,
    /// The state before the cycle.
    pub state: &'a EngineState,
    /// The observation of the cycle.
    pub observation: &'a Observation,
    /// The decision of the rules, or the plan of a request.
    pub decision: &'a Decision,
}

impl<'a> Trial<'a> {
    /// Returns the actions of the rules, without those that the operator requested: fewer properties bind a request.
    fn decided(&self) -> impl Iterator<Item = &'a Planned> + use<'a> {
        self.decision.actions.iter().filter(|planned| planned.reason != Reason::Requested)
    }

    /// Tells whether the decision starts nodes that ended by themselves. It has no other actions then.
    fn recovers(&self) -> bool {
        self.decision.actions.iter().any(is_recovery)
    }
}

/// Tells whether an action starts a node that ended by itself. The node is no addition.
fn is_recovery(planned: &Planned) -> bool {
    matches!(planned.reason, Reason::Ended { .. })
}

/// The result of a check: the violation as text for a developer.
type Finding = Result<(), String>;

type Check = fn(&Trial<'_>, &Facts<'_>) -> Finding;

/// The properties that are checked on every cycle, under every preset.
const EVERY_CYCLE: [(Property, Check); 21] = [
    (Property::Limits, limits::limits),
    (Property::OneWay, limits::one_way),
    (Property::LeftAlone, choices::left_alone),
    (Property::Cap, limits::cap),
    (Property::Once, choices::once),
    (Property::Deleted, choices::deleted),
    (Property::Kept, choices::kept),
    (Property::Excess, limits::excess),
    (Property::FullDisk, signals::full_disk),
    (Property::Missing, signals::missing),
    (Property::Downgrade, choices::downgrade),
    (Property::Vanished, signals::vanished),
    (Property::Waiting, choices::waiting),
    (Property::Recovers, signals::recovers),
    (Property::Bounded, signals::bounded),
    (Property::Voluntary, valves::voluntary),
    (Property::Unavailable, valves::unavailable),
    (Property::Ceiling, valves::ceiling),
    (Property::Fleet, valves::fleet),
    (Property::Moved, moves::moved),
    (Property::MovedFirst, moves::moved_first),
];

/// The properties of one preset only.
const CLASSIC: [(Property, Check); 4] = [
    (Property::Order, choices::order),
    (Property::Relief, signals::relief),
    (Property::Growth, signals::growth),
    (Property::Rollout, signals::rollout),
];
const STEADY: [(Property, Check); 5] = [
    (Property::Floor, limits::least_cores),
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
const SAMPLED: [(Property, Check); 6] = [
    (Property::SameInput, costly::same_input),
    (Property::SavedState, costly::saved_state),
    (Property::Permuted, costly::permuted),
    (Property::Raised, costly::raised),
    (Property::Since, costly::since),
    (Property::Floor, costly::served),
];

fn check_all<'a>(trial: &Trial<'_>, checks: impl IntoIterator<Item = &'a (Property, Check)>) -> Result<(), Violation> {
    let facts = Facts::of(trial);
    for (property, check) in checks {
        check(trial, &facts).map_err(|detail| Violation::new(*property, detail))?;
    }
    Ok(())
}

/// Checks the properties that are cheap enough for every cycle.
///
/// # Errors
/// The first violated property.
pub fn check_cycle(trial: &Trial<'_>) -> Result<(), Violation> {
    check_all(trial, EVERY_CYCLE.iter().chain(of_preset(trial.policy.preset)))
}

/// Checks the plan of a request, which thresholds and limits do not bind.
///
/// # Errors
/// The first violated property.
pub fn check_request(trial: &Trial<'_>) -> Result<(), Violation> {
    const REQUESTED: [(Property, Check); 2] =
        [(Property::Once, choices::once), (Property::Downgrade, choices::downgrade)];
    check_all(trial, &REQUESTED)
}

/// Checks the properties that cost several decisions each: 1, 2, 3 and 11, and that states keep their start time.
///
/// # Errors
/// The first violated property.
pub fn check_thoroughly(trial: &Trial<'_>) -> Result<(), Violation> {
    check_all(trial, &SAMPLED)
}

/// Checks one property of a decision. A property of the host or of a run is not checked here.
///
/// # Errors
/// The property is violated.
pub fn check(property: Property, trial: &Trial<'_>) -> Result<(), Violation> {
    let of_this: Vec<_> = EVERY_CYCLE
        .iter()
        .chain(of_preset(trial.policy.preset))
        .chain(&SAMPLED)
        .copied()
        .filter(|(checked, _)| *checked == property)
        .collect();
    check_all(trial, &of_this)
}

/// Checks property 14 on one reading: two readings that differ by the wall clock alone show the same time, which is
/// as much later as the host was up longer. Rules use no other clock, so their decisions are the same.
///
/// After a restart of the host the clock continues from the wall clock; that is not a jump.
///
/// # Errors
/// The property is violated.
pub fn check_clock(last: &Clock, reading: &ClockReading) -> Result<(), Violation> {
    let now = last.advance(reading.clone()).now();
    let found = |detail: String| Err(Violation::new(Property::WallClock, detail));
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
