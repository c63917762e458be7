//! Steps that change the description of a node, and move its folder.

use std::time::Duration;

use wnm_core::steps::{ActionRecord, Effect, Evidence, Step};
use wnm_core::{Action, Node, Reason, Timestamp};

use super::{DONE, HostExecutor, Performed, check_owner};
use crate::error::PlatformError;
use crate::node_dir;
use crate::transfer::{self, Polled, Remaining, Work};

/// The time that a move off a full volume waits until its old folder is deleted; chosen: less than a step may take.
const DELETION_PATIENCE: Duration = Duration::from_secs(240);

impl HostExecutor<'_> {
    pub(super) fn relocate(&self, record: &ActionRecord, now: Timestamp, step: Step) -> Performed {
        let Some(old) = self.nodes.get(&record.node()) else {
            return Err(PlatformError::UnknownNode { node: record.node() });
        };
        let Some(new) = record.planned.action.changed(old) else { return DONE };
        let is_move = matches!(record.planned.action, Action::Move { .. });
        match step {
            Step::Copy | Step::CopyRest | Step::Verify => self.copy(record, step, old, &new),
            Step::Switch if is_move => {
                self.check_places(old, &new)?;
                // A node that was observed as gone may run all the same, or run again.
                if let Some(wait) = self.wait_while_running(old) {
                    return Ok(wait);
                }
                if let wait @ Effect::NotYet(_) = self.wait_for_store(old)? {
                    return Ok(wait);
                }
                let from = old.clone();
                self.on_volume(&new, move |new| transfer::switch(&from, new).and(DONE))?;
                self.manager.release(old)?;
                DONE
            }
            Step::Switch => {
                check_owner(old)?;
                if new.log_dir != old.log_dir {
                    node_dir::create_logs(&new)?;
                }
                DONE
            }
            Step::SwitchBack if is_move => {
                self.check_volume(old)?;
                self.manager.release(&new)?;
                let from = old.clone();
                self.on_volume(&new, move |new| transfer::switch_back(&from, new).and(DONE))
            }
            Step::DropCopy => {
                let from = old.clone();
                self.on_volume(&new, move |new| match transfer::drop_copy(&from, new) {
                    Remaining::Nothing => DONE,
                    Remaining::Files => Ok(Effect::NotYet("the copy is being deleted".to_owned())),
                })
            }
            Step::DropSource => {
                self.check_volume(old)?;
                let storage = self.settings.storage.clone();
                // The next move must not begin for space that the deletion of this folder frees.
                let awaits_deletion =
                    record.planned.reason != Reason::Requested && now.since(record.waiting_since()) < DELETION_PATIENCE;
                self.on_volume(old, move |old| {
                    let moved = transfer::drop_source(old, &new, &storage)?;
                    if awaits_deletion && transfer::delete_source(old) == Remaining::Files {
                        return Ok(Effect::NotYet("the old folder is being deleted".to_owned()));
                    }
                    Ok(Effect::Done(moved.map_or(Evidence::Nothing, |to| Evidence::Moved { to })))
                })
            }
            _ => DONE,
        }
    }

    /// Checks that both volumes are in place: on the bare mount point of a lost one, the copy would fill another volume.
    fn check_places(&self, old: &Node, new: &Node) -> Result<(), PlatformError> {
        self.check_volume(old)?;
        self.check_volume(new)
    }

    fn copy(&self, record: &ActionRecord, step: Step, old: &Node, new: &Node) -> Performed {
        self.check_places(old, new)?;
        let is_first = step == Step::Copy || (step == Step::CopyRest && record.evidence(Step::Copy).is_none());
        if is_first {
            let (from, storage) = (old.clone(), self.settings.storage.clone());
            let way = self.on_volume(new, move |new| {
                transfer::prepare(&from, new, &storage)?;
                if !transfer::can_rename(&from, new) {
                    return Ok(Effect::NotYet(String::new()));
                }
                // No copy is needed.
                transfer::drop_copy(&from, new);
                DONE
            })?;
            if matches!(way, Effect::Done(_)) {
                return DONE;
            }
        } else if !transfer::holds_copy(new) {
            // The folder is on the same volume, and is renamed.
            return DONE;
        }
        let work = || Work {
            step,
            from: old.clone(),
            to: new.clone(),
            rate: self.settings.move_rate,
            // A node that is down must come up again, also on a volume that is nearly full.
            reserve: is_first.then_some(self.settings.crisis.0),
        };
        Ok(match self.movers.poll(record.id, work)? {
            Polled::Done => Effect::Done(Evidence::Nothing),
            Polled::Running(how_far) => Effect::NotYet(how_far),
        })
    }
}
