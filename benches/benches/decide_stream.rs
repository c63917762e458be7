//! Decision cases of ten nodes as a stream of JSON lines, answered one by one on one core. Target: 100,000 a second.
#![allow(missing_docs, reason = "criterion's macros declare functions without")]

use std::hint::black_box;
use std::io;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde_json::json;
use wnm_sim::{Rules, StateMode, answer_all};

/// Returns so many situations: all signals, thresholds for all of them, and ten nodes of which some are outdated.
fn situations(count: u32) -> Vec<u8> {
    let mut text = Vec::new();
    for i in 0..count {
        let status = |n: u32| ["RUNNING", "RUNNING", "RUNNING", "STOPPED"][((i + n) % 4) as usize];
        let version = |n: u32| ["0.4.17", "0.4.17", "0.4.15"][((i + n) % 3) as usize];
        let node = |n: u32| json!({"id": n, "status": status(n), "version": version(n), "age": 1_734_234_785 + n});
        let case = json!({
            "config": {
                "node_cap": 8 + i % 5, "cpu_less_than": 30, "mem_less_than": 70, "hd_less_than": 30, "cpu_remove": 60,
                "mem_remove": 80, "hd_remove": 50, "hdio_read_less_than": 0, "hdio_read_remove": 0,
                "hdio_write_less_than": 0, "hdio_write_remove": 0, "netio_read_less_than": 1_000_000,
                "netio_read_remove": 2_000_000, "netio_write_less_than": 1_000_000, "netio_write_remove": 2_000_000,
                "desired_load_average": 16.0, "max_load_average_allowed": 48.0, "max_concurrent_upgrades": 1,
                "max_concurrent_starts": 5, "max_concurrent_removals": 1, "max_concurrent_operations": 2,
                "last_stopped_at": 1_795_000_000,
            },
            "metrics": {
                "system_start": 1_790_000_000, "used_cpu_percent": f64::from(i % 70), "used_mem_percent": 20.1,
                "used_hd_percent": 13.1, "hdio_read_bytes": 0, "hdio_write_bytes": 0, "netio_read_bytes": 0,
                "netio_write_bytes": 0, "load_average_1": 0.1, "load_average_5": 0.1, "load_average_15": 0.1,
                "antnode_version": "0.4.17",
            },
            "nodes": (1..=10).map(node).collect::<Vec<_>>(),
            "enable_upgrade": i % 2 == 0,
        });
        text.extend_from_slice(case.to_string().as_bytes());
        text.push(b'\n');
    }
    text
}

fn decide_stream(criterion: &mut Criterion) {
    const COUNT: u32 = 10_000;
    let text = situations(COUNT);
    let mut group = criterion.benchmark_group("decide_stream");
    group.throughput(Throughput::Elements(COUNT.into())).sample_size(20);
    for (name, memory) in [("single", StateMode::Stateless), ("stateful", StateMode::Stateful)] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| black_box(answer_all(black_box(&text[..]), io::sink(), memory, Rules::Parity)));
        });
    }
    group.finish();
}

criterion_group!(benches, decide_stream);
criterion_main!(benches);
