//! Processes of node programs that belong to no node of the colony, or of which a node has more than one.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;

use wnm_core::{Flavor, Node, NodeId, Settings};
use wnm_platform::observe::isolation::{Isolation, Namespace};
use wnm_platform::observe::process::{Liveness, ProcessInfo, Processes};
use wnm_platform::{files, manager};
use wnm_store::Snapshot;

use super::{Check, counted, first_few};

const CHECK: &str = "instances";

/// Returns the problems with processes and services of nodes; none on a healthy host.
pub(super) fn check(settings: &Settings, snapshot: &Snapshot) -> Vec<Check> {
    let nodes: Vec<&Node> = snapshot.nodes.values().collect();
    let mut checks = of_processes(settings, snapshot, &Processes::of_host().all());
    checks.extend(started_by_others(manager::other_holders(&nodes)));
    checks
}

/// Reports services that would start a node of the colony beside its own service.
fn started_by_others(holders: Vec<(NodeId, String)>) -> Option<Check> {
    (!holders.is_empty()).then(|| {
        let nodes = counted(holders.len(), "node is", "nodes are");
        let list = first_few(holders.into_iter().map(|(id, holder)| format!("{} by {holder}", id.name())));
        let hint = "systemctl disable --now UNIT; otherwise it restarts a node that wnm stops";
        Check::error(CHECK, format!("{nodes} also started by an external service: {list}"), hint)
    })
}

/// The processes of node programs on the host that are not the one process of a node.
#[derive(Default)]
struct Instances {
    /// All processes of each node.
    of_nodes: BTreeMap<NodeId, Vec<u32>>,
    /// Unmanaged processes on a port of this colony.
    on_ports: Vec<String>,
    /// Other unmanaged processes.
    unmanaged: Vec<String>,
}

impl Instances {
    fn find(settings: &Settings, snapshot: &Snapshot, all: &[ProcessInfo]) -> Self {
        let known: BTreeMap<&OsStr, NodeId> =
            snapshot.nodes.values().map(|node| (node.root_dir.as_os_str(), node.id)).collect();
        let owners = port_owners(settings, snapshot);
        let mut instances = Self::default();
        for facts in all.iter().filter(|facts| facts.life == Liveness::Alive && is_node(facts, &settings.flavor)) {
            let root = facts.root_dir();
            let Isolation { pids, network } = facts.isolation;
            let here = root.as_deref().filter(|_| pids == Namespace::Shared);
            let node = here.and_then(|root| known.get(root).copied().or_else(|| node_at(root, snapshot)));
            let ProcessInfo { pid, .. } = facts;
            match node {
                Some(id) => instances.of_nodes.entry(id).or_default().push(*pid),
                // A node in a container with a network of its own uses nothing of this colony.
                None if network == Namespace::Other => {}
                None => match ports(facts).find_map(|port| Some((port, owners.get(&port)?))) {
                    Some((port, owner)) => {
                        instances.on_ports.push(format!("process {pid} on port {port} of {}", owner.name()));
                    }
                    None if pids == Namespace::Other => {}
                    None => instances.unmanaged.push(description(*pid, root)),
                },
            }
        }
        instances
    }
}

fn of_processes(settings: &Settings, snapshot: &Snapshot, all: &[ProcessInfo]) -> Vec<Check> {
    const HINT: &str = "`systemctl status PID` shows its service: stop and disable that";
    let Instances { mut of_nodes, on_ports, unmanaged } = Instances::find(settings, snapshot, all);
    of_nodes.retain(|_, pids| pids.len() > 1);
    let mut checks = Vec::new();
    if !of_nodes.is_empty() {
        let nodes = counted(of_nodes.len(), "node has", "nodes have");
        let list = first_few(of_nodes.iter().map(|(id, pids)| {
            let pids: Vec<String> = pids.iter().map(u32::to_string).collect();
            format!("{} (processes {})", id.name(), pids.join(" and "))
        }));
        // Two processes on one folder write the same records, and answer with one identity from two ports.
        let hint = "`wnm node stop NODE` ends all of them; then run `wnm node start NODE`";
        checks.push(Check::error(CHECK, format!("{nodes} more than one process: {list}"), hint));
    }
    if !on_ports.is_empty() {
        let processes = counted(on_ports.len(), "unmanaged node process uses", "unmanaged node processes use");
        let list = first_few(on_ports.into_iter());
        checks.push(Check::error(CHECK, format!("{processes} a port of this colony: {list}"), HINT));
    }
    if !unmanaged.is_empty() {
        let processes = counted(unmanaged.len(), "unmanaged node process runs", "unmanaged node processes run");
        let list = first_few(unmanaged.into_iter());
        let hint = format!("{HINT}, or leave it: wnm counts its use as background load");
        checks.push(Check::warning(CHECK, format!("{processes} on this host: {list}"), hint));
    }
    checks
}

