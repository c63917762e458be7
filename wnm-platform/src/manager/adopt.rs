//! Nodes of other tools, read from the definitions of their services.

use std::ffi::OsString;
use std::os::unix::fs::MetadataExt as _;
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::UNIX_EPOCH;

use wnm_core::{
    CommandLine, Flavor, ManagerKind, Node, NodeId, NotANodeCommand, Ports, Surroundings, Timestamp, UnfitText,
};

use super::{Described, FoundProcess};
use crate::error::PlatformError;
use crate::files;
use crate::identity;
use crate::node_dir::Folder;
use crate::observe::{ports, process};

/// The UDP port of multicast DNS, which nodes bind besides their own.
const MDNS: u16 = 5353;

/// The definition of an external service that runs a node.
pub(super) struct Service<'a> {
    /// The name without a suffix, such as `antnode0003` or `ant-node-3`.
    pub(super) name: &'a str,
    pub(super) manager: ManagerKind,
    /// The node program.
    pub(super) program: &'a Path,
    /// The arguments after the program name.
    pub(super) arguments: &'a [String],
    pub(super) environment: Vec<(String, String)>,
    /// The working directory of the process, if it is known.
    pub(super) working_dir: Option<&'a Path>,
    /// The folder of its `--root-dir`.
    pub(super) folder: &'a Folder,
    /// The process with this folder; None when it does not run.
    pub(super) process: Option<&'a FoundProcess>,
}

/// The reason why an external service cannot be adopted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotAdoptable {
    #[error(transparent)]
    Command(#[from] NotANodeCommand),
    #[error("{0} is neither antnode nor ant-node")]
    Program(String),
    #[error("its port is unknown: no --port in the command line, and it does not run")]
    NoPort,
    #[error("its port is unknown: no --port in the command line, and it has opened the UDP ports {}", list(.0))]
    NoSinglePort(Vec<u16>),
}

fn list(ports: &[u16]) -> String {
    if ports.is_empty() {
        return "(none)".to_owned();
    }
    ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", ")
}

/// The number of nodes whose files are written at once. Each file is flushed, and a file system flushes those of several
/// threads together.
const AT_ONCE: usize = 16;

/// Does something to each node, to several at once. Each one before a node that fails is complete.
///
/// # Errors
/// Returns the error of the first node that fails; further nodes are not begun.
pub(crate) fn each(
    nodes: &[&Node],
    act: impl Fn(&Node) -> Result<(), PlatformError> + Sync,
) -> Result<(), PlatformError> {
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let work = || {
        let mut faults = Vec::new();
        while !failed.load(Ordering::Relaxed) {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(node) = nodes.get(at) else { break };
            if let Err(error) = act(node) {
                failed.store(true, Ordering::Relaxed);
                faults.push((at, error));
            }
        }
        faults
    };
    let workers = AT_ONCE.min(nodes.len());
    let faults = thread::scope(|scope| {
        // When the system refuses a thread, the other threads take its nodes.
        let others = (1..workers).filter_map(|_| thread::Builder::new().spawn_scoped(scope, work).ok());
        let others: Vec<_> = others.collect();
        let mut faults = work();
        faults.extend(others.into_iter().flat_map(|other| other.join().unwrap_or_else(|panic| resume_unwind(panic))));
        faults
    });
    faults.into_iter().min_by_key(|(at, _)| *at).map_or(Ok(()), |(_, error)| Err(error))
}

