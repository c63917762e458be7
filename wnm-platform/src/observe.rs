//! Observation of the host and its nodes. A value that cannot be read is absent: no function here fails.

mod answers;
pub(crate) mod exit;
pub(crate) mod folders;
pub mod host;
pub mod isolation;
pub mod ports;
pub mod probe;
pub mod process;
mod quick_check;
mod sample;
mod silent;
pub(crate) mod slices;
mod unlisted;

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::PoisonError;
use std::thread;
use std::time::{Duration, Instant};

use wnm_core::steps::Step;
use wnm_core::{
    Action, ActionRecord, Clock, Colony, Counters, CpuLimitCounters, CpuLimitSample, HostSample, Node, NodeCounters,
    NodeId, NodeMap, NodeSample, NodeState, Observation, Presence, ProcessIdentity, Program, Psi, Settings, Timestamp,
    WeightSample, newest_program,
};

use crate::Platform;
use crate::binary::{BinaryCache, version_call};
use crate::cpu_limit::group_name;
use crate::manager::{self, Options, Service};
use crate::observe::host::{ColonyProcesses, Placement, Reading, SHORTEST_INTERVAL, Usage};
use crate::observe::probe::{Answer, AskIdentity, Priority, Target};
use crate::observe::process::{Liveness, ProcessInfo, Processes};
use crate::volume::{FolderState, Storage, volume_of};
use crate::weight::{ColonyWeight, RunningNode};
pub(crate) use folders::disk_use;
use sample::NodeFacts;
pub use unlisted::unlisted_folders;

/// The time in a cycle for running node programs with `--version`.
const VERSIONS_BUDGET: Duration = Duration::from_secs(2);
/// The time in a cycle for measuring the folders of nodes, and again for counting records.
const FOLDERS_BUDGET: Duration = Duration::from_millis(20);

impl Platform {
    /// Observes the host and all nodes of the colony except disabled ones.
    ///
    /// Rates cover the time since the observation that returned `colony.counters`. Without such counters, or within
    /// 250 ms of them, this call blocks for up to 250 ms to have an interval.
    #[must_use]
    pub fn observe(&self, colony: &Colony, clock: &Clock, rebooted: bool) -> (Observation, Counters) {
        let (before, reading) = self.counters(colony, clock);
        let storage = self.read_storage(colony);
        let services = self.survey(colony, &storage);
        self.observe_services(colony, rebooted, &before, &reading, Surveyed { services: &services, storage })
    }

    /// Reads the volumes, and remembers their known identities for the actions of this cycle.
    fn read_storage(&self, colony: &Colony) -> Storage {
        self.know_volumes(&colony.state.volumes);
        let nodes = colony.nodes.values().filter(|node| !is_disabled(colony, node.id));
        Storage::read(&colony.settings.storage, nodes, &colony.state.volumes, &unsettled(colony))
    }

