//! Divides a budget of runs: rungs of successive halving, and an validation on unseen runs.

use crate::SimError;

/// The most candidates that are validated beside the starting policy.
const FINALISTS: usize = 5;
/// The validation gets one part in this many of the budget.
const VALIDATION_PART: usize = 4;
/// The fewest candidates for which halving makes sense.
pub(super) const LEAST: usize = 4;

/// One rung of the halving. A pass is one seed of every scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rung {
    /// Candidates in the rung, including the starting policy.
    pub(super) candidates: usize,
    /// Passes that each candidate has completed at the end of the rung, earlier rungs included.
    pub(super) passes: usize,
}

/// The planned runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) rungs: Vec<Rung>,
    /// Candidates to validate, without the starting policy.
    pub(super) finalists: usize,
    /// Passes of the validation.
    pub(super) passes: usize,
    /// Runs of all rungs and of the validation.
    pub(super) runs: usize,
}

/// The sizes that a plan depends on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    /// The most runs allowed.
    pub(super) budget: usize,
    /// Scenarios of the search.
    pub(super) searched: usize,
    /// Scenarios of the validation.
    pub(super) validated: usize,
    /// Policies validated beside the finalists, including the starting policy.
    pub(super) baselines: usize,
    /// Different candidates available, including the starting policy.
    pub(super) candidates: usize,
}

impl Plan {
    /// Divides the budget: a quarter for the validation, the rest for as many candidates as it allows.
    ///
    /// # Errors
    /// The budget is too small for one halving and two passes of the validation.
    pub(super) fn new(sizes: Sizes) -> Result<Self, SimError> {
        let Sizes { budget, searched, validated, baselines, candidates } = sizes;
        let few = LEAST.min(candidates);
        let (smallest, validation) = (cost(&rungs(few, 1), searched), 2 * (1 + baselines) * validated);
        let least = smallest + validation;
        if budget < least {
            let scenarios = |count| if count == 1 { "1 scenario".to_owned() } else { format!("{count} scenarios") };
            let needs = format!(
                "{smallest} to halve {few} candidates in {}, and {validation} to validate {} policies in {} twice",
                scenarios(searched),
                1 + baselines,
                scenarios(validated)
            );
            return Err(SimError::input(format!("--budget {budget} is too small: {least} runs are needed, {needs}"))
                .hint("raise --budget, or name fewer scenarios"));
        }
        let share = (budget / VALIDATION_PART).clamp(validation, budget - smallest);
        // More finalists only where each still gets four passes: fewer would not separate them.
        let most = FINALISTS.min(candidates.div_ceil(2) - 1).max(1);
        let finalists = (share / (4 * validated)).saturating_sub(baselines).clamp(1, most);
        let search = budget - share;
        // The cost of the search grows with the number of candidates, so that the largest affordable number is unique.
        let fits = |begin: &usize| cost(&rungs(*begin, finalists), searched) <= search;
        let begin = (few.max(2 * finalists + 1)..=candidates.min(budget / searched)).rev().find(fits);
        let (finalists, rungs) = begin.map_or_else(|| (1, rungs(few, 1)), |begin| (finalists, rungs(begin, finalists)));
        let search = cost(&rungs, searched);
        // The search rarely uses its share completely; the validation gets the rest.
        let passes = (budget - search) / ((finalists + baselines) * validated);
        let runs = search + (finalists + baselines) * validated * passes;
        Ok(Self { rungs, finalists, passes, runs })
    }
}

/// Returns the rungs: half of the candidates remain each time, with twice as many passes.
fn rungs(begin: usize, finalists: usize) -> Vec<Rung> {
    let mut rungs = vec![Rung { candidates: begin, passes: 1 }];
    while let Some(last) = rungs.last()
        && last.candidates.div_ceil(2) > finalists
        && last.candidates > 2
    {
        rungs.push(Rung { candidates: last.candidates.div_ceil(2), passes: 2 * last.passes });
    }
    rungs
}

/// Returns the runs that the rungs need; runs of an earlier rung are not repeated.
fn cost(rungs: &[Rung], scenarios: usize) -> usize {
    let before = std::iter::once(0).chain(rungs.iter().map(|rung| rung.passes));
    rungs.iter().zip(before).map(|(rung, before)| rung.candidates * (rung.passes - before) * scenarios).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: Sizes = Sizes { budget: 0, searched: 4, validated: 6, baselines: 1, candidates: 1000 };

    fn plan(sizes: Sizes) -> String {
        let plan = match Plan::new(sizes) {
            Ok(plan) => plan,
            Err(error) => return error.to_string(),
        };
        let rungs: Vec<_> = plan.rungs.iter().map(|rung| format!("{} in {}", rung.candidates, rung.passes)).collect();
        format!("{}; {} validated in {}; {} runs", rungs.join(", "), plan.finalists, plan.passes, plan.runs)
    }

    #[test]
    fn half_of_the_candidates_remains_with_twice_the_passes() {
        insta::assert_snapshot!(plan(Sizes { budget: 1000, ..SIZES }), @"72 in 1, 36 in 2, 18 in 4, 9 in 8; 5 validated in 7; 972 runs");
        insta::assert_snapshot!(plan(Sizes { budget: 200, ..SIZES }), @"14 in 1, 7 in 2, 4 in 4, 2 in 8; 1 validated in 4; 196 runs");
        insta::assert_snapshot!(plan(Sizes { budget: 48, ..SIZES }), @"4 in 1, 2 in 2; 1 validated in 2; 48 runs");
        insta::assert_snapshot!(plan(Sizes { budget: 47, ..SIZES }), @"--budget 47 is too small: 48 runs are needed, 24 to halve 4 candidates in 4 scenarios, and 24 to validate 2 policies in 6 scenarios twice");
        insta::assert_snapshot!(plan(Sizes { budget: 0, ..SIZES }), @"--budget 0 is too small: 48 runs are needed, 24 to halve 4 candidates in 4 scenarios, and 24 to validate 2 policies in 6 scenarios twice");
        // Only the seeds are held out.
        insta::assert_snapshot!(plan(Sizes { budget: 30, searched: 1, validated: 1, ..SIZES }), @"8 in 1, 4 in 2, 2 in 4; 1 validated in 7; 30 runs");
        // With few different candidates the validation gets nearly the whole budget.
        insta::assert_snapshot!(plan(Sizes { budget: 1000, candidates: 2, ..SIZES }), @"2 in 1; 1 validated in 82; 992 runs");
    }

    #[test]
    fn plan_uses_the_budget_up_to_one_pass() {
        for budget in 0..600 {
            for (searched, validated) in [(1, 1), (2, 2), (4, 6), (20, 8), (26, 8)] {
                for (baselines, candidates) in [(1, 1000), (2, 1000), (1, 2), (2, 3), (2, 7)] {
                    let sizes = Sizes { budget, searched, validated, baselines, candidates };
                    let Ok(plan) = Plan::new(sizes) else { continue };
                    assert!(plan.runs <= budget && plan.passes >= 2, "{sizes:?}: {plan:?}");
                    let (first, last) = (plan.rungs[0], plan.rungs[plan.rungs.len() - 1]);
                    assert!(first.candidates <= candidates && plan.finalists < last.candidates, "{sizes:?}: {plan:?}");
                    assert!(candidates < 4 || plan.rungs.len() > 1, "{sizes:?}: {plan:?}");
                    let pass = (plan.finalists + baselines) * validated;
                    assert!(budget - plan.runs < pass, "{sizes:?}: {plan:?}");
                }
            }
        }
    }
}
