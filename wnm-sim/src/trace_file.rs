//! Trace files: plain or compressed, line by line, each line checked against those before it.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use wnm_core::Timestamp;
use wnm_core::trace::{TraceError, TraceHeader, TraceLine};

use crate::SimError;
use crate::error::talk;
use crate::lines::{LONGEST_LINE, Line, Lines};
use crate::output::is_gzip;

/// The handling of invalid lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum BadLines {
    /// An invalid line ends the reading with an error.
    #[default]
    Refused,
    /// An invalid line is skipped and counted.
    Skipped,
}

impl BadLines {
    /// Returns the handling that the flag `--lenient` selects.
    pub(crate) const fn of_flag(lenient: bool) -> Self {
        if lenient { Self::Skipped } else { Self::Refused }
    }
}

/// Skipped lines that are reported one by one; a damaged file would flood the terminal.
const REPORTED: u64 = 5;

/// A trace that is being read.
pub(crate) struct TraceFile {
    name: String,
    lines: Lines<Box<dyn Read>>,
    bad: BadLines,
    skipped: u64,
    samples: u64,
    last: Option<Timestamp>,
    /// The first line, read in advance to find the header.
    first: Option<TraceLine>,
}

/// Opens a file, or standard input for `-`; decompresses a file whose name ends in `.gz`.
pub(crate) fn open_input(path: &Path) -> Result<Box<dyn Read>, SimError> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(io::stdin().lock()));
    }
    let unreadable = |source| SimError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(unreadable)?;
    if file.metadata().map_err(unreadable)?.is_dir() {
        return Err(unreadable(io::Error::other("it is a directory")));
    }
    // Several members, because recordings may be joined.
    Ok(if is_gzip(path) { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) })
}

impl TraceFile {
    /// Opens a trace and reads its first line.
    ///
    /// # Errors
    /// The file cannot be read, or its first line is invalid and `bad` refuses that.
    pub(crate) fn open(path: &Path, bad: BadLines) -> Result<Self, SimError> {
        let mut file = Self {
            name: path.display().to_string(),
            lines: Lines::new(open_input(path)?),
            bad,
            skipped: 0,
            samples: 0,
            last: None,
            first: None,
        };
        file.first = file.next()?;
        Ok(file)
    }

    /// Returns the header; None for a trace that begins with a sample.
    pub(crate) fn header(&self) -> Option<&TraceHeader> {
        match &self.first {
            Some(TraceLine::Header(header)) => Some(header),
            _ => None,
        }
    }

    /// Returns the next line; None at the end.
    ///
    /// # Errors
    /// A line is invalid and not to be skipped, or the trace held no sample.
    pub(crate) fn next(&mut self) -> Result<Option<TraceLine>, SimError> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        loop {
            let error = match self.parse() {
                Ok(Some(line)) => return Ok(Some(line)),
                Ok(None) => return self.end(),
                Err(error) => error,
            };
            self.skip(error)?;
        }
    }

    /// Reports the line returned last as invalid, for a reader that cannot apply it.
    pub(crate) fn refuse(&mut self, error: &TraceError) -> Result<(), SimError> {
        self.skip(SimError::line(&self.name, self.lines.number, error))
    }

    /// Returns the number of the line returned last, from 1.
    pub(crate) const fn line(&self) -> u64 {
        self.lines.number
    }

    /// Returns the bytes of the line returned last, for keys that only some recordings have.
    pub(crate) fn last(&self) -> &[u8] {
        self.lines.last()
    }

    /// Returns the path of the file as given.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the number of skipped lines.
    pub(crate) const fn skipped(&self) -> u64 {
        self.skipped
    }

    fn skip(&mut self, error: SimError) -> Result<(), SimError> {
        let is_line = matches!(error, SimError::Line { .. });
        // A read error will occur again on the next line, so that skipping cannot help.
        if self.bad == BadLines::Refused || !is_line {
            return Err(error);
        }
        self.skipped += 1;
        if self.skipped <= REPORTED {
            talk(&format!("warning: skipped {error}"));
        }
        Ok(())
    }

    fn parse(&mut self) -> Result<Option<TraceLine>, SimError> {
        let (name, last) = (&self.name, self.last);
        let read = self.lines.next();
        let parsed = match read {
            Ok(None) => return Ok(None),
            Ok(Some(Line::TooLong)) => Err((1, format!("the line is longer than {LONGEST_LINE} bytes"))),
            Ok(Some(Line::Whole(bytes))) => match std::str::from_utf8(bytes) {
                Err(error) => Err((error.valid_up_to() + 1, "the line is not UTF-8".to_owned())),
                Ok(text) => TraceLine::parse(text).map_err(|error| (error.column(), error.to_string())),
            },
            Err(source) => return self.truncated(source),
        };
        let parsed = parsed.and_then(|line| in_order(line, last).map_err(|problem| (1, problem)));
        match parsed {
            Ok(line) => {
                if let TraceLine::Sample(sample) = &line {
                    self.last = Some(sample.at);
                    self.samples += 1;
                }
                Ok(Some(line))
            }
            Err((column, problem)) => {
                Err(SimError::Line { name: name.clone(), line: self.lines.number, column, problem })
            }
        }
    }

    /// Handles a read error. A compressed file that ends in the middle of a block is the usual result of a crash.
    fn truncated(&mut self, source: io::Error) -> Result<Option<TraceLine>, SimError> {
        let (name, line) = (self.name.clone(), self.lines.number + 1);
        if self.bad == BadLines::Refused {
            let problem = format!("cannot read further: {source} (--lenient uses the lines before)");
            return Err(SimError::Line { name, line, column: 1, problem });
        }
        self.skipped += 1;
        talk(&format!("warning: {name}:{line}: cannot read further: {source}"));
        Ok(None)
    }

    fn end(&self) -> Result<Option<TraceLine>, SimError> {
        if self.skipped > 0 {
            let lines = if self.skipped == 1 { "line" } else { "lines" };
            talk(&format!("warning: {}: {} invalid {lines} skipped", self.name, self.skipped));
        }
        if self.samples > 0 {
            return Ok(None);
        }
        let problem = match self.lines.number {
            0 => "the file is empty",
            _ => "the trace holds no sample",
        };
        let (name, line) = (self.name.clone(), self.lines.number + 1);
        Err(SimError::Line { name, line, column: 1, problem: problem.to_owned() })
    }
}

fn in_order(line: TraceLine, last: Option<Timestamp>) -> Result<TraceLine, String> {
    let seconds = |at: Timestamp| at.as_millis() as f64 / 1000.0;
    match (&line, last) {
        (TraceLine::Sample(sample), Some(last)) if sample.at <= last => {
            let how = if sample.at == last { "repeats the ts of" } else { "is earlier than" };
            Err(format!("ts {} {how} the sample before, {}", seconds(sample.at), seconds(last)))
        }
        _ => Ok(line),
    }
}
