//! Embeds the agent with a store in memory and a simulated platform, and runs ten cycles.
//!
//! Run it with `cargo run -p wnm-examples --example embed_agent`. A real store writes to disk in `begin`, `finish` and
//! the two methods of the journal; a real platform measures a host and starts processes.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::error::Error;
use std::path::PathBuf;

use wnm_agent::{Agent, Begin, Boot, CycleId, Finish, Mode, NewNodeIdentity, Platform, Store, Trigger};
use wnm_core::steps::{Effect, Evidence, Executor, Journal, JournalError, Step, StepFailure, StepRecord};
use wnm_core::{
    ActionId, ActionRecord, Clock, ClockReading, Colony, Cores, Counters, EngineState, HostDefaults, HostSample, Load,
    LoadAverages, Node, NodeId, NodeMap, NodeSample, Observation, Outcome, Percent, Presence, ProcessIdentity,
    RawSettings, Settings, Timestamp, Volume,
};

/// A store that lives as long as the process.
#[derive(Default)]
struct MemoryStore {
    nodes: BTreeMap<NodeId, Node>,
    state: EngineState,
    unfinished: Vec<ActionRecord>,
    cycles: i64,
    actions: i64,
}

impl MemoryStore {
    fn record(&mut self, action: ActionId) -> Result<&mut ActionRecord, JournalError> {
        let record = self.unfinished.iter_mut().find(|record| record.id == action);
        record.ok_or_else(|| JournalError("no such action".into()))
    }
}

impl Journal for MemoryStore {
    fn step_done(&mut self, action: ActionId, step: &StepRecord) -> Result<(), JournalError> {
        let record = self.record(action)?;
        let steps = if record.failure.is_none() { &mut record.done } else { &mut record.undone };
        steps.push(step.clone());
        Ok(())
    }

    fn turned_back(&mut self, action: ActionId, failure: &StepFailure) -> Result<(), JournalError> {
        self.record(action)?.failure = Some(failure.clone());
        Ok(())
    }
}

impl Store for MemoryStore {
    type Error = Infallible;

    fn load(&mut self, settings: &Settings) -> Result<Colony, Infallible> {
        Ok(Colony {
            settings: settings.clone(),
            nodes: self.nodes.clone(),
            state: self.state.clone(),
            samples: NodeMap::default(),
            unfinished: self.unfinished.clone(),
            counters: None,
        })
    }

    fn record_highest_id(&mut self, highest: u32) -> Result<u32, Infallible> {
        Ok(highest)
    }

    fn begin(&mut self, begin: Begin<'_>) -> Result<(CycleId, Vec<ActionRecord>), Infallible> {
        self.cycles += 1;
        self.nodes.extend(begin.new_nodes.iter().map(|node| (node.id, node.clone())));
        let mut records = Vec::new();
        for planned in &begin.decision.actions {
            self.actions += 1;
            records.push(ActionRecord::new(ActionId(self.actions), planned.clone(), begin.observation.now));
        }
        self.unfinished.extend(records.clone());
        Ok((CycleId(self.cycles), records))
    }

    fn finish(&mut self, finish: Finish<'_>) -> Result<(), Infallible> {
        for (record, outcome) in finish.worked {
            if !matches!(outcome, Outcome::Pending { .. }) {
                self.unfinished.retain(|unfinished| unfinished.id != record.id);
            }
        }
        self.state = finish.state.clone();
        self.nodes.retain(|id, _| finish.state.nodes.contains_key(id));
        Ok(())
    }
}

/// A host whose CPU use grows by 15 % with each running node.
#[derive(Default)]
struct SimulatedPlatform {
    uptime: u64,
    running: BTreeMap<NodeId, ProcessIdentity>,
    identities: u64,
}

impl Platform for SimulatedPlatform {
    type Error = Infallible;
    type Executor<'a> = SimulatedExecutor<'a>;

    fn read_clock(&mut self) -> Result<ClockReading, Infallible> {
        self.uptime += 60_000;
        let wall = Timestamp::from_millis(1_780_000_000_000).after(std::time::Duration::from_millis(self.uptime));
        Ok(ClockReading { wall, uptime: self.uptime, boot: "boot".to_owned(), init: None })
    }

