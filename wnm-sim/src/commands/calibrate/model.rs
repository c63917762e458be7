//! The constants of the model that a record determines.

use std::collections::BTreeMap;

use serde::Serialize;

use super::curve::{Curve, use_of_processors};
use super::fit::{Variation, median, variation};
use super::load;
use super::record::{Point, Record};
use super::signal::{Kind, Signal, is_limited};
use super::surge::bases;
use crate::capacity::TICK;

/// The fewest nodes for an estimate of their spread.
const NODES: usize = 5;
/// The least background load, as a share of the processors, for an estimate of its variation.
const LOADED: f64 = 0.02;

/// A constant of the model.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Constant {
    /// Name in the `[model]` table of a scenario.
    pub(super) name: &'static str,
    /// Fitted value, in the unit of the name.
    pub(super) value: f64,
    /// The signal that it is fitted to; the constant is as credible as the signal.
    pub(super) signal: Kind,
}

/// The background load.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Background {
    /// Median, in percent of all processors.
    pub(super) cpu_percent: f64,
    /// Standard deviation of its slow variation, as a share of the median; absent for too little load or too few samples.
    pub(super) wander: Option<f64>,
}

/// All results of a fit.
#[derive(Debug)]
pub(super) struct Fitted {
    pub(super) signals: Vec<Signal>,
    pub(super) constants: Vec<Constant>,
    pub(super) background: Option<Background>,
}

/// Fits the model to a record.
pub(super) fn fitted(record: &Record) -> Fitted {
    let mut signals: Vec<_> = Kind::FITTED.iter().map(|kind| Signal::fitted(*kind, record)).collect();
    let [cpu, memory, disk] = [0, 1, 2].map(|i: usize| signals[i].curve);
    let mut constants = Vec::new();
    let mut add = |name, value| constants.push(Constant { name, value, signal: Kind::Cpu });
    let mut noise = None;
    if let Some(cpu) = cpu {
        add("cpu_cores", cpu.each);
        let unlimited = record.points.iter().filter(|point| !is_limited(point, record.cpus));
        let bases = bases(unlimited, &cpu);
        if let Some(spread) = spread(&bases) {
            add("cpu_spread", spread);
        }
        if let Some(young) = cpu.young {
            add("surge", young / cpu.each);
            if young > 0.0 {
                add("surge_seconds", cpu.seconds);
            }
        }
        if let Some(found) = own(record, &cpu, &bases) {
            add_variation(&mut add, ["own_wander", "own_wander_seconds"], &found);
            noise = Some(found.noise);
        }
    }
    let background = background(record, cpu.as_ref());
    let mut wander = None;
    if let Some((_, Some(found))) = &background {
        add_variation(&mut add, ["background_wander", "background_wander_seconds"], found);
        noise = noise.or(Some(found.noise));
        wander = Some(found.spread);
    }
    if let Some(noise) = noise {
        // The mean of n steps has 1/√n of the noise of one step.
        add("noise", noise * (step(record) / TICK).sqrt());
    }
    let mut add = |name, value| constants.push(Constant { name, value, signal: Kind::Memory });
    if let Some(memory) = memory {
        let young = memory.young.unwrap_or_default();
        add("memory_start_mb", memory.each - young);
        add("memory_full_mb", memory.each);
        if young > 0.0 {
            add("memory_seconds", memory.seconds);
        }
    }
    let mut add = |name, value| constants.push(Constant { name, value, signal: Kind::Disk });
    if let Some(disk) = disk {
        add("disk_gb", disk.each);
        add("disk_seconds", disk.seconds);
    }
    signals.push(load::checked(record));
    let background =
        background.map(|(level, _)| Background { cpu_percent: 100.0 * level / f64::from(record.cpus), wander });
    Fitted { signals, constants, background }
}

fn add_variation(add: &mut impl FnMut(&'static str, f64), names: [&'static str; 2], found: &Variation) {
    add(names[0], found.spread);
    if found.spread > 0.0 {
        add(names[1], found.seconds);
    }
}

/// Returns the median distance of samples, in seconds.
fn step(record: &Record) -> f64 {
    median(&mut record.points.iter().map(|point| point.length).collect::<Vec<_>>()).unwrap_or(TICK)
}

/// Returns the mean use over a step of a process scope mature use is one core.
fn shape(age: f64, point: &Point, cpu: &Curve) -> f64 {
    let (there, surge) = use_of_processors(age, point.length, cpu.seconds);
    there + surge * cpu.young.unwrap_or_default() / cpu.each
}

/// Returns the standard deviation of the logarithms of the nodes' use; None for too few nodes.
fn spread(bases: &BTreeMap<u32, f64>) -> Option<f64> {
    let logarithms = || bases.values().map(|base| base.ln());
    let count = bases.len() as f64;
    let mean = logarithms().sum::<f64>() / count;
    let squares: f64 = logarithms().map(|one| (one - mean).powi(2)).sum();
    (bases.len() >= NODES).then(|| (squares / (count - 1.0)).sqrt())
}

/// Returns the values of a figure as series without gaps, of points of the usual length.
fn series(record: &Record, step: f64, figure: impl Fn(&Point) -> Option<f64>) -> Vec<Vec<f64>> {
    let mut all: Vec<Vec<f64>> = Vec::new();
    let mut last = None;
    for point in &record.points {
        let is_usual = (point.length / step - 1.0).abs() < 0.5 && !is_limited(point, record.cpus);
        let Some(value) = figure(point).filter(|value| is_usual && value.is_finite()) else {
            last = None;
            continue;
        };
        match all.last_mut() {
            Some(open) if last == Some(point.segment) => open.push(value),
            _ => all.push(vec![value]),
        }
        last = Some(point.segment);
    }
    all
}

/// Returns the variation of the nodes' use around their curves.
fn own(record: &Record, cpu: &Curve, bases: &BTreeMap<u32, f64>) -> Option<Variation> {
    let step = step(record);
    let ratio = |point: &Point| {
        let expected = |(age, base): (f64, f64)| shape(age, point, cpu) * base;
        let nodes = point.nodes.iter().filter_map(|node| Some((f64::from(node.age?), bases.get(&node.id).copied())));
        let expected: f64 = nodes.map(|(age, base)| base.map(|base| expected((age, base)))).sum::<Option<f64>>()?;
        Some(point.own_cores? / expected - 1.0)
    };
    variation(series(record, step, ratio), step)
}

/// Returns the median background load in cores, and its variation where there is enough load.
fn background(record: &Record, cpu: Option<&Curve>) -> Option<(f64, Option<Variation>)> {
    let step = step(record);
    let ours = |point: &Point| match (point.own_cores, cpu) {
        (Some(cores), _) => Some(cores),
        (None, Some(cpu)) => Some(Curve { level: 0.0, ..*cpu }.at(Kind::Cpu, point)),
        (None, None) => (point.up() == 0).then_some(0.0),
    };
    let figure = |point: &Point| Some((point.busy? - ours(point)?).max(0.0));
    let level = median(&mut record.points.iter().filter_map(figure).collect::<Vec<_>>())?;
    let is_enough = level > LOADED * f64::from(record.cpus);
    let found = is_enough.then(|| variation(series(record, step, |point| Some(figure(point)? / level)), step));
    // A deviation above the mean comes from jobs that come and go, not from slow variation.
    Some((level, found.flatten().filter(|found| found.spread < 1.0)))
}
