//! `wnm record`: the machine and the colony over time, as a trace.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use wnm_core::trace::{TraceHeader, TraceWriter};
use wnm_core::{Clock, Colony, HostDefaults, RawSettings, Settings};
use wnm_platform::Platform;
use wnm_store::{Store, StoreError};

use crate::args::Record;
use crate::config;
use crate::context;
use crate::error::{CliError, Exit};
use crate::output::Output;

/// Time between two looks into the database, where other commands write what became of the nodes.
const COLONY_INTERVAL: Duration = Duration::from_secs(5);
/// Files kept beside the one that is written, when it is full.
const KEPT: u32 = 5;

/// Records until its time is over or it is told to end. Every line is on its way to the disk before the next begins.
pub(crate) fn run(db: &Path, args: &Record, output: &Output) -> Result<Exit, CliError> {
    let ended = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&ended))?;
    }
    let mut watch = Watch::begin(db)?;
    let mut file = TraceFile::create(&args.out, args.rotate)?;
    let mut writer = TraceWriter::new(watch.header());
    file.line(&writer.header())?;
    if let Some(note) = &args.annotate {
        file.line(&writer.note(watch.clock.now(), note))?;
    }
    let begun = Instant::now();
    let mut samples = 0_u64;
    while !ended.load(Ordering::Relaxed) && args.length.is_none_or(|length| begun.elapsed() < length) {
        let line = watch.sample(&mut writer)?;
        if file.is_full() {
            file.rotate()?;
            file.line(&writer.header())?;
        }
        file.line(&line)?;
        samples += 1;
        // The pace is kept from the beginning, so that slow samples do not add up.
        let next = args.interval.saturating_mul(u32::try_from(samples).unwrap_or(u32::MAX));
        pause(next.saturating_sub(begun.elapsed()), &ended);
    }
    file.finish()?;
    output.say(&format!("{samples} samples in {}", args.out.display()));
    Ok(Exit::Done)
}

/// Sleeps, and wakes soon when told to end.
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

/// What is looked at.
struct Watch {
    store: Option<Store>,
    platform: Platform,
    raw: RawSettings,
    host: HostDefaults,
    colony: Colony,
    clock: Clock,
    colony_read: Instant,
}

impl Watch {
    /// Opens the colony to look at; without one the machine alone is recorded.
    fn begin(db: &Path) -> Result<Self, CliError> {
        let store = match Store::open_read_only(db) {
            Ok(store) => Some(store),
            Err(StoreError::NotInitialised { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let mut raw = match &store {
            Some(store) => store.settings()?,
            // Nothing that is recorded depends on who is paid.
            None => RawSettings { rewards_address: "faucet".parse().ok(), ..RawSettings::default() },
        };
        raw = config::surroundings()?.over(raw);
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
        let (look, _) = self.platform.quick_check(&self.colony, &self.clock);
        TraceHeader {
            program: Some(concat!("wnm ", env!("CARGO_PKG_VERSION")).to_owned()),
            cpus: look.host.cpus.or(Some(self.host.cpus)),
            memory: look.host.memory_total,
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

/// Reads the colony; its counters are those of the last cycle, and nobody else's business.
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

/// The file that is written: compressed when its name says so, moved aside when it is full.
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
        let file = OpenOptions::new().write(true).create_new(true).open(path).map_err(|error| CliError::Usage {
            what: format!("expected to make {}: {error}", path.display()),
            hint: "choose a name that does not exist yet, in a folder that can be written".to_owned(),
        })?;
        let is_compressed = path.extension().is_some_and(|extension| extension == "gz");
        Ok(if is_compressed { Sink::Gzip(GzEncoder::new(file, Compression::fast())) } else { Sink::Plain(file) })
    }

    fn line(&mut self, line: &str) -> Result<(), CliError> {
        self.written += line.len() as u64 + 1;
        // One write a line: what ends this process cuts the last line only.
        let line = format!("{line}\n");
        let written = match &mut self.out {
            Sink::Plain(file) => file.write_all(line.as_bytes()),
            Sink::Gzip(encoder) => encoder.write_all(line.as_bytes()).and_then(|()| encoder.flush()),
        };
        written.map_err(|error| self.unwritable(&error))
    }

    fn is_full(&self) -> bool {
        self.written >= self.full_at
    }

    /// Moves the file aside, from `NAME.jsonl` to `NAME-1.jsonl`, those before it one further, and begins a new one.
    fn rotate(&mut self) -> Result<(), CliError> {
        self.finish()?;
        let aside = |number: u32| {
            let name = self.path.file_name().unwrap_or_default().to_string_lossy();
            // The ending stays, so that readers see whether it is compressed.
            let (stem, ending) = name.split_once('.').map_or((&*name, String::new()), |(s, e)| (s, format!(".{e}")));
            self.path.with_file_name(format!("{stem}-{number}{ending}"))
        };
        let moved = (1..KEPT).rev().try_for_each(|number| match fs::rename(aside(number), aside(number + 1)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        });
        moved.and_then(|()| fs::rename(&self.path, aside(1))).map_err(|error| self.unwritable(&error))?;
        self.out = Self::open(&self.path)?;
        self.written = 0;
        Ok(())
    }

    fn finish(&mut self) -> Result<(), CliError> {
        let finished = match &mut self.out {
            Sink::Plain(file) => file.flush(),
            Sink::Gzip(encoder) => encoder.try_finish(),
        };
        finished.map_err(|error| self.unwritable(&error))
    }

    fn unwritable(&self, error: &io::Error) -> CliError {
        CliError::Usage {
            what: format!("expected to write to {}: {error}", self.path.display()),
            hint: "make room, or choose another folder".to_owned(),
        }
    }
}
