//! Settings in layers: command line over environment over file over database over defaults.

pub(crate) mod file;

use wnm_core::{FIXED, HostDefaults, Problem, Problems, RawSettings, Settings};
use wnm_platform::places;

use crate::args::{OnceFlags, SettingFlags};
use crate::error::CliError;

/// Variables of the Python wnm that mean something else to other programs, or to none.
const NO_OLD_VARIABLES: &[&str] = &["host", "environment"];
/// Settings that the Python wnm did not know: no variable without prefix stands for them.
const NEW: &[&str] = &["firewall", "flavor", "network", "preset", "docker_image"];
/// Settings that are paths, in which `~` and `$HOME` stand for the home folder.
const PATHS: &[&str] = &["node_storage", "antnode_path", "antctl_path"];

/// Reads the layer that was given as flags.
pub(crate) fn from_flags(flags: &SettingFlags) -> Result<RawSettings, Problems> {
    collect(flags.0.iter().map(|(key, text)| (*key, text.clone())))
}

/// Reads the layer that holds for one run.
pub(crate) fn from_once(flags: &OnceFlags) -> Result<RawSettings, Problems> {
    collect(flags.0.iter().map(|(key, text)| (*key, text.clone())))
}

/// Returns the variable that sets a setting, and what it says.
pub(crate) fn variable(key: &str) -> Option<(String, String)> {
    let name = key.to_uppercase();
    let read = |name: String| std::env::var(&name).ok().map(|text| (name, text));
    let is_old = !NO_OLD_VARIABLES.contains(&key) && !NEW.contains(&key);
    read(format!("WNM_{name}")).or_else(|| {
        let found = read(name).filter(|(_, text)| is_old && !text.is_empty())?;
        tracing::debug!(variable = found.0, "a variable of the Python wnm is read");
        Some(found)
    })
}

/// Reads the layer of variables: `WNM_<SETTING>`, and those without prefix that the Python wnm read.
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

/// Reads what surrounds a command: the environment over the file.
pub(crate) fn surroundings() -> Result<RawSettings, CliError> {
    Ok(from_environment()?.over(file::read()?))
}

fn collect(entries: impl Iterator<Item = (&'static str, String)>) -> Result<RawSettings, Problems> {
    let mut raw = RawSettings::default();
    let problems: Vec<Problem> = entries.filter_map(|(key, text)| set(&mut raw, key, &text).err()).collect();
    Problems::none_or(problems).map(|()| raw)
}

/// Sets one setting from a text that a person wrote.
pub(crate) fn set(raw: &mut RawSettings, key: &str, text: &str) -> Result<(), Problem> {
    if PATHS.contains(&key) {
        return raw.set(key, &at_home(text, &places::home().display().to_string()));
    }
    raw.set(key, text)
}

/// Puts the home folder where each path of a list begins with `~` or `$HOME`.
fn at_home(text: &str, home: &str) -> String {
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

/// Refuses a change of a setting that existing nodes were made by.
pub(crate) fn keep_fixed(stored: &RawSettings, asked: &RawSettings, host: &HostDefaults) -> Result<(), CliError> {
    // What was never said is compared by what it came to.
    let effective = |raw: &RawSettings, key: &str| match (raw.get(key), key) {
        (Some(text), _) => Some(text),
        (None, "process_manager") => Some(host.manager.to_string()),
        (None, "port_start") => Some("55".to_owned()),
        (None, "metrics_port_start") => Some("13".to_owned()),
        (None, "rpc_port_start") => Some("30".to_owned()),
        (None, _) => None,
    };
    for key in FIXED {
        let (Some(asked), is) = (asked.get(key), effective(stored, key)) else { continue };
        if Some(&asked) != is.as_ref() {
            return Err(CliError::FixedSetting { key: key.to_owned(), is: is.unwrap_or_default(), asked });
        }
    }
    Ok(())
}

/// Returns settings that are kept, with those that nodes are made by, wherever these came from: they must not change
/// when a variable or a file does.
pub(crate) fn with_fixed(mut kept: RawSettings, settings: &Settings) -> Result<RawSettings, Problems> {
    let in_force = settings.to_raw();
    for key in FIXED {
        if let Some(text) = in_force.get(key) {
            kept.set(key, &text)?;
        }
    }
    Ok(kept)
}

/// Returns the checked settings of the command line, of what surrounds it, and of the database.
pub(crate) fn fold(layers: [RawSettings; 3], host: &HostDefaults) -> Result<Settings, Problems> {
    let [flags, surroundings, database] = layers;
    Settings::new(&flags.over(surroundings).over(database), host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_home_folder_stands_where_a_path_begins_with_it() {
        let cases = [
            ("~/a, $HOME/b,${HOME}", "/h/a,/h/b,/h"),
            ("/a/~/b", "/a/~/b"),
            ("~op/a", "~op/a"),
            ("$HOMES/a", "$HOMES/a"),
        ];
        for (text, want) in cases {
            assert_eq!(at_home(text, "/h"), want);
        }
    }
}
