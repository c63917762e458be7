//! Each tool of the host with each fault, as real processes: a cycle over a hundred nodes ends in time, no node counts as
//! running without its process, and a tool that hung or flooded is in its cooldown.
//!
//! A busy host delays every process, so that the test counts the time that wnm grants to calls that hang, and bounds that
//! of a cycle as a whole only loosely. docs/RELIABILITY.md has the times of an idle host.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use wnm_core::{
    Clock, Colony, EngineState, HostDefaults, ManagerKind, Node, NodeId, NodeMap, Presence, Program, RawSettings,
    Scope, Settings,
};

use super::*;
use crate::binary::version_call;
use crate::firewall::{self, Firewall};
use crate::manager::{self, ProcessManager, Service, StopSignal};
use crate::node_dir::tests::node_at;
use crate::service_install::{InstalledService, Supervisor, Task};
use crate::{Platform, read_clock};

/// The longest time of a cycle with a hundred nodes in calls that hang.
const HANGING: Duration = Duration::from_secs(9);
/// The longest time of a cycle on a busy host.
const BUSY: Duration = Duration::from_secs(60);
/// The most calls of a tool for each node on which a cycle acts.
const CALLS: usize = 20;
/// The nodes of the colony, and those of them on which each cycle acts.
const NODES: u32 = 100;
const ACTIONS: usize = 20;

/// What a tool does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Hangs,
    Floods,
    Lies,
    AsksForPassword,
    FailsOnceInTen,
    /// It closes its streams and lives on.
    ClosesStreams,
    /// It succeeds, and prints to standard error only.
    PrintsErrorsOnly,
    /// It ends, and a child in a session of its own keeps its streams open.
    LeavesChild,
    /// It answers, after the deadline.
    AnswersLate,
    /// It prints no text.
    PrintsNoText,
    /// It ends by a signal.
    Crashes,
    IsFolder,
    IsNotExecutable,
    /// It is a program for another processor.
    IsOfOtherMachine,
}

impl Fault {
    const ALL: [Self; 14] = [
        Self::Hangs,
        Self::Floods,
        Self::Lies,
        Self::AsksForPassword,
        Self::FailsOnceInTen,
        Self::ClosesStreams,
        Self::PrintsErrorsOnly,
        Self::LeavesChild,
        Self::AnswersLate,
        Self::PrintsNoText,
        Self::Crashes,
        Self::IsFolder,
        Self::IsNotExecutable,
        Self::IsOfOtherMachine,
    ];

    /// Puts a tool in its place.
    fn install(self, tool: Tool, path: &Path, counter: &Path) {
        use std::os::unix::fs::PermissionsExt as _;
        match self {
            Self::IsFolder => fs::create_dir(path).unwrap(),
            Self::IsNotExecutable => fs::write(path, "#!/bin/sh\n").unwrap(),
            Self::IsOfOtherMachine => {
                let mut elf = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\xff\xff\x01\0\0\0".to_vec();
                elf.resize(200, 0);
                fs::write(path, elf).unwrap();
                fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
            }
            _ => write_program(path, &self.script(tool, counter)),
        }
    }