    /// Observes everything except the process managers and the volumes.
    pub(crate) fn observe_services(
        &self,
        colony: &Colony,
        rebooted: bool,
        before: &Counters,
        reading: &Reading,
        Surveyed { services, storage }: Surveyed<'_>,
    ) -> (Observation, Counters) {
        let mut answers = self.ask(colony, services, reading.uptime);
        let mut wrong_answers = answers::take_wrong(colony, services, &mut answers);
        let mut processes = processes(colony, services, &reading.boot);
        let usage = self.host.usage(processes.values().copied());
        // The process of a node whose state is unknown may have ended.
        processes.retain(|id, process| {
            matches!(services.get(id), Some(Service::Running(_))) || usage.contains_key(&process.pid)
        });
        let (cpu_limit, cpu_limit_counters) = self.observe_cpu_limit(colony, before);
        let pids: Vec<u32> = usage.keys().copied().collect();
        let psi = self.observe_psi(&colony.settings, &pids);
        let weight = Some(self.observe_weight(colony, services));
        let mut volumes = storage.volumes.clone();
        for volume in &mut volumes {
            volume.drained = colony.settings.drained.contains(&volume.root);
        }
        let unlisted = unlisted_folders(&colony.nodes, &storage);
        let host = HostSample { cpu_limit, psi, weight, volumes, unlisted, ..self.host.sample(before, reading) };

        let versions_until = Instant::now() + VERSIONS_BUDGET;
        let mut binaries = self.binaries();
        let target = self.target(&mut binaries, &colony.settings);
        let mut counters = Counters { cpu_limit: cpu_limit_counters, ..reading.counters() };
        let mut observer = NodeObserver {
            platform: self,
            colony,
            storage: &storage,
            unsettled: unsettled(colony),
            now: reading.at,
            before,
            elapsed: reading.since(before),
            processes: OnceCell::new(),
            binaries: &mut binaries,
            versions_until,
        };
        let mut nodes = NodeMap::with_capacity(colony.nodes.len());
        for node in colony.nodes.values() {
            let service = services.get(&node.id);
            let process = processes.get(&node.id).copied();
            let usage = process.and_then(|process| usage.get(&process.pid)).copied();
            if let Some((process, usage)) = process.zip(usage) {
                counters.nodes.insert(node.id, NodeCounters { pid: process.pid, cpu_millis: usage.cpu_millis });
            }
            let wrong_answer = wrong_answers.remove(&node.id);
            let sample = observer.sample(node, service, answers.get(&node.id), ProcessFacts { process, usage });
            nodes.insert(node.id, NodeSample { wrong_answer, ..sample });
        }
        binaries.forget_unused();
        drop(binaries);
        exit::add(self, colony, &mut nodes);
        let mut turns = self.folder_turns.lock().unwrap_or_else(PoisonError::into_inner);
        folders::count_records(colony, &mut nodes, &mut turns, reading.uptime, FOLDERS_BUDGET);
        folders::measure(colony, &mut nodes, &mut turns, reading.uptime, FOLDERS_BUDGET);
        drop(turns);
        let target = target.ok().flatten();
        let observation = Observation { now: reading.at, rebooted, host, nodes, target, ..Observation::default() };
        self.know_newest(newest_program(&colony.settings, &colony.nodes, &colony.state, &observation));
        (observation, counters)
    }

    /// Asks the metrics servers whose turn it is; the answers of the others are those of their last turn.
    fn ask(&self, colony: &Colony, services: &BTreeMap<NodeId, Service>, uptime: u64) -> BTreeMap<NodeId, Answer> {
        let limits = self.probe_limits(colony);
        let mut slices = self.slices.lock().unwrap_or_else(PoisonError::into_inner);
        let (targets, kept) = slices.divide(colony, services, targets(colony, services), uptime);
        let asked: Vec<NodeId> = targets.iter().map(|target| target.node).collect();
        let mut answers = probe::probe(targets, &limits);
        if kept.is_empty() || !slices::is_newly_silent(colony, services, &asked, &answers) {
            answers.extend(kept.into_iter().map(|(node, (_, answer))| (node, answer)));
        } else {
            slices.asked(kept.keys().copied(), uptime);
            answers.extend(probe::probe(kept.into_values().map(|(target, _)| target).collect(), &limits));
        }
        answers
    }

    /// Reads the counters. Returns the earlier counters, from which rates start, and the new reading.
    fn counters(&self, colony: &Colony, clock: &Clock) -> (Counters, Reading) {
        let pids: Vec<u32> = processes_of_boot(colony, clock.boot()).map(|(_, process)| process.pid).collect();
        let group = group_name(&colony.settings);
        let nodes = ColonyProcesses { group: &group, pids: &pids };
        let nodes = match self.manager.kind().program {
            Program::Setsid => Placement::WithWnm(nodes),
            Program::Systemd | Program::Docker | Program::Launchd | Program::Antctl => Placement::Apart(nodes),
        };
        let reading = self.host.read(clock, nodes);
        let is_of_this_run = |before: &&Counters| before.boot == reading.boot && before.uptime <= reading.uptime;
        let before = colony.counters.as_ref().filter(is_of_this_run).cloned().unwrap_or_else(|| reading.counters());
        if reading.since(&before).is_some() {
            return (before, reading);
        }
        let waited = Duration::from_millis(reading.uptime - before.uptime);
        thread::sleep(SHORTEST_INTERVAL.saturating_sub(waited) + Duration::from_millis(1));
        (before, self.host.read(clock, nodes))
    }

