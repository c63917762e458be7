//! What node programs differ in: arguments, version text, ports, identity file.

mod custom;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::manager::Program;
use crate::model::node::{Node, Ports, Upnp};
use crate::model::units::Version;

pub use custom::{Custom, FlavorCause, InvalidFlavor};

/// A node program.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub enum Flavor {
    /// `antnode` 0.4, which serves metrics on loopback.
    Antnode,
    /// `ant-node` 0.23, its successor, which serves none and is judged by its process.
    AntNode,
    /// Another program, as the operator describes it.
    Custom(Arc<Custom>),
}

/// Where the figures of a node come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricsSource {
    /// An HTTP server on the node's metrics port.
    Http,
    /// The process and the node's folder: there is no endpoint.
    Process,
}

/// A UDP or TCP port a node binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BoundPort {
    /// A UDP port on all interfaces.
    Udp(u16),
    /// A TCP port on loopback.
    LoopbackTcp(u16),
}

impl BoundPort {
    /// Returns the bare number.
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::Udp(number) | Self::LoopbackTcp(number) => number,
        }
    }
}

impl Flavor {
    /// Every flavor that needs no description.
    pub const ALL: [Self; 2] = [Self::Antnode, Self::AntNode];

    /// Returns the file name of the program.
    #[must_use]
    pub fn program(&self) -> &str {
        match self {
            Self::Antnode => "antnode",
            Self::AntNode => "ant-node",
            Self::Custom(custom) => custom.program(),
        }
    }

    /// Returns the file in a node's root folder that is its identity.
    #[must_use]
    pub fn identity_file(&self) -> &str {
        match self {
            Self::Antnode => "secret-key",
            Self::AntNode => "node_identity.key",
            Self::Custom(custom) => custom.identity_file(),
        }
    }

    /// Returns where figures about a running node come from.
    #[must_use]
    pub fn metrics_source(&self) -> MetricsSource {
        match self {
            Self::Antnode => MetricsSource::Http,
            Self::AntNode => MetricsSource::Process,
            Self::Custom(custom) => custom.metrics_source(),
        }
    }

    /// Returns the version in the program's `--version` output; None when the output is not this program's.
    #[must_use]
    pub fn version_in(&self, output: &str) -> Option<Version> {
        let first = output.lines().next()?;
        let rest = match self {
            Self::Antnode => first.strip_prefix("Autonomi Node")?,
            Self::AntNode => first.strip_prefix("ant-node")?,
            Self::Custom(custom) => return custom.version_in(first),
        };
        Version::find_in(rest)
    }

    /// Returns which of its ports a node of this flavor binds when it starts.
    #[must_use]
    pub fn bound_ports(&self, ports: &Ports) -> Vec<BoundPort> {
        match self {
            Self::Antnode => vec![BoundPort::Udp(ports.node), BoundPort::LoopbackTcp(ports.metrics)],
            Self::AntNode => vec![BoundPort::Udp(ports.node), BoundPort::Udp(ports.rpc)],
            Self::Custom(custom) => custom.bound_ports(ports),
        }
    }

    /// Returns the arguments that start the node, program name not included.
    #[must_use]
    pub fn arguments(&self, node: &Node) -> Vec<String> {
        let mut arguments = Arguments::default();
        match self {
            Self::Antnode => {
                arguments
                    .pair("--root-dir", node.root_dir.display())
                    .pair("--port", node.ports.node)
                    .pair("--metrics-server-port", node.ports.metrics)
                    .pair("--log-output-dest", node.log_dir.display())
                    .pair("--max-log-files", 1)
                    .pair("--max-archived-log-files", 1)
                    .pair("--rewards-address", node.wallet);
                if node.upnp == Upnp::Off {
                    arguments.word("--no-upnp");
                }
            }
            Self::AntNode => {
                arguments
                    .pair("--root-dir", node.root_dir.display())
                    .pair("--port", node.ports.node)
                    .pair("--webrtc-direct-port", node.ports.rpc)
                    .word("--enable-logging")
                    .pair("--log-dir", node.log_dir.display())
                    .pair("--log-max-files", 1)
                    .pair("--rewards-address", node.wallet);
            }
            // Its description says all that it is told, and the operator what else.
            Self::Custom(custom) => return [custom.arguments(node), node.arguments.clone()].concat(),
        }
        if restarts_on_exit(node.manager.program) {
            arguments.word("--stop-on-upgrade");
        }
        for word in &node.arguments {
            arguments.word(word);
        }
        // An antnode takes the payment network as a subcommand, and refuses any flag after it.
        match (self, node.network.as_slice()) {
            (_, []) | (Self::Custom(_), _) => {}
            (Self::Antnode, words) => arguments.0.extend_from_slice(words),
            (Self::AntNode, [network, ..]) => {
                let name = network.strip_prefix("evm-").unwrap_or(network);
                arguments.pair("--evm-network", name.strip_suffix("-test").unwrap_or(name));
            }
        }
        arguments.0
    }
}

/// Tells whether the manager starts a node again after it exits, so that a node may end to upgrade itself.
const fn restarts_on_exit(program: Program) -> bool {
    match program {
        Program::Setsid => false,
        Program::Systemd | Program::Launchd | Program::Docker | Program::Antctl => true,
    }
}

/// The words of a command line, as they are added.
#[derive(Default)]
struct Arguments(Vec<String>);

impl Arguments {
    fn word(&mut self, word: impl Into<String>) -> &mut Self {
        self.0.push(word.into());
        self
    }

    fn pair(&mut self, flag: &str, value: impl fmt::Display) -> &mut Self {
        self.0.extend([flag.to_owned(), value.to_string()]);
        self
    }
}

impl fmt::Display for Flavor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Antnode | Self::AntNode => f.write_str(self.program()),
            Self::Custom(custom) => custom.fmt(f),
        }
    }
}

impl FromStr for Flavor {
    type Err = InvalidFlavor;
    fn from_str(text: &str) -> Result<Self, InvalidFlavor> {
        let named = Self::ALL.into_iter().find(|flavor| flavor.program() == text);
        named.map_or_else(|| text.parse().map(|custom| Self::Custom(Arc::new(custom))), Ok)
    }
}

impl TryFrom<String> for Flavor {
    type Error = InvalidFlavor;
    fn try_from(text: String) -> Result<Self, InvalidFlavor> {
        text.parse()
    }
}

impl From<Flavor> for String {
    fn from(flavor: Flavor) -> Self {
        flavor.to_string()
    }
}
