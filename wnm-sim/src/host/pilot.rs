//! Who decides: the engine under a policy, or a simple rival to measure it by.

use std::path::Path;

use wnm_core::{
    Decision, EngineState, Look, NodeId, NodeState, Observation, Outcome, Part, Planned, Policy, RawSettings, consider,
    decide, settle,
};

use super::{HostScenario, rivals::Rival};
use crate::SimError;
use crate::policy_args::read_settings;

/// A policy as the command line names it.
#[derive(Debug, Clone)]
pub(crate) struct PilotSpec {
    pub(crate) name: String,
    /// What it sets, over what the operator of the host wants.
    pub(crate) settings: RawSettings,
    /// The part of steady that is left out.
    without: Option<Part>,
    rival: Option<Rival>,
}

impl PilotSpec {
    /// Returns the policy of this name: a preset, a rival, or a file of settings; `set` goes over all of them.
    ///
    /// # Errors
    /// There is none, its file cannot be read or is wrong.
    pub(crate) fn parse(name: &str, set: &RawSettings) -> Result<Self, SimError> {
        let mut settings = RawSettings::default();
        let rival = Rival::parse(name)?;
        let mut shown = name.to_owned();
        if rival.is_none() {
            let path = Path::new(name);
            let is_file = name.contains(['.', '/']) || path.exists();
            if is_file {
                settings = read_settings(path)?;
                shown = path.file_stem().map_or(shown, |stem| stem.to_string_lossy().into_owned());
            } else if let Err(problem) = settings.set("preset", name) {
                let rivals = "a rival (fixed:N, proportional, aimd) or a file of settings";
                return Err(SimError::Input(format!("--policy {name}: {problem}, {rivals}")));
            }
        }
        Ok(Self { name: shown, settings: set.clone().over(settings), without: None, rival })
    }

    /// Returns the engine under these settings.
    pub(crate) fn engine(name: impl Into<String>, settings: RawSettings, without: Option<Part>) -> Self {
        Self { name: name.into(), settings, without, rival: None }
    }

    /// Returns the rival that runs so many nodes.
    pub(crate) fn fixed(name: impl Into<String>, nodes: u32) -> Self {
        let rival = Some(Rival::Fixed(nodes));
        Self { name: name.into(), settings: RawSettings::default(), without: None, rival }
    }

    /// Tells whether it may cap the colony's CPU.
    pub(crate) fn has_quota(&self) -> bool {
        self.settings.quota.unwrap_or(true)
    }

    /// Tells whether it is a rival, which no setting but those of the operator moves.
    pub(crate) const fn is_rival(&self) -> bool {
        self.rival.is_some()
    }

    /// Returns the policy at the wheel of a host.
    ///
    /// # Errors
    /// Its settings and those of the host contradict each other.
    pub(crate) fn pilot(&self, spec: &HostScenario) -> Result<Pilot, SimError> {
        let settings = self.settings.clone().over(spec.settings.clone());
        let mut policy = Policy::new(&settings, Some(spec.size.cpus))
            .map_err(|problems| SimError::Input(format!("policy {}: {problems}", self.name)))?;
        policy.tuning.without = self.without;
        Ok(Pilot::new(policy, settings.quota.unwrap_or(true), self.rival.clone()))
    }
}

/// Who decides in a run, and what it remembers.
pub(crate) struct Pilot {
    policy: Policy,
    state: EngineState,
    rival: Option<(Rival, Decision)>,
    /// What the look that was decided by changes, until that is settled.
    look: Option<Look>,
    /// Whether the host lets it cap the colony.
    pub(super) has_quota: bool,
}

impl Pilot {
    fn new(policy: Policy, has_quota: bool, rival: Option<Rival>) -> Self {
        let rival = rival.map(|rival| {
            // A decision without anything in it, for the rival to put its actions in.
            let mut empty = decide(&policy, &EngineState::default(), &Observation::default());
            empty.actions.clear();
            empty.verdicts.clear();
            (rival, empty)
        });
        Self { policy, state: EngineState::default(), rival, look: None, has_quota }
    }

    /// Returns what is believed of the nodes.
    pub(crate) const fn state(&self) -> &EngineState {
        &self.state
    }

    /// Makes the nodes known that run when it takes over.
    pub(super) fn take_over(&mut self, nodes: impl Iterator<Item = (NodeId, NodeState)>) {
        self.state.nodes.extend(nodes);
    }

    pub(super) fn decide(&mut self, seen: &Observation) -> Decision {
        match &mut self.rival {
            None => {
                let (decision, look) = consider(&self.policy, &mut self.state, seen);
                self.look = Some(look);
                decision
            }
            Some((rival, empty)) => {
                Decision { actions: rival.decide(&self.policy, &self.state, seen), ..empty.clone() }
            }
        }
    }

    pub(super) fn settle(&mut self, seen: &Observation, outcomes: &[(Planned, Outcome)]) {
        let state = std::mem::take(&mut self.state);
        self.state = match self.look.take() {
            Some(look) => look.settle(state, &self.policy, seen, outcomes),
            None => settle(state, &self.policy, seen, outcomes),
        };
    }
}
