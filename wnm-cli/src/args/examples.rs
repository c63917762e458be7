//! The examples of the help texts, the man pages and the documentation are command lines that wnm understands.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use super::{Unparsed, command, parse};

/// Returns the lines of the examples of a command and of those below it that begin with `wnm`.
fn examples(command: &clap::Command) -> Vec<String> {
    let help = [command.get_after_help(), command.get_after_long_help()].into_iter().flatten().map(ToString::to_string);
    let lines = help.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>());
    let own =
        lines.filter_map(|line| line.strip_prefix("  ").map(str::to_owned)).filter(|line| line.starts_with("wnm "));
    own.chain(command.get_subcommands().flat_map(examples)).collect()
}

/// Returns the commands without commands below them whose help has no example of them.
fn without_example(command: &clap::Command, path: &str) -> Vec<String> {
    if command.has_subcommands() {
        let below = |below| without_example(below, &format!("{path} {}", below.get_name()));
        return command.get_subcommands().flat_map(below).collect();
    }
    let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let examples = help.split_once("Examples:\n").or_else(|| help.split_once("Example:\n"));
    let is_shown = |line: &str| line.strip_prefix("  ").is_some_and(|line| line.contains(path));
    let has_example = examples.is_some_and(|(_, lines)| lines.lines().any(is_shown));
    if has_example { Vec::new() } else { vec![path.to_owned()] }
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

/// Returns the commands of wnm in the code blocks of a Markdown page. In a block `console` only lines with a prompt count.
fn documented(page: &str) -> Vec<String> {
    let page: String = page.split("\\\n").map(str::trim_start).collect();
    let mut language = None;
    let mut found = Vec::new();
    for line in page.lines().map(str::trim_start) {
        let command = match (line.strip_prefix("```"), language) {
            (Some(opened), None) => {
                language = Some(opened);
                continue;
            }
            (Some(_), Some(_)) => {
                language = None;
                continue;
            }
            (None, Some("sh" | "bash")) => line,
            (None, Some("console")) => line.strip_prefix("$ ").unwrap_or_default(),
            (None, _) => continue,
        };
        let without_remark = command.split("  #").next().unwrap_or_default();
        found.extend(without_remark.split(['&', ';', '|']).map(|command| command.trim().to_owned()));
    }
    found.retain(|command| command.starts_with("wnm "));
    found
}

#[track_caller]
fn assert_understood(place: &str, example: &str) {
    match parse(&words(example)) {
        Ok(_) | Err(Unparsed::Text(_)) => {}
        Err(Unparsed::Usage(error)) => panic!("{place}: {example}: {error}"),
    }
}

#[test]
fn every_example_is_a_command_line_of_wnm() {
    let all = examples(&command());
    assert!(all.len() > 130, "{}", all.len());
    all.iter().for_each(|example| assert_understood("help", example));
}

#[test]
fn every_command_has_an_example() {
    assert_eq!(without_example(&command(), "wnm"), Vec::<String>::new());
}

#[test]
fn every_command_in_the_documentation_is_a_command_line_of_wnm() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let pages = ["", "docs", "docs/schema"].map(|folder| fs::read_dir(root.join(folder)).unwrap());
    let mut checked = 0;
    for path in pages.into_iter().flatten().map(|entry| entry.unwrap().path()) {
        if path.extension().is_some_and(|extension| extension == "md") {
            for example in documented(&fs::read_to_string(&path).unwrap()) {
                assert_understood(&path.display().to_string(), &example);
                checked += 1;
            }
        }
    }
    assert!(checked > 100, "{checked}");
}
