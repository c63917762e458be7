//! The results of cycles that changed nothing: state of the engine, counters, samples and idle cycles, in a file in memory.
//!
//! A daemon runs a cycle every few seconds, and most of them begin no action. Written to the database, the samples of a
//! thousand nodes alone would wear a disk with tens of gigabytes a day. The file outlives a crash of wnm, and is lost with
//! a restart of the host; the database then contains a state that is some minutes old.
//!
//! Lines of text: the header, then one line for each record, of which the first letter names the kind.

mod place;

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _};
use serde::{Deserialize, Serialize};
use wnm_core::{Decision, HostSample, NodeId, Timestamp};

use crate::Store;
use crate::error::{DbError, StoreError};
use crate::history::{CycleId, CycleKind, CycleRecord, HistoryFilter, IDLE_COUNT};
use crate::record::{self, Record};

/// The format of the file. A file of another format is ignored.
const FORMAT: u32 = 1;
/// How often a reader tries again when a writer is between the database and the file, and the time between two tries.
const TRIES: u32 = 5;
const TRY_INTERVAL: Duration = Duration::from_millis(2);

/// The digests of the state and the counters in the database that a file continues. Each write of them changes these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Base {
    engine: i64,
    counters: i64,
}

impl Base {
    /// Reads the digests; None in a database without a complete cycle.
    fn read(db: &Connection) -> Result<Option<Self>, DbError> {
        let digest = |name: &str| -> Result<Option<i64>, DbError> {
            let mut statement = db.prepare_cached("SELECT digest FROM singles WHERE name = ?1")?;
            Ok(statement.query_row([name], |row| row.get(0)).optional()?.flatten())
        };
        let (engine, counters) = (digest("engine")?, digest("counters")?);
        Ok(engine.zip(counters).map(|(engine, counters)| Self { engine, counters }))
    }
}

#[derive(Serialize, Deserialize)]
struct Header {
    format: u32,
    base: Base,
    /// The last write of the engine state to the database.
    state_at: Timestamp,
    /// The last write of the samples to the database.
    samples_at: Timestamp,
    /// The CRC-32 of all other lines.
    digest: u32,
}

/// The content of the file of a database. Values are JSON texts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Volatile {
    pub(crate) state_at: Timestamp,
    pub(crate) samples_at: Timestamp,
    /// The state of the engine without the states of the nodes.
    pub(crate) engine: String,
    pub(crate) counters: String,
    /// The last sample of each observed node.
    pub(crate) samples: BTreeMap<NodeId, String>,
    /// The idle cycles that are not in the database, the oldest first.
    pub(crate) cycles: VecDeque<Line>,
}

/// An idle cycle: the parts that are needed to select it, and its JSON text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Line {
    id: CycleId,
    kind: CycleKind,
    text: String,
}

/// An idle cycle as JSON.
#[derive(Serialize, Deserialize)]
struct IdleCycle {
    at: Timestamp,
    host: HostSample,
    decision: Decision,
}

impl Volatile {
    /// Returns the content after a cycle whose results are all in the database.
    pub(crate) fn new(now: Timestamp) -> Self {
        Self {
            state_at: now,
            samples_at: now,
            engine: String::new(),
            counters: String::new(),
            samples: BTreeMap::new(),
            cycles: VecDeque::new(),
        }
    }

    /// Adds an idle cycle, and drops the oldest over the limit. The last scheduled cycle stays, because `wnm explain`
    /// shows it.
    pub(crate) fn push(&mut self, cycle: &CycleRecord) -> Result<(), StoreError> {
        let idle = IdleCycle { at: cycle.at, host: cycle.host.clone(), decision: cycle.decision.clone() };
        let text = record::to_json(&idle, Record::NewCycle)?;
        self.cycles.push_back(Line { id: cycle.id, kind: cycle.kind, text });
        if self.cycles.len() > IDLE_COUNT as usize {
            let last_scheduled = self.cycles.iter().rposition(|line| line.kind == CycleKind::Scheduled);
            self.cycles.remove(usize::from(last_scheduled == Some(0)));
        }
        Ok(())
    }

    /// Returns the highest number of an idle cycle.
    pub(crate) fn last_id(&self) -> Option<CycleId> {
        self.cycles.back().map(|line| line.id)
    }

    /// Returns the idle cycles that match a filter, latest first.
    pub(crate) fn find(&self, filter: &HistoryFilter) -> Vec<CycleRecord> {
        let lines = self.cycles.iter().rev().filter(|line| filter.kind.is_none_or(|kind| kind == line.kind));
        let cycles = lines.filter(|line| filter.after.is_none_or(|after| line.id > after)).filter_map(Line::read);
        let is_in_time = |cycle: &CycleRecord| {
            filter.since.is_none_or(|since| cycle.at >= since) && filter.until.is_none_or(|until| cycle.at <= until)
        };
        cycles.filter(is_in_time).take(usize::try_from(filter.limit).unwrap_or(usize::MAX)).collect()
    }

