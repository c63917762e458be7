//! The HTTP server: its address, its routes, and the checks of every request.
//!
//! It serves the loopback interface without a password, so that it refuses the requests of web pages on this host: a
//! request with the name of another host (DNS rebinding), from another origin, or with a method that changes something.
//! Other hosts reach it through TLS only, and with a token.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{RawQuery, Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{MethodRouter, get};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::Instant;

use super::access::Access;
use super::coding::Coding;
use super::crowd::Crowd;
use super::routes::text;
use super::{Shared, api, page};
use crate::control::{FailureInfo, ListenInfo};
use crate::metrics::{self, Format};

/// The number of ports that are tried, from the configured one on.
const PORTS: u16 = 20;
/// For how long the wanted port is tried before the next one is.
const HANDOVER: Duration = Duration::from_secs(2);
const HANDOVER_PAUSE: Duration = Duration::from_millis(50);
/// Pause before another attempt to listen.
const RETRY: Duration = Duration::from_secs(10);
/// Pause after a failed accept, as when the process has no free descriptor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// The least age of the last cycle at which the daemon is not ready; three intervals if those are longer.
const NOT_READY: Duration = Duration::from_secs(15);

/// The server of the settings.
#[derive(Clone, PartialEq)]
pub(super) struct Wanted {
    pub(super) address: SocketAddr,
    /// The checks of its clients, or why it must not serve.
    pub(super) access: Result<Arc<Access>, FailureInfo>,
}

/// Serves the address in `wanted`, and follows its changes, without an end.
pub(super) async fn serve(mut wanted: watch::Receiver<Option<Wanted>>, shared: Arc<Shared>) {
    // The failure that was logged last: an attempt every few seconds must not fill the log.
    let mut logged = None;
    loop {
        let now = wanted.borrow_and_update().clone();
        let Some(Wanted { address, access }) = now else {
            shared.set_listening(None);
            if wanted.changed().await.is_err() {
                return;
            }
            continue;
        };
        let bound = match access {
            Ok(access) => bind(address).await.map(|found| (found, access)).map_err(|error| cause(address, &error)),
            Err(failure) => Err(failure),
        };
        let (serving, failure) = (bound.as_ref().ok(), bound.as_ref().err());
        shared.set_listening(Some(ListenInfo {
            wanted: address.to_string(),
            address: serving.and_then(|(listener, _)| Some(listener.local_addr().ok()?.to_string())),
            tls: serving.is_some_and(|(_, access)| access.acceptor().is_some()),
            error: failure.map(|failure| failure.error.clone()),
            hint: failure.and_then(|failure| failure.hint.clone()),
            certificate_ends: None,
            certificate_problem: None,
        }));
        let ended = match bound {
            Ok((listener, access)) => {
                let router = routes(Arc::clone(&shared), Arc::clone(&access));
                if let Ok(address) = listener.local_addr() {
                    tracing::info!(%address, "the HTTP server listens");
                }
                logged = None;
                tokio::select! {
                    changed = wanted.changed() => changed,
                    () = accept(&listener, &router, &access) => Ok(()),
                    () = page::record(&shared) => Ok(()),
                }
            }
            Err(failure) => {
                let failure = Some((address, failure.error));
                if let Some((address, error)) = failure.as_ref().filter(|_| failure != logged) {
                    tracing::warn!(%address, error, "the HTTP server cannot listen");
                }
                logged = failure;
                tokio::select! {
                    changed = wanted.changed() => changed,
                    () = tokio::time::sleep(RETRY) => Ok(()),
                }
            }
        };
        if ended.is_err() {
            return;
        }
    }
}

/// Listens on an address, or on the next free port after it.
///
/// The port may be taken for a moment by this program itself: its previous process still ends, or a child that is being
/// started holds the listener that was just closed. So the wanted port is tried for [`HANDOVER`] before another is.
pub(super) async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let begun = Instant::now();
    while begun.elapsed() < HANDOVER {
        match TcpListener::bind(address).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => tokio::time::sleep(HANDOVER_PAUSE).await,
            other => return other,
        }
    }
    let mut taken = None;
    for offset in 0..PORTS {
        let Some(port) = address.port().checked_add(offset) else { break };
        match TcpListener::bind(SocketAddr::new(address.ip(), port)).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => taken = Some(error),
            other => return other,
        }
    }
    Err(taken.unwrap_or_else(|| io::ErrorKind::AddrInUse.into()))
}

