//! `wnm-sim chart`: a trace or a run as a picture.

mod columns;
pub(crate) mod front;
mod picture;
mod terminal;

use std::path::PathBuf;

use wnm_core::trace::{Decided, MOST_NODES, TraceError, TraceLine, TraceSample};
use wnm_core::{Decision, Policy};

use crate::capacity::Cycle;
use crate::commands::replay::{Course, Unlisted};
use crate::output::Output;
use crate::policy_args::{PolicyArgs, policy};
use crate::trace_file::{BadLines, TraceFile};
use crate::{Exit, SimError};

use columns::Columns;

/// Draws a trace or a run: nodes by state above the signals and their thresholds, actions as marks with their reasons
///
/// Of a trace without decisions it shows what the policy would have decided, open loop.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  wnm-sim chart trace.jsonl.gz -o trace.svg
  wnm-sim chart trace.jsonl --cpus 2 --set cpu_remove=80 -o trace.svg
  wnm-sim chart run.jsonl.gz --terminal")]
pub(crate) struct Args {
    /// The trace or run; .gz is decompressed, - is standard input
    trace: PathBuf,
    /// The picture; - is standard output
    #[arg(short, long, value_name = "FILE.svg", required_unless_present = "terminal")]
    output: Option<PathBuf>,
    /// Draw in the terminal
    #[arg(long)]
    terminal: bool,
    #[command(flatten)]
    policy: PolicyArgs,
    /// Running nodes, where the trace neither lists nor counts them
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(..=i64::from(MOST_NODES)))]
    nodes: Option<u32>,
    /// Skip and count bad lines
    #[arg(long)]
    lenient: bool,
}

pub(crate) fn run(args: &Args) -> Result<Exit, SimError> {
    let bad = if args.lenient { BadLines::Skipped } else { BadLines::Refused };
    let mut file = TraceFile::open(&args.trace, bad)?;
    let cpus = args.policy.cpus(file.header());
    let policy = policy(&args.policy.settings(file.header())?, cpus)?;
    let unlisted = args.nodes.map_or(Unlisted::AsCounted, Unlisted::Fixed);
    let course = Course::new(policy.clone(), cpus, unlisted);
    let (columns, decisions) = collect(&mut file, course)?;
    let title = args.trace.file_name().map_or_else(|| "trace".into(), |name| name.to_string_lossy());
    let drawing = Drawing { title: &title, policy: &policy, columns: &columns, decisions };
    if let Some(path) = &args.output {
        let mut output = Output::create(path)?;
        output.text(&picture::draw(std::slice::from_ref(&drawing))?)?;
        output.finish()?;
    }
    if args.terminal {
        let mut output = Output::standard();
        output.text(&terminal::draw(&drawing))?;
        output.finish()?;
    }
    Ok(Exit::Done)
}

/// What is drawn.
struct Drawing<'a> {
    title: &'a str,
    policy: &'a Policy,
    columns: &'a Columns,
    decisions: Decisions,
}

/// Where the decisions come from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Decisions {
    /// Nobody knows before the line after the first sample.
    Unknown,
    /// They stand in the run.
    Recorded,
    /// The trace has none: the policy decides.
    Made,
}

/// A run that is watched as it goes, to be drawn.
pub(crate) struct Watched {
    title: String,
    policy: Policy,
    columns: Columns,
}

impl Watched {
    /// Returns one of which nothing was seen yet; the picture shows the thresholds of the policy.
    pub(crate) fn new(title: String, policy: Policy) -> Self {
        Self { title, policy, columns: Columns::default() }
    }

    /// Adds a cycle.
    pub(crate) fn see(&mut self, cycle: &Cycle<'_>) {
        self.columns.see(cycle.seen, cycle.state);
        self.columns.mark(&cycle.decision.actions);
    }
}

/// Draws runs beside each other, as SVG.
pub(crate) fn side_by_side(runs: &[Watched]) -> Result<String, SimError> {
    let drawings = runs.iter().map(|Watched { title, policy, columns }| Drawing {
        title,
        policy,
        columns,
        decisions: Decisions::Recorded,
    });
    picture::draw(&drawings.collect::<Vec<_>>())
}

fn collect(file: &mut TraceFile, mut course: Course) -> Result<(Columns, Decisions), SimError> {
    let mut columns = Columns::default();
    let mut decisions = Decisions::Unknown;
    // A decision is added to the column of its sample, so that of the first waits for the line after it.
    let mut waiting: Option<Decision> = None;
    while let Some(line) = file.next()? {
        match line {
            TraceLine::Header(_) => {}
            TraceLine::Note { at, text } => columns.note(at, text),
            TraceLine::Decided(Decided { actions, .. }) => {
                decisions = Decisions::Recorded;
                waiting = None;
                columns.mark(&actions);
            }
            TraceLine::Sample(sample) => {
                if let Some(decision) = waiting.take() {
                    decisions = Decisions::Made;
                    columns.mark(&decision.actions);
                }
                match see(&mut course, &sample, &mut columns) {
                    Ok(decision) if decisions == Decisions::Unknown => waiting = Some(decision),
                    Ok(decision) if decisions == Decisions::Made => columns.mark(&decision.actions),
                    Ok(_) => {}
                    Err(error) => file.refuse(&error)?,
                }
            }
        }
    }
    if let Some(decision) = waiting {
        columns.mark(&decision.actions);
    }
    Ok((columns, decisions))
}

fn see(course: &mut Course, sample: &TraceSample, columns: &mut Columns) -> Result<Decision, TraceError> {
    let decision = course.step(sample)?;
    columns.see(course.observation(), course.state());
    Ok(decision)
}
