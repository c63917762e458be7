//! A colony in a temporary folder, and a cycle that drives it.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use tempfile::TempDir;
use wnm_core::steps::{Journal, JournalError, StepFailure, StepRecord, take_step};
use wnm_core::{
    Action, ActionId, ActionRecord, BoundPort, FAUCET, FirewallKind, Flavor, HostDefaults, ManagerKind, Node, NodeId,
    Outcome, Planned, Ports, ProcessIdentity, Program as Manager, RawSettings, Reason, Scope, Settings, Timestamp,
    Upnp,
};
use wnm_platform::executor::HostExecutor;
use wnm_platform::fake_node::{self, Behaviour, Program, Script};
use wnm_platform::manager::{self, Options, ProcessManager, Service, StopSignal};
use wnm_platform::observe::ports;
use wnm_platform::observe::process::{Liveness, ProcessInfo, Processes};
use wnm_platform::{Movers, firewall, node_dir};

use crate::{antctl, launchctl};

/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(10);

/// The variable that names an image for containers, where there is a docker to make them.
pub(crate) const DOCKER_IMAGE: &str = "WNM_TEST_DOCKER_IMAGE";

/// The variable that names a real antctl, where nodes may be kept by it: `.ci/system-tests` has a machine for that.
const ANTCTL: &str = "WNM_TEST_ANTCTL";

/// Returns the real antctl that is to be tried in the place of one that is played.
pub(crate) fn real_antctl() -> Option<PathBuf> {
    std::env::var_os(ANTCTL).map(PathBuf::from)
}

/// Returns the options of a process manager that works in the folder of this check.
fn options(folder: &Path, storage: &Path) -> Options {
    let services = folder.join("services");
    let binary = folder.join("programs").join(Flavor::Antnode.program());
    Options {
        docker_image: std::env::var(DOCKER_IMAGE).unwrap_or_default(),
        launchctl: launchctl::make(&folder.join("launchd"), executable()),
        antctl: real_antctl().unwrap_or_else(|| antctl::make(&folder.join("antctl"), executable(), storage, &binary)),
        antctl_registry: real_antctl().is_none().then(|| antctl::registry(&folder.join("antctl"))),
        binary,
        launch_agents: services.clone(),
        launch_daemons: services,
        ..Options::default()
    }
}

/// A storage folder, the node program, and the nodes of one process manager.
pub(crate) struct TestColony {
    pub(crate) folder: TempDir,
    pub(crate) kind: ManagerKind,
    pub(crate) settings: Settings,
    pub(crate) options: Options,
    pub(crate) nodes: BTreeMap<NodeId, Node>,
    began: Instant,
    /// Time that a check adds to the elapsed time.
    pub(crate) skipped: Duration,
}

impl TestColony {
    pub(crate) fn new(kind: ManagerKind) -> Self {
        Self::with(kind, Flavor::Antnode, "storage")
    }

    pub(crate) fn with(kind: ManagerKind, flavor: Flavor, storage: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Nodes of the system run under a user of their own.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let mut raw = RawSettings::default();
        raw.set("rewards_address", "faucet").unwrap();
        raw.set("process_manager", &kind.to_string()).unwrap();
        raw.set("flavor", &flavor.to_string()).unwrap();
        let storage = folder.path().join(storage);
        let programs = folder.path().join("programs");
        fs::create_dir(&programs).unwrap();
        let host = HostDefaults { cpus: 2, storage, programs, manager: kind };
        let settings = Settings::new(&raw, &host).unwrap();
        let options = options(folder.path(), &settings.storage[0]);
        let colony = Self {
            options,
            folder,
            kind,
            settings,
            nodes: BTreeMap::new(),
            began: Instant::now(),
            skipped: Duration::ZERO,
        };
        colony.provide("1.0.0", Behaviour::Normal);
        colony.free_numbers();
        colony
    }

    /// Makes the program that new nodes and upgrades get one of this version.
    pub(crate) fn provide(&self, version: &str, behaviour: Behaviour) {
        let program = match self.settings.flavor {
            Flavor::Antnode => Program::Antnode,
            Flavor::AntNode | Flavor::Custom(_) => Program::AntNode,
        };
        let script = Script { program, version: version.to_owned(), behaviour };
        fake_node::make(executable(), &self.settings.binary, &script).unwrap();
    }

    /// Puts a node on record, and makes nothing.
    pub(crate) fn plan(&mut self, number: u32) -> NodeId {
        let id = NodeId::new(number).unwrap();
        let name = self.kind.folder_name(id);
        let root_dir = self.settings.storage[0].join(&name);
        let log_dir = match self.kind.program {
            Manager::Antctl if self.kind.scope != Scope::Zen => self.folder.path().join("logs").join(name),
            Manager::Setsid | Manager::Systemd | Manager::Launchd | Manager::Docker | Manager::Antctl => {
                root_dir.join("logs")
            }
        };
        let node = Node {
            service: None,
            id,
            uuid: format!("0b2ad0d5-5d4e-4c7e-9f55-{number:012}"),
            flavor: self.settings.flavor.clone(),
            manager: self.kind,
            binary: root_dir.join(self.settings.flavor.program()),
            log_dir,
            root_dir,
            ports: Ports { node: free_port(), metrics: Some(free_port()), rpc: Some(free_port()) },
            wallet: FAUCET,
            network: vec!["evm-arbitrum-one".to_owned()],
            arguments: Vec::new(),
            environment: vec![("WNM_TEST".to_owned(), "a b".to_owned())],
            upnp: Upnp::Off,
            born: Timestamp::default(),
        };
        self.nodes.insert(id, node);
        id
    }