/// Returns the node of a service. Its UUID is that of the folder's marker, or empty without a marker. Its number is the
/// one in the name of the service, else the one in the name of the folder, else a placeholder: the import assigns another
/// one where it is taken.
pub(super) fn node(service: &Service<'_>) -> Result<Described, NotAdoptable> {
    let folder = service.folder.path.file_name().unwrap_or_default().to_string_lossy();
    let number = number_in(service.name).or_else(|| number_in(&folder));
    let id = number.unwrap_or(NodeId::FIRST);
    let name = service.program.file_name().unwrap_or_default().to_string_lossy();
    let flavor = Flavor::ALL.into_iter().find(|flavor| flavor.program() == name);
    let flavor = flavor.ok_or_else(|| NotAdoptable::Program(service.program.display().to_string()))?;
    let surroundings = Surroundings {
        environment: &service.environment,
        working_dir: service.working_dir,
        folder: Some(&service.folder.path),
    };
    let line = CommandLine::read(&flavor, service.arguments, surroundings)?;
    let (port, rpc) = match line.port {
        Some(port) => (port, line.rpc_port),
        None => bound_ports(service.process.ok_or(NotAdoptable::NoPort)?, &line.root_dir, line.rpc_port)?,
    };
    let node = Node {
        id,
        uuid: service.folder.marker.as_ref().map(|marker| marker.uuid.clone()).unwrap_or_default(),
        manager: service.manager,
        service: (service.name != id.name()).then(|| service.name.to_owned()),
        log_dir: line.log_dir.unwrap_or_else(|| line.root_dir.join("logs")),
        binary: service.program.to_owned(),
        ports: Ports { node: port, metrics: line.metrics_port, rpc },
        wallet: line.wallet,
        network: line.network,
        arguments: line.rest,
        environment: service.environment.clone(),
        upnp: line.upnp,
        born: born(&line.root_dir, &flavor),
        flavor,
        root_dir: line.root_dir,
    };
    Ok(Described {
        has_number: number.is_some(),
        unknown_arguments: line.unknown,
        replaced: line.replaced,
        ..Described::from(node)
    })
}

/// Returns the port that a node has chosen itself, so that wnm can start it with the same one, and its third port.
///
/// An `ant-node` also opens a port for WebRTC, unless told otherwise, and writes it into its folder.
pub(super) fn bound_ports(
    process: &FoundProcess,
    root: &Path,
    rpc: Option<u16>,
) -> Result<(u16, Option<u16>), NotAdoptable> {
    let rpc = rpc.or_else(|| webrtc_port(root));
    let mut bound = ports::udp_of(process.identity.pid);
    bound.retain(|port| *port != MDNS && Some(*port) != rpc);
    match bound.as_slice() {
        [port] => Ok((*port, rpc)),
        _ => Err(NotAdoptable::NoSinglePort(bound)),
    }
}

/// Returns the port for WebRTC of the last start of an `ant-node`, from the address that it writes into its folder.
fn webrtc_port(root: &Path) -> Option<u16> {
    udp_port_in(&identity::webrtc_address(root)?)
}

/// Returns the UDP port in a multiaddress such as `/ip4/127.0.0.1/udp/56215/quic-v1`.
pub(super) fn udp_port_in(address: &str) -> Option<u16> {
    let mut parts = address.trim().split('/').skip_while(|part| *part != "udp");
    parts.nth(1)?.parse().ok().filter(|port| *port != 0)
}

/// Tells whether this is the path of a node program.
pub(super) fn is_node_program(path: Option<impl AsRef<Path>>) -> bool {
    let name = path.and_then(|path| path.as_ref().file_name().map(ToOwned::to_owned));
    name.is_some_and(|name| Flavor::ALL.iter().any(|flavor| name == flavor.program()))
}

/// Returns the node number in a name such as `antnode0003`, `disk2-node-3` or `com.autonomi.antnode3`: the digits at its end,
/// after a separator or a word without digits. The names `a4b1c7`, which is an identifier, and `2026-11-30` have none.
fn number_in(name: &str) -> Option<NodeId> {
    let last = name.rsplit('.').next()?;
    let rest = last.trim_end_matches(|c: char| c.is_ascii_digit());
    let word = rest.rsplit(|c: char| !c.is_alphanumeric()).next()?;
    let is_named = rest.contains(char::is_alphabetic) && !word.contains(|c: char| c.is_ascii_digit());
    if !is_named {
        return None;
    }
    last.get(rest.len()..)?.parse().ok().and_then(NodeId::new)
}

