//! Stores the colony of another tool, or shows a preview of it.

use std::path::Path;

use wnm_core::{Node, NodeSample, NodeState, Preset, Settings, Version};
use wnm_platform::{Platform, places, volume};
use wnm_store::Store;

use crate::args::Init;
use crate::context;
use crate::error::CliError;
use crate::output::Output;
use crate::render::{self, counted};
use crate::takeover::{ImportedNode, Takeover};

/// Adopts the nodes and writes the database; with `--dry-run` only shows them. After an error no database exists, and the
/// next attempt adopts the remaining nodes.
pub(super) fn carry_over(
    db: &Path,
    takeover: &Takeover,
    settings: &Settings,
    args: &Init,
    output: &Output,
) -> Result<(), CliError> {
    if args.dry_run {
        output.result(takeover, |takeover| render::takeover::text(takeover, output.width()))?;
        output.say("nothing was changed: run it without --dry-run to take over these nodes");
        return Ok(());
    }
    // Checked before the first node is adopted, because a node that wnm cannot manage should stay with its tool.
    let platform = Platform::new(settings)?;
    platform.check_manager()?;
    places::check_storage(&settings.storage)?;
    platform.adopt(&takeover.nodes.iter().map(|taken| &taken.node).collect::<Vec<_>>())?;
    store(db, takeover, settings)?;
    if let Err(error) = platform.program_version(settings) {
        tracing::warn!(%error, "cannot add new nodes");
    }
    output.result(takeover, |takeover| render::takeover::text(takeover, output.width()))?;
    output.say(&format!("took over {} to {}", counted(takeover.nodes.len(), "node"), db.display()));
    if settings.policy.preset == Preset::Classic {
        output.say("the colony keeps the preset classic; for steady: `wnm config set preset steady`");
    }
    super::warn(settings, output);
    Ok(())
}

/// Returns the last knowledge of the other tool about a node.
fn last_sample(taken: &ImportedNode) -> NodeSample {
    NodeSample {
        born: taken.node.born,
        version: taken.version.as_deref().and_then(Version::find_in),
        peer_id: taken.peer_id.clone(),
        ..NodeSample::default()
    }
}

/// Writes the database, which afterwards either does not exist or is complete.
fn store(db: &Path, takeover: &Takeover, settings: &Settings) -> Result<(), CliError> {
    let _lock = context::lock(db, context::LOCK_TIMEOUT)?;
    let nodes: Vec<(Node, NodeState)> =
        takeover.nodes.iter().map(|taken| (taken.node.clone(), taken.state.clone())).collect();
    Store::create_with(db, |store| {
        store.save_settings(&takeover.settings)?;
        store.insert_nodes(&nodes)?;
        store.save_volumes(volume::identify(&settings.storage, nodes.iter().map(|(node, _)| node)))?;
        store.insert_samples(&takeover.nodes.iter().map(|taken| (taken.node.id, last_sample(taken))).collect())
    })?;
    Ok(())
}
