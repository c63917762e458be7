//! Settings in layers: command line over environment over database over defaults.

use wnm_core::{FIXED, HostDefaults, Problem, Problems, RawSettings, Settings};

use crate::args::{OnceFlags, SettingFlags};
use crate::error::CliError;

/// Reads the layer that was given as flags.
pub(crate) fn from_flags(flags: &SettingFlags) -> Result<RawSettings, Problems> {
    collect(flags.0.iter().map(|(key, text)| (*key, text.clone())))
}

/// Reads the layer that holds for one run.
pub(crate) fn from_once(flags: &OnceFlags) -> Result<RawSettings, Problems> {
    collect(flags.0.iter().map(|(key, text)| (*key, text.clone())))
}

/// Reads the layer of `WNM_<SETTING>` variables.
pub(crate) fn from_environment() -> Result<RawSettings, Problems> {
    let variable = |key: &&'static str| {
        let text = std::env::var(format!("WNM_{}", key.to_uppercase())).ok()?;
        Some((*key, text))
    };
    collect(RawSettings::KEYS.iter().filter_map(variable))
}

fn collect(entries: impl Iterator<Item = (&'static str, String)>) -> Result<RawSettings, Problems> {
    let mut raw = RawSettings::default();
    let problems: Vec<Problem> = entries.filter_map(|(key, text)| raw.set(key, &text).err()).collect();
    Problems::none_or(problems).map(|()| raw)
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

/// Returns the checked settings of all layers, the first highest.
pub(crate) fn fold(layers: [RawSettings; 3], host: &HostDefaults) -> Result<Settings, Problems> {
    let [flags, environment, database] = layers;
    Settings::new(&flags.over(environment).over(database), host)
}
