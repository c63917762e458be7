//! The core in another tool: a manager of game servers instead of nodes.
//!
//! The engine does not know node programs. From observations of anything that runs and uses resources it derives
//! decisions, each with its reason.

use std::error::Error;

use wnm_core::{
    Action, EngineState, HostSample, Load, LoadAverages, NodeId, NodeSample, Observation, Percent, Planned, Policy,
    Presence, RawSettings, Timestamp, Volume, evaluate, steps::Outcome,
};

/// A game server.
struct GameServer {
    slot: NodeId,
    opened: Timestamp,
    is_up: bool,
}

/// Returns the observation of the host and its servers.
fn observe(servers: &[GameServer], cpu: f64, now: Timestamp) -> Result<Observation, Box<dyn Error>> {
    let load = Load::new(0.5)?;
    let sample = |server: &GameServer| NodeSample {
        born: server.opened,
        presence: if server.is_up { Presence::Answering } else { Presence::Gone },
        ..NodeSample::default()
    };
    Ok(Observation {
        now,
        host: HostSample {
            cpu: Some(Percent::new(cpu)?),
            memory: Some(Percent::new(30.0)?),
            volumes: vec![Volume { used: Some(Percent::new(40.0)?), ..Volume::default() }],
            load: Some(LoadAverages { one: load, five: load, fifteen: load }),
            ..HostSample::default()
        },
        nodes: servers.iter().map(|server| (server.slot, sample(server))).collect(),
        ..Observation::default()
    })
}

/// Executes a planned action on the servers.
fn carry_out(planned: &Planned, servers: &mut Vec<GameServer>, now: Timestamp) -> Outcome {
    let slot = planned.action.node();
    match planned.action {
        Action::Add { .. } => servers.push(GameServer { slot, opened: now, is_up: true }),
        Action::Remove { .. } => servers.retain(|server| server.slot != slot),
        _ => servers
            .iter_mut()
            .filter(|server| server.slot == slot)
            .for_each(|server| server.is_up = !matches!(planned.action, Action::Stop { .. })),
    }
    Outcome::Done
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut raw = RawSettings::default();
    for (key, value) in [("node_cap", "3"), ("delay_start", "60"), ("max_concurrent_starts", "2")] {
        raw.set(key, value)?;
    }
    let policy = Policy::new(&raw, Some(4))?;
    let mut state = EngineState::default();
    let mut servers = Vec::new();
    // Calm for five minutes, then a crowd of players, then calm again.
    for (minute, cpu) in [20.0, 20.0, 20.0, 20.0, 90.0, 90.0, 20.0].into_iter().enumerate() {
        let now = Timestamp::from_secs(60 * minute as i64);
        let observation = observe(&servers, cpu, now)?;
        let evaluation = evaluate(&policy, state, &observation);
        let mut outcomes = Vec::new();
        for planned in &evaluation.decision.actions {
            println!(
                "minute {minute}: {} {}, because {:?}",
                planned.action.verb(),
                planned.action.node(),
                planned.reason
            );
            outcomes.push((planned.clone(), carry_out(planned, &mut servers, now)));
        }
        if let Some(blocker) = evaluation.decision.blocker() {
            println!("minute {minute}: {blocker:?}");
        }
        state = evaluation.apply(&outcomes);
    }
    assert!(servers.iter().any(|server| !server.is_up), "the crowd must have cost a server its place");
    Ok(())
}
