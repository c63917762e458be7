//! Nodes that are found on the host, under whatever process manager keeps them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use wnm_core::{
    Folders, Node, NodeId, NodeState, Ports, Preset, RawSettings, StopCause, Thousands, Timestamp, Upnp, Words,
};
use wnm_platform::PlatformError;
use wnm_platform::manager::{Found, Listed, ProcessManager};

use super::{LeftOut, Taken, Takeover};

/// What is found on the host.
pub(crate) struct Survey {
    /// The folders that hold nodes.
    pub(crate) found: Vec<Found>,
    /// What the process manager keeps.
    pub(crate) services: Vec<Listed>,
    /// The highest number that was ever given out, where none is given out twice.
    pub(crate) highest: Option<u32>,
}

/// What another tool has on record of a node beside its service.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Told {
    pub(crate) status: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) peer_id: Option<String>,
}

/// Looks for nodes in these folders, and wherever the process manager has one.
pub(crate) fn look(manager: &dyn ProcessManager, storage: &[PathBuf]) -> Result<Survey, PlatformError> {
    let services = manager.services()?;
    let mut roots = storage.to_vec();
    for folder in services.iter().filter_map(|service| service.folder.as_ref()?.parent()) {
        if !roots.iter().any(|root| root == folder) {
            roots.push(folder.to_owned());
        }
    }
    let mut found = manager.discover(&roots)?;
    // One storage folder may be named in two ways.
    let real = |found: &Found| found.folder.path.canonicalize().unwrap_or_else(|_| found.folder.path.clone());
    found.sort_by_cached_key(real);
    found.dedup_by_key(|found| real(found));
    Ok(Survey { found, services, highest: manager.highest_number()? })
}

/// Says what of it comes over, with the settings that the nodes show.
pub(crate) fn plan(
    survey: &Survey,
    manager: &dyn ProcessManager,
    told: &BTreeMap<NodeId, Told>,
    now: Timestamp,
    uuid: &dyn Fn() -> String,
) -> Takeover {
    let candidates = survey.found.iter().map(|found| {
        let name = found.node.as_ref().map(|node| node.id.name());
        let what = name.unwrap_or_else(|_| found.folder.path.display().to_string());
        (what, take(found, manager, told, now, uuid))
    });
    let mut takeover = Takeover::of(RawSettings::default(), candidates);
    takeover.left_out.extend(survey.services.iter().filter_map(|service| without_folder(service, &survey.found)));
    takeover.settings = settings(&takeover.nodes);
    takeover.settings.process_manager = Some(manager.kind());
    takeover.settings.highest_node_id_used = survey.highest;
    takeover
}

fn take(
    found: &Found,
    manager: &dyn ProcessManager,
    told: &BTreeMap<NodeId, Told>,
    now: Timestamp,
    uuid: &dyn Fn() -> String,
) -> Result<Taken, String> {
    let process = found.process.as_ref().map(|process| process.identity.pid);
    let mut node = found.node.clone().map_err(|why| match process {
        Some(pid) => format!("{why}; process {pid} runs on it, and is left alone"),
        None => why,
    })?;
    if node.manager != manager.kind() {
        return Err(format!("{} keeps it: import that with --process-manager {}", node.manager, node.manager));
    }
    match &found.folder.marker {
        Some(marker) if marker.id != node.id => {
            return Err(format!("its folder is marked as that of {}", marker.id.name()));
        }
        Some(marker) => node.uuid.clone_from(&marker.uuid),
        None => node.uuid = uuid(),
    }
    let told = told.get(&node.id).cloned().unwrap_or_default();
    let was = told.status.or_else(|| found.status.clone());
    let mut notes = Vec::new();
    if found.folder.flavor.is_none() {
        notes.push("its folder holds no identity: it gets one when it starts".to_owned());
    }
    if !node.binary.starts_with(&node.root_dir) {
        notes.push(format!("its program {} is not its own: upgrading it changes that one", node.binary.display()));
    }
    let state = match (process, was.as_deref()) {
        (Some(_), _) => NodeState::Running { since: now },
        (None, Some("DISABLED")) => NodeState::Disabled { since: now },
        (None, Some("RUNNING")) => {
            notes.push("it was to run, and does not".to_owned());
            NodeState::Stopped { since: None, cause: StopCause::Found }
        }
        (None, _) => NodeState::Stopped { since: None, cause: StopCause::Found },
    };
    Ok(Taken {
        node,
        state,
        was,
        version: told.version.or_else(|| found.version.as_ref().map(ToString::to_string)),
        peer_id: told.peer_id,
        notes,
    })
}

