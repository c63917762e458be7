//! The weight of the nodes against other work, measured by the CPU time of a job that competes with them on one CPU.
#![expect(clippy::print_stderr, reason = "figures are told")]

use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use wnm_core::{Action, ManagerKind, Node, NodeId, Program, Weight, WeightMeans};
use wnm_platform::fake_node::Behaviour;
use wnm_platform::manager::Options;
use wnm_platform::observe::host::Host;
use wnm_platform::observe::process::Processes;
use wnm_platform::weight::{ColonyWeight, NoWeight, RunningNode, Weights};

use crate::colony::{TestColony, wait_for};

/// Length of one measurement. Schedulers of the kernel divide time exactly within tenths of a second.
const SPAN: Duration = Duration::from_secs(2);
/// The nodes that compete with the job, each of which wants a whole CPU.
const NODES: u32 = 4;

/// Keeps measurements apart, which use the same CPU.
static ONE: Mutex<()> = Mutex::new(());

/// Tells whether this host can put the nodes of a process manager behind other work.
pub(crate) fn can_be_tried(kind: ManagerKind) -> bool {
    // Other work of the test is no service of the user, and only services of a user have a weight there.
    let reaches_all = !matches!(weight(kind, &Options::default()).look(&[]).cpu, Ok(WeightMeans::UserGroup));
    // launchd and antctl are played: no kernel applies their definitions.
    cfg!(target_os = "linux") && reaches_all && !matches!(kind.program, Program::Launchd | Program::Antctl)
}

fn group(kind: ManagerKind) -> String {
    format!("wnm-{}{}weight", std::process::id(), kind.to_string().replace('+', ""))
}

fn weight(kind: ManagerKind, options: &Options) -> ColonyWeight {
    let weights = Weights { cpu: Weight::BEHIND, io: Weight::BEHIND };
    ColonyWeight::new(kind, group(kind), weights, options)
}

/// The job that competes with the nodes, which ends with the check.
struct Job(Child);

impl Job {
    /// Starts a job on one CPU, in the control group of this test and in a session of its own.
    fn start() -> Self {
        let loop_forever = "while :; do :; done";
        let child = Command::new("setsid").args(["sh", "-c", loop_forever]).stdin(Stdio::null()).spawn().unwrap();
        pin(child.id());
        Self(child)
    }

    /// Returns the job's share of the time that it and the nodes get together, over one measurement. Other load of the
    /// host takes its part of both.
    fn share(&self, nodes: &[u32]) -> f64 {
        let host = Host::real();
        let job = Processes::of_host().identify(self.0.id()).unwrap();
        let nodes: Vec<_> = nodes.iter().map(|node| Processes::of_host().identify(*node).unwrap()).collect();
        let millis = || {
            let usage = host.usage(nodes.iter().chain([&job]));
            (usage[&job.pid].cpu_millis, usage.values().map(|usage| usage.cpu_millis).sum::<u64>())
        };
        let before = millis();
        thread::sleep(SPAN);
        let after = millis();
        (after.0 - before.0) as f64 / (after.1 - before.1).max(1) as f64
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Binds all threads of a process to the first CPU.
#[cfg(target_os = "linux")]
fn pin(process: u32) {
    use rustix::process::Pid;
    use rustix::thread::{CpuSet, sched_setaffinity};
    let mut first = CpuSet::new();
    first.set(0);
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).unwrap().flatten();
    for thread in threads {
        let thread: i32 = thread.file_name().to_str().unwrap().parse().unwrap();
        sched_setaffinity(Pid::from_raw(thread), &first).unwrap();
    }
}

/// macOS binds no thread to a CPU.
#[cfg(not(target_os = "linux"))]
fn pin(_process: u32) {}

/// Removes the group and the weight, after the nodes in it.
struct Weighed(ColonyWeight);

impl Drop for Weighed {
    fn drop(&mut self) {
        let _ = self.0.end();
    }
}

fn running<'a>(colony: &'a TestColony, nodes: &[NodeId]) -> Vec<RunningNode<'a>> {
    let of = |id: &NodeId| -> RunningNode<'a> {
        let node: &Node = &colony.nodes[id];
        RunningNode { node, pid: colony.process(*id).pid }
    };
    nodes.iter().map(of).collect()
}

