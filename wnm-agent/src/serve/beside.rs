//! Work that may wait for a disk or a database, beside the thread of the servers.

use tokio::sync::oneshot;

use crate::aside;

/// The work ended without a result.
#[derive(Debug, thiserror::Error)]
#[error("the answer could not be made")]
pub(super) struct NoResult;

/// Runs work beside this task, and returns its result. The callers bound the work at the same time.
///
/// `spawn_blocking` of tokio panics on a host that is at its limit of tasks.
///
/// # Errors
/// The work panicked.
pub(super) async fn beside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, NoResult> {
    let (sender, result) = oneshot::channel();
    // Without a receiver the client has left.
    aside::run("wnm-answer", move || _ = sender.send(work()));
    result.await.map_err(|_| NoResult)
}
