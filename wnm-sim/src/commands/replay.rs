//! `wnm-sim replay`: what would have been decided at each sample of a trace.

mod course;
mod report;
mod rows;
mod summary;
mod tally;

use std::path::PathBuf;

use wnm_core::trace::{MOST_NODES, TraceLine, TraceSample, TraceWriter};
use wnm_core::{Decision, RawSettings, Timestamp};

use crate::error::talk;
use crate::output::Output;
use crate::policy_args::{PolicyArgs, policy, set_all};
use crate::trace_file::{BadLines, TraceFile};
use crate::words::spell;
use crate::{Exit, SimError};

pub(crate) use course::Intervals;
pub use course::{Course, Unlisted};
pub use tally::{Count, Extent, OverLimit, Tally};

/// Shows what a policy would have decided at each sample of a trace
///
/// Open loop: nothing that is decided is done, so the next sample is the recorded one. That is right for comparing
/// decisions sample by sample, and wrong for tuning.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  wnm-sim replay trace.jsonl.gz
  wnm-sim replay trace.jsonl --cpus 4 --set cpu_remove=80 --set node_cap=50
  wnm-sim replay trace.jsonl --cpus 4 --against cpu_remove=60     two policies, and where they part
  wnm-sim replay trace.jsonl --cpus 4 --csv > decisions.csv       a row a sample
  wnm-sim replay trace.jsonl --cpus 4 --run run.jsonl.gz          the trace with its decisions, for chart

The format of traces and runs is described in docs/traces.md.")]
pub(crate) struct Args {
    /// The trace; .gz is decompressed, - is standard input
    trace: PathBuf,
    #[command(flatten)]
    policy: PolicyArgs,
    /// A second policy: the first with this setting; may be given more than once
    #[arg(long, value_name = "KEY=VALUE")]
    against: Vec<String>,
    /// Running nodes, where the trace neither lists nor counts them
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(..=i64::from(MOST_NODES)))]
    nodes: Option<u32>,
    /// Print the summary as one JSON object
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print a row for each sample, instead of the summary
    #[arg(long)]
    csv: bool,
    /// Write the trace with its decisions to a file; .gz is compressed, - is standard output in place of the summary
    #[arg(long, value_name = "FILE")]
    run: Option<PathBuf>,
    /// Skip and count bad lines
    #[arg(long)]
    lenient: bool,
}

/// One policy on its way, and what it did.
pub(crate) struct Judged {
    /// What was set, over the defaults.
    settings: RawSettings,
    course: Course,
    tally: Tally,
}

/// The first sample at which two policies decide otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parting {
    sample: u64,
    line: u64,
    at: Timestamp,
    decided: [String; 2],
}

/// All of a replay but its input.
pub(crate) struct Replay {
    /// The policy, and the one it is compared with.
    judged: Vec<Judged>,
    extent: Extent,
    intervals: Intervals,
    parting: Option<Parting>,
    most_nodes: usize,
}

pub(crate) fn run(args: &Args) -> Result<Exit, SimError> {
    let bad = if args.lenient { BadLines::Skipped } else { BadLines::Refused };
    let mut file = TraceFile::open(&args.trace, bad)?;
    let mut replay = Replay::new(args, &file)?;
    let mut output = Output::standard();
    let mut writer = args.run.as_deref().map(|path| RunWriter::create(path, &replay, &file)).transpose()?;
    if args.csv {
        output.line(&rows::heading(replay.judged.len()))?;
    }
    while let Some(line) = file.next()? {
        match &line {
            TraceLine::Sample(sample) => match replay.step(sample, file.line()) {
                Ok(decisions) => {
                    if args.csv {
                        output.line(&rows::row(&replay.judged[0].course, &decisions))?;
                    }
                    if let (Some(writer), Some(decision)) = (&mut writer, decisions.first()) {
                        writer.write(&replay.judged[0].course, decision)?;
                    }
                }
                Err(error) => file.refuse(&error)?,
            },
            TraceLine::Note { at, text } => {
                if let Some(writer) = &mut writer {
                    writer.note(*at, text)?;
                }
            }
            TraceLine::Header(_) | TraceLine::Decided(_) => {}
        }
    }
    replay.warn(args, &file);
    if let Some(writer) = writer {
        writer.output.finish()?;
    }
    let is_taken = args.run.as_deref().is_some_and(|path| path.as_os_str() == "-");
    if is_taken {
        // The run itself is what standard output gets.
    } else if args.json {
        output.line(&summary::text(&replay, &file)?)?;
    } else if !args.csv {
        output.text(&report::text(&replay, &file))?;
    }
    output.finish()?;
    Ok(Exit::Done)
}

