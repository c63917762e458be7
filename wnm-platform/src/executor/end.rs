//! Steps that end a node's process, and a node.

use std::time::Duration;

use wnm_core::steps::{ActionRecord, Effect, Evidence, Step};
use wnm_core::{Node, Timestamp};

use super::{DONE, HostExecutor, Performed, evidence};
use crate::manager::{Service, StopSignal};
use crate::node_dir;

/// How long a process that was asked to end may take before it is killed.
const GRACE: Duration = Duration::from_secs(20);

impl HostExecutor<'_> {
    pub(super) fn stop(&self, node: &Node) -> Performed {
        let before = self.service(node);
        // Told even when it seems not to run: a manager that would start it again must know.
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
            Service::Unknown(why) => return Ok(Effect::NotYet(format!("whether it is gone is not known: {why}"))),
            Service::Running(process) => Some(process),
            Service::Stopped => left.last().map(|facts| self.processes.identity(facts)),
        };
        let Some(running) = running else { return DONE };
        if now.since(record.waiting_since()) >= GRACE {
            self.manager.stop(node, StopSignal::Kill)?;
            return Ok(Effect::NotYet(format!("process {} did not end when asked, and was killed", running.pid)));
        }
        let told = evidence(record, Step::Stop) == Some(&Evidence::Process { process: running.clone() });
        if !told {
            // It restarted itself under a new number just when it was told.
            self.manager.stop(node, StopSignal::Term)?;
        }
        Ok(Effect::NotYet(format!("process {} has been asked to end", running.pid)))
    }

    pub(super) fn trash(&self, node: &Node) -> Performed {
        if let Some(wait) = self.wait_while_running(node) {
            return Ok(wait);
        }
        let moved = node_dir::trash(node, &self.settings.storage)?;
        Ok(Effect::Done(moved.map_or(Evidence::Nothing, |to| Evidence::Moved { to })))
    }
}
