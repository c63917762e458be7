//! The load average of a minute, against the one that the model makes of the processors at work.
//!
//! Nothing is fitted to it: what the model says of the tasks that run has no constants.

use super::record::Record;
use super::signal::{ENOUGH, Kind, Signal, Verdict, Whose, is_held_back};

/// The mean load, for each processor, below which its error says nothing: tasks of moments that are seldom counted.
const LEAST: f64 = 0.05;

/// Returns how far the load average is from what the model makes of the other figures.
pub(super) fn judged(record: &Record) -> Signal {
    let mut found = Signal::unknown(Kind::Load, Whose::Machine);
    let pairs = pairs(record);
    if pairs.len() < ENOUGH {
        let (needed, count) = (ENOUGH, pairs.len());
        found.why = Some(format!(
            "{needed} samples with used_cpu_percent and load averages are needed in which processors were free, and \
             {count} are there"
        ));
        return found;
    }
    let whole: f64 = pairs.iter().map(|(_, load)| load).sum();
    let mean = whole / pairs.len() as f64;
    found.mean = Some(mean);
    if mean < LEAST * f64::from(record.cpus) {
        found.why = Some(format!("there is hardly any ({mean:.2})"));
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
        found.why = Some(format!("it is {ratio:.1} times what the model says"));
    }
    found
}

/// Returns what the model says, and what was measured, while processors were free.
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
        let keeps = (-point.length / 60.0).exp();
        // What is wanted of processors that are all at work is not seen: the model begins anew from what was measured.
        let follows = segment == Some(point.segment) && !is_held_back(point, record.cpus);
        let next = match expected {
            Some(before) if follows => {
                let next = before * keeps + runnable * (1.0 - keeps);
                pairs.push((next, load));
                next
            }
            _ => load,
        };
        (expected, segment) = (Some(next), Some(point.segment));
    }
    pairs
}