/// Tells of a service that none of the folders belongs to.
fn without_folder(service: &Listed, found: &[Found]) -> Option<LeftOut> {
    let why = match &service.folder {
        Some(folder) if found.iter().any(|found| is_same(&found.folder.path, folder)) => return None,
        Some(folder) if folder.is_dir() => format!("its folder {} holds no identity of a node", folder.display()),
        Some(folder) => format!("its folder {} is not there, and with it its identity", folder.display()),
        // It was told of with its folder.
        None if found.iter().any(|found| found.folder.path.ends_with(&service.name)) => return None,
        None => "on which folder it runs cannot be told".to_owned(),
    };
    Some(LeftOut { what: service.name.clone(), why })
}

fn is_same(one: &Path, other: &Path) -> bool {
    one == other || matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

/// Returns the settings that nodes show: where all agree, as they are. Nothing is to be added or removed on their
/// account.
fn settings(taken: &[Taken]) -> RawSettings {
    let nodes: Vec<&Node> = taken.iter().map(|taken| &taken.node).collect();
    let environment = |node: &Node| -> Vec<String> {
        node.environment.iter().map(|(name, value)| format!("{name}={value}")).collect()
    };
    RawSettings {
        node_cap: u32::try_from(nodes.len()).ok().filter(|count| *count > 0),
        node_storage: storage(&nodes),
        rewards_address: common(&nodes, |node| node.wallet).and_then(|wallet| wallet.to_string().parse().ok()),
        network: common(&nodes, |node| node.network.clone()).filter(|words| !words.is_empty()).map(Words),
        start_args: common(&nodes, |node| node.arguments.clone()).filter(|words| !words.is_empty()).map(Words),
        environment: common(&nodes, environment).filter(|words| !words.is_empty()).map(Words),
        no_upnp: common(&nodes, |node| node.upnp).map(|upnp| upnp == Upnp::Off),
        flavor: common(&nodes, |node| node.flavor.clone()),
        port_start: start(&nodes, |ports| ports.node),
        metrics_port_start: start(&nodes, |ports| ports.metrics),
        rpc_port_start: start(&nodes, |ports| ports.rpc),
        preset: Some(Preset::Classic),
        ..RawSettings::default()
    }
}

/// Returns what all nodes have alike.
fn common<T: PartialEq>(nodes: &[&Node], of: impl Fn(&Node) -> T) -> Option<T> {
    let mut all = nodes.iter().map(|node| of(node));
    let first = all.next()?;
    all.all(|other| other == first).then_some(first)
}

/// Returns the folders that hold those of nodes, the one with most of them first.
fn storage(nodes: &[&Node]) -> Option<Folders> {
    let mut count: BTreeMap<&Path, usize> = BTreeMap::new();
    for folder in nodes.iter().filter_map(|node| node.root_dir.parent()) {
        *count.entry(folder).or_default() += 1;
    }
    let mut folders: Vec<_> = count.into_iter().collect();
    folders.sort_by_key(|(_, nodes)| std::cmp::Reverse(*nodes));
    // A setting lists them with commas between.
    let folders: Vec<PathBuf> = folders.into_iter().map(|(folder, _)| folder.to_owned()).collect();
    let is_sound = !folders.is_empty() && folders.iter().all(|path| path.to_str().is_some_and(|p| !p.contains(',')));
    is_sound.then_some(Folders(folders))
}

/// Returns where a range of ports begins for most nodes whose port goes with their number.
fn start(nodes: &[&Node], port: fn(&Ports) -> u16) -> Option<Thousands> {
    let mut count: BTreeMap<u32, usize> = BTreeMap::new();
    for node in nodes {
        let base = u32::from(port(&node.ports)).checked_sub(node.id.get());
        if let Some(base) = base.filter(|base| *base > 0 && base.is_multiple_of(1000)) {
            *count.entry(base / 1000).or_default() += 1;
        }
    }
    let (thousands, _) = count.into_iter().max_by_key(|(_, nodes)| *nodes)?;
    u16::try_from(thousands).ok().map(Thousands)
}

/// Returns the folders that the settings name, or what befits the host.
pub(crate) fn roots(asked: &RawSettings, usual: &Path) -> Vec<PathBuf> {
    asked.node_storage.clone().map_or_else(|| vec![usual.to_owned()], |folders| folders.0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn taken(id: u32, root: &str, change: impl FnOnce(&mut Node)) -> Taken {
        let node = json!({
            "id": id, "uuid": id.to_string(), "flavor": "antnode", "manager": "setsid+user", "root_dir": root,
            "log_dir": "/l", "binary": "/b", "ports": {"node": 55_000 + id, "metrics": 13_000 + id, "rpc": 30_000 + id},
            "wallet": "0x00455d78f850b0358E8cea5be24d415E01E107CF", "network": ["evm-arbitrum-one"],
            "arguments": ["--relay"], "environment": [["A", "b c"]], "upnp": "on", "born": 0
        });
        let mut node: Node = serde_json::from_value(node).unwrap();
        change(&mut node);
        let state = NodeState::Stopped { since: None, cause: StopCause::Found };
        Taken { node, state, was: None, version: None, peer_id: None, notes: Vec::new() }
    }

    fn shown(taken: &[Taken]) -> String {
        let raw = settings(taken);
        let set = RawSettings::KEYS.iter().filter_map(|key| Some(format!("{key}: {}", raw.get(key)?)));
        set.collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn what_all_nodes_have_alike_becomes_a_setting() {
        let alike = [taken(1, "/a b/antnode0001", |_| ()), taken(1234, "/a b/antnode1234", |_| ())];
        insta::assert_snapshot!(
            shown(&alike),
            @"node_cap: 2; rewards_address: 0x00455d78f850b0358E8cea5be24d415E01E107CF; node_storage: /a b; port_start: 55; metrics_port_start: 13; rpc_port_start: 30; flavor: antnode; network: evm-arbitrum-one; start_args: --relay; environment: 'A=b c'; no_upnp: false; preset: classic"
        );
        let unlike = [
            taken(1, "/y/antnode0001", |node| node.ports.node = 40_001),
            taken(2, "/x/antnode0002", |node| node.network = vec!["evm-arbitrum-sepolia-test".to_owned()]),
            taken(3, "/x/antnode0003", |node| node.upnp = Upnp::Off),
            taken(4, "/x/antnode0004", |node| node.arguments.clear()),
            taken(5, "/x/antnode0005", |node| node.environment.clear()),
            taken(6, "/x/antnode0006", |node| node.ports.metrics = 1),
            taken(7, "/y/antnode0007", |node| {
                node.wallet = "0x1111111111111111111111111111111111111111".parse().unwrap();
            }),
        ];
        insta::assert_snapshot!(
            shown(&unlike),
            @"node_cap: 7; node_storage: /x,/y; port_start: 55; metrics_port_start: 13; rpc_port_start: 30; flavor: antnode; preset: classic"
        );
        // A setting could not say this folder.
        assert_eq!(settings(&[taken(1, "/a,b/antnode0001", |_| ())]).node_storage, None);
        assert_eq!(shown(&[]), "preset: classic");
    }
}