impl Replay {
    fn new(args: &Args, file: &TraceFile) -> Result<Self, SimError> {
        let cpus = args.policy.cpus(file.header());
        let settings = args.policy.settings(file.header())?;
        let against =
            (!args.against.is_empty()).then(|| set_all(settings.clone(), "--against", &args.against)).transpose()?;
        let unlisted = args.nodes.map_or(Unlisted::AsCounted, Unlisted::Fixed);
        let mut judged = Vec::with_capacity(2);
        for settings in [Some(settings), against].into_iter().flatten() {
            let course = Course::new(policy(&settings, cpus)?, cpus, unlisted);
            judged.push(Judged { settings, course, tally: Tally::default() });
        }
        Ok(Self { judged, extent: Extent::default(), intervals: Intervals::default(), parting: None, most_nodes: 0 })
    }

    /// Goes on to a sample, and returns what each policy decides.
    fn step(&mut self, sample: &TraceSample, line: u64) -> Result<Vec<Decision>, wnm_core::trace::TraceError> {
        // Both go on before either gives up, so that they always see the same.
        let decisions: Vec<_> = self.judged.iter_mut().map(|judged| judged.course.step(sample)).collect();
        let decisions = decisions.into_iter().collect::<Result<Vec<_>, _>>()?;
        self.most_nodes = self.most_nodes.max(self.judged[0].course.observation().nodes.len());
        let known = self.pass(sample.at);
        for (judged, decision) in self.judged.iter_mut().zip(&decisions) {
            judged.tally.count(decision);
            judged.tally.pass(&judged.course.policy, &judged.course.observation().host, known);
        }
        if let ([one, other], None) = (decisions.as_slice(), &self.parting) {
            let actions = |decision: &Decision| decision.actions.iter().map(|p| p.action.clone()).collect::<Vec<_>>();
            if actions(one) != actions(other) {
                let decided = [spell(one), spell(other)];
                self.parting = Some(Parting { sample: self.extent.samples, line, at: sample.at, decided });
            }
        }
        Ok(decisions)
    }

    /// Goes on in time, and returns how long something was known.
    fn pass(&mut self, at: Timestamp) -> Option<std::time::Duration> {
        let extent = &mut self.extent;
        extent.samples += 1;
        let interval = extent.last.map(|last| at.since(last));
        extent.first = extent.first.or(Some(at));
        extent.last = Some(at);
        let interval = interval?;
        if self.intervals.is_gap(interval) {
            extent.gaps += 1;
            extent.longest_gap = extent.longest_gap.max(interval);
            return None;
        }
        extent.watched += interval;
        Some(interval)
    }

    fn warn(&self, args: &Args, file: &TraceFile) {
        let course = &self.judged[0].course;
        if course.is_listed() && args.nodes.is_some() {
            talk(&format!("note: {} lists its nodes, so --nodes is not used", file.name()));
        }
        if self.most_nodes == 0 && args.nodes.is_none() {
            talk("note: the trace neither lists nor counts nodes: give --nodes N for a colony of N");
        }
    }
}

/// Writes a run: the trace again, as it was understood, with a decision after each sample.
struct RunWriter {
    output: Output,
    writer: TraceWriter,
}

impl RunWriter {
    fn create(path: &std::path::Path, replay: &Replay, file: &TraceFile) -> Result<Self, SimError> {
        let mut output = Output::create(path)?;
        let mut header = file.header().cloned().unwrap_or_default();
        let judged = &replay.judged[0];
        header.program = Some(format!("wnm-sim {}", env!("CARGO_PKG_VERSION")));
        header.cpus = judged.course.observation().host.cpus;
        header.policy = judged.settings.clone();
        let mut writer = TraceWriter::new(header);
        output.line(&writer.header())?;
        Ok(Self { output, writer })
    }

    fn write(&mut self, course: &Course, decision: &Decision) -> Result<(), SimError> {
        let observation = course.observation();
        self.output.line(&self.writer.sample(observation, course.state()))?;
        self.output.line(&self.writer.decided(observation.now, decision))
    }

    fn note(&mut self, at: Timestamp, text: &str) -> Result<(), SimError> {
        self.output.line(&self.writer.note(at, text))
    }
}
