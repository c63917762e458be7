//! The rules of ufw in their order, of which the first that matches a packet decides.

use std::ops::RangeInclusive;

use wnm_core::NodeId;

use super::Rule;

/// An added rule for packets from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AddedRule {
    /// The command that adds it, without its comment.
    pub(super) command: String,
    effect: Effect,
    /// The ports of this host; None for all.
    ports: Option<Vec<RangeInclusive<u16>>>,
    comment: String,
}

/// The effect of a rule on UDP packets of all hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// The rule lets them in.
    Allow,
    /// The rule keeps them out, or most of them.
    Block,
    /// The rule matches only some of them, or none.
    Partial,
}

/// The way of packets to a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// A rule lets them in.
    Open,
    /// No rule decides, so the default of the firewall does.
    Closed,
    /// The rule at this index keeps them out.
    Blocked(usize),
}

/// Returns the way of packets from any host to a port.
pub(super) fn way(rules: &[AddedRule], port: u16) -> Way {
    let of_port =
        |rule: &AddedRule| rule.ports.as_ref().is_none_or(|ports| ports.iter().any(|range| range.contains(&port)));
    let decides = |rule: &AddedRule| rule.effect != Effect::Partial && of_port(rule);
    match rules.iter().enumerate().find(|(_, rule)| decides(rule)) {
        None => Way::Closed,
        Some((_, AddedRule { effect: Effect::Allow, .. })) => Way::Open,
        Some((at, _)) => Way::Blocked(at),
    }
}

impl AddedRule {
    /// Returns the rule of a node.
    pub(super) fn of_node(port: u16, name: &str) -> Self {
        Self {
            command: format!("ufw allow {port}/udp"),
            effect: Effect::Allow,
            ports: Some(vec![port..=port]),
            comment: name.to_owned(),
        }
    }

    /// Tells whether this is the rule of a node. Rules with several ports or protocols are the operator's.
    pub(super) fn is_of(&self, port: u16, name: &str) -> bool {
        *self == Self::of_node(port, name)
    }

    /// Returns the node and the port of the rule, if it is that of a node.
    pub(super) fn of_a_node(&self) -> Option<Rule> {
        let node: NodeId = self.comment.parse().ok()?;
        let port = *self.ports.as_deref()?.first()?.start();
        self.is_of(port, &node.name()).then_some(Rule { port, node })
    }

    /// Parses a line of `ufw show added`.
    fn parse(line: &str) -> Option<Self> {
        let line = line.trim();
        let (command, comment) = line.split_once(" comment '").unwrap_or((line, ""));
        let mut words = command.strip_prefix("ufw ")?.split_ascii_whitespace().peekable();
        let mut rule = Self {
            command: command.to_owned(),
            effect: match words.next()? {
                "allow" => Effect::Allow,
                // Nodes have more peers than the six connections in half a minute of `limit`.
                "deny" | "reject" | "limit" => Effect::Block,
                // Packets through this host, as `route allow` lets them.
                _ => Effect::Partial,
            },
            ports: None,
            comment: comment.trim_end().strip_suffix('\'').unwrap_or(comment).to_owned(),
        };
        let mut side = Side::Here;
        while let Some(word) = words.next() {
            match word {
                "in" | "log" | "log-all" => {}
                "out" => rule.effect = Effect::Partial,
                // A network card or an address of this host may be that of all peers.
                "on" => rule.limit(words.next()),
                "from" => {
                    side = Side::There;
                    if words.next() != Some("any") {
                        rule.effect = Effect::Partial;
                    }
                }
                "to" => {
                    side = Side::Here;
                    rule.limit(words.next().filter(|address| *address != "any"));
                }
                "port" if side == Side::Here => rule.ports = Some(ports(words.next()?)?),
                "port" | "app" => rule.effect = Effect::Partial,
                "proto" if words.next() != Some("udp") => rule.effect = Effect::Partial,
                "proto" => {}
                target => rule.target(target),
            }
        }
        Some(rule)
    }

    /// Notes that a rule is only for an address or a network card of this host, if there is one.
    fn limit(&mut self, to: Option<&str>) {
        if to.is_some() && self.effect == Effect::Allow {
            self.effect = Effect::Partial;
        }
    }

