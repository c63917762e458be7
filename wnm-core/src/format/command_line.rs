//! The command lines of nodes that somebody else started, read as the node programs read them.
//!
//! What is not understood is an error, never a guess: a flag that is not known could take the next word or not.

use std::path::PathBuf;

use crate::model::flavor::Flavor;
use crate::model::node::Upnp;
use crate::model::wallet::Address;

/// What a command line says of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine {
    /// Where its data is.
    pub root_dir: PathBuf,
    /// Where it logs; None when it does not say.
    pub log_dir: Option<PathBuf>,
    /// Its UDP port.
    pub port: u16,
    /// Its metrics port; None when it serves no metrics.
    pub metrics_port: Option<u16>,
    /// Its third port: that of remote calls, or of WebRTC; None when it has none.
    pub rpc_port: Option<u16>,
    /// Who is paid.
    pub wallet: Address,
    /// Whether it may ask the router for its port.
    pub upnp: Upnp,
    /// The payment network, as the words that end the command line of an `antnode`.
    pub network: Vec<String>,
    /// All other words: those that wnm does not write by itself.
    pub rest: Vec<String>,
}

/// A command line is not one of a node that wnm could keep.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotANodeCommand {
    /// A word is no flag that the program is known to have.
    #[error("expected a flag of {flavor}, found {found:?}")]
    UnknownFlag {
        /// Whose flag it should be.
        flavor: Flavor,
        /// The word.
        found: String,
    },
    /// A flag without its value.
    #[error("expected a value after {flag}, found nothing")]
    NoValue {
        /// The flag.
        flag: String,
    },
    /// A value that is none for its flag.
    #[error("expected {expected} after {flag}, found {found:?}")]
    BadValue {
        /// The flag.
        flag: String,
        /// What it takes.
        expected: &'static str,
        /// What follows it.
        found: String,
    },
    /// Something that every node must be told is not there.
    #[error("expected {flag} on its command line, found none")]
    Missing {
        /// The flag.
        flag: &'static str,
    },
}

/// What a flag is followed by, and whether wnm writes it by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// Nothing; kept.
    Nothing,
    /// A value; kept.
    Value,
    /// Nothing; wnm writes it where it is wanted.
    OwnNothing,
    /// A value; wnm writes it.
    OwnValue,
}

const ANTNODE: &[(&str, Takes)] = &[
    ("--root-dir", Takes::OwnValue),
    ("--port", Takes::OwnValue),
    ("--metrics-server-port", Takes::OwnValue),
    ("--enable-metrics-server", Takes::OwnNothing),
    ("--rpc", Takes::OwnValue),
    ("--log-output-dest", Takes::OwnValue),
    ("--max-log-files", Takes::OwnValue),
    ("--max-archived-log-files", Takes::OwnValue),
    ("--rewards-address", Takes::OwnValue),
    ("--no-upnp", Takes::OwnNothing),
    ("--stop-on-upgrade", Takes::OwnNothing),
    ("--ip", Takes::Value),
    ("--log-format", Takes::Value),
    ("--network-id", Takes::Value),
    ("--peer", Takes::Value),
    ("--network-contacts-url", Takes::Value),
    ("--bootstrap-cache-dir", Takes::Value),
    // Of antnode 0.3, and still in the units of those who upgraded.
    ("--bootstrap", Takes::Value),
    ("--alpha", Takes::Nothing),
    ("--first", Takes::Nothing),
    ("--local", Takes::Nothing),
    ("--ignore-cache", Takes::Nothing),
    ("--relay", Takes::Nothing),
    ("--write-older-cache-files", Takes::Nothing),
    ("--upnp", Takes::Nothing),
    ("--home-network", Takes::Nothing),
];

