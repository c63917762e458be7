//! `wnm run`: one cycle.

use std::path::Path;
use std::time::Duration;

use wnm_agent::{Mode, Trigger};
use wnm_store::Schedule;

use crate::args::Run;
use crate::config;
use crate::context::{self, Context};
use crate::error::{CliError, CommandError, Exit};
use crate::freshness;
use crate::output::Output;
use crate::rebuild::{self, Attempt};

/// The time for which a single cycle goes on copying the folder of a node that moves: half of the interval of cron.
const COPY_TIME: Duration = Duration::from_secs(30);

/// Runs one cycle. Does not wait for the lock: another wnm that holds it runs a cycle itself.
pub(crate) fn run(db: &Path, args: &Run, output: &mut Output) -> Result<Exit, CliError> {
    let lock = context::lock(db, Duration::ZERO)?;
    let once = config::from_once(&args.once)?;
    let mode = if args.dry_run { Mode::DryRun } else { Mode::Act };
    let cycle = |trigger| {
        let mut context = Context::open_once(db, &args.settings, once.clone(), mode)?;
        if mode == Mode::Act {
            freshness::record(&mut context.agent.store, Schedule::CRON);
        }
        let report = context.run_cycle(&trigger, mode)?;
        Ok::<_, CliError>((report, context))
    };
    let (report, context) = match cycle(Trigger::Scheduled) {
        Err(error) if mode == Mode::Act && rebuild::is_needed(&error) => {
            match rebuild::rebuild(db, &config::from_flags(&args.settings)?)? {
                // Its first cycle observes the nodes, and begins no action.
                Attempt::Rebuilt => cycle(Trigger::Resumed)?,
                Attempt::NoCopy => return Err(error),
            }
        }
        other => other?,
    };
    // cron mails each output: a cycle without a change is none. A dry run is asked for its decision.
    let is_change = mode == Mode::DryRun || !report.worked.is_empty() || report.has_failures();
    if is_change || output.is_json() || !output.is_quiet() {
        output.cycle(&report)?;
    }
    drop(lock);
    // The copy of a node that moves needs a process. Another wnm may run cycles meanwhile.
    context.agent.platform.wait_for_copies(COPY_TIME);
    if let Some(failure) = context.agent.platform.manager_failure() {
        return Err(CommandError::ManagerFailure(failure).into());
    }
    Ok(if report.has_failures() { Exit::ActionFailed } else { Exit::Done })
}
