//! The HTTP server of the operator of a fleet: a page, metrics and JSON. It is read-only, and has the checks and bounds of
//! the server of a daemon, with its token and its TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::extract::{Extension, Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot, watch};
use wnm_core::ListenSettings;

use super::access::Access;
use super::api::{MOST_READERS, NoAnswer, json, send};
use super::beside::beside;
use super::coding::Coding;
use super::crowd::Streaming;
use super::http::{accept, bind, format_of, guard};
use super::page::PageFile;
use super::routes::text;
use super::stream::{Left, LineWriter, lines};
use crate::control::FailureInfo;
use crate::metrics::Format;

/// Time without a change after which a reader of the updates gets an empty message.
const QUIET: Duration = Duration::from_secs(15);
/// Time between two readings of the files of the token and of TLS.
const RENEWAL: Duration = Duration::from_secs(10);
/// The most documents that are made at the same time.
const MOST_DOCUMENTS: usize = 4;

/// A question of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FleetQuestion {
    /// The state of all hosts together, as JSON.
    Status,
    /// The hosts as a list, as JSON.
    Hosts,
    /// The hosts as an object by name, as JSON.
    HostsByName,
    /// One host, as JSON.
    Host(String),
    /// The nodes of one host, as JSON.
    Nodes(String),
    /// The page of the fleet.
    Page,
    /// The page of one host.
    HostPage(String),
    /// The metrics.
    Metrics(Format),
}

/// The maker of the answers. Each may read the engine for a short time.
pub trait FleetDocuments: Send + Sync {
    /// Returns an answer.
    ///
    /// # Errors
    /// The reason, with a document that describes it.
    fn answer(&self, question: FleetQuestion) -> Result<Vec<u8>, (NoAnswer, Vec<u8>)>;

    /// Checks that the engine was read.
    ///
    /// # Errors
    /// The reason for which the data is not current.
    fn ready(&self) -> Result<(), String>;

    /// Returns the files that the pages refer to.
    fn page_files(&self) -> &'static [PageFile];
}

/// The server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum FleetServeError {
    /// The system refuses the address or the thread.
    #[error(transparent)]
    Listen(#[from] io::Error),
    /// A file of the token or of TLS cannot be used.
    #[error("{}", .0.error)]
    Files(FailureInfo),
}

struct Shared {
    documents: Arc<dyn FleetDocuments>,
    making: Semaphore,
    readers: Arc<Semaphore>,
    changed: watch::Sender<u64>,
    version: &'static str,
}

/// A running server. It ends when this value is dropped.
#[derive(Debug)]
pub struct FleetServer {
    address: SocketAddr,
    scheme: &'static str,
    changed: watch::Sender<u64>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl FleetServer {
    /// Serves HTTP at the address of the settings, or at the next free port after it.
    ///
    /// # Errors
    /// The system refuses the address or the thread, or a file of the settings cannot be used.
    pub fn start(
        address: SocketAddr,
        settings: ListenSettings,
        documents: Arc<dyn FleetDocuments>,
        version: &'static str,
    ) -> Result<Self, FleetServeError> {
        let access = Access::read(&settings, None).map_err(FleetServeError::Files)?;
        let scheme = access.scheme();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
        let listener = runtime.block_on(bind(address))?;
        let address = listener.local_addr()?;
        let changed = watch::Sender::new(0);
        let (making, readers) = (Semaphore::new(MOST_DOCUMENTS), Arc::new(Semaphore::new(MOST_READERS)));
        let shared = Arc::new(Shared { documents, making, readers, changed: changed.clone(), version });
        let (stop, stopped) = oneshot::channel();
        let run = move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = stopped => {}
                    () = serve(&listener, &shared, &settings, access) => {}
                }
            });
            runtime.shutdown_background();
        };
        let thread = std::thread::Builder::new().name("wnm-fleet-serve".to_owned()).spawn(run)?;
        Ok(Self { address, scheme, changed, stop: Some(stop), thread: Some(thread) })
    }

    /// Returns the address that the server listens on.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the scheme of its addresses: `http`, or `https` with TLS.
    #[must_use]
    pub const fn scheme(&self) -> &'static str {
        self.scheme
    }

    /// Announces new data to the open pages.
    pub fn announce(&self) {
        self.changed.send_modify(|count| *count += 1);
    }
}

