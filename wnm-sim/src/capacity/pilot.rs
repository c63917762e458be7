//! The source of decisions in a run: the engine under a policy, or a simple baseline.

use std::borrow::Cow;
use std::path::Path;

use wnm_core::{
    Decision, DefaultThresholds, EngineState, NodeId, NodeState, Observation, Outcome, Planned, Policy, Preset,
    RawSettings, Reason, Relief, StopCause, Weight, evaluate,
};

use super::{CapacityScenario, baselines::Baseline};
use crate::SimError;
use crate::policy_args::read_settings;
use crate::words::nearest;

/// A policy as the command line names it.
#[derive(Debug, Clone)]
pub(crate) struct PilotSpec {
    pub(crate) name: String,
    /// Settings of the policy, over those of the host's operator.
    pub(crate) settings: RawSettings,
    /// The part of steady that is disabled, for an ablation.
    without: Option<SteadyPart>,
    baseline: Option<Baseline>,
    groups: Groups,
    thresholds: Thresholds,
}

/// The CPU and load thresholds that no setting gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Thresholds {
    /// Those of the preset on the host, which are higher behind other work.
    #[default]
    OfHost,
    /// Those of every host, so that policies compare at equal thresholds.
    Equal,
}

/// Whether the host has control groups, and with them a weight and a CPU limit for the colony.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Groups {
    #[default]
    Present,
    /// Nodes compete with other work as equals, as under setsid without rights.
    Absent,
}

impl PilotSpec {
    /// Returns the policy of this name: a preset, a baseline, or a file of settings; `set` goes over all of them.
    ///
    /// # Errors
    /// The name is unknown, or its file cannot be read or is not valid.
    pub(crate) fn parse(name: &str, set: &RawSettings) -> Result<Self, SimError> {
        let mut settings = RawSettings::default();
        let baseline = Baseline::parse(name)?;
        let mut shown = name.to_owned();
        if baseline.is_none() {
            let path = Path::new(name);
            let is_file = name.contains(['.', '/']) || path.exists();
            if is_file {
                settings = read_settings(path)?;
                shown = path.file_stem().map_or(shown, |stem| stem.to_string_lossy().into_owned());
            } else if let Err(problem) = settings.set("preset", name) {
                let baselines = "a baseline (fixed:N, proportional, aimd) or a file of settings";
                let error = SimError::input(format!("--policy {name}: {problem}, {baselines}"));
                let names = Preset::ALL.map(|preset| preset.to_string());
                let names = names.iter().map(String::as_str).chain(["proportional", "aimd"]);
                return Err(match nearest(name, names) {
                    Some(near) => error.hint(format!("use --policy {near}")),
                    None => error,
                });
            }
        }
        let (settings, groups) = (set.clone().over(settings), Groups::default());
        Ok(Self { name: shown, settings, without: None, baseline, groups, thresholds: Thresholds::default() })
    }

    /// Returns the engine under these settings.
    pub(crate) fn engine(name: impl Into<String>, settings: RawSettings, without: Option<SteadyPart>) -> Self {
        let (groups, thresholds) = (Groups::default(), Thresholds::default());
        Self { name: name.into(), settings, without, baseline: None, groups, thresholds }
    }

    /// Returns the policy on a host with or without control groups.
    pub(crate) fn on(self, groups: Groups) -> Self {
        Self { groups, ..self }
    }

    /// Returns the policy with the same default thresholds on every host.
    pub(crate) fn at_equal_thresholds(self) -> Self {
        Self { thresholds: Thresholds::Equal, ..self }
    }

    /// Returns the baseline that runs a fixed number of nodes.
    pub(crate) fn fixed(name: impl Into<String>, nodes: u32) -> Self {
        Self { baseline: Some(Baseline::Fixed(nodes)), ..Self::engine(name, RawSettings::default(), None) }
    }

    /// Tells whether the host has control groups.
    pub(crate) const fn groups(&self) -> Groups {
        self.groups
    }

    /// Tells whether this is a baseline, which only the settings of the operator change.
    pub(crate) const fn is_baseline(&self) -> bool {
        self.baseline.is_some()
    }

    /// Returns the driver of one run on a host.
    ///
    /// # Errors
    /// Its settings and those of the host contradict each other.
    pub(crate) fn pilot(&self, spec: &CapacityScenario) -> Result<Pilot, SimError> {
        let settings = self.settings.clone().over(spec.settings.clone());
        let mut policy = Policy::new(&settings, Some(spec.size.cpus))
            .map_err(|problems| SimError::input(format!("policy {}: {problems}", self.name)))?;
        if self.thresholds == Thresholds::Equal {
            policy.defaults = DefaultThresholds::default();
        }
        if let Some(part) = self.without {
            part.disable_in(&mut policy);
        }
        let is_present = self.groups == Groups::Present;
        let has_cpu_limit = is_present && settings.cpu_limit.unwrap_or(true);
        let weight = is_present.then(|| match settings.cpu_weight.unwrap_or(Weight::BEHIND) {
            // Idle nodes get only what no other task wants.
            Weight::Idle => 0.0,
            Weight::Share(share) => f64::from(share),
        });
        let pilot = Pilot::new(policy, has_cpu_limit, self.baseline.clone());
        Ok(Pilot { without: self.without, weight, ..pilot })
    }
}

