//! The rules of the Python wnm decide as it did, in 2000 recorded cases. No setting selects these rules.

use std::io::Read;

use flate2::read::GzDecoder;
use serde_json::Value;
use wnm_core::case::{Case, case_actions};
use wnm_core::{EngineState, evaluate_parity};

#[test]
fn parity_agrees_with_every_recorded_case() {
    let mut text = String::new();
    GzDecoder::new(&include_bytes!("data/decisions.jsonl.gz")[..]).read_to_string(&mut text).unwrap();
    let mut cases = 0;
    for (i, line) in text.lines().enumerate() {
        let case: Case = serde_json::from_str(line).unwrap_or_else(|error| panic!("case {i}: {error}"));
        let expected: Value = serde_json::from_str::<Value>(line).unwrap()["expected"].take();
        let config = case.config.clone().unwrap();
        let mut state = EngineState::default();
        let observation = case.observe(&config, &mut state).unwrap();
        let decision = evaluate_parity(&case.policy(&config).unwrap(), state, &observation).decision;
        assert_eq!(serde_json::to_value(decision.features).unwrap(), expected["features"], "features of case {i}");
        assert_eq!(
            serde_json::to_value(case_actions(&decision)).unwrap(),
            expected["actions"],
            "actions of case {i}: {line}"
        );
        cases += 1;
    }
    assert_eq!(cases, 2000);
}
