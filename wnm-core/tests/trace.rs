//! Written traces are read back without loss.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may")]

use wnm_core::trace::{NodeChanges, TRACE_VERSION, TraceError, TraceHeader, TraceLine, TraceSample, TraceWriter};
use wnm_core::{
    Bytes, BytesPerSecond, Cores, CpuLimitSample, EngineState, HostSample, Load, LoadAverages, LoadScope, NodeId,
    NodeMap, NodeSample, NodeState, Observation, Percent, Policy, Psi, RawSettings, Stall, StallTime, Stalls,
    StopCause, Timestamp, Version, Volume, WeightMeans, WeightSample,
};

fn id(number: u32) -> NodeId {
    NodeId::new(number).unwrap()
}

fn volume(used: f64) -> Volume {
    let (total, available) = (Some(Bytes(1 << 40)), Some(Bytes(1 << 38)));
    Volume { used: Percent::new(used).ok(), total, available, ..Volume::default() }
}

fn node(born: i64) -> NodeSample {
    NodeSample {
        born: Timestamp::from_secs(born),
        version: Some(Version::new(0, 4, 17)),
        volume: Some(0),
        cpu: Cores::new(0.05).ok(),
        memory: Some(Bytes(80_000_000)),
        disk: Some(Bytes(7_000_000_000)),
        ..NodeSample::default()
    }
}

fn stalls(avg10: f64) -> Stalls {
    let time = |avg10| StallTime { avg10: Percent::new(avg10).unwrap(), total: Some(123_456_789) };
    let stall = Stall { some: time(avg10), full: Some(time(avg10 / 2.0)) };
    Stalls { cpu: Stall { full: None, ..stall }, memory: stall, io: stall }
}

fn observation(second: i64) -> Observation {
    let load = |value: f64| Load::new(value).unwrap();
    let percent = |value: f64| Percent::new(value).unwrap();
    Observation {
        now: Timestamp::from_millis(1_795_210_506_155 + 1000 * second),
        rebooted: false,
        host: HostSample {
            cpus: Some(16),
            started: Some(Timestamp::from_secs(1_790_000_000)),
            cpu: Some(percent(100.0 / 3.0)),
            io_wait: Some(percent(0.1)),
            memory: Some(percent(20.2)),
            memory_total: Some(Bytes(25_276_502_016)),
            volumes: vec![volume(18.0)],
            load: Some(LoadAverages { one: load(2.2353515625), five: load(1.99609375), fifteen: load(0.0) }),
            disk_read: Some(BytesPerSecond(7_056_406)),
            disk_write: None,
            net_read: Some(BytesPerSecond(0)),
            net_write: Some(BytesPerSecond(1)),
            psi: Some(Psi { host: stalls(6.0), colony: Some(stalls(5.0)), background: Some(stalls(0.94)) }),
            weight: Some(WeightSample { cpu: Some(WeightMeans::Group), io: None }),
            load_scope: LoadScope::Container,
            cpu_quota: Some(CpuLimitSample { limit: Cores::new(1.5).ok(), throttled: Percent::new(4.0).ok() }),
            cpu_limit: Some(CpuLimitSample { limit: Cores::new(12.0).ok(), throttled: Some(percent(8.0)) }),
            // A trace holds no folders.
            unlisted: Vec::new(),
        },
        nodes: (1..=3).map(|n| (id(n), node(1_700_000_000 + i64::from(n)))).collect(),
        target: Some("0.4.18-rc.1".parse().unwrap()),
        ..Observation::default()
    }
}

fn states() -> NodeMap<NodeState> {
    let since = Timestamp::from_millis(1_795_000_000_001);
    let stopped = NodeState::Stopped { since: Some(since), cause: StopCause::Pressure };
    [(id(1), NodeState::Running { since }), (id(2), stopped), (id(3), NodeState::Removing { since })]
        .into_iter()
        .collect()
}

/// Reads the written lines in order.
#[derive(Default)]
struct Reader {
    observation: Observation,
    state: EngineState,
}

impl Reader {
    fn read(&mut self, line: &str) -> Result<TraceSample, TraceError> {
        match TraceLine::parse(line)? {
            TraceLine::Sample(sample) => {
                sample.apply(&mut self.observation, &mut self.state)?;
                Ok(sample)
            }
            other => panic!("expected a sample, found {other:?}"),
        }
    }
}

fn reader() -> Reader {
    let mut reader = Reader::default();
    reader.observation.host.cpus = Some(16);
    reader
}

