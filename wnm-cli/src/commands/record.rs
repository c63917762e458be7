//! `wnm record`: a trace of the host and the colony over time.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;
use wnm_core::trace::{TraceHeader, TraceWriter};
use wnm_core::{Clock, Colony, HostDefaults, RawSettings, Settings};
use wnm_platform::Platform;
use wnm_store::{Store, StoreError};

use crate::args::Record;
use crate::config;
use crate::context;
use crate::error::{CliError, CommandError, Exit};
use crate::output::Output;

/// Time between two reads of the database, in which other commands store the states of nodes.
const COLONY_INTERVAL: Duration = Duration::from_secs(5);
/// The number of full files that are kept.
const KEPT: u32 = 5;

/// A complete recording as JSON.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Recorded {
    /// The trace.
    file: PathBuf,
    /// The number of samples in the trace and in the files that rotation filled before it.
    samples: u64,
    /// The length of the recording.
    seconds: f64,
}

/// Records until the requested time has passed, or a signal arrives. Each line is written before the next sample.
pub(crate) fn run(db: &Path, args: &Record, output: &Output) -> Result<Exit, CliError> {
    let ended = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&ended))?;
    }
    let mut source = Source::open(db)?;
    let mut file = TraceFile::create(&args.out, args.rotate)?;
    let mut writer = TraceWriter::new(source.header());
    file.line(&writer.header())?;
    if let Some(note) = &args.annotate {
        file.line(&writer.note(source.clock.now(), note))?;
    }
    let begun = Instant::now();
    let mut samples = 0_u64;
    while !ended.load(Ordering::Relaxed) && args.length.is_none_or(|length| begun.elapsed() < length) {
        let line = source.sample(&mut writer)?;
        if file.is_full() {
            file.rotate()?;
            file.line(&writer.header())?;
        }
        file.line(&line)?;
        samples += 1;
        // The times are multiples of the interval since the begin, so that slow samples do not add up to a drift.
        let next = args.interval.saturating_mul(u32::try_from(samples).unwrap_or(u32::MAX));
        pause(next.saturating_sub(begun.elapsed()), &ended);
    }
    file.finish()?;
    let recorded = Recorded { file: args.out.clone(), samples, seconds: begun.elapsed().as_secs_f64() };
    if output.is_json() {
        output.result(&recorded, |_| String::new())?;
    } else {
        output.say(&format!("wrote {samples} samples to {}", args.out.display()));
    }
    Ok(Exit::Done)
}

/// Sleeps, and wakes within half a second after a signal.
fn pause(length: Duration, ended: &AtomicBool) {
    let until = Instant::now() + length;
    while !ended.load(Ordering::Relaxed) {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        std::thread::sleep(left.min(Duration::from_millis(500)));
    }
}

/// The host and the colony that are recorded.
struct Source {
    store: Option<Store>,
    platform: Platform,
    raw: RawSettings,
    host: HostDefaults,
    colony: Colony,
    clock: Clock,
    colony_read: Instant,
}

