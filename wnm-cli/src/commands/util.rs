//! `wnm util`: completion scripts and man pages, generated from the arguments.

mod man;

use clap::CommandFactory;

use crate::args::{Cli, Util};
use crate::error::{CliError, Exit};
use crate::output::Output;

/// Writes a completion script or man pages.
pub(crate) fn run(command: Util, output: &Output) -> Result<Exit, CliError> {
    let mut cli = Cli::command();
    match command {
        Util::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut cli, "wnm", &mut script);
            output.text(&String::from_utf8_lossy(&script))?;
        }
        Util::Man { out: Some(folder) } => man::write_all(&cli, &folder)?,
        Util::Man { out: None } => output.text(&String::from_utf8_lossy(&man::page(&cli, "wnm")?))?,
    }
    Ok(Exit::Done)
}
