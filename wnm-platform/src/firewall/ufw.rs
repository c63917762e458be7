//! Rules of ufw, each for one port and with the node's name as its comment.

mod added;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use wnm_core::FirewallKind;

use super::{Closed, Firewall, Rule};
use crate::error::PlatformError;
use crate::exec::{Call, Exec, Output, is_in_path};
#[cfg(any(test, fuzzing))]
pub(crate) use added::fuzz;
use added::{AddedRule, Way};

/// The path of ufw: Debian leaves /usr/sbin out of the `PATH` of users.
const SYSTEM: &str = "/usr/sbin/ufw";

/// The uncomplicated firewall. Its rules are read once and tracked afterwards, because each call of ufw takes 0.2 s.
pub(super) struct Ufw {
    exec: Exec,
    is_root: bool,
    /// Whether ufw is installed; without it, opening and closing do nothing.
    is_there: bool,
    known: Mutex<Option<Vec<AddedRule>>>,
}

impl Ufw {
    pub(super) fn of_host() -> Self {
        let is_there = is_in_path("ufw") || Path::new(SYSTEM).exists();
        Self::with(Exec::real(), rustix::process::geteuid().is_root(), is_there)
    }

    pub(super) fn with(exec: Exec, is_root: bool, is_there: bool) -> Self {
        Self { exec, is_root, is_there, known: Mutex::default() }
    }

    fn ufw(&self, arguments: &[&str]) -> Result<Output, PlatformError> {
        let program = if is_in_path("ufw") { "ufw" } else { SYSTEM };
        let call = if self.is_root { Call::new(program) } else { Call::new("sudo").args(["-n", "--", program]) };
        let call = call.args(arguments);
        let output = self.exec.run(&call)?;
        if output.is_success() {
            return Ok(output);
        }
        Err(output.sudo_failure(format!("ufw {}", arguments.join(" "))))
    }

    /// Calls `act` with the current rules. After an error they are read again.
    fn with_rules<T>(
        &self,
        act: impl FnOnce(&mut Vec<AddedRule>) -> Result<T, PlatformError>,
    ) -> Result<T, PlatformError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut rules = match known.take() {
            Some(rules) => rules,
            // `ufw status` lists no rules while the firewall is inactive, `show added` does.
            None => added::parse(&self.ufw(&["show", "added"])?.text()),
        };
        let done = act(&mut rules)?;
        *known = Some(rules);
        Ok(done)
    }
}

impl Firewall for Ufw {
    fn check(&self) -> Result<(), PlatformError> {
        if self.is_there {
            return self.with_rules(|_| Ok(()));
        }
        Err(PlatformError::NoFirewall { kind: FirewallKind::Ufw })
    }

    fn open(&self, port: u16, name: &str) -> Result<(), PlatformError> {
        if !self.is_there {
            return Ok(());
        }
        self.with_rules(|rules| {
            let (target, new) = (format!("{port}/udp"), AddedRule::of_node(port, name));
            match added::way(rules, port) {
                // A rule of the operator suffices and keeps its comment.
                Way::Open => {}
                Way::Closed => {
                    self.ufw(&["allow", &target, "comment", name])?;
                    rules.push(new);
                }
                Way::Blocked(at) => {
                    // ufw takes no rule twice, so that of the node moves. That of an operator stays, and doctor tells it.
                    if let Some(present) = rules.iter().position(|rule| rule.is_of(port, name)) {
                        self.ufw(&["delete", "allow", &target])?;
                        rules.remove(present);
                    }
                    // The numbers of ufw begin with 1. The rules before stay before: they can shut out single hosts.
                    self.ufw(&["insert", &(at + 1).to_string(), "allow", &target, "comment", name])?;
                    rules.insert(at, new);
                }
            }
            Ok(())
        })
    }

    fn close(&self, port: u16, name: &str) -> Result<(), PlatformError> {
        if !self.is_there {
            return Ok(());
        }
        self.with_rules(|rules| {
            if rules.iter().any(|rule| rule.is_of(port, name)) {
                self.ufw(&["delete", "allow", &format!("{port}/udp")])?;
                rules.retain(|rule| !rule.is_of(port, name));
            }
            Ok(())
        })
    }

    fn rules(&self) -> Result<Vec<Rule>, PlatformError> {
        if !self.is_there {
            return Ok(Vec::new());
        }
        self.with_rules(|rules| Ok(rules.iter().filter_map(AddedRule::of_a_node).collect()))
    }

