//! The settings: one typed list, read from each source, merged by precedence, and checked together.

mod engine_url;
mod entry;
mod listen;
mod network;
mod probe;
mod problem;
mod raw;
mod setting;
mod to_raw;
mod unit;
mod url;
mod values;

use std::path::PathBuf;

use crate::model::firewall::FirewallKind;
use crate::model::flavor::Flavor;
use crate::model::manager::ManagerKind;
use crate::model::node::Upnp;
use crate::model::unfit_text::UnfitText;
use crate::model::units::Bytes;
use crate::model::upgrade_source::UpgradeSource;
use crate::model::wallet::{Address, FAUCET, Rewards};
use crate::model::webrtc::WebRtc;
use crate::model::weight::Weight;
use crate::policy::allocation::PortRanges;
use crate::policy::thresholds::Policy;

pub use engine_url::{EngineUrl, Tls};
pub use listen::{Listen, ListenSettings, TlsFiles};
pub use probe::ProbeSettings;
pub use problem::{Problem, ProblemCause, Problems, Relation};
pub use raw::RawSettings;
pub use setting::{Affects, Facts, OldVariable, Setting, Shape, TakesEffect};
pub use unit::Unit;
pub use url::HttpUrl;
pub use values::{Folder, Folders, HostName, Path, Thousands, Words};

/// Defaults that depend on the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostDefaults {
    /// Number of CPUs that wnm may use.
    pub cpus: u32,
    /// Folder for the nodes.
    pub storage: PathBuf,
    /// Folder of the user's programs, such as `~/.local/bin`.
    pub programs: PathBuf,
    /// The process manager of this host.
    pub manager: ManagerKind,
}

/// The effective values of all settings, checked together.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Thresholds, limits and delays of the engine.
    pub policy: Policy,
    /// The accounts that new nodes draw their rewards address from.
    pub rewards: Rewards,
    /// The account that `donate` means.
    pub donate: Address,
    /// Folders for the nodes, at least one.
    pub storage: Vec<PathBuf>,
    /// Storage folders that get no new nodes.
    pub drained: Vec<PathBuf>,
    /// The folder in which each new node gets a folder for its logs; None for the default of the process manager.
    pub logs: Option<PathBuf>,
    /// Port ranges of the nodes.
    pub ports: PortRanges,
    /// The process manager of new nodes.
    pub manager: ManagerKind,
    /// The firewall that opens the ports of nodes.
    pub firewall: FirewallKind,
    /// The node program of new nodes.
    pub flavor: Flavor,
    /// Path of the node program that new nodes get a copy of.
    pub binary: PathBuf,
    /// The source of the program of a new node.
    pub upgrade_source: UpgradeSource,
    /// The payment network, as words of the command line.
    pub network: Vec<String>,
    /// Further arguments of every node.
    pub arguments: Vec<String>,
    /// The environment of every node.
    pub environment: Vec<(String, String)>,
    /// Whether nodes ask the router to open their port.
    pub upnp: Upnp,
    /// Whether nodes of `ant-node` serve browsers.
    pub webrtc: WebRtc,
    /// Whether wnm may limit the CPU of all nodes together.
    pub cpu_limit: bool,
    /// The weight of all nodes together for CPU time.
    pub cpu_weight: Weight,
    /// The weight of all nodes together for disks.
    pub io_weight: Weight,
    /// Disk space that a full node may use.
    pub crisis: Bytes,
    /// Bytes per second with which the folder of a node moves to another volume; None without a limit.
    pub move_rate: Option<u64>,
    /// Pause between the probes of two nodes.
    pub survey_delay: std::time::Duration,
    /// Pause between the actions on two nodes.
    pub action_delay: std::time::Duration,
    /// Host name or address of the metrics servers.
    pub host: String,
    /// The HTTP server of a daemon.
    pub listen: ListenSettings,
    /// The file that holds voluntary actions while it exists.
    pub hold_file: Option<PathBuf>,
    /// The address that tells whether voluntary actions are held.
    pub hold_url: Option<HttpUrl>,
    /// The file with the certificates of the authorities that are trusted; None for the public ones.
    pub ca_file: Option<PathBuf>,
    /// The address of the engine of the fleet; None on a host of no fleet.
    pub fleet_url: Option<EngineUrl>,
    /// The file with the receivers of alerts; None without alerts.
    pub alerts: Option<PathBuf>,
    /// The file that names the InfluxDB server; None without one.
    pub influx: Option<PathBuf>,
    /// The file that names the server of the earnings; None without one.
    pub earnings: Option<PathBuf>,
    /// The probes of the network.
    pub probe: ProbeSettings,
    /// The image of the containers under docker.
    pub docker_image: String,
    /// Path of `antctl`; None to search `PATH`.
    pub antctl: Option<PathBuf>,
    /// Version of the node program that `antctl` fetches; None to give it a copy of `binary`.
    pub antctl_version: Option<String>,
    /// Whether `antctl` runs with `--debug`.
    pub antctl_debug: bool,
}

/// The default image of containers: the node programs link to glibc and need no other file of the image.
pub const DOCKER_IMAGE: &str = "debian:bookworm-slim";

