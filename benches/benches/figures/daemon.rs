//! A daemon of the bench, and requests to it.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use wnm_benches::{Result, processes};

/// The time after which a condition that is waited for counts as a failure.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);

/// A running daemon with its address. It is killed when this value is dropped.
pub(crate) struct Daemon {
    process: Child,
    pub(crate) address: SocketAddr,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

impl Daemon {
    /// Starts a daemon on the colony in `home`, and waits until its cycles complete.
    pub(crate) fn start(wnm: &Path, home: &Path, address: SocketAddr) -> Result<Self> {
        let process = command(wnm, home, &["--quiet", "daemon"]).spawn()?;
        let daemon = Self { process, address };
        wait_for("the first cycle of the daemon", || {
            Ok(matches!(daemon.ask("/readyz"), Ok((_, answer)) if answer.starts_with("HTTP/1.0 200")))
        })?;
        Ok(daemon)
    }

    /// Sends a request, and returns the connection.
    pub(crate) fn connect(&self, path: &str) -> Result<TcpStream> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: {}\r\n\r\n", self.address).as_bytes())?;
        Ok(stream)
    }

    /// Returns the time to the first byte of an answer, and the answer.
    pub(crate) fn ask(&self, path: &str) -> Result<(Duration, String)> {
        let begun = Instant::now();
        let mut stream = self.connect(path)?;
        let mut first = [0];
        stream.read_exact(&mut first)?;
        let took = begun.elapsed();
        let mut answer = first.to_vec();
        stream.read_to_end(&mut answer)?;
        Ok((took, String::from_utf8_lossy(&answer).into_owned()))
    }

    /// Returns the CPU time so far, in seconds.
    pub(crate) fn cpu(&self) -> Result<f64> {
        let stat = self.read("stat")?;
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or_default();
        // utime and stime are the 14th and the 15th field; the third is the first after the name. A tick is 10 ms.
        Ok((ticks(11) + ticks(12)) / 100.0)
    }

    /// Returns a number of a file such as `/proc/PID/status`.
    pub(crate) fn number(&self, file: &str, key: &str) -> Result<u64> {
        let text = self.read(file)?;
        let line = text.lines().find_map(|line| line.strip_prefix(key)).ok_or("no such key")?;
        Ok(line.trim_start_matches(':').split_whitespace().next().unwrap_or_default().parse()?)
    }

    fn read(&self, file: &str) -> Result<String> {
        Ok(fs::read_to_string(format!("/proc/{}/{file}", self.process.id()))?)
    }
}

/// Returns a command of wnm on the colony in `home`, which finds the programs of the host.
pub(crate) fn command(wnm: &Path, home: &Path, args: &[&str]) -> Command {
    let mut command = processes::command(wnm, home, home, args);
    command.env("PATH", "/usr/bin:/bin");
    command
}

/// Waits for a condition, and returns the time that it took.
pub(crate) fn wait_for(name: &str, mut is_met: impl FnMut() -> Result<bool>) -> Result<Duration> {
    let begun = Instant::now();
    while !is_met()? {
        if begun.elapsed() > LIMIT {
            return Err(format!("waited {} s for {name}", LIMIT.as_secs()).into());
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(begun.elapsed())
}

/// Reads a stream of events until the announcement of a cycle.
pub(crate) fn await_cycle(updates: &mut TcpStream) -> Result<()> {
    let mut seen = Vec::new();
    let mut part = [0; 256];
    while !seen.windows(12).any(|window| window == b"event: cycle") {
        let read = updates.read(&mut part)?;
        if read == 0 {
            return Err("the stream ended".into());
        }
        seen.extend_from_slice(&part[..read]);
    }
    Ok(())
}
