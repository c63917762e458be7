//! A recorded host in steps no shorter than those of the model, with the age of each process.

use std::path::Path;

use wnm_core::trace::TraceLine;

use super::reader::Reader;
use crate::SimError;
use crate::trace_file::{BadLines, TraceFile};

/// Parts of the cross-validation.
pub(super) const PARTS: usize = 5;
/// Blocks of a record, and the shortest block in seconds. Neighbours in time resemble each other, so that a part must
/// consist of whole blocks.
const BLOCKS: f64 = 20.0;
const SHORTEST_BLOCK: f64 = 60.0;
/// Relative difference of memory between two traces of one host: kernels reserve different amounts.
const SAME_MEMORY: f64 = 0.05;

/// A node at the end of a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct NodePoint {
    pub(super) id: u32,
    /// Age of the process in seconds; infinite for one from before the trace without a known age; None without a process.
    pub(super) age: Option<f32>,
    /// Seconds that the node has run in its life, as far as known.
    pub(super) ran: f32,
    pub(super) cores: Option<f32>,
    pub(super) disk_gb: Option<f32>,
}

/// One step: means over the step, and the nodes at its end.
#[derive(Debug, Clone, Default)]
pub(super) struct Point {
    /// Length, in seconds.
    pub(super) length: f64,
    /// Index of the stretch without a gap.
    pub(super) segment: u32,
    /// Index of the part of the cross-validation.
    pub(super) part: usize,
    /// Whether a CPU limit throttled nodes.
    pub(super) is_throttled: bool,
    /// Cores in use, and cores waiting for disks.
    pub(super) busy: Option<f64>,
    pub(super) waiting: f64,
    /// Load average over one minute.
    pub(super) load: Option<f64>,
    /// Memory in use: by all processes, and by nodes.
    pub(super) memory_mb: Option<f64>,
    pub(super) own_memory_mb: Option<f64>,
    /// Cores used by nodes.
    pub(super) own_cores: Option<f64>,
    pub(super) nodes: Vec<NodePoint>,
}

impl Point {
    /// Returns the number of running processes.
    pub(super) fn up(&self) -> usize {
        self.nodes.iter().filter(|node| node.age.is_some()).count()
    }
}

/// The recorded data of a host.
#[derive(Debug, Default)]
pub(super) struct Record {
    pub(super) cpus: u32,
    pub(super) points: Vec<Point>,
    pub(super) samples: u64,
    /// Total length of the points, in seconds.
    pub(super) seconds: f64,
    /// Intervals between two samples that are too long to be used.
    pub(super) gaps: u32,
    pub(super) reboots: u32,
    /// Skipped invalid lines.
    pub(super) skipped: u64,
    /// Starts of processes.
    pub(super) starts: u32,
    /// Whether the trace lists nodes, rather than only their number.
    pub(super) is_listed: bool,
    pub(super) segments: u32,
    /// Memory of the host, in MB.
    pub(super) memory: Option<f64>,
    /// Size of all volumes and their use at the end, in GB.
    pub(super) disk: Option<(f64, Option<f64>)>,
    /// Begin and end of each file.
    files: Vec<(String, [f64; 2])>,
}

impl Record {
    /// Reads traces of one host.
    ///
    /// # Errors
    /// A trace cannot be read, has no number of processors, or contradicts an earlier one.
    pub(super) fn read(paths: &[impl AsRef<Path>], cpus: Option<u32>, bad: BadLines) -> Result<Self, SimError> {
        let mut record = Self::default();
        for path in paths {
            record.add(path.as_ref(), cpus, bad)?;
        }
        record.assign_parts();
        Ok(record)
    }

    fn add(&mut self, path: &Path, cpus: Option<u32>, bad: BadLines) -> Result<(), SimError> {
        let mut file = TraceFile::open(path, bad)?;
        let cpus = cpus.or_else(|| file.header().and_then(|header| header.cpus)).filter(|cpus| *cpus > 0);
        let wrong = |problem: &str| SimError::input(format!("{}: {problem}", path.display()));
        let unknown =
            || wrong("the number of processors is unknown: the header has no host.cpus").hint("set it with --cpus N");
        let cpus = cpus.ok_or_else(unknown)?;
        if self.cpus != 0 && self.cpus != cpus {
            let (before, now) = (self.cpus, cpus);
            return Err(wrong(&format!("{now} processors, but {before} in the traces before: not the same host")));
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
                "{now:.0} MB of memory, but {before:.0} MB in the traces before: not the same host"
            )));
        }
        self.memory = self.memory.or(memory);
        // Overlapping samples would be both fitted and held out.
        if let Some((other, _)) = self.files.iter().find(|(_, [from, to])| began <= *to && *from <= ended) {
            return Err(wrong(&format!("the trace covers the same time as {other}")));
        }
        self.files.push((path.display().to_string(), [began, ended]));
        Ok(())
    }

    /// Assigns blocks of neighbours in time to the parts in turn.
    fn assign_parts(&mut self) {
        // `sum` of an empty iterator would be -0, which is printed with its sign.
        self.seconds = self.points.iter().fold(0.0, |sum, point| sum + point.length);
        let block = (self.seconds / BLOCKS).max(SHORTEST_BLOCK);
        let mut at = 0.0;
        for point in &mut self.points {
            // Blocks are dealt in turn, so that each part covers the whole length of the record.
            point.part = (at / block) as usize % PARTS;
            at += point.length;
        }
    }
}
