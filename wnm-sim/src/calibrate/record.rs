//! What a trace tells of a machine and its nodes, in steps no shorter than the model's, with the age of each process.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use wnm_core::trace::{TraceLine, TraceSample};
use wnm_core::{EngineState, NodeState, Observation, Timestamp};

use crate::SimError;
use crate::host::TICK;
use crate::trace_file::{BadLines, TraceFile};

/// Parts of a record, of which each is held out of a fit in turn.
pub(super) const PARTS: usize = 5;
/// Blocks that a record has, at least of so many seconds each: neighbours in time tell of each other, so that a block is
/// held out as a whole.
const BLOCKS: f64 = 20.0;
const SHORTEST_BLOCK: f64 = 60.0;
/// How much of a machine's memory may be gone from one trace to the next: kernels differ in what they keep.
const SAME_MEMORY: f64 = 0.05;

/// A node at the end of a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct NodePoint {
    pub(super) id: u32,
    /// Seconds since its process started, endless for one that was there before the trace and tells no age; None
    /// without a process.
    pub(super) age: Option<f32>,
    /// Seconds that it ran in its life, as far as is known.
    pub(super) ran: f32,
    pub(super) cores: Option<f32>,
    pub(super) disk_gb: Option<f32>,
}

/// One step: means over it, and the nodes at its end.
#[derive(Debug, Clone, Default)]
pub(super) struct Point {
    /// Seconds it lasted.
    pub(super) length: f64,
    /// Which stretch without a gap it belongs to.
    pub(super) segment: u32,
    /// The part of the record that it is held out with.
    pub(super) part: usize,
    /// Whether a quota held nodes back.
    pub(super) is_throttled: bool,
    /// Processors that were at work, and that waited for disks.
    pub(super) busy: Option<f64>,
    pub(super) waiting: f64,
    /// The load average of a minute.
    pub(super) load: Option<f64>,
    /// Memory in use by all, and by nodes.
    pub(super) memory_mb: Option<f64>,
    pub(super) own_memory_mb: Option<f64>,
    /// Cores that nodes used.
    pub(super) own_cores: Option<f64>,
    pub(super) nodes: Vec<NodePoint>,
}

impl Point {
    /// Returns how many processes there are.
    pub(super) fn up(&self) -> usize {
        self.nodes.iter().filter(|node| node.age.is_some()).count()
    }
}

/// What is known of a machine.
#[derive(Debug, Default)]
pub(super) struct Record {
    pub(super) cpus: u32,
    pub(super) points: Vec<Point>,
    pub(super) samples: u64,
    /// What the points last together.
    pub(super) seconds: f64,
    /// Times between two samples of which nothing is known.
    pub(super) gaps: u32,
    pub(super) reboots: u32,
    /// Bad lines that were passed over.
    pub(super) skipped: u64,
    /// Processes that started in it.
    pub(super) starts: u32,
    /// Whether the nodes are listed, and not only counted.
    pub(super) is_listed: bool,
    segments: u32,
    /// The memory of the machine, and when each file begins and ends.
    memory: Option<f64>,
    files: Vec<(String, [f64; 2])>,
}

/// Keys that only recordings by hand have.
#[derive(Deserialize)]
struct Extra {
    nodes_rss_bytes: Option<f64>,
}

/// What is remembered of a node from one sample to the next.
#[derive(Debug, Clone, Copy)]
struct Known {
    /// When its process started, in seconds of Unix time; None without one.
    started: Option<f64>,
    /// When its state began.
    since: Option<Timestamp>,
    ran: f64,
}

/// A trace that is read.
struct Reader<'a> {
    record: &'a mut Record,
    cpus: f64,
    observation: Observation,
    state: EngineState,
    known: BTreeMap<u32, Known>,
    first: Option<f64>,
    last: f64,
    memory: Option<f64>,
    /// Sums over the step, each with the time for which it is known.
    open: Option<Open>,
}

/// A mean over time.
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

#[derive(Debug, Default)]
struct Open {
    length: f64,
    busy: Mean,
    waiting: Mean,
    own_cores: Mean,
    memory_mb: Mean,
    own_memory_mb: Mean,
    is_throttled: bool,
}

