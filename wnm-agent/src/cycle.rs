//! The one management cycle: load, observe, decide, begin, execute, apply, finish.

use std::time::{Duration, Instant};

use wnm_core::steps::carry_out;
use wnm_core::{
    Action, ChangeRequest, Clock, Colony, Counters, Decision, NodeId, Observation, Outcome, Planned, Reason,
    RequestEvaluation, Selection, Timestamp, Verb, check_change, evaluate, evaluate_changes, evaluate_request,
};

use crate::agent::{Agent, Signals};
use crate::error::AgentError;
use crate::observer::{Evaluated, ObservedJournal, Observer, TracedExecutor};
use crate::platform::{Boot, Platform};
use crate::report::Report;
use crate::store::{Begin, Finish, Store};
use crate::trigger::{Mode, Trigger};
use crate::{cpu_limit, trash, unlisted, volumes, weight};

/// The time for which a request waits for nodes whose state is between two others. A node whose program ends with code 0
/// starts again after 5 s.
const TRANSITION: Duration = Duration::from_secs(12);
/// The pause between two observations of such nodes.
const PAUSE: Duration = Duration::from_millis(250);

/// A colony and one reading of its host.
struct Observed {
    colony: Colony,
    clock: Clock,
    observation: Observation,
    counters: Counters,
}

impl<S: Store, P: Platform> Agent<S, P> {
    /// Runs one management cycle. The caller excludes every other writer of the store.
    ///
    /// No step waits: an action whose step is not yet complete stays pending, and the next cycle resumes it there.
    ///
    /// # Errors
    /// The store cannot be read or written, the host has no clock or no random numbers, or a requested node cannot
    /// have its ports. Before `begin` nothing has changed; after it the next cycle resumes the stored actions.
    pub fn run_cycle(
        &mut self,
        trigger: &Trigger,
        mode: Mode,
        observer: &mut impl Observer,
    ) -> Result<Report, AgentError<S::Error, P::Error>> {
        let mut observed = self.load_and_observe()?;
        let until = Instant::now() + TRANSITION;
        // A refusal because of a state that ends in a moment would be repeated by hand.
        while !self.platform.in_transition(trigger.named()).is_empty() && Instant::now() < until {
            std::thread::sleep(PAUSE);
            observed = self.load_and_observe()?;
        }
        let mut taken_in = Vec::new();
        if mode == Mode::Act && *trigger == Trigger::Scheduled {
            taken_in = unlisted::take_in(self, &observed.colony, &observed.observation);
        }
        if !taken_in.is_empty() {
            observed = self.load_and_observe()?;
        }
        let Observed { mut colony, clock, observation, counters } = observed;
        let RequestEvaluation { mut evaluation, mut refused } = evaluate_trigger(&colony, &observation, trigger);
        record_restored(&mut evaluation.decision, trigger, &taken_in);
        let decision = &evaluation.decision;
        observer.evaluated(Evaluated { trigger, colony: &colony, observation: &observation, decision });
        if mode == Mode::DryRun {
            let decision = evaluation.decision;
            return Ok(Report { cycle: None, observation, decision, refused, worked: Vec::new(), colony });
        }

        let new_nodes = self.new_nodes(&colony, &observation, &mut evaluation.decision, &mut refused)?;
        self.record_numbers(&new_nodes).map_err(AgentError::Store)?;
        let begin = Begin { trigger, observation: &observation, decision: &evaluation.decision, new_nodes: &new_nodes };
        let (cycle, begun) = self.store.begin(begin).map_err(AgentError::Store)?;

        // From here on there are effects. The CPU limit is one: applied earlier, it would outlive a failed `begin`.
        let refusal = &mut self.cpu_limit_refusal;
        cpu_limit::apply(&mut self.platform, &colony.settings, &observation, &evaluation.decision, refusal);
        let identified = volumes::identify(&mut self.platform, &colony.state, &observation);
        weight::apply(&mut self.platform, &colony, &observation);
        // Before the new nodes exist, and apart from the nodes whose actions change the same files.
        let settled = colony.nodes.values().filter(|node| !colony.state.acting.contains(&node.id));
        let settled = settled.filter(|node| volumes::is_intact(&observation, node.id));
        self.platform.protect(settled);
        colony.nodes.extend(new_nodes.into_iter().map(|node| (node.id, node)));
        let mut records = std::mem::take(&mut colony.unfinished);
        records.extend(begun);
        observer.executing(&records);
        let mut executor = TracedExecutor(self.platform.executor(&colony.settings, &colony.nodes));
        let mut journal = ObservedJournal { journal: &mut self.store, observer };
        let outcomes =
            carry_out(&mut records, &evaluation.decision.cancelled, &mut executor, &mut journal, observation.now);
        drop(executor);

        let worked: Vec<_> = records.into_iter().zip(outcomes).collect();
        let planned: Vec<(Planned, Outcome)> =
            worked.iter().map(|(record, outcome)| (record.planned.clone(), outcome.clone())).collect();
        let decision = evaluation.decision.clone();
        colony.state = evaluation.apply(&planned);
        colony.state.clock = Some(clock);
        colony.state.volumes.extend(identified);
        let finish =
            Finish { cycle, worked: &worked, state: &colony.state, observation: &observation, counters: &counters };
        self.store.finish(finish).map_err(AgentError::Store)?;
        self.store.save_program_cache(&self.platform.program_cache()).map_err(AgentError::Store)?;
        trash::sweep(&mut self.platform, &colony.settings, &observation.host, observation.now);

        // Only an action that ended can end or change a node.
        for (record, outcome) in &worked {
            let id = record.node();
            if !colony.state.nodes.contains_key(&id) {
                colony.nodes.remove(&id);
            } else if !matches!(outcome, Outcome::Pending { .. })
                && let Some(changed) = colony.nodes.get(&id).and_then(|node| record.changed(node))
            {
                colony.nodes.insert(id, changed);
            }
        }
        Ok(Report { cycle: Some(cycle), observation, decision, refused, worked, colony })
    }

