//! Taking over nodes of other tools: what comes over, what does not, and why. Nothing is changed here.

pub(crate) mod anm;
pub(crate) mod found;
mod node;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use wnm_core::{Node, NodeId, NodeState, RawSettings, Settings, Timestamp};
use wnm_platform::node_dir::Marker;
use wnm_store::python_db::PythonColony;

/// What is said of a node whose folder wnm will not delete.
pub(crate) const OUTSIDE: &str =
    "its folder lies outside node_storage: it will not be deleted when the node is removed";

/// What is to come over.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Takeover {
    /// The settings that will be kept.
    pub(crate) settings: RawSettings,
    /// The nodes, by number.
    pub(crate) nodes: Vec<Taken>,
    /// What stays behind.
    pub(crate) left_out: Vec<LeftOut>,
    /// What is changed on the host beside marks on nodes.
    pub(crate) changes: Vec<String>,
}

impl Takeover {
    /// Returns what comes over of these, each with its name, where no two may want what only one can have.
    fn of(settings: RawSettings, candidates: impl IntoIterator<Item = (String, Result<Taken, String>)>) -> Self {
        let mut takeover = Self { settings, nodes: Vec::new(), left_out: Vec::new(), changes: Vec::new() };
        for (what, taken) in candidates {
            let taken = taken.and_then(|taken| {
                check_claims(&taken.node, &takeover.nodes)?;
                Ok(taken)
            });
            match taken {
                Ok(taken) => takeover.nodes.push(taken),
                Err(why) => takeover.left_out.push(LeftOut { what, why }),
            }
        }
        takeover.nodes.sort_by_key(|taken| taken.node.id);
        takeover
    }
}

/// A node that comes over.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Taken {
    pub(crate) node: Node,
    /// What it is believed to be doing until the first look.
    pub(crate) state: NodeState,
    /// The state it was in there.
    pub(crate) was: Option<String>,
    /// The version it was last seen with there.
    pub(crate) version: Option<String>,
    /// Its name in the network, as last seen there.
    pub(crate) peer_id: Option<String>,
    /// What is not as it was.
    pub(crate) notes: Vec<String>,
}

/// Something that stays behind.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct LeftOut {
    pub(crate) what: String,
    pub(crate) why: String,
}

/// A node's folder, as it is found.
#[derive(Debug, Clone, Default)]
pub(crate) struct Folder {
    pub(crate) is_there: bool,
    /// Our marker, left by an earlier attempt or another colony.
    pub(crate) marker: Option<Marker>,
    /// When the identity in it was made; None when it holds none.
    pub(crate) identity: Option<Timestamp>,
}

/// What is known of the host.
pub(crate) struct Host<'a> {
    pub(crate) now: Timestamp,
    /// Where nodes log when nobody says.
    pub(crate) logs: PathBuf,
    /// Looks at a folder.
    pub(crate) folder: &'a dyn Fn(&Path) -> Folder,
    /// Makes up a name for ever.
    pub(crate) uuid: &'a dyn Fn() -> String,
}

/// Says what of a colony of the Python wnm comes over. `settings` are those in force, made of `kept` and what lies above and below.
pub(crate) fn plan(colony: &PythonColony, kept: RawSettings, settings: &Settings, host: &Host<'_>) -> Takeover {
    let candidates = colony.nodes.iter().map(|old| (name(old.id), node::take(old, settings, host)));
    let mut takeover = Takeover::of(kept, candidates);
    takeover.left_out.extend(settings_left_out(&colony.unused));
    takeover
}

fn name(id: Option<i64>) -> String {
    let known = id.and_then(|id| u32::try_from(id).ok()).and_then(NodeId::new);
    known.map_or_else(
        || id.map_or_else(|| "a node without a number".to_owned(), |id| format!("node {id}")),
        NodeId::name,
    )
}

/// Refuses a node that wants what only one can have.
fn check_claims(node: &Node, others: &[Taken]) -> Result<(), String> {
    for other in others.iter().map(|taken| &taken.node) {
        if other.id == node.id {
            return Err("another node has this number".to_owned());
        }
        let shared = node.ports.all().into_iter().find(|port| other.ports.all().contains(port));
        if let Some(port) = shared {
            return Err(format!("port {port} is that of {}", other.id.name()));
        }
        if other.root_dir == node.root_dir || other.uuid == node.uuid {
            return Err(format!("its folder {} is that of {}", node.root_dir.display(), other.id.name()));
        }
    }
    let [one, two, three] = node.ports.all();
    if one == two || two == three || one == three {
        return Err(format!("it has one port for two uses: {one}, {two} and {three}"));
    }
    Ok(())
}

/// Returns what other tools had beyond the settings of this wnm.
pub(crate) fn settings_left_out(unused: &BTreeMap<String, String>) -> impl Iterator<Item = LeftOut> {
    unused.iter().map(|(key, value)| LeftOut {
        what: format!("{key} = {value}"),
        why: match key.as_str() {
            "cpu_count" => "processors are counted anew",
            "last_stopped_at" => "each node says when it stopped",
            "highest_node_id_used" => "a new node gets the lowest number that none has",
            "DiscordUsername" => "nodes are told no owner",
            "NodeVersion" => "new nodes get the program at antnode_path",
            "UpgradeHour" | "UpgradeMin" => "nodes upgrade themselves, unless enable_upgrade is set",
            _ => "there is no such setting here",
        }
        .to_owned(),
    })
}

/// Looks at a node's folder.
pub(crate) fn look(path: &Path) -> Folder {
    let marker = Marker::read(path).ok().flatten();
    let identities = wnm_core::Flavor::ALL.map(|flavor| path.join(flavor.identity_file()));
    let changed = identities.iter().find_map(|file| file.symlink_metadata().ok()?.modified().ok());
    let since_epoch = changed.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    Folder { is_there: path.is_dir(), marker, identity: since_epoch.map(|span| Timestamp::default().after(span)) }
}
