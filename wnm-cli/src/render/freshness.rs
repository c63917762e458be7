//! The warning of a stale record, and the schedule of the cycles as JSON.

use std::time::Duration;

use serde::Serialize;
use wnm_store::{Runner, Schedule};

use super::{GREEN, YELLOW, duration, styled};
use crate::freshness::Freshness;

/// The schedule of the cycles as JSON.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ScheduleView {
    /// The program that ran the last scheduled cycle.
    #[cfg_attr(test, schemars(extend("enum" = ["wnm run", "wnm daemon"])))]
    runner: &'static str,
    /// The time from one cycle to the next, in seconds. For `wnm run` the interval of cron, 60 s.
    interval_seconds: f64,
}

impl From<Schedule> for ScheduleView {
    fn from(schedule: Schedule) -> Self {
        Self { runner: command(schedule.runner), interval_seconds: schedule.interval.as_secs_f64() }
    }
}

fn command(runner: Runner) -> &'static str {
    match runner {
        Runner::Run => "wnm run",
        Runner::Daemon => "wnm daemon",
    }
}

/// Returns the problem of a stale record: `no cycle for 3h 5min, expected every 5s from wnm daemon`; None for a current
/// one.
pub(crate) fn problem(freshness: Freshness) -> Option<String> {
    let age = freshness.age.filter(|_| freshness.is_stale())?;
    let Schedule { runner, interval } = freshness.schedule;
    Some(format!("no cycle for {}, expected every {} from `{}`", duration(age), short(interval), command(runner)))
}

/// Returns an interval, in milliseconds below a second.
fn short(interval: Duration) -> String {
    if interval < Duration::from_secs(1) { format!("{}ms", interval.as_millis()) } else { duration(interval) }
}

/// Returns how the operator gets cycles again. `services` are the places where wnm is installed.
pub(crate) fn hint(services: &[String]) -> String {
    match services.first() {
        None => "run one cycle with `wnm run`, or install a service with `wnm service install`".to_owned(),
        Some(place) => format!("run one cycle with `wnm run`, and check the service {place} (`wnm doctor`)"),
    }
}

/// Returns the lines above a page with a stale record.
pub(crate) fn warning(problem: &str, hint: &str) -> String {
    let (label, below) = (styled(YELLOW.bold(), "warning:"), styled(GREEN.bold(), "hint:"));
    format!("{label} {problem}; the states are those of that cycle\n{below} {hint}\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hint_names_an_installed_service() {
        assert!(hint(&[]).contains("`wnm service install`"));
        let installed = hint(&["in your crontab".to_owned()]);
        assert!(installed.ends_with("check the service in your crontab (`wnm doctor`)"), "{installed}");
    }

    #[test]
    fn short_interval_keeps_its_milliseconds() {
        assert_eq!(short(Duration::from_millis(250)), "250ms");
        assert_eq!(short(Duration::from_secs(90)), "1min 30s");
    }
}
