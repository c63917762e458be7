//! The report of a tune as data: validation, sensitivity of the settings, progress of the search.

use std::collections::BTreeMap;

use serde::Serialize;
use wnm_core::RawSettings;

use super::search::{BASE, Figures, Found, SEED_OFFSET, Search, scalar};
use super::sensitivity::{self, Sensitivity};
use crate::capacity::{PilotSpec, Scenario, Score};
use crate::commands::chart::front::{self, Front, Kind, Spot};
use crate::statistics::Mean;
use crate::{Exit, SimError};

/// The report of a tune.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Report {
    /// Whether the tune ran to its end; if not, all figures cover the runs until the interrupt.
    pub(super) is_complete: bool,
    /// Runs that were made.
    pub(super) runs: usize,
    /// Runs that were planned.
    pub(super) planned: usize,
    /// Length of a run, in days.
    pub(super) days: f64,
    /// Length of a cycle, in seconds.
    pub(super) cycle: u32,
    /// The first seed of the search.
    pub(super) seed: u64,
    /// The first seed of the validation.
    pub(super) validation_seed: u64,
    /// Seeds on which all policies were validated.
    pub(super) validation_seeds: usize,
    /// Scenarios of the search.
    pub(super) searched_in: Vec<String>,
    /// Scenarios of the validation.
    pub(super) validated_in: Vec<String>,
    /// Whether the scenarios of the validation were excluded from the search; if not, only the seeds are new.
    pub(super) are_scenarios_held_out: bool,
    /// The finished rungs of the search.
    pub(super) rungs: Vec<RungReport>,
    /// The starting policy.
    pub(super) base: String,
    /// The policy with the best result in the search.
    pub(super) best: String,
    /// The settings of the best policy.
    pub(super) settings: BTreeMap<&'static str, String>,
    /// The tuned settings.
    pub(super) tuned: Vec<Setting>,
    /// The validated policies: finalists, starting policy, and those of `--against`.
    pub(super) validated: Vec<Validated>,
    /// The best policy compared with the starting policy; absent where they are the same or nothing was validated.
    pub(super) gain: Option<Gain>,
}

/// A rung of the search.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct RungReport {
    /// Candidates that ran in the rung.
    pub(super) candidates: usize,
    /// Seeds that each candidate has completed.
    pub(super) seeds: usize,
}

/// A tuned setting.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Setting {
    /// Name of the setting.
    pub(super) key: &'static str,
    /// Value in the starting policy.
    pub(super) base: f64,
    /// Value in the best policy.
    pub(super) best: f64,
    /// The lowest value tried.
    pub(super) low: u64,
    /// The highest value tried.
    pub(super) high: u64,
    /// Effect on the scalar; absent for too few candidates.
    pub(super) sensitivity: Option<Sensitivity>,
}

/// An validated policy. Figures are means over the scenarios of the validation.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Validated {
    /// Name of the policy.
    pub(super) policy: String,
    /// Mean scalar in the search; absent where the policy was not part of the search.
    pub(super) searched: Option<f64>,
    /// The single figure that ranks policies.
    pub(super) scalar: Mean,
    /// Node-hours as a share of the best possible, 0 to 1.
    pub(super) yielded: Mean,
    /// Hours of healthy nodes in a run.
    pub(super) node_hours: Mean,
    /// Share of the time over a limit that the background load alone does not exceed, 0 to 1.
    pub(super) avoidable: Mean,
    /// Stops, removals and restarts per day of a healthy node.
    pub(super) churn: Mean,
    /// Bytes of the nodes deleted because of pressure, per run.
    pub(super) deleted_bytes: Mean,
    /// Whether no other policy is at least as good in node-hours, avoidable time, churn and deleted bytes.
    pub(super) is_on_front: bool,
}

/// The best policy compared with the starting policy, in pairs of the same scenario and seed.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Gain {
    /// Gain in the scalar; the interval covers the randomness of the seeds in these scenarios.
    pub(super) scalar: Mean,
    /// Gain in the scalar with kinds of scenario as the sample, all hosts as one kind: the gain to expect elsewhere.
    pub(super) over_kinds: Mean,
    /// Number of kinds of scenario.
    pub(super) kinds: usize,
    /// The gain in each scenario.
    pub(super) scenarios: Vec<ScenarioGain>,
}

