//! Converts samples to points: the measured means, and the age of each process.

use std::collections::BTreeMap;

use serde::Deserialize;
use wnm_core::trace::{TraceError, TraceHeader, TraceSample};
use wnm_core::{EngineState, HostSample, NodeId, NodeState, Observation, Percent, Timestamp, Volume};

use super::record::{NodePoint, Point, Record};
use crate::capacity::TICK;

/// Keys of traces that were recorded without wnm.
#[derive(Deserialize)]
struct Extra {
    nodes_rss_bytes: Option<f64>,
}

/// The state of a node between two samples.
#[derive(Debug, Clone, Copy)]
struct KnownNode {
    /// Start of the process, in seconds of Unix time; None without a process.
    started: Option<f64>,
    /// Begin of the node's state.
    since: Option<Timestamp>,
    /// Seconds that the node has run in its life.
    ran: f64,
}

/// A reader of one trace.
pub(super) struct Reader<'a> {
    record: &'a mut Record,
    cpus: f64,
    observation: Observation,
    state: EngineState,
    known: BTreeMap<u32, KnownNode>,
    /// Times of the first and the last sample, in seconds of Unix time.
    pub(super) first: Option<f64>,
    pub(super) last: f64,
    /// Memory of the host, in MB.
    pub(super) memory: Option<f64>,
    /// The step in progress.
    open: Option<OpenStep>,
}

/// A mean over the time for which a value is known.
#[derive(Debug, Clone, Copy, Default)]
struct Mean {
    sum: f64,
    seconds: f64,
}

impl Mean {
    fn add(&mut self, value: Option<f64>, seconds: f64) {
        if let Some(value) = value {
            self.sum += value * seconds;
            self.seconds += seconds;
        }
    }

    fn get(self) -> Option<f64> {
        (self.seconds > 0.0).then(|| self.sum / self.seconds)
    }
}

/// Means over the step in progress.
#[derive(Debug, Default)]
struct OpenStep {
    length: f64,
    busy: Mean,
    waiting: Mean,
    own_cores: Mean,
    memory_mb: Mean,
    own_memory_mb: Mean,
    is_throttled: bool,
}

/// Returns the size of all volumes and their use, in GB; None where a size is unknown.
fn volumes(host: &HostSample) -> Option<(f64, Option<f64>)> {
    let gb = |volume: &Volume| volume.total.map(|total| total.0 as f64 / 1e9);
    let total: f64 = host.volumes.iter().map(gb).sum::<Option<f64>>().filter(|total| *total > 0.0)?;
    let used = |volume: &Volume| Some(gb(volume)? * volume.used?.get() / 100.0);
    Some((total, host.volumes.iter().map(used).sum()))
}

fn seconds(at: Timestamp) -> f64 {
    at.as_millis() as f64 / 1000.0
}

impl<'a> Reader<'a> {
    /// Returns a reader that adds the points of a trace to the record of its host.
    pub(super) fn new(record: &'a mut Record, header: Option<&TraceHeader>) -> Self {
        let mut observation = Observation::default();
        observation.host.memory_total = header.and_then(|header| header.memory);
        record.segments += 1;
        Self {
            cpus: f64::from(record.cpus),
            record,
            observation,
            state: EngineState::default(),
            known: BTreeMap::new(),
            first: None,
            last: 0.0,
            memory: None,
            open: None,
        }
    }

    /// Reads a sample, and its line for the keys that only some recordings have.
    ///
    /// # Errors
    /// The changes of the nodes do not fit the nodes before.
    pub(super) fn read(&mut self, sample: &TraceSample, line: &[u8]) -> Result<(), TraceError> {
        sample.apply(&mut self.observation, &mut self.state)?;
        let now = seconds(sample.at);
        let before = if self.first.is_some() { Some(self.last) } else { None };
        self.first.get_or_insert(now);
        self.last = now;
        self.record.samples += 1;
        self.record.is_listed |= !self.observation.nodes.is_empty();
        self.memory = self.memory.or(self.observation.host.memory_total.map(|bytes| bytes.0 as f64 / 1e6));
        self.record.disk = volumes(&self.observation.host).or(self.record.disk);
        let is_reboot = self.observation.rebooted;
        if is_reboot {
            self.known.values_mut().for_each(|known| known.started = None);
        }
        if self.observation.nodes.is_empty() {
            self.count(sample.running_nodes.unwrap_or_default(), before, now);
        } else {
            self.list(before, now);
        }
        // The first sample describes an interval of unknown length.
        let Some(before) = before else { return Ok(()) };
        let length = now - before;
        // A host that sleeps, or a stopped recorder, leaves a gap of many intervals.
        let longest = self.record.points.last().map_or(3600.0, |point| (10.0 * point.length).max(60.0));
        let is_gap = length > longest;
        self.record.reboots += u32::from(is_reboot);
        self.record.gaps += u32::from(is_gap && !is_reboot);
        if is_gap || is_reboot {
            // Samples before the gap must not be averaged with those after it.
            self.open = None;
            self.record.segments += 1;
            return Ok(());
        }
        let extra = memchr::memmem::find(line, b"nodes_rss_bytes").and_then(|_| serde_json::from_slice(line).ok());
        let rss = extra.and_then(|Extra { nodes_rss_bytes }| nodes_rss_bytes);
        self.measure(length, rss.filter(|bytes| *bytes >= 0.0));
        Ok(())
    }