    fn closed(&self, ports: &BTreeSet<u16>) -> Result<BTreeMap<u16, Closed>, PlatformError> {
        if !self.is_there {
            return Ok(BTreeMap::new());
        }
        self.with_rules(|rules| {
            let closed = |port: &u16| match added::way(rules, *port) {
                Way::Open => None,
                Way::Closed => Some((*port, Closed::NoRule)),
                Way::Blocked(at) => Some((*port, Closed::Before(rules[at].command.clone()))),
            };
            Ok(ports.iter().filter_map(closed).collect())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use wnm_core::NodeId;

    use super::*;
    use crate::firewall::{close_orphaned_rules, orphaned_rules};

    const ADDED: &str = "Added user rules (see 'ufw status' for running firewall):\n\
        ufw allow 22/tcp\n\
        ufw allow 55001/udp comment 'antnode0001'\n\
        ufw allow 55002/udp comment 'antnode0002'\n\
        ufw allow 55003/udp\n\
        ufw allow 55004/udp comment 'my antnode0004'\n\
        ufw deny 55005/udp comment 'antnode0005'\n\
        ufw allow from 10.0.0.1 to any port 55006 proto udp comment 'antnode0006'\n";

    /// Returns a ufw that gives this answer, and the log of the commands it received.
    fn scripted(answer: Result<&'static str, (i32, &'static str)>, is_root: bool) -> (Ufw, Arc<Mutex<Vec<String>>>) {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&asked);
        let exec = Exec::scripted(move |call| {
            notes.lock().unwrap().push(call.to_string());
            Ok(match answer {
                Ok(rules) if call.to_string().ends_with("show added") => Output::success(rules),
                Ok(_) => Output::success("Rule added\nRule added (v6)\n"),
                Err((code, printed)) => Output::failure(code, printed),
            })
        });
        (Ufw::with(exec, is_root, true), asked)
    }

    fn changes(asked: &Mutex<Vec<String>>) -> Vec<String> {
        let asked = asked.lock().unwrap();
        asked
            .iter()
            .filter(|line| !line.ends_with("show added"))
            .map(|line| line.rsplit_once("ufw ").unwrap().1.to_owned())
            .collect()
    }

    #[test]
    fn open_port_is_not_opened_again() {
        let (ufw, asked) = scripted(Ok(ADDED), true);
        for (port, name) in
            [(55001, "antnode0001"), (55003, "antnode0003"), (55007, "antnode0007"), (55007, "antnode0007")]
        {
            ufw.open(port, name).unwrap();
        }
        assert_eq!(changes(&asked), ["allow 55007/udp comment antnode0007"]);
        assert_eq!(asked.lock().unwrap().len(), 2, "the rules are read once");
    }

    #[test]
    fn only_rules_of_the_node_are_closed() {
        let (ufw, asked) = scripted(Ok(ADDED), false);
        for (port, name) in [
            (55001, "antnode0001"),
            (55001, "antnode0001"),
            (55003, "antnode0003"),
            (55004, "antnode0004"),
            (60000, "antnode0009"),
        ] {
            ufw.close(port, name).unwrap();
        }
        assert_eq!(changes(&asked), ["delete allow 55001/udp"]);
        assert!(asked.lock().unwrap().iter().all(|line| line.starts_with("sudo -n -- ")));
    }

    #[test]
    fn orphaned_rules_are_removed() {
        let (ufw, asked) = scripted(Ok(ADDED), true);
        let orphaned = orphaned_rules(&ufw, &[55002].into()).unwrap();
        assert_eq!(orphaned, [Rule { port: 55001, node: NodeId::FIRST }]);
        close_orphaned_rules(&ufw, &orphaned).unwrap();
        assert_eq!(changes(&asked), ["delete allow 55001/udp"]);
        assert_eq!(orphaned_rules(&ufw, &[55002].into()).unwrap(), []);
    }

    #[test]
    fn port_without_rule_is_closed() {
        let (ufw, _) = scripted(
            Ok("ufw allow 55001/udp comment 'antnode0001'\nufw allow 55010:55012/udp comment 'antnode0010'\n\
                ufw allow 55020 comment 'antnode0020'\nufw allow 55030/tcp\nufw deny 55031/udp\nufw allow OpenSSH\n"),
            true,
        );
        let asked = [55001, 55009, 55010, 55012, 55013, 55020, 55030, 55031].into();
        let closed = ufw.closed(&asked).unwrap();
        assert_eq!(closed.keys().copied().collect::<Vec<_>>(), [55009, 55013, 55030, 55031]);
        assert_eq!(closed[&55009], Closed::NoRule);
        assert_eq!(closed[&55031], Closed::Before("ufw deny 55031/udp".to_owned()));
        assert_eq!(ufw.rules().unwrap(), [Rule { port: 55001, node: NodeId::FIRST }], "the others are the operator's");
    }

    #[test]
    fn rule_of_a_node_goes_before_one_that_blocks_it() {
        const RULES: &str = "Added user rules (see 'ufw status' for running firewall):\n\
            ufw allow 22/tcp\n\
            ufw deny from 192.0.2.7\n\
            ufw deny 55000:55999/udp comment 'no games'\n\
            ufw allow 55001/udp comment 'antnode0001'\n\
            ufw allow 55002/udp comment 'of the operator'\n";
        let (ufw, asked) = scripted(Ok(RULES), true);
        for (port, name) in
            [(55001, "antnode0001"), (55003, "antnode0003"), (55003, "antnode0003"), (56001, "antnode1001")]
        {
            ufw.open(port, name).unwrap();
        }
        assert_eq!(
            changes(&asked),
            [
                "delete allow 55001/udp",
                "insert 3 allow 55001/udp comment antnode0001",
                "insert 4 allow 55003/udp comment antnode0003",
                "allow 56001/udp comment antnode1001",
            ]
        );
        assert_eq!(ufw.closed(&[55001, 55003, 56001].into()).unwrap(), BTreeMap::new());
    }

    #[test]
    fn inactive_or_missing_ufw_is_no_error() {
        let (ufw, _) = scripted(Ok("Added user rules (see 'ufw status' for running firewall):\n(None)\n"), true);
        ufw.open(55001, "antnode0001").unwrap();
        let exec = Exec::scripted(|call| panic!("{call} was run"));
        let absent = Ufw::with(exec, true, false);
        absent.open(1, "antnode0001").and_then(|()| absent.close(1, "antnode0001")).unwrap();
        assert_eq!(absent.rules().unwrap(), []);
        assert!(matches!(absent.check(), Err(PlatformError::NoFirewall { kind: FirewallKind::Ufw })));
    }

    #[test]
    fn check_tries_the_right_to_ufw_once() {
        let (ufw, asked) = scripted(Ok(ADDED), false);
        ufw.check().and_then(|()| ufw.open(55001, "antnode0001")).unwrap();
        assert_eq!(*asked.lock().unwrap(), ["sudo -n -- ufw show added"].map(|call| call.replace("ufw", &asked_ufw())));
        let (ufw, _) = scripted(Err((1, "sudo: a password is required")), false);
        assert!(matches!(ufw.check(), Err(PlatformError::SudoAsks { .. })));
    }

    /// Returns the words that call ufw on the host of the tests.
    fn asked_ufw() -> String {
        if is_in_path("ufw") { "ufw" } else { SYSTEM }.to_owned()
    }

    #[test]
    fn ufw_and_sudo_refusals_are_errors() {
        let (ufw, _) = scripted(Err((1, "ERROR: You need to be root to run this script")), true);
        let error = ufw.open(55001, "antnode0001").unwrap_err().to_string();
        assert!(error.contains("ufw show added") && error.contains("You need to be root"), "{error}");
        let (ufw, _) = scripted(Err((1, "sudo: a password is required")), false);
        let error = ufw.open(55001, "antnode0001").unwrap_err().to_string();
        assert_eq!(error, "cannot run `ufw show added` as root: sudo asks for a password");
        for (said, cause) in [
            ("sudo: interactive authentication is required", "sudo asks for a password"),
            (
                "sudo: a terminal is required to read the password; either use the -S option to read from standard input \
                 or configure an askpass helper",
                "sudo asks for a password",
            ),
            ("sudo: sorry, you must have a tty to run sudo", "sudo refuses (sorry, you must have a tty to run sudo)"),
            ("operator is not in the sudoers file.", "sudo refuses (operator is not in the sudoers file)"),
            (
                "sudo: PAM authentication error: Account expired",
                "sudo refuses (PAM authentication error: Account expired)",
            ),
        ] {
            let (ufw, _) = scripted(Err((1, said)), false);
            let error = ufw.open(55001, "antnode0001").unwrap_err().to_string();
            assert_eq!(error, format!("cannot run `ufw show added` as root: {cause}"));
        }
    }
}
