//! What process managers find and make beside the nodes.

use std::path::PathBuf;

use wnm_core::Settings;

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
}

impl Options {
    /// Returns the options that settings ask for.
    #[must_use]
    pub fn of(settings: &Settings) -> Self {
        Self { docker_image: settings.docker_image.clone(), ..Self::default() }
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
        }
    }
}
