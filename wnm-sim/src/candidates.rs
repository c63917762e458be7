//! Candidates of shell completions: settings with their values, scenarios, policies.

use std::ffi::OsStr;

use clap_complete::{ArgValueCompleter, CompletionCandidate};
use wnm_core::{Preset, RawSettings};

use crate::commands::tune::tunable;
use crate::scenario::catalogue;

/// Completes `KEY=VALUE`.
pub(crate) fn settings() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        let presets = Preset::ALL.map(|preset| format!("preset={preset}"));
        let keys = RawSettings::KEYS.iter().filter(|key| **key != "preset").map(|key| format!("{key}="));
        matching(current, presets.into_iter().chain(keys))
    })
}

/// Completes `KEY=LOW..HIGH`.
pub(crate) fn bounds() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        matching(current, tunable().map(|(key, low, high)| format!("{key}={low}..{high}")))
    })
}

/// Completes names of scenarios, and scenario files.
pub(crate) fn scenarios() -> ArgValueCompleter {
    let names = || catalogue::NAMES.iter().map(|name| (*name).to_owned()).chain(["all".to_owned()]);
    ArgValueCompleter::new(move |current: &OsStr| words_and_files(current, names()))
}

/// Completes presets, baselines, and files of settings.
pub(crate) fn policies() -> ArgValueCompleter {
    let names = || Preset::ALL.map(|preset| preset.to_string()).into_iter().chain(BASELINES.map(str::to_owned));
    ArgValueCompleter::new(move |current: &OsStr| words_and_files(current, names()))
}

const BASELINES: [&str; 3] = ["fixed:", "proportional", "aimd"];

fn matching(current: &OsStr, all: impl Iterator<Item = String>) -> Vec<CompletionCandidate> {
    let current = current.to_string_lossy();
    all.filter(|word| word.starts_with(&*current)).map(CompletionCandidate::new).collect()
}

fn words_and_files(current: &OsStr, words: impl Iterator<Item = String>) -> Vec<CompletionCandidate> {
    let mut candidates = matching(current, words);
    candidates.extend(files(current));
    candidates
}

fn files(current: &OsStr) -> Vec<CompletionCandidate> {
    use clap_complete::engine::{PathCompleter, ValueCompleter};
    let is_toml = |path: &std::path::Path| path.extension().is_some_and(|extension| extension == "toml");
    PathCompleter::file().filter(is_toml).complete(current)
}
