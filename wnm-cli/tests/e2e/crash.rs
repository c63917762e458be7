//! Kills of `wnm` at random times and at each system call with an effect, and the state of the colony after its recovery.
//!
//! The short form runs with the other tests. `just crash` runs the long form and writes docs/RELIABILITY.md.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use wnm_platform::fake_node::Behaviour;

use crate::cases::{CASES, Prepared};
use crate::failpoints;
use crate::host::{Host, OtherVolume, processes_below, turn};
use crate::intermediate;

/// The page with the figures, and the lines around them.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/RELIABILITY.md");
const MARKS: [&str; 2] = ["<!-- figures of `just crash` -->\n", "<!-- end of the figures -->"];

/// The commands that are killed at random times.
const COMMANDS: [&str; 12] = [
    "node add",
    "node stop --count 1",
    "node start --count 1",
    "node restart --count 1",
    "node remove --count 1 --yes",
    "node update --count 1 --set environment=",
    "node move --count 1 --to ",
    "node upgrade --count 1",
    "node disable --count 1",
    "node enable --count 1",
    "node reset --count 1 --yes",
    "run",
];
/// The system calls by which commands change the host.
pub(crate) const CALLS: &str = "write,pwrite64,copy_file_range,sendfile,fsync,fdatasync,rename,renameat,renameat2,link,linkat,symlink,\
                     symlinkat,unlink,unlinkat,rmdir,mkdir,mkdirat,kill,pidfd_send_signal,clone,clone3,vfork,ftruncate,\
                     fallocate,chmod,fchmod,fchown,fchownat,utimensat";
/// Time after which a daemon, or the command that drives a rollout, is told to end if it was not killed.
const LONGEST_RUN: Duration = Duration::from_secs(4);
/// The length of the identity of a fake node, in bytes.
const KEY_LENGTH: usize = 32;
/// Time after a kill in which the lock may still be held: a child that has not yet executed its program gets little time on a
/// busy host.
const LOCK_LIMIT: Duration = Duration::from_secs(10);

/// A colony with storage folders on two volumes.
pub(crate) struct Colony {
    pub(crate) host: Host,
    pub(crate) storage: [PathBuf; 2],
    _other: OtherVolume,
}

impl Colony {
    pub(crate) fn new() -> Self {
        let host = Host::with_colony();
        let other = OtherVolume::new();
        host.expect(0, "config set crisis_bytes=1MB");
        host.expect(0, &format!("storage add {}", other.path().display()));
        let storage = [host.path(".local/share/autonomi/node"), other.path().to_owned()];
        Self { host, storage, _other: other }
    }

    /// Returns the words of a command that changes something each time.
    pub(crate) fn words(&self, command: &str, number: usize) -> Vec<String> {
        let line = match command.split(' ').nth(1) {
            Some("move") => {
                // The oldest node is the one that `--count 1` selects.
                let nodes = self.host.listed();
                let oldest = nodes.iter().min_by_key(|node| node["created_at"].as_str());
                let folder = oldest.and_then(|node| node["folder"].as_str());
                let is_home = folder.is_none_or(|folder| Path::new(folder).starts_with(&self.storage[0]));
                format!("{command}{}", self.storage[usize::from(is_home)].display())
            }
            Some("update") => format!("{command}KILL={number}"),
            Some("upgrade") => {
                self.host.put_binary(&format!("{}.0.0", number + 1), Behaviour::Normal);
                command.to_owned()
            }
            _ => command.to_owned(),
        };
        line.split(' ').map(str::to_owned).collect()
    }

    /// Returns the processes of the nodes.
    pub(crate) fn processes(&self) -> Vec<Pid> {
        let of_other = processes_below(&self.storage[1]);
        self.host.processes().into_iter().chain(of_other).collect()
    }

