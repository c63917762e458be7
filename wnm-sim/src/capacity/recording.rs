//! Background load of recorded hosts: the CPU use of the host minus that of its nodes.

use std::io::Read;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use flate2::read::GzDecoder;
use wnm_core::trace::TraceLine;
use wnm_core::{EngineState, HostSample, Observation};

use super::TICK;
use super::background::Point;
use crate::SimError;
use crate::trace_file::{BadLines, TraceFile};

/// Cores that a node used in the recordings, where the trace does not say: 60 nodes used 12 % of two cores.
const IDLE_NODE: f64 = 0.12 * 2.0 / 60.0;
/// Processors of the host on which the built-in recordings were made.
const RECORDED_CPUS: u32 = 2;

/// The facts that a trace of background load may lack.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct TraceFacts {
    /// Processors of the recorded host; overrides the header.
    pub(crate) cpus: Option<u32>,
    /// Cores that each counted node used; None for the idle nodes of the built-in recordings.
    pub(crate) node_cores: Option<f64>,
    pub(crate) bad: BadLines,
}

/// Reads a trace into points of five seconds.
struct Reader {
    observation: Observation,
    state: EngineState,
    points: Vec<Point>,
    /// The sum over the samples of the current five seconds, and their number.
    sum: Point,
    samples: u32,
    ends: Option<i64>,
    /// Cores that a node uses where the trace only counts nodes.
    node_cores: f64,
}

/// Returns a built-in recording (`build`, `ramp`), or reads a trace file relative to the folder of the scenario.
///
/// # Errors
/// The file cannot be read, its number of processors is unknown, or it holds less than five seconds.
pub(crate) fn load(name: &str, beside: Option<&Path>, facts: TraceFacts) -> Result<Arc<[Point]>, SimError> {
    static BUILD: LazyLock<Arc<[Point]>> =
        LazyLock::new(|| unpack(include_bytes!("../../tests/data/buildload-1s.jsonl.gz")));
    static RAMP: LazyLock<Arc<[Point]>> = LazyLock::new(|| unpack(include_bytes!("../../tests/data/ramp-1s.jsonl.gz")));
    match name {
        "build" => return Ok(Arc::clone(&BUILD)),
        "ramp" => return Ok(Arc::clone(&RAMP)),
        _ => {}
    }
    let path = beside.unwrap_or(Path::new("")).join(name);
    let mut file = TraceFile::open(&path, facts.bad)?;
    let cpus = facts.cpus.or_else(|| file.header().and_then(|header| header.cpus));
    let cpus = cpus.ok_or_else(|| {
        SimError::input(format!("{}:1: no number of processors: the header has no key host.cpus", path.display()))
            .hint("set it with --cpus N, or with the key cpus beside trace in the scenario")
    })?;
    let mut reader = Reader::new(cpus, facts.node_cores.unwrap_or(IDLE_NODE));
    while let Some(line) = file.next()? {
        if let Err(error) = reader.read(&line) {
            file.refuse(&error)?;
        }
    }
    let points = reader.points();
    if points.is_empty() {
        return Err(SimError::input(format!("{}: the trace holds less than 5 s of CPU use", path.display())));
    }
    Ok(points)
}

/// Reads a recording embedded in the program; a test checks that it is complete.
fn unpack(packed: &[u8]) -> Arc<[Point]> {
    let mut text = String::new();
    _ = GzDecoder::new(packed).read_to_string(&mut text);
    let mut reader = Reader::new(RECORDED_CPUS, IDLE_NODE);
    for line in text.lines().filter_map(|line| TraceLine::parse(line).ok()) {
        _ = reader.read(&line);
    }
    reader.points()
}

impl Reader {
    fn new(cpus: u32, node_cores: f64) -> Self {
        let mut observation = Observation::default();
        observation.host.cpus = Some(cpus);
        Self {
            observation,
            state: EngineState::default(),
            points: Vec::new(),
            sum: Point::default(),
            samples: 0,
            ends: None,
            node_cores,
        }
    }

    fn read(&mut self, line: &TraceLine) -> Result<(), wnm_core::trace::TraceError> {
        let TraceLine::Sample(sample) = line else { return Ok(()) };
        sample.apply(&mut self.observation, &mut self.state)?;
        let HostSample { cpus: Some(cpus), cpu: Some(cpu), io_wait, .. } = self.observation.host else { return Ok(()) };
        let cpus = f64::from(cpus);
        let listed: Option<f64> = self.observation.nodes.values().map(|node| node.cpu.map(|cores| cores.get())).sum();
        let own = match (listed, sample.running_nodes) {
            (Some(cores), _) if cores > 0.0 => cores,
            // The built-in recordings count nodes without listing them.
            (_, Some(nodes)) => f64::from(nodes) * self.node_cores,
            _ => 0.0,
        };
        let at = sample.at.as_millis();
        let length = (TICK * 1000.0) as i64;
        let ends = *self.ends.get_or_insert(at + length);
        if at >= ends {
            self.close();
            // A gap in the recording is left out rather than filled: its load is unknown.
            self.ends = Some(if at - ends < length { ends + length } else { at + length });
        }
        // The host and its nodes are sampled at slightly different times, so the difference may be negative.
        self.sum.busy += (cpu.get() / 100.0 - own / cpus).clamp(0.0, 1.0);
        self.sum.waiting += io_wait.map_or(0.0, |wait| wait.get() / 100.0).min(1.0);
        self.samples += 1;
        Ok(())
    }

    fn close(&mut self) {
        if self.samples > 0 {
            let samples = f64::from(self.samples);
            self.points.push(Point { busy: self.sum.busy / samples, waiting: self.sum.waiting / samples });
        }
        (self.sum, self.samples) = (Point::default(), 0);
    }

    fn points(mut self) -> Arc<[Point]> {
        self.close();
        self.points.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_recordings_are_complete() {
        for (name, count, mean) in [("build", 261, 0.4822), ("ramp", 325, 0.0390)] {
            let points = load(name, None, TraceFacts::default()).unwrap();
            assert!(points.len().abs_diff(count) <= 2, "{name}: {}", points.len());
            let found = points.iter().map(|point| point.busy).sum::<f64>() / points.len() as f64;
            assert!((found - mean).abs() < 0.002, "{name}: {found}");
        }
    }
}
