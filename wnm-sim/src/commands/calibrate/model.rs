//! The constants of the model that a record tells.

use std::collections::BTreeMap;

use serde::Serialize;

use super::curve::{Curve, use_of_processors};
use super::fit::{Straying, median, straying};
use super::load;
use super::record::{Point, Record};
use super::signal::{Kind, Signal, is_held_back};
use super::surge::bases;
use crate::capacity::TICK;

/// Nodes of which it can be told how they differ.
const NODES: usize = 5;
/// The load, as a share of the processors, of which wandering can be told.
const LOADED: f64 = 0.02;

/// A constant of the model.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Constant {
    /// Its name in the `[model]` of a scenario.
    pub(super) name: &'static str,
    /// What the trace says.
    pub(super) value: f64,
    /// The signal that it is fitted to, and as credible as.
    pub(super) signal: Kind,
}

/// What is not ours.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Background {
    /// Its median, in percent of the processors.
    pub(super) cpu_percent: f64,
    /// How far it wanders, as a share of that; none where there is too little of it, or too few samples.
    pub(super) wander: Option<f64>,
}

/// Everything that is fitted.
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
    let mut tell = |name, value| constants.push(Constant { name, value, signal: Kind::Cpu });
    let mut noise = None;
    if let Some(cpu) = cpu {
        tell("cpu_cores", cpu.each);
        let told = record.points.iter().filter(|point| !is_held_back(point, record.cpus));
        let bases = bases(told, &cpu);
        if let Some(spread) = spread(&bases) {
            tell("cpu_spread", spread);
        }
        if let Some(young) = cpu.young {
            tell("surge", young / cpu.each);
            if young > 0.0 {
                tell("surge_seconds", cpu.seconds);
            }
        }
        if let Some(found) = own(record, &cpu, &bases) {
            tell_wander(&mut tell, ["own_wander", "own_wander_seconds"], &found);
            noise = Some(found.noise);
        }
    }
    let background = background(record, cpu.as_ref());
    let mut wander = None;
    if let Some((_, Some(found))) = &background {
        tell_wander(&mut tell, ["background_wander", "background_wander_seconds"], found);
        noise = noise.or(Some(found.noise));
        wander = Some(found.spread);
    }
    if let Some(noise) = noise {
        // A mean of several steps has less of it than each.
        tell("noise", noise * (step(record) / TICK).sqrt());
    }
    let mut tell = |name, value| constants.push(Constant { name, value, signal: Kind::Memory });
    if let Some(memory) = memory {
        let young = memory.young.unwrap_or_default();
        tell("memory_start_mb", memory.each - young);
        tell("memory_full_mb", memory.each);
        if young > 0.0 {
            tell("memory_seconds", memory.seconds);
        }
    }
    let mut tell = |name, value| constants.push(Constant { name, value, signal: Kind::Disk });
    if let Some(disk) = disk {
        tell("disk_gb", disk.each);
        tell("disk_seconds", disk.seconds);
    }
    signals.push(load::judged(record));
    let background =
        background.map(|(level, _)| Background { cpu_percent: 100.0 * level / f64::from(record.cpus), wander });
    Fitted { signals, constants, background }
}

fn tell_wander(tell: &mut impl FnMut(&'static str, f64), names: [&'static str; 2], found: &Straying) {
    tell(names[0], found.spread);
    if found.spread > 0.0 {
        tell(names[1], found.seconds);
    }
}

/// Returns the usual distance of samples.
fn step(record: &Record) -> f64 {
    median(&mut record.points.iter().map(|point| point.length).collect::<Vec<_>>()).unwrap_or(TICK)
}

/// Returns what a process uses of what it would with a grown use of one core.
fn shape(age: f64, point: &Point, cpu: &Curve) -> f64 {
    let (there, surge) = use_of_processors(age, point.length, cpu.seconds);
    there + surge * cpu.young.unwrap_or_default() / cpu.each
}

/// Returns how much nodes differ: the spread of the logarithms of what they use.
fn spread(bases: &BTreeMap<u32, f64>) -> Option<f64> {
    let logarithms = || bases.values().map(|base| base.ln());
    let count = bases.len() as f64;
    let mean = logarithms().sum::<f64>() / count;
    let squares: f64 = logarithms().map(|one| (one - mean).powi(2)).sum();
    (bases.len() >= NODES).then(|| (squares / (count - 1.0)).sqrt())
}

/// Returns series of some figure of the points: one without holes, of points of the usual length, each.
fn series(record: &Record, step: f64, figure: impl Fn(&Point) -> Option<f64>) -> Vec<Vec<f64>> {
    let mut all: Vec<Vec<f64>> = Vec::new();
    let mut last = None;
    for point in &record.points {
        let is_usual = (point.length / step - 1.0).abs() < 0.5 && !is_held_back(point, record.cpus);
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

/// Returns how what our nodes use strays from what their curves say.
fn own(record: &Record, cpu: &Curve, bases: &BTreeMap<u32, f64>) -> Option<Straying> {
    let step = step(record);
    let ratio = |point: &Point| {
        let expected = |(age, base): (f64, f64)| shape(age, point, cpu) * base;
        let nodes = point.nodes.iter().filter_map(|node| Some((f64::from(node.age?), bases.get(&node.id).copied())));
        let expected: f64 = nodes.map(|(age, base)| base.map(|base| expected((age, base)))).sum::<Option<f64>>()?;
        Some(point.own_cores? / expected - 1.0)
    };
    straying(series(record, step, ratio), step)
}

/// Returns how much there is that is not ours, in cores, and how that strays, where there is enough of it.
fn background(record: &Record, cpu: Option<&Curve>) -> Option<(f64, Option<Straying>)> {
    let step = step(record);
    let ours = |point: &Point| match (point.own_cores, cpu) {
        (Some(cores), _) => Some(cores),
        (None, Some(cpu)) => Some(Curve { level: 0.0, ..*cpu }.at(Kind::Cpu, point)),
        (None, None) => (point.up() == 0).then_some(0.0),
    };
    let figure = |point: &Point| Some((point.busy? - ours(point)?).max(0.0));
    let level = median(&mut record.points.iter().filter_map(figure).collect::<Vec<_>>())?;
    let is_enough = level > LOADED * f64::from(record.cpus);
    let found = is_enough.then(|| straying(series(record, step, |point| Some(figure(point)? / level)), step));
    // What strays by more than there is comes and goes, and does not wander.
    Some((level, found.flatten().filter(|found| found.spread < 1.0)))
}
