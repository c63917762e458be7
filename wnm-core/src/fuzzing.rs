//! The parsers as fuzz targets: each function takes any bytes and asserts the properties that hold for all of them.
//!
//! The programs in `fuzz/` call them; a test replays the inputs of `fuzz/corpus`.

use crate::case::{Case, CaseConfig};
use crate::trace::{TraceHeader, TraceLine, TraceWriter};
use crate::{
    Action, CommandLine, EngineState, Flavor, NodeMetrics, Observation, Outcome, Policy, RawSettings, Surroundings,
    evaluate, is_node_metrics, parse_identity, parse_metrics,
};

/// The maximum number of lines of one input: more take time and show nothing new.
const MOST_LINES: usize = 32;

/// A fuzz target.
#[cfg(test)]
type Target = fn(&[u8]);

/// Every target with its name, which is that of its folder in `fuzz/corpus`.
#[cfg(test)]
const TARGETS: [(&str, Target); 5] = [
    ("exposition", exposition),
    ("trace", trace),
    ("decision_case", decision_case),
    ("settings", settings),
    ("command_line", command_line),
];

/// Parses the metrics and the metadata of a node.
pub fn exposition(bytes: &[u8]) {
    let metrics = parse_metrics(bytes);
    let floats = [metrics.memory_mb, metrics.cpu_percent];
    assert!(floats.into_iter().flatten().all(|value| value.is_finite() && value >= 0.0), "{metrics:?}");
    assert!(metrics == NodeMetrics::default() || is_node_metrics(bytes), "metrics of no node: {metrics:?}");
    let peer = parse_identity(bytes).peer_id.unwrap_or_default();
    assert!(peer.len() <= 128 && peer.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{peer:?}");
    let mut with_returns = Vec::with_capacity(bytes.len());
    for byte in bytes {
        if *byte == b'\n' {
            with_returns.push(b'\r');
        }
        with_returns.push(*byte);
    }
    assert_eq!(parse_metrics(&with_returns), metrics, "line ends change the metrics");
}

/// Parses the lines of a trace, and writes them again.
pub fn trace(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (mut observation, mut state) = (Observation::default(), EngineState::default());
    let mut writer = TraceWriter::new(TraceHeader::default());
    for line in text.lines().take(MOST_LINES) {
        let written = match TraceLine::parse(line) {
            Ok(TraceLine::Header(header)) => {
                writer = TraceWriter::new(*header);
                writer.header()
            }
            Ok(TraceLine::Sample(sample)) => match sample.apply(&mut observation, &mut state) {
                Ok(()) => writer.sample(&observation, &state),
                Err(error) => {
                    assert!(error.column() > 0);
                    continue;
                }
            },
            Ok(TraceLine::Note { at, text }) => writer.note(at, &text),
            Ok(TraceLine::Decided(_)) => continue,
            Err(error) => {
                assert!(error.column() > 0, "{error}");
                continue;
            }
        };
        let again = TraceLine::parse(&written);
        assert!(again.is_ok(), "{line} is written as {written}, which is {again:?}");
    }
}

/// Decides a sequence of situations. Each action is done before the next one.
pub fn decision_case(bytes: &[u8]) {
    let (mut config, mut state) = (CaseConfig::default(), EngineState::default());
    for line in bytes.split(|byte| *byte == b'\n').take(MOST_LINES) {
        let Ok(mut case) = serde_json::from_slice::<Case>(line) else { continue };
        config = case.config.take().unwrap_or(config);
        let Ok(policy) = case.policy(&config) else { continue };
        let Ok(observation) = case.observe(&config, &mut state) else { continue };
        let evaluation = evaluate(&policy, state.clone(), &observation);
        let decision = &evaluation.decision;
        assert_eq!(evaluate(&policy, state.clone(), &observation).decision, *decision, "two decisions");
        let mut nodes: Vec<_> = decision.actions.iter().map(|planned| planned.action.node()).collect();
        for planned in &decision.actions {
            let is_new = matches!(planned.action, Action::Add { .. });
            assert!(is_new != observation.nodes.contains_key(&planned.action.node()), "{planned:?}");
        }
        nodes.sort();
        let count = nodes.len();
        nodes.dedup();
        assert_eq!(nodes.len(), count, "two actions on one node: {:?}", decision.actions);
        assert!(serde_json::to_string(decision).is_ok(), "{decision:?}");
        let done: Vec<_> = decision.actions.iter().map(|planned| (planned.clone(), Outcome::Done)).collect();
        state = evaluation.apply(&done);
    }
}

/// Sets settings from lines `key=value`.
pub fn settings(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut raw = RawSettings::default();
    for (key, value) in text.lines().take(MOST_LINES).filter_map(|line| line.split_once('=')) {
        let before = raw.clone();
        if let Err(problem) = raw.set(key, value) {
            assert_eq!(raw, before, "{problem}: and changed a setting");
            continue;
        }
        let written = raw.get(key).unwrap_or_default();
        let mut again = before.clone();
        assert_eq!(again.set(key, &written), Ok(()), "{key}={value} is written as {written}");
        assert_eq!(again, raw, "{key}={value} is written as {written}");
        let shown = raw.display(key).unwrap_or_default();
        assert_eq!(again.set(key, &shown), Ok(()), "{key}={value} is shown as {shown}");
    }
    if let Err(problems) = Policy::new(&raw, Some(4)) {
        assert!(!problems.to_string().is_empty());
    }
}

/// Parses the command line of a node, in words as a shell splits them.
pub fn command_line(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(words) = shell_words::split(text) else { return };
    for flavor in Flavor::ALL {
        let Ok(parsed) = CommandLine::read(&flavor, &words, Surroundings::default()) else { continue };
        assert!(parsed.root_dir.is_absolute(), "{parsed:?}");
        assert!(parsed.unknown.iter().all(|word| parsed.rest.contains(word)), "{parsed:?}");
        let length = |words: &[String]| words.iter().map(String::len).sum::<usize>();
        // An alias may be shorter than its flag.
        assert!(length(&parsed.rest) <= 16 * text.len(), "{parsed:?}");
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "the test reads the inputs")]

    use std::fs;
    use std::path::Path;

    #[test]
    fn committed_inputs_pass() {
        for (name, target) in super::TARGETS {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(name);
            let mut replayed = 0;
            for input in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
                target(&fs::read(input.unwrap().path()).unwrap());
                replayed += 1;
            }
            assert!(replayed > 0, "{name} has no inputs");
        }
    }
}
