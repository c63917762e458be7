//! `wnm explain`: the rules of one cycle and their verdicts.

use std::path::Path;

use serde::Serialize;
use wnm_store::{Activity, CycleId, CycleKind, CycleRecord, HistoryFilter, Store};

use crate::error::{CliError, CommandError, Exit};
use crate::output::Output;
use crate::render;
use crate::render::history::CycleView;

/// Cycles that operators' commands requested, at most this many of them, stand above the rules: the rest is in
/// `wnm history`.
const REQUESTED_SHOWN: u32 = 20;

/// A cycle with the verdicts of its rules, and the requested cycles after it.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Explanation {
    #[serde(flatten)]
    cycle: CycleView,
    /// The latest 20 cycles at most that an operator's command requested after the last scheduled cycle, oldest first;
    /// empty when the command line names a cycle.
    requested_later: Vec<CycleView>,
}

/// Explains the named cycle, or the last scheduled one and the requests since then.
pub(crate) fn run(db: &Path, cycle: Option<i64>, output: &Output) -> Result<Exit, CliError> {
    let (record, requested) = find(db, cycle)?;
    let json = |record: &CycleRecord| Explanation::of(record, &requested);
    output.either(&record, json, |record| render::explain::text(record, &requested, output.width()))?;
    Ok(Exit::Done)
}

/// Returns the explanation of the named cycle, or of the last scheduled one, for programs.
///
/// # Errors
/// The cycle is not on record, or the database cannot be read.
pub(crate) fn read(db: &Path, cycle: Option<i64>) -> Result<Explanation, CliError> {
    let (record, requested) = find(db, cycle)?;
    Ok(Explanation::of(&record, &requested))
}

impl Explanation {
    fn of(record: &CycleRecord, requested: &[CycleRecord]) -> Self {
        Self { cycle: record.into(), requested_later: requested.iter().map(CycleView::from).collect() }
    }
}

/// Returns the named cycle, or the last scheduled one with the requested cycles after it.
fn find(db: &Path, cycle: Option<i64>) -> Result<(CycleRecord, Vec<CycleRecord>), CliError> {
    let store = Store::open_read_only(db)?;
    let (found, requested) = match cycle {
        Some(id) => (store.cycle(CycleId(id))?, Vec::new()),
        None => last(&store)?,
    };
    let record = found.ok_or(cycle.map_or(CommandError::NoCycle, CommandError::NoSuchCycle))?;
    Ok((record, requested))
}

/// Returns the last scheduled cycle and the requested ones after it, oldest first. In a colony that has had no scheduled
/// cycle yet, the last cycle of any kind stands alone.
fn last(store: &Store) -> Result<(Option<CycleRecord>, Vec<CycleRecord>), CliError> {
    let Some(scheduled) = store.last_scheduled()? else { return Ok((store.last_cycle()?, Vec::new())) };
    let later = HistoryFilter {
        after: Some(scheduled.id),
        kind: Some(CycleKind::Requested),
        activity: Activity::Any,
        limit: REQUESTED_SHOWN,
        ..HistoryFilter::default()
    };
    let mut requested = store.history(&later)?;
    for error in &requested.unreadable {
        tracing::warn!(%error, "a record is left out");
    }
    requested.cycles.reverse();
    Ok((Some(scheduled), requested.cycles))
}
