//! `wnm teardown`: removes every node.

use std::path::Path;
use std::time::Duration;

use wnm_agent::Mode;
use wnm_core::{Selection, Verb};
use wnm_platform::node_dir::sweep_trash;
use wnm_store::Store;

use super::node::{self, Manner};
use crate::args::{SettingFlags, Teardown};
use crate::context::{self, Context};
use crate::cpu_limit;
use crate::error::{CliError, Exit};
use crate::output::Output;

/// How long the trash may take to be emptied.
const PATIENCE: Duration = Duration::from_secs(180);

/// Removes every node with its identity, service, folder, logs and port rules; the settings stay unless they are to go
/// too.
pub(crate) fn run(db: &Path, args: &Teardown, output: &mut Output) -> Result<Exit, CliError> {
    if !args.confirm {
        return Err(CliError::Unconfirmed);
    }
    let manner = Manner { mode: Mode::Act, interval: None };
    let exit = node::act(db, Verb::Remove, &Selection::All, manner, output)?;
    let _lock = context::lock(db, context::LOCK_TIMEOUT)?;
    empty_trash(db)?;
    cpu_limit::end(&cpu_limit::of(db)?);
    if !args.purge || exit != Exit::Done {
        return Ok(exit);
    }
    let store = Store::open(db)?;
    let left = store.nodes()?.len();
    if left > 0 {
        return Err(CliError::Usage {
            what: format!("expected no nodes any more, found {left} that are still on their way out"),
            hint: "wnm run goes on with them; then wnm teardown --confirm --purge".to_owned(),
        });
    }
    store.purge()?;
    output.say(&format!("{} is removed", db.display()));
    Ok(Exit::Done)
}

/// Deletes what is in the trash: nobody is going to want it back.
fn empty_trash(db: &Path) -> Result<(), CliError> {
    let storage = Context::open(db, &SettingFlags::default())?.agent.settings.storage;
    let swept = sweep_trash(&storage, PATIENCE, Duration::ZERO);
    for (path, found) in swept.refused {
        tracing::warn!(path = %path.display(), found, "part of the trash stays");
    }
    if swept.left > 0 {
        tracing::warn!(folders = swept.left, "part of the trash stays: `wnm teardown --confirm` goes on with it");
    }
    Ok(())
}
