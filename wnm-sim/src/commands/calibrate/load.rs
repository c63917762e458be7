//! The load average of one minute, compared with the one that the model derives from the CPU use.
//!
//! Nothing is fitted: the model of runnable tasks has no constants.

use super::record::Record;
use super::signal::{ENOUGH, Kind, Scope, Signal, Verdict, is_limited};

/// Mean load per processor below which the error says nothing: the kernel samples short tasks too rarely.
const LEAST: f64 = 0.05;

/// Compares the measured load average with the modelled one.
pub(super) fn checked(record: &Record) -> Signal {
    let mut found = Signal::unknown(Kind::Load, Scope::Host);
    let pairs = pairs(record);
    if pairs.len() < ENOUGH {
        let (needed, count) = (ENOUGH, pairs.len());
        found.why = Some(format!(
            "{count} samples have used_cpu_percent, load averages and free processors; {needed} are needed"
        ));
        return found;
    }
    let whole: f64 = pairs.iter().map(|(_, load)| load).sum();
    let mean = whole / pairs.len() as f64;
    found.mean = Some(mean);
    if mean < LEAST * f64::from(record.cpus) {
        found.why = Some(format!("the load is too low ({mean:.2})"));
        return found;
    }
    let off: f64 = pairs.iter().map(|(expected, load)| (expected - load).abs()).sum();
    let error = off / whole;
    found.error = Some(error);
    if error <= found.bound {
        found.verdict = Verdict::Credible;
    } else {
        let ratio = whole / pairs.iter().map(|(expected, _)| expected).sum::<f64>();
        found.verdict = Verdict::NotCredible;
        found.why = Some(format!("the load is {ratio:.1} times the modelled one"));
    }
    found
}

/// Returns pairs of the modelled and the measured load while processors were free.
fn pairs(record: &Record) -> Vec<(f64, f64)> {
    let cpus = f64::from(record.cpus);
    let (mut expected, mut segment) = (None, None);
    let mut pairs = Vec::new();
    for point in &record.points {
        let (Some(busy), Some(load)) = (point.busy, point.load) else {
            expected = None;
            continue;
        };
        let runnable = crate::capacity::runnable(busy, cpus) + point.waiting;
        // The kernel decays its first average by e^(-5/60) every five seconds.
        let decay = (-point.length / 60.0).exp();
        // Saturated processors hide the demand, so that the model restarts from the measured load.
        let follows = segment == Some(point.segment) && !is_limited(point, record.cpus);
        let next = match expected {
            Some(before) if follows => {
                let next = before * decay + runnable * (1.0 - decay);
                pairs.push((next, load));
                next
            }
            _ => load,
        };
        (expected, segment) = (Some(next), Some(point.segment));
    }
    pairs
}
