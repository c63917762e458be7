//! Changes of existing nodes: other settings, or another storage folder.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::model::node::{Node, NodeId, Upnp};
use crate::model::wallet::Address;
use crate::model::webrtc::WebRtc;

/// New settings of an existing node; None leaves a setting as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct NodeUpdate {
    /// The rewards address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wallet: Option<Address>,
    /// The payment network, as words of the command line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<Vec<String>>,
    /// Further arguments, split into words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arguments: Option<Vec<String>>,
    /// The complete environment, as names and values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<Vec<(String, String)>>,
    /// Whether the node asks the router to open its port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upnp: Option<Upnp>,
    /// The folder for logs, absolute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_dir: Option<PathBuf>,
    /// UDP port for peers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// TCP port of the metrics server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics_port: Option<u16>,
    /// Third port, for RPC or WebRTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rpc_port: Option<u16>,
}

impl NodeUpdate {
    /// Returns the description of a node with these settings.
    #[must_use]
    pub fn applied_to(&self, node: &Node) -> Node {
        let mut node = node.clone();
        let set = |port: &mut Option<u16>, new: Option<u16>| *port = new.or(*port);
        node.wallet = self.wallet.unwrap_or(node.wallet);
        node.upnp = self.upnp.unwrap_or(node.upnp);
        node.ports.node = self.port.unwrap_or(node.ports.node);
        set(&mut node.ports.metrics, self.metrics_port);
        set(&mut node.ports.rpc, self.rpc_port);
        if let Some(network) = &self.network {
            node.network.clone_from(network);
        }
        if let Some(arguments) = &self.arguments {
            node.arguments.clone_from(arguments);
        }
        if WebRtc::of(&node.flavor, &node.arguments) == Some(WebRtc::Off) {
            node.ports.rpc = None;
        }
        if let Some(environment) = &self.environment {
            node.environment.clone_from(environment);
        }
        if let Some(log_dir) = &self.log_dir {
            node.log_dir.clone_from(log_dir);
        }
        node
    }
}

/// A change of one existing node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeChange {
    /// The node gets other settings.
    Update(Box<NodeUpdate>),
    /// The folder of the node moves to this storage folder.
    Move(PathBuf),
}

impl NodeChange {
    /// Returns the verb, such as `move`.
    #[must_use]
    pub const fn verb(&self) -> &'static str {
        match self {
            Self::Update(_) => "update",
            Self::Move(_) => "move",
        }
    }

    /// Returns the description of a node after the change.
    #[must_use]
    pub fn applied_to(&self, node: &Node) -> Node {
        match self {
            Self::Update(update) => update.applied_to(node),
            Self::Move(to) => moved_to(node, to),
        }
    }
}

/// A request to change one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeRequest {
    /// Number of the node.
    pub node: NodeId,
    /// The change.
    pub change: NodeChange,
}

/// Returns the description of a node whose folder moves to another storage folder, under its name.
pub(crate) fn moved_to(node: &Node, storage: &Path) -> Node {
    node.root_dir.file_name().map_or_else(|| node.clone(), |name| node.with_folder(&storage.join(name)))
}

impl Node {
    /// Returns the description of the node in another folder. Logs and program move along where they are in the folder of
    /// the node.
    #[must_use]
    pub fn with_folder(&self, folder: &Path) -> Self {
        let rebased = |path: &Path| match path.strip_prefix(&self.root_dir) {
            Ok(rest) => folder.join(rest),
            Err(_) => path.to_owned(),
        };
        let (log_dir, binary) = (rebased(&self.log_dir), rebased(&self.binary));
        Self { root_dir: folder.to_owned(), log_dir, binary, ..self.clone() }
    }
}
