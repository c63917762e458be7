//! The order of a cycle, and the effects of a failure at each of its steps.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use wnm_agent::{AgentError, Evaluated, HintedError, Mode, Observer, Platform, Signals, Store, Trigger};
use wnm_core::steps::Step;
use wnm_core::{
    ActionRecord, AllocationError, Bytes, Cores, CpuLimitSample, FailedAction, FailureCause, HostSample, NodeId,
    NodeState, Observation, Percent, PortRanges, RawSettings, Selection, StepRecord, Timestamp, Verb, Volume,
};

use crate::common::{MemoryAgent, Refused, agent};

fn run(agent: &mut MemoryAgent, trigger: &Trigger) -> Result<wnm_agent::Report, AgentError<Refused, Refused>> {
    agent.platform.uptime += 60_000;
    agent.run_cycle(trigger, Mode::Act, &mut ())
}

fn first() -> NodeId {
    NodeId::FIRST
}

#[test]
fn cycle_stores_the_intent_before_any_effect() {
    let (mut agent, calls) = agent(&[]);
    let report = run(&mut agent, &Trigger::Scheduled).unwrap();
    let calls = calls.take();
    assert_eq!(calls[..5], ["load", "observe", "begin", "0001 Folder", "step_done"], "{calls:?}");
    assert_eq!(calls[calls.len() - 2..], ["finish", "sweep_trash 1 after 86400 s"], "{calls:?}");
    assert_eq!(report.cycle.map(|cycle| cycle.0), Some(1));
    assert!(!report.has_failures() && !report.is_pending());
    assert!(matches!(agent.store.state.nodes.get(&first()), Some(NodeState::Restarting { .. })));
}

#[test]
fn dry_run_changes_neither_store_nor_host() {
    let (mut agent, calls) = agent(&[]);
    let report = agent.run_cycle(&Trigger::Scheduled, Mode::DryRun, &mut ()).unwrap();
    assert_eq!(calls.take(), ["load", "observe"]);
    assert_eq!((report.cycle, report.decision.actions.len()), (None, 1));
}

#[test]
fn failed_additions_leave_no_volume_without_a_try() {
    let (mut agent, _) = agent(&[("node_storage", "/a,/b,/c")]);
    let settings = agent.settings.clone();
    let volumes = [("/a", 30), ("/b", 20), ("/c", 10)].map(|(root, free)| Volume {
        root: root.into(),
        available: Some(Bytes(free * 1_000_000_000)),
        ..Volume::default()
    });
    let host = HostSample { volumes: volumes.to_vec(), ..HostSample::default() };
    let observation = Observation { host, ..Observation::default() };
    for (failures, folder) in [(0, "/a"), (1, "/b"), (2, "/c"), (3, "/a")] {
        let mut colony = agent.store.load(&settings).unwrap();
        let failed = |failures| FailedAction {
            verb: "add".to_owned(),
            node: first(),
            step: Step::Binary,
            error: "disk quota exceeded".to_owned(),
            cause: FailureCause::Space,
            hint: None,
            failures,
            at: Timestamp::default(),
            retry_at: Timestamp::default(),
        };
        colony.state.failures = (1..=failures).map(failed).collect();
        let chosen = agent.platform.storage_for(&colony, &observation, &BTreeMap::new());
        assert_eq!(chosen.as_deref(), Some(Path::new(folder)), "{failures} failures");
    }
}

#[test]
fn request_awaits_a_state_between_two_others() {
    let (mut agent, calls) = agent(&[]);
    run(&mut agent, &Trigger::Scheduled).unwrap();
    run(&mut agent, &Trigger::Scheduled).unwrap();
    run(&mut agent, &Trigger::Requested(Verb::Stop, Selection::Named(vec![first()]))).unwrap();
    for (trigger, observations, refused) in
        [(Trigger::Scheduled, 1, 0), (Trigger::Requested(Verb::Start, Selection::Named(vec![first()])), 3, 0)]
    {
        calls.take();
        agent.platform.passing = 2;
        let report = run(&mut agent, &trigger).unwrap();
        let observed = calls.take().iter().filter(|call| *call == "observe").count();
        assert_eq!((observed, report.refused.len()), (observations, refused), "{trigger:?}: {:?}", report.refused);
    }
    assert!(agent.platform.running.contains_key(&first()));
}

