//! What came of a tune, as data: the judgement, what each setting matters, and how the search went.

use std::collections::BTreeMap;

use serde::Serialize;
use wnm_core::{Policy, RawSettings};

use super::search::{BASE, BEYOND, Figures, Found, Search, scalar};
use super::sensitivity::{self, Sensitivity};
use crate::SimError;
use crate::capacity::{PilotSpec, Scenario, Score};
use crate::commands::chart::front::{self, Front, Kind, Spot};
use crate::statistics::Mean;

/// What came of a tune.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Report {
    /// False when it was interrupted: then all figures are of what was run until then.
    pub(super) is_complete: bool,
    /// Runs that were made.
    pub(super) runs: usize,
    /// Runs that were planned.
    pub(super) planned: usize,
    /// The length of each run.
    pub(super) days: f64,
    /// Seconds from cycle to cycle.
    pub(super) cycle: u32,
    /// The first seed of the search.
    pub(super) seed: u64,
    /// The first seed of the judgement.
    pub(super) judgement_seed: u64,
    /// Seeds for which all policies were judged.
    pub(super) judgement_seeds: usize,
    /// Scenarios of the search.
    pub(super) searched_in: Vec<String>,
    /// Scenarios of the judgement.
    pub(super) judged_in: Vec<String>,
    /// Whether the search saw nothing of the scenarios of the judgement: otherwise only the seeds are new.
    pub(super) are_scenarios_held_out: bool,
    /// How the search went.
    pub(super) rungs: Vec<RungReport>,
    /// The policy that the tune began from.
    pub(super) began_from: String,
    /// The policy that did best in the search.
    pub(super) best: String,
    /// Its settings.
    pub(super) settings: BTreeMap<&'static str, String>,
    /// The settings that were tuned.
    pub(super) tuned: Vec<Setting>,
    /// The judged policies: those found, what the tune began from, and what else was asked for.
    pub(super) judged: Vec<Judged>,
    /// The best policy against what the tune began from; none where they are the same, or nothing was judged.
    pub(super) gain: Option<Gain>,
}

/// A rung of the search.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct RungReport {
    /// Candidates that ran in it.
    pub(super) candidates: usize,
    /// Seeds that each of them has behind it.
    pub(super) seeds: usize,
}

/// A setting that was tuned.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Setting {
    /// The setting.
    pub(super) key: &'static str,
    /// What the tune began from.
    pub(super) began_at: f64,
    /// What the best policy has.
    pub(super) best: f64,
    /// The least value that was tried.
    pub(super) low: u64,
    /// The greatest.
    pub(super) high: u64,
    /// What it does to the scalar; none of too few candidates.
    pub(super) sensitivity: Option<Sensitivity>,
}

/// A policy that was judged. Figures are means over the scenarios of the judgement.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Judged {
    /// The policy.
    pub(super) policy: String,
    /// The mean of its scalars in the search; none where it was not part of that.
    pub(super) searched: Option<f64>,
    /// The one figure for ranking.
    pub(super) scalar: Mean,
    /// Node-hours as a share of the best possible.
    pub(super) yielded: Mean,
    /// Hours of healthy nodes in a run.
    pub(super) node_hours: Mean,
    /// The share of the time over a limit that would not have been passed without our nodes.
    pub(super) avoidable: Mean,
    /// Stops, removals and restarts for each day of a healthy node.
    pub(super) churn: Mean,
    /// What nodes that were deleted for pressure held, in bytes a run.
    pub(super) deleted_bytes: Mean,
    /// Whether no other judged policy is at least as good in node-hours, avoidable time, churn and bytes deleted.
    pub(super) is_on_front: bool,
}

/// The best policy against what the tune began from, in pairs of the same scenario and seed.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Gain {
    /// By how much its scalar is higher in these scenarios: only chance of the seeds makes it unsure.
    pub(super) scalar: Mean,
    /// The same with kinds of scenario as the sample, a kind on both hosts being one: what to expect of other kinds.
    pub(super) over_kinds: Mean,
    /// How many kinds there are.
    pub(super) kinds: usize,
    /// The same for each of them.
    pub(super) scenarios: Vec<ScenarioGain>,
}

/// The best policy against what the tune began from in one scenario.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct ScenarioGain {
    /// The scenario and its host.
    pub(super) scenario: String,
    /// The scalar of what the tune began from.
    pub(super) began_at: Mean,
    /// The scalar of the best policy.
    pub(super) best: Mean,
    /// By how much the latter is higher.
    pub(super) gain: Mean,
}

impl Report {
    /// Returns what there is to say of what was found.
    pub(super) fn new(search: &Search, found: &Found, is_complete: bool) -> Result<Self, SimError> {
        let best = search.candidate(found.best());
        let names = |specs: &[crate::capacity::CapacityScenario]| specs.iter().map(|spec| spec.name.clone()).collect();
        let judged = judged(search, found);
        Ok(Self {
            is_complete,
            runs: found.runs,
            planned: search.plan.runs,
            days: search.days,
            cycle: search.cycle,
            seed: search.seed,
            judgement_seed: search.seed.wrapping_add(BEYOND),
            judgement_seeds: scores_of(search, found, 0).first().map_or(0, Vec::len),
            searched_in: names(&search.seen),
            judged_in: names(&search.judged_in),
            are_scenarios_held_out: search.judged_in.iter().all(|spec| search.seen.iter().all(|s| s.name != spec.name)),
            rungs: search
                .plan
                .rungs
                .iter()
                .take(found.rungs)
                .map(|rung| RungReport { candidates: rung.candidates, seeds: rung.rounds })
                .collect(),
            began_from: search.base.name.clone(),
            settings: stated(&best.settings),
            tuned: settings(search, found, &best)?,
            gain: gain(search, found),
            best: best.name,
            judged,
        })
    }

