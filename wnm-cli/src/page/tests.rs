//! The page as HTML: one snapshot, and names and errors that contain markup.

use std::collections::VecDeque;

use wnm_agent::live::{SignalMinute, SignalSeries};
use wnm_core::probe::{Distribution, ProbeKind, SizeClass};
use wnm_core::{Hold, HoldSource, HoldTrouble, Signal, ValveSample, Valves};

use super::*;
use crate::error::CommandError;
use crate::render::status::Status;
use crate::render::tests::{NOW, cycle, id, observed_before, status_of, views};
use crate::render::valves::ValvesNow;

/// Returns a series of two hours with a gap, for a signal of the status.
fn series(status: &Status, signal: Signal) -> SignalSeries {
    let measure = status.signals.iter().find(|measure| measure.signal == signal).unwrap();
    let now = NOW.as_secs() / 60;
    let minute = |ago: i64| {
        let mean = 30.0 + (ago % 40) as f64;
        SignalMinute {
            minute: now - ago,
            samples: 12,
            mean,
            least: mean - 5.0,
            most: mean + 5.0,
            low: measure.less_than,
            high: measure.remove,
        }
    };
    let minutes: VecDeque<_> = [119, 118, 117, 60, 2, 1, 0].into_iter().map(minute).collect();
    SignalSeries { signal, folder: None, minutes }
}

fn probes() -> Vec<ProbeSummary> {
    let seconds = Some(Distribution { min: 1.0, max: 9.0, mean: 2.25, p95: 8.5 });
    let summary = |kind, ok, network_failures, seconds| ProbeSummary {
        kind,
        size: SizeClass::Small,
        count: ok + network_failures,
        ok,
        network_failures,
        seconds,
    };
    vec![summary(ProbeKind::Download, 40, 2, seconds), summary(ProbeKind::Quote, 0, 0, None)]
}

fn page(status: &Status) -> String {
    let signals = [series(status, Signal::Cpu)];
    html(&Content { host: "nyx", status, nodes: &views(), history: &[cycle()], signals: &signals, probes: &probes() })
}

#[test]
fn whole_page() {
    insta::assert_snapshot!(page(&status_of(observed_before(75))));
}

#[test]
fn stale_page_says_so() {
    let page = page(&status_of(observed_before(4_000)));
    assert!(page.contains("<b class=\"badge over\">stale</b>"), "{page}");
    assert!(page.contains("no cycle for 1h 6min, expected every 30s from `wnm daemon`"), "{page}");
}

#[test]
fn holds_and_their_problems_are_shown() {
    let mut status = status_of(observed_before(75));
    assert!(page(&status).contains("<section id=\"valves\" aria-labelledby=\"valves-title\" hidden>"));
    let reason = "new <b>disks</b>".to_owned();
    let hold = Hold { source: HoldSource::Command, reason, since: None, until: None, drain: true };
    let trouble = HoldTrouble { source: HoldSource::Url, problem: "no answer in time".to_owned() };
    let sample = ValveSample { holds: vec![hold], troubles: vec![trouble], ..ValveSample::default() };
    status.valves = Some(ValvesNow { now: NOW, settings: Valves::default(), sample, rollout: None });
    let page = page(&status);
    assert!(page.contains("<li>hold new &lt;b&gt;disks&lt;/b&gt; (by command, draining)</li>"), "{page}");
    assert!(page.contains("cannot read the hold by url, its last state stays: no answer in time</li>"), "{page}");
}

#[test]
fn versions_tell_the_drift() {
    let mut status = status_of(observed_before(75));
    let counts =
        |pairs: &[(&str, usize)]| pairs.iter().map(|(version, count)| ((*version).to_owned(), *count)).collect();
    for (by_version, drift, first) in [
        (counts(&[("0.4.9", 1), ("0.4.17", 11), ("unknown", 2)]), ": 1 node has an older version", "<b>11</b> 0.4.17"),
        (counts(&[("0.4.17", 3), ("unknown", 2)]), "versions</p>", "<b>3</b> 0.4.17"),
        (counts(&[("0.4.17-rc.1", 2), ("0.4.17", 1), ("0.3.0", 1)]), ": 3 nodes have an older", "<b>1</b> 0.4.17 "),
    ] {
        status.by_version = by_version;
        let page = page(&status);
        let list = &page[page.find("<p>versions").unwrap()..];
        assert!(list[..90].contains(drift), "{list}");
        assert!(list.split("<li>").nth(1).unwrap().starts_with(first), "{list}");
    }
}

#[test]
fn chart_has_a_line_for_each_run_without_gap() {
    let page = page(&status_of(observed_before(75)));
    assert_eq!(page.matches("<path class=\"mean\"").count(), 3, "three runs, and no line for signals without samples");
    assert!(page.contains("cpu over the last 3 h: now 41.5 %; low threshold 50.0 %, high threshold 70.0 %"), "{page}");
    // 30 % of the height above the bottom, at the right end.
    assert!(page.contains("L360.0 67.2\"/>"), "{page}");
}

