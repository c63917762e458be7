//! `wnm fleet rollout`: one version on all hosts, a few hosts at a time.

use std::path::Path;

use wnm_agent::fleet::command::one_line;
use wnm_agent::fleet::engine::EngineError;
use wnm_agent::fleet::operator::FleetError;
use wnm_agent::fleet::rollout::driver::{self, AfterAbort, Driver, INTERVAL};
use wnm_agent::fleet::rollout::order::{Program, Sha256};
use wnm_agent::fleet::rollout::plan::RolloutPlan;
use wnm_agent::fleet::rollout::progress::{Phase, Rollout};
use wnm_platform::node_dir;

use super::order::key;
use super::{failed, open, operator};
use crate::args::{FleetRollout, FleetRolloutAbort, FleetRolloutStart, ProgramDigest};
use crate::error::{CliError, Exit, FleetCommandError};
use crate::interrupt::{Interrupt, Waited};
use crate::output::Output;
use crate::render::fleet::{RolloutView, rollout, rollout_change};
use crate::valves;

/// Runs a command on rollouts.
///
/// # Errors
/// The engine, the key or a file cannot be used, or there is no rollout that the command fits.
pub(super) fn run(path: &Path, command: FleetRollout, output: &Output) -> Result<Exit, CliError> {
    match command {
        FleetRollout::Start(args) => start(path, args, output),
        FleetRollout::Status => status(path, output),
        FleetRollout::Promote => {
            let mut fleet = open(path)?;
            let driver = Driver::promote(&mut fleet, key(path)?, path, valves::now()).map_err(failed)?;
            drive(driver, output)
        }
        FleetRollout::Abort(args) => abort(path, &args, output),
    }
}

fn start(path: &Path, args: FleetRolloutStart, output: &Output) -> Result<Exit, CliError> {
    // The operator before the digest: without a fleet its file does not matter.
    operator(path)?;
    let plan = RolloutPlan {
        program: Program { version: args.version, sha256: digest(args.digest)? },
        canary: args.canary,
        max_parallel: args.max_parallel,
        max_failures: args.max_failures,
        min_healthy_time: args.min_healthy_time,
        healthy_deadline: args.healthy_deadline,
        progress_deadline: args.progress_deadline,
        stagger: args.stagger,
        auto_promote: args.auto_promote,
    };
    let mut fleet = open(path)?;
    let driver = Driver::start(&mut fleet, key(path)?, path, plan, valves::now()).map_err(failed)?;
    drive(driver, output)
}

fn digest(digest: ProgramDigest) -> Result<Sha256, CliError> {
    let path = match digest {
        ProgramDigest { sha256: Some(sha256), .. } => return Ok(sha256),
        ProgramDigest { program, .. } => program.unwrap_or_default(),
    };
    let unusable = |cause: String| failed(FleetCommandError::Program { path: path.clone(), cause });
    let text = node_dir::digest(&path).map_err(|error| unusable(error.to_string()))?;
    let text = text.ok_or_else(|| unusable("it does not exist".to_owned()))?;
    text.parse().map_err(|error: wnm_agent::fleet::rollout::order::NotASha256| unusable(error.to_string()))
}

/// Gives out leases until the rollout ends, or a signal ends the command.
fn drive(mut driver: Driver<'_>, output: &Output) -> Result<Exit, CliError> {
    let interrupt = Interrupt::new()?;
    let mut told = None;
    while driver.rollout().phase.is_running() {
        match driver.turn(valves::now()) {
            Ok(changes) if !output.is_json() => {
                changes.iter().for_each(|(host, progress)| output.say(&rollout_change(host, progress)));
            }
            Ok(_) => {}
            // The leases of hosts end meanwhile, so that a long loss of the engine stops the rollout.
            Err(FleetError::Engine(error @ (EngineError::Unreachable { .. } | EngineError::Fault { .. }))) => {
                // Each turn fails while the engine is away.
                let error = error.to_string();
                if told.as_ref() != Some(&error) {
                    tracing::warn!(error, "the engine cannot be used, the next turns try again");
                    told = Some(error);
                }
                _ = driver.reconnect();
            }
            Err(error) => return Err(failed(error)),
        }
        if driver.rollout().phase.is_running() && interrupt.wait(INTERVAL) == Waited::Interrupted {
            let last = driver.leave().map_err(failed)?;
            output.result(&RolloutView::from(&last), rollout)?;
            return Ok(Exit::Done);
        }
    }
    let rolled = driver.rollout();
    output.result(&RolloutView::from(rolled), rollout)?;
    Ok(exit(rolled))
}

const fn exit(rollout: &Rollout) -> Exit {
    match rollout.phase {
        Phase::Complete | Phase::Promotable | Phase::Canary | Phase::Waves => Exit::Done,
        Phase::Incomplete | Phase::Stopped | Phase::Aborted => Exit::ActionFailed,
    }
}

fn status(path: &Path, output: &Output) -> Result<Exit, CliError> {
    operator(path)?;
    let last = driver::read_rollout(path).map_err(failed)?.ok_or_else(|| failed(FleetError::NoRollout))?;
    output.result(&RolloutView::from(&last), rollout)?;
    Ok(Exit::Done)
}

fn abort(path: &Path, args: &FleetRolloutAbort, output: &Output) -> Result<Exit, CliError> {
    let after = if args.release { AfterAbort::Release } else { AfterAbort::Stop };
    let (mut fleet, key) = (open(path)?, key(path)?);
    let last = driver::abort(&mut fleet, &key, path, after, &one_line(&args.reason), valves::now()).map_err(failed)?;
    match last {
        Some(last) => output.result(&RolloutView::from(&last), rollout)?,
        None => output.result(&None::<RolloutView>, |_| "the rollout of another operator was aborted\n".to_owned())?,
    }
    Ok(Exit::Done)
}
