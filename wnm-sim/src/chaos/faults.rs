//! The kinds of faults that the command line chooses from, and the events that they cause.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use wnm_core::{NodeId, Verb};

use crate::chance::{Chance, mixed};

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// Processes die, hang, or do not exit when told to.
    Nodes,
    /// Steps fail.
    Failures,
    /// Steps take several cycles.
    Slowness,
    /// Metrics and observations of nodes are missing.
    Missing,
    /// Metrics and observations of nodes are wrong.
    Lies,
    /// The wall clock jumps, or the host sleeps.
    Clock,
    /// The host restarts.
    Reboots,
    /// Folders are lost.
    Folders,
    /// Many nodes die at once.
    Mass,
    /// A volume is not mounted, and its mount point is on another device.
    Device,
    /// The operator requests actions, changes the node cap, and releases node programs, some of which do not work.
    Operator,
    /// The background load grows.
    Surges,
    /// The manager crashes between any two steps.
    Crashes,
    /// The journal cannot be written.
    Journal,
    /// The operator holds voluntary actions for a while.
    Holds,
    /// A folder is deleted without a trace. No manager could prevent that: the fault tests the explorer itself.
    Sabotage,
    /// The undo of a failed addition leaves the folder of the node: this fault tests the explorer, too.
    Remnants,
}

impl Fault {
    /// The faults at the end of the names that no manager could survive.
    const FATAL: [Self; 2] = [Self::Sabotage, Self::Remnants];
    const NAMES: [(&'static str, Self); 17] = [
        ("nodes", Self::Nodes),
        ("failures", Self::Failures),
        ("slowness", Self::Slowness),
        ("missing", Self::Missing),
        ("lies", Self::Lies),
        ("clock", Self::Clock),
        ("reboots", Self::Reboots),
        ("folders", Self::Folders),
        ("mass", Self::Mass),
        ("device", Self::Device),
        ("operator", Self::Operator),
        ("surges", Self::Surges),
        ("crashes", Self::Crashes),
        ("journal", Self::Journal),
        ("holds", Self::Holds),
        ("sabotage", Self::Sabotage),
        ("remnants", Self::Remnants),
    ];
}

/// The kinds of faults of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    /// Returns every kind that the manager must survive.
    pub(crate) fn all() -> Self {
        Self(Fault::NAMES.iter().map(|(_, fault)| *fault).filter(|fault| !Fault::FATAL.contains(fault)).collect())
    }
}

/// The text names an unknown kind of fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown fault {name:?}: allowed are all, none, or a comma-separated list of {allowed}")]
pub(crate) struct UnknownFault {
    name: String,
    allowed: String,
}

impl FromStr for Faults {
    type Err = UnknownFault;

    fn from_str(text: &str) -> Result<Self, UnknownFault> {
        match text {
            "all" => return Ok(Self::all()),
            "none" => return Ok(Self(Vec::new())),
            _ => {}
        }
        let fault = |name: &str| {
            let known = Fault::NAMES.iter().find(|(known, _)| *known == name.trim());
            known.map(|(_, fault)| *fault).ok_or_else(|| UnknownFault {
                allowed: Fault::NAMES[..Fault::NAMES.len() - Fault::FATAL.len()]
                    .iter()
                    .map(|(name, _)| *name)
                    .collect::<Vec<_>>()
                    .join(", "),
                name: name.trim().to_owned(),
            })
        };
        let mut faults = text.split(',').map(fault).collect::<Result<Vec<_>, _>>()?;
        faults.sort_unstable();
        faults.dedup();
        Ok(Self(faults))
    }
}

/// A figure of an observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Figure {
    Cpu,
    Memory,
    Disk,
    Load,
    Traffic,
    /// The version of the node binary.
    Target,
}

/// An event of the host, its nodes, the operator or the manager. Times are in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Event {
    /// The process of a node exits.
    Die { node: NodeId },
    /// A node does not answer.
    Hang { node: NodeId, seconds: u32 },
    /// The process of a node does not exit when told to.
    Stubborn { node: NodeId, seconds: u32 },
    /// The next steps of the node fail.
    Fail { node: NodeId, steps: u32 },
    /// Steps of the node stay pending.
    Slow { node: NodeId, seconds: u32 },
    /// A figure is missing.
    Lose { figure: Figure, seconds: u32 },
    /// No node is observed.
    Blind { seconds: u32 },
    /// One node is not observed.
    Overlook { node: NodeId, seconds: u32 },
    /// The process manager does not answer.
    Unreachable { seconds: u32 },
    /// A figure is wrong, in thousandths of its maximum.
    Lie { figure: Figure, permille: u32, seconds: u32 },
    /// Observations report a running node as gone.
    Deny { node: NodeId, seconds: u32 },
    /// An external process answers on the port of the node.
    Stray { node: NodeId, seconds: u32 },
    /// The wall clock is set.
    Jump { seconds: i64 },
    /// The host sleeps.
    Sleep { seconds: u32 },
    /// The host restarts, and its wall clock changes by `off`.
    Reboot { seconds: u32, off: i64 },
    /// The folder of a node is lost.
    LoseFolder { node: NodeId },
    /// Every `every`th node exits, from index `first` on.
    MassDeath { first: u32, every: u32 },
    /// The folder of every `every`th node is not visible, from index `first` on.
    MassLoss { first: u32, every: u32, seconds: u32 },
    /// A volume is not mounted.
    Unmount { volume: u32, seconds: u32 },
    /// The operator requests an action on a node.
    Ask { verb: Verb, node: NodeId },
    /// The operator requests an action on a number of nodes.
    AskSome { verb: Verb, count: u32 },
    /// The operator moves a node to the storage folder of a volume, counted from 0 and beyond the last one from 0 again.
    Move { node: NodeId, volume: u32 },
    /// The operator gives a node another argument.
    Update { node: NodeId, argument: u32 },
    /// The operator changes the node cap.
    Cap { cap: u32 },
    /// The node binary is replaced by another version, which works or does not.
    Release { patch: u64, works: bool },
    /// A node upgrades itself to the version of the node binary.
    SelfUpgrade { node: NodeId },
    /// The background load grows by this many thousandths of the processors.
    Surge { permille: u32, seconds: u32 },
    /// The manager crashes after it passed this many points of its cycle.
    Crash { points: u32 },
    /// The next writes of the journal fail.
    JournalFails { writes: u32 },
    /// The operator holds voluntary actions.
    Hold { seconds: u32, drain: bool },
    /// A folder is deleted without a trace.
    Sabotage { node: NodeId },
    /// The undo of the next failed addition leaves the folder of the node.
    Remnant { node: NodeId },
}

