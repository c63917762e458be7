//! Requests for actions on nodes that a running daemon carries out, so that the command never waits for its lock.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use wnm_agent::Observer as _;
use wnm_agent::control::{ChangesRequest, Client, ClientError, FailureInfo, Lines, Message, NodeRequest};
use wnm_core::{ActionId, ActionRecord, ChangeRequest, NodeId, Outcome, Planned, Refusal, Selection, Verb};

use super::drive::{Limit, verb_of};
use super::node::{TIMEOUT, elapsed};
use crate::error::{CliError, CommandError};
use crate::progress::Progress;
use crate::render::work::Work;

/// The time within which a running daemon sends a line, at least an empty one.
const SILENCE: Duration = Duration::from_secs(60);

/// The results of a request: those of its actions, and its refused parts.
type Answer = (Vec<Work>, Vec<(Option<NodeId>, Refusal)>);

/// Requests actions of the daemon and waits for their ends; returns None when no daemon runs.
///
/// # Errors
/// The daemon refuses, its cycle fails, or it does not begin the request within the time limit. It then never does.
pub(super) fn request(
    db: &Path,
    verb: Verb,
    selection: &Selection,
    progress: Progress,
) -> Result<Option<Vec<Work>>, CliError> {
    let request = NodeRequest { verb, selection: selection.clone() };
    let answer = ask(db, |client| client.request(&request, TIMEOUT), Limit::OfActions, progress)?;
    Ok(answer.map(|(mut works, refused)| {
        works.extend(refused.into_iter().map(|(node, refusal)| Work::refused(verb, node, &refusal)));
        works
    }))
}

/// Requests changes of the daemon and waits for their ends; returns None when no daemon runs.
///
/// # Errors
/// As [`request`].
pub(super) fn change(
    db: &Path,
    changes: &[ChangeRequest],
    limit: Limit,
    progress: Progress,
) -> Result<Option<Vec<Work>>, CliError> {
    let request = ChangesRequest { changes: changes.to_vec() };
    let answer = ask(db, |client| client.request_changes(&request, TIMEOUT), limit, progress)?;
    Ok(answer.map(|(mut works, refused)| {
        let unchanged = |(node, refusal)| Work::unchanged(verb_of(changes, node), node, &refusal);
        works.extend(refused.into_iter().map(unchanged));
        works
    }))
}

fn ask(
    db: &Path,
    send: impl FnOnce(&Client) -> Result<Option<Lines>, ClientError>,
    limit: Limit,
    mut progress: Progress,
) -> Result<Option<Answer>, CliError> {
    let begun = Instant::now();
    let client = Client::of(db);
    match client.daemon() {
        Ok(Some(_)) => {}
        Ok(None) => return Ok(None),
        // The command then takes the lock, which excludes the daemon too.
        Err(error) => {
            tracing::warn!(%error, "the command runs without the daemon");
            return Ok(None);
        }
    }
    let Some(mut lines) = send(&client).map_err(CommandError::Daemon)? else { return Ok(None) };
    let (worked, refused) = match lines.message(TIMEOUT) {
        Ok(Some(Message::Begun { worked, refused })) => (worked, refused),
        Ok(Some(Message::Failed(FailureInfo { error, hint }))) => {
            return Err(CommandError::Requested { error, hint }.into());
        }
        Ok(Some(Message::Progress { .. } | Message::Ended { .. }) | None) => {
            return Err(CommandError::DaemonEnded.into());
        }
        Err(error) => return Err(CommandError::Daemon(error).into()),
    };
    if let Some((Some(id), Refusal::NoSuchNode)) = refused.first() {
        return Err(CommandError::NoSuchNode(*id).into());
    }
    let works = follow(worked, &mut lines, &mut progress, limit, begun);
    progress.end();
    Ok(Some((works, refused)))
}

/// Follows actions until all have ended, the time is over or the daemon ends. Later cycles finish the others.
fn follow(
    worked: Vec<(ActionRecord, Outcome)>,
    lines: &mut Lines,
    progress: &mut Progress,
    limit: Limit,
    begun: Instant,
) -> Vec<Work> {
    let mut outcomes: BTreeMap<ActionId, (Outcome, f64)> = BTreeMap::new();
    let mut mine: Vec<(ActionId, Planned)> = Vec::new();
    let records: Vec<ActionRecord> = worked.iter().map(|(record, _)| record.clone()).collect();
    progress.executing(&records);
    for (record, outcome) in worked {
        outcomes.insert(record.id, (outcome, elapsed(begun)));
        mine.push((record.id, record.planned));
    }
    let is_open = |(outcome, _): &(Outcome, f64)| matches!(outcome, Outcome::Pending { .. });
    while outcomes.values().any(is_open) {
        let left = match limit {
            Limit::OfActions => TIMEOUT.saturating_sub(begun.elapsed()),
            Limit::None => SILENCE,
        };
        let message = if left > Duration::ZERO { lines.message(left) } else { Ok(None) };
        match message {
            Ok(Some(Message::Progress { worked })) => {
                let records: Vec<ActionRecord> = worked.iter().map(|(record, _)| record.clone()).collect();
                progress.executing(&records);
                if let Some(why) = worked.iter().find_map(|(_, outcome)| how_far(outcome)) {
                    progress.note(why);
                }
                outcomes.extend(worked.into_iter().map(|(record, outcome)| (record.id, (outcome, elapsed(begun)))));
            }
            Ok(Some(Message::Ended { action, outcome })) => _ = outcomes.insert(action, (outcome, elapsed(begun))),
            Ok(Some(Message::Begun { .. } | Message::Failed(_)) | None) => break,
            Err(error) => {
                tracing::warn!(%error, "the actions go on without this command");
                break;
            }
        }
    }
    let work = |(id, planned): (ActionId, Planned)| {
        let (outcome, seconds) = outcomes.remove(&id)?;
        Some(Work::started(&planned, &outcome, Some(seconds)))
    };
    mine.into_iter().filter_map(work).collect()
}

/// Returns the progress of the step of an action that has not ended.
fn how_far(outcome: &Outcome) -> Option<&str> {
    match outcome {
        Outcome::Pending { why, .. } => Some(why),
        Outcome::Done | Outcome::Failed(_) | Outcome::Cancelled { .. } => None,
    }
}