impl Record {
    /// Reads traces of one machine, one after the other.
    pub(super) fn read(paths: &[impl AsRef<Path>], cpus: Option<u32>, bad: BadLines) -> Result<Self, SimError> {
        let mut record = Self::default();
        for path in paths {
            record.add(path.as_ref(), cpus, bad)?;
        }
        record.part();
        Ok(record)
    }

    fn add(&mut self, path: &Path, cpus: Option<u32>, bad: BadLines) -> Result<(), SimError> {
        let mut file = TraceFile::open(path, bad)?;
        let cpus = cpus.or_else(|| file.header().and_then(|header| header.cpus)).filter(|cpus| *cpus > 0);
        let wrong = |what: &str| SimError::Input(format!("{}: {what}", path.display()));
        let cpus = cpus.ok_or_else(|| wrong("expected a header that says host.cpus, or --cpus N, found neither"))?;
        if self.cpus != 0 && self.cpus != cpus {
            let (before, now) = (self.cpus, cpus);
            return Err(wrong(&format!("expected traces of one machine, found {now} processors after {before}")));
        }
        self.cpus = cpus;
        self.segments += 1;
        let mut observation = Observation::default();
        observation.host.memory_total = file.header().and_then(|header| header.memory);
        let mut reader = Reader {
            record: self,
            cpus: f64::from(cpus),
            observation,
            state: EngineState::default(),
            known: BTreeMap::new(),
            first: None,
            last: 0.0,
            memory: None,
            open: None,
        };
        while let Some(line) = file.next()? {
            let TraceLine::Sample(sample) = line else { continue };
            let extra = memchr::memmem::find(file.last(), b"nodes_rss_bytes")
                .and_then(|_| serde_json::from_slice::<Extra>(file.last()).ok());
            let rss = extra.and_then(|extra| extra.nodes_rss_bytes).filter(|bytes| *bytes >= 0.0);
            match sample.apply(&mut reader.observation, &mut reader.state) {
                Ok(()) => reader.read(&sample, rss),
                Err(error) => file.refuse(&error)?,
            }
        }
        let (began, ended, memory) = (reader.first.unwrap_or_default(), reader.last, reader.memory);
        self.skipped += file.skipped();
        if let (Some(before), Some(now)) = (self.memory, memory)
            && (now / before - 1.0).abs() > SAME_MEMORY
        {
            return Err(wrong(&format!(
                "expected traces of one machine, found {now:.0} MB of memory after {before:.0}"
            )));
        }
        self.memory = self.memory.or(memory);
        // What is fitted would be held out too.
        if let Some((other, _)) = self.files.iter().find(|(_, [from, to])| began <= *to && *from <= ended) {
            return Err(wrong(&format!("expected another time than that of {other}, found some of the same")));
        }
        self.files.push((path.display().to_string(), [began, ended]));
        Ok(())
    }

    /// Deals out blocks of neighbours in time to the parts.
    fn part(&mut self) {
        self.seconds = self.points.iter().map(|point| point.length).sum();
        let block = (self.seconds / BLOCKS).max(SHORTEST_BLOCK);
        let mut at = 0.0;
        for point in &mut self.points {
            point.part = (at / block) as usize % PARTS;
            at += point.length;
        }
    }
}

fn seconds(at: Timestamp) -> f64 {
    at.as_millis() as f64 / 1000.0
}

