//! The import of nodes that a process manager runs on this host, without a database of another tool.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use wnm_core::secret::masked_words;
use wnm_core::{
    Flavor, Folders, Node, NodeId, NodeState, Ports, Preset, Program, RawSettings, StopCause, Thousands, Timestamp,
    Upnp, Words, free_ids,
};
use wnm_platform::manager::{Described, Found, Listed, ProcessManager};
use wnm_platform::node_dir::MARKER;
use wnm_platform::{ByFolder, PlatformError, files, identity};

use super::obstacle::Obstacle;
use super::{ImportedNode, NO_IDENTITY, Skipped, Takeover};

/// The nodes and services of one process manager on this host.
pub(crate) struct Survey {
    /// The folders of nodes.
    pub(crate) found: Vec<Found>,
    /// The services of the process manager.
    pub(crate) services: Vec<Listed>,
    /// The highest number ever assigned, for a process manager that assigns none twice; else None.
    pub(crate) highest: Option<u32>,
}

/// The record of another tool about a node.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Record {
    pub(crate) status: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) peer_id: Option<String>,
}

/// Where a survey searches for nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// In the given folders, and in those of the services of the process manager.
    Services,
    /// Only in the given folders.
    Folders,
}

/// Finds nodes in these folders and, as far as `reach` allows, in those of the services of the process manager.
pub(crate) fn survey(manager: &dyn ProcessManager, storage: &[PathBuf], reach: Reach) -> Result<Survey, PlatformError> {
    let services = match reach {
        Reach::Services => manager.services()?,
        Reach::Folders => Vec::new(),
    };
    let mut roots = storage.to_vec();
    for folder in services.iter().filter_map(|service| service.folder.as_ref()?.parent()) {
        if !roots.iter().any(|root| root == folder) {
            roots.push(folder.to_owned());
        }
    }
    let found = one_for_each_folder(manager.discover(&roots)?);
    Ok(Survey { found, services, highest: manager.highest_number()? })
}

/// Returns these folders, sorted by path, without further names of them. A symbolic link or a bind mount gives a folder two
/// names: one that a service uses stays, and of other ones the first.
fn one_for_each_folder(mut found: Vec<Found>) -> Vec<Found> {
    let mut seen = BTreeSet::new();
    found.sort_by_cached_key(|found| (found.node.is_err(), found.folder.path.clone()));
    found.retain(|found| {
        let is_first =
            files::metadata(&found.folder.path).map_or(true, |facts| seen.insert((facts.dev(), facts.ino())));
        is_first || found.node.is_ok()
    });
    found.sort_by(|one, other| one.folder.path.cmp(&other.folder.path));
    found
}

/// Returns the plan for the nodes of a survey, with the settings that they have in common. `records` are those of
/// another tool.
pub(crate) fn plan(
    survey: &Survey,
    manager: &dyn ProcessManager,
    records: &BTreeMap<NodeId, Record>,
    now: Timestamp,
    uuid: &dyn Fn() -> String,
) -> Takeover {
    let candidates = survey.found.iter().map(|found| {
        let name = found.node.as_ref().map(|found| found.node.service_name());
        let name = name.unwrap_or_else(|_| found.folder.path.display().to_string());
        (name, import(found, manager, records, now, uuid))
    });
    let mut candidates: Vec<_> = candidates.collect();
    let wishes: Vec<Wish> = survey.found.iter().map(wish).collect();
    assign_numbers(&mut candidates, &wishes);
    let mut takeover = Takeover::of(RawSettings::default(), candidates);
    let found: ByFolder<&Found> = survey.found.iter().map(|found| (found.folder.path.clone(), found)).collect();
    takeover.skipped.extend(survey.services.iter().filter_map(|service| without_folder(service, &found)));
    takeover.settings = settings(&takeover.nodes);
    takeover.settings.process_manager = Some(manager.kind());
    takeover.settings.highest_node_id_used = survey.highest;
    takeover
}

/// How much a node depends on the number that it was found with. Numbers are assigned in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Wish {
    /// The marker, the name of the service or the registry of the manager contains the number.
    Fixed,
    /// The name of the node contains the number, and the node keeps its name with another one.
    Named,
    /// Any number.
    Any,
}

