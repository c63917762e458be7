//! `wnm fleet doctor`, and the check of the membership in `wnm doctor`.

use std::path::Path;
use std::time::Duration;

use wnm_agent::fleet::FleetState;
use wnm_agent::fleet::engine::{Engine, EngineError};
use wnm_agent::fleet::membership::{Membership, Operator};
use wnm_agent::fleet::operator::{Carried, EngineFacts, Fleet, HostRecord};
use wnm_agent::fleet::signature::SigningKey;
use wnm_core::{EngineUrl, Timestamp};
use wnm_store::Store;

use super::operator;
use crate::commands::doctor::{Check, ends_with_error, first_few, lines};
use crate::error::{CliError, Exit, FleetCommandError, engine_hint};
use crate::output::Output;
use crate::valves;

/// Difference of the clocks of this host and the engine that is told.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(60);

/// Checks the engine and the hosts as the operator, and the membership of this host.
pub(super) fn run(db: &Path, path: &Path, output: &Output) -> Result<Exit, CliError> {
    let url = Store::open_read_only(db).and_then(|store| store.settings()).ok().and_then(|stored| stored.fleet_url);
    let mut checks = Vec::new();
    match operator(path) {
        Ok(operator) => check_operator(operator, path, &mut checks),
        Err(CliError::Fleet(error)) if url.is_some() && matches!(*error, FleetCommandError::NoOperator(_)) => {}
        Err(error) => return Err(error),
    }
    checks.extend(url.map(|url| membership(db, Some(&url))).unwrap_or_default());
    output.result(&checks, |checks| lines(checks))?;
    Ok(if ends_with_error(&checks) { Exit::ActionFailed } else { Exit::Done })
}

fn check_operator(operator: Operator, path: &Path, checks: &mut Vec<Check>) {
    checks.push(match SigningKey::read(&Operator::key_path(path)) {
        Ok(_) => Check::ok("fleet_key", "the secret key can be read"),
        Err(error) => {
            Check::warning("fleet_key", error.to_string(), "without the key, hosts can be held but not resumed")
        }
    });
    let mut fleet = match Fleet::open(operator) {
        Ok(fleet) => fleet,
        Err(error) => {
            let error = FleetCommandError::from(error);
            let hint = error.hint().unwrap_or_else(|| "see the log of the engine".to_owned());
            checks.push(Check::error("fleet_engine", error.to_string(), hint));
            return;
        }
    };
    match fleet.facts() {
        Ok(facts) => {
            checks.extend(engine(&facts, valves::now()));
            checks.extend(facts.refuses.map(|fault| {
                let error = fleet.fault(fault);
                Check::error("fleet_engine", error.to_string(), engine_hint(&error))
            }));
        }
        Err(error) => checks.push(Check::error("fleet_engine", error.to_string(), "see the log of the engine")),
    }
    match (fleet.hosts(), fleet.carried()) {
        (Ok(records), Ok(carried)) => checks.extend(hosts(&records).into_iter().chain(refused(&carried))),
        (Err(error), _) | (_, Err(error)) => {
            checks.push(Check::error("fleet_hosts", error.to_string(), "see the log of the engine"));
        }
    }
}

fn engine(facts: &EngineFacts, now: Timestamp) -> Vec<Check> {
    const NAME: &str = "fleet_engine";
    let mut checks = vec![Check::ok(NAME, format!("the engine answers, version {}", facts.version))];
    if !facts.stores_users {
        let message = "the users of the engine end with its restart: it has no aclfile";
        checks.push(Check::warning(
            NAME,
            message,
            "add `aclfile /etc/redis/users.acl` to the configuration of the engine",
        ));
    }
    if facts.max_memory == 0 {
        let message = "the memory of the engine has no limit, so that one host could fill it";
        checks.push(Check::warning(NAME, message, "add `maxmemory 256mb` to the configuration of the engine"));
    }
    if facts.eviction != "noeviction" {
        let message = format!("the engine may remove commands to hosts when its memory is full: {}", facts.eviction);
        checks.push(Check::warning(
            NAME,
            message,
            "add `maxmemory-policy noeviction` to the configuration of the engine",
        ));
    }
    if let Some(time) = facts.time.map(Timestamp::from_millis) {
        let difference = now.since(time).max(time.since(now));
        if difference > CLOCK_TOLERANCE {
            let message = format!("the clocks of this host and the engine differ by {} s", difference.as_secs());
            checks.push(Check::warning(
                NAME,
                message,
                "set both clocks with NTP: commands end by the clock of each host",
            ));
        }
    }
    checks
}

fn hosts(records: &[HostRecord]) -> Vec<Check> {
    const NAME: &str = "fleet_hosts";
    let publishing = records.iter().filter(|record| record.state().is_some()).count();
    let mut checks = vec![Check::ok(NAME, format!("{publishing} of {} hosts publish their state", records.len()))];
    let silent: Vec<String> =
        records.iter().filter(|record| record.state.is_none()).map(|record| record.host.to_string()).collect();
    if !silent.is_empty() {
        let message = format!("no state of {}", first_few(silent.into_iter()));
        checks.push(Check::warning(NAME, message, "run `wnm fleet doctor` on the host"));
    }
    for record in records {
        let problem = match &record.state {
            Some(Ok(state)) => state.problem.clone(),
            Some(Err(error)) => Some(error.to_string()),
            None => None,
        };
        if let Some(problem) = problem {
            checks.push(Check::warning(
                NAME,
                format!("{}: {problem}", record.host),
                "run `wnm fleet doctor` on the host",
            ));
        }
    }
    checks
}

fn refused(carried: &[Carried]) -> Vec<Check> {
    let refused = carried.iter().filter_map(|carried| match carried {
        Carried::Refused(target, refusal) => Some(format!("hosts refuse the command for {target}: {refusal}")),
        Carried::Command(_) | Carried::Stop(_) | Carried::Limits(_) => None,
    });
    let hint = "replace it with `wnm fleet hold` or `wnm fleet resume`, and change the password of the operator";
    refused.map(|message| Check::warning("fleet_command", message, hint)).collect()
}

/// Checks the membership of this host; nothing on a host of no fleet.
pub(crate) fn membership(db: &Path, url: Option<&EngineUrl>) -> Vec<Check> {
    const NAME: &str = "fleet";
    let Some(url) = url else { return Vec::new() };
    let membership = match Membership::read(db) {
        Ok(membership) => membership,
        Err(error) => {
            let hint = "leave the fleet with `wnm fleet leave`, and join it by another invitation";
            return vec![Check::warning(NAME, format!("the host takes no part in its fleet: {error}"), hint)];
        }
    };
    let connected = Engine::connect(url, &membership.login);
    let answer = connected.as_ref().err().map(ToString::to_string);
    let mut checks = vec![match connected {
        Ok(_) => {
            Check::ok(NAME, format!("the engine of the fleet {} answers host {}", membership.fleet, membership.host))
        }
        Err(error @ EngineError::Login { .. }) => {
            let hint = "the engine lost this host, or its operator expelled it: run `wnm fleet leave`, and join by another invitation";
            Check::warning(NAME, error.to_string(), hint)
        }
        Err(error) => Check::warning(NAME, error.to_string(), engine_hint(&error)),
    }];
    // The daemon mostly has the problem that this check has found.
    let of_daemon = FleetState::read(db).and_then(|state| state.problem);
    if let Some(problem) = of_daemon.filter(|problem| Some(problem) != answer.as_ref()) {
        checks.push(Check::warning(NAME, problem, "tell the operator of the fleet"));
    }
    checks
}
