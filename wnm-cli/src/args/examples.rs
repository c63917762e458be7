//! The examples of the help texts and man pages are command lines that wnm understands.

use std::ffi::OsString;

use super::{Unparsed, command, parse};

/// Returns the lines of the examples of a command and of those below it that begin with `wnm`.
fn examples(command: &clap::Command) -> Vec<String> {
    let help = [command.get_after_help(), command.get_after_long_help()].into_iter().flatten().map(ToString::to_string);
    let lines = help.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>());
    let own =
        lines.filter_map(|line| line.strip_prefix("  ").map(str::to_owned)).filter(|line| line.starts_with("wnm "));
    own.chain(command.get_subcommands().flat_map(examples)).collect()
}

/// Returns the words of an example for wnm, without its remark and without other commands of the shell.
fn words(example: &str) -> Vec<OsString> {
    // A remark stands apart by two spaces.
    let line = example.split("  ").next().unwrap_or_default();
    let all = shell_words::split(line).unwrap_or_else(|error| panic!("{example}: {error}"));
    all.into_iter()
        .take_while(|word| !["|", "||", "&&", ">", ">>", "<"].contains(&word.as_str()))
        .map(Into::into)
        .collect()
}

#[test]
fn every_example_is_a_command_line_of_wnm() {
    let all = examples(&command());
    assert!(all.len() > 30, "{}", all.len());
    for example in all {
        match parse(&words(&example)) {
            Ok(_) | Err(Unparsed::Text(_)) => {}
            Err(Unparsed::Usage(error)) => panic!("{example}: {error}"),
        }
    }
}