fn wish(found: &Found) -> Wish {
    let Ok(Described { node, has_number, .. }) = &found.node else { return Wish::Any };
    // Without a service, the name is that of the folder, of which there may be several.
    let is_fixed = match node.manager.program {
        Program::Antctl => true,
        Program::Setsid => false,
        Program::Systemd | Program::Launchd | Program::Docker => node.service.is_none(),
    };
    match has_number {
        _ if found.folder.marker.is_some() => Wish::Fixed,
        true if is_fixed => Wish::Fixed,
        true => Wish::Named,
        false => Wish::Any,
    }
}

/// Gives each node the number in its name where that is free, otherwise the lowest number that no name contains. Of two
/// nodes with one number, the running one keeps it: the other one may be a copy that is refused later.
fn assign_numbers(candidates: &mut [(String, Result<ImportedNode, Obstacle>)], wishes: &[Wish]) {
    let imported = candidates.iter_mut().map(|(_, imported)| imported.as_mut().ok()).zip(wishes);
    let mut nodes: Vec<_> = imported.filter_map(|(imported, wish)| Some((imported?, *wish))).collect();
    nodes.sort_by_key(|(imported, wish)| (*wish, !matches!(imported.state, NodeState::Running { .. })));
    let mut taken = BTreeSet::new();
    nodes.retain(|(imported, wish)| {
        let is_free = *wish != Wish::Any && taken.insert(imported.node.id);
        !is_free && *wish != Wish::Fixed
    });
    for ((imported, wish), free) in nodes.into_iter().zip(free_ids(taken, None)) {
        let node = &mut imported.node;
        if wish == Wish::Named && node.service.is_none() {
            node.service = Some(node.id.name());
        }
        node.id = free;
    }
}

/// Returns the differences between a node under the other tool and under wnm.
fn notes(found: &Found, described: &Described) -> Vec<String> {
    let node = &described.node;
    let mut notes = Vec::new();
    if found.folder.flavor.is_none() {
        notes.push(NO_IDENTITY.to_owned());
    }
    if !node.binary.starts_with(&node.root_dir) {
        notes.push(format!(
            "its program {} is outside of its folder: an upgrade replaces it there",
            node.binary.display()
        ));
    }
    // Under antctl every service has a name of its choice.
    if let Some(service) = node.service.as_ref().filter(|_| node.manager.program != Program::Antctl) {
        notes.push(format!("its service keeps the name {service}"));
    }
    if node.flavor == Flavor::Antnode && node.ports.metrics.is_none() {
        notes.push(
            "it has no metrics server: wnm observes its process, and its peers and records stay unknown".to_owned(),
        );
    }
    if !described.unknown_arguments.is_empty() {
        notes.push(format!(
            "it keeps arguments that wnm does not know: {}",
            masked_words(&described.unknown_arguments).join(" ")
        ));
    }
    if !described.replaced.is_empty() {
        let list = described.replaced.join(" and ");
        notes.push(match node.manager.program {
            // antctl keeps the definitions of its services.
            Program::Antctl => format!("it keeps {list}, and new nodes get 1"),
            _ => format!("wnm replaces {list} by 1 when it next starts the node"),
        });
    }
    if let Some(starter) = &described.starter {
        notes.push(format!(
            "{starter} can start it again, or another container on its folder: take the node out of that first, without a \
             stop of the container"
        ));
    }
    notes
}