    /// Returns the script of a tool, with its own lies and its answers when it works.
    fn script(self, tool: Tool, counter: &Path) -> String {
        match self {
            Self::Hangs => "trap '' TERM; sleep 300".to_owned(),
            Self::Floods => "exec yes active".to_owned(),
            Self::Lies => tool.lie(),
            Self::AsksForPassword => {
                "printf '[sudo] password for op: ' >&2; read answer; echo 'sudo: a password is required' >&2; exit 1"
                    .to_owned()
            }
            Self::FailsOnceInTen => format!(
                "echo >>'{0}'; [ $(($(wc -l <'{0}') % 10)) -ne 0 ] || {{ echo 'try again' >&2; exit 1; }}\n{1}",
                counter.display(),
                tool.answer()
            ),
            Self::ClosesStreams => "exec >&- 2>&-; sleep 300".to_owned(),
            Self::PrintsErrorsOnly => format!("exec >&2; {}", tool.lie()),
            Self::LeavesChild => format!("setsid sleep 20 & {}", tool.answer()),
            Self::AnswersLate => format!("sleep 8; {}", tool.answer()),
            Self::PrintsNoText => "head -c 4000 /dev/urandom".to_owned(),
            Self::Crashes => "kill -SEGV $$".to_owned(),
            Self::IsFolder | Self::IsNotExecutable | Self::IsOfOtherMachine => String::new(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tool {
    Systemctl,
    Sudo,
    Ufw,
    Docker,
    Antctl,
    Launchctl,
    Crontab,
    SystemdRun,
    /// The program of the nodes.
    Antnode,
}

impl Tool {
    const ALL: [Self; 9] = [
        Self::Systemctl,
        Self::Sudo,
        Self::Ufw,
        Self::Docker,
        Self::Antctl,
        Self::Launchctl,
        Self::Crontab,
        Self::SystemdRun,
        Self::Antnode,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Systemctl => "systemctl",
            Self::Sudo => "sudo",
            Self::Ufw => "ufw",
            Self::Docker => "docker",
            Self::Antctl => "antctl",
            Self::Launchctl => "launchctl",
            Self::Crontab => "crontab",
            Self::SystemdRun => "systemd-run",
            Self::Antnode => "antnode",
        }
    }

    /// Returns the process manager that calls it.
    const fn manager(self) -> ManagerKind {
        match self {
            Self::Systemctl => ManagerKind::new(Program::Systemd, Scope::User),
            Self::Sudo | Self::SystemdRun => ManagerKind::new(Program::Systemd, Scope::Sudo),
            Self::Docker => ManagerKind::new(Program::Docker, Scope::User),
            Self::Antctl => ManagerKind::new(Program::Antctl, Scope::User),
            Self::Launchctl => ManagerKind::new(Program::Launchd, Scope::User),
            Self::Ufw | Self::Crontab | Self::Antnode => ManagerKind::new(Program::Setsid, Scope::User),
        }
    }

    /// Returns a script that succeeds and says that every node runs as process 1.
    fn lie(self) -> String {
        let each = |line: &dyn Fn(u32) -> String| (1..=NODES).map(line).collect::<String>();
        let text = match self {
            Self::Systemctl => each(&|number| {
                format!("Id=antnode{number:04}.service\nActiveState=active\nSubState=running\nMainPID=1\n\n")
            }),
            Self::Docker => each(&|number| {
                format!("{{\"name\":\"/antnode{number:04}\",\"status\":\"running\",\"pid\":1,\"code\":0}}\n")
            }),
            Self::Launchctl => {
                let lines = each(&|number| format!("\t1 - \tcom.autonomi.antnode{number:04}\n"));
                format!("gui/501 = {{\n\tservices = {{\n{lines}\t}}\n}}\n")
            }
            Self::SystemdRun | Self::Antnode => "Autonomi Node v99.0.0\n".repeat(3),
            Self::Sudo | Self::Ufw | Self::Antctl | Self::Crontab => {
                "active\nallow allow 1/udp\n{\"nodes\":[{}]}\n".to_owned()
            }
        };
        format!("cat <<'END'\n{text}END\n")
    }

    /// Returns a script that works, on a host where no node runs.
    const fn answer(self) -> &'static str {
        match self {
            Self::Systemctl => {
                "for word; do case $word in\n\
                 *.service) printf 'Id=%s\\nLoadState=loaded\\nActiveState=inactive\\nSubState=dead\\nMainPID=0\\n\\n' $word ;;\n\
                 esac; done"
            }
            Self::Sudo => "while [ \"$1\" != -- ]; do shift; done; shift; exec \"$@\"",
            Self::Docker => {
                "for word; do case $word in antnode*) echo \"Error: No such container: $word\" >&2 ;; esac; done; exit 1"
            }
            Self::Launchctl => {
                "case $1-$2 in print-*/com.*) echo 'Could not find service' >&2; exit 113 ;;\n\
                 print-*) printf 'gui/501 = {\\n\\tservices = {\\n\\t}\\n}\\n' ;; esac"
            }
            Self::Ufw => "echo 'Added user rules:'",
            Self::Antctl => ":",
            Self::Crontab => "[ \"$1\" != -l ] || { echo 'no crontab for op' >&2; exit 1; }",
            Self::SystemdRun | Self::Antnode => "echo 'Autonomi Node v0.4.17'",
        }
    }
}

/// A colony whose tools are the scripts in a folder.
struct Stand {
    folder: tempfile::TempDir,
    tool: Tool,
    exec: Exec,
    colony: Colony,
    tally: Arc<Mutex<Tally>>,
}

/// The calls of a cycle.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    /// The calls of the tool.
    calls: usize,
    /// The deadlines of the calls that hung.
    hanging: Duration,
}

impl Stand {
    fn new(tool: Tool, fault: Fault) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tools = folder.path().join("tools");
        fs::create_dir(&tools).unwrap();
        // Under a sudo that works, the other tools work too.
        for other in [Tool::Systemctl, Tool::Sudo] {
            write_program(&tools.join(other.name()), other.answer());
        }
        let _ = fs::remove_file(tools.join(tool.name()));
        fault.install(tool, &tools.join(tool.name()), &folder.path().join("calls"));
        write_first_process(&folder.path().join("proc"));
        let tally = Arc::new(Mutex::new(Tally::default()));
        let (notes, path) = (Arc::clone(&tally), tools);
        let exec = Exec::scripted(move |call| {
            let result = run::run(&below(call, &path));
            let mut tally = notes.lock().unwrap();
            // Under a sudo that works, the tool is an argument.
            let mut words = std::iter::once(&call.program).chain(&call.arguments);
            tally.calls += usize::from(words.any(|word| Path::new(word).ends_with(tool.name())));
            if matches!(result, Err(PlatformError::Hung { .. })) {
                tally.hanging += call.deadline;
            }
            result
        });
        let colony = colony(folder.path(), tool);
        Self { folder, tool, exec, colony, tally }
    }

