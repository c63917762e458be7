//! The steps of actions on the model, as the executor of the platform performs them on a host.

use wnm_core::steps::{ActionRecord, Effect, Evidence, Step, StepError};
use wnm_core::{Action, NodeId, ProcessIdentity, Reason, Timestamp};

use super::ChaosModel;
use super::node::{Folder, PROGRAM_MB, Process};
use crate::chaos::invariants::{Cost, Property, Violation};
use crate::chaos::ledger::{StoredNode, volume_of};

fn done() -> Effect {
    Effect::Done(Evidence::Nothing)
}

fn failed(cause: &str) -> Effect {
    Effect::Failed(StepError::new(cause))
}

/// Copies a program to its place unless it is there. Returns the number of copies.
fn copied(place: &mut Option<u64>, program: u64) -> u64 {
    u64::from(place.replace(program) != Some(program))
}

fn not_yet(cause: &str) -> Effect {
    Effect::NotYet(cause.to_owned())
}

impl ChaosModel {
    /// Makes the first of the two changes of a step that makes two. Returns whether it did: the manager can crash between
    /// them.
    pub(crate) fn half_performed(&mut self, stored: &StoredNode, record: &ActionRecord, step: Step) -> bool {
        let (moment, id) = (self.now, record.node());
        let is_visible = self.is_visible(id, stored);
        let node = self.node(id);
        let can_act = is_visible && node.slow <= moment && node.failing == 0;
        let Some(folder) = node.folder.as_mut().filter(|folder| can_act && folder.marker == stored.uuid) else {
            return false;
        };
        match step {
            // The old program has its second name before the staged one takes its place.
            Step::Swap if folder.staged.is_some() => {
                folder.retained = folder.program;
                true
            }
            Step::SwapBack => folder.staged.take().is_some(),
            _ => false,
        }
    }

    /// Tries one step of an action. A step whose result is already there is done.
    pub(crate) fn perform(&mut self, stored: &StoredNode, record: &ActionRecord, step: Step, now: Timestamp) -> Effect {
        let id = record.node();
        let moment = self.now;
        let node = self.node(id);
        if node.slow > moment {
            return not_yet("the step is slow");
        }
        if node.failing > 0 {
            node.failing -= 1;
            return failed("the step fails");
        }
        match step {
            Step::Folder => self.make_folder(id, stored),
            Step::Binary => self.with_folder(id, stored, |folder, binary| copied(&mut folder.program, binary)),
            Step::Define => {
                node.is_defined = true;
                done()
            }
            Step::Undefine => {
                node.is_defined = false;
                done()
            }
            Step::OpenPort => {
                node.has_open_port = true;
                done()
            }
            Step::ClosePort => {
                node.has_open_port = false;
                done()
            }
            Step::Start => self.start(id, stored),
            Step::Confirm => self.confirm(id),
            Step::Stop => {
                node.stop(moment);
                node.advance(moment);
                done()
            }
            Step::SeeGone if node.process.is_some() => not_yet("the process has not exited"),
            Step::SeeGone => done(),
            Step::Tombstone => self.write_tombstone(id, stored, record),
            Step::Linger => match record.planned.action {
                Action::Remove { linger, .. } if now.since(record.waiting_since()) < linger => {
                    not_yet("the node lingers")
                }
                _ => done(),
            },
            Step::Trash => self.trash(id, stored, record),
            Step::Stage | Step::Swap | Step::SwapBack | Step::DropOld => self.change_program(id, stored, record, step),
            Step::Copy
            | Step::CopyRest
            | Step::Verify
            | Step::Switch
            | Step::SwitchBack
            | Step::DropCopy
            | Step::DropSource => self.relocate(id, stored, record, step),
        }
    }

    fn make_folder(&mut self, id: NodeId, stored: &StoredNode) -> Effect {
        if !self.is_visible(id, stored) {
            return failed("the storage is not mounted");
        }
        let created = self.now;
        let node = self.node(id);
        match &node.folder {
            Some(folder) if folder.marker == stored.uuid => done(),
            Some(folder) if !folder.has_tombstone => failed("the folder belongs to another node"),
            _ => {
                node.written.folders += 1;
                node.made = Some(stored.uuid);
                node.folder = Some(Folder::new(stored, created, None));
                node.is_lost = false;
                done()
            }
        }
    }

