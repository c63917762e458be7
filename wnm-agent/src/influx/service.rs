//! The service of a daemon that writes its metrics and its probes.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use wnm_core::Timestamp;
use wnm_core::probe::{ProbeRun, ProbeSummary, run_line, summary_line};

use super::target::Target;
use super::writer::{InfluxWriter, Written};
use crate::alerts::host_name;
use crate::live::{InfluxSummary, Live};
use crate::metrics;
use crate::private_file::{self, FileState};
use crate::valves::host::beside;

/// The lines of a daemon for InfluxDB.
#[derive(Debug)]
pub struct InfluxService {
    spool: PathBuf,
    host: String,
    version: &'static str,
    /// The file that names the server, and its state at the last reading.
    file: Option<(PathBuf, Option<FileState>)>,
    authorities: Option<PathBuf>,
    target: Option<Target>,
    writer: Option<InfluxWriter>,
    problem: Option<String>,
    /// The problem that was logged last.
    logged: Option<String>,
    /// The time of the last write of the metrics.
    last: Option<Timestamp>,
    /// The runs of probes since then.
    runs: Vec<ProbeRun>,
}

impl InfluxService {
    /// Returns the service for the colony of a database. `version` is that of the program.
    #[must_use]
    pub fn new(database: &Path, version: &'static str) -> Self {
        Self {
            spool: spool_of(database),
            host: host_name(),
            version,
            file: None,
            authorities: None,
            target: None,
            writer: None,
            problem: None,
            logged: None,
            last: None,
            runs: Vec::new(),
        }
    }

    /// Writes runs of probes that ended.
    pub fn write_probes(&mut self, runs: &[ProbeRun]) {
        if let Some(writer) = &self.writer {
            writer.write(runs.iter().map(|run| run_line(run, &self.host)).collect());
            self.runs.extend_from_slice(runs);
        }
    }

    /// Writes the metrics when their time has come. Never waits. Without a file it does nothing.
    pub fn observe(&mut self, live: &Live, file: Option<&Path>, authorities: Option<&Path>, now: Timestamp) {
        let Some(file) = file else {
            (self.file, self.target, self.writer, self.problem) = (None, None, None, None);
            self.runs.clear();
            return;
        };
        self.follow(file, authorities);
        let (Some(target), Some(writer)) = (&self.target, &self.writer) else { return };
        // A clock that was set back must not stop the lines.
        let is_due = self.last.is_none_or(|last| last > now || now.since(last) >= target.every);
        if is_due && live.snapshot().is_some() {
            let mut lines = metrics::influx_lines(live, self.version, &self.host, now);
            let summaries = ProbeSummary::of(&std::mem::take(&mut self.runs));
            lines.extend(summaries.iter().map(|summary| summary_line(summary, &self.host, now)));
            writer.write(lines);
            self.last = Some(now);
        }
        self.log();
    }

    /// Reads the file if it changed. A file that turns bad leaves the server as it is.
    fn follow(&mut self, path: &Path, authorities: Option<&Path>) {
        let facts = private_file::state(path);
        let is_new = self.file.as_ref().is_none_or(|(known, at)| known != path || *at != facts);
        let has_authorities = self.authorities.as_deref() == authorities;
        if !is_new && self.problem.is_none() && has_authorities && self.writer.is_some() {
            return;
        }
        self.file = Some((path.to_owned(), facts));
        match Target::read(path) {
            Ok(target) if self.target.as_ref() == Some(&target) && has_authorities && self.writer.is_some() => {
                self.problem = None;
            }
            Ok(target) => {
                self.problem = None;
                self.authorities = authorities.map(Path::to_owned);
                // The thread before ends with its present request; its spool is taken over.
                self.writer = None;
                self.writer = InfluxWriter::start(target.clone(), self.authorities.clone(), &self.spool);
                self.target = Some(target);
            }
            Err(error) => self.problem = Some(error.to_string()),
        }
    }

    /// Logs a problem when it begins, changes or ends.
    fn log(&mut self) {
        let written = self.writer.as_ref().map(InfluxWriter::written).unwrap_or_default();
        let problem = self.problem(&written);
        if problem == self.logged {
            return;
        }
        match &problem {
            Some(problem) => tracing::warn!(spooled_bytes = written.spooled, "lines for InfluxDB: {problem}"),
            None => tracing::info!("InfluxDB accepts lines again"),
        }
        self.logged = problem;
    }

    /// Returns the state in numbers.
    #[must_use]
    pub fn summary(&self) -> InfluxSummary {
        let written = self.writer.as_ref().map(InfluxWriter::written).unwrap_or_default();
        InfluxSummary {
            file: self.file.as_ref().map(|(path, _)| path.clone()),
            problem: self.problem(&written),
            accepted: written.accepted,
            dropped: written.dropped,
            spooled: written.spooled,
        }
    }

    fn problem(&self, written: &Written) -> Option<String> {
        let spool = written.spool_problem.as_ref().map(|problem| format!("the spool cannot be written: {problem}"));
        self.problem.clone().or(spool).or_else(|| written.problem.clone())
    }
}

/// Returns the folder of the spool of a database, such as `wnm.db.influx`.
#[must_use]
pub fn spool_of(database: &Path) -> PathBuf {
    beside(database, ".influx")
}

/// Returns the age of the oldest line in the spool of a database; None for an empty one.
#[must_use]
pub fn oldest_spooled(database: &Path) -> Option<Duration> {
    let entries = std::fs::read_dir(spool_of(database)).ok()?.map_while(Result::ok);
    let oldest = entries.filter_map(|entry| entry.metadata().ok()?.modified().ok()).min()?;
    SystemTime::now().duration_since(oldest).ok()
}
