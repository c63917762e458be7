//! A flag for every setting, and the flags that apply to one run only.

use std::collections::BTreeMap;

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use wnm_core::RawSettings;

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
        RawSettings::KEYS.iter().zip(RawSettings::HELP).fold(command, |command, (key, help)| {
            let mut arg = Arg::new(*key)
                .long(key.replace('_', "-"))
                .help(help.trim_end_matches('.'))
                .value_name("VALUE")
                .help_heading("Settings (stored in the database)")
                .allow_hyphen_values(true);
            if RawSettings::is_switch(key) {
                arg = as_switch(arg);
            }
            command.arg(arg)
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

/// The settings that can be given for one run, with the names of their arguments and their help.
const ONCE: [(&str, &str, &str); 3] = [
    ("action_delay", "this_action_delay", "Pause between the actions on two nodes, in milliseconds"),
    ("survey_delay", "this_survey_delay", "Pause between the probes of two nodes, in milliseconds"),
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
            let arg = Arg::new(*id).long(id.replace('_', "-")).help(*help).value_name("VALUE");
            let arg = arg.help_heading("Settings for this run only").allow_hyphen_values(true);
            command.arg(if RawSettings::is_switch(key) { as_switch(arg) } else { arg })
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

/// Accepts a flag without a value as true.
fn as_switch(arg: Arg) -> Arg {
    arg.num_args(0..=1).require_equals(true).default_missing_value("true").value_name("true|false")
}
