//! The registry of the daemon of `ant`, which starts `ant-node` processes as its children.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use wnm_core::{Address, Flavor, ManagerKind, Node, NodeId, Ports, Timestamp, Upnp, Version};
use wnm_platform::observe::process::Processes;
use wnm_platform::{other_tools, places};

use super::registry::{Entry, Refused, Registry, RegistryError, Retired};

/// The registry in the data folder of `ant`.
const REGISTRY: &str = "node_registry.json";
/// The name of the registry after the takeover: a daemon that starts later must not find the nodes.
const RETIRED: &str = "node_registry.json.before-wnm";
const PID_FILE: &str = "daemon.pid";
/// The file that `ant` locks while it changes the registry.
const LOCK: &str = "node_registry.lock";
/// The maximum size of the registry in bytes: about 1 kB for each node.
const LIMIT: u64 = 16 * 1024 * 1024;

/// The data folder of `ant`.
pub(crate) struct Ant {
    folder: PathBuf,
}

#[derive(Deserialize)]
struct Listing {
    nodes: BTreeMap<String, serde_json::Value>,
}

/// The values of a node that wnm uses.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Listed {
    id: u32,
    service_name: String,
    rewards_address: String,
    data_dir: PathBuf,
    #[serde(default)]
    log_dir: Option<PathBuf>,
    #[serde(default)]
    node_port: Option<u16>,
    binary_path: PathBuf,
    #[serde(default)]
    version: String,
    #[serde(default)]
    env_variables: BTreeMap<String, String>,
    #[serde(default)]
    bootstrap_peers: Vec<String>,
    #[serde(default)]
    upgrade_channel: Option<String>,
    #[serde(default)]
    evm_network: Option<String>,
    #[serde(default)]
    eviction: Option<Eviction>,
}

/// The record of a node whose folder the daemon deleted for lack of disk space.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Eviction {
    reason: String,
}

/// A node of the registry, or the name of a node that cannot be imported with the reason.
type Read = Result<Listed, Refused>;

impl Ant {
    /// Returns the files of this user.
    pub(crate) fn of_user() -> Self {
        Self { folder: data_folder() }
    }

    fn registry(&self) -> PathBuf {
        self.folder.join(REGISTRY)
    }

    /// Returns the daemon that runs, by its PID file.
    pub(crate) fn daemon(&self) -> Option<u32> {
        self.daemon_in(&Processes::of_host())
    }

    fn daemon_in(&self, processes: &Processes) -> Option<u32> {
        let text = other_tools::read(&self.folder.join(PID_FILE), LIMIT).ok()?;
        let pid = String::from_utf8(text).ok()?.trim().parse().ok()?;
        let facts = processes.facts(pid)?;
        facts.program().is_some_and(|program| program.ends_with("ant")).then_some(pid)
    }

    /// Returns the daemon that runs, if its registry has nodes.
    pub(crate) fn supervises(&self) -> Option<u32> {
        self.daemon().filter(|_| self.listed().is_ok_and(|listed| listed.iter().any(Result::is_ok)))
    }

    fn listed(&self) -> Result<Vec<Read>, RegistryError> {
        let path = self.registry();
        let text = other_tools::read_own(&path, LIMIT).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => RegistryError::NoAnt { path: path.clone() },
            _ => RegistryError::File { verb: "read", path: path.clone(), source },
        })?;
        let listing: Listing = serde_json::from_slice(&text).map_err(|error| RegistryError::NotOfAnt {
            path,
            fault: format!("line {}: {}", error.line(), kind(&error)),
        })?;
        let entry = |(id, value): (String, serde_json::Value)| -> Read {
            let name = format!("node {id}");
            let entry: Listed =
                serde_json::from_value(value).map_err(|error| (name, format!("its entry is unreadable: {error}")))?;
            match &entry.eviction {
                Some(eviction) => {
                    let reason = format!("the daemon deleted its folder: {}", eviction.reason);
                    Err((entry.service_name, reason))
                }
                None => Ok(entry),
            }
        };
        Ok(listing.nodes.into_iter().map(entry).collect())
    }
}

