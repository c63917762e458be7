//! The steps of actions, done to the model as the platform does them to a host.

use wnm_core::steps::{ActionRecord, Effect, Evidence, Step, StepError};
use wnm_core::{Action, NodeId, ProcessIdentity, Reason, Timestamp};

use super::{ChaosModel, Folder, Process};
use crate::chaos::invariants::Property;
use crate::chaos::ledger::Row;

fn done() -> Effect {
    Effect::Done(Evidence::Nothing)
}

fn failed(why: &str) -> Effect {
    Effect::Failed(StepError::new(why))
}

fn not_yet(why: &str) -> Effect {
    Effect::NotYet(why.to_owned())
}

impl ChaosModel {
    /// Tries one step of an action on a node: what is already so counts as done.
    pub(crate) fn perform(&mut self, row: &Row, record: &ActionRecord, step: Step, now: Timestamp) -> Effect {
        let id = record.node();
        let moment = self.now;
        let site = self.site(id);
        if site.slow > moment {
            return not_yet("slow");
        }
        if site.failing > 0 {
            site.failing -= 1;
            return failed("does not work");
        }
        match step {
            Step::Folder => self.make_folder(id, row),
            Step::Binary => self.with_folder(id, row, |folder, binary| folder.program = Some(binary)),
            Step::Define => {
                site.is_defined = true;
                done()
            }
            Step::Undefine => {
                site.is_defined = false;
                done()
            }
            Step::OpenPort => {
                site.has_open_port = true;
                done()
            }
            Step::ClosePort => {
                site.has_open_port = false;
                done()
            }
            Step::Start => self.start(id, row),
            Step::Confirm => self.confirm(id),
            Step::Stop => {
                site.stop(moment);
                site.age(moment);
                done()
            }
            Step::SeeGone if site.process.is_some() => not_yet("still running"),
            Step::SeeGone => done(),
            Step::Tombstone => self.doom(id, row, record),
            Step::Linger => match record.planned.action {
                Action::Remove { linger, .. } if now.since(record.waiting_since()) < linger => not_yet("stands"),
                _ => done(),
            },
            Step::Trash => self.trash(id, row, record),
            Step::Stage | Step::Swap | Step::SwapBack | Step::DropOld => self.change_program(id, row, record, step),
        }
    }

    fn make_folder(&mut self, id: NodeId, row: &Row) -> Effect {
        if !self.is_in_sight(id, row) {
            return failed("the storage is not mounted");
        }
        let born = self.now;
        let site = self.site(id);
        match &site.folder {
            Some(folder) if folder.marker == row.uuid => done(),
            Some(folder) if !folder.is_doomed => failed("the folder belongs to another node"),
            _ => {
                site.folder = Some(Folder::new(row, born, None));
                site.is_lost = false;
                done()
            }
        }
    }

    /// Does something to the node's own folder; fails when it cannot be seen.
    fn with_folder(&mut self, id: NodeId, row: &Row, change: impl FnOnce(&mut Folder, u64)) -> Effect {
        let binary = self.binary;
        let is_in_sight = self.is_in_sight(id, row);
        match &mut self.site(id).folder {
            Some(folder) if is_in_sight && folder.marker == row.uuid => {
                change(folder, binary);
                done()
            }
            _ => failed("the folder is not there"),
        }
    }

    fn start(&mut self, id: NodeId, row: &Row) -> Effect {
        let is_in_sight = self.is_in_sight(id, row);
        let (moment, pid) = (self.now, self.new_pid());
        let site = self.site(id);
        match (&site.folder, &site.process) {
            (_, Some(process)) if process.ends.is_some() => not_yet("the process before still ends"),
            (_, Some(_)) => done(),
            (Some(folder), None) if is_in_sight && folder.marker == row.uuid => {
                if site.stray > moment {
                    return failed("somebody else has the port");
                }
                let Some(program) = folder.program else { return failed("there is no program") };
                site.process = Some(Process::new(pid, moment, program));
                done()
            }
            (_, None) => failed("the folder is not there"),
        }
    }

    fn confirm(&mut self, id: NodeId) -> Effect {
        let (moment, boot) = (self.now, format!("boot-{}", self.boots));
        let answers = self.answers(id);
        match &self.site(id).process {
            None => failed("it ended"),
            Some(_) if !answers => not_yet("no answer yet"),
            Some(process) => {
                let start = (process.started.max(0) as u64).min(moment.max(0) as u64);
                Effect::Done(Evidence::Process { process: ProcessIdentity { boot, pid: process.pid, start } })
            }
        }
    }

    /// Tells whether the endpoint of a node's own process answers.
    pub(super) fn answers(&self, id: NodeId) -> bool {
        let Some(site) = self.sites.get(id.get() as usize - 1) else { return false };
        let Some(process) = &site.process else { return false };
        // Some nodes answer at once, others after a while.
        let warm = process.started + i64::from(process.pid % 4) * 5000;
        site.hung <= self.now && warm <= self.now && !self.broken.contains(&process.program)
    }

    /// Tells whether a node's folder can be seen, if there is one.
    fn is_in_sight(&self, id: NodeId, row: &Row) -> bool {
        let is_hidden = self.sites.get(id.get() as usize - 1).is_some_and(|site| site.hidden > self.now);
        self.is_mounted(row.volume) && !is_hidden
    }

    /// Puts on record that a node goes. One that goes as dead must have lost its folder, and not its volume.
    fn doom(&mut self, id: NodeId, row: &Row, record: &ActionRecord) -> Effect {
        let is_in_sight = self.is_in_sight(id, row);
        let goes_as_dead = record.planned.reason == Reason::Dead && !row.is_leaving;
        let site = self.site(id);
        let Some(folder) = site.folder.as_mut().filter(|folder| folder.marker == row.uuid) else { return done() };
        if goes_as_dead && is_in_sight {
            return failed("its folder is there again");
        }
        folder.is_doomed = true;
        // What is hidden looks like what is lost; what is on another volume does not.
        if goes_as_dead && site.hidden == 0 {
            self.crime = Some((Property::OutOfSight, format!("{id} goes as dead, and its volume is not mounted")));
        }
        done()
    }

    fn trash(&mut self, id: NodeId, row: &Row, record: &ActionRecord) -> Effect {
        if !self.is_in_sight(id, row) {
            return done();
        }
        let is_on_record = record.evidence(Step::Tombstone).is_some() || record.failure.is_some();
        let site = self.site(id);
        if let Some(folder) = site.folder.take_if(|folder| folder.marker == row.uuid) {
            let (volume, size) = (folder.volume, site.disk_mb);
            if !is_on_record || site.process.is_some() {
                let what = format!("{id} lost its folder while it ran or without a tombstone");
                self.crime = Some((Property::Tombstone, what));
            }
            self.disks[volume].trash_mb += size;
        }
        done()
    }

    fn change_program(&mut self, id: NodeId, row: &Row, record: &ActionRecord, step: Step) -> Effect {
        self.with_folder(id, row, |folder, binary| match step {
            Step::Stage => folder.staged = Some(binary),
            Step::Swap => {
                // Without a staged program the swap was made before.
                if let Some(staged) = folder.staged.take() {
                    folder.kept = folder.program.replace(staged);
                }
            }
            Step::SwapBack => {
                folder.staged = None;
                folder.program = folder.kept.take().or(folder.program);
            }
            _ => folder.kept = record.failure.as_ref().and(folder.kept),
        })
    }
}
