//! `wnm-sim explore`: runs the cycle on the chaos model with random faults, and checks the invariants.

mod checks;
mod events;
mod run;
mod shrink;
mod tally;
mod variation;

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::chaos::faults::Faults;
use crate::policy_args::set_all;
use crate::scenario::chaos::Scenario;
use crate::{Exit, SimError, values};

use events::Events;
use run::{Found, Run};
use tally::Tally;

/// Run the cycle on a model of a host with random faults and check the invariants
///
/// The same seed gives the same run on every machine. On a violation the command prints the seed, the cycle and the
/// invariant, writes the smallest scenario that still shows the violation, and exits with code 3.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  wnm-sim explore --seed 7 --cycles 100000
  wnm-sim explore --seeds 100 --faults crashes,reboots --set preset=steady
  wnm-sim explore --scenario scenario-7.json

See docs/TESTING.md for the faults and the invariants.")]
pub struct Args {
    /// Seed of the first run
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = values::seed)]
    seed: u64,
    /// Number of runs, with ascending seeds
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = values::count)]
    seeds: u64,
    /// Cycles of each run, before the calm cycles at its end
    #[arg(long, default_value_t = 1000, value_name = "N", value_parser = values::count)]
    cycles: u64,
    /// Nodes at the start of each run, 0 to 5000 [default: drawn from the seed, 0 to 250]
    #[arg(long, value_name = "N", value_parser = values::explored_nodes)]
    nodes: Option<u32>,
    /// Kinds of faults: all, none, or a list such as crashes,reboots
    #[arg(long, default_value = "all")]
    faults: Faults,
    /// Setting that replaces the drawn one, such as preset=steady; may be given more than once
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Run the scenario in this file instead
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seed", "seeds", "cycles", "nodes", "faults", "set"])]
    scenario: Option<PathBuf>,
    /// File for the scenario of a violation [default: scenario-SEED.json]
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
        let found = explore(&scenario, Events::Listed(&scenario.events), &mut tally)?;
        return report(&mut out, found.map(|found| (scenario, found)), args.output.as_deref(), &tally);
    }
    let mut tally = Tally::default();
    for seed in (0..args.seeds).map(|offset| args.seed.wrapping_add(offset)) {
        let drawn = Scenario::drawn(seed, args.cycles, args.nodes);
        let settings = set_all(drawn.settings.clone(), "--set", &args.set)?;
        let scenario = Scenario { settings, ..drawn };
        let events = Events::Drawn(&args.faults);
        if let Some(found) = explore(&scenario, events, &mut tally)? {
            let listed = Scenario { events: events.list(&scenario, found.cycle), ..scenario };
            let shrunk = shrink::shrunk(listed, found);
            return report(&mut out, Some(shrunk), args.output.as_deref(), &tally);
        }
    }
    report(&mut out, None, None, &tally)
}

/// Runs one scenario to its end or its first violation.
fn explore(scenario: &Scenario, events: Events<'_>, tally: &mut Tally) -> Result<Option<Found>, SimError> {
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
        .and_then(|()| writeln!(out, "  repeat: wnm-sim explore --scenario {}", path.display()))
        .map_err(SimError::Output)?;
    Ok(Exit::Violated)
}

/// Runs cycles of a colony of nearly constant size, and returns the average number of nodes. For benchmarks.
///
/// # Errors
/// The run violates a property.
pub fn cycles(nodes: u32, cycles: u64) -> Result<u64, String> {
    let scenario = Scenario::steady(nodes, cycles);
    let faults = Faults::all();
    let mut run = Run::new(&scenario, Events::Drawn(&faults))?;
    match run.run_to_end() {
        Some(found) => Err(found.violation.to_string()),
        None => Ok(run.tally().mean_nodes()),
    }
}
