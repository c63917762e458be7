//! Deviations of a fake node from an ordinary one, and the events that end it.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};
use std::{hint, io, thread};

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::server::ReplyMode;
use super::{Program, Script, complain, trailer};

/// The behaviour of a fake node after its start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Behaviour {
    /// A healthy node.
    Normal,
    /// Exits at once, before it creates any file.
    ExitAtStart {
        /// The exit code.
        code: u8,
    },
    /// Runs, but its metrics server accepts connections and never answers.
    Hang,
    /// Its metrics server delays each response.
    Slow {
        /// Milliseconds before each response.
        ms: u64,
    },
    /// Its metrics server answers at once with invalid text: `NaN`, numbers beyond any type, invalid UTF-8.
    Garbage,
    /// SIGTERM does not end it; only SIGKILL and, in its program's way, SIGINT do.
    IgnoreTerm,
    /// Replaces its own executable by a fake node of another version that behaves normally, and restarts.
    SelfUpgrade {
        /// Milliseconds from the start to the replacement.
        after_ms: u64,
        /// Milliseconds from the replacement to the restart (hours with the real programs); so long the version on
        /// disk is not the one that runs.
        #[serde(default)]
        restart_after_ms: u64,
        /// The version it upgrades to, without a leading `v`.
        to: String,
    },
    /// Uses CPU and memory while it runs.
    Burn {
        /// CPU cores' worth of time it spends; fractions count.
        cores: f64,
        /// Bytes it holds resident, besides the few MB of any fake node.
        memory_bytes: u64,
    },
    /// Exits by itself, as after a fatal error.
    DieAfter {
        /// Milliseconds from the start.
        ms: u64,
        /// The exit code.
        code: u8,
    },
}

/// The environment variable with the CPU and memory use of any fake node, independent of its script: one or both of
/// `cores=0.5 memory=200MB`.
pub const BURN: &str = "WNM_FAKE_NODE_BURN";

/// An event that ends a node.
pub(super) enum End {
    /// A signal arrived.
    Signalled,
    /// Its executable was replaced and it is time to restart.
    Upgraded,
    /// The script ends it with this exit code.
    Dies(u8),
}

impl Behaviour {
    /// Returns how the metrics server answers.
    pub(super) fn reply_mode(&self) -> ReplyMode {
        match self {
            Behaviour::Hang => ReplyMode::Never,
            Behaviour::Slow { ms } => ReplyMode::Delayed(Duration::from_millis(*ms)),
            Behaviour::Garbage => ReplyMode::Garbage,
            Behaviour::Normal
            | Behaviour::ExitAtStart { .. }
            | Behaviour::IgnoreTerm
            | Behaviour::SelfUpgrade { .. }
            | Behaviour::Burn { .. }
            | Behaviour::DieAfter { .. } => ReplyMode::Prompt,
        }
    }
}

/// Installs the signal handlers and starts the behaviour of the script. The channel returns the event that ends the node.
pub(super) fn begin(script: &Script) -> io::Result<Receiver<End>> {
    let (ends, ended) = mpsc::channel();
    watch_signals(script, ends.clone())?;
    if let Some(value) = std::env::var_os(BURN) {
        let (cores, memory_bytes) = value.to_str().and_then(read_burn).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("invalid value {value:?} for {BURN}: use cores=0.5 memory=200MB"),
            )
        })?;
        burn(cores, memory_bytes)?;
    }
    match script.behaviour.clone() {
        Behaviour::SelfUpgrade { after_ms, restart_after_ms, to } => {
            let executable = std::env::current_exe()?;
            let next = Script { version: to, behaviour: Behaviour::Normal, ..script.clone() };
            thread::Builder::new().spawn(move || {
                thread::sleep(Duration::from_millis(after_ms));
                if let Err(error) = replace_executable(executable, &next) {
                    return complain(format_args!("Error during upgrade process: {error}"));
                }
                thread::sleep(Duration::from_millis(restart_after_ms));
                let _ = ends.send(End::Upgraded);
            })?;
        }
        Behaviour::DieAfter { ms, code } => {
            thread::Builder::new().spawn(move || {
                thread::sleep(Duration::from_millis(ms));
                let _ = ends.send(End::Dies(code));
            })?;
        }
        Behaviour::Burn { cores, memory_bytes } => burn(cores, memory_bytes)?,
        Behaviour::Normal
        | Behaviour::ExitAtStart { .. }
        | Behaviour::Hang
        | Behaviour::Slow { .. }
        | Behaviour::Garbage
        | Behaviour::IgnoreTerm => {}
    }
    Ok(ended)
}