    /// Returns the identities of all nodes, also of those in the trash.
    pub(crate) fn identities(&self) -> BTreeSet<Vec<u8>> {
        let folders = self.storage.iter().flat_map(|storage| [storage.clone(), storage.join(".trash")]);
        let nodes = folders.flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten());
        let keys = nodes.filter_map(|node| fs::read(node.path().join("secret-key")).ok());
        // A node may be writing its key.
        keys.filter(|key| key.len() == KEY_LENGTH).collect()
    }

    /// Deletes the programs in the trash, which would fill the disk.
    fn shrink_trash(&self) {
        for trash in self.storage.iter().map(|storage| storage.join(".trash")) {
            for entry in fs::read_dir(trash).into_iter().flatten().flatten() {
                let _ = fs::remove_file(entry.path().join("antnode"));
            }
        }
    }
}

/// Commands that the model of `wnm-sim explore` lacks: it loses and exchanges no database, takes in no node, neither from the
/// trash, and makes no colony.
const BEYOND_MODEL: [&str; 6] = ["Rebuild ", "DbRestore ", "Restore ", "NodeRestore ", "Import ", "Teardown "];

/// The extent of a run.
#[derive(Clone, Copy)]
pub(crate) struct Extent {
    /// The number of kills at random times.
    kills: usize,
    /// Kills at system calls and failpoints are at each first one of this number.
    pub(crate) stride: usize,
    /// The number of colonies that are killed at the same time.
    pub(crate) colonies: usize,
    /// The end of the run, also of one that is not complete.
    until: Option<Instant>,
}

impl Extent {
    pub(crate) fn is_over(self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }
}

/// The counts of one kind of kill.
#[derive(Default)]
pub(crate) struct Figures {
    pub(crate) killed: usize,
    /// Runs that ended before the kill.
    pub(crate) completed: usize,
    pub(crate) violations: Vec<String>,
    /// The number of cycles of each recovery.
    cycles: Vec<usize>,
    /// The time of each recovery.
    times: Vec<Duration>,
    /// The time of the slowest cycle, the kill before it, and its log.
    slowest: (Duration, String),
    /// The kills after which an action had begun and not ended.
    in_action: usize,
    /// Each state that a kill of a command of the model left a node in, with the first such kill.
    states: BTreeMap<String, String>,
}

impl Figures {
    /// Adds the counts of another colony.
    fn add(&mut self, other: Self) {
        self.killed += other.killed;
        self.completed += other.completed;
        self.in_action += other.in_action;
        self.violations.extend(other.violations);
        self.cycles.extend(other.cycles);
        self.times.extend(other.times);
        self.slowest = std::mem::take(&mut self.slowest).max(other.slowest);
        self.states.extend(other.states);
    }

    /// Returns the states that the model of `wnm-sim explore` does not have, each with its kill.
    fn states_without_model(&self) -> Vec<String> {
        let known = intermediate::of_model();
        let unknown = self.states.iter().filter(|(state, _)| !known.contains(*state));
        unknown.map(|(state, after)| format!("{state} ({after})")).collect()
    }

    pub(crate) fn line(&self, name: &str) -> String {
        let [cycles, longest_cycles] = [0.5, 0.99].map(|share| at(&self.cycles, share));
        let [time, longest_time] = [0.5, 0.99].map(|share| at(&self.times, share).as_secs_f64());
        let (slowest, violations) = (self.slowest.0.as_secs_f64(), self.violations.len());
        let Self { killed, in_action, completed, states, .. } = self;
        format!(
            "| {name} | {killed} | {in_action} | {completed} | {violations} | {cycles} | {longest_cycles} | {time:.1} s | \
             {longest_time:.1} s | {slowest:.1} s | {} |\n",
            states.len()
        )
    }
}

/// Returns the value below which a share of the values lies.
fn at<T: Ord + Copy + Default>(values: &[T], share: f64) -> T {
    let mut values = values.to_vec();
    values.sort_unstable();
    let place = ((values.len() as f64 * share) as usize).min(values.len().saturating_sub(1));
    values.get(place).copied().unwrap_or_default()
}

