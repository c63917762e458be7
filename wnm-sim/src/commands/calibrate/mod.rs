//! `wnm-sim calibrate`: fits the constants of the capacity model to a recorded host, and checks the fit.

mod curve;
mod fit;
mod host;
mod load;
mod model;
mod reader;
mod record;
mod report;
mod signal;
mod surge;

use std::path::{Path, PathBuf};

use crate::capacity::TICK;
use crate::output::Output;
use crate::trace_file::BadLines;
use crate::{Exit, SimError, values};

pub(crate) use host::HostFacts;
use record::Record;
pub(crate) use report::Report;
use signal::ENOUGH;

/// Fit the capacity model to a recorded host and check whether it is credible for that host
///
/// Checks the fit by cross-validation: each fifth of the samples, in blocks of neighbours, is predicted by a fit to the
/// others. The model is credible for a signal when the mean error is at most 10 % (cpu), 5 % (memory), 2 % (disk) or
/// 20 % (load). Constants of other signals are written as comments.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  wnm-sim calibrate machine.jsonl.gz
  wnm-sim calibrate monday.jsonl.gz tuesday.jsonl.gz --cpus 4        two traces of one host, without headers
  wnm-sim calibrate machine.jsonl.gz --out model.toml                the [model] table of a scenario

See docs/calibration.md for the method; `wnm record` writes traces.")]
pub(crate) struct Args {
    /// Read these traces of one host; .gz is decompressed, - is standard input
    #[arg(required = true, value_name = "TRACE")]
    traces: Vec<PathBuf>,
    /// Set the number of processors where the traces have none
    #[arg(long, value_name = "N", value_parser = values::cpus)]
    cpus: Option<u32>,
    /// Write the constants as the [model] table of a scenario; - writes it to standard output instead of the report
    #[arg(long, value_name = "MODEL.toml")]
    out: Option<PathBuf>,
    /// Print the report as one JSON object
    #[arg(long)]
    json: bool,
    /// Skip and count invalid lines
    #[arg(long)]
    lenient: bool,
}

/// The shortest usable record, in seconds.
const LEAST: f64 = 300.0;

pub(crate) fn run(args: &Args) -> Result<Exit, SimError> {
    let bad = BadLines::of_flag(args.lenient);
    let record = Record::read(&args.traces, args.cpus, bad)?;
    check(&record, &args.traces)?;
    let report = Report::new(&record);
    if let Some(path) = &args.out {
        let mut output = Output::create(path)?;
        output.text(&report.toml())?;
        output.finish()?;
        if path.as_os_str() == "-" {
            return Ok(Exit::Done);
        }
    }
    let mut output = Output::standard();
    if args.json {
        output.line(&serde_json::to_string(&report).map_err(|error| SimError::Output(error.into()))?)?;
    } else {
        output.text(&report.text())?;
    }
    output.finish()?;
    Ok(Exit::Done)
}

/// Fits the model to a trace; returns the fit, and the facts of its host that a scenario needs.
///
/// # Errors
/// The trace cannot be read, has no number of processors, is too short, or has no nodes.
pub(crate) fn calibrated(trace: &Path, cpus: Option<u32>, bad: BadLines) -> Result<(Report, HostFacts), SimError> {
    let record = Record::read(&[trace], cpus, bad)?;
    check(&record, &[trace.to_owned()])?;
    let report = Report::new(&record);
    let facts = HostFacts::new(&record, &report);
    Ok((report, facts))
}

/// Returns an error for a record that is too short or has no nodes.
fn check(record: &Record, traces: &[PathBuf]) -> Result<(), SimError> {
    let names: Vec<_> = traces.iter().map(|path| path.display().to_string()).collect();
    let wrong = |problem: String| SimError::input(format!("{}: {problem}", names.join(", ")));
    let steps = record.points.len();
    if steps < ENOUGH || record.seconds < LEAST {
        let step = if steps > 0 { record.seconds / steps as f64 } else { TICK };
        let minutes = (step * ENOUGH as f64).max(LEAST) / 60.0;
        let found = record.seconds;
        return Err(wrong(format!("the trace has {found:.0} s in {steps} steps of {step:.0} s without gaps"))
            .hint(format!("record at least {minutes:.0} minutes")));
    }
    if record.points.iter().all(|point| point.up() == 0) {
        return Err(wrong("no sample has nodes".to_owned())
            .hint("record the keys nodes, or running_nodes above 0; `wnm record` writes nodes"));
    }
    Ok(())
}
