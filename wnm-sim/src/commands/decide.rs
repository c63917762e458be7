//! `wnm-sim decide`: situations in, decisions out, a line each.

use std::io::{Read, Write};
use std::path::PathBuf;

use serde::Serialize;
use wnm_core::case::{Case, case_actions};
use wnm_core::{Blocker, Decision, EngineState, Features, NodeState, Observation, Reason, StopCause, evaluate};

use crate::commands::session::Session;
use crate::lines::{LONGEST_LINE, Line, Lines};
use crate::output::Output;
use crate::trace_file::open_input;
use crate::{Exit, SimError};

/// Answers situations with decisions, a JSON line each
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  wnm-sim decide cases.jsonl            each line by itself
  wnm-sim decide cases.jsonl.gz | jq -c .actions
  my-model | wnm-sim decide --stateful  one line after the other, for a model of a host that takes the answers

The lines are described in docs/decide-protocol.md. A bad line is answered {\"error\": …, \"line\": n} in its place, and
the exit code is 1 at the end.")]
pub(crate) struct Args {
    /// Situations, a JSON object a line; .gz is decompressed
    #[arg(default_value = "-")]
    file: PathBuf,
    /// Remember from line to line what the engine would, and answer each at once
    #[arg(long)]
    stateful: bool,
}

/// Whether a line has to do with the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Memory {
    /// Each is a situation of its own.
    None,
    /// The engine's state goes on from line to line.
    Carried,
}

pub(crate) fn run(args: &Args) -> Result<Exit, SimError> {
    let input = open_input(&args.file)?;
    let memory = if args.stateful { Memory::Carried } else { Memory::None };
    let unreadable = |source| SimError::Read { path: args.file.clone(), source };
    answer_all(input, Output::standard().into_writer(), memory).map_err(|error| match error {
        Broken::Input(source) => unreadable(source),
        Broken::Output(source) => SimError::Output(source),
    })
}

/// Which side of the stream broke.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// The input could not be read.
    #[error("cannot read: {0}")]
    Input(#[source] std::io::Error),
    /// The output could not be written.
    #[error("cannot write: {0}")]
    Output(#[source] std::io::Error),
}

/// Answers every line of the input, in order; whoever waits for an answer before the next line gets it.
///
/// # Errors
/// The input or the output broke. Bad lines are no error: they are answered, and end in [`Exit::BadInput`].
pub fn answer_all(input: impl Read, mut output: impl Write, memory: Memory) -> Result<Exit, Broken> {
    let mut lines = Lines::new(input);
    let mut session = Session::default();
    let mut room = Room::default();
    let mut exit = Exit::Done;
    let mut answer = Vec::with_capacity(1024);
    loop {
        if !lines.is_ready() {
            output.flush().map_err(Broken::Output)?;
        }
        let Some(line) = lines.next().map_err(Broken::Input)? else { break };
        answer.clear();
        let answered = match (line, memory) {
            (Line::TooLong, _) => Err(format!("expected a line of at most {LONGEST_LINE} bytes, found more")),
            (Line::Whole(line), Memory::None) => answer_case(line, &mut room, &mut answer),
            (Line::Whole(line), Memory::Carried) => session.answer(line, &mut answer),
        };
        if let Err(error) = answered {
            exit = Exit::BadInput;
            answer.clear();
            write_json(&BadLine { error: &error, line: lines.number }, &mut answer);
        }
        answer.push(b'\n');
        output.write_all(&answer).map_err(Broken::Output)?;
    }
    output.flush().map_err(Broken::Output)?;
    Ok(exit)
}

#[derive(Serialize)]
struct BadLine<'a> {
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

/// Room for one situation after the other: what is used again need not be made again.
#[derive(Default)]
struct Room {
    state: EngineState,
    observation: Observation,
}

fn answer_case(line: &[u8], room: &mut Room, answer: &mut Vec<u8>) -> Result<(), String> {
    let case: Case = parse(line)?;
    let config = case.config.as_ref().ok_or("expected config, found none")?;
    let policy = case.policy(config).map_err(|problems| format!("config: {problems}"))?;
    let Room { state, observation } = room;
    // No situation has to do with the one before: of a node that stopped nobody knows when, nothing is remembered.
    for (_, node) in &mut state.nodes {
        *node = NodeState::Stopped { since: None, cause: StopCause::Found };
    }
    case.observe_into(config, observation, state).map_err(|error| error.to_string())?;
    write_decision(&evaluate(&policy, state.clone(), observation).decision, answer);
    Ok(())
}

/// Reads a line, and tells what is wrong with it and where.
pub(crate) fn parse<'a, T: serde::Deserialize<'a>>(line: &'a [u8]) -> Result<T, String> {
    let text =
        std::str::from_utf8(line).map_err(|error| format!("expected UTF-8 (column {})", error.valid_up_to() + 1))?;
    serde_json::from_str(text).map_err(|error| {
        let (said, column) = (error.to_string(), error.column());
        let place = format!(" at line {} column {column}", error.line());
        format!("{} (column {column})", said.strip_suffix(&place).unwrap_or(&said))
    })
}

pub(crate) fn write_decision(decision: &Decision, answer: &mut Vec<u8>) {
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

/// Writes the features as JSON members, by hand: they are half of every answer.
fn write_features(features: &Features, answer: &mut Vec<u8>) {
    macro_rules! members {
        ($first:ident $($name:ident)*) => {
            // Every field is named, so that a new one is not forgotten.
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

/// Writes a value whose keys are texts and whose numbers are finite: that cannot fail.
pub(crate) fn write_json(value: &impl Serialize, answer: &mut Vec<u8>) {
    _ = serde_json::to_writer(answer, value);
}
