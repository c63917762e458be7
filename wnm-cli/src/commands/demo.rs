//! `wnm demo`: a colony of fake node nodes, a few cycles long. Processes, ports, files and signals are real; what the
//! host is said to carry is scripted, so that every rule has its turn within a minute.

use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use wnm_agent::{Mode, Report, Signals, Trigger};
use wnm_core::{HostSample, Load, LoadAverages, NodeId, NodeState, Percent, Selection, Verb, Volume};
use wnm_platform::fake_node::{self, Script};
use wnm_store::Store;

use crate::args::{Demo, SettingFlags};
use crate::config;
use crate::context::Context;
use crate::error::{CliError, Exit};
use crate::output::Output;
use crate::render::{BOLD, styled};

/// Nodes the demo brings up.
const NODES: usize = 5;
/// Time between two cycles: a little more than the delays, which are one second.
const INTERVAL: Duration = Duration::from_millis(1100);
/// Cycles a scene may take before the demo gives up on it.
const PATIENCE: usize = 12;

/// Plays all scenes, and cleans up whatever happens.
pub(crate) fn run(args: &Demo, output: &mut Output) -> Result<Exit, CliError> {
    let folder = tempfile::Builder::new().prefix("wnm-demo-").tempdir()?;
    let ended = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&ended))?;
    }
    let mut stage = Stage::build(folder.path(), ended)?;
    stage.tell(output, &format!("A colony of {NODES} stand-in nodes under setsid, in {}", folder.path().display()));
    let played = stage.play(output);
    let cleaned = stage.clean_up(output);
    if args.keep {
        let kept = folder.keep();
        stage.tell(output, &format!("The folder is kept: {}", kept.display()));
    }
    played.and(cleaned)
}

struct Stage {
    context: Context,
    ended: Arc<AtomicBool>,
}

impl Stage {
    fn build(folder: &Path, ended: Arc<AtomicBool>) -> Result<Self, CliError> {
        let program = folder.join("bin/antnode");
        std::fs::create_dir_all(folder.join("bin"))?;
        fake_node::make(&std::env::current_exe()?, &program, &Script::default())?;
        let [node, metrics, rpc] = free_ranges()?;
        let settings = [
            ("node_cap", "6".to_owned()),
            ("delay_start", "1".to_owned()),
            ("delay_restart", "1".to_owned()),
            ("delay_upgrade", "1".to_owned()),
            ("delay_remove", "1".to_owned()),
            ("desired_load_average", "6".to_owned()),
            ("max_load_average_allowed", "10".to_owned()),
            ("rewards_address", "faucet".to_owned()),
            ("process_manager", "setsid+user".to_owned()),
            ("node_storage", path_text(&folder.join("node"))),
            ("antnode_path", path_text(&program)),
            ("start_args", "--local --first --ip 127.0.0.1".to_owned()),
            ("port_start", node.to_string()),
            ("metrics_port_start", metrics.to_string()),
            ("rpc_port_start", rpc.to_string()),
        ];
        let db = folder.join("wnm.db");
        let raw = config::from_flags(&SettingFlags(settings.into_iter().collect()))?;
        Store::create(&db)?.save_settings(&raw)?;
        let mut context = Context::open(&db, &SettingFlags::default())?;
        context.agent.logs = folder.join("logs");
        Ok(Self { context, ended })
    }

    fn tell(&self, output: &Output, text: &str) {
        output.say(&styled(BOLD, text));
    }

    fn play(&mut self, output: &mut Output) -> Result<Exit, CliError> {
        let up_again = |report: &Report| active(report) == NODES;
        self.scene(output, "A calm host: nodes are added, one at a time", 20.0, up_again)?;
        self.scene(output, "A busier host, between its marks: nothing is added", 60.0, |_| true)?;
        let victim = NodeId::FIRST.next();
        self.kill(victim)?;
        self.scene(output, "One node is killed: it is found stopped", 60.0, |report| !is_active(report, victim))?;
        self.scene(output, "The host is calm again: the node is brought back", 20.0, up_again)?;
        let relieved = |report: &Report| active(report) == NODES - 2;
        self.scene(output, "A storm: the youngest nodes are stopped, one at a time", 90.0, relieved)?;
        self.scene(output, "The storm is over: they are started again, before any new one", 20.0, up_again)?;
        Ok(Exit::Done)
    }

