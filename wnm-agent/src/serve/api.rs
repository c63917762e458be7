//! The API: documents of the colony as JSON, and its events as a stream (SSE). It reads, and changes nothing.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Extension, Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use wnm_core::NodeId;

use super::Shared;
use super::beside::beside;
use super::crowd::Streaming;
use super::http::Route;
use super::page::PageFile;
use super::routes::{Waited, text, wait};
use super::stream::{Left, LineWriter, lines};
use crate::live::{DaemonPhase, Live, LoggedEvent, SignalSeries};

/// The maximum number of readers of the events.
pub const MOST_READERS: usize = 50;
/// The maximum number of documents that are made at the same time. Each reads the database on a thread of its own.
const MOST_DOCUMENTS: usize = 4;
/// Time within which a reader takes an event. A slower one is disconnected.
const READ_LIMIT: Duration = Duration::from_secs(30);
/// The number of cycles in the history without the parameter `limit`.
const CYCLES: u32 = 50;
/// The maximum of the parameter `limit`.
const MOST_CYCLES: u32 = 1000;

/// A question to the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// The host, the colony and the last decision.
    Status,
    /// All nodes.
    Nodes,
    /// One node with its last events.
    Node(NodeId),
    /// The latest cycles that acted, at most `limit`.
    History {
        /// The maximum number of cycles.
        limit: u32,
    },
    /// The effective settings, without secrets.
    Config,
    /// The rules of a cycle with their verdicts; of the last scheduled cycle without a number.
    Explain {
        /// The number of the cycle.
        cycle: Option<i64>,
    },
}

/// The reason why a question has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoAnswer {
    /// The node or the cycle does not exist.
    NotFound,
    /// The data cannot be read.
    Unavailable,
}

/// The maker of the documents of the API, with the JSON shapes of the commands.
pub trait Documents: Send + Sync {
    /// Returns the answer as JSON. May read files for a short time.
    ///
    /// # Errors
    /// The reason, with a JSON document that describes it.
    fn document(&self, question: Question) -> Result<Vec<u8>, (NoAnswer, Vec<u8>)>;

    /// Returns an event as a JSON document in one line.
    fn event(&self, event: &LoggedEvent) -> Vec<u8>;

    /// Returns the page for browsers as HTML, with charts of these signals. May read files for a short time. A failure to
    /// read the data is a part of the page.
    fn page(&self, signals: &[SignalSeries]) -> Vec<u8>;

    /// Returns the files that the page refers to.
    fn page_files(&self) -> &'static [PageFile];
}

/// The bounds of the API.
#[derive(Debug)]
pub(super) struct Limits {
    pub(super) readers: Arc<Semaphore>,
    documents: Semaphore,
}

impl Default for Limits {
    fn default() -> Self {
        Self { readers: Arc::new(Semaphore::new(MOST_READERS)), documents: Semaphore::new(MOST_DOCUMENTS) }
    }
}

/// The routes below `/api/v1`.
pub(super) const ROUTES: [Route; 7] = [
    ("/api/v1/status", || get(async |State(shared): State<_>| answer(shared, Question::Status).await)),
    ("/api/v1/nodes", || get(async |State(shared): State<_>| answer(shared, Question::Nodes).await)),
    ("/api/v1/nodes/{node}", || get(node)),
    ("/api/v1/history", || get(history)),
    ("/api/v1/config", || get(async |State(shared): State<_>| answer(shared, Question::Config).await)),
    ("/api/v1/explain", || get(explain)),
    ("/api/v1/events", || get(events)),
];

async fn node(State(shared): State<Arc<Shared>>, Path(node): Path<String>) -> Response {
    match node.parse() {
        Ok(node) => answer(shared, Question::Node(node)).await,
        Err(_) => text(StatusCode::BAD_REQUEST, "not a node; give a number or a name, such as 3 or antnode0003"),
    }
}

async fn history(State(shared): State<Arc<Shared>>, RawQuery(query): RawQuery) -> Response {
    match parameter(query.as_deref(), "limit") {
        Ok(limit) if (1..=MOST_CYCLES.into()).contains(&limit.unwrap_or(CYCLES.into())) => {
            let limit = limit.and_then(|limit| u32::try_from(limit).ok()).unwrap_or(CYCLES);
            answer(shared, Question::History { limit }).await
        }
        _ => text(StatusCode::BAD_REQUEST, "the only parameter is limit, a number from 1 to 1000"),
    }
}

async fn explain(State(shared): State<Arc<Shared>>, RawQuery(query): RawQuery) -> Response {
    match parameter(query.as_deref(), "cycle") {
        Ok(cycle) => {
            // A number that no cycle can have is not the absence of one.
            let cycle = cycle.map(|cycle| i64::try_from(cycle).unwrap_or(i64::MAX));
            answer(shared, Question::Explain { cycle }).await
        }
        Err(NotAParameter) => text(StatusCode::BAD_REQUEST, "the only parameter is cycle, the number of a cycle"),
    }
}

/// The query is no number for the one parameter that the path takes.
#[derive(Debug)]
struct NotAParameter;

/// Returns the number in a query such as `limit=5`; None for an empty query.
fn parameter(query: Option<&str>, name: &str) -> Result<Option<u64>, NotAParameter> {
    let Some(query) = query.filter(|query| !query.is_empty()) else { return Ok(None) };
    let value = query.strip_prefix(name).and_then(|rest| rest.strip_prefix('='));
    value.and_then(|value| value.parse().ok()).map(Some).ok_or(NotAParameter)
}

