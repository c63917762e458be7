//! The compared policies.

use std::path::Path;

use serde::Serialize;
use wnm_core::{Preset, RawSettings, Weight};

use crate::SimError;
use crate::capacity::{CapacityScenario, Groups, PilotSpec, SteadyPart};
use crate::policy_args::read_settings;

/// The two classic policies: one and four operations at once, among other work as equals. Each variant is compared with
/// the better one.
pub(super) const CLASSICS: [&str; 2] = ["classic", "classic-4"];
/// Number of candidates for the fixed node count: this many equal steps up to the node cap.
const COUNTS: u32 = 8;

/// The simple baselines. Each variant is compared with the best one.
pub(super) const BASELINES: [&str; 3] = ["fixed", "proportional", "aimd"];
/// Classic behind other work: it has no targets, and shows the effect of the weight alone.
const CLASSIC_WEIGHT: &str = "classic-weight";

/// Variants of steady: among other work as equals; behind other work with the thresholds of the operator; behind other
/// work with its own thresholds, and there only on idle processors; and with the settings of `--tuned`.
pub(super) const STEADY: [&str; 5] = ["steady", "steady-weight", STEADY_DEFAULTS, STEADY_IDLE, "steady-tuned"];
/// The variant with its own thresholds: those that the engine has on a host where nodes run behind other work.
pub(super) const STEADY_DEFAULTS: &str = "steady-defaults";
/// The same with the weight `idle`: nodes get only the processors that no other work wants.
pub(super) const STEADY_IDLE: &str = "steady-idle";

/// Whether steady also runs without each of its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ablation {
    Run,
    Skip,
}

/// Steady without one of its parts, for the ablation.
pub(super) struct Ablated {
    /// Name of the variant with the part.
    pub(super) of: &'static str,
    pub(super) part: SteadyPart,
    pub(super) pilot: PilotSpec,
}

/// The fixed node count of a scenario.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct FixedCount {
    /// Name of the scenario, with its host.
    scenario: String,
    /// The number of nodes.
    nodes: u32,
}

/// All compared policies.
pub(super) struct Policies {
    classics: Vec<PilotSpec>,
    variants: Vec<PilotSpec>,
    baselines: Vec<PilotSpec>,
    /// The best fixed count of each scenario.
    fixed: Vec<(FixedCount, PilotSpec)>,
    pub(super) ablated: Vec<Ablated>,
}

impl Policies {
    /// Returns the standard policies, plus steady-tuned for a file and steady without each part for an ablation.
    ///
    /// # Errors
    /// The file cannot be read or is invalid.
    pub(super) fn new(tuned: Option<&Path>, ablation: Ablation) -> Result<Self, SimError> {
        let preset = |preset| RawSettings { preset: Some(preset), ..RawSettings::default() };
        let one = preset(Preset::Classic);
        let four = RawSettings {
            max_concurrent_upgrades: Some(4),
            max_concurrent_starts: Some(4),
            max_concurrent_removals: Some(4),
            max_concurrent_operations: Some(4),
            ..one.clone()
        };
        let steady = preset(Preset::Steady);
        let [plain, weighted, defaults, idle_name, tuned_name] = STEADY;
        let wholes = [(weighted, Groups::Present), (plain, Groups::Absent)];
        let mut ablated = Vec::new();
        for (of, groups) in wholes.iter().filter(|_| ablation == Ablation::Run) {
            // Without control groups there is no effect to measure.
            let has = |part: &SteadyPart| *groups == Groups::Present || !part.needs_groups();
            for part in SteadyPart::ALL.into_iter().filter(has) {
                let name = format!("{of}-without-{}", part.word());
                let pilot = PilotSpec::engine(name, steady.clone(), Some(part)).on(*groups).at_equal_thresholds();
                ablated.push(Ablated { of, part, pilot });
            }
        }
        let whole = |(name, on)| PilotSpec::engine(name, steady.clone(), None).on(on).at_equal_thresholds();
        let mut variants: Vec<_> = wholes.into_iter().rev().map(whole).collect();
        let idle = RawSettings { cpu_weight: Some(Weight::Idle), ..steady.clone() };
        variants
            .extend([(defaults, steady.clone()), (idle_name, idle)].map(|(n, set)| PilotSpec::engine(n, set, None)));
        if let Some(path) = tuned {
            let tuned = read_settings(path)?.over(steady);
            variants.push(PilotSpec::engine(tuned_name, tuned, None).at_equal_thresholds());
        }
        let [classic, classic_4] = CLASSICS;
        Ok(Self {
            classics: vec![
                PilotSpec::engine(classic, one.clone(), None).on(Groups::Absent),
                PilotSpec::engine(classic_4, four, None).on(Groups::Absent),
                PilotSpec::engine(CLASSIC_WEIGHT, one, None),
            ],
            variants,
            baselines: ["proportional", "aimd"]
                .iter()
                .map(|name| Ok(PilotSpec::parse(name, &RawSettings::default())?.on(Groups::Absent)))
                .collect::<Result<_, _>>()?,
            fixed: Vec::new(),
            ablated,
        })
    }

