//! Robust least squares, the search for one time constant, and the separation of slow variation from noise.

/// The most columns of a fit.
pub(super) const COLUMNS: usize = 3;

/// Relative change of the factors below which the iteration ends.
const SAME: f64 = 1e-4;

/// The model's terms of a sample for factors of 1, and the measured value.
pub(super) type Row = ([f64; COLUMNS], f64);

/// Returns the median; None for no values.
pub(super) fn median(values: &mut [f64]) -> Option<f64> {
    let middle = values.len() / 2;
    (middle < values.len()).then(|| *values.select_nth_unstable_by(middle, f64::total_cmp).1)
}

/// Returns the spread around 0, estimated from the median so that outliers hardly matter (1.4826 for a normal sample).
fn robust_spread(values: impl Iterator<Item = f64>) -> f64 {
    1.4826 * median(&mut values.map(f64::abs).collect::<Vec<_>>()).unwrap_or_default()
}

/// Returns the non-negative factors that fit the rows best.
///
/// Distant rows count less (Huber), because a job of the background load must not be taken for nodes. A column with a
/// negative factor gets 0.
pub(super) fn factors(rows: &[Row]) -> [f64; COLUMNS] {
    let mut is_free: [bool; COLUMNS] = std::array::from_fn(|i| rows.iter().any(|(columns, _)| columns[i] != 0.0));
    loop {
        let found = huber(rows, &is_free);
        let least = (0..COLUMNS).filter(|i| is_free[*i]).min_by(|a, b| found[*a].total_cmp(&found[*b]));
        match least {
            Some(least) if found[least] < 0.0 => is_free[least] = false,
            _ => return found,
        }
    }
}

/// Returns the measured value minus the fitted one.
pub(super) fn residual((columns, measured): &Row, factors: &[f64; COLUMNS]) -> f64 {
    measured - columns.iter().zip(factors).map(|(column, factor)| column * factor).sum::<f64>()
}

fn huber(rows: &[Row], is_free: &[bool; COLUMNS]) -> [f64; COLUMNS] {
    let mut found = weighted(rows, is_free, |_| 1.0);
    // The bound ends the iteration where the tolerance is never reached.
    for _ in 0..8 {
        // Huber's constant: 95 % of the efficiency of least squares for normal errors.
        let far = 1.345 * robust_spread(rows.iter().map(|row| residual(row, &found)));
        if far <= 0.0 {
            break;
        }
        let before = found;
        found = weighted(rows, is_free, |row| (far / residual(row, &before).abs().max(far)).min(1.0));
        if found.iter().zip(before).all(|(now, before)| (now - before).abs() <= SAME * before.abs()) {
            break;
        }
    }
    found
}

/// Solves the weighted least squares by the normal equations.
fn weighted(rows: &[Row], is_free: &[bool; COLUMNS], weight: impl Fn(&Row) -> f64) -> [f64; COLUMNS] {
    let mut system = [[0.0; COLUMNS + 1]; COLUMNS];
    for row in rows {
        let ([a, b, c], measured) = *row;
        let weight = weight(row);
        for (equation, column) in system.iter_mut().zip([a, b, c]) {
            let column = column * weight;
            let [to_a, to_b, to_c, to_measured] = equation;
            *to_a += column * a;
            *to_b += column * b;
            *to_c += column * c;
            *to_measured += column * measured;
        }
    }
    for i in (0..COLUMNS).filter(|i| !is_free[*i]) {
        system[i] = [0.0; COLUMNS + 1];
        system.iter_mut().for_each(|equation| equation[i] = 0.0);
    }
    // Gauss-Jordan elimination. A column that depends on others, to within rounding, gets 0.
    let whole: [f64; COLUMNS] = std::array::from_fn(|i| system[i][i]);
    for i in 0..COLUMNS {
        if system[i][i] <= 1e-9 * whole[i] {
            system.iter_mut().for_each(|equation| equation[i] = 0.0);
            system[i] = [0.0; COLUMNS + 1];
            system[i][i] = 1.0;
            continue;
        }
        let pivot = system[i].map(|value| value / system[i][i]);
        for (j, equation) in system.iter_mut().enumerate() {
            let times = equation[i];
            *equation = if j == i { pivot } else { std::array::from_fn(|k| equation[k] - times * pivot[k]) };
        }
    }
    std::array::from_fn(|i| system[i][COLUMNS])
}

/// Returns the minimum of a cost between two positive bounds: grid search on a logarithmic scale, then golden section.
pub(super) fn least(low: f64, high: f64, cost: impl Fn(f64) -> f64) -> f64 {
    // A grid comes first, because the cost need not have a single minimum.
    const GRID: i32 = 16;
    const GOLDEN: f64 = 0.618_033_988_749_895;
    let step = (high / low).ln() / f64::from(GRID);
    let at = |place: f64| low * (step * place).exp();
    let best = (0..=GRID).map(|i| (cost(at(f64::from(i))), i)).min_by(|one, other| one.0.total_cmp(&other.0));
    let best = f64::from(best.map_or(0, |(_, i)| i));
    let (mut from, mut to) = ((best - 1.0).max(0.0), (best + 1.0).min(f64::from(GRID)));
    let inner = |from: f64, to: f64| [to - GOLDEN * (to - from), from + GOLDEN * (to - from)];
    let [mut left, mut right] = inner(from, to);
    let (mut of_left, mut of_right) = (cost(at(left)), cost(at(right)));
    for _ in 0..12 {
        if of_left <= of_right {
            (to, right, of_right) = (right, left, of_left);
            left = inner(from, to)[0];
            of_left = cost(at(left));
        } else {
            (from, left, of_left) = (left, right, of_right);
            right = inner(from, to)[1];
            of_right = cost(at(right));
        }
    }
    at(f64::midpoint(from, to))
}

