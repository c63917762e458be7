//! Parsing a command line of the Python wnm into flags and values.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};

use wnm_core::RawSettings;

use super::LegacyError;

/// Flags without a value that this wnm does not have, or has with a command.
const SWITCHES: &[&str] = &[
    "confirm",
    "dry_run",
    "enable_upgrade",
    "import",
    "init",
    "json",
    "migrate_anm",
    "remove_lockfile",
    "show_decisions",
    "show_machine_config",
    "show_machine_metrics",
];

/// Flags with a value that this wnm does not have, or has with a command.
const VALUES: &[&str] = &[
    "count",
    "dbpath",
    "force_action",
    "interval",
    "last_stopped_at",
    "loglevel",
    "report",
    "report_format",
    "rust_backtrace",
    "service_name",
    "this_action_delay",
    "this_survey_delay",
];

/// Global flags of this wnm, without and with a value.
const GLOBAL_SWITCHES: &[&str] = &["help", "quiet", "verbose", "version"];
const GLOBAL_VALUES: &[&str] = &["color", "config", "db", "log_format"];

/// Tells whether a name, with underscores, is a flag of the Python wnm that is no setting.
pub(crate) fn is_old_flag(name: &str) -> bool {
    SWITCHES.contains(&name) || VALUES.contains(&name)
}

/// A parsed command line of the Python wnm.
#[derive(Debug, Default)]
pub(super) struct OldLine {
    /// The name of the program.
    pub(super) program: OsString,
    /// The global flags, as this wnm writes them.
    pub(super) globals: Vec<OsString>,
    /// The flags without a value.
    pub(super) switches: BTreeSet<&'static str>,
    /// The flags with a value; of repeated ones the last.
    pub(super) values: BTreeMap<&'static str, OsString>,
    /// Whether `--node_cap` is given as the Python wnm wrote it, which removed nodes without a question.
    pub(super) lowers_cap: bool,
    /// The settings, as this wnm writes them.
    pub(super) settings: Vec<OsString>,
    /// The words that the Python wnm did not know either, for clap to report.
    pub(super) unknown: Vec<OsString>,
}

impl OldLine {
    /// Removes a flag without a value. Returns whether it was given.
    pub(super) fn take_switch(&mut self, name: &str) -> bool {
        self.switches.remove(name)
    }

    /// Removes a flag with a value, and returns the value.
    pub(super) fn take(&mut self, name: &str) -> Option<OsString> {
        self.values.remove(name)
    }

    /// Removes a flag with a value, and returns the value as text.
    ///
    /// # Errors
    /// The value is not UTF-8.
    pub(super) fn take_text(&mut self, flag: &'static str) -> Result<Option<String>, LegacyError> {
        let not_utf8 = |value: OsString| LegacyError::NotUtf8 { flag, value: value.to_string_lossy().into_owned() };
        self.take(flag).map(|value| value.into_string().map_err(not_utf8)).transpose()
    }
}

/// A flag of the Python wnm or of this one, by its name with underscores.
enum Known {
    Switch(&'static str),
    Value(&'static str),
    GlobalSwitch,
    GlobalValue,
    SettingSwitch,
    SettingValue,
}

fn known(name: &str) -> Option<Known> {
    let find = |names: &[&'static str]| names.iter().copied().find(|known| *known == name);
    // `enable_upgrade` is a setting too, but on an old command line it applies to one run.
    if let Some(name) = find(SWITCHES).filter(|name| *name == "enable_upgrade" || !is_setting(name)) {
        return Some(Known::Switch(name));
    }
    if is_setting(name) {
        return Some(if RawSettings::is_switch(name) { Known::SettingSwitch } else { Known::SettingValue });
    }
    find(VALUES)
        .map(Known::Value)
        .or_else(|| find(GLOBAL_SWITCHES).map(|_| Known::GlobalSwitch))
        .or_else(|| find(GLOBAL_VALUES).map(|_| Known::GlobalValue))
}

fn is_setting(name: &str) -> bool {
    RawSettings::KEYS.contains(&name)
}

/// Parses a command line; None for a new one, which names a command.
///
/// # Errors
/// A flag has no value.
pub(super) fn read(args: &[OsString]) -> Result<Option<OldLine>, LegacyError> {
    let mut args = args.iter();
    let mut line = OldLine { program: args.next().cloned().unwrap_or_default(), ..OldLine::default() };
    while let Some(arg) = args.next() {
        let Some(text) = arg.to_str() else {
            line.unknown.push(arg.clone());
            continue;
        };
        if text == "--" {
            line.unknown.push(arg.clone());
            line.unknown.extend(args.by_ref().cloned());
        } else if let Some(flag) = text.strip_prefix("--") {
            let (name, inline) = match flag.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (flag, None),
            };
            let next = || args.next();
            if !take_flag(&mut line, name, inline, next)? {
                line.unknown.push(arg.clone());
            }
        } else if let Some(letters) = text.strip_prefix('-').filter(|letters| !letters.is_empty()) {
            if let Some(inline) = letters.strip_prefix('c') {
                let inline = Some(inline).filter(|value| !value.is_empty());
                take_flag(&mut line, "config", inline, || args.next())?;
            } else if letters.chars().all(|letter| "qvhV".contains(letter)) {
                line.globals.push(arg.clone());
            } else {
                line.unknown.push(arg.clone());
            }
        } else if line.unknown.is_empty() {
            return Ok(None);
        } else {
            // Probably the value of the unknown flag before it: a typing error must not run another command.
            line.unknown.push(arg.clone());
        }
    }
    Ok(Some(line))
}

/// Adds one flag, with its value if it has one. Returns false for an unknown flag.
fn take_flag<'a>(
    line: &mut OldLine,
    name: &str,
    inline: Option<&str>,
    next: impl FnOnce() -> Option<&'a OsString>,
) -> Result<bool, LegacyError> {
    let dashed = name.replace('_', "-");
    let Some(known) = known(&name.replace('-', "_")) else { return Ok(false) };
    let value = |inline: Option<&str>| match inline {
        Some(value) => Ok(OsString::from(value)),
        None => next().cloned().ok_or_else(|| LegacyError::NoValue { flag: name.to_owned() }),
    };
    match (known, inline) {
        (Known::Switch(name), None) => {
            line.switches.insert(name);
        }
        (Known::Switch("enable_upgrade"), Some(value)) => {
            line.values.insert("enable_upgrade", value.into());
        }
        (Known::Switch(_) | Known::GlobalSwitch, Some(_)) => return Ok(false),
        (Known::Value(name), inline) => {
            line.values.insert(name, value(inline)?);
        }
        (Known::GlobalSwitch, None) => line.globals.push(format!("--{dashed}").into()),
        (Known::GlobalValue, inline) => line.globals.extend([format!("--{dashed}").into(), value(inline)?]),
        (Known::SettingSwitch, None) => line.settings.push(format!("--{dashed}").into()),
        (Known::SettingSwitch, Some(value)) => line.settings.push(format!("--{dashed}={value}").into()),
        (Known::SettingValue, inline) => {
            line.lowers_cap |= name == "node_cap";
            line.settings.push(joined(&dashed, &value(inline)?));
        }
    }
    Ok(true)
}

/// Returns a flag with its value in one word, because a value such as `--local` would be parsed as a flag.
fn joined(dashed: &str, value: &OsStr) -> OsString {
    let mut word = OsString::from(format!("--{dashed}="));
    word.push(value);
    word
}
