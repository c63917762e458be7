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
use wnm_platform::fake_node::Behaviour;
use wnm_store::Write;

use crate::crash::{Colony, Extent, Figures, assert_recovered, in_colonies, recover, refill};
use crate::host::{Host, states, turn};
use crate::probe;

/// A command that is ended, on a colony prepared for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Case {
    Init,
    Migration,
    Add,
    FailedAdd,
    Stop,
    Start,
    Restart,
    Update,
    FailedUpdate,
    Move,
    FailedMove,
    Upgrade,
    FailedUpgrade,
    Remove,
    Restore,
    Settings,
    Copy,
    Probe,
    Rebuild,
}

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

/// All commands, in an order in which each finds its nodes.
const CASES: [Case; 19] = {
    use Case::*;
    [
        Init,
        Migration,
        Add,
        FailedAdd,
        Stop,
        Start,
        Restart,
        Update,
        FailedUpdate,
        Move,
        FailedMove,
        Upgrade,
        FailedUpgrade,
        Remove,
        Restore,
        Settings,
        Copy,
        Probe,
        Rebuild,
    ]
};

/// The schema of version 5 of the database, without rows.
const VERSION_5: &str = include_str!("version-5.sql");

/// Replaces the database by one of version 5 with its settings.
pub(crate) fn downgrade(host: &Host) {
    let path = host.path("wnm.db");
    let settings: Vec<(String, String, i64)> = {
        let db = rusqlite::Connection::open(&path).unwrap();
        let mut select = db.prepare("SELECT key, value, digest FROM settings").unwrap();
        let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
        rows.map(Result::unwrap).collect()
    };
    let mut files: Vec<_> = fs::read_dir(host.path("")).unwrap().flatten().collect();
    files.retain(|file| file.file_name().to_string_lossy().starts_with("wnm.db"));
    files.iter().for_each(|file| fs::remove_file(file.path()).unwrap());
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute_batch(VERSION_5).unwrap();
    for row in settings {
        db.execute("INSERT INTO settings (key, value, digest) VALUES (?1, ?2, ?3)", row).unwrap();
    }
    drop(db);
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
}

/// A colony with a number that no earlier command had, for changes that are to differ each time.
struct Ended<'a> {
    colony: &'a Colony,
    number: u32,
}

