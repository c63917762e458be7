//! `wnm help COMMAND`, for commands at every level.

use std::ffi::OsString;

use clap::Command;

use crate::error::takes_value;

/// Returns a line with `help` in the place of a command as the same line with `--help`: `wnm help node list` and
/// `wnm node help list` become `wnm node list --help`. Other lines are returned unchanged.
pub(super) fn as_flag(args: &[OsString], command: &Command) -> Vec<OsString> {
    let mut at = command;
    let mut words = args.iter().enumerate().skip(1);
    while let Some((index, word)) = words.next() {
        if takes_value(at, word) {
            words.next();
            continue;
        }
        if word == "help" && at.has_subcommands() {
            let mut line = args.to_vec();
            line.remove(index);
            line.push("--help".into());
            return line;
        }
        match at.find_subcommand(word) {
            Some(below) => at = below,
            // A flag stands before its command; any other word is an argument, which may be `help`.
            None if word.to_string_lossy().starts_with('-') => {}
            None => break,
        }
    }
    args.to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args;

    #[test]
    fn help_stands_in_the_place_of_any_command() {
        for (line, same) in [
            ("wnm help", "wnm --help"),
            ("wnm help status", "wnm status --help"),
            ("wnm help node list", "wnm node list --help"),
            ("wnm node help list", "wnm node list --help"),
            ("wnm --json help config set", "wnm --json config set --help"),
            ("wnm --db help help status", "wnm --db help status --help"),
            ("wnm node stop help", "wnm node stop help"),
            ("wnm config set help 3", "wnm config set help 3"),
        ] {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            let found = as_flag(&words, &args::command());
            assert_eq!(found, same.split(' ').map(OsString::from).collect::<Vec<_>>(), "{line}");
        }
    }
}
