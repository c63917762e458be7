//! Who is compared with whom.

use std::path::Path;

use serde::Serialize;
use wnm_core::{Preset, RawSettings};

use crate::SimError;
use crate::capacity::{CapacityScenario, PilotSpec, SteadyPart};
use crate::policy_args::read_settings;

/// The two classics, of which the better one in a scenario is the measure.
pub(super) const CLASSICS: [&str; 2] = ["classic", "classic-4"];
/// Counts that the baseline of a fixed count is chosen from: so many equal parts of the cap.
const COUNTS: u32 = 8;

/// Steady on a host that cannot cap the colony's CPU, on one that can, and under the settings of a file.
pub(super) const STEADY: [&str; 3] = ["steady", "steady-cpu_limit", "steady-tuned"];

/// Steady without one of its parts.
pub(super) struct Ablated {
    /// What it is with the part.
    pub(super) of: &'static str,
    pub(super) part: SteadyPart,
    pub(super) pilot: PilotSpec,
}

/// What the baseline of a fixed count runs in a scenario.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct FixedCount {
    /// The scenario and its host.
    scenario: String,
    /// How many nodes.
    nodes: u32,
}

/// All policies that are compared.
pub(super) struct Field {
    classics: Vec<PilotSpec>,
    variants: Vec<PilotSpec>,
    baselines: Vec<PilotSpec>,
    /// The best fixed count of each scenario.
    fixed: Vec<(FixedCount, PilotSpec)>,
    pub(super) ablated: Vec<Ablated>,
}

impl Field {
    /// Returns those that are always compared, with a tuned steady and the parts of steady where they are asked for.
    ///
    /// # Errors
    /// The file of the tuned one cannot be read or is wrong.
    pub(super) fn new(tuned: Option<&Path>, with_ablation: bool) -> Result<Self, SimError> {
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
        let [plain, cpu_limit, tuned_name] = STEADY;
        let without_cpu_limit = RawSettings { cpu_limit: Some(false), ..steady.clone() };
        let wholes = [(cpu_limit, steady.clone()), (plain, without_cpu_limit)];
        let mut ablated = Vec::new();
        for (of, settings) in wholes.iter().filter(|_| with_ablation) {
            // Without a cap there is nothing in its parts.
            let has = |part: &SteadyPart| *of == cpu_limit || *part != SteadyPart::CpuLimit;
            for part in SteadyPart::ALL.into_iter().filter(has) {
                let name = format!("{of}-without-{}", part.word());
                ablated.push(Ablated { of, part, pilot: PilotSpec::engine(name, settings.clone(), Some(part)) });
            }
        }
        let mut variants: Vec<_> =
            wholes.into_iter().rev().map(|(name, settings)| PilotSpec::engine(name, settings, None)).collect();
        if let Some(path) = tuned {
            variants.push(PilotSpec::engine(tuned_name, read_settings(path)?.over(steady), None));
        }
        let [classic, classic_4] = CLASSICS;
        Ok(Self {
            classics: vec![PilotSpec::engine(classic, one, None), PilotSpec::engine(classic_4, four, None)],
            variants,
            baselines: ["proportional", "aimd"]
                .iter()
                .map(|name| PilotSpec::parse(name, &RawSettings::default()))
                .collect::<Result<_, _>>()?,
            fixed: Vec::new(),
            ablated,
        })
    }

    /// Tells what contradicts itself, in any scenario.
    pub(super) fn check(&self, specs: &[CapacityScenario]) -> Result<(), SimError> {
        let all = |spec| self.entrants_in(spec).chain(self.ablated());
        specs.iter().try_for_each(|spec| all(spec).try_for_each(|pilot| pilot.pilot(spec).map(drop)))
    }

    /// Returns the counts that the baseline of a fixed count is chosen from, scenario by scenario.
    pub(super) fn fixed_tries(specs: &[CapacityScenario]) -> Vec<(&CapacityScenario, u32)> {
        let counts = |spec| (1..=COUNTS).map(move |share| (spec, cap_of(spec) * share / COUNTS));
        specs.iter().flat_map(counts).collect()
    }

    /// Takes the best of these for each scenario.
    pub(super) fn take_fixed(&mut self, tries: &[(&CapacityScenario, u32)], scalars: &[f64]) {
        let tried: Vec<_> = tries.iter().zip(scalars).collect();
        let of_scenario = tried.chunk_by(|(one, _), (next, _)| one.0.name == next.0.name);
        let best = of_scenario.filter_map(|tried| tried.iter().max_by(|one, other| one.1.total_cmp(other.1)));
        let fixed = best.map(|((spec, nodes), _)| {
            (FixedCount { scenario: spec.name.clone(), nodes: *nodes }, PilotSpec::fixed("fixed", *nodes))
        });
        self.fixed = fixed.collect();
    }

    /// Returns the variants of steady.
    pub(super) fn variants(&self) -> impl Iterator<Item = &PilotSpec> {
        self.variants.iter()
    }

    /// Returns all that run in a scenario, but for those without a part.
    pub(super) fn entrants_in(&self, spec: &CapacityScenario) -> impl Iterator<Item = &PilotSpec> {
        let fixed = self.fixed.iter().find(|(count, _)| count.scenario == spec.name).map(|(_, pilot)| pilot);
        self.classics.iter().chain(&self.variants).chain(fixed).chain(&self.baselines)
    }

    /// Returns both steady without each of their parts.
    pub(super) fn ablated(&self) -> impl Iterator<Item = &PilotSpec> {
        self.ablated.iter().map(|ablated| &ablated.pilot)
    }

    /// Tells whether a policy of this name is compared with the others, and not only with itself.
    pub(super) fn is_entrant(&self, name: &str) -> bool {
        !self.ablated().any(|pilot| pilot.name == name)
    }

    /// Returns the fixed counts, as they were chosen.
    pub(super) fn fixed_counts(&self) -> Vec<FixedCount> {
        self.fixed.iter().map(|(count, _)| count.clone()).collect()
    }
}

const fn cap_of(spec: &CapacityScenario) -> u32 {
    spec.limits.node_cap
}