#[test]
fn markup_from_outside_is_text() {
    const HOSTILE: &str = "</td><script>alert(1)</script>\"'><img src=x onerror=alert(1)>";
    let mut status = status_of(observed_before(4_000));
    status.stale_problem = Some(HOSTILE.to_owned());
    status.hint = Some(HOSTILE.to_owned());
    status.node_problems[0].problem = HOSTILE.to_owned();
    status.failures[0].error = HOSTILE.to_owned();
    status.by_version.insert(HOSTILE.to_owned(), 1);
    let mut nodes = views();
    for view in &mut nodes {
        view.reason = Some(HOSTILE.to_owned());
        view.sample.get_or_insert_default().peer_id = Some(HOSTILE.to_owned());
    }
    let content =
        Content { host: HOSTILE, status: &status, nodes: &nodes, history: &[cycle()], signals: &[], probes: &probes() };
    let pages = [html(&content), failed(HOSTILE, &CommandError::NoSuchNode(id(3)).into())];
    for page in pages {
        assert!(!page.contains("<img") && !page.contains("<script>") && !page.contains("\"'>"), "{page}");
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{page}");
    }
}

#[test]
fn page_refers_to_its_own_files_only() {
    let page = page(&status_of(observed_before(75)));
    for file in FILES {
        assert!(page.contains(&format!("\"{}\"", file.path)), "{}", file.path);
        let fetches = ["http:", "https:", "@import", "eval(", "innerHTML ="];
        let outside = file.content.replace("http://www.w3.org/2000/svg", "");
        assert!(fetches.iter().all(|fetch| !outside.contains(fetch)), "{} fetches from elsewhere", file.path);
    }
    for inline in ["http:", "https:", " style=", "onclick=", "javascript:"] {
        assert!(!page.contains(inline), "{inline}");
    }
}

/// A fleet whose first host is hostile, with one that is stale and one that never published.
fn fleet_page() -> (String, String) {
    use wnm_agent::fleet::operator::HostRecord;
    use wnm_agent::fleet::watched::Watched;
    const HOSTILE: &str = "<img src=x onerror=alert(1)>";
    let state = |at: u64, hold: Option<&str>| {
        serde_json::from_value(serde_json::json!({
            "session": {"since": 1, "id": "0"}, "sequence": 7, "at": NOW.before(std::time::Duration::from_secs(at)), "wnm": HOSTILE,
            "phase": "running", "nodes": {"RUNNING": 38, HOSTILE: 2}, "desired": 40, "versions": {"0.4.16": 8, HOSTILE: 32},
            "signals": [{"signal": HOSTILE, "value": 71.0, "low": 49.0, "high": 70.0, "exceeded": true}],
            "holds": hold.map(|reason| serde_json::json!([{"source": "fleet", "reason": reason, "drain": false}]))
                .unwrap_or_else(|| serde_json::json!([])),
            "failure": null, "generation": 5, "problem": hold
        }))
        .unwrap()
    };
    let record = |host: &str, state| HostRecord { host: host.parse().unwrap(), invited: NOW, state };
    let mut watched = Watched::default();
    watched.update(vec![record("b", Some(Ok(state(300, None))))], Vec::new(), NOW);
    let records = vec![record("a", Some(Ok(state(4, Some(HOSTILE))))), record("b", None), record("c", None)];
    watched.update(records, Vec::new(), NOW);
    let name = "farm".parse().unwrap();
    let commands = ["hold of all hosts: new kernel".to_owned()];
    let page = fleet(&FleetContent { fleet: &name, watched: &watched, commands: &commands, now: NOW });
    let rows: Vec<wnm_agent::fleet::document::NodeRow> = serde_json::from_value(serde_json::json!([
        {"id": 1, "status": "RUNNING", "version": "0.4.17", "peer_id": HOSTILE, "cpu": 0.2, "memory": 90000000, "uptime": 90000,
            "records": 1234, "peers": 210, "shunned": 2},
        {"id": 2, "status": HOSTILE, "version": null, "peer_id": null, "cpu": null, "memory": null, "uptime": null,
            "records": null, "peers": null, "shunned": null}
    ]))
    .unwrap();
    let first = "a".parse().unwrap();
    (page, host(&first, &watched.hosts[&first], Some(&rows), &watched, NOW))
}

#[test]
fn fleet_has_hosts_as_rows_and_a_page_for_each() {
    let (page, host) = fleet_page();
    insta::assert_snapshot!([page.as_str(), host.as_str(), &no_host("no such host: <b>")].join("\n"));
}

#[test]
fn markup_of_hosts_is_text() {
    let (page, host) = fleet_page();
    for page in [page, host] {
        assert!(!page.contains("<img") && page.contains("&lt;img src=x onerror=alert(1)&gt;"), "{page}");
        assert!(!page.contains("http:") && !page.contains(" style="), "{page}");
    }
}

#[test]
fn earnings_have_a_row_for_each_day() {
    let mut status = status_of(observed_before(75));
    assert!(page(&status).contains("<section id=\"earnings\" aria-labelledby=\"earnings-title\" hidden>"));
    let mut earnings = crate::render::tests::earnings();
    status.earnings = Some(earnings.clone());
    let shown = page(&status);
    assert!(shown.contains("<dt>balance</dt><dd>12.5000 ANT on 1 address, read 3min ago</dd>"), "{shown}");
    let row = "<th scope=\"row\">2026-03-01</th><td class=\"number\">1.5000 ANT</td><td class=\"number\">3</td>";
    assert!(shown.contains(row), "{shown}");
    earnings.record.problem = Some("the server answered 401: <b>".to_owned());
    status.earnings = Some(earnings);
    let shown = page(&status);
    assert!(shown.contains("the earnings cannot be read: the server answered 401: &lt;b&gt;</p>"), "{shown}");
}
