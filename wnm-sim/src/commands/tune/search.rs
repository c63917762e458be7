//! The search by halves, and the judgement of those that are left. The runs are the same whatever the number of threads.

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

/// Seeds of the judgement begin so far beyond those of the search.
pub(super) const BEYOND: u64 = 1_000_000;

/// What the tune began from is a candidate like others, and is seen in every rung.
pub(super) const BASE: usize = 0;

/// What a tune is about. All of it together decides what comes out.
pub(super) struct Search {
    /// What the tune begins from: candidate 0.
    pub(super) base: PilotSpec,
    pub(super) space: Space,
    /// The other candidates.
    pub(super) drawn: Vec<Values>,
    /// Scenarios that the search sees.
    pub(super) seen: Vec<CapacityScenario>,
    /// Scenarios of the judgement.
    pub(super) judged_in: Vec<CapacityScenario>,
    /// What else is judged.
    pub(super) against: Vec<PilotSpec>,
    pub(super) plan: Plan,
    pub(super) seed: u64,
    pub(super) days: f64,
    /// Seconds from cycle to cycle.
    pub(super) cycle: u32,
}

/// What has been found, whether or not the search came to its end.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Scores of each candidate, round by round, in the order of the scenarios that the search sees.
    pub(super) scores: Vec<Vec<Score>>,
    /// Rungs that are behind us.
    pub(super) rungs: usize,
    /// Candidates of the last rung, best first; while the first is not over, those that it has seen in all scenarios.
    pub(super) standing: Vec<usize>,
    /// Candidates that are judged, what the tune began from not among them.
    pub(super) finalists: Vec<usize>,
    /// Scores of the judgement: round by round, policy by policy, scenario by scenario.
    pub(super) judged: Vec<Score>,
    /// Runs that were made.
    pub(super) runs: usize,
}

/// Why a search did not come to its end.
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

/// Those who look on while runs are made.
pub(super) struct Watch<'a> {
    /// Tells, after so many runs, whether somebody wants an end.
    pub(super) is_over: &'a dyn Fn(usize) -> bool,
    pub(super) bar: ProgressBar,
    /// Where every run is written.
    pub(super) out: Option<Output>,
    pub(super) jobs: NonZeroUsize,
}

/// Returns a bar that is drawn on standard error where that is a terminal, and nowhere else.
pub(super) fn bar(runs: usize) -> ProgressBar {
    let bar = ProgressBar::new(runs as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} runs, {eta} left  {msg}") {
        bar.set_style(style);
    }
    bar
}

