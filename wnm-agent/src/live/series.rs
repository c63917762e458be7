//! The signals of the last hours, one entry a minute, for charts.

use std::collections::VecDeque;
use std::path::PathBuf;

use wnm_core::{Reading, Signal, Timestamp};

use super::Snapshot;

/// The number of minutes that are kept: six hours.
pub const KEPT_MINUTES: usize = 360;
/// The maximum number of signals. A host has nine, and one for each storage folder.
const MOST_SIGNALS: usize = 64;

/// A signal of the last hours.
#[derive(Debug, Clone, PartialEq)]
pub struct SignalSeries {
    /// The signal.
    pub signal: Signal,
    /// The storage folder of a disk signal; None for the others.
    pub folder: Option<PathBuf>,
    /// The minutes with a value, oldest first, at most [`KEPT_MINUTES`].
    pub minutes: VecDeque<SignalMinute>,
}

/// The values of a signal in one minute, in the unit of the signal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SignalMinute {
    /// The number of the minute since the epoch, by the colony's clock.
    pub minute: i64,
    /// The number of samples.
    pub samples: u32,
    /// The mean of the samples.
    pub mean: f64,
    /// The least sample.
    pub least: f64,
    /// The largest sample.
    pub most: f64,
    /// The low threshold at the last sample.
    pub low: Reading,
    /// The high threshold at the last sample.
    pub high: Reading,
}

impl SignalMinute {
    fn add(&mut self, value: f64) {
        self.samples += 1;
        self.mean += (value - self.mean) / f64::from(self.samples);
        self.least = self.least.min(value);
        self.most = self.most.max(value);
    }
}

/// The series of all signals that have thresholds. They are as long as the recorder is used.
#[derive(Debug, Clone, Default)]
pub struct SignalRecorder(Vec<SignalSeries>);

impl SignalRecorder {
    /// Adds the signals of a cycle, and forgets those that have no threshold any more.
    pub fn record(&mut self, snapshot: &Snapshot) {
        let report = &snapshot.report;
        // A cycle that decided nothing has no measures, and the series goes on with the next one.
        let measures = match (&snapshot.scheduled, report.decision.measures.as_slice()) {
            (Some(scheduled), []) => &scheduled.measures,
            _ => &report.decision.measures,
        };
        let folder = |signal| match signal {
            Signal::Disk(index) => report.observation.host.volumes.get(index).map(|volume| volume.root.clone()),
            _ => None,
        };
        self.0.retain(|series| measures.iter().any(|m| m.signal == series.signal && folder(m.signal) == series.folder));
        if report.decision.measures.is_empty() {
            return;
        }
        for measure in measures.iter().take(MOST_SIGNALS) {
            let Some(seen) = measure.seen.map(Reading::number) else { continue };
            let at = self.place(measure.signal, folder(measure.signal));
            self.0[at].add(report.observation.now, seen, (measure.less_than, measure.remove));
        }
    }

    /// Returns the index of the series of a signal; makes it if it is new.
    fn place(&mut self, signal: Signal, folder: Option<PathBuf>) -> usize {
        let found = self.0.iter().position(|series| series.signal == signal && series.folder == folder);
        found.unwrap_or_else(|| {
            self.0.push(SignalSeries { signal, folder, minutes: VecDeque::new() });
            self.0.len() - 1
        })
    }

    /// Returns the series.
    #[must_use]
    pub fn series(&self) -> &[SignalSeries] {
        &self.0
    }
}

impl SignalSeries {
    fn add(&mut self, at: Timestamp, value: f64, (low, high): (Reading, Reading)) {
        let minute = at.as_secs().div_euclid(60);
        match self.minutes.back_mut() {
            // A clock that was set back adds to the latest minute, so that the minutes stay in order.
            Some(last) if last.minute >= minute => {
                last.add(value);
                (last.low, last.high) = (low, high);
            }
            _ => self.minutes.push_back(SignalMinute {
                minute,
                samples: 1,
                mean: value,
                least: value,
                most: value,
                low,
                high,
            }),
        }
        while self.minutes.len() > KEPT_MINUTES {
            self.minutes.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use wnm_core::Percent;

    use super::*;

    fn percent(value: f64) -> Reading {
        Reading::Percent(Percent::new(value).unwrap())
    }

    #[test]
    fn minutes_have_means_and_extremes_and_are_bounded() {
        let mut series = SignalSeries { signal: Signal::Cpu, folder: None, minutes: VecDeque::new() };
        let thresholds = (percent(70.0), percent(98.0));
        for (second, value) in [(0, 10.0), (30, 20.0), (59, 60.0), (60, 5.0), (10, 7.0)] {
            series.add(Timestamp::from_secs(second), value, thresholds);
        }
        let [first, second] = [series.minutes[0], series.minutes[1]];
        assert_eq!((first.samples, first.mean, first.least, first.most), (3, 30.0, 10.0, 60.0));
        assert_eq!((second.minute, second.samples, second.mean), (1, 2, 6.0), "a clock set back adds no minute");
        for minute in 2..2000 {
            series.add(Timestamp::from_secs(minute * 60), 1.0, thresholds);
        }
        assert_eq!((series.minutes.len(), series.minutes[0].minute), (KEPT_MINUTES, 1640));
    }
}
