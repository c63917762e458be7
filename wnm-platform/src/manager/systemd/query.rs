//! The state of nodes from systemctl.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use wnm_core::{ExitStatus, Node, NodeId, Scope};

use super::rights::Access;
use super::show::{self, UnitStatus};
use super::{Systemd, is_in_unit, unit_name};
use crate::error::PlatformError;
use crate::exec::Call;
use crate::manager::Service;
use crate::node_log::Follow;
use crate::observe::process::{Liveness, ProcessInfo};

/// The number of nodes from which on `is-active` is used first: `show` takes 1 ms or more for each unit.
const MANY: usize = 16;

impl Systemd {
    /// Returns the state of each node: with one call, and a second one for units in transition.
    pub(super) fn query_nodes(&self, nodes: &[&Node]) -> Result<BTreeMap<NodeId, Service>, PlatformError> {
        let mut told = if nodes.len() < MANY { BTreeMap::new() } else { self.quick_check(nodes)? };
        let rest: Vec<&Node> = nodes.iter().copied().filter(|node| !told.contains_key(&node.id)).collect();
        if !rest.is_empty() {
            let shown = self.show(rest.iter().copied())?;
            told.extend(rest.into_iter().map(|node| {
                let silent = || Service::Unknown("systemctl show does not list the unit".to_owned());
                (node.id, shown.get(&unit_name(node)).map_or_else(silent, |shown| self.service_of(node, shown)))
            }));
        }
        Ok(told)
    }

