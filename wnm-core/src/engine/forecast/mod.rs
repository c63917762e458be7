//! The forecast of the host: what the steady rules remember from look to look, and how a look changes it.
//!
//! Figures are kept as `f32`: a decimal that one is written as reads back as the same one, so that a saved forecast
//! decides as one that was never saved.

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

/// One look at the processors.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Moment {
    at: Timestamp,
    /// Milliseconds that its means are over.
    span: u32,
    /// Use of all processors by everybody, and by our nodes (%).
    cpu: f32,
    own: f32,
    /// The load average over one minute.
    load: Option<f32>,
    nodes: u32,
}

/// The means of about a minute.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
struct Minute {
    span: u32,
    cpu: f32,
    /// Runnable tasks, as recovered from the load averages; None where these were missing.
    tasks: Option<f32>,
    nodes: f32,
}

/// Nodes were stopped because CPU use was over its mark for the time of the ride: was it worth it?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Watch {
    since: Timestamp,
    /// Nodes there were.
    nodes: u32,
}

/// What is remembered of the host.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Forecast {
    /// Single looks, oldest first.
    recent: VecDeque<Moment>,
    /// One-minute means, oldest first; the last one may still grow.
    minutes: VecDeque<Minute>,
    /// What a grown node needs, in cores.
    cost: Option<f32>,
    /// Milliseconds for which CPU use was over its mark, or over the soft one, less those for which it was not.
    over: u32,
    over_warning: u32,
    /// Milliseconds of being over the mark that are waited out; None before anything was learned.
    grace: Option<u32>,
    watch: Option<Watch>,
    /// When the CPU limit last left the nodes less than what they serve with, and for how many milliseconds it did, less
    /// those for which it did not.
    throttled_at: Option<Timestamp>,
    throttled: u32,
    /// Milliseconds for which others alone have kept the machine at its mark without a break.
    external_overload: u32,
    /// What a cap keeps free for others.
    reserve: Reserve,
    /// When nodes were last started, added, stopped or removed by a rule.
    changed: Option<Timestamp>,
    /// How each volume fills.
    volumes: BTreeMap<PathBuf, disk::Filling>,
}

/// Tells whether the CPU limit in force leaves the nodes less than what they serve with.
fn is_held_low(outlook: &Outlook, observation: &Observation) -> bool {
    let limit = observation.host.cpu_limit.and_then(|cpu_limit| cpu_limit.limit).zip(observation.host.cpus);
    let needed = outlook.cpu.map(|cpu| cpu.cost * f64::from(cpu.nodes));
    limit
        .zip(needed)
        .is_some_and(|((limit, cpus), needed)| limit.get() * 100.0 / f64::from(cpus.max(1)) < BARELY * SERVING * needed)
}

/// Counts milliseconds up while something is so, and down while it is not.
fn count(millis: &mut u32, span: u32, is_so: bool) {
    *millis = if is_so { millis.saturating_add(span) } else { millis.saturating_sub(span) };
}

