//! A week of the capacity model in cycles of a minute. The cost of the policy is at most 50 ms for a hundred nodes on one
//! core; with `fixed`, which evaluates no rules, nearly all of the time is that of the model.
#![expect(clippy::unwrap_used, reason = "a bench without its scenario cannot go on")]
#![allow(missing_docs, reason = "criterion's macros declare functions without")]

use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use wnm_sim::healthy_nodes;

fn week(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("host week");
    group.sample_size(10).measurement_time(Duration::from_secs(5));
    for (scenario, policy) in
        [("calm-16", "classic"), ("calm-16", "steady"), ("storms-16", "fixed:100"), ("storms-2", "classic")]
    {
        group.bench_function(format!("{scenario}/{policy}"), |b| {
            b.iter(|| healthy_nodes(scenario, policy, 1, 7.0, 60).unwrap());
        });
    }
    group.finish();
}

criterion_group!(benches, week);
criterion_main!(benches);
