//! What steady is to reach against the better classic.

use serde::Serialize;

use super::contest::{Against, Contest, Figures, Paired, Terms};
use crate::statistics::Mean;

/// Avoidable time over limits that is fine in any scenario, as a share of the time.
const LITTLE: f64 = 0.003;
/// What avoidable time may be of classic's.
const AVOIDABLE: f64 = 0.15;
/// Cycles this short see so much more than one of a minute that they delete in smaller steps.
const SHORT_CYCLE: u32 = 30;

/// One thing to reach.
pub(super) struct Rule {
    /// What it is about.
    pub(super) name: &'static str,
    /// The same, for the head of a column.
    pub(super) short: &'static str,
    /// Whether the limit is the least or the most there may be.
    pub(super) is_least: bool,
    /// Whether it is about ratios to classic's.
    pub(super) is_ratio: bool,
    limit: fn(Terms) -> f64,
    /// The figure, and the scenario that is to blame if it is too bad.
    of: fn(&[Against], f64) -> Found,
}

/// What was found: nothing where there is nothing to compare with, and no end of it where only classic has none.
type Found = Option<(f64, String)>;

/// All there is to reach.
pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "node-hours, mean of ratios",
        short: "node-hours, mean",
        is_least: true,
        is_ratio: true,
        limit: |_| 1.1,
        of: |all, _| mean(all, |against| against.figures.node_hours.ratio().map(|ratio| -ratio)).map(negated),
    },
    // Each scenario counts alike: as a share of what a count that knows all would have had.
    Rule {
        name: "node-hours, ratio of sums",
        short: "node-hours",
        is_least: true,
        is_ratio: true,
        limit: |_| 1.1,
        of: |all, limit| least_of_sums(all, limit, |figures| &figures.yielded),
    },
    Rule {
        name: "node-hours, least ratio",
        short: "least",
        is_least: true,
        is_ratio: true,
        limit: |_| 0.96,
        of: |all, _| greatest(all, |against| against.figures.node_hours.ratio().map(|ratio| -ratio)).map(negated),
    },
    Rule {
        name: "avoidable time, ratio of sums",
        short: "avoidable",
        is_least: false,
        is_ratio: true,
        limit: |_| AVOIDABLE,
        of: |all, limit| of_sums(all, limit, |figures| &figures.avoidable),
    },
    Rule {
        name: "avoidable time, mean of ratios",
        short: "avoidable, mean",
        is_least: false,
        is_ratio: true,
        limit: |_| AVOIDABLE,
        of: |all, _| mean(all, excused),
    },
    Rule {
        name: "churn, ratio of sums",
        short: "churn",
        is_least: false,
        is_ratio: true,
        limit: |terms| if terms.has_cpu_limit { 0.25 } else { 0.5 },
        of: |all, limit| of_sums(all, limit, |figures| &figures.churn),
    },
    Rule {
        name: "bytes deleted, ratio of sums",
        short: "deleted",
        is_least: false,
        is_ratio: true,
        limit: |terms| if terms.cycle <= SHORT_CYCLE { 1.1 } else { 0.75 },
        of: |all, limit| of_sums(all, limit, |figures| &figures.bytes),
    },
    Rule {
        name: "flaps in a run, constant load",
        short: "flaps, constant",
        is_least: false,
        is_ratio: false,
        limit: |_| 0.0,
        of: |all, _| greatest(all.iter().filter(|against| against.is_constant), |a| Some(a.figures.flaps.ours())),
    },
    Rule {
        name: "flaps elsewhere, ratio of sums",
        short: "flaps",
        is_least: false,
        is_ratio: true,
        limit: |_| 0.01,
        of: |all, limit| of_sums(all.iter().filter(|against| !against.is_constant), limit, |figures| &figures.flaps),
    },
    Rule {
        name: "seconds of a run without memory",
        short: "no memory s",
        is_least: false,
        is_ratio: false,
        limit: |_| 0.0,
        of: |all, _| greatest(all, |against| Some(against.figures.out_of_memory.ours())),
    },
    Rule {
        name: "seconds of a run with a full disk",
        short: "disk full s",
        is_least: false,
        is_ratio: false,
        limit: |_| 0.0,
        of: |all, _| greatest(all, |against| Some(against.figures.disk_full.ours())),
    },
];

