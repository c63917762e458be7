//! Snapshots of every page for people: at full width, and on terminals of 200, 80 and 60 columns.

use std::collections::BTreeMap;
use std::time::Duration;

use textwrap::core::display_width;
use wnm_agent::control::{DaemonInfo, FailureInfo, ListenInfo};
use wnm_core::steps::{Failure, Step, StepFailure};
use wnm_core::{
    Action, ActionId, ActionRecord, Bytes, Cores, CpuLimitSample, Day, DayCounts, Decision, Desired, Ended,
    EngineState, Exit, ExitStatus, FAUCET, FailedAction, FailedVersion, FailureCause, Flavor, Health, HostSample, Load,
    LoadAverages, LoadScope, ManagerKind, Node, NodeDay, NodeHealth, NodeId, NodeMetrics, NodeSample, NodeState,
    Observation, Outcome, Percent, Planned, Policy, Ports, Presence, Psi, RawSettings, Reason, Stall, StallTime,
    Stalls, StopCause, Timestamp, Trend, UnlistedFolder, Upnp, Version, Volume, WeightMeans, WeightSample, evaluate,
};
use wnm_store::{CycleAction, CycleId, CycleKind, CycleRecord, Schedule, Snapshot};

use super::config::Sources;
use super::page::{Width, fitted};
use super::{config, explain, node_list, node_show, nodes, takeover};
use crate::args::Column;
use crate::commands::config::{Entry, Source};
use crate::freshness::Freshness;
use crate::takeover::{ImportedNode, Skipped, Takeover};

/// 2026-03-01 12:00:00 UTC.
pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_772_366_400);

/// Returns a page at each width, and asserts that each of its lines fits.
pub(crate) fn at_each_width(page: impl Fn(Width) -> String) -> String {
    // The layout must not panic on a terminal that is too narrow for it.
    for columns in [1, 7, 20, 40] {
        fitted(&page(Width::Columns(columns)), Width::Columns(columns));
    }
    let pages = [Width::Full, Width::Columns(200), Width::Columns(80), Width::Columns(60)].map(|width| {
        let text = anstream::adapter::strip_str(&fitted(&page(width), width)).to_string();
        let widest = text.lines().map(display_width).max().unwrap_or(0);
        assert!(width.holds(widest), "{widest} columns: {text}");
        format!("{width:?}\n\n{text}")
    });
    pages.join("\n")
}

pub(crate) fn id(number: u32) -> NodeId {
    NodeId::new(number).unwrap()
}

fn ago(seconds: u64) -> Timestamp {
    NOW.before(Duration::from_secs(seconds))
}

pub(crate) fn node(number: u32) -> Node {
    let port = |first: u32| u16::try_from(first + number % 1000).unwrap();
    let root = format!("/home/operator/.local/share/autonomi/node/{}", id(number).name());
    Node {
        service: None,
        id: id(number),
        uuid: "5f3c1c8e-9a55-4c3e-8d0c-1d0f3a0b7c11".to_owned(),
        flavor: Flavor::Antnode,
        manager: ManagerKind::ALL[2],
        binary: format!("{root}/antnode").into(),
        log_dir: format!("/home/operator/.local/share/autonomi/logs/{}", id(number).name()).into(),
        root_dir: root.into(),
        ports: Ports { node: port(55_000), metrics: Some(port(13_000)), rpc: Some(port(30_000)) },
        wallet: FAUCET,
        network: vec!["evm-arbitrum-one".to_owned()],
        arguments: Vec::new(),
        environment: Vec::new(),
        upnp: Upnp::Off,
        born: ago(4_000_000 - u64::from(number) * 300),
    }
}

fn sample() -> NodeSample {
    NodeSample {
        presence: Presence::Answering,
        version: Some(Version::new(0, 4, 17)),
        cpu: Cores::new(0.07).ok(),
        memory: Some(Bytes(312_400_000)),
        peer_id: Some("12D3KooWRPUrvTVjsbUvCk8fvRQGRZZ8wq5nFLuF5oCmaB4jTVhD".to_owned()),
        metrics: Some(Box::new(NodeMetrics {
            uptime: Some(200_000),
            records: Some(1_834),
            connected_peers: Some(241),
            ..NodeMetrics::default()
        })),
        ..NodeSample::default()
    }
}