/// Returns the time of the identity file. A node's age has value, so an adopted node keeps it.
pub(super) fn born(folder: &Path, flavor: &Flavor) -> Timestamp {
    let facts = files::symlink_metadata(folder.join(flavor.identity_file()));
    let since = facts.ok().filter(|facts| facts.size() > 0).and_then(|facts| facts.modified().ok());
    let since = since.and_then(|at| at.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    Timestamp::default().after(since)
}

/// Returns the value of `--root-dir` in the arguments after the program name; None without this flag.
pub(super) fn root_dir(arguments: &[String]) -> Option<String> {
    let words: Vec<OsString> = arguments.iter().map(OsString::from).collect();
    process::root_dir_in(&words)?.into_string().ok()
}

/// Checks that all texts of a node reach its process unchanged.
///
/// # Errors
/// One of them does not.
pub(super) fn check_texts(node: &Node) -> Result<(), PlatformError> {
    UnfitText::of(node).map_or(Ok(()), |text| Err(PlatformError::UnfitText { node: node.id, text }))
}

/// Returns a path as text, for a command line or a file of another program.
pub(super) fn text(path: &Path) -> Result<String, PlatformError> {
    path.to_str().map(ToOwned::to_owned).ok_or_else(|| PlatformError::NotText { path: path.to_owned() })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Mutex;

    use super::*;
    use crate::node_dir::tests::node_at;

    #[test]
    fn port_for_webrtc_stands_in_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(webrtc_port(folder.path()), None);
        for (text, port) in [
            ("/ip4/127.0.0.1/udp/55318/webrtc-direct/certhash/uEiBG31Z/p2p/e49238084ce2\n", Some(55318)),
            ("/ip4/127.0.0.1/udp/0/webrtc-direct", None),
            ("/ip4/127.0.0.1/tcp/7", None),
            ("/udp", None),
            ("", None),
        ] {
            std::fs::write(folder.path().join(identity::WEBRTC_ADDRESS), text).unwrap();
            assert_eq!(webrtc_port(folder.path()), port, "{text}");
        }
    }

    #[test]
    fn first_failing_node_is_told_and_those_before_it_are_complete() {
        let nodes: Vec<Node> = (1..=100)
            .map(|number| Node { id: NodeId::new(number).unwrap(), ..node_at(Path::new("/s/antnode0001")) })
            .collect();
        let done = Mutex::new(BTreeSet::new());
        let act = |node: &Node| match node.id.get() {
            57 | 99 => Err(PlatformError::StillRuns { node: node.id }),
            number => {
                done.lock().unwrap().insert(number);
                Ok(())
            }
        };
        let all: Vec<&Node> = nodes.iter().collect();
        let failed = each(&all, act).unwrap_err();
        assert!(matches!(failed, PlatformError::StillRuns { node } if node.get() == 57), "{failed}");
        assert!((1..57).all(|number| done.lock().unwrap().contains(&number)));
        assert!(each(&all[..56], act).is_ok() && each(&[], act).is_ok());
    }

    #[test]
    fn numbers_stand_at_the_end_of_names() {
        for (name, number) in [
            ("antnode0003", Some(3)),
            ("antnode3", Some(3)),
            ("ant-node-7", Some(7)),
            ("node_12", Some(12)),
            ("com.autonomi.antnode0004", Some(4)),
            ("disk2-node-7", Some(7)),
            ("host1_antnode0012", Some(12)),
            ("node-0000000003", Some(3)),
            ("node-4294967295", Some(u32::MAX)),
            ("node-4294967296", None),
            ("node-7a", None),
            ("node-7-", None),
            ("2026-11-30", None),
            ("n\u{f6}de-5", Some(5)),
            ("550e8400-e29b-41d4-a716-446655440000", None),
            ("12D3KooWRawPbxPtP1eZaJpumGnyWX2DcUyd3RQnydr3eAto4Az7", None),
            ("a4b1c7", None),
            ("12", None),
            ("node-0", None),
            ("node", None),
            ("node-99999999999", None),
            ("", None),
        ] {
            assert_eq!(number_in(name).map(NodeId::get), number, "{name}");
        }
    }
}
