//! One node of the Python wnm as one of this wnm.

use std::path::{Path, PathBuf};

use wnm_core::{Address, Flavor, Node, NodeId, NodeState, Ports, RawSettings, Rewards, Settings, StopCause, Timestamp};
use wnm_store::python_db::PythonNode;

use super::{Folder, Host, Taken};

/// Returns the node that an old one becomes.
///
/// # Errors
/// It cannot come over, for this reason.
pub(super) fn take(old: &PythonNode, settings: &Settings, host: &Host<'_>) -> Result<Taken, String> {
    let mut notes = Vec::new();
    let id = old.id.and_then(|id| u32::try_from(id).ok()).and_then(NodeId::new);
    let id = id.ok_or_else(|| "expected a number from 1 to 4294967295".to_owned())?;
    let root_dir = root_dir(old)?;
    let folder = (host.folder)(&root_dir);
    if !folder.is_there {
        return Err(format!("its folder {} is not there, and with it its identity", root_dir.display()));
    }
    let uuid = match &folder.marker {
        // Left by an earlier attempt.
        Some(marker) if marker.id == id => marker.uuid.clone(),
        Some(marker) => return Err(format!("its folder is marked as that of {}", marker.id.name())),
        None => (host.uuid)(),
    };
    if folder.identity.is_none() {
        notes.push("its folder holds no identity: it gets one when it starts".to_owned());
    }
    if !settings.storage.iter().any(|storage| root_dir.starts_with(storage)) {
        notes.push(super::OUTSIDE.to_owned());
    }
    let flavor = if root_dir.join(Flavor::AntNode.identity_file()).is_file() {
        Flavor::AntNode
    } else {
        settings.flavor.clone()
    };
    let node = Node {
        id,
        uuid,
        manager: match &old.manager {
            Some(manager) => manager.parse().map_err(|error: wnm_core::NotAManager| error.to_string())?,
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
    Ok(Taken {
        node,
        state,
        was: old.status.clone(),
        version: old.version.clone(),
        peer_id: old.peer_id.clone(),
        notes,
    })
}

fn root_dir(old: &PythonNode) -> Result<PathBuf, String> {
    let path = old.root_dir.clone().ok_or_else(|| "expected a folder, found nothing".to_owned())?;
    let is_plain = path.is_absolute() && !path.components().any(|part| part == std::path::Component::ParentDir);
    if is_plain { Ok(path) } else { Err(format!("expected an absolute folder, found {}", path.display())) }
}

/// Returns where the node logs: as it says, else where the folder is, else where new nodes do.
fn log_dir(old: &PythonNode, id: NodeId, root: &Path, host: &Host<'_>) -> PathBuf {
    let usual = host.logs.join(id.name());
    let inside = root.join("logs");
    match &old.log_dir {
        Some(logs) if logs.is_absolute() => logs.clone(),
        Some(_) | None if !(host.folder)(&usual).is_there && (host.folder)(&inside).is_there => inside,
        Some(_) | None => usual,
    }
}

/// Returns the ports; one that is not on record is the one the number gives.
fn ports(old: &PythonNode, id: NodeId, settings: &Settings) -> Result<Ports, String> {
    let by_number = settings.ports.of(id);
    let port = |what: &str, port: Option<i64>, of: fn(Ports) -> u16| match port {
        Some(number) => u16::try_from(number)
            .ok()
            .filter(|port| *port > 0)
            .ok_or_else(|| format!("expected a {what} from 1 to 65535, found {number}")),
        None => by_number.map(of).ok_or_else(|| format!("expected a {what}, found nothing")),
    };
    Ok(Ports {
        node: port("port", old.port, |ports| ports.node)?,
        metrics: port("metrics port", old.metrics_port, |ports| ports.metrics)?,
        rpc: port("third port", old.rpc_port, |ports| ports.rpc)?,
    })
}

/// Returns who is paid. A list of payees pays its first one: which one was drawn is not on record.
fn wallet(old: &PythonNode, settings: &Settings, notes: &mut Vec<String>) -> Result<Address, String> {
    match &old.wallet {
        Some(wallet) => {
            let payees: Rewards = wallet.parse().map_err(|error: wnm_core::WalletError| error.to_string())?;
            Ok(payees.draw(0, settings.donate))
        }
        None => {
            let payee = settings.rewards.draw(0, settings.donate);
            notes.push(format!("its wallet is not on record: it pays {payee}"));
            Ok(payee)
        }
    }
}

/// Returns the words of a text as a setting of this name takes them.
fn words(key: &str, text: Option<&str>) -> Result<Option<Vec<String>>, String> {
    let Some(text) = text else { return Ok(None) };
    let mut raw = RawSettings::default();
    raw.set(key, text).map_err(|problem| problem.to_string())?;
    let words = if key == "network" { raw.network } else { raw.environment };
    Ok(words.map(|words| words.0))
}

/// Returns the node's own environment, or that of the colony where it has none.
fn environment(old: &PythonNode, settings: &Settings) -> Result<Vec<(String, String)>, String> {
    let Some(words) = words("environment", old.environment.as_deref())? else {
        return Ok(settings.environment.clone());
    };
    let pair = |word: String| match word.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        Some(_) | None => Err(format!("environment: expected KEY=VALUE words, found {word:?}")),
    };
    words.into_iter().map(pair).collect()
}

fn born(old: &PythonNode, folder: &Folder, now: Timestamp) -> Timestamp {
    let told = old.born.map(Timestamp::from_secs).filter(|born| *born <= now);
    told.or(folder.identity).unwrap_or(now)
}

/// Returns what the node is believed to be doing until somebody looks. What was under way is for the look to tell;
/// nothing that comes over is on its way out.
fn state(old: &PythonNode, now: Timestamp, notes: &mut Vec<String>) -> NodeState {
    let changed = old.changed.filter(|at| *at > 0).map(Timestamp::from_secs).filter(|at| *at <= now);
    let since = changed.unwrap_or(now);
    let mut unknown = |why: String| {
        notes.push(why);
        NodeState::Unknown { since: now }
    };
    match old.status.as_deref() {
        Some("RUNNING") => NodeState::Running { since },
        Some("STOPPED") => NodeState::Stopped { since: changed, cause: StopCause::Found },
        Some("DISABLED") => NodeState::Disabled { since },
        Some("REMOVING") => {
            notes.push("it was on its way out, and is kept as a stopped one".to_owned());
            NodeState::Stopped { since: changed, cause: StopCause::Requested }
        }
        Some("DEAD") => unknown("it was held for dead, and its folder is there: the first look tells".to_owned()),
        Some(word @ ("RESTARTING" | "UPGRADING" | "MIGRATING")) => {
            unknown(format!("it was {}: the first look tells what came of it", word.to_lowercase()))
        }
        Some(word) => unknown(format!("its state {word:?} is not known here: the first look tells")),
        None => unknown("its state is not on record: the first look tells".to_owned()),
    }
}