    /// Changes the folder of the node; `change` returns the number of programs that it copies. Fails when the folder is
    /// not visible or belongs to another node.
    fn with_folder(&mut self, id: NodeId, stored: &StoredNode, change: impl FnOnce(&mut Folder, u64) -> u64) -> Effect {
        let binary = self.binary;
        let is_visible = self.is_visible(id, stored);
        let node = self.node(id);
        match &mut node.folder {
            Some(folder) if is_visible && folder.marker == stored.uuid => {
                node.written.megabytes += change(folder, binary) * PROGRAM_MB;
                done()
            }
            _ => failed("the folder is missing"),
        }
    }

    fn relocate(&mut self, id: NodeId, stored: &StoredNode, record: &ActionRecord, step: Step) -> Effect {
        let Action::Move { to, .. } = &record.planned.action else { return done() };
        let Some(target) = volume_of(to) else { return failed("the target is no storage folder") };
        let (is_mounted, is_visible) = (self.is_mounted(target), self.is_visible(id, stored));
        let node = self.node(id);
        match step {
            Step::Copy | Step::CopyRest if !is_mounted => failed("the target is not mounted"),
            Step::Copy | Step::CopyRest => match &node.folder {
                Some(folder) if is_visible && folder.marker == stored.uuid => {
                    node.copy = Some(target);
                    done()
                }
                _ => failed("the folder is missing"),
            },
            Step::Verify if node.copy.is_none() => failed("the copy is missing"),
            Step::Verify => done(),
            Step::Switch if !is_mounted => failed("the target is not mounted"),
            Step::Switch if node.process.is_some() => not_yet("the process is still running"),
            Step::Switch => {
                if node.copy.take().is_some()
                    && let Some(folder) = node.folder.clone()
                {
                    node.source = node.folder.replace(Folder { volume: target, ..folder });
                }
                done()
            }
            Step::SwitchBack => {
                node.folder = node.source.take().or(node.folder.take());
                done()
            }
            Step::DropSource => {
                let size = node.disk_mb;
                if let Some(source) = node.source.take() {
                    self.disks[source.volume].trash_mb += size;
                }
                done()
            }
            _ => {
                node.copy = None;
                done()
            }
        }
    }

    fn start(&mut self, id: NodeId, stored: &StoredNode) -> Effect {
        let is_visible = self.is_visible(id, stored);
        let (moment, pid) = (self.now, self.new_pid());
        let node = self.node(id);
        match (&node.folder, &node.process) {
            (_, Some(process)) if process.exits.is_some() => not_yet("the previous process has not exited"),
            (_, Some(_)) => done(),
            (Some(folder), None) if is_visible && folder.marker == stored.uuid => {
                if node.external > moment {
                    return failed("an external process holds the port");
                }
                let Some(program) = folder.program else { return failed("the program is missing") };
                node.process = Some(Process::new(pid, moment, program));
                done()
            }
            (_, None) => failed("the folder is missing"),
        }
    }

    fn confirm(&mut self, id: NodeId) -> Effect {
        let (moment, boot) = (self.now, format!("boot-{}", self.boots));
        let answers = self.answers(id);
        match &self.node(id).process {
            None => failed("the process exited"),
            Some(_) if !answers => not_yet("the node does not answer yet"),
            Some(process) => {
                let start = (process.started.max(0) as u64).min(moment.max(0) as u64);
                Effect::Done(Evidence::Process { process: ProcessIdentity { boot, pid: process.pid, start } })
            }
        }
    }

    /// Returns whether the endpoint of the node's own process answers.
    pub(super) fn answers(&self, id: NodeId) -> bool {
        let Some(node) = self.nodes.get(id.get() as usize - 1) else { return false };
        let Some(process) = &node.process else { return false };
        // A node of every fourth PID answers at once, the others after 5 s, 10 s or 15 s.
        let warm = process.started + i64::from(process.pid % 4) * 5000;
        node.hung <= self.now && warm <= self.now && !self.broken.contains(&process.program)
    }