/// The first port that needs no privilege, where the host does not say another (`ip_unprivileged_port_start`).
const UNPRIVILEGED: u16 = 1024;

/// Returns the reason for which the server cannot listen, with the way to fix it.
fn cause(address: SocketAddr, error: &io::Error) -> FailureInfo {
    let port = address.port();
    let other_port = || format!("choose another port, such as `wnm config set listen={}`", other(address.ip(), port));
    let (error, hint) = match error.kind() {
        io::ErrorKind::PermissionDenied if port < UNPRIVILEGED => {
            (format!("port {port} needs privileges of root"), other_port())
        }
        io::ErrorKind::AddrInUse => {
            (format!("the ports {port} to {} are taken", port.saturating_add(PORTS - 1)), other_port())
        }
        io::ErrorKind::AddrNotAvailable => (
            format!("no interface of this host has the address {}", address.ip()),
            "choose another address, such as `wnm config set listen=127.0.0.1:9910`".to_owned(),
        ),
        _ => (error.to_string(), other_port()),
    };
    FailureInfo { error, hint: Some(hint) }
}

/// Returns a port that needs no privilege, and is none of those that were tried.
fn other(ip: IpAddr, tried: u16) -> SocketAddr {
    SocketAddr::new(ip, if (9890..=9910).contains(&tried) { 9930 } else { 9910 })
}

pub(super) async fn accept(listener: &TcpListener, router: &Router, access: &Access) {
    let crowd = Crowd::default();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => crowd.admit(stream, router.clone(), access.acceptor().cloned()),
            Err(error) => {
                tracing::debug!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// A path with the maker of its handler.
pub(super) type Route = (&'static str, fn() -> MethodRouter<Arc<Shared>>);

const ROUTES: [Route; 4] = [
    ("/api/v1", || get(index)),
    ("/metrics", || get(scrape)),
    ("/healthz", || get(async || text(StatusCode::OK, "ok"))),
    ("/readyz", || get(readiness)),
];

fn all() -> impl Iterator<Item = Route> {
    ROUTES.into_iter().chain(api::ROUTES).chain(page::ROUTES)
}

/// Returns the paths that the HTTP server answers, beside the files of the page. A part in braces stands for a value.
pub fn paths() -> impl Iterator<Item = &'static str> {
    all().map(|(path, _)| path)
}

fn routes(shared: Arc<Shared>, access: Arc<Access>) -> Router {
    all()
        .fold(Router::new(), |router, (path, handler)| router.route(path, handler()))
        .fallback(page::file)
        .layer(from_fn_with_state(access, guard))
        .with_state(shared)
}

/// Refuses the requests that only a web page of another site, or a broken client, sends, and those without the token.
pub(super) async fn guard(State(access): State<Arc<Access>>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    if let Err((status, reason)) = check(&access, request.method(), request.uri(), headers) {
        let mut response = text(status, reason);
        if status == StatusCode::METHOD_NOT_ALLOWED {
            response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static("GET, HEAD"));
        }
        return response;
    }
    if !access.permits(headers) {
        let mut response = text(StatusCode::UNAUTHORIZED, "a token is required");
        for scheme in ["Basic realm=\"wnm\", charset=\"UTF-8\"", "Bearer realm=\"wnm\""] {
            response.headers_mut().append(header::WWW_AUTHENTICATE, header::HeaderValue::from_static(scheme));
        }
        return response;
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, header::HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_SECURITY_POLICY, header::HeaderValue::from_static(page::CONTENT_POLICY));
    headers.insert(header::REFERRER_POLICY, header::HeaderValue::from_static("no-referrer"));
    response
}

fn check(
    access: &Access,
    method: &Method,
    target: &Uri,
    headers: &HeaderMap,
) -> Result<(), (StatusCode, &'static str)> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return Err((StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are served"));
    }
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return Err((StatusCode::BAD_REQUEST, "exactly one Host header is required"));
    };
    let host = host.to_str().unwrap_or_default();
    let names_another = |target: &Authority| !target.as_str().eq_ignore_ascii_case(host);
    if target.authority().is_some_and(names_another) || target.scheme_str().is_some_and(|it| it != access.scheme()) {
        return Err((StatusCode::BAD_REQUEST, "the target of the request and its Host header name different servers"));
    }
    if !target.path().starts_with('/') {
        return Err((StatusCode::BAD_REQUEST, "the target of the request is not a path"));
    }
    if !access.is_own_host(host) {
        let reason = match access.acceptor() {
            None => "the Host header names another host; use localhost or a loopback address",
            Some(_) => "the Host header names another host; use an address, or a name of the certificate",
        };
        return Err((StatusCode::FORBIDDEN, reason));
    }
    let foreign = |origin: &header::HeaderValue| {
        let origin = origin.to_str().unwrap_or_default();
        origin.split_once("://") != Some((access.scheme(), host))
    };
    if headers.get_all(header::ORIGIN).iter().any(foreign) {
        return Err((StatusCode::FORBIDDEN, "requests of other sites are refused"));
    }
    Ok(())
}