    /// Queries each process manager once for all of its nodes, except those whose file system does not answer: a manager
    /// reads files of the node.
    fn survey(&self, colony: &Colony, storage: &Storage) -> BTreeMap<NodeId, Service> {
        let mut by_manager: BTreeMap<_, Vec<&Node>> = BTreeMap::new();
        for node in colony.nodes.values().filter(|node| !is_disabled(colony, node.id)) {
            by_manager.entry(node.manager).or_default().push(node);
        }
        let mut silent = BTreeMap::new();
        for nodes in by_manager.values_mut() {
            nodes.retain(|node| {
                let answers = storage.folders.get(&node.id) != Some(&FolderState::NoAnswer);
                if !answers {
                    silent.insert(node.id, Service::Unknown("the file system of its folder does not answer".into()));
                }
                answers
            });
        }
        let surveyed: BTreeMap<NodeId, Service> = by_manager
            .into_iter()
            .flat_map(|(kind, nodes)| {
                if kind == self.manager.kind() {
                    let services = self.manager.survey(&nodes);
                    self.judge_manager(&services);
                    return services;
                }
                match manager::open(kind, &Options::of(&colony.settings)) {
                    Ok(manager) => manager.survey(&nodes),
                    Err(error) => nodes.iter().map(|node| (node.id, Service::from(&error))).collect(),
                }
            })
            .collect();
        surveyed.into_iter().chain(silent).collect()
    }

    /// Reads the CPU limit of the colony, unless the setting `cpu_limit` is off.
    fn observe_cpu_limit(
        &self,
        colony: &Colony,
        before: &Counters,
    ) -> (Option<CpuLimitSample>, Option<CpuLimitCounters>) {
        if colony.settings.cpu_limit { self.cpu_limit().sample(before.cpu_limit) } else { (None, None) }
    }

    /// Reads the means by which the running nodes run behind other work.
    fn observe_weight(&self, colony: &Colony, services: &BTreeMap<NodeId, Service>) -> WeightSample {
        let running = services.iter().filter_map(|(id, service)| match service {
            Service::Running(process) => Some(RunningNode { node: colony.nodes.get(id)?, pid: process.pid }),
            Service::Stopped | Service::Unknown(_) => None,
        });
        ColonyWeight::of(&colony.settings).look(&running.collect::<Vec<_>>()).sample()
    }

    /// Reads the pressure stall information of the host and of the nodes that run as these processes.
    fn observe_psi(&self, settings: &Settings, pids: &[u32]) -> Option<Psi> {
        self.host.psi(ColonyProcesses { group: &group_name(settings), pids })
    }

    fn probe_limits(&self, colony: &Colony) -> probe::Limits {
        probe::Limits { pace: colony.settings.survey_delay, ..self.probe_limits }
    }
}

/// The state of the nodes in their process managers and on their volumes.
pub(crate) struct Surveyed<'a> {
    pub(crate) services: &'a BTreeMap<NodeId, Service>,
    pub(crate) storage: Storage,
}

/// The process of a node, and its resource use.
#[derive(Clone, Copy)]
struct ProcessFacts<'a> {
    process: Option<&'a ProcessIdentity>,
    usage: Option<Usage>,
}

/// Combines all observations of one node into its sample.
struct NodeObserver<'a> {
    platform: &'a Platform,
    colony: &'a Colony,
    storage: &'a Storage,
    /// Nodes with an unfinished addition or removal.
    unsettled: BTreeSet<NodeId>,
    now: Timestamp,
    before: &'a Counters,
    /// The time since the earlier counters.
    elapsed: Option<Duration>,
    /// All processes of the host, read when a folder is missing.
    processes: OnceCell<Vec<ProcessInfo>>,
    binaries: &'a mut BinaryCache,
    versions_until: Instant,
}

