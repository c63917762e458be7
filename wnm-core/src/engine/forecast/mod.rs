//! The forecast of the host: the data of past observations that the steady rules use, and its update.
//!
//! Values are `f32`, which a decimal text represents exactly: a stored forecast decides as one that never left memory.

mod disk;
mod outlook;
mod reserve;
mod usage;

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::action::decision::{Planned, Reason, Relief};
use crate::model::node::NodeId;
use crate::model::observation::Observation;
use crate::model::units::{Cores, Timestamp, Version};
use crate::policy::constants::{
    ALMOST_A_MINUTE, ASKS_FOR_MORE, AT_FLOOR, COST_SMOOTHING, CPU_MEAN, CROWDED, GRACE_GROWTH, GRACE_RANGE,
    GRACE_SHRINK, MEASURING_SMOOTHING, MINUTES, PRIOR_COST, RECENT, STALE, THROTTLED_HOLD, VERSION_INTERVAL, WATCH,
};
use crate::policy::thresholds::Policy;

pub(crate) use outlook::{Cpu, Outlook};
use reserve::Reserve;
pub(crate) use usage::Usage;

/// One observation of the processors.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Moment {
    at: Timestamp,
    /// Milliseconds since the observation before.
    span: u32,
    /// Use of all processors, in percent: by all processes, and by the nodes.
    cpu: f32,
    own: f32,
    /// The load average over one minute.
    load: Option<f32>,
    nodes: u32,
}

/// The means of one minute.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
struct Minute {
    span: u32,
    cpu: f32,
    /// Runnable tasks, recovered from the load averages; None without load averages.
    tasks: Option<f32>,
    nodes: f32,
}

/// A stop at the end of the grace period whose effect is still observed, to adapt the grace period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Watch {
    since: Timestamp,
    /// Running nodes before the stop.
    nodes: u32,
}

/// The data of past observations.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Forecast {
    /// Single observations, oldest first.
    recent: VecDeque<Moment>,
    /// One-minute means, oldest first; the last one may cover less than a minute.
    minutes: VecDeque<Minute>,
    /// CPU of a mature node, in cores; None before one was measured.
    cost: Option<f32>,
    /// Milliseconds over the high threshold, and over the warning threshold, less those below it.
    over: u32,
    over_warning: u32,
    /// Adapted grace period, in milliseconds; None before the first adaptation.
    grace: Option<u32>,
    watch: Option<Watch>,
    /// Time at which the limit was last at its floor, with use over the warning threshold.
    throttled_at: Option<Timestamp>,
    /// CPU that the limit keeps free for a rise of the background load.
    reserve: Reserve,
    /// Time of the last start, addition, stop or removal by a rule.
    changed: Option<Timestamp>,
    /// Growth of each volume.
    volumes: BTreeMap<PathBuf, disk::Filling>,
    /// The newest version of a node, and the time at which its change last made the demand unknown.
    #[serde(skip_serializing_if = "Versions::is_empty")]
    versions: Versions,
}

/// The version whose change makes the demand of the nodes unknown.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
struct Versions {
    /// The newest version of a node so far: an upgrade of the colony begins with it.
    newest: Option<Version>,
    changed: Option<Timestamp>,
}

impl Versions {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Updates the newest version, and returns whether the demand of the nodes is unknown because it changed.
    fn update(&mut self, observation: &Observation) -> bool {
        let newest = observation.nodes.values().filter_map(|sample| sample.version.as_ref()).max();
        let Some(newest) = newest.filter(|newest| self.newest.as_ref() != Some(newest)) else { return false };
        let was_known = self.newest.replace(newest.clone()).is_some();
        let now = observation.now;
        let is_due = was_known && self.changed.is_none_or(|at| now.since(at) >= VERSION_INTERVAL);
        if is_due {
            self.changed = Some(now);
        }
        is_due
    }
}

/// Returns whether the applied CPU limit is at its floor and throttles the nodes, and use is over the warning threshold
/// all the same.
fn is_at_floor(policy: &Policy, cpu: &Cpu, observation: &Observation, usage: &Usage) -> bool {
    let limit = observation.host.cpu_limit.and_then(|cpu_limit| cpu_limit.limit).zip(observation.host.cpus);
    let is_low = |(limit, cpus): (Cores, u32)| limit.get() * 100.0 / f64::from(cpus.max(1)) <= AT_FLOOR * cpu.floor;
    usage.throttled.is_some() && cpu.mean > policy.warning_level(policy.cpu) && limit.is_some_and(is_low)
}

/// Adds `span` milliseconds to a counter while a condition is true, and subtracts them while it is not.
fn count(millis: &mut u32, span: u32, condition: bool) {
    *millis = if condition { millis.saturating_add(span) } else { millis.saturating_sub(span) };
}

