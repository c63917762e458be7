//! The policy a command is to judge, from the trace, a file and the command line.

use std::path::{Path, PathBuf};

use wnm_core::trace::TraceHeader;
use wnm_core::{Policy, RawSettings};

use crate::SimError;
use crate::error::talk;

/// Where the policy comes from. Highest first: --set, the policy file, the header of the trace, defaults.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct PolicyArgs {
    /// Settings in a TOML file, such as `cpu_remove = 80`
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// One setting; may be given more than once
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Processors of the machine, where the trace does not say: the load thresholds default to shares of them
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) cpus: Option<u32>,
}

impl PolicyArgs {
    /// Returns the settings of all layers.
    pub(crate) fn settings(&self, header: Option<&TraceHeader>) -> Result<RawSettings, SimError> {
        let mut settings = header.map(|header| header.policy.clone()).unwrap_or_default();
        if let Some(path) = &self.policy {
            settings = read_settings(path)?.over(settings);
        }
        set_all(settings, "--set", &self.set)
    }

    /// Returns how many processors there are.
    pub(crate) fn cpus(&self, header: Option<&TraceHeader>) -> Option<u32> {
        self.cpus.or_else(|| header.and_then(|header| header.cpus))
    }
}

/// Reads a file of settings.
pub(crate) fn read_settings(path: &Path) -> Result<RawSettings, SimError> {
    let text = std::fs::read_to_string(path).map_err(|source| SimError::Read { path: path.to_owned(), source })?;
    toml::from_str(&text)
        .map_err(|error| SimError::Input(format!("{}: {}", path.display(), error.to_string().trim_end())))
}

/// Returns the settings with those of the command line over them.
pub(crate) fn set_all(mut settings: RawSettings, option: &str, pairs: &[String]) -> Result<RawSettings, SimError> {
    for pair in pairs {
        let wrong = |what: String| SimError::Input(format!("{option} {pair}: {what}"));
        let (key, value) = pair.split_once('=').ok_or_else(|| wrong("expected KEY=VALUE".to_owned()))?;
        settings.set(key.trim(), value).map_err(|problem| wrong(problem.to_string()))?;
    }
    Ok(settings)
}

/// Returns the policy that settings describe, and warns where part of it is off.
pub(crate) fn policy(settings: &RawSettings, cpus: Option<u32>) -> Result<Policy, SimError> {
    let policy = Policy::new(settings, cpus).map_err(|problems| SimError::Input(format!("policy: {problems}")))?;
    if policy.load.is_none() {
        talk("warning: the number of processors is not known, so the load rules are off: give --cpus N");
    }
    Ok(policy)
}