impl NodeObserver<'_> {
    /// Returns the sample of one node.
    fn sample(
        &mut self,
        node: &Node,
        service: Option<&Service>,
        answer: Option<&Answer>,
        ProcessFacts { process, usage }: ProcessFacts<'_>,
    ) -> NodeSample {
        let volume = volume_of(&node.root_dir, &self.colony.settings.storage);
        let seen = NodeFacts {
            presence: self.presence(node, service, answer, volume),
            previous: previous(self.colony, node),
            process,
            answer,
            usage,
            now: self.now,
        };
        let mut sample = seen.sample(node);
        sample.volume = volume;
        sample.cpu = usage.and_then(|usage| {
            let before = self.before.nodes.get(&node.id).filter(|_| seen.is_same_process())?;
            sample::cores(*before, usage, seen.process?.pid, self.elapsed?)
        });
        sample.restarted = seen.is_restarted(|| self.version_on_disk(node));
        if seen.wants_version_on_disk(node) {
            sample.version = self.version_on_disk(node);
        }
        let (last_version, upgraded_from) = seen.versions_before(sample.version.as_ref());
        (sample.last_version, sample.upgraded_from) = (last_version, upgraded_from);
        sample
    }

    fn presence(
        &self,
        node: &Node,
        service: Option<&Service>,
        answer: Option<&Answer>,
        volume: Option<usize>,
    ) -> Presence {
        let Some(service) = service else { return Presence::Unobserved };
        let is_unsettled = self.unsettled.contains(&node.id);
        // During its addition a folder is bare for a moment.
        if self.storage.is_faulty(node.id, volume) {
            let has_fault = self.storage.has_fault(volume);
            return if is_unsettled && !has_fault { Presence::Unobserved } else { Presence::VolumeFault };
        }
        if self.storage.folders.get(&node.id) == Some(&FolderState::Missing) {
            return match service {
                _ if is_unsettled => Presence::Unobserved,
                // A process without its folder is alive, whatever it answers: the node is not dead.
                Service::Running(_) => Presence::Silent,
                Service::Unknown(_) => Presence::Unreachable,
                Service::Stopped if self.has_process(node) => Presence::Silent,
                Service::Stopped => Presence::FolderMissing,
            };
        }
        match (node.metrics_port(), service, answer) {
            (Some(_), Service::Running(_), None) => Presence::Silent,
            (None, Service::Running(_), None) | (_, Service::Running(_), Some(_)) => Presence::Answering,
            (_, Service::Stopped, Some(_)) => Presence::Unverified,
            (_, Service::Stopped, None) => Presence::Gone,
            (_, Service::Unknown(_), Some(_)) => Presence::Answering,
            (_, Service::Unknown(_), None) => Presence::Unreachable,
        }
    }

    /// Tells whether a process names the folder of a node, also one that its process manager does not know.
    fn has_process(&self, node: &Node) -> bool {
        let all = self.processes.get_or_init(|| Processes::of_host().all());
        let is_on_it = |facts: &ProcessInfo| facts.life == Liveness::Alive && facts.is_on_folder_of(node);
        all.iter().any(|facts| is_on_it(facts) && facts.may_use(&node.root_dir))
    }

    /// Returns the version of the node's program on disk: from the cache, or by running it while time is left.
    fn version_on_disk(&mut self, node: &Node) -> Option<wnm_core::Version> {
        let known = self.binaries.known(&node.flavor, &node.binary).ok()?;
        if known.is_some() || Instant::now() >= self.versions_until {
            return known;
        }
        // The node can replace its program, so it runs with the rights of the node, and never with those of wnm.
        let call = self.platform.as_node(node, version_call(&node.binary))?;
        self.binaries.version_with(&self.platform.exec, &node.flavor, &node.binary, |_| call).ok()
    }
}

/// Returns the last sample of this node. An earlier node with the same number has another creation time.
fn previous<'a>(colony: &'a Colony, node: &Node) -> Option<&'a NodeSample> {
    colony.samples.get(&node.id).filter(|previous| previous.born == node.born)
}