fn watch_signals(script: &Script, ends: Sender<End>) -> io::Result<()> {
    let mut signals = Signals::new([SIGINT])?;
    match (&script.behaviour, script.program) {
        // A handler with an unused flag: an ignored signal would be inherited by the process of a restart.
        (Behaviour::IgnoreTerm, _) => drop(signal_hook::flag::register(SIGTERM, Arc::new(AtomicBool::new(false)))?),
        // No handler: the signal's default action ends the process.
        (_, Program::Antnode) => {}
        (_, Program::AntNode) => signals.add_signal(SIGTERM)?,
    }
    thread::Builder::new().spawn(move || {
        for _ in signals.forever() {
            let _ = ends.send(End::Signalled);
        }
    })?;
    Ok(())
}

/// Puts a fake node that plays `next` in the place of the running executable, the way the program does.
fn replace_executable(executable: PathBuf, next: &Script) -> io::Result<()> {
    let running = trailer::running_executable()?;
    if next.program == Program::AntNode {
        let mut backup = executable.clone().into_os_string();
        backup.push(".backup");
        fs::copy(&running, backup)?;
    }
    trailer::make(&running, &executable, next)
}

/// Parses the variable [`BURN`] into cores and bytes of memory.
fn read_burn(text: &str) -> Option<(f64, u64)> {
    let (mut cores, mut memory) = (0.0, 0);
    for word in text.split_whitespace() {
        match word.split_once('=')? {
            ("cores", number) => cores = number.parse().ok().filter(|cores: &f64| cores.is_finite())?,
            ("memory", size) => memory = size.strip_suffix("MB")?.parse::<u64>().ok()?.checked_mul(1_000_000)?,
            _ => return None,
        }
    }
    Some((cores, memory))
}

/// Uses this many cores and this much memory until the process ends.
fn burn(cores: f64, memory_bytes: u64) -> io::Result<()> {
    const PERIOD: Duration = Duration::from_millis(100);
    let mut left = cores.clamp(0.0, 1024.0);
    while left > 0.0 {
        let busy = PERIOD.mul_f64(left.min(1.0));
        left -= 1.0;
        let burn = move || {
            loop {
                // Missed CPU time is not made up, as in a node whose peers turn to another node.
                let (began, before) = (Instant::now(), own_time());
                while own_time().saturating_sub(before) < busy && began.elapsed() < PERIOD {
                    (0..1000).for_each(|_| hint::spin_loop());
                }
                thread::sleep(PERIOD.saturating_sub(began.elapsed()));
            }
        };
        thread::Builder::new().spawn(burn)?;
    }
    thread::Builder::new().spawn(move || {
        let mut held: Vec<u8> = Vec::new();
        let Ok(size) = usize::try_from(memory_bytes) else {
            return complain("cannot allocate the memory of the script");
        };
        if held.try_reserve_exact(size).is_err() {
            return complain("cannot allocate the memory of the script");
        }
        held.resize(size, 1);
        loop {
            hint::black_box(&held);
            thread::park();
        }
    })?;
    Ok(())
}

/// Returns the CPU time of this thread.
fn own_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn burn_variable_is_parsed() {
        for (text, told) in [
            ("cores=0.5 memory=200MB", Some((0.5, 200_000_000))),
            ("memory=1MB", Some((0.0, 1_000_000))),
            ("", Some((0.0, 0))),
            ("cores=inf", None),
            ("memory=1GB", None),
            ("disk=1MB", None),
            ("cores", None),
        ] {
            assert_eq!(read_burn(text), told, "{text}");
        }
    }
}
