//! The registry of antctl: a JSON file that antctl rewrites after each change.
//!
//! Entries have had three schemas. The first has no `schema_version`, and its names `upnp`, `home_network` and `peers_args`
//! became `no_upnp`, `relay` and `initial_peers_config`. An entry that wnm cannot read leaves the others usable.

use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use wnm_core::{Node, Upnp, Version};

use super::super::adopt;
use crate::error::{FileOperation, ParsedFile, PlatformError, json_fault};
use crate::guarded::{self, Trust};

/// The maximum size of the registry in bytes: about 1 kB for each node ever added.
const LIMIT: u64 = 64 * 1024 * 1024;
/// The name of the folder for the cache of peers that antctl gives every node.
const USUAL_CACHE: &str = "bootstrap_cache";

/// All nodes that were ever added, including removed ones, ordered by number.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Registry {
    /// The entries that wnm can read.
    pub(super) nodes: Vec<Entry>,
    /// The names of the other entries, each with the reason.
    pub(super) unreadable: Vec<(String, String)>,
    /// The environment of nodes without one of their own.
    environment: Vec<(String, String)>,
}

#[derive(Deserialize)]
struct RegistryFile {
    #[serde(default)]
    nodes: Vec<serde_json::Value>,
    #[serde(default)]
    environment_variables: Option<Vec<(String, String)>>,
}

/// The values of one node that wnm uses. Other keys, also of newer versions, are ignored.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Entry {
    pub(super) service_name: String,
    pub(super) number: u32,
    pub(super) status: Status,
    pub(super) data_dir_path: PathBuf,
    pub(super) log_dir_path: PathBuf,
    pub(super) antnode_path: PathBuf,
    #[serde(default)]
    pub(super) version: Option<String>,
    #[serde(default)]
    pub(super) peer_id: Option<String>,
    #[serde(default)]
    pub(super) node_port: Option<u16>,
    #[serde(default)]
    listen_addr: Option<Vec<String>>,
    #[serde(default)]
    pub(super) metrics_port: Option<u16>,
    #[serde(default)]
    pub(super) rpc_socket_addr: Option<String>,
    #[serde(default)]
    pub(super) rewards_address: Option<String>,
    #[serde(default)]
    no_upnp: Option<bool>,
    #[serde(default)]
    upnp: Option<bool>,
    #[serde(default, alias = "home_network")]
    relay: bool,
    #[serde(default, alias = "peers_args")]
    initial_peers_config: Peers,
    #[serde(default)]
    alpha: bool,
    #[serde(default)]
    network_id: Option<u8>,
    #[serde(default)]
    node_ip: Option<String>,
    #[serde(default)]
    log_format: Option<String>,
    #[serde(default)]
    max_log_files: Option<u64>,
    #[serde(default)]
    max_archived_log_files: Option<u64>,
    #[serde(default)]
    write_older_cache_files: bool,
    #[serde(default)]
    environment_variables: Option<Vec<(String, String)>>,
    #[serde(default)]
    evm_network: serde_json::Value,
}

/// The sources of the first peers of a node.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
struct Peers {
    first: bool,
    local: bool,
    addrs: Vec<String>,
    network_contacts_url: Vec<String>,
    ignore_cache: bool,
    bootstrap_cache_dir: Option<PathBuf>,
}

/// A payment network with contracts of its own.
#[derive(Deserialize)]
struct CustomNetwork {
    rpc_url_http: String,
    payment_token_address: String,
    data_payments_address: String,
    #[serde(default)]
    merkle_payments_address: Option<String>,
}

/// The status of a node at the last antctl command.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub(super) enum Status {
    /// Added and never started, or exited at the first start.
    Added,
    /// Started by antctl.
    Running,
    /// Stopped by antctl, or found to have exited.
    Stopped,
    /// Removed; its name and ports stay reserved.
    Removed,
    /// A status of a newer antctl.
    Other(String),
}