/// The best policy compared with the starting policy in one scenario.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct ScenarioGain {
    /// Name of the scenario, with its host.
    pub(super) scenario: String,
    /// Scalar of the starting policy.
    pub(super) base: Mean,
    /// Scalar of the best policy.
    pub(super) best: Mean,
    /// Difference of the scalars; above 0 where the best policy is better.
    pub(super) gain: Mean,
}

impl Report {
    /// Builds the report of a search.
    pub(super) fn new(search: &Search, found: &Found, exit: Exit) -> Result<Self, SimError> {
        let best = search.candidate(found.best());
        let names = |specs: &[crate::capacity::CapacityScenario]| specs.iter().map(|spec| spec.name.clone()).collect();
        let validated = validated(search, found);
        Ok(Self {
            is_complete: exit == Exit::Done,
            runs: found.runs,
            planned: search.plan.runs,
            days: search.days,
            cycle: search.cycle,
            seed: search.seed,
            validation_seed: search.seed.wrapping_add(SEED_OFFSET),
            validation_seeds: scores_of(search, found, 0).first().map_or(0, Vec::len),
            searched_in: names(&search.searched),
            validated_in: names(&search.validated_in),
            are_scenarios_held_out: search
                .validated_in
                .iter()
                .all(|spec| search.searched.iter().all(|s| s.name != spec.name)),
            rungs: search
                .plan
                .rungs
                .iter()
                .take(found.rungs)
                .map(|rung| RungReport { candidates: rung.candidates, seeds: rung.passes })
                .collect(),
            base: search.base.name.clone(),
            settings: settings_by_name(&best.settings),
            tuned: settings(search, found, &best)?,
            gain: gain(search, found),
            best: best.name,
            validated,
        })
    }

    /// Draws the chart: all candidates after the first rung, and the validated policies.
    pub(super) fn picture(&self, search: &Search, found: &Found) -> Result<String, SimError> {
        let first = search.searched.len();
        let candidates = (0..found.scores.len()).filter(|place| found.scores[*place].len() >= first);
        let spots = candidates.map(|place| {
            let figures = Figures::of(&found.scores[place][..first]);
            let plain = |mean: f64| Mean { mean: mean * 100.0, within: None };
            let (name, kind) = match place {
                _ if place == BASE => (self.base.clone(), Kind::Reference),
                _ if place == found.best() => (self.best.clone(), Kind::Found),
                _ => (String::new(), Kind::Other),
            };
            Spot { name, cost: plain(figures.costs[0]), gain: plain(figures.yielded), kind }
        });
        let searched = Front { caption: "all candidates after the first rung".to_owned(), spots: spots.collect() };
        let spots = self.validated.iter().map(|validated| Spot {
            name: validated.policy.clone(),
            cost: validated.avoidable.times(100.0),
            gain: validated.yielded.times(100.0),
            kind: match &validated.policy {
                policy if *policy == self.base => Kind::Reference,
                policy if policy.starts_with("candidate-") => Kind::Found,
                _ => Kind::Other,
            },
        });
        let validated = Front { caption: "validation on unseen runs".to_owned(), spots: spots.collect() };
        let fronts = if validated.spots.is_empty() { vec![searched] } else { vec![searched, validated] };
        front::draw(&fronts, "avoidable time over limits, % of the time", "node-hours, % of the best possible")
    }
}

/// Returns the settings that have a value, by name.
fn settings_by_name(settings: &RawSettings) -> BTreeMap<&'static str, String> {
    RawSettings::KEYS.iter().filter_map(|key| Some((*key, settings.get(key)?))).collect()
}

/// Returns the scores of an validated policy, by scenario.
fn scores_of(search: &Search, found: &Found, policy: usize) -> Vec<Vec<Score>> {
    found.scores_of_validation(policy, search.validated(found).len(), search.validated_in.len())
}

