//! `wnm-sim replay`: the decisions that a policy would have made at each sample of a trace.

mod course;
mod report;
mod rows;
mod summary;
mod tally;

use std::path::PathBuf;

use wnm_core::trace::{TraceLine, TraceSample, TraceWriter};
use wnm_core::{Decision, RawSettings, Timestamp};

use crate::error::talk;
use crate::output::Output;
use crate::policy_args::{PolicyArgs, policy, set_all};
use crate::trace_file::{BadLines, TraceFile};
use crate::words::spell;
use crate::{Exit, SimError, candidates, values};

pub(crate) use course::Intervals;
pub use course::{Course, Unlisted};
pub use tally::{Count, Extent, OverLimit, Tally};

/// Show the decisions that a policy would have made at each sample of a trace
///
/// Open loop: decisions have no effect on the next sample, which is the recorded one. Use it to compare decisions sample
/// by sample; use run and tune to compare the effects of policies.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  wnm-sim replay trace.jsonl.gz
  wnm-sim replay trace.jsonl --cpus 4 --set cpu_remove=80 --set node_cap=50
  wnm-sim replay trace.jsonl --cpus 4 --against cpu_remove=60     two policies, and their first difference
  wnm-sim replay trace.jsonl --cpus 4 --csv > decisions.csv       one row for each sample
  wnm-sim replay trace.jsonl --cpus 4 --run run.jsonl.gz          the trace with its decisions, for chart

See docs/traces.md for the format of traces and runs.")]
pub(crate) struct Args {
    /// Read this trace; .gz is decompressed, - is standard input
    trace: PathBuf,
    #[command(flatten)]
    policy: PolicyArgs,
    /// Compare with a second policy: the first one with this setting; repeatable
    #[arg(long, value_name = "KEY=VALUE", add = candidates::settings())]
    against: Vec<String>,
    /// Assume this number of running nodes where the trace has neither a list nor a count
    #[arg(long, value_name = "N", value_parser = values::nodes)]
    nodes: Option<u32>,
    /// Print the summary as one JSON object
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print one row for each sample instead of the summary
    #[arg(long)]
    csv: bool,
    /// Write the trace with its decisions to a file; .gz compresses, - is standard output instead of the summary
    #[arg(long, value_name = "FILE")]
    run: Option<PathBuf>,
    /// Skip and count invalid lines
    #[arg(long)]
    lenient: bool,
}

/// A policy with its course through the trace and its counts.
pub(crate) struct PolicyReplay {
    /// The settings, without defaults.
    settings: RawSettings,
    course: Course,
    tally: Tally,
}

/// The first sample at which the two policies decide differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    sample: u64,
    line: u64,
    at: Timestamp,
    decided: [String; 2],
}

/// A replay without its input.
pub(crate) struct Replay {
    /// The policy, and the second one of `--against`.
    policies: Vec<PolicyReplay>,
    extent: Extent,
    intervals: Intervals,
    first_difference: Option<Difference>,
    most_nodes: usize,
}

pub(crate) fn run(args: &Args) -> Result<Exit, SimError> {
    let bad = BadLines::of_flag(args.lenient);
    let mut file = TraceFile::open(&args.trace, bad)?;
    let mut replay = Replay::new(args, &file)?;
    let mut output = Output::standard();
    let mut writer = args.run.as_deref().map(|path| RunWriter::create(path, &replay, &file)).transpose()?;
    if args.csv {
        output.line(&rows::heading(replay.policies.len()))?;
    }
    while let Some(line) = file.next()? {
        match &line {
            TraceLine::Sample(sample) => match replay.step(sample, file.line()) {
                Ok(decisions) => {
                    if args.csv {
                        output.line(&rows::row(&replay.policies[0].course, &decisions))?;
                    }
                    if let (Some(writer), Some(decision)) = (&mut writer, decisions.first()) {
                        writer.write(&replay.policies[0].course, decision)?;
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
        // The run itself has taken standard output.
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
        let mut policies = Vec::with_capacity(2);
        for settings in [Some(settings), against].into_iter().flatten() {
            let course = Course::new(policy(&settings, cpus)?, cpus, unlisted);
            policies.push(PolicyReplay { settings, course, tally: Tally::default() });
        }
        Ok(Self {
            policies,
            extent: Extent::default(),
            intervals: Intervals::default(),
            first_difference: None,
            most_nodes: 0,
        })
    }

    /// Advances to a sample and returns the decision of each policy.
    fn step(&mut self, sample: &TraceSample, line: u64) -> Result<Vec<Decision>, wnm_core::trace::TraceError> {
        // Both courses advance before an error ends the step, so that they have always read the same samples.
        let decisions: Vec<_> = self.policies.iter_mut().map(|policies| policies.course.step(sample)).collect();
        let decisions = decisions.into_iter().collect::<Result<Vec<_>, _>>()?;
        self.most_nodes = self.most_nodes.max(self.policies[0].course.observation().nodes.len());
        let known = self.pass(sample.at);
        for (policies, decision) in self.policies.iter_mut().zip(&decisions) {
            policies.tally.count(decision);
            policies.tally.pass(&policies.course.policy, &policies.course.observation().host, known);
        }
        // After the first difference the states diverge, and later differences say little.
        if let ([one, other], None) = (decisions.as_slice(), &self.first_difference) {
            let actions = |decision: &Decision| decision.actions.iter().map(|p| p.action.clone()).collect::<Vec<_>>();
            if actions(one) != actions(other) {
                let decided = [spell(one), spell(other)];
                self.first_difference = Some(Difference { sample: self.extent.samples, line, at: sample.at, decided });
            }
        }
        Ok(decisions)
    }

    /// Advances the time; returns the interval since the last sample, None after a gap.
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
        let course = &self.policies[0].course;
        if course.is_listed() && args.nodes.is_some() {
            talk(&format!("warning: --nodes is ignored: {} lists its nodes", file.name()));
        }
        if self.most_nodes == 0 && args.nodes.is_none() {
            talk("warning: the trace has neither a list nor a count of nodes");
            talk("hint: set the number of running nodes with --nodes N");
        }
    }
}

/// Writes a run: the trace as it was read, with the decision after each sample.
struct RunWriter {
    output: Output,
    writer: TraceWriter,
}

impl RunWriter {
    fn create(path: &std::path::Path, replay: &Replay, file: &TraceFile) -> Result<Self, SimError> {
        let mut output = Output::create(path)?;
        let mut header = file.header().cloned().unwrap_or_default();
        let policies = &replay.policies[0];
        header.program = Some(format!("wnm-sim {}", env!("CARGO_PKG_VERSION")));
        header.cpus = policies.course.observation().host.cpus;
        header.policy = policies.settings.clone();
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
