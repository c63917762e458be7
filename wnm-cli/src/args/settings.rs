//! A flag for every setting.

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
            let dashed = key.replace('_', "-");
            let has_two_spellings = dashed != *key;
            let mut arg = Arg::new(*key)
                .long(dashed)
                .help(help.trim_end_matches('.'))
                .value_name("VALUE")
                .help_heading("Settings (kept)")
                .allow_hyphen_values(true);
            if has_two_spellings {
                arg = arg.alias(*key);
            }
            if RawSettings::is_switch(key) {
                arg = arg.num_args(0..=1).require_equals(true).default_missing_value("true").value_name("true|false");
            }
            command.arg(arg)
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}
