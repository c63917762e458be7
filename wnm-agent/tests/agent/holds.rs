//! Holds from their real sources, with stepped time: the command, a file, and a server on the loopback interface.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use wnm_agent::valves::host::{CommandHold, for_display, for_host};
use wnm_agent::{Mode, Trigger};
use wnm_core::{Blocker, ClosedValve, Decision, Hold, HoldSource, Timestamp};

use crate::common::{MemoryAgent, agent, settings};

/// Seconds from cycle to cycle.
const STEP: u64 = 5;

/// A server that answers every request with its current answer, and counts the requests.
struct Server {
    url: String,
    answer: Arc<Mutex<String>>,
    asked: Arc<AtomicUsize>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hold", listener.local_addr().unwrap());
        let (answer, asked) = (Arc::new(Mutex::new(String::new())), Arc::new(AtomicUsize::new(0)));
        let (answers, count) = (Arc::clone(&answer), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let lines = BufReader::new(stream.try_clone().unwrap()).lines();
                lines.map_while(Result::ok).find(String::is_empty);
                let answer = answers.lock().unwrap().clone();
                count.fetch_add(1, Ordering::SeqCst);
                _ = stream.write_all(answer.as_bytes());
            }
        });
        Self { url, answer, asked }
    }

    fn answers(&self, status: &str, body: &str) {
        let length = body.len();
        *self.answer.lock().unwrap() =
            format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn cycle(agent: &mut MemoryAgent) -> (Decision, Vec<Hold>, Vec<String>) {
    let report = agent.run_cycle(&Trigger::Scheduled, Mode::DryRun, &mut ()).unwrap();
    let valves = report.observation.valves;
    (report.decision, valves.holds, valves.troubles.into_iter().map(|trouble| trouble.problem).collect())
}

/// Steps the time until a cycle satisfies `wanted`; returns the stepped seconds. A request runs on a thread of its own,
/// which gets real time to end; no step of the clock depends on it.
#[track_caller]
fn steps_until(agent: &mut MemoryAgent, wanted: impl Fn(&[Hold], &[String]) -> bool) -> u64 {
    for seconds in (0..=120).step_by(STEP as usize) {
        let started = Instant::now();
        while started.elapsed() < Duration::from_millis(if seconds < 60 { 40 } else { 5_000 }) {
            let (_, holds, problems) = cycle(agent);
            if wanted(&holds, &problems) {
                return seconds;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        agent.platform.uptime += STEP * 1000;
    }
    panic!("not within two minutes");
}

#[test]
fn hold_by_command_prevents_additions_until_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("wnm.db");
    let (mut agent, _) = agent(&[]);
    agent.holds = for_host(&database);
    assert_eq!(cycle(&mut agent).0.actions.len(), 1);

    let until = Some(Timestamp::from_millis(1_780_000_600_000));
    let hold = Hold { source: HoldSource::Command, reason: "new disks".into(), since: None, until, drain: false };
    let command = CommandHold::of(&database);
    command.set(&hold).unwrap();
    let (decision, holds, _) = cycle(&mut agent);
    assert_eq!((decision.actions.len(), holds), (0, vec![hold.clone()]));
    let is_held = |blocker: &&Blocker| **blocker == Blocker::Valve { valve: ClosedValve::Hold { hold: hold.clone() } };
    assert!(decision.blockers().iter().any(is_held), "{decision:?}");
    // The end of the hold, by the wall clock.
    agent.platform.uptime = 600_000;
    assert_eq!(cycle(&mut agent).0.actions.len(), 1);

    command.set(&Hold { until: None, ..hold }).unwrap();
    assert_eq!(cycle(&mut agent).0.actions.len(), 0);
    assert!(command.end().unwrap() && !command.end().unwrap());
    assert_eq!(cycle(&mut agent).0.actions.len(), 1);
}

#[test]
fn damaged_hold_by_command_holds_and_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("wnm.db");
    let (mut agent, _) = agent(&[]);
    agent.holds = for_host(&database);
    std::fs::write(folder.path().join("wnm.db.hold"), "{").unwrap();
    let (decision, holds, problems) = cycle(&mut agent);
    assert_eq!((decision.actions.len(), holds.len(), problems.len()), (0, 1, 1));
}

#[test]
fn hold_by_file_lasts_while_the_file_exists() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hold");
    let (mut agent, _) = agent(&[("hold_file", file.to_str().unwrap())]);
    agent.holds = for_host(&folder.path().join("wnm.db"));
    let held = |agent: &mut MemoryAgent| {
        let (decision, holds, problems) = cycle(agent);
        assert_eq!(decision.actions.is_empty(), !holds.is_empty());
        (holds.into_iter().map(|hold| hold.reason).collect::<Vec<_>>(), problems.len())
    };
    assert_eq!(held(&mut agent), (vec![], 0));
    std::fs::write(&file, format!("a \u{1b}[31mstorm{}\nand more", "!".repeat(500))).unwrap();
    let (reasons, _) = held(&mut agent);
    assert!(reasons[0].starts_with("a [31mstorm!") && reasons[0].len() == 200, "{reasons:?}");
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    assert_eq!(held(&mut agent), (vec![String::new()], 0));
    std::fs::remove_dir(&file).unwrap();
    assert_eq!(held(&mut agent), (vec![], 0));
    // A pipe without a writer must not stop the cycle.
    assert!(std::process::Command::new("mkfifo").arg(&file).status().unwrap().success());
    assert_eq!(held(&mut agent), (vec![String::new()], 0));
    // A path through a file cannot be read: the last state stays, and is told.
    agent.settings.hold_file = Some(file.join("below"));
    assert_eq!(held(&mut agent), (vec![String::new()], 1));
}

