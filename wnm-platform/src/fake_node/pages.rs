//! What the metrics server of `antnode` answers: recorded text, with what must be true made true.

use std::time::Instant;

const METRICS: &str = include_str!("antnode-metrics.txt");
const METADATA: &str = include_str!("antnode-metadata.txt");

/// What the text says about this one node.
pub(super) struct Pages {
    pub(super) version: String,
    pub(super) peer_id: String,
    pub(super) started: Instant,
}

impl Pages {
    /// Returns the text that stands at a path, or None where there is none.
    pub(super) fn page(&self, path: &str) -> Option<String> {
        match path {
            "/metrics" | "/metrics_extended" => Some(self.metrics()),
            "/metadata" => Some(self.metadata()),
            _ => None,
        }
    }

    fn metrics(&self) -> String {
        let lived = self.started.elapsed();
        rewrite(METRICS, |name| match name {
            "ant_node_uptime" => Some(format!("{name} {}", lived.as_secs())),
            "ant_networking_process_memory_used_mb" => {
                resident_kib().map(|kib| format!("{name} {:.4}", kib as f64 / 1024.0))
            }
            "ant_networking_process_cpu_usage_percentage" => {
                let cores = std::thread::available_parallelism().map_or(1, usize::from);
                let share = cpu_seconds() / lived.as_secs_f64().max(0.001) / cores as f64;
                Some(format!("{name} {:.4}", share * 100.0))
            }
            _ => None,
        })
    }

    fn metadata(&self) -> String {
        rewrite(METADATA, |name| match name {
            "ant_node_antnode_version_info" => Some(format!(r#"{name}{{antnode_version="{}"}} 1"#, self.version)),
            "ant_networking_peer_id_info" => Some(format!(r#"{name}{{peer_id="{}"}} 1"#, self.peer_id)),
            _ => None,
        })
    }
}

/// Returns the text with the sample lines replaced for whose metric `line_for` has a line.
fn rewrite(text: &str, line_for: impl Fn(&str) -> Option<String>) -> String {
    let mut rewritten = String::with_capacity(text.len() + 64);
    for line in text.lines() {
        let name = line.split(['{', ' ']).next().unwrap_or_default();
        match line_for(name) {
            Some(line) => rewritten.push_str(&line),
            None => rewritten.push_str(line),
        }
        rewritten.push('\n');
    }
    rewritten
}

/// Returns the CPU time of this process over its life, in seconds.
fn cpu_seconds() -> f64 {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    spent.tv_sec as f64 + spent.tv_nsec as f64 / 1e9
}

/// Returns the resident memory of this process, in KiB; None where there is no `/proc`.
fn resident_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}
