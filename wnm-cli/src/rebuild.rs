//! The rebuilding of a database that cannot be read, before a cycle that begins no action.

use std::path::Path;

use wnm_agent::host::{Reconciled, reconcile};
use wnm_core::{NodeId, RawSettings};
use wnm_platform::Platform;
use wnm_store::{Remains, Store};

use crate::config;
use crate::config::reload::surroundings_of;
use crate::context;
use crate::error::CliError;

/// The result of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// The database is a new one.
    Rebuilt,
    /// No copy can be read, and nothing was changed.
    NoCopy,
}

/// Tells whether an error is that of a database which cannot be read or is missing.
pub(crate) fn is_needed(error: &CliError) -> bool {
    matches!(error, CliError::Store(error) if error.is_unreadable())
}

/// Rebuilds the database from its readable rows, its hourly copies, and the folders, definitions and processes of nodes.
/// Sets the old file aside. Changes no node.
///
/// The caller holds the lock.
///
/// # Errors
/// The settings of the copies cannot be used, the process manager does not answer, or the folder cannot be written.
pub(crate) fn rebuild(db: &Path, flags: &RawSettings) -> Result<Attempt, CliError> {
    let Some(mut remains) = Remains::read(db) else { return Ok(Attempt::NoCopy) };
    let surroundings = surroundings_of(db)?;
    let given = flags.clone().over(surroundings.clone());
    let host = context::host_defaults(&remains.settings, &given);
    let settings = config::fold([flags.clone(), surroundings, remains.settings.clone()], &host)?;
    let platform = Platform::new(&settings)?;
    let reconciled = reconcile(&mut remains, &settings, &platform)?;
    let aside = Store::rebuild(db, &remains)?;
    let aside = aside.map_or_else(|| "missing".to_owned(), |aside| format!("renamed to {}", aside.display()));
    let copy = remains.copy.display();
    tracing::warn!(
        database = %db.display(),
        old = aside,
        %copy,
        nodes = remains.nodes.len(),
        "the database could not be read and was rebuilt; this cycle begins no action"
    );
    report(&reconciled);
    Ok(Attempt::Rebuilt)
}

fn report(reconciled: &Reconciled) {
    let names = |ids: &[NodeId]| ids.iter().map(|id| id.name()).collect::<Vec<_>>().join(", ");
    if !reconciled.found.is_empty() {
        tracing::warn!(nodes = names(&reconciled.found), "found nodes on the host that are younger than the copy");
    }
    if !reconciled.dropped.is_empty() {
        tracing::warn!(nodes = names(&reconciled.dropped), "left out nodes that were removed after the copy");
    }
    if !reconciled.moved.is_empty() {
        tracing::warn!(nodes = names(&reconciled.moved), "found nodes at folders that they moved to after the copy");
    }
    for (folder, reason) in &reconciled.unreadable {
        tracing::warn!(folder = %folder.display(), reason, "left out the folder of a node that cannot be described");
    }
}