impl Forecast {
    /// Updates the forecast by one observation, and returns the outlook.
    pub(crate) fn update(&mut self, policy: &Policy, observation: &Observation, usage: &Usage) -> Outlook {
        let (now, host) = (observation.now, &observation.host);
        // A gap hides what happened in between: means and times over a threshold across it would be invented. The cost of a
        // node and the growth of volumes outlast the gap.
        if observation.rebooted || self.recent.back().is_some_and(|last| now.since(last.at) > STALE) {
            self.recent.clear();
            self.minutes.clear();
            (self.over, self.over_warning, self.watch) = (0, 0, None);
        }
        disk::update(&mut self.volumes, observation);
        if self.versions.update(observation) {
            self.reserve.forget();
        }
        // Without one of the three a share of the machine cannot be computed, and a guess could stop or add nodes.
        let (Some(cpu), Some(own), Some(cpus)) = (host.cpu, usage.own(self.cost()), host.cpus) else {
            return Outlook::default();
        };
        let of_machine = 100.0 / f64::from(cpus.max(1));
        let span = self.recent.back().map_or(CPU_MEAN, |last| now.since(last.at));
        // Two cycles in the same millisecond, as after a request: a mean over no time would divide by zero.
        if span.is_zero() {
            return Outlook::new(policy, self, observation, usage);
        }
        let moment = Moment {
            at: now,
            span: u32::try_from(span.as_millis()).unwrap_or(u32::MAX),
            cpu: cpu.get() as f32,
            own: (own * of_machine) as f32,
            load: host.load.map(|load| load.one.get() as f32),
            nodes: usage.live,
        };
        let is_first = self.recent.is_empty();
        self.recent.push_back(moment);
        while self.recent.len() > 2 && self.recent.get(1).is_some_and(|second| now.since(second.at) >= RECENT) {
            self.recent.pop_front();
        }
        if !is_first {
            self.update_cost(cpu.get(), span, usage);
            // A throttled node will use more without the limit, so growth counts its demand.
            let needed = usage.throttled.map_or(0.0, |_| (self.cost() * f64::from(usage.live) * of_machine) as f32);
            self.fill_minute(Moment { cpu: moment.cpu + (needed - moment.own).max(0.0), ..moment });
        }
        let outlook = Outlook::new(policy, self, observation, usage);
        if let Some(cpu) = &outlook.cpu {
            if is_at_floor(policy, cpu, observation, usage) {
                self.throttled_at = Some(now);
            }
            self.reserve.update(cpu.rise, moment.span, usage.throttled.is_some());
            self.count_time_over(cpu, moment.span, policy);
            self.adapt_grace(cpu, now, policy);
        }
        outlook
    }

    /// Records an action that began: a relief or a growth starts the cooldown.
    pub(crate) fn begin(&mut self, planned: &Planned, usage: &Usage, now: Timestamp) {
        let is_growth = matches!(planned.reason, Reason::HeadroomToStart | Reason::HeadroomToAdd { .. });
        let Reason::Relief { relief, .. } = planned.reason else {
            if is_growth {
                self.changed = Some(now);
            }
            return;
        };
        self.changed = Some(now);
        // The relief answers the time over the threshold; counting on would stop nodes again before the effect shows.
        (self.over, self.over_warning) = (0, 0);
        // Only a stop after the grace period tells whether the grace period was too short.
        if relief == Relief::Grace && self.watch.is_none() {
            self.watch = Some(Watch { since: now, nodes: usage.live });
        }
    }

    /// Records the deletion of a node's folder, which is no decrease of the growth of its volume.
    pub(crate) fn deleted(&mut self, node: NodeId, observation: &Observation) {
        disk::deleted(&mut self.volumes, node, observation);
    }

    /// Returns the CPU of a mature node; None before one was measured.
    pub(crate) fn node_cpu(&self) -> Option<Cores> {
        self.cost.and_then(|cost| Cores::clamped(f64::from(cost)))
    }

    /// Returns the CPU of a mature node, in cores.
    fn cost(&self) -> f64 {
        f64::from(self.cost.unwrap_or(PRIOR_COST))
    }

    /// Returns the time over the high threshold of CPU use, and over the warning threshold.
    pub(crate) fn time_over_thresholds(&self) -> (Duration, Duration) {
        (Duration::from_millis(self.over.into()), Duration::from_millis(self.over_warning.into()))
    }

    /// Returns whether the limit was at its floor, with use over the warning threshold, within the last five minutes.
    pub(crate) fn was_at_floor(&self, now: Timestamp) -> bool {
        self.throttled_at.is_some_and(|at| now.since(at) < THROTTLED_HOLD)
    }

    /// Returns whether it is at its floor in this observation.
    pub(crate) fn is_at_floor(&self, now: Timestamp) -> bool {
        self.throttled_at == Some(now)
    }

