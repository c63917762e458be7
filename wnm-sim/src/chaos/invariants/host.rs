//! Properties of the host and the store after every cycle, a crashed one included.

use std::time::Duration;

use wnm_core::Action;

use super::{Property, Violation};
use crate::chaos::ChaosModel;
use crate::chaos::ledger::{Ledger, OpenAction};

/// Compares processes, folders, programs and ports with the rows of the store.
///
/// # Errors
/// The first violated property.
pub(crate) fn check(model: &mut ChaosModel, ledger: &Ledger) -> Result<(), Violation> {
    if let Some(violation) = model.take_violation() {
        return Err(violation);
    }
    let mut rows = ledger.nodes.iter().peekable();
    for (number, site) in (1_u32..).zip(model.nodes()) {
        let row = rows.next_if(|(id, _)| id.get() == number);
        let Some((id, row)) = row else {
            if site.process.is_some() {
                return Err(Violation::new(Property::Rows, format!("a process of node {number} runs without a row")));
            }
            continue;
        };
        let is_own = site.folder.as_ref().is_some_and(|folder| folder.marker == row.uuid);
        if is_own && site.folder.as_ref().is_some_and(|folder| folder.program.is_some()) || site.is_lost {
            continue;
        }
        let is_being_made = ledger.open.iter().any(|open| open.record.planned.action == Action::Add { node: *id });
        if row.is_leaving || is_being_made {
            continue;
        }
        if !is_own {
            return Err(Violation::new(Property::Tombstone, format!("the folder of {id} is gone")));
        }
        return Err(Violation::new(Property::Program, format!("{id} has no program")));
    }
    Ok(())
}

/// Checks that every action ends within twice the sum of the time limits of its steps, undo included.
pub(crate) fn limits_of_time(open: &[OpenAction], awake: Duration) -> Result<(), Violation> {
    const LIMIT: Duration = Duration::from_secs(4 * 3600);
    for OpenAction { record, awake: begun } in open {
        let linger = match record.planned.action {
            Action::Remove { linger, .. } => linger,
            _ => Duration::ZERO,
        };
        let worked = awake.saturating_sub(*begun);
        if worked > LIMIT + linger {
            let detail = format!("{} of {} takes {worked:?}", record.planned.action.verb(), record.node());
            return Err(Violation::new(Property::Ends, detail));
        }
    }
    Ok(())
}