/// One run that is to be made.
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

    /// Returns the policies that are judged: those found, what the tune began from, and what else was asked for.
    pub(super) fn judged(&self, found: &Found) -> Vec<PilotSpec> {
        let candidates = found.finalists.iter().chain([&BASE]).map(|place| self.candidate(*place));
        candidates.chain(self.against.iter().cloned()).collect()
    }

    /// Says what contradicts itself, before the first run.
    pub(super) fn check(&self) -> Result<(), SimError> {
        for pilot in (0..=self.drawn.len()).map(|place| self.candidate(place)).chain(self.against.iter().cloned()) {
            for spec in self.seen.iter().chain(&self.judged_in) {
                pilot.pilot(spec)?;
            }
        }
        Ok(())
    }

    /// Searches and judges; what was found until the end stands in `found`, whichever end that is.
    pub(super) fn run(&self, watch: &mut Watch<'_>, found: &mut Found) -> Result<(), End> {
        found.scores = vec![Vec::new(); self.drawn.len() + 1];
        let mut standing: Vec<usize> = (0..=self.drawn.len()).collect();
        let mut before = 0;
        for (i, rung) in self.plan.rungs.iter().enumerate() {
            watch.bar.set_message(format!("rung {} of {}", i + 1, self.plan.rungs.len()));
            go_on(&mut standing, rung.candidates);
            let pilots: Vec<_> = standing.iter().map(|place| (*place, self.candidate(*place))).collect();
            let task = |(candidate, pilot)| {
                let seeds = (before..rung.rounds).map(|round| self.seed.wrapping_add(round as u64));
                seeds.flat_map(move |seed| self.seen.iter().map(move |spec| Task { candidate, pilot, spec, seed }))
            };
            let tasks: Vec<_> = pilots.iter().flat_map(|(candidate, pilot)| task((*candidate, pilot))).collect();
            let done =
                self.make(&tasks, watch, &mut found.runs, |task, score| found.scores[task.candidate].push(score));
            if done.is_err() && found.rungs > 0 {
                // Some of this rung have seen more than others: what the one before has shown holds.
                let seen = before * self.seen.len();
                found.scores.iter_mut().for_each(|scores| scores.truncate(seen));
                return done;
            }
            standing.retain(|place| found.scores[*place].len() == rung.rounds * self.seen.len());
            standing.sort_by(|one, other| rank(&found.scores[*one], &found.scores[*other]));
            found.standing.clone_from(&standing);
            done?;
            found.rungs += 1;
            before = rung.rounds;
        }
        found.finalists = self.finalists(found);
        self.judge(watch, found)
    }

    /// Returns whom to judge: the best, then those of the last rung that no other is better than in everything, then
    /// the next best.
    fn finalists(&self, found: &Found) -> Vec<usize> {
        let others: Vec<usize> = found.standing.iter().copied().filter(|place| *place != BASE).collect();
        let figures: Vec<_> = others.iter().map(|place| Figures::of(&found.scores[*place])).collect();
        let is_on_front = |i: usize| !figures.iter().any(|other| other.beats(&figures[i]));
        let mut order: Vec<usize> = (0..others.len()).collect();
        order.sort_by_key(|i| (*i > 0 && !is_on_front(*i), *i));
        order.into_iter().take(self.plan.finalists).map(|i| others[i]).collect()
    }

    fn judge(&self, watch: &mut Watch<'_>, found: &mut Found) -> Result<(), End> {
        watch.bar.set_message("judgement");
        let pilots = self.judged(found);
        let seeds = (0..self.plan.rounds as u64).map(|round| self.seed.wrapping_add(BEYOND + round));
        let round = |seed| {
            let each = move |pilot| self.judged_in.iter().map(move |spec| Task { candidate: BASE, pilot, spec, seed });
            pilots.iter().flat_map(each)
        };
        let tasks: Vec<_> = seeds.flat_map(round).collect();
        self.make(&tasks, watch, &mut found.runs, |_, score| found.judged.push(score))
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
    /// Returns the best candidate by what the search has seen; what the tune began from where it has seen nothing whole.
    pub(super) fn best(&self) -> usize {
        self.standing.first().copied().unwrap_or(BASE)
    }

    /// Returns the scores of a judged policy in each scenario, over the rounds in which all were judged.
    pub(super) fn judged_of(&self, policy: usize, policies: usize, scenarios: usize) -> Vec<Vec<Score>> {
        let rounds = self.judged.chunks_exact((policies * scenarios).max(1));
        let of = |scenario: usize| rounds.clone().map(|round| round[policy * scenarios + scenario]).collect();
        (0..scenarios).map(of).collect()
    }
}

/// What a policy is to have much of, and what little of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Figures {
    /// Node-hours as a share of the best possible.
    pub(super) yielded: f64,
    /// Avoidable time over limits, churn, bytes deleted.
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

    /// Tells whether it is at least as good in everything, and better in something.
    pub(super) fn beats(&self, other: &Self) -> bool {
        let is_no_worse = self.yielded >= other.yielded && self.costs.iter().zip(&other.costs).all(|(a, b)| a <= b);
        is_no_worse && self != other
    }
}

/// Leaves so many candidates, the best of them and what the tune began from.
fn go_on(standing: &mut Vec<usize>, candidates: usize) {
    standing.truncate(candidates);
    if !standing.contains(&BASE) {
        standing.pop();
        standing.push(BASE);
    }
}

/// Returns the mean of the scalars of some runs.
pub(super) fn scalar(scores: &[Score]) -> f64 {
    Mean::of(scores.iter().map(Score::scalar)).mean
}

/// Orders scores, better ones first: what ran out of memory or filled a disk comes after all that did not.
fn rank(one: &[Score], other: &[Score]) -> Ordering {
    let fails = |scores: &[Score]| scores.iter().any(|score| score.out_of_memory + score.disk_full > 0.0);
    fails(one).cmp(&fails(other)).then_with(|| scalar(other).total_cmp(&scalar(one)))
}

#[cfg(test)]
mod tests {
    use wnm_core::{Preset, RawSettings};

    use super::*;
    use crate::commands::tune::plan::Sizes;

