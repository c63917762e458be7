//! The preset of a colony that moves in: a question on a terminal, and a line elsewhere.

use std::borrow::Cow;
use std::io::{self, BufRead as _, IsTerminal as _};

use crate::args::Init;
use crate::config;
use crate::error::CliError;
use crate::output::Output;

const QUESTION: &str = "\
    Use the preset classic, which has the rules of the Python wnm? n selects steady, the default of new colonies. [Y/n] ";

/// Asks on a terminal which preset the colony gets. A preset of a flag, a variable or the config file is the answer, and a
/// preview or a new colony asks nothing; then, and without a terminal, the arguments stay as they are.
///
/// # Errors
/// A setting is invalid, or the terminal cannot be read.
pub(super) fn ask<'a>(args: &'a Init, output: &Output) -> Result<Cow<'a, Init>, CliError> {
    let given = config::from_flags(&args.settings)?.over(config::surroundings()?);
    let takes_over = args.import
        || args.from_anm
        || args.from_antctl
        || args.from_ant
        || args.from_wnm.is_some()
        || args.from_formicaio.is_some();
    let is_terminal = io::stdin().is_terminal() && io::stderr().is_terminal();
    if !takes_over || args.dry_run || given.preset.is_some() || output.is_json() || !is_terminal {
        return Ok(Cow::Borrowed(args));
    }
    output.ask(QUESTION);
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(match answer.trim().to_lowercase().as_str() {
        "n" | "no" => {
            let mut args = args.clone();
            args.settings.0.insert("preset", "steady".to_owned());
            Cow::Owned(args)
        }
        _ => Cow::Borrowed(args),
    })
}
