//! The operator's settings: one typed list of them, read from any layer, folded, and checked together.

mod in_force;
mod raw;
mod values;

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use crate::model::firewall::FirewallKind;
use crate::model::flavor::Flavor;
use crate::model::manager::ManagerKind;
use crate::model::node::Upnp;
use crate::model::units::Bytes;
use crate::model::wallet::{Address, FAUCET, Rewards};
use crate::policy::allocation::PortRanges;
use crate::policy::thresholds::Policy;

pub use raw::{FIXED, RawSettings};
pub use values::{Folders, Thousands, Words};

/// A setting that cannot be as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{key}: expected {expected}, found {found}")]
pub struct Problem {
    /// The setting.
    pub key: String,
    /// What it should be.
    pub expected: String,
    /// What it is.
    pub found: String,
}

impl Problem {
    pub(crate) fn new(key: &str, expected: String, found: impl fmt::Display) -> Self {
        Self { key: key.to_owned(), expected, found: found.to_string() }
    }
}

/// Everything that is wrong with the settings, at least one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Returns all problems as one error, if there are any.
    ///
    /// # Errors
    /// There are some.
    pub fn none_or(problems: Vec<Problem>) -> Result<(), Self> {
        if problems.is_empty() { Ok(()) } else { Err(Self(problems)) }
    }

    /// Returns each problem.
    #[must_use]
    pub fn all(&self) -> &[Problem] {
        &self.0
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            write!(f, "{}{problem}", if i == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// What the host suggests where the operator said nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostDefaults {
    /// Processors wnm may use.
    pub cpus: u32,
    /// Where nodes go.
    pub storage: PathBuf,
    /// Where the operator's programs are, such as `~/.local/bin`.
    pub programs: PathBuf,
    /// What keeps processes on this host.
    pub manager: ManagerKind,
}

/// All settings, checked together.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// What the engine decides by.
    pub policy: Policy,
    /// Who is paid.
    pub rewards: Rewards,
    /// What `donate` stands for.
    pub donate: Address,
    /// Folders that hold the nodes, at least one.
    pub storage: Vec<PathBuf>,
    /// Where ports begin.
    pub ports: PortRanges,
    /// What starts and stops nodes.
    pub manager: ManagerKind,
    /// What opens and closes ports.
    pub firewall: FirewallKind,
    /// Which node program runs.
    pub flavor: Flavor,
    /// The node binary that new nodes get.
    pub binary: PathBuf,
    /// The payment network, as words.
    pub network: Vec<String>,
    /// Further arguments of every node.
    pub arguments: Vec<String>,
    /// The environment of every node.
    pub environment: Vec<(String, String)>,
    /// Whether nodes may ask the router for their port.
    pub upnp: Upnp,
    /// Whether the CPU of all nodes together may be capped.
    pub cpu_limit: bool,
    /// What a node may come to hold.
    pub crisis: Bytes,
    /// Pause between the probes of two nodes.
    pub survey_delay: std::time::Duration,
    /// Pause between the actions on two nodes.
    pub action_delay: std::time::Duration,
    /// Where the metrics servers answer.
    pub host: String,
    /// The image that containers are made from.
    pub docker_image: String,
    /// The program of the official manager; None where it is looked for in `PATH`.
    pub antctl: Option<PathBuf>,
    /// The version of the node program that the official manager fetches; None where it gets wnm's.
    pub antctl_version: Option<String>,
    /// Whether the official manager is asked to tell all it does.
    pub antctl_debug: bool,
}

/// The image that containers are made from when no setting says otherwise: the node programs want glibc, and nothing
/// else of it.
pub const DOCKER_IMAGE: &str = "debian:bookworm-slim";

impl Settings {
    /// Returns the settings with defaults filled in.
    ///
    /// # Errors
    /// All problems at once: what is missing, out of range or contradictory.
    pub fn new(raw: &RawSettings, host: &HostDefaults) -> Result<Self, Problems> {
        let mut problems = Vec::new();
        let policy = Policy::new(raw, Some(host.cpus)).map_err(|found| problems.extend(found.0)).ok();
        let ports = PortRanges::new(raw).map_err(|problem| problems.push(problem)).ok();
        if raw.rewards_address.is_none() {
            let expected = "an address, faucet, donate, or a weighted list of them".to_owned();
            problems.push(Problem::new("rewards_address", expected, "nothing"));
        }
        let words = raw.environment.as_ref().map(|words| words.0.as_slice()).unwrap_or_default();
        let environment: Vec<_> = words.iter().map(|word| word.split_once('=').ok_or(word)).collect();
        let environment = environment
            .into_iter()
            .filter_map(|pair| match pair {
                Ok((name, value)) if !name.is_empty() => Some((name.to_owned(), value.to_owned())),
                Ok(_) => {
                    problems.push(Problem::new("environment", "KEY=VALUE words".into(), "a word without a key"));
                    None
                }
                Err(word) => {
                    problems.push(Problem::new("environment", "KEY=VALUE words".into(), format!("{word:?}")));
                    None
                }
            })
            .collect();
        let flavor = raw.flavor.unwrap_or(Flavor::Antnode);
        let manager = raw.process_manager.unwrap_or(host.manager);
        let millis = |value: Option<u64>| std::time::Duration::from_millis(value.unwrap_or(0));
        Problems::none_or(std::mem::take(&mut problems))?;
        let (Some(policy), Some(ports), Some(rewards)) = (policy, ports, raw.rewards_address.clone()) else {
            return Err(Problems(problems));
        };
        Ok(Self {
            policy,
            rewards,
            donate: raw.donate_address.unwrap_or(FAUCET),
            storage: raw.node_storage.clone().map_or_else(|| vec![host.storage.clone()], |folders| folders.0),
            ports,
            manager,
            firewall: raw.firewall.unwrap_or_else(|| FirewallKind::of(manager)),
            flavor,
            binary: raw.antnode_path.as_ref().map_or_else(|| host.programs.join(flavor.program()), PathBuf::from),
            network: raw.network.clone().map_or_else(|| vec!["evm-arbitrum-one".to_owned()], |words| words.0),
            arguments: raw.start_args.clone().unwrap_or_default().0,
            environment,
            upnp: if raw.no_upnp.unwrap_or(true) { Upnp::Off } else { Upnp::On },
            cpu_limit: raw.cpu_limit.unwrap_or(true),
            crisis: Bytes(raw.crisis_bytes.unwrap_or(2_000_000_000)),
            survey_delay: millis(raw.survey_delay),
            action_delay: millis(raw.action_delay),
            host: raw.host.clone().unwrap_or_else(|| "127.0.0.1".to_owned()),
            antctl: raw.antctl_path.as_ref().map(PathBuf::from),
            antctl_version: raw.antctl_version.clone(),
            antctl_debug: raw.antctl_debug.unwrap_or(false),
            docker_image: raw.docker_image.clone().unwrap_or_else(|| DOCKER_IMAGE.to_owned()),
        })
    }
}