impl Ended<'_> {
    fn expect(&self, line: &str) {
        self.colony.host.expect(0, line);
    }

    fn provide(&self, behaviour: Behaviour) {
        self.colony.host.put_binary(&format!("{}.0.0", self.number), behaviour);
    }

    /// Removes the colony with its database.
    fn clear(&self) {
        // A node whose removal was cut may need a second run.
        let host = &self.colony.host;
        let is_gone = |_| host.wnm(&["teardown", "--yes", "--purge"]).code() == 0;
        assert!((0..3).any(is_gone), "the colony is not removed");
    }

    fn make(&self) {
        let host = &self.colony.host;
        let args = host.init_args();
        if !host.path("wnm.db").exists() {
            let ran = host.wnm(&args);
            assert_eq!(ran.code(), 0, "{}{}", ran.out, ran.err);
        }
        self.expect("config set crisis_bytes=1MB");
        let other = self.colony.storage[1].display().to_string();
        if !host.expect(0, "storage list").out.contains(&other) {
            self.expect(&format!("storage add {other}"));
        }
    }

    /// Makes the command possible, and returns its words.
    fn prepare(&self, case: Case) -> Vec<String> {
        let (host, number) = (&self.colony.host, self.number as usize);
        let line = match case {
            Case::Init => {
                self.clear();
                return host.init_args();
            }
            Case::Migration => {
                self.clear();
                self.make();
                self.expect("run");
                downgrade(host);
                "run"
            }
            Case::Copy => {
                let db = rusqlite::Connection::open(host.path("wnm.db")).unwrap();
                db.execute("DELETE FROM singles WHERE name IN ('schedule', 'cached', 'copied')", []).unwrap();
                "run"
            }
            Case::Settings => return vec!["config".into(), "set".into(), format!("node_cap={}", 6 + number % 2)],
            Case::Probe => {
                if !host.path("bin/ant").exists() {
                    let tasks = probe::prepare(host);
                    self.expect(&format!("config set probe_tasks={}", tasks.display()));
                }
                "probe run"
            }
            Case::Rebuild => {
                self.expect("run");
                for name in ["wnm.db-wal", "wnm.db-shm"] {
                    let _ = fs::remove_file(host.path(name));
                }
                for aside in fs::read_dir(host.path("")).unwrap().flatten() {
                    if aside.file_name().to_string_lossy().contains(".set-aside-") {
                        fs::remove_file(aside.path()).unwrap();
                    }
                }
                fs::write(host.path("wnm.db"), [7; 8192]).unwrap();
                "run"
            }
            Case::Add | Case::FailedAdd => {
                while host.nodes().len() > 3 {
                    self.expect("node remove --count 1 --yes");
                }
                if case == Case::FailedAdd {
                    self.provide(Behaviour::ExitAtStart { code: 1 });
                }
                "node add"
            }
            Case::Restore => {
                refill(host, "node remove");
                self.expect("node remove --count 1 --yes");
                let list = host.expect(0, "--json trash list").json();
                let latest = list.as_array().unwrap().iter().max_by_key(|entry| entry["removed_at"].as_str().unwrap());
                return ["trash", "restore", latest.unwrap()["uuid"].as_str().unwrap()].map(str::to_owned).to_vec();
            }
            _ => return self.prepare_node(case),
        };
        line.split(' ').map(str::to_owned).collect()
    }

    /// Makes a command on one node possible, and returns its words.
    fn prepare_node(&self, case: Case) -> Vec<String> {
        let (host, number) = (&self.colony.host, self.number as usize);
        let line = match case {
            Case::Stop => "node stop --count 1",
            Case::Start => "node start --count 1",
            Case::Restart => "node restart --all",
            Case::Remove => "node remove --count 1 --yes",
            Case::Update | Case::FailedUpdate => "node update --count 1 --set environment=",
            Case::Move | Case::FailedMove => "node move --count 1 --to ",
            _ => "node upgrade --all",
        };
        refill(host, line);
        if case != Case::Start {
            self.expect("node start --all");
            host.wait_for("running nodes", |nodes| states(nodes).iter().all(|state| *state == "RUNNING"));
        }
        let line = match case {
            Case::Upgrade => {
                self.provide(Behaviour::Normal);
                line
            }
            Case::FailedUpgrade => {
                self.provide(Behaviour::ExitAtStart { code: 1 });
                line
            }
            Case::FailedUpdate => "node update --count 1 --set start_args=--no-such-flag",
            Case::FailedMove => {
                self.expect("config set crisis_bytes=900TB");
                return self.colony.words(line, number);
            }
            _ => return self.colony.words(line, number),
        };
        line.split(' ').map(str::to_owned).collect()
    }

    /// Undoes the preparation that would disturb the next command.
    fn clean_up(&self, case: Case) {
        match case {
            Case::FailedAdd | Case::FailedUpgrade => {
                self.colony.host.put_binary(&format!("{}.0.1", self.number), Behaviour::Normal);
            }
            Case::FailedMove => self.expect("config set crisis_bytes=1MB"),
            Case::Init | Case::Migration | Case::Rebuild => self.make(),
            _ => {}
        }
    }

    /// Runs a command with a failpoint: a name, a number, or the empty text for none. Returns its end and the points that it
    /// reached.
    fn run(&self, words: &[String], point: &str) -> (ExitStatus, Vec<String>) {
        let log = self.colony.host.path("failpoints");
        let _ = fs::remove_file(&log);
        let mut command = self.colony.host.command(words);
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
    fn end(&self, case: Case, point: &str, second: u32, figures: &mut Figures) -> (Vec<String>, bool) {
        let words = self.prepare(case);
        let before = self.colony.identities();
        let (status, reached) = self.run(&words, point);
        let is_ended = status.signal() == Some(9);
        if is_ended {
            figures.killed += 1;
        } else {
            figures.completed += 1;
        }
        if case == Case::Init {
            // No cycle completes a command that makes the colony.
            self.make();
        }
        let run = ["run".to_owned()];
        if self.run(&run, &second.to_string()).0.signal() == Some(9) {
            figures.killed += 1;
        }
        recover(self.colony, &before, &format!("{case:?} ended {point}, its recovery at point {second}"), figures);
        self.clean_up(case);
        (reached, is_ended)
    }
}

/// Ends each command at each point that it reaches, or at each first one of `stride`.
pub(crate) fn kills(extent: Extent) -> Figures {
    in_colonies(extent, |colony, first| {
        let mut figures = Figures::default();
        let mut number = 1;
        for case in CASES.into_iter().skip(first).step_by(extent.colonies) {
            for point in (1..).step_by(extent.stride) {
                if extent.is_over() {
                    return figures;
                }
                number += 1;
                let ended = Ended { colony, number };
                if !ended.end(case, &format!("{point}"), 1 + number % 7, &mut figures).1 {
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
        let ended = Ended { colony: &colony, number };
        let (found, is_ended) = ended.end(case, &point, 1 + number % 7, &mut figures);
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
