//! The control socket of a daemon: HTTP on a unix socket beside the database, for the same user and root.
//!
//! The two ends may be of different releases. The number of the protocol is a part of each path, so that a daemon of
//! another protocol answers 404; its client then behaves as without a daemon.

mod client;

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use wnm_core::{ActionId, ActionRecord, ChangeRequest, NodeId, Outcome, Refusal, Selection, Timestamp, Verb};

pub use client::{Client, ClientError, Connected, Lines};

/// The path of [`DaemonInfo`].
pub(crate) const DAEMON_PATH: &str = "/control/1/daemon";
/// The path of the numbers of new events.
pub(crate) const CHANGES_PATH: &str = "/control/1/changes";
/// The path that takes a [`NodeRequest`].
pub(crate) const REQUESTS_PATH: &str = "/control/1/requests";

/// The path that takes a [`ChangesRequest`].
pub(crate) const NODE_CHANGES_PATH: &str = "/control/1/node-changes";

/// The maximum length of a path that a socket address holds, on Linux and macOS.
const LONGEST_ADDRESS: usize = 100;

/// Returns the path of the control socket of a database: `wnm.db.sock` beside `wnm.db`, with links resolved.
#[must_use]
pub fn socket_path(database: &Path) -> PathBuf {
    let path = database.canonicalize().unwrap_or_else(|_| database.to_path_buf());
    let mut name = OsString::from(path);
    name.push(".sock");
    PathBuf::from(name)
}

/// Calls `with` with a path to the same file that fits into a socket address.
pub(crate) fn with_short_path<T>(path: &Path, with: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    if path.as_os_str().len() <= LONGEST_ADDRESS {
        return with(path);
    }
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let folder = std::fs::File::open(folder)?;
    // The kernel resolves this link to the open folder, however long its path is. Without /proc the call fails.
    let short = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&folder));
    with(&Path::new(&short).join(name))
}

/// The condition of a daemon, for its clients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaemonInfo {
    /// The PID of the daemon.
    pub pid: u32,
    /// The version of its wnm.
    pub version: String,
    /// `starting`, `running`, `draining` or `ended`.
    pub phase: String,
    /// The start of the daemon, by the wall clock; None if the clock could not be read.
    pub started: Option<Timestamp>,
    /// The time from one scheduled cycle to the next, in milliseconds.
    pub interval_ms: u64,
    /// The cycles that it has completed.
    pub cycles: u64,
    /// The observation of its last cycle, on the colony's clock; None before the first.
    pub last: Option<Timestamp>,
    /// The duration of its last cycle, in milliseconds; None before the first.
    pub took_ms: Option<u64>,
    /// The due time of the next scheduled cycle, on the colony's clock; None before the first, and while draining.
    pub next: Option<Timestamp>,
    /// The failure of the last turn; None after a complete cycle.
    pub failure: Option<FailureInfo>,
    /// The HTTP server; None when off.
    #[serde(default)]
    pub listen: Option<ListenInfo>,
}

/// The address of the HTTP server of a daemon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenInfo {
    /// The address in the settings.
    pub wanted: String,
    /// The address that serves: another port where the wanted one is taken; None if none could be had.
    pub address: Option<String>,
    /// Whether it speaks TLS.
    #[serde(default)]
    pub tls: bool,
    /// Why no address serves; None while one does.
    pub error: Option<String>,
    /// How the operator can fix that cause.
    #[serde(default)]
    pub hint: Option<String>,
    /// The end of the certificate, by the wall clock; None without TLS.
    #[serde(default)]
    pub certificate_ends: Option<Timestamp>,
    /// Why clients do not accept the certificate, now or soon; None without such a reason.
    #[serde(default)]
    pub certificate_problem: Option<String>,
}

/// A failure with its hint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureInfo {
    /// The failure and its cause.
    pub error: String,
    /// How the operator can fix the cause; None when there is no specific advice.
    pub hint: Option<String>,
}

/// A request for actions on nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRequest {
    /// The action.
    pub verb: Verb,
    /// The nodes.
    pub selection: Selection,
}

/// A request to change what existing nodes are made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangesRequest {
    /// The changes, at most one for each node.
    pub changes: Vec<ChangeRequest>,
}

/// One line of the answer to a [`NodeRequest`] or a [`ChangesRequest`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum Message {
    /// The first line: the request began these actions.
    Begun {
        /// The actions with their first outcomes.
        worked: Vec<(ActionRecord, Outcome)>,
        /// The refused parts.
        refused: Vec<(Option<NodeId>, Refusal)>,
    },
    /// The first line: the request began nothing, because the cycle failed.
    Failed(FailureInfo),
    /// The progress of actions that have not ended.
    Progress {
        /// The actions with their latest outcomes.
        worked: Vec<(ActionRecord, Outcome)>,
    },
    /// An action ended.
    Ended {
        /// The action.
        action: ActionId,
        /// Its final outcome.
        outcome: Outcome,
    },
}