/// Runs cycles until no action is pending, and checks the colony. `before` has the identities from before the command.
pub(crate) fn recover(colony: &Colony, before: &BTreeSet<Vec<u8>>, after: &str, figures: &mut Figures) {
    let host = &colony.host;
    let states = intermediate::states(colony);
    figures.in_action += usize::from(states.iter().any(|state| !state.starts_with("no action")));
    let has_model = !BEYOND_MODEL.iter().any(|command| after.starts_with(command));
    for state in states.into_iter().filter(|_| has_model) {
        figures.states.entry(state).or_insert_with(|| after.to_owned());
    }
    let mut cycles = 0;
    let killed = Instant::now();
    loop {
        let begun = Instant::now();
        // Exit code 3: an action failed, such as an addition that was cut and rolled back.
        let ran = host.wnm(&["--json", "-v", "run"]);
        // A child that the killed process had just forked has its lock until the child executes its program.
        if ran.code() == 4 && killed.elapsed() < LOCK_LIMIT {
            continue;
        }
        cycles += 1;
        if begun.elapsed() > figures.slowest.0 {
            figures.slowest = (begun.elapsed(), format!("{after}:\n{}", ran.err));
        }
        if ![0, 3].contains(&ran.code()) {
            figures.violations.push(format!("{after}: wnm run ended with {}: {}", ran.code(), ran.err));
            return;
        }
        let cycle = ran.data();
        if cycle["work"].as_array().is_some_and(|work| work.iter().all(|work| work["result"] != "pending")) {
            break;
        }
        // Steps such as a stop end a moment later; such a cycle is no more work after a crash than without one.
        std::thread::sleep(Duration::from_millis(100));
        if cycles > 100 {
            figures.violations.push(format!("{after}: actions do not end: {cycle}"));
            return;
        }
    }
    figures.cycles.push(cycles);
    figures.times.push(killed.elapsed());
    if let Err(violation) = check(colony, before) {
        figures.violations.push(format!("{after}: {violation}"));
    }
    colony.shrink_trash();
}

/// Checks that folders, processes and rows agree, and that no identity is lost.
fn check(colony: &Colony, before: &BTreeSet<Vec<u8>>) -> Result<(), String> {
    let host = &colony.host;
    let lost = before.difference(&colony.identities()).count();
    if lost > 0 {
        return Err(format!("{lost} identities are lost"));
    }
    let nodes = host.listed();
    let mut ports = BTreeSet::new();
    for port in nodes.iter().flat_map(|node| node["ports"].as_object().into_iter().flat_map(|ports| ports.values())) {
        if let Some(port) = port.as_u64().filter(|port| !ports.insert(*port)) {
            return Err(format!("port {port} belongs to two nodes"));
        }
    }
    let rows: BTreeSet<String> = nodes.iter().filter_map(|node| Some(node["name"].as_str()?.to_owned())).collect();
    let places: BTreeSet<PathBuf> = nodes.iter().filter_map(|node| Some(node["folder"].as_str()?.into())).collect();
    let entries = colony.storage.iter().flat_map(|storage| fs::read_dir(storage).into_iter().flatten().flatten());
    let (hidden, folders): (BTreeSet<PathBuf>, BTreeSet<PathBuf>) = entries
        .map(|entry| entry.path())
        .partition(|path| path.file_name().is_some_and(|name| name.as_encoded_bytes()[0] == b'.'));
    if places != folders {
        return Err(format!("rows {places:?}, folders {folders:?}"));
    }
    if let Some(copy) = hidden.iter().find(|path| path.ends_with(".moving")) {
        return Err(format!("a copy is left: {}", copy.display()));
    }
    let mut running: BTreeMap<String, usize> = BTreeMap::new();
    for pid in colony.processes() {
        let line = fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())).unwrap_or_default();
        let words: Vec<String> =
            line.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect();
        let root = words.iter().skip_while(|word| *word != "--root-dir").nth(1);
        let name = root.and_then(|root| Some(root.rsplit('/').next()?.to_owned()));
        *running.entry(name.unwrap_or_default()).or_default() += 1;
    }
    if let Some((name, count)) = running.iter().find(|(name, count)| **count > 1 || !rows.contains(*name)) {
        return Err(format!("{count} processes on {name:?}, rows {rows:?}"));
    }
    let checked = host.wnm(&["db", "check"]);
    if checked.code() != 0 { Err(checked.out + &checked.err) } else { Ok(()) }
}

