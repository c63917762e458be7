//! `wnm history`: past cycles with their actions.

use std::path::Path;

use wnm_store::{Activity, CycleRecord, HistoryFilter, Store};

use super::period;
use crate::args::History;
use crate::error::{CliError, Exit};
use crate::output::Output;
use crate::render;
use crate::render::history::CycleView;

/// Lists the cycles that acted, or all of them with `--idle`, newest first.
///
/// # Errors
/// The node or the period cannot be used, the database cannot be read, or the output cannot be written.
pub(crate) fn run(db: &Path, args: &History, output: &Output) -> Result<Exit, CliError> {
    let store = Store::open_read_only(db)?;
    let selected = period::select(&store, &args.period)?;
    let filter = HistoryFilter {
        node: selected.node,
        since: selected.since,
        until: selected.until,
        activity: if args.idle { Activity::Any } else { Activity::Acting },
        limit: args.limit,
        ..HistoryFilter::default()
    };
    let found = store.history(&filter)?;
    for error in &found.unreadable {
        tracing::warn!(%error, "a record is left out");
    }
    let json = |cycles: &Vec<CycleRecord>| cycles.iter().map(CycleView::from).collect::<Vec<_>>();
    output.either(&found.cycles, json, |cycles| render::history::text(cycles, selected.node, args.limit))?;
    Ok(Exit::Done)
}
