//! An action is a list of idempotent steps, journalled one by one and resumed from where it stands.
//!
//! Nothing waits: a step that is not yet true leaves its action pending, and the next cycle takes it up there. That
//! same path is the recovery after a crash, so there is no other.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::action::decision::{Action, Planned};
use crate::model::node::NodeId;
use crate::model::observation::ProcessIdentity;
use crate::model::units::Timestamp;
use crate::policy::constants::{CONFIRM_PATIENCE, EXIT_PATIENCE, STEP_PATIENCE};

/// One step of an action. Each may be repeated: what is already so counts as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The node's folders exist, with its marker in them.
    Folder,
    /// The node has its own copy of the program.
    Binary,
    /// The process manager knows the node.
    Define,
    /// The node's port is open in the firewall.
    OpenPort,
    /// The process is started, after a look that nothing else holds its folder or ports.
    Start,
    /// The process is up; its identity is the evidence.
    Confirm,
    /// The process is told to end.
    Stop,
    /// The process is gone; past its grace it is killed.
    SeeGone,
    /// The node's port is closed in the firewall.
    ClosePort,
    /// It is on record that the node goes: from here on its removal is only ever completed.
    Tombstone,
    /// The stopped node has stood for its time.
    Linger,
    /// The process manager has forgotten the node.
    Undefine,
    /// The node's folders are in the trash.
    Trash,
    /// The new program lies beside the old one, complete.
    Stage,
    /// The new program is in the old one's place, and the old one is kept.
    Swap,
    /// The old program is in place again, and what was staged is gone.
    SwapBack,
    /// The old program is gone.
    DropOld,
}

impl Step {
    /// Returns how long the step may stay untrue before the action fails; None where time is not the judge.
    #[must_use]
    pub const fn patience(self) -> Option<Duration> {
        match self {
            Self::Confirm => Some(CONFIRM_PATIENCE),
            Self::SeeGone => Some(EXIT_PATIENCE),
            Self::Linger => None,
            // These are true or false at once; waiting means that something outside is slow.
            Self::Folder
            | Self::Binary
            | Self::Define
            | Self::OpenPort
            | Self::Start
            | Self::Stop
            | Self::ClosePort
            | Self::Tombstone
            | Self::Undefine
            | Self::Trash
            | Self::Stage
            | Self::Swap
            | Self::SwapBack
            | Self::DropOld => Some(STEP_PATIENCE),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Folder => "make folder",
            Self::Binary => "copy program",
            Self::Define => "define service",
            Self::OpenPort => "open port",
            Self::Start => "start",
            Self::Confirm => "see it up",
            Self::Stop => "stop",
            Self::SeeGone => "see it gone",
            Self::ClosePort => "close port",
            Self::Tombstone => "mark as leaving",
            Self::Linger => "let it stand",
            Self::Undefine => "undefine service",
            Self::Trash => "move to trash",
            Self::Stage => "stage program",
            Self::Swap => "swap program",
            Self::SwapBack => "swap program back",
            Self::DropOld => "drop old program",
        })
    }
}

impl Action {
    /// Returns the steps that carry it out, in order.
    #[must_use]
    pub const fn steps(&self) -> &'static [Step] {
        use Step::*;
        match self {
            Self::Add { .. } => &[Folder, Binary, Define, OpenPort, Start, Confirm],
            Self::Start { upgrade_to: None, .. } => &[Define, OpenPort, Start, Confirm],
            Self::Start { upgrade_to: Some(_), .. } => {
                &[Stage, Stop, SeeGone, Swap, Define, OpenPort, Start, Confirm, DropOld]
            }
            Self::Stop { .. } | Self::Disable { .. } => &[Stop, SeeGone, ClosePort],
            Self::Enable { .. } => &[],
            Self::Restart { .. } => &[Stop, SeeGone, Define, OpenPort, Start, Confirm],
            Self::Upgrade { .. } => &[Stage, Stop, SeeGone, Swap, Define, Start, Confirm, DropOld],
            Self::Remove { .. } => &[Tombstone, Stop, SeeGone, Linger, Undefine, Trash, ClosePort],
        }
    }

    /// Returns the steps that undo it after `failed` could not be done.
    #[must_use]
    pub fn steps_back(&self, failed: Step) -> &'static [Step] {
        use Step::*;
        match self {
            Self::Add { .. } => &[Stop, SeeGone, Undefine, Trash, ClosePort],
            Self::Start { upgrade_to: None, .. } | Self::Restart { .. } => match failed {
                // Told to stop and still there: that is a running node, not a failed start.
                Stop | SeeGone => &[],
                _ => &[Stop, SeeGone, ClosePort],
            },
            Self::Start { upgrade_to: Some(_), .. } | Self::Upgrade { .. } => match failed {
                Stage => &[SwapBack],
                DropOld => &[],
                _ => &[Stop, SeeGone, SwapBack, Start, Confirm],
            },
            Self::Stop { .. } | Self::Disable { .. } | Self::Enable { .. } | Self::Remove { .. } => &[],
        }
    }
}

