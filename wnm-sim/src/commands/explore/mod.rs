//! Closed loop: the engine against a modelled host on which things go wrong, and what must hold whatever happens.

mod run;
mod scramble;
mod shrink;
mod tally;

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::chaos::faults::Faults;
use crate::policy_args::set_all;
use crate::scenario::chaos::Scenario;
use crate::{Exit, SimError};

use run::{Events, Found, Run};
use tally::Tally;

/// Runs the engine against a modelled host with random policies and faults, and checks what must always hold.
///
/// The same seed gives the same run on every machine. A violation prints its seed, cycle and property, writes the
/// smallest scenario that still shows it, and ends with exit code 3.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Names the first run.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Runs so many seeds, from the first one on.
    #[arg(long, default_value_t = 1)]
    seeds: u64,
    /// Cycles of each run.
    #[arg(long, default_value_t = 1000)]
    cycles: u64,
    /// Nodes at the beginning of each run, instead of a number drawn for each.
    #[arg(long, value_parser = clap::value_parser!(u32).range(0..=5000))]
    nodes: Option<u32>,
    /// Kinds of faults: all, none, or a list such as crashes,reboots.
    #[arg(long, default_value = "all")]
    faults: Faults,
    /// One setting in place of the one drawn, such as preset=steady; may be given more than once
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Runs the scenario of this file again.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seed", "seeds", "cycles", "nodes", "faults", "set"])]
    scenario: Option<PathBuf>,
    /// Where the scenario of a violation goes, instead of scenario-SEED.json.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// The scenario file cannot be read, or a file or standard output cannot be written.
pub(crate) fn run(args: Args) -> Result<Exit, SimError> {
    let mut out = std::io::stdout().lock();
    if let Some(path) = &args.scenario {
        let scenario = Scenario::read(path)?;
        let mut tally = Tally::default();
        let found = go(&scenario, Events::Written(&scenario.events), &mut tally)?;
        return report(&mut out, found.map(|found| (scenario, found)), args.output.as_deref(), &tally);
    }
    let mut tally = Tally::default();
    for seed in (0..args.seeds).map(|further| args.seed.wrapping_add(further)) {
        let drawn = Scenario::drawn(seed, args.cycles, args.nodes);
        let settings = set_all(drawn.settings.clone(), "--set", &args.set)?;
        let scenario = Scenario { settings, ..drawn };
        let drawn = Events::Drawn(&args.faults);
        if let Some(found) = go(&scenario, drawn, &mut tally)? {
            let written = Scenario { events: drawn.written(&scenario, found.cycle), ..scenario };
            let shrunk = shrink::shrunk(written, found);
            return report(&mut out, Some(shrunk), args.output.as_deref(), &tally);
        }
    }
    report(&mut out, None, None, &tally)
}

/// Runs one scenario to its end or its first violation.
fn go(scenario: &Scenario, events: Events<'_>, tally: &mut Tally) -> Result<Option<Found>, SimError> {
    let mut run = Run::new(scenario, events).map_err(SimError::input)?;
    let found = run.run_to_end();
    tally.add(run.tally());
    Ok(found)
}

fn report(
    out: &mut impl Write,
    found: Option<(Scenario, Found)>,
    output: Option<&Path>,
    tally: &Tally,
) -> Result<Exit, SimError> {
    let Some((mut scenario, found)) = found else {
        writeln!(out, "{tally}\nno violation").map_err(SimError::Output)?;
        return Ok(Exit::Done);
    };
    let name = PathBuf::from(format!("scenario-{}.json", scenario.seed));
    let path = output.map_or(name, Path::to_owned);
    scenario.violates = Some(format!("cycle {}: {}", found.cycle, found.violation));
    scenario.write(&path)?;
    writeln!(out, "violation of {}", found.violation)
        .and_then(|()| writeln!(out, "  seed {}, cycle {}", scenario.seed, found.cycle))
        .and_then(|()| writeln!(out, "  {} nodes, {} events", scenario.nodes, scenario.events.len()))
        .and_then(|()| writeln!(out, "  again: wnm-sim explore --scenario {}", path.display()))
        .map_err(SimError::Output)?;
    Ok(Exit::Violated)
}

/// Runs so many cycles of a colony that stays about as large as it begins, and returns how many nodes there were on
/// average: for measuring.
///
/// # Errors
/// A property did not hold.
pub fn cycles(nodes: u32, cycles: u64) -> Result<u64, String> {
    let scenario = Scenario::steady(nodes, cycles);
    let faults = Faults::all();
    let mut run = Run::new(&scenario, Events::Drawn(&faults))?;
    match run.run_to_end() {
        Some(found) => Err(found.violation.to_string()),
        None => Ok(run.tally().mean_nodes()),
    }
}