    /// Makes the numbers of removed nodes free again, as the `reset` of a manager does that gives none out twice.
    pub(crate) fn free_numbers(&self) {
        match real_antctl() {
            Some(real) if self.kind.program == Manager::Antctl => {
                let reset = Command::new(real).args(["reset", "--force"]).output().unwrap();
                assert!(reset.status.success(), "{reset:?}");
            }
            Some(_) => {}
            None => {
                let _ = fs::remove_file(antctl::registry(&self.folder.path().join("antctl")));
            }
        }
    }

    /// Returns a node that was added and runs.
    pub(crate) fn added(&mut self, number: u32) -> NodeId {
        let id = self.plan(number);
        self.done(Action::Add { node: id });
        id
    }

    pub(crate) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[&id]
    }

    pub(crate) fn manager(&self) -> Box<dyn ProcessManager> {
        manager::open(self.kind, &self.options).unwrap()
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_secs(1_800_000_000).after(self.began.elapsed() + self.skipped)
    }

    pub(crate) fn record(&self, action: Action) -> ActionRecord {
        ActionRecord::new(ActionId(1), Planned { action, reason: Reason::Requested }, self.now())
    }

    /// Takes one step with everything opened anew.
    pub(crate) fn step(&self, record: &mut ActionRecord, journal: &mut dyn Journal) -> Option<Outcome> {
        let (manager, firewall, movers) = (self.manager(), firewall::open(FirewallKind::None), Movers::default());
        let mut executor = HostExecutor::new(&*manager, &*firewall, &movers, &self.settings, &self.nodes);
        take_step(record, &mut executor, journal, self.now())
    }

    /// Carries an action on, cycle by cycle, to its end.
    pub(crate) fn finish(&self, record: &mut ActionRecord) -> Outcome {
        let (manager, firewall, movers) = (self.manager(), firewall::open(FirewallKind::None), Movers::default());
        let mut executor = HostExecutor::new(&*manager, &*firewall, &movers, &self.settings, &self.nodes);
        let deadline = Instant::now() + PATIENCE;
        loop {
            match take_step(record, &mut executor, &mut NoJournal, self.now()) {
                None => {}
                Some(Outcome::Pending { step, why, .. }) => {
                    assert!(Instant::now() < deadline, "waited in vain to {step}: {why}");
                    thread::sleep(PAUSE);
                }
                Some(ended) => return ended,
            }
        }
    }

    pub(crate) fn run(&self, action: Action) -> Outcome {
        self.finish(&mut self.record(action))
    }

    #[track_caller]
    pub(crate) fn done(&self, action: Action) {
        assert_eq!(self.run(action), Outcome::Done);
    }

    /// Executes an action that must fail, and returns its error and whether it was rolled back.
    #[track_caller]
    pub(crate) fn failed(&self, action: Action) -> (String, bool) {
        match self.run(action) {
            Outcome::Failed(failure) => (failure.failed.error, failure.rolled_back),
            other => panic!("expected a failure, found {other:?}"),
        }
    }

    pub(crate) fn service(&self, id: NodeId) -> Service {
        self.manager().survey(&[self.node(id)]).remove(&id).unwrap()
    }

    #[track_caller]
    pub(crate) fn process(&self, id: NodeId) -> ProcessIdentity {
        match self.service(id) {
            Service::Running(process) => process,
            other => panic!("expected node {id} to run, found {other:?}"),
        }
    }

    #[track_caller]
    pub(crate) fn assert_running_once(&self, id: NodeId) {
        let process = self.process(id);
        let on_folder: Vec<u32> = self.on_folder(id).iter().map(|facts| facts.pid).collect();
        assert_eq!(on_folder, [process.pid]);
    }

    #[track_caller]
    pub(crate) fn assert_stopped(&self, id: NodeId) {
        assert_eq!(self.service(id), Service::Stopped);
        assert_eq!(self.on_folder(id), []);
    }

    /// Returns the living processes on a node's folder.
    pub(crate) fn on_folder(&self, id: NodeId) -> Vec<ProcessInfo> {
        living(|facts| facts.is_on_folder_of(self.node(id)))
    }

    pub(crate) fn digest(&self, path: &Path) -> Option<String> {
        node_dir::digest(path).unwrap()
    }

    /// Returns the files of an upgrade beside the program of a node.
    pub(crate) fn leftovers(&self, id: NodeId) -> Vec<PathBuf> {
        let binary = self.node(id).binary.clone();
        let entries = fs::read_dir(&self.node(id).root_dir).unwrap().flatten().map(|entry| entry.path());
        let name = binary.file_name().unwrap().to_string_lossy().into_owned();
        let beside = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with(&format!("{name}."));
        // The node itself leaves antnode.pid.
        entries.filter(|path| beside(path) && path.extension().unwrap() != "pid").collect()
    }

    /// Starts a fake node that no manager knows, on this folder.
    pub(crate) fn external(&self, root: &Path, port: u16) -> ExternalProcess {
        let program = self.folder.path().join("programs/external");
        let script = Script::of(Program::Antnode);
        fake_node::make(executable(), &program, &script).unwrap();
        let mut command = Command::new(&program);
        command.arg("--root-dir").arg(root).args(["--port", &port.to_string(), "--rewards-address"]);
        command.arg(FAUCET.to_string()).arg("--log-output-dest").arg(self.folder.path().join("external-logs"));
        command.arg("evm-arbitrum-one").stdout(std::process::Stdio::null());
        let child = spawn(&mut command);
        wait_for("an external process", || ports::is_bound(BoundPort::Udp(port)));
        ExternalProcess(child)
    }
}

