//! The policy of a command: from the trace, a file and the command line.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use wnm_core::trace::TraceHeader;
use wnm_core::{Policy, RawSettings};

use crate::error::talk;
use crate::{SimError, candidates, values};

/// Sources of the policy. Precedence: `--set`, the policy file, the header of the trace, defaults.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct PolicyArgs {
    /// Read settings from a TOML file, such as one with `cpu_remove = 80`
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Set one setting; repeatable, overrides the policy file
    #[arg(long = "set", value_name = "KEY=VALUE", add = candidates::settings())]
    set: Vec<String>,
    /// Set the number of processors where the trace has none; load thresholds default to multiples of it
    #[arg(long, value_name = "N", value_parser = values::cpus)]
    pub(crate) cpus: Option<u32>,
}

impl PolicyArgs {
    /// Returns the settings of all sources.
    pub(crate) fn settings(&self, header: Option<&TraceHeader>) -> Result<RawSettings, SimError> {
        let mut settings = header.map(|header| header.policy.clone()).unwrap_or_default();
        if let Some(path) = &self.policy {
            settings = read_settings(path)?.over(settings);
        }
        set_all(settings, "--set", &self.set)
    }

    /// Returns the number of processors: of the command line, else of the trace.
    pub(crate) fn cpus(&self, header: Option<&TraceHeader>) -> Option<u32> {
        self.cpus.or_else(|| header.and_then(|header| header.cpus))
    }
}

/// Reads a file of settings.
///
/// # Errors
/// The file cannot be read, or is not a TOML file of settings.
pub(crate) fn read_settings(path: &Path) -> Result<RawSettings, SimError> {
    let text = std::fs::read_to_string(path).map_err(|source| SimError::Read { path: path.to_owned(), source })?;
    toml::from_str(&text).map_err(|error| {
        let error_at = unknown_setting(&text).or_else(|| error.span()).map_or(0, |span| span.start);
        SimError::toml(&path.display().to_string(), &text, error_at, &error)
    })
}

/// Returns the place of the first key that is no setting: the error of such a key has no place of its own.
fn unknown_setting(text: &str) -> Option<Range<usize>> {
    let table: BTreeMap<Spanned<String>, toml::Value> = toml::from_str(text).ok()?;
    let unknown = table.into_keys().filter(|key| !RawSettings::KEYS.contains(&key.get_ref().as_str()));
    unknown.map(|key| key.span()).min_by_key(|span| span.start)
}

/// Returns the settings with `KEY=VALUE` pairs of the command line over them; `option` names the flag for messages.
pub(crate) fn set_all(mut settings: RawSettings, option: &str, pairs: &[String]) -> Result<RawSettings, SimError> {
    for pair in pairs {
        let invalid = |problem: String| SimError::input(format!("invalid {option} {pair}: {problem}"));
        let (key, value) = pair
            .split_once('=')
            .ok_or_else(|| invalid("it is not KEY=VALUE".to_owned()).hint(format!("use {option} {pair}=VALUE")))?;
        settings.set(key.trim(), value).map_err(|problem| invalid(problem.to_string()))?;
    }
    Ok(settings)
}

/// Builds the policy; warns when the load rules are disabled because the number of processors is unknown.
pub(crate) fn policy(settings: &RawSettings, cpus: Option<u32>) -> Result<Policy, SimError> {
    let policy =
        Policy::new(settings, cpus).map_err(|problems| SimError::input(format!("invalid policy: {problems}")))?;
    if policy.load.is_none() {
        talk("warning: load rules are disabled: the number of processors is unknown");
        talk("hint: set it with --cpus N");
    }
    Ok(policy)
}
