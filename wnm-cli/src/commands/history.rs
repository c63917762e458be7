//! `wnm history`: past cycles that acted.

use std::path::Path;

use wnm_store::{HistoryFilter, Store};

use super::status::colony_time;
use crate::args::History;
use crate::error::{CliError, Exit};
use crate::output::Output;
use crate::render;
use crate::render::history::CycleView;

/// Lists the cycles that acted, newest first.
pub(crate) fn run(db: &Path, args: &History, output: &Output) -> Result<Exit, CliError> {
    let store = Store::open_read_only(db)?;
    let since = match args.since {
        Some(since) => Some(colony_time(store.snapshot()?.state.clock.as_ref()).before(since)),
        None => None,
    };
    let filter = HistoryFilter { node: args.node, since, limit: args.limit, ..HistoryFilter::default() };
    let found = store.history(&filter)?;
    for error in &found.unreadable {
        tracing::warn!(%error, "a record is left out");
    }
    if output.is_json() {
        output.json(&found.cycles.into_iter().map(CycleView::from).collect::<Vec<_>>())?;
    } else {
        output.page(&render::history::text(&found.cycles, args.node))?;
    }
    Ok(Exit::Done)
}
