//! The surge of single nodes at their start, relative to their own mature use, because nodes differ from each other.

use std::collections::BTreeMap;

use super::curve::{Curve, fit, use_of_processors};
use super::fit::{Row, least, median};
use super::record::{NodePoint, Point};

/// The fewest samples of a node for an estimate of its mature use.
const SAMPLES: usize = 10;
/// Time constants after which a surge is over: less than 1 % remains.
const OVER: f64 = 5.0;
/// The fewest samples of young nodes for an estimate from single nodes.
const ENOUGH: usize = 40;

/// Returns the mature use of each node with enough samples, in cores.
pub(super) fn bases<'a>(points: impl Iterator<Item = &'a Point>, cpu: &Curve) -> BTreeMap<u32, f64> {
    let mut found: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for point in points {
        for node in &point.nodes {
            if let (Some(age), Some(cores)) = (node.age, node.cores)
                && f64::from(age) > point.length + OVER * cpu.seconds
            {
                found.entry(node.id).or_default().push(f64::from(cores));
            }
        }
    }
    let usual = |(id, mut uses): (u32, Vec<f64>)| {
        let is_enough = uses.len() >= SAMPLES;
        // The median ignores the samples in which a node was busy for once.
        median(&mut uses).filter(|usual| is_enough && *usual > 0.0).map(|usual| (id, usual))
    };
    found.into_iter().filter_map(usual).collect()
}

/// The surge of single nodes.
pub(super) struct Surge {
    /// Surge as a multiple of the mature use.
    pub(super) times: f64,
    /// Seconds in which it falls to 1/e.
    pub(super) seconds: f64,
    /// Share of the error of young nodes that the surge removes.
    pub(super) gain: f64,
}

/// Returns the surge of single nodes; `cpu` gives its approximate length. None where too few nodes are listed.
pub(super) fn of_nodes<'a>(
    cpu: &Curve,
    points: impl Iterator<Item = &'a Point> + Clone,
    span: [f64; 2],
) -> Option<Surge> {
    let bases = bases(points.clone(), cpu);
    let of_point = |point: &'a Point| {
        let young = |age: &f64| *age < 2.0 * OVER * cpu.seconds;
        let known = |node: &NodePoint| {
            let age = node.age.map(f64::from).filter(young)?;
            Some((age, point.length, f64::from(node.cores?) / bases.get(&node.id)?))
        };
        point.nodes.iter().filter_map(known).collect::<Vec<_>>()
    };
    let young: Vec<_> = points.flat_map(of_point).collect();
    if young.len() < ENOUGH {
        return None;
    }
    let rows = |seconds: f64| -> Vec<Row> {
        let row = |(age, length, share): &(f64, f64, f64)| {
            let (there, surge) = use_of_processors(*age, *length, seconds);
            ([there, surge, 0.0], *share)
        };
        young.iter().map(row).collect()
    };
    let seconds = least(span[0], span[1], |seconds| fit(&rows(seconds)).0);
    let (with, [grown, surge, _]) = fit(&rows(seconds));
    let mut none = rows(seconds);
    none.iter_mut().for_each(|(columns, _)| columns[1] = 0.0);
    let (without, _) = fit(&none);
    (grown > 0.0).then(|| Surge { times: surge / grown, seconds, gain: 1.0 - with / without.max(f64::MIN_POSITIVE) })
}
