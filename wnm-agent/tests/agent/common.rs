//! A colony in memory: a store and a platform that record every call, and fail when told to.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use wnm_agent::{Agent, Begin, Boot, CycleId, Finish, HintedError, NewNodeIdentity, Platform, Store};
use wnm_core::steps::{Effect, Evidence, Executor, Journal, JournalError, Step, StepFailure, StepRecord};
use wnm_core::{
    ActionId, ActionRecord, Clock, ClockReading, Colony, Cores, Counters, CpuLimitSample, Day, DayCounts, EngineState,
    Health, HostDefaults, HostSample, Load, LoadAverages, ManagerKind, Node, NodeHealth, NodeId, NodeMap, NodeMetrics,
    NodeSample, Observation, Outcome, Percent, Presence, ProcessIdentity, RawSettings, Settings, Timestamp, Volume,
};

/// The error of an operation that was told to fail.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} fails")]
pub(crate) struct Refused(pub(crate) &'static str);

impl HintedError for Refused {
    fn hint(&self) -> Option<String> {
        Some(format!("repair {}", self.0))
    }
}

/// The calls of a test in order, shared by the store and the platform.
#[derive(Debug, Clone, Default)]
pub(crate) struct Calls(Rc<RefCell<Vec<String>>>);

impl Calls {
    pub(crate) fn add(&self, call: impl Into<String>) {
        self.0.borrow_mut().push(call.into());
    }

    /// Returns the calls since the last time.
    pub(crate) fn take(&self) -> Vec<String> {
        self.0.take()
    }
}

#[derive(Debug, Default)]
pub(crate) struct MemoryStore {
    pub(crate) calls: Calls,
    pub(crate) nodes: BTreeMap<NodeId, Node>,
    pub(crate) state: EngineState,
    pub(crate) unfinished: Vec<ActionRecord>,
    pub(crate) highest: u32,
    /// The health of the nodes, and how often it was asked for.
    pub(crate) health: BTreeMap<NodeId, NodeHealth>,
    pub(crate) health_reads: u32,
    /// The operation that fails, if any.
    pub(crate) fails: Option<&'static str>,
    cycles: i64,
    actions: i64,
}

impl MemoryStore {
    fn call(&self, name: &'static str) -> Result<(), Refused> {
        self.calls.add(name);
        if self.fails == Some(name) { Err(Refused(name)) } else { Ok(()) }
    }
}

impl Journal for MemoryStore {
    fn step_done(&mut self, action: ActionId, done: &StepRecord) -> Result<(), JournalError> {
        self.call("step_done").map_err(|error| JournalError(error.into()))?;
        let record = self.unfinished.iter_mut().find(|record| record.id == action).unwrap();
        let list = if record.failure.is_none() { &mut record.done } else { &mut record.undone };
        list.push(done.clone());
        Ok(())
    }

    fn turned_back(&mut self, action: ActionId, failure: &StepFailure) -> Result<(), JournalError> {
        self.call("turned_back").map_err(|error| JournalError(error.into()))?;
        let record = self.unfinished.iter_mut().find(|record| record.id == action).unwrap();
        record.failure = Some(failure.clone());
        Ok(())
    }
}

impl Store for MemoryStore {
    type Error = Refused;

    fn load(&mut self, settings: &Settings) -> Result<Colony, Refused> {
        self.call("load")?;
        Ok(Colony {
            settings: settings.clone(),
            nodes: self.nodes.clone(),
            state: self.state.clone(),
            samples: NodeMap::default(),
            unfinished: self.unfinished.clone(),
            counters: None,
        })
    }

    fn record_highest_id(&mut self, highest: u32) -> Result<u32, Refused> {
        self.call("record_highest_id")?;
        self.highest = self.highest.max(highest);
        Ok(self.highest)
    }

    fn begin(&mut self, begin: Begin<'_>) -> Result<(CycleId, Vec<ActionRecord>), Refused> {
        self.call("begin")?;
        self.nodes.extend(begin.new_nodes.iter().map(|node| (node.id, node.clone())));
        self.cycles += 1;
        let now = begin.observation.now;
        let records: Vec<_> = (self.actions + 1..)
            .zip(&begin.decision.actions)
            .map(|(id, planned)| ActionRecord::new(ActionId(id), planned.clone(), now))
            .collect();
        self.actions += records.len() as i64;
        self.unfinished.extend(records.clone());
        Ok((CycleId(self.cycles), records))
    }

    fn finish(&mut self, finish: Finish<'_>) -> Result<(), Refused> {
        self.call("finish")?;
        for (record, outcome) in finish.worked {
            if !matches!(outcome, Outcome::Pending { .. }) {
                self.unfinished.retain(|open| open.id != record.id);
            }
        }
        self.state = finish.state.clone();
        self.nodes.retain(|id, _| finish.state.nodes.contains_key(id));
        Ok(())
    }

    fn health(&mut self, today: Day) -> Result<Health, Refused> {
        self.health_reads += 1;
        if self.fails == Some("health") {
            return Err(Refused("health"));
        }
        let total = DayCounts { day: today.before(1), ..DayCounts::default() };
        Ok(Health { total, nodes: self.health.clone() })
    }
}

/// A calm host on which nodes run as soon as they start.
#[derive(Debug)]
pub(crate) struct MemoryPlatform {
    pub(crate) calls: Calls,
    /// Milliseconds since the host started.
    pub(crate) uptime: u64,
    pub(crate) boot: String,
    /// The start of process 1.
    pub(crate) init: Option<u64>,
    pub(crate) cpu: Option<Percent>,
    pub(crate) cpu_limit: Option<CpuLimitSample>,
    pub(crate) running: BTreeMap<NodeId, u32>,
    /// The metrics that every running node reports.
    pub(crate) metrics: Option<NodeMetrics>,
    /// The step that is not yet complete, if any.
    pub(crate) stuck: Option<Step>,
    /// The number of further observations in which the state of stopped nodes is between two others.
    pub(crate) passing: u32,
    /// Whether the host refuses the weight of the nodes.
    pub(crate) refuses_weight: bool,
    /// Why the host refuses to lift a CPU limit.
    pub(crate) refuses_cpu_limit: Option<&'static str>,
    /// Whether those states were so in the last observation.
    are_passing: bool,
    identities: u32,
}

impl MemoryPlatform {
    pub(crate) fn new(calls: Calls) -> Self {
        Self {
            calls,
            uptime: 0,
            boot: "boot-1".to_owned(),
            init: Some(100),
            cpu: Percent::clamped(10.0),
            cpu_limit: None,
            running: BTreeMap::new(),
            metrics: None,
            stuck: None,
            passing: 0,
            refuses_weight: false,
            refuses_cpu_limit: None,
            are_passing: false,
            identities: 0,
        }
    }
}

impl Platform for MemoryPlatform {
    type Error = Refused;
    type Executor<'a> = MemoryExecutor<'a>;

    fn read_clock(&mut self) -> Result<ClockReading, Refused> {
        let wall = Timestamp::from_millis(1_780_000_000_000 + self.uptime.cast_signed());
        Ok(ClockReading { wall, uptime: self.uptime, boot: self.boot.clone(), init: self.init })
    }

    fn observe(&mut self, colony: &Colony, clock: &Clock, boot: Boot) -> (Observation, Counters) {
        self.calls.add("observe");
        let is_passing = self.passing > 0;
        self.passing = self.passing.saturating_sub(1);
        self.are_passing = is_passing;
        let load = Load::clamped(0.5).unwrap_or_default();
        let volume = |root: &PathBuf| Volume { root: root.clone(), used: Percent::clamped(20.0), ..Volume::default() };
        let sample = |node: &Node| NodeSample {
            presence: match self.running.contains_key(&node.id) {
                true => Presence::Answering,
                false if is_passing => Presence::Unreachable,
                false => Presence::Gone,
            },
            born: node.born,
            process: self.running.get(&node.id).map(|pid| process(*pid)),
            volume: Some(0),
            metrics: self.metrics.clone().filter(|_| self.running.contains_key(&node.id)).map(Box::new),
            ..NodeSample::default()
        };
        let host = HostSample {
            cpus: Some(4),
            cpu: self.cpu,
            memory: Percent::clamped(10.0),
            volumes: colony.settings.storage.iter().map(volume).collect(),
            load: Some(LoadAverages { one: load, five: load, fifteen: load }),
            cpu_limit: self.cpu_limit,
            ..HostSample::default()
        };
        let nodes = colony.nodes.values().map(|node| (node.id, sample(node))).collect();
        let observation =
            Observation { now: clock.now(), rebooted: boot == Boot::New, host, nodes, ..Observation::default() };
        (observation, Counters::default())
    }

    fn in_transition(&self, nodes: &[NodeId]) -> Vec<NodeId> {
        if self.are_passing { nodes.to_vec() } else { Vec::new() }
    }

    fn new_identity(&mut self) -> Result<NewNodeIdentity, Refused> {
        self.identities += 1;
        Ok(NewNodeIdentity { uuid: format!("uuid-{}", self.identities), roll: u64::from(self.identities) })
    }

    fn set_cpu_limit(&mut self, limit: Cores, processes: &[u32]) -> Result<(), Refused> {
        self.calls.add(format!("set_cpu_limit {} for {}", limit.get(), processes.len()));
        Ok(())
    }

    fn lift_cpu_limit(&mut self) -> Result<(), Refused> {
        self.calls.add("lift_cpu_limit");
        self.refuses_cpu_limit.map_or(Ok(()), |why| Err(Refused(why)))
    }

    fn apply_weight(&mut self, _: &Settings, nodes: &[(&Node, u32)]) -> Result<(), Refused> {
        if self.refuses_weight && !nodes.is_empty() { Err(Refused("apply_weight")) } else { Ok(()) }
    }

    fn executor<'a>(&'a mut self, _: &'a Settings, nodes: &'a BTreeMap<NodeId, Node>) -> MemoryExecutor<'a> {
        MemoryExecutor { platform: self, nodes }
    }

    fn sweep_trash(&mut self, storage: &[&Path], min_age: Duration, _: Timestamp) {
        if !storage.is_empty() {
            self.calls.add(format!("sweep_trash {} after {} s", storage.len(), min_age.as_secs()));
        }
    }
}