    /// Returns whether the folder of the node, if it exists, is visible: its volume is mounted and no fault hides it.
    fn is_visible(&self, id: NodeId, stored: &StoredNode) -> bool {
        let is_hidden = self.nodes.get(id.get() as usize - 1).is_some_and(|node| node.hidden > self.now);
        self.is_mounted(stored.volume) && !is_hidden
    }

    /// Writes the tombstone. A node that is removed as dead must have lost its folder, not its volume.
    fn write_tombstone(&mut self, id: NodeId, stored: &StoredNode, record: &ActionRecord) -> Effect {
        let is_visible = self.is_visible(id, stored);
        let goes_as_dead = record.planned.reason == Reason::Dead && !stored.is_leaving;
        let node = self.node(id);
        let Some(folder) = node.folder.as_mut().filter(|folder| folder.marker == stored.uuid) else { return done() };
        if goes_as_dead && is_visible {
            return failed("the folder of the dead node is visible again");
        }
        folder.has_tombstone = true;
        // A hidden folder looks like a lost one. An unmounted volume has another device, and the engine must see that.
        if goes_as_dead && node.hidden == 0 {
            let text = format!("{id} is removed as dead while its volume is not mounted");
            self.violation = Some(Violation::new(Property::OutOfSight, text));
        }
        done()
    }

    fn trash(&mut self, id: NodeId, stored: &StoredNode, record: &ActionRecord) -> Effect {
        let is_unborn = matches!(record.planned.action, Action::Add { .. });
        let is_visible = self.is_visible(id, stored);
        if is_unborn && !self.is_mounted(stored.volume) && self.node(id).made.is_some() {
            return failed("the storage is not mounted");
        }
        let node = self.node(id);
        if !is_visible {
            // A folder that only its fault hides seems to be gone.
            node.made = None;
            return done();
        }
        if is_unborn && std::mem::take(&mut node.keeps_remnant) {
            return done();
        }
        let has_record = record.evidence(Step::Tombstone).is_some() || record.failure.is_some();
        if let Some(folder) = node.folder.take_if(|folder| folder.marker == stored.uuid) {
            let (volume, size) = (folder.volume, node.disk_mb);
            if !has_record || node.process.is_some() {
                let text = format!("{id} lost its folder while it ran or without a tombstone");
                self.violation = Some(Violation::new(Property::Tombstone, text));
            }
            // The folder of a node that was never up is deleted at once.
            self.disks[volume].trash_mb += if is_unborn { 0 } else { size };
        }
        done()
    }

    /// Ends the count of an action, and returns the folders and bytes that it wrote, and those of them that are left.
    pub(crate) fn take_cost(&mut self, record: &ActionRecord) -> (Cost, Cost) {
        let node = self.node(record.node());
        let (written, made) = (std::mem::take(&mut node.written), node.made.take());
        let mut left = Cost::default();
        match (&record.planned.action, &node.folder) {
            (Action::Add { .. }, Some(folder)) if made == Some(folder.marker) => {
                left.folders = 1;
                left.megabytes = node.disk_mb.max(0).unsigned_abs() + folder.programs() * PROGRAM_MB;
            }
            // A program that an earlier action staged is not of this one.
            (Action::Upgrade { .. } | Action::Start { .. }, Some(folder))
                if folder.staged.is_some() && written.megabytes > 0 =>
            {
                left.megabytes = PROGRAM_MB;
            }
            (Action::Move { .. }, _) if node.copy.is_some() => left.folders = 1,
            _ => {}
        }
        (written, left)
    }

    fn change_program(&mut self, id: NodeId, stored: &StoredNode, record: &ActionRecord, step: Step) -> Effect {
        self.with_folder(id, stored, |folder, binary| {
            match step {
                Step::Stage => return copied(&mut folder.staged, binary),
                Step::Swap => {
                    // Without a staged program an earlier try already swapped.
                    if let Some(staged) = folder.staged.take() {
                        folder.retained = folder.program.replace(staged);
                    }
                }
                Step::SwapBack => {
                    folder.staged = None;
                    folder.program = folder.retained.take().or(folder.program);
                }
                _ => folder.retained = record.failure.as_ref().and(folder.retained),
            }
            0
        })
    }
}
