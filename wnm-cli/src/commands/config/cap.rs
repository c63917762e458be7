//! A node cap as a flag of `wnm run` and `wnm daemon`. Where it would remove nodes, it needs the consent of the operator, as
//! `wnm config set` does.
//!
//! Without a terminal and without consent, the cap before stays effective: a service or a cron job that refused to run would
//! leave the nodes without their manager.

use std::path::Path;

use wnm_core::Selection;
use wnm_store::{Store, StoreError};

use super::SourceValues;
use crate::args::{ConsentFlag, SettingFlags};
use crate::config;
use crate::confirm::{self, Purpose};
use crate::context::{self, LOCK_TIMEOUT};
use crate::error::CliError;
use crate::output::Output;

/// The flags for settings that apply.
pub(crate) struct Agreed {
    /// The flags, without a node cap that lacks the consent.
    pub(crate) settings: SettingFlags,
    /// The node cap that lacks it; None where nothing is left out.
    pub(crate) left_out: Option<LowerCap>,
}

/// A node cap below the number of nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LowerCap {
    /// The cap that is effective without the flag.
    pub(crate) before: u32,
    /// The cap of the flag.
    pub(crate) after: u32,
    /// The number of nodes above the cap of the flag.
    pub(crate) above: u32,
}

/// Returns the flags that apply. Asks on a terminal before a node cap removes nodes.
///
/// A cap that is stored already was agreed to: a service with the flag starts again after a reboot as before.
///
/// # Errors
/// The operator declines, or the nodes cannot be listed for the question.
pub(crate) fn agreed(
    db: &Path,
    settings: &SettingFlags,
    consent: ConsentFlag,
    output: &Output,
) -> Result<Agreed, CliError> {
    let mut agreed = Agreed { settings: settings.clone(), left_out: None };
    let Some(cap) = lower_cap(db, settings).filter(|_| !consent.is_given) else { return Ok(agreed) };
    if confirm::can_ask(output) {
        let purpose = Purpose::NodeCap { cap: cap.after };
        confirm::removal(db, Selection::Count(cap.above), consent, purpose, output)?;
        return Ok(agreed);
    }
    agreed.settings.0.remove("node_cap");
    agreed.left_out = Some(cap);
    Ok(agreed)
}

/// Returns the node cap of the flags if it removes nodes; None too where the flags or the database cannot be read, which
/// the command itself reports.
fn lower_cap(db: &Path, settings: &SettingFlags) -> Option<LowerCap> {
    let after = config::from_flags(settings).ok()?.node_cap?;
    let store = migrated(db)?;
    let sources = SourceValues::read(&store).ok()?;
    let is_stored = sources.database.node_cap == Some(after);
    let before = sources.settings().ok()?.policy.node_cap;
    let nodes = u32::try_from(store.node_count().ok()?).unwrap_or(u32::MAX);
    let is_lower = !is_stored && after < before && after < nodes;
    is_lower.then(|| LowerCap { before, after, above: nodes - after })
}

/// Opens the database, which is migrated first if an earlier version of wnm wrote it: a restart after an update must not
/// remove nodes either.
fn migrated(db: &Path) -> Option<Store> {
    match Store::open_read_only(db) {
        Err(StoreError::OlderVersion { .. }) => {
            let _lock = context::lock(db, LOCK_TIMEOUT).ok()?;
            Store::open(db).ok()
        }
        other => other.ok(),
    }
}
