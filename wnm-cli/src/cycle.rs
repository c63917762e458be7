//! The one cycle: load, observe, decide, begin, carry out, settle, finish.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use wnm_core::steps::carry_out;
use wnm_core::{
    Action, ActionRecord, Clock, Colony, Decision, EngineState, HostSample, NewNodeInputs, Node, NodeId, Observation,
    Outcome, Planned, Policy, Program, Reason, Refusal, RequestEvaluation, Selection, Settings, Verb, evaluate,
    evaluate_request, new_node,
};
use wnm_platform::node_dir::sweep_trash;
use wnm_store::{CycleId, CycleKind};

use crate::context::{Context, Signals};
use crate::cpu_limit;
use crate::error::CliError;
use crate::progress::Watched;

/// What a cycle is to do beyond looking.
#[derive(Debug, Clone)]
pub(crate) enum Trigger {
    /// What the rules decide.
    Scheduled,
    /// What the operator asks for.
    Requested(Verb, Selection),
    /// Nothing new: only go on with what has begun.
    Resumed,
}

impl Trigger {
    /// Returns the kind under which the history keeps the cycle.
    fn kind(&self) -> CycleKind {
        match self {
            Self::Scheduled => CycleKind::Scheduled,
            Self::Requested(..) => CycleKind::Requested,
            Self::Resumed => CycleKind::Resumed,
        }
    }
}

/// Whether the decision is acted upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It is.
    Act,
    /// It is only shown.
    DryRun,
}

/// What a cycle saw, decided and did.
#[derive(Debug)]
pub(crate) struct Report {
    /// Its number; None for a dry run.
    pub(crate) cycle: Option<CycleId>,
    pub(crate) observation: Observation,
    pub(crate) decision: Decision,
    /// What was asked and not granted.
    pub(crate) refused: Vec<(Option<NodeId>, Refusal)>,
    /// Every action worked on, those begun earlier included, with where it stands.
    pub(crate) worked: Vec<(ActionRecord, Outcome)>,
    /// The colony after the cycle.
    pub(crate) colony: Colony,
}

impl Report {
    /// Tells whether an action worked on in this cycle failed.
    pub(crate) fn has_failures(&self) -> bool {
        self.worked.iter().any(|(_, outcome)| matches!(outcome, Outcome::Failed(_)))
    }

    /// Tells whether an action is still under way.
    pub(crate) fn is_pending(&self) -> bool {
        self.worked.iter().any(|(_, outcome)| matches!(outcome, Outcome::Pending { .. }))
    }
}

/// How long a cycle may spend on deleting what is in the trash.
const SWEEP_BUDGET: Duration = Duration::from_millis(200);

/// How long the folder of a removed node can be had back, where its volume has room for it.
const TRASH_KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// Deletes a little of what is in the trash: what is a day old, and on a volume without room for more, everything.
fn sweep(settings: &Settings, host: &HostSample) {
    let has_room = |folder: &&PathBuf| {
        let used = host.volumes.iter().find(|volume| volume.root == **folder).and_then(|volume| volume.used);
        used.is_none_or(|used| used < settings.policy.disk.less_than)
    };
    let (roomy, full): (Vec<_>, Vec<_>) = settings.storage.iter().partition(has_room);
    for (folders, kept) in [(full, Duration::ZERO), (roomy, TRASH_KEPT)] {
        let folders: Vec<PathBuf> = folders.into_iter().cloned().collect();
        for (path, found) in sweep_trash(&folders, SWEEP_BUDGET, kept).refused {
            tracing::warn!(path = %path.display(), found, "part of the trash stays");
        }
    }
}