impl Source {
    /// Opens the colony. Without a colony, only the host is recorded.
    fn open(db: &Path) -> Result<Self, CliError> {
        let store = match Store::open_read_only(db) {
            Ok(store) => Some(store),
            Err(StoreError::NotInitialised { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let mut raw = match &store {
            Some(store) => store.settings()?,
            // The settings need an address, and the trace does not depend on it.
            None => RawSettings { rewards_address: "faucet".parse().ok(), ..RawSettings::default() },
        };
        raw = config::reload::surroundings_of(db)?.over(raw);
        let host = context::host_defaults(&raw, &RawSettings::default());
        let settings = config::fold([RawSettings::default(), RawSettings::default(), raw.clone()], &host)?;
        let platform = Platform::new(&settings)?;
        let colony = read(store.as_ref(), settings)?;
        let reading = wnm_platform::read_clock()?;
        let clock = match &colony.state.clock {
            Some(clock) => clock.advance(reading),
            None => Clock::start(reading),
        };
        Ok(Self { store, platform, raw, host, colony, clock, colony_read: Instant::now() })
    }

    fn header(&self) -> TraceHeader {
        let (observation, _) = self.platform.quick_check(&self.colony, &self.clock);
        TraceHeader {
            program: Some(concat!("wnm ", env!("CARGO_PKG_VERSION")).to_owned()),
            cpus: observation.host.cpus.or(Some(self.host.cpus)),
            memory: observation.host.memory_total,
            policy: self.raw.clone(),
        }
    }

    fn sample(&mut self, writer: &mut TraceWriter) -> Result<String, CliError> {
        self.clock = self.clock.advance(wnm_platform::read_clock()?);
        if self.store.is_some() && self.colony_read.elapsed() >= COLONY_INTERVAL {
            let counters = self.colony.counters.take();
            self.colony = read(self.store.as_ref(), self.colony.settings.clone())?;
            self.colony.counters = counters;
            self.colony_read = Instant::now();
        }
        let (observation, counters) = self.platform.quick_check(&self.colony, &self.clock);
        let line = writer.sample(&observation, &self.colony.state);
        self.colony.counters = Some(counters);
        Ok(line)
    }
}

/// Reads the colony without its counters: the rates of a trace are computed between its own samples.
fn read(store: Option<&Store>, settings: Settings) -> Result<Colony, CliError> {
    let mut colony = match store {
        Some(store) => store.load(settings)?,
        None => Colony {
            settings,
            nodes: Default::default(),
            state: Default::default(),
            samples: Default::default(),
            unfinished: Vec::new(),
            counters: None,
        },
    };
    colony.counters = None;
    Ok(colony)
}

/// The trace file: compressed if its name ends in `.gz`, renamed when it is full.
struct TraceFile {
    path: PathBuf,
    full_at: u64,
    written: u64,
    out: Sink,
}

enum Sink {
    Plain(File),
    Gzip(GzEncoder<File>),
}

impl TraceFile {
    fn create(path: &Path, full_at: u64) -> Result<Self, CliError> {
        let out = Self::open(path)?;
        Ok(Self { path: path.to_owned(), full_at, written: 0, out })
    }

    fn open(path: &Path) -> Result<Sink, CliError> {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(path)
            .map_err(|source| CommandError::CreateTrace { path: path.to_owned(), source })?;
        let is_compressed = path.extension().is_some_and(|extension| extension == "gz");
        Ok(if is_compressed { Sink::Gzip(GzEncoder::new(file, Compression::fast())) } else { Sink::Plain(file) })
    }

    fn line(&mut self, line: &str) -> Result<(), CliError> {
        self.written += line.len() as u64 + 1;
        // One write for each line: a kill of this process damages at most the last line.
        let line = format!("{line}\n");
        let written = match &mut self.out {
            Sink::Plain(file) => file.write_all(line.as_bytes()),
            Sink::Gzip(encoder) => encoder.write_all(line.as_bytes()).and_then(|()| encoder.flush()),
        };
        written.map_err(|error| self.write_error(error))
    }

    fn is_full(&self) -> bool {
        self.written >= self.full_at
    }

    /// Renames the file from `NAME.jsonl` to `NAME-1.jsonl`, earlier ones to the next number, and begins a new file.
    fn rotate(&mut self) -> Result<(), CliError> {
        self.finish()?;
        let numbered = |number: u32| {
            let name = self.path.file_name().unwrap_or_default().to_string_lossy();
            // The whole ending stays, because readers detect compression by `.gz`.
            let (stem, ending) = name.split_once('.').map_or((&*name, String::new()), |(s, e)| (s, format!(".{e}")));
            self.path.with_file_name(format!("{stem}-{number}{ending}"))
        };
        let moved = (1..KEPT).rev().try_for_each(|number| match fs::rename(numbered(number), numbered(number + 1)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        });
        moved.and_then(|()| fs::rename(&self.path, numbered(1))).map_err(|error| self.write_error(error))?;
        self.out = Self::open(&self.path)?;
        self.written = 0;
        Ok(())
    }

    fn finish(&mut self) -> Result<(), CliError> {
        let finished = match &mut self.out {
            Sink::Plain(file) => file.flush(),
            Sink::Gzip(encoder) => encoder.try_finish(),
        };
        finished.map_err(|error| self.write_error(error))
    }

    fn write_error(&self, source: io::Error) -> CliError {
        CommandError::WriteTrace { path: self.path.clone(), source }.into()
    }
}
