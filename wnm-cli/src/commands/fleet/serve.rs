//! `wnm fleet serve`: a page, metrics and JSON of all hosts, read-only.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use wnm_agent::fleet::document::NodeRow;
use wnm_agent::fleet::membership::Operator;
use wnm_agent::fleet::name::Name;
use wnm_agent::fleet::operator::{Fleet, FleetError};
use wnm_agent::fleet::watched::{Freshness, Watched, WatchedHost};
use wnm_agent::metrics;
use wnm_agent::serve::{FleetDocuments, FleetQuestion, FleetServeError, FleetServer, NoAnswer, PageFile};
use wnm_core::{Listen, ListenSettings, TlsFiles};

use super::{failed, operator};
use crate::args::FleetServe;
use crate::error::{CliError, Exit, FleetCommandError};
use crate::interrupt::{Interrupt, Waited};
use crate::json::{Document, ErrorDocument, ErrorReport};
use crate::output::Output;
use crate::page::{self, FleetContent};
use crate::render::fleet::{FleetNodeView, FleetStatusView, HostView, Served, served};
use crate::render::here::here_json;
use crate::valves;

/// Serves the fleet until a signal ends the command.
///
/// # Errors
/// The file of the operator, the address, the token or the certificate cannot be used. An engine that is away is shown, and tried again.
pub(super) fn run(path: &Path, args: &FleetServe, output: &Output) -> Result<Exit, CliError> {
    let (address, settings) = (args.listen, settings(args)?);
    let data = Arc::new(Data { operator: operator(path)?, engine: Mutex::new(None), watched: Mutex::default() });
    data.read();
    let documents = Arc::clone(&data) as Arc<dyn FleetDocuments>;
    let started = FleetServer::start(address, settings, documents, env!("CARGO_PKG_VERSION"));
    let server = started.map_err(|error| match error {
        FleetServeError::Listen(source) => failed(FleetCommandError::Listen { address, source }),
        FleetServeError::Files(failure) => failed(FleetCommandError::ListenFiles(failure)),
    })?;
    let interrupt = Interrupt::new()?;
    output.result(&Served::new(&data.operator.fleet, server.scheme(), server.address()), served)?;
    while interrupt.wait(args.interval) != Waited::Interrupted {
        data.read();
        server.announce();
    }
    Ok(Exit::Done)
}

/// Returns the settings of the server, which are those of the server of a daemon.
fn settings(args: &FleetServe) -> Result<ListenSettings, CliError> {
    let files = args.listen_cert.clone().zip(args.listen_key.clone());
    let tls = files.map(|(certificate, key)| TlsFiles { certificate, key });
    let settings = ListenSettings { at: Listen::At(args.listen), token_file: args.listen_token_file.clone(), tls };
    match settings.missing() {
        missing if missing.is_empty() => Ok(settings),
        missing => Err(failed(FleetCommandError::ListenNeeds { address: args.listen, missing })),
    }
}

