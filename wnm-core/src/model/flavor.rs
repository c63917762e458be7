//! Node programs and their differences: arguments, version output, ports, identity file.

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
    /// `antnode` 0.4, which has a metrics server on loopback.
    Antnode,
    /// `ant-node` 0.23, the successor, which has none: its process is observed instead.
    AntNode,
    /// Another program, described by the setting `flavor`.
    Custom(Arc<Custom>),
}

/// The source of the metrics of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricsSource {
    /// The HTTP server on the metrics port.
    Http,
    /// The process and the folder of the node.
    Process,
}

/// A port that a node binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BoundPort {
    /// A UDP port on all interfaces.
    Udp(u16),
    /// A TCP port on loopback.
    LoopbackTcp(u16),
}

impl BoundPort {
    /// Returns the port number.
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::Udp(number) | Self::LoopbackTcp(number) => number,
        }
    }
}

impl Flavor {
    /// All flavors without a description.
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

    /// Returns the name of the identity file in the root folder of a node.
    #[must_use]
    pub fn identity_file(&self) -> &str {
        match self {
            Self::Antnode => "secret-key",
            Self::AntNode => "node_identity.key",
            Self::Custom(custom) => custom.identity_file(),
        }
    }

    /// Returns the source of the metrics of a running node that has a metrics port.
    #[must_use]
    pub(crate) fn metrics_source(&self) -> MetricsSource {
        match self {
            Self::Antnode => MetricsSource::Http,
            Self::AntNode => MetricsSource::Process,
            Self::Custom(custom) => custom.metrics_source(),
        }
    }

    /// Returns the version in the `--version` output; None if the output is of another program.
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

    /// Returns the ports that a node binds at its start.
    #[must_use]
    pub fn bound_ports(&self, ports: &Ports) -> Vec<BoundPort> {
        match self {
            Self::Antnode => {
                std::iter::once(BoundPort::Udp(ports.node)).chain(ports.metrics.map(BoundPort::LoopbackTcp)).collect()
            }
            Self::AntNode => std::iter::once(BoundPort::Udp(ports.node)).chain(ports.rpc.map(BoundPort::Udp)).collect(),
            Self::Custom(custom) => custom.bound_ports(ports),
        }
    }

    /// Returns the arguments of the node's command line, without the program.
    #[must_use]
    pub fn arguments(&self, node: &Node) -> Vec<String> {
        let mut arguments = Arguments::default();
        match self {
            Self::Antnode => {
                arguments
                    .pair("--root-dir", node.root_dir.display())
                    .pair("--port", node.ports.node)
                    .optional("--metrics-server-port", node.ports.metrics)
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
                    .optional("--webrtc-direct-port", node.ports.rpc)
                    .word("--enable-logging")
                    .pair("--log-dir", node.log_dir.display())
                    .pair("--log-max-files", 1)
                    .pair("--rewards-address", node.wallet);
            }
            // The description contains all arguments that wnm would generate.
            Self::Custom(custom) => return [custom.arguments(node), node.arguments.clone()].concat(),
        }
        if restarts_on_exit(node.manager.program) {
            arguments.word("--stop-on-upgrade");
        }
        for word in &node.arguments {
            arguments.word(word);
        }
        // The payment network is a subcommand of antnode, which accepts no flag after it.
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

/// Tells whether the process manager restarts a node after its exit, so that the node can exit to upgrade itself.
const fn restarts_on_exit(program: Program) -> bool {
    match program {
        Program::Setsid => false,
        Program::Systemd | Program::Launchd | Program::Docker | Program::Antctl => true,
    }
}

/// The words of a command line under construction.
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

    fn optional(&mut self, flag: &str, value: Option<impl fmt::Display>) -> &mut Self {
        match value {
            Some(value) => self.pair(flag, value),
            None => self,
        }
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
