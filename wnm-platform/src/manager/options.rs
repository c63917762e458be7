//! Settings of process managers that apply to all nodes.

use std::path::PathBuf;

use wnm_core::Settings;

use crate::cpu_limit;
use crate::places::home;
use crate::weight::Weights;

/// The programs, folders and options of process managers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The docker command: a path, or a name to find in `PATH`.
    pub docker: PathBuf,
    /// The image of the containers.
    pub docker_image: String,
    /// The launchctl command: a path, or a name to find in `PATH`.
    pub launchctl: PathBuf,
    /// The folder of the user's launchd services.
    pub launch_agents: PathBuf,
    /// The folder of the system's launchd services.
    pub launch_daemons: PathBuf,
    /// The antctl command: a path, or a name to find in `PATH`.
    pub antctl: PathBuf,
    /// The registry of antctl; None for its default.
    pub antctl_registry: Option<PathBuf>,
    /// The version that antctl downloads; None to use `binary`.
    pub antctl_version: Option<String>,
    /// The verbosity of antctl.
    pub antctl_verbosity: Verbosity,
    /// The program of new nodes.
    pub binary: PathBuf,
    /// The control group of all nodes; None to leave nodes where their manager puts them.
    pub group: Option<String>,
    /// The weights of all nodes; None to start them with the usual priority.
    pub weights: Option<Weights>,
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
    /// Returns the options for these settings.
    #[must_use]
    pub fn of(settings: &Settings) -> Self {
        let usual = Self::default();
        Self {
            docker_image: settings.docker_image.clone(),
            antctl: settings.antctl.clone().unwrap_or(usual.antctl),
            antctl_version: settings.antctl_version.clone(),
            antctl_verbosity: if settings.antctl_debug { Verbosity::Debug } else { Verbosity::Default },
            binary: settings.binary.clone(),
            group: Some(cpu_limit::group_name(settings)),
            weights: Some(Weights::of(settings)),
            ..usual
        }
    }
}

impl Default for Options {
    /// Returns the options of an unmodified host.
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
            weights: None,
        }
    }
}