/// The fleet, and the connection that reads it.
struct Data {
    operator: Operator,
    engine: Mutex<Option<Fleet>>,
    watched: Mutex<Watched>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Data {
    /// Reads the engine once. A failure is a part of the data.
    fn read(&self) {
        let now = valves::now();
        let read = self.ask(|fleet| {
            let records = fleet.hosts()?;
            let rollout = fleet.rollout(&records, now)?;
            Ok((records, fleet.carried()?, rollout))
        });
        let mut watched = lock(&self.watched);
        match read {
            Ok((records, carried, rollout)) => {
                watched.update(records, carried, now);
                watched.rollout = rollout;
            }
            Err(error) => {
                if watched.problem.is_none() {
                    tracing::warn!(%error, "the engine cannot be read");
                }
                watched.fail(error.to_string());
            }
        }
    }

    /// Uses the connection, or a new one. A connection that failed is not used again.
    fn ask<T>(&self, question: impl FnOnce(&mut Fleet) -> Result<T, FleetError>) -> Result<T, FleetError> {
        let mut engine = lock(&self.engine);
        let mut fleet = match engine.take() {
            Some(fleet) => fleet,
            None => Fleet::open(self.operator.clone())?,
        };
        let answer = question(&mut fleet)?;
        *engine = Some(fleet);
        Ok(answer)
    }

    /// Returns the nodes of a host; None while the engine has none of the documented form.
    fn nodes(&self, host: &Name) -> Result<Option<Vec<NodeRow>>, FleetError> {
        let lists = self.ask(|fleet| fleet.nodes(std::slice::from_ref(host)))?;
        Ok(lists.into_iter().next().flatten().and_then(Result::ok))
    }

    fn snapshot(&self) -> Watched {
        lock(&self.watched).clone()
    }

    /// Returns a host by its name.
    fn host(&self, name: &str) -> Result<(Name, WatchedHost), CliError> {
        let unknown = || failed(FleetCommandError::UnknownHost(wnm_agent::fleet::command::one_line(name)));
        let name: Name = name.parse().map_err(|_| unknown())?;
        let host = lock(&self.watched).hosts.get(&name).cloned().ok_or_else(unknown)?;
        Ok((name, host))
    }

    fn make(&self, question: &FleetQuestion) -> Result<Vec<u8>, CliError> {
        let now = valves::now();
        let view = |host: &WatchedHost| {
            let view = HostView::new(&host.record, now);
            if host.freshness == Freshness::Stale { view.stale() } else { view }
        };
        match question {
            FleetQuestion::Status => {
                let watched = self.snapshot();
                let current = watched.hosts.into_values().map(|host| {
                    let is_current = host.freshness == Freshness::Current;
                    let state = host.record.state.filter(|_| is_current);
                    wnm_agent::fleet::operator::HostRecord { state, ..host.record }
                });
                let records: Vec<_> = current.collect();
                document(&FleetStatusView::new(
                    &self.operator,
                    &records,
                    &watched.carried,
                    watched.rollout.as_ref(),
                    now,
                ))
            }
            FleetQuestion::Hosts => document(&self.snapshot().hosts.values().map(view).collect::<Vec<_>>()),
            FleetQuestion::HostsByName => {
                let hosts = self.snapshot().hosts;
                document(&hosts.iter().map(|(name, host)| (name.as_str(), view(host))).collect::<BTreeMap<_, _>>())
            }
            FleetQuestion::Host(name) => document(&view(&self.host(name)?.1)),
            FleetQuestion::Nodes(name) => {
                let (name, _) = self.host(name)?;
                let rows = self.nodes(&name).map_err(failed)?.unwrap_or_default();
                document(&rows.into_iter().map(|row| FleetNodeView::new(&name, row)).collect::<Vec<_>>())
            }
            FleetQuestion::Page => {
                let watched = self.snapshot();
                let status = FleetStatusView::new(&self.operator, &[], &watched.carried, watched.rollout.as_ref(), now);
                let commands = status.command_lines();
                let content = FleetContent { fleet: &self.operator.fleet, watched: &watched, commands: &commands, now };
                Ok(page::here(page::fleet(&content)).into_bytes())
            }
            FleetQuestion::HostPage(name) => {
                let (name, host) = self.host(name)?;
                // An engine that is away is a part of the page.
                let nodes = self.nodes(&name).ok().flatten();
                Ok(page::here(page::host(&name, &host, nodes.as_deref(), &self.snapshot(), now)).into_bytes())
            }
            FleetQuestion::Metrics(format) => {
                Ok(metrics::fleet::render(&self.snapshot(), env!("CARGO_PKG_VERSION"), *format))
            }
        }
    }
}

fn document<T: Serialize>(data: &T) -> Result<Vec<u8>, CliError> {
    Ok(here_json(serde_json::to_string(&Document::now(data))?).into_bytes())
}

impl FleetDocuments for Data {
    fn answer(&self, question: FleetQuestion) -> Result<Vec<u8>, (NoAnswer, Vec<u8>)> {
        self.make(&question).map_err(|error| {
            let is_unknown =
                matches!(&error, CliError::Fleet(error) if matches!(**error, FleetCommandError::UnknownHost(_)));
            let reason = if is_unknown { NoAnswer::NotFound } else { NoAnswer::Unavailable };
            if matches!(question, FleetQuestion::Page | FleetQuestion::HostPage(_)) {
                return (reason, page::no_host(&error.to_string()).into_bytes());
            }
            let exit_code = error.exit().code();
            let report = ErrorReport { message: error.to_string(), hint: error.hint(), exit_code };
            (reason, here_json(serde_json::to_string(&ErrorDocument::now(report)).unwrap_or_default()).into_bytes())
        })
    }

    fn ready(&self) -> Result<(), String> {
        let watched = lock(&self.watched);
        match (&watched.problem, watched.read) {
            (Some(problem), _) => Err(problem.clone()),
            (None, None) => Err("the engine was not read yet".to_owned()),
            (None, Some(_)) => Ok(()),
        }
    }

    fn page_files(&self) -> &'static [PageFile] {
        page::FILES
    }
}
