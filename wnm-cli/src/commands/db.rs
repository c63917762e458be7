//! `wnm db`: checks, copies and migrations of the database.

use std::path::{Path, PathBuf};

use serde::Serialize;
use wnm_store::Store;

use super::config::FileView;
use crate::args::Db;
use crate::context::{self, LOCK_TIMEOUT};
use crate::error::{CliError, Exit};
use crate::output::Output;

/// The result of a check.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Checked {
    /// The path of the database.
    database: PathBuf,
    /// The defects; empty for a sound database.
    problems: Vec<String>,
}

/// A copy of a database.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Copied {
    /// The path of the source.
    from: PathBuf,
    /// The path of the copy.
    to: PathBuf,
    /// The new path of the file that was at `to` before; null if none was.
    set_aside: Option<PathBuf>,
}

/// Runs a command on the database.
pub(crate) fn run(db: &Path, command: Db, output: &Output) -> Result<Exit, CliError> {
    match command {
        Db::Path => {
            output.value(&FileView::of(db), |_| db.display().to_string())?;
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
            // Opening for writing migrates, with a copy of the file before each version.
            drop(Store::open(db)?);
            output.result(&FileView::of(db), |_| format!("{} is up to date", db.display()))?;
            Ok(Exit::Done)
        }
    }
}

/// Checks the database. Ends with exit code 3 for a damaged one.
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
        let aside = copied.set_aside.as_ref().map(|aside| format!("\nrenamed the old database to {}", aside.display()));
        format!("copied {} to {}{}", copied.from.display(), copied.to.display(), aside.unwrap_or_default())
    })?;
    Ok(Exit::Done)
}
