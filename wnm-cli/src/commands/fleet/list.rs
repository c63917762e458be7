//! `wnm fleet status`, `hosts`, `nodes` and `events`.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use wnm_agent::fleet::document::Session;
use wnm_agent::fleet::name::Name;
use wnm_agent::fleet::operator::Fleet;

use super::{failed, open};
use crate::args::{FleetEvents, FleetHosts};
use crate::error::{CliError, Exit};
use crate::interrupt::{Interrupt, Waited};
use crate::output::Output;
use crate::render::fleet::{self, FleetEventView, FleetNodeView, FleetStatusView, HostView};
use crate::valves;

/// Time between two readings while following.
const POLL: Duration = Duration::from_secs(2);

/// Shows the state of all hosts together.
pub(super) fn status(path: &Path, output: &Output) -> Result<Exit, CliError> {
    let mut connection = open(path)?;
    let records = connection.hosts().map_err(failed)?;
    let carried = connection.carried().map_err(failed)?;
    let now = valves::now();
    let rollout = connection.rollout(&records, now).map_err(failed)?;
    let view = FleetStatusView::new(connection.operator(), &records, &carried, rollout.as_ref(), now);
    output.result(&view, fleet::status)?;
    Ok(Exit::Done)
}

/// Lists the hosts.
pub(super) fn hosts(path: &Path, output: &Output) -> Result<Exit, CliError> {
    let now = valves::now();
    let views: Vec<HostView> =
        open(path)?.hosts().map_err(failed)?.iter().map(|record| HostView::new(record, now)).collect();
    output.result(&views, |views| fleet::hosts(views, output.width()))?;
    Ok(Exit::Done)
}

/// Lists the nodes of hosts.
pub(super) fn nodes(path: &Path, args: FleetHosts, output: &Output) -> Result<Exit, CliError> {
    let mut connection = open(path)?;
    let hosts = selected(&mut connection, args.hosts)?;
    let lists = connection.nodes(&hosts).map_err(failed)?;
    let mut views = Vec::new();
    for (host, list) in hosts.iter().zip(lists) {
        match list {
            Some(Ok(rows)) => views.extend(rows.into_iter().map(|row| FleetNodeView::new(host, row))),
            Some(Err(error)) => tracing::warn!(%host, %error, "the nodes of a host are left out"),
            None => {}
        }
    }
    output.result(&views, |views| fleet::nodes(views, output.width()))?;
    Ok(Exit::Done)
}

/// Prints the latest events, and new ones with `--follow`.
pub(super) fn events(path: &Path, args: &FleetEvents, output: &Output) -> Result<Exit, CliError> {
    let mut connection = open(path)?;
    let hosts = selected(&mut connection, args.hosts.hosts.clone())?;
    let mut seen = BTreeMap::new();
    let mut latest = new_events(&mut connection, &hosts, &mut seen)?;
    latest.drain(..latest.len().saturating_sub(args.lines as usize));
    if !args.follow {
        output.result(&latest, |latest| fleet::events(latest))?;
        return Ok(Exit::Done);
    }
    let interrupt = Interrupt::new()?;
    write_each(&latest, output)?;
    while interrupt.wait(POLL) != Waited::Interrupted {
        write_each(&new_events(&mut connection, &hosts, &mut seen)?, output)?;
    }
    Ok(Exit::Done)
}

fn write_each(events: &[FleetEventView], output: &Output) -> Result<(), CliError> {
    events.iter().try_for_each(|event| output.result(event, fleet::event_line))
}

/// Returns the events that are not in `seen`, which holds the number of the last one of each host, oldest first.
fn new_events(
    connection: &mut Fleet,
    hosts: &[Name],
    seen: &mut BTreeMap<Name, (Session, u64)>,
) -> Result<Vec<FleetEventView>, CliError> {
    let mut events = Vec::new();
    for (host, list) in hosts.iter().zip(connection.events(hosts).map_err(failed)?) {
        let list = match list {
            Some(Ok(list)) => list,
            Some(Err(error)) => {
                tracing::warn!(%host, %error, "the events of a host are left out");
                continue;
            }
            None => continue,
        };
        // A daemon that starts again counts from 1.
        let last = seen.get(host).filter(|(session, _)| *session == list.session).map_or(0, |(_, last)| *last);
        let newest = list.events.iter().map(|event| event.number).max().unwrap_or(0).max(last);
        let new = list.events.into_iter().filter(|event| event.number > last);
        events.extend(new.map(|event| FleetEventView::new(host, event)));
        seen.insert(host.clone(), (list.session, newest));
    }
    events.sort_by(FleetEventView::by_time);
    Ok(events)
}

/// Returns the named hosts, or all.
fn selected(connection: &mut Fleet, named: Vec<Name>) -> Result<Vec<Name>, CliError> {
    if named.is_empty() {
        return Ok(connection.members().map_err(failed)?.into_iter().map(|(host, _)| host).collect());
    }
    let targets: Vec<_> = named.iter().cloned().map(wnm_agent::fleet::command::Target::Host).collect();
    connection.check_targets(&targets).map_err(failed)?;
    Ok(named)
}
