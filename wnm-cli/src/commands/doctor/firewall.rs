//! Rules of the firewall that carry a node's name and lead to no node, and ports of nodes that no rule opens.

use std::collections::BTreeSet;
use std::path::Path;

use wnm_core::{BoundPort, FirewallKind, Node, NodeId, NodeState, Settings};
use wnm_platform::PlatformError;
use wnm_platform::firewall::{self, Firewall, Rule};
use wnm_store::{Snapshot, Store};

use super::{Check, Fix, some};
use crate::context;
use crate::error::CliError;

/// What speaks against the rules that there are.
struct Amiss {
    /// Rules that lead nowhere.
    strays: Vec<Rule>,
    /// Ports of nodes that run, closed to their peers.
    closed: Vec<Rule>,
}

/// Looks for rules that lead nowhere or are lacking, and mends that where it is wanted; nothing when no rules are made.
pub(super) fn check(db: &Path, settings: &Settings, fix: Fix) -> Vec<Check> {
    if settings.firewall == FirewallKind::None {
        return Vec::new();
    }
    let firewall = firewall::open(settings.firewall);
    let found = match fix {
        Fix::No => look(db, settings, firewall.as_ref()),
        Fix::Yes => hint(db, settings, firewall.as_ref()),
    };
    match found {
        Err(error) => vec![Check::wrong("firewall", error.to_string(), "run wnm as root, or set firewall to none")],
        Ok(amiss) => words(settings.firewall, &amiss, fix),
    }
}

fn words(kind: FirewallKind, amiss: &Amiss, fix: Fix) -> Vec<Check> {
    let list = |rules: &[Rule]| some(rules.iter().map(|rule| format!("{} ({}/udp)", rule.node.name(), rule.port)));
    let tell = |found: String| match fix {
        Fix::Yes => Check::fine("firewall", found),
        Fix::No => Check::doubtful("firewall", found, "wnm doctor --fix"),
    };
    let [strays, closed] = [&amiss.strays, &amiss.closed].map(|rules| list(rules));
    let checks = match fix {
        Fix::Yes => [format!("{kind}, removed the rules of {strays}"), format!("{kind}, opened the ports of {closed}")],
        Fix::No => {
            [format!("{kind}, rules that lead nowhere: {strays}"), format!("{kind}, closed ports of nodes: {closed}")]
        }
    };
    let is_there = [!amiss.strays.is_empty(), !amiss.closed.is_empty()];
    let mut checks: Vec<Check> =
        checks.into_iter().zip(is_there).filter(|(_, is_there)| *is_there).map(|(found, _)| tell(found)).collect();
    if checks.is_empty() {
        checks.push(Check::fine("firewall", format!("{kind}, each rule leads to a node, and each node has its rules")));
    }
    checks
}

fn udp_ports(node: &Node) -> impl Iterator<Item = Rule> {
    let ports = node.flavor.bound_ports(&node.ports).into_iter();
    let node = node.id;
    ports.filter_map(move |port| match port {
        BoundPort::Udp(port) => Some(Rule { port, node }),
        BoundPort::LoopbackTcp(_) => None,
    })
}

fn look(db: &Path, settings: &Settings, firewall: &dyn Firewall) -> Result<Amiss, CliError> {
    Ok(compare(&Store::open_read_only(db)?.snapshot()?, settings, firewall)?)
}

/// Compares the rules with the nodes. Those of ports that this colony would not give are another colony's, and nodes
/// that do not run need none: those are opened as they start.
fn compare(snapshot: &Snapshot, settings: &Settings, firewall: &dyn Firewall) -> Result<Amiss, PlatformError> {
    let known: BTreeSet<u16> = snapshot.nodes.values().flat_map(udp_ports).map(|rule| rule.port).collect();
    let mut strays = firewall::stray_rules(firewall, &known)?;
    strays.retain(|rule| settings.ports.of(rule.node).is_some_and(|ports| ports.all().contains(&rule.port)));

    let is_up = |id: NodeId| snapshot.state.nodes.get(&id).is_some_and(NodeState::is_active);
    let up = snapshot.nodes.values().filter(|node| is_up(node.id) && !snapshot.state.acting.contains(&node.id));
    let mut closed: Vec<Rule> = up.flat_map(udp_ports).collect();
    let without_rule = firewall.closed(&closed.iter().map(|rule| rule.port).collect())?;
    closed.retain(|rule| without_rule.contains(&rule.port));
    Ok(Amiss { strays, closed })
}

