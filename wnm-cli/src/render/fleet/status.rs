//! The state of a fleet.

use std::collections::BTreeMap;

use serde::Serialize;
use wnm_agent::fleet::command::{Verb, one_line};
use wnm_agent::fleet::document::HostState;
use wnm_agent::fleet::limits::SetVerb;
use wnm_agent::fleet::membership::Operator;
use wnm_agent::fleet::operator::{Carried, HostRecord};
use wnm_agent::fleet::rollout::carried::CarriedRollout;
use wnm_core::Timestamp;

use super::carried_rollout::CarriedRolloutView;
use super::member::until;
use crate::json::Time;
use crate::render::{BOLD, YELLOW, styled};

/// The state of all hosts of a fleet together.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct FleetStatusView {
    /// The name of the fleet.
    fleet: String,
    /// The address of the engine.
    url: String,
    /// The hosts that were invited.
    hosts: usize,
    /// The hosts that publish their state.
    hosts_up: usize,
    /// The hosts on which a hold of any source is in effect.
    hosts_held: usize,
    /// The hosts that report a problem.
    hosts_with_problem: usize,
    /// The nodes that run on the hosts that publish.
    nodes_up: u64,
    /// The nodes that are to run there.
    nodes_desired: u64,
    /// The nodes in each state, such as `RUNNING`.
    nodes: BTreeMap<String, u64>,
    /// The nodes of each version; `unknown` counts those of unknown version.
    versions: BTreeMap<String, u64>,
    /// The commands that the engine carries.
    commands: Vec<CarriedView>,
    /// The rollout that the engine carries; null without one in effect.
    rollout: Option<CarriedRolloutView>,
}

/// A command that the engine carries.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct CarriedView {
    /// The verb: `hold`, `resume`, `set`, or `refused` for a document that hosts refuse.
    #[cfg_attr(test, schemars(extend("enum" = ["hold", "resume", "set", "refused"])))]
    verb: &'static str,
    /// Whether it is signed.
    signed: bool,
    /// The hosts: `all hosts`, or `host NAME`.
    target: String,
    /// The reason of a hold or refusal, or the settings of a set; empty for a resume.
    reason: String,
    /// The generation; null without a signature.
    generation: Option<u64>,
    /// The end; null for a refused document.
    until: Option<Time>,
    #[serde(skip)]
    end: Option<Timestamp>,
}

impl From<&Carried> for CarriedView {
    fn from(carried: &Carried) -> Self {
        match carried {
            Carried::Command(command) => {
                let (verb, reason) = match &command.verb {
                    Verb::Hold { reason, .. } => ("hold", reason.clone()),
                    Verb::Resume { .. } => ("resume", String::new()),
                };
                let (end, generation) = (Some(command.not_after), Some(command.generation));
                let target = command.target.to_string();
                Self { verb, signed: true, target, reason, generation, until: end.map(Time::from), end }
            }
            Carried::Stop(stop) => {
                let (end, target) = (Some(stop.not_after), stop.target.to_string());
                let (until, reason) = (end.map(Time::from), stop.reason.clone());
                Self { verb: "hold", signed: false, target, reason, generation: None, until, end }
            }
            Carried::Limits(order) => {
                let SetVerb::Set(limits) = &order.verb;
                let (end, generation) = (Some(order.not_after), Some(order.generation));
                let (until, target) = (end.map(Time::from), order.target.to_string());
                Self { verb: "set", signed: true, target, reason: limits.to_string(), generation, until, end }
            }
            Carried::Refused(target, refusal) => Self {
                verb: "refused",
                signed: false,
                target: target.to_string(),
                reason: one_line(&refusal.to_string()),
                generation: None,
                until: None,
                end: None,
            },
        }
    }
}

