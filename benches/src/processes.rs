//! Whole processes: runs of the built `wnm` with their cost, and processes that a process manager takes for nodes.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;

use crate::Result;

/// How often a command is run for the median of its cost.
pub const RUNS: usize = 5;

/// Returns the built command, which lies beside the folder this bench runs from.
///
/// # Errors
/// The command is not built.
pub fn built() -> Result<PathBuf> {
    let bench = std::env::current_exe()?;
    let wnm = bench.ancestors().nth(2).ok_or("no target folder")?.join("wnm");
    if !wnm.exists() {
        return Err(format!("no program at {}: run `cargo build --release -p wnm-cli` first", wnm.display()).into());
    }
    Ok(wnm)
}

/// Returns a command of wnm on the database in `folder`, in an environment of its own and without input and output.
#[must_use]
pub fn command(wnm: &Path, home: &Path, folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(wnm);
    command.arg("--db").arg(folder.join("wnm.db")).args(args).env_clear().env("HOME", home);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// The cost of a process.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    wall: Duration,
    cpu: Duration,
    /// Largest resident set so far among all children, in kB: the kernel keeps no other for children.
    peak: i64,
}

/// Runs a command to its end, and returns its cost and its output.
///
/// # Errors
/// The command cannot be started.
pub fn measure(command: &mut Command) -> Result<(Cost, Output)> {
    let cpu = || -> Result<Duration> {
        let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
        let micros = (usage.user_time() + usage.system_time()).num_microseconds();
        Ok(Duration::from_micros(u64::try_from(micros)?))
    };
    let (before, begun) = (cpu()?, Instant::now());
    let output = command.output()?;
    let wall = begun.elapsed();
    Ok((Cost { wall, cpu: cpu()? - before, peak: getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss() }, output))
}

/// Prints the heading of [`report`].
#[expect(clippy::print_stdout, reason = "the figures of a bench are what it is for")]
pub fn heading() {
    println!("{:<34} {:>9} {:>9} {:>9}   each: median of {RUNS}", "", "wall ms", "cpu ms", "peak MB");
}

/// Prints the median cost of the runs of a command.
#[expect(clippy::print_stdout, reason = "the figures of a bench are what it is for")]
pub fn report(name: &str, runs: &[Cost]) {
    let median = |of: fn(&Cost) -> Duration| {
        let mut times: Vec<Duration> = runs.iter().map(of).collect();
        times.sort_unstable();
        times.get(times.len() / 2).map_or(f64::NAN, |time| time.as_secs_f64() * 1000.0)
    };
    let (wall, cpu) = (median(|cost| cost.wall), median(|cost| cost.cpu));
    let peak = runs.iter().map(|cost| cost.peak).max().unwrap_or_default();
    println!("{name:<34} {wall:>9.1} {cpu:>9.1} {:>9.1}", peak as f64 / 1000.0);
}

/// Processes that a process manager takes for those of nodes: each is this bench, and calls [`waited_as_node`] first. They
/// are killed when this value is dropped.
#[derive(Debug)]
pub struct Nodes {
    /// A copy of this bench on the volume of the nodes.
    program: PathBuf,
    processes: Vec<Child>,
}

impl Nodes {
    /// Returns no process.
    ///
    /// # Errors
    /// `home` cannot be written.
    pub fn new(home: &Path) -> io::Result<Self> {
        let program = home.join("bench");
        fs::copy(std::env::current_exe()?, &program)?;
        Ok(Self { program, processes: Vec::new() })
    }

    /// Starts a node with its program at `binary`, which does not exist yet, on its folder.
    ///
    /// # Errors
    /// The program cannot be linked or started.
    pub fn start(&mut self, binary: &Path, root_dir: &Path, args: &[impl AsRef<OsStr>]) -> io::Result<()> {
        // The kernel tells the name of a hard link as that of the running program.
        fs::hard_link(&self.program, binary)?;
        let mut command = Command::new(binary);
        command.arg("--root-dir").arg(root_dir).args(args).env_clear();
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        self.processes.push(command.spawn()?);
        Ok(())
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        for process in &mut self.processes {
            _ = process.kill();
            _ = process.wait();
        }
    }
}

/// Tells whether this process is one of [`Nodes`], after waiting for the end of its standard input, so that none outlives
/// the bench.
///
/// # Errors
/// Standard input cannot be read.
pub fn waited_as_node() -> io::Result<bool> {
    let is_node = std::env::args().nth(1).is_some_and(|arg| arg == "--root-dir");
    if is_node {
        io::stdin().read_to_end(&mut Vec::new())?;
    }
    Ok(is_node)
}
