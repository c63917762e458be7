//! Means with confidence intervals.

use std::fmt;

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, StudentsT};
/// A mean with its 95 % confidence interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Mean {
    /// The mean of the sample.
    pub(crate) mean: f64,
    /// Half the width of the confidence interval; absent for fewer than two values.
    pub(crate) within: Option<f64>,
}

impl Mean {
    /// Returns the mean of some values; 0 for none.
    pub(crate) fn of(values: impl Iterator<Item = f64> + Clone) -> Self {
        let count = values.clone().count();
        let mean = values.clone().sum::<f64>() / count.max(1) as f64;
        let within = (count > 1).then(|| {
            let squares: f64 = values.map(|value| (value - mean).powi(2)).sum();
            student(count - 1) * (squares / (count - 1) as f64 / count as f64).sqrt()
        });
        Self { mean, within }
    }

    /// Returns the mean of the means of groups, as for a stratified sample: differences between groups are not random, and
    /// do not widen the interval.
    pub(crate) fn of_groups(groups: &[Vec<f64>]) -> Self {
        let means = groups.iter().map(|group| Self::of(group.iter().copied()).mean);
        let mean = Self::of(means).mean;
        let variance = |group: &Vec<f64>| {
            let (count, own) = (group.len() as f64, Self::of(group.iter().copied()).mean);
            (group.iter().map(|value| (value - own).powi(2)).sum::<f64>() / (count - 1.0) / count, count - 1.0)
        };
        let is_known = !groups.is_empty() && groups.iter().all(|group| group.len() > 1);
        let within = is_known.then(|| {
            let sum: f64 = groups.iter().map(|group| variance(group).0).sum();
            // Degrees of freedom by Welch and Satterthwaite.
            let parts: f64 = groups.iter().map(variance).map(|(variance, freedom)| variance.powi(2) / freedom).sum();
            let freedom = if parts > 0.0 { sum.powi(2) / parts } else { 1.0 };
            student(freedom as usize) * sum.sqrt() / groups.len() as f64
        });
        Self { mean, within }
    }

    /// Returns a figure of `count` samples with its jackknife interval; `figure` takes the index of the sample to omit.
    ///
    /// None where `figure` returns None for the whole sample.
    pub(crate) fn jackknifed(count: usize, figure: impl Fn(Option<usize>) -> Option<f64>) -> Option<Self> {
        let mean = figure(None)?;
        let without: Vec<f64> = (0..count).filter_map(|left_out| figure(Some(left_out))).collect();
        let within = (count > 1 && without.len() == count).then(|| {
            let middle = without.iter().sum::<f64>() / count as f64;
            let squares: f64 = without.iter().map(|value| (value - middle).powi(2)).sum();
            student(count - 1) * (squares * (count - 1) as f64 / count as f64).sqrt()
        });
        Some(Self { mean, within: within.filter(|within| within.is_finite()) })
    }

    /// Tells whether the mean differs from 0 with a confidence of 95 %; false for fewer than two values.
    pub(crate) fn is_sure(self) -> bool {
        self.within.is_some_and(|within| self.mean.abs() > within)
    }

    /// Returns the mean and its interval multiplied by a factor, as for another unit.
    pub(crate) fn times(self, factor: f64) -> Self {
        Self { mean: self.mean * factor, within: self.within.map(|within| within * factor) }
    }
}

impl fmt::Display for Mean {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = f.precision().unwrap_or(2);
        if f.sign_plus() {
            write!(f, "{:+.digits$}", self.mean)?
        } else {
            write!(f, "{:.digits$}", self.mean)?
        }
        self.within.map_or(Ok(()), |within| write!(f, " ± {within:.digits$}"))
    }
}

/// Returns the 97.5th percentile of Student's t distribution.
fn student(freedom: usize) -> f64 {
    StudentsT::new(0.0, 1.0, freedom.max(1) as f64).map_or(f64::INFINITY, |student| student.inverse_cdf(0.975))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_has_a_confidence_interval() {
        // The standard deviation is 2, its standard error 2 / √3, and t of 2 degrees of freedom 4.303.
        let mean = Mean::of([3.0, 5.0, 7.0].into_iter());
        assert_eq!(format!("{mean}"), "5.00 ± 4.97");
        assert_eq!(format!("{:+.1}", mean.times(10.0)), "+50.0 ± 49.7");
        assert_eq!(Mean::of([3.0].into_iter()).to_string(), "3.00");
        assert_eq!(Mean::of(std::iter::empty()).mean, 0.0);
        // Each group has a standard error of 2 / √3 with 2 degrees; their mean half of √2 times that with 4 degrees.
        let groups = Mean::of_groups(&[vec![3.0, 5.0, 7.0], vec![103.0, 105.0, 107.0]]);
        assert_eq!(format!("{groups}"), "55.00 ± 2.27");
        assert_eq!(Mean::of_groups(&[vec![3.0, 5.0], vec![1.0]]).to_string(), "2.50");
        assert_eq!(Mean::of_groups(&[vec![3.0, 3.0]]).within, Some(0.0));
        assert_eq!(Mean::of_groups(&[]).within, None);
        assert!(
            mean.is_sure() && !Mean::of([3.0, -5.0].into_iter()).is_sure() && !Mean::of([3.0].into_iter()).is_sure()
        );
        // The published table of the distribution.
        for (freedom, value) in [(1, 12.706), (2, 4.303), (10, 2.228), (30, 2.042), (60, 2.0), (120, 1.98)] {
            assert!((student(freedom) - value).abs() < 0.0006, "{freedom}: {}", student(freedom));
        }
    }

    #[test]
    fn jackknife_of_a_mean_equals_the_mean() {
        let values = [3.0, 5.0, 7.0, 11.0];
        let left = |left_out: Option<usize>| (0..4).filter(move |i| Some(*i) != left_out).map(|i| values[i]);
        let mean = |left_out| Some(left(left_out).sum::<f64>() / left(left_out).count() as f64);
        let (found, known) = (Mean::jackknifed(4, mean).unwrap(), Mean::of(values.into_iter()));
        assert_eq!(format!("{found:.9}"), format!("{known:.9}"));
        assert_eq!(Mean::jackknifed(4, |_| None), None);
        assert_eq!(Mean::jackknifed(1, |_| Some(2.0)), Some(Mean { mean: 2.0, within: None }));
    }
}