    /// Loads the colony, and observes the host and its nodes.
    fn load_and_observe(&mut self) -> Result<Observed, AgentError<S::Error, P::Error>> {
        let mut colony = self.store.load(&self.settings).map_err(AgentError::Store)?;
        // After a crash the state is older than the journal. Without this the engine would choose the same nodes again.
        colony.state.resume_actions(&colony.unfinished);
        let (clock, boot, wall) = self.advance_clock(colony.state.clock.as_ref())?;
        let begun = tracing::enabled!(tracing::Level::DEBUG).then(Instant::now);
        let (mut observation, counters) = self.platform.observe(&colony, &clock, boot);
        if let Some(begun) = begun {
            let milliseconds = u64::try_from(begun.elapsed().as_millis()).ok();
            tracing::debug!(nodes = colony.nodes.len(), milliseconds, "observed the host and its nodes");
        }
        if let Signals::Scripted(host) = &self.signals {
            observation.host.clone_from(host);
        }
        observation.valves = self.holds.sample(&colony.settings, wall);
        Ok(Observed { colony, clock, observation, counters })
    }

    /// Returns the clock of the colony now, whether the host restarted since it last advanced, and the wall clock, by
    /// which windows and the ends of holds go.
    #[expect(clippy::type_complexity, reason = "three values of one reading")]
    fn advance_clock(
        &mut self,
        last: Option<&Clock>,
    ) -> Result<(Clock, Boot, Timestamp), AgentError<S::Error, P::Error>> {
        let reading = self.platform.read_clock().map_err(AgentError::Platform)?;
        let wall = reading.wall;
        Ok(match last {
            None => (Clock::start(reading), Boot::Same, wall),
            Some(last) => {
                let boot = if last.is_restarted(&reading) { Boot::New } else { Boot::Same };
                (last.advance(reading), boot, wall)
            }
        })
    }
}

/// Puts the nodes that came back before this cycle into its decision, so that the history has a line for each.
fn record_restored(decision: &mut Decision, trigger: &Trigger, taken_in: &[NodeId]) {
    let requested = if let Trigger::Restored(nodes) = trigger { nodes.as_slice() } else { &[] };
    let all = requested.iter().map(|node| (node, Reason::Requested));
    let all = all.chain(taken_in.iter().map(|node| (node, Reason::Unlisted)));
    let planned = all.map(|(node, reason)| Planned { action: Action::Restore { node: *node }, reason });
    decision.actions.splice(0..0, planned);
}

fn evaluate_trigger<'a>(colony: &Colony, observation: &'a Observation, trigger: &Trigger) -> RequestEvaluation<'a> {
    // A copy: observers and dry runs need the state from before the cycle.
    let (policy, state) = (&colony.settings.policy, colony.state.clone());
    match trigger {
        Trigger::Scheduled => {
            RequestEvaluation { evaluation: evaluate(policy, state, observation), refused: Vec::new() }
        }
        Trigger::Requested(verb, selection) => evaluate_request(policy, state, observation, *verb, selection),
        Trigger::Changed(requests) => {
            let check = |request: &ChangeRequest| check_change(&colony.settings, &colony.nodes, request);
            let (possible, impossible): (Vec<_>, Vec<_>) = requests
                .iter()
                .cloned()
                .map(|request| (check(&request), request))
                .partition(|(checked, _)| checked.is_ok());
            let possible: Vec<ChangeRequest> = possible.into_iter().map(|(_, request)| request).collect();
            let mut evaluated = evaluate_changes(policy, state, observation, &possible);
            let refusals =
                impossible.into_iter().filter_map(|(checked, request)| Some((Some(request.node), checked.err()?)));
            evaluated.refused.extend(refusals);
            evaluated
        }
        // A request for no node: the state follows the observation, and no action begins.
        Trigger::Restored(_) | Trigger::Resumed => {
            evaluate_request(policy, state, observation, Verb::Start, &Selection::Named(Vec::new()))
        }
    }
}
