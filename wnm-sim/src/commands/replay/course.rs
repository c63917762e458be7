//! The course of one policy through a trace: decides at each sample, without effect on the next.

use std::time::Duration;

use wnm_core::trace::{NodeChanges, TraceError, TraceSample};
use wnm_core::{Decision, EngineState, NodeId, NodeSample, NodeState, Observation, Policy, evaluate};

/// The nodes of a trace that does not list them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unlisted {
    /// As many running nodes as the trace counts.
    AsCounted,
    /// A fixed number of running nodes.
    Fixed(u32),
}

/// A policy with its observation and state at a sample of a trace.
#[derive(Debug)]
pub struct Course {
    /// The policy.
    pub policy: Policy,
    observation: Observation,
    state: EngineState,
    unlisted: Unlisted,
    is_listed: bool,
}

impl Course {
    /// Returns the course before the first sample.
    #[must_use]
    pub fn new(policy: Policy, cpus: Option<u32>, unlisted: Unlisted) -> Self {
        let mut observation = Observation::default();
        observation.host.cpus = cpus;
        Self { policy, observation, state: EngineState::default(), unlisted, is_listed: false }
    }

    /// Advances to a sample and returns the decision.
    ///
    /// # Errors
    /// The nodes of the sample do not fit those of the samples before; the policy then makes no decision.
    pub fn step(&mut self, sample: &TraceSample) -> Result<Decision, TraceError> {
        sample.apply(&mut self.observation, &mut self.state)?;
        // A trace that lists nodes once lists them to its end, and its counts are then redundant.
        self.is_listed |= sample.nodes != NodeChanges::Same;
        if !self.is_listed {
            let count = match self.unlisted {
                Unlisted::AsCounted => sample.running_nodes,
                Unlisted::Fixed(count) => Some(count),
            };
            self.populate(count);
        }
        let evaluation = evaluate(&self.policy, std::mem::take(&mut self.state), &self.observation);
        let decision = evaluation.decision.clone();
        // Open loop: no action is executed, so no outcome exists.
        self.state = evaluation.apply(&[]);
        Ok(decision)
    }

    /// Returns the observation of the last sample.
    #[must_use]
    pub const fn observation(&self) -> &Observation {
        &self.observation
    }

    /// Returns the engine state after the last sample.
    #[must_use]
    pub const fn state(&self) -> &EngineState {
        &self.state
    }

    /// Tells whether the trace has listed nodes so far.
    #[must_use]
    pub const fn is_listed(&self) -> bool {
        self.is_listed
    }

    /// Adds running nodes or removes the last ones, until their number is `count`.
    fn populate(&mut self, count: Option<u32>) {
        let now = self.observation.now;
        let Some(count) = count.map(|count| count as usize) else { return };
        while let Some((&last, _)) = self.observation.nodes.last()
            && self.observation.nodes.len() > count
        {
            self.observation.nodes.remove(&last);
            self.state.nodes.remove(&last);
        }
        while self.observation.nodes.len() < count {
            let id = self.observation.nodes.last().map_or(NodeId::FIRST, |(last, _)| last.next());
            let sample = NodeSample { born: now, volume: Some(0), ..NodeSample::default() };
            self.observation.nodes.insert(id, sample);
            self.state.nodes.insert(id, NodeState::Running { since: now });
        }
    }
}

/// Detects gaps between samples.
///
/// An interval is a gap when it is longer than one minute and ten times the mean of the intervals before. The first
/// interval is a gap when it is longer than one hour.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Intervals {
    sum: Duration,
    count: u32,
}

impl Intervals {
    pub(crate) fn is_gap(&mut self, interval: Duration) -> bool {
        let longest = match self.sum.checked_div(self.count) {
            Some(mean) => (mean * 10).max(Duration::from_secs(60)),
            None => Duration::from_secs(3600),
        };
        let is_gap = interval > longest;
        if !is_gap {
            self.sum += interval;
            self.count += 1;
        }
        is_gap
    }
}
