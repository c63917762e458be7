//! `wnm teardown`: removes every node.

use std::path::Path;

use wnm_core::{Selection, Verb};
use wnm_store::Store;

use super::node::{self, Manner};
use crate::context;
use crate::cycle::Mode;
use crate::error::{CliError, Exit};
use crate::output::Output;

/// Removes every node with its identity, service, folder, logs and port rules; the settings stay unless they are to go
/// too.
pub(crate) fn run(db: &Path, confirm: bool, purge: bool, output: &mut Output) -> Result<Exit, CliError> {
    if !confirm {
        return Err(CliError::Unconfirmed);
    }
    let manner = Manner { mode: Mode::Act, interval: None };
    let exit = node::act(db, Verb::Remove, &Selection::All, manner, output)?;
    if !purge || exit != Exit::Done {
        return Ok(exit);
    }
    let _lock = context::lock(db, context::LOCK_PATIENCE)?;
    let store = Store::open(db)?;
    let left = store.nodes()?.len();
    if left > 0 {
        return Err(CliError::Usage {
            what: format!("expected no nodes any more, found {left} that are still on their way out"),
            mend: "wnm run goes on with them; then wnm teardown --confirm --purge".to_owned(),
        });
    }
    store.purge()?;
    output.say(&format!("{} is removed", db.display()));
    Ok(Exit::Done)
}
