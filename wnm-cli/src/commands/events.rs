//! `wnm events`: the begins and ends of actions.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use wnm_agent::control::Client;
use wnm_store::{ActionFilter, Store};

use super::period;
use crate::args::Events;
use crate::error::{CliError, Exit};
use crate::interrupt::{Interrupt, Waited};
use crate::output::Output;
use crate::render::events::{self, EventKind, EventView};

/// Time between two readings of the history while following without a daemon, and between two attempts to reach one.
const POLL: Duration = Duration::from_secs(1);
/// Time between two readings while a daemon announces changes. Only a command beside it could make unannounced ones.
const ANNOUNCED_POLL: Duration = Duration::from_secs(10);
/// The maximum number of actions that one reading of a follower returns.
const MOST_NEW: u32 = 10_000;

/// Prints the latest events, and new ones with `--follow`.
///
/// # Errors
/// The node or the period cannot be used, the database cannot be read, or the output cannot be written.
pub(crate) fn run(db: &Path, args: &Events, output: &Output) -> Result<Exit, CliError> {
    let store = Store::open_read_only(db)?;
    let selected = period::select(&store, &args.period)?;
    let filter = ActionFilter {
        node: selected.node,
        since: selected.since,
        until: selected.until,
        // Each action has one event at least. A follower must know all earlier events, to tell the new ones.
        limit: if args.follow { MOST_NEW } else { args.lines },
    };
    let all = read(&store, &filter)?;
    let is_within = |event: &&EventView| {
        selected.since.is_none_or(|since| event.at >= since) && selected.until.is_none_or(|until| event.at <= until)
    };
    let mut latest: Vec<EventView> = all.iter().filter(is_within).cloned().collect();
    latest.drain(..latest.len().saturating_sub(args.lines as usize));
    if !args.follow {
        output.result(&latest, |latest| events::text(latest))?;
        return Ok(Exit::Done);
    }
    drop(store);
    // Before the first line, so that a Ctrl-C right after it ends the command with code 0 too.
    let interrupt = Interrupt::new()?;
    write_each(&latest, output)?;
    follow(db, &filter, &all, &interrupt, output)
}

/// Reads the events of the actions that match a filter, oldest first. Warns of unreadable ones.
///
/// # Errors
/// The database cannot be read.
pub(super) fn read(store: &Store, filter: &ActionFilter) -> Result<Vec<EventView>, CliError> {
    let found = store.actions(filter)?;
    for error in &found.unreadable {
        tracing::warn!(%error, "a record is left out");
    }
    Ok(events::of_actions(&found.actions))
}

/// Writes events that are not in `known` until a signal comes.
fn follow(
    db: &Path,
    filter: &ActionFilter,
    known: &[EventView],
    interrupt: &Interrupt,
    output: &Output,
) -> Result<Exit, CliError> {
    let mut last = known.last().map(|event| event.at).or(filter.since);
    let mut known: BTreeSet<(i64, EventKind)> = known.iter().map(|event| (event.action_id, event.event)).collect();
    let announced = announcements(db, interrupt.waker());
    let poll = || if announced.load(Ordering::Relaxed) { ANNOUNCED_POLL } else { POLL };
    while interrupt.wait(poll()) != Waited::Interrupted {
        // Opened anew each time: `wnm db restore` replaces the file.
        let store = Store::open_read_only(db)?;
        let mut new = read(&store, &ActionFilter { since: last, ..*filter })?;
        new.retain(|event| last.is_none_or(|last| event.at >= last) && known.insert((event.action_id, event.event)));
        write_each(&new, output)?;
        last = new.last().map(|event| event.at).or(last);
    }
    Ok(Exit::Done)
}

/// Calls `wake` after each change that a daemon announces, on a thread of its own. Returns whether a daemon does so now.
pub(super) fn announcements(db: &Path, wake: impl Fn() -> bool + Send + 'static) -> Arc<AtomicBool> {
    let is_announced = Arc::new(AtomicBool::new(false));
    let (announced, daemon) = (Arc::clone(&is_announced), Client::of(db));
    let listen = move || {
        loop {
            if let Ok(Some(mut lines)) = daemon.changes() {
                announced.store(true, Ordering::Relaxed);
                while lines.wait().unwrap_or(false) {
                    if !wake() {
                        return;
                    }
                }
                announced.store(false, Ordering::Relaxed);
            }
            std::thread::sleep(POLL);
        }
    };
    // Without the thread, the callers poll.
    _ = std::thread::Builder::new().spawn(listen);
    is_announced
}

fn write_each(events: &[EventView], output: &Output) -> Result<(), CliError> {
    events.iter().try_for_each(|event| output.result(event, events::line))
}