/// Fills the colony up to four nodes, so that each command has a node to act on.
pub(crate) fn refill(host: &Host, command: &str) {
    let nodes = host.listed();
    if nodes.len() < 3 {
        host.expect(0, "node add");
    } else if nodes.len() > 4 {
        host.expect(0, "node remove --count 1 --yes");
    }
    let has = |status: &str| nodes.iter().any(|node| node["status"] == status);
    // A start needs a stopped node, and so on.
    let lines: &[&str] = match command.split(' ').nth(1) {
        Some("start") if !has("STOPPED") => &["node stop --count 1"],
        Some("enable") if !has("DISABLED") => &["node disable --count 1"],
        Some("stop" | "restart" | "disable") if !has("RUNNING") => &["node enable --all", "node start --all"],
        _ => &[],
    };
    for line in lines {
        let _ = host.wnm(&line.split(' ').collect::<Vec<_>>());
    }
}

/// Runs the share of each colony in a thread of its own, and adds the figures. `share` gets the number of the colony.
pub(crate) fn in_colonies(extent: Extent, share: impl Fn(&Colony, usize) -> Figures + Sync) -> Figures {
    let mut figures = Figures::default();
    std::thread::scope(|scope| {
        let share = &share;
        let threads: Vec<_> =
            (0..extent.colonies).map(|number| scope.spawn(move || share(&Colony::new(), number))).collect();
        threads.into_iter().for_each(|thread| figures.add(thread.join().unwrap()));
    });
    figures
}

fn random_kills(extent: Extent) -> Figures {
    in_colonies(extent, |colony, first| random_kills_of(colony, extent, first))
}

/// Kills the commands `first`, `first` + the number of colonies, and so on.
fn random_kills_of(colony: &Colony, extent: Extent, first: usize) -> Figures {
    let host = &colony.host;
    let mut figures = Figures::default();
    // About the time of each command: it grows when the command is killed, so that a busy host kills in its middle too.
    let mut times = COMMANDS.map(|line| (line, Duration::from_millis(500)));
    // Repeatable delays, spread over the time of the commands (the golden ratio modulo 1).
    let shares = (1..).map(|run: u32| f64::from(run) * 0.618_033_988_75 % 1.0);
    for (number, share) in (0..extent.kills).zip(shares).skip(first).step_by(extent.colonies) {
        if extent.is_over() {
            break;
        }
        // Each colony gets all commands.
        let (line, time) = &mut times[(number / extent.colonies + first) % COMMANDS.len()];
        let delay = time.mul_f64(share);
        refill(host, line);
        let before = colony.identities();
        let mut command = host.command(&colony.words(line, number));
        let begun = Instant::now();
        let mut child = {
            let _turn = turn();
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
        };
        std::thread::sleep(delay);
        child.kill().unwrap();
        if child.wait().unwrap().signal() == Some(9) {
            figures.killed += 1;
            *time = time.mul_f64(1.1).min(Duration::from_secs(10));
        } else {
            figures.completed += 1;
            *time = begun.elapsed().max(Duration::from_millis(50));
        }
        recover(colony, &before, &format!("{line}, killed after {delay:?}"), &mut figures);
    }
    figures
}

