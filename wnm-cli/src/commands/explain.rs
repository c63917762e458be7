//! `wnm explain`: why a decision was made.

use std::path::Path;

use wnm_store::{CycleId, Store};

use crate::error::{CliError, Exit};
use crate::output::Output;
use crate::render;
use crate::render::history::CycleView;

/// Explains one kept cycle, or the last.
pub(crate) fn run(db: &Path, cycle: Option<i64>, output: &Output) -> Result<Exit, CliError> {
    let store = Store::open_read_only(db)?;
    let found = match cycle {
        Some(id) => store.cycle(CycleId(id))?,
        None => store.last_cycle()?,
    };
    let record = found.ok_or(CliError::NoSuchCycle(cycle))?;
    if output.is_json() {
        output.json(&CycleView::from(record))?;
    } else {
        output.page(&render::explain::text(&record, output.width()))?;
    }
    Ok(Exit::Done)
}