fn import(
    found: &Found,
    manager: &dyn ProcessManager,
    records: &BTreeMap<NodeId, Record>,
    now: Timestamp,
    uuid: &dyn Fn() -> String,
) -> Result<ImportedNode, Obstacle> {
    let process = found.process.as_ref().map(|process| process.identity.pid);
    let described =
        found.node.as_ref().map_err(|reason| Obstacle::Unreadable { reason: reason.clone(), pid: process })?;
    let mut notes = notes(found, described);
    let mut node = described.node.clone();
    if node.manager != manager.kind() {
        return Err(Obstacle::OtherManager(node.manager));
    }
    match &found.folder.marker {
        Some(marker) if marker.id != node.id && node.service.is_none() => {
            return Err(Obstacle::OtherMarker { id: marker.id, marker: found.folder.path.join(MARKER) });
        }
        // An earlier attempt had given it this number.
        Some(marker) => {
            node.id = marker.id;
            node.uuid.clone_from(&marker.uuid);
        }
        None => node.uuid = uuid(),
    }
    // A tool with a record stops nodes to relieve the host; other managers only when their operator says so.
    let record = records.get(&node.id).filter(|_| described.has_number);
    let relieves = record.is_some();
    let record = record.cloned().unwrap_or_default();
    let previous_state = record.status.or_else(|| found.status.clone());
    let state = match (process, previous_state.as_deref()) {
        (Some(_), _) => NodeState::Running { since: now },
        (None, Some("DISABLED")) => NodeState::Disabled { since: now },
        (None, Some("RUNNING")) => {
            notes.push("it was recorded as running, but has no process".to_owned());
            NodeState::Stopped { since: None, cause: StopCause::Found }
        }
        (None, _) if relieves => NodeState::Stopped { since: None, cause: StopCause::Imported },
        (None, _) => {
            notes.push("it does not run, and wnm leaves it stopped: `wnm node start` starts it".to_owned());
            NodeState::Stopped { since: None, cause: StopCause::Requested }
        }
    };
    Ok(ImportedNode {
        state,
        previous_state,
        version: record.version.or_else(|| found.version.as_ref().map(ToString::to_string)),
        peer_id: record
            .peer_id
            .or_else(|| found.peer_id.clone())
            .or_else(|| identity::peer_id(&found.folder.path, &node.flavor)),
        notes,
        node,
    })
}

/// Returns the service as skipped if no folder of a node belongs to it.
fn without_folder(service: &Listed, found: &ByFolder<&Found>) -> Option<Skipped> {
    if let Some(fault) = &service.fault {
        return Some(Skipped { name: service.name.clone(), reason: fault.clone() });
    }
    let obstacle = match &service.folder {
        Some(folder) if found.of(folder).next().is_some() => return None,
        Some(folder) if files::read_link(folder).is_ok() => {
            Obstacle::Link { folder: folder.clone(), target: files::read_link(folder).unwrap_or_default() }
        }
        Some(folder) if files::is_dir(folder) => Obstacle::NoIdentity(folder.clone()),
        Some(folder) => Obstacle::MissingFolder(folder.clone()),
        // The folder of that name is a candidate of its own.
        None if found.all().any(|found| found.folder.path.ends_with(&service.name)) => return None,
        None => Obstacle::UnknownFolder,
    };
    Some(Skipped { name: service.name.clone(), reason: obstacle.to_string() })
}

/// Returns the settings that all nodes have in common. The node cap is their count, so that the import itself causes no
/// addition and no removal.
fn settings(taken: &[ImportedNode]) -> RawSettings {
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
        port_start: start(&nodes, |ports| Some(ports.node)),
        metrics_port_start: start(&nodes, |ports| ports.metrics),
        rpc_port_start: start(&nodes, |ports| ports.rpc),
        preset: Some(Preset::Classic),
        ..RawSettings::default()
    }
}

/// Returns the value that all nodes have in common.
fn common<T: PartialEq>(nodes: &[&Node], of: impl Fn(&Node) -> T) -> Option<T> {
    let mut all = nodes.iter().map(|node| of(node));
    let first = all.next()?;
    all.all(|other| other == first).then_some(first)
}

/// Returns the storage folders, the one with most nodes first.
fn storage(nodes: &[&Node]) -> Option<Folders> {
    let mut count: BTreeMap<&Path, usize> = BTreeMap::new();
    for folder in nodes.iter().filter_map(|node| node.root_dir.parent()) {
        *count.entry(folder).or_default() += 1;
    }
    let mut folders: Vec<_> = count.into_iter().collect();
    folders.sort_by_key(|(_, nodes)| std::cmp::Reverse(*nodes));
    // The setting separates folders by commas.
    let folders: Vec<PathBuf> = folders.into_iter().map(|(folder, _)| folder.to_owned()).collect();
    let is_sound = !folders.is_empty() && folders.iter().all(|path| path.to_str().is_some_and(|p| !p.contains(',')));
    is_sound.then_some(Folders(folders))
}

