//! The sources of settings, in order of precedence: flags, environment, config file, database, defaults.

pub(crate) mod file;

use wnm_core::{FIXED, HostDefaults, Problem, Problems, RawSettings, Settings};
use wnm_platform::places;

use crate::args::{OnceFlags, SettingFlags};
use crate::error::CliError;

/// Settings whose unprefixed variables of the Python wnm are not read: shells export HOST, and ENVIRONMENT is a common
/// variable of deployments.
const NOT_READ_UNPREFIXED: &[&str] = &["host", "environment"];
/// Settings that the Python wnm did not have. They have no variable without the prefix.
const WITHOUT_OLD_VARIABLE: &[&str] = &["firewall", "flavor", "network", "preset", "docker_image"];
/// Settings that are paths, in which `~` and `$HOME` are expanded.
const PATHS: &[&str] = &["node_storage", "antnode_path", "antctl_path"];

/// Reads the settings given as flags.
pub(crate) fn from_flags(flags: &SettingFlags) -> Result<RawSettings, Problems> {
    collect(flags.0.iter().map(|(key, text)| (*key, text.clone())))
}

/// Reads the settings given for one run.
pub(crate) fn from_once(flags: &OnceFlags) -> Result<RawSettings, Problems> {
    collect(flags.0.iter().map(|(key, text)| (*key, text.clone())))
}

/// Returns the name and the value of the variable that sets a setting.
pub(crate) fn variable(key: &str) -> Option<(String, String)> {
    let name = key.to_uppercase();
    let read = |name: String| std::env::var(&name).ok().map(|text| (name, text));
    let is_old = !NOT_READ_UNPREFIXED.contains(&key) && !WITHOUT_OLD_VARIABLE.contains(&key);
    read(format!("WNM_{name}")).or_else(|| {
        let found = read(name).filter(|(_, text)| is_old && !text.is_empty())?;
        tracing::debug!(variable = found.0, "reading a variable of the Python wnm");
        Some(found)
    })
}

/// Reads the settings from variables: `WNM_<SETTING>`, and the ones without prefix that the Python wnm reads.
pub(crate) fn from_environment() -> Result<RawSettings, CliError> {
    let mut raw = RawSettings::default();
    let mut problems = Vec::new();
    for key in RawSettings::KEYS {
        if let Some((name, text)) = variable(key)
            && let Err(problem) = set(&mut raw, key, &text)
        {
            problems.push(Problem { key: name, ..problem });
        }
    }
    Problems::none_or(problems).map(|()| raw).map_err(CliError::Environment)
}

/// Reads the settings of the environment and the config file, which apply to every command.
pub(crate) fn surroundings() -> Result<RawSettings, CliError> {
    Ok(from_environment()?.over(file::read()?))
}

fn collect(entries: impl Iterator<Item = (&'static str, String)>) -> Result<RawSettings, Problems> {
    let mut raw = RawSettings::default();
    let problems: Vec<Problem> = entries.filter_map(|(key, text)| set(&mut raw, key, &text).err()).collect();
    Problems::none_or(problems).map(|()| raw)
}

/// Sets one setting from the text of an operator.
pub(crate) fn set(raw: &mut RawSettings, key: &str, text: &str) -> Result<(), Problem> {
    if PATHS.contains(&key) {
        return raw.set(key, &expand_home(text, &places::home().display().to_string()));
    }
    raw.set(key, text)
}

/// Replaces `~` and `$HOME` at the begin of each path of a comma-separated list.
fn expand_home(text: &str, home: &str) -> String {
    let expand = |path: &str| {
        let path = path.trim();
        let rest = ["~", "$HOME", "${HOME}"].iter().find_map(|word| path.strip_prefix(word));
        match rest.filter(|rest| rest.is_empty() || rest.starts_with('/')) {
            Some(rest) => format!("{home}{rest}"),
            None => path.to_owned(),
        }
    };
    text.split(',').map(expand).collect::<Vec<_>>().join(",")
}

/// Refuses the change of a setting that existing nodes were created with.
pub(crate) fn check_fixed(stored: &RawSettings, given: &RawSettings, host: &HostDefaults) -> Result<(), CliError> {
    // A setting that was never stored is compared by its default.
    let effective = |raw: &RawSettings, key: &str| match (raw.get(key), key) {
        (Some(text), _) => Some(text),
        (None, "process_manager") => Some(host.manager.to_string()),
        (None, "port_start") => Some("55".to_owned()),
        (None, "metrics_port_start") => Some("13".to_owned()),
        (None, "rpc_port_start") => Some("30".to_owned()),
        (None, _) => None,
    };
    for key in FIXED {
        let (Some(requested), current) = (given.get(key), effective(stored, key)) else { continue };
        if Some(&requested) != current.as_ref() {
            return Err(CliError::FixedSetting { key, current: current.unwrap_or_default(), requested });
        }
    }
    Ok(())
}

/// Returns the settings to store, together with the ones that nodes are created with, from any source: a later change of
/// a variable or a config file must not change them.
pub(crate) fn with_fixed(mut stored: RawSettings, settings: &Settings) -> Result<RawSettings, Problems> {
    let effective = settings.to_raw();
    for key in FIXED {
        if let Some(text) = effective.get(key) {
            stored.set(key, &text)?;
        }
    }
    Ok(stored)
}

/// Returns the checked settings of three sources, the highest precedence first: flags, environment and config file,
/// database.
pub(crate) fn fold(sources: [RawSettings; 3], host: &HostDefaults) -> Result<Settings, Problems> {
    let [flags, surroundings, database] = sources;
    Settings::new(&flags.over(surroundings).over(database), host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn home_is_expanded_at_the_begin_of_each_path() {
        let cases = [
            ("~/a, $HOME/b,${HOME}", "/h/a,/h/b,/h"),
            ("/a/~/b", "/a/~/b"),
            ("~op/a", "~op/a"),
            ("$HOMES/a", "$HOMES/a"),
        ];
        for (text, want) in cases {
            assert_eq!(expand_home(text, "/h"), want);
        }
    }
}
