//! The commands in `wnm --help`, in groups. clap lists all commands under one heading.

use clap::Command;

/// The groups in the order in which a new operator needs them, each with its commands.
const GROUPS: [(&str, &[&str]); 4] = [
    ("Get started", &["init", "doctor", "demo"]),
    ("Manage nodes", &["run", "daemon", "service", "node", "storage", "hold", "resume", "trash", "teardown"]),
    ("Inspect", &["status", "top", "explain", "history", "events", "report", "record", "probe", "alert", "fleet"]),
    ("Configure", &["config", "db", "util"]),
];

/// Returns the command with its subcommands listed in groups. They are hidden from the list that clap itself prints.
///
/// clap does not wrap a template, so that a description with its indent must fit the narrowest terminal, 60 columns.
pub(super) fn grouped(command: Command) -> Command {
    let (header, literal) = (*command.get_styles().get_header(), *command.get_styles().get_literal());
    let line = |name: &&str| {
        let about = command.find_subcommand(name).and_then(Command::get_about).map(ToString::to_string);
        format!("  {literal}{name:<8}{literal:#}  {}\n", about.unwrap_or_default())
    };
    let group = |(title, names): &(&str, &[&str])| {
        let lines: String = names.iter().map(line).collect();
        format!("{header}{title}:{header:#}\n{lines}")
    };
    let groups = GROUPS.iter().map(group).collect::<Vec<_>>().join("\n");
    let template =
        format!("{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{groups}\n{{all-args}}{{after-help}}");
    command
        .help_template(template)
        // clap leaves out [COMMAND] when all subcommands are hidden.
        .override_usage("wnm [OPTIONS] [COMMAND]")
        .mut_subcommands(|subcommand| subcommand.hide(true))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::GROUPS;
    use crate::args::Cli;

    #[test]
    fn every_command_is_in_one_group() {
        let mut grouped: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        let command = Cli::command();
        let mut all: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
        grouped.sort_unstable();
        all.sort_unstable();
        assert_eq!(grouped, all);
    }

    #[test]
    fn descriptions_fit_sixty_columns() {
        for command in Cli::command().get_subcommands() {
            let about = command.get_about().unwrap().to_string();
            assert!(about.chars().count() <= 48, "{about}");
        }
    }
}