    /// Runs a cycle as a new process of wnm does, with all that is remembered of the tools. Returns how long it took, and
    /// its calls.
    fn cycle(&self) -> (Duration, Tally) {
        let begun = Instant::now();
        let manager = || manager::with_tools(self.tool.manager(), self.exec.clone(), self.folder.path());
        let firewall = firewall::ufw_with_tools(self.exec.clone());
        let mut platform = Platform::new(&self.colony.settings).unwrap();
        platform.exec = self.exec.clone();
        platform.manager = manager().into();
        let (observation, _) = platform.observe(&self.colony, &Clock::start(read_clock().unwrap()), false);
        assert_eq!(observation.nodes.len(), NODES as usize);
        for (id, sample) in observation.nodes.iter() {
            assert!(sample.process.is_none(), "{id}");
            assert!(!matches!(sample.presence, Presence::Silent | Presence::Answering), "{id} {:?}", sample.presence);
        }
        let manager = manager();
        for node in self.colony.nodes.values().take(ACTIONS) {
            self.act(&platform, &*manager, &*firewall, node);
        }
        (begun.elapsed(), std::mem::take(&mut *self.tally.lock().unwrap()))
    }

    /// Acts on a node; each call may fail, and none may take long.
    fn act(&self, platform: &Platform, manager: &dyn ProcessManager, firewall: &dyn Firewall, node: &Node) {
        match self.tool {
            Tool::Ufw => {
                let _ = firewall.open(node.ports.node, &node.id.name());
                let _ = firewall.close(node.ports.node, &node.id.name());
            }
            Tool::Crontab => {
                let task = Task {
                    program: "/opt/wnm".into(),
                    database: self.folder.path().join("wnm.db"),
                    interval: Duration::from_secs(60),
                };
                let exec = self.exec.clone();
                let _ = InstalledService::new(Supervisor::Cron, Scope::User, &task, exec).unwrap().install();
            }
            Tool::SystemdRun => {
                let call = manager.as_node(node, version_call(&node.binary)).unwrap();
                let _ = self.exec.run(&call);
            }
            Tool::Antnode => {
                let _ = platform.program_version(&self.colony.settings);
                let _ = platform.check_arguments(&self.colony.settings, node);
            }
            Tool::Systemctl | Tool::Sudo | Tool::Docker | Tool::Antctl | Tool::Launchctl => {
                let _ = manager.define(node);
                let _ = manager.start(node);
                let _ = manager.stop(node, StopSignal::Term);
                let _ = manager.stop(node, StopSignal::Kill);
                assert!(!matches!(manager.survey(&[node])[&node.id], Service::Running(_)));
            }
        }
        assert!(node.root_dir.join("secret-key").exists());
    }
}

/// Returns a call with its tool, and those that the tool calls, from a folder.
fn below(call: &Call, tools: &Path) -> Call {
    let mut call = call.clone();
    let own = Path::new(&call.program).file_name().map(|name| tools.join(name)).filter(|path| path.exists());
    if let Some(own) = own {
        call.program = own.into();
    }
    if let Environment::Inherited(variables) = &mut call.environment {
        let path = std::env::var("PATH").unwrap_or_default();
        variables.push(("PATH".to_owned(), format!("{}:{path}", tools.display())));
    }
    call
}