#[test]
fn failed_begin_leaves_the_host_unchanged() {
    let (mut agent, calls) = agent(&[("preset", "steady"), ("cpu_limit", "true")]);
    // A limit that the decision removes, so that applying it would call the platform.
    agent.platform.cpu_limit = Some(CpuLimitSample { limit: Cores::clamped(0.1), throttled: None });
    agent.store.fails = Some("begin");
    let error = run(&mut agent, &Trigger::Scheduled).unwrap_err();
    assert!(matches!(&error, AgentError::Store(Refused("begin"))), "{error}");
    assert_eq!((error.to_string(), error.hint()), ("begin fails".to_owned(), Some("repair begin".to_owned())));
    assert_eq!(calls.take(), ["load", "observe", "begin"]);

    agent.store.fails = None;
    run(&mut agent, &Trigger::Scheduled).unwrap();
    let calls = calls.take();
    let limited = calls.iter().position(|call| call.contains("cpu_limit")).expect("the limit is applied");
    assert_eq!(calls[limited - 1], "begin", "{calls:?}");
}

#[test]
fn failed_finish_leaves_actions_for_the_next_cycle() {
    let (mut agent, _) = agent(&[]);
    agent.store.fails = Some("finish");
    assert!(matches!(run(&mut agent, &Trigger::Scheduled), Err(AgentError::Store(Refused("finish")))));
    assert_eq!(agent.store.unfinished.len(), 1);

    agent.store.fails = None;
    let report = run(&mut agent, &Trigger::Scheduled).unwrap();
    assert!(report.decision.actions.is_empty(), "the node is chosen again: {:?}", report.decision.actions);
    assert_eq!(report.worked.len(), 1);
    assert!(agent.store.unfinished.is_empty());
}

#[test]
fn failed_journal_leaves_the_step_pending() {
    let (mut agent, _) = agent(&[]);
    agent.store.fails = Some("step_done");
    assert!(run(&mut agent, &Trigger::Scheduled).unwrap().is_pending());
    agent.store.fails = None;
    let report = run(&mut agent, &Trigger::Resumed).unwrap();
    assert!(report.decision.actions.is_empty() && !report.is_pending());
}

#[test]
fn resumed_cycle_begins_nothing() {
    let (mut agent, calls) = agent(&[]);
    let report = run(&mut agent, &Trigger::Resumed).unwrap();
    assert!(report.decision.actions.is_empty() && report.refused.is_empty());
    assert!(agent.store.nodes.is_empty());
    assert!(calls.take().contains(&"begin".to_owned()), "the history holds resumed cycles too");
}

#[test]
fn requested_removal_forgets_the_node() {
    let (mut agent, _) = agent(&[]);
    run(&mut agent, &Trigger::Scheduled).unwrap();
    let report = run(&mut agent, &Trigger::Requested(Verb::Remove, Selection::Named(vec![first()]))).unwrap();
    assert!(report.colony.nodes.is_empty() && agent.store.nodes.is_empty());
    let report = run(&mut agent, &Trigger::Requested(Verb::Stop, Selection::Named(vec![first()]))).unwrap();
    assert_eq!(report.refused.len(), 1);
}

#[test]
fn node_without_ports_is_skipped_unless_requested() {
    let (mut agent, _) = agent(&[]);
    run(&mut agent, &Trigger::Scheduled).unwrap();
    // Node 1 moves to the ports of node 2.
    let mut raw = RawSettings::default();
    raw.set("rewards_address", "faucet").unwrap();
    let ports = PortRanges::new(&raw).unwrap().of(first().next()).unwrap();
    agent.store.nodes.get_mut(&first()).unwrap().ports = ports;

    agent.platform.uptime += 600_000;
    let report = run(&mut agent, &Trigger::Scheduled).unwrap();
    assert!(report.decision.actions.is_empty(), "{:?}", report.decision.actions);
    let requested = run(&mut agent, &Trigger::Requested(Verb::Add, Selection::Count(1)));
    let error = requested.unwrap_err();
    assert!(matches!(error, AgentError::Allocation(AllocationError::PortTaken { .. })) && error.hint().is_some());
}

#[test]
fn numbers_are_recorded_before_the_intent_where_none_is_reused() {
    let (mut agent, calls) = agent(&[("process_manager", "antctl+user"), ("highest_node_id_used", "4")]);
    run(&mut agent, &Trigger::Scheduled).unwrap();
    assert_eq!(calls.take()[..4], ["load", "observe", "record_highest_id", "begin"]);
    assert_eq!((agent.store.highest, agent.settings.policy.highest_node_id_used), (5, Some(5)));
}

#[test]
fn full_volume_loses_its_trash_at_once() {
    let (mut agent, calls) = agent(&[]);
    agent.signals = Signals::Scripted(Box::new(HostSample {
        volumes: vec![wnm_core::Volume {
            root: "/storage/0".into(),
            used: Percent::clamped(99.0),
            ..wnm_core::Volume::default()
        }],
        ..HostSample::default()
    }));
    let report = run(&mut agent, &Trigger::Scheduled).unwrap();
    assert_eq!(report.observation.host.cpu, None, "the scripted sample replaces the measured one");
    assert!(calls.take().contains(&"sweep_trash 1 after 0 s".to_owned()));
}

