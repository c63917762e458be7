//! The commands that are killed, each on a colony prepared for it.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use wnm_platform::fake_node::Behaviour;

use crate::crash::{Colony, refill};
use crate::host::{Host, states};
use crate::service::with_cron;
use crate::{moving_in, probe};

/// A command that changes the host, in one of its manners.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Case {
    Init,
    Import,
    Migration,
    Add,
    FailedAdd,
    Stop,
    Start,
    Restart,
    Disable,
    Enable,
    Update,
    FailedUpdate,
    Move,
    FailedMove,
    Drain,
    Upgrade,
    FailedUpgrade,
    Reset,
    Remove,
    Restore,
    NodeBackup,
    NodeRestore,
    Settings,
    Hold,
    Copy,
    Probe,
    DbBackup,
    DbRestore,
    Rebuild,
    Daemon,
    ServiceInstall,
    ServiceUninstall,
    Teardown,
}

/// All commands, in an order in which each finds its nodes.
pub(crate) const CASES: [Case; 33] = {
    use Case::*;
    [
        Init,
        Import,
        Migration,
        Add,
        FailedAdd,
        Stop,
        Start,
        Restart,
        Disable,
        Enable,
        Update,
        FailedUpdate,
        Move,
        FailedMove,
        Drain,
        Upgrade,
        FailedUpgrade,
        Reset,
        Remove,
        Restore,
        NodeBackup,
        NodeRestore,
        Settings,
        Hold,
        Copy,
        Probe,
        DbBackup,
        DbRestore,
        Rebuild,
        Daemon,
        ServiceInstall,
        ServiceUninstall,
        Teardown,
    ]
};

const INSTALL: &str = "service install --cron";
const UNINSTALL: &str = "service uninstall --cron";
/// The line of another job in the crontab.
const OTHER_JOB: &str = "@daily backup\n";

/// The schema of version 5 of the database, without rows.
const VERSION_5: &str = include_str!("version-5.sql");

/// Returns the database and the files beside it.
fn files_of_database(host: &Host) -> Vec<PathBuf> {
    let files = fs::read_dir(host.path("")).unwrap().map(|file| file.unwrap().path());
    files.filter(|file| file.file_name().unwrap().to_string_lossy().starts_with("wnm.db")).collect()
}

/// Replaces the database by one of version 5 with its settings.
pub(crate) fn downgrade(host: &Host) {
    let path = host.path("wnm.db");
    let settings: Vec<(String, String, i64)> = {
        let db = rusqlite::Connection::open(&path).unwrap();
        let mut select = db.prepare("SELECT key, value, digest FROM settings").unwrap();
        let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
        rows.map(Result::unwrap).collect()
    };
    files_of_database(host).iter().for_each(|file| fs::remove_file(file).unwrap());
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute_batch(VERSION_5).unwrap();
    for row in settings {
        db.execute("INSERT INTO settings (key, value, digest) VALUES (?1, ?2, ?3)", row).unwrap();
    }
    drop(db);
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
}

/// A command on its colony, with a number that no earlier command had, for changes that are to differ each time.
#[derive(Clone, Copy)]
pub(crate) struct Prepared<'a> {
    pub(crate) colony: &'a Colony,
    pub(crate) number: u32,
    pub(crate) case: Case,
}