/// The number of an action in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct ActionId(pub i64);

/// What a step leaves behind for those that follow, and for recovery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "evidence", rename_all = "snake_case")]
pub enum Evidence {
    /// That it is done is all there is to say.
    Nothing,
    /// The process that runs now.
    Process {
        /// Which one.
        process: ProcessIdentity,
    },
    /// The programs before and after, as lower-case hexadecimal SHA-256.
    Programs {
        /// The one in place; None when there was none.
        from: Option<String>,
        /// The one staged.
        to: String,
    },
    /// Where the folder went.
    Moved {
        /// Its new place.
        to: PathBuf,
    },
}

/// A step that was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StepRecord {
    /// Which step.
    pub step: Step,
    /// When it was done.
    pub at: Timestamp,
    /// What it left behind.
    pub evidence: Evidence,
}

/// A step that could not be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StepFailure {
    /// Which step.
    pub step: Step,
    /// When it was given up.
    pub at: Timestamp,
    /// The failure and its cause, lower case and without a full stop.
    pub error: String,
    /// How the operator can fix the cause; absent when there is no specific advice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// An action that has begun, with everything that is known of its progress.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ActionRecord {
    /// Its number.
    pub id: ActionId,
    /// What it is, and why.
    pub planned: Planned,
    /// When it began.
    pub begun: Timestamp,
    /// The steps done, in order.
    pub done: Vec<StepRecord>,
    /// Where it failed and turned back, if it did.
    pub failure: Option<StepFailure>,
    /// The steps done on the way back, in order.
    pub undone: Vec<StepRecord>,
}

impl ActionRecord {
    /// Returns an action that is about to begin.
    #[must_use]
    pub const fn new(id: ActionId, planned: Planned, begun: Timestamp) -> Self {
        Self { id, planned, begun, done: Vec::new(), failure: None, undone: Vec::new() }
    }

    /// Returns the node it is about.
    #[must_use]
    pub const fn node(&self) -> NodeId {
        self.planned.action.node()
    }

    /// Returns the step that comes next, forward or on the way back; None when there is none left.
    #[must_use]
    pub fn next_step(&self) -> Option<Step> {
        match &self.failure {
            None => self.planned.action.steps().get(self.done.len()).copied(),
            Some(failure) => self.planned.action.steps_back(failure.step).get(self.undone.len()).copied(),
        }
    }

    /// Returns when the next step came up.
    #[must_use]
    pub fn waiting_since(&self) -> Timestamp {
        let back = self.failure.as_ref().map(|failure| self.undone.last().map_or(failure.at, |last| last.at));
        back.unwrap_or_else(|| self.done.last().map_or(self.begun, |last| last.at))
    }

    /// Returns what a step that was done left behind.
    #[must_use]
    pub fn evidence(&self, step: Step) -> Option<&Evidence> {
        self.done.iter().find(|record| record.step == step).map(|record| &record.evidence)
    }

    fn ended(&self) -> Outcome {
        match &self.failure {
            None => Outcome::Done,
            Some(failure) => Outcome::Failed(Failure { failed: failure.clone(), rolled_back: true }),
        }
    }
}

