//! The HTTP server: its address, its routes, and the checks of every request.
//!
//! It serves the loopback interface without a password, so that it refuses the requests of web pages on this host: a
//! request with the name of another host (DNS rebinding), from another origin, or with a method that changes something.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{RawQuery, Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::crowd::Crowd;
use super::routes::text;
use super::{Shared, api, page};
use crate::control::ListenInfo;
use crate::metrics::{self, Format};

/// The number of ports that are tried, from the configured one on.
const PORTS: u16 = 20;
/// Pause before another attempt to listen.
const RETRY: Duration = Duration::from_secs(10);
/// Pause after a failed accept, as when the process has no free descriptor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// The least age of the last cycle at which the daemon is not ready; three intervals if those are longer.
const NOT_READY: Duration = Duration::from_secs(15);

/// Serves the address in `wanted`, and follows its changes, without an end.
pub(super) async fn serve(mut wanted: watch::Receiver<Option<SocketAddr>>, shared: Arc<Shared>) {
    let router = routes(Arc::clone(&shared));
    // The failure that was logged last: an attempt every few seconds must not fill the log.
    let mut logged = None;
    loop {
        let address = *wanted.borrow_and_update();
        let Some(address) = address else {
            shared.set_listening(None);
            if wanted.changed().await.is_err() {
                return;
            }
            continue;
        };
        let bound = bind(address).await;
        shared.set_listening(Some(ListenInfo {
            wanted: address.to_string(),
            address: bound.as_ref().ok().and_then(|listener| Some(listener.local_addr().ok()?.to_string())),
            error: bound.as_ref().err().map(|error| cause(address, error)),
        }));
        let ended = match bound {
            Ok(listener) => {
                tracing::info!(address = ?listener.local_addr().ok(), "the HTTP server listens");
                logged = None;
                tokio::select! {
                    changed = wanted.changed() => changed,
                    () = accept(&listener, &router) => Ok(()),
                    () = page::record(&shared) => Ok(()),
                }
            }
            Err(error) => {
                let failure = Some((address, cause(address, &error)));
                if failure != logged {
                    tracing::warn!(%address, error = cause(address, &error), "the HTTP server cannot listen");
                    logged = failure;
                }
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
pub(super) async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
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
fn cause(address: SocketAddr, error: &io::Error) -> String {
    let port = address.port();
    match error.kind() {
        io::ErrorKind::PermissionDenied if port < UNPRIVILEGED => format!(
            "port {port} needs privileges of root; choose another one, such as `wnm config set listen={}`",
            SocketAddr::new(address.ip(), 9910)
        ),
        io::ErrorKind::AddrInUse => {
            format!("the ports {port} to {} are taken; set listen to another one", port.saturating_add(PORTS - 1))
        }
        io::ErrorKind::AddrNotAvailable => format!("no interface of this host has the address {}", address.ip()),
        _ => error.to_string(),
    }
}

pub(super) async fn accept(listener: &TcpListener, router: &Router) {
    let crowd = Crowd::default();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => crowd.admit(stream, router.clone()),
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

fn routes(shared: Arc<Shared>) -> Router {
    all()
        .fold(Router::new(), |router, (path, handler)| router.route(path, handler()))
        .fallback(page::file)
        .layer(from_fn(guard))
        .with_state(shared)
}

/// Refuses the requests that only a web page of another site, or a broken client, sends.
pub(super) async fn guard(request: Request, next: Next) -> Response {
    if let Err((status, reason)) = check(request.method(), request.uri().authority(), request.headers()) {
        return text(status, reason);
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, header::HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_SECURITY_POLICY, header::HeaderValue::from_static(page::CONTENT_POLICY));
    headers.insert(header::REFERRER_POLICY, header::HeaderValue::from_static("no-referrer"));
    response
}

fn check(method: &Method, target: Option<&Authority>, headers: &HeaderMap) -> Result<(), (StatusCode, &'static str)> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return Err((StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are served"));
    }
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return Err((StatusCode::BAD_REQUEST, "exactly one Host header is required"));
    };
    let host = host.to_str().unwrap_or_default();
    if !is_local(host) || target.is_some_and(|target| !is_local(target.as_str())) {
        return Err((StatusCode::FORBIDDEN, "the Host header names another host; use localhost or a loopback address"));
    }
    let foreign = |origin: &header::HeaderValue| {
        let origin = origin.to_str().unwrap_or_default();
        origin.strip_prefix("http://") != Some(host)
    };
    if headers.get_all(header::ORIGIN).iter().any(foreign) {
        return Err((StatusCode::FORBIDDEN, "requests of other sites are refused"));
    }
    Ok(())
}

/// Returns whether a host with an optional port is `localhost` or a loopback address.
fn is_local(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    // A user name in front of the host would hide it.
    if authority.as_str().contains('@') {
        return false;
    }
    let name = authority.host();
    let address = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
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

/// The metrics after the last publication, in the formats that were asked for since.
#[derive(Debug, Default)]
pub(super) struct Rendered(Mutex<(u64, BTreeMap<Format, Bytes>)>);

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
    let body = shared.metrics(format);
    ([(header::CONTENT_TYPE, format.content_type())], body).into_response()
}

impl Shared {
    /// Returns the metrics. Between two publications they are rendered once, however many clients ask.
    fn metrics(&self, format: Format) -> Bytes {
        let version = *self.changed.borrow();
        let mut rendered = self.rendered.0.lock().unwrap_or_else(PoisonError::into_inner);
        if rendered.0 != version {
            *rendered = (version, BTreeMap::new());
        }
        let render = || Bytes::from(metrics::render(&self.daemon.live, self.daemon.version, format));
        rendered.1.entry(format).or_insert_with(render).clone()
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
    fn only_this_host_is_local() {
        for host in ["localhost", "LocalHost:9910", "127.0.0.1", "127.0.0.1:9910", "127.9.9.9:1", "[::1]", "[::1]:9910"]
        {
            assert!(is_local(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "192.168.0.2",
            "0.0.0.0:9910",
            "localhost@evil.example",
            "evil@localhost",
            "localhost.",
            "[::]",
            "2130706433",
            "127.1",
            "a b",
        ] {
            assert!(!is_local(host), "{host}");
        }
    }

    #[test]
    fn requests_of_other_sites_are_refused() {
        let check = |method: &Method, headers: &[(header::HeaderName, &'static str)]| {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.append(name.clone(), header::HeaderValue::from_static(value));
            }
            check(method, None, &map).map_err(|(status, _)| status.as_u16())
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
    fn cause_says_how_to_fix_it() {
        let of = |address: &str, kind: io::ErrorKind| cause(address.parse().unwrap(), &kind.into());
        for (address, kind, text) in [
            (
                "127.0.0.1:80",
                io::ErrorKind::PermissionDenied,
                "port 80 needs privileges of root; choose another one, such as `wnm config set listen=127.0.0.1:9910`",
            ),
            (
                "[::1]:443",
                io::ErrorKind::PermissionDenied,
                "port 443 needs privileges of root; choose another one, such as `wnm config set listen=[::1]:9910`",
            ),
            ("127.0.0.1:9910", io::ErrorKind::PermissionDenied, "permission denied"),
            ("127.0.0.1:9910", io::ErrorKind::AddrInUse, "the ports 9910 to 9929 are taken; set listen to another one"),
            (
                "127.0.0.1:65530",
                io::ErrorKind::AddrInUse,
                "the ports 65530 to 65535 are taken; set listen to another one",
            ),
            ("[::1]:9910", io::ErrorKind::AddrNotAvailable, "no interface of this host has the address ::1"),
        ] {
            assert_eq!(of(address, kind), text);
        }
    }
}