fn states() -> [(u32, NodeState); 4] {
    [
        (1, NodeState::Running { since: ago(200_000) }),
        (2, NodeState::Upgrading { since: ago(75), from: Some(Version::new(0, 4, 16)), to: Version::new(0, 4, 17) }),
        (3, NodeState::Stopped { since: Some(ago(4_000)), cause: StopCause::Pressure }),
        (12_345, NodeState::Disabled { since: ago(900_000) }),
    ]
}

/// Returns the health of the last day, on which the second node gained no record, and peers shunned the first one more often.
fn health() -> Health {
    let counts = |records, shunned, trend| DayCounts {
        day: Day::of(NOW).before(1),
        records_gained: Some(records),
        payments: Some(7),
        shunned: Some(shunned),
        shunned_trend: trend,
    };
    let nodes = [
        (1, NodeHealth { counts: counts(1_204, 12, Some(Trend::Rising)), gains_nothing: false }),
        (2, NodeHealth { counts: counts(0, 0, None), gains_nothing: true }),
        (3, NodeHealth { counts: counts(-3, 1, Some(Trend::Steady)), gains_nothing: false }),
    ];
    Health {
        total: DayCounts { payments: Some(21), ..counts(1_201, 13, Some(Trend::Rising)) },
        nodes: nodes.into_iter().map(|(number, health)| (id(number), health)).collect(),
    }
}

pub(crate) fn views() -> Vec<nodes::NodeView> {
    let view = |(number, state): (u32, NodeState)| nodes::NodeView {
        name: id(number).name(),
        status: state.word(),
        sample: matches!(state, NodeState::Running { .. } | NodeState::Upgrading { .. }).then(sample),
        reason: nodes::reason(&state, None),
        restarts: number % 4,
        health: health().nodes.get(&id(number)).copied(),
        desired: Desired::implied_by(&state),
        recovery: None,
        state: Some(state),
        node: node(number),
        now: NOW,
        is_stale: false,
    };
    states().into_iter().map(view).collect()
}

fn host() -> HostSample {
    let percent = |value| Percent::new(value).ok();
    let load = |value| Load::new(value).unwrap();
    HostSample {
        cpus: Some(8),
        cpu: percent(41.5),
        memory: percent(63.2),
        memory_total: Some(Bytes(16_000_000_000)),
        volumes: vec![Volume { used: percent(93.0), ..Volume::default() }],
        load: Some(LoadAverages { one: load(3.1), five: load(4.9), fifteen: load(2.2) }),
        ..HostSample::default()
    }
}

fn decision() -> Decision {
    let mut raw = RawSettings::default();
    for (key, value) in [
        ("netio_read_less_than", "9000000"),
        ("netio_read_remove", "12000000"),
        ("netio_write_less_than", "900000"),
        ("netio_write_remove", "1200000"),
    ] {
        raw.set(key, value).unwrap();
    }
    let policy = Policy::new(&raw, Some(8)).unwrap();
    let state = EngineState {
        nodes: states().into_iter().map(|(number, state)| (id(number), state)).collect(),
        ..EngineState::default()
    };
    let seen = states().into_iter().map(|(number, _)| (id(number), sample())).collect();
    let observation = Observation { now: NOW, host: host(), nodes: seen, ..Observation::default() };
    evaluate(&policy, state, &observation).decision
}

fn failed_action() -> FailedAction {
    FailedAction {
        verb: "add".to_owned(),
        node: id(12),
        step: Step::Folder,
        error: "cannot start node 0012: UDP port 55012 is in use by process 4711 (/usr/bin/x)".to_owned(),
        cause: FailureCause::Number,
        hint: Some("stop the other process".to_owned()),
        failures: 2,
        at: ago(5),
        retry_at: NOW.after(Duration::from_secs(15)),
    }
}

