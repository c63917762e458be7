//! The documents of the daemon's API: the JSON of the commands, made anew for each question.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use wnm_agent::live::{LoggedEvent, SignalSeries};
use wnm_agent::serve::{Documents, NoAnswer, PageFile, Question};
use wnm_core::probe::ProbeSummary;
use wnm_store::{HistoryFilter, ProbeFilter, Store};

use crate::commands::{config, explain, node, status};
use crate::error::{CliError, CommandError};
use crate::json::{Document, ErrorDocument, ErrorReport, NodeJson};
use crate::page;
use crate::render::here::here_json;
use crate::render::history::CycleView;
use crate::render::live_event::LiveEventView;
use crate::render::node_show::NodeDetailsView;
use crate::render::status::StatusView;
use crate::valves;

/// The latest cycles that acted on the page, of which it shows the actions.
const PAGE_CYCLES: u32 = 25;
/// The time whose probes the page sums up.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The files beside the page.
const FILES: [PageFile; 4] = [
    page::FILES[0],
    page::FILES[1],
    page::FILES[2],
    PageFile {
        path: "/api/v1/openapi.json",
        content_type: "application/json",
        content: include_str!("../packaging/openapi.json"),
    },
];

/// The documents of one database.
pub(crate) struct Api {
    db: PathBuf,
}

impl Api {
    /// Returns the documents of a database.
    pub(crate) fn of(db: &Path) -> Self {
        Self { db: db.to_path_buf() }
    }

    fn answer(&self, question: Question) -> Result<Vec<u8>, CliError> {
        match question {
            Question::Status => document(&StatusView::from(&status::read(&self.db)?)),
            Question::Nodes => {
                let views = node::views(&self.db, &[])?;
                document(&views.iter().map(NodeJson::from).collect::<Vec<_>>())
            }
            Question::Node(id) => {
                let details = node::details(&self.db, &[id.into()])?;
                document(&details.iter().map(NodeDetailsView::from).collect::<Vec<_>>())
            }
            Question::History { limit } => {
                let filter = HistoryFilter { limit, ..HistoryFilter::default() };
                let found = Store::open_read_only(&self.db)?.history(&filter)?;
                document(&found.cycles.iter().map(CycleView::from).collect::<Vec<_>>())
            }
            Question::Config => document(&config::without_secrets(&self.db)?),
            Question::Explain { cycle } => document(&explain::read(&self.db, cycle)?),
        }
    }
}

impl Api {
    fn html(&self, host: &str, signals: &[SignalSeries]) -> Result<String, CliError> {
        let (status, nodes) = (status::read(&self.db)?, node::views(&self.db, &[])?);
        let filter = HistoryFilter { limit: PAGE_CYCLES, ..HistoryFilter::default() };
        let store = Store::open_read_only(&self.db)?;
        let history = store.history(&filter)?.cycles;
        let filter = ProbeFilter { since: Some(valves::now().before(DAY)), limit: u32::MAX, ..ProbeFilter::default() };
        let probes = ProbeSummary::of(&store.probe_runs(&filter)?.runs);
        let (status, nodes, history, probes) = (&status, &nodes, &history, &probes);
        Ok(page::html(&page::Content { host, status, nodes, history, signals, probes }))
    }
}

fn document<T: Serialize>(data: &T) -> Result<Vec<u8>, CliError> {
    Ok(here_json(serde_json::to_string(&Document::now(data))?).into_bytes())
}

impl Documents for Api {
    fn document(&self, question: Question) -> Result<Vec<u8>, (NoAnswer, Vec<u8>)> {
        self.answer(question).map_err(|error| {
            let reason = match &error {
                CliError::Command(
                    CommandError::NoSuchNode(_) | CommandError::NoSuchCycle(_) | CommandError::NoCycle,
                ) => NoAnswer::NotFound,
                _ => NoAnswer::Unavailable,
            };
            let exit_code = error.exit().code();
            let report = ErrorReport { message: error.to_string(), hint: error.hint(), exit_code };
            (reason, here_json(serde_json::to_string(&ErrorDocument::now(report)).unwrap_or_default()).into_bytes())
        })
    }

    fn event(&self, event: &LoggedEvent) -> Vec<u8> {
        document(&LiveEventView::from(event)).unwrap_or_default()
    }

    fn page(&self, signals: &[SignalSeries]) -> Vec<u8> {
        let system = rustix::system::uname();
        let host = system.nodename().to_string_lossy();
        page::here(self.html(&host, signals).unwrap_or_else(|error| page::failed(&host, &error))).into_bytes()
    }

    fn page_files(&self) -> &'static [PageFile] {
        &FILES
    }
}