/// One thing to reach, and what was.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Target {
    /// What it is about.
    name: &'static str,
    /// Whether the limit is the least or the most there may be.
    is_least: bool,
    /// Whether limit and found are ratios to classic's; otherwise they are what the name says.
    is_ratio: bool,
    /// The limit.
    pub(super) limit: f64,
    /// What was found; none where there is nothing to compare with, and where classic has none of what we have.
    pub(super) found: Option<Mean>,
    /// Whether it is met.
    pub(super) is_met: bool,
    /// Where it was missed, the scenario that is most to blame.
    pub(super) worst: Option<String>,
}

impl Rule {
    /// Returns the figure over all scenarios of a contest, without a seed where one is named.
    pub(super) fn figure(&self, contest: &Contest, left_out: Option<usize>) -> Option<f64> {
        (self.of)(&contest.left(left_out), (self.limit)(contest.terms)).map(|(found, _)| found)
    }

    /// Returns what became of it in a contest.
    pub(super) fn target(&self, contest: &Contest) -> Target {
        let Self { name, is_least, is_ratio, .. } = *self;
        let limit = (self.limit)(contest.terms);
        let found = Mean::jackknifed(contest.seeds(), |left_out| self.figure(contest, left_out));
        let is_met = found.is_none_or(|found| if is_least { found.mean >= limit } else { found.mean <= limit });
        let worst = (self.of)(&contest.scenarios, limit).map(|(_, scenario)| scenario).filter(|_| !is_met);
        let found = found.filter(|found| found.mean.is_finite());
        Target { name, is_least, is_ratio, limit, found, is_met, worst }
    }
}

/// Returns the ratio of avoidable time; what is little in itself counts as no more than what is fine.
fn excused(against: &Against) -> Option<f64> {
    let avoidable = &against.figures.avoidable;
    let ratio = avoidable.ratio();
    if avoidable.ours() <= LITTLE { ratio.map(|ratio| ratio.min(AVOIDABLE)) } else { ratio.or(Some(f64::INFINITY)) }
}

fn negated((figure, scenario): (f64, String)) -> (f64, String) {
    (-figure, scenario)
}

/// Returns the greatest figure of any scenario.
fn greatest<'a>(all: impl IntoIterator<Item = &'a Against>, figure: impl Fn(&Against) -> Option<f64>) -> Found {
    let figures = all.into_iter().filter_map(|against| Some((figure(against)?, &against.scenario)));
    figures.max_by(|one, other| one.0.total_cmp(&other.0)).map(|(figure, scenario)| (figure, scenario.clone()))
}

/// Returns the mean over the scenarios; the one that has most is to blame.
fn mean(all: &[Against], figure: impl Fn(&Against) -> Option<f64>) -> Found {
    let (_, worst) = greatest(all, &figure)?;
    Some((Mean::of(all.iter().filter_map(&figure).collect::<Vec<_>>().into_iter()).mean, worst))
}

/// Returns the ratio of sums; the scenario that has most beyond the limit is to blame.
fn of_sums<'a>(
    all: impl IntoIterator<Item = &'a Against> + Clone,
    limit: f64,
    figure: impl Fn(&Figures) -> &Paired,
) -> Found {
    let sum = Paired::sum(all.clone().into_iter().map(|against| figure(&against.figures)));
    let ratio = sum.ratio().or((sum.ours() > 0.0).then_some(f64::INFINITY))?;
    let beyond = |against: &Against| {
        let paired = figure(&against.figures);
        Some(paired.ours() - limit * paired.classic())
    };
    let worst = greatest(all, beyond).map(|(_, scenario)| scenario).unwrap_or_default();
    Some((ratio, worst))
}