/// Nodes that burn a CPU each take it from another job, until they get their weight without a restart. A node that
/// starts later has it from its start on.
pub(crate) fn puts_nodes_behind(kind: ManagerKind) {
    let _alone = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut colony = TestColony::new(kind);
    let weighed = Weighed(weight(kind, &colony.options));
    if kind.program != Program::Setsid {
        // The manager must know the group at the first start; nodes of setsid are moved into it.
        colony.options.group = Some(group(kind));
    }
    colony.provide("1.0.0", Behaviour::Burn { cores: 1.0, memory_bytes: 0 });
    let nodes: Vec<NodeId> = (1..=NODES).map(|number| colony.added(number)).collect();
    let processes: Vec<u32> = nodes.iter().map(|node| colony.process(*node).pid).collect();
    for process in &processes {
        pin(*process);
    }
    let job = Job::start();
    assert_ne!(weighed.0.look(&running(&colony, &nodes)).cpu, Ok(WeightMeans::Group));
    let without = job.share(&processes);

    weighed.0.apply(&running(&colony, &nodes)).unwrap();
    wait_for("the weight to be applied", || {
        // The kernel changes the priority of a session of another user every 100 ms at most.
        weighed.0.apply(&running(&colony, &nodes)).unwrap();
        weighed.0.look(&running(&colony, &nodes)).cpu.is_ok()
    });
    let means = weighed.0.look(&running(&colony, &nodes)).cpu.unwrap();
    let with = job.share(&processes);
    eprintln!(
        "{kind}: a job got {without:.2} of the CPU time beside {NODES} nodes, {with:.2} with the weight ({means:?})"
    );
    // Four times as much beside nodes that were processes, twice as much beside those that were one group already.
    assert!(with > 0.6 && with > 1.3 * without, "{with} {without}");
    assert!(processes.iter().zip(&nodes).all(|(process, node)| colony.process(*node).pid == *process));

    colony.options.group = Some(group(kind));
    colony.options.weights = Some(Weights { cpu: Weight::BEHIND, io: Weight::BEHIND });
    let later = colony.added(NODES + 1);
    if kind.program == Program::Setsid {
        assert_eq!(weighed.0.look(&running(&colony, &[later])).cpu, Ok(means));
    }
    assert_eq!(weight_of_others(kind, &colony, &[later]), Err(NoWeight::Ordinary));
}

/// Returns the means of a colony that has the weight of an ordinary service.
fn weight_of_others(kind: ManagerKind, colony: &TestColony, nodes: &[NodeId]) -> Result<WeightMeans, NoWeight> {
    let ordinary = Weight::Share(Weight::ORDINARY);
    let weights = Weights { cpu: ordinary, io: ordinary };
    ColonyWeight::new(kind, group(kind), weights, &colony.options).look(&running(colony, nodes)).cpu
}

/// The definitions of launchd carry the priority from the next start of a node on.
pub(crate) fn is_in_definitions(kind: ManagerKind) {
    assert_eq!(kind.program, Program::Launchd);
    let mut colony = TestColony::new(kind);
    let node = colony.added(1);
    let look = |colony: &TestColony| weight(kind, &colony.options).look(&running(colony, &[node])).cpu;
    assert_eq!(look(&colony), Err(NoWeight::NotLoaded(1)));
    weight(kind, &colony.options).apply(&running(&colony, &[node])).unwrap();
    assert_eq!(look(&colony), Err(NoWeight::NotLoaded(1)));
    colony.options.weights = Some(Weights { cpu: Weight::BEHIND, io: Weight::BEHIND });
    colony.done(Action::Restart { node });
    assert_eq!(look(&colony), Ok(WeightMeans::Priority));
}
