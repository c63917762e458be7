//! The cost of one cycle of the engine: `evaluate` and `apply` together take at most 6 µs for 100 nodes and 50 µs for
//! 1000.
#![expect(clippy::unwrap_used, reason = "a bench cannot run without its data")]
#![allow(missing_docs, reason = "criterion's macros declare functions without")]

use std::collections::BTreeMap;
use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use wnm_core::{
    EngineState, HostSample, Load, LoadAverages, NodeId, NodeSample, NodeState, Observation, Percent, Policy, Presence,
    RawSettings, Timestamp, Version, Volume, evaluate,
};

/// Returns a colony on a host between the thresholds, all nodes of one version: the input of most cycles.
fn calm(nodes: u32) -> (Policy, EngineState, Observation) {
    let now = Timestamp::from_secs(1_780_000_000);
    let ids = || (1..=nodes).filter_map(NodeId::new);
    let sample = |id: NodeId| NodeSample {
        presence: Presence::Answering,
        born: Timestamp::from_secs(1_700_000_000 + i64::from(id.get() * 7919 % 100_003)),
        version: Some(Version::new(0, 4, 17)),
        volume: Some(0),
        ..NodeSample::default()
    };
    let load = Load::clamped(1.0).unwrap();
    let host = HostSample {
        cpu: Percent::clamped(60.0),
        memory: Percent::clamped(50.0),
        load: Some(LoadAverages { one: load, five: load, fifteen: load }),
        volumes: vec![Volume {
            used: Percent::clamped(50.0),
            identity: 1,
            root: "/storage".into(),
            ..Volume::default()
        }],
        ..HostSample::default()
    };
    let state = EngineState {
        nodes: ids().map(|id| (id, NodeState::Running { since: now })).collect(),
        volumes: BTreeMap::from([("/storage".into(), 1)]),
        ..EngineState::default()
    };
    let raw = RawSettings { node_cap: Some(nodes), enable_upgrade: Some(true), ..RawSettings::default() };
    let observation = Observation {
        now: Timestamp::from_secs(1_780_000_060),
        rebooted: false,
        host,
        nodes: ids().map(|id| (id, sample(id))).collect(),
        target: Some(Version::new(0, 4, 17)),
        ..Observation::default()
    };
    (Policy::new(&raw, Some(16)).unwrap(), state, observation)
}

fn engine(c: &mut Criterion) {
    for nodes in [10, 100, 1000] {
        let (policy, state, observation) = calm(nodes);
        c.bench_function(&format!("evaluate/{nodes}"), |b| {
            b.iter_batched(
                || state.clone(),
                |state| evaluate(black_box(&policy), state, black_box(&observation)).decision,
                BatchSize::SmallInput,
            );
        });
        c.bench_function(&format!("evaluate and apply/{nodes}"), |b| {
            b.iter_batched(
                || state.clone(),
                |state| evaluate(black_box(&policy), state, black_box(&observation)).apply(&[]),
                BatchSize::SmallInput,
            );
        });
        let mut pressed = observation.clone();
        pressed.host.cpu = Percent::clamped(99.0);
        c.bench_function(&format!("evaluate under pressure/{nodes}"), |b| {
            b.iter_batched(
                || state.clone(),
                |state| evaluate(black_box(&policy), state, black_box(&pressed)).decision,
                BatchSize::SmallInput,
            );
        });
    }
}

criterion_group!(benches, engine);
criterion_main!(benches);
