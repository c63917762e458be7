//! `wnm fleet hold`, `resume` and `set`: commands to hosts.

use std::path::Path;
use std::time::{Duration, Instant};

use wnm_agent::fleet::command::{Target, one_line};
use wnm_agent::fleet::document::HostState;
use wnm_agent::fleet::membership::Operator;
use wnm_agent::fleet::operator::{Fleet, FleetError, HostRecord, Order};
use wnm_agent::fleet::signature::SigningKey;
use wnm_core::FleetLimits;

use super::{failed, open};
use crate::args::{FleetHold, FleetOrder, FleetResume, FleetSet, Limit};
use crate::error::{CliError, Exit, FleetCommandError};
use crate::output::Output;
use crate::render::fleet::{self, Obedience, Sent};
use crate::valves;

/// The validity of a command without `--until`.
const VALIDITY: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Time between two readings of the states of the hosts.
const POLL: Duration = Duration::from_secs(1);

/// Holds hosts.
///
/// # Errors
/// The engine or the key cannot be used, a host is unknown, or the end is past.
pub(super) fn hold(path: &Path, args: FleetHold, output: &Output) -> Result<Exit, CliError> {
    let reason = one_line(&args.reason);
    if reason.is_empty() {
        return Err(failed(FleetCommandError::NoReason));
    }
    let order = Order { reason, drain: args.drain, ..order(&args.order)? };
    let mut connection = open(path)?;
    connection.check_targets(&order.targets).map_err(failed)?;
    let (generation, stops) = if args.unsigned {
        (None, connection.stop(&order).map_err(failed)?)
    } else {
        let key = key(path)?;
        (Some(connection.hold(&key, path, &order).map_err(failed)?), Vec::new())
    };
    // A host that is held already may refuse one more hold without a signature.
    let is_obeyed = |state: &HostState| match generation {
        Some(generation) => state.generation >= generation,
        None => stops.iter().any(|stop| state.stops.contains(stop)),
    };
    finish(&mut connection, &args.order, &order, ("hold", generation), is_obeyed, output)
}

/// Ends the hold of hosts.
///
/// # Errors
/// The engine or the key cannot be used, a host is unknown, or the end is past.
pub(super) fn resume(path: &Path, args: FleetResume, output: &Output) -> Result<Exit, CliError> {
    let order = order(&args.order)?;
    let mut connection = open(path)?;
    connection.check_targets(&order.targets).map_err(failed)?;
    let generation = connection.resume(&key(path)?, path, &order).map_err(failed)?;
    let is_obeyed = |state: &HostState| state.generation >= generation;
    finish(&mut connection, &args.order, &order, ("resume", Some(generation)), is_obeyed, output)
}

/// Narrows the settings of hosts.
///
/// # Errors
/// The engine or the key cannot be used, a host is unknown, or the end is past.
pub(super) fn set(path: &Path, args: FleetSet, output: &Output) -> Result<Exit, CliError> {
    let mut limits = FleetLimits::default();
    for limit in args.limits {
        match limit {
            Limit::Window(window) => limits.window = window,
            Limit::MaxUnavailable(most) => limits.max_unavailable = most,
        }
    }
    let order = order(&args.order)?;
    let mut connection = open(path)?;
    connection.check_targets(&order.targets).map_err(failed)?;
    let generation = connection.set(&key(path)?, path, &order, limits).map_err(failed)?;
    let is_obeyed = |state: &HostState| state.limits >= generation;
    finish(&mut connection, &args.order, &order, ("set", Some(generation)), is_obeyed, output)
}

pub(super) fn key(path: &Path) -> Result<SigningKey, CliError> {
    SigningKey::read(&Operator::key_path(path)).map_err(|error| failed(FleetError::from(error)))
}

fn order(args: &FleetOrder) -> Result<Order, CliError> {
    let issued = valves::now();
    let not_after = args.until.map_or_else(|| issued.after(VALIDITY), |until| until.at(issued));
    if not_after <= issued {
        return Err(failed(FleetCommandError::Ended));
    }
    let targets =
        if args.hosts.is_empty() { vec![Target::All] } else { args.hosts.iter().cloned().map(Target::Host).collect() };
    Ok(Order { targets, reason: String::new(), drain: false, issued, not_after })
}

/// Waits until the hosts obey, and prints the result.
fn finish(
    connection: &mut Fleet,
    args: &FleetOrder,
    order: &Order,
    (verb, generation): (&'static str, Option<u64>),
    is_obeyed: impl Fn(&HostState) -> bool,
    output: &Output,
) -> Result<Exit, CliError> {
    let started = Instant::now();
    let obedience = loop {
        let records = connection.hosts().map_err(failed)?;
        let is_meant = |record: &&HostRecord| order.targets.iter().any(|target| target.includes(&record.host));
        let obedience = Obedience::of(records.iter().filter(is_meant), &is_obeyed);
        let left = args.wait.saturating_sub(started.elapsed());
        if obedience.waiting.is_empty() || left.is_zero() {
            break obedience;
        }
        std::thread::sleep(POLL.min(left));
    };
    let is_late = !obedience.waiting.is_empty() && !args.wait.is_zero();
    let sent = Sent::new(verb, generation, order.not_after, obedience);
    output.result(&sent, fleet::sent)?;
    Ok(if is_late { Exit::ActionFailed } else { Exit::Done })
}