impl Forecast {
    /// Takes up one look.
    pub(crate) fn look(&mut self, policy: &Policy, observation: &Observation, usage: &Usage) -> Outlook {
        let (now, host) = (observation.now, &observation.host);
        if observation.rebooted || self.recent.back().is_some_and(|last| now.since(last.at) > STALE) {
            self.recent.clear();
            self.minutes.clear();
            (self.over, self.over_warning, self.watch) = (0, 0, None);
        }
        disk::look(&mut self.volumes, observation);
        let (Some(cpu), Some(own), Some(cpus)) = (host.cpu, usage.own(self.cost()), host.cpus) else {
            return Outlook::default();
        };
        let of_machine = 100.0 / f64::from(cpus.max(1));
        let span = self.recent.back().map_or(CPU_MEAN, |last| now.since(last.at));
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
            self.learn_cost(cpu.get(), span, usage);
            // Growth goes by what nodes need, and not by what they were let have.
            let needed = usage.throttled.map_or(0.0, |_| (self.cost() * f64::from(usage.live) * of_machine) as f32);
            self.fill_minute(Moment { cpu: moment.cpu + (needed - moment.own).max(0.0), ..moment });
        }
        let outlook = Outlook::new(policy, self, observation, usage);
        let is_held_low = is_held_low(&outlook, observation);
        count(&mut self.throttled, moment.span, is_held_low);
        if is_held_low && usage.throttled.is_some() {
            self.throttled_at = Some(now);
        }
        if let Some(cpu) = &outlook.cpu {
            self.external_overload =
                if cpu.is_external_overload { self.external_overload.saturating_add(moment.span) } else { 0 };
            self.reserve.look(cpu.rise, moment.span, usage.throttled.is_some());
            self.dwell(cpu, moment.span, policy);
            self.watch(cpu, now, policy);
        }
        outlook
    }

    /// Takes up what was begun in a cycle: rules look again only after it has settled.
    pub(crate) fn begin(&mut self, planned: &Planned, usage: &Usage, now: Timestamp) {
        let is_growth = matches!(planned.reason, Reason::HeadroomToStart | Reason::HeadroomToAdd { .. });
        let Reason::Relief { relief, .. } = planned.reason else {
            if is_growth {
                self.changed = Some(now);
            }
            return;
        };
        self.changed = Some(now);
        (self.over, self.over_warning) = (0, 0);
        if relief == Relief::Throttled {
            self.throttled = self.throttled.saturating_sub(THROTTLED_STEP);
        }
        if relief == Relief::Grace && self.watch.is_none() {
            self.watch = Some(Watch { since: now, nodes: usage.live });
        }
    }

    /// Takes up that a node's folder is gone by our own doing.
    pub(crate) fn deleted(&mut self, node: NodeId, observation: &Observation) {
        disk::deleted(&mut self.volumes, node, observation);
    }

    /// Returns what a grown node needs, in cores.
    fn cost(&self) -> f64 {
        f64::from(self.cost.unwrap_or(PRIOR_COST))
    }

    /// Returns for how long CPU use was over its mark, and over the soft one.
    pub(crate) fn dwelt(&self) -> (Duration, Duration) {
        (Duration::from_millis(self.over.into()), Duration::from_millis(self.over_warning.into()))
    }

    /// Tells whether the CPU limit left the nodes less than what they serve with within the last minutes.
    pub(crate) fn was_held_low(&self, now: Timestamp) -> bool {
        self.throttled_at.is_some_and(|at| now.since(at) < THROTTLED_HOLD)
    }

    /// Tells whether it did for so long that there are too many nodes.
    pub(crate) fn was_held_low_for_long(&self) -> bool {
        self.throttled >= THROTTLED_LONG
    }

    /// Returns for how long others alone have kept the machine at its mark.
    pub(crate) fn external_overload_for(&self) -> Duration {
        Duration::from_millis(self.external_overload.into())
    }

    /// Returns what a cap keeps free for what others may begin, in percent of the machine; None while it is measured
    /// what the nodes need.
    pub(crate) fn reserve(&self) -> Option<f64> {
        self.reserve.percent()
    }

    /// Returns when the last change will have shown its effect; None when it has.
    pub(crate) fn settles_at(&self, policy: &Policy, now: Timestamp) -> Option<Timestamp> {
        self.changed.map(|changed| changed.after(policy.tuning.cooldown)).filter(|until| *until > now)
    }

    /// Returns how long CPU use may be over its mark before something is done.
    pub(crate) fn grace(&self, policy: &Policy) -> Duration {
        self.grace.map_or(policy.tuning.grace, |millis| Duration::from_millis(millis.into()))
    }

    fn learn_cost(&mut self, cpu: f64, span: Duration, usage: &Usage) {
        let Some(mean) = usage.grown_cpu() else { return };
        if cpu > CROWDED || usage.throttled.is_some() {
            return;
        }
        // The first is taken as it is.
        let weight = self.cost.map_or(1.0, |_| 1.0 - (-span.as_secs_f64() / COST_SMOOTHING).exp());
        self.cost = Some((self.cost() + (mean - self.cost()) * weight) as f32);
    }

    /// Adds a look to the minute that is not yet full, or begins one.
    fn fill_minute(&mut self, moment: Moment) {
        let tasks = outlook::runnable(&self.recent, CPU_MEAN).map(|tasks| tasks as f32);
        let fresh = Minute { span: moment.span, cpu: moment.cpu, tasks, nodes: moment.nodes as f32 };
        match self.minutes.back_mut() {
            Some(minute) if minute.span < ALMOST_A_MINUTE => {
                let span = minute.span.saturating_add(fresh.span);
                let share = fresh.span as f32 / span as f32;
                minute.cpu += (fresh.cpu - minute.cpu) * share;
                minute.nodes += (fresh.nodes - minute.nodes) * share;
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

    /// Counts up while there is too much, and down while there is not.
    fn dwell(&mut self, cpu: &Cpu, span: u32, policy: &Policy) {
        let mark = policy.cpu.remove.get();
        count(&mut self.over, span, cpu.mean > mark && !cpu.is_external_overload);
        count(&mut self.over_warning, span, cpu.mean > policy.warning_level(policy.cpu) && !cpu.is_external_overload);
    }

    /// Learns from the last stop: the ride grows when the load would have gone by itself, and shrinks when not.
    fn watch(&mut self, cpu: &Cpu, now: Timestamp, policy: &Policy) {
        let Some(Watch { since, nodes }) = self.watch else { return };
        let as_it_was = cpu.mean + cpu.cost * (f64::from(nodes) - f64::from(cpu.nodes)).max(0.0);
        let is_gone = as_it_was < policy.cpu.remove.get();
        let is_over = now.since(since) >= WATCH;
        // The mean must be of looks after the stop.
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