const ANT_NODE: &[(&str, Takes)] = &[
    ("--root-dir", Takes::OwnValue),
    ("--port", Takes::OwnValue),
    ("--webrtc-direct-port", Takes::OwnValue),
    ("--enable-logging", Takes::OwnNothing),
    ("--log-dir", Takes::OwnValue),
    ("--log-max-files", Takes::OwnValue),
    ("--rewards-address", Takes::OwnValue),
    ("--evm-network", Takes::OwnValue),
    ("--stop-on-upgrade", Takes::OwnNothing),
    ("--ipv4-only", Takes::Nothing),
    ("--disable-webrtc-direct", Takes::Nothing),
    ("--bootstrap", Takes::Value),
    ("--upgrade-channel", Takes::Value),
    ("--log-level", Takes::Value),
    ("--log-format", Takes::Value),
    ("--network-mode", Takes::Value),
    ("--config", Takes::Value),
    ("--metrics-port", Takes::Value),
];

impl CommandLine {
    /// Reads the words after the program's name.
    ///
    /// # Errors
    /// A flag is not known, a value is missing or none, or the folder, the port or the rewards address is not said.
    pub fn read(flavor: &Flavor, words: &[String]) -> Result<Self, NotANodeCommand> {
        let flags = match flavor {
            Flavor::Antnode => ANTNODE,
            Flavor::AntNode => ANT_NODE,
            // What its flags mean is not known: each is refused.
            Flavor::Custom(_) => &[],
        };
        let mut said = Said::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            if *flavor == Flavor::Antnode && word.starts_with("evm-") {
                said.network = std::iter::once(word).chain(words).cloned().collect();
                break;
            }
            let (flag, inline) = match word.split_once('=') {
                Some((flag, value)) if flag.starts_with("--") => (flag, Some(value.to_owned())),
                _ => (word.as_str(), None),
            };
            let unknown = || NotANodeCommand::UnknownFlag { flavor: flavor.clone(), found: word.clone() };
            let takes = flags.iter().find(|(known, _)| *known == flag).map(|(_, takes)| *takes).ok_or_else(unknown)?;
            let value = match (takes, inline) {
                (Takes::Nothing | Takes::OwnNothing, None) => None,
                (Takes::Nothing | Takes::OwnNothing, Some(_)) => return Err(unknown()),
                (Takes::Value | Takes::OwnValue, Some(value)) => Some(value),
                (Takes::Value | Takes::OwnValue, None) => {
                    Some(words.next().cloned().ok_or_else(|| NotANodeCommand::NoValue { flag: flag.to_owned() })?)
                }
            };
            match (takes, value) {
                (Takes::Nothing | Takes::Value, value) => {
                    said.rest.push(flag.to_owned());
                    said.rest.extend(value);
                }
                (Takes::OwnNothing | Takes::OwnValue, value) => said.take(flag, value.unwrap_or_default())?,
            }
        }
        said.finish()
    }
}

/// What was said so far.
#[derive(Default)]
struct Said {
    root_dir: Option<PathBuf>,
    log_dir: Option<PathBuf>,
    port: Option<u16>,
    metrics_port: Option<u16>,
    rpc_port: Option<u16>,
    wallet: Option<Address>,
    is_upnp_off: bool,
    network: Vec<String>,
    rest: Vec<String>,
}

impl Said {
    fn take(&mut self, flag: &str, value: String) -> Result<(), NotANodeCommand> {
        match flag {
            "--root-dir" => self.root_dir = Some(folder(flag, value)?),
            "--log-output-dest" | "--log-dir" => self.log_dir = Some(folder(flag, value)?),
            "--port" => self.port = Some(port(flag, &value)?),
            "--metrics-server-port" => self.metrics_port = Some(port(flag, &value)?),
            "--webrtc-direct-port" => self.rpc_port = Some(port(flag, &value)?),
            "--rpc" => self.rpc_port = Some(port(flag, value.rsplit(':').next().unwrap_or_default())?),
            "--rewards-address" => {
                let bad = |_| bad(flag, "a rewards address", value.clone());
                self.wallet = Some(value.parse().map_err(bad)?);
            }
            "--no-upnp" => self.is_upnp_off = true,
            "--evm-network" => self.network = vec![network_word(&value)],
            // What remains is the same for every node that wnm keeps.
            _ => {}
        }
        Ok(())
    }