pub(crate) fn cycle() -> CycleRecord {
    let action = |action, outcome| CycleAction {
        record: ActionRecord::new(ActionId(1), Planned { action, reason: Reason::Requested }, NOW),
        outcome,
        ended: None,
    };
    let failed = StepFailure {
        step: Step::Confirm,
        at: NOW,
        error: "the process exited 2 s after its start (code 1)".to_owned(),
        cause: FailureCause::Exit,
        hint: None,
    };
    let pending =
        Outcome::Pending { step: Step::SeeGone, since: ago(20), why: "process 4711 is still running".to_owned() };
    CycleRecord {
        kind: CycleKind::Scheduled,
        id: CycleId(1_204),
        at: NOW,
        ended: Some(NOW),
        host: host(),
        decision: decision(),
        actions: vec![
            action(Action::Add { node: id(4) }, Some(Outcome::Done)),
            action(Action::Stop { node: id(3) }, Some(pending)),
            action(
                Action::Upgrade { node: id(2), from: Some(Version::new(0, 4, 16)), to: Version::new(0, 4, 17) },
                Some(Outcome::Failed(Failure { failed, rolled_back: true })),
            ),
        ],
    }
}

#[test]
fn node_list() {
    insta::assert_snapshot!(at_each_width(|width| node_list::table(&views(), &[], width)));
}

#[test]
fn node_list_with_named_columns() {
    let columns = [Column::Name, Column::PeerId, Column::State, Column::Reason, Column::Disk, Column::Manager];
    insta::assert_snapshot!(at_each_width(|width| node_list::table(&views(), &columns, width)));
    assert_eq!(node_list::names(&views()[..2]), "antnode0001\nantnode0002\n");
    assert_eq!(node_list::table(&[], &columns, Width::Full), "no nodes\n");
}

#[test]
fn node_list_with_the_last_day() {
    let columns = [Column::Name, Column::Health, Column::Gained, Column::Payments, Column::Shunned];
    let table = node_list::table(&views(), &columns, Width::Full);
    insta::assert_snapshot!(anstream::adapter::strip_str(&table));
}

#[test]
fn nodes_are_sorted_by_each_column() {
    let order = |column| {
        let mut nodes = views();
        nodes.reverse();
        node_list::sort(&mut nodes, column);
        nodes.iter().map(|view| view.node.id.get()).collect::<Vec<_>>()
    };
    for (column, expected) in [
        (Column::Name, [1, 2, 3, 12_345]),
        (Column::State, [12_345, 1, 3, 2]),
        // The longest time first.
        (Column::Since, [12_345, 1, 3, 2]),
        (Column::Restarts, [3, 2, 12_345, 1]),
        // The unknown values stand last, and equal values keep their order.
        (Column::Peers, [2, 1, 12_345, 3]),
        (Column::Memory, [2, 1, 12_345, 3]),
        (Column::Version, [2, 1, 12_345, 3]),
        (Column::Age, [1, 2, 3, 12_345]),
        (Column::Port, [1, 2, 3, 12_345]),
        (Column::Manager, [12_345, 3, 2, 1]),
        (Column::Health, [2, 1, 3, 12_345]),
        (Column::Gained, [1, 2, 3, 12_345]),
        (Column::Payments, [3, 2, 1, 12_345]),
        (Column::Shunned, [1, 3, 2, 12_345]),
    ] {
        assert_eq!(order(column), expected, "{column:?}");
    }
}

/// Returns the events of the actions of the cycle, each of which ended 20 s after its begin.
fn events() -> Vec<super::events::EventView> {
    let ended = |mut action: CycleAction| {
        if !matches!(action.outcome, Some(Outcome::Pending { .. })) {
            action.ended = Some(NOW.after(Duration::from_secs(20)));
        }
        (CycleId(1_204), action)
    };
    super::events::of_actions(&cycle().actions.into_iter().map(ended).collect::<Vec<_>>())
}