impl Registry for Ant {
    fn tool(&self) -> &'static str {
        "ant"
    }

    fn entries(&self, manager: ManagerKind) -> Result<Vec<Result<Entry, Refused>>, RegistryError> {
        let entry = |listed: Listed| Entry {
            name: listed.service_name.clone(),
            folder: listed.data_dir.clone(),
            number: NodeId::new(listed.id),
            version: Version::find_in(&listed.version),
            peer_id: None,
            status: None,
            node: listed.node(manager),
        };
        Ok(self.listed()?.into_iter().map(|read| read.map(entry)).collect())
    }

    fn changes(&self) -> Vec<String> {
        let (from, to) = (self.registry(), self.folder.join(RETIRED));
        vec![format!("{} is renamed to {}, so that ant does not start these nodes", from.display(), to.display())]
    }

    fn check_unsupervised(&self) -> Result<(), RegistryError> {
        self.daemon().map_or(Ok(()), |pid| Err(RegistryError::AntRuns { pid }))
    }

    /// Renames the registry under the lock of `ant`, which is held until the result is dropped.
    fn retire(&self) -> Result<Retired, RegistryError> {
        self.check_unsupervised()?;
        let path = self.folder.join(LOCK);
        let fail = |source| RegistryError::File { verb: "lock", path: path.clone(), source };
        let lock = other_tools::lock_file(&path).map_err(fail)?;
        lock.try_lock().map_err(|error| match error {
            fs::TryLockError::WouldBlock => RegistryError::AntBusy { path: path.clone() },
            fs::TryLockError::Error(source) => fail(source),
        })?;
        Retired::rename(self.registry(), self.folder.join(RETIRED), Some(lock))
    }
}

/// Returns the folder in which `ant` and `ant-node` keep the data of this user.
pub(crate) fn data_folder() -> PathBuf {
    let home = places::home();
    match std::env::var_os("XDG_DATA_HOME").map(PathBuf::from) {
        _ if cfg!(target_os = "macos") => home.join("Library/Application Support/ant"),
        Some(data) if data.is_absolute() => data.join("ant"),
        Some(_) | None => home.join(".local/share/ant"),
    }
}

impl Listed {
    /// Returns the node as the registry describes it.
    ///
    /// # Errors
    /// The port is unknown, or the rewards address is invalid.
    fn node(self, manager: ManagerKind) -> Result<Node, String> {
        let id = NodeId::new(self.id).unwrap_or(NodeId::FIRST);
        let port = self.node_port.ok_or_else(|| {
            "its port is unknown: the registry has none, and the node does not run: start it, then import it".to_owned()
        })?;
        let wallet: Address = self.rewards_address.parse().map_err(|error: wnm_core::WalletError| error.to_string())?;
        let mut arguments: Vec<String> =
            self.bootstrap_peers.into_iter().flat_map(|peer| ["--bootstrap".to_owned(), peer]).collect();
        arguments.extend(self.upgrade_channel.into_iter().flat_map(|one| ["--upgrade-channel".to_owned(), one]));
        let network = match self.evm_network.as_deref() {
            Some("arbitrum-sepolia" | "arbitrum_sepolia") => "evm-arbitrum-sepolia-test",
            Some(_) | None => "evm-arbitrum-one",
        };
        Ok(Node {
            id,
            uuid: String::new(),
            flavor: Flavor::AntNode,
            manager,
            service: None,
            log_dir: self.log_dir.unwrap_or_else(|| self.data_dir.join("logs")),
            binary: self.binary_path,
            ports: Ports { node: port, metrics: None, rpc: None },
            wallet,
            network: vec![network.to_owned()],
            arguments,
            environment: self.env_variables.into_iter().collect(),
            upnp: Upnp::On,
            born: identity_time(&self.data_dir),
            root_dir: self.data_dir,
        })
    }
}

/// Returns the time of the identity in a folder; the beginning of time without one.
fn identity_time(folder: &Path) -> Timestamp {
    super::read_folder(folder).identity.unwrap_or_default()
}