impl Prepared<'_> {
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
        if !host.path("wnm.db").exists() {
            let ran = host.wnm(&host.init_args());
            assert_eq!(ran.code(), 0, "{}{}", ran.out, ran.err);
        }
        self.expect("config set crisis_bytes=1MB");
        let other = self.other();
        if !host.expect(0, "storage list").out.contains(&other) {
            self.expect(&format!("storage add {other}"));
        }
    }

    /// Returns the storage folder on the other volume.
    fn other(&self) -> String {
        self.colony.storage[1].display().to_string()
    }

    /// Gives the host a crontab without wnm.
    fn put_table(&self) {
        with_cron(&self.colony.host);
        fs::write(self.colony.host.path("table"), OTHER_JOB).unwrap();
    }

    /// Asserts that the crontab has the other job, and wnm or not.
    fn assert_installed(&self, is_installed: bool) {
        let table = fs::read_to_string(self.colony.host.path("table")).unwrap();
        assert!(table.starts_with(OTHER_JOB), "{table}");
        assert_eq!(table.lines().count(), 1 + usize::from(is_installed), "{table}");
    }

    /// Returns a file that the command writes or reads.
    fn file(&self) -> PathBuf {
        self.colony.host.path(&format!("{:?}-{}", self.case, self.number))
    }

    /// Makes the command possible, and returns its words.
    pub(crate) fn prepare(&self) -> Vec<String> {
        let (host, number) = (&self.colony.host, self.number as usize);
        let line = match self.case {
            Case::Init => {
                self.clear();
                return host.init_args();
            }
            Case::Import => {
                self.clear();
                self.make();
                self.expect("node add --count 2");
                moving_in::forget(host, &self.wait_until_running());
                return self.import();
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
            Case::Hold => "hold --reason disks",
            Case::Probe => {
                if !host.path("bin/ant").exists() {
                    let tasks = probe::prepare(host);
                    self.expect(&format!("config set probe_tasks={}", tasks.display()));
                }
                "probe run"
            }
            Case::Daemon | Case::ServiceInstall | Case::ServiceUninstall | Case::Teardown => self.prepare_supervised(),
            Case::Add | Case::FailedAdd => {
                while host.nodes().len() > 3 {
                    self.expect("node remove --count 1 --yes");
                }
                if self.case == Case::FailedAdd {
                    self.provide(Behaviour::ExitAtStart { code: 1 });
                }
                "node add"
            }
            _ => return self.prepare_copies(),
        };
        words(line)
    }

    /// Makes a command possible that runs cycles by itself, or ends that.
    fn prepare_supervised(&self) -> &'static str {
        let host = &self.colony.host;
        match self.case {
            Case::Daemon => {
                refill(host, "node upgrade");
                self.expect("node start --all");
                self.wait_until_running();
                self.provide(Behaviour::Normal);
                self.expect("config set enable_upgrade=true");
                "daemon --interval 1s"
            }
            Case::ServiceInstall | Case::ServiceUninstall => {
                self.put_table();
                if self.case == Case::ServiceInstall {
                    INSTALL
                } else {
                    self.expect(INSTALL);
                    UNINSTALL
                }
            }
            _ => {
                refill(host, "teardown");
                self.remove_set_aside();
                self.put_table();
                self.expect(INSTALL);
                self.expect("hold --reason end");
                "teardown --yes --purge"
            }
        }
    }

    /// Makes a command on a copy of nodes or of the database possible, and returns its words.
    fn prepare_copies(&self) -> Vec<String> {
        let host = &self.colony.host;
        let file = self.file().display().to_string();
        let line = match self.case {
            Case::DbBackup => &format!("db backup {file}"),
            Case::DbRestore => {
                refill(host, "db restore");
                self.remove_set_aside();
                self.expect(&format!("db backup {file}"));
                &format!("db restore {file}")
            }
            Case::Rebuild => {
                self.expect("run");
                for name in ["wnm.db-wal", "wnm.db-shm"] {
                    let _ = fs::remove_file(host.path(name));
                }
                self.remove_set_aside();
                fs::write(host.path("wnm.db"), [7; 8192]).unwrap();
                "run"
            }
            Case::NodeBackup => {
                refill(host, "node backup");
                &format!("node backup --all --to {file}")
            }
            Case::NodeRestore => {
                refill(host, "node restore");
                let node = host.listed().last().unwrap()["node"].to_string();
                self.expect(&format!("node backup {node} --to {file}"));
                self.expect(&format!("node remove {node} --yes"));
                &format!("node restore --from {file} --yes")
            }
            Case::Restore => {
                refill(host, "node remove");
                self.expect("node remove --count 1 --yes");
                let list = host.expect(0, "--json trash list").json();
                let latest = list.as_array().unwrap().iter().max_by_key(|entry| entry["removed_at"].as_str().unwrap());
                return ["trash", "restore", latest.unwrap()["uuid"].as_str().unwrap()].map(str::to_owned).to_vec();
            }
            _ => return self.prepare_nodes(),
        };
        words(line)
    }

    /// Makes a command on running nodes possible, and returns its words.
    fn prepare_nodes(&self) -> Vec<String> {
        let (host, number) = (&self.colony.host, self.number as usize);
        let line = match self.case {
            Case::Stop => "node stop --count 1",
            Case::Start => "node start --count 1",
            Case::Restart => "node restart --count 1",
            Case::Disable => "node disable --count 1",
            Case::Enable => "node enable --count 1",
            Case::Reset => "node reset --count 1 --yes",
            Case::Remove => "node remove --count 1 --yes",
            Case::Update | Case::FailedUpdate => "node update --count 1 --set environment=",
            Case::Move | Case::FailedMove => "node move --count 1 --to ",
            Case::Drain => &format!("storage drain {}", self.other()),
            _ => "node upgrade --count 1",
        };
        refill(host, line);
        if ![Case::Start, Case::Enable].contains(&self.case) {
            self.expect("node start --all");
            self.wait_until_running();
        }
        let line = match self.case {
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
            Case::Drain => {
                let other = self.other();
                let is_there = |folder: &str| folder.starts_with(&other);
                if !host.listed().iter().any(|node| node["folder"].as_str().is_some_and(is_there)) {
                    self.expect(&format!("node move --count 1 --to {other}"));
                }
                line
            }
            _ => return self.colony.words(line, number),
        };
        words(line)
    }

    fn wait_until_running(&self) -> Vec<serde_json::Value> {
        let is_running = |nodes: &[serde_json::Value]| states(nodes).iter().all(|state| *state == "RUNNING");
        self.colony.host.wait_for("running nodes", is_running)
    }

    /// Returns the words of the import of the nodes in the first storage folder.
    fn import(&self) -> Vec<String> {
        let mut words = self.colony.host.init_args();
        words.extend(["--import", "--node-storage"].map(str::to_owned));
        words.push(self.colony.storage[0].display().to_string());
        words
    }

    fn remove_set_aside(&self) {
        let is_set_aside =
            |file: &PathBuf| [".set-aside-", ".before-"].iter().any(|mark| file.to_string_lossy().contains(mark));
        let files = files_of_database(&self.colony.host).into_iter().filter(is_set_aside);
        files.for_each(|file| fs::remove_file(file).unwrap());
    }

    /// Returns the identities that the command, killed or not, must leave.
    pub(crate) fn identities(&self) -> BTreeSet<Vec<u8>> {
        if self.case == Case::Teardown { BTreeSet::new() } else { self.colony.identities() }
    }

    /// Does the part of the operator after the command was killed: no cycle completes a command that makes or removes
    /// the colony, or that writes a file for him.
    pub(crate) fn complete(&self) {
        let host = &self.colony.host;
        match self.case {
            Case::Daemon => self.expect("config set enable_upgrade=false"),
            Case::Import if !host.path("wnm.db").exists() => {
                let ran = host.wnm(&self.import());
                assert_eq!(ran.code(), 0, "{}{}", ran.out, ran.err);
            }
            Case::Teardown if host.path("wnm.db").exists() => self.clear(),
            Case::ServiceInstall => {
                self.expect(INSTALL);
                self.assert_installed(true);
            }
            Case::ServiceUninstall => {
                self.expect(UNINSTALL);
                self.assert_installed(false);
            }
            Case::DbBackup if !self.file().exists() => self.expect(&format!("db backup {}", self.file().display())),
            Case::NodeBackup if !self.file().exists() => {
                self.expect(&format!("node backup --all --to {}", self.file().display()));
            }
            _ => {}
        }
        if self.case == Case::Teardown {
            self.assert_installed(false);
            assert_eq!(files_of_database(host), Vec::<PathBuf>::new());
        }
        if [Case::Init, Case::Import, Case::Teardown].contains(&self.case) {
            self.make();
        }
    }

    /// Undoes the preparation that would disturb the next command.
    pub(crate) fn clean_up(&self) {
        match self.case {
            Case::FailedAdd | Case::FailedUpgrade => {
                self.colony.host.put_binary(&format!("{}.0.1", self.number), Behaviour::Normal);
            }
            Case::FailedMove => self.expect("config set crisis_bytes=1MB"),
            Case::Disable | Case::Enable => self.expect("node enable --all"),
            // Exit code 1: a kill before the first write drains nothing.
            Case::Drain => drop(self.colony.host.wnm(&["storage", "add", &self.other()])),
            Case::Hold => self.expect("resume"),
            Case::NodeBackup | Case::NodeRestore | Case::DbBackup | Case::DbRestore => {
                fs::remove_file(self.file()).unwrap();
                self.remove_set_aside();
            }
            Case::Init | Case::Import | Case::Migration | Case::Rebuild => self.make(),
            _ => {}
        }
    }
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}