/// The deviation of a series from its expected value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Variation {
    /// Standard deviation of the slow part (Ornstein-Uhlenbeck process); 0 without one.
    pub(super) spread: f64,
    /// Correlation time of the slow part, in seconds.
    pub(super) seconds: f64,
    /// Standard deviation of the white noise.
    pub(super) noise: f64,
}

/// The fewest samples for an estimate.
const ENOUGH: usize = 100;

/// Separates slow variation from noise by the autocovariance; None for too few samples.
///
/// Each series has samples at this distance in seconds. Outliers are cut off at five times the usual spread.
pub(super) fn variation(mut series: Vec<Vec<f64>>, distance: f64) -> Option<Variation> {
    let count: usize = series.iter().map(Vec::len).sum();
    if count < ENOUGH {
        return None;
    }
    let middle = median(&mut series.concat())?;
    let far = 5.0 * robust_spread(series.iter().flatten().map(|value| value - middle));
    series.iter_mut().flatten().for_each(|value| *value = (*value - middle).clamp(-far, far));
    let alike = |lag: usize| {
        let pairs = || series.iter().flat_map(|one| one.iter().zip(one.iter().skip(lag)));
        pairs().map(|(one, other)| one * other).sum::<f64>() / pairs().count().max(1) as f64
    };
    let whole = alike(0);
    let first = alike(1);
    // Two standard errors: a smaller autocovariance is indistinguishable from 0.
    if first <= 2.0 * whole / (count as f64).sqrt() {
        return Some(Variation { spread: 0.0, seconds: 0.0, noise: whole.sqrt() });
    }
    let falling: Vec<f64> = (1..=count / 8)
        .map(alike)
        .enumerate()
        // Far lags hold only noise; three are needed to separate spread from correlation time.
        .take_while(|(i, c)| *i < 3 || *c > 0.3 * first)
        .map(|(_, c)| c)
        .collect();
    let rows = |seconds: f64| -> Vec<Row> {
        let likeness = |i: usize| (-((i + 1) as f64) * distance / seconds).exp();
        falling.iter().enumerate().map(|(i, found)| ([likeness(i), 0.0, 0.0], *found)).collect()
    };
    let cost = |seconds: f64| {
        let rows = rows(seconds);
        let factors = factors(&rows);
        rows.iter().map(|row| residual(row, &factors).powi(2)).sum()
    };
    let seconds = least(distance, distance * count as f64, cost);
    let variance = factors(&rows(seconds))[0].min(whole);
    Some(Variation { spread: variance.sqrt(), seconds, noise: (whole - variance).sqrt() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;

    #[test]
    fn factors_resist_outliers_and_are_never_negative() {
        let exact = |i: f64| ([i, (i * 0.7).sin().abs(), 1.0], 2.0 * i + 3.0 * (i * 0.7).sin().abs() + 5.0);
        let mut rows: Vec<Row> = (0..50).map(|i| exact(f64::from(i))).collect();
        let near = |found: [f64; 3], known: [f64; 3]| found.iter().zip(known).all(|(f, k)| (f - k).abs() < 0.01);
        assert!(near(factors(&rows), [2.0, 3.0, 5.0]));
        for i in [7, 21, 40] {
            rows[i].1 += 500.0;
        }
        let found = factors(&rows);
        assert!((found[0] - 2.0).abs() < 0.05, "{found:?}");
        let falling: Vec<Row> = (0..50).map(|i| ([f64::from(i), 0.0, 1.0], 10.0 - 0.1 * f64::from(i))).collect();
        let found = factors(&falling);
        assert!(found[0] == 0.0 && (found[2] - 7.55).abs() < 0.1, "{found:?}");
        // The same column twice, and no rows.
        let same: Vec<Row> = (1..9).map(|i| ([f64::from(i), f64::from(i), 0.0], 4.0 * f64::from(i))).collect();
        assert!(near(factors(&same), [4.0, 0.0, 0.0]));
        assert_eq!(factors(&[]), [0.0; 3]);
    }

    #[test]
    fn least_is_found_inside_and_at_the_bounds() {
        for known in [1.0, 3.7, 240.0, 1000.0] {
            let found = least(1.0, 1000.0, |x| (x / known).ln().powi(2));
            assert!((found / known - 1.0).abs() < 0.01, "{found} {known}");
        }
    }

    #[test]
    fn slow_variation_is_separated_from_noise() {
        let mut chance = Chance::new(3, 0);
        let (decay, mut at) = ((-5.0_f64 / 200.0).exp(), 0.0);
        let mut walk = |spread: f64, noise: f64| -> Vec<f64> {
            let innovation = spread * (1.0 - decay * decay).sqrt();
            let step = |_| {
                at = at * decay + innovation * chance.normal();
                7.0 + at + noise * chance.normal()
            };
            (0..20_000).map(step).collect()
        };
        let both = variation(vec![walk(0.1, 0.05)], 5.0).unwrap();
        let near = |found: f64, known: f64, within: f64| (found / known - 1.0).abs() < within;
        assert!(
            near(both.spread, 0.1, 0.1) && near(both.noise, 0.05, 0.1) && near(both.seconds, 200.0, 0.3),
            "{both:?}"
        );
        let noise = variation(vec![walk(0.0, 0.05)], 5.0).unwrap();
        assert!(noise.spread < 0.01 && near(noise.noise, 0.05, 0.1), "{noise:?}");
        assert_eq!(variation(vec![vec![1.0; 99]], 5.0), None);
        assert_eq!(variation(vec![vec![1.0; 100]], 5.0).map(|found| found.noise), Some(0.0));
    }
}