/// Runs a command of wnm under strace with these options, in all its threads, and without the programs that it executes.
fn run_traced(host: &Host, words: &[String], calls: &str, options: &[&str]) -> ExitStatus {
    let plain = host.command(words);
    let mut traced = Command::new("strace");
    traced.args(["-f", "-b", "execve", "-qq", "-e", &format!("trace={calls}")]).args(options);
    traced.arg(plain.get_program()).args(plain.get_args());
    traced.env_clear().envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    traced.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = {
        let _turn = turn();
        traced.spawn().unwrap()
    };
    let begun = Instant::now();
    let is_endless = words[0] == "daemon" || words.iter().any(|word| word == "rollout");
    while is_endless && child.try_wait().unwrap().is_none() {
        if begun.elapsed() > LONGEST_RUN {
            let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", child.id())).unwrap_or_default();
            let command = children.split(' ').find_map(|pid| Pid::from_raw(pid.parse().ok()?));
            command.map(|pid| kill_process(pid, Signal::TERM));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    child.wait().unwrap()
}

/// Runs a command under strace, and returns those of these system calls that it makes.
pub(crate) fn calls_of(host: &Host, words: &[String], calls: &str) -> BTreeSet<(String, usize)> {
    let log = host.path("calls");
    run_traced(host, words, calls, &["-o", log.to_str().unwrap()]);
    calls_in(&fs::read_to_string(log).unwrap(), calls)
}

/// Runs a command, kills it before a system call, and counts the kill.
pub(crate) fn kill_at(host: &Host, words: &[String], (name, call): &(String, usize), figures: &mut Figures) {
    let kill = format!("inject={name}:signal=KILL:when={call}");
    let status = run_traced(host, words, name, &["-o", "/dev/null", "-e", &kill]);
    if status.signal() == Some(9) || status.code() == Some(137) {
        figures.killed += 1;
    } else {
        figures.completed += 1;
    }
}

/// Returns the calls in a log of strace: each name, with each number up to that of its calls in one thread, because strace
/// counts the calls of each name and thread by themselves. A file that is written in many parts counts with the first two.
fn calls_in(log: &str, known: &str) -> BTreeSet<(String, usize)> {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    // The file that each thread writes, and the number of its parts.
    let mut written: BTreeMap<&str, (&str, usize)> = BTreeMap::new();
    let mut calls = BTreeSet::new();
    for line in log.lines() {
        let (thread, call) = line.split_once(' ').unwrap_or_default();
        let (name, words) = call.trim_start().split_once('(').unwrap_or_default();
        // Other lines tell signals, and the end of a call.
        if !known.split(',').any(|known| known == name) {
            continue;
        }
        let number = counts.entry((thread, name)).or_default();
        *number += 1;
        let file = words.split(',').next().filter(|_| name == "write").unwrap_or_default();
        let (last, parts) = written.entry(thread).or_default();
        *parts = if *last == file { *parts + 1 } else { 1 };
        *last = file;
        if file.is_empty() || *parts <= 2 {
            calls.insert((name.to_owned(), *number));
        }
    }
    calls
}

#[test]
fn written_file_counts_with_its_first_two_parts() {
    let log = "7 write(3, \"a\", 1) = 1\n7 write(3, \"b\", 1) = 1\n8 write(4, \"c\", 1 <unfinished ...>\n7 write(3, \"d\", 1) = 1\n\
               8 <... write resumed>) = 1\n7  fsync(3) = 0\n7 fsync(3) = 0\n7 write(3, \"e\", 1) = 1\n7 read(3, \"\", 1) = 0\n\
               7 --- SIGCHLD {si_signo=SIGCHLD} ---\n7 +++ exited with 0 +++\n";
    let calls = [("fsync", 1), ("fsync", 2), ("write", 1), ("write", 2), ("write", 4)];
    assert_eq!(calls_in(log, CALLS), calls.map(|(name, number)| (name.to_owned(), number)).into());
}

/// Kills each command before each of its system calls with an effect, in whichever thread reaches the number of the call
/// first.
fn kills_at_calls(extent: Extent) -> Figures {
    in_colonies(extent, |colony, first| {
        let mut figures = Figures::default();
        let mut number = 1;
        for case in CASES.into_iter().skip(first).step_by(extent.colonies) {
            number += 1;
            let prepared = Prepared { colony, number, case };
            let calls = calls_of(&colony.host, &prepared.prepare(), CALLS);
            prepared.complete();
            prepared.clean_up();
            for call in calls.into_iter().step_by(extent.stride) {
                if extent.is_over() {
                    return figures;
                }
                number += 1;
                kill_at_call(Prepared { colony, number, case }, &call, &mut figures);
            }
        }
        figures
    })
}

fn kill_at_call(prepared: Prepared<'_>, call: &(String, usize), figures: &mut Figures) {
    let Prepared { colony, case, .. } = prepared;
    let words = prepared.prepare();
    let before = prepared.identities();
    kill_at(&colony.host, &words, call, figures);
    prepared.complete();
    recover(colony, &before, &format!("{case:?} killed at {} {}", call.0, call.1), figures);
    prepared.clean_up();
}

#[track_caller]
pub(crate) fn assert_recovered(figures: &Figures) {
    assert_eq!(figures.violations, Vec::<String>::new());
    assert_eq!(figures.states_without_model(), Vec::<String>::new());
    assert!(figures.killed > 0);
}

#[test]
fn colony_recovers_from_kills_at_random_times() {
    assert_recovered(&random_kills(Extent { kills: 24, stride: 1, colonies: 1, until: None }));
}

#[test]
#[ignore = "needs strace; .ci/root-tests runs it"]
fn colony_recovers_from_kills_at_system_calls_with_strace() {
    assert_recovered(&kills_at_calls(Extent { kills: 0, stride: 67, colonies: 1, until: None }));
}

/// Returns the words for each first one of `stride`.
pub(crate) fn each(stride: usize) -> String {
    match stride {
        1 => "each".to_owned(),
        2 => "each second".to_owned(),
        3 => "each third".to_owned(),
        _ => format!("each {stride}th"),
    }
}

/// Returns the number in an environment variable; None without one.
pub(crate) fn number(variable: &str) -> Option<usize> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text}: not a number")))
}

