//! What process managers find and make beside the nodes.

use std::path::PathBuf;

use wnm_core::Settings;

use crate::cpu_limit;
use crate::places::home;

/// Where process managers have their programs and files, and what else they are told once for all nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The docker command: a path, or a name that is looked for in `PATH`.
    pub docker: PathBuf,
    /// The image that containers are made from.
    pub docker_image: String,
    /// The launchctl command: a path, or a name that is looked for in `PATH`.
    pub launchctl: PathBuf,
    /// Where launchd looks for the services of the user.
    pub launch_agents: PathBuf,
    /// Where launchd looks for the services of the system.
    pub launch_daemons: PathBuf,
    /// The official manager: a path, or a name that is looked for in `PATH`.
    pub antctl: PathBuf,
    /// Where the official manager remembers its nodes; None where it does so of itself.
    pub antctl_registry: Option<PathBuf>,
    /// The version of the node program that the official manager fetches; None where it gets that of `binary`.
    pub antctl_version: Option<String>,
    /// Whether the official manager is asked to tell all it does.
    pub antctl_verbosity: Verbosity,
    /// The program that new nodes get.
    pub binary: PathBuf,
    /// What the control group is called that all nodes are in, to be capped together; None where each is on its own.
    pub group: Option<String>,
}

/// The verbosity of another program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verbosity {
    /// The program's own default.
    Default,
    /// With `--debug`.
    Debug,
}

impl Options {
    /// Returns the options that settings ask for.
    #[must_use]
    pub fn of(settings: &Settings) -> Self {
        let usual = Self::default();
        Self {
            docker_image: settings.docker_image.clone(),
            antctl: settings.antctl.clone().unwrap_or(usual.antctl),
            antctl_version: settings.antctl_version.clone(),
            antctl_verbosity: if settings.antctl_debug { Verbosity::Debug } else { Verbosity::Default },
            binary: settings.binary.clone(),
            group: settings.cpu_limit.then(|| cpu_limit::group_name(settings)),
            ..usual
        }
    }
}

impl Default for Options {
    /// Returns where everything is on a host that was left as it came.
    fn default() -> Self {
        Self {
            docker: "docker".into(),
            docker_image: wnm_core::DOCKER_IMAGE.to_owned(),
            launchctl: "/bin/launchctl".into(),
            launch_agents: home().join("Library/LaunchAgents"),
            launch_daemons: "/Library/LaunchDaemons".into(),
            antctl: "antctl".into(),
            antctl_registry: None,
            antctl_version: None,
            antctl_verbosity: Verbosity::Default,
            binary: PathBuf::new(),
            group: None,
        }
    }
}