    /// Returns an idle cycle.
    pub(crate) fn cycle(&self, id: CycleId) -> Option<CycleRecord> {
        self.cycles.iter().find(|line| line.id == id).and_then(Line::read)
    }

    fn to_text(&self, base: Base) -> Result<String, serde_json::Error> {
        use std::fmt::Write as _;
        let mut lines = format!("e{}\nc{}\n", self.engine, self.counters);
        // Writing to a String cannot fail.
        for (id, sample) in &self.samples {
            let _ = writeln!(lines, "n{} {sample}", id.get());
        }
        for Line { id, kind, text } in &self.cycles {
            let _ = writeln!(lines, "k{} {} {text}", id.0, kind.word());
        }
        let digest = crc32fast::hash(lines.as_bytes());
        let header = Header { format: FORMAT, base, state_at: self.state_at, samples_at: self.samples_at, digest };
        Ok(format!("{}\n{lines}", serde_json::to_string(&header)?))
    }

    /// Reads a file; None when it is damaged or of another format.
    fn from_text(text: &str) -> Option<(Base, Self)> {
        let (header, lines) = text.split_once('\n')?;
        let header: Header = serde_json::from_str(header).ok()?;
        if header.format != FORMAT || header.digest != crc32fast::hash(lines.as_bytes()) {
            return None;
        }
        let mut read = Self { samples_at: header.samples_at, ..Self::new(header.state_at) };
        for line in lines.lines() {
            match line.split_at_checked(1)? {
                ("e", engine) => read.engine = engine.to_owned(),
                ("c", counters) => read.counters = counters.to_owned(),
                ("n", rest) => {
                    let (id, sample) = rest.split_once(' ')?;
                    read.samples.insert(NodeId::new(id.parse().ok()?)?, sample.to_owned());
                }
                ("k", rest) => {
                    let mut parts = rest.splitn(3, ' ');
                    let id = CycleId(parts.next()?.parse().ok()?);
                    let kind = CycleKind::from_word(parts.next()?)?;
                    read.cycles.push_back(Line { id, kind, text: parts.next()?.to_owned() });
                }
                _ => return None,
            }
        }
        Some((header.base, read))
    }
}

impl Line {
    /// Returns the cycle; None when another release wrote it in its own form.
    fn read(&self) -> Option<CycleRecord> {
        let IdleCycle { at, host, decision } = serde_json::from_str(&self.text).ok()?;
        Some(CycleRecord { id: self.id, kind: self.kind, at, ended: Some(at), host, decision, actions: Vec::new() })
    }
}

impl Store {
    /// Runs reads in one transaction, with the file that continues the database as of the same moment.
    pub(crate) fn read_latest<T>(
        &self,
        read: impl Fn(&Connection, Option<Volatile>) -> Result<T, DbError>,
    ) -> Result<T, StoreError> {
        for _ in 1..TRIES {
            let done = self.read(|db| match self.continued(db)? {
                Continued::No => read(db, None).map(Some),
                Continued::By(volatile) => read(db, Some(*volatile)).map(Some),
                Continued::Unclear => Ok(None),
            })?;
            if let Some(value) = done {
                return Ok(value);
            }
            std::thread::sleep(TRY_INTERVAL);
        }
        // A crash has left a file that continues an earlier state.
        self.read(|db| read(db, None))
    }

    fn continued(&self, db: &Connection) -> Result<Continued, DbError> {
        let Some((base, volatile)) = self.read_volatile() else { return Ok(Continued::No) };
        Ok(if Base::read(db)? == Some(base) { Continued::By(Box::new(volatile)) } else { Continued::Unclear })
    }

    fn read_volatile(&self) -> Option<(Base, Volatile)> {
        let owner = fs::metadata(&self.path).ok()?.uid();
        Volatile::from_text(&place::read(self.identity, owner)?)
    }

    /// Writes the file that continues the database as it is now. Returns whether the host has a place for it.
    pub(crate) fn keep_volatile(&self, volatile: &Volatile) -> Result<bool, StoreError> {
        let Some(base) = self.read(Base::read)? else { return Ok(false) };
        let text =
            volatile.to_text(base).map_err(|source| StoreError::NotSerialisable { record: Record::Engine, source })?;
        let written = place::write(self.identity, &text);
        if let Err(error) = &written {
            tracing::debug!(%error, "the samples go to the database: no file in memory");
        }
        Ok(written.is_ok())
    }

    /// Removes the file, so that the database alone counts.
    pub(crate) fn drop_volatile(&self) {
        place::remove(self.identity);
    }
}

enum Continued {
    /// There is no file, or none that can be read.
    No,
    /// The file continues the database.
    By(Box<Volatile>),
    /// The file continues another state: a writer is between the two, or a crash was.
    Unclear,
}