/// A part of steady that an ablation disables from outside the engine.
///
/// The engine has no switches for experiments: a part is disabled through the policy, the state, the observation or the
/// decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SteadyPart {
    /// The relief after a quarter of an hour over the warning threshold.
    WarningRelief,
    /// The stop of as many nodes as the relief needs: without it, one node stops at a time.
    Size,
    /// The load average as a condition of growth.
    LoadGate,
    /// The cooldown of half an hour after a stop for pressure: without it, `delay_restart` applies.
    Cooldown,
    /// The CPU limit: without it, nodes are stopped instead.
    CpuLimit,
    /// The patience where other work goes first: without it, the rules treat the nodes as its equals.
    Yielding,
}

impl SteadyPart {
    /// All parts that can be disabled.
    pub(crate) const ALL: [Self; 6] =
        [Self::WarningRelief, Self::Size, Self::LoadGate, Self::Cooldown, Self::CpuLimit, Self::Yielding];

    /// Returns the name of the part in tables and names of policies.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::WarningRelief => "warning-relief",
            Self::Size => "size",
            Self::LoadGate => "load-gate",
            Self::Cooldown => "cooldown",
            Self::CpuLimit => "cpu-limit",
            Self::Yielding => "yielding",
        }
    }

    /// Tells whether the part has no effect on a host without control groups.
    pub(crate) const fn needs_groups(self) -> bool {
        matches!(self, Self::CpuLimit | Self::Yielding)
    }

    fn disable_in_observation(self, seen: &Observation) -> Cow<'_, Observation> {
        let mut seen = Cow::Borrowed(seen);
        if self == Self::Yielding {
            seen.to_mut().host.weight = None;
        }
        seen
    }

    fn disable_in(self, policy: &mut Policy) {
        match self {
            Self::LoadGate => policy.load = None,
            Self::WarningRelief | Self::Size | Self::Cooldown | Self::CpuLimit | Self::Yielding => {}
        }
    }

    fn disable_in_state(self, state: &mut EngineState) {
        if self != Self::Cooldown {
            return;
        }
        // The engine applies the longer cooldown only to nodes that were stopped for pressure.
        for (_, node) in &mut state.nodes {
            if let NodeState::Stopped { cause: cause @ StopCause::Pressure, .. } = node {
                *cause = StopCause::Imported;
            }
        }
    }

    fn disable_in_decision(self, decision: &mut Decision) {
        match self {
            Self::Size => {
                let is_sized = |planned: &Planned| {
                    matches!(planned.reason, Reason::Relief { relief: Relief::Grace | Relief::Warning, .. })
                };
                let mut sized = 0;
                decision.actions.retain(|planned| {
                    sized += u32::from(is_sized(planned));
                    !is_sized(planned) || sized == 1
                });
            }
            Self::WarningRelief => {
                let is_relief =
                    |planned: &Planned| matches!(planned.reason, Reason::Relief { relief: Relief::Warning, .. });
                decision.actions.retain(|planned| !is_relief(planned));
            }
            Self::CpuLimit => decision.cpu_limit = None,
            Self::LoadGate | Self::Cooldown | Self::Yielding => {}
        }
    }
}

/// The driver of a run: a policy or baseline with its state.
pub(crate) struct Pilot {
    policy: Policy,
    state: EngineState,
    baseline: Option<(Baseline, Decision)>,
    /// The part of steady that is disabled.
    without: Option<SteadyPart>,
    /// Whether the host supports a CPU limit for the colony.
    pub(super) has_cpu_limit: bool,
    /// The weight of the nodes against other work; None on a host without control groups.
    pub(super) weight: Option<f64>,
}

impl Pilot {
    fn new(policy: Policy, has_cpu_limit: bool, baseline: Option<Baseline>) -> Self {
        // The nodes of the model do not move between its volumes: a planned move would relieve nothing.
        let policy = Policy { move_nodes: false, ..policy };
        let baseline = baseline.map(|baseline| {
            // Baselines return actions only; the other fields of their decision stay those of an empty one.
            let mut empty = evaluate(&policy, EngineState::default(), &Observation::default()).decision;
            empty.actions.clear();
            empty.verdicts.clear();
            (baseline, empty)
        });
        Self { policy, state: EngineState::default(), baseline, without: None, has_cpu_limit, weight: None }
    }

    /// Returns the policy, with the settings of the host's operator below its own.
    pub(crate) const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Adds the nodes that run at the start to the state.
    pub(super) fn take_over(&mut self, nodes: impl Iterator<Item = (NodeId, NodeState)>) {
        self.state.nodes.extend(nodes);
    }

    /// Evaluates one cycle, lets `act` carry out its decision, and takes the outcomes up in the state.
    pub(super) fn cycle<'a>(
        &mut self,
        seen: &Observation,
        act: impl FnOnce(&Decision, &EngineState) -> &'a [(Planned, Outcome)],
    ) {
        if let Some(part) = self.without {
            part.disable_in_state(&mut self.state);
        }
        let seen = self.without.map_or(Cow::Borrowed(seen), |part| part.disable_in_observation(seen));
        let seen = &*seen;
        let mut evaluation = evaluate(&self.policy, std::mem::take(&mut self.state), seen);
        if let Some(part) = self.without {
            part.disable_in_decision(&mut evaluation.decision);
        }
        if let Some((baseline, empty)) = &mut self.baseline {
            let actions = baseline.decide(&self.policy, evaluation.state(), seen);
            evaluation.decision = Decision { actions, ..empty.clone() };
        }
        let outcomes = act(&evaluation.decision, evaluation.state());
        self.state = evaluation.apply(outcomes);
    }
}