    /// Adds a sample to the step, and ends the step when it is long enough.
    fn measure(&mut self, length: f64, rss: Option<f64>) {
        let host = &self.observation.host;
        let cores = |share: Option<Percent>| share.map(|share| share.get() / 100.0 * self.cpus);
        let total = host.memory_total.map(|bytes| bytes.0 as f64 / 1e6);
        let nodes = &self.observation.nodes;
        let processes = || nodes.values().filter(|node| node.cpu.is_some() || node.memory.is_some());
        let listed = self.record.is_listed.then_some(());
        let mut open = self.open.take().unwrap_or_default();
        open.length += length;
        open.is_throttled |= host.cpu_limit.is_some_and(|cpu_limit| {
            cpu_limit.limit.is_some() && cpu_limit.throttled.is_some_and(|share| share.get() > 0.0)
        });
        open.busy.add(cores(host.cpu), length);
        open.waiting.add(cores(host.io_wait), length);
        open.memory_mb.add(host.memory.zip(total).map(|(share, total)| share.get() / 100.0 * total), length);
        let own_cores = processes().map(|node| node.cpu.map(|cores| cores.get())).sum::<Option<f64>>();
        open.own_cores.add(listed.and(own_cores), length);
        let own_memory = processes().map(|node| node.memory.map(|bytes| bytes.0 as f64 / 1e6)).sum::<Option<f64>>();
        open.own_memory_mb.add(listed.and(own_memory).or(rss.map(|bytes| bytes / 1e6)), length);
        // Samples of one second arrive a few milliseconds late.
        if open.length < 0.95 * TICK {
            self.open = Some(open);
            return;
        }
        let point = Point {
            length: open.length,
            segment: self.record.segments,
            part: 0,
            is_throttled: open.is_throttled,
            busy: open.busy.get(),
            waiting: open.waiting.get().unwrap_or_default(),
            load: host.load.map(|load| load.one.get()),
            memory_mb: open.memory_mb.get(),
            own_memory_mb: open.own_memory_mb.get(),
            own_cores: open.own_cores.get(),
            nodes: self.nodes(),
        };
        self.record.points.push(point);
    }

    fn nodes(&self) -> Vec<NodePoint> {
        let seen = |id: u32| NodeId::new(id).and_then(|id| self.observation.nodes.get(&id));
        let point = |(id, known): (&u32, &KnownNode)| NodePoint {
            id: *id,
            age: known.started.map(|started| (self.last - started) as f32),
            ran: known.ran as f32,
            cores: seen(*id).and_then(|node| node.cpu).map(|cores| cores.get() as f32),
            disk_gb: seen(*id).and_then(|node| node.disk).map(|bytes| (bytes.0 as f64 / 1e9) as f32),
        };
        self.known.iter().map(point).collect()
    }

    /// Follows a number of nodes without a list. Assumes that the youngest stop first, and start midway between samples.
    fn count(&mut self, count: u32, before: Option<f64>, now: f64) {
        // Nodes at the beginning of a trace have no known start and are taken to be old.
        let starts = before.map_or(f64::NEG_INFINITY, |before| f64::midpoint(before, now));
        self.known.retain(|id, known| *id <= count && known.started.is_some());
        let known = u32::try_from(self.known.len()).unwrap_or(u32::MAX);
        for id in known + 1..=count {
            self.record.starts += u32::from(before.is_some());
            self.known.insert(id, KnownNode { started: Some(starts), since: None, ran: f64::INFINITY });
        }
    }