fn write_program(path: &Path, script: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::write(path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Writes a `/proc` whose only process is init, which is alive and no node.
fn write_first_process(proc: &Path) {
    fs::create_dir_all(proc.join("sys/kernel/random")).unwrap();
    fs::write(proc.join("sys/kernel/random/boot_id"), "b00t\n").unwrap();
    fs::create_dir(proc.join("1")).unwrap();
    fs::write(proc.join("1/stat"), format!("1 (init) S 0 {}1 9 9", "0 ".repeat(17))).unwrap();
    fs::write(proc.join("1/cmdline"), "/sbin/init\0").unwrap();
}

/// Returns a colony whose nodes have folders with identities, and are on record with antctl.
fn colony(folder: &Path, tool: Tool) -> Colony {
    let storage = folder.join("node");
    let host = HostDefaults {
        cpus: 2,
        storage: storage.clone(),
        programs: folder.to_owned(),
        manager: ManagerKind::new(Program::Setsid, Scope::User),
    };
    let mut raw = RawSettings::default();
    raw.set("rewards_address", "faucet").unwrap();
    let nodes: BTreeMap<NodeId, Node> = (1..=NODES)
        .map(|number| {
            let id = NodeId::new(number).unwrap();
            let root = storage.join(id.name());
            fs::create_dir_all(root.join("logs")).unwrap();
            fs::write(root.join("secret-key"), [7; 32]).unwrap();
            if matches!(tool, Tool::SystemdRun | Tool::Antnode) {
                write_program(&root.join("antnode"), tool.answer());
            }
            let uuid = format!("0b2ad0d5-5d4e-4c7e-9f55-{number:012}");
            (id, Node { id, uuid, manager: tool.manager(), ..node_at(&root) })
        })
        .collect();
    fs::write(folder.join("node_registry.json"), registry(&nodes)).unwrap();
    if tool == Tool::Antnode {
        write_program(&folder.join("antnode"), tool.answer());
    }
    Colony {
        settings: Settings::new(&raw, &host).unwrap(),
        nodes,
        state: EngineState::default(),
        samples: NodeMap::new(),
        unfinished: Vec::new(),
        counters: None,
    }
}

/// Returns a registry of antctl in which each node runs, so that it has to be asked.
fn registry(nodes: &BTreeMap<NodeId, Node>) -> String {
    const RECORDED: &str = include_str!("../../tests/data/antctl-0.14.2/node_registry.json");
    let mut registry: serde_json::Value = serde_json::from_str(RECORDED).unwrap();
    let recorded = registry["nodes"][0].clone();
    let entry = |node: &Node| {
        let mut entry = recorded.clone();
        entry["data_dir_path"] = node.root_dir.to_str().into();
        entry["antnode_path"] = node.binary.to_str().into();
        entry["number"] = node.id.get().into();
        entry["service_name"] = format!("antnode{}", node.id.get()).into();
        entry["status"] = "Running".into();
        entry
    };
    registry["nodes"] = nodes.values().map(entry).collect();
    registry.to_string()
}

/// Runs two cycles with a tool and a fault, and returns the longest.
fn worst(tool: Tool, fault: Fault) -> Duration {
    let stand = Stand::new(tool, fault);
    let cycles = [stand.cycle(), stand.cycle()];
    assert!(cycles[0].1.calls > 0, "{tool:?} is never called");
    for (took, tally) in cycles {
        assert!(tally.hanging <= HANGING, "{tool:?} {fault:?}: {tally:?}");
        assert!(tally.calls <= CALLS * ACTIONS, "{tool:?} {fault:?}: {tally:?}");
        assert!(took <= BUSY, "{tool:?} {fault:?}: {took:?}");
    }
    // Each node has a program of its own.
    let is_one = !matches!(tool, Tool::SystemdRun | Tool::Antnode);
    if is_one && matches!(fault, Fault::Hangs | Fault::Floods | Fault::ClosesStreams | Fault::AnswersLate) {
        let calls = cycles[1].1.calls;
        assert_eq!(calls, 0, "{tool:?} {fault:?} is called in the next cycle");
    }
    cycles[0].0.max(cycles[1].0)
}

#[test]
fn cycle_ends_in_time_with_each_fault_of_each_tool() {
    let measured: Vec<(Tool, Vec<Duration>)> = thread::scope(|scope| {
        let of = |tool: Tool| {
            // Most of the time passes in hangs.
            let halves = Fault::ALL.chunks(Fault::ALL.len() / 2);
            let worst = move |faults: &[Fault]| faults.iter().map(|fault| worst(tool, *fault)).collect::<Vec<_>>();
            (tool, halves.map(|faults| scope.spawn(move || worst(faults))).collect::<Vec<_>>())
        };
        let threads: Vec<_> = Tool::ALL.into_iter().map(of).collect();
        let join = |(tool, halves): (Tool, Vec<thread::ScopedJoinHandle<'_, Vec<Duration>>>)| {
            (tool, halves.into_iter().flat_map(|half| half.join().unwrap()).collect())
        };
        threads.into_iter().map(join).collect()
    });
    for (tool, times) in measured {
        let times: Vec<String> = times.iter().map(|time| format!("{:.1} s", time.as_secs_f64())).collect();
        println!("| {} | {} |", tool.name(), times.join(" | "));
    }
}