/// Returns the process of each node in the last samples, unless the host restarted since.
fn processes_of_boot<'a>(
    colony: &'a Colony,
    boot: &'a str,
) -> impl Iterator<Item = (NodeId, &'a ProcessIdentity)> + 'a {
    let process = move |sample: &'a NodeSample| sample.process.as_ref().filter(|process| process.boot == boot);
    colony.samples.iter().filter_map(move |(id, sample)| Some((*id, process(sample)?)))
}

/// Returns the process of each node that may run: the one that its process manager reports or, while the manager does not
/// tell, the last known one. Without it the CPU use of the nodes on a hung volume would be unknown, and with that of more
/// than half of all nodes the CPU rules would wait for the other nodes too.
fn processes<'a>(
    colony: &'a Colony,
    services: &'a BTreeMap<NodeId, Service>,
    boot: &'a str,
) -> BTreeMap<NodeId, &'a ProcessIdentity> {
    let last: BTreeMap<NodeId, &ProcessIdentity> = processes_of_boot(colony, boot).collect();
    let process = |(id, service): (&NodeId, &'a Service)| match service {
        Service::Running(process) => Some((*id, process)),
        Service::Unknown(_) => Some((*id, *last.get(id)?)),
        Service::Stopped => None,
    };
    services.iter().filter_map(process).collect()
}

fn is_disabled(colony: &Colony, node: NodeId) -> bool {
    matches!(colony.state.nodes.get(&node), Some(NodeState::Disabled { .. }))
}

/// Returns the nodes with an unfinished addition or removal, whose folder may be missing.
fn unsettled(colony: &Colony) -> BTreeSet<NodeId> {
    let is_unsettling = |record: &&ActionRecord| match &record.planned.action {
        Action::Add { .. } | Action::Remove { .. } => true,
        // While the first copy runs the node is where it was.
        Action::Move { .. } => record.next_step() != Some(Step::Copy),
        Action::Start { .. }
        | Action::Stop { .. }
        | Action::Disable { .. }
        | Action::Enable { .. }
        | Action::Restore { .. }
        | Action::Restart { .. }
        | Action::Update { .. }
        | Action::Upgrade { .. } => false,
    };
    colony.unfinished.iter().filter(is_unsettling).map(|record| record.node()).collect()
}

/// Returns the metrics servers to query.
fn targets(colony: &Colony, services: &BTreeMap<NodeId, Service>) -> Vec<Target> {
    let Some(host) = probe::resolve(&colony.settings.host) else { return Vec::new() };
    let asked = services.iter().filter_map(|(id, service)| Some((colony.nodes.get(id)?, service)));
    asked
        .filter_map(|(node, service)| {
            let previous = previous(colony, node);
            Some(Target {
                node: node.id,
                address: SocketAddr::new(host, node.metrics_port()?),
                priority: priority(previous, service),
                identity: ask_identity(previous, service),
            })
        })
        .collect()
}

fn priority(previous: Option<&NodeSample>, service: &Service) -> Priority {
    if matches!(service, Service::Stopped) {
        return Priority::Last;
    }
    match previous.map(|previous| previous.presence) {
        Some(Presence::Silent | Presence::Unreachable) => Priority::Last,
        Some(
            Presence::Unobserved
            | Presence::Answering
            | Presence::Unverified
            | Presence::Gone
            | Presence::FolderMissing
            | Presence::VolumeFault,
        )
        | None => Priority::First,
    }
}

/// Returns the condition for requesting version and peer ID, which stay the same for the life of a process.
fn ask_identity(previous: Option<&NodeSample>, service: &Service) -> AskIdentity {
    let process = match service {
        Service::Running(process) => Some(process),
        Service::Stopped | Service::Unknown(_) => None,
    };
    match previous {
        Some(previous)
            if previous.version.is_some() && previous.peer_id.is_some() && previous.process.as_ref() == process =>
        {
            let uptime = previous.metrics.as_ref().and_then(|metrics| metrics.uptime);
            AskIdentity::IfYounger(uptime.unwrap_or(u64::MAX))
        }
        Some(_) | None => AskIdentity::Always,
    }
}

#[cfg(test)]
mod tests;