#[test]
fn hold_file_behind_a_link_that_others_can_exchange_shows_no_file() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir(at("shared")).unwrap();
    std::fs::write(at("secret"), "root:$y$j9T$").unwrap();
    symlink(at("secret"), at("shared/hold")).unwrap();
    let (mut agent, _) = agent(&[("hold_file", at("shared/hold").to_str().unwrap())]);
    agent.holds = for_host(&at("wnm.db"));
    let reasons = |agent: &mut MemoryAgent| {
        let (_, holds, problems) = cycle(agent);
        assert!(problems.is_empty(), "{problems:?}");
        holds.into_iter().map(|hold| hold.reason).collect::<Vec<_>>()
    };
    assert_eq!(reasons(&mut agent), ["root:$y$j9T$"], "no other user can write the folder");
    std::fs::set_permissions(at("shared"), std::fs::Permissions::from_mode(0o777)).unwrap();
    assert_eq!(reasons(&mut agent), [""]);
    std::fs::remove_file(at("secret")).unwrap();
    assert_eq!(reasons(&mut agent), [] as [&str; 0], "the link leads nowhere");
}

#[test]
fn hold_by_url_is_seen_within_a_minute_and_survives_lies_and_absence() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("wnm.db");
    let server = Server::start();
    server.answers("200 OK", r#"{"hold": false}"#);
    let (mut agent, _) = agent(&[("hold_url", &server.url)]);
    agent.holds = for_host(&database);
    assert_eq!(cycle(&mut agent).0.actions.len(), 1);
    assert_eq!(server.asked(), 1);

    server.answers("200 OK", r#"{"hold": true, "reason": "a storm", "drain": true}"#);
    for _ in 0..60 / STEP - 1 {
        agent.platform.uptime += STEP * 1000;
        assert!(cycle(&mut agent).1.is_empty());
    }
    assert_eq!(server.asked(), 1, "once a minute at most");
    agent.platform.uptime += STEP * 1000;
    let asked = Instant::now();
    while cycle(&mut agent).1.is_empty() {
        assert!(asked.elapsed() < Duration::from_secs(10));
        std::thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(server.asked(), 2);
    assert_eq!(cycle(&mut agent).0.actions.len(), 0);
    let stored = || std::fs::read(folder.path().join("wnm.db.hold-url")).unwrap();
    let endless = format!("{{\"hold\": false, \"reason\": \"{}", "x".repeat(1 << 20));
    for (status, body) in [
        ("200 OK", "<html>hello</html>"),
        ("200 OK", r#"{"held": false}"#),
        ("200 OK", r#"{"hold": "no"}"#),
        ("200 OK", r#"{"hold": true, "until": "soon"}"#),
        ("302 Found", ""),
        ("404 Not Found", r#"{"hold": false}"#),
        ("200 OK", &endless),
        ("500 Oh no", r#"{"hold": false}"#),
    ] {
        let before = stored();
        server.answers(status, body);
        // The stored state names the time of its request, thus it changes with each answer that was taken over. The
        // clock stands still meanwhile: no second request becomes due, however slow the host is.
        agent.platform.uptime += 60_000;
        let asked = Instant::now();
        while stored() == before {
            assert!(asked.elapsed() < Duration::from_secs(10), "{status} {body}");
            cycle(&mut agent);
            std::thread::sleep(Duration::from_millis(2));
        }
        let (decision, holds, problems) = cycle(&mut agent);
        assert_eq!((decision.actions.len(), holds[0].reason.as_str()), (0, "a storm"), "{status} {body} {problems:?}");
    }

    // Another process knows the state without a request, and so does a command that only shows.
    let asked = server.asked();
    let (mut other, _) = self::agent(&[("hold_url", &server.url)]);
    other.platform.uptime = agent.platform.uptime;
    other.holds = for_host(&database);
    assert_eq!(cycle(&mut other).1[0].reason, "a storm");
    let wall = Timestamp::from_millis(1_780_000_000_000 + agent.platform.uptime.cast_signed());
    let shown = for_display(&database).sample(&settings(&[("hold_url", &server.url)]), wall);
    assert_eq!((shown.holds.len(), server.asked()), (1, asked));

    server.answers("200 OK", r#"{"hold": false}"#);
    let seen = steps_until(&mut agent, |holds, problems| holds.is_empty() && problems.is_empty());
    assert!(seen <= 60, "{seen} s");
    // A colony without the setting leaves no file behind.
    agent.settings.hold_url = None;
    cycle(&mut agent);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn server_that_is_away_is_told_in_the_first_cycle() {
    let folder = tempfile::tempdir().unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (mut agent, _) = agent(&[("hold_url", &format!("http://{free}/secret"))]);
    agent.holds = for_host(&folder.path().join("wnm.db"));
    let (decision, holds, problems) = cycle(&mut agent);
    assert_eq!((decision.actions.len(), holds.len(), problems.len()), (1, 0, 1));
    assert!(problems[0].contains(&free.to_string()) && !problems[0].contains("secret"), "{problems:?}");
}

#[cfg(feature = "fleet")]
#[test]
fn stored_hold_of_a_fleet_stands_without_its_engine() {
    use wnm_agent::fleet::{FleetService, FleetState};
    use wnm_agent::valves::host::DaemonHolds;
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("wnm.db");
    let (mut agent, live) = (agent(&[("fleet_url", "redis://127.0.0.1:1")]).0, wnm_agent::live::Live::default());
    let hold = serde_json::json!({"control": {"stops": {}, "command": {"fleet": "farm", "generation": 7, "target": "all",
        "issued": 1_780_000_000_000_i64, "not_after": 1_780_000_600_000_i64,
        "verb": {"hold": {"reason": "new kernel", "drain": false}}}}, "problem": null, "reached": null});
    let state: FleetState = serde_json::from_value(hold).unwrap();
    state.write(&database).unwrap();

    // In another command, and in a daemon whose membership is missing.
    agent.holds = for_host(&database);
    let (decision, holds, _) = cycle(&mut agent);
    assert_eq!((decision.actions.len(), holds[0].reason.as_str()), (0, "new kernel"));
    let mut service = FleetService::new(&database, live, "0.1.0", |_| String::new());
    agent.holds = DaemonHolds::new(&database).with_fleet(service.shared()).readers();
    service.configure(&agent.settings);
    let (_, holds, problems) = cycle(&mut agent);
    assert_eq!((holds[0].source, problems.len()), (HoldSource::Fleet, 1));
    assert!(problems[0].starts_with("the host is in no fleet: cannot read"), "{problems:?}");

    // The end of the hold, and the end of the setting.
    agent.platform.uptime = 600_000;
    assert_eq!(cycle(&mut agent).1, []);
    agent.platform.uptime = 0;
    agent.settings.fleet_url = None;
    service.configure(&agent.settings);
    assert_eq!((cycle(&mut agent).1, FleetState::read(&database)), (vec![], Some(state)));
}
