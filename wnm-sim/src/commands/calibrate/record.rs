//! What a trace tells of a machine and its nodes, in steps no shorter than the model's, with the age of each process.

use std::path::Path;

use wnm_core::trace::TraceLine;

use super::reader::Reader;
use crate::SimError;
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
    /// Whether a CPU limit held nodes back.
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
    pub(super) segments: u32,
    /// The memory of the machine, and when each file begins and ends.
    memory: Option<f64>,
    files: Vec<(String, [f64; 2])>,
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
        let mut reader = Reader::new(self, file.header());
        while let Some(line) = file.next()? {
            let TraceLine::Sample(sample) = line else { continue };
            if let Err(error) = reader.read(&sample, file.last()) {
                file.refuse(&error)?;
            }
        }
        let Reader { first, last: ended, memory, .. } = reader;
        let began = first.unwrap_or_default();
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
        // The sum of no numbers would be -0.
        self.seconds = self.points.iter().fold(0.0, |sum, point| sum + point.length);
        let block = (self.seconds / BLOCKS).max(SHORTEST_BLOCK);
        let mut at = 0.0;
        for point in &mut self.points {
            point.part = (at / block) as usize % PARTS;
            at += point.length;
        }
    }
}
