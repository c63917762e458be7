//! Carries a colony of another tool over, or shows what would come.

use std::path::{Path, PathBuf};

use wnm_core::{Node, NodeState, Settings};
use wnm_platform::{Platform, places};
use wnm_store::{FileOperation, Store, StoreError};

use crate::args::Init;
use crate::error::CliError;
use crate::output::Output;
use crate::render;
use crate::takeover::Takeover;

/// Marks the nodes and writes the database, or only shows what would come over. On any error there is no database, and
/// what was marked by then is taken up by the next attempt.
pub(super) fn carry_over(
    db: &Path,
    takeover: &Takeover,
    settings: &Settings,
    args: &Init,
    output: &Output,
) -> Result<(), CliError> {
    if args.dry_run {
        output.result(takeover, |takeover| render::takeover::text(takeover, output.width()))?;
        output.say("nothing was changed: without --dry-run this comes over");
        return Ok(());
    }
    // What cannot be kept here with these rights is better left where it is.
    let platform = Platform::new(settings)?;
    places::check_storage(&settings.storage)?;
    for taken in &takeover.nodes {
        platform.adopt(&taken.node)?;
    }
    store(db, takeover)?;
    if let Err(error) = platform.program_version(settings) {
        tracing::warn!(%error, "new nodes cannot be made");
    }
    output.result(takeover, |takeover| render::takeover::text(takeover, output.width()))?;
    output.say(&format!("{} nodes came over to {}", takeover.nodes.len(), db.display()));
    Ok(())
}

/// Writes the database: it appears with everything in it, or not at all.
fn store(db: &Path, takeover: &Takeover) -> Result<(), CliError> {
    let folder =
        db.parent().filter(|folder| !folder.as_os_str().is_empty()).map_or_else(|| PathBuf::from("."), Path::to_owned);
    let make = |source| StoreError::File { operation: FileOperation::CreateDraft, path: folder.clone(), source };
    std::fs::create_dir_all(&folder).map_err(make)?;
    let draft = tempfile::Builder::new().prefix(".wnm-init-").tempdir_in(&folder).map_err(make)?;
    let mut store = Store::create(&draft.path().join("wnm.db"))?;
    store.save_settings(&takeover.settings)?;
    let nodes: Vec<(Node, NodeState)> =
        takeover.nodes.iter().map(|taken| (taken.node.clone(), taken.state.clone())).collect();
    store.insert_nodes(&nodes)?;
    store.backup(db)?;
    drop(store);
    // Opened once, so that it is known to be whole.
    Store::open(db)?;
    Ok(())
}
