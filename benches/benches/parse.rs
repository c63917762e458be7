//! The metrics text of 1000 nodes, 43 kB each, read one after the other.
#![expect(clippy::expect_used, reason = "a bench without its data cannot go on")]
#![allow(missing_docs, reason = "criterion's macros declare functions without")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use wnm_core::parse_metrics;

fn parse(criterion: &mut Criterion) {
    let text = wnm_benches::metrics().expect("the data is part of the bench");
    let mut group = criterion.benchmark_group("parse");
    group.sample_size(20).throughput(Throughput::Bytes(1000 * text.len() as u64));
    group.bench_function("1000 nodes", |bencher| {
        bencher.iter(|| (0..1000).for_each(|_| _ = black_box(parse_metrics(black_box(&text)))));
    });
    group.finish();
}

criterion_group!(benches, parse);
criterion_main!(benches);
