//! The clients of the HTTP server: a bounded number, of which those that send nothing make room for others.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;

use super::connection::{HEAD_LIMIT, Stream, serve_stream};

/// The maximum number of open connections.
const MOST_CLIENTS: usize = 128;
/// Time after which a connection is closed, whatever its client still reads.
const LONGEST_ANSWER: Duration = Duration::from_secs(30);

/// Whether an answer goes on for as long as its client reads it.
#[derive(Debug, Clone, Default)]
pub(super) struct Streaming(Arc<AtomicBool>);

impl Streaming {
    /// Exempts the connection from the time limit of an answer.
    pub(super) fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_on(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Ends the exemption: a client that does not take the rest of the answer is disconnected.
    pub(super) fn end(&self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// The open connections, in the order of their begins. They end with this value: the next server may have another token.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    clients: Mutex<VecDeque<Client>>,
}

#[derive(Debug)]
struct Client {
    /// Whether the client has sent the head of its request.
    has_asked: Arc<AtomicBool>,
    connection: AbortHandle,
}

impl Crowd {
    /// Serves a client. When too many are connected, the one that has sent no request for the longest time is
    /// disconnected; when all have sent one, the new client is.
    pub(super) fn admit(&self, stream: TcpStream, router: Router, tls: Option<TlsAcceptor>) {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients.retain(|client| !client.connection.is_finished());
        if clients.len() >= MOST_CLIENTS {
            let silent = clients.iter().position(|client| !client.has_asked.load(Ordering::Relaxed));
            match silent.and_then(|silent| clients.remove(silent)) {
                Some(client) => client.connection.abort(),
                None => return,
            }
        }
        let has_asked = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&has_asked);
        let streaming = Streaming::default();
        let connection = tokio::spawn(async move {
            let stream: Box<dyn Stream> = match tls {
                None => Box::new(stream),
                Some(tls) => match tokio::time::timeout(HEAD_LIMIT, tls.accept(stream)).await {
                    Ok(Ok(stream)) => Box::new(stream),
                    Ok(Err(_)) | Err(_) => return,
                },
            };
            let mut served = pin!(serve_stream(stream, router, asked, streaming.clone()));
            // A client that breaks off, or reads too slowly, is no event.
            while tokio::time::timeout(LONGEST_ANSWER, served.as_mut()).await.is_err() && streaming.is_on() {}
        });
        clients.push_back(Client { has_asked, connection: connection.abort_handle() });
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        let clients = self.clients.get_mut().unwrap_or_else(PoisonError::into_inner);
        clients.iter().for_each(|client| client.connection.abort());
    }
}