/// Returns the node whose folder a path leads to through a symbolic link.
fn node_at(root: &OsStr, snapshot: &Snapshot) -> Option<NodeId> {
    let real = files::canonicalize(root).ok()?;
    let mut alike = snapshot.nodes.values().filter(|node| node.root_dir.file_name() == real.file_name());
    alike.find(|node| files::canonicalize(&node.root_dir).is_ok_and(|folder| folder == real)).map(|node| node.id)
}

/// Returns the node of each port: of the nodes of the colony, and of those that the node cap still allows.
fn port_owners(settings: &Settings, snapshot: &Snapshot) -> BTreeMap<u16, NodeId> {
    let future = (1..=settings.policy.node_cap).filter_map(NodeId::new);
    let future = future.filter_map(|id| Some((settings.flavor.bound_ports(&settings.ports.of(id)?), id)));
    let known = snapshot.nodes.values().map(|node| (node.flavor.bound_ports(&node.ports), node.id));
    let all = future.chain(known).flat_map(|(ports, id)| ports.into_iter().map(move |port| (port.number(), id)));
    all.collect()
}

/// Returns whether a process runs a node program.
///
/// Compares the name of the file: the path of a program that was replaced while it ran is gone.
fn is_node(facts: &ProcessInfo, flavor: &Flavor) -> bool {
    let named = facts.arguments.first().map(Path::new);
    let name = facts.program().or(named).and_then(Path::file_name);
    let name = name.and_then(OsStr::to_str);
    name.is_some_and(|name| Flavor::ALL.iter().chain([flavor]).any(|flavor| flavor.program() == name))
}

/// Returns the ports in the command line of a process: the values of all flags that end in `port`.
fn ports(facts: &ProcessInfo) -> impl Iterator<Item = u16> {
    let words: Vec<&str> = facts.arguments.iter().filter_map(|word| word.to_str()).collect();
    let is_flag = |word: &str| word.starts_with("--") && word.ends_with("port");
    let apart = words.windows(2).filter(|pair| is_flag(pair[0])).map(|pair| pair[1]);
    let joined = words.iter().filter_map(|word| word.split_once('=').filter(|(flag, _)| is_flag(flag)));
    let ports = apart.chain(joined.map(|(_, value)| value)).filter_map(|value| value.parse().ok());
    ports.collect::<Vec<u16>>().into_iter()
}

fn description(pid: u32, root: Option<OsString>) -> String {
    root.map_or_else(|| format!("process {pid}"), |root| format!("process {pid} on {}", Path::new(&root).display()))
}

#[cfg(test)]
mod tests {
    use wnm_core::{NewNodeInputs, Timestamp, new_node};

    use super::*;
    use crate::commands::doctor::{Level, settings_with};

    fn process(pid: u32, program: &str, words: &[&str]) -> ProcessInfo {
        ProcessInfo {
            working_dir: None,
            implied_root: None,
            isolation: Isolation::default(),
            pid,
            parent: 1,
            start: 1,
            life: Liveness::Alive,
            user: None,
            executable: Some(program.into()),
            arguments: std::iter::once(program).chain(words.iter().copied()).map(Into::into).collect(),
        }
    }

