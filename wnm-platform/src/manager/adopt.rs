//! Nodes of other tools, read from the definitions of their services.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::UNIX_EPOCH;

use wnm_core::{CommandLine, Flavor, ManagerKind, Node, NodeId, NotANodeCommand, Ports, Timestamp};

use crate::error::PlatformError;
use crate::node_dir::Folder;
use crate::observe::process;

/// The definition of an external service that runs a node.
pub(super) struct Service<'a> {
    /// The name, such as `antnode0003`.
    pub(super) name: &'a str,
    pub(super) manager: ManagerKind,
    /// The node program.
    pub(super) program: &'a Path,
    /// The arguments after the program name.
    pub(super) arguments: &'a [String],
    pub(super) environment: Vec<(String, String)>,
    /// The folder of its `--root-dir`.
    pub(super) folder: &'a Folder,
}

/// The reason why an external service cannot be adopted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotAdoptable {
    #[error(transparent)]
    Command(#[from] NotANodeCommand),
    #[error("service name {0:?} does not end with a node number")]
    Name(String),
    #[error("{0} is neither antnode nor ant-node")]
    Program(String),
    #[error("it has no metrics server")]
    NoMetrics,
}

/// Returns the node of a service. Its UUID is that of the folder's marker, or empty without a marker.
pub(super) fn node(service: &Service<'_>) -> Result<Node, NotAdoptable> {
    let id = id_of(service.name).ok_or_else(|| NotAdoptable::Name(service.name.to_owned()))?;
    let name = service.program.file_name().unwrap_or_default().to_string_lossy();
    let flavor = Flavor::ALL.into_iter().find(|flavor| flavor.program() == name);
    let flavor = flavor.ok_or_else(|| NotAdoptable::Program(service.program.display().to_string()))?;
    let line = CommandLine::read(&flavor, service.arguments)?;
    let metrics = match flavor {
        Flavor::Antnode => Some(line.metrics_port.ok_or(NotAdoptable::NoMetrics)?),
        Flavor::AntNode | Flavor::Custom(_) => Some(usual_port(13, id)),
    };
    Ok(Node {
        id,
        uuid: service.folder.marker.as_ref().map(|marker| marker.uuid.clone()).unwrap_or_default(),
        manager: service.manager,
        service: None,
        log_dir: line.log_dir.unwrap_or_else(|| line.root_dir.join("logs")),
        binary: service.program.to_owned(),
        ports: Ports { node: line.port, metrics, rpc: Some(line.rpc_port.unwrap_or_else(|| usual_port(30, id))) },
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

/// Returns the port that wnm would assign to this number, for a port that the service does not set and not bind.
pub(super) fn usual_port(thousands: u16, id: NodeId) -> u16 {
    thousands.saturating_mul(1000).saturating_add(u16::try_from(id.get()).unwrap_or(0))
}

/// Returns the node number at the end of a service name.
fn id_of(name: &str) -> Option<NodeId> {
    let name = name.rsplit('.').next()?;
    name.parse().ok().filter(|_| name.starts_with("antnode"))
}

/// Returns the time of the identity file. A node's age has value, so an adopted node keeps it.
pub(super) fn born(folder: &Path, flavor: &Flavor) -> Timestamp {
    let facts = fs::symlink_metadata(folder.join(flavor.identity_file()));
    let since = facts.ok().filter(|facts| facts.size() > 0).and_then(|facts| facts.modified().ok());
    let since = since.and_then(|at| at.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    Timestamp::default().after(since)
}

/// Returns the value of `--root-dir` in the arguments after the program name; None without this flag.
pub(super) fn root_dir(arguments: &[String]) -> Option<String> {
    let words: Vec<OsString> = arguments.iter().map(OsString::from).collect();
    process::root_dir_in(&words)?.into_string().ok()
}

/// Returns a path as text, for a command line or a file of another program.
pub(super) fn text(path: &Path) -> Result<String, PlatformError> {
    path.to_str().map(ToOwned::to_owned).ok_or_else(|| PlatformError::NotText { path: path.to_owned() })
}
