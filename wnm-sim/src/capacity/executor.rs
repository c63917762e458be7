//! Executes actions on the capacity model: each takes time, and is pending until it ends.

use wnm_core::steps::{Failure, Step, StepFailure};
use wnm_core::{Action, Cancellation, NodeId, Outcome, Planned, Timestamp};

use super::events::TimerEvent;
use super::node::Folder;
use super::{CapacityModel, Seconds, timestamp};

/// The stage of an action.
#[derive(Debug, Clone, Copy)]
enum Stage {
    Starting,
    Stopping,
    /// A removal before its folder is deleted; holds the time at which the process had ended.
    Lingering(Option<Seconds>),
    /// A removal whose folder will be gone at this time.
    Deleting(Seconds),
}

/// Actions that have begun and not ended.
#[derive(Default)]
pub(super) struct Executor {
    /// The actions with their outcomes so far, as `Evaluation::apply` takes them.
    pub(super) open: Vec<(Planned, Outcome)>,
    stages: Vec<Stage>,
}

impl Executor {
    /// Begins the actions of a decision.
    pub(super) fn begin(&mut self, host: &mut CapacityModel, planned: &[Planned]) {
        for planned in planned {
            let (stage, step) = host.begin(&planned.action);
            self.stages.push(stage);
            self.open.push((planned.clone(), pending(step, timestamp(host.now))));
        }
    }

    /// Ends removals in their delay: their nodes stay, stopped.
    pub(super) fn cancel(&mut self, cancelled: &[Cancellation]) {
        for ((planned, outcome), stage) in self.open.iter_mut().zip(&self.stages) {
            let Stage::Lingering(Some(_)) = stage else { continue };
            if let Some(found) = cancelled.iter().find(|found| found.node == planned.action.node()) {
                *outcome = Outcome::Cancelled { because: found.because.clone() };
            }
        }
    }

    /// Continues all open actions.
    pub(super) fn advance(&mut self, host: &mut CapacityModel) {
        let open = self.open.iter_mut().zip(&mut self.stages).filter(|((_, outcome), _)| is_pending(outcome));
        for ((planned, outcome), stage) in open {
            host.advance(&planned.action, stage, outcome);
        }
    }

    /// Drops the actions that have ended.
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

impl CapacityModel {
    fn begin(&mut self, action: &Action) -> (Stage, Step) {
        let now = self.now;
        let target = self.target;
        match action {
            Action::Add { node } => {
                self.create(*node, timestamp(now));
                self.start(*node, now);
                (Stage::Starting, Step::Confirm)
            }
            Action::Start { node, upgrade_to } => {
                self.start(*node, now);
                if upgrade_to.is_some() {
                    self.change_version(*node, target);
                    self.add_upgrade_cost(*node);
                }
                (Stage::Starting, Step::Confirm)
            }
            Action::Restart { node } => {
                self.end_after_stop_time(*node, TimerEvent::Restart);
                (Stage::Starting, Step::Confirm)
            }
            Action::Upgrade { node, .. } => {
                self.end_after_stop_time(*node, TimerEvent::SelfUpgrade);
                (Stage::Starting, Step::Confirm)
            }
            // The model has no disabled nodes that could be enabled, and no operator who restores or changes nodes.
            Action::Enable { .. } | Action::Restore { .. } | Action::Update { .. } | Action::Move { .. } => {
                (Stage::Starting, Step::Confirm)
            }
            Action::Stop { node } | Action::Disable { node } => {
                self.stop(*node);
                (Stage::Stopping, Step::SeeGone)
            }
            Action::Remove { node, .. } => {
                self.stop(*node);
                (Stage::Lingering(None), Step::SeeGone)
            }
        }
    }

    /// Stops a node; it stays stopped after a reboot.
    pub(super) fn stop(&mut self, id: NodeId) {
        if let Some(node) = self.node(id) {
            node.is_wanted = false;
        }
        self.end_after_stop_time(id, TimerEvent::Exit);
    }

    /// Orders the process of a node to end: `event` fires when `stop_seconds` have passed. Ignored without a process.
    fn end_after_stop_time(&mut self, id: NodeId, event: TimerEvent) {
        let at = self.now + self.constants.stop_seconds.get();
        let process = self.node(id).and_then(|node| node.process.as_mut());
        let Some(process) = process.filter(|process| !process.is_ending) else { return };
        process.is_ending = true;
        let serial = process.serial;
        self.events.at(at, id, serial, event);
    }

    fn advance(&mut self, action: &Action, stage: &mut Stage, outcome: &mut Outcome) {
        let (id, now) = (action.node(), self.now);
        let answer = self.constants.answer_seconds.get();
        let process = self.place(id).ok().and_then(|place| self.nodes[place].process);
        match stage {
            Stage::Starting => match (action, process) {
                (Action::Enable { .. } | Action::Restore { .. } | Action::Update { .. } | Action::Move { .. }, _) => {
                    *outcome = Outcome::Done
                }
                (_, Some(process)) if !process.is_ending && now - process.started >= answer => *outcome = Outcome::Done,
                // A process that was ordered to end still exists until its timer fires.
                (_, Some(_)) => {}
                (_, None) => *outcome = Outcome::Failed(ended(timestamp(now))),
            },
            Stage::Stopping if process.is_none() => *outcome = Outcome::Done,
            Stage::Lingering(gone) if process.is_none() => {
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
                    self.advance(action, stage, outcome);
                }
            }
            Stage::Deleting(until) if now >= *until => {
                self.remove(id);
                *outcome = Outcome::Done;
            }
            Stage::Stopping | Stage::Lingering(_) | Stage::Deleting(_) => {}
        }
    }

    /// Begins to delete the folder of a node and returns the seconds that this takes.
    fn delete(&mut self, id: NodeId) -> Seconds {
        let constants = self.constants;
        let Ok(place) = self.place(id) else { return 0.0 };
        let (node, volumes) = (&mut self.nodes[place], &mut self.volumes);
        if node.folder == Folder::Lost {
            return 0.0;
        }
        let gb = node.disk_gb(&constants);
        // The id stays taken until the deletion ends, so that the manager sees the node as pending.
        node.folder = Folder::Lost;
        volumes.delete(node.volume, gb, &constants)
    }
}

fn ended(at: Timestamp) -> Failure {
    let failed = StepFailure {
        step: Step::Confirm,
        at,
        error: "the process ended".to_owned(),
        cause: wnm_core::FailureCause::Other,
        hint: None,
    };
    Failure { failed, rolled_back: false }
}
