//! The states in which a crash leaves a node of the model. The snapshot is the list of them all, and those in which a
//! killed `wnm` leaves nodes of a host must be among them: `wnm-cli/tests/e2e/intermediate.rs` reads it.

use std::collections::BTreeSet;

use rayon::prelude::*;
use wnm_core::{RawSettings, Verb};

use super::*;
use crate::scenario::chaos::HostSize;

const NODE: NodeId = NodeId::FIRST;

/// Returns the state of each node, such as `add: confirm start | new | folder program definition process`.
fn states(run: &Run<'_>) -> Vec<String> {
    let ledger = run.ledger.borrow();
    let nodes = (1..).filter_map(NodeId::new).zip(run.agent.platform.model.nodes());
    nodes.map(|(id, node)| state(&ledger, id, node)).collect()
}

fn state(ledger: &Ledger, id: NodeId, node: &HostNode) -> String {
    let record = ledger.open.iter().map(|open| &open.record).find(|record| record.node() == id);
    let action = record.map_or_else(
        || "no action".to_owned(),
        |record| {
            let step = record.next_step().map_or_else(|| "end".to_owned(), |step| step.to_string());
            let back = if record.failure.is_some() { ", back" } else { "" };
            format!("{}: {step}{back}", record.planned.action.verb())
        },
    );
    let desired = match (ledger.nodes.get(&id), ledger.state.nodes.get(&id)) {
        (None, _) => "no row",
        (Some(_), None) => "new",
        (Some(_), Some(state)) => ledger.state.desired(id, state).word(),
    };
    let folder = node.folder.as_ref();
    let parts = [
        ("folder", folder.is_some()),
        ("program", folder.is_some_and(|folder| folder.program.is_some())),
        ("staged", folder.is_some_and(|folder| folder.staged.is_some())),
        ("retained", folder.is_some_and(|folder| folder.retained.is_some())),
        // The definition of a node under setsid is in its folder.
        ("definition", folder.is_some() && node.is_defined),
        ("process", node.process.is_some()),
        ("copy", node.copy.is_some()),
        ("source", node.source.is_some()),
    ];
    let parts: Vec<&str> = parts.into_iter().filter(|(_, exists)| *exists).map(|(part, _)| part).collect();
    format!("{action} | {desired} | {}", parts.join(" "))
}

/// A change of a node: settings, the events that prepare it, and the one that begins it.
struct Change {
    settings: &'static [(&'static str, &'static str)],
    before: &'static [Event],
    begin: Event,
    /// The number of the node.
    number: u32,
}

const fn ask(verb: Verb) -> Event {
    Event::Ask { verb, node: NODE }
}

const fn change(before: &'static [Event], begin: Event) -> Change {
    Change { settings: &[], before, begin, number: 1 }
}

/// A move of a node to another volume: the scenario has it on the second one.
const MOVE: Event = Event::Move { node: NODE, volume: 0 };
const UPDATE: Event = Event::Update { node: NODE, argument: 7 };
const RELEASE: Event = Event::Release { patch: 9, works: true };
const STOP: Event = ask(Verb::Stop);
const DISABLE: Event = ask(Verb::Disable);

/// A change of a node that was enabled: it is stopped by policy, and on a host with so low a threshold no rule starts it.
const fn change_of_enabled(before: &'static [Event], begin: Event) -> Change {
    Change { settings: &[("cpu_less_than", "1")], before, begin, number: 1 }
}
const ENABLE: &[Event] = &[DISABLE, ask(Verb::Enable)];

/// Every change of a running and of a stopped node, by request and by the rules.
const CHANGES: [Change; 31] = [
    change(&[], STOP),
    change(&[], ask(Verb::Restart)),
    change(&[], DISABLE),
    change(&[], ask(Verb::Remove)),
    change(&[], MOVE),
    change(&[], UPDATE),
    change(&[], Event::Cap { cap: 2 }),
    change(&[], Event::Die { node: NODE }),
    change(&[], Event::Surge { permille: 1000, seconds: 30 }),
    change(&[RELEASE], ask(Verb::Upgrade)),
    change(&[STOP], ask(Verb::Start)),
    change(&[STOP, RELEASE], ask(Verb::Start)),
    change(&[STOP], ask(Verb::Remove)),
    change(&[STOP], DISABLE),
    change(&[STOP], MOVE),
    change(&[STOP], UPDATE),
    change(&[STOP, RELEASE], ask(Verb::Upgrade)),
    change(&[DISABLE], ask(Verb::Enable)),
    change(&[DISABLE], ask(Verb::Start)),
    change(&[DISABLE], ask(Verb::Remove)),
    change(&[DISABLE], MOVE),
    change(&[DISABLE], UPDATE),
    change_of_enabled(ENABLE, STOP),
    change_of_enabled(ENABLE, ask(Verb::Start)),
    change_of_enabled(&[DISABLE, ask(Verb::Enable), RELEASE], ask(Verb::Start)),
    change_of_enabled(ENABLE, ask(Verb::Remove)),
    change_of_enabled(ENABLE, DISABLE),
    change_of_enabled(ENABLE, MOVE),
    change_of_enabled(ENABLE, UPDATE),
    Change { number: 4, ..change(&[], Event::Cap { cap: 4 }) },
    Change { settings: &[("delay_remove", "10")], ..change(&[], Event::Cap { cap: 2 }) },
];

