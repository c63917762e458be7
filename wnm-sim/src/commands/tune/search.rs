//! The search by successive halving, and the validation of the finalists. The results do not depend on `--jobs`.

use std::cmp::Ordering;
use std::num::NonZeroUsize;

use indicatif::{ProgressBar, ProgressStyle};

use super::plan::Plan;
use super::space::{Space, Values};
use crate::capacity::{CapacityScenario, PilotSpec, Score, run_once};
use crate::output::Output;
use crate::run_file::{RunLine, VERSION};
use crate::statistics::Mean;
use crate::{SimError, jobs};

/// Distance of the seeds of the validation from those of the search, larger than any number of passes.
pub(super) const SEED_OFFSET: u64 = 1_000_000;

/// Index of the starting policy among the candidates. It takes part in every rung.
pub(super) const BASE: usize = 0;

/// Everything that determines the result of a tune.
pub(super) struct Search {
    /// The starting policy, candidate 0.
    pub(super) base: PilotSpec,
    pub(super) space: Space,
    /// The other candidates.
    pub(super) drawn: Vec<Values>,
    /// Scenarios of the search.
    pub(super) searched: Vec<CapacityScenario>,
    /// Scenarios of the validation.
    pub(super) validated_in: Vec<CapacityScenario>,
    /// Policies of `--against`.
    pub(super) against: Vec<PilotSpec>,
    pub(super) plan: Plan,
    pub(super) seed: u64,
    pub(super) days: f64,
    /// Length of a cycle, in seconds.
    pub(super) cycle: u32,
}

/// The results so far, also of an interrupted search.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Scores of each candidate, pass by pass, in the order of the search's scenarios.
    pub(super) scores: Vec<Vec<Score>>,
    /// Finished rungs.
    pub(super) rungs: usize,
    /// Candidates of the last rung, best first; during the first rung those that have run in all scenarios.
    pub(super) ranking: Vec<usize>,
    /// Candidates to validate, without the starting policy.
    pub(super) finalists: Vec<usize>,
    /// Scores of the validation: by pass, then by policy, then by scenario.
    pub(super) validated: Vec<Score>,
    /// Runs that were made.
    pub(super) runs: usize,
}

/// The reason why a search ended early.
#[derive(Debug)]
pub(super) enum End {
    Interrupted,
    Failed(SimError),
}

impl From<SimError> for End {
    fn from(error: SimError) -> Self {
        Self::Failed(error)
    }
}

/// Progress, interruption and output of the runs.
pub(super) struct Watch<'a> {
    /// Tells, given the number of finished runs, whether to stop.
    pub(super) is_over: &'a dyn Fn(usize) -> bool,
    pub(super) bar: ProgressBar,
    /// The file for all runs.
    pub(super) out: Option<Output>,
    pub(super) jobs: NonZeroUsize,
}

/// Returns a progress bar on standard error; invisible where that is not a terminal.
pub(super) fn bar(runs: usize) -> ProgressBar {
    let bar = ProgressBar::new(runs as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} runs, {eta} left  {msg}") {
        bar.set_style(style);
    }
    bar
}

/// A run to execute.
struct Task<'a> {
    candidate: usize,
    pilot: &'a PilotSpec,
    spec: &'a CapacityScenario,
    seed: u64,
}

impl Search {
    /// Returns a candidate as a policy.
    pub(super) fn candidate(&self, place: usize) -> PilotSpec {
        let mut pilot = self.base.clone();
        if let Some(values) = place.checked_sub(1).and_then(|drawn| self.drawn.get(drawn)) {
            pilot.name = format!("candidate-{place}");
            pilot.settings = self.space.settings(values, &pilot.settings);
        }
        pilot
    }

    /// Returns the policies to validate: the finalists, the starting policy, and those of `--against`.
    pub(super) fn validated(&self, found: &Found) -> Vec<PilotSpec> {
        let candidates = found.finalists.iter().chain([&BASE]).map(|place| self.candidate(*place));
        candidates.chain(self.against.iter().cloned()).collect()
    }

