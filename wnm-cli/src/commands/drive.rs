//! Changes of nodes and the wait for their ends: by the daemon if one runs, and otherwise by cycles of this process,
//! without the lock between them.

use std::path::Path;
use std::time::{Duration, Instant};

use wnm_agent::{Mode, Report, Trigger};
use wnm_core::{ActionId, ChangeRequest, NodeId, Outcome, Planned, RawSettings, Refusal};
use wnm_store::ActionFilter;

use super::by_daemon;
use super::node::{CYCLE_PAUSE, TIMEOUT};
use crate::args::SettingFlags;
use crate::context::{self, Context, LOCK_TIMEOUT};
use crate::error::{CliError, CommandError};
use crate::output::Output;
use crate::render::work::Work;

/// The time for which a command waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    /// As for other actions; later cycles finish the rest.
    OfActions,
    /// A copy takes as long as the drives need.
    None,
}

/// Begins changes and waits for their ends.
pub(super) struct Driver<'a> {
    pub(super) db: &'a Path,
    /// Settings for this command only.
    pub(super) once: RawSettings,
    pub(super) mode: Mode,
    pub(super) limit: Limit,
}

/// An action that this command began.
struct Begun {
    id: ActionId,
    planned: Planned,
    ended: Option<(Outcome, f64)>,
}

impl Driver<'_> {
    /// Carries out changes.
    ///
    /// # Errors
    /// The colony cannot be opened, a node does not exist, or a cycle fails.
    pub(super) fn run(&self, requests: &[ChangeRequest], output: &Output) -> Result<Vec<Work>, CliError> {
        // A pause between two nodes would keep the daemon from its cycles: such a command runs its own.
        if self.mode == Mode::Act
            && self.once.action_delay.is_none()
            && let Some(works) = by_daemon::change(self.db, requests, self.limit, output.progress())?
        {
            return Ok(works);
        }
        let began = Instant::now();
        let trigger = Trigger::Changed(requests.to_vec());
        let lock = context::lock(self.db, LOCK_TIMEOUT)?;
        let mut context = Context::open_once(self.db, &SettingFlags::default(), self.once.clone(), self.mode)?;
        context.progress = output.progress();
        let report = context.run_cycle(&trigger, self.mode)?;
        drop(lock);
        if let Some((Some(id), Refusal::NoSuchNode)) = report.refused.first() {
            return Err(CommandError::NoSuchNode(*id).into());
        }
        let unchanged =
            |(node, refusal): &(Option<NodeId>, _)| Work::unchanged(verb_of(requests, *node), *node, refusal);
        let refused: Vec<Work> = report.refused.iter().map(unchanged).collect();
        let mut works = match self.mode {
            Mode::DryRun => report.decision.actions.iter().map(Work::planned).collect(),
            Mode::Act => self.wait(&mut context, report, began)?,
        };
        works.extend(refused);
        Ok(works)
    }

    fn wait(&self, context: &mut Context, first: Report, began: Instant) -> Result<Vec<Work>, CliError> {
        let is_mine = |planned: &Planned| first.decision.actions.contains(planned);
        let mut mine: Vec<Begun> = first
            .worked
            .iter()
            .filter(|(record, _)| is_mine(&record.planned))
            .map(|(record, _)| Begun { id: record.id, planned: record.planned.clone(), ended: None })
            .collect();
        let mut report = first;
        loop {
            let seconds = (began.elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
            for begun in &mut mine {
                if let Some((_, outcome)) = report.worked.iter().find(|(record, _)| record.id == begun.id) {
                    if let Outcome::Pending { why, .. } = outcome {
                        context.progress.note(why);
                    }
                    begun.ended = Some((outcome.clone(), seconds));
                } else if begun.is_open() {
                    // A cycle of the daemon has ended it.
                    begun.ended = outcome_of(context, begun)?.map(|outcome| (outcome, seconds));
                }
            }
            let is_over = self.limit == Limit::OfActions && began.elapsed() > TIMEOUT;
            if is_over || !mine.iter().any(Begun::is_open) {
                break;
            }
            std::thread::sleep(CYCLE_PAUSE);
            let _lock = context::lock(self.db, LOCK_TIMEOUT.max(Duration::from_secs(60)))?;
            report = context.run_cycle(&Trigger::Resumed, Mode::Act)?;
        }
        context.progress.end();
        let work = |begun: Begun| {
            let (outcome, seconds) = begun.ended?;
            Some(Work::started(&begun.planned, &outcome, Some(seconds)))
        };
        Ok(mine.into_iter().filter_map(work).collect())
    }
}

/// Returns the verb of the request that names a node, such as `move`.
pub(super) fn verb_of(requests: &[ChangeRequest], node: Option<NodeId>) -> &'static str {
    let request = requests.iter().find(|request| Some(request.node) == node);
    request.map_or("update", |request| request.change.verb())
}

impl Begun {
    fn is_open(&self) -> bool {
        self.ended.as_ref().is_none_or(|(outcome, _)| matches!(outcome, Outcome::Pending { .. }))
    }
}

/// Returns the outcome of an action from the history.
fn outcome_of(context: &Context, begun: &Begun) -> Result<Option<Outcome>, CliError> {
    let filter = ActionFilter { node: Some(begun.planned.action.node()), since: None, until: None, limit: 100 };
    let found = context.agent.store.actions(&filter)?;
    Ok(found
        .actions
        .into_iter()
        .find(|(_, action)| action.record.id == begun.id)
        .and_then(|(_, action)| action.outcome))
}
