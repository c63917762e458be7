//! Firewall rules of nodes that do not exist, and ports of running nodes that no rule opens.

use std::collections::BTreeSet;
use std::path::Path;

use wnm_core::{BoundPort, FirewallKind, Node, NodeId, NodeState, Settings};
use wnm_platform::PlatformError;
use wnm_platform::firewall::{self, Closed, Firewall, Rule};
use wnm_store::{Snapshot, Store};

use super::{Check, Fix, counted, first_few};
use crate::context;
use crate::error::CliError;

/// The difference between the rules of the firewall and the nodes.
struct Difference {
    /// Rules that carry the name of a node that does not exist.
    stale: Vec<Rule>,
    /// Ports of running nodes that no rule opens: peers cannot reach them.
    closed: Vec<(Rule, Closed)>,
}

/// Compares the firewall rules with the nodes, and corrects them for [`Fix::Yes`]. Returns no check where the setting
/// `firewall` is `none`.
pub(super) fn check(db: &Path, settings: &Settings, fix: Fix) -> Vec<Check> {
    if settings.firewall == FirewallKind::None {
        return Vec::new();
    }
    let firewall = firewall::open(settings.firewall);
    if let Err(error @ PlatformError::NoFirewall { kind }) = firewall.check() {
        // The default firewall of a process manager opens the ports where it is installed.
        let is_default = kind == FirewallKind::of(settings.manager);
        return vec![match error.hint() {
            Some(hint) if !is_default => Check::error(CHECK, error.to_string(), hint),
            Some(_) | None => Check::ok(CHECK, format!("{kind} is not installed: wnm opens no port")),
        }];
    }
    let difference = match fix {
        Fix::No => read_and_compare(db, settings, firewall.as_ref()),
        Fix::Yes => correct(db, settings, firewall.as_ref()),
    };
    match difference {
        Err(error) => vec![Check::error(CHECK, error.to_string(), "run wnm as root, or set firewall to none")],
        Ok(difference) => checks(settings.firewall, &difference, fix),
    }
}

const CHECK: &str = "firewall";

