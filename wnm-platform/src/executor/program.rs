//! Steps that install and swap the program of a node.

use std::path::Path;

use wnm_core::steps::{ActionRecord, Effect, Evidence, Step};
use wnm_core::{Flavor, Node, Program, Version};

use super::{DONE, HostExecutor, Performed, evidence};
use crate::Platform;
use crate::binary::{check_owner, version_call};
use crate::error::PlatformError;
use crate::files;
use crate::manager::Service;
use crate::node_dir::{self, SwapProgress};

/// The file beside an `ant-node` with its bootstrap peers.
const PEERS: &str = "bootstrap_peers.toml";

impl HostExecutor<'_> {
    pub(super) fn install(&self, node: &Node) -> Performed {
        if node.manager.chooses_program() {
            return DONE;
        }
        let binary = self.settings.binary.clone();
        if let Some(copied) = self.install_of_nodes(node) {
            return self.on_volume(node, move |node| {
                node_dir::provide(node)?;
                copy_peers(&binary, node)?;
                Ok(copied)
            });
        }
        self.on_volume(node, move |node| {
            check_owner(&binary)?;
            node_dir::ensure_protected(node)?;
            let to = node_dir::install(&binary, &node_dir::installed(node))?;
            node_dir::provide(node)?;
            copy_peers(&binary, node)?;
            Ok(Effect::Done(Evidence::Programs { from: None, to }))
        })
    }

    /// Returns the nodes whose program a new node gets instead of the node binary, with the version that they run.
    pub(super) fn donors(&self) -> Option<(Version, Vec<&Node>)> {
        let newest = self.platform?.newest()?;
        let nodes: Vec<&Node> = newest.nodes.iter().filter_map(|id| self.nodes.get(id)).collect();
        (!nodes.is_empty()).then_some((newest.version, nodes))
    }

    /// Installs the program of the first node whose copy has the version that the node runs; None without one, so that the
    /// new node gets the node binary. The digest of the copy is the evidence.
    fn install_of_nodes(&self, node: &Node) -> Option<Effect> {
        let (platform, (version, donors)) = (self.platform?, self.donors()?);
        for donor in donors {
            let (node_id, donor_id) = (node.id, donor.id);
            match self.install_of_node(platform, donor, node) {
                Ok((Some(seen), copied)) if seen == version => return Some(copied),
                Ok((seen, _)) => {
                    tracing::info!(node = %node_id, from = %donor_id, ?seen, %version, "the file of a node has another version");
                }
                Err(error) => {
                    tracing::info!(node = %node_id, from = %donor_id, %error, "cannot copy the program of a node")
                }
            }
        }
        None
    }

    /// Copies the program of a running node for a new one, and asks the copy for its version. The running node can write
    /// its file, so that wnm never runs the copy with rights of its own. The version is None where nothing can ask for it.
    fn install_of_node(
        &self,
        platform: &Platform,
        donor: &Node,
        node: &Node,
    ) -> Result<(Option<Version>, Effect), PlatformError> {
        let installed = node_dir::installed(node);
        let has_own_rights = has_own_rights(node);
        let from = donor.binary.clone();
        let copied = self.on_volume(node, move |node| {
            if !has_own_rights {
                // The new node runs with the rights of wnm: no other user may have chosen its program.
                check_owner(&from)?;
            }
            node_dir::ensure_protected(node)?;
            let to = node_dir::install_of_node(&from, &node_dir::installed(node))?;
            Ok(Effect::Done(Evidence::Programs { from: None, to }))
        })?;
        let Some(call) = self.manager.as_node(node, version_call(&installed)) else { return Ok((None, copied)) };
        let version = platform.binaries().version_with(&platform.exec, &node.flavor, &installed, |_| call)?;
        Ok((Some(version), copied))
    }

    pub(super) fn stage(&self, node: &Node) -> Performed {
        let binary = self.settings.binary.clone();
        self.on_volume(node, move |node| {
            check_owner(&binary)?;
            node_dir::ensure_protected(node)?;
            node_dir::take_over(node)?;
            let (from, to) = node_dir::stage(&binary, &node_dir::installed(node))?;
            Ok(Effect::Done(Evidence::Programs { from, to }))
        })
    }

    pub(super) fn swap(&self, record: &ActionRecord, node: &Node) -> Performed {
        if let Some(wait) = self.wait_while_running(node) {
            return Ok(wait);
        }
        let Some(Evidence::Programs { to, .. }) = evidence(record, Step::Stage) else {
            return Err(PlatformError::NothingStaged { node: node.id });
        };
        let (binary, to) = (self.settings.binary.clone(), to.clone());
        self.on_volume(node, move |node| {
            node_dir::take_over_first(node)?;
            node_dir::swap(&node_dir::installed(node), &to)?;
            node_dir::provide(node)?;
            copy_peers(&binary, node)?;
            DONE
        })
    }

    pub(super) fn swap_back(&self, record: &ActionRecord, node: &Node) -> Performed {
        let Some(Evidence::Programs { from, to }) = evidence(record, Step::Stage) else {
            // Nothing was staged, so the installed program is unchanged and the node may run.
            return self.on_volume(node, |node| node_dir::drop_staged(&node_dir::installed(node)).and(DONE));
        };
        if let Some(wait) = self.wait_while_running(node) {
            return Ok(wait);
        }
        let was_swapped = record.done.iter().any(|done| done.step == Step::Swap);
        let swapped = if was_swapped { SwapProgress::Possible } else { SwapProgress::NotStarted };
        let (binary, from, to) = (self.settings.binary.clone(), from.clone(), to.clone());
        self.on_volume(node, move |node| {
            node_dir::take_over_first(node)?;
            let installed = node_dir::installed(node);
            node_dir::swap_back(&installed, from.as_deref(), &to, swapped, &binary)?;
            node_dir::provide(node)?;
            node_dir::drop_leftovers(node)?;
            DONE
        })
    }

    /// Returns the reason to wait while the node is not known to be stopped.
    pub(super) fn wait_while_running(&self, node: &Node) -> Option<Effect> {
        match self.service(node) {
            Service::Stopped => None,
            Service::Running(process) => Some(Effect::NotYet(format!("process {} is still running", process.pid))),
            Service::Unknown(why) => Some(Effect::NotYet(format!("cannot tell whether it is still running: {why}"))),
        }
    }
}

/// Tells whether the process of a node has other rights than wnm.
pub(super) fn has_own_rights(node: &Node) -> bool {
    node.manager.program == Program::Docker || node_dir::installed(node) != node.binary
}

/// Copies the bootstrap peers of an `ant-node`, if there are any beside the program.
fn copy_peers(program: &Path, node: &Node) -> Result<(), PlatformError> {
    let source = program.with_file_name(PEERS);
    match node.flavor {
        Flavor::Antnode | Flavor::Custom(_) => Ok(()),
        Flavor::AntNode => match files::read(source) {
            Ok(peers) => node_dir::write(&node.binary.with_file_name(PEERS), &peers, 0o644),
            Err(_) => Ok(()),
        },
    }
}