async fn answer(shared: Arc<Shared>, question: Question) -> Response {
    let Ok(_permit) = shared.limits.documents.acquire().await else {
        return text(StatusCode::SERVICE_UNAVAILABLE, "the daemon ends");
    };
    let documents = Arc::clone(&shared.daemon.documents);
    // The database may be busy: no other client waits for this one.
    match beside(move || documents.document(question)).await {
        Ok(Ok(body)) => json(StatusCode::OK, body),
        Ok(Err((NoAnswer::NotFound, body))) => json(StatusCode::NOT_FOUND, body),
        Ok(Err((NoAnswer::Unavailable, body))) => json(StatusCode::SERVICE_UNAVAILABLE, body),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

pub(super) fn json(status: StatusCode, body: Vec<u8>) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

async fn events(
    State(shared): State<Arc<Shared>>,
    Extension(streaming): Extension<Streaming>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let Ok(after) = parameter(query.as_deref(), "after") else {
        return text(StatusCode::BAD_REQUEST, "the only parameter is after, the number of an event");
    };
    // A browser that connects again names the last event that it got.
    let live = &shared.daemon.live;
    let last = headers.get("last-event-id").and_then(|id| Some(last_of(live, id.to_str().ok()?)));
    let Ok(permit) = Arc::clone(&shared.limits.readers).try_acquire_owned() else {
        return text(StatusCode::SERVICE_UNAVAILABLE, "50 readers of the events are connected already");
    };
    let after = last.or(after.map(|after| of_this_daemon(live, after))).unwrap_or_else(|| live.last_event());
    let (writer, body) = lines();
    let changed = shared.changed.subscribe();
    streaming.begin();
    tokio::spawn(async move {
        let _ = tell(&shared, &writer, changed, after, permit).await;
        streaming.end();
    });
    ([(header::CONTENT_TYPE, "text/event-stream")], body).into_response()
}

/// Returns the begin of the daemon, which tells the numbers of its events from those of an earlier daemon.
fn begin(live: &Live) -> i64 {
    live.status().started.unwrap_or_default().as_millis()
}

/// Returns the number of the last event that a reader got by its id, such as `1796040000000-57`; 0 for an event of an earlier
/// daemon, after which all events of this one are new.
fn last_of(live: &Live, id: &str) -> u64 {
    let number = match id.split_once('-') {
        Some((begun, number)) if begun == begin(live).to_string() => number,
        Some(_) => return 0,
        None => id,
    };
    number.parse().map_or(0, |number| of_this_daemon(live, number))
}

/// Returns the number of an event; 0 for one that this daemon has not reached, so that it is of an earlier one.
fn of_this_daemon(live: &Live, number: u64) -> u64 {
    if number > live.last_event() { 0 } else { number }
}

/// Writes each event after the given number, and a comment every 15 s without one.
async fn tell(
    shared: &Shared,
    writer: &LineWriter,
    mut changed: watch::Receiver<u64>,
    mut last: u64,
    _permit: OwnedSemaphorePermit,
) -> Result<(), Left> {
    let live: &Live = &shared.daemon.live;
    // A reader learns at once that it is connected.
    send(writer, b": wnm\n\n".to_vec()).await?;
    loop {
        // Before the events are read, so that the last ones are written too.
        let has_ended = live.status().phase == DaemonPhase::Ended;
        let events = live.events(last);
        if events.missed > 0 {
            send(writer, format!("event: missed\ndata: {}\n\n", events.missed).into_bytes()).await?;
        }
        for event in &events.events {
            let (begun, kind) = (begin(live), event.event.kind());
            let mut message = format!("id: {begun}-{}\nevent: {kind}\ndata: ", event.number).into_bytes();
            message.extend(shared.daemon.documents.event(event));
            message.extend(b"\n\n");
            send(writer, message).await?;
            last = event.number;
        }
        if has_ended {
            return Ok(());
        }
        match wait(&mut changed, writer, live).await {
            Waited::Changed => {}
            Waited::Quiet => send(writer, b":\n\n".to_vec()).await?,
            Waited::Ended if live.status().phase == DaemonPhase::Ended => {}
            Waited::Ended => return Ok(()),
        }
    }
}

pub(super) async fn send(writer: &LineWriter, message: Vec<u8>) -> Result<(), Left> {
    tokio::time::timeout(READ_LIMIT, writer.bytes(message)).await.unwrap_or(Err(Left))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reader_of_an_earlier_daemon_gets_all_events() {
        let live = Live::default();
        live.set_status(|status| status.started = Some(wnm_core::Timestamp::from_millis(7000)));
        live.log(wnm_core::Timestamp::default(), vec![crate::live::Event::HostRestarted; 3]);
        for (id, last) in [
            ("7000-2", 2),
            ("7000-3", 3),
            ("7000-4", 0),
            ("6000-2", 0),
            ("2", 2),
            ("4", 0),
            ("", 0),
            ("x", 0),
            ("7000-", 0),
            ("7000--1", 0),
            ("7000-99999999999999999999", 0),
        ] {
            assert_eq!(last_of(&live, id), last, "{id}");
        }
    }

    #[test]
    fn parameter_is_one_number() {
        assert_eq!(parameter(None, "limit").ok(), Some(None));
        assert_eq!(parameter(Some(""), "limit").ok(), Some(None));
        assert_eq!(parameter(Some("limit=5"), "limit").ok(), Some(Some(5)));
        for query in ["limit", "limit=", "limit=x", "limit=-1", "limit=5&x=1", "other=5", "limit=99999999999999999999"]
        {
            assert!(parameter(Some(query), "limit").is_err(), "{query}");
        }
    }
}
