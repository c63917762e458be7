//! A host for each test: a home folder, a fake node program and free ports. Its processes end with the test.

use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use wnm_platform::fake_node::{self, Behaviour, Script};

/// The folder of [`Host::put_tool`] below the home folder.
const TOOLS: &str = "tools";
/// The port ranges, in thousands, of the tests that run now.
static TAKEN: Mutex<Vec<u16>> = Mutex::new(Vec::new());

pub(crate) struct Host {
    home: TempDir,
    ports: [u16; 3],
}

/// The output and the exit status of a command.
pub(crate) struct Ran {
    pub(crate) status: ExitStatus,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn code(&self) -> i32 {
        self.status.code().unwrap_or(-1)
    }

    /// Returns the result in the output as JSON. Panics if the command failed.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.code(), 0, "{}{}", self.out, self.err);
        self.data()
    }

    /// Returns the result in the output as JSON, whatever the exit code.
    #[track_caller]
    pub(crate) fn data(&self) -> Value {
        let mut document: Value =
            serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out));
        // A report has the shape of the Python wnm, without an envelope.
        document.get_mut("data").map(Value::take).unwrap_or(document)
    }
}

impl Host {
    /// Returns a host with a fake node program, `antnode` 0.4.17.
    pub(crate) fn new() -> Self {
        let host = Self { home: tempfile::tempdir().unwrap(), ports: free_ranges() };
        host.put_binary("0.4.17", Behaviour::Normal);
        host
    }

    /// Returns a host with a colony. Its high thresholds are 100 %, so that the load of the test machine changes nothing.
    pub(crate) fn with_colony() -> Self {
        let host = Self::new();
        let ran = host.wnm(&host.init_args());
        assert_eq!(ran.code(), 0, "{}{}", ran.out, ran.err);
        host
    }

    /// Returns a host with a colony under the docker of the test, which `.ci/docker-tests` starts.
    pub(crate) fn with_colony_under_docker() -> Self {
        let image = std::env::var("WNM_TEST_DOCKER_IMAGE").unwrap();
        let host = Self::new();
        let mut init: Vec<String> = host.init_args();
        init.iter_mut().filter(|word| *word == "setsid+user").for_each(|word| *word = "docker".to_owned());
        init.extend(["--docker-image".to_owned(), image]);
        let ran = host.wnm(&init);
        assert_eq!(ran.code(), 0, "{}{}", ran.out, ran.err);
        host
    }

    pub(crate) fn init_args(&self) -> Vec<String> {
        let [node, metrics, rpc] = self.ports;
        let flags = [
            ("rewards-address", "faucet".to_owned()),
            ("process-manager", "setsid+user".to_owned()),
            ("port-start", node.to_string()),
            ("metrics-port-start", metrics.to_string()),
            ("rpc-port-start", rpc.to_string()),
            ("start-args", "--local --first --ip 127.0.0.1".to_owned()),
            ("node-cap", "6".to_owned()),
            ("mem-remove", "100".to_owned()),
            ("hd-remove", "100".to_owned()),
            // The trash of a volume over this threshold is emptied, and the disk of the test host may be nearly full.
            ("hd-less-than", "99.9".to_owned()),
            ("cpu-remove", "100".to_owned()),
            ("max-load-average-allowed", "10000".to_owned()),
        ];
        let delays = ["start", "restart", "upgrade", "remove"].map(|delay| (format!("delay-{delay}"), "0".to_owned()));
        let all = flags.into_iter().map(|(key, value)| (key.to_owned(), value)).chain(delays);
        std::iter::once("init".to_owned()).chain(all.flat_map(|(key, value)| [format!("--{key}"), value])).collect()
    }

    /// Returns a port in the range of this host that no node gets.
    pub(crate) fn spare_port(&self, number: u16) -> u16 {
        self.ports[0] * 1000 + 7 + number
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.home.path().join(below)
    }

    /// Replaces the program of new nodes.
    pub(crate) fn put_binary(&self, version: &str, behaviour: Behaviour) {
        let to = self.path(".local/bin/antnode");
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        self.put_program(".local/bin/antnode", version, behaviour);
    }