    /// Returns the picture: all candidates as the first rung saw them, and the judgement.
    pub(super) fn picture(&self, search: &Search, found: &Found) -> Result<String, SimError> {
        let first = search.seen.len();
        let candidates = (0..found.scores.len()).filter(|place| found.scores[*place].len() >= first);
        let spots = candidates.map(|place| {
            let figures = Figures::of(&found.scores[place][..first]);
            let plain = |mean: f64| Mean { mean: mean * 100.0, within: None };
            let (name, kind) = match place {
                _ if place == BASE => (self.began_from.clone(), Kind::Measure),
                _ if place == found.best() => (self.best.clone(), Kind::Found),
                _ => (String::new(), Kind::Other),
            };
            Spot { name, cost: plain(figures.costs[0]), gain: plain(figures.yielded), kind }
        });
        let searched = Front { caption: "all candidates in the first rung".to_owned(), spots: spots.collect() };
        let spots = self.judged.iter().map(|judged| Spot {
            name: judged.policy.clone(),
            cost: judged.avoidable.times(100.0),
            gain: judged.yielded.times(100.0),
            kind: match &judged.policy {
                policy if *policy == self.began_from => Kind::Measure,
                policy if policy.starts_with("candidate-") => Kind::Found,
                _ => Kind::Other,
            },
        });
        let judged = Front { caption: "judged on what the search never saw".to_owned(), spots: spots.collect() };
        let fronts = if judged.spots.is_empty() { vec![searched] } else { vec![searched, judged] };
        front::draw(&fronts, "avoidable time over limits, % of the time", "node-hours, % of the best possible")
    }
}

/// Returns what is said in a layer of settings, by name.
fn stated(settings: &RawSettings) -> BTreeMap<&'static str, String> {
    RawSettings::KEYS.iter().filter_map(|key| Some((*key, settings.get(key)?))).collect()
}

/// Returns the scores of a judged policy, scenario by scenario.
fn scores_of(search: &Search, found: &Found, policy: usize) -> Vec<Vec<Score>> {
    found.judged_of(policy, search.judged(found).len(), search.judged_in.len())
}

fn judged(search: &Search, found: &Found) -> Vec<Judged> {
    let policies = search.judged(found);
    let scores: Vec<_> = (0..policies.len()).map(|policy| scores_of(search, found, policy)).collect();
    if scores.iter().flatten().any(Vec::is_empty) {
        return Vec::new();
    }
    let figures: Vec<_> = scores.iter().map(|scores| Figures::of(&scores.concat())).collect();
    let places = found.finalists.iter().chain([&BASE]).map(|place| Some(*place)).chain(std::iter::repeat(None));
    let judge = |((policy, scores), place): ((&PilotSpec, &Vec<Vec<Score>>), Option<usize>)| {
        let mean = |figure: fn(&Score) -> f64| {
            Mean::of_groups(&scores.iter().map(|group| group.iter().map(figure).collect()).collect::<Vec<_>>())
        };
        let own = Figures::of(&scores.concat());
        Judged {
            policy: policy.name.clone(),
            searched: place.map(|place| scalar(&found.scores[place])),
            scalar: mean(Score::scalar),
            yielded: mean(Score::yielded),
            node_hours: mean(|score| score.node_hours),
            avoidable: mean(|score| score.share(score.avoidable.any)),
            churn: mean(|score| score.per_node_day(score.churn())),
            deleted_bytes: mean(|score| score.deleted_bytes),
            is_on_front: !figures.iter().any(|other| other.beats(&own)),
        }
    };
    policies.iter().zip(&scores).zip(places).map(judge).collect()
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
    for (spec, gains) in search.judged_in.iter().zip(&differences) {
        let mean = Mean::of(gains.iter().copied()).mean;
        match kinds.iter_mut().find(|(kind, _)| *kind == &*spec.scenario) {
            Some((_, means)) => means.push(mean),
            None => kinds.push((&spec.scenario, vec![mean])),
        }
    }
    let over_kinds: Vec<f64> = kinds.iter().map(|(_, means)| Mean::of(means.iter().copied()).mean).collect();
    let scenarios = search.judged_in.iter().zip(&pairs).zip(&differences).map(|((spec, (base, best)), gains)| {
        let mean = |values: &Vec<f64>| Mean::of(values.iter().copied());
        ScenarioGain { scenario: spec.name.clone(), began_at: mean(base), best: mean(best), gain: mean(gains) }
    });
    Some(Gain {
        scalar: Mean::of_groups(&differences),
        over_kinds: Mean::of(over_kinds.iter().copied()),
        kinds: over_kinds.len(),
        scenarios: scenarios.collect(),
    })
}

fn settings(search: &Search, found: &Found, best: &PilotSpec) -> Result<Vec<Setting>, SimError> {
    let policy = |pilot: &PilotSpec| {
        Policy::new(&pilot.settings, None).map_err(|problems| SimError::Input(format!("{}: {problems}", pilot.name)))
    };
    let (began_at, best) = (policy(&search.base)?, policy(best)?);
    // Of the first rung, in which all have seen the same; what the tune began from was not drawn.
    let first = search.seen.len();
    let drawn: Vec<(&Vec<u64>, f64)> = search
        .drawn
        .iter()
        .zip(found.scores.iter().skip(1))
        .filter_map(|(values, scores)| Some((values, scalar(scores.get(..first)?))))
        .collect();
    let scalars: Vec<f64> = drawn.iter().map(|(_, scalar)| *scalar).collect();
    let setting = |(i, dimension): (usize, &super::space::Dimension)| Setting {
        key: dimension.key,
        began_at: (dimension.of)(&began_at),
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
