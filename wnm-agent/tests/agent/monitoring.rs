//! The dashboard of Grafana and the alert rules of Prometheus name only metrics that a daemon exports.

use std::collections::BTreeSet;

/// The sources of the metrics. Some families need a host with a CPU limit, holds or probes, so that no colony has them all.
const FAMILIES: [&str; 6] = [
    include_str!("../../src/metrics/daemon.rs"),
    include_str!("../../src/metrics/earnings.rs"),
    include_str!("../../src/metrics/host.rs"),
    include_str!("../../src/metrics/nodes.rs"),
    include_str!("../../src/metrics/probes.rs"),
    include_str!("../../src/metrics/valves.rs"),
];

/// Returns the names of metrics in a text.
fn names(text: &str) -> BTreeSet<&str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(|c: char| !is_part(c));
    words.filter(|word| word.starts_with("wnm_") && word.len() > "wnm_".len()).collect()
}

/// Returns the names in a text that no family has. The parts of a histogram have the name of their family.
fn unknown(text: &str) -> Vec<&str> {
    let exported: BTreeSet<&str> = FAMILIES.iter().flat_map(|source| names(source)).collect();
    let is_known = |name: &&str| {
        let family = ["_bucket", "_sum", "_count"].iter().find_map(|part| name.strip_suffix(part));
        exported.contains(name) || family.is_some_and(|family| exported.contains(family))
    };
    names(text).into_iter().filter(|name| !is_known(name)).collect()
}

#[test]
fn dashboard_and_rules_name_exported_metrics() {
    for text in [
        include_str!("../../../wnm-cli/packaging/monitoring/grafana-dashboard.json"),
        include_str!("../../../wnm-cli/packaging/monitoring/prometheus-rules.yml"),
        include_str!("../../../.ci/prometheus-rules.test.yml"),
    ] {
        assert!(names(text).len() > 10);
        assert_eq!(unknown(text), [""; 0]);
    }
    assert_eq!(unknown("rate(wnm_cycle_duration_seconds_bucket[5m]) > wnm_cycel_failing"), ["wnm_cycel_failing"]);
}

#[test]
fn dashboard_is_whole() {
    let text = include_str!("../../../wnm-cli/packaging/monitoring/grafana-dashboard.json");
    let dashboard: serde_json::Value = serde_json::from_str(text).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<i64> = panels.iter().map(|panel| panel["id"].as_i64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len(), "each panel has an id of its own");
    for panel in panels {
        let place = |key: &str| panel["gridPos"][key].as_i64().unwrap();
        assert!(place("x") + place("w") <= 24, "{}", panel["title"]);
        let targets = panel["targets"].as_array().map(Vec::as_slice).unwrap_or_default();
        assert!(panel["type"] == "row" || !targets.is_empty(), "{}", panel["title"]);
        for target in targets {
            let query = target["expr"].as_str().unwrap();
            assert!(query.contains("instance=~\"$instance\""), "{query} ignores the choice of the host");
        }
    }
}

#[test]
fn each_alert_has_a_test() {
    let rules = include_str!("../../../wnm-cli/packaging/monitoring/prometheus-rules.yml");
    let tests = include_str!("../../../.ci/prometheus-rules.test.yml");
    let documented = include_str!("../../../docs/metrics.md");
    let alerts: Vec<&str> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(alerts.len() > 15);
    for alert in alerts {
        assert!(tests.contains(&format!("alertname: {alert} }}")), "no test of {alert} that does not fire");
        assert!(tests.contains(&format!("alertname=\"{alert}\"")), "no test of {alert} that fires");
        assert!(documented.contains(&format!("`{alert}`")), "{alert} is not documented");
    }
}
