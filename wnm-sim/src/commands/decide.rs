//! `wnm-sim decide`: answers situations with decisions, one JSON line each.

use std::io::{Read, Write};
use std::path::PathBuf;

use serde::Serialize;
use wnm_core::case::{Case, CaseNode, CaseStatus, case_actions, case_moves};
use wnm_core::{
    Blocker, Decision, EngineState, Evaluation, Features, NodeState, Observation, Policy, Preset, Reason, StopCause,
    evaluate, evaluate_parity,
};

use crate::commands::session::Session;
use crate::lines::{LONGEST_LINE, Line, Lines};
use crate::output::Output;
use crate::trace_file::open_input;
use crate::{Exit, SimError};

/// Answer situations with decisions, one JSON line each
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  wnm-sim decide cases.jsonl            each line on its own
  wnm-sim decide cases.jsonl.gz | jq -c .actions
  my-model | wnm-sim decide --stateful  consecutive lines, for a model that applies the answers

An invalid line is answered with {\"error\": …, \"line\": n}, and the exit code is then 1.
See docs/decide-protocol.md for the format.")]
pub(crate) struct Args {
    /// Read situations from this file, one JSON object per line; .gz is decompressed, - is standard input
    #[arg(default_value = "-")]
    file: PathBuf,
    /// Keep the state of the engine from line to line, and answer each line immediately
    #[arg(long)]
    stateful: bool,
    /// Decide with the rules of the Python wnm, which no colony can run, to compare both programs
    #[arg(long)]
    parity: bool,
}

/// The rules that answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rules {
    /// Those of the preset of each situation.
    OfPreset,
    /// Those of the Python wnm.
    Parity,
}

impl Rules {
    /// Evaluates a situation with these rules.
    pub(crate) fn evaluate<'a>(
        self,
        policy: &Policy,
        state: EngineState,
        observation: &'a Observation,
    ) -> Evaluation<'a> {
        match self {
            Self::OfPreset => evaluate(policy, state, observation),
            Self::Parity => evaluate_parity(policy, state, observation),
        }
    }
}

/// Whether lines depend on each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateMode {
    /// Each line is a situation of its own.
    Stateless,
    /// The engine state is kept from line to line.
    Stateful,
}

pub(crate) fn run(args: &Args) -> Result<Exit, SimError> {
    let input = open_input(&args.file)?;
    let mode = if args.stateful { StateMode::Stateful } else { StateMode::Stateless };
    let unreadable = |source| SimError::Read { path: args.file.clone(), source };
    let rules = if args.parity { Rules::Parity } else { Rules::OfPreset };
    answer_all(input, Output::standard().into_writer(), mode, rules).map_err(|error| match error {
        StreamError::Input(source) => unreadable(source),
        StreamError::Output(source) => SimError::Output(source),
    })
}

/// The side of the stream that failed.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// The input could not be read.
    #[error("cannot read: {0}")]
    Input(#[source] std::io::Error),
    /// The output could not be written.
    #[error("cannot write: {0}")]
    Output(#[source] std::io::Error),
}

/// Answers every line of the input in order. Flushes before a read that would block, so that a caller may wait.
///
/// # Errors
/// Reading or writing fails. Invalid lines are no error: they are answered, and the result is [`Exit::BadInput`].
pub fn answer_all(
    input: impl Read,
    mut output: impl Write,
    mode: StateMode,
    rules: Rules,
) -> Result<Exit, StreamError> {
    let mut lines = Lines::new(input);
    let mut session = Session::new(rules);
    let mut buffers = Buffers::default();
    let mut exit = Exit::Done;
    let mut answer = Vec::with_capacity(1024);
    loop {
        // Flushing only before a read that may block keeps a file of many cases fast.
        if !lines.is_ready() {
            output.flush().map_err(StreamError::Output)?;
        }
        let Some(line) = lines.next().map_err(StreamError::Input)? else { break };
        answer.clear();
        let answered = match (line, mode) {
            (Line::TooLong, _) => Err(format!("the line is longer than {LONGEST_LINE} bytes")),
            (Line::Whole(line), StateMode::Stateless) => answer_case(line, rules, &mut buffers, &mut answer),
            (Line::Whole(line), StateMode::Stateful) => session.answer(line, &mut answer),
        };
        if let Err(error) = answered {
            exit = Exit::BadInput;
            answer.clear();
            write_json(&InvalidLine { error: &error, line: lines.number }, &mut answer);
        }
        answer.push(b'\n');
        output.write_all(&answer).map_err(StreamError::Output)?;
    }
    output.flush().map_err(StreamError::Output)?;
    Ok(exit)
}

#[derive(Serialize)]
struct InvalidLine<'a> {
    error: &'a str,
    line: u64,
}