    /// Checks every policy on every scenario, so that no error ends the search after hours.
    pub(super) fn check(&self) -> Result<(), SimError> {
        for pilot in (0..=self.drawn.len()).map(|place| self.candidate(place)).chain(self.against.iter().cloned()) {
            for spec in self.searched.iter().chain(&self.validated_in) {
                pilot.pilot(spec)?;
            }
        }
        Ok(())
    }

    /// Searches and validates. `found` holds the results so far, also after an error.
    pub(super) fn run(&self, watch: &mut Watch<'_>, found: &mut Found) -> Result<(), End> {
        found.scores = vec![Vec::new(); self.drawn.len() + 1];
        let mut ranking: Vec<usize> = (0..=self.drawn.len()).collect();
        let mut before = 0;
        for (i, rung) in self.plan.rungs.iter().enumerate() {
            watch.bar.set_message(format!("rung {} of {}", i + 1, self.plan.rungs.len()));
            keep_best(&mut ranking, rung.candidates);
            let pilots: Vec<_> = ranking.iter().map(|place| (*place, self.candidate(*place))).collect();
            let task = |(candidate, pilot)| {
                let seeds = (before..rung.passes).map(|pass| self.seed.wrapping_add(pass as u64));
                seeds.flat_map(move |seed| self.searched.iter().map(move |spec| Task { candidate, pilot, spec, seed }))
            };
            let tasks: Vec<_> = pilots.iter().flat_map(|(candidate, pilot)| task((*candidate, pilot))).collect();
            let done =
                self.make(&tasks, watch, &mut found.runs, |task, score| found.scores[task.candidate].push(score));
            if done.is_err() && found.rungs > 0 {
                // An unfinished rung has more runs for some candidates than for others: fall back to the rung before.
                let searched = before * self.searched.len();
                found.scores.iter_mut().for_each(|scores| scores.truncate(searched));
                return done;
            }
            ranking.retain(|place| found.scores[*place].len() == rung.passes * self.searched.len());
            // A stable sort: equal candidates keep the order of the sequence, whatever the number of threads.
            ranking.sort_by(|one, other| rank(&found.scores[*one], &found.scores[*other]));
            found.ranking.clone_from(&ranking);
            done?;
            found.rungs += 1;
            before = rung.passes;
        }
        found.finalists = self.finalists(found);
        self.validate(watch, found)
    }

    /// Returns the candidates to validate: the best one, then the rest of the Pareto front, then the next best.
    fn finalists(&self, found: &Found) -> Vec<usize> {
        let others: Vec<usize> = found.ranking.iter().copied().filter(|place| *place != BASE).collect();
        let figures: Vec<_> = others.iter().map(|place| Figures::of(&found.scores[*place])).collect();
        let is_on_front = |i: usize| !figures.iter().any(|other| other.dominates(&figures[i]));
        let mut order: Vec<usize> = (0..others.len()).collect();
        order.sort_by_key(|i| (*i > 0 && !is_on_front(*i), *i));
        order.into_iter().take(self.plan.finalists).map(|i| others[i]).collect()
    }

    fn validate(&self, watch: &mut Watch<'_>, found: &mut Found) -> Result<(), End> {
        watch.bar.set_message("validation");
        let pilots = self.validated(found);
        let seeds = (0..self.plan.passes as u64).map(|pass| self.seed.wrapping_add(SEED_OFFSET + pass));
        let pass = |seed| {
            let each =
                move |pilot| self.validated_in.iter().map(move |spec| Task { candidate: BASE, pilot, spec, seed });
            pilots.iter().flat_map(each)
        };
        let tasks: Vec<_> = seeds.flat_map(pass).collect();
        self.make(&tasks, watch, &mut found.runs, |_, score| found.validated.push(score))
    }

