//! Nodes that another tool made, read from what their service says.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::UNIX_EPOCH;

use wnm_core::{CommandLine, Flavor, ManagerKind, Node, NodeId, NotANodeCommand, Ports, Timestamp};

use crate::error::PlatformError;
use crate::node_dir::Folder;
use crate::observe::process;

/// What a process manager says of a node that is not of wnm's making.
pub(super) struct Service<'a> {
    /// What the service is called, such as `antnode0003`.
    pub(super) name: &'a str,
    pub(super) manager: ManagerKind,
    /// The program it runs.
    pub(super) program: &'a Path,
    /// The words after the program's name.
    pub(super) arguments: &'a [String],
    pub(super) environment: Vec<(String, String)>,
    /// The folder that its `--root-dir` names.
    pub(super) folder: &'a Folder,
}

/// Why a service is left alone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotAdoptable {
    #[error(transparent)]
    Command(#[from] NotANodeCommand),
    #[error("expected a name with a number such as antnode0003, found {0:?}")]
    Name(String),
    #[error("expected the node program antnode or ant-node, found {0}")]
    Program(String),
    #[error("expected a metrics server, found none")]
    NoMetrics,
}

/// Returns the node of a service; its uuid is that of the folder's marker, or empty when there is none.
pub(super) fn node(service: &Service<'_>) -> Result<Node, NotAdoptable> {
    let id = id_of(service.name).ok_or_else(|| NotAdoptable::Name(service.name.to_owned()))?;
    let name = service.program.file_name().unwrap_or_default().to_string_lossy();
    let flavor = Flavor::ALL.into_iter().find(|flavor| flavor.program() == name);
    let flavor = flavor.ok_or_else(|| NotAdoptable::Program(service.program.display().to_string()))?;
    let line = CommandLine::read(&flavor, service.arguments)?;
    let metrics = match flavor {
        Flavor::Antnode => line.metrics_port.ok_or(NotAdoptable::NoMetrics)?,
        Flavor::AntNode | Flavor::Custom(_) => usual_port(13, id),
    };
    Ok(Node {
        id,
        uuid: service.folder.marker.as_ref().map(|marker| marker.uuid.clone()).unwrap_or_default(),
        manager: service.manager,
        log_dir: line.log_dir.unwrap_or_else(|| line.root_dir.join("logs")),
        binary: service.program.to_owned(),
        ports: Ports { node: line.port, metrics, rpc: line.rpc_port.unwrap_or_else(|| usual_port(30, id)) },
        wallet: line.wallet,
        network: line.network,
        arguments: line.rest,
        environment: service.environment.clone(),
        upnp: line.upnp,
        born: born(&line.root_dir, &flavor),
        flavor,
        root_dir: line.root_dir,
    })
}

/// Returns a port that is not said and so not bound: what wnm would give to this number.
pub(super) fn usual_port(thousands: u16, id: NodeId) -> u16 {
    thousands.saturating_mul(1000).saturating_add(u16::try_from(id.get()).unwrap_or(0))
}

/// Returns the number in the name of a service: the digits that end it.
fn id_of(name: &str) -> Option<NodeId> {
    let name = name.rsplit('.').next()?;
    name.parse().ok().filter(|_| name.starts_with("antnode"))
}

/// Returns when the identity in a folder was made: a node's age is worth money.
pub(super) fn born(folder: &Path, flavor: &Flavor) -> Timestamp {
    let facts = fs::symlink_metadata(folder.join(flavor.identity_file()));
    let since = facts.ok().filter(|facts| facts.size() > 0).and_then(|facts| facts.modified().ok());
    let since = since.and_then(|at| at.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    Timestamp::default().after(since)
}

/// Returns the word given as `--root-dir` among those after a program's name; None when there is none.
pub(super) fn root_dir(arguments: &[String]) -> Option<String> {
    let words: Vec<OsString> = arguments.iter().map(OsString::from).collect();
    process::root_dir_in(&words)?.into_string().ok()
}

/// Returns a path as text, for a command line or a file of another program.
pub(super) fn text(path: &Path) -> Result<String, PlatformError> {
    path.to_str().map(ToOwned::to_owned).ok_or_else(|| PlatformError::NotText { path: path.to_owned() })
}
