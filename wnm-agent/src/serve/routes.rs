//! The paths of the control socket.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Serialize;
use tokio::sync::{oneshot, watch};
use wnm_core::{ActionId, Outcome, Timestamp};

use super::stream::{Left, LineWriter, lines};
use super::{Daemon, Shared};
use crate::control::{
    CHANGES_PATH, ChangesRequest, DAEMON_PATH, DaemonInfo, FailureInfo, ListenInfo, Message, NODE_CHANGES_PATH,
    NodeRequest, REQUESTS_PATH,
};
use crate::live::{CycleFailure, DaemonPhase, Event, Live, Validity};
use crate::request::{Begun, Request, RequestedWork, Requester};

/// The maximum length of a request: the numbers of 20,000 nodes.
const LONGEST_REQUEST: usize = 256 << 10;
/// Time without a change after which a client gets an empty line.
const QUIET: Duration = Duration::from_secs(15);

/// Returns the routes of the control socket.
pub(super) fn control(shared: Arc<Shared>) -> Router {
    Router::new()
        .route(DAEMON_PATH, get(daemon))
        .route(CHANGES_PATH, get(changes))
        .route(REQUESTS_PATH, post(requests))
        .route(NODE_CHANGES_PATH, post(node_changes))
        .layer(DefaultBodyLimit::max(LONGEST_REQUEST))
        .with_state(shared)
}

async fn daemon(State(shared): State<Arc<Shared>>) -> Response {
    json(&info(&shared))
}

fn info(Shared { daemon: Daemon { live, version, .. }, listening, .. }: &Shared) -> DaemonInfo {
    let status = live.status();
    let snapshot = live.snapshot();
    let listen = listening.lock().unwrap_or_else(PoisonError::into_inner).clone();
    DaemonInfo {
        pid: std::process::id(),
        version: (*version).to_owned(),
        phase: status.phase.word().to_owned(),
        started: status.started,
        interval_ms: millis(status.interval),
        cycles: status.cycles,
        last: snapshot.as_ref().map(|snapshot| snapshot.report.observation.now),
        took_ms: snapshot.as_ref().map(|snapshot| millis(snapshot.took)),
        next: status.next,
        failure: status.failure.clone().map(FailureInfo::from),
        listen: listen.map(|listen| with_certificate(listen, status.certificate)),
    }
}

