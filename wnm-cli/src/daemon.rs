//! The daemon: the one cycle, again and again, until it is told to end.

use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals as SignalStream;

use crate::args::Daemon;
use crate::context::{self, Context, LOCK_PATIENCE};
use crate::cpu_limit;
use crate::cycle::{self, Mode, Trigger};
use crate::error::{CliError, Exit};
use crate::output::Output;

/// How long the daemon goes on with actions under way after it was told to end.
const DRAIN: Duration = Duration::from_secs(30);
/// Time between two looks while draining.
const DRAIN_INTERVAL: Duration = Duration::from_millis(200);

/// Time the lock is free between two cycles, however long they take: commands try for it several times a second.
const TURN_OF_OTHERS: Duration = Duration::from_millis(100);

/// What wakes the daemon before its time.
enum Wake {
    /// It is to look now.
    Look,
    /// It is to end.
    End,
}

/// Runs cycles until SIGTERM or SIGINT; the lock is held for each cycle only, so that commands get their turn.
pub(crate) fn run(db: &std::path::Path, args: &Daemon, output: &mut Output) -> Result<Exit, CliError> {
    let wakes = listen()?;
    let lock = context::lock(db, LOCK_PATIENCE)?;
    let mut context = Context::open(db, &args.settings)?;
    drop(lock);
    tracing::info!(interval = ?args.interval, "daemon begins");
    loop {
        let begun = Instant::now();
        turn(&mut context, db, &Trigger::Scheduled, output)?;
        match wakes.recv_timeout(args.interval.saturating_sub(begun.elapsed()).max(TURN_OF_OTHERS)) {
            Err(RecvTimeoutError::Timeout) | Ok(Wake::Look) => {}
            Err(RecvTimeoutError::Disconnected) | Ok(Wake::End) => break,
        }
    }
    drain(&mut context, db, output)
}

/// Runs one cycle under the lock. What can pass by itself is logged, and the next cycle tries again.
fn turn(context: &mut Context, db: &std::path::Path, trigger: &Trigger, output: &mut Output) -> Result<bool, CliError> {
    let attempt = context::lock(db, LOCK_PATIENCE).and_then(|_lock| {
        context.refresh()?;
        cycle::run(context, trigger, Mode::Act)
    });
    match attempt {
        Ok(report) => {
            output.cycle(&report)?;
            Ok(report.is_pending())
        }
        // Without a reader there is nobody to work for.
        Err(CliError::Output(error)) => Err(CliError::Output(error)),
        Err(error) => {
            tracing::error!(%error, hint = error.hint(), "cycle failed");
            Ok(false)
        }
    }
}

fn drain(context: &mut Context, db: &std::path::Path, output: &mut Output) -> Result<Exit, CliError> {
    let told = Instant::now();
    tracing::info!("daemon drains");
    while turn(context, db, &Trigger::Resumed, output)? && told.elapsed() < DRAIN {
        std::thread::sleep(DRAIN_INTERVAL);
    }
    cpu_limit::lift(context.platform.cpu_limit());
    tracing::info!("daemon ends");
    Ok(Exit::Done)
}

/// Turns signals into wakes.
fn listen() -> Result<Receiver<Wake>, CliError> {
    let (sender, receiver) = channel();
    let mut signals = SignalStream::new([SIGTERM, SIGINT, SIGHUP])?;
    std::thread::spawn(move || {
        for signal in signals.forever() {
            let wake = if signal == SIGHUP { Wake::Look } else { Wake::End };
            if sender.send(wake).is_err() {
                break;
            }
        }
    });
    Ok(receiver)
}