#[test]
fn node_show() {
    let details = || {
        let mut view = views().swap_remove(0);
        view.node.arguments = ["--ip", "127.0.0.1", "--api-key", "abc"].map(str::to_owned).into();
        view.node.environment = wnm_core::secret::masked_variables(
            &[("RUST_LOG", "info,libp2p=warn"), ("API_TOKEN", "abc")]
                .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        let day = |number: i64, records: u64| {
            let metrics = NodeMetrics {
                records: Some(records),
                payment_count: Some(number.unsigned_abs()),
                ..NodeMetrics::default()
            };
            let first =
                NodeDay::after(None, Day(number).start(), Some(&NodeMetrics { records: Some(700), ..metrics.clone() }));
            NodeDay::after(Some(&first), Day(number).start().after(Duration::from_secs(3600)), Some(&metrics))
        };
        let unknown = NodeDay::after(None, Day(20_000).start(), None);
        node_show::NodeDetails::new(view, events(), &[unknown, day(20_001, 690), day(20_002, 725)])
    };
    insta::assert_snapshot!(at_each_width(|_| node_show::text(&[details()])));
}

#[test]
fn listed_events() {
    insta::assert_snapshot!(at_each_width(|_| super::events::text(&events())));
}

#[test]
fn explained_cycle() {
    insta::assert_snapshot!(at_each_width(|width| explain::text(&cycle(), &[], width)));
}

#[test]
fn explained_cycle_lists_cancelled_removals() {
    let mut cycle = cycle();
    let because = wnm_core::ReasonGone::WithinCap { total: 5, cap: 6 };
    cycle.decision.cancelled.push(wnm_core::Cancellation { node: id(5), because });
    let page = |cycle: &CycleRecord| anstream::adapter::strip_str(&explain::text(cycle, &[], Width::Full)).to_string();
    let text = page(&cycle);
    let line = "  cancel the removal of antnode0005: the node is within node_cap again: 5 of 6 nodes";
    assert!(text.lines().any(|found| found == line), "{text}");
    cycle.decision.actions.clear();
    let text = page(&cycle);
    assert!(text.contains(line) && !text.contains("no action"), "{text}");
}

#[test]
fn history() {
    let idle = CycleRecord { id: CycleId(1_203), actions: Vec::new(), ..cycle() };
    let mut ends = CycleRecord { id: CycleId(1_202), ..idle.clone() };
    let exit = Exit { status: Some(ExitStatus::Signal(9)), message: Some("out of memory".to_owned()) };
    ends.decision.ended = vec![
        Ended { node: id(2), exit: Some(exit), restarted: false },
        Ended { node: id(3), exit: None, restarted: true },
    ];
    insta::assert_snapshot!(at_each_width(|_| super::history::text(&[cycle(), idle.clone(), ends.clone()], None, 50)));
    let of_node = super::history::text(&[ends], Some(id(3)), 50);
    assert!(of_node.contains("antnode0003 ended") && !of_node.contains("antnode0002"), "{of_node}");
}

fn psi() -> Psi {
    let stalls = |cpu, memory, io| {
        let stall =
            |avg10| Stall { some: StallTime { avg10: Percent::new(avg10).unwrap(), total: Some(7) }, full: None };
        Stalls { cpu: stall(cpu), memory: stall(memory), io: stall(io) }
    };
    Psi { host: stalls(62.4, 0.0, 3.0), colony: Some(stalls(60.0, 0.0, 1.0)), background: Some(stalls(4.6, 0.0, 2.0)) }
}

pub(crate) fn status_of(freshness: Freshness) -> super::status::Status {
    let cycle = cycle();
    let problem = |(number, status, problem): (u32, &'static str, &'static str)| super::status::NodeProblem {
        node: id(number),
        name: id(number).name(),
        status,
        problem: problem.to_owned(),
    };
    super::status::Status {
        storage: Vec::new(),
        cycle: Some(cycle.id.0),
        at: Some(NOW),
        age_seconds: freshness.age.unwrap_or_default().as_secs(),
        schedule: freshness.schedule.into(),
        stale: freshness.is_stale(),
        stale_problem: super::freshness::problem(freshness),
        daemon: None,
        unreachable: None,
        config_file: None,
        valves: None,
        earnings: None,
        health: health(),
        hint: freshness.is_stale().then(|| super::freshness::hint(&[])),
        node_problems: [(7, "UNKNOWN", "does not answer"), (9, "STOPPED", "its start failed")].map(problem).into(),
        failures: vec![failed_action()],
        now: NOW,
        cpus: Some(8),
        memory_total: host().memory_total.map(|bytes| bytes.0),
        signals: cycle.decision.measures.clone(),
        volumes: Vec::new(),
        node_cap: 50,
        nodes: 4,
        by_state: states().iter().map(|(_, state)| (state.word(), 1)).collect(),
        by_version: BTreeMap::from([("0.4.16".to_owned(), 1), ("0.4.17".to_owned(), 11), ("unknown".to_owned(), 2)]),
        failed_versions: vec![FailedVersion {
            version: Version::new(0, 4, 18),
            upgraded: 5,
            failed: [1, 3].into_iter().filter_map(NodeId::new).collect(),
        }],
        under_way: cycle
            .actions
            .into_iter()
            .map(|action| super::status::UnderWay { record: action.record, outcome: action.outcome })
            .collect(),
        load_scope: Some(LoadScope::Container),
        cpu_quota: Some(CpuLimitSample { limit: Cores::new(7.5).ok(), throttled: Percent::new(3.0).ok() }),
        cpu_limit: Some(CpuLimitSample { limit: Cores::new(6.5).ok(), throttled: Percent::new(8.0).ok() }),
        psi: Some(psi()),
        weight: Some(WeightSample { cpu: Some(WeightMeans::Group), io: None }),
        unlisted: vec![UnlistedFolder { folder: "/s/antnode0009".into(), number: id(9), uuid: "u9".to_owned() }],
        delayed: vec![super::status::Delayed { node: id(3), status: "RESTARTING", left_seconds: 222 }],
        decided: cycle.decision.actions.clone(),
        blocker: cycle.decision.blocker().cloned(),
        blockers: Vec::new(),
        states: states().into_iter().map(|(_, state)| (state.word(), state)).collect(),
    }
}

/// Returns the freshness of a colony whose daemon ran a cycle this many seconds ago.
pub(crate) fn observed_before(seconds: u64) -> Freshness {
    let snapshot =
        Snapshot { last: Some(cycle()), schedule: Schedule::daemon(Duration::from_secs(30)), ..Snapshot::default() };
    Freshness::of(&snapshot, NOW.after(Duration::from_secs(seconds)), Duration::ZERO)
}

/// Returns the earnings of a day, read three minutes ago.
pub(crate) fn earnings() -> super::earnings::EarningsNow {
    use wnm_agent::earnings::{Record, Transfers};
    use wnm_core::FAUCET;
    use wnm_core::probe::Atto;
    const TOKEN: u128 = 1_000_000_000_000_000_000;
    let mut record = Record { contract: Some(FAUCET), read: Some(NOW), ..Record::default() };
    record.set_balances(&BTreeMap::from([(FAUCET, Atto(12 * TOKEN + TOKEN / 2))]), NOW);
    let transfers = Transfers { received: Atto(TOKEN + TOKEN / 2), count: 3 };
    record.add_transfers(&BTreeMap::from([(FAUCET, transfers)]), 7, NOW);
    record.count_nodes(30, 200_000_000_000, Duration::from_secs(86_400), NOW);
    super::earnings::EarningsNow { now: NOW.after(Duration::from_secs(180)), record }
}

#[test]
fn status_tells_the_earnings_or_why_they_are_unknown() {
    let mut now = earnings();
    let known = super::earnings::lines(&now);
    now.record.left = 4_000;
    let behind = super::earnings::lines(&now);
    now.record.problem = Some("no answer in time".to_owned());
    let failing = super::earnings::lines(&now);
    now.record = wnm_agent::earnings::Record::default();
    let unread = super::earnings::lines(&now);
    let all = anstream::adapter::strip_str(&[known, behind, failing, unread].concat()).to_string();
    insta::assert_snapshot!(all);
    let json = serde_json::to_value(super::earnings::EarningsView::from(&earnings())).unwrap();
    assert_eq!(json["days"][0]["received_tokens"], "1.500000000000000000");
    assert_eq!((&json["tokens_per_node_day"], &json["tokens_per_terabyte_day"]), (&0.05.into(), &7.5.into()));
    assert_eq!(json["days"][0]["date"], "2026-03-01");
}

#[test]
fn status() {
    let mut status = status_of(observed_before(75));
    insta::assert_snapshot!(at_each_width(|width| super::status::text(&status, width)));
    // Before the first complete day.
    status.health = Health::default();
    let text = super::status::text(&status, Width::Full);
    assert!(!text.contains("last day"), "{text}");
    assert!(super::health::HealthView::of(&status.health).is_none());
}

#[test]
fn status_of_a_daemon() {
    let running = DaemonInfo {
        pid: 4711,
        version: "0.1.0".to_owned(),
        phase: "running".to_owned(),
        started: Some(NOW),
        interval_ms: 5_000,
        cycles: 7,
        last: Some(NOW),
        took_ms: Some(84),
        next: Some(NOW.after(Duration::from_secs(5))),
        failure: None,
        listen: None,
    };
    let listen = |address: Option<&str>, error: Option<&str>| {
        let wanted = "127.0.0.1:9910".to_owned();
        Some(ListenInfo {
            wanted,
            address: address.map(str::to_owned),
            tls: false,
            error: error.map(str::to_owned),
            hint: None,
            certificate_ends: None,
            certificate_problem: None,
        })
    };
    let failure = FailureInfo { error: "another wnm is running".to_owned(), hint: Some("wait for it".to_owned()) };
    let infos = [
        running.clone(),
        DaemonInfo { failure: Some(failure), ..running.clone() },
        DaemonInfo { listen: listen(Some("127.0.0.1:9910"), None), ..running.clone() },
        DaemonInfo { listen: listen(Some("127.0.0.1:9911"), None), ..running.clone() },
        DaemonInfo { listen: listen(None, Some("permission denied")), ..running.clone() },
        DaemonInfo { phase: "draining".to_owned(), next: None, ..running.clone() },
        DaemonInfo { phase: "starting".to_owned(), started: None, last: None, next: None, ..running },
    ];
    let now = NOW.after(Duration::from_secs(2));
    let pages: Vec<_> =
        infos.into_iter().map(|info| super::daemon::text(&super::daemon::Daemon { info, now })).collect();
    insta::assert_snapshot!(at_each_width(|_| pages.concat()));
}

#[test]
fn stale_status() {
    let status = status_of(observed_before(11_100));
    insta::assert_snapshot!(at_each_width(|width| super::status::text(&status, width)));
}

#[test]
fn settings_with_and_without_sources() {
    let entry =
        |key, value: &str, source| Entry { key, value: None, unit: None, source, shown: Some(value.to_owned()) };
    let entries = [
        entry("node_cap", "50", Source::Database),
        entry("max_load_average_allowed", "8", Source::Default),
        entry(
            "node_storage",
            "/mnt/first/autonomi/node,/mnt/second/autonomi/node,/mnt/third/autonomi/node",
            Source::Environment { variable: "WNM_NODE_STORAGE".to_owned() },
        ),
        entry("cpu_remove", "80", Source::File { path: "/home/operator/.config/wnm/config.toml".to_owned() }),
        Entry { key: "netio_read_remove", value: None, unit: None, source: Source::Default, shown: None },
    ];
    let pages =
        [Sources::Shown, Sources::Hidden].map(|sources| at_each_width(|width| config::list(&entries, sources, width)));
    insta::assert_snapshot!(pages.join("\n"));
}

#[test]
fn takeover_preview() {
    let mut settings = RawSettings::default();
    settings.set("node_cap", "50").unwrap();
    settings.set("rewards_address", "faucet").unwrap();
    let taken = |number| ImportedNode {
        node: node(number),
        state: NodeState::Running { since: NOW },
        previous_state: Some("RUNNING".to_owned()),
        version: Some("0.4.17".to_owned()),
        peer_id: None,
        notes: vec![crate::takeover::OUTSIDE_STORAGE.to_owned()],
    };
    let takeover = Takeover {
        settings,
        nodes: vec![taken(1), taken(2)],
        skipped: vec![Skipped {
            name: "antnode0003".to_owned(),
            reason: "port 55001 belongs to antnode0001".to_owned(),
        }],
        changes: vec![
            "/etc/cron.d/anm is removed, so that anm no longer runs; a copy is /var/antctl/anm.cron.before-wnm"
                .to_owned(),
        ],
    };
    insta::assert_snapshot!(at_each_width(|width| takeover::text(&takeover, width)));
}
