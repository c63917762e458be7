//! The servers of a daemon, on one thread of their own. They read the [`Live`] data, and pass requests to the daemon.

mod access;
mod api;
mod beside;
mod coding;
mod connection;
mod crowd;
#[cfg(feature = "fleet")]
mod fleet;
mod head;
mod http;
mod page;
mod routes;
mod socket;
mod stream;
mod validity;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use wnm_core::ListenSettings;

use crate::control::ListenInfo;
use crate::live::Live;
use crate::request::RequestQueue;
use access::Access;
pub use access::check_files;
use api::Limits;
pub use api::{Documents, MOST_READERS, NoAnswer, Question};
#[cfg(feature = "fleet")]
pub use fleet::{FleetDocuments, FleetQuestion, FleetServeError, FleetServer};
pub use http::paths;
use http::{Rendered, Wanted};
use page::Page;
pub use page::PageFile;
use socket::{ControlSocket, SocketError};

/// Time that open answers get to end after the daemon has ended.
const END_LIMIT: Duration = Duration::from_millis(500);

/// The reason why a server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Another daemon serves the same database.
    #[error("another daemon runs on this database: it listens on {path}", path = path.display())]
    Taken {
        /// The socket.
        path: PathBuf,
    },
    /// The socket cannot be made.
    #[error("cannot make the control socket {path}: {source}", path = path.display())]
    Socket {
        /// The socket.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The system refuses a thread or an event queue.
    #[error("cannot start the thread of the server: {0}")]
    Thread(#[source] io::Error),
}

/// The connection of the servers to the daemon.
pub struct Daemon {
    /// The data that the daemon publishes.
    pub live: Live,
    /// The requests that it takes.
    pub requests: RequestQueue,
    /// Wakes it for a request.
    pub wake: Box<dyn Fn() + Send + Sync>,
    /// The maker of the documents of the API.
    pub documents: Arc<dyn Documents>,
    /// The version of wnm.
    pub version: &'static str,
}

impl std::fmt::Debug for Daemon {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Daemon").field("live", &self.live).field("version", &self.version).finish_non_exhaustive()
    }
}

/// The data that all connections share.
struct Shared {
    daemon: Daemon,
    /// Counts the publications, and wakes the answers that go on.
    changed: watch::Sender<u64>,
    /// The address of the HTTP server; None when off.
    listening: Mutex<Option<ListenInfo>>,
    rendered: Rendered,
    page: Page,
    limits: Limits,
}

/// Running servers. They end when this value is dropped.
pub struct Server {
    stop: Option<oneshot::Sender<()>>,
    changed: watch::Sender<u64>,
    listen: watch::Sender<Option<Wanted>>,
    live: Live,
    no_socket: Option<ServeError>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts the control socket at `path`, for processes of this user and of root. Where it cannot be made, HTTP is served
    /// without it.
    ///
    /// # Errors
    /// Another daemon listens there, or the system refuses the thread.
    pub fn start(daemon: Daemon, path: &Path) -> Result<Self, ServeError> {
        let (socket, no_socket) = match ControlSocket::bind(path) {
            Ok(socket) => (Some(socket), None),
            Err(SocketError::Taken) => return Err(ServeError::Taken { path: path.to_path_buf() }),
            Err(SocketError::Io(source)) => (None, Some(ServeError::Socket { path: path.to_path_buf(), source })),
        };
        if let Some(socket) = &socket {
            socket.listener.set_nonblocking(true).map_err(ServeError::Thread)?;
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .map_err(ServeError::Thread)?;
        let changed = watch::Sender::new(0);
        let counter = changed.clone();
        daemon.live.on_change(move || counter.send_modify(|count| *count += 1));
        let shared = Shared {
            daemon,
            changed: changed.clone(),
            listening: Mutex::default(),
            rendered: Rendered::default(),
            page: Page::default(),
            limits: Limits::default(),
        };
        let shared = Arc::new(shared);
        let live = shared.daemon.live.clone();
        let (stop, stopped) = oneshot::channel();
        let (listen, wanted) = watch::channel(None);
        let run = move || {
            runtime.spawn(http::serve(wanted, Arc::clone(&shared)));
            runtime.block_on(async {
                match socket {
                    Some(socket) => connection::serve(socket, routes::control(shared), stopped).await,
                    None => drop(stopped.await),
                }
            });
            // Answers that still go on would hold the thread.
            runtime.shutdown_background();
        };
        let thread = std::thread::Builder::new().name("wnm-serve".to_owned()).spawn(run).map_err(ServeError::Thread)?;
        Ok(Self { stop: Some(stop), changed, listen, live, no_socket, thread: Some(thread) })
    }

    /// Returns the reason for which there is no control socket; None with one.
    #[must_use]
    pub const fn no_socket(&self) -> Option<&ServeError> {
        self.no_socket.as_ref()
    }

    /// Serves HTTP as the settings say from now on, and reads their files. Unchanged settings and files change nothing;
    /// other ones end the open connections. With a file that cannot be used, no HTTP is served.
    pub fn set_listen(&self, settings: &ListenSettings) {
        let last = self.listen.borrow().as_ref().and_then(|wanted| wanted.access.as_ref().ok().cloned());
        let access = |_: &_| Access::read(settings, last.as_ref());
        let new = settings.at.address().map(|address| Wanted { address, access: access(&address) });
        let access = new.as_ref().and_then(|wanted| wanted.access.as_ref().ok());
        self.live.set_certificate(access.and_then(|access| access.validity()));
        self.listen.send_if_modified(|wanted| {
            let is_changed = *wanted != new;
            *wanted = new;
            is_changed
        });
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("thread", &self.thread).finish_non_exhaustive()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        // Answers that go on find that the daemon has ended.
        self.changed.send_modify(|count| *count += 1);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