    fn search() -> Search {
        let set = RawSettings::default();
        let find = |name: &str| CapacityScenario::find(name, &set).unwrap();
        let (seen, judged_in) = ([find("storms-2"), find("calm-2")].concat(), find("jump-2"));
        let sizes = Sizes { budget: 40, seen: 2, judged: 1, baselines: 1, candidates: 100 };
        let plan = Plan::new(sizes).unwrap();
        let space = Space::new(Preset::Steady, &[], &set).unwrap();
        let drawn = space.candidates(plan.rungs[0].candidates - 1, 1);
        let base = PilotSpec::parse("steady", &set).unwrap();
        Search { base, space, drawn, seen, judged_in, against: Vec::new(), plan, seed: 7, days: 0.02, cycle: 60 }
    }

    /// Searches until so many runs were made.
    fn found(search: &Search, most: usize, jobs: usize) -> (Found, bool) {
        let is_over = |runs| runs >= most;
        let jobs = NonZeroUsize::new(jobs).unwrap();
        let mut watch = Watch { is_over: &is_over, bar: ProgressBar::hidden(), out: None, jobs };
        let mut found = Found::default();
        let is_whole = search.run(&mut watch, &mut found).is_ok();
        (found, is_whole)
    }

    #[test]
    fn what_it_began_from_is_seen_in_every_rung_and_beaten_or_kept() {
        let search = search();
        let (found, is_whole) = found(&search, usize::MAX, 2);
        let last = search.plan.rungs.last().unwrap();
        assert!(is_whole && found.runs == search.plan.runs && search.plan.rungs.len() > 1, "{:?}", search.plan);
        assert_eq!(found.scores[BASE].len(), last.rounds * 2);
        assert_eq!(found.standing.len(), last.candidates);
        assert_ne!(rank(&found.scores[found.best()], &found.scores[BASE]), Ordering::Greater);
        assert!(!found.finalists.contains(&BASE) && found.finalists.len() == search.plan.finalists);
        let gone_on = |mut standing: Vec<usize>| {
            go_on(&mut standing, 2);
            standing
        };
        assert_eq!([gone_on(vec![3, BASE, 1, 2]), gone_on(vec![3, 2, 1, BASE])], [[3, BASE], [3, BASE]]);
    }

    #[test]
    fn wherever_it_is_interrupted_what_is_kept_is_whole() {
        let search = search();
        let (all, _) = found(&search, usize::MAX, 1);
        let first = search.plan.rungs[0].candidates * 2;
        for most in 0..search.plan.runs {
            let (part, is_whole) = found(&search, most, 1 + most % 3);
            assert_eq!((is_whole, part.runs), (false, most));
            for (place, scores) in part.scores.iter().enumerate() {
                assert_eq!(scores[..], all.scores[place][..scores.len()], "{most}");
            }
            let rounds = part.rungs.checked_sub(1).map_or(1, |rung| search.plan.rungs[rung].rounds);
            for place in &part.standing {
                assert_eq!(part.scores[*place].len(), rounds * 2, "{most}");
            }
            assert_eq!(part.standing.len(), if most < first { most / 2 } else { part.standing.len() }, "{most}");
            assert!(most < 2 || part.standing.contains(&BASE), "{most}");
            let report = crate::commands::tune::report::Report::new(&search, &part, false).unwrap();
            assert!(report.page().contains("PARTIAL") && report.policy_file().contains("PARTIAL"));
            assert!(report.picture(&search, &part).unwrap().ends_with("</svg>\n"));
        }
    }

    #[test]
    fn those_that_no_other_beats_are_judged_before_the_next_best() {
        let mut search = search();
        let score =
            |node_hours, stops| Score { node_hours, node_hours_best: 100.0, seconds: 1.0, stops, ..Score::default() };
        // By scalar 1 is before 2, and 2 before 3; but 1 beats 2 in everything, and 3 stops nothing.
        let scores = vec![vec![score(60.0, 9)], vec![score(90.0, 3)], vec![score(88.0, 3)], vec![score(70.0, 0)]];
        let found = Found { scores, standing: vec![1, 2, 3, BASE], ..Found::default() };
        search.plan.finalists = 2;
        assert_eq!(search.finalists(&found), [1, 3]);
    }

    #[test]
    fn running_out_of_memory_comes_last_whatever_else() {
        let (good, bad) = (
            Score { node_hours: 1.0, node_hours_best: 9.0, ..Score::default() },
            Score { node_hours: 9.0, node_hours_best: 9.0, out_of_memory: 5.0, ..Score::default() },
        );
        assert_eq!(rank(&[good], &[bad]), Ordering::Less);
        assert_eq!(rank(&[good], &[good]), Ordering::Equal);
    }
}
