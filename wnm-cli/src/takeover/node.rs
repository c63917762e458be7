//! The import of one node of the Python wnm.

use std::path::{Path, PathBuf};

use wnm_core::{Address, Flavor, Node, NodeId, NodeState, Ports, RawSettings, Rewards, Settings, StopCause, Timestamp};
use wnm_platform::node_dir::MARKER;
use wnm_store::python_db::PythonNode;

use super::obstacle::Obstacle;
use super::{Folder, Host, ImportedNode, NO_IDENTITY, OUTSIDE_STORAGE};

/// Returns the imported node. Where the database of the Python wnm has no value, the effective settings give one.
///
/// # Errors
/// Returns the obstacle if the node cannot be imported: an import never guesses a number, a folder or a port in use.
pub(super) fn import(old: &PythonNode, settings: &Settings, host: &Host<'_>) -> Result<ImportedNode, Obstacle> {
    let mut notes = Vec::new();
    let id = old.id.and_then(|id| u32::try_from(id).ok()).and_then(NodeId::new);
    let id = id.ok_or(Obstacle::Number(old.id))?;
    let root_dir = root_dir(old)?;
    let folder = (host.folder)(&root_dir);
    if !folder.exists {
        return Err(Obstacle::MissingFolder(root_dir));
    }
    let uuid = match &folder.marker {
        // An earlier attempt, which failed after this node, left the marker.
        Some(marker) if marker.id == id => marker.uuid.clone(),
        Some(marker) => return Err(Obstacle::OtherMarker { id: marker.id, marker: root_dir.join(MARKER) }),
        None => (host.uuid)(),
    };
    if folder.identity.is_none() {
        notes.push(NO_IDENTITY.to_owned());
    }
    if !settings.storage.iter().any(|storage| root_dir.starts_with(storage)) {
        notes.push(OUTSIDE_STORAGE.to_owned());
    }
    let flavor = if wnm_platform::files::is_file(root_dir.join(Flavor::AntNode.identity_file())) {
        Flavor::AntNode
    } else {
        settings.flavor.clone()
    };
    let node = Node {
        service: None,
        id,
        uuid,
        manager: match &old.manager {
            Some(manager) => manager.parse().map_err(Obstacle::UnknownManager)?,
            None => settings.manager,
        },
        log_dir: log_dir(old, id, &root_dir, host),
        binary: old.binary.clone().unwrap_or_else(|| root_dir.join(flavor.program())),
        flavor,
        ports: ports(old, id, settings)?,
        wallet: wallet(old, settings, &mut notes)?,
        network: words("network", old.network.as_deref())?.unwrap_or_else(|| settings.network.clone()),
        arguments: settings.arguments.clone(),
        environment: environment(old, settings)?,
        upnp: settings.upnp,
        born: born(old, &folder, host.now),
        root_dir,
    };
    let state = state(old, host.now, &mut notes);
    Ok(ImportedNode {
        state,
        previous_state: old.status.clone(),
        version: old.version.clone(),
        peer_id: old.peer_id.clone().or_else(|| wnm_platform::identity::peer_id(&node.root_dir, &node.flavor)),
        node,
        notes,
    })
}

fn root_dir(old: &PythonNode) -> Result<PathBuf, Obstacle> {
    let path = old.root_dir.clone().ok_or(Obstacle::NoFolder)?;
    let is_plain = path.is_absolute() && !path.components().any(|part| part == std::path::Component::ParentDir);
    if is_plain { Ok(path) } else { Err(Obstacle::RelativeFolder(path)) }
}

/// Returns the recorded log folder, else the folder `logs` of the node, else the log folder of new nodes.
fn log_dir(old: &PythonNode, id: NodeId, root: &Path, host: &Host<'_>) -> PathBuf {
    let default = host.logs.join(id.name());
    let inside = root.join("logs");
    match &old.log_dir {
        Some(logs) if logs.is_absolute() => logs.clone(),
        Some(_) | None if !(host.folder)(&default).exists && (host.folder)(&inside).exists => inside,
        Some(_) | None => default,
    }
}

