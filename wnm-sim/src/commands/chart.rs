//! `wnm-sim chart`: draws a trace or a run.

mod columns;
pub(crate) mod front;
mod svg;
mod terminal;

use std::path::PathBuf;

use wnm_core::trace::{Decided, TraceError, TraceLine, TraceSample};
use wnm_core::{Decision, Policy};

use crate::capacity::Cycle;
use crate::commands::replay::{Course, Unlisted};
use crate::output::Output;
use crate::policy_args::{PolicyArgs, policy};
use crate::trace_file::{BadLines, TraceFile};
use crate::{Exit, SimError, values};

use columns::Columns;

/// Draw a trace or a run: nodes by state, signals with their thresholds, and actions with their reasons
///
/// For a trace without decisions, draws the decisions that the policy would have made at each sample (open loop).
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  wnm-sim chart trace.jsonl.gz -o trace.svg
  wnm-sim chart trace.jsonl --cpus 2 --set cpu_remove=80 -o trace.svg
  wnm-sim chart run.jsonl.gz --terminal")]
pub(crate) struct Args {
    /// Read this trace or run; .gz is decompressed, - is standard input
    trace: PathBuf,
    /// Write the chart as SVG; - is standard output
    #[arg(short, long, value_name = "FILE.svg", value_parser = values::svg_file, required_unless_present = "terminal")]
    output: Option<PathBuf>,
    /// Draw in the terminal
    #[arg(long)]
    terminal: bool,
    #[command(flatten)]
    policy: PolicyArgs,
    /// Assume this number of running nodes where the trace has neither a list nor a count
    #[arg(long, value_name = "N", value_parser = values::nodes)]
    nodes: Option<u32>,
    /// Skip and count invalid lines
    #[arg(long)]
    lenient: bool,
}

pub(crate) fn run(args: &Args) -> Result<Exit, SimError> {
    let bad = BadLines::of_flag(args.lenient);
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
        output.text(&svg::draw(std::slice::from_ref(&drawing))?)?;
        output.finish()?;
    }
    if args.terminal {
        let mut output = Output::standard();
        output.text(&terminal::draw(&drawing))?;
        output.finish()?;
    }
    Ok(Exit::Done)
}

/// The text of a chart without any action.
const NO_ACTIONS: &str = "no action was decided";

/// The content of a chart.
struct Drawing<'a> {
    title: &'a str,
    policy: &'a Policy,
    columns: &'a Columns,
    decisions: Decisions,
}

/// The source of the decisions.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Decisions {
    /// Not yet known: the line after the first sample shows it.
    Unknown,
    /// The trace contains them.
    Recorded,
    /// The policy makes them, because the trace has none.
    Made,
}

impl Drawing<'_> {
    /// Returns the policy and the source of its decisions in words.
    fn decided(&self) -> String {
        let preset = self.policy.preset;
        match self.decisions {
            Decisions::Recorded => format!("policy {preset}, recorded decisions"),
            Decisions::Made | Decisions::Unknown => {
                format!("policy {preset}, the decisions it would have made at each sample (open loop)")
            }
        }
    }
}

/// A run that is collected while it executes, to be drawn.
pub(crate) struct CollectedRun {
    title: String,
    policy: Policy,
    columns: Columns,
}

impl CollectedRun {
    /// Returns an empty run; the chart shows the thresholds of the policy.
    pub(crate) fn new(title: String, policy: Policy) -> Self {
        Self { title, policy, columns: Columns::default() }
    }

    /// Adds a cycle.
    pub(crate) fn observe(&mut self, cycle: &Cycle<'_>) {
        self.columns.observe(cycle.observation, cycle.state);
        self.columns.mark(&cycle.decision.actions);
    }
}

/// Draws runs side by side, as SVG.
pub(crate) fn side_by_side(runs: &[CollectedRun]) -> Result<String, SimError> {
    let drawings = runs.iter().map(|CollectedRun { title, policy, columns }| Drawing {
        title,
        policy,
        columns,
        decisions: Decisions::Recorded,
    });
    svg::draw(&drawings.collect::<Vec<_>>())
}

fn collect(file: &mut TraceFile, mut course: Course) -> Result<(Columns, Decisions), SimError> {
    let mut columns = Columns::default();
    let mut decisions = Decisions::Unknown;
    // Whether the trace has decisions shows only after the first sample, whose decision waits until then.
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
                match observe(&mut course, &sample, &mut columns) {
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

fn observe(course: &mut Course, sample: &TraceSample, columns: &mut Columns) -> Result<Decision, TraceError> {
    let decision = course.step(sample)?;
    columns.observe(course.observation(), course.state());
    Ok(decision)
}
