//! A daemon with many clients.

use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use super::daemon::{Daemon, await_cycle};
use wnm_benches::Result;

pub(crate) const READERS: usize = 50;
pub(crate) const SLOW_CLIENTS: u64 = 10_000;

/// The daemon with many clients.
pub(crate) struct Crowd {
    /// Time between the first and the last reader that learns of a cycle.
    pub(crate) spread: Duration,
    /// Time of an answer beside slow clients.
    pub(crate) beside: Duration,
    /// Resident set after them, in bytes.
    pub(crate) memory: u64,
}

pub(crate) fn measure(daemon: &Daemon) -> Result<Crowd> {
    let spread = spread(daemon)?;
    let mut slow = Vec::new();
    for _ in 0..SLOW_CLIENTS {
        let mut client = TcpStream::connect(daemon.address)?;
        // The server may have disconnected this one already, for a later one.
        _ = client.write_all(b"GET /metrics HTTP/1.1\r\nHost: ");
        slow.push(client);
    }
    let (beside, answer) = daemon.ask("/metrics")?;
    if !answer.starts_with("HTTP/1.0 200") {
        return Err(format!("no metrics beside slow clients: {answer}").into());
    }
    Ok(Crowd { spread, beside, memory: daemon.number("status", "VmRSS")? * 1024 })
}

fn spread(daemon: &Daemon) -> Result<Duration> {
    let readers = (0..READERS).map(|_| daemon.connect("/updates")).collect::<Result<Vec<_>>>()?;
    let waits = readers.into_iter().map(|mut reader| {
        thread::spawn(move || {
            // The first cycle may have been announced to some of the readers only.
            await_cycle(&mut reader).ok()?;
            await_cycle(&mut reader).ok()?;
            Some(Instant::now())
        })
    });
    let waits: Vec<_> = waits.collect();
    let times: Vec<Instant> = waits.into_iter().filter_map(|wait| wait.join().ok().flatten()).collect();
    if times.len() < READERS {
        return Err(format!("only {} of {READERS} readers got a cycle", times.len()).into());
    }
    Ok(times.iter().max().zip(times.iter().min()).map_or(Duration::ZERO, |(last, first)| *last - *first))
}
