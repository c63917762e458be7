//! Rules of the firewall that carry a node's name and lead to no node.

use std::collections::BTreeSet;
use std::path::Path;

use wnm_core::{BoundPort, FirewallKind, Settings};
use wnm_platform::PlatformError;
use wnm_platform::firewall::{self, Firewall, Rule};
use wnm_store::Store;

use super::{Check, Fix};
use crate::context;
use crate::error::CliError;

/// Looks for rules that lead nowhere, and removes them where that is wanted; None when no rules are made.
pub(super) fn check(db: &Path, settings: &Settings, fix: Fix) -> Option<Check> {
    if settings.firewall == FirewallKind::None {
        return None;
    }
    let firewall = firewall::open(settings.firewall);
    let found = match fix {
        Fix::No => strays(db, settings, firewall.as_ref()),
        Fix::Yes => mend(db, settings, firewall.as_ref()),
    };
    let kind = settings.firewall;
    Some(match (found, fix) {
        (Err(error), _) => Check::wrong("firewall", error.to_string(), "run wnm as root, or set firewall to none"),
        (Ok(strays), _) if strays.is_empty() => Check::fine("firewall", format!("{kind}, each rule leads to a node")),
        (Ok(strays), Fix::Yes) => Check::fine("firewall", format!("{kind}, removed the rules of {}", words(&strays))),
        (Ok(strays), Fix::No) => Check::doubtful(
            "firewall",
            format!("{kind}, rules that lead nowhere: {}", words(&strays)),
            "wnm doctor --fix",
        ),
    })
}

fn words(rules: &[Rule]) -> String {
    rules.iter().map(|rule| format!("{} ({}/udp)", rule.node.name(), rule.port)).collect::<Vec<_>>().join(", ")
}

/// Returns the rules that lead nowhere. Those of ports that this colony would not give are another colony's.
fn strays(db: &Path, settings: &Settings, firewall: &dyn Firewall) -> Result<Vec<Rule>, CliError> {
    let nodes = Store::open_read_only(db)?.snapshot()?.nodes;
    let bound = nodes.values().flat_map(|node| node.flavor.bound_ports(node));
    let known: BTreeSet<u16> = bound
        .filter_map(|port| match port {
            BoundPort::Udp(port) => Some(port),
            BoundPort::LoopbackTcp(_) => None,
        })
        .collect();
    let mut strays = firewall::stray_rules(firewall, &known)?;
    strays.retain(|rule| settings.ports.of(rule.node).is_some_and(|ports| ports.all().contains(&rule.port)));
    Ok(strays)
}

/// Removes them while no other wnm acts, and returns them.
fn mend(db: &Path, settings: &Settings, firewall: &dyn Firewall) -> Result<Vec<Rule>, CliError> {
    let _lock = context::lock(db, context::LOCK_PATIENCE)?;
    let strays = strays(db, settings, firewall)?;
    let closed: Result<(), PlatformError> = firewall::close_strays(firewall, &strays);
    closed?;
    Ok(strays)
}
