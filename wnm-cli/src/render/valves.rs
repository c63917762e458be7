//! The valves: holds, windows, and the sentences of closed ones.

use std::time::Duration;

use serde::Serialize;
use wnm_agent::fleet::shown::ShownRollout;
use wnm_agent::valves::trouble_text;
use wnm_core::{ClosedValve, FleetLimitsSample, Hold, HoldSource, HoldTrouble, RolloutWait, Timestamp};
use wnm_core::{ValveSample, Valves, WindowState, Windows};

use super::host_rollout::{self, HostRolloutView};
use super::{BOLD, YELLOW, duration, styled, time};
use crate::json::Time;

/// The valves at a time of the wall clock.
#[derive(Debug, Clone)]
pub(crate) struct ValvesNow {
    pub(crate) now: Timestamp,
    pub(crate) settings: Valves,
    pub(crate) sample: ValveSample,
    /// The rollout of the fleet; None without one.
    pub(crate) rollout: Option<ShownRollout>,
}

/// The valves as JSON.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ValvesView {
    /// The holds in effect.
    holds: Vec<HoldView>,
    /// The sources of holds that cannot be read; their last state stays.
    problems: Vec<HoldTrouble>,
    /// The windows; null when voluntary actions may begin at any time.
    window: Option<WindowView>,
    /// The limit on unavailable nodes as in the settings, such as `10%`; null without one.
    max_unavailable: Option<String>,
    /// The rollout of the fleet; null without one.
    rollout: Option<HostRolloutView>,
    /// The settings of the fleet, which narrow those of this host.
    fleet_settings: Vec<FleetSettingsView>,
}

/// Settings of the fleet in effect.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct FleetSettingsView {
    /// The windows; null when the fleet sets none.
    window: Option<WindowView>,
    /// The limit on unavailable nodes, such as `10%`; null without one.
    max_unavailable: Option<String>,
    /// The end of the settings.
    until: Time,
}

/// A hold in effect.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct HoldView {
    /// The origin.
    source: HoldSource,
    /// The reason; empty when the origin gives none.
    reason: String,
    /// The begin; null when the origin does not tell it.
    since: Option<Time>,
    /// The end; null until the origin ends it.
    until: Option<Time>,
    /// Whether removals in their delay are cancelled too.
    drain: bool,
}

/// The windows.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct WindowView {
    /// The windows as in the settings.
    setting: String,
    /// Whether voluntary actions may begin now.
    open: bool,
    /// The time of the next change; null when none comes within a day.
    changes_at: Option<Time>,
    /// The time zone of a window that this host does not know; null without one.
    unknown_zone: Option<String>,
}

impl From<&Hold> for HoldView {
    fn from(Hold { source, reason, since, until, drain }: &Hold) -> Self {
        Self {
            source: *source,
            reason: reason.clone(),
            since: since.map(Time::from),
            until: until.map(Time::from),
            drain: *drain,
        }
    }
}

impl From<&ValvesNow> for ValvesView {
    fn from(valves: &ValvesNow) -> Self {
        let ValvesNow { now, settings, sample, rollout } = valves;
        let of_fleet = |of: &FleetLimitsSample| FleetSettingsView {
            window: WindowView::of(&of.limits.window, of.window_state(*now), *now),
            max_unavailable: of.limits.max_unavailable.map(|limit| limit.to_string()),
            until: of.until.into(),
        };
        Self {
            holds: sample.holds.iter().map(HoldView::from).collect(),
            problems: sample.troubles.clone(),
            window: WindowView::of(&settings.windows, settings.window_state(sample, *now), *now),
            max_unavailable: settings.max_unavailable.map(|limit| limit.to_string()),
            rollout: rollout.as_ref().map(HostRolloutView::from),
            fleet_settings: sample.limits.iter().map(of_fleet).collect(),
        }
    }
}

impl WindowView {
    /// Returns the windows with their state; None without windows.
    fn of(windows: &Windows, state: Result<WindowState, String>, now: Timestamp) -> Option<Self> {
        let windows: Vec<String> = windows.as_slice().iter().map(ToString::to_string).collect();
        let (open, change, unknown_zone) = match state {
            Ok(WindowState::Open { closes }) => (true, closes, None),
            Ok(WindowState::Closed { opens }) => (false, opens, None),
            Err(zone) => (false, None, Some(zone)),
        };
        let changes_at = change.map(|wait| Time::from(now.after(wait)));
        (!windows.is_empty()).then(|| Self { setting: windows.join(", "), open, changes_at, unknown_zone })
    }
}