/// The trouble of a node: a delay from the begin of its change on, and an accident after the crash.
type Trouble = (Option<Event>, Option<Event>);

/// Returns each trouble that the node of a change may have.
fn troubles(node: NodeId) -> [Trouble; 6] {
    let (hang, die) = (Event::Hang { node, seconds: 10 }, Event::Die { node });
    [
        (None, None),
        (None, Some(Event::Fail { node, steps: 1 })),
        (None, Some(die)),
        (Some(Event::Stubborn { node, seconds: 30 }), None),
        (Some(hang), None),
        (Some(hang), Some(die)),
    ]
}

/// The crashes of one run: after some cycles of the change at a point of the next one, and in the cycle after that.
#[derive(Clone, Copy)]
struct Crashes {
    after: u64,
    first: u32,
    second: Option<u32>,
}

fn cycle(run: &mut Run<'_>, events: &[Event]) {
    run.run_cycle(events).unwrap_or_else(|violation| panic!("{violation}"));
    run.cycle += 1;
}

/// Runs a change with crashes until no action is open, and adds the states that they leave. Returns whether each crash came
/// before the end of its cycle.
fn add_states(change: &Change, (delay, accident): Trouble, crashes: Crashes, found: &mut BTreeSet<String>) -> bool {
    const MOST_CYCLES: usize = 100;
    let scenario = scenario(change);
    let mut run = Run::new(&scenario, Events::Listed(&[])).unwrap();
    // The checks of each hundredth cycle cost as much as all cycles of a change.
    run.cycle = 1;
    for event in change.before {
        cycle(&mut run, &[*event]);
        (0..20).for_each(|_| cycle(&mut run, &[]));
    }
    let mut begin: Vec<Event> = delay.into_iter().chain([change.begin]).collect();
    (0..crashes.after).for_each(|_| cycle(&mut run, &std::mem::take(&mut begin)));
    if crashes.after > 0 && run.ledger.borrow().open.is_empty() {
        return false;
    }
    begin.push(Event::Crash { points: crashes.first });
    cycle(&mut run, &begin);
    found.extend(states(&run));
    if !run.crash.has_crashed() {
        return false;
    }
    let second = crashes.second.map(|points| Event::Crash { points });
    cycle(&mut run, &accident.into_iter().chain(second).collect::<Vec<_>>());
    found.extend(states(&run));
    let all = crashes.second.is_none() || run.crash.has_crashed();
    for _ in 0..MOST_CYCLES {
        if run.ledger.borrow().open.is_empty() {
            return all;
        }
        cycle(&mut run, &[]);
        found.extend(states(&run));
    }
    panic!("the actions do not end: {:?}", run.ledger.borrow().open);
}

/// Calls `run` with 0, 1 and so on until it returns false.
fn each(mut run: impl FnMut(u32) -> bool) -> bool {
    (0..).take_while(|number| run(*number)).count() > 0
}

fn scenario(change: &Change) -> Scenario {
    let mut settings = RawSettings::default();
    let mut set = |key: &str, value: &str| settings.set(key, value).unwrap();
    ["start", "restart", "upgrade", "remove"].iter().for_each(|delay| set(&format!("delay_{delay}"), "0"));
    set("node_cap", "3");
    change.settings.iter().for_each(|(key, value)| set(key, value));
    Scenario {
        interval: 3,
        settings,
        host: HostSize { cpus: 8, memory_mb: 16_000, volumes_mb: vec![1_000_000; 2], cpu_limit: false },
        ..Scenario::steady(3, 0)
    }
}

/// Returns the states that all runs of a change with one trouble leave.
fn states_of(change: &Change, trouble: Trouble) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    each(|after| {
        each(|first| {
            let mut run =
                |second| add_states(change, trouble, Crashes { after: after.into(), first, second }, &mut found);
            let is_reached = run(None);
            // Alone, a second crash leaves the states of a later first one.
            if is_reached && trouble.1.is_some() {
                each(|second| run(Some(second)));
            }
            is_reached
        })
    });
    found
}

#[test]
fn crash_leaves_a_node_in_these_states() {
    let all = CHANGES.iter().flat_map(|change| troubles(NodeId::new(change.number).unwrap()).map(|it| (change, it)));
    let found = all.collect::<Vec<_>>().into_par_iter().map(|(change, trouble)| states_of(change, trouble));
    let found: BTreeSet<String> = found.collect::<Vec<_>>().into_iter().flatten().collect();
    let lines: Vec<&str> = found.iter().map(String::as_str).collect();
    insta::assert_snapshot!("states", lines.join("\n"));
}