    /// Returns the nodes whose state follows from `is-active` and the list of processes; other nodes are absent.
    fn quick_check(&self, nodes: &[&Node]) -> Result<BTreeMap<NodeId, Service>, PlatformError> {
        let names: Vec<String> = nodes.iter().map(|node| unit_name(node)).collect();
        let arguments = ["is-active", "--"].into_iter().chain(names.iter().map(String::as_str));
        let text = self.bus.systemctl(Access::Query, arguments)?.text();
        let words: Vec<&str> = text.lines().collect();
        if words.len() != nodes.len() {
            return Ok(BTreeMap::new());
        }
        let mut on_folders: BTreeMap<_, Vec<ProcessInfo>> = BTreeMap::new();
        for facts in self.processes.all().into_iter().filter(|facts| facts.life == Liveness::Alive) {
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

    pub(super) fn show<'a>(
        &self,
        nodes: impl IntoIterator<Item = &'a Node>,
    ) -> Result<BTreeMap<String, UnitStatus>, PlatformError> {
        let names: Vec<String> = nodes.into_iter().map(unit_name).collect();
        let arguments = ["show", show::PROPERTIES, "--"].into_iter().chain(names.iter().map(String::as_str));
        let output = self.bus.systemctl(Access::Query, arguments)?;
        let shown = show::parse(&output.text());
        if shown.is_empty() && !names.is_empty() {
            return Err(self.bus.failed("show", &output));
        }
        Ok(shown)
    }

    /// Returns the number of automatic restarts of each node, in one call.
    pub(super) fn count_restarts(&self, nodes: &[&Node]) -> Result<BTreeMap<NodeId, u32>, PlatformError> {
        let names: Vec<String> = nodes.iter().map(|node| unit_name(node)).collect();
        if names.is_empty() {
            return Ok(BTreeMap::new());
        }
        let arguments = ["show", "--property=Id,NRestarts", "--"].into_iter().chain(names.iter().map(String::as_str));
        let output = self.bus.systemctl(Access::Query, arguments)?;
        let counts = show::restarts(&output.text());
        let counted = nodes.iter().zip(&names).filter_map(|(node, name)| Some((node.id, *counts.get(name)?)));
        Ok(counted.collect())
    }

    /// Returns the status with which the last process of each node ended, in one call.
    pub(super) fn query_exits(&self, nodes: &[&Node]) -> BTreeMap<NodeId, ExitStatus> {
        let Ok(shown) = self.show(nodes.iter().copied()) else { return BTreeMap::new() };
        let exit = |node: &&Node| Some((node.id, shown.get(&unit_name(node))?.exit()?));
        nodes.iter().filter_map(exit).collect()
    }

    pub(super) fn show_one(&self, node: &Node) -> Result<UnitStatus, PlatformError> {
        Ok(self.show([node])?.remove(&unit_name(node)).unwrap_or_default())
    }

    /// Returns the call that prints the last lines of a unit's journal.
    pub(super) fn journal(&self, node: &Node, lines: u32, follow: Follow) -> Call {
        let unit = match self.bus.scope {
            Scope::User | Scope::Zen => "--user-unit",
            Scope::Sudo => "--unit",
        };
        let call = self.bus.call(Access::Query, "journalctl").args(["--no-pager", "--quiet", "--output=short-iso"]);
        let call = call.arg(format!("--lines={lines}")).arg(format!("{unit}={}", unit_name(node)));
        if follow == Follow::Yes { call.arg("--follow") } else { call }
    }

    /// Returns the state of a node whose main process is not in `/proc`.
    ///
    /// Mounted with `hidepid=2`, `/proc` hides the processes of other users. The control groups show them. They also
    /// show a process for a moment after its end, so they count only where `/proc` hides.
    fn hidden_service(&self, node: &Node, shown: &UnitStatus, pid: u32) -> Service {
        let is_hidden = || self.processes.hides_others() && is_in_group(pid, &shown.group);
        if shown.active == "active" && self.is_ours(node) && is_hidden() {
            Service::Running(self.processes.hidden(pid, shown.started_micros))
        } else {
            Service::Unknown(format!("systemd names process {pid}, which does not exist"))
        }
    }

    /// Returns the state of a node from the properties of its unit.
    fn service_of(&self, node: &Node, shown: &UnitStatus) -> Service {
        if let Some(pid) = shown.pid {
            match self.processes.facts(pid) {
                Some(facts) if facts.life == Liveness::Ended => {
                    return Service::Unknown(format!("process {pid} ended a moment ago"));
                }
                Some(facts) if facts.is_on_folder_of(node) => return Service::Running(self.processes.identity(&facts)),
                Some(_) if shown.active == "activating" => {}
                Some(facts) if is_between_programs(&facts) => {
                    return Service::Unknown(format!("process {pid} of its unit starts or ends at this moment"));
                }
                // A unit of the same name that runs another program is not this node.
                Some(_) => return Service::Stopped,
                None => return self.hidden_service(node, shown, pid),
            }
        }
        match shown.active.as_str() {
            "inactive" | "failed" => Service::Stopped,
            _ if !self.is_ours(node) => Service::Stopped,
            "activating" if shown.is_coming_back() && !shown.ended_well() => Service::Stopped,
            "activating" if shown.is_coming_back() => {
                // Exit code 0 is the end of a self-upgrade.
                Service::Unknown("it exited with code 0, and systemd restarts it in a moment".to_owned())
            }
            active => Service::Unknown(format!("the unit is {active} ({})", shown.sub)),
        }
    }
}

/// Tells whether a process does not yet execute its program, or no longer: an exiting process has no arguments a moment
/// before it is a zombie, and until exec a new one is a copy of systemd.
fn is_between_programs(facts: &ProcessInfo) -> bool {
    let of_systemd = |name: &OsStr| name == "systemd" || name == "systemd-executor";
    facts.arguments.is_empty() || facts.program().and_then(Path::file_name).is_some_and(of_systemd)
}

/// Tells whether a process is in a control group, from the list of the kernel, which all users may read.
fn is_in_group(pid: u32, group: &str) -> bool {
    const MOUNTS: [&str; 3] = ["/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified", "/sys/fs/cgroup"];
    let pid = pid.to_string();
    let path = Path::new(group.trim_start_matches('/')).join("cgroup.procs");
    !group.is_empty()
        && MOUNTS
            .iter()
            .filter_map(|mount| fs::read_to_string(Path::new(mount).join(&path)).ok())
            .any(|list| list.lines().any(|line| line == pid))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::isolation::Isolation;

    #[test]
    fn process_without_its_program_is_not_another_program() {
        let process = |arguments: &[&str], executable: Option<&str>| ProcessInfo {
            pid: 7,
            parent: 1,
            start: 1,
            life: Liveness::Alive,
            user: None,
            executable: executable.map(Into::into),
            arguments: arguments.iter().map(Into::into).collect(),
            working_dir: None,
            implied_root: None,
            isolation: Isolation::default(),
        };
        for (arguments, executable, expected) in [
            (&[][..], None, true),
            (&["(antnode)"], Some("/usr/lib/systemd/systemd"), true),
            (
                &["/usr/lib/systemd/systemd-executor", "--deserialize", "7"],
                Some("/usr/lib/systemd/systemd-executor"),
                true,
            ),
            (&["sleep", "60"], Some("/usr/bin/sleep"), false),
            (&["sleep", "60"], None, false),
        ] {
            assert_eq!(is_between_programs(&process(arguments, executable)), expected, "{arguments:?}");
        }
    }
}