/// Returns the start of a port range, in thousands, that fits most nodes: their port is the start plus their number.
fn start(nodes: &[&Node], port: fn(&Ports) -> Option<u16>) -> Option<Thousands> {
    let mut count: BTreeMap<u32, usize> = BTreeMap::new();
    for node in nodes {
        let base = port(&node.ports).and_then(|port| u32::from(port).checked_sub(node.id.get()));
        if let Some(base) = base.filter(|base| *base > 0 && base.is_multiple_of(1000)) {
            *count.entry(base / 1000).or_default() += 1;
        }
    }
    let (thousands, _) = count.into_iter().max_by_key(|(_, nodes)| *nodes)?;
    u16::try_from(thousands).ok().map(Thousands)
}

/// Returns the storage folders of the settings, or the default of the host; for nodes without a service also the folder in
/// which an `ant-node` runs that was given none.
pub(crate) fn roots(requested: &RawSettings, default: &Path, program: Program) -> Vec<PathBuf> {
    match (&requested.node_storage, program) {
        (Some(folders), _) => folders.0.clone(),
        (None, Program::Setsid) => vec![default.to_owned(), super::ant::data_folder().join("nodes")],
        (None, _) => vec![default.to_owned()],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use wnm_core::{ManagerKind, ProcessIdentity, Scope};
    use wnm_platform::manager::{FoundProcess, Options};
    use wnm_platform::node_dir::Folder;

    use super::*;

    fn taken(id: u32, root: &str, change: impl FnOnce(&mut Node)) -> ImportedNode {
        let node = json!({
            "id": id, "uuid": id.to_string(), "flavor": "antnode", "manager": "setsid+user", "root_dir": root,
            "log_dir": "/l", "binary": "/b", "ports": {"node": 55_000 + id, "metrics": 13_000 + id, "rpc": 30_000 + id},
            "wallet": "0x00455d78f850b0358E8cea5be24d415E01E107CF", "network": ["evm-arbitrum-one"],
            "arguments": ["--relay"], "environment": [["A", "b c"]], "upnp": "on", "born": 0
        });
        let mut node: Node = serde_json::from_value(node).unwrap();
        change(&mut node);
        let state = NodeState::Stopped { since: None, cause: StopCause::Found };
        ImportedNode { node, state, previous_state: None, version: None, peer_id: None, notes: Vec::new() }
    }

    fn shown(taken: &[ImportedNode]) -> String {
        let raw = settings(taken);
        let set = RawSettings::KEYS.iter().filter_map(|key| Some(format!("{key}: {}", raw.get(key)?)));
        set.collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn folder_with_two_names_is_one_node() {
        let place = tempfile::tempdir().unwrap();
        let [real, alias] = ["first", "second"].map(|name| place.path().join(name));
        let [folder, link] = [&real, &alias].map(|storage| storage.join("antnode0001"));
        std::fs::create_dir_all(&folder).unwrap();
        std::os::unix::fs::symlink(&real, &alias).unwrap();
        let one = |path: &Path, number: Option<u32>| Found {
            folder: Folder { path: path.to_owned(), marker: None, flavor: None },
            node: number
                .map(|number| taken(number, path.to_str().unwrap(), |_| ()).node.into())
                .ok_or_else(|| "no".to_owned()),
            process: None,
            status: None,
            version: None,
            peer_id: None,
        };
        for (of_folder, of_link, expected) in [
            (false, false, &[&folder][..]),
            (true, false, &[&folder]),
            (false, true, &[&link]),
            // The second service is told as skipped.
            (true, true, &[&folder, &link]),
        ] {
            let found = vec![one(&folder, of_folder.then_some(1)), one(&link, of_link.then_some(2))];
            let kept = one_for_each_folder(found);
            let paths: Vec<_> = kept.iter().map(|found| &found.folder.path).collect();
            assert_eq!(paths, expected, "{of_folder} {of_link}");
        }
        let found = vec![one(&folder, Some(1)), one(&link, Some(2))];
        let survey = Survey { found, services: Vec::new(), highest: None };
        let kind = ManagerKind::new(Program::Setsid, Scope::User);
        let manager = wnm_platform::manager::open(kind, &Options::default()).unwrap();
        let uuid = std::cell::Cell::new(0);
        let next = || uuid.replace(uuid.get() + 1).to_string();
        let takeover = plan(&survey, &*manager, &BTreeMap::new(), Timestamp::default(), &next);
        let reasons: Vec<&str> = takeover.skipped.iter().map(|skipped| skipped.reason.as_str()).collect();
        let of_first = format!("the folder {} belongs to antnode0001", link.display());
        assert!(takeover.nodes.len() == 1 && reasons == [of_first.as_str()], "{reasons:?}");
    }

    #[test]
    fn common_values_become_settings() {
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
            taken(6, "/x/antnode0006", |node| node.ports.metrics = Some(1)),
            taken(7, "/y/antnode0007", |node| {
                node.wallet = "0x1111111111111111111111111111111111111111".parse().unwrap();
            }),
        ];
        insta::assert_snapshot!(
            shown(&unlike),
            @"node_cap: 7; node_storage: /x,/y; port_start: 55; metrics_port_start: 13; rpc_port_start: 30; flavor: antnode; preset: classic"
        );
        // The setting cannot hold a folder with a comma.
        assert_eq!(settings(&[taken(1, "/a,b/antnode0001", |_| ())]).node_storage, None);
        assert_eq!(shown(&[]), "preset: classic");
    }

    #[test]
    fn node_with_the_number_of_another_one_is_told_with_its_marker() {
        let home = tempfile::tempdir().unwrap();
        let marker = home.path().join(MARKER);
        let (one, other) =
            (taken(1, "/x/antnode0001", |_| ()), taken(1, "/y", |node| node.root_dir = home.path().into()));
        let reason = || super::super::check_unique(&other.node, std::slice::from_ref(&one)).unwrap_err().to_string();
        assert_eq!(reason(), "the node in /x/antnode0001 has the same number");
        std::fs::write(&marker, "").unwrap();
        assert!(reason().contains(&format!("move {} elsewhere", marker.display())), "{}", reason());
    }

    #[test]
    fn linked_folders_are_told_with_their_targets() {
        let home = tempfile::tempdir().unwrap();
        let [real, link] = ["real", "link"].map(|name| home.path().join(name));
        std::fs::create_dir(&real).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let of = |path: &Path| {
            let path = path.to_owned();
            ("node".to_owned(), Ok(taken(1, "/s/antnode0001", |node| node.root_dir = path)))
        };
        let takeover = Takeover::of(RawSettings::default(), [of(&link), of(&real)]);
        let service = Listed { name: "ant-7".to_owned(), folder: Some(link.clone()), fault: None };
        let skipped = [takeover.skipped.first(), without_folder(&service, &ByFolder::from_iter([])).as_ref()]
            .map(|one| one.unwrap().reason.clone());
        let wanted = format!(
            "the folder {} is a symbolic link to {}: a node that starts with the folder itself can be imported",
            link.display(),
            real.display()
        );
        assert_eq!(skipped, [wanted.clone(), wanted]);
        assert_eq!(takeover.nodes.len(), 1);
    }

    #[test]
    fn paths_with_dots_are_not_imported() {
        let named = |change: fn(&mut Node)| ("node".to_owned(), Ok(taken(1, "/s/antnode0001", change)));
        let changes: [fn(&mut Node); 4] = [
            |node| node.root_dir = "/s/../etc".into(),
            |node| node.log_dir = "/var/log/../../etc".into(),
            |node| node.binary = "../antnode".into(),
            |_| (),
        ];
        let takeover = Takeover::of(RawSettings::default(), changes.map(named));
        let reasons: Vec<&str> = takeover.skipped.iter().map(|skipped| skipped.reason.as_str()).collect();
        assert_eq!(
            reasons,
            [
                "the folder /s/../etc is not an absolute path without ..",
                "the log folder /var/log/../../etc is not an absolute path without ..",
                "the program ../antnode is not an absolute path without ..",
            ]
        );
        assert_eq!(takeover.nodes.len(), 1);
    }

    /// A node of a table: its manager, the name of its service where that is not the usual one, its number and where that
    /// is from, and whether it runs.
    type Row = (Program, Option<&'static str>, u32, Origin, bool);

    #[derive(Clone, Copy, PartialEq)]
    enum Origin {
        Marker,
        Name,
        Placeholder,
    }

    #[test]
    fn numbers_are_those_in_names_where_they_are_free() {
        use Origin::{Marker, Name, Placeholder};
        use Program::{Antctl, Docker, Setsid};
        let table: [(&[Row], &[u32]); 10] = [
            // A node without a number takes none from a node with one, whatever their order.
            (&[(Setsid, Some("alpha"), 1, Placeholder, true), (Setsid, Some("node-1"), 1, Name, true)], &[2, 1]),
            (&[(Docker, Some("alpha"), 1, Placeholder, true), (Docker, Some("node-1"), 1, Name, true)], &[2, 1]),
            // Nor does one whose number another one has.
            (
                &[
                    (Docker, Some("node-1"), 1, Name, true),
                    (Docker, Some("ant-1"), 1, Name, true),
                    (Docker, Some("node-2"), 2, Name, true),
                ],
                &[1, 3, 2],
            ),
            // The one that runs keeps it.
            (&[(Docker, Some("a-7"), 7, Name, false), (Docker, Some("b-7"), 7, Name, true)], &[1, 7]),
            // A name that stands for a number, and a marker, come first.
            (&[(Docker, Some("node-3"), 3, Name, true), (Docker, None, 3, Name, false)], &[1, 3]),
            (&[(Setsid, Some("node-3"), 3, Name, true), (Setsid, None, 3, Marker, false)], &[1, 3]),
            // Folders of one name are no services of one name.
            (&[(Setsid, None, 3, Name, true), (Setsid, None, 3, Name, true)], &[3, 1]),
            (
                &[
                    (Setsid, Some("big-4294967295"), u32::MAX, Name, true),
                    (Setsid, Some("too-big"), 1, Placeholder, true),
                    (Setsid, Some("x-4294967295"), u32::MAX, Name, true),
                ],
                &[u32::MAX, 2, 1],
            ),
            // antctl has assigned its numbers.
            (&[(Antctl, Some("antnode9"), 9, Name, false), (Antctl, Some("antnode2"), 2, Name, true)], &[9, 2]),
            (&[(Setsid, Some("b"), 1, Placeholder, true), (Setsid, Some("a"), 1, Placeholder, true)], &[1, 2]),
        ];
        for (number, (rows, expected)) in table.into_iter().enumerate() {
            let kind = ManagerKind::new(rows[0].0, Scope::User);
            let manager = wnm_platform::manager::open(kind, &Options::default()).unwrap();
            let found = rows.iter().enumerate().map(|(at, (_, service, id, origin, runs))| {
                let folder = format!("/gone/{at}");
                let node = taken(1, &folder, |node| {
                    node.id = NodeId::new(*id).unwrap();
                    let port = 1000 + u16::try_from(at).unwrap();
                    node.ports = Ports { node: port, metrics: None, rpc: None };
                    (node.manager, node.service, node.uuid) = (kind, service.map(str::to_owned), at.to_string());
                });
                let marker = (*origin == Marker).then(|| wnm_platform::node_dir::Marker::of(&node.node));
                let identity = ProcessIdentity { pid: 1, start: at as u64, boot: String::new() };
                Found {
                    folder: Folder { path: folder.into(), marker, flavor: None },
                    node: Ok(Described { has_number: *origin != Placeholder, ..Described::from(node.node) }),
                    process: runs.then(|| FoundProcess {
                        identity,
                        executable: None,
                        arguments: Vec::new(),
                        working_dir: None,
                    }),
                    status: None,
                    version: None,
                    peer_id: None,
                }
            });
            let survey = Survey { found: found.collect(), services: Vec::new(), highest: None };
            let uuid = std::cell::Cell::new(100);
            let next = || uuid.replace(uuid.get() + 1).to_string();
            let takeover = plan(&survey, &*manager, &BTreeMap::new(), Timestamp::default(), &next);
            assert_eq!(takeover.skipped, [], "{number}");
            let mut numbers: Vec<(u16, u32)> =
                takeover.nodes.iter().map(|taken| (taken.node.ports.node, taken.node.id.get())).collect();
            numbers.sort_unstable();
            assert_eq!(numbers.iter().map(|(_, id)| *id).collect::<Vec<_>>(), expected, "{number}");
            // Each keeps its name.
            for taken in &takeover.nodes {
                let (_, service, id, ..) = rows[usize::from(taken.node.ports.node - 1000)];
                let name = service.map_or_else(|| NodeId::new(id).unwrap().name(), str::to_owned);
                assert_eq!(taken.node.service_name(), name, "{number}");
            }
        }
    }
}