impl Settings {
    /// Returns the effective settings, with defaults for those without a value.
    ///
    /// # Errors
    /// All problems at once: missing values, values out of range, contradictions.
    pub fn new(raw: &RawSettings, host: &HostDefaults) -> Result<Self, Problems> {
        let mut problems = Vec::new();
        let policy = Policy::new(raw, Some(host.cpus)).map_err(|found| problems.extend(found.into_vec())).ok();
        let ports = PortRanges::new(raw).map_err(|problem| problems.push(problem)).ok();
        let listen = ListenSettings::new(raw).map_err(|problem| problems.push(problem)).ok();
        let probe = ProbeSettings::new(raw).map_err(|found| problems.extend(found)).ok();
        if raw.rewards_address.is_none() {
            problems.push(Problem::missing("rewards_address"));
        }
        let environment = environment(raw, &mut problems);
        problems.extend(unfit_words(raw));
        problems.extend(program_in_a_relative_folder("antctl_path", raw.antctl_path.as_deref()));
        let flavor = raw.flavor.clone().unwrap_or(Flavor::Antnode);
        let manager = raw.process_manager.unwrap_or(host.manager);
        problems.extend(raw.network.as_ref().and_then(|network| network::problem(&network.0, &flavor)));
        let millis = |value: Option<u64>| std::time::Duration::from_millis(value.unwrap_or(0));
        Problems::none_or(std::mem::take(&mut problems))?;
        let (Some(policy), Some(ports), Some(listen), Some(probe), Some(rewards)) =
            (policy, ports, listen, probe, raw.rewards_address.clone())
        else {
            return Problems::none_or(problems).and_then(|()| Err(Problem::missing("rewards_address").into()));
        };
        Ok(Self {
            policy,
            rewards,
            donate: raw.donate_address.unwrap_or(FAUCET),
            storage: raw.node_storage.clone().map_or_else(|| vec![host.storage.clone()], |folders| folders.0),
            drained: raw.drained_storage.clone().map_or_else(Vec::new, |folders| folders.0),
            logs: raw.log_dir.clone().map(|folder| folder.0),
            ports,
            manager,
            firewall: raw.firewall.unwrap_or_else(|| FirewallKind::of(manager)),
            binary: raw.antnode_path.clone().map_or_else(|| host.programs.join(flavor.program()), |path| path.0),
            flavor,
            upgrade_source: raw.upgrade_source.unwrap_or(UpgradeSource::Newest),
            network: raw.network.clone().map_or_else(|| vec!["evm-arbitrum-one".to_owned()], |words| words.0),
            arguments: raw.start_args.clone().unwrap_or_default().0,
            environment,
            upnp: if raw.no_upnp.unwrap_or(true) { Upnp::Off } else { Upnp::On },
            webrtc: if raw.webrtc.unwrap_or(true) { WebRtc::On } else { WebRtc::Off },
            cpu_limit: raw.cpu_limit.unwrap_or(true),
            cpu_weight: raw.cpu_weight.unwrap_or(Weight::BEHIND),
            io_weight: raw.io_weight.unwrap_or(Weight::BEHIND),
            move_rate: raw.move_rate,
            crisis: Bytes(raw.crisis_bytes.unwrap_or(Policy::DEFAULT_CRISIS)),
            survey_delay: millis(raw.survey_delay),
            action_delay: millis(raw.action_delay),
            host: raw.host.clone().unwrap_or_default().0,
            listen,
            hold_file: raw.hold_file.clone().map(|path| path.0),
            hold_url: raw.hold_url.clone(),
            ca_file: raw.ca_file.clone().map(|path| path.0),
            fleet_url: raw.fleet_url.clone(),
            alerts: raw.alerts.clone().map(|path| path.0),
            influx: raw.influx.clone().map(|path| path.0),
            earnings: raw.earnings.clone().map(|path| path.0),
            probe,
            antctl: raw.antctl_path.as_ref().map(PathBuf::from),
            antctl_version: raw.antctl_version.clone(),
            antctl_debug: raw.antctl_debug.unwrap_or(false),
            docker_image: raw.docker_image.clone().unwrap_or_else(|| DOCKER_IMAGE.to_owned()),
        })
    }
}

/// Returns the environment of new nodes, and adds the faults of its words to `problems`.
fn environment(raw: &RawSettings, problems: &mut Vec<Problem>) -> Vec<(String, String)> {
    let words = raw.environment.as_ref().map(|words| words.0.as_slice()).unwrap_or_default();
    let mut pair = |word: &String| {
        let cause = match word.split_once('=') {
            Some((name, value)) if !name.is_empty() => match UnfitText::of_variable(name, value) {
                None => return Some((name.to_owned(), value.to_owned())),
                Some(unfit) => ProblemCause::Unfit(Box::new(unfit)),
            },
            Some(_) | None => ProblemCause::NotAPair,
        };
        problems.push(Problem::new("environment", word, cause));
        None
    };
    words.iter().filter_map(&mut pair).collect()
}

/// Returns the problem of a program that another working folder would not have: neither an absolute path, nor a name that
/// is searched in PATH.
fn program_in_a_relative_folder(key: &str, program: Option<&str>) -> Option<Problem> {
    let path = program.filter(|program| program.contains('/') && !program.starts_with('/'))?;
    Some(Problem::new(key, path, ProblemCause::RelativePath { path: path.to_owned() }))
}

/// Returns the arguments of new nodes that a process would not get unchanged. They may be secrets.
fn unfit_words(raw: &RawSettings) -> impl Iterator<Item = Problem> {
    [("start_args", &raw.start_args), ("network", &raw.network)].into_iter().filter_map(|(key, words)| {
        let unfit = UnfitText::of_words(words.as_ref()?.0.iter().map(String::as_str))?;
        Some(Problem::new(key, "", ProblemCause::Unfit(Box::new(unfit))))
    })
}
