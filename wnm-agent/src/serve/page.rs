//! The page for browsers: its HTML after the last cycle, its files, and the stream that announces each cycle.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::{Extension, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::Shared;
use super::api::{MOST_READERS, send};
use super::beside::beside;
use super::crowd::Streaming;
use super::http::Route;
use super::routes::{Waited, text, wait};
use super::stream::{Left, LineWriter, lines};
use crate::live::{DaemonPhase, SignalRecorder};

/// The sources of the page: this server alone, and no script or style in the HTML itself, so that a name or a reason that
/// were not escaped would still have no effect.
pub(super) const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                                         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// Age at which the page is made anew without a publication: it shows the age of the last cycle.
const LONGEST_CACHED: Duration = Duration::from_secs(5);

/// A file that the page refers to, such as its style.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageFile {
    /// The path, such as `/page.css`.
    pub path: &'static str,
    /// The content type.
    pub content_type: &'static str,
    /// The content.
    pub content: &'static str,
}

/// The page after the last publication that a browser asked for, and the signals for its charts.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// The lock is held while the page is made, so that readers who ask at the same time share one.
    made: tokio::sync::Mutex<Option<Made>>,
    signals: Mutex<SignalRecorder>,
}

#[derive(Debug)]
struct Made {
    version: u64,
    at: Instant,
    html: Bytes,
}

/// The routes of the page, without its files.
pub(super) const ROUTES: [Route; 2] = [("/", || get(page)), ("/updates", || get(updates))];

/// Records the signals of each cycle, without an end. Only a server that listens does.
pub(super) async fn record(shared: &Shared) {
    let mut changed = shared.changed.subscribe();
    let mut last = None;
    loop {
        if let Some(snapshot) = shared.daemon.live.snapshot()
            && last != Some(snapshot.published)
        {
            last = Some(snapshot.published);
            shared.page.signals.lock().unwrap_or_else(PoisonError::into_inner).record(&snapshot);
        }
        if changed.changed().await.is_err() {
            // The server ends; the listener next to this one sees it too.
            std::future::pending::<()>().await;
        }
    }
}

async fn page(State(shared): State<Arc<Shared>>) -> Response {
    let mut made = shared.page.made.lock().await;
    let version = *shared.changed.borrow();
    if let Some(Made { html, .. }) =
        made.as_ref().filter(|made| made.version == version && made.at.elapsed() < LONGEST_CACHED)
    {
        return answer(html.clone());
    }
    let maker = Arc::clone(&shared);
    let render = move || {
        let signals = maker.page.signals.lock().unwrap_or_else(PoisonError::into_inner).clone();
        maker.daemon.documents.page(signals.series())
    };
    match beside(render).await {
        Ok(html) => {
            let html = Bytes::from(html);
            *made = Some(Made { version, at: Instant::now(), html: html.clone() });
            answer(html)
        }
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

fn answer(html: Bytes) -> Response {
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response()
}

/// Returns a file of the page, or status 404.
pub(super) async fn file(State(shared): State<Arc<Shared>>, uri: Uri) -> Response {
    match shared.daemon.documents.page_files().iter().find(|file| file.path == uri.path()) {
        Some(file) => ([(header::CONTENT_TYPE, file.content_type)], file.content).into_response(),
        None => text(StatusCode::NOT_FOUND, "no such page; /api/v1 lists all"),
    }
}

/// Announces each publication as an event `cycle` with the number of the latest event.
async fn updates(State(shared): State<Arc<Shared>>, Extension(streaming): Extension<Streaming>) -> Response {
    let Ok(permit) = Arc::clone(&shared.limits.readers).try_acquire_owned() else {
        return text(StatusCode::SERVICE_UNAVAILABLE, &format!("{MOST_READERS} readers are connected already"));
    };
    let (writer, body) = lines();
    let changed = shared.changed.subscribe();
    streaming.begin();
    tokio::spawn(async move {
        let _ = announce(&shared, &writer, changed, permit).await;
        streaming.end();
    });
    ([(header::CONTENT_TYPE, "text/event-stream")], body).into_response()
}

async fn announce(
    shared: &Shared,
    writer: &LineWriter,
    mut changed: watch::Receiver<u64>,
    _permit: OwnedSemaphorePermit,
) -> Result<(), Left> {
    let live = &shared.daemon.live;
    send(writer, b": wnm\n\n".to_vec()).await?;
    loop {
        match wait(&mut changed, writer, live).await {
            Waited::Changed => {
                let last = live.last_event();
                send(writer, format!("event: cycle\ndata: {last}\n\n").into_bytes()).await?;
            }
            Waited::Quiet => send(writer, b":\n\n".to_vec()).await?,
            Waited::Ended if live.status().phase == DaemonPhase::Ended => {
                return send(writer, b"event: ended\ndata: 0\n\n".to_vec()).await;
            }
            Waited::Ended => return Ok(()),
        }
    }
}