fn process(pid: u32) -> ProcessIdentity {
    ProcessIdentity { boot: "boot-1".to_owned(), pid, start: 0 }
}

pub(crate) struct MemoryExecutor<'a> {
    platform: &'a mut MemoryPlatform,
    nodes: &'a BTreeMap<NodeId, Node>,
}

impl Executor for MemoryExecutor<'_> {
    fn perform(&mut self, record: &ActionRecord, step: Step, _: Timestamp) -> Effect {
        let id = record.node();
        assert!(self.nodes.contains_key(&id), "{id} is not in the colony");
        self.platform.calls.add(format!("{id} {step:?}"));
        if self.platform.stuck == Some(step) {
            return Effect::NotYet("told to wait".to_owned());
        }
        match step {
            Step::Start => _ = self.platform.running.insert(id, 1000 + id.get()),
            Step::Stop => _ = self.platform.running.remove(&id),
            Step::Confirm => {
                return Effect::Done(Evidence::Process { process: process(self.platform.running[&id]) });
            }
            _ => {}
        }
        Effect::Done(Evidence::Nothing)
    }
}

pub(crate) type MemoryAgent = Agent<MemoryStore, MemoryPlatform>;

/// Returns an agent of an empty colony on a calm host, and the record of its calls.
pub(crate) fn agent(settings: &[(&str, &str)]) -> (MemoryAgent, Calls) {
    let calls = Calls::default();
    let store = MemoryStore { calls: calls.clone(), ..MemoryStore::default() };
    (Agent::new(store, MemoryPlatform::new(calls.clone()), self::settings(settings)), calls)
}

/// Returns settings with these values over those that the tests share.
pub(crate) fn settings(given: &[(&str, &str)]) -> Settings {
    let mut raw = RawSettings::default();
    let shared = [("rewards_address", "faucet"), ("node_cap", "3"), ("delay_start", "0"), ("delay_restart", "0")];
    for (key, text) in shared.iter().chain(given) {
        raw.set(key, text).unwrap();
    }
    let host = HostDefaults {
        cpus: 4,
        storage: PathBuf::from("/storage/0"),
        programs: PathBuf::from("/programs"),
        manager: "setsid+user".parse::<ManagerKind>().unwrap(),
    };
    Settings::new(&raw, &host).unwrap()
}

/// Reads an HTTP request; returns its body.
pub(crate) fn request_body(stream: &TcpStream) -> Vec<u8> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 || line.trim().is_empty() {
            break;
        }
        if let Some(number) = line.to_lowercase().strip_prefix("content-length:") {
            length = number.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    body
}