/// Returns the recorded ports, and for each missing one the port that belongs to the number of the node. Only the node
/// port is indispensable.
fn ports(old: &PythonNode, id: NodeId, settings: &Settings) -> Result<Ports, Obstacle> {
    let by_number = settings.ports.of(id);
    let port = |name: &'static str, port: Option<i64>, of: fn(Ports) -> Option<u16>| match port {
        Some(recorded) => {
            let port = u16::try_from(recorded).ok().filter(|port| *port > 0);
            port.map(Some).ok_or(Obstacle::Port { name, port: recorded })
        }
        None => Ok(by_number.and_then(of)),
    };
    Ok(Ports {
        node: port("port", old.port, |ports| Some(ports.node))?.ok_or(Obstacle::NoPort("port"))?,
        metrics: port("metrics port", old.metrics_port, |ports| ports.metrics)?,
        rpc: port("rpc port", old.rpc_port, |ports| ports.rpc)?,
    })
}

/// Returns the rewards address. Of a list of addresses it is the first: the database does not record the one that was
/// drawn.
fn wallet(old: &PythonNode, settings: &Settings, notes: &mut Vec<String>) -> Result<Address, Obstacle> {
    match &old.wallet {
        Some(wallet) => {
            let payees: Rewards = wallet.parse().map_err(Obstacle::Wallet)?;
            Ok(payees.draw(0, settings.donate))
        }
        None => {
            let payee = settings.rewards.draw(0, settings.donate);
            notes.push(format!("no wallet is recorded: the node gets {payee}"));
            Ok(payee)
        }
    }
}

/// Returns the words of a text, split as the setting `key` splits them.
fn words(key: &str, text: Option<&str>) -> Result<Option<Vec<String>>, Obstacle> {
    let Some(text) = text else { return Ok(None) };
    let mut raw = RawSettings::default();
    raw.set(key, text).map_err(Box::new)?;
    let words = if key == "network" { raw.network } else { raw.environment };
    Ok(words.map(|words| words.0))
}

/// Returns the recorded environment of the node, else that of the colony.
fn environment(old: &PythonNode, settings: &Settings) -> Result<Vec<(String, String)>, Obstacle> {
    let Some(words) = words("environment", old.environment.as_deref())? else {
        return Ok(settings.environment.clone());
    };
    let pair = |word: String| match word.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(Obstacle::Environment(word)),
    };
    words.into_iter().map(pair).collect()
}

/// Returns the recorded creation time, else that of the identity, else now. A recorded time in the future is an error
/// of a clock.
fn born(old: &PythonNode, folder: &Folder, now: Timestamp) -> Timestamp {
    let recorded = old.born.map(Timestamp::from_secs).filter(|born| *born <= now);
    recorded.or(folder.identity).unwrap_or(now)
}

/// Returns the assumed state until the first cycle observes the node. An operation that the Python wnm had not finished
/// leaves the state unknown. No imported node is removed: a removal deletes the identity, so it needs a new decision.
fn state(old: &PythonNode, now: Timestamp, notes: &mut Vec<String>) -> NodeState {
    let changed = old.changed.filter(|at| *at > 0).map(Timestamp::from_secs).filter(|at| *at <= now);
    let since = changed.unwrap_or(now);
    let mut unknown = |note: String| {
        notes.push(note);
        NodeState::Unknown { since: now }
    };
    match old.status.as_deref() {
        Some("RUNNING") => NodeState::Running { since },
        Some("STOPPED") => NodeState::Stopped { since: changed, cause: StopCause::Imported },
        Some("DISABLED") => NodeState::Disabled { since },
        Some("REMOVING") => {
            notes.push("its removal was under way: it is imported as a stopped node".to_owned());
            NodeState::Stopped { since: changed, cause: StopCause::Requested }
        }
        Some("DEAD") => {
            unknown("it was recorded as dead, but its folder exists: the first cycle observes its state".to_owned())
        }
        Some(word @ ("RESTARTING" | "UPGRADING" | "MIGRATING")) => {
            unknown(format!("it was {}: the first cycle observes its state", word.to_lowercase()))
        }
        Some(word) => unknown(format!("its state {word:?} is unknown to wnm: the first cycle observes it")),
        None => unknown("no state is recorded: the first cycle observes it".to_owned()),
    }
}