async fn index(State(shared): State<Arc<Shared>>) -> Response {
    let version = shared.daemon.version;
    let page = format!(
        "wnm {version}\n\n/                     the page for browsers\n\
         /metrics              metrics for Prometheus, in its text format or OpenMetrics\n\
         /metrics?format=json  the same as JSON\n/healthz              200 while the daemon runs\n\
         /readyz               200 while its cycles complete, otherwise 503 with the reason\n\
         /api/v1/status        the host, the colony and the last decision, as JSON\n\
         /api/v1/nodes         all nodes; /api/v1/nodes/3 one with its last events\n\
         /api/v1/history       the latest cycles that acted; ?limit=N\n\
         /api/v1/explain       the rules of the last scheduled cycle; ?cycle=N\n\
         /api/v1/config        the effective settings\n\
         /api/v1/events        new events as a stream (SSE); ?after=N\n\
         /api/v1/openapi.json  the description of these paths and of their answers"
    );
    text(StatusCode::OK, &page)
}

/// The metrics after the last publication, in the formats and codings that were asked for since.
#[derive(Debug, Default)]
pub(super) struct Rendered(Mutex<(u64, Bodies)>);

type Bodies = BTreeMap<(Format, Coding), Bytes>;

/// Returns the format of the metrics that a client asks for; None for an unknown parameter.
pub(super) fn format_of(query: Option<&str>, headers: &HeaderMap) -> Option<Format> {
    match query {
        None | Some("") => {
            let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
            Some(Format::accepted(accept.unwrap_or_default()))
        }
        Some("format=json") => Some(Format::Json),
        Some(_) => None,
    }
}

async fn scrape(State(shared): State<Arc<Shared>>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let Some(format) = format_of(query.as_deref(), &headers) else {
        return text(StatusCode::BAD_REQUEST, "the only parameter is format=json");
    };
    let coding = Coding::accepted(&headers);
    coding.answer(format.content_type(), shared.metrics(format, coding))
}

impl Shared {
    /// Returns the metrics. Between two publications they are rendered once, however many clients ask.
    fn metrics(&self, format: Format, coding: Coding) -> Bytes {
        let version = *self.changed.borrow();
        let mut rendered = self.rendered.0.lock().unwrap_or_else(PoisonError::into_inner);
        if rendered.0 != version {
            *rendered = (version, Bodies::new());
        }
        let render = || coding.encode(metrics::render(&self.daemon.live, self.daemon.version, format)).into();
        rendered.1.entry((format, coding)).or_insert_with(render).clone()
    }

    fn set_listening(&self, listening: Option<ListenInfo>) {
        *self.listening.lock().unwrap_or_else(PoisonError::into_inner) = listening;
    }
}