/// Returns the kind of a fault in JSON.
fn kind(error: &serde_json::Error) -> &'static str {
    match error.classify() {
        serde_json::error::Category::Eof => "the file is truncated",
        serde_json::error::Category::Data => "not a registry of ant",
        serde_json::error::Category::Syntax | serde_json::error::Category::Io => "not valid JSON",
    }
}

#[cfg(test)]
mod tests {
    use super::super::registry;
    use super::*;
    use wnm_core::{Program, Scope};

    const KIND: ManagerKind = ManagerKind::new(Program::Setsid, Scope::User);

    /// A registry as ant 0.14 writes it, with a node of an older version and an evicted one.
    const REGISTRY_TEXT: &str = r#"{
        "schema_version": 1,
        "nodes": {
            "1": {"id": 1, "service_name": "node1", "rewards_address": "0x00455d78f850b0358E8cea5be24d415E01E107CF",
                  "data_dir": "DIR/node-1", "log_dir": "DIR/logs/node-1", "node_port": 12000, "metrics_port": 13000,
                  "network_id": 2, "binary_path": "DIR/node-1/ant-node", "version": "0.23.1",
                  "env_variables": {"RUST_LOG": "info"}, "bootstrap_peers": ["203.0.113.7:12000"],
                  "upgrade_channel": "beta", "evm_network": "arbitrum_sepolia"},
            "2": {"id": 2, "service_name": "node2", "rewards_address": "0x00455d78f850b0358E8cea5be24d415E01E107CF",
                  "data_dir": "DIR/node-2", "log_dir": null, "node_port": null, "binary_path": "DIR/node-2/ant-node",
                  "version": "0.23.1", "env_variables": {}, "bootstrap_peers": [], "upgrade_channel": null,
                  "evm_network": "arbitrum-one"},
            "3": {"id": 3, "service_name": "node3", "rewards_address": "0x0", "data_dir": "DIR/node-3", "log_dir": null,
                  "node_port": 12002, "binary_path": "DIR/node-3/ant-node", "version": "0.23.1", "env_variables": {},
                  "bootstrap_peers": [], "eviction": {"reason": "disk full", "evicted_at": 1, "reclaimed_bytes": 2}},
            "4": {"id": "four"},
            "5": {"id": 5, "service_name": "node5", "rewards_address": "0x1", "data_dir": "DIR/node-5", "node_port": 1,
                  "binary_path": "/b"}
        },
        "next_id": 6
    }"#;

    fn ant() -> (tempfile::TempDir, Ant) {
        let folder = tempfile::tempdir().unwrap();
        let text = REGISTRY_TEXT.replace("DIR", folder.path().to_str().unwrap());
        fs::write(folder.path().join(REGISTRY), text).unwrap();
        let ant = Ant { folder: folder.path().to_owned() };
        (folder, ant)
    }

    #[test]
    fn registry_describes_nodes_that_do_not_run() {
        let (folder, ant) = ant();
        for name in ["node-1", "node-2", "node-9"] {
            fs::create_dir(folder.path().join(name)).unwrap();
            fs::write(folder.path().join(name).join("node_identity.key"), [1; 32]).unwrap();
        }
        let manager = wnm_platform::manager::open(KIND, &wnm_platform::manager::Options::default()).unwrap();
        let mut found = manager.discover(&[folder.path().to_owned()]).unwrap();
        let others = registry::complete(ant.entries(KIND).unwrap(), &mut found);
        let node = &found[0].node.as_ref().unwrap().node;
        assert_eq!((node.id.get(), node.ports.node, node.network[0].as_str()), (1, 12000, "evm-arbitrum-sepolia-test"));
        assert_eq!(node.arguments.join(" "), "--bootstrap 203.0.113.7:12000 --upgrade-channel beta");
        assert_eq!(node.environment, [("RUST_LOG".to_owned(), "info".to_owned())]);
        assert!(found[1].node.as_ref().is_err_and(|reason| reason.starts_with("its port is unknown")));
        assert_eq!((found.len(), &found[0].version), (2, &Version::find_in("0.23.1")));
        let others: Vec<String> = others.iter().map(|(name, reason)| format!("{name}: {reason}")).collect();
        insta::assert_snapshot!(others.join("\n").replace(folder.path().to_str().unwrap(), "DIR"), @r#"
        node3: the daemon deleted its folder: disk full
        node 4: its entry is unreadable: invalid type: string "four", expected u32
        node5: the folder DIR/node-5 holds no identity of a node
        "#);
    }

    #[test]
    fn links_and_fifos_in_the_folder_are_not_opened() {
        let (folder, ant) = ant();
        let at = |name: &str| folder.path().join(name);
        std::os::unix::fs::symlink(at("made"), at(LOCK)).unwrap();
        assert!(matches!(ant.retire().err(), Some(RegistryError::File { verb: "lock", .. })));
        assert!(!at("made").exists() && ant.registry().exists());
        for name in [PID_FILE, REGISTRY] {
            let _ = fs::remove_file(at(name));
            assert!(std::process::Command::new("mkfifo").arg(at(name)).status().unwrap().success());
        }
        assert_eq!(ant.daemon(), None);
        assert!(matches!(ant.listed(), Err(RegistryError::File { verb: "read", .. })));
    }

    #[test]
    #[ignore = "needs root; .ci/root-tests runs it"]
    fn registry_and_programs_of_another_user_are_not_used_as_root() {
        let (folder, ant) = ant();
        fs::create_dir(folder.path().join("node-1")).unwrap();
        fs::write(folder.path().join("node-1/node_identity.key"), [1; 32]).unwrap();
        let program = folder.path().join("node-1/ant-node");
        fs::write(&program, "").unwrap();
        let manager = wnm_platform::manager::open(KIND, &wnm_platform::manager::Options::default()).unwrap();
        let refused = |ant: &Ant| {
            let mut found = manager.discover(&[folder.path().to_owned()]).unwrap();
            let refused = registry::complete(ant.entries(KIND).unwrap(), &mut found);
            assert!(!refused.iter().any(|(name, _)| name == "node1"), "{refused:?}");
            found[0].node.clone().err()
        };
        assert_eq!(refused(&ant), None);
        std::os::unix::fs::chown(&program, Some(12345), Some(12345)).unwrap();
        assert!(refused(&ant).unwrap().contains("12345"), "{:?}", refused(&ant));
        std::os::unix::fs::chown(ant.registry(), Some(12345), Some(12345)).unwrap();
        let error = ant.listed().unwrap_err().to_string();
        assert!(error.ends_with("another user can write it"), "{error}");
    }

    #[test]
    fn registry_is_renamed_and_restored() {
        let (folder, ant) = ant();
        let before = fs::read(ant.registry()).unwrap();
        let retired = ant.retire().unwrap();
        assert!(!ant.registry().exists() && folder.path().join(RETIRED).exists());
        assert!(matches!(ant.listed(), Err(RegistryError::NoAnt { .. })));
        retired.undo();
        assert_eq!(fs::read(ant.registry()).unwrap(), before);
        // A process of another program has the recorded number.
        fs::write(folder.path().join(PID_FILE), std::process::id().to_string()).unwrap();
        assert_eq!(ant.daemon(), None);
        let process = folder.path().join("proc/4711");
        fs::create_dir_all(&process).unwrap();
        fs::write(process.join("stat"), format!("4711 (ant) S 1 {}9 9 9", "0 ".repeat(17))).unwrap();
        std::os::unix::fs::symlink("/home/op/.local/bin/ant", process.join("exe")).unwrap();
        fs::write(folder.path().join(PID_FILE), "4711\n").unwrap();
        assert_eq!(ant.daemon_in(&Processes::below(&folder.path().join("proc"))), Some(4711));
        assert_eq!(ant.listed().unwrap().iter().flatten().count(), 3);
        fs::write(ant.registry(), &before[..before.len() / 2]).unwrap();
        assert!(ant.listed().unwrap_err().to_string().ends_with("the file is truncated"));
    }
}
