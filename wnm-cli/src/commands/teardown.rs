//! `wnm teardown`: removes every node.

mod supervisors;

use std::path::Path;
use std::time::Duration;

use wnm_agent::Mode;
use wnm_core::{Node, Selection, Timestamp, Verb};
use wnm_platform::node_dir::sweep_trash;

use super::fleet;
use super::node::{self, RequestOptions};
use crate::args::{SettingFlags, Teardown};
use crate::confirm::{self, Purpose};
use crate::context::{self, Context};
use crate::cpu_limit;
use crate::error::{CliError, Exit};
use crate::output::Output;
use crate::render::work::Work;

/// The maximum time for emptying the trash.
const SWEEP_TIMEOUT: Duration = Duration::from_secs(180);

/// Removes every node with its identity, service, folder, logs and firewall rules; with `--purge` also the database.
///
/// A service or a daemon of the database is stopped first: the policy would add nodes again. The command ends with exit
/// code 3 when a trace of a node is left.
pub(crate) fn run(db: &Path, args: &Teardown, output: &mut Output) -> Result<Exit, CliError> {
    if args.dry_run {
        let options = RequestOptions { mode: Mode::DryRun, interval: None };
        return node::act(db, Verb::Remove, &Selection::All, options, output);
    }
    let selection = confirm::removal(db, Selection::All, args.consent, Purpose::Teardown, output)?;
    supervisors::stop(db, output)?;
    let _lock = context::lock(db, context::LOCK_TIMEOUT)?;
    let mut context = Context::open(db, &SettingFlags::default())?;
    context.progress = output.progress();
    // An addition that is under way becomes a node that can be removed.
    node::finish_pending(&mut context)?;
    let nodes: Vec<Node> = context.agent.store.nodes()?.into_values().collect();
    let mut works = node::request(&mut context, Verb::Remove, &selection, Mode::Act)?;
    works.extend(leftovers(&context, &nodes)?);
    let exit = node::report_works(&works, Mode::Act, output)?;
    let is_empty = empty_trash(&context);
    cpu_limit::end(db)?;
    if exit != Exit::Done || !is_empty || context.agent.store.node_count()? > 0 {
        return Ok(Exit::ActionFailed);
    }
    if args.purge {
        // Before the database: their names follow it through links, and without it a repeated teardown would not find them.
        fleet::forget(db)?;
        remove_companions(db);
        context.agent.store.purge()?;
        output.say(&format!("removed {}", db.display()));
    }
    Ok(Exit::Done)
}

/// Removes the files beside a database: the accepted config file, the alerts, the earnings, the holds, and the socket of a
/// daemon that was killed.
fn remove_companions(db: &Path) {
    // The config file is recorded beside the name that the command got, the others beside the file itself.
    let file = db.canonicalize().unwrap_or_else(|_| db.to_owned());
    for name in [db, &file] {
        for suffix in ["config-file", "alerts", "earnings", "hold", "hold-url", "sock"] {
            // Most colonies have none of them.
            _ = std::fs::remove_file(name.with_added_extension(suffix));
        }
    }
    _ = std::fs::remove_dir_all(wnm_agent::influx::spool_of(db));
}

/// Returns the traces of the nodes that the database no longer contains.
fn leftovers(context: &Context, before: &[Node]) -> Result<Vec<Work>, CliError> {
    let stay = context.agent.store.nodes()?;
    let removed: Vec<Node> = before.iter().filter(|node| !stay.contains_key(&node.id)).cloned().collect();
    let left = context.agent.platform.leftovers(&removed, &context.agent.settings.storage);
    Ok(left.iter().map(|(node, leftover)| Work::left(*node, leftover)).collect())
}

/// Empties the trash, and tells whether it is empty. After a teardown the day of grace for removed nodes is over.
fn empty_trash(context: &Context) -> bool {
    let swept = sweep_trash(&context.agent.settings.storage, SWEEP_TIMEOUT, Duration::ZERO, Timestamp::default());
    for (path, found) in &swept.refused {
        tracing::warn!(path = %path.display(), found, "part of the trash stays");
    }
    if swept.left > 0 {
        tracing::warn!(folders = swept.left, "part of the trash stays: `wnm teardown --yes` goes on with it");
    }
    // Entries that are not of a node stay, and are no trace of one.
    swept.left == 0
}