    /// Notes the target of the short form: `55001/udp`, `55001:55010/udp`, `55001`, or the name of an application.
    fn target(&mut self, target: &str) {
        match ports(target.strip_suffix("/udp").unwrap_or(target)) {
            Some(found) => self.ports = Some(found),
            None => self.effect = Effect::Partial,
        }
    }
}

/// The side of the address before a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Here,
    There,
}

/// Parses ports: `55001`, `55001:55010`, `80,443`. None for other texts, as `55001/tcp`.
fn ports(text: &str) -> Option<Vec<RangeInclusive<u16>>> {
    let range = |text: &str| {
        let (first, last) = text.split_once(':').unwrap_or((text, text));
        Some(first.parse().ok()?..=last.parse().ok()?)
    };
    text.split(',').map(range).collect()
}

/// Parses `ufw show added`: a command line for each rule, in the order of the firewall.
pub(super) fn parse(text: &str) -> Vec<AddedRule> {
    // An unknown rule still counts in the numbers of ufw.
    let unknown = |line: &str| AddedRule {
        command: line.to_owned(),
        effect: Effect::Partial,
        ports: None,
        comment: String::new(),
    };
    let rules = text.lines().filter(|line| line.starts_with("ufw "));
    rules.map(|line| AddedRule::parse(line).unwrap_or_else(|| unknown(line))).collect()
}

/// Fuzz target: parses the rules of ufw, and opens a port as [`Ufw`](super::Ufw) does.
#[cfg(any(test, fuzzing))]
pub(crate) fn fuzz(bytes: &[u8]) {
    let mut rules = parse(&String::from_utf8_lossy(bytes));
    for port in [1, 55_001, u16::MAX] {
        let rule = AddedRule::of_node(port, "antnode0001");
        match way(&rules, port) {
            Way::Open => continue,
            Way::Closed => rules.push(rule),
            Way::Blocked(at) => rules.insert(at, rule),
        }
        assert_eq!(way(&rules, port), Way::Open, "{rules:?}");
    }
    _ = rules.iter().filter_map(AddedRule::of_a_node).count();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_rule_for_all_hosts_decides() {
        let open = "ufw allow 55001/udp comment 'antnode0001'";
        for (before, way_in) in [
            ("ufw deny 55001/udp", Way::Blocked(0)),
            ("ufw reject 55000:56000/udp comment 'it's mine'", Way::Blocked(0)),
            ("ufw limit 55001", Way::Blocked(0)),
            ("ufw deny in on eth0 to any port 55001 proto udp", Way::Blocked(0)),
            ("ufw deny log to any port 80,55001", Way::Blocked(0)),
            ("ufw deny to any", Way::Blocked(0)),
            ("ufw deny to any proto udp", Way::Blocked(0)),
            ("ufw deny to 192.0.2.1 port 55001", Way::Blocked(0)),
            ("ufw deny 55001/tcp", Way::Open),
            ("ufw deny 55002/udp", Way::Open),
            ("ufw deny from 192.0.2.7", Way::Open),
            ("ufw deny from 192.0.2.0/24 to any port 55001 proto udp", Way::Open),
            ("ufw deny from any port 55001", Way::Open),
            ("ufw deny out 55001/udp", Way::Open),
            ("ufw deny out on eth0", Way::Open),
            ("ufw deny to any proto tcp", Way::Open),
            ("ufw deny 'Nginx Full'", Way::Open),
            ("ufw route deny to any port 55001", Way::Open),
            ("ufw nonsense", Way::Open),
        ] {
            let rules = parse(&format!("Added user rules:\n{before}\n{open}\n"));
            assert_eq!(rules.len(), 2, "{before}");
            assert_eq!(way(&rules, 55001), way_in, "{before}");
        }
        for (line, way_in) in [
            ("ufw allow 55001", Way::Open),
            ("ufw allow to any port 55001", Way::Open),
            ("ufw allow log 55000:55009/udp", Way::Open),
            ("ufw allow in on eth0 to any port 55001", Way::Closed),
            ("ufw allow to 192.0.2.1 port 55001 proto udp", Way::Closed),
            ("ufw allow from 192.0.2.1", Way::Closed),
            ("ufw allow out 55001", Way::Closed),
            ("ufw allow 55001/tcp", Way::Closed),
            ("ufw allow OpenSSH", Way::Closed),
        ] {
            assert_eq!(way(&parse(line), 55001), way_in, "{line}");
        }
    }
}
