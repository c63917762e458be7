//! `wnm-sim util`: completion scripts and man pages, generated from the arguments.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory, Subcommand};
use clap_complete::Shell;
use clap_complete::env::Shells;
use clap_mangen::Man;

use crate::output::Output;
use crate::{Cli, Exit, SimError};

/// Print completion scripts and man pages
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Util,
}

#[derive(Debug, Subcommand)]
enum Util {
    /// Print a completion script; it asks wnm-sim for settings, scenarios and policies
    #[command(after_help = "\
Examples:
  wnm-sim util completions bash > ~/.local/share/bash-completion/completions/wnm-sim
  wnm-sim util completions zsh > ~/.zfunc/_wnm-sim
  wnm-sim util completions fish > ~/.config/fish/completions/wnm-sim.fish
  wnm-sim util completions powershell >> $PROFILE")]
    Completions {
        /// Select the shell
        shell: Shell,
    },
    /// Print the man page of wnm-sim, or write those of all commands to a directory
    #[command(after_help = "\
Examples:
  wnm-sim util man | man -l -
  wnm-sim util man --out ~/.local/share/man/man1")]
    Man {
        /// Write one page for each command to this directory
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
}

/// The variable by which a completion script asks the program for candidates.
pub(crate) const COMPLETE: &str = "WNM_SIM_COMPLETE";

pub(crate) fn run(args: &Args) -> Result<Exit, SimError> {
    let mut output = Output::standard();
    match &args.command {
        Util::Completions { shell } => output.text(&script(*shell)?)?,
        Util::Man { out: None } => output.text(&page(&built())?)?,
        Util::Man { out: Some(folder) } => write_all(folder, &built())?,
    }
    output.finish()?;
    Ok(Exit::Done)
}

/// Returns the arguments with the names of subcommands filled in: `wnm-sim-try`.
fn built() -> Command {
    let mut cli = Cli::command().disable_help_subcommand(true);
    cli.build();
    cli
}

fn script(shell: Shell) -> Result<String, SimError> {
    // The script of clap_complete completes no word that bash splits, such as `preset=steady`.
    if shell == Shell::Bash {
        let script = include_str!("completions.bash").replace("VARIABLE", COMPLETE).replace("PROGRAM", "wnm-sim");
        return Ok(script.replace("FUNCTION", "wnm_sim"));
    }
    let (name, shells) = (shell.to_string(), Shells::builtins());
    let unknown = || SimError::input(format!("no completions for {name}"));
    let completer = shells.completer(&name).ok_or_else(unknown)?;
    let mut script = Vec::new();
    completer.write_registration(COMPLETE, "wnm-sim", "wnm-sim", "wnm-sim", &mut script).map_err(SimError::Output)?;
    Ok(String::from_utf8_lossy(&script).into_owned())
}

/// Writes the page of a command and those of its subcommands.
fn write_all(folder: &Path, command: &Command) -> Result<(), SimError> {
    let unwritable = |source| SimError::Write { path: folder.to_owned(), source };
    std::fs::create_dir_all(folder).map_err(unwritable)?;
    let mut output = Output::create(&folder.join(Man::new(command.clone()).get_filename()))?;
    output.text(&page(command)?)?;
    output.finish()?;
    command.get_subcommands().try_for_each(|command| write_all(folder, command))
}

/// Exit codes of all commands, as in [`Exit`].
const EXIT_STATUS: &[(&str, &str)] = &[
    ("0", "The command is complete."),
    ("1", "The input is invalid, or a file cannot be read or written."),
    ("2", "The command line is invalid."),
    ("3", "\\fBexplore\\fR found a violated invariant."),
    ("130", "A signal ended the command. \\fBtune\\fR and \\fBcompare\\fR print the results until then."),
];

/// Files of all commands.
const FILES: &[(&str, &str)] = &[
    ("*.jsonl, *.jsonl.gz", "Traces of \\fBwnm record\\fR, and runs. A name that ends in .gz means a compressed file."),
    ("*.toml", "Scenarios, and settings for \\fB--policy\\fR."),
    ("-", "Standard input or standard output."),
];

/// Returns the man page of a command.
fn page(command: &Command) -> Result<String, SimError> {
    let man = Man::new(command.clone()).manual("wnm-sim manual");
    let mut page = Vec::new();
    let mut render = || {
        man.render_title(&mut page)?;
        man.render_name_section(&mut page)?;
        man.render_synopsis_section(&mut page)?;
        man.render_description_section(&mut page)?;
        man.render_options_section(&mut page)?;
        if command.has_subcommands() { man.render_subcommands_section(&mut page) } else { Ok(()) }
    };
    render().map_err(SimError::Output)?;
    let mut page = String::from_utf8_lossy(&page).into_owned();
    if let Some(help) = command.get_after_help() {
        examples(&mut page, &help.to_string());
    }
    definitions(&mut page, "EXIT STATUS", EXIT_STATUS);
    definitions(&mut page, "FILES", FILES);
    page.push_str(".SH \"SEE ALSO\"\n\\fBwnm\\fR(1), \\fBwnm-record\\fR(1)\n");
    Ok(page)
}

/// Adds the examples of a help text, and the text after them.
fn examples(page: &mut String, help: &str) {
    let (examples, rest) = help.split_once("\n\n").unwrap_or((help, ""));
    page.push_str(".SH EXAMPLES\n.nf\n");
    for line in examples.lines().filter(|line| *line != "Examples:") {
        // roff reads a backslash as an escape, and a leading dot or apostrophe as a request.
        _ = writeln!(page, "\\&{}", line.trim_start().replace('\\', "\\e").replace('-', "\\-"));
    }
    page.push_str(".fi\n");
    if !rest.is_empty() {
        _ = writeln!(page, ".PP\n\\&{}", rest.trim_end().replace('\\', "\\e").replace('-', "\\-"));
    }
}

fn definitions(page: &mut String, title: &str, entries: &[(&str, &str)]) {
    _ = writeln!(page, ".SH \"{title}\"");
    for (term, text) in entries {
        _ = writeln!(page, ".TP\n\\fB{term}\\fR\n{text}");
    }
}
