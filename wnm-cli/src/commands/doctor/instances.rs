//! Processes of node programs that the colony does not know, or knows once and finds twice.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;

use wnm_core::{Flavor, Node, NodeId, Settings};
use wnm_platform::manager;
use wnm_platform::observe::process::{Facts, Life, Processes};
use wnm_store::Snapshot;

use super::{Check, some};

/// Returns what is found, none of which a healthy host has.
pub(super) fn check(settings: &Settings, snapshot: &Snapshot) -> Vec<Check> {
    let nodes: Vec<&Node> = snapshot.nodes.values().collect();
    let mut checks = judge(settings, snapshot, &Processes::of_host().all());
    checks.extend(held(manager::other_holders(&nodes)));
    checks
}

/// Tells of services, other than the nodes' own, that start nodes too.
fn held(holders: Vec<(NodeId, String)>) -> Option<Check> {
    (!holders.is_empty()).then(|| {
        let all = some(holders.into_iter().map(|(id, holder)| format!("{} by {holder}", id.name())));
        let hint = "systemctl disable --now UNIT, or else it restarts what wnm stops";
        Check::wrong("instances", format!("something else starts nodes of this colony: {all}"), hint)
    })
}

fn judge(settings: &Settings, snapshot: &Snapshot, all: &[Facts]) -> Vec<Check> {
    let known: BTreeMap<&OsStr, NodeId> =
        snapshot.nodes.values().map(|node| (node.root_dir.as_os_str(), node.id)).collect();
    let owners = owners(settings, snapshot);
    let mut on_folders: BTreeMap<NodeId, Vec<u32>> = BTreeMap::new();
    let (mut on_ports, mut others) = (Vec::new(), Vec::new());
    for facts in all.iter().filter(|facts| facts.life == Life::Alive && is_node(facts, settings.flavor)) {
        let root = facts.root_dir();
        let node = root.as_deref().and_then(|root| known.get(root).copied().or_else(|| node_at(root, snapshot)));
        match node {
            Some(id) => on_folders.entry(id).or_default().push(facts.pid),
            None => match ports(facts).find_map(|port| Some((port, owners.get(&port)?))) {
                Some((port, owner)) => on_ports.push(format!("process {} on {port} of {}", facts.pid, owner.name())),
                None => others.push(words(facts.pid, root)),
            },
        }
    }
    on_folders.retain(|_, pids| pids.len() > 1);
    let twice = on_folders.iter().map(|(id, pids)| {
        let pids: Vec<String> = pids.iter().map(u32::to_string).collect();
        format!("{} (processes {})", id.name(), pids.join(" and "))
    });
    let checks = [
        (!on_folders.is_empty()).then(|| {
            let hint = "wnm node stop NODE ends all of them; then wnm node start NODE";
            Check::wrong("instances", format!("more than one process runs {}", some(twice)), hint)
        }),
        (!on_ports.is_empty()).then(|| {
            let found = format!("nodes of others use this colony's ports: {}", some(on_ports.into_iter()));
            let hint = "`systemctl status PID` shows what keeps one: end that, so that it does not come back";
            Check::wrong("instances", found, hint)
        }),
        (!others.is_empty()).then(|| {
            let found = format!("nodes run that this colony does not know: {}", some(others.into_iter()));
            let hint = "`systemctl status PID` shows what keeps one: end that, or leave it, and mind what it uses";
            Check::doubtful("instances", found, hint)
        }),
    ];
    checks.into_iter().flatten().collect()
}

/// Returns the node whose folder a path leads to by another way.
fn node_at(root: &OsStr, snapshot: &Snapshot) -> Option<NodeId> {
    let real = Path::new(root).canonicalize().ok()?;
    let mut alike = snapshot.nodes.values().filter(|node| node.root_dir.file_name() == real.file_name());
    alike.find(|node| node.root_dir.canonicalize().is_ok_and(|folder| folder == real)).map(|node| node.id)
}

/// Returns whose each port is: those of the nodes there are, and those that nodes up to the cap would get.
fn owners(settings: &Settings, snapshot: &Snapshot) -> BTreeMap<u16, NodeId> {
    let to_come = (1..=settings.policy.node_cap).filter_map(NodeId::new);
    let to_come = to_come.filter_map(|id| Some((settings.flavor.bound_ports(&settings.ports.of(id)?), id)));
    let known = snapshot.nodes.values().map(|node| (node.flavor.bound_ports(&node.ports), node.id));
    let all = to_come.chain(known).flat_map(|(ports, id)| ports.into_iter().map(move |port| (port.number(), id)));
    all.collect()
}

/// Tells whether a process runs a node program.
fn is_node(facts: &Facts, flavor: Flavor) -> bool {
    let named = facts.arguments.first().map(Path::new);
    let name = facts.program().or(named).and_then(Path::file_name);
    let programs = Flavor::ALL.into_iter().chain([flavor]).map(Flavor::program);
    name.and_then(OsStr::to_str).is_some_and(|name| programs.into_iter().any(|program| program == name))
}

