//! Steps that install and swap the program of a node.

use std::path::Path;

use wnm_core::steps::{ActionRecord, Effect, Evidence, Step};
use wnm_core::{Flavor, Node};

use super::{DONE, HostExecutor, Performed, evidence};
use crate::binary::check_owner;
use crate::error::PlatformError;
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
        self.on_volume(node, move |node| {
            check_owner(&binary)?;
            node_dir::ensure_protected(node)?;
            let to = node_dir::install(&binary, &node_dir::installed(node))?;
            node_dir::provide(node)?;
            copy_peers(&binary, node)?;
            Ok(Effect::Done(Evidence::Programs { from: None, to }))
        })
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

/// Copies the bootstrap peers of an `ant-node`, if there are any beside the program.
fn copy_peers(program: &Path, node: &Node) -> Result<(), PlatformError> {
    let source = program.with_file_name(PEERS);
    match node.flavor {
        Flavor::Antnode | Flavor::Custom(_) => Ok(()),
        Flavor::AntNode => match std::fs::read(&source) {
            Ok(peers) => node_dir::write(&node.binary.with_file_name(PEERS), &peers, 0o644),
            Err(_) => Ok(()),
        },
    }
}