#[test]
fn restart_of_the_host_is_observed_once() {
    let (mut agent, _) = agent(&[]);
    assert!(!run(&mut agent, &Trigger::Resumed).unwrap().observation.rebooted);
    // A container restarts: the host has not.
    agent.platform.init = Some(9_000);
    assert!(run(&mut agent, &Trigger::Resumed).unwrap().observation.rebooted);
    assert!(!run(&mut agent, &Trigger::Resumed).unwrap().observation.rebooted);
    agent.platform.boot = "boot-2".to_owned();
    assert!(run(&mut agent, &Trigger::Resumed).unwrap().observation.rebooted);
    assert!(!run(&mut agent, &Trigger::Resumed).unwrap().observation.rebooted);
}

#[derive(Default)]
struct Counting {
    decided: usize,
    executing: usize,
    steps: Vec<Step>,
}

impl Observer for Counting {
    fn evaluated(&mut self, evaluated: Evaluated<'_>) {
        self.decided += evaluated.decision.actions.len();
    }

    fn executing(&mut self, records: &[ActionRecord]) {
        self.executing += records.len();
    }

    fn step_done(&mut self, step: &StepRecord) {
        self.steps.push(step.step);
    }
}

#[test]
fn observer_follows_the_cycle() {
    let (mut agent, _) = agent(&[]);
    agent.platform.stuck = Some(Step::Start);
    let mut observer = Counting::default();
    agent.run_cycle(&Trigger::Scheduled, Mode::Act, &mut observer).unwrap();
    assert_eq!((observer.decided, observer.executing), (1, 1));
    assert_eq!(observer.steps, [Step::Folder, Step::Define, Step::OpenPort, Step::Binary]);
}

#[test]
fn removed_node_waits_without_blocking_the_cycle() {
    let (mut agent, _) = agent(&[]);
    run(&mut agent, &Trigger::Scheduled).unwrap();
    agent.platform.stuck = Some(Step::SeeGone);
    let remove = Trigger::Requested(Verb::Remove, Selection::All);
    assert!(run(&mut agent, &remove).unwrap().is_pending());
    agent.platform.uptime += Duration::from_secs(5).as_millis() as u64;
    agent.platform.stuck = None;
    assert!(!run(&mut agent, &Trigger::Resumed).unwrap().is_pending());
    assert!(Refused("x").hint().is_some());
}

/// The messages of a log, with their levels.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<(tracing::Level, String)>>>);

impl tracing::Subscriber for Log {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        struct Message(String);
        impl tracing::field::Visit for Message {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                self.0.push_str(&format!("{field}={value:?} "));
            }
        }
        let mut message = Message(String::new());
        event.record(&mut message);
        self.0.lock().unwrap().push((*event.metadata().level(), message.0));
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

/// `wnm doctor` and `wnm status` tell it; the log of a daemon would repeat it in every cycle.
#[test]
fn weight_that_the_host_refuses_fills_no_log() {
    let (mut agent, _) = agent(&[]);
    agent.platform.refuses_weight = true;
    let log = Log::default();
    tracing::subscriber::with_default(log.clone(), || {
        for _ in 0..10 {
            run(&mut agent, &Trigger::Scheduled).unwrap();
        }
    });
    let logged = log.0.lock().unwrap();
    let of_weight: Vec<_> = logged.iter().filter(|(_, message)| message.contains("behind other work")).collect();
    assert!(!of_weight.is_empty(), "the host refused it: {logged:?}");
    assert!(of_weight.iter().all(|(level, _)| *level == tracing::Level::DEBUG), "{of_weight:?}");
}

#[test]
fn cpu_limit_that_the_host_refuses_is_logged_once() {
    let (mut agent, _) = agent(&[("cpu_limit", "false")]);
    let log = Log::default();
    tracing::subscriber::with_default(log.clone(), || {
        for why in [Some("no cgroup"), Some("no cgroup"), Some("read-only"), None, Some("read-only"), Some("read-only")]
        {
            agent.platform.refuses_cpu_limit = why;
            run(&mut agent, &Trigger::Scheduled).unwrap();
        }
    });
    let logged = log.0.lock().unwrap();
    let warnings =
        logged.iter().filter(|(level, message)| *level == tracing::Level::WARN && message.contains("CPU limit"));
    assert_eq!(warnings.count(), 3, "{logged:?}");
}
