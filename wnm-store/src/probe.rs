//! The runs of probes, within limits of age and number.

use std::time::Duration;

use wnm_core::Timestamp;
use wnm_core::probe::{ProbeKind, ProbeOutcome, ProbeRun};

use crate::Store;
use crate::error::StoreError;
use crate::record::{Record, required, to_json, verified};
use crate::write::Write;

/// The maximum age of a run: a month shows whether the network became slower.
const AGE: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// The maximum number of runs of any age: a day at the ceilings of all kinds, with about 400 bytes each.
const COUNT: u32 = 20_000;

/// The runs to find. All conditions must be met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeFilter {
    /// Only runs that started at or after this time.
    pub since: Option<Timestamp>,
    /// Only runs that started at or before this time.
    pub until: Option<Timestamp>,
    /// Only runs of this kind.
    pub kind: Option<ProbeKind>,
    /// Only runs of this task.
    pub task: Option<String>,
    /// Only runs with this outcome.
    pub outcome: Option<ProbeOutcome>,
    /// The maximum number of runs; the latest ones are returned.
    pub limit: u32,
}

impl Default for ProbeFilter {
    /// Returns a filter for the last 100 runs.
    fn default() -> Self {
        Self { since: None, until: None, kind: None, task: None, outcome: None, limit: 100 }
    }
}

/// The runs that match a filter, latest first.
#[derive(Debug, Default)]
pub struct ProbeRuns {
    /// The runs that could be read.
    pub runs: Vec<ProbeRun>,
    /// Runs that could not be read.
    pub unreadable: Vec<StoreError>,
}

impl Store {
    /// Stores runs that have ended, and deletes those that are too old or too many.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn insert_probe_runs(&mut self, runs: &[ProbeRun]) -> Result<(), StoreError> {
        let Some(latest) = runs.iter().map(|run| run.started).max() else { return Ok(()) };
        let rows: Vec<(i64, String)> = runs
            .iter()
            .map(|run| Ok((run.started.as_millis(), to_json(run, Record::NewProbeRun)?)))
            .collect::<Result<_, StoreError>>()?;
        let oldest = latest.before(AGE).as_millis();
        self.write(Write::Probes, |tx| {
            let mut insert =
                tx.prepare_cached("INSERT INTO probe_runs (started, run, digest) VALUES (?1, ?2, row_digest(?1, ?2))")?;
            for (started, run) in &rows {
                insert.execute((started, run))?;
            }
            // A clock that jumped forward and back must not delete everything: the number bounds runs of the future.
            tx.execute("DELETE FROM probe_runs WHERE started < ?1", [oldest])?;
            tx.execute("DELETE FROM probe_runs WHERE id <= (SELECT max(id) FROM probe_runs) - ?1", [COUNT])?;
            Ok(())
        })
    }

    /// Returns the number of the latest run; 0 without one. Numbers rise.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn last_probe_run(&self) -> Result<i64, StoreError> {
        self.read(|db| {
            let mut statement = db.prepare_cached("SELECT coalesce(max(id), 0) FROM probe_runs")?;
            Ok(statement.query_row([], |row| row.get(0))?)
        })
    }

    /// Returns the runs with a number above this one, oldest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn probe_runs_after(&self, number: i64) -> Result<ProbeRuns, StoreError> {
        self.read(|db| {
            let mut statement = db.prepare_cached(
                "SELECT id, run, digest IS row_digest(started, run) FROM probe_runs WHERE id > ?1 ORDER BY id",
            )?;
            let mut rows = statement.query([number])?;
            let mut found = ProbeRuns::default();
            while let Some(row) = rows.next()? {
                found.take(row)?;
            }
            Ok(found)
        })
    }

    /// Returns the runs that match a filter.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn probe_runs(&self, filter: &ProbeFilter) -> Result<ProbeRuns, StoreError> {
        let since = filter.since.map_or(i64::MIN, Timestamp::as_millis);
        let until = filter.until.map_or(i64::MAX, Timestamp::as_millis);
        let matches = |run: &ProbeRun| {
            filter.kind.is_none_or(|kind| run.kind == kind)
                && filter.outcome.is_none_or(|outcome| run.outcome == outcome)
                && filter.task.as_ref().is_none_or(|task| run.task == *task)
        };
        self.read(|db| {
            let mut statement = db.prepare_cached(
                "SELECT id, run, digest IS row_digest(started, run) FROM probe_runs
                 WHERE started BETWEEN ?1 AND ?2 ORDER BY id DESC",
            )?;
            let mut rows = statement.query([since, until])?;
            let mut found = ProbeRuns::default();
            while found.runs.len() < filter.limit as usize
                && let Some(row) = rows.next()?
            {
                found.take(row)?;
                if found.runs.last().is_some_and(|run| !matches(run)) {
                    found.runs.pop();
                }
            }
            Ok(found)
        })
    }
}

