//! The use of nodes by age, fitted to the samples of a signal.

use super::fit::{Row, factors, least, median, residual};
use super::record::{NodePoint, Point};
use super::signal::{Kind, Scope};
use super::surge::{self, Surge};
use crate::capacity::TICK;

/// The fewest starts for a fit of the use after a start.
const STARTS: u32 = 3;
/// The share of the error of young processes that a fitted course must remove to be accepted.
const BETTER: f64 = 0.2;
/// The effect of young processes, in nodes, from which on a sample counts for the fit of their course.
const YOUNG: f64 = 0.1;
/// The fewest such samples.
const ENOUGH_YOUNG: usize = 10;
/// The longest plausible surge, in seconds.
const LONGEST_SURGE: f64 = 1800.0;
/// The longest surge that the sum over all nodes may hide, in seconds.
const USUAL_SURGE: f64 = 300.0;

/// The use of nodes by age: a constant part per node, and a part that decays with age.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Curve {
    /// Mature use of a node: cores, MB or GB.
    pub(super) each: f64,
    /// Use of a starting node above the mature use in cores, or below it in MB; None where the samples do not show it.
    pub(super) young: Option<f64>,
    /// Seconds in which that difference falls to 1/e.
    pub(super) seconds: f64,
    /// The background use.
    pub(super) level: f64,
}

/// The samples to fit a curve to.
pub(super) struct Samples<'a> {
    pub(super) signal: Kind,
    pub(super) of: Scope,
    /// The relative error below which a course after the start is not needed.
    pub(super) bound: f64,
    /// Starts of processes in the record.
    pub(super) starts: u32,
    pub(super) all: &'a [(&'a Point, f64)],
}

impl Curve {
    /// Returns the modelled value of a signal at a point.
    pub(super) fn at(&self, signal: Kind, point: &Point) -> f64 {
        let [each, young] = signal.columns(point, self.seconds);
        self.each * each + self.young.unwrap_or_default() * young + self.level
    }
}

impl Kind {
    /// Returns the factors of the curve at a point: the number of processes, and the sum of their remaining youth.
    fn columns(self, point: &Point, seconds: f64) -> [f64; 2] {
        let left = |age: f64| if age < 30.0 * seconds { (-age / seconds).exp() } else { 0.0 };
        let mut sums = [0.0; 2];
        for node in &point.nodes {
            let (each, young) = match (self, node.age) {
                (Self::Cpu, Some(age)) => use_of_processors(f64::from(age), point.length, seconds),
                (Self::Memory, Some(age)) => (1.0, -left(f64::from(age))),
                (Self::Disk, _) if node.ran.is_finite() => (1.0 - left(f64::from(node.ran)), 0.0),
                _ => continue,
            };
            sums[0] += each;
            sums[1] += young;
        }
        sums
    }
}

/// Returns the share of a step in which a process existed, and the mean of its remaining surge over the step.
pub(super) fn use_of_processors(age: f64, length: f64, seconds: f64) -> (f64, f64) {
    let there = age.min(length);
    // e^-30 is below the rounding of the sums.
    if age - there > 30.0 * seconds {
        return (there / length, 0.0);
    }
    let left = |age: f64| (-age / seconds).exp();
    (there / length, (left(age - there) - left(age)) * seconds / length)
}

/// Returns the total distance of the best fit to the rows, and its factors.
pub(super) fn fit(rows: &[Row]) -> (f64, [f64; 3]) {
    let factors = factors(rows);
    (rows.iter().map(|row| residual(row, &factors).abs()).sum(), factors)
}