    /// Runs cycles on a host that is said to be this busy until something is so.
    fn scene(
        &mut self,
        output: &mut Output,
        title: &str,
        cpu: f64,
        is_over: impl Fn(&Report) -> bool,
    ) -> Result<(), CliError> {
        self.tell(output, &format!("\n{title}"));
        self.context.agent.signals = Signals::Scripted(Box::new(host(cpu, &self.context.agent.settings.storage)));
        for _ in 0..PATIENCE {
            if self.ended.load(Ordering::Relaxed) {
                return Err(unfinished("to play on, was told to end"));
            }
            let report = self.context.run_cycle(&Trigger::Scheduled, Mode::Act)?;
            output.cycle(&report)?;
            std::thread::sleep(INTERVAL);
            if is_over(&report) {
                return Ok(());
            }
        }
        Err(unfinished(&format!("the scene to end within {PATIENCE} cycles: {title}")))
    }

    fn kill(&self, id: NodeId) -> Result<(), CliError> {
        let snapshot = self.context.agent.store.snapshot()?;
        let process = snapshot.samples.get(&id).and_then(|sample| sample.process.as_ref());
        let pid = process.and_then(|process| Pid::from_raw(process.pid.cast_signed()));
        let pid = pid.ok_or_else(|| unfinished("a process to kill, found none"))?;
        Ok(kill_process(pid, Signal::KILL).map_err(std::io::Error::from)?)
    }

    /// Removes every node; the folder goes when the demo ends.
    fn clean_up(&mut self, output: &mut Output) -> Result<Exit, CliError> {
        self.tell(output, "\nEverything is removed");
        let mut trigger = Trigger::Requested(Verb::Remove, Selection::All);
        for _ in 0..PATIENCE * 10 {
            let report = self.context.run_cycle(&trigger, Mode::Act)?;
            if !report.worked.is_empty() {
                output.cycle(&report)?;
            }
            if report.colony.nodes.is_empty() {
                return Ok(Exit::Done);
            }
            trigger =
                if report.is_pending() { Trigger::Resumed } else { Trigger::Requested(Verb::Remove, Selection::All) };
            std::thread::sleep(Duration::from_millis(200));
        }
        Err(unfinished("all nodes to be removed"))
    }
}

fn unfinished(what: &str) -> CliError {
    CliError::Usage {
        what: format!("expected {what}"),
        hint: "run `wnm demo` again; `wnm doctor` looks at this host".to_owned(),
    }
}

fn path_text(path: &Path) -> String {
    path.display().to_string()
}

fn active(report: &Report) -> usize {
    report.colony.state.nodes.values().filter(|state| state.is_active()).count()
}

fn is_active(report: &Report, id: NodeId) -> bool {
    report.colony.state.nodes.get(&id).is_some_and(NodeState::is_active)
}

/// Returns a host this busy, calm otherwise.
fn host(cpu: f64, storage: &[PathBuf]) -> HostSample {
    let load = Load::clamped(cpu / 10.0).unwrap_or_default();
    let volume = |root: &PathBuf| Volume { root: root.clone(), used: Percent::clamped(40.0), ..Volume::default() };
    HostSample {
        cpus: Some(10),
        cpu: Percent::clamped(cpu),
        memory: Percent::clamped(30.0),
        volumes: storage.iter().map(volume).collect(),
        load: Some(LoadAverages { one: load, five: load, fifteen: load }),
        ..HostSample::default()
    }
}

/// Returns three thousands whose first ports are free now, below those the kernel gives to clients.
fn free_ranges() -> Result<[u16; 3], CliError> {
    let is_free = |thousands: &u16| {
        (1..=NODES as u16 + 1).all(|id| {
            let address = ("0.0.0.0", thousands * 1000 + id);
            UdpSocket::bind(address).is_ok() && TcpListener::bind(address).is_ok()
        })
    };
    let mut free = (20..32).filter(is_free);
    match (free.next(), free.next(), free.next()) {
        (Some(node), Some(metrics), Some(rpc)) => Ok([node, metrics, rpc]),
        _ => Err(unfinished("three free port ranges between 20000 and 32000")),
    }
}