    fn make(
        &self,
        tasks: &[Task<'_>],
        watch: &mut Watch<'_>,
        runs: &mut usize,
        mut take: impl FnMut(&Task<'_>, Score),
    ) -> Result<(), End> {
        let work = |task: &Task<'_>| {
            let mut pilot = task.pilot.pilot(task.spec)?;
            Ok(run_once(task.spec, &mut pilot, task.seed, self.days, self.cycle))
        };
        jobs::in_order(tasks, watch.jobs, work, |task, score: Result<_, SimError>| {
            // Checked between results, so that a partial result is a prefix of the whole one.
            if (watch.is_over)(*runs) {
                return Err(End::Interrupted);
            }
            let score = score?;
            if let Some(out) = &mut watch.out {
                let (scenario, policy) = (task.spec.name.clone(), task.pilot.name.clone());
                let (seed, days, cycle) = (task.seed, self.days, self.cycle);
                let run = RunLine { wnm_run: VERSION, scenario, policy, seed, days, cycle, score };
                out.line(&serde_json::to_string(&run).unwrap_or_default())?;
            }
            take(task, score);
            *runs += 1;
            watch.bar.inc(1);
            Ok(())
        })
    }
}

impl Found {
    /// Returns the best candidate of the last finished rung; the starting policy before the first.
    pub(super) fn best(&self) -> usize {
        self.ranking.first().copied().unwrap_or(BASE)
    }

    /// Returns the scores of an validated policy by scenario, over the passes that all policies completed.
    pub(super) fn scores_of_validation(&self, policy: usize, policies: usize, scenarios: usize) -> Vec<Vec<Score>> {
        let passes = self.validated.chunks_exact((policies * scenarios).max(1));
        let of = |scenario: usize| passes.clone().map(|pass| pass[policy * scenarios + scenario]).collect();
        (0..scenarios).map(of).collect()
    }
}

/// The objectives of the search: one to maximise, three to minimise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Figures {
    /// Node-hours as a share of the best possible.
    pub(super) yielded: f64,
    /// Avoidable time over limits, churn, deleted bytes.
    pub(super) costs: [f64; 3],
}

impl Figures {
    pub(super) fn of(scores: &[Score]) -> Self {
        let mean = |figure: fn(&Score) -> f64| Mean::of(scores.iter().map(figure)).mean;
        Self {
            yielded: mean(Score::yielded),
            costs: [
                mean(|score| score.share(score.avoidable.any)),
                mean(|score| score.per_node_day(score.churn())),
                mean(|score| score.deleted_bytes),
            ],
        }
    }

    /// Tells whether the figures dominate others: at least as good in everything, and better in something.
    pub(super) fn dominates(&self, other: &Self) -> bool {
        let is_no_worse = self.yielded >= other.yielded && self.costs.iter().zip(&other.costs).all(|(a, b)| a <= b);
        is_no_worse && self != other
    }
}

/// Keeps the first `candidates` of a ranking, and the starting policy in any case.
fn keep_best(ranking: &mut Vec<usize>, candidates: usize) {
    ranking.truncate(candidates);
    if !ranking.contains(&BASE) {
        ranking.pop();
        ranking.push(BASE);
    }
}

/// Returns the mean scalar of some runs.
pub(super) fn scalar(scores: &[Score]) -> f64 {
    Mean::of(scores.iter().map(Score::scalar)).mean
}

/// Orders scores, better ones first: any run out of memory or disk space ranks below all runs without.
fn rank(one: &[Score], other: &[Score]) -> Ordering {
    let fails = |scores: &[Score]| scores.iter().any(|score| score.out_of_memory + score.disk_full > 0.0);
    fails(one).cmp(&fails(other)).then_with(|| scalar(other).total_cmp(&scalar(one)))
}

#[cfg(test)]
mod tests {
    use wnm_core::{Preset, RawSettings};

    use super::*;
    use crate::capacity::recording::TraceFacts;
    use crate::commands::tune::plan::Sizes;

    fn search() -> Search {
        let set = RawSettings::default();
        let find = |name: &str| CapacityScenario::find(name, &set, TraceFacts::default()).unwrap();
        let (searched, validated_in) = ([find("storms-2"), find("calm-2")].concat(), find("jump-2"));
        let sizes = Sizes { budget: 40, searched: 2, validated: 1, baselines: 1, candidates: 100 };
        let plan = Plan::new(sizes).unwrap();
        let space = Space::new(Preset::Steady, &[], &set, &[]).unwrap();
        let drawn = space.candidates(plan.rungs[0].candidates - 1, 1);
        let base = PilotSpec::parse("steady", &set).unwrap();
        Search { base, space, drawn, searched, validated_in, against: Vec::new(), plan, seed: 7, days: 0.02, cycle: 60 }
    }

