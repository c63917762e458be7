//! `wnm demo`: a colony of fake nodes for some cycles. Processes, ports, files and signals are real. The load of the host
//! is scripted, so that the policy adds, stops and starts nodes within a minute.

mod fleet;
mod probe;

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
use crate::error::{CliError, CommandError, Exit};
use crate::output::Output;
use crate::render::{BOLD, styled};

/// The number of nodes in the demo.
const NODES: usize = 5;
/// Time between two cycles: a little more than the delays of the demo, which are one second.
const INTERVAL: Duration = Duration::from_millis(1100);
/// The maximum number of cycles of a scene.
const MAX_CYCLES: usize = 12;

/// Runs all scenes, and removes the nodes also after an error.
pub(crate) fn run(args: &Demo, output: &mut Output) -> Result<Exit, CliError> {
    let folder = tempfile::Builder::new().prefix("wnm-demo-").tempdir()?;
    if args.probe {
        let played = probe::play(folder.path(), output);
        if args.keep {
            output.say(&format!("Kept the folder {}", folder.keep().display()));
        }
        return played;
    }
    let ended = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&ended))?;
    }
    if args.fleet {
        let played = fleet::play(folder.path(), ended, output);
        if args.keep {
            output.say(&format!("Kept the folder {}", folder.keep().display()));
        }
        return played;
    }
    let mut demo = DemoColony::build(folder.path(), ended)?;
    demo.announce(output, &format!("A colony of {NODES} fake nodes under setsid, in {}", folder.path().display()));
    let played = demo.play(output);
    let cleaned = demo.clean_up(output);
    if args.keep {
        let kept = folder.keep();
        demo.announce(output, &format!("Kept the folder {}", kept.display()));
    }
    played.and(cleaned)
}

struct DemoColony {
    context: Context,
    ended: Arc<AtomicBool>,
}

impl DemoColony {
    fn build(folder: &Path, ended: Arc<AtomicBool>) -> Result<Self, CliError> {
        let program = folder.join("bin/antnode");
        std::fs::create_dir_all(folder.join("bin"))?;
        fake_node::make(&std::env::current_exe()?, &program, &Script::default())?;
        let [node, metrics, rpc] = free_ranges()?;
        let settings = [
            // steady observes the host for longer than a scene before it adds a node.
            ("preset", "classic".to_owned()),
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
            // A stop relieves the CPU only of nodes that use it; without work, a fake node uses less than the kernel counts.
            ("environment", format!("{}='cores=0.05 memory=20MB'", fake_node::BURN)),
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

    fn announce(&self, output: &Output, text: &str) {
        output.say(&styled(BOLD, text));
    }

    fn play(&mut self, output: &mut Output) -> Result<Exit, CliError> {
        let up_again = |report: &Report| active(report) == NODES;
        self.scene(output, "A calm host: nodes are added, one at a time", 20.0, up_again)?;
        self.scene(output, "A busier host, between the thresholds: no node is added", 60.0, |_| true)?;
        let victim = NodeId::FIRST.next();
        self.kill(victim)?;
        self.scene(output, "A node is killed: wnm finds it stopped", 60.0, |report| !is_active(report, victim))?;
        self.scene(output, "The host is calm again: the node is started", 20.0, up_again)?;
        let relieved = |report: &Report| active(report) < NODES;
        self.scene(output, "An overload: the youngest node is stopped, and wnm waits for the effect", 90.0, relieved)?;
        self.scene(
            output,
            "The overload is over: the stopped node is started before a new one is added",
            20.0,
            up_again,
        )?;
        Ok(Exit::Done)
    }

    /// Runs cycles on a host with a scripted CPU use, in percent, until a condition is met.
    fn scene(
        &mut self,
        output: &mut Output,
        title: &str,
        cpu: f64,
        is_over: impl Fn(&Report) -> bool,
    ) -> Result<(), CliError> {
        self.announce(output, &format!("\n{title}"));
        self.context.agent.signals = Signals::Scripted(Box::new(host(cpu, &self.context.agent.settings.storage)));
        for _ in 0..MAX_CYCLES {
            if self.ended.load(Ordering::Relaxed) {
                return Err(CommandError::DemoInterrupted.into());
            }
            let report = self.context.run_cycle(&Trigger::Scheduled, Mode::Act)?;
            output.cycle(&report)?;
            std::thread::sleep(INTERVAL);
            if is_over(&report) {
                return Ok(());
            }
        }
        Err(CommandError::DemoStuck { scene: title.to_owned(), cycles: MAX_CYCLES }.into())
    }

    fn kill(&self, id: NodeId) -> Result<(), CliError> {
        let snapshot = self.context.agent.store.snapshot()?;
        let process = snapshot.samples.get(&id).and_then(|sample| sample.process.as_ref());
        let pid = process.and_then(|process| Pid::from_raw(process.pid.cast_signed()));
        let pid = pid.ok_or_else(|| CommandError::DemoNoProcess(id.name()))?;
        Ok(kill_process(pid, Signal::KILL).map_err(std::io::Error::from)?)
    }

    /// Removes every node. The folder is deleted at the end of the demo.
    fn clean_up(&mut self, output: &mut Output) -> Result<Exit, CliError> {
        self.announce(output, "\nAll nodes are removed");
        let mut trigger = Trigger::Requested(Verb::Remove, Selection::All);
        for _ in 0..MAX_CYCLES * 10 {
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
        Err(CommandError::DemoStuck { scene: "All nodes are removed".to_owned(), cycles: MAX_CYCLES * 10 }.into())
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

/// Returns a host with this CPU use, in percent, and low use of everything else.
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

/// Returns three thousands whose first ports are free. They are below 32768, where Linux begins its ephemeral ports.
fn free_ranges() -> Result<[u16; 3], CliError> {
    free_of(20..32)
}

/// Returns the first of these thousands whose first ports are free.
fn free_of<const N: usize>(thousands: impl Iterator<Item = u16>) -> Result<[u16; N], CliError> {
    let is_free = |thousands: &u16| {
        (1..=NODES as u16 + 1).all(|id| {
            let address = ("0.0.0.0", thousands * 1000 + id);
            UdpSocket::bind(address).is_ok() && TcpListener::bind(address).is_ok()
        })
    };
    let free: Vec<u16> = thousands.filter(is_free).take(N).collect();
    free.try_into().map_err(|_| CommandError::DemoNoPorts.into())
}
