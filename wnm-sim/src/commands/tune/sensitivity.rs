//! The effect of each setting on the scalar, from the first rung, in which the candidates cover the whole space.
//!
//! The explained share is the first-order Sobol index, estimated from given data as the correlation ratio over bins
//! (Pearson 1905; Plischke, Borgonovo and Smith 2013), corrected for chance (epsilon squared, Kelley 1935).

use serde::Serialize;

/// The fewest candidates for an estimate.
pub(super) const LEAST: usize = 12;

/// The effect of a setting on the scalar.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Sensitivity {
    /// Share of the variance of the scalars that the setting alone explains, 0 to 1, corrected for chance.
    pub(super) explained: f64,
    /// Spearman's rank correlation of setting and scalar, -1 to 1: above 0 where a higher value is better.
    pub(super) correlation: f64,
    /// The lowest and the highest value in the bin with the best mean.
    pub(super) best: (u64, u64),
}

/// Estimates the effect of a setting from its value and the scalar of each candidate.
pub(super) fn of(values: &[u64], scalars: &[f64]) -> Sensitivity {
    let count = values.len();
    let ranked = ranks(&values.iter().map(|value| *value as f64).collect::<Vec<_>>());
    // Bins of nearly equal size; equal values stay in one bin.
    // The square root of the sample is the usual number of bins; more than 8 leave too few candidates in each.
    let wanted = ((count as f64).sqrt() as usize).clamp(3, 8);
    let mut bins: Vec<Vec<usize>> = vec![Vec::new(); wanted];
    for (i, rank) in ranked.iter().enumerate() {
        bins[((rank / count as f64 * wanted as f64) as usize).min(wanted - 1)].push(i);
    }
    bins.retain(|bin| !bin.is_empty());
    let mean = |places: &mut dyn ExactSizeIterator<Item = usize>| {
        let count = places.len().max(1) as f64;
        places.map(|i| scalars[i]).sum::<f64>() / count
    };
    let overall = mean(&mut (0..count));
    let total: f64 = scalars.iter().map(|scalar| (scalar - overall).powi(2)).sum();
    let within: f64 = bins
        .iter()
        .map(|bin| {
            let own = mean(&mut bin.iter().copied());
            bin.iter().map(|i| (scalars[*i] - own).powi(2)).sum::<f64>()
        })
        .sum();
    let explained = if total > 0.0 && bins.len() > 1 && count > bins.len() {
        // The means of bins differ by chance too, which epsilon squared subtracts.
        1.0 - within / total * (count - 1) as f64 / (count - bins.len()) as f64
    } else {
        0.0
    };
    let best = bins
        .iter()
        .max_by(|one, other| mean(&mut one.iter().copied()).total_cmp(&mean(&mut other.iter().copied())))
        .map(|bin| bin.iter().map(|i| values[*i]));
    let best = best.map_or((0, 0), |values| (values.clone().min().unwrap_or(0), values.max().unwrap_or(0)));
    Sensitivity { explained: explained.max(0.0), correlation: correlation(&ranked, &ranks(scalars)), best }
}

/// Returns the rank of each value, from 0.5; equal values get the mean of their ranks.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|one, other| values[*one].total_cmp(&values[*other]));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for same in order.chunk_by(|one, other| values[*one] == values[*other]) {
        let rank = before as f64 + same.len() as f64 / 2.0;
        same.iter().for_each(|i| ranks[*i] = rank);
        before += same.len();
    }
    ranks
}

fn correlation(one: &[f64], other: &[f64]) -> f64 {
    let count = one.len().max(1) as f64;
    let (mean_one, mean_other) = (one.iter().sum::<f64>() / count, other.iter().sum::<f64>() / count);
    let (mut both, mut squares) = (0.0, (0.0, 0.0));
    for (a, b) in one.iter().zip(other) {
        let (a, b) = (a - mean_one, b - mean_other);
        both += a * b;
        squares = (squares.0 + a * a, squares.1 + b * b);
    }
    let product: f64 = squares.0 * squares.1;
    if product > 0.0 { both / product.sqrt() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;

    #[test]
    fn explained_share_is_high_for_a_cause_and_low_for_noise() {
        let mut chance = Chance::new(1, 1);
        let values: Vec<u64> = (0..200).map(|_| u64::from(chance.below(100))).collect();
        let noise: Vec<f64> = values.iter().map(|_| chance.normal()).collect();
        let decides = of(&values, &values.iter().map(|value| *value as f64).collect::<Vec<_>>());
        assert!(decides.explained > 0.97 && decides.correlation > 0.999 && decides.best.1 == 99, "{decides:?}");
        let nothing = of(&values, &noise);
        assert!(nothing.explained < 0.05 && nothing.correlation.abs() < 0.15, "{nothing:?}");
        // An optimum in the middle has no rank correlation, and still explains the variance.
        let hill: Vec<_> = values.iter().map(|value| -(*value as f64 - 50.0).powi(2)).collect();
        let hill = of(&values, &hill);
        assert!(hill.explained > 0.9 && hill.correlation.abs() < 0.2, "{hill:?}");
        assert!(hill.best.0 > 30 && hill.best.1 < 70, "{hill:?}");
    }

    #[test]
    fn constant_setting_or_scalar_explains_nothing() {
        for (values, scalars) in [(vec![3; 20], (0..20).map(f64::from).collect()), ((0..20).collect(), vec![1.0; 20])] {
            let none = of(&values, &scalars);
            assert_eq!((none.explained, none.correlation), (0.0, 0.0), "{none:?}");
        }
    }

    #[test]
    fn equal_values_share_a_rank() {
        assert_eq!(ranks(&[3.0, 1.0, 3.0, 2.0]), [3.0, 0.5, 3.0, 1.5]);
    }
}