impl Samples<'_> {
    /// Returns the best curve.
    pub(super) fn curve(&self) -> Curve {
        let [shortest, longest] = self.span();
        let search = || least(shortest, longest.max(2.0 * shortest), |seconds| fit(&self.rows(seconds)).0);
        // A folder has no surge: its only curve is growth with the time that the node ran.
        if self.signal == Kind::Disk {
            let seconds = search();
            let [each, _, level] = fit(&self.rows(seconds)).1;
            return Curve { each, young: Some(0.0), seconds, level };
        }
        let mut rows = self.rows(shortest);
        rows.iter_mut().for_each(|(columns, _)| columns[1] = 0.0);
        let [each, _, level] = fit(&rows).1;
        let none = Curve { each, young: None, seconds: shortest, level };
        if self.starts < STARTS {
            return none;
        }
        let seconds = search();
        let rows = self.rows(seconds);
        let [each, young, level] = fit(&rows).1;
        // A node cannot start below 0 MB.
        let young = if self.signal == Kind::Memory { young.min(each) } else { young };
        let course = Curve { each, young: Some(young), seconds, level };
        let is_young = |((columns, _), _): &(&Row, _)| columns[1].abs() >= YOUNG;
        let young: Vec<_> = rows.iter().zip(self.all).filter(is_young).map(|(_, sample)| *sample).collect();
        let distance = |curve: &Curve| -> f64 {
            young.iter().map(|(point, measured)| (curve.at(self.signal, point) - measured).abs()).sum()
        };
        let (with, without) = (distance(&course), distance(&none));
        let used: f64 = young.iter().map(|(_, measured)| measured - none.level).sum();
        let is_shown =
            young.len() >= ENOUGH_YOUNG && with < (1.0 - BETTER) * without && seconds < 0.9 * longest && each > 0.0;
        // A list of nodes shows more than their sum, in which a single start is lost.
        let about = if is_shown { seconds } else { seconds.min(USUAL_SURGE) };
        if let Some(surge) = self.surge(&Curve { seconds: about, ..course }).filter(|surge| surge.gain > BETTER) {
            return self.with_surge(&course, &surge);
        }
        if young.len() < ENOUGH_YOUNG {
            none
        } else if is_shown {
            course
        } else if without < self.bound * used {
            Curve { young: Some(0.0), ..none }
        } else {
            none
        }
    }

    /// Returns the surge measured on single nodes; None where the trace does not list them.
    fn surge(&self, about: &Curve) -> Option<Surge> {
        let is_of_nodes = (self.signal, self.of) == (Kind::Cpu, Scope::Nodes);
        let points = self.all.iter().map(|(point, _)| *point);
        is_of_nodes.then(|| surge::of_nodes(about, points, self.span())).flatten()
    }

    /// Returns a curve with this surge, and the other parameters fitted again.
    fn with_surge(&self, course: &Curve, surge: &Surge) -> Curve {
        let as_one = |(columns, measured): Row| ([columns[0] + surge.times * columns[1], 0.0, columns[2]], measured);
        let rows: Vec<_> = self.rows(surge.seconds).into_iter().map(as_one).collect();
        let [each, ..] = fit(&rows).1;
        Curve { each, young: Some(surge.times * each), seconds: surge.seconds, ..*course }
    }

    /// Returns the model's terms for factors of 1, with the measured value, for each sample.
    fn rows(&self, seconds: f64) -> Vec<Row> {
        let level = if self.of == Scope::Host { 1.0 } else { 0.0 };
        let row = |(point, measured): &(&Point, f64)| {
            let [each, young] = self.signal.columns(point, seconds);
            ([each, young, level], *measured)
        };
        self.all.iter().map(row).collect()
    }

    /// Returns the range of time constants to search.
    fn span(&self) -> [f64; 2] {
        // A surge shorter than a sample cannot be seen.
        let mut lengths: Vec<_> = self.all.iter().map(|(point, _)| point.length).collect();
        let longest = 4.0 * self.oldest_where(f32::is_finite);
        [
            median(&mut lengths).unwrap_or(TICK),
            if self.signal == Kind::Cpu { longest.min(LONGEST_SURGE) } else { longest },
        ]
    }

    /// Returns the age of the oldest process or folder; infinite for a process from before the record.
    pub(super) fn oldest(&self) -> f64 {
        self.oldest_where(|age| self.signal != Kind::Disk || age.is_finite())
    }

    fn oldest_where(&self, is_known: impl Fn(f32) -> bool) -> f64 {
        let age = |node: &NodePoint| if self.signal == Kind::Disk { Some(node.ran) } else { node.age };
        let ages = self.all.iter().flat_map(|(point, _)| point.nodes.iter().filter_map(age));
        f64::from(ages.filter(|age| is_known(*age)).fold(0.0, f32::max))
    }
}
