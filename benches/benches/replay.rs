//! A year of a host with a hundred nodes, a sample a minute, replayed on one core. Goals: 1.5 s from memory, 5 s from a
//! file.
#![expect(clippy::expect_used, reason = "a bench without its data cannot go on")]
#![allow(missing_docs, reason = "criterion's macros declare functions without")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use wnm_core::case::CaseStatus;
use wnm_core::trace::{NodeChange, NodeChanges, Patch, TraceSample};
use wnm_core::{HostSample, Load, LoadAverages, NodeId, Percent, Policy, RawSettings, Timestamp, Version, Volume};
use wnm_sim::{Course, Tally, Unlisted};

const MINUTES: i64 = 525_600;

/// Returns a year of samples: a working week in the load, all nodes listed once.
fn year() -> Vec<TraceSample> {
    let percent = |value: f64| Percent::clamped(value);
    let load = |value: f64| Load::clamped(value).unwrap_or_default();
    let sample = |minute: i64| {
        let hour = (minute % 1440) as f64 / 60.0;
        let noise = ((minute * 7919) % 97) as f64 / 97.0;
        let cpu = 45.0 + 20.0 * (hour / 24.0 * std::f64::consts::TAU).sin() + 10.0 * noise;
        let average = load(cpu * 0.16);
        TraceSample {
            at: Timestamp::from_secs(1_700_000_000 + 60 * minute),
            host: HostSample {
                cpu: percent(cpu),
                memory: percent(50.0),
                volumes: vec![Volume { used: percent(40.0), ..Volume::default() }],
                load: Some(LoadAverages { one: average, five: average, fifteen: average }),
                ..HostSample::default()
            },
            target: Some(Version::new(0, 4, 17)),
            nodes: if minute == 0 { NodeChanges::All(nodes()) } else { NodeChanges::Same },
            ..TraceSample::default()
        }
    };
    (0..MINUTES).map(sample).collect()
}

fn nodes() -> Vec<NodeChange> {
    let node = |id: NodeId| NodeChange {
        id,
        state: Some(CaseStatus::Running),
        since: Patch::Unchanged,
        version: Patch::Is("0.4.17".to_owned()),
        born: Patch::Is(1_690_000_000.0 + f64::from(id.get())),
        cpu: Patch::Is(0.05),
        memory: Patch::Is(80 << 20),
        disk: Patch::Unchanged,
        volume: Patch::Is(0),
        acting: Patch::Unchanged,
    };
    (1..=100).filter_map(NodeId::new).map(node).collect()
}

fn replay(criterion: &mut Criterion) {
    let mut settings = RawSettings::default();
    settings.set("node_cap", "100").expect("a setting");
    let policy = Policy::new(&settings, Some(16)).expect("a policy");
    let year = year();
    let mut group = criterion.benchmark_group("replay");
    group.sample_size(10);
    group.bench_function("a year in memory", |bencher| {
        bencher.iter(|| {
            let mut course = Course::new(policy.clone(), Some(16), Unlisted::AsCounted);
            let mut tally = Tally::default();
            for sample in &year {
                let decision = course.step(sample).expect("the nodes are listed first");
                tally.count(&decision);
                tally.pass(&course.policy, &course.observation().host, Some(std::time::Duration::from_secs(60)));
            }
            black_box(tally)
        });
    });
    group.finish();
}

criterion_group!(benches, replay);
criterion_main!(benches);