async fn readiness(State(shared): State<Arc<Shared>>) -> Response {
    let status = shared.daemon.live.status();
    if let Some(failure) = &status.failure {
        return text(StatusCode::SERVICE_UNAVAILABLE, &format!("the last cycle failed: {}", failure.error));
    }
    let Some(snapshot) = shared.daemon.live.snapshot() else {
        return text(StatusCode::SERVICE_UNAVAILABLE, "no cycle has completed");
    };
    let age = snapshot.published.elapsed();
    if age > status.interval.saturating_mul(3).max(NOT_READY) {
        return text(StatusCode::SERVICE_UNAVAILABLE, &format!("no cycle for {} s", age.as_secs()));
    }
    text(StatusCode::OK, "ok")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_of_other_sites_are_refused() {
        let check = |method: &Method, headers: &[(header::HeaderName, &'static str)]| {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.append(name.clone(), header::HeaderValue::from_static(value));
            }
            check(&Access::default(), method, &Uri::from_static("/"), &map).map_err(|(status, _)| status.as_u16())
        };
        let host = (header::HOST, "127.0.0.1:9910");
        assert_eq!(check(&Method::GET, std::slice::from_ref(&host)), Ok(()));
        assert_eq!(check(&Method::HEAD, &[host.clone(), (header::ORIGIN, "http://127.0.0.1:9910")]), Ok(()));
        assert_eq!(check(&Method::POST, std::slice::from_ref(&host)), Err(405));
        assert_eq!(check(&Method::GET, &[]), Err(400));
        assert_eq!(check(&Method::GET, &[host.clone(), (header::HOST, "evil.example")]), Err(400));
        assert_eq!(check(&Method::GET, &[(header::HOST, "evil.example")]), Err(403));
        for origin in ["http://evil.example", "null", "https://127.0.0.1:9910", "http://127.0.0.1:80"] {
            assert_eq!(check(&Method::GET, &[host.clone(), (header::ORIGIN, origin)]), Err(403), "{origin}");
        }
    }

    #[test]
    fn bind_waits_for_the_wanted_port_before_it_takes_the_next() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let wanted = taken.local_addr().unwrap();
            let next = bind(wanted).await.unwrap().local_addr().unwrap();
            assert_ne!(next, wanted);
            let freed = async {
                tokio::time::sleep(HANDOVER / 2).await;
                drop(taken);
            };
            let (found, ()) = tokio::join!(bind(wanted), freed);
            assert_eq!(found.unwrap().local_addr().unwrap(), wanted);
        });
    }

    #[test]
    fn cause_says_how_to_fix_it() {
        use io::ErrorKind::{AddrInUse, AddrNotAvailable, PermissionDenied};
        let lines = [
            ("127.0.0.1:80", PermissionDenied),
            ("[::1]:443", PermissionDenied),
            ("127.0.0.1:1024", PermissionDenied),
            ("127.0.0.1:9910", AddrInUse),
            ("127.0.0.1:65530", AddrInUse),
            ("[::1]:9910", AddrNotAvailable),
        ]
        .map(|(address, kind)| {
            let FailureInfo { error, hint } = cause(address.parse().unwrap(), &kind.into());
            format!("{address}: {error}\n  hint: {}", hint.unwrap())
        });
        insta::assert_snapshot!(lines.join("\n"), @r"
        127.0.0.1:80: port 80 needs privileges of root
          hint: choose another port, such as `wnm config set listen=127.0.0.1:9910`
        [::1]:443: port 443 needs privileges of root
          hint: choose another port, such as `wnm config set listen=[::1]:9910`
        127.0.0.1:1024: permission denied
          hint: choose another port, such as `wnm config set listen=127.0.0.1:9910`
        127.0.0.1:9910: the ports 9910 to 9929 are taken
          hint: choose another port, such as `wnm config set listen=127.0.0.1:9930`
        127.0.0.1:65530: the ports 65530 to 65535 are taken
          hint: choose another port, such as `wnm config set listen=127.0.0.1:9910`
        [::1]:9910: no interface of this host has the address ::1
          hint: choose another address, such as `wnm config set listen=127.0.0.1:9910`
        ");
    }
}
