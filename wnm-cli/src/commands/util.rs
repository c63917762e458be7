//! `wnm util`: what shells and manuals want to know of the command line.

use std::path::Path;

use clap::CommandFactory;

use crate::args::{Cli, Util};
use crate::error::{CliError, Exit};
use crate::output::Output;

/// Writes completions to standard output, or man pages to a folder.
pub(crate) fn run(command: Util, output: &Output) -> Result<Exit, CliError> {
    let mut cli = Cli::command();
    match command {
        Util::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut cli, "wnm", &mut script);
            output.text(&String::from_utf8_lossy(&script))?;
        }
        Util::Man { out: Some(folder) } => {
            let unwritable = |error: std::io::Error| unwritable(&folder, &error);
            std::fs::create_dir_all(&folder).map_err(unwritable)?;
            clap_mangen::generate_to(cli, &folder).map_err(unwritable)?;
        }
        Util::Man { out: None } => {
            let mut page = Vec::new();
            clap_mangen::Man::new(cli).render(&mut page)?;
            output.text(&String::from_utf8_lossy(&page))?;
        }
    }
    Ok(Exit::Done)
}

fn unwritable(folder: &Path, error: &std::io::Error) -> CliError {
    CliError::Usage {
        what: format!("expected to write man pages to {}: {error}", folder.display()),
        hint: "choose a folder that can be written".to_owned(),
    }
}