/// Returns the ratio of sums; the scenario that lacks most to the limit is to blame.
fn least_of_sums(all: &[Against], limit: f64, figure: impl Fn(&Figures) -> &Paired) -> Found {
    let ratio = Paired::sum(all.iter().map(|against| figure(&against.figures))).ratio()?;
    let lacking = |against: &Against| {
        let paired = figure(&against.figures);
        Some(limit * paired.classic() - paired.ours())
    };
    greatest(all, lacking).map(|(_, worst)| (ratio, worst))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn short() -> Terms {
        Terms { has_cpu_limit: true, cycle: 5 }
    }

    const fn minute() -> Terms {
        Terms { has_cpu_limit: false, cycle: 60 }
    }

    /// A figure in some scenarios: of ours and of classic's, on two seeds.
    type Setting = fn(&mut Figures, Paired);

    fn found(rule: &str, terms: Terms, set: Setting, scenarios: &[[[f64; 2]; 2]]) -> String {
        let against = |(i, seeds): (usize, &[[f64; 2]; 2])| {
            let mut figures = Figures::none();
            figures.scalar = Paired(seeds.to_vec());
            set(&mut figures, Paired(seeds.to_vec()));
            let scenario = ["one", "two", "three"][i].to_owned();
            // The first has a constant load.
            Against { scenario, classic: "classic".to_owned(), is_constant: i == 0, best: 0.0, figures }
        };
        let scenarios = scenarios.iter().enumerate().map(against).collect();
        let contest = Contest { policy: "steady".to_owned(), targets: Vec::new(), scenarios, terms };
        let target = RULES.iter().find(|known| known.name == rule).unwrap().target(&contest);
        let found = target.found.map_or_else(|| "nothing".to_owned(), |found| format!("{found:.3}"));
        let verdict =
            if target.is_met { "met".to_owned() } else { format!("missed in {}", target.worst.unwrap_or_default()) };
        format!("{found} of {} {verdict}", target.limit)
    }

    #[test]
    fn bars_are_met_or_missed() {
        let same = |ours: f64, classic: f64| [[ours, classic]; 2];
        let hours: Setting = |figures, paired| figures.node_hours = paired;
        let shares: Setting = |figures, paired| figures.yielded = paired;
        let avoidable: Setting = |figures, paired| figures.avoidable = paired;
        let churn: Setting = |figures, paired| figures.churn = paired;
        let bytes: Setting = |figures, paired| figures.bytes = paired;
        let flaps: Setting = |figures, paired| figures.flaps = paired;
        let memory: Setting = |figures, paired| figures.out_of_memory = paired;
        let disk: Setting = |figures, paired| figures.disk_full = paired;
        let none = same(0.0, 0.0);
        for (rule, terms, set, scenarios, expected) in [
            (
                "node-hours, mean of ratios",
                minute(),
                hours,
                vec![same(12.0, 10.0), same(100.0, 100.0)],
                "1.100 ± 0.000 of 1.1 met",
            ),
            (
                "node-hours, mean of ratios",
                minute(),
                hours,
                vec![same(12.0, 10.0), same(99.0, 100.0)],
                "1.095 ± 0.000 of 1.1 missed in two",
            ),
            // Nothing can be said of a scenario in which classic has none.
            (
                "node-hours, mean of ratios",
                minute(),
                hours,
                vec![same(12.0, 10.0), same(5.0, 0.0)],
                "1.200 ± 0.000 of 1.1 met",
            ),
            ("node-hours, mean of ratios", minute(), hours, vec![], "nothing of 1.1 met"),
            // 1.2 and 1.0 without the one seed and the other: t · half of the difference.
            (
                "node-hours, mean of ratios",
                minute(),
                hours,
                vec![[[12.0, 10.0], [10.0, 10.0]]],
                "1.100 ± 1.271 of 1.1 met",
            ),
            (
                "node-hours, ratio of sums",
                minute(),
                shares,
                vec![same(0.8, 0.2), same(0.3, 0.8)],
                "1.100 ± 0.000 of 1.1 met",
            ),
            (
                "node-hours, ratio of sums",
                minute(),
                shares,
                vec![same(0.8, 0.2), same(0.25, 0.8)],
                "1.050 ± 0.000 of 1.1 missed in two",
            ),
            (
                "node-hours, least ratio",
                minute(),
                hours,
                vec![same(97.0, 100.0), same(20.0, 10.0)],
                "0.970 ± 0.000 of 0.96 met",
            ),
            (
                "node-hours, least ratio",
                minute(),
                hours,
                vec![same(95.0, 100.0), same(20.0, 10.0)],
                "0.950 ± 0.000 of 0.96 missed in one",
            ),
            (
                "avoidable time, ratio of sums",
                minute(),
                avoidable,
                vec![same(0.01, 0.1), same(0.0, 0.1)],
                "0.050 ± 0.000 of 0.15 met",
            ),
            (
                "avoidable time, ratio of sums",
                minute(),
                avoidable,
                vec![same(0.01, 0.1), same(0.05, 0.1)],
                "0.300 ± 0.000 of 0.15 missed in two",
            ),
            // What is little counts as fine, what is not counts as it is.
            (
                "avoidable time, mean of ratios",
                minute(),
                avoidable,
                vec![same(0.003, 0.003), same(0.0, 0.1)],
                "0.075 ± 0.000 of 0.15 met",
            ),
            (
                "avoidable time, mean of ratios",
                minute(),
                avoidable,
                vec![same(0.004, 0.004), same(0.0, 0.1)],
                "0.500 ± 0.000 of 0.15 missed in one",
            ),
            ("avoidable time, mean of ratios", minute(), avoidable, vec![same(0.003, 0.0)], "nothing of 0.15 met"),
            (
                "avoidable time, mean of ratios",
                minute(),
                avoidable,
                vec![same(0.004, 0.0)],
                "nothing of 0.15 missed in one",
            ),
            (
                "churn, ratio of sums",
                minute(),
                churn,
                vec![same(5.0, 5.0), same(4.0, 13.0)],
                "0.500 ± 0.000 of 0.5 met",
            ),
            (
                "churn, ratio of sums",
                short(),
                churn,
                vec![same(5.0, 5.0), same(4.0, 13.0)],
                "0.500 ± 0.000 of 0.25 missed in one",
            ),
            ("churn, ratio of sums", short(), churn, vec![same(1.0, 0.0)], "nothing of 0.25 missed in one"),
            (
                "bytes deleted, ratio of sums",
                minute(),
                bytes,
                vec![same(1.0, 1.0)],
                "1.000 ± 0.000 of 0.75 missed in one",
            ),
            ("bytes deleted, ratio of sums", short(), bytes, vec![same(1.0, 1.0)], "1.000 ± 0.000 of 1.1 met"),
            ("bytes deleted, ratio of sums", short(), bytes, vec![none], "nothing of 1.1 met"),
            ("flaps in a run, constant load", minute(), flaps, vec![none, same(7.0, 700.0)], "0.000 ± 0.000 of 0 met"),
            (
                "flaps in a run, constant load",
                minute(),
                flaps,
                vec![[[0.0, 9.0], [1.0, 9.0]]],
                "0.500 ± 6.353 of 0 missed in one",
            ),
            (
                "flaps elsewhere, ratio of sums",
                minute(),
                flaps,
                vec![same(9.0, 9.0), same(7.0, 700.0)],
                "0.010 ± 0.000 of 0.01 met",
            ),
            (
                "flaps elsewhere, ratio of sums",
                minute(),
                flaps,
                vec![none, same(8.0, 700.0)],
                "0.011 ± 0.000 of 0.01 missed in two",
            ),
            (
                "seconds of a run without memory",
                minute(),
                memory,
                vec![none, same(5.0, 5.0)],
                "5.000 ± 0.000 of 0 missed in two",
            ),
            ("seconds of a run with a full disk", minute(), disk, vec![none, same(0.0, 5.0)], "0.000 ± 0.000 of 0 met"),
        ] {
            assert_eq!(found(rule, terms, set, &scenarios), expected, "{rule}: {scenarios:?}");
        }
    }
}