/// Mends it while no other wnm acts, and returns what was amiss. A port is opened as the start of its node would.
fn hint(db: &Path, settings: &Settings, firewall: &dyn Firewall) -> Result<Amiss, CliError> {
    let _lock = context::lock(db, context::LOCK_PATIENCE)?;
    let amiss = look(db, settings, firewall)?;
    firewall::close_strays(firewall, &amiss.strays)?;
    amiss.closed.iter().try_for_each(|rule| firewall.open(rule.port, &rule.node.name()))?;
    Ok(amiss)
}

#[cfg(test)]
mod tests {
    use wnm_core::{Birth, HostDefaults, ManagerKind, RawSettings, StopCause, Timestamp, new_node};

    use super::*;
    use crate::commands::doctor::Health;

    /// A firewall that has rules of the nodes of these ports.
    struct Played(Vec<u16>);

    impl Firewall for Played {
        fn open(&self, _port: u16, _name: &str) -> Result<(), PlatformError> {
            Ok(())
        }

        fn close(&self, _port: u16, _name: &str) -> Result<(), PlatformError> {
            Ok(())
        }

        fn rules(&self) -> Result<Vec<Rule>, PlatformError> {
            let named = |port: u16| Some(Rule { port, node: NodeId::new(u32::from(port) % 1000)? });
            Ok(self.0.iter().filter_map(|port| named(*port)).collect())
        }

        fn closed(&self, ports: &BTreeSet<u16>) -> Result<BTreeSet<u16>, PlatformError> {
            Ok(ports.iter().copied().filter(|port| !self.0.contains(port)).collect())
        }
    }

    #[test]
    fn each_node_that_runs_has_its_rule_and_no_rule_is_without_its_node() {
        let host =
            HostDefaults { cpus: 2, storage: "/s".into(), programs: "/bin".into(), manager: ManagerKind::ALL[0] };
        let mut raw = RawSettings::default();
        raw.set("rewards_address", "faucet").unwrap();
        let settings = Settings::new(&raw, &host).unwrap();
        let mut snapshot = Snapshot::default();
        let since = Timestamp::from_secs(1);
        for (number, state) in [
            (1, NodeState::Running { since }),
            (2, NodeState::Unknown { since }),
            (3, NodeState::Stopped { since: None, cause: StopCause::Requested }),
            (4, NodeState::Running { since }),
        ] {
            let id = NodeId::new(number).unwrap();
            let birth =
                Birth { uuid: number.to_string(), roll: 0, storage: "/s".into(), logs: "/l".into(), now: since };
            snapshot.nodes.insert(id, new_node(id, &settings, birth, []).unwrap());
            snapshot.state.nodes.insert(id, state);
        }
        let told = |open: &[u16]| {
            let amiss = compare(&snapshot, &settings, &Played(open.to_vec())).unwrap();
            let checks = words(FirewallKind::Ufw, &amiss, Fix::No);
            checks.into_iter().map(|check| (check.health, check.found)).collect::<Vec<_>>()
        };
        let fine = "ufw, each rule leads to a node, and each node has its rules";
        assert_eq!(told(&[55001, 55002, 55004, 40009]), [(Health::Fine, fine.to_owned())]);
        assert_eq!(
            told(&[55001, 55003, 55009]),
            [
                (Health::Doubtful, "ufw, rules that lead nowhere: antnode0009 (55009/udp)".to_owned()),
                (
                    Health::Doubtful,
                    "ufw, closed ports of nodes: antnode0002 (55002/udp), antnode0004 (55004/udp)".to_owned()
                ),
            ]
        );
    }
}
