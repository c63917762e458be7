//! How many cycles a second the explorer runs, with all faults and all checks: at least 30,000 of 100 nodes and 3,000
//! of 1000 on one core.
#![expect(clippy::unwrap_used, reason = "a bench without its data cannot go on")]
#![allow(missing_docs, reason = "criterion's macros declare functions without")]

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const CYCLES: u64 = 2000;

fn explore(c: &mut Criterion) {
    let mut group = c.benchmark_group("explore");
    group.sample_size(10).measurement_time(Duration::from_secs(5)).throughput(Throughput::Elements(CYCLES));
    for nodes in [10, 100, 1000] {
        group.bench_function(BenchmarkId::from_parameter(nodes), |b| {
            b.iter(|| wnm_sim::explore::cycles(nodes, CYCLES).unwrap());
        });
    }
    group.finish();
}

criterion_group!(benches, explore);
criterion_main!(benches);