fn validated(search: &Search, found: &Found) -> Vec<Validated> {
    let policies = search.validated(found);
    let scores: Vec<_> = (0..policies.len()).map(|policy| scores_of(search, found, policy)).collect();
    if scores.iter().flatten().any(Vec::is_empty) {
        return Vec::new();
    }
    let figures: Vec<_> = scores.iter().map(|scores| Figures::of(&scores.concat())).collect();
    let places = found.finalists.iter().chain([&BASE]).map(|place| Some(*place)).chain(std::iter::repeat(None));
    let validate = |((policy, scores), place): ((&PilotSpec, &Vec<Vec<Score>>), Option<usize>)| {
        let mean = |figure: fn(&Score) -> f64| {
            Mean::of_groups(&scores.iter().map(|group| group.iter().map(figure).collect()).collect::<Vec<_>>())
        };
        let own = Figures::of(&scores.concat());
        Validated {
            policy: policy.name.clone(),
            searched: place.map(|place| scalar(&found.scores[place])),
            scalar: mean(Score::scalar),
            yielded: mean(Score::yielded),
            node_hours: mean(|score| score.node_hours),
            avoidable: mean(|score| score.share(score.avoidable.any)),
            churn: mean(|score| score.per_node_day(score.churn())),
            deleted_bytes: mean(|score| score.deleted_bytes),
            is_on_front: !figures.iter().any(|other| other.dominates(&own)),
        }
    };
    policies.iter().zip(&scores).zip(places).map(validate).collect()
}

fn gain(search: &Search, found: &Found) -> Option<Gain> {
    let best = found.finalists.iter().position(|place| *place == found.best())?;
    let (best, base) = (scores_of(search, found, best), scores_of(search, found, found.finalists.len()));
    let scalars = |scores: &[Score]| scores.iter().map(Score::scalar).collect::<Vec<_>>();
    let pairs: Vec<(Vec<f64>, Vec<f64>)> = base.iter().zip(&best).map(|(a, b)| (scalars(a), scalars(b))).collect();
    let differences: Vec<Vec<f64>> =
        pairs.iter().map(|(base, best)| base.iter().zip(best).map(|(a, b)| b - a).collect()).collect();
    if differences.iter().any(Vec::is_empty) {
        return None;
    }
    let mut kinds: Vec<(&Scenario, Vec<f64>)> = Vec::new();
    for (spec, gains) in search.validated_in.iter().zip(&differences) {
        let mean = Mean::of(gains.iter().copied()).mean;
        match kinds.iter_mut().find(|(kind, _)| *kind == &*spec.scenario) {
            Some((_, means)) => means.push(mean),
            None => kinds.push((&spec.scenario, vec![mean])),
        }
    }
    let over_kinds: Vec<f64> = kinds.iter().map(|(_, means)| Mean::of(means.iter().copied()).mean).collect();
    let scenarios = search.validated_in.iter().zip(&pairs).zip(&differences).map(|((spec, (base, best)), gains)| {
        let mean = |values: &Vec<f64>| Mean::of(values.iter().copied());
        ScenarioGain { scenario: spec.name.clone(), base: mean(base), best: mean(best), gain: mean(gains) }
    });
    Some(Gain {
        scalar: Mean::of_groups(&differences),
        over_kinds: Mean::of(over_kinds.iter().copied()),
        kinds: over_kinds.len(),
        scenarios: scenarios.collect(),
    })
}

fn settings(search: &Search, found: &Found, best: &PilotSpec) -> Result<Vec<Setting>, SimError> {
    // The settings of a policy go over those of a host, whose other thresholds they must not contradict.
    let Some(spec) = search.searched.first() else { return Ok(Vec::new()) };
    let policy = |pilot: &PilotSpec| Ok::<_, SimError>(pilot.pilot(spec)?.policy().clone());
    let (base, best) = (policy(&search.base)?, policy(best)?);
    // Only the first rung: there all candidates have the same runs. The starting policy was not drawn.
    let first = search.searched.len();
    let drawn: Vec<(&Vec<u64>, f64)> = search
        .drawn
        .iter()
        .zip(found.scores.iter().skip(1))
        .filter_map(|(values, scores)| Some((values, scalar(scores.get(..first)?))))
        .collect();
    let scalars: Vec<f64> = drawn.iter().map(|(_, scalar)| *scalar).collect();
    let setting = |(i, dimension): (usize, &super::space::Dimension)| Setting {
        key: dimension.key,
        base: (dimension.of)(&base),
        best: (dimension.of)(&best),
        low: dimension.low,
        high: dimension.high,
        sensitivity: (drawn.len() >= sensitivity::LEAST).then(|| {
            let values: Vec<u64> = drawn.iter().map(|(values, _)| values[i]).collect();
            sensitivity::of(&values, &scalars)
        }),
    };
    let moved = search.space.0.iter().enumerate().filter(|(_, dimension)| dimension.low < dimension.high);
    Ok(moved.map(setting).collect())
}