fn checks(kind: FirewallKind, difference: &Difference, fix: Fix) -> Vec<Check> {
    let Difference { stale, closed } = difference;
    let list = |rules: &[Rule]| first_few(rules.iter().map(|rule| format!("{} ({}/udp)", rule.node.name(), rule.port)));
    let closed_list = || {
        first_few(closed.iter().map(|(Rule { node, port }, closed)| match closed {
            Closed::NoRule => format!("{} ({port}/udp)", node.name()),
            Closed::Before(rule) => format!("{} ({port}/udp, blocked before by `{rule}`)", node.name()),
        }))
    };
    let stale_rules = || counted(stale.len(), "rule", "rules");
    let checks = match fix {
        Fix::Yes => [
            Check::ok(CHECK, format!("{kind}: removed {} of missing nodes: {}", stale_rules(), list(stale))),
            Check::ok(CHECK, format!("{kind}: opened {}: {}", counted(closed.len(), "port", "ports"), closed_list())),
        ],
        Fix::No => {
            const HINT: &str = "`wnm doctor --fix` corrects the rules";
            let verb = if stale.len() == 1 { "names" } else { "name" };
            let stale = format!("{kind}: {} {verb} a missing node: {}", stale_rules(), list(stale));
            let ports = counted(closed.len(), "port of running nodes is", "ports of running nodes are");
            let closed = format!("{kind}: {ports} closed to peers: {}", closed_list());
            [Check::warning(CHECK, stale, HINT), Check::warning(CHECK, closed, HINT)]
        }
    };
    let is_relevant = [!stale.is_empty(), !closed.is_empty()];
    let relevant = checks.into_iter().zip(is_relevant).filter(|(_, is_relevant)| *is_relevant).map(|(check, _)| check);
    let mut checks: Vec<Check> = relevant.collect();
    if checks.is_empty() {
        checks.push(Check::ok(CHECK, format!("{kind}: the rules match the nodes")));
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

fn read_and_compare(db: &Path, settings: &Settings, firewall: &dyn Firewall) -> Result<Difference, CliError> {
    Ok(compare(&Store::open_read_only(db)?.snapshot()?, settings, firewall)?)
}

/// Compares the rules with the nodes.
fn compare(snapshot: &Snapshot, settings: &Settings, firewall: &dyn Firewall) -> Result<Difference, PlatformError> {
    let known: BTreeSet<u16> = snapshot.nodes.values().flat_map(udp_ports).map(|rule| rule.port).collect();
    let mut stale = firewall::orphaned_rules(firewall, &known)?;
    // Another colony of this host names its rules in the same way. A port outside of this colony's ranges is its.
    stale.retain(|rule| settings.ports.of(rule.node).is_some_and(|ports| ports.all().any(|port| port == rule.port)));

    // The start of a node opens its port, so a stopped node needs no rule. During an action a rule may come or go.
    let is_up = |id: NodeId| snapshot.state.nodes.get(&id).is_some_and(NodeState::is_active);
    let up = snapshot.nodes.values().filter(|node| is_up(node.id) && !snapshot.state.acting.contains(&node.id));
    let ports: Vec<Rule> = up.flat_map(udp_ports).collect();
    let mut shut = firewall.closed(&ports.iter().map(|rule| rule.port).collect())?;
    let closed = ports.into_iter().filter_map(|rule| Some((rule, shut.remove(&rule.port)?))).collect();
    Ok(Difference { stale, closed })
}

/// Removes stale rules and opens closed ports as the start of a node does, and returns the difference as it was.
///
/// Holds the lock, so that no other wnm adds or removes a node in between.
fn correct(db: &Path, settings: &Settings, firewall: &dyn Firewall) -> Result<Difference, CliError> {
    let _lock = context::lock(db, context::LOCK_TIMEOUT)?;
    let difference = read_and_compare(db, settings, firewall)?;
    firewall::close_orphaned_rules(firewall, &difference.stale)?;
    difference.closed.iter().try_for_each(|(rule, _)| firewall.open(rule.port, &rule.node.name()))?;
    Ok(difference)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use wnm_core::{NewNodeInputs, StopCause, Timestamp, new_node};

    use super::*;
    use crate::commands::doctor::{Level, settings_with};

    /// A firewall with a rule for each of these ports.
    struct FakeFirewall(Vec<u16>);

    impl Firewall for FakeFirewall {
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

        fn closed(&self, ports: &BTreeSet<u16>) -> Result<BTreeMap<u16, Closed>, PlatformError> {
            let closed = |port: &u16| match port {
                55002 => Closed::Before("ufw deny 55002/udp".to_owned()),
                _ => Closed::NoRule,
            };
            Ok(ports.iter().filter(|port| !self.0.contains(port)).map(|port| (*port, closed(port))).collect())
        }
    }

    #[test]
    fn stale_rules_and_closed_ports_are_reported() {
        let settings = settings_with(&[]);
        let mut snapshot = Snapshot::default();
        let since = Timestamp::from_secs(1);
        for (number, state) in [
            (1, NodeState::Running { since }),
            (2, NodeState::Unknown { since }),
            (3, NodeState::Stopped { since: None, cause: StopCause::Requested }),
            (4, NodeState::Running { since }),
        ] {
            let id = NodeId::new(number).unwrap();
            let birth = NewNodeInputs {
                uuid: number.to_string(),
                roll: 0,
                storage: "/s".into(),
                logs: "/l".into(),
                now: since,
            };
            snapshot.nodes.insert(id, new_node(id, &settings, birth, []).unwrap());
            snapshot.state.nodes.insert(id, state);
        }
        let found = |open: &[u16], fix| {
            let difference = compare(&snapshot, &settings, &FakeFirewall(open.to_vec())).unwrap();
            let checks = checks(FirewallKind::Ufw, &difference, fix);
            checks.into_iter().map(|check| (check.level, check.message)).collect::<Vec<_>>()
        };
        let match_nodes = "ufw: the rules match the nodes";
        assert_eq!(found(&[55001, 55002, 55004, 40009], Fix::No), [(Level::Ok, match_nodes.to_owned())]);
        let open = [55001, 55003, 55009];
        let [stale, closed] = [
            "ufw: 1 rule names a missing node: antnode0009 (55009/udp)",
            "ufw: 2 ports of running nodes are closed to peers: antnode0002 (55002/udp, blocked before by `ufw deny 55002/udp`), antnode0004 (55004/udp)",
        ];
        assert_eq!(found(&open, Fix::No), [(Level::Warning, stale.to_owned()), (Level::Warning, closed.to_owned())]);
        let [removed, opened] = [
            "ufw: removed 1 rule of missing nodes: antnode0009 (55009/udp)",
            "ufw: opened 2 ports: antnode0002 (55002/udp, blocked before by `ufw deny 55002/udp`), antnode0004 (55004/udp)",
        ];
        assert_eq!(found(&open, Fix::Yes), [(Level::Ok, removed.to_owned()), (Level::Ok, opened.to_owned())]);
    }
}
