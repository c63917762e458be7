//! The data of the display, read on a thread of its own: a busy database delays no key.

use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use wnm_core::NodeId;
use wnm_store::{ActionFilter, Store};

use crate::commands::{events, logs, node, probe, status};
use crate::error::CliError;
use crate::render::events::EventView;
use crate::render::here::here;
use crate::render::node_show::NodeDetails;
use crate::render::nodes::NodeView;
use crate::render::probe::StatusView;
use crate::render::status::Status;

/// The actions whose events the display shows.
const ACTIONS: u32 = 100;
/// The lines of a log under the details of a node.
const LOG_LINES: u32 = 200;
/// Time for which the condition of the probes is not read again: its task files may be at another host.
const PROBES_KEPT: Duration = Duration::from_secs(30);

/// The colony at one time.
#[derive(Debug)]
pub(super) struct Data {
    pub(super) host: String,
    pub(super) status: Status,
    pub(super) nodes: Vec<NodeView>,
    /// The events of the latest actions, oldest first.
    pub(super) events: Vec<EventView>,
    /// The node of [`Wanted`], or why it cannot be shown.
    pub(super) details: Option<Result<Details, String>>,
    /// The probes, if they were asked for, or why they cannot be shown.
    pub(super) probes: Option<Result<StatusView, String>>,
}

/// A node with its log.
#[derive(Debug)]
pub(super) struct Details {
    pub(super) node: NodeDetails,
    /// The origin of the log and its last lines, or why it cannot be read.
    pub(super) log: Result<(String, Vec<String>), String>,
}

/// The parts of the data that only some views need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Wanted {
    pub(super) details: Option<NodeId>,
    pub(super) probes: Probes,
}

/// Whether a view shows the probes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Probes {
    Shown,
    #[default]
    Hidden,
}

/// A question to the reader.
#[derive(Debug)]
pub(super) enum Ask {
    /// The daemon announced a change.
    Again,
    /// The view shows these parts from now on.
    About(Wanted),
}

/// Reads the data every `period` and after each question, until `tell` returns false or the questions end.
pub(super) fn read_all(
    db: &Path,
    period: Duration,
    asked: &Receiver<Ask>,
    tell: impl Fn(Result<Data, String>) -> bool,
) {
    let mut wanted = Wanted::default();
    let mut probes = None;
    loop {
        if !tell(read(db, wanted, &mut probes).map_err(|error| text(&error))) {
            return;
        }
        let mut note = |ask| {
            if let Ask::About(about) = ask {
                wanted = about;
            }
        };
        match asked.recv_timeout(period) {
            Ok(ask) => note(ask),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        // One reading answers all questions that wait.
        asked.try_iter().for_each(note);
    }
}

/// Returns an error with its hint.
fn text(error: &CliError) -> String {
    let hint = error.hint().map_or_else(String::new, |hint| format!("; hint: {hint}"));
    here(&format!("{}{hint}", error.message())).into_owned()
}

type KeptProbes = Option<(Instant, Result<StatusView, String>)>;

fn read(db: &Path, wanted: Wanted, probes: &mut KeptProbes) -> Result<Data, CliError> {
    let (status, nodes) = (status::read(db)?, node::views(db, &[])?);
    let store = Store::open_read_only(db)?;
    let filter = ActionFilter { node: None, since: None, until: None, limit: ACTIONS };
    let events = events::read(&store, &filter)?;
    drop(store);
    if probes.as_ref().is_none_or(|(at, _)| at.elapsed() > PROBES_KEPT) && wanted.probes == Probes::Shown {
        *probes = Some((Instant::now(), probe::condition(db).map_err(|error| text(&error))));
    }
    Ok(Data {
        host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        status,
        nodes,
        events,
        details: wanted.details.map(|id| details(db, id).map_err(|error| text(&error))),
        probes: probes.as_ref().map(|(_, view)| view.clone()),
    })
}

fn details(db: &Path, id: NodeId) -> Result<Details, CliError> {
    let mut found = node::details(db, &[id.into()])?;
    let log = logs::tail(db, id, LOG_LINES).map_err(|error| text(&error));
    let node = found.pop().ok_or(crate::error::CommandError::NoSuchNode(id))?;
    Ok(Details { node, log })
}