    /// Returns the reserve, in percent of the machine; None while the demand of the nodes is measured.
    pub(crate) fn reserve(&self) -> Option<f64> {
        self.reserve.percent()
    }

    /// Returns whether the limit is lifted to measure the demand of the nodes.
    pub(crate) const fn is_lifted(&self) -> bool {
        self.reserve.is_lifted()
    }

    /// Returns the time for which the demand was measured, and the time that is required.
    pub(crate) fn measured(&self) -> (Duration, Duration) {
        self.reserve.measured()
    }

    /// Returns the end of the cooldown after the last change; None when it has passed.
    pub(crate) fn cooldown_end(&self, policy: &Policy, now: Timestamp) -> Option<Timestamp> {
        self.changed.map(|changed| changed.after(policy.tuning.cooldown)).filter(|until| *until > now)
    }

    /// Returns the grace period of the high threshold.
    pub(crate) fn grace(&self, policy: &Policy) -> Duration {
        self.grace.map_or(policy.tuning.grace, |millis| Duration::from_millis(millis.into()))
    }

    /// Updates the CPU of a mature node. A crowded or throttled host does not show the demand, so it is skipped, unless
    /// the nodes ask for more than is known.
    fn update_cost(&mut self, cpu: f64, span: Duration, usage: &Usage) {
        let Some(mean) = usage.grown_cpu() else { return };
        let mean = match usage.throttled {
            Some(share) if mean >= ASKS_FOR_MORE * self.cost() => mean * (1.0 + share.get() / 100.0),
            Some(_) => return,
            None if cpu > CROWDED && mean <= self.cost() => return,
            None => mean,
        };
        let smoothing = if self.is_lifted() { MEASURING_SMOOTHING } else { COST_SMOOTHING };
        // The first measurement replaces the prior, which is a guess.
        let weight = self.cost.map_or(1.0, |_| 1.0 - (-span.as_secs_f64() / smoothing).exp());
        self.cost = Some((self.cost() + (mean - self.cost()) * weight) as f32);
    }

    /// Adds an observation to the current minute, or begins a new one.
    fn fill_minute(&mut self, moment: Moment) {
        let tasks = outlook::runnable(&self.recent, CPU_MEAN).map(|tasks| tasks as f32);
        let fresh = Minute { span: moment.span, cpu: moment.cpu, tasks, nodes: moment.nodes as f32 };
        match self.minutes.back_mut() {
            Some(minute) if minute.span < ALMOST_A_MINUTE => {
                let span = minute.span.saturating_add(fresh.span);
                let share = fresh.span as f32 / span as f32;
                minute.cpu += (fresh.cpu - minute.cpu) * share;
                minute.nodes += (fresh.nodes - minute.nodes) * share;
                // One unknown part makes the minute unknown: a missing load average must not read as a quiet host.
                minute.tasks = minute.tasks.zip(fresh.tasks).map(|(a, b)| a + (b - a) * share);
                minute.span = span;
            }
            _ => {
                if self.minutes.len() >= MINUTES {
                    self.minutes.pop_front();
                }
                self.minutes.push_back(fresh);
            }
        }
    }

    /// Updates the time over the thresholds.
    fn count_time_over(&mut self, cpu: &Cpu, span: u32, policy: &Policy) {
        let threshold = policy.cpu.remove.get();
        // External overload and a lifted limit start no grace period: when they end, the nodes would be stopped for a load
        // that is gone.
        let is_cause = !cpu.is_external_overload && !self.is_lifted();
        count(&mut self.over, span, cpu.mean > threshold && is_cause);
        count(&mut self.over_warning, span, cpu.mean > policy.warning_level(policy.cpu) && is_cause);
    }

    /// Adapts the grace period after a stop: it grows when the load would have gone by itself, and shrinks otherwise.
    fn adapt_grace(&mut self, cpu: &Cpu, now: Timestamp, policy: &Policy) {
        let Some(Watch { since, nodes }) = self.watch else { return };
        // Compared at the old number of nodes: the stop itself lowers the use and must not count as a load that went away.
        let as_it_was = cpu.mean + cpu.cost * (f64::from(nodes) - f64::from(cpu.nodes)).max(0.0);
        let is_gone = as_it_was < policy.cpu.remove.get();
        let is_over = now.since(since) >= WATCH;
        // The mean must cover only observations after the stop.
        if now.since(since) < CPU_MEAN || !(is_gone || is_over) {
            return;
        }
        let grace = self.grace(policy).clamp(GRACE_RANGE.0, GRACE_RANGE.1);
        let grace = if is_gone { grace.mul_f64(GRACE_GROWTH) } else { grace.div_f64(GRACE_SHRINK) }
            .clamp(GRACE_RANGE.0, GRACE_RANGE.1);
        self.grace = u32::try_from(grace.as_millis()).ok();
        self.watch = None;
    }
}
