//! The sources of settings, in order of precedence: flags, environment, config file, database, defaults.

pub(crate) mod file;
pub(crate) mod hint;
mod record;
pub(crate) mod reload;

use std::ffi::{OsStr, OsString};

use wnm_core::{HostDefaults, OldVariable, Problem, Problems, RawSettings, Settings};
use wnm_platform::places;

use crate::args::{OnceFlags, SettingFlags};
use crate::error::CliError;
use hint::{Origin, SettingsError};

/// Reads the settings given as flags.
pub(crate) fn from_flags(flags: &SettingFlags) -> Result<RawSettings, SettingsError> {
    collect(flags.0.iter().map(|(key, text)| (*key, OsStr::new(text), flag(key))))
}

/// Reads the settings given for one run.
pub(crate) fn from_once(flags: &OnceFlags) -> Result<RawSettings, SettingsError> {
    collect(flags.0.iter().map(|(key, text)| (*key, OsStr::new(text), flag(&format!("this_{key}")))))
}

/// Returns the flag of an argument, named with underscores.
fn flag(name: &str) -> Origin {
    Origin::Flag(format!("--{}", name.replace('_', "-")))
}

/// Returns the name and the value of the variable that sets a setting.
pub(crate) fn variable(key: &str) -> Option<(String, OsString)> {
    let setting = RawSettings::setting(key)?;
    let is_old = setting.facts.old_variable == OldVariable::Read;
    let read = |name: String| std::env::var_os(&name).map(|text| (name, text));
    let name = key.to_uppercase();
    read(format!("WNM_{name}")).or_else(|| {
        let found = read(name).filter(|(_, text)| is_old && !text.is_empty())?;
        tracing::debug!(variable = found.0, "reading a variable of the Python wnm");
        Some(found)
    })
}

/// Reads the settings from variables: `WNM_<SETTING>`, and the ones without prefix that the Python wnm reads.
pub(crate) fn from_environment() -> Result<RawSettings, SettingsError> {
    let given: Vec<(&str, String, OsString)> =
        RawSettings::KEYS.iter().filter_map(|key| variable(key).map(|(name, text)| (*key, name, text))).collect();
    collect(given.iter().map(|(key, name, text)| (*key, text.as_os_str(), Origin::Variable(name.clone()))))
}

/// Reads the settings of the environment and the config file, which apply to every command.
pub(crate) fn surroundings() -> Result<RawSettings, CliError> {
    Ok(from_environment()?.over(file::read()?))
}

/// Reads values as texts, each with the place where it was given.
pub(crate) fn collect<'a>(
    entries: impl Iterator<Item = (&'a str, &'a OsStr, Origin)>,
) -> Result<RawSettings, SettingsError> {
    let mut raw = RawSettings::default();
    let problems: Vec<(Problem, Origin)> = entries
        .filter_map(|(key, text, origin)| {
            let text = text.to_str().ok_or_else(|| Problem::not_utf8(key, &text.to_string_lossy()));
            text.and_then(|text| set(&mut raw, key, text)).err().map(|problem| (problem, origin))
        })
        .collect();
    if problems.is_empty() { Ok(raw) } else { Err(SettingsError::of_values(problems)) }
}

/// Sets one setting from the text of an operator.
pub(crate) fn set(raw: &mut RawSettings, key: &str, text: &str) -> Result<(), Problem> {
    if RawSettings::setting(key).is_some_and(|setting| setting.facts.is_path) {
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
    for key in RawSettings::fixed() {
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
    for key in RawSettings::fixed() {
        if let Some(text) = effective.get(key) {
            stored.set(key, &text)?;
        }
    }
    Ok(stored)
}

/// Returns the checked settings of three sources, the highest precedence first: flags, environment and config file,
/// database.
pub(crate) fn fold(sources: [RawSettings; 3], host: &HostDefaults) -> Result<Settings, SettingsError> {
    let [flags, surroundings, database] = sources;
    let merged = flags.clone().over(surroundings).over(database);
    Settings::new(&merged, host).map_err(|problems| SettingsError::of_all(problems, &flags, &merged, host))
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
