//! The addition of a node by antctl, which chooses its number and, except for its prefix, its folder.

use std::path::{Path, PathBuf};
use std::time::Duration;

use wnm_core::{Flavor, Node, Scope, Upnp};

use super::Antctl;
use super::registry::Registry;
use crate::error::{AntctlLimit, NameHolder, PlatformError, RegistryProblem};
use crate::exec::Call;
use crate::manager::adopt::check_texts;
use crate::manager::is_bare_word;

/// The deadline of an addition for which antctl downloads the program.
const DOWNLOAD: Duration = Duration::from_secs(60);

impl Antctl {
    /// Adds a node, which antctl numbers.
    ///
    /// # Errors
    /// antctl would choose another number or folder, or does not support an option of the node.
    pub(super) fn add(&self, node: &Node, before: &Registry) -> Result<(), PlatformError> {
        if before.next() != node.id.get() as usize {
            return Err(self.not_next(node, before.next()));
        }
        self.exec.succeed(&self.addition(node)?)?;
        let after = self.read()?;
        let new = after.nodes.get(before.nodes.len()..).unwrap_or_default();
        if let [entry] = new
            && entry.data_dir_path == node.root_dir
            && entry.antnode_path == node.binary
        {
            return Ok(());
        }
        // An entry at another place with the port of this node would keep the port from it.
        for entry in new.iter().filter(|entry| entry.node_port == Some(node.ports.node)) {
            self.exec.succeed(&self.named("remove", entry).arg("--keep-directories"))?;
        }
        let paths: Vec<PathBuf> = new.iter().map(|entry| entry.data_dir_path.clone()).collect();
        let problem = if paths.is_empty() { RegistryProblem::NoEntry } else { RegistryProblem::AddedAt(paths) };
        Err(PlatformError::Registry { node: node.id, path: self.registry.clone(), problem })
    }

    fn not_next(&self, node: &Node, next: usize) -> PlatformError {
        PlatformError::Taken {
            node: node.id,
            name: format!("number {}", node.id.get()),
            holder: NameHolder::AntctlCounter { next },
        }
    }

    /// Returns the call that adds a node. The payment network is a subcommand, so it comes last.
    ///
    /// # Errors
    /// antctl does not support a property of the node.
    pub(super) fn addition(&self, node: &Node) -> Result<Call, PlatformError> {
        let name = self.kind.folder_name(node.id);
        check_texts(node)?;
        let unsupported = |limit| PlatformError::Antctl { node: node.id, limit };
        if let Some(word) = self.units.as_ref().and_then(|_| split_word(node)) {
            return Err(unsupported(AntctlLimit::Word(word)));
        }
        if node.flavor != Flavor::Antnode {
            return Err(unsupported(AntctlLimit::Program));
        }
        let prefix = |path: &Path| match (path.parent(), path.file_name()) {
            (Some(prefix), Some(last)) if last == name.as_str() => Ok(prefix.to_owned()),
            _ => Err(unsupported(AntctlLimit::FolderName)),
        };
        let chooses = self.kind.scope == Scope::Zen;
        let mut call = self.call().arg("add");
        // antctl adds one node by default, and refuses a number for the first node of a network.
        if !node.arguments.iter().any(|word| word == "--first") {
            call = call.args(["--count", "1"]);
        }
        if !chooses {
            call = call.arg("--data-dir-path").arg(prefix(&node.root_dir)?);
            call = call.arg("--log-dir-path").arg(prefix(&node.log_dir)?);
        }
        let ports = node.ports;
        for (flag, port) in
            [("--node-port", Some(ports.node)), ("--metrics-port", ports.metrics), ("--rpc-port", ports.rpc)]
        {
            if let Some(port) = port {
                call = call.arg(flag).arg(port.to_string());
            }
        }
        call = match &self.options.antctl_version {
            Some(version) => call.arg("--version").arg(version).within(DOWNLOAD),
            None if chooses => call.within(DOWNLOAD),
            None => call.arg("--path").arg(&self.options.binary),
        };
        call = call.args(["--max-log-files", "1", "--max-archived-log-files", "1"]);
        call = call.arg("--rewards-address").arg(node.wallet.to_string());
        if node.upnp == Upnp::Off {
            call = call.arg("--no-upnp");
        }
        if !node.environment.is_empty() {
            if node.environment.iter().any(|(_, value)| value.contains(',')) {
                return Err(unsupported(AntctlLimit::CommaInEnvironment));
            }
            // antctl writes the pairs between quotes into its units, as they are.
            let is_split = |value: &str| value.contains(|c: char| c.is_control() || "\"\\%".contains(c));
            let split = node.environment.iter().find(|(_, value)| self.units.is_some() && is_split(value));
            if let Some((name, _)) = split {
                return Err(unsupported(AntctlLimit::Word(format!("{name}=…"))));
            }
            let pairs: Vec<String> = node.environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
            call = call.arg("--env").arg(pairs.join(","));
        }
        // antctl has another name for this flag of antnode.
        let words = node.arguments.iter().map(|word| if word == "--ip" { "--node-ip" } else { word });
        Ok(call.args(words).args(&node.network))
    }
}

/// Returns a word of the command line of a node that systemd would read differently: antctl quotes none in its units.
fn split_word(node: &Node) -> Option<String> {
    let paths = [&node.root_dir, &node.binary, &node.log_dir].map(|path| path.to_string_lossy());
    let words = paths.iter().map(AsRef::as_ref).chain(node.arguments.iter().map(String::as_str));
    words.chain(node.network.iter().map(String::as_str)).find(|word| !is_bare_word(word)).map(str::to_owned)
}
