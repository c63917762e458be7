//! `wnm db`: the database itself.

use std::path::{Path, PathBuf};

use serde::Serialize;
use wnm_store::Store;

use crate::args::Db;
use crate::context::{self, LOCK_TIMEOUT};
use crate::error::{CliError, Exit};
use crate::output::Output;

/// What a look for damage found.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Checked {
    /// Where it is.
    database: PathBuf,
    /// What is damaged; empty where it is sound.
    problems: Vec<String>,
}

/// A copy that was made.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Copied {
    /// What was copied.
    from: PathBuf,
    /// Where it stands now.
    to: PathBuf,
    /// Where what stood there before went.
    set_aside: Option<PathBuf>,
}

/// Carries out a command on the database.
pub(crate) fn run(db: &Path, command: Db, output: &Output) -> Result<Exit, CliError> {
    match command {
        Db::Path => {
            output.value(&db, |db| db.display().to_string())?;
            Ok(Exit::Done)
        }
        Db::Check => check(db, output),
        Db::Backup { file } => {
            Store::open_read_only(db)?.backup(&file)?;
            copied(output, db, &file, None)
        }
        Db::Restore { file } => {
            let _lock = context::lock(db, LOCK_TIMEOUT)?;
            let set_aside = Store::restore(db, &file)?;
            copied(output, &file, db, set_aside)
        }
        Db::Migrate => {
            let _lock = context::lock(db, LOCK_TIMEOUT)?;
            // Opening for writing brings it up to date, with a copy of the file before each step.
            drop(Store::open(db)?);
            output.result(&db, |db| format!("{} is up to date", db.display()))?;
            Ok(Exit::Done)
        }
    }
}

/// Looks for damage; exit 3 when there is any.
fn check(db: &Path, output: &Output) -> Result<Exit, CliError> {
    let problems = Store::open_read_only(db)?.check()?.iter().map(ToString::to_string).collect();
    let checked = Checked { database: db.to_owned(), problems };
    output.result(&checked, |checked| match checked.problems.as_slice() {
        [] => format!("{} is sound", checked.database.display()),
        problems => problems.join("\n"),
    })?;
    Ok(if checked.problems.is_empty() { Exit::Done } else { Exit::ActionFailed })
}

fn copied(output: &Output, from: &Path, to: &Path, set_aside: Option<PathBuf>) -> Result<Exit, CliError> {
    let copied = Copied { from: from.to_owned(), to: to.to_owned(), set_aside };
    output.result(&copied, |copied| {
        let aside = copied.set_aside.as_ref().map(|aside| format!("\nwhat stood there is now {}", aside.display()));
        format!("copied {} to {}{}", copied.from.display(), copied.to.display(), aside.unwrap_or_default())
    })?;
    Ok(Exit::Done)
}