/// Returns the lines of holds, windows and the rollout for a page; nothing on a host without any.
pub(crate) fn lines(valves: &ValvesNow) -> String {
    let ValvesNow { now, settings, sample, rollout } = valves;
    let mut text = String::new();
    for hold in &sample.holds {
        text.push_str(&format!("{}    {}\n", styled(YELLOW.bold(), "hold"), hold_text(hold, *now)));
    }
    for trouble in &sample.troubles {
        text.push_str(&format!("{} {}\n", styled(YELLOW.bold(), "warning:"), trouble_text(trouble)));
    }
    if !settings.windows.as_slice().is_empty() {
        let state = match settings.window_state(sample, *now) {
            Ok(WindowState::Open { closes }) => format!("open{}", then("closes", closes)),
            Ok(WindowState::Closed { opens }) => format!("closed{}", then("opens", opens)),
            Err(zone) => format!("closed: unknown time zone {zone}"),
        };
        text.push_str(&format!("{}  {state}\n", styled(BOLD, "window")));
    }
    for FleetLimitsSample { limits, until, .. } in &sample.limits {
        text.push_str(&format!("{}  {limits} (by fleet, until {})\n", styled(BOLD, "limits"), time(*until)));
    }
    if let Some(rollout) = rollout {
        text.push_str(&format!("{} {}\n", styled(BOLD, "rollout"), host_rollout::text(rollout, *now)));
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

fn then(verb: &str, wait: Option<Duration>) -> String {
    wait.map_or_else(String::new, |wait| format!(", {verb} in {}", duration(wait)))
}

/// Returns a hold with its origin and its end.
pub(crate) fn hold_text(hold: &Hold, now: Timestamp) -> String {
    let Hold { source, reason, since, until, drain } = hold;
    let reason = if reason.is_empty() { "no reason given" } else { reason };
    let mut facts = vec![format!("by {source}")];
    facts.extend(since.map(|since| format!("set {} ago", duration(now.since(since)))));
    facts.extend(until.map(|until| format!("until {}", time(until))));
    if *drain {
        facts.push("draining".to_owned());
    }
    format!("{reason} ({})", facts.join(", "))
}

/// Returns the sentence of a closed valve.
pub(crate) fn closed(valve: &ClosedValve, now: Timestamp) -> String {
    match valve {
        ClosedValve::Hold { hold } => {
            let reason = if hold.reason.is_empty() { "no reason given" } else { &hold.reason };
            format!("hold by {}: {reason}", hold.source)
        }
        ClosedValve::Window { opens: Some(opens) } => {
            format!("outside the window, which opens in {} (window)", duration(opens.since(now)))
        }
        ClosedValve::Window { opens: None } => {
            "outside the window, which does not open within a day (window)".to_owned()
        }
        ClosedValve::FleetWindow { opens: Some(opens) } => {
            format!("outside the window of the fleet, which opens in {}", duration(opens.since(now)))
        }
        ClosedValve::FleetWindow { opens: None } => {
            "outside the window of the fleet, which does not open within a day".to_owned()
        }
        ClosedValve::WindowEnds { closes } => {
            format!("the window closes in {}, before the action would end (drain)", duration(closes.since(now)))
        }
        ClosedValve::UnknownZone { zone } => format!("unknown time zone {zone} (window)"),
        ClosedValve::MaxUnavailable { unavailable, most } => {
            let are = if *unavailable == 1 { "node is" } else { "nodes are" };
            format!("later: {unavailable} {are} unavailable, at most {most} may be (max_unavailable)")
        }
        ClosedValve::Ceiling { most, per, until } => {
            let wait = duration(until.since(now));
            format!("ceiling: {most} actions within {}; the next action begins in {wait}", duration(*per))
        }
        ClosedValve::Rollout { version, wait } => format!("the fleet rolls out {version}: {}", rollout_wait(*wait)),
        ClosedValve::MostNodesSilent { silent, total } => format!(
            "{silent} of {total} running nodes give no answer at once: the cause is probably the host, so the nodes stay"
        ),
    }
}

/// Returns the reason for which a rollout lets no upgrade begin, in words.
pub(crate) const fn rollout_wait(wait: RolloutWait) -> &'static str {
    match wait {
        RolloutWait::NoLease => "this host has no lease yet",
        RolloutWait::LeaseEnded => "the lease of this host has ended",
        RolloutWait::EngineAway => "the engine of the fleet does not answer",
        RolloutWait::OtherProgram => "the node program of this host is another one",
        RolloutWait::Aborted => "it was aborted",
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use wnm_agent::fleet::rollout::order::Program;
    use wnm_agent::fleet::shown::Standing;

    use super::*;

    fn hold(until: Option<Timestamp>) -> Hold {
        let reason = "new disks".to_owned();
        Hold { source: HoldSource::Command, reason, since: None, until, drain: until.is_some() }
    }

    /// One valve of each kind, for the test of all sentences.
    pub(crate) fn valves(now: Timestamp) -> [ClosedValve; 10] {
        let later = |minutes: u64| now.after(Duration::from_secs(minutes * 60));
        [
            ClosedValve::Hold { hold: hold(None) },
            ClosedValve::Window { opens: Some(later(125)) },
            ClosedValve::Window { opens: None },
            ClosedValve::FleetWindow { opens: Some(later(125)) },
            ClosedValve::WindowEnds { closes: later(4) },
            ClosedValve::UnknownZone { zone: "Mars/Olympus".to_owned() },
            ClosedValve::MaxUnavailable { unavailable: 1, most: 1 },
            ClosedValve::Ceiling { most: 120, per: Duration::from_secs(60), until: later(1) },
            ClosedValve::MostNodesSilent { silent: 7, total: 9 },
            ClosedValve::Rollout { version: "0.4.18".parse().unwrap(), wait: RolloutWait::NoLease },
        ]
    }

    #[test]
    fn page_shows_holds_problems_and_windows() {
        let now = Timestamp::from_secs(1_795_000_000);
        let window = "daily 22:00-06:00, deny daily 23:00-01:00 Mars/Olympus";
        let at = |window: &str, local: Vec<_>, holds| {
            let mut raw = wnm_core::RawSettings::default();
            raw.set("window", window).unwrap();
            let settings = wnm_core::Policy::new(&raw, Some(4)).unwrap().valves;
            let problem = "http://127.0.0.1:1: no answer in time".to_owned();
            let of_fleet = HoldTrouble { source: HoldSource::Fleet, problem: "the clock is wrong".to_owned() };
            let troubles = vec![HoldTrouble { source: HoldSource::Url, problem }, of_fleet];
            let sample = ValveSample { holds, troubles, local, ..ValveSample::default() };
            let valves = ValvesNow { now, settings, sample, rollout: None };
            let json = serde_json::to_string_pretty(&ValvesView::from(&valves)).unwrap();
            format!("{}{json}", anstream::adapter::strip_str(&lines(&valves)))
        };
        let midnight = Some(wnm_core::TimeOfDay::from_secs(0));
        let (open, unknown) = ("daily 22:00-06:00", vec![midnight, None]);
        let until = now.after(Duration::from_secs(3600));
        insta::assert_snapshot!(
            [at(open, vec![midnight], vec![hold(None)]), at(window, unknown, vec![hold(Some(until))])].join("\n")
        );
        let none = ValvesNow { now, settings: Valves::default(), sample: ValveSample::default(), rollout: None };
        assert_eq!(lines(&none), "");
    }

    #[test]
    fn page_shows_the_rollout_of_the_fleet() {
        let now = Timestamp::from_secs(1_795_000_000);
        let after = |minutes: u64| now.after(Duration::from_secs(minutes * 60));
        let program = Program { version: "0.4.18".parse().unwrap(), sha256: "ab".repeat(32).parse().unwrap() };
        let shown = |fleet: Option<&str>, standing| {
            let fleet = fleet.map(|fleet| fleet.parse().unwrap());
            let rollout = ShownRollout { fleet, program: program.clone(), issued: now, until: after(43_200), standing };
            let (settings, sample) = (Valves::default(), ValveSample::default());
            let valves = ValvesNow { now: after(3), settings, sample, rollout: Some(rollout) };
            let json = serde_json::to_string(&ValvesView::from(&valves)).unwrap();
            format!("{}{json}", anstream::adapter::strip_str(&lines(&valves)))
        };
        let aborted = Standing::Aborted { reason: "nodes lose peers".to_owned() };
        insta::assert_snapshot!(
            [
                shown(Some("farm"), Standing::Leased { until: after(5) }),
                shown(Some("farm"), Standing::Waiting(RolloutWait::NoLease)),
                shown(None, aborted),
            ]
            .join("\n")
        );
    }
}