/// Adds the end of the certificate that the server presents.
fn with_certificate(listen: ListenInfo, certificate: Option<Validity>) -> ListenInfo {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let now = Timestamp::default().after(since_1970);
    ListenInfo {
        certificate_ends: certificate.map(|certificate| certificate.ends),
        certificate_problem: certificate.and_then(|certificate| certificate.problem(now)),
        ..listen
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl From<CycleFailure> for FailureInfo {
    fn from(CycleFailure { error, hint }: CycleFailure) -> Self {
        Self { error, hint }
    }
}

/// Writes the number of the latest event, now and after each change.
async fn changes(State(shared): State<Arc<Shared>>) -> Response {
    let (writer, body) = lines();
    let mut changed = shared.changed.subscribe();
    changed.mark_changed();
    tokio::spawn(async move {
        let _ = announce(&writer, changed, &shared.daemon.live).await;
    });
    ([(header::CONTENT_TYPE, "application/x-ndjson")], body).into_response()
}

async fn announce(writer: &LineWriter, mut changed: watch::Receiver<u64>, live: &Live) -> Result<(), Left> {
    let mut written = None;
    loop {
        match wait(&mut changed, writer, live).await {
            Waited::Changed if written == Some(live.last_event()) => {}
            Waited::Changed => {
                let last = live.last_event();
                writer.value(&last).await?;
                written = Some(last);
            }
            Waited::Quiet => writer.empty().await?,
            Waited::Ended => return Ok(()),
        }
    }
}

/// The end of a wait for a publication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waited {
    /// The daemon published.
    Changed,
    /// Nothing happened for [`QUIET`].
    Quiet,
    /// The daemon has ended, or the client has left.
    Ended,
}

pub(super) async fn wait(changed: &mut watch::Receiver<u64>, writer: &LineWriter, live: &Live) -> Waited {
    tokio::select! {
        () = writer.left() => Waited::Ended,
        () = tokio::time::sleep(QUIET) => Waited::Quiet,
        changed = changed.changed() => {
            let has_ended = changed.is_err() || live.status().phase == DaemonPhase::Ended;
            if has_ended { Waited::Ended } else { Waited::Changed }
        }
    }
}

/// The requester at the other end of a connection: it leaves when the connection breaks.
struct Waiting(oneshot::Sender<Result<Begun, CycleFailure>>);

impl Requester for Waiting {
    fn is_waiting(&self) -> bool {
        !self.0.is_closed()
    }

    fn answer(self: Box<Self>, answer: Result<Begun, CycleFailure>) {
        // The client has left, and its actions go on.
        let _ = self.0.send(answer);
    }
}

async fn requests(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    match serde_json::from_slice(&body) {
        Ok(NodeRequest { verb, selection }) => take(shared, RequestedWork::Action(verb, selection)).await,
        Err(error) => no_request(&error),
    }
}

async fn node_changes(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    match serde_json::from_slice(&body) {
        Ok(ChangesRequest { changes }) => take(shared, RequestedWork::Changes(changes)).await,
        Err(error) => no_request(&error),
    }
}

fn no_request(error: &serde_json::Error) -> Response {
    text(StatusCode::BAD_REQUEST, &format!("not a request: {error}"))
}

/// Passes a request to the daemon, and answers with its actions until all have ended.
async fn take(shared: Arc<Shared>, work: RequestedWork) -> Response {
    let changed = shared.changed.subscribe();
    let last = shared.daemon.live.last_event();
    let (sender, answer) = oneshot::channel();
    let request = Request { work, requester: Box::new(Waiting(sender)) };
    if shared.daemon.requests.push(request).is_err() {
        return text(StatusCode::SERVICE_UNAVAILABLE, "too many requests wait already");
    }
    (shared.daemon.wake)();
    let Ok(answer) = answer.await else {
        return text(StatusCode::GONE, "the daemon ends, and takes no request");
    };
    let (writer, body) = lines();
    tokio::spawn(async move {
        let _ = follow(answer, writer, changed, last, &shared.daemon.live).await;
    });
    ([(header::CONTENT_TYPE, "application/x-ndjson")], body).into_response()
}

/// Writes the answer to a request, and then the progress of its actions until all have ended.
async fn follow(
    answer: Result<Begun, CycleFailure>,
    writer: LineWriter,
    mut changed: watch::Receiver<u64>,
    mut last: u64,
    live: &Live,
) -> Result<(), Left> {
    let Begun { worked, refused } = match answer {
        Ok(begun) => begun,
        Err(failure) => return writer.value(&Message::Failed(failure.into())).await,
    };
    let is_open = |outcome: &Outcome| matches!(outcome, Outcome::Pending { .. });
    let mut open: BTreeSet<ActionId> =
        worked.iter().filter(|(_, outcome)| is_open(outcome)).map(|(record, _)| record.id).collect();
    writer.value(&Message::Begun { worked, refused }).await?;
    while !open.is_empty() {
        match wait(&mut changed, &writer, live).await {
            Waited::Changed => {}
            Waited::Quiet => {
                writer.empty().await?;
                continue;
            }
            Waited::Ended => break,
        }
        let events = live.events(last);
        last = events.events.last().map_or(last, |event| event.number);
        for event in &events.events {
            let Event::ActionEnded { action, failure, .. } = &event.event else { continue };
            if open.remove(action) {
                let outcome = failure.as_deref().map_or(Outcome::Done, |failure| Outcome::Failed(failure.clone()));
                writer.value(&Message::Ended { action: *action, outcome }).await?;
            }
        }
        // An end may be among the events that the log has dropped: the client takes its actions as pending.
        if events.missed > 0 {
            break;
        }
        let Some(snapshot) = live.snapshot() else { continue };
        let is_mine = |(record, outcome): &&(_, Outcome)| {
            let record: &wnm_core::ActionRecord = record;
            open.contains(&record.id) && is_open(outcome)
        };
        let worked: Vec<_> = snapshot.report.worked.iter().filter(is_mine).cloned().collect();
        if !worked.is_empty() {
            writer.value(&Message::Progress { worked }).await?;
        }
    }
    Ok(())
}

fn json(value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

pub(super) fn text(status: StatusCode, text: &str) -> Response {
    (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], format!("{text}\n")).into_response()
}
