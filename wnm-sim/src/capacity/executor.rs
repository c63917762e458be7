//! Actions, done to the modelled host: each takes its time, and is pending until it is finished.

use wnm_core::steps::{Failure, Step, StepFailure};
use wnm_core::{Action, NodeId, Outcome, Planned, Timestamp};

use super::events::Due;
use super::node::Folder;
use super::{Host, Seconds, timestamp};

/// How far an action has come.
#[derive(Debug, Clone, Copy)]
enum Stage {
    Starting,
    Stopping,
    /// A removal: since when its process is gone.
    Leaving(Option<Seconds>),
    /// Its folder is gone at this moment.
    Deleting(Seconds),
}

/// The actions that began and have not ended.
#[derive(Default)]
pub(super) struct Executor {
    /// With what has come of them, as `settle` takes them.
    pub(super) open: Vec<(Planned, Outcome)>,
    stages: Vec<Stage>,
}

impl Executor {
    /// Begins actions.
    pub(super) fn begin(&mut self, host: &mut Host, planned: &[Planned]) {
        for planned in planned {
            let (stage, step) = host.begin(&planned.action);
            self.stages.push(stage);
            self.open.push((planned.clone(), pending(step, timestamp(host.now))));
        }
    }

    /// Carries on with all actions.
    pub(super) fn carry_on(&mut self, host: &mut Host) {
        for ((planned, outcome), stage) in self.open.iter_mut().zip(&mut self.stages) {
            host.carry_on(&planned.action, stage, outcome);
        }
    }

    /// Lets go of what has ended.
    pub(super) fn finish(&mut self) {
        if self.open.iter().all(|(_, outcome)| is_pending(outcome)) {
            return;
        }
        let mut outcomes = self.open.iter();
        self.stages.retain(|_| outcomes.next().is_some_and(|(_, outcome)| is_pending(outcome)));
        self.open.retain(|(_, outcome)| is_pending(outcome));
    }
}

fn is_pending(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Pending { .. })
}

fn pending(step: Step, since: Timestamp) -> Outcome {
    Outcome::Pending { step, since, why: String::new() }
}

impl Host {
    fn begin(&mut self, action: &Action) -> (Stage, Step) {
        let now = self.now;
        let target = self.target;
        match action {
            Action::Add { node } => {
                self.make(*node, timestamp(now));
                self.start(*node, now);
                (Stage::Starting, Step::Confirm)
            }
            Action::Start { node, upgrade_to } => {
                self.start(*node, now);
                if upgrade_to.is_some() {
                    self.change_version(*node, target);
                    self.make_dear(*node);
                }
                (Stage::Starting, Step::Confirm)
            }
            Action::Restart { node } => {
                self.tell(*node, Due::Restart);
                (Stage::Starting, Step::Confirm)
            }
            Action::Upgrade { node, .. } => {
                self.tell(*node, Due::UpgradeItself);
                (Stage::Starting, Step::Confirm)
            }
            Action::Enable { .. } => (Stage::Starting, Step::Confirm),
            Action::Stop { node } | Action::Disable { node } => {
                self.stop(*node);
                (Stage::Stopping, Step::SeeGone)
            }
            Action::Remove { node, .. } => {
                self.stop(*node);
                (Stage::Leaving(None), Step::SeeGone)
            }
        }
    }

    /// Tells a process to end; it stays down, whatever happens to the host.
    pub(super) fn stop(&mut self, id: NodeId) {
        if let Some(node) = self.node(id) {
            node.is_wanted = false;
        }
        self.tell(id, Due::End);
    }

    /// Tells the process of a node, if there is one, to end; then it is due.
    fn tell(&mut self, id: NodeId, due: Due) {
        let at = self.now + self.constants.stop_seconds.get();
        let process = self.node(id).and_then(|node| node.process.as_mut());
        let Some(process) = process.filter(|process| !process.is_ending) else { return };
        process.is_ending = true;
        let serial = process.serial;
        self.events.at(at, id, serial, due);
    }

    fn carry_on(&mut self, action: &Action, stage: &mut Stage, outcome: &mut Outcome) {
        let (id, now) = (action.node(), self.now);
        let answer = self.constants.answer_seconds.get();
        let process = self.place(id).ok().and_then(|place| self.nodes[place].process);
        match stage {
            Stage::Starting => match (action, process) {
                (Action::Enable { .. }, _) => *outcome = Outcome::Done,
                (_, Some(process)) if !process.is_ending && now - process.started >= answer => *outcome = Outcome::Done,
                (_, Some(_)) => {}
                (_, None) => *outcome = Outcome::Failed(ended(timestamp(now))),
            },
            Stage::Stopping if process.is_none() => *outcome = Outcome::Done,
            Stage::Leaving(gone) if process.is_none() => {
                let gone = *gone.get_or_insert(now);
                let linger = match action {
                    Action::Remove { linger, .. } => linger.as_secs_f64(),
                    _ => 0.0,
                };
                if now - gone < linger {
                    *outcome = pending(Step::Linger, timestamp(gone));
                } else {
                    *outcome = pending(Step::Trash, timestamp(now));
                    *stage = Stage::Deleting(now + self.delete(id));
                    self.carry_on(action, stage, outcome);
                }
            }
            Stage::Deleting(until) if now >= *until => {
                self.forget(id);
                *outcome = Outcome::Done;
            }
            Stage::Stopping | Stage::Leaving(_) | Stage::Deleting(_) => {}
        }
    }

    /// Begins to delete the folder of a node, and returns how long that takes.
    fn delete(&mut self, id: NodeId) -> Seconds {
        let constants = self.constants;
        let Ok(place) = self.place(id) else { return 0.0 };
        let (node, volumes) = (&mut self.nodes[place], &mut self.volumes);
        if node.folder == Folder::Lost {
            return 0.0;
        }
        let gb = node.disk_gb(&constants);
        node.folder = Folder::Lost;
        volumes.delete(node.volume, gb, &constants)
    }
}

fn ended(at: Timestamp) -> Failure {
    let failed = StepFailure { step: Step::Confirm, at, error: "it ended".to_owned(), hint: None };
    Failure { failed, rolled_back: false }
}