    fn colony() -> (Settings, Snapshot) {
        let settings = settings_with(&[]);
        let birth = NewNodeInputs {
            uuid: "u".into(),
            roll: 0,
            storage: "/s".into(),
            logs: "/l".into(),
            now: Timestamp::default(),
        };
        let node = new_node(NodeId::FIRST, &settings, birth, []).unwrap();
        (settings, Snapshot { nodes: [(node.id, node)].into(), ..Snapshot::default() })
    }

    #[test]
    fn folder_behind_a_link_is_the_same_folder() {
        let (settings, mut snapshot) = colony();
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("real/antnode0001");
        std::fs::create_dir_all(&root).unwrap();
        std::os::unix::fs::symlink(folder.path().join("real"), folder.path().join("link")).unwrap();
        snapshot.nodes.get_mut(&NodeId::FIRST).unwrap().root_dir = folder.path().join("link/antnode0001");
        let words = ["--root-dir", root.to_str().unwrap(), "--port", "55001"];
        assert_eq!(of_processes(&settings, &snapshot, &[process(1, "/bin/antnode", &words)]), []);
    }

    #[test]
    fn nodes_in_containers_are_no_instances_of_a_node() {
        let (settings, snapshot) = colony();
        let words = ["--root-dir", "/s/antnode0001", "--port", "55001"];
        let own = process(1, "/s/antnode0001/antnode", &words);
        let beside = |pid, pids, network| ProcessInfo {
            isolation: Isolation { pids, network },
            ..process(pid, "/s/antnode0001/antnode", &words)
        };
        use Namespace::{Other, Shared};
        let machine = beside(2, Other, Other);
        assert_eq!(of_processes(&settings, &snapshot, &[own.clone(), machine])[..], []);
        let on_our_network = of_processes(&settings, &snapshot, &[own, beside(4, Other, Shared)]);
        assert!(on_our_network[0].message.contains("process 4 on port 55001 of antnode0001"), "{on_our_network:?}");
    }

    #[test]
    fn node_is_recognised_by_its_folder_only() {
        let (settings, snapshot) = colony();
        let found = |all: &[ProcessInfo]| {
            let checks = of_processes(&settings, &snapshot, all);
            checks.into_iter().map(|check| (check.level, check.message)).collect::<Vec<_>>()
        };
        let own = process(1, "/s/antnode0001/antnode", &["--root-dir", "/s/antnode0001", "--port", "55001"]);
        let bystanders = [
            process(2, "/usr/bin/tail", &["-f", "/s/antnode0001/logs/antnode.log", "--port", "55001"]),
            ProcessInfo { life: Liveness::Ended, ..process(3, "/other/antnode", &[]) },
            process(4, "/usr/bin/antnode-exporter", &["--port", "55001"]),
        ];
        assert_eq!(found(&bystanders), []);
        assert_eq!(found(std::slice::from_ref(&own)), []);
        let again = process(7, "/s/antnode0001/antnode", &["--root-dir=/s/antnode0001"]);
        let doubled = "1 node has more than one process: antnode0001 (processes 1 and 7)".to_owned();
        assert_eq!(found(&[own.clone(), again]), [(Level::Error, doubled)]);
        let on_port = process(8, "/usr/local/bin/antnode", &["--port=55001"]);
        let future = process(9, "/o/ant-node (deleted)", &["--metrics-server-port", "13002", "--root-dir", "/o"]);
        let ports = "2 unmanaged node processes use a port of this colony: process 8 on port 55001 of antnode0001, \
                     process 9 on port 13002 of antnode0002";
        assert_eq!(found(&[own, on_port, future]), [(Level::Error, ports.to_owned())]);
        let unknown = [
            process(10, "/o/antnode", &["--root-dir", "/o/1", "--port", "40000"]),
            ProcessInfo { executable: None, ..process(11, "/o/ant-node", &[]) },
        ];
        let text = "2 unmanaged node processes run on this host: process 10 on /o/1, process 11".to_owned();
        assert_eq!(found(&unknown), [(Level::Warning, text)]);
    }
}
