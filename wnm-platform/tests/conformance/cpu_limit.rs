//! The CPU limit of all nodes together, measured by the CPU time of real processes.
#![expect(clippy::print_stderr, reason = "figures are told")]

use std::thread;
use std::time::{Duration, Instant};

use wnm_core::{Cores, CpuLimitCounters, ManagerKind, NodeId, Program, Scope};
use wnm_platform::cpu_limit::{CpuLimit, NoCpuLimit};
use wnm_platform::fake_node::Behaviour;
use wnm_platform::observe::host::Host;

use crate::colony::{TestColony, wait_for};

/// Length of one measurement: ten periods of the kernel's bandwidth control.
const SPAN: Duration = Duration::from_secs(1);

/// Tells whether this host supports a limit for the nodes of a process manager, once it has nodes.
pub(crate) fn can_be_tried(kind: ManagerKind) -> bool {
    // For root both scopes are the same.
    if kind == ManagerKind::new(Program::Setsid, Scope::User) && rustix::process::geteuid().is_root() {
        return false;
    }
    matches!(cap(kind).look(), Ok(_) | Err(NoCpuLimit::EmptyGroup))
}

/// The CPU limit of the nodes of this run.
fn cap(kind: ManagerKind) -> CpuLimit {
    CpuLimit::new(kind, group(kind))
}

fn group(kind: ManagerKind) -> String {
    format!("wnm-{}{}", std::process::id(), kind.to_string().replace('+', ""))
}

/// Removes the group of the limit, after the nodes in it.
struct Cap(CpuLimit);

impl Drop for Cap {
    fn drop(&mut self) {
        let _ = self.0.end();
    }
}

/// The CPU limit, in cores: so low that a busy host would give more.
const LIMIT: f64 = 0.2;

/// Two nodes that burn a core each get the limit together, are counted as throttled, and get more after its removal.
pub(crate) fn throttles_nodes(kind: ManagerKind) {
    let Cap(cap) = &Cap(cap(kind));
    let mut colony = TestColony::new(kind);
    colony.options.group = Some(group(kind));
    colony.provide("1.0.0", Behaviour::Burn { cores: 1.0, memory_bytes: 0 });
    let nodes = [colony.added(1), colony.added(2)];
    assert_eq!(cap.look().unwrap().limit, None);

    let limit = Cores::new(LIMIT).ok();
    let processes = nodes.map(|node| colony.process(node).pid);
    cap.set(limit.unwrap(), &processes).unwrap();
    assert!(processes.iter().all(|process| cap.holds(*process)));
    assert!(!cap.holds(std::process::id()));
    wait_for("the cap to be in force", || cap.look().unwrap().limit == limit);
    let before = cap.look().unwrap().counters.unwrap_or_default();
    let mut used = 0.0;
    wait_for("no more than the cap to be used, and no less", || {
        used = use_of(&colony, &nodes);
        (LIMIT * 0.9..=LIMIT * 1.1).contains(&used)
    });
    eprintln!("{kind}: {used:.3} cores were used under a limit of {LIMIT}");
    let counted: CpuLimitCounters = cap.look().unwrap().counters.unwrap();
    // The count depends on the other load of the host.
    assert!(counted.share_since(before).unwrap().get() > 0.0, "{before:?} {counted:?}");

    cap.lift().unwrap();
    wait_for("the cap to be lifted", || cap.look().unwrap().limit.is_none());
    wait_for("more than the cap to be used", || {
        used = use_of(&colony, &nodes);
        used > LIMIT * 1.5
    });
    eprintln!("{kind}: {used:.3} cores were used without a limit");
    // A node that starts later joins the same group.
    let third = colony.added(3);
    assert!(cap.holds(colony.process(third).pid));
}

/// Returns the cores that the nodes use together, over one measurement.
fn use_of(colony: &TestColony, nodes: &[NodeId]) -> f64 {
    let host = Host::real();
    let processes: Vec<_> = nodes.iter().map(|node| colony.process(*node)).collect();
    let millis = || -> u64 { host.usage(&processes).values().map(|usage| usage.cpu_millis).sum() };
    let (began, before) = (Instant::now(), millis());
    thread::sleep(SPAN);
    (millis() - before) as f64 / began.elapsed().as_millis() as f64
}