impl From<String> for Status {
    fn from(word: String) -> Self {
        match word.as_str() {
            "Added" => Self::Added,
            "Running" => Self::Running,
            "Stopped" => Self::Stopped,
            "Removed" => Self::Removed,
            _ => Self::Other(word),
        }
    }
}

impl Status {
    /// Returns the word of antctl.
    pub(super) fn word(&self) -> &str {
        match self {
            Self::Added => "Added",
            Self::Running => "Running",
            Self::Stopped => "Stopped",
            Self::Removed => "Removed",
            Self::Other(word) => word,
        }
    }
}

impl Registry {
    /// Reads the registry; a missing file is an empty one.
    pub(super) fn read(path: &Path) -> Result<Self, PlatformError> {
        // It names programs that wnm runs.
        match guarded::read(path, LIMIT, Trust::Owner) {
            Ok(text) => Self::parse(&text).map_err(|error| PlatformError::Unparsable {
                file: ParsedFile::AntctlRegistry,
                path: path.to_owned(),
                reason: json_fault(&error),
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(PlatformError::File { operation: FileOperation::Read, path: path.to_owned(), source }),
        }
    }

    /// Parses the registry, or the output of `status --json`, which is empty without nodes.
    pub(super) fn parse(text: &[u8]) -> serde_json::Result<Self> {
        if text.trim_ascii().is_empty() {
            return Ok(Self::default());
        }
        let file: RegistryFile = serde_json::from_slice(text)?;
        let mut registry = Self { environment: file.environment_variables.unwrap_or_default(), ..Self::default() };
        for value in file.nodes {
            let name = value.get("service_name").and_then(serde_json::Value::as_str).unwrap_or("a node without a name");
            let name = name.to_owned();
            match serde_json::from_value::<Entry>(value) {
                Ok(entry) => registry.nodes.push(entry),
                Err(error) => registry.unreadable.push((name, error.to_string())),
            }
        }
        Ok(registry)
    }

    /// Returns the entry of a node, unless it was removed.
    pub(super) fn of(&self, node: &Node) -> Option<&Entry> {
        self.living().find(|entry| entry.data_dir_path == node.root_dir)
    }

    /// Returns the entries that were not removed.
    pub(super) fn living(&self) -> impl Iterator<Item = &Entry> {
        self.nodes.iter().filter(|entry| entry.status != Status::Removed)
    }

    /// Returns the number of entries, also of those that wnm cannot read.
    pub(super) fn len(&self) -> usize {
        self.nodes.len() + self.unreadable.len()
    }

    /// Returns the number of the next node.
    pub(super) fn next(&self) -> usize {
        self.len() + 1
    }

    /// Returns the environment of a node.
    pub(super) fn environment(&self, entry: &Entry) -> Vec<(String, String)> {
        entry.environment_variables.clone().unwrap_or_else(|| self.environment.clone())
    }
}

impl Entry {
    /// Returns the recorded version of the node's program.
    pub(super) fn version(&self) -> Option<Version> {
        self.version.as_deref().and_then(Version::find_in)
    }

    /// Returns whether the node asks the router to open its port. The first schema has the positive setting, on by default.
    pub(super) fn upnp(&self) -> Upnp {
        let is_off = self.no_upnp.unwrap_or_else(|| !self.upnp.unwrap_or(true));
        if is_off { Upnp::Off } else { Upnp::On }
    }

    /// Returns the UDP port for peers: the fixed one, or else that of its last start.
    pub(super) fn port(&self) -> Option<u16> {
        self.node_port.or_else(|| self.listen_addr.iter().flatten().find_map(|address| adopt::udp_port_in(address)))
    }

    /// Returns the arguments that wnm does not generate itself, in the words of `antnode`.
    pub(super) fn arguments(&self) -> Vec<String> {
        let peers = &self.initial_peers_config;
        let mut words = Vec::new();
        for (flag, is_set) in [
            ("--first", peers.first),
            ("--local", peers.local),
            ("--ignore-cache", peers.ignore_cache),
            ("--alpha", self.alpha),
            ("--relay", self.relay),
            ("--write-older-cache-files", self.write_older_cache_files),
        ] {
            if is_set {
                words.push(flag.to_owned());
            }
        }
        let list = |values: &[String]| (!values.is_empty()).then(|| values.join(","));
        let cache = peers.bootstrap_cache_dir.as_ref().filter(|path| !path.ends_with(USUAL_CACHE));
        for (flag, value) in [
            ("--peer", list(&peers.addrs)),
            ("--network-contacts-url", list(&peers.network_contacts_url)),
            ("--bootstrap-cache-dir", cache.map(|path| path.display().to_string())),
            ("--network-id", self.network_id.map(|id| id.to_string())),
            ("--ip", self.node_ip.clone()),
            ("--log-format", self.log_format.as_ref().map(|format| format.to_lowercase())),
        ] {
            if let Some(value) = value {
                words.extend([flag.to_owned(), value]);
            }
        }
        words
    }

    /// Returns the settings that have another value than the one that wnm gives every node.
    pub(super) fn replaced(&self) -> Vec<String> {
        let values =
            [("--max-log-files", self.max_log_files), ("--max-archived-log-files", self.max_archived_log_files)];
        let other = values.into_iter().filter_map(|(flag, value)| Some((flag, value.filter(|value| *value != 1)?)));
        other.map(|(flag, value)| format!("{flag} {value}")).collect()
    }

    /// Returns the payment network as the last words of an `antnode` command line; None for one of a newer antctl.
    pub(super) fn network(&self) -> Option<Vec<String>> {
        match self.evm_network.as_str() {
            Some("ArbitrumOne") => return Some(vec!["evm-arbitrum-one".to_owned()]),
            Some("ArbitrumSepoliaTest") => return Some(vec!["evm-arbitrum-sepolia-test".to_owned()]),
            Some(_) => return None,
            // Its first registries have no payment network, and antctl takes the public one for them.
            None if self.evm_network.is_null() => return Some(vec!["evm-arbitrum-one".to_owned()]),
            None => {}
        }
        let custom: CustomNetwork = serde_json::from_value(self.evm_network.get("Custom")?.clone()).ok()?;
        let mut words = vec!["evm-custom".to_owned()];
        for (flag, value) in [
            ("--rpc-url", Some(custom.rpc_url_http)),
            ("--payment-token-address", Some(custom.payment_token_address)),
            ("--data-payments-address", Some(custom.data_payments_address)),
            ("--merkle-payments-address", custom.merkle_payments_address),
        ] {
            if let Some(value) = value {
                words.extend([flag.to_owned(), value]);
            }
        }
        Some(words)
    }
}

/// Fuzz target: parses a registry, and derives the nodes in it.
#[cfg(any(test, fuzzing))]
pub(crate) fn fuzz(bytes: &[u8]) {
    let Ok(registry) = Registry::parse(bytes) else { return };
    assert_eq!(registry.next(), registry.nodes.len() + registry.unreadable.len() + 1);
    for entry in registry.living() {
        assert!(entry.status != Status::Removed && entry.port() != Some(0) || entry.node_port == Some(0));
        let words = [entry.arguments(), entry.replaced(), entry.network().unwrap_or_default()].concat();
        assert!(words.iter().map(String::len).sum::<usize>() < 4096 + 4 * bytes.len(), "{words:?}");
        _ = (entry.version(), entry.upnp(), entry.status.word(), registry.environment(entry));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(more: &str) -> serde_json::Value {
        let text = format!(
            r#"{{"service_name": "antnode1", "number": 1, "status": "Stopped", "data_dir_path": "/d/antnode1",
                "log_dir_path": "/l/antnode1", "antnode_path": "/d/antnode1/antnode" {more}}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    fn parsed(more: &str) -> Entry {
        let text = serde_json::json!({ "nodes": [entry(more)] }).to_string();
        Registry::parse(text.as_bytes()).unwrap().nodes.remove(0)
    }

    #[test]
    fn upnp_and_relay_keep_their_meaning_in_every_schema() {
        for (more, upnp, arguments) in [
            ("", Upnp::On, ""),
            (r#", "upnp": false"#, Upnp::Off, ""),
            (r#", "upnp": true, "home_network": true"#, Upnp::On, "--relay"),
            (r#", "schema_version": 1, "no_upnp": true, "relay": true"#, Upnp::Off, "--relay"),
            (r#", "schema_version": 2, "no_upnp": false, "alpha": true"#, Upnp::On, "--alpha"),
            (r#", "schema_version": 9, "no_upnp": true, "of_the_future": {"a": [1]}"#, Upnp::Off, ""),
        ] {
            let entry = parsed(more);
            assert_eq!((entry.upnp(), entry.arguments().join(" ").as_str()), (upnp, arguments), "{more}");
        }
    }

    #[test]
    fn peers_and_further_settings_become_arguments() {
        let entry = parsed(
            r#", "peers_args": {"first": true, "local": true, "addrs": ["/ip4/1.2.3.4/udp/1/quic-v1", "/b"],
                "network_contacts_url": ["https://x"], "disable_mainnet_contacts": true, "ignore_cache": true,
                "bootstrap_cache_dir": "/var/antctl/bootstrap_cache"},
               "network_id": 2, "node_ip": "192.168.1.7", "log_format": "Json", "write_older_cache_files": true"#,
        );
        assert_eq!(
            entry.arguments().join(" "),
            "--first --local --ignore-cache --write-older-cache-files --peer /ip4/1.2.3.4/udp/1/quic-v1,/b \
             --network-contacts-url https://x --network-id 2 --ip 192.168.1.7 --log-format json"
        );
    }

    #[test]
    fn counts_of_log_files_are_named() {
        let entry = parsed(r#", "max_log_files": 5, "max_archived_log_files": 1"#);
        assert_eq!(entry.replaced(), ["--max-log-files 5"]);
        assert_eq!(parsed(r#", "max_log_files": null"#).replaced(), [""; 0]);
    }

    #[test]
    fn networks_become_words() {
        for (network, words) in [
            (r#", "evm_network": "ArbitrumSepoliaTest""#, Some("evm-arbitrum-sepolia-test")),
            ("", Some("evm-arbitrum-one")),
            (r#", "evm_network": "Mars""#, None),
            (r#", "evm_network": {"Custom": {}}"#, None),
            (
                r#", "evm_network": {"Custom": {"rpc_url_http": "http://h/", "payment_token_address": "0x1",
                    "data_payments_address": "0x2"}}"#,
                Some("evm-custom --rpc-url http://h/ --payment-token-address 0x1 --data-payments-address 0x2"),
            ),
        ] {
            assert_eq!(parsed(network).network().map(|words| words.join(" ")).as_deref(), words, "{network}");
        }
    }

    #[test]
    fn port_is_the_fixed_one_or_that_of_the_last_start() {
        let address = r#", "listen_addr": ["/ip4/127.0.0.1/udp/56215/quic-v1/p2p/x"]"#;
        assert_eq!(parsed(address).port(), Some(56215));
        assert_eq!(parsed(&format!(r#"{address}, "node_port": 55001"#)).port(), Some(55001));
        assert_eq!(parsed(r#", "listen_addr": ["/ip4/1.1.1.1/tcp/1", "/udp", ""]"#).port(), None);
    }

    #[test]
    fn one_unreadable_entry_leaves_the_others() {
        let nodes = [entry(""), serde_json::json!({"service_name": "antnode2"}), serde_json::json!(3), entry("")];
        let registry = Registry::parse(serde_json::json!({ "nodes": nodes }).to_string().as_bytes()).unwrap();
        assert_eq!((registry.nodes.len(), registry.unreadable.len(), registry.next()), (2, 2, 5));
        assert_eq!(registry.unreadable[0].0, "antnode2");
        let odd = Status::from("Hibernating".to_owned());
        assert_eq!(odd.word(), "Hibernating");
    }
}