    fn observe(&mut self, colony: &Colony, clock: &Clock, boot: Boot) -> (Observation, Counters) {
        let sample = |node: &Node| {
            let process = self.running.get(&node.id).cloned();
            let presence = if process.is_some() { Presence::Answering } else { Presence::Gone };
            (node.id, NodeSample { presence, process, born: node.born, ..NodeSample::default() })
        };
        let load = Load::clamped(self.running.len() as f64 * 0.6).unwrap_or_default();
        let volume = |root: &PathBuf| Volume { root: root.clone(), used: Percent::clamped(30.0), ..Volume::default() };
        let host = HostSample {
            cpus: Some(4),
            cpu: Percent::clamped(self.running.len() as f64 * 15.0),
            memory: Percent::clamped(20.0),
            volumes: colony.settings.storage.iter().map(volume).collect(),
            load: Some(LoadAverages { one: load, five: load, fifteen: load }),
            ..HostSample::default()
        };
        let nodes = colony.nodes.values().map(sample).collect();
        let observation =
            Observation { now: clock.now(), rebooted: boot == Boot::New, host, nodes, ..Observation::default() };
        (observation, Counters::default())
    }

    fn new_identity(&mut self) -> Result<NewNodeIdentity, Infallible> {
        self.identities += 1;
        Ok(NewNodeIdentity { uuid: format!("node-{}", self.identities), roll: self.identities })
    }

    fn set_cpu_limit(&mut self, _: Cores, _: &[u32]) -> Result<(), Infallible> {
        Ok(())
    }

    fn lift_cpu_limit(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    fn executor<'a>(&'a mut self, _: &'a Settings, _: &'a BTreeMap<NodeId, Node>) -> SimulatedExecutor<'a> {
        SimulatedExecutor(&mut self.running)
    }
}

/// Starts and stops processes in the table of the simulated platform.
struct SimulatedExecutor<'a>(&'a mut BTreeMap<NodeId, ProcessIdentity>);

impl Executor for SimulatedExecutor<'_> {
    fn perform(&mut self, record: &ActionRecord, step: Step, now: Timestamp) -> Effect {
        let id = record.node();
        match step {
            Step::Start => {
                let start = now.as_millis().unsigned_abs();
                self.0.insert(id, ProcessIdentity { boot: "boot".to_owned(), pid: 1000 + id.get(), start });
            }
            Step::Stop => _ = self.0.remove(&id),
            Step::Confirm => {
                let process = self.0.get(&id).cloned();
                return process.map_or_else(
                    || Effect::NotYet("the node has not started".to_owned()),
                    |process| Effect::Done(Evidence::Process { process }),
                );
            }
            _ => {}
        }
        Effect::Done(Evidence::Nothing)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut raw = RawSettings::default();
    for (key, text) in [("rewards_address", "faucet"), ("node_cap", "8"), ("delay_start", "60")] {
        raw.set(key, text)?;
    }
    let host = HostDefaults {
        cpus: 4,
        storage: PathBuf::from("/var/lib/nodes"),
        programs: PathBuf::from("/usr/local/bin"),
        manager: "setsid+user".parse()?,
    };
    let settings = Settings::new(&raw, &host)?;
    let mut agent = Agent::new(MemoryStore::default(), SimulatedPlatform::default(), settings);
    for _ in 0..10 {
        let report = agent.run_cycle(&Trigger::Scheduled, Mode::Act, &mut ())?;
        let cycle = report.cycle.map_or(0, |cycle| cycle.0);
        let cpu = report.observation.host.cpu.map_or(0.0, Percent::get);
        let actions: Vec<String> = report
            .worked
            .iter()
            .map(|(record, _)| format!("{} {}", record.planned.action.verb(), record.node()))
            .collect();
        println!("cycle {cycle:2}: cpu {cpu:3.0} %, {} nodes; {}", report.colony.nodes.len(), actions.join(", "));
    }
    Ok(())
}
