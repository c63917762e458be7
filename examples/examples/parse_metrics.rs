//! Parses the metrics of a node: from standard input, or from a few example lines.
//!
//! `curl -s http://127.0.0.1:13001/metrics | cargo run -p wnm-examples --example parse_metrics -- -`

use std::io::Read;

use wnm_core::{parse_identity, parse_metrics};

const SAMPLE: &[u8] = b"# TYPE ant_node_uptime gauge
ant_node_uptime 390
# TYPE ant_node_put_record_ok counter
ant_node_put_record_ok_total{record_type=\"Chunk\"} 12
ant_node_put_record_ok_total{record_type=\"Pointer\"} 3
ant_networking_connected_peers 7
ant_networking_process_memory_used_mb NaN
ant_networking_peer_id_info{peer_id=\"12D3KooWKVEpqvjfuLYz2jTCp3gizbS3ckfDa117p7TUVPtTfSQe\"} 1
";

fn main() -> std::io::Result<()> {
    let mut text = SAMPLE.to_vec();
    if std::env::args().nth(1).as_deref() == Some("-") {
        text.clear();
        std::io::stdin().read_to_end(&mut text)?;
    }
    let metrics = parse_metrics(&text);
    let identity = parse_identity(&text);
    println!("peer id      {}", identity.peer_id.as_deref().unwrap_or("unknown"));
    println!("uptime       {:?} s", metrics.uptime);
    println!("peers        {:?}", metrics.connected_peers);
    println!("records put  {:?}", metrics.puts_ok);
    // NaN in the text means unknown, not zero.
    println!("memory       {:?} MB", metrics.memory_mb);
    Ok(())
}
