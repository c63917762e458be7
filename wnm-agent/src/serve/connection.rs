//! Connections: who may connect, how many, and for how long.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, oneshot};

use super::END_LIMIT;
use super::crowd::Streaming;
use super::head::StrictStream;
use super::socket::ControlSocket;

/// The maximum number of open connections. Further clients wait.
const MOST_CONNECTIONS: u32 = 64;
/// Time within which a client sends the head of its request.
pub(super) const HEAD_LIMIT: Duration = Duration::from_secs(5);
/// The maximum length of the head of a request. A longer one is answered with status 431.
const LONGEST_HEAD: usize = 16 << 10;
/// The maximum number of headers of a request.
const MOST_HEADERS: usize = 64;
/// Pause after a failed accept, as when the process has no free descriptor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves the control socket until it is stopped.
pub(super) async fn serve(socket: ControlSocket, router: Router, stopped: oneshot::Receiver<()>) {
    let slots = Arc::new(Semaphore::new(MOST_CONNECTIONS as usize));
    let ControlSocket { listener, file } = socket;
    match UnixListener::from_std(listener) {
        Ok(listener) => tokio::select! {
            _ = stopped => {}
            () = accept(&listener, &router, &slots) => {}
        },
        Err(error) => tracing::error!(%error, "the control socket is not served"),
    }
    // No new client finds the socket, and the open answers get time to end.
    drop(file);
    let _ = tokio::time::timeout(END_LIMIT, slots.acquire_many(MOST_CONNECTIONS)).await;
}

async fn accept(listener: &UnixListener, router: &Router, slots: &Arc<Semaphore>) {
    loop {
        let Ok(slot) = Arc::clone(slots).acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::debug!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        if !is_permitted(&stream) {
            continue;
        }
        // A request counts for as long as its client waits: the end of the input ends each answer.
        let streaming = Streaming::default();
        streaming.begin();
        let connection = serve_stream(Box::new(stream), router.clone(), Arc::default(), streaming);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a client of the control socket broke off");
            }
            drop(slot);
        });
    }
}

/// A connection of any kind: with one type for all, the program contains the code of HTTP once.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Serves the one request of a connection, with a head of bounded length and within bounded time. `has_asked` tells when
/// the head has come.
pub(super) fn serve_stream(
    stream: Box<dyn Stream>,
    router: Router,
    has_asked: Arc<AtomicBool>,
    streaming: Streaming,
) -> impl Future<Output = hyper::Result<()>> + Send {
    let stream = StrictStream::new(stream, streaming.clone());
    let inner = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: hyper::Request<_>| {
        has_asked.store(true, Ordering::Relaxed);
        request.extensions_mut().insert(streaming.clone());
        inner.call(request)
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT)
        .max_buf_size(LONGEST_HEAD)
        .max_headers(MOST_HEADERS)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
}

/// Returns whether the process at the other end runs as this user or as root. The mode of the socket keeps others out
/// already, except on file systems without modes.
fn is_permitted(stream: &UnixStream) -> bool {
    match stream.peer_cred() {
        Ok(peer) if peer.uid() == 0 || peer.uid() == rustix::process::geteuid().as_raw() => true,
        Ok(peer) => {
            tracing::warn!(user = peer.uid(), pid = peer.pid(), "refused a client of the control socket");
            false
        }
        Err(error) => {
            tracing::debug!(%error, "refused a client of the control socket without credentials");
            false
        }
    }
}
