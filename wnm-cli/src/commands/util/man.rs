//! Man pages: the sections that clap_mangen renders from the arguments, then examples, exit codes, files and variables.

use std::io::{self, Write as _};
use std::path::Path;

use clap::Command;
use clap_mangen::Man;

use crate::error::{CliError, CommandError};

/// The exit codes, as the README lists them.
const EXIT_STATUS: &[(&str, &str)] = &[
    ("0", "The command succeeded."),
    ("1", "The configuration or the request cannot work."),
    ("2", "The command line is not valid."),
    (
        "3",
        "An action failed; wnm doctor: a check has the level error; wnm status --check: no cycle for three intervals, \
         or a node that should run does not.",
    ),
    ("4", "Another wnm holds the lock."),
    ("5", "No colony exists."),
    ("70", "An internal error of wnm, or the system refused a call."),
    ("74", "Standard output could not be written. Actions have taken effect."),
];

const FILES: &[(&str, &str)] = &[
    ("~/.local/share/autonomi/wnm.db", "The database; as root /var/antctl/wnm.db. wnm db path prints its path."),
    ("~/.config/wnm/config.toml", "The config file, if it exists. wnm config path prints its path."),
    ("~/.local/share/autonomi/node", "The folders of the nodes, unless node_storage names others."),
    ("~/.local/bin/antnode", "The program that new nodes get, unless antnode_path names another one."),
];

const ENVIRONMENT: &[(&str, &str)] = &[
    ("WNM_DB", "Path of the database, as --db."),
    ("WNM_CONFIG", "Path of the config file, as --config."),
    ("WNM_SETTING", "Value of a setting, such as WNM_NODE_CAP; wnm config describe lists the names."),
    ("NO_COLOR", "No colour, if set to any value."),
    ("VISUAL, EDITOR", "The editor of wnm config edit."),
    ("INFLUX_ORG, INFLUX_BUCKET, INFLUX_TOKEN", "Organisation, bucket and token of wnm report --push."),
];

/// Writes the pages of a command and of all commands below it to a folder, which is created if necessary.
pub(super) fn write_all(cli: &Command, folder: &Path) -> Result<(), CliError> {
    let unwritable = |source: io::Error| CommandError::ManPages { path: folder.to_owned(), source };
    std::fs::create_dir_all(folder).map_err(unwritable)?;
    let mut cli = cli.clone();
    // Gives each command its full name, such as `wnm node stop`.
    cli.build();
    write_below(&cli, "wnm", folder)
}

fn write_below(command: &Command, name: &str, folder: &Path) -> Result<(), CliError> {
    let path = folder.join(format!("{name}.1"));
    let unwritable = |source: io::Error| CommandError::ManPages { path: folder.to_owned(), source };
    std::fs::write(path, page(command, name)?).map_err(unwritable)?;
    command
        .get_subcommands()
        .filter(|below| below.get_name() != "help")
        .try_for_each(|below| write_below(below, &format!("{name}-{}", below.get_name()), folder))
}

/// Returns the page of a command in the format of roff.
pub(super) fn page(command: &Command, name: &str) -> Result<Vec<u8>, CliError> {
    let after_help = command.get_after_help().map(ToString::to_string);
    let man = Man::new(command.clone().name(name.to_owned()).display_name(name.to_owned()).after_help(""));
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    if command.get_arguments().any(|arg| !arg.is_hide_set()) {
        man.render_options_section(&mut page)?;
    }
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    for (title, text) in after_help.iter().flat_map(|text| sections(text)) {
        write!(page, ".SH {title}\n.nf\n{}\n.fi\n", escaped(&text))?;
    }
    for (title, entries) in [("EXIT STATUS", EXIT_STATUS), ("FILES", FILES), ("ENVIRONMENT", ENVIRONMENT)] {
        writeln!(page, ".SH \"{title}\"")?;
        for (term, text) in entries {
            write!(page, ".TP\n{}\n{}\n", escaped(term), escaped(text))?;
        }
    }
    if name != "wnm" {
        write!(page, ".SH \"SEE ALSO\"\n.BR wnm (1)\n")?;
    }
    Ok(page)
}

/// Returns the text after the options of a help as sections with their titles: its examples are a paragraph of their own.
fn sections(text: &str) -> Vec<(&'static str, String)> {
    let without_title = |text: &'_ str| -> Option<String> {
        ["Examples:\n", "Example:\n"].into_iter().find_map(|title| text.strip_prefix(title)).map(str::to_owned)
    };
    let notes: Vec<&str> = text.split("\n\n").filter(|part| without_title(part).is_none()).collect();
    let examples: Vec<String> = text.split("\n\n").filter_map(without_title).collect();
    let all = [("NOTES", notes.join("\n\n")), ("EXAMPLES", examples.join("\n\n"))];
    all.into_iter().filter(|(_, text)| !text.is_empty()).collect()
}

/// Returns a text with the characters escaped that roff interprets.
fn escaped(text: &str) -> String {
    let line = |line: &str| {
        let line = line.replace('\\', "\\e").replace('-', "\\-");
        // A line that begins with a point or an apostrophe would be a request.
        if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line }
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::sections;
    use crate::args::Cli;
    use crate::error::Exit;

    #[test]
    fn examples_are_a_section_wherever_they_stand() {
        let text = "A note.\n\nExamples:\n  wnm a\n  wnm b\n\nAnother note.";
        let parts = [("NOTES", "A note.\n\nAnother note."), ("EXAMPLES", "  wnm a\n  wnm b")];
        assert_eq!(sections(text), parts.map(|(title, text)| (title, text.to_owned())));
        assert_eq!(sections("Example:\n  wnm a"), [("EXAMPLES", "  wnm a".to_owned())]);
        assert_eq!(sections("Exit code 3: no.").len(), 1);
        let cli = Cli::command();
        let set = cli.find_subcommand("config").unwrap().find_subcommand("set").unwrap();
        let page = String::from_utf8(super::page(set, "wnm-config-set").unwrap()).unwrap();
        assert!(
            page.contains(".SH NOTES\n.nf\nA number") && page.contains(".SH EXAMPLES\n.nf\n  wnm config set"),
            "{page}"
        );
    }

    #[test]
    fn page_lists_every_exit_code() {
        let all = [
            Exit::Done,
            Exit::Unusable,
            Exit::Usage,
            Exit::ActionFailed,
            Exit::Locked,
            Exit::NotInitialised,
            Exit::Internal,
            Exit::Output,
        ];
        let listed: Vec<&str> = super::EXIT_STATUS.iter().map(|(code, _)| *code).collect();
        assert_eq!(all.map(|exit| exit.code().to_string()).to_vec(), listed);
        let readme = include_str!("../../../../README.md");
        for code in listed {
            assert!(readme.contains(&format!("\n| {code} | ")), "README.md does not list {code}");
        }
    }
}