impl Drop for FleetServer {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Serves the clients. A renewed certificate or token takes effect within [`RENEWAL`].
async fn serve(listener: &TcpListener, shared: &Arc<Shared>, settings: &ListenSettings, mut access: Arc<Access>) {
    loop {
        let router = routes(Arc::clone(shared), Arc::clone(&access));
        access = tokio::select! {
            () = accept(listener, &router, &access) => return,
            renewed = renewed(settings, &access) => renewed,
        };
    }
}

/// Waits until a file of the settings has changed. The last ones stay in effect while a file cannot be used.
async fn renewed(settings: &ListenSettings, last: &Arc<Access>) -> Arc<Access> {
    let mut logged = None;
    loop {
        tokio::time::sleep(RENEWAL).await;
        match Access::read(settings, Some(last)) {
            Ok(access) if !Arc::ptr_eq(&access, last) => return access,
            Ok(_) => logged = None,
            Err(failure) if logged.as_ref() == Some(&failure.error) => {}
            Err(failure) => {
                tracing::warn!("the last token and certificate stay in effect: {}", failure.error);
                logged = Some(failure.error);
            }
        }
    }
}

fn routes(shared: Arc<Shared>, access: Arc<Access>) -> Router {
    let of = |question: FleetQuestion| get(async move |State(shared): State<_>| answer(shared, question).await);
    Router::new()
        .route("/", of(FleetQuestion::Page))
        .route(
            "/hosts/{host}",
            get(async |State(shared): State<_>, Path(host): Path<String>| {
                answer(shared, FleetQuestion::HostPage(host)).await
            }),
        )
        .route("/updates", get(updates))
        .route("/metrics", get(scrape))
        .route("/healthz", get(async || text(StatusCode::OK, "ok")))
        .route("/readyz", get(readiness))
        .route("/api/v1", get(index))
        .route("/api/v1/status", of(FleetQuestion::Status))
        .route("/api/v1/hosts", get(hosts))
        .route(
            "/api/v1/hosts/{host}",
            get(async |State(shared): State<_>, Path(host): Path<String>| {
                answer(shared, FleetQuestion::Host(host)).await
            }),
        )
        .route(
            "/api/v1/hosts/{host}/nodes",
            get(async |State(shared): State<_>, Path(host): Path<String>| {
                answer(shared, FleetQuestion::Nodes(host)).await
            }),
        )
        .fallback(file)
        .layer(from_fn_with_state(access, guard))
        .with_state(shared)
}

async fn answer(shared: Arc<Shared>, question: FleetQuestion) -> Response {
    coded(shared, question, None).await
}

/// Returns an answer in a coding, where one was negotiated.
async fn coded(shared: Arc<Shared>, question: FleetQuestion, coding: Option<Coding>) -> Response {
    let content_type = match &question {
        FleetQuestion::Page | FleetQuestion::HostPage(_) => "text/html; charset=utf-8",
        FleetQuestion::Metrics(format) => format.content_type(),
        FleetQuestion::Status
        | FleetQuestion::Hosts
        | FleetQuestion::HostsByName
        | FleetQuestion::Host(_)
        | FleetQuestion::Nodes(_) => "application/json",
    };
    let Ok(_permit) = shared.making.acquire().await else {
        return text(StatusCode::SERVICE_UNAVAILABLE, "the server ends");
    };
    let documents = Arc::clone(&shared.documents);
    // The engine may be slow: no other client waits for this one.
    let make = move || documents.answer(question).map(|body| coding.unwrap_or(Coding::Identity).encode(body));
    match beside(make).await {
        Ok(Ok(body)) => match coding {
            Some(coding) => coding.answer(content_type, body.into()),
            None => ([(header::CONTENT_TYPE, content_type)], body).into_response(),
        },
        Ok(Err((NoAnswer::NotFound, body))) => json(StatusCode::NOT_FOUND, body),
        Ok(Err((NoAnswer::Unavailable, body))) => json(StatusCode::SERVICE_UNAVAILABLE, body),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

async fn hosts(State(shared): State<Arc<Shared>>, RawQuery(query): RawQuery) -> Response {
    match query.as_deref() {
        None | Some("") => answer(shared, FleetQuestion::Hosts).await,
        Some("by=name") => answer(shared, FleetQuestion::HostsByName).await,
        Some(_) => text(StatusCode::BAD_REQUEST, "the only parameter is by=name"),
    }
}

async fn scrape(State(shared): State<Arc<Shared>>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    match format_of(query.as_deref(), &headers) {
        Some(format) => coded(shared, FleetQuestion::Metrics(format), Some(Coding::accepted(&headers))).await,
        None => text(StatusCode::BAD_REQUEST, "the only parameter is format=json"),
    }
}

async fn readiness(State(shared): State<Arc<Shared>>) -> Response {
    match shared.documents.ready() {
        Ok(()) => text(StatusCode::OK, "ok"),
        Err(problem) => text(StatusCode::SERVICE_UNAVAILABLE, &problem),
    }
}

async fn index(State(shared): State<Arc<Shared>>) -> Response {
    let version = shared.version;
    let page = format!(
        "wnm {version}, a fleet\n\n/                          the page of all hosts; /hosts/NAME that of one\n\
         /metrics                   metrics for Prometheus, in its text format or OpenMetrics\n\
         /metrics?format=json       the same as JSON\n/healthz                   200 while the server runs\n\
         /readyz                    200 while the engine is read, otherwise 503 with the reason\n\
         /api/v1/status             all hosts together, as JSON\n\
         /api/v1/hosts              the hosts as a list; ?by=name as an object\n\
         /api/v1/hosts/NAME         one host; /api/v1/hosts/NAME/nodes its nodes"
    );
    text(StatusCode::OK, &page)
}

async fn file(State(shared): State<Arc<Shared>>, uri: Uri) -> Response {
    match shared.documents.page_files().iter().find(|file| file.path == uri.path()) {
        Some(file) => ([(header::CONTENT_TYPE, file.content_type)], file.content).into_response(),
        None => text(StatusCode::NOT_FOUND, "no such page; /api/v1 lists all"),
    }
}

/// Announces each reading of the engine to an open page.
async fn updates(State(shared): State<Arc<Shared>>, Extension(streaming): Extension<Streaming>) -> Response {
    let Ok(permit) = Arc::clone(&shared.readers).try_acquire_owned() else {
        return text(StatusCode::SERVICE_UNAVAILABLE, &format!("{MOST_READERS} readers are connected already"));
    };
    let (writer, body) = lines();
    let changed = shared.changed.subscribe();
    streaming.begin();
    tokio::spawn(async move {
        let _ = announce(&writer, changed).await;
        streaming.end();
        drop(permit);
    });
    ([(header::CONTENT_TYPE, "text/event-stream")], body).into_response()
}

async fn announce(writer: &LineWriter, mut changed: watch::Receiver<u64>) -> Result<(), Left> {
    send(writer, b": wnm\n\n".to_vec()).await?;
    loop {
        tokio::select! {
            () = writer.left() => return Ok(()),
            () = tokio::time::sleep(QUIET) => send(writer, b":\n\n".to_vec()).await?,
            news = changed.changed() => {
                if news.is_err() {
                    return Ok(());
                }
                let count = *changed.borrow_and_update();
                send(writer, format!("event: cycle\ndata: {count}\n\n").into_bytes()).await?;
            }
        }
    }
}