/// The reason of each action; for a decision without actions its blocker, `null` when nothing calls for an action.
#[derive(Serialize)]
#[serde(untagged)]
enum Reasons<'a> {
    Actions(Vec<&'a Reason>),
    Blocker([Option<&'a Blocker>; 1]),
}

/// Buffers reused for every line: allocation dominates the cost of a small case.
#[derive(Default)]
struct Buffers {
    state: EngineState,
    observation: Observation,
}

fn answer_case(line: &[u8], rules: Rules, buffers: &mut Buffers, answer: &mut Vec<u8>) -> Result<(), String> {
    let case: Case = parse(line)?;
    let config = case.config.as_ref().ok_or("the key config is missing")?;
    let policy = case.policy(config).map_err(|problems| format!("invalid config: {problems}"))?;
    let Buffers { state, observation } = buffers;
    // The buffer holds the nodes of the case before, whose state must not influence this one.
    for (_, node) in &mut state.nodes {
        *node = NodeState::Stopped { since: None, cause: StopCause::Pressure };
    }
    case.observe_into(config, observation, state).map_err(|error| error.to_string())?;
    write_answer(&case, &policy, rules, &rules.evaluate(&policy, state.clone(), observation), answer);
    Ok(())
}

/// Parses a line of JSON; the error names the problem and the column.
pub(crate) fn parse<'a, T: serde::Deserialize<'a>>(line: &'a [u8]) -> Result<T, String> {
    let text = std::str::from_utf8(line)
        .map_err(|error| format!("the line is not UTF-8 (column {})", error.valid_up_to() + 1))?;
    serde_json::from_str(text).map_err(|error| {
        let (message, column) = (error.to_string(), error.column());
        let place = format!(" at line {} column {column}", error.line());
        format!("invalid JSON: {} (column {column})", message.strip_suffix(&place).unwrap_or(&message))
    })
}

/// Writes the answer to a situation.
pub(crate) fn write_answer(
    case: &Case,
    policy: &Policy,
    rules: Rules,
    evaluation: &Evaluation<'_>,
    answer: &mut Vec<u8>,
) {
    write_decision(&evaluation.decision, answer);
    let moves = case_moves(&evaluation.decision);
    if !moves.is_empty() {
        answer.pop();
        answer.extend_from_slice(b",\"move_to\":");
        write_json(&moves, answer);
        answer.push(b'}');
    }
    let cancelled = &evaluation.decision.cancelled;
    if !cancelled.is_empty() {
        answer.pop();
        answer.extend_from_slice(b",\"cancelled\":");
        write_json(&cancelled.iter().map(|found| found.node).collect::<Vec<_>>(), answer);
        answer.push(b'}');
    }
    if rules == Rules::Parity || policy.preset == Preset::Classic {
        return;
    }
    // The host sets the limit; the caller may compare the need of a node with its own model.
    answer.pop();
    if let Some(limit) = evaluation.decision.cpu_limit {
        answer.extend_from_slice(b",\"cpu_limit\":");
        write_json(&limit, answer);
    }
    if let Some(need) = evaluation.node_cpu() {
        answer.extend_from_slice(b",\"node_cpu\":");
        write_json(&need, answer);
    }
    let missing = missing(case, policy);
    if !missing.is_empty() {
        answer.extend_from_slice(b",\"missing\":");
        write_json(&missing, answer);
    }
    answer.push(b'}');
}

/// Returns the keys that steady needs and the situation lacks: without them it neither adds nor stops nodes.
fn missing(case: &Case, policy: &Policy) -> Vec<&'static str> {
    let policy = policy.on(&case.metrics.host());
    let mut missing = case.metrics.missing(&policy);
    let runs = |node: &&CaseNode| matches!(node.status, CaseStatus::Running | CaseStatus::Unknown);
    let (running, unknown) = case
        .nodes
        .iter()
        .filter(runs)
        .fold((0, 0), |(running, unknown), node| (running + 1, unknown + u32::from(node.cpu.is_none())));
    if unknown > running / 2 {
        missing.push("nodes.cpu");
    }
    if case.now.is_none() {
        missing.push("now");
    }
    missing
}

fn write_decision(decision: &Decision, answer: &mut Vec<u8>) {
    let reasons = if decision.actions.is_empty() {
        Reasons::Blocker([decision.blocker()])
    } else {
        Reasons::Actions(decision.actions.iter().map(|planned| &planned.reason).collect())
    };
    answer.extend_from_slice(b"{\"features\":{");
    write_features(&decision.features, answer);
    answer.extend_from_slice(b"},\"actions\":");
    write_json(&case_actions(decision), answer);
    answer.extend_from_slice(b",\"reasons\":");
    write_json(&reasons, answer);
    answer.push(b'}');
}

/// Writes the features as JSON members without serde, because they are half of every answer.
fn write_features(features: &Features, answer: &mut Vec<u8>) {
    macro_rules! members {
        ($first:ident $($name:ident)*) => {
            // Destructuring names every field, so that the compiler reports a new one that is missing here.
            let Features { $first, $($name),* } = *features;
            member(concat!("\"", stringify!($first), "\":"), $first, answer);
            $(member(concat!(",\"", stringify!($name), "\":"), $name, answer);)*
        };
    }
    members!(allow_cpu allow_mem allow_hd remove_cpu remove_mem remove_hd allow_node_cap allow_netio remove_netio
        allow_hdio remove_hdio load_allow load_not_allow add_new_node remove upgrade);
}

fn member(name: &str, value: bool, answer: &mut Vec<u8>) {
    answer.extend_from_slice(name.as_bytes());
    answer.extend_from_slice(if value { b"true" } else { b"false" });
}

/// Writes a value as JSON. Cannot fail for string keys and finite numbers, which the callers guarantee.
pub(crate) fn write_json(value: &impl Serialize, answer: &mut Vec<u8>) {
    _ = serde_json::to_writer(answer, value);
}