    /// Searches until `most` runs are made.
    fn found(search: &Search, most: usize, jobs: usize) -> (Found, bool) {
        let is_over = |runs| runs >= most;
        let jobs = NonZeroUsize::new(jobs).unwrap();
        let mut watch = Watch { is_over: &is_over, bar: ProgressBar::hidden(), out: None, jobs };
        let mut found = Found::default();
        let is_whole = search.run(&mut watch, &mut found).is_ok();
        (found, is_whole)
    }

    #[test]
    fn starting_policy_takes_part_in_every_round() {
        let search = search();
        let (found, is_whole) = found(&search, usize::MAX, 2);
        let last = search.plan.rungs.last().unwrap();
        assert!(is_whole && found.runs == search.plan.runs && search.plan.rungs.len() > 1, "{:?}", search.plan);
        assert_eq!(found.scores[BASE].len(), last.passes * 2);
        assert_eq!(found.ranking.len(), last.candidates);
        assert_ne!(rank(&found.scores[found.best()], &found.scores[BASE]), Ordering::Greater);
        assert!(!found.finalists.contains(&BASE) && found.finalists.len() == search.plan.finalists);
        let gone_on = |mut ranking: Vec<usize>| {
            keep_best(&mut ranking, 2);
            ranking
        };
        assert_eq!([gone_on(vec![3, BASE, 1, 2]), gone_on(vec![3, 2, 1, BASE])], [[3, BASE], [3, BASE]]);
    }

    #[test]
    fn interrupted_search_keeps_whole_results() {
        let search = search();
        let (all, _) = found(&search, usize::MAX, 1);
        let first = search.plan.rungs[0].candidates * 2;
        for most in 0..search.plan.runs {
            let (part, is_whole) = found(&search, most, 1 + most % 3);
            assert_eq!((is_whole, part.runs), (false, most));
            for (place, scores) in part.scores.iter().enumerate() {
                assert_eq!(scores[..], all.scores[place][..scores.len()], "{most}");
            }
            let passes = part.rungs.checked_sub(1).map_or(1, |rung| search.plan.rungs[rung].passes);
            for place in &part.ranking {
                assert_eq!(part.scores[*place].len(), passes * 2, "{most}");
            }
            assert_eq!(part.ranking.len(), if most < first { most / 2 } else { part.ranking.len() }, "{most}");
            assert!(most < 2 || part.ranking.contains(&BASE), "{most}");
            let report = crate::commands::tune::report::Report::new(&search, &part, crate::Exit::Interrupted).unwrap();
            assert!(report.page().contains("PARTIAL") && report.policy_file().contains("PARTIAL"));
            assert!(report.picture(&search, &part).unwrap().ends_with("</svg>\n"));
        }
    }

    #[test]
    fn front_is_evaluated_before_the_next_best() {
        let mut search = search();
        let score =
            |node_hours, stops| Score { node_hours, node_hours_best: 100.0, seconds: 1.0, stops, ..Score::default() };
        // By scalar the order is 1, 2, 3; but 1 dominates 2, and 3 stops no node.
        let scores = vec![vec![score(60.0, 9)], vec![score(90.0, 3)], vec![score(88.0, 3)], vec![score(70.0, 0)]];
        let found = Found { scores, ranking: vec![1, 2, 3, BASE], ..Found::default() };
        search.plan.finalists = 2;
        assert_eq!(search.finalists(&found), [1, 3]);
    }

    #[test]
    fn out_of_memory_ranks_last() {
        let (good, bad) = (
            Score { node_hours: 1.0, node_hours_best: 9.0, ..Score::default() },
            Score { node_hours: 9.0, node_hours_best: 9.0, out_of_memory: 5.0, ..Score::default() },
        );
        assert_eq!(rank(&[good], &[bad]), Ordering::Less);
        assert_eq!(rank(&[good], &[good]), Ordering::Equal);
    }
}