    /// Checks every policy in every scenario.
    ///
    /// # Errors
    /// The settings of a policy contradict those of a scenario.
    pub(super) fn check(&self, specs: &[CapacityScenario]) -> Result<(), SimError> {
        let all = |spec| self.policies_in(spec).chain(self.ablated());
        specs.iter().try_for_each(|spec| all(spec).try_for_each(|pilot| pilot.pilot(spec).map(drop)))
    }

    /// Returns the candidates for the fixed node count, by scenario.
    pub(super) fn fixed_tries(specs: &[CapacityScenario]) -> Vec<(&CapacityScenario, u32)> {
        let counts = |spec| (1..=COUNTS).map(move |share| (spec, cap_of(spec) * share / COUNTS));
        specs.iter().flat_map(counts).collect()
    }

    /// Selects the candidate with the highest scalar in each scenario.
    pub(super) fn take_fixed(&mut self, tries: &[(&CapacityScenario, u32)], scalars: &[f64]) {
        let tried: Vec<_> = tries.iter().zip(scalars).collect();
        let of_scenario = tried.chunk_by(|(one, _), (next, _)| one.0.name == next.0.name);
        let best = of_scenario.filter_map(|tried| tried.iter().max_by(|one, other| one.1.total_cmp(other.1)));
        let fixed = best.map(|((spec, nodes), _)| {
            (
                FixedCount { scenario: spec.name.clone(), nodes: *nodes },
                PilotSpec::fixed("fixed", *nodes).on(Groups::Absent),
            )
        });
        self.fixed = fixed.collect();
    }

    /// Returns the variants of steady.
    pub(super) fn variants(&self) -> impl Iterator<Item = &PilotSpec> {
        self.variants.iter()
    }

    /// Returns the policies that run in a scenario, without those of the ablation.
    pub(super) fn policies_in(&self, spec: &CapacityScenario) -> impl Iterator<Item = &PilotSpec> {
        let fixed = self.fixed.iter().find(|(count, _)| count.scenario == spec.name).map(|(_, pilot)| pilot);
        self.classics.iter().chain(&self.variants).chain(fixed).chain(&self.baselines)
    }

    /// Returns the variants without each of their parts.
    pub(super) fn ablated(&self) -> impl Iterator<Item = &PilotSpec> {
        self.ablated.iter().map(|ablated| &ablated.pilot)
    }

    /// Tells whether a policy takes part in the ranking; policies of the ablation do not.
    pub(super) fn is_ranked(&self, name: &str) -> bool {
        !self.ablated().any(|pilot| pilot.name == name)
    }

    /// Returns the selected fixed counts.
    pub(super) fn fixed_counts(&self) -> Vec<FixedCount> {
        self.fixed.iter().map(|(count, _)| count.clone()).collect()
    }
}

const fn cap_of(spec: &CapacityScenario) -> u32 {
    spec.limits.node_cap
}
