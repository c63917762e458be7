//! Nodes, observations and decisions with unusual values in every field.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;
use wnm_core::steps::{Failure, Step, StepFailure};
use wnm_core::{
    Action, Cores, Counters, Decision, EngineState, FAUCET, Flavor, HostDefaults, HostSample, ManagerKind, Node,
    NodeCounters, NodeId, NodeMetrics, NodeSample, NodeState, Observation, Percent, Planned, Ports, Presence,
    ProcessIdentity, RawSettings, Reason, RuleVerdict, Settings, SkipReason, StopCause, Timestamp, Upnp, Verdict,
    Version, Volume, WrongAnswer, evaluate,
};
use wnm_store::{CycleId, CycleKind, Store, StoreError};

pub(crate) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

pub(crate) fn id(number: u32) -> NodeId {
    NodeId::new(number).unwrap()
}

pub(crate) fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deeper/wnm.db");
    (folder, path)
}

pub(crate) fn settings() -> Settings {
    let mut raw = RawSettings::default();
    raw.set("rewards_address", "faucet").unwrap();
    let manager = ManagerKind::ALL[0];
    let host = HostDefaults { cpus: 4, storage: "/s".into(), programs: "/p".into(), manager };
    Settings::new(&raw, &host).unwrap()
}

pub(crate) fn node(number: u32) -> Node {
    let port = |start: u32| u16::try_from(start + number).unwrap();
    Node {
        service: None,
        id: id(number),
        uuid: format!("uuid-{number}"),
        flavor: Flavor::Antnode,
        manager: ManagerKind::ALL[0],
        root_dir: PathBuf::from(format!("/nodes/a \"quoted\" 'path'/antnode{number:04}")),
        log_dir: PathBuf::from("/logs"),
        binary: PathBuf::from("/nodes/antnode"),
        ports: Ports { node: port(55000), metrics: Some(port(13000)), rpc: Some(port(30000)) },
        wallet: FAUCET,
        network: vec!["evm-arbitrum-one".into()],
        arguments: vec!["--a".into(), "b c\n".into()],
        environment: vec![("K".into(), "v=w".into())],
        upnp: Upnp::Off,
        born: at(1),
    }
}

pub(crate) fn sample(presence: Presence, number: u32) -> NodeSample {
    NodeSample {
        presence,
        born: at(i64::from(number)),
        version: Some(Version::new(0, 4, 17)),
        last_version: None,
        upgraded_from: Some(Version::new(0, 4, 16)),
        volume: Some(0),
        cpu: Cores::new(0.1 + 0.2).ok(),
        memory: None,
        disk: None,
        process: Some(ProcessIdentity { boot: "b".into(), pid: 7, start: u64::MAX }),
        peer_id: Some("12D3Koo".into()),
        wrong_answer: Some(WrongAnswer::OtherPeer { answered: "12D3b".into(), known: Some("12D3a".into()) }),
        shunned_since: Some(at(2)),
        metrics: Some(Box::new(NodeMetrics {
            reward_balance: Some(u128::MAX),
            memory_mb: Some(0.1),
            ..NodeMetrics::default()
        })),
        restarted: false,
        exit: None,
    }
}

pub(crate) fn observation(now: i64, nodes: impl IntoIterator<Item = u32>) -> Observation {
    let volume = Volume { root: "/s".into(), identity: u64::MAX, ..Volume::default() };
    Observation {
        now: at(now),
        host: HostSample { cpu: Percent::new(12.3).ok(), volumes: vec![volume], ..HostSample::default() },
        nodes: nodes.into_iter().map(|n| (id(n), sample(Presence::Answering, n))).collect(),
        ..Observation::default()
    }
}

pub(crate) fn decision(actions: impl IntoIterator<Item = Action>) -> Decision {
    let actions: Vec<_> = actions.into_iter().map(|action| Planned { action, reason: Reason::Requested }).collect();
    let verdict = if actions.is_empty() { Verdict::Skip(SkipReason::NoAnomaly) } else { Verdict::Act };
    let verdicts = vec![RuleVerdict { rule: "grow".into(), verdict }];
    Decision {
        actions,
        verdicts,
        ..evaluate(&settings().policy, EngineState::default(), &Observation::default()).decision
    }
}

pub(crate) fn counters(now: i64) -> Counters {
    let nodes = BTreeMap::from([(id(1), NodeCounters { pid: 7, cpu_millis: u64::MAX })]);
    Counters { at: at(now), boot: "b".into(), net_write: u64::MAX, nodes, ..Counters::default() }
}

pub(crate) fn failure(step: Step, rolled_back: bool) -> Failure {
    Failure {
        failed: StepFailure {
            step,
            at: at(9),
            error: "no \"room\"\n".into(),
            cause: wnm_core::FailureCause::Other,
            hint: None,
        },
        rolled_back,
    }
}

/// Adds one node that runs since `at(1)`.
pub(crate) fn add(store: &mut Store, node: Node) -> Result<(), StoreError> {
    store.insert_nodes(&[(node, NodeState::Running { since: at(1) })])
}

/// Stores a state in a cycle that does nothing else.
pub(crate) fn save(store: &mut Store, now: i64, state: &EngineState, nodes: impl IntoIterator<Item = u32>) -> CycleId {
    let observation = observation(now, nodes);
    let (cycle, _) = store.begin(CycleKind::Scheduled, &observation, &decision([]), &[]).unwrap();
    store.finish(cycle, &[], state, &observation, &counters(now)).unwrap();
    cycle
}

pub(crate) fn every_state() -> [NodeState; 9] {
    let since = at(5);
    [
        NodeState::Running { since },
        NodeState::Unknown { since },
        NodeState::Stopped { since: None, cause: StopCause::StartFailed },
        NodeState::Restarting { since },
        NodeState::Upgrading { since, from: None, to: Version::new(1, 2, 3) },
        NodeState::Migrating { since },
        NodeState::Removing { since },
        NodeState::Dead { since },
        NodeState::Disabled { since },
    ]
}

pub(crate) fn every_action() -> [Action; 8] {
    let to = Version::new(1, 2, 3);
    [
        Action::Add { node: id(1) },
        Action::Start { node: id(2), upgrade_to: Some(to.clone()) },
        Action::Stop { node: id(3) },
        Action::Disable { node: id(4) },
        Action::Enable { node: id(5) },
        Action::Restart { node: id(6) },
        Action::Upgrade { node: id(7), from: None, to },
        Action::Remove { node: id(8), linger: Duration::from_millis(300_500) },
    ]
}
