//! The operator's settings: one typed list of them, read from any layer, folded, and checked together.

mod entry;
mod in_force;
mod problem;
mod raw;
mod values;

use std::path::PathBuf;

use crate::model::firewall::FirewallKind;
use crate::model::flavor::Flavor;
use crate::model::manager::ManagerKind;
use crate::model::node::Upnp;
use crate::model::units::Bytes;
use crate::model::wallet::{Address, FAUCET, Rewards};
use crate::policy::allocation::PortRanges;
use crate::policy::thresholds::Policy;

pub use problem::{Problem, ProblemCause, Problems, Relation};
pub use raw::{FIXED, RawSettings};
pub use values::{Folders, Thousands, Words};

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
        let policy = Policy::new(raw, Some(host.cpus)).map_err(|found| problems.extend(found.into_vec())).ok();
        let ports = PortRanges::new(raw).map_err(|problem| problems.push(problem)).ok();
        if raw.rewards_address.is_none() {
            problems.push(Problem::missing("rewards_address"));
        }
        let words = raw.environment.as_ref().map(|words| words.0.as_slice()).unwrap_or_default();
        let mut pair = |word: &String| match word.split_once('=') {
            Some((name, value)) if !name.is_empty() => Some((name.to_owned(), value.to_owned())),
            Some(_) | None => {
                problems.push(Problem::new("environment", word, ProblemCause::NotAPair));
                None
            }
        };
        let environment = words.iter().filter_map(&mut pair).collect();
        let flavor = raw.flavor.clone().unwrap_or(Flavor::Antnode);
        let manager = raw.process_manager.unwrap_or(host.manager);
        let millis = |value: Option<u64>| std::time::Duration::from_millis(value.unwrap_or(0));
        Problems::none_or(std::mem::take(&mut problems))?;
        let (Some(policy), Some(ports), Some(rewards)) = (policy, ports, raw.rewards_address.clone()) else {
            return Problems::none_or(problems).and_then(|()| Err(Problem::missing("rewards_address").into()));
        };
        Ok(Self {
            policy,
            rewards,
            donate: raw.donate_address.unwrap_or(FAUCET),
            storage: raw.node_storage.clone().map_or_else(|| vec![host.storage.clone()], |folders| folders.0),
            ports,
            manager,
            firewall: raw.firewall.unwrap_or_else(|| FirewallKind::of(manager)),
            binary: raw.antnode_path.as_ref().map_or_else(|| host.programs.join(flavor.program()), PathBuf::from),
            flavor,
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
