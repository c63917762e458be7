//! `wnm run`: one cycle.

use std::path::Path;
use std::time::{Duration, Instant};

use wnm_agent::{Mode, Trigger};
use wnm_core::Outcome;
use wnm_store::Schedule;

use super::config::cap::{self, Agreed};
use super::node::CYCLE_PAUSE;
use crate::args::{ConsentFlag, Run};
use crate::config;
use crate::confirm;
use crate::context::{self, Context};
use crate::error::{CliError, CommandError, Exit};
use crate::freshness;
use crate::output::Output;
use crate::rebuild::{self, Attempt};

/// The time after which a run that moves a node resumes the actions although its copy has not ended, and for which it waits
/// for a node that is down without a copy: the interval of cron.
const MOVE_INTERVAL: Duration = Duration::from_secs(60);

/// Runs one cycle. Does not wait for the lock: another wnm that holds it runs a cycle itself.
///
/// The copy of a node that moves needs a process: this one stays until the move has ended, so that a folder of any size
/// moves under cron. It holds no lock meanwhile, so that the runs which cron starts beside it watch the other nodes.
pub(crate) fn run(db: &Path, args: &Run, output: &mut Output) -> Result<Exit, CliError> {
    let once = config::from_once(&args.once)?;
    let mode = if args.dry_run { Mode::DryRun } else { Mode::Act };
    let consent = ConsentFlag { is_given: args.yes || mode == Mode::DryRun };
    let Agreed { settings, left_out } = cap::agreed(db, &args.settings, consent, output)?;
    let lock = context::lock(db, Duration::ZERO)?;
    let cycle = |trigger| {
        let mut context = Context::open_once(db, &settings, once.clone(), mode)?;
        if mode == Mode::Act {
            freshness::record(&mut context.agent.store, Schedule::CRON);
        }
        let report = context.run_cycle(&trigger, mode)?;
        Ok::<_, CliError>((report, context))
    };
    let (mut report, mut context) = match cycle(Trigger::Scheduled) {
        Err(error) if mode == Mode::Act && rebuild::is_needed(&error) => {
            match rebuild::rebuild(db, &config::from_flags(&settings)?)? {
                // Its first cycle observes the nodes, and begins no action.
                Attempt::Rebuilt => cycle(Trigger::Resumed)?,
                Attempt::NoCopy => return Err(error),
            }
        }
        other => other?,
    };
    // cron mails each output, so that a cycle without a change has none. A dry run is asked for its decision.
    let is_change = mode == Mode::DryRun || !report.worked.is_empty() || report.has_failures();
    if is_change || output.is_json() || !output.is_quiet() {
        output.cycle(&report)?;
    }
    drop(lock);
    let mut has_failures = report.has_failures();
    let mut copied = Instant::now();
    if report.is_pending() {
        context.progress = output.progress();
    }
    loop {
        for (_, outcome) in &report.worked {
            if let Outcome::Pending { why, .. } = outcome {
                context.progress.note(why);
            }
        }
        if context.agent.platform.wait_for_copy(MOVE_INTERVAL) {
            copied = Instant::now();
        } else if report.has_node_down_for_move() && copied.elapsed() < MOVE_INTERVAL {
            std::thread::sleep(CYCLE_PAUSE);
        } else {
            break;
        }
        let _lock = context::lock(db, context::LOCK_TIMEOUT)?;
        report = context.run_cycle(&Trigger::Resumed, mode)?;
        // One document for each run, and no line for each wait.
        if !output.is_json() && report.has_ended() {
            output.cycle(&report)?;
        }
        has_failures |= report.has_failures();
    }
    context.progress.end();
    if let Some(failure) = context.agent.platform.manager_failure() {
        return Err(CommandError::ManagerFailure(failure).into());
    }
    if let Some(cap) = left_out {
        return Err(CommandError::LowerCap { cap, line: confirm::this_line_with_yes() }.into());
    }
    Ok(if has_failures { Exit::ActionFailed } else { Exit::Done })
}
