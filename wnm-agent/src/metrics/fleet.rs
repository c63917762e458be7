//! The metrics of a fleet, with its hosts as labels: at most 25 series for each.
//!
//! A stale host has `wnm_fleet_host_up` 0 and the time of its last publication, and no other sample.

use std::collections::BTreeMap;

use super::text::{self, Format};
use super::{Sink, gauge, seconds, single};
use crate::fleet::document::HostState;
use crate::fleet::name::Name;
use crate::fleet::watched::{Watched, WatchedHost};

/// Most states of nodes, versions and signals of a host that have a series; the nodes of further ones count as `other`.
const MOST_STATES: usize = 7;
const MOST_VERSIONS: usize = 3;
const MOST_SIGNALS: usize = 6;

/// Returns the metrics of a fleet in a format.
#[must_use]
pub fn render(watched: &Watched, version: &str, format: Format) -> Vec<u8> {
    let mut sink = text::sink(format);
    write(watched, version, sink.as_sink());
    sink.finish()
}

fn write(watched: &Watched, version: &str, sink: &mut dyn Sink) {
    sink.family(gauge("wnm_fleet_build_info", "Version of the server of the fleet; the value is always 1."));
    sink.sample("", &[("version", version)], 1.0);
    let is_up = f64::from(u8::from(watched.problem.is_none() && watched.read.is_some()));
    single(sink, gauge("wnm_fleet_engine_up", "Whether the engine answered the last reading: 1 if so."), Some(is_up));
    let read = watched.read.map(seconds);
    single(sink, gauge("wnm_fleet_read_timestamp_seconds", "Time of the last complete reading of the engine."), read);
    let count = |wanted: fn(&WatchedHost) -> bool| watched.hosts.values().filter(|host| wanted(host)).count() as f64;
    sink.family(gauge("wnm_fleet_hosts", "Hosts of the fleet by state."));
    sink.sample("", &[("state", "up")], count(|host| host.current().is_some()));
    sink.sample("", &[("state", "held")], count(|host| host.current().is_some_and(|state| !state.holds.is_empty())));
    sink.sample("", &[("state", "stale")], count(|host| host.current().is_none()));
    for_each(sink, &watched.hosts, ("wnm_fleet_host_up", "Whether the host publishes its state: 1 if so."), |host| {
        Some(f64::from(u8::from(host.current().is_some())))
    });
    for_each(
        sink,
        &watched.hosts,
        ("wnm_fleet_host_seen_timestamp_seconds", "Last publication of the host, by its own clock."),
        |host| host.seen.map(seconds),
    );
    of_state(sink, watched, ("wnm_fleet_host_nodes_desired", "Nodes of the host that are to run."), |state| {
        state.desired as f64
    });
    of_state(
        sink,
        watched,
        ("wnm_fleet_host_nodes_outdated", "Nodes of the host that are older than its node program."),
        |state| state.rollout.outdated as f64,
    );
    of_state(sink, watched, ("wnm_fleet_host_hold", "Holds in effect on the host."), |state| state.holds.len() as f64);
    of_state(
        sink,
        watched,
        ("wnm_fleet_host_failing", "Whether the last cycle failed, or the host reports a problem: 1 if so."),
        |state| f64::from(u8::from(state.failure.is_some() || state.problem.is_some())),
    );
    let nodes = ("wnm_fleet_host_nodes", "Nodes of the host by state.", "state");
    by_word(sink, watched, nodes, |state| counts(&state.nodes, MOST_STATES, str::to_lowercase));
    let versions = ("wnm_fleet_host_node_versions", "Nodes of the host by version of the node program.", "version");
    by_word(sink, watched, versions, |state| counts(&state.versions, MOST_VERSIONS, str::to_owned));
    let signals = ("wnm_fleet_host_signal_ratio", "Signal of the host as a share of its high threshold.", "signal");
    by_word(sink, watched, signals, |state| {
        let known = state.signals.iter().filter(|signal| signal.high > 0.0);
        let ratio = known.filter_map(|signal| Some((signal.signal.clone(), signal.value? / signal.high)));
        ratio.filter(|(_, ratio)| ratio.is_finite()).take(MOST_SIGNALS).collect()
    });
}

/// Writes a sample for each host with a value.
fn for_each(
    sink: &mut dyn Sink,
    hosts: &BTreeMap<Name, WatchedHost>,
    (name, help): (&'static str, &'static str),
    value: impl Fn(&WatchedHost) -> Option<f64>,
) {
    sink.family(gauge(name, help));
    for (host, of) in hosts {
        if let Some(value) = value(of) {
            sink.sample("", &[("host", host.as_str())], value);
        }
    }
}

/// Writes a sample for each host whose state is current.
fn of_state(
    sink: &mut dyn Sink,
    watched: &Watched,
    family: (&'static str, &'static str),
    value: fn(&HostState) -> f64,
) {
    for_each(sink, &watched.hosts, family, |host| host.current().map(value));
}

/// Writes a sample for each word of each host whose state is current.
fn by_word(
    sink: &mut dyn Sink,
    watched: &Watched,
    (name, help, label): (&'static str, &'static str, &'static str),
    values: impl Fn(&HostState) -> BTreeMap<String, f64>,
) {
    sink.family(gauge(name, help));
    for (host, of) in &watched.hosts {
        for (word, value) in of.current().map(&values).unwrap_or_default() {
            sink.sample("", &[("host", host.as_str()), (label, &word)], value);
        }
    }
}

/// Returns the largest counts; the others count as `other`.
fn counts(of: &BTreeMap<String, u64>, most: usize, name: fn(&str) -> String) -> BTreeMap<String, f64> {
    let mut sorted: Vec<(&String, &u64)> = of.iter().collect();
    sorted.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let mut counts = BTreeMap::new();
    for (at, (word, count)) in sorted.into_iter().enumerate() {
        let word = if at < most { name(word) } else { "other".to_owned() };
        *counts.entry(word).or_default() += *count as f64;
    }
    counts
}

#[cfg(test)]
mod tests {
    use wnm_core::Timestamp;

    use super::*;
    use crate::fleet::watched::tests::record;

    #[test]
    fn hosts_are_labels_and_stale_ones_are_marked() {
        let mut watched = Watched::default();
        let now = Timestamp::from_millis(1_795_000_000_000);
        watched.update(vec![record("web-1", Some(5_000)), record("web-2", Some(6_000))], Vec::new(), now);
        watched.update(vec![record("web-1", Some(7_000)), record("web-2", None)], Vec::new(), now);
        insta::assert_snapshot!(String::from_utf8(render(&watched, "0.1.0", Format::OpenMetrics)).unwrap());
    }

    #[test]
    fn a_host_has_at_most_25_series() {
        let mut full = record("a", Some(1));
        let state = full.state.as_mut().unwrap().as_mut().unwrap();
        state.nodes = (0..17).map(|i| (format!("STATE{i}"), i)).collect();
        state.versions = (0..17).map(|i| (format!("0.4.{i}"), i)).collect();
        state.signals = vec![state.signals[0].clone(); 24];
        for (i, signal) in state.signals.iter_mut().enumerate() {
            signal.signal = format!("signal{i}");
        }
        let mut watched = Watched::default();
        watched.update(vec![full], Vec::new(), Timestamp::default());
        let text = String::from_utf8(render(&watched, "0.1.0", Format::Prometheus)).unwrap();
        let series = text.lines().filter(|line| line.contains("host=\"a\"")).count();
        assert!(series <= 25, "{series}: {text}");
    }
}