    /// Replaces a program below the home folder.
    pub(crate) fn put_program(&self, below: &str, version: &str, behaviour: Behaviour) {
        let script = Script { version: version.to_owned(), behaviour, ..Script::default() };
        let _turn = turn();
        fake_node::make(Path::new(env!("CARGO_BIN_EXE_wnm")), &self.path(below), &script).unwrap();
    }

    /// Puts a tool, a shell script, in front of those of the test host.
    pub(crate) fn put_tool(&self, name: &str, script: &str) {
        let tools = self.path(TOOLS);
        std::fs::create_dir_all(&tools).unwrap();
        let _turn = turn();
        std::fs::write(tools.join(name), script).unwrap();
        std::fs::set_permissions(tools.join(name), std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Returns the folders in which commands of this host find tools.
    pub(crate) fn tools(&self) -> String {
        format!("{}:/usr/bin:/bin", self.path(TOOLS).display())
    }

    /// Returns a `wnm` command with the home folder and the database of this host, and without the environment of the
    /// tests. The time zone is UTC, for snapshots.
    pub(crate) fn command(&self, args: &[impl AsRef<str>]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wnm"));
        command.env_clear().env("HOME", self.home.path()).env("PATH", self.tools()).env("TZ", "UTC");
        // The time between two turns of a daemon with its fleet, in milliseconds.
        command.env("WNM_FLEET_INTERVAL", "1000");
        // The docker daemon of the test under docker.
        command.envs(std::env::var_os("DOCKER_HOST").map(|address| ("DOCKER_HOST", address)));
        // Not as a flag, which the commands in hints would repeat.
        command.env("WNM_DB", self.path("wnm.db")).args(args.iter().map(AsRef::as_ref));
        command.stdin(Stdio::null());
        command
    }

    pub(crate) fn wnm(&self, args: &[impl AsRef<str>]) -> Ran {
        Self::run(self.command(args), args)
    }

    /// Runs `wnm doctor` before `init`, with settings of so little need of space that any disk has it.
    pub(crate) fn doctor_of_a_new_host(&self) -> Ran {
        let mut command = self.command(&["doctor"]);
        for (setting, value) in
            [("NODE_CAP", "1"), ("CRISIS_BYTES", "1000000"), ("HD_LESS_THAN", "99.9"), ("HD_REMOVE", "100")]
        {
            command.env(format!("WNM_{setting}"), value);
        }
        Self::run(command, &["doctor"])
    }

    pub(crate) fn run(mut command: Command, args: &[impl AsRef<str>]) -> Ran {
        let child = {
            let _turn = turn();
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let output = child.wait_with_output().unwrap();
        let ran = Ran {
            status: output.status,
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        };
        crate::schema::check(&args.iter().map(AsRef::as_ref).collect::<Vec<_>>(), &ran);
        ran
    }

    /// Runs a command given as words, and asserts its exit code.
    #[track_caller]
    pub(crate) fn expect(&self, code: i32, line: &str) -> Ran {
        let ran = self.wnm(&line.split_whitespace().collect::<Vec<_>>());
        assert_eq!(ran.code(), code, "wnm {line}\n{}{}", ran.out, ran.err);
        ran
    }

    /// Surveys every node, and returns the output of `wnm node list`.
    #[track_caller]
    pub(crate) fn nodes(&self) -> Vec<Value> {
        self.expect(0, "node survey");
        self.listed()
    }

    /// Returns the output of `wnm node list`, as of the last cycle.
    #[track_caller]
    pub(crate) fn listed(&self) -> Vec<Value> {
        let list = self.expect(0, "--json node list").json();
        list.as_array().unwrap().clone()
    }

    /// Waits up to 30 s until the nodes satisfy `wanted`, and returns them.
    #[track_caller]
    pub(crate) fn wait_for(&self, goal: &str, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let started = Instant::now();
        loop {
            let nodes = self.nodes();
            if wanted(&nodes) {
                return nodes;
            }
            assert!(started.elapsed() < Duration::from_secs(30), "no {goal} within 30 s: {nodes:#?}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Returns the processes whose program is in a folder of this host.
    pub(crate) fn processes(&self) -> Vec<Pid> {
        processes_below(self.home.path())
    }
}

/// Returns the processes whose program is in a folder.
pub(crate) fn processes_below(folder: &Path) -> Vec<Pid> {
    let is_below = |pid: &Pid| {
        let exe = std::fs::read_link(format!("/proc/{}/exe", pid.as_raw_nonzero())).ok();
        exe.is_some_and(|exe| exe.starts_with(folder))
    };
    let numbers =
        std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    numbers.filter_map(Pid::from_raw).filter(is_below).collect()
}

/// Kills a process, and waits until its last thread has ended: on a busy host that takes a moment.
pub(crate) fn kill(pid: Pid) {
    kill_process(pid, Signal::KILL).unwrap();
    let started = Instant::now();
    let process = PathBuf::from(format!("/proc/{}", pid.as_raw_nonzero()));
    let threads = || std::fs::read_dir(process.join("task")).map_or(0, Iterator::count);
    let is_zombie = || std::fs::read_to_string(process.join("stat")).is_ok_and(|stat| stat.contains(") Z "));
    let is_alive = || threads() > 1 || process.exists() && !is_zombie();
    while is_alive() {
        assert!(started.elapsed() < Duration::from_secs(30), "{pid:?} does not end");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn end_processes_below(folder: &Path) {
    for pid in processes_below(folder) {
        let _ = kill_process(pid, Signal::KILL);
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        end_processes_below(self.home.path());
        taken().retain(|thousands| !self.ports.contains(thousands));
    }
}

/// A storage folder on another volume than the homes of hosts: the file system in memory. Its nodes end with it.
pub(crate) struct OtherVolume(TempDir);

impl OtherVolume {
    pub(crate) fn new() -> Self {
        Self(tempfile::Builder::new().prefix("wnm-storage-").tempdir_in("/dev/shm").unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for OtherVolume {
    fn drop(&mut self) {
        end_processes_below(self.path());
    }
}

/// Returns the state words of nodes.
pub(crate) fn states(nodes: &[Value]) -> Vec<&str> {
    nodes.iter().map(|node| node["status"].as_str().unwrap()).collect()
}

/// Returns the process ID of a node.
pub(crate) fn pid(node: &Value) -> Option<Pid> {
    Pid::from_raw(i32::try_from(node["sample"]["pid"].as_i64()?).ok()?)
}

/// Serialises writes of programs and starts of processes. A child that another thread has just forked holds an open
/// descriptor of the file that is being written until its own exec, and the kernel refuses to execute such a file
/// (ETXTBSY).
pub(crate) fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn taken() -> MutexGuard<'static, Vec<u16>> {
    TAKEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns three free ranges of ports. Waits while other tests have all of them.
fn free_ranges() -> [u16; 3] {
    let begun = Instant::now();
    loop {
        if let Some(ranges) = take_ranges() {
            return ranges;
        }
        assert!(begun.elapsed() < Duration::from_secs(120), "no three free ranges of ports within 120 s");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Takes three free ranges of ports; None, and no range, when there are fewer.
fn take_ranges() -> Option<[u16; 3]> {
    let mut taken = taken();
    let is_free = |thousands: &u16| {
        (1..=8).all(|id| {
            let address = ("0.0.0.0", thousands * 1000 + id);
            UdpSocket::bind(address).is_ok() && TcpListener::bind(address).is_ok()
        })
    };
    // The ranges 20 to 32 belong to `wnm demo`, which a test runs too. Parallel runs of this binary start at different
    // ranges, by their process ID.
    let all: Vec<u16> = (12..20).chain(33..52).collect();
    let from_here = all.iter().copied().cycle().skip(std::process::id() as usize % all.len()).take(all.len());
    let free: Vec<u16> = from_here.filter(|thousands| !taken.contains(thousands)).filter(is_free).take(3).collect();
    let free: [u16; 3] = free.try_into().ok()?;
    taken.extend(free);
    Some(free)
}
