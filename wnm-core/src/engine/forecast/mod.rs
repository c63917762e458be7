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
use crate::model::units::Timestamp;
use crate::policy::constants::{
    ALMOST_A_MINUTE, BARELY, COST_SMOOTHING, CPU_MEAN, CROWDED, GRACE_GROWTH, GRACE_RANGE, GRACE_SHRINK, MINUTES,
    PRIOR_COST, RECENT, SERVING, STALE, THROTTLED_HOLD, THROTTLED_LONG, THROTTLED_STEP, WATCH,
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
    /// Time at which nodes were last starved, and the milliseconds for which they were, less those for which they were
    /// not.
    throttled_at: Option<Timestamp>,
    throttled: u32,
    /// Milliseconds of external overload without interruption.
    external_overload: u32,
    /// CPU that the limit keeps free for a rise of the background load.
    reserve: Reserve,
    /// Time of the last start, addition, stop or removal by a rule.
    changed: Option<Timestamp>,
    /// Growth of each volume.
    volumes: BTreeMap<PathBuf, disk::Filling>,
}

/// Returns whether the applied CPU limit starves the nodes: it is below the serving level.
fn is_starved(outlook: &Outlook, observation: &Observation) -> bool {
    let limit = observation.host.cpu_limit.and_then(|cpu_limit| cpu_limit.limit).zip(observation.host.cpus);
    let needed = outlook.cpu.map(|cpu| cpu.cost * f64::from(cpu.nodes));
    limit
        .zip(needed)
        .is_some_and(|((limit, cpus), needed)| limit.get() * 100.0 / f64::from(cpus.max(1)) < BARELY * SERVING * needed)
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
        let is_starved = is_starved(&outlook, observation);
        // Counted before the relief below reads it, so that a limit set in the last cycle shows its effect here.
        count(&mut self.throttled, moment.span, is_starved);
        if is_starved && usage.throttled.is_some() {
            self.throttled_at = Some(now);
        }
        if let Some(cpu) = &outlook.cpu {
            self.external_overload =
                if cpu.is_external_overload { self.external_overload.saturating_add(moment.span) } else { 0 };
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
        if relief == Relief::Throttled {
            // One step of patience, and not a reset: a colony that stays starved gives up its next nodes after five minutes.
            self.throttled = self.throttled.saturating_sub(THROTTLED_STEP);
        }
        // Only a stop after the grace period tells whether the grace period was too short.
        if relief == Relief::Grace && self.watch.is_none() {
            self.watch = Some(Watch { since: now, nodes: usage.live });
        }
    }

    /// Records the deletion of a node's folder, which is no decrease of the growth of its volume.
    pub(crate) fn deleted(&mut self, node: NodeId, observation: &Observation) {
        disk::deleted(&mut self.volumes, node, observation);
    }

    /// Returns the CPU of a mature node, in cores.
    fn cost(&self) -> f64 {
        f64::from(self.cost.unwrap_or(PRIOR_COST))
    }

    /// Returns the time over the high threshold of CPU use, and over the warning threshold.
    pub(crate) fn time_over_thresholds(&self) -> (Duration, Duration) {
        (Duration::from_millis(self.over.into()), Duration::from_millis(self.over_warning.into()))
    }

    /// Returns whether nodes were starved within the last five minutes.
    pub(crate) fn was_starved(&self, now: Timestamp) -> bool {
        self.throttled_at.is_some_and(|at| now.since(at) < THROTTLED_HOLD)
    }

    /// Returns whether nodes were starved for so long that fewer of them must run.
    pub(crate) fn was_starved_for_long(&self) -> bool {
        self.throttled >= THROTTLED_LONG
    }

    /// Returns the time of external overload without interruption.
    pub(crate) fn external_overload_for(&self) -> Duration {
        Duration::from_millis(self.external_overload.into())
    }

    /// Returns the reserve, in percent of the machine; None while the demand of the nodes is measured.
    pub(crate) fn reserve(&self) -> Option<f64> {
        self.reserve.percent()
    }

    /// Returns the end of the cooldown after the last change; None when it has passed.
    pub(crate) fn cooldown_end(&self, policy: &Policy, now: Timestamp) -> Option<Timestamp> {
        self.changed.map(|changed| changed.after(policy.tuning.cooldown)).filter(|until| *until > now)
    }

    /// Returns the grace period of the high threshold.
    pub(crate) fn grace(&self, policy: &Policy) -> Duration {
        self.grace.map_or(policy.tuning.grace, |millis| Duration::from_millis(millis.into()))
    }

    /// Updates the CPU of a mature node. A crowded or throttled host does not show the demand, so it is skipped.
    fn update_cost(&mut self, cpu: f64, span: Duration, usage: &Usage) {
        let Some(mean) = usage.grown_cpu() else { return };
        if cpu > CROWDED || usage.throttled.is_some() {
            return;
        }
        // The first measurement replaces the prior, which is a guess.
        let weight = self.cost.map_or(1.0, |_| 1.0 - (-span.as_secs_f64() / COST_SMOOTHING).exp());
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
        // External overload starts no grace period: when it ends, the nodes would be stopped for a load that is gone.
        count(&mut self.over, span, cpu.mean > threshold && !cpu.is_external_overload);
        count(&mut self.over_warning, span, cpu.mean > policy.warning_level(policy.cpu) && !cpu.is_external_overload);
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
