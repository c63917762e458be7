//! Steps that stop the process of a node, and remove a node.

use std::time::Duration;

use wnm_core::steps::{ActionRecord, Effect, Evidence, Step};
use wnm_core::{Action, Flavor, Node, Timestamp};

use super::{DONE, HostExecutor, Performed, evidence};
use crate::chunk_store;
use crate::manager::{Service, StopSignal};
use crate::node_dir;

/// The time for the deletion of a folder whose node was never up. The next cycles delete the rest.
const UNBORN_BUDGET: Duration = Duration::from_secs(2);
/// The time between SIGTERM and SIGKILL.
const KILL_AFTER: Duration = Duration::from_secs(20);

impl HostExecutor<'_> {
    pub(super) fn stop(&self, node: &Node) -> Performed {
        let before = self.service(node);
        // Also for a node that does not run: the manager may be about to restart it.
        self.manager.stop(node, StopSignal::Term)?;
        Ok(Effect::Done(match before {
            Service::Running(process) => Evidence::Process { process },
            Service::Stopped | Service::Unknown(_) => Evidence::Nothing,
        }))
    }

    pub(super) fn wait_for_exit(&self, record: &ActionRecord, now: Timestamp, node: &Node) -> Performed {
        let left = self.processes.running(node);
        let running = match self.service(node) {
            Service::Stopped if left.is_empty() => return DONE,
            Service::Unknown(why) => return Ok(Effect::NotYet(format!("cannot tell whether it has exited: {why}"))),
            Service::Running(process) => Some(process),
            Service::Stopped => left.last().map(|facts| self.processes.identity(facts)),
        };
        let Some(running) = running else { return DONE };
        if now.since(record.waiting_since()) >= KILL_AFTER {
            self.manager.stop(node, StopSignal::Kill)?;
            return Ok(Effect::NotYet(format!("process {} ignored SIGTERM and was killed", running.pid)));
        }
        let was_signalled = evidence(record, Step::Stop) == Some(&Evidence::Process { process: running.clone() });
        if !was_signalled {
            // The node restarted itself under a new PID at the moment of the signal.
            self.manager.stop(node, StopSignal::Term)?;
        }
        Ok(Effect::NotYet(format!("process {} is exiting", running.pid)))
    }

    /// Waits while a process that the process manager does not know holds the chunk store of the node: neither a removal nor
    /// a move may take the files from under it.
    pub(super) fn wait_for_store(&self, node: &Node) -> Performed {
        if node.flavor != Flavor::AntNode {
            return DONE;
        }
        let processes = self.processes.clone();
        self.on_volume(node, move |node| match chunk_store::held_lock(&node.root_dir, &node.flavor, &processes) {
            Some(lock) => Ok(Effect::NotYet(format!("{lock}: end it"))),
            None => DONE,
        })
    }

    pub(super) fn trash(&self, record: &ActionRecord, node: &Node) -> Performed {
        if let Some(wait) = self.wait_while_running(node) {
            return Ok(wait);
        }
        if let wait @ Effect::NotYet(_) = self.wait_for_store(node)? {
            return Ok(wait);
        }
        let storage = self.settings.storage.clone();
        let is_unborn = matches!(record.planned.action, Action::Add { .. });
        self.on_volume(node, move |node| {
            let moved = node_dir::trash(node, &storage)?;
            if let Some(moved) = moved.as_deref().filter(|_| is_unborn) {
                // The node never ran: its folder holds nothing of value, and each further try would leave another one.
                node_dir::delete_trashed(moved, UNBORN_BUDGET);
            }
            Ok(Effect::Done(moved.map_or(Evidence::Nothing, |to| Evidence::Moved { to })))
        })
    }
}