#[test]
fn written_observations_are_read_back_completely() {
    let mut writer = TraceWriter::new(TraceHeader::default());
    let mut reader = reader();
    let mut seen = observation(0);
    let mut state = EngineState { nodes: states(), acting: [id(1)].into(), ..EngineState::default() };
    let mut check = |seen: &Observation, state: &EngineState, longest: usize| {
        let line = writer.sample(seen, state);
        assert!(line.len() <= longest, "{} bytes: {line}", line.len());
        reader.read(&line).unwrap();
        assert_eq!((&reader.observation, &reader.state), (seen, state), "{line}");
    };
    check(&seen, &state, 2200);
    // Only the time changes, so the line contains no node.
    seen.now = observation(1).now;
    check(&seen, &state, 1400);
    // Facts of a node become unknown, an action ends, a node goes and a node comes, on two volumes.
    seen.now = observation(2).now;
    seen.rebooted = true;
    seen.host.volumes.push(volume(55.5));
    let first = seen.nodes.get_mut(&id(1)).unwrap();
    (first.version, first.memory, first.volume) = (None, None, Some(1));
    seen.nodes.remove(&id(3));
    seen.nodes.insert(id(9), node(1_795_000_000));
    state.acting.clear();
    state.nodes.remove(&id(3));
    state.nodes.insert(id(2), NodeState::Stopped { since: None, cause: StopCause::Pressure });
    state.nodes.insert(id(9), NodeState::Restarting { since: seen.now });
    check(&seen, &state, 2000);
    // All values that can be unknown are.
    seen = Observation { now: observation(3).now, nodes: NodeMap::new(), ..Observation::default() };
    seen.host = HostSample { cpus: Some(16), memory_total: seen.host.memory_total, ..HostSample::default() };
    seen.host.memory_total = Some(Bytes(25_276_502_016));
    check(&seen, &EngineState::default(), 300);
}