    /// Follows listed nodes. A node that ran before the trace is taken to be as old as its identity.
    fn list(&mut self, before: Option<f64>, now: f64) {
        let mut after = BTreeMap::new();
        for (id, node) in &self.observation.nodes {
            let state = self.state.nodes.get(id);
            let since = state.and_then(NodeState::since);
            let is_up = node.cpu.is_some() || node.memory.is_some();
            let was = self.known.get(&id.get()).copied();
            let born = if node.born == Timestamp::default() { f64::NEG_INFINITY } else { seconds(node.born) };
            let is_new = was.is_none_or(|was| was.since != since);
            let within = |since: &f64| is_new && before.is_some_and(|before| (before..=now).contains(since));
            let changed = since.map(seconds).filter(within);
            let middle = before.map(|before| f64::midpoint(before, now));
            let is_restart = was.is_some()
                && is_new
                && matches!(state, Some(NodeState::Restarting { .. } | NodeState::Upgrading { .. }));
            let started = match (is_up, was.and_then(|was| was.started), middle) {
                (false, _, _) => None,
                (true, Some(started), _) if !is_restart => Some(started),
                (true, _, Some(middle)) => {
                    self.record.starts += 1;
                    Some(changed.unwrap_or(middle))
                }
                (true, _, None) => Some(born),
            };
            let ran = match (was, before) {
                (Some(was), Some(before)) => was.ran + started.map_or(0.0, |started| now - started.max(before)),
                (_, Some(before)) if born >= before - 60.0 => started.map_or(0.0, |started| now - started),
                (None, _) | (_, None) => now - born,
            };
            after.insert(id.get(), KnownNode { started, since, ran });
        }
        self.known = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wnm_core::trace::TraceLine;

    /// Reads samples ten seconds apart, and returns the record.
    fn read(samples: &[&str]) -> Record {
        let mut record = Record::default();
        record.cpus = 2;
        let mut reader = Reader::new(&mut record, None);
        for (i, sample) in samples.iter().enumerate() {
            let line = format!("{{\"ts\": {}, {sample}}}", 1000 + 10 * i);
            let Ok(TraceLine::Sample(sample)) = TraceLine::parse(&line) else { panic!("{line}") };
            reader.read(&sample, line.as_bytes()).unwrap();
        }
        record
    }

    fn ages(record: &Record, id: u32) -> Vec<Option<f32>> {
        let of = |point: &Point| point.nodes.iter().find(|node| node.id == id).and_then(|node| node.age);
        record.points.iter().map(of).collect()
    }

    #[test]
    fn age_of_a_process_follows_its_start() {
        let up = "\"state\": \"RUNNING\", \"born\": 400, \"cpu\": 0.1, \"memory\": 1000000";
        let record = read(&[
            &format!("\"nodes\": [{{\"id\": 1, {up}}}, {{\"id\": 2, {up}}}]"),
            "\"changed\": [{\"id\": 2, \"state\": \"STOPPED\", \"cpu\": null, \"memory\": null}]",
            &format!("\"changed\": [{{\"id\": 2, {up}, \"since\": 1018}}]"),
            "\"changed\": [{\"id\": 1, \"state\": \"RESTARTING\", \"since\": 1029}]",
            "\"changed\": [{\"id\": 1, \"state\": \"RUNNING\"}]",
            "\"rebooted\": true",
            "\"gone\": [2]",
        ]);
        // The sample of the reboot is no point.
        let some = |ages: [f32; 6]| ages.map(|age| Some(age).filter(|age| *age > 0.0));
        assert_eq!(ages(&record, 1), some([610.0, 620.0, 1.0, 11.0, 15.0, 0.0])[..5]);
        assert_eq!(ages(&record, 2), some([0.0, 2.0, 12.0, 22.0, 0.0, 0.0])[..5]);
        assert_eq!((record.starts, record.reboots, record.gaps), (4, 1, 0));
    }

    #[test]
    fn counted_nodes_stop_youngest_first() {
        let counts = [2, 3, 3, 1, 2].map(|count| format!("\"running_nodes\": {count}"));
        let mut samples: Vec<&str> = counts.iter().map(String::as_str).collect();
        samples.extend(["\"running_nodes\": 2, \"rebooted\": true", "\"running_nodes\": 2"]);
        let record = read(&samples);
        let old = Some(f32::INFINITY);
        assert_eq!(ages(&record, 1), [old, old, old, old, Some(15.0)]);
        assert_eq!(ages(&record, 2), [old, old, None, Some(5.0), Some(15.0)]);
        assert_eq!(ages(&record, 3), [Some(5.0), Some(15.0), None, None, None]);
        assert_eq!(record.starts, 4);
    }
}
