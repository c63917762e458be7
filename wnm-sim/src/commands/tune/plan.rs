//! How a budget of runs is shared out: rungs of a search by halves, and a judgement on what the search never saw.

use crate::SimError;

/// Candidates that are judged beside what the tune began from, at most.
const FINALISTS: usize = 5;
/// The part of the budget that goes to the judgement.
const JUDGEMENT: usize = 4;
/// Candidates of the smallest search that still halves.
pub(super) const LEAST: usize = 4;

/// One step of the search: so many candidates have been seen in so many rounds, a round being one seed of each scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rung {
    /// What the tune began from is one of them.
    pub(super) candidates: usize,
    /// Rounds that each has behind it when the rung ends, those of earlier rungs among them.
    pub(super) rounds: usize,
}

/// What is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) rungs: Vec<Rung>,
    /// Candidates that are judged, what the tune began from not counted.
    pub(super) finalists: usize,
    /// Rounds of the judgement.
    pub(super) rounds: usize,
    /// Runs of all rungs and the judgement.
    pub(super) runs: usize,
}

/// How many there are of what a plan depends on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    /// Runs that may be made.
    pub(super) budget: usize,
    /// Scenarios that the search sees.
    pub(super) seen: usize,
    /// Scenarios of the judgement.
    pub(super) judged: usize,
    /// Policies that are judged beside the finalists: what the tune began from is one of them.
    pub(super) baselines: usize,
    /// Different candidates that there are, what the tune began from among them.
    pub(super) candidates: usize,
}

impl Plan {
    /// Shares out the budget: a quarter goes to the judgement, the rest to as many candidates as it lasts for.
    ///
    /// # Errors
    /// It does not last for one halving and two rounds of judgement.
    pub(super) fn new(sizes: Sizes) -> Result<Self, SimError> {
        let Sizes { budget, seen, judged, baselines, candidates } = sizes;
        let few = LEAST.min(candidates);
        let (smallest, judgement) = (cost(&rungs(few, 1), seen), 2 * (1 + baselines) * judged);
        let least = smallest + judgement;
        if budget < least {
            let scenarios = |count| if count == 1 { "1 scenario".to_owned() } else { format!("{count} scenarios") };
            return Err(SimError::Input(format!(
                "--budget {budget}: expected at least {least} runs: {smallest} to halve {few} candidates in {}, and \
                 {judgement} to judge {} policies in {} twice; give more, or fewer scenarios",
                scenarios(seen),
                1 + baselines,
                scenarios(judged)
            )));
        }
        let share = (budget / JUDGEMENT).clamp(judgement, budget - smallest);
        // More finalists only where each is still seen four times.
        let most = FINALISTS.min(candidates.div_ceil(2) - 1).max(1);
        let finalists = (share / (4 * judged)).saturating_sub(baselines).clamp(1, most);
        let search = budget - share;
        // What the search costs grows with the number of those that begin.
        let fits = |begin: &usize| cost(&rungs(*begin, finalists), seen) <= search;
        let begin = (few.max(2 * finalists + 1)..=candidates.min(budget / seen)).rev().find(fits);
        let (finalists, rungs) = begin.map_or_else(|| (1, rungs(few, 1)), |begin| (finalists, rungs(begin, finalists)));
        let search = cost(&rungs, seen);
        // What the search has left over goes to the judgement.
        let rounds = (budget - search) / ((finalists + baselines) * judged);
        let runs = search + (finalists + baselines) * judged * rounds;
        Ok(Self { rungs, finalists, rounds, runs })
    }
}

/// Returns the rungs: half of the candidates go on each time, and are seen twice as often.
fn rungs(begin: usize, finalists: usize) -> Vec<Rung> {
    let mut rungs = vec![Rung { candidates: begin, rounds: 1 }];
    while let Some(last) = rungs.last()
        && last.candidates.div_ceil(2) > finalists
        && last.candidates > 2
    {
        rungs.push(Rung { candidates: last.candidates.div_ceil(2), rounds: 2 * last.rounds });
    }
    rungs
}

