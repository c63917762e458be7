//! A trace of any length in a bounded number of columns: neighbours are joined when there are too many.

use std::collections::BTreeMap;

use wnm_core::case::CaseStatus;
use wnm_core::{BytesPerSecond, EngineState, LoadAverages, Observation, Planned, Signal, Timestamp};

use crate::commands::replay::Intervals;
use crate::words::Heading;

/// The fewest columns after a join, and half of the most.
const FEWEST: usize = 400;
/// The most notes kept; more would cover the chart.
const MOST_NOTES: usize = 20;

/// The drawn signals; of several volumes the fullest.
pub(super) const SIGNALS: [Signal; 10] = [
    Signal::Cpu,
    Signal::Memory,
    Signal::Disk(0),
    Signal::Load1,
    Signal::Load5,
    Signal::Load15,
    Signal::DiskRead,
    Signal::DiskWrite,
    Signal::NetRead,
    Signal::NetWrite,
];

/// The node states in the order of the stack.
pub(super) const STATES: [CaseStatus; 9] = [
    CaseStatus::Running,
    CaseStatus::Unknown,
    CaseStatus::Restarting,
    CaseStatus::Upgrading,
    CaseStatus::Migrating,
    CaseStatus::Removing,
    CaseStatus::Stopped,
    CaseStatus::Dead,
    CaseStatus::Disabled,
];

/// The range of a signal within a column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Range {
    pub(super) low: f64,
    pub(super) high: f64,
}

/// A group of consecutive samples.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Column {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    /// Whether a gap precedes the column.
    pub(super) after_gap: bool,
    samples: u32,
    pub(super) signals: [Option<Range>; SIGNALS.len()],
    /// The nodes in each state at the end of the column.
    pub(super) nodes: [u32; STATES.len()],
    /// The number of actions by heading.
    pub(super) marks: BTreeMap<Heading, u64>,
}

/// A trace reduced to columns.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    pub(super) all: Vec<Column>,
    pub(super) notes: Vec<(Timestamp, String)>,
    intervals: Intervals,
    /// The number of samples in a column.
    width: u32,
}

impl Default for Columns {
    fn default() -> Self {
        Self { all: Vec::new(), notes: Vec::new(), intervals: Intervals::default(), width: 1 }
    }
}

impl Columns {
    /// Adds a sample.
    pub(super) fn observe(&mut self, observation: &Observation, state: &EngineState) {
        let now = observation.now;
        let after_gap = self.all.last().is_some_and(|last| self.intervals.is_gap(now.since(last.to)));
        let mut nodes = [0; STATES.len()];
        for state in state.nodes.values() {
            let status = CaseStatus::of(state);
            if let Some(i) = STATES.iter().position(|known| *known == status) {
                nodes[i] += 1;
            }
        }
        let signals = SIGNALS.map(|signal| value(signal, observation).map(|value| Range { low: value, high: value }));
        let next = Column { from: now, to: now, after_gap, samples: 1, signals, nodes, marks: BTreeMap::new() };
        match self.all.last_mut() {
            // A column across a gap would draw a line where nothing is known.
            Some(last) if last.samples < self.width && !after_gap => last.join(next),
            _ => self.all.push(next),
        }
        // Joining in place keeps the memory bounded for a trace of any length.
        if self.all.len() >= 2 * FEWEST {
            self.halve();
        }
    }

    /// Adds the actions decided at the last sample.
    pub(super) fn mark(&mut self, actions: &[Planned]) {
        let Some(last) = self.all.last_mut() else { return };
        for planned in actions {
            *last.marks.entry(Heading::of_action(planned)).or_default() += 1;
        }
    }

    /// Adds a note; ignored beyond [`MOST_NOTES`].
    pub(super) fn note(&mut self, at: Timestamp, text: String) {
        if self.notes.len() < MOST_NOTES {
            self.notes.push((at, text));
        }
    }

    /// Returns the number of actions by heading.
    pub(super) fn headings(&self) -> BTreeMap<Heading, u64> {
        let mut headings = BTreeMap::new();
        for (heading, count) in self.all.iter().flat_map(|column| &column.marks) {
            *headings.entry(*heading).or_default() += count;
        }
        headings
    }

    /// Returns the maximum of a signal; None where it was never known.
    pub(super) fn greatest(&self, signal: usize) -> Option<f64> {
        self.all.iter().filter_map(|column| column.signals[signal]).map(|range| range.high).reduce(f64::max)
    }

    fn halve(&mut self) {
        self.width = self.width.saturating_mul(2);
        let mut columns = std::mem::take(&mut self.all).into_iter();
        while let Some(mut column) = columns.next() {
            if let Some(next) = columns.next() {
                column.join(next);
            }
            self.all.push(column);
        }
    }
}

impl Column {
    fn join(&mut self, next: Self) {
        self.to = next.to;
        self.samples = self.samples.saturating_add(next.samples);
        self.after_gap |= next.after_gap;
        self.nodes = next.nodes;
        for (mine, next) in self.signals.iter_mut().zip(next.signals) {
            *mine = match (*mine, next) {
                (Some(mine), Some(next)) => Some(Range { low: mine.low.min(next.low), high: mine.high.max(next.high) }),
                (mine, next) => mine.or(next),
            };
        }
        for (heading, count) in next.marks {
            *self.marks.entry(heading).or_default() += count;
        }
    }
}

fn value(signal: Signal, observation: &Observation) -> Option<f64> {
    let host = &observation.host;
    let load = |part: fn(&LoadAverages) -> f64| host.load.as_ref().map(part);
    let rate = |rate: Option<BytesPerSecond>| rate.map(|rate| rate.0 as f64);
    match signal {
        Signal::Cpu => host.cpu.map(|percent| percent.get()),
        Signal::Memory => host.memory.map(|percent| percent.get()),
        Signal::Disk(_) => host.volumes.iter().filter_map(|volume| volume.used).max().map(|percent| percent.get()),
        Signal::Load1 => load(|load| load.one.get()),
        Signal::Load5 => load(|load| load.five.get()),
        Signal::Load15 => load(|load| load.fifteen.get()),
        Signal::DiskRead => rate(host.disk_read),
        Signal::DiskWrite => rate(host.disk_write),
        Signal::NetRead => rate(host.net_read),
        Signal::NetWrite => rate(host.net_write),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wnm_core::Percent;

    #[test]
    fn columns_stay_few_and_keep_peaks_and_actions() {
        let mut columns = Columns::default();
        let mut observation = Observation::default();
        for second in 0..100_000_i64 {
            observation.now = Timestamp::from_secs(second);
            observation.host.cpu = Percent::new(if second == 77_777 { 99.0 } else { 10.0 }).ok();
            columns.observe(&observation, &EngineState::default());
            let node = wnm_core::NodeId::FIRST;
            let action = wnm_core::Action::Stop { node };
            columns.mark(&[Planned { action, reason: wnm_core::Reason::Requested }]);
            assert!(columns.all.len() < 2 * FEWEST);
        }
        assert!(columns.all.len() >= FEWEST);
        assert_eq!(columns.greatest(0), Some(99.0));
        assert_eq!(columns.headings().values().sum::<u64>(), 100_000);
        let (first, last) = (columns.all.first().unwrap(), columns.all.last().unwrap());
        assert_eq!((first.from.as_secs(), last.to.as_secs()), (0, 99_999));
        assert!(columns.all.windows(2).all(|pair| pair[0].to < pair[1].from));
    }
}
