//! Kills of the commands of `wnm fleet` before each system call with an effect, and each message to the engine. The command is
//! then repeated, as the operator would.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use crate::crash::{CALLS, Colony, Figures, assert_recovered, calls_of, each, kill_at, number, recover};
use crate::daemon::Daemon;
use crate::fleet::server::Server;
use crate::host::turn;

/// A command that changes a fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Init,
    Invite,
    InviteAgain,
    Join,
    Leave,
    Expel,
    Hold,
    Resume,
    Set,
    Rollout,
    Abort,
}

impl Change {
    const ALL: [Self; 11] = [
        Self::Init,
        Self::Invite,
        Self::InviteAgain,
        Self::Join,
        Self::Leave,
        Self::Expel,
        Self::Hold,
        Self::Resume,
        Self::Set,
        Self::Rollout,
        Self::Abort,
    ];

    /// Returns the error of the repeated command when the first one had its whole effect before its end.
    const fn done(self) -> Option<&'static str> {
        match self {
            Self::Init => Some("fleet.json exists already"),
            Self::Join => Some("this host is in the fleet"),
            Self::Leave => Some("this host is in no fleet"),
            Self::Expel => Some("no such host: web"),
            Self::Rollout => Some("no rollout was started"),
            _ => None,
        }
    }
}

/// A change of a new fleet, whose operator has the file of this number.
struct Prepared<'a> {
    colony: &'a Colony,
    engine: String,
    number: usize,
    change: Change,
}

impl Prepared<'_> {
    fn words(&self, line: &str) -> Vec<String> {
        let file = self.colony.host.path(&format!("{}/fleet.json", self.number)).display().to_string();
        let words = line.split(' ').map(str::to_owned);
        ["fleet", "--fleet", &file].map(str::to_owned).into_iter().chain(words).collect()
    }

    #[track_caller]
    fn expect(&self, code: i32, line: &str) -> serde_json::Value {
        let words = [vec!["--json".to_owned()], self.words(line)].concat();
        let ran = self.colony.host.wnm(&words);
        assert_eq!(ran.code(), code, "{:?}: {line}: {}{}", self.change, ran.out, ran.err);
        if code == 0 { ran.json() } else { serde_json::Value::Null }
    }

    fn invitation(&self) -> String {
        self.expect(0, "invite web")["command"].as_str().unwrap().rsplit(' ').next().unwrap().to_owned()
    }

    /// Returns the words of a command that drives a rollout until it is told to end: no host has a daemon.
    fn rollout(&self) -> Vec<String> {
        self.words(&format!("rollout start 0.4.18 --sha256 {}", "0".repeat(64)))
    }

    /// Starts a rollout, and kills its command.
    fn start_rollout(&self) {
        let words = self.rollout();
        let mut command = self.colony.host.command(&words);
        let mut driver = {
            let _turn = turn();
            Daemon(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
        };
        while self.colony.host.wnm(&self.words("rollout status")).code() != 0 {
            assert_eq!(driver.0.try_wait().unwrap(), None);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Makes the fleet that the command needs, and returns the words of the command.
    fn prepare(&self) -> Vec<String> {
        let init = format!("init farm{} {}", self.number, self.engine);
        if self.change == Change::Init {
            return self.words(&init);
        }
        // The command that was killed before left its host in the fleet or not.
        let _ = self.colony.host.wnm(&["fleet", "leave"]);
        self.expect(0, &init);
        let line = match self.change {
            Change::Init | Change::Invite => "invite web",
            Change::InviteAgain => {
                self.invitation();
                "invite web"
            }
            Change::Join => &format!("join {}", self.invitation()),
            Change::Leave => {
                self.expect(0, &format!("join {}", self.invitation()));
                "leave"
            }
            Change::Expel => {
                self.invitation();
                "expel web"
            }
            Change::Hold => "hold --reason disks",
            Change::Resume => {
                self.expect(0, "hold --reason disks");
                "resume"
            }
            Change::Set => "set max_unavailable=0",
            Change::Rollout => return self.rollout(),
            Change::Abort => {
                self.start_rollout();
                "rollout abort"
            }
        };
        self.words(line)
    }

    /// Repeats the command until it had its effect, and checks the effect.
    fn complete(&self, words: &[String]) -> Result<(), String> {
        let host = &self.colony.host;
        // The right to drive a rollout ends some time after its command: the operator aborts it instead.
        let abort = self.words("rollout abort");
        let ran = host.wnm(if self.change == Change::Rollout { &abort } else { words });
        let is_done = ran.code() == 0 || self.change.done().is_some_and(|text| ran.err.contains(text));
        if !is_done && self.change == Change::Join && ran.err.contains("was used") {
            self.expect(0, &format!("join {}", self.invitation()));
        } else if !is_done {
            return Err(format!("repeated: {}{}", ran.out, ran.err));
        }
        let hosts = self.expect(0, "hosts");
        let is_member = hosts.as_array().unwrap().iter().any(|host| host["host"] == "web");
        let is_expected = matches!(self.change, Change::Invite | Change::InviteAgain | Change::Join | Change::Leave);
        if is_member != is_expected {
            return Err(format!("members: {hosts}"));
        }
        let commands = self.expect(0, "status")["commands"].to_string();
        let verb = match self.change {
            Change::Hold => "\"hold\"",
            Change::Resume => "\"resume\"",
            Change::Set => "\"set\"",
            _ => "",
        };
        if !commands.contains(verb) {
            return Err(format!("commands: {commands}"));
        }
        // The key that hosts know signs.
        self.expect(0, "hold --reason disks");
        let mut files = ["wnm.db.fleet", "wnm.db.fleet-state"].into_iter();
        match files.find(|file| host.path(file).exists()) {
            Some(file) if self.change == Change::Leave => Err(format!("{file} is left")),
            None if self.change == Change::Join => Err("no membership".to_owned()),
            _ => Ok(()),
        }
    }
}

#[test]
#[ignore = "needs redis-server in WNM_TEST_REDIS, and strace"]
fn fleet_recovers_from_kills_at_system_calls() {
    let stride = number("WNM_CRASH_STRIDE").unwrap_or(11).max(1);
    let server = Server::start(&[]);
    let (colony, calls) = (Colony::new(), format!("{CALLS},sendto"));
    let mut figures = Figures::default();
    let mut number = 0;
    for change in Change::ALL {
        let mut next = || {
            number += 1;
            fs::create_dir(colony.host.path(&number.to_string())).unwrap();
            Prepared { colony: &colony, engine: server.url().to_string(), number, change }
        };
        let prepared = next();
        for call in calls_of(&colony.host, &prepared.prepare(), &calls).into_iter().step_by(stride) {
            let prepared = next();
            let words = prepared.prepare();
            kill_at(&colony.host, &words, &call, &mut figures);
            let after = format!("{change:?} killed at {} {}", call.0, call.1);
            if let Err(violation) = prepared.complete(&words) {
                figures.violations.push(format!("{after}: {violation}"));
            }
            recover(&colony, &colony.identities(), &after, &mut figures);
        }
    }
    println!("{}", figures.line(&format!("at {} system call of eleven commands of `fleet`", each(stride))));
    assert_recovered(&figures);
}
