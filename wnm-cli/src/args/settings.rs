//! A flag for every setting, and the flags that apply to one run only.

use std::collections::BTreeMap;

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use wnm_core::{RawSettings, Setting, Shape};

/// The settings given as flags, as texts. A cycle stores them in the database.
#[derive(Debug, Clone, Default)]
pub(crate) struct SettingFlags(pub(crate) BTreeMap<&'static str, String>);

impl FromArgMatches for SettingFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Self::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for key in RawSettings::KEYS {
            if let Some(text) = matches.get_one::<String>(key) {
                self.0.insert(key, text.clone());
            }
        }
        Ok(())
    }
}

impl Args for SettingFlags {
    fn augment_args(command: Command) -> Command {
        RawSettings::ALL.iter().fold(command, |command, setting| {
            let arg = Arg::new(setting.key)
                .long(setting.key.replace('_', "-"))
                .help(setting.help())
                .value_name(setting.value_name())
                .help_heading("Settings (stored in the database)");
            command.arg(with_value(arg, setting))
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

/// The settings that can be given for one run, with the names of their arguments and their help.
const ONCE: [(&str, &str, &str); 3] = [
    ("action_delay", "this_action_delay", "Pause between the actions on two nodes, such as 500ms or 10s"),
    ("survey_delay", "this_survey_delay", "Pause between the probes of two nodes, such as 500ms or 10s"),
    ("enable_upgrade", "this_enable_upgrade", "Whether wnm upgrades nodes to its node program"),
];

/// The settings for one run, as texts. They are not stored.
#[derive(Debug, Clone, Default)]
pub(crate) struct OnceFlags(pub(crate) BTreeMap<&'static str, String>);

impl FromArgMatches for OnceFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Self::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for (key, id, _) in ONCE {
            if let Some(text) = matches.get_one::<String>(id) {
                self.0.insert(key, text.clone());
            }
        }
        Ok(())
    }
}

impl Args for OnceFlags {
    fn augment_args(command: Command) -> Command {
        ONCE.iter().fold(command, |command, (key, id, help)| {
            let arg = Arg::new(*id).long(id.replace('_', "-")).help(*help).value_name("TIME");
            let arg = arg.help_heading("Settings for this run only");
            command.arg(match RawSettings::setting(key) {
                Some(setting) => with_value(arg, setting),
                None => arg,
            })
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

/// Returns the flag of a setting with the values that it accepts.
///
/// A flag after a flag without its value is a flag, not a value; a negative number is a value, so that the error names
/// the setting and its range. Only arguments of nodes may begin with a hyphen.
fn with_value(arg: Arg, setting: &Setting) -> Arg {
    match setting.shape {
        Shape::Switch => {
            arg.num_args(0..=1).require_equals(true).default_missing_value("true").value_name(setting.value_name())
        }
        Shape::Words => arg.allow_hyphen_values(true),
        Shape::Number | Shape::Text => arg.allow_negative_numbers(true),
    }
}
