//! A flag for every setting, and those that hold for one run.

use std::collections::BTreeMap;

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use wnm_core::RawSettings;

/// The settings given as flags, as texts.
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
                .help_heading("Settings (kept)")
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

/// Settings that can be given for one run, with the names of their arguments.
const ONCE: [(&str, &str, &str); 3] = [
    ("action_delay", "this_action_delay", "Milliseconds between the actions on two nodes"),
    ("survey_delay", "this_survey_delay", "Milliseconds between the probes of two nodes"),
    ("enable_upgrade", "this_enable_upgrade", "Whether wnm rolls out its own node binary"),
];

/// Settings that hold for one run and are not kept, as texts.
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
            let arg = arg.help_heading("This run only (not kept)").allow_hyphen_values(true);
            command.arg(if RawSettings::is_switch(key) { as_switch(arg) } else { arg })
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

/// Lets a flag stand without a value, for true.
fn as_switch(arg: Arg) -> Arg {
    arg.num_args(0..=1).require_equals(true).default_missing_value("true").value_name("true|false")
}
