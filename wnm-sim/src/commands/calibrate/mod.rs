//! `wnm-sim calibrate`: the constants of the modelled host as a recorded machine has them, and whether to believe them.

mod curve;
mod fit;
mod load;
mod model;
mod reader;
mod record;
mod report;
mod signal;
mod surge;

use std::path::PathBuf;

use crate::capacity::TICK;
use crate::output::Output;
use crate::trace_file::BadLines;
use crate::{Exit, SimError};

use record::Record;
use report::Report;
use signal::ENOUGH;

/// Fits the model of a host to a recorded machine, and says whether it is credible for that host
///
/// Each fifth of the samples, in blocks of neighbours, is held out of a fit in turn, and what that fit says of it is
/// compared with what was measured. The model is credible for a signal when it is off by at most 10 % (cpu), 5 %
/// (memory), 2 % (disk) or 20 % (load) on average. What is not credible is written as a comment.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  wnm-sim calibrate machine.jsonl.gz
  wnm-sim calibrate monday.jsonl.gz tuesday.jsonl.gz --cpus 4        two traces of one machine, without headers
  wnm-sim calibrate machine.jsonl.gz --out model.toml                the [model] table of a scenario

What is fitted, and how, is described in docs/calibration.md; `wnm record` writes traces.")]
pub(crate) struct Args {
    /// Traces of one machine; .gz is decompressed, - is standard input
    #[arg(required = true, value_name = "TRACE")]
    traces: Vec<PathBuf>,
    /// Processors of the machine, where the traces do not say
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    cpus: Option<u32>,
    /// Write the fitted constants as the [model] table of a scenario; - is standard output in place of the report
    #[arg(long, value_name = "MODEL.toml")]
    out: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Skip and count bad lines
    #[arg(long)]
    lenient: bool,
}

/// Seconds that a record must have.
const LEAST: f64 = 300.0;

pub(crate) fn run(args: &Args) -> Result<Exit, SimError> {
    let bad = if args.lenient { BadLines::Skipped } else { BadLines::Refused };
    let record = Record::read(&args.traces, args.cpus, bad)?;
    check(&record, args)?;
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

/// Returns what is missing for any fit at all.
fn check(record: &Record, args: &Args) -> Result<(), SimError> {
    let names: Vec<_> = args.traces.iter().map(|path| path.display().to_string()).collect();
    let wrong = |what: String| Err(SimError::Input(format!("{}: {what}", names.join(", "))));
    let steps = record.points.len();
    if steps < ENOUGH || record.seconds < LEAST {
        let step = if steps > 0 { record.seconds / steps as f64 } else { TICK };
        let minutes = (step * ENOUGH as f64).max(LEAST) / 60.0;
        return wrong(format!(
            "expected {minutes:.0} minutes or more without gaps, found {:.0} s in {steps} steps of {step:.0} s: record \
             for longer",
            record.seconds
        ));
    }
    if record.points.iter().all(|point| point.up() == 0) {
        return wrong("expected samples with nodes (nodes, or running_nodes above 0), found none".to_owned());
    }
    Ok(())
}