impl Reader<'_> {
    fn read(&mut self, sample: &TraceSample, rss: Option<f64>) {
        let now = seconds(sample.at);
        let before = if self.first.is_some() { Some(self.last) } else { None };
        self.first.get_or_insert(now);
        self.last = now;
        self.record.samples += 1;
        self.record.is_listed |= !self.observation.nodes.is_empty();
        self.memory = self.memory.or(self.observation.host.memory_total.map(|bytes| bytes.0 as f64 / 1e6));
        let is_anew = self.observation.rebooted;
        if is_anew {
            self.known.values_mut().for_each(|known| known.started = None);
        }
        if self.observation.nodes.is_empty() {
            self.count(sample.running_nodes.unwrap_or_default(), before, now);
        } else {
            self.list(before, now);
        }
        // What a first sample says is of a time that nobody knows.
        let Some(before) = before else { return };
        let length = now - before;
        let longest = self.record.points.last().map_or(3600.0, |point| (10.0 * point.length).max(60.0));
        let is_gap = length > longest;
        self.record.reboots += u32::from(is_anew);
        self.record.gaps += u32::from(is_gap && !is_anew);
        if is_gap || is_anew {
            // What was before it is no neighbour.
            self.open = None;
            self.record.segments += 1;
            return;
        }
        self.measure(length, rss);
    }

    /// Adds a sample to the step, and ends it when it is long enough.
    fn measure(&mut self, length: f64, rss: Option<f64>) {
        let host = &self.observation.host;
        let cores = |share: Option<wnm_core::Percent>| share.map(|share| share.get() / 100.0 * self.cpus);
        let total = host.memory_total.map(|bytes| bytes.0 as f64 / 1e6);
        let nodes = &self.observation.nodes;
        let processes = || nodes.values().filter(|node| node.cpu.is_some() || node.memory.is_some());
        let listed = self.record.is_listed.then_some(());
        let mut open = self.open.take().unwrap_or_default();
        open.length += length;
        open.is_throttled |= host
            .quota
            .is_some_and(|quota| quota.limit.is_some() && quota.throttled.is_some_and(|share| share.get() > 0.0));
        open.busy.add(cores(host.cpu), length);
        open.waiting.add(cores(host.io_wait), length);
        open.memory_mb.add(host.memory.zip(total).map(|(share, total)| share.get() / 100.0 * total), length);
        let own_cores = processes().map(|node| node.cpu.map(|cores| cores.get())).sum::<Option<f64>>();
        open.own_cores.add(listed.and(own_cores), length);
        let own_memory = processes().map(|node| node.memory.map(|bytes| bytes.0 as f64 / 1e6)).sum::<Option<f64>>();
        open.own_memory_mb.add(listed.and(own_memory).or(rss.map(|bytes| bytes / 1e6)), length);
        // Samples of a second come a few milliseconds late.
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
        let seen = |id: u32| wnm_core::NodeId::new(id).and_then(|id| self.observation.nodes.get(&id));
        let point = |(id, known): (&u32, &Known)| NodePoint {
            id: *id,
            age: known.started.map(|started| (self.last - started) as f32),
            ran: known.ran as f32,
            cores: seen(*id).and_then(|node| node.cpu).map(|cores| cores.get() as f32),
            disk_gb: seen(*id).and_then(|node| node.disk).map(|bytes| (bytes.0 as f64 / 1e9) as f32),
        };
        self.known.iter().map(point).collect()
    }

    /// Takes nodes that are only counted for the youngest to go first. They start in the middle between two samples.
    fn count(&mut self, count: u32, before: Option<f64>, now: f64) {
        let starts = before.map_or(f64::NEG_INFINITY, |before| f64::midpoint(before, now));
        self.known.retain(|id, known| *id <= count && known.started.is_some());
        let known = u32::try_from(self.known.len()).unwrap_or(u32::MAX);
        for id in known + 1..=count {
            self.record.starts += u32::from(before.is_some());
            self.known.insert(id, Known { started: Some(starts), since: None, ran: f64::INFINITY });
        }
    }

    /// Follows nodes that are listed. One that ran when the trace began is as old as its identity.
    fn list(&mut self, before: Option<f64>, now: f64) {
        let mut after = BTreeMap::new();
        for (id, node) in &self.observation.nodes {
            let state = self.state.nodes.get(id);
            let since = state.and_then(NodeState::since);
            let is_up = node.cpu.is_some() || node.memory.is_some();
            let was = self.known.get(&id.get()).copied();
            let born = if node.born == Timestamp::default() { f64::NEG_INFINITY } else { seconds(node.born) };
            let changed =
                since.map(seconds).filter(|since| before.is_some_and(|before| (before..=now).contains(since)));
            let middle = before.map(|before| f64::midpoint(before, now));
            let is_anew = matches!(state, Some(NodeState::Restarting { .. } | NodeState::Upgrading { .. }))
                && was.is_some_and(|was| was.since != since);
            let started = match (is_up, was.and_then(|was| was.started), middle) {
                (false, _, _) => None,
                (true, Some(started), _) if !is_anew => Some(started),
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
            after.insert(id.get(), Known { started, since, ran });
        }
        self.known = after;
    }
}
