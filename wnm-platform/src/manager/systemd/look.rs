//! What runs, as systemd tells it.

use std::collections::BTreeMap;

use wnm_core::{Node, NodeId};

use super::rights::Deed;
use super::show::{self, Shown};
use super::{Systemd, is_in_unit, unit_name};
use crate::error::PlatformError;
use crate::manager::Service;
use crate::observe::process::{Facts, Life};

/// From this many nodes on, systemd is asked for one word a node: it takes a millisecond or more to show one unit.
const MANY: usize = 16;

impl Systemd {
    /// Tells of each node whether it runs: in one call, and a second one for those that are neither plainly up nor
    /// plainly down.
    pub(super) fn look_at(&self, nodes: &[&Node]) -> Result<BTreeMap<NodeId, Service>, PlatformError> {
        let mut told = if nodes.len() < MANY { BTreeMap::new() } else { self.quick_check(nodes)? };
        let rest: Vec<&Node> = nodes.iter().copied().filter(|node| !told.contains_key(&node.id)).collect();
        if !rest.is_empty() {
            let shown = self.show(rest.iter().copied())?;
            told.extend(rest.into_iter().map(|node| {
                let silent = || Service::Unknown("systemd said nothing of it".to_owned());
                (node.id, shown.get(&unit_name(node)).map_or_else(silent, |shown| self.judge(node, shown)))
            }));
        }
        Ok(told)
    }

    /// Returns what one word of systemd, and the processes there are, leave no doubt about.
    fn quick_check(&self, nodes: &[&Node]) -> Result<BTreeMap<NodeId, Service>, PlatformError> {
        let names: Vec<String> = nodes.iter().map(|node| unit_name(node)).collect();
        let arguments = ["is-active", "--"].into_iter().chain(names.iter().map(String::as_str));
        let text = self.bus.systemctl(Deed::Look, arguments)?.text();
        let words: Vec<&str> = text.lines().collect();
        if words.len() != nodes.len() {
            return Ok(BTreeMap::new());
        }
        let mut on_folders: BTreeMap<_, Vec<Facts>> = BTreeMap::new();
        for facts in self.processes.all().into_iter().filter(|facts| facts.life == Life::Alive) {
            if let Some(root) = facts.root_dir() {
                on_folders.entry(root).or_default().push(facts);
            }
        }
        let plain = |node: &Node, word: &str| match word {
            "inactive" | "failed" => Some(Service::Stopped),
            "active" => match on_folders.get(node.root_dir.as_os_str()).map(Vec::as_slice) {
                Some([facts]) if is_in_unit(facts.pid, node) => Some(Service::Running(self.processes.identity(facts))),
                Some(_) | None => None,
            },
            _ => None,
        };
        Ok(nodes.iter().zip(words).filter_map(|(node, word)| Some((node.id, plain(node, word)?))).collect())
    }

    fn show<'a>(&self, nodes: impl IntoIterator<Item = &'a Node>) -> Result<BTreeMap<String, Shown>, PlatformError> {
        let names: Vec<String> = nodes.into_iter().map(unit_name).collect();
        let arguments = ["show", show::PROPERTIES, "--"].into_iter().chain(names.iter().map(String::as_str));
        let output = self.bus.systemctl(Deed::Look, arguments)?;
        let shown = show::parse(&output.text());
        if shown.is_empty() && !names.is_empty() {
            return Err(self.bus.failed("show", &output));
        }
        Ok(shown)
    }

    /// Tells how often systemd started each node again, in one call.
    pub(super) fn count_restarts(&self, nodes: &[&Node]) -> Result<BTreeMap<NodeId, u32>, PlatformError> {
        let names: Vec<String> = nodes.iter().map(|node| unit_name(node)).collect();
        if names.is_empty() {
            return Ok(BTreeMap::new());
        }
        let arguments = ["show", "--property=Id,NRestarts", "--"].into_iter().chain(names.iter().map(String::as_str));
        let output = self.bus.systemctl(Deed::Look, arguments)?;
        let counts = show::restarts(&output.text());
        let counted = nodes.iter().zip(&names).filter_map(|(node, name)| Some((node.id, *counts.get(name)?)));
        Ok(counted.collect())
    }

    pub(super) fn show_one(&self, node: &Node) -> Result<Shown, PlatformError> {
        Ok(self.show([node])?.remove(&unit_name(node)).unwrap_or_default())
    }

    /// Tells what a unit says of its node.
    fn judge(&self, node: &Node, shown: &Shown) -> Service {
        if let Some(pid) = shown.pid {
            match self.processes.facts(pid).filter(|facts| facts.life == Life::Alive) {
                Some(facts) if facts.is_on_folder_of(node) => return Service::Running(self.processes.identity(&facts)),
                Some(_) if shown.active == "activating" => {}
                // A unit of this name that runs something else is not this node's.
                Some(_) => return Service::Stopped,
                None => return Service::Unknown(format!("systemd names process {pid}, which is not found")),
            }
        }
        match shown.active.as_str() {
            "inactive" | "failed" => Service::Stopped,
            _ if !self.is_ours(node) => Service::Stopped,
            "activating" if shown.is_coming_back() && !shown.ended_well() => Service::Stopped,
            "activating" if shown.is_coming_back() => {
                Service::Unknown("it ended with exit code 0, and systemd is about to start it again".to_owned())
            }
            active => Service::Unknown(format!("systemd says that it is {active}, {}", shown.sub)),
        }
    }
}