/// The average number of cycles from one with events to the next.
const CALM_CYCLES: u32 = 8;

/// Appends the events of a cycle. They depend on the seed, the cycle, the kinds and the number of nodes alone.
pub(crate) fn drawn_events(seed: u64, cycle: u64, faults: &Faults, nodes: u32, events: &mut Vec<Event>) {
    if faults.0.is_empty() {
        return;
    }
    let mut chance = Chance::new(seed ^ mixed(cycle), 1);
    if !chance.once_in(CALM_CYCLES) {
        return;
    }
    // Every third event has another one in the same cycle: combinations of faults find most errors.
    loop {
        let fault = faults.0[chance.below(faults.0.len() as u32) as usize];
        events.push(event(fault, nodes, &mut chance));
        if !chance.once_in(3) {
            break;
        }
    }
}

fn event(fault: Fault, nodes: u32, chance: &mut Chance) -> Event {
    let number = chance.within(1..=nodes + nodes / 4 + 1);
    let node = NodeId::new(number).unwrap_or(NodeId::FIRST);
    let seconds = chance.one_of([10, 60, 130, 400, 900]);
    match fault {
        Fault::Nodes => match chance.below(3) {
            0 => Event::Die { node },
            1 => Event::Hang { node, seconds },
            _ => Event::Stubborn { node, seconds },
        },
        Fault::Failures => Event::Fail { node, steps: chance.within(1..=4) },
        Fault::Slowness => Event::Slow { node, seconds },
        Fault::Missing => match chance.below(4) {
            0 => Event::Blind { seconds },
            1 => Event::Overlook { node, seconds },
            _ => Event::Lose { figure: figure(chance), seconds },
        },
        Fault::Lies => match chance.below(5) {
            0 => Event::Unreachable { seconds },
            1 => Event::Deny { node, seconds },
            2 => Event::Stray { node, seconds },
            _ => Event::Lie { figure: figure(chance), permille: chance.below(1100), seconds },
        },
        Fault::Clock if chance.once_in(4) => Event::Sleep { seconds: chance.within(60..=30_000) },
        Fault::Clock => Event::Jump { seconds: jump(chance) },
        // Restarts must be rarer than other faults: each ends every process and every action.
        Fault::Reboots if chance.once_in(4) => {
            let off = if chance.once_in(4) { jump(chance) } else { 0 };
            Event::Reboot { seconds: chance.within(20..=600), off }
        }
        Fault::Reboots => Event::Die { node },
        Fault::Folders => Event::LoseFolder { node },
        Fault::Mass if chance.once_in(4) => {
            let (first, every) = (chance.below(5), chance.within(1..=5));
            if chance.once_in(3) {
                Event::MassLoss { first, every, seconds }
            } else {
                Event::MassDeath { first, every }
            }
        }
        Fault::Mass => Event::Die { node },
        Fault::Device => Event::Unmount { volume: chance.below(3), seconds },
        Fault::Operator => operator(nodes, node, chance),
        Fault::Surges => Event::Surge { permille: chance.below(1200), seconds },
        Fault::Crashes => {
            let most = chance.one_of([4, 24]);
            Event::Crash { points: chance.below(most) }
        }
        Fault::Journal => Event::JournalFails { writes: chance.within(1..=3) },
        Fault::Holds => Event::Hold { seconds, drain: chance.once_in(2) },
        Fault::Sabotage => Event::Sabotage { node },
        Fault::Remnants => Event::Remnant { node },
    }
}

fn figure(chance: &mut Chance) -> Figure {
    chance.one_of([Figure::Cpu, Figure::Memory, Figure::Disk, Figure::Load, Figure::Traffic, Figure::Target])
}

/// Returns a jump of the wall clock, from a minute to decades in either direction.
fn jump(chance: &mut Chance) -> i64 {
    let size = chance.one_of([60, 3_600, 86_400, 31_536_000, 1_500_000_000]);
    if chance.once_in(2) { size } else { -size }
}

fn operator(nodes: u32, node: NodeId, chance: &mut Chance) -> Event {
    let verb = chance.one_of([
        Verb::Add,
        Verb::Start,
        Verb::Start,
        Verb::Stop,
        Verb::Restart,
        Verb::Upgrade,
        Verb::Remove,
        Verb::Disable,
        Verb::Enable,
    ]);
    match chance.below(10) {
        0 => Event::Cap { cap: chance.below(nodes * 2 + 3) },
        1 | 2 => Event::Release { patch: u64::from(chance.below(12)), works: !chance.once_in(6) },
        3 => Event::SelfUpgrade { node },
        4 => Event::AskSome { verb, count: chance.within(1..=3) },
        5 => Event::Move { node, volume: chance.below(8) },
        6 => Event::Update { node, argument: chance.below(4) },
        _ => Event::Ask { verb, node },
    }
}