#[test]
#[ignore = "takes hours; `just crash` runs it"]
fn figures() {
    let begun = Instant::now();
    let minutes = number("WNM_CRASH_MINUTES").map(|minutes| Duration::from_secs(60 * minutes as u64));
    let extent = Extent {
        kills: number("WNM_CRASH_KILLS").unwrap_or(1000),
        stride: number("WNM_CRASH_STRIDE").unwrap_or(1).max(1),
        // Each colony takes three ranges of ports.
        colonies: number("WNM_CRASH_COLONIES").unwrap_or(1).clamp(1, 8),
        until: minutes.map(|minutes| begun + minutes),
    };
    let mut table = String::from(
        "| kills | killed | in an action | ended before | violations | cycles of recovery, median | 99 % | its time, median | \
         99 % | slowest cycle | states |\n|---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    let calls = kills_at_calls(extent);
    let points = failpoints::kills(extent);
    let are_complete = !extent.is_over();
    let random = random_kills(extent);
    table.push_str(&random.line("at random times"));
    let each = each(extent.stride);
    let part = if are_complete { "" } else { ", not all commands" };
    table.push_str(&calls.line(&format!("at {each} system call{part}")));
    table.push_str(&points.line(&format!("at {each} failpoint, with a second one during recovery{part}")));
    let measured = begun.elapsed().as_secs() / 60 + 1;
    let _ = writeln!(table, "\nMeasured in {measured} min on fake nodes under `setsid`.");
    println!("{table}");
    for part in [&calls, &points, &random] {
        println!("the slowest cycle after {}", part.slowest.1);
    }
    let all = [calls, points, random].into_iter().fold(Figures::default(), |mut all, part| {
        all.add(part);
        all
    });
    let unknown = all.states_without_model();
    let Figures { violations, states, .. } = all;
    println!("{}", violations.join("\n"));
    states.iter().for_each(|(state, after)| println!("state: {state} ({after})"));
    let page = fs::read_to_string(PAGE).unwrap();
    let (before, rest) = page.split_once(MARKS[0]).unwrap();
    let (_, after) = rest.split_once(MARKS[1]).unwrap();
    fs::write(PAGE, format!("{before}{}\n{table}\n{}{after}", MARKS[0], MARKS[1])).unwrap();
    assert_eq!(violations, Vec::<String>::new());
    assert_eq!(unknown, Vec::<String>::new());
}

/// The page has a place for the figures, and they are those of a run without violations.
#[test]
fn page_has_figures_without_violations() {
    let page = fs::read_to_string(PAGE).unwrap();
    let figures = page.split(MARKS[0]).nth(1).and_then(|rest| rest.split(MARKS[1]).next()).unwrap();
    let rows: Vec<Vec<&str>> = figures.lines().map(|line| line.split('|').map(str::trim).collect()).collect();
    let of_kills: Vec<&Vec<&str>> =
        rows.iter().filter(|row| row.get(1).is_some_and(|name| name.starts_with("at "))).collect();
    assert!(of_kills.len() >= 2, "{figures}");
    for row in of_kills {
        assert!(row[2].parse::<usize>().is_ok_and(|killed| killed > 0) && row[5] == "0", "{row:?}");
    }
}
