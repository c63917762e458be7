//! Files of runs: a JSON object a line, one for each run.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::SimError;
use crate::capacity::Score;
use crate::commands::decide::parse;
use crate::lines::{LONGEST_LINE, Line, Lines};
use crate::trace_file::open_input;

/// The version of the lines that are written, and the newest that is read.
pub(crate) const VERSION: u32 = 1;

/// One run, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunLine {
    pub(crate) wnm_run: u32,
    pub(crate) scenario: String,
    pub(crate) policy: String,
    pub(crate) seed: u64,
    pub(crate) days: f64,
    /// Seconds from cycle to cycle.
    pub(crate) cycle: u32,
    pub(crate) score: Score,
}

/// Reads all runs of a file.
///
/// # Errors
/// It cannot be read, a line is no run, or there is none.
pub(crate) fn read(path: &Path) -> Result<Vec<RunLine>, SimError> {
    let name = path.display().to_string();
    let mut lines = Lines::new(open_input(path)?);
    let mut runs = Vec::new();
    loop {
        let line = lines.next();
        let read = match line {
            Ok(None) => break,
            Ok(Some(Line::Whole(bytes))) => parse::<RunLine>(bytes),
            Ok(Some(Line::TooLong)) => Err(format!("expected a line of at most {LONGEST_LINE} bytes, found more")),
            Err(source) => Err(format!("expected more of the file: {source}")),
        };
        let read = read.and_then(|run| match run.wnm_run {
            VERSION => Ok(run),
            found => Err(format!("expected a run of version {VERSION}, found version {found}")),
        });
        let number = lines.number.max(1);
        runs.push(read.map_err(|what| SimError::Input(format!("{name}:{number}: {what}")))?);
    }
    if runs.is_empty() {
        return Err(SimError::Input(format!("{name}: expected runs, a line each, found an empty file")));
    }
    Ok(runs)
}