impl Drop for TestColony {
    fn drop(&mut self) {
        // The service is removed first, because it would start its processes again; after a failure it may be incomplete.
        if let Ok(manager) = manager::open(self.kind, &self.options) {
            for node in self.nodes.values() {
                let _ = manager.stop(node, StopSignal::Kill);
                let _ = manager.undefine(node);
            }
        }
        let ours =
            |facts: &ProcessInfo| facts.root_dir().is_some_and(|root| Path::new(&root).starts_with(self.folder.path()));
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = living(ours);
            if left.is_empty() || Instant::now() > deadline {
                break;
            }
            for pid in left.iter().filter_map(|facts| Pid::from_raw(facts.pid.cast_signed())) {
                let _ = kill_process(pid, Signal::KILL);
                let _ = waitpid(Some(pid), WaitOptions::NOHANG);
            }
            thread::sleep(PAUSE);
        }
    }
}

/// A process that no manager started.
pub(crate) struct ExternalProcess(pub(crate) std::process::Child);

impl ExternalProcess {
    #[track_caller]
    pub(crate) fn assert_alive(&mut self) {
        assert_eq!(self.0.try_wait().unwrap(), None);
    }
}

impl Drop for ExternalProcess {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn living(which: impl Fn(&ProcessInfo) -> bool) -> Vec<ProcessInfo> {
    let mut all = Processes::of_host().all();
    all.retain(|facts| facts.life == Liveness::Alive && which(facts));
    all
}

/// Returns this executable without debug information, because it is copied and digested hundreds of times.
fn executable() -> &'static Path {
    static PLAYER: OnceLock<PathBuf> = OnceLock::new();
    PLAYER.get_or_init(|| {
        let this = std::env::current_exe().unwrap();
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        // Carried to another machine, it is as small as it was made.
        if !folder.is_dir() {
            return this;
        }
        let bare = folder.join(format!("conformance-executable.{}", std::process::id()));
        let stripped = Command::new("strip").arg("-o").arg(&bare).arg(&this).status();
        if !stripped.is_ok_and(|status| status.success()) {
            return this;
        }
        let executable = folder.join("conformance-executable");
        fs::rename(&bare, &executable).unwrap();
        executable
    })
}

/// Starts a process whose executable may be open for writing in a fork of another thread for a moment.
fn spawn(command: &mut Command) -> std::process::Child {
    let mut child = None;
    wait_for("an executable to be free", || {
        child = command.spawn().ok();
        child.is_some()
    });
    child.unwrap()
}

#[track_caller]
pub(crate) fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        thread::sleep(PAUSE);
    }
}

/// Returns a port that is free for UDP and TCP, and that no other check gets, neither of this run nor of one beside it.
/// They lie below those that the system gives out by itself.
pub(crate) fn free_port() -> u16 {
    /// Who holds the first port of a thousand has the others.
    static OURS: Mutex<(Vec<TcpListener>, Range<u16>)> = Mutex::new((Vec::new(), 0..0));
    let mut ours = OURS.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let Some(port) = ours.1.next() else {
            let hold =
                |first: u16| Some((TcpListener::bind((Ipv4Addr::LOCALHOST, first)).ok()?, first + 1..first + 1000));
            let (holder, ports) = (12..21).map(|thousand| thousand * 1000).find_map(hold).unwrap();
            ours.0.push(holder);
            ours.1 = ports;
            continue;
        };
        // A socket that is bound here would be inherited by a process that another check starts in the same moment.
        if ports::taken([BoundPort::Udp(port), BoundPort::LoopbackTcp(port)]).is_empty() {
            return port;
        }
    }
}

/// A journal that never fails; the record itself is what is remembered.
pub(crate) struct NoJournal;

impl Journal for NoJournal {
    fn step_done(&mut self, _: ActionId, _: &StepRecord) -> Result<(), JournalError> {
        Ok(())
    }

    fn turned_back(&mut self, _: ActionId, _: &StepFailure) -> Result<(), JournalError> {
        Ok(())
    }
}