impl ProbeRuns {
    /// Adds the run of a row with its number, its text and the result of its check.
    fn take(&mut self, row: &rusqlite::Row<'_>) -> Result<(), rusqlite::Error> {
        let record = Record::ProbeRun(row.get(0)?);
        match verified(row, 2, record).and_then(|()| required::<ProbeRun>(row, 1, record)) {
            Ok(run) => self.runs.push(run),
            Err(error) => self.unreadable.push(error),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use wnm_core::Bytes;
    use wnm_core::probe::{Atto, ContentCheck, SizeClass};

    use super::*;

    fn run(started: i64, kind: ProbeKind) -> ProbeRun {
        ProbeRun {
            task: "t".to_owned(),
            kind,
            size: SizeClass::Tiny,
            file: "seed 1".to_owned(),
            client: "ant 0.2.4".to_owned(),
            started: Timestamp::from_millis(started),
            took: Duration::from_millis(1500),
            bytes: Bytes(7),
            content: ContentCheck::Unchecked,
            cost: Some(Atto(5)),
            address: None,
            attempt: 1,
            outcome: ProbeOutcome::Ok,
            exit_code: Some(0),
            cause: None,
        }
    }

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::create(&folder.path().join("wnm.db")).unwrap();
        (folder, store)
    }

    #[test]
    fn runs_are_found_by_time_kind_and_outcome() {
        let (_folder, mut store) = store();
        let runs: Vec<ProbeRun> = (1..=3).map(|n| run(n * 1000, ProbeKind::ALL[n as usize - 1])).collect();
        store.insert_probe_runs(&runs).unwrap();
        let found = |filter: ProbeFilter| store.probe_runs(&filter).unwrap().runs;
        let latest_first: Vec<ProbeRun> = runs.iter().rev().cloned().collect();
        assert_eq!(found(ProbeFilter::default()), latest_first);
        assert_eq!(found(ProbeFilter { limit: 1, ..ProbeFilter::default() }), latest_first[..1]);
        let since = Some(Timestamp::from_millis(2000));
        assert_eq!(found(ProbeFilter { since, until: since, ..ProbeFilter::default() }), runs[1..2]);
        assert_eq!(found(ProbeFilter { kind: Some(ProbeKind::Upload), ..ProbeFilter::default() }), runs[2..]);
        assert_eq!(found(ProbeFilter { outcome: Some(ProbeOutcome::Killed), ..ProbeFilter::default() }), []);
        assert_eq!(found(ProbeFilter { task: Some("u".to_owned()), ..ProbeFilter::default() }), []);
    }

    #[test]
    fn old_runs_and_too_many_are_deleted() {
        let (_folder, mut store) = store();
        let month = i64::try_from(AGE.as_millis()).unwrap();
        store.insert_probe_runs(&[run(1000, ProbeKind::Quote)]).unwrap();
        store.insert_probe_runs(&[run(month + 1001, ProbeKind::Quote)]).unwrap();
        let all = ProbeFilter { limit: u32::MAX, ..ProbeFilter::default() };
        assert_eq!(store.probe_runs(&all).unwrap().runs.len(), 1);
        let many: Vec<ProbeRun> = (0..=i64::from(COUNT)).map(|n| run(month + n, ProbeKind::Quote)).collect();
        store.insert_probe_runs(&many).unwrap();
        assert_eq!(store.probe_runs(&all).unwrap().runs.len(), COUNT as usize);
    }

    #[test]
    fn runs_after_a_number_are_those_that_were_stored_later() {
        let (_folder, mut store) = store();
        assert_eq!(store.last_probe_run().unwrap(), 0);
        store.insert_probe_runs(&[run(9, ProbeKind::Quote)]).unwrap();
        let last = store.last_probe_run().unwrap();
        let later = [run(1, ProbeKind::Upload), run(2, ProbeKind::Quote)];
        store.insert_probe_runs(&later).unwrap();
        assert_eq!(store.probe_runs_after(last).unwrap().runs, later);
        assert_eq!(store.probe_runs_after(last + 2).unwrap().runs, []);
    }

    #[test]
    fn damaged_run_is_left_out() {
        let (_folder, mut store) = store();
        store.insert_probe_runs(&[run(1, ProbeKind::Quote), run(2, ProbeKind::Quote)]).unwrap();
        store.db.execute("UPDATE probe_runs SET run = '{}' WHERE id = 1", []).unwrap();
        let found = store.probe_runs(&ProbeFilter::default()).unwrap();
        assert_eq!((found.runs.len(), found.unreadable.len()), (1, 1));
    }
}
