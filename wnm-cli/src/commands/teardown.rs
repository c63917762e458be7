//! `wnm teardown`: removes every node.

use std::path::Path;
use std::time::Duration;

use wnm_agent::Mode;
use wnm_core::{Selection, Timestamp, Verb};
use wnm_platform::node_dir::sweep_trash;
use wnm_store::Store;

use super::node::{self, RequestOptions};
use crate::args::{SettingFlags, Teardown};
use crate::confirm::{self, Purpose};
use crate::context::{self, Context};
use crate::cpu_limit;
use crate::error::{CliError, CommandError, Exit};
use crate::output::Output;

/// The maximum time for emptying the trash.
const SWEEP_TIMEOUT: Duration = Duration::from_secs(180);

/// Removes every node with its identity, service, folder, logs and firewall rules; with `--purge` also the database.
pub(crate) fn run(db: &Path, args: &Teardown, output: &mut Output) -> Result<Exit, CliError> {
    if args.dry_run {
        let options = RequestOptions { mode: Mode::DryRun, interval: None };
        return node::act(db, Verb::Remove, &Selection::All, options, output);
    }
    let selection = confirm::removal(db, Selection::All, args.consent, Purpose::Teardown, output)?;
    let options = RequestOptions { mode: Mode::Act, interval: None };
    let exit = node::act(db, Verb::Remove, &selection, options, output)?;
    let _lock = context::lock(db, context::LOCK_TIMEOUT)?;
    empty_trash(db)?;
    cpu_limit::end(db)?;
    if !args.purge || exit != Exit::Done {
        return Ok(exit);
    }
    let store = Store::open(db)?;
    let left = store.nodes()?.len();
    if left > 0 {
        return Err(CommandError::NodesLeft { count: left }.into());
    }
    store.purge()?;
    output.say(&format!("removed {}", db.display()));
    Ok(Exit::Done)
}

/// Empties the trash. After a teardown the day of grace for removed nodes is over.
fn empty_trash(db: &Path) -> Result<(), CliError> {
    let storage = Context::open(db, &SettingFlags::default())?.agent.settings.storage;
    let swept = sweep_trash(&storage, SWEEP_TIMEOUT, Duration::ZERO, Timestamp::default());
    for (path, found) in swept.refused {
        tracing::warn!(path = %path.display(), found, "part of the trash stays");
    }
    if swept.left > 0 {
        tracing::warn!(folders = swept.left, "part of the trash stays: `wnm teardown --yes` goes on with it");
    }
    Ok(())
}
