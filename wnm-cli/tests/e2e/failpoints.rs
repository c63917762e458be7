//! The end of `wnm` before and after each step of an action and each write of the database, and once more during the
//! recovery.
//!
//! [`POINTS`] is the table of all points. The short form ends a command at each of them; `just crash` ends each command at
//! every point that it reaches.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Stdio};

use wnm_core::steps::Step;
use wnm_store::Write;

use crate::cases::{CASES, Case, Prepared};
use crate::crash::{Colony, Extent, Figures, assert_recovered, in_colonies, recover};
use crate::host::{Host, turn};

/// Each effect, with the command that is ended before and after it.
const POINTS: &[(&str, Case)] = &[
    ("write volumes", Case::Init),
    ("write migration", Case::Migration),
    ("write samples", Case::Migration),
    ("step Folder", Case::Add),
    ("step Binary", Case::Add),
    ("step Define", Case::Add),
    ("step OpenPort", Case::Add),
    ("step Start", Case::Add),
    ("step Confirm", Case::Add),
    ("write begin", Case::Add),
    ("write step", Case::Add),
    ("write results", Case::Add),
    ("write failure", Case::FailedAdd),
    ("step Stop", Case::Stop),
    ("step SeeGone", Case::Stop),
    ("step ClosePort", Case::Stop),
    ("step Switch", Case::Update),
    ("step SwitchBack", Case::FailedUpdate),
    ("step Copy", Case::Move),
    ("step CopyRest", Case::Move),
    ("step Verify", Case::Move),
    ("step DropSource", Case::Move),
    ("step DropCopy", Case::FailedMove),
    ("step Stage", Case::Upgrade),
    ("step Swap", Case::Upgrade),
    ("step DropOld", Case::Upgrade),
    ("step SwapBack", Case::FailedUpgrade),
    ("step Tombstone", Case::Remove),
    ("step Linger", Case::Remove),
    ("step Undefine", Case::Remove),
    ("step Trash", Case::Remove),
    ("write nodes", Case::Restore),
    ("write settings", Case::Settings),
    ("write cache", Case::Copy),
    ("write schedule", Case::Copy),
    ("write copy", Case::Copy),
    ("write copied", Case::Copy),
    ("write probes", Case::Probe),
    ("write rebuild", Case::Rebuild),
];

/// Runs a command with a failpoint: a name, a number, or the empty text for none. Returns its end and the points that it
/// reached.
fn run(host: &Host, words: &[String], point: &str) -> (ExitStatus, Vec<String>) {
    let log = host.path("failpoints");
    let _ = fs::remove_file(&log);
    let mut command = host.command(words);
    command.env("WNM_FAILPOINT", point).env("WNM_FAILPOINT_LOG", &log);
    let mut child = {
        let _turn = turn();
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let status = child.wait().unwrap();
    let reached = fs::read_to_string(&log).unwrap_or_default();
    (status, reached.lines().map(str::to_owned).collect())
}

/// Ends a command at a point, then its recovery at its point `second`, and checks the colony after a complete recovery.
/// Returns the points that the command reached, and whether it was ended.
fn end(prepared: Prepared<'_>, point: &str, second: u32, figures: &mut Figures) -> (Vec<String>, bool) {
    let Prepared { colony, case, .. } = prepared;
    let words = prepared.prepare();
    let before = prepared.identities();
    let (status, reached) = run(&colony.host, &words, point);
    let is_ended = status.signal() == Some(9);
    if is_ended {
        figures.killed += 1;
    } else {
        figures.completed += 1;
    }
    prepared.complete();
    if run(&colony.host, &["run".to_owned()], &second.to_string()).0.signal() == Some(9) {
        figures.killed += 1;
    }
    recover(colony, &before, &format!("{case:?} ended {point}, its recovery at point {second}"), figures);
    prepared.clean_up();
    (reached, is_ended)
}

/// Ends each command at each point that it reaches, or at each first one of `stride`.
pub(crate) fn kills(extent: Extent) -> Figures {
    in_colonies(extent, |colony, first| {
        let mut figures = Figures::default();
        let mut number = 1;
        // A daemon reaches the points of `run`, again and again.
        let cases = CASES.into_iter().filter(|case| *case != Case::Daemon);
        for case in cases.skip(first).step_by(extent.colonies) {
            for point in (1..).step_by(extent.stride) {
                if extent.is_over() {
                    return figures;
                }
                number += 1;
                let prepared = Prepared { colony, number, case };
                if !end(prepared, &format!("{point}"), 1 + number % 7, &mut figures).1 {
                    break;
                }
            }
        }
        figures
    })
}

/// Returns the names of all effects: the steps of the core and the writes of the store.
fn effects() -> BTreeSet<String> {
    let schema = serde_json::to_value(schemars::schema_for!(Step)).unwrap();
    let steps = schema["oneOf"].as_array().unwrap().iter().map(|step| {
        let step: Step = serde_json::from_value(step["const"].clone()).unwrap();
        format!("step {step:?}")
    });
    steps.chain(Write::ALL.iter().map(|write| format!("write {}", write.name()))).collect()
}

#[test]
fn table_has_each_step_and_each_write_once() {
    let named: Vec<&str> = POINTS.iter().map(|(effect, _)| *effect).collect();
    let unique: BTreeSet<String> = named.iter().map(|effect| (*effect).to_owned()).collect();
    assert_eq!(unique, effects());
    assert_eq!(named.len(), unique.len());
    assert!(CASES.iter().copied().collect::<BTreeSet<_>>().len() == CASES.len());
    assert!(POINTS.iter().all(|(_, case)| CASES.contains(case)));
}

#[test]
fn colony_recovers_from_an_end_at_each_failpoint() {
    let colony = Colony::new();
    let mut figures = Figures::default();
    let mut reached = BTreeMap::new();
    let points = POINTS.iter().flat_map(|(effect, case)| ["before", "after"].map(|moment| (moment, effect, *case)));
    for (number, (moment, effect, case)) in (2..).zip(points) {
        let point = format!("{moment} {effect}");
        let prepared = Prepared { colony: &colony, number, case };
        let (found, is_ended) = end(prepared, &point, 1 + number % 7, &mut figures);
        assert!(is_ended, "{case:?} did not reach the point {point:?}: {found:#?}");
        for point in found {
            *reached.entry(point).or_insert(0) += 1;
        }
    }
    assert_recovered(&figures);
    let known: BTreeSet<String> =
        effects().iter().flat_map(|effect| ["before", "after"].map(|moment| format!("{moment} {effect}"))).collect();
    assert_eq!(reached.into_keys().collect::<BTreeSet<String>>(), known);
}
