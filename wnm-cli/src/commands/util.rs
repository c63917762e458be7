//! `wnm util`: completion scripts and man pages, generated from the arguments.

use clap::CommandFactory;

use crate::args::{Cli, Util};
use crate::error::{CliError, CommandError, Exit};
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
        Util::Man { out: Some(folder) } => {
            let unwritable = |source: std::io::Error| CommandError::ManPages { folder: folder.clone(), source };
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