/// Returns how many runs the rungs take: what was run in an earlier one is not run again.
fn cost(rungs: &[Rung], scenarios: usize) -> usize {
    let before = std::iter::once(0).chain(rungs.iter().map(|rung| rung.rounds));
    rungs.iter().zip(before).map(|(rung, before)| rung.candidates * (rung.rounds - before) * scenarios).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: Sizes = Sizes { budget: 0, seen: 4, judged: 6, baselines: 1, candidates: 1000 };

    fn plan(sizes: Sizes) -> String {
        let plan = match Plan::new(sizes) {
            Ok(plan) => plan,
            Err(error) => return error.to_string(),
        };
        let rungs: Vec<_> = plan.rungs.iter().map(|rung| format!("{} in {}", rung.candidates, rung.rounds)).collect();
        format!("{}; {} judged in {}; {} runs", rungs.join(", "), plan.finalists, plan.rounds, plan.runs)
    }

    #[test]
    fn halves_go_on_and_are_seen_twice_as_often() {
        insta::assert_snapshot!(plan(Sizes { budget: 1000, ..SIZES }), @"72 in 1, 36 in 2, 18 in 4, 9 in 8; 5 judged in 7; 972 runs");
        insta::assert_snapshot!(plan(Sizes { budget: 200, ..SIZES }), @"14 in 1, 7 in 2, 4 in 4, 2 in 8; 1 judged in 4; 196 runs");
        insta::assert_snapshot!(plan(Sizes { budget: 48, ..SIZES }), @"4 in 1, 2 in 2; 1 judged in 2; 48 runs");
        insta::assert_snapshot!(plan(Sizes { budget: 47, ..SIZES }), @"--budget 47: expected at least 48 runs: 24 to halve 4 candidates in 4 scenarios, and 24 to judge 2 policies in 6 scenarios twice; give more, or fewer scenarios");
        insta::assert_snapshot!(plan(Sizes { budget: 0, ..SIZES }), @"--budget 0: expected at least 48 runs: 24 to halve 4 candidates in 4 scenarios, and 24 to judge 2 policies in 6 scenarios twice; give more, or fewer scenarios");
        // Nothing is held out but seeds.
        insta::assert_snapshot!(plan(Sizes { budget: 30, seen: 1, judged: 1, ..SIZES }), @"8 in 1, 4 in 2, 2 in 4; 1 judged in 7; 30 runs");
        // Where there are only few different candidates, they are judged all the longer.
        insta::assert_snapshot!(plan(Sizes { budget: 1000, candidates: 2, ..SIZES }), @"2 in 1; 1 judged in 82; 992 runs");
    }

    #[test]
    fn no_plan_goes_beyond_its_budget_nor_leaves_a_round_of_it() {
        for budget in 0..600 {
            for (seen, judged) in [(1, 1), (2, 2), (4, 6), (20, 8), (26, 8)] {
                for (baselines, candidates) in [(1, 1000), (2, 1000), (1, 2), (2, 3), (2, 7)] {
                    let sizes = Sizes { budget, seen, judged, baselines, candidates };
                    let Ok(plan) = Plan::new(sizes) else { continue };
                    assert!(plan.runs <= budget && plan.rounds >= 2, "{sizes:?}: {plan:?}");
                    let (first, last) = (plan.rungs[0], plan.rungs[plan.rungs.len() - 1]);
                    assert!(first.candidates <= candidates && plan.finalists < last.candidates, "{sizes:?}: {plan:?}");
                    assert!(candidates < 4 || plan.rungs.len() > 1, "{sizes:?}: {plan:?}");
                    let round = (plan.finalists + baselines) * judged;
                    assert!(budget - plan.runs < round, "{sizes:?}: {plan:?}");
                }
            }
        }
    }
}
