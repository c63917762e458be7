//! The engine in a closed loop with a model of a host: each decision changes the next observation.
//!
//! `cargo run -p wnm-examples --example closed_loop`

use std::collections::BTreeMap;

use wnm_core::{
    Action, EngineState, HostSample, LoadAverages, NodeId, NodeSample, NodeState, Observation, Outcome, Percent,
    Policy, Presence, RawSettings, Timestamp, Volume, evaluate,
};

/// The model: eight processors, of which a node uses 2 % and a background job, in the second hour, 60 %.
fn observe(now: Timestamp, born: &BTreeMap<NodeId, Timestamp>, state: &EngineState) -> Observation {
    let runs = |id: &NodeId| state.nodes.get(id).is_none_or(NodeState::is_active);
    let background = if (3600..7200).contains(&now.as_secs()) { 60.0 } else { 0.0 };
    let cpu = Percent::clamped(background + 2.0 * born.keys().filter(|id| runs(id)).count() as f64);
    let volumes = vec![Volume { used: Percent::clamped(20.0), ..Volume::default() }];
    let load = LoadAverages { one: Default::default(), five: Default::default(), fifteen: Default::default() };
    let presence = |id: &NodeId| if runs(id) { Presence::Answering } else { Presence::Gone };
    let sample =
        |id: &NodeId, born: &Timestamp| NodeSample { presence: presence(id), born: *born, ..Default::default() };
    let nodes = born.iter().map(|(id, born)| (*id, sample(id, born))).collect();
    let host = HostSample { cpu, memory: Percent::clamped(30.0), volumes, load: Some(load), ..Default::default() };
    Observation { now, host, nodes, ..Observation::default() }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut settings = RawSettings::default();
    settings.set("delay_start", "60")?;
    settings.set("node_cap", "30")?;
    let policy = Policy::new(&settings, Some(8))?;
    let (mut state, mut born) = (EngineState::default(), BTreeMap::new());
    for minute in 0..180 {
        let now = Timestamp::from_secs(minute * 60);
        let observation = observe(now, &born, &state);
        let evaluation = evaluate(&policy, state, &observation);
        for planned in &evaluation.decision.actions {
            println!("{minute:3} min, {:2} nodes: {} {}", born.len(), planned.action.verb(), planned.action.node());
            match planned.action {
                Action::Add { node } => _ = born.insert(node, now),
                Action::Remove { node, .. } => _ = born.remove(&node),
                _ => {}
            }
        }
        // In this model every action succeeds at once.
        let outcomes: Vec<_> =
            evaluation.decision.actions.iter().cloned().map(|planned| (planned, Outcome::Done)).collect();
        state = evaluation.apply(&outcomes);
    }
    Ok(())
}