/// The journal could not be written, so the step does not count as done.
#[derive(Debug, thiserror::Error)]
#[error("expected to write to the journal: {0}")]
pub struct JournalError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Where progress is written, durably, before the next step is taken.
pub trait Journal {
    /// Records that a step was done.
    ///
    /// # Errors
    /// The record could not be made durable.
    fn step_done(&mut self, action: ActionId, record: &StepRecord) -> Result<(), JournalError>;

    /// Records that a step was given up and the action turns back.
    ///
    /// # Errors
    /// The record could not be made durable.
    fn turned_back(&mut self, action: ActionId, failure: &StepFailure) -> Result<(), JournalError>;
}

/// What came of trying one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// It is so.
    Done(Evidence),
    /// It is not so yet, for this reason.
    NotYet(String),
    /// The step cannot be done, and the action turns back.
    Failed(StepError),
}

/// The error of a step that cannot be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct StepError {
    /// The failure and its cause, lower case and without a full stop.
    pub message: String,
    /// How the operator can fix the cause; None when there is no specific advice.
    pub hint: Option<String>,
}

impl StepError {
    /// Returns an error without a hint.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }
}

/// Who carries out steps: the host, or a model of one.
pub trait Executor {
    /// Tries one step of an action; doing again what is already done must be harmless.
    fn perform(&mut self, record: &ActionRecord, step: Step, now: Timestamp) -> Effect;
}

/// An action that came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Failure {
    /// The step that could not be done.
    #[serde(flatten)]
    pub failed: StepFailure,
    /// Whether everything is again as it was before.
    pub rolled_back: bool,
}

/// Where an action stands after a cycle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// All steps are done.
    Done,
    /// A step is not true yet; the next cycle goes on there.
    Pending {
        /// Which step.
        step: Step,
        /// Since when it is waited for.
        since: Timestamp,
        /// What is waited for.
        why: String,
    },
    /// A step could not be done.
    Failed(Failure),
}

/// Takes one step of an action, forward or back, and journals it.
///
/// Returns None when the action can go on at once, and its outcome when this cycle can do no more for it.
pub fn take_step(
    record: &mut ActionRecord,
    executor: &mut (impl Executor + ?Sized),
    journal: &mut (impl Journal + ?Sized),
    now: Timestamp,
) -> Option<Outcome> {
    let Some(step) = record.next_step() else { return Some(record.ended()) };
    let since = record.waiting_since();
    let pending = |why: String| Some(Outcome::Pending { step, since, why });
    let error = match executor.perform(record, step, now) {
        Effect::Done(evidence) => {
            let done = StepRecord { step, at: now, evidence };
            if let Err(error) = journal.step_done(record.id, &done) {
                return pending(error.to_string());
            }
            let list = if record.failure.is_none() { &mut record.done } else { &mut record.undone };
            list.push(done);
            return record.next_step().is_none().then(|| record.ended());
        }
        Effect::NotYet(why) => match step.patience() {
            Some(patience) if now.since(since) >= patience => StepError::new(why),
            Some(_) | None => return pending(why),
        },
        Effect::Failed(error) => error,
    };
    let failure = StepFailure { step, at: now, error: error.message, hint: error.hint };
    if record.failure.is_some() {
        // On the way back there is no further back.
        return Some(Outcome::Failed(Failure { failed: failure, rolled_back: false }));
    }
    if let Err(error) = journal.turned_back(record.id, &failure) {
        return pending(error.to_string());
    }
    record.failure = Some(failure);
    record.next_step().is_none().then(|| record.ended())
}

/// Takes the steps of all actions in turn until each has ended or must wait.
///
/// The actions go in lockstep, so that what one step does for many nodes at once (such as a reload of the service
/// manager between definitions and starts) is done once.
pub fn carry_out(
    records: &mut [ActionRecord],
    executor: &mut (impl Executor + ?Sized),
    journal: &mut (impl Journal + ?Sized),
    now: Timestamp,
) -> Vec<Outcome> {
    let mut outcomes: Vec<Option<Outcome>> = vec![None; records.len()];
    while outcomes.iter().any(Option::is_none) {
        for (record, outcome) in records.iter_mut().zip(&mut outcomes) {
            if outcome.is_none() {
                *outcome = take_step(record, executor, journal, now);
            }
        }
    }
    outcomes.into_iter().flatten().collect()
}