/// Returns the ports that a process was given: the values of its flags of that name.
fn ports(facts: &Facts) -> impl Iterator<Item = u16> {
    let words: Vec<&str> = facts.arguments.iter().filter_map(|word| word.to_str()).collect();
    let is_flag = |word: &str| word.starts_with("--") && word.ends_with("port");
    let apart = words.windows(2).filter(|pair| is_flag(pair[0])).map(|pair| pair[1]);
    let joined = words.iter().filter_map(|word| word.split_once('=').filter(|(flag, _)| is_flag(flag)));
    let ports = apart.chain(joined.map(|(_, value)| value)).filter_map(|value| value.parse().ok());
    ports.collect::<Vec<u16>>().into_iter()
}

fn words(pid: u32, root: Option<OsString>) -> String {
    root.map_or_else(|| format!("process {pid}"), |root| format!("process {pid} on {}", Path::new(&root).display()))
}

#[cfg(test)]
mod tests {
    use wnm_core::{Birth, HostDefaults, ManagerKind, RawSettings, Timestamp, new_node};

    use super::*;
    use crate::commands::doctor::Health;

    fn process(pid: u32, program: &str, words: &[&str]) -> Facts {
        Facts {
            pid,
            parent: 1,
            start: 1,
            life: Life::Alive,
            executable: Some(program.into()),
            arguments: std::iter::once(program).chain(words.iter().copied()).map(Into::into).collect(),
        }
    }

    fn colony() -> (Settings, Snapshot) {
        let (storage, programs) = ("/s".into(), "/bin".into());
        let host = HostDefaults { cpus: 2, storage, programs, manager: ManagerKind::ALL[0] };
        let mut raw = RawSettings::default();
        raw.set("rewards_address", "faucet").unwrap();
        let settings = Settings::new(&raw, &host).unwrap();
        let birth =
            Birth { uuid: "u".into(), roll: 0, storage: "/s".into(), logs: "/l".into(), now: Timestamp::default() };
        let node = new_node(NodeId::FIRST, &settings, birth, []).unwrap();
        (settings, Snapshot { nodes: [(node.id, node)].into(), ..Snapshot::default() })
    }

    #[test]
    fn a_folder_is_the_same_by_another_way() {
        let (settings, mut snapshot) = colony();
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("real/antnode0001");
        std::fs::create_dir_all(&root).unwrap();
        std::os::unix::fs::symlink(folder.path().join("real"), folder.path().join("link")).unwrap();
        snapshot.nodes.get_mut(&NodeId::FIRST).unwrap().root_dir = folder.path().join("link/antnode0001");
        let words = ["--root-dir", root.to_str().unwrap(), "--port", "55001"];
        assert_eq!(judge(&settings, &snapshot, &[process(1, "/bin/antnode", &words)]), []);
    }

    #[test]
    fn a_node_is_known_by_its_folder_and_by_nothing_else() {
        let (settings, snapshot) = colony();
        let found = |all: &[Facts]| {
            let checks = judge(&settings, &snapshot, all);
            checks.into_iter().map(|check| (check.health, check.found)).collect::<Vec<_>>()
        };
        let own = process(1, "/s/antnode0001/antnode", &["--root-dir", "/s/antnode0001", "--port", "55001"]);
        let bystanders = [
            process(2, "/usr/bin/tail", &["-f", "/s/antnode0001/logs/antnode.log", "--port", "55001"]),
            Facts { life: Life::Ended, ..process(3, "/other/antnode", &[]) },
            process(4, "/usr/bin/antnode-exporter", &["--port", "55001"]),
        ];
        assert_eq!(found(&bystanders), []);
        assert_eq!(found(std::slice::from_ref(&own)), []);
        let again = process(7, "/s/antnode0001/antnode", &["--root-dir=/s/antnode0001"]);
        let twice = "more than one process runs antnode0001 (processes 1 and 7)".to_owned();
        assert_eq!(found(&[own.clone(), again]), [(Health::Wrong, twice)]);
        let on_port = process(8, "/usr/local/bin/antnode", &["--port=55001"]);
        let to_come = process(9, "/o/ant-node (deleted)", &["--metrics-server-port", "13002", "--root-dir", "/o"]);
        let ports = "nodes of others use this colony's ports: process 8 on 55001 of antnode0001, process 9 on 13002 of \
                     antnode0002";
        assert_eq!(found(&[own, on_port, to_come]), [(Health::Wrong, ports.to_owned())]);
        let unknown = [
            process(10, "/o/antnode", &["--root-dir", "/o/1", "--port", "40000"]),
            Facts { executable: None, ..process(11, "/o/ant-node", &[]) },
        ];
        let text = "nodes run that this colony does not know: process 10 on /o/1, process 11".to_owned();
        assert_eq!(found(&unknown), [(Health::Doubtful, text)]);
    }
}
