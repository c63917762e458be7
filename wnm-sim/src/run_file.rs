//! Files of runs: one JSON object per line and run.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::SimError;
use crate::capacity::Score;
use crate::commands::decide::parse;
use crate::lines::{LONGEST_LINE, Line, Lines};
use crate::trace_file::open_input;

/// The version of written lines, and the newest version that can be read.
pub(crate) const VERSION: u32 = 1;

/// One run with its score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunLine {
    pub(crate) wnm_run: u32,
    pub(crate) scenario: String,
    pub(crate) policy: String,
    pub(crate) seed: u64,
    pub(crate) days: f64,
    /// Length of a cycle, in seconds.
    pub(crate) cycle: u32,
    pub(crate) score: Score,
}

/// Reads all runs of a file.
///
/// # Errors
/// The file cannot be read or holds no run, or a line is not a run.
pub(crate) fn read(path: &Path) -> Result<Vec<RunLine>, SimError> {
    let name = path.display().to_string();
    let mut lines = Lines::new(open_input(path)?);
    let mut runs = Vec::new();
    loop {
        let line = lines.next();
        let read = match line {
            Ok(None) => break,
            Ok(Some(Line::Whole(bytes))) => parse::<RunLine>(bytes),
            Ok(Some(Line::TooLong)) => Err(format!("the line is longer than {LONGEST_LINE} bytes")),
            Err(source) => Err(format!("cannot read further: {source}")),
        };
        let read = read.and_then(|run| match run.wnm_run {
            VERSION => Ok(run),
            // A later version may have changed the meaning of a figure.
            found => Err(format!("wnm_run is {found}, and this wnm-sim reads version {VERSION}")),
        });
        let number = lines.number.max(1);
        runs.push(read.map_err(|problem| SimError::input(format!("{name}:{number}: {problem}")))?);
    }
    if runs.is_empty() {
        return Err(SimError::input(format!("{name}: the file is empty"))
            .hint("write runs with `wnm-sim run … --out FILE.jsonl`"));
    }
    Ok(runs)
}