impl FleetStatusView {
    pub(crate) fn new(
        operator: &Operator,
        records: &[HostRecord],
        carried: &[Carried],
        rollout: Option<&CarriedRollout>,
        now: Timestamp,
    ) -> Self {
        let states: Vec<&HostState> = records.iter().filter_map(HostRecord::state).collect();
        let has_problem = |record: &&HostRecord| match &record.state {
            Some(Ok(state)) => state.problem.is_some() || state.failure.is_some(),
            Some(Err(_)) => true,
            None => false,
        };
        let is_current = |carried: &&Carried| match carried {
            Carried::Command(command) => command.not_after > now,
            Carried::Stop(stop) => stop.not_after > now,
            Carried::Limits(order) => order.not_after > now,
            Carried::Refused(..) => true,
        };
        let sum = |counts: fn(&HostState) -> &BTreeMap<String, u64>| {
            states.iter().flat_map(|state| counts(state)).fold(BTreeMap::new(), |mut sums, (word, count)| {
                let sum: &mut u64 = sums.entry(word.clone()).or_default();
                *sum = sum.saturating_add(*count);
                sums
            })
        };
        Self {
            fleet: operator.fleet.to_string(),
            url: operator.url.to_string(),
            hosts: records.len(),
            hosts_up: states.len(),
            hosts_held: states.iter().filter(|state| !state.holds.is_empty()).count(),
            hosts_with_problem: records.iter().filter(has_problem).count(),
            nodes_up: states.iter().map(|state| state.up()).fold(0, u64::saturating_add),
            nodes_desired: states.iter().map(|state| state.desired).fold(0, u64::saturating_add),
            nodes: sum(|state| &state.nodes),
            versions: sum(|state| &state.versions),
            commands: carried.iter().filter(is_current).map(Into::into).collect(),
            rollout: rollout.filter(|rollout| rollout.until > now).map(CarriedRolloutView::from),
        }
    }
}

impl FleetStatusView {
    /// Returns the commands and the rollout that the engine carries, a sentence each.
    pub(crate) fn command_lines(&self) -> Vec<String> {
        let commands = self.commands.iter().map(CarriedView::line);
        let rollout = self.rollout.iter().map(|rollout| format!("rollout of {}", rollout.line()));
        commands.chain(rollout).map(|line| anstream::adapter::strip_str(&line).to_string()).collect()
    }
}

/// Returns the page of a fleet.
pub(crate) fn status(view: &FleetStatusView) -> String {
    let FleetStatusView { fleet, url, hosts, hosts_up, hosts_held, nodes_up, nodes_desired, .. } = view;
    let mut hosts_line = format!("{hosts_up} of {hosts} up");
    for (count, words) in [(*hosts_held, "held"), (view.hosts_with_problem, "with a problem")] {
        if count > 0 {
            hosts_line.push_str(&format!(", {count} {words}"));
        }
    }
    let counts = |counts: &BTreeMap<String, u64>| {
        let parts: Vec<String> = counts.iter().map(|(word, count)| format!("{count} {word}")).collect();
        if parts.is_empty() { "-".to_owned() } else { parts.join(", ") }
    };
    let mut lines = vec![
        ("fleet", format!("{fleet} on {url}")),
        ("hosts", hosts_line),
        ("nodes", format!("{nodes_up} of {nodes_desired} up: {}", counts(&view.nodes))),
        ("versions", counts(&view.versions)),
    ];
    lines.extend(view.commands.iter().map(|command| ("command", command.line())));
    lines.extend(view.rollout.iter().map(|rollout| ("rollout", rollout.line())));
    lines.iter().map(|(name, text)| format!("{}  {text}\n", styled(BOLD, format!("{name:<8}")))).collect()
}

impl CarriedView {
    fn line(&self) -> String {
        let Self { verb, target, reason, .. } = self;
        let end = self.end.map(|end| format!(", {}", until(end))).unwrap_or_default();
        let signature = if self.signed { "" } else { ", without signature" };
        match *verb {
            "resume" => format!("resume of {target}{end}"),
            "set" => format!("limits of {target}: {reason}{end}"),
            "hold" => format!("{} of {target}: {reason}{end}{signature}", styled(YELLOW, "hold")),
            _ => format!("{} for {target}: {reason}", styled(YELLOW, "refused")),
        }
    }
}