    fn finish(self) -> Result<CommandLine, NotANodeCommand> {
        let missing = |flag| NotANodeCommand::Missing { flag };
        Ok(CommandLine {
            root_dir: self.root_dir.ok_or_else(|| missing("--root-dir"))?,
            log_dir: self.log_dir,
            port: self.port.ok_or_else(|| missing("--port"))?,
            metrics_port: self.metrics_port,
            rpc_port: self.rpc_port,
            wallet: self.wallet.ok_or_else(|| missing("--rewards-address"))?,
            upnp: if self.is_upnp_off { Upnp::Off } else { Upnp::On },
            network: self.network,
            rest: self.rest,
        })
    }
}

fn bad(flag: &str, expected: &'static str, found: String) -> NotANodeCommand {
    NotANodeCommand::BadValue { flag: flag.to_owned(), expected, found }
}

fn folder(flag: &str, value: String) -> Result<PathBuf, NotANodeCommand> {
    let path = PathBuf::from(&value);
    if path.is_absolute() { Ok(path) } else { Err(bad(flag, "an absolute path", value)) }
}

fn port(flag: &str, value: &str) -> Result<u16, NotANodeCommand> {
    let number = value.parse().ok().filter(|port| *port != 0);
    number.ok_or_else(|| bad(flag, "a port from 1 to 65535", value.to_owned()))
}

/// Returns the word of an `antnode` for a payment network that an `ant-node` names.
fn network_word(name: &str) -> String {
    match name {
        "arbitrum-sepolia" => "evm-arbitrum-sepolia-test".to_owned(),
        name => format!("evm-{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::wallet::FAUCET;

    fn words(text: &str) -> Vec<String> {
        shell_words::split(text).unwrap()
    }

    #[test]
    fn what_the_official_manager_writes_is_read() {
        let line = words(
            "--rpc 127.0.0.1:30001 --root-dir '/var/antctl/a b' --log-output-dest /var/log/antnode/antnode1 \
             --bootstrap-cache-dir /var/antctl/bootstrap_cache --no-upnp --port 55001 --metrics-server-port=13001 \
             --rewards-address 0x00455d78f850b0358E8cea5be24d415E01E107CF --stop-on-upgrade evm-custom --rpc-url u",
        );
        let read = CommandLine::read(&Flavor::Antnode, &line).unwrap();
        let expected = CommandLine {
            root_dir: "/var/antctl/a b".into(),
            log_dir: Some("/var/log/antnode/antnode1".into()),
            port: 55001,
            metrics_port: Some(13001),
            rpc_port: Some(30001),
            wallet: FAUCET,
            upnp: Upnp::Off,
            network: words("evm-custom --rpc-url u"),
            rest: words("--bootstrap-cache-dir /var/antctl/bootstrap_cache"),
        };
        assert_eq!(read, expected);
    }

    #[test]
    fn what_is_not_understood_is_not_guessed() {
        let complete = "--root-dir /r --port 1 --rewards-address 0x00455d78f850b0358E8cea5be24d415E01E107CF ";
        for (more, complaint) in [
            ("--new-flag 3", "expected a flag of antnode, found \"--new-flag\""),
            ("3", "expected a flag of antnode, found \"3\""),
            ("--no-upnp=yes", "expected a flag of antnode, found \"--no-upnp=yes\""),
            ("--peer", "expected a value after --peer, found nothing"),
            ("--port 70000", "expected a port from 1 to 65535 after --port, found \"70000\""),
            ("--root-dir r", "expected an absolute path after --root-dir, found \"r\""),
            ("--rewards-address 0x1", "expected a rewards address after --rewards-address, found \"0x1\""),
        ] {
            let error = CommandLine::read(&Flavor::Antnode, &words(&format!("{complete}{more}"))).unwrap_err();
            assert_eq!(error.to_string(), complaint);
        }
        let error = CommandLine::read(&Flavor::Antnode, &words("--root-dir /r evm-arbitrum-one")).unwrap_err();
        assert_eq!(error.to_string(), "expected --port on its command line, found none");
        assert!(CommandLine::read(&Flavor::AntNode, &words(&format!("{complete}--no-upnp"))).is_err());
    }
}