#[test]
fn noise_below_a_thousandth_of_a_core_is_no_change() {
    let mut writer = TraceWriter::new(TraceHeader::default());
    let (mut seen, state) = (observation(0), EngineState { nodes: states(), ..EngineState::default() });
    writer.sample(&seen, &state);
    let mut changes = |cores: f64| {
        seen.nodes.get_mut(&id(2)).unwrap().cpu = Cores::new(cores).ok();
        match TraceLine::parse(&writer.sample(&seen, &state)).unwrap() {
            TraceLine::Sample(sample) => sample.nodes,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(changes(0.0504), NodeChanges::Same);
    match changes(0.0506) {
        NodeChanges::Some { changed, gone } => {
            assert_eq!((changed.len(), changed[0].id, gone), (1, id(2), vec![]));
            assert_eq!(changed[0].state, None);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn full_list_follows_each_header_and_every_thousand_samples() {
    let mut writer = TraceWriter::new(TraceHeader::default());
    let state = EngineState { nodes: states(), ..EngineState::default() };
    let mut is_full = |second: i64| writer.sample(&observation(second), &state).contains("\"nodes\":[");
    let full: Vec<i64> = (0..2500).filter(|second| is_full(*second)).collect();
    assert_eq!(full, [0, 1000, 2000]);
    writer.header();
    assert!(writer.sample(&observation(2500), &state).contains("\"nodes\":["));
}

#[test]
fn header_contains_the_policy_and_no_private_setting() {
    let mut policy = RawSettings::default();
    for (key, text) in [("node_cap", "7"), ("cpu_remove", "80.5"), ("rewards_address", "faucet"), ("host", "::1")] {
        policy.set(key, text).unwrap();
    }
    let header = TraceHeader { program: Some("wnm 1".into()), cpus: Some(2), memory: Some(Bytes(3)), policy };
    let line = TraceWriter::new(header.clone()).header();
    assert!(!line.contains("faucet") && !line.contains("::1"), "{line}");
    let TraceLine::Header(read) = TraceLine::parse(&line).unwrap() else { panic!("{line}") };
    assert_eq!((&read.program, read.cpus, read.memory), (&header.program, header.cpus, header.memory));
    assert_eq!(Policy::new(&read.policy, read.cpus).unwrap(), Policy::new(&header.policy, Some(2)).unwrap());
}

/// A setting outside the header must not change decisions, or a replay would decide differently.
#[test]
fn header_settings_are_those_that_change_the_policy() {
    let default = Policy::new(&RawSettings::default(), Some(2)).unwrap();
    for key in RawSettings::KEYS {
        let mut differs = false;
        let texts = ["1", "2", "95", "true", "/x", "faucet", "setsid+user", "none", "ant-node", "classic", "steady"];
        for text in texts.into_iter().chain(["hourly :05-:55"]) {
            let mut raw = RawSettings::default();
            if raw.set(key, text).is_ok() {
                differs |= Policy::new(&raw, Some(2)).map_or(true, |policy| policy != default);
            }
        }
        let is_known = TraceHeader::POLICY_KEYS.contains(key);
        assert!(is_known || !differs, "{key} changes the policy and is not written");
        assert!(differs || !is_known, "{key} is written and changes nothing");
    }
}

#[test]
fn invalid_lines_have_a_cause_and_a_column() {
    let error = |line: &str| TraceLine::parse(line).unwrap_err();
    let TraceError::Malformed { column, message } = error(r#"{"ts": 1, "used_cpu_percent": "high"}"#) else { panic!() };
    assert_eq!(column, 36);
    assert!(message.contains("invalid type: string \"high\", expected f64"), "{message}");
    assert_eq!(error(r#"{"ts": 1, "#).column(), 10);
    assert_eq!(error(r#"{"used_cpu_percent": 3}"#), TraceError::NotALine);
    for other in ["[]", "[1795210506.155]", "7", "null", "ts=1"] {
        assert_eq!((error(other), error(other).column()), (TraceError::NotALine, 1), "{other}");
    }
    let found = u64::from(TRACE_VERSION) + 1;
    for later in [r#"{"wnm_trace": 2}"#, r#"{"wnm_trace": 2, "host": 5, "policy": {"dark_mode": 1}, "ts": []}"#] {
        assert_eq!(error(later), TraceError::UnknownVersion { found }, "{later}");
    }
    let unknown = error(r#"{"wnm_trace": 1, "policy": {"node_cup": 3}}"#);
    assert!(unknown.to_string().contains("did you mean node_cap?"), "{unknown}");
}

/// Recorded traces have this key: a renamed field must not change the format.
#[test]
fn cpu_limit_has_the_key_quota() {
    let line = TraceWriter::new(TraceHeader::default()).sample(&observation(0), &EngineState::default());
    assert!(line.contains(r#""quota":{"limit":12.0,"throttled":8.0}"#), "{line}");
    assert!(!line.contains("cpu_limit"), "{line}");
}

#[test]
fn changes_of_unlisted_nodes_are_refused() {
    let mut reader = reader();
    let unlisted = r#"{"ts": 1, "changed": [{"id": 4, "cpu": 0.1}]}"#;
    assert_eq!(reader.read(unlisted).unwrap_err(), TraceError::UnlistedNode { id: id(4) });
    let twice = r#"{"ts": 1, "nodes": [{"id": 4, "state": "DEAD"}, {"id": 4, "state": "DEAD"}]}"#;
    assert_eq!(reader.read(twice).unwrap_err(), TraceError::NodeTwice { id: id(4) });
    reader.read(r#"{"ts": 1, "nodes": [{"id": 4, "state": "STOPPED", "version": ""}]}"#).unwrap();
    assert_eq!(reader.state.nodes[&id(4)], NodeState::Stopped { since: None, cause: StopCause::Pressure });
    reader.read(r#"{"ts": 2.5, "changed": [{"id": 4, "state": "RUNNING"}]}"#).unwrap();
    let running = NodeState::Running { since: Timestamp::from_millis(2500) };
    assert_eq!(reader.state.nodes[&id(4)], running);
    let many: Vec<String> = (10..70_000).map(|n| format!("{{\"id\": {n}, \"state\": \"DEAD\"}}")).collect();
    let many = format!("{{\"ts\": 2.6, \"changed\": [{}]}}", many.join(","));
    assert_eq!(Reader::default().read(&many).unwrap_err(), TraceError::TooManyNodes);
    // A full list without `since` keeps the start of the same state.
    reader.read(r#"{"ts": 3, "nodes": [{"id": 4, "state": "RUNNING"}]}"#).unwrap();
    assert_eq!(reader.state.nodes[&id(4)], running);
}

#[test]
fn impossible_values_count_as_missing() {
    let line = r#"{"ts": 5, "used_cpu_percent": -3, "hdio_read_bytes": -1, "running_nodes": 65536, "colour": "red"}"#;
    let TraceLine::Sample(sample) = TraceLine::parse(line).unwrap() else { panic!() };
    assert_eq!((sample.at, sample.running_nodes), (Timestamp::from_secs(5), None));
    assert_eq!(sample.host, HostSample { volumes: vec![Volume::default()], ..HostSample::default() });
}

#[test]
fn pressure_stalls_of_earlier_traces_are_read() {
    let psi = |keys: &str| match TraceLine::parse(&format!(r#"{{"ts": 1.0, {keys}}}"#)).unwrap() {
        TraceLine::Sample(sample) => sample.host.psi,
        other => panic!("expected a sample, found {other:?}"),
    };
    let some = |avg10, total| Stall { some: StallTime { avg10: Percent::new(avg10).unwrap(), total }, full: None };
    let plain = r#"{"some": {"avg10": 6.0}}"#;
    let read = psi(&format!(r#""psi_cpu": {plain}, "psi_memory": {plain}, "psi_io": {plain}"#)).unwrap();
    assert_eq!(
        read,
        Psi {
            host: Stalls { cpu: some(6.0, None), memory: some(6.0, None), io: some(6.0, None) },
            colony: None,
            background: None,
        }
    );
    // As other tools copy the files of the kernel.
    let whole = r#"{"some": {"avg10": 1.5, "avg60": 2, "total": 12}, "full": {"avg10": -1, "total": -5}}"#;
    let read = psi(&format!(r#""psi_cpu": {whole}, "psi_memory": {whole}, "psi_io": {whole}"#)).unwrap();
    assert_eq!(read.host.io, some(1.5, Some(12)));
    assert_eq!(psi(&format!(r#""psi_cpu": {plain}, "psi_memory": {plain}"#)), None);
}