/// Runs one cycle.
pub(crate) fn run(context: &mut Context, trigger: &Trigger, mode: Mode) -> Result<Report, CliError> {
    let mut colony = context.store.load(context.settings.clone())?;
    colony.state.take_up(&colony.unfinished);
    let (clock, rebooted) = read_clock(colony.state.clock.as_ref())?;
    let (mut observation, counters) = context.platform.observe(&colony, &clock, rebooted);
    if let Signals::Scripted(host) = &context.signals {
        observation.host.clone_from(host);
    }
    let RequestEvaluation { mut evaluation, refused } =
        evaluated(&colony.settings.policy, colony.state.clone(), &observation, trigger);
    if mode == Mode::DryRun {
        let decision = evaluation.decision;
        return Ok(Report { cycle: None, observation, decision, refused, worked: Vec::new(), colony });
    }

    let new_nodes = new_nodes(context, &colony, &observation, &mut evaluation.decision)?;
    use_up(context, &new_nodes)?;
    let (cycle, begun) = context.store.begin(trigger.kind(), &observation, &evaluation.decision, &new_nodes)?;
    cpu_limit::apply(&context.platform, &colony.settings, &observation, &evaluation.decision);
    colony.nodes.extend(new_nodes.into_iter().map(|node| (node.id, node)));
    let mut records = std::mem::take(&mut colony.unfinished);
    records.extend(begun);
    let mut executor = context.platform.executor(&colony.settings, &colony.nodes);
    context.progress.expect(&records);
    let mut journal = Watched { store: &mut context.store, progress: &context.progress };
    let outcomes = carry_out(&mut records, &mut executor, &mut journal, observation.now);
    drop(executor);

    let planned: Vec<(Planned, Outcome)> =
        records.iter().map(|record| record.planned.clone()).zip(outcomes.iter().cloned()).collect();
    let decision = evaluation.decision.clone();
    colony.state = evaluation.apply(&planned);
    colony.state.clock = Some(clock);
    let ended: Vec<_> = records.iter().map(|record| record.id).zip(outcomes.iter().cloned()).collect();
    context.store.finish(cycle, &ended, &colony.state, &observation, &counters)?;
    context.store.save_cache(&context.platform.cached())?;
    sweep(&colony.settings, &observation.host);

    colony.nodes.retain(|id, _| colony.state.nodes.contains_key(id));
    colony.samples.clone_from(&observation.nodes);
    let worked = records.into_iter().zip(outcomes).collect();
    Ok(Report { cycle: Some(cycle), observation, decision, refused, worked, colony })
}

/// Returns the colony's clock as it stands now, and whether the host was restarted since it last stood.
fn read_clock(last: Option<&Clock>) -> Result<(Clock, bool), CliError> {
    let reading = wnm_platform::read_clock()?;
    Ok(match last {
        Some(last) => (last.advance(reading.clone()), last.boot() != reading.boot),
        None => (Clock::start(reading), false),
    })
}

fn evaluated<'a>(
    policy: &'a Policy,
    state: EngineState,
    observation: &'a Observation,
    trigger: &Trigger,
) -> RequestEvaluation<'a> {
    match trigger {
        Trigger::Scheduled => {
            RequestEvaluation { evaluation: evaluate(policy, state, observation), refused: Vec::new() }
        }
        Trigger::Requested(verb, selection) => evaluate_request(policy, state, observation, *verb, selection),
        Trigger::Resumed => evaluate_request(policy, state, observation, Verb::Start, &Selection::Named(Vec::new())),
    }
}

/// Returns the nodes that the decision adds, with their ports, folders and wallets. An addition whose ports belong to
/// another node is taken out of the decision, and holds up nothing else.
fn new_nodes(
    context: &Context,
    colony: &Colony,
    observation: &Observation,
    decision: &mut Decision,
) -> Result<Vec<Node>, CliError> {
    let mut made: BTreeMap<NodeId, Node> = BTreeMap::new();
    let mut impossible = Vec::new();
    for planned in &decision.actions {
        let Action::Add { node: id } = planned.action else { continue };
        let birth = NewNodeInputs {
            uuid: uuid::Uuid::new_v4().to_string(),
            roll: getrandom::u64()?,
            storage: roomiest(colony, observation, &made),
            logs: context.logs.clone(),
            now: observation.now,
        };
        match new_node(id, &colony.settings, birth, colony.nodes.values().chain(made.values())) {
            Ok(node) => _ = made.insert(id, node),
            Err(error) if planned.reason == Reason::Requested => return Err(error.into()),
            Err(error) => {
                tracing::warn!(%error, "a node is not added");
                impossible.push(id);
            }
        }
    }
    decision.actions.retain(|planned| !impossible.contains(&planned.action.node()));
    Ok(made.into_values().collect())
}

/// Remembers that these numbers were used, where none may be used twice. Before they are: one that is lost is no harm.
fn use_up(context: &mut Context, new_nodes: &[Node]) -> Result<(), CliError> {
    let highest = new_nodes.iter().map(|node| node.id.get()).max();
    let (Program::Antctl, Some(highest)) = (context.settings.manager.program, highest) else { return Ok(()) };
    let mut stored = context.store.settings()?;
    let highest = highest.max(stored.highest_node_id_used.unwrap_or(0));
    stored.highest_node_id_used = Some(highest);
    context.store.save_settings(&stored)?;
    context.settings.policy.highest_node_id_used = Some(highest);
    Ok(())
}

/// Returns the storage folder that the next new node goes to, after those made already.
fn roomiest(colony: &Colony, observation: &Observation, made: &BTreeMap<NodeId, Node>) -> PathBuf {
    let nodes = colony.nodes.values().chain(made.values()).map(|node| {
        let held = observation.nodes.get(&node.id).and_then(|sample| sample.disk);
        (node.root_dir.as_path(), held.unwrap_or_default())
    });
    let (storage, volumes) = (&colony.settings.storage, &observation.host.volumes);
    wnm_core::storage_with_most_space(storage, volumes, colony.settings.crisis, nodes).cloned().unwrap_or_default()
}
