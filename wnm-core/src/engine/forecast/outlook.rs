//! The outlook: the demand for CPU now and its origin, and the predictions with more nodes.

use std::collections::VecDeque;
use std::time::Duration;

use super::{Forecast, Moment, Usage, disk};
use crate::model::observation::Observation;
use crate::model::units::Load;
use crate::policy::constants::{
    CPU_MEAN, EXTERNAL_OVERLOAD, HORIZON, LEAST_CORES, LEAST_SERVED, LOAD_DECAY, LOAD_UPDATE, LONG_CYCLE, MINUTES,
    MOST_DEMAND, QUANTILE, SATURATED, SERVING, TASKS_PER_CORE,
};
use crate::policy::thresholds::Policy;

/// The processors, in percent of all of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cpu {
    /// Mean use over a minute, converted to the current number of nodes.
    pub(crate) mean: f64,
    /// Demand: more than the mean on a saturated host.
    pub(crate) demand: f64,
    /// Demand of the background load.
    pub(crate) background: f64,
    /// Possible current excess of the background load over its mean.
    pub(crate) rise: f64,
    /// Use of young nodes beyond that of mature ones.
    pub(crate) excess: f64,
    /// Use of a mature node.
    pub(crate) cost: f64,
    /// Nodes with a running process.
    pub(crate) nodes: u32,
    /// Least CPU that a limit leaves the nodes: at this level they still serve.
    pub(crate) floor: f64,
    /// Tasks that the load averages would count with the nodes at their floor; None without load averages.
    pub(crate) tasks_at_floor: Option<f64>,
    /// Whether the background load alone keeps use near the high threshold, so that stopping nodes cannot help.
    pub(crate) is_external_overload: bool,
}

/// The outlook of one cycle.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Outlook {
    /// None when a metric is missing.
    pub(crate) cpu: Option<Cpu>,
}

impl Outlook {
    pub(super) fn new(policy: &Policy, forecast: &Forecast, observation: &Observation, usage: &Usage) -> Self {
        Self { cpu: cpu(policy, forecast, observation, usage) }
    }
}

fn cpu(policy: &Policy, forecast: &Forecast, observation: &Observation, usage: &Usage) -> Option<Cpu> {
    let cpus = f64::from(observation.host.cpus?.max(1));
    let of_machine = 100.0 / cpus;
    let cost = forecast.cost() * of_machine;
    let nodes = f64::from(usage.live);
    let (used, own) = minute(&forecast.recent, nodes, cost)?;
    let excess = usage.excess(forecast.cost()) * of_machine;
    let seen_background = (used - own).max(0.0);
    let mut outlook = Cpu {
        mean: used,
        demand: used,
        background: seen_background,
        rise: rise(&forecast.recent, seen_background),
        excess,
        cost,
        nodes: usage.live,
        floor: (SERVING * cost * nodes).max(LEAST_CORES * of_machine * nodes),
        tasks_at_floor: None,
        is_external_overload: false,
    };
    // Throttled nodes, and nodes on a saturated host, do not show what they ask for.
    let shows_demand = usage.throttled.is_none() && used < SATURATED;
    let asked = if shows_demand { own } else { own.max(cost * nodes) };
    let freed = (asked - outlook.floor).max(0.0) / of_machine;
    outlook.tasks_at_floor = runnable(&forecast.recent, CPU_MEAN).map(|tasks| (tasks - freed).max(0.0));
    // A saturated CPU is shared in proportion, so that use no longer shows demand; the run queue still does.
    if used >= SATURATED {
        let asked = |over| runnable(&forecast.recent, over).map(|tasks| tasks / TASKS_PER_CORE * of_machine);
        let demand = asked(Duration::from_secs(60)).unwrap_or(100.0).clamp(100.0, MOST_DEMAND);
        let served = if nodes > 0.0 { (own / (cost * nodes)).clamp(LEAST_SERVED, 1.0) } else { 1.0 };
        let lasting = asked(Duration::from_secs(120)).unwrap_or(100.0) / 100.0;
        outlook.demand = demand;
        outlook.background = seen_background * (demand / 100.0).max(1.0 / served).max(lasting);
    }
    outlook.is_external_overload = outlook.background > EXTERNAL_OVERLOAD * policy.cpu.remove.get();
    Some(outlook)
}

/// Returns the possible current excess of the background load over its mean.
///
/// A load that began in the middle of a long interval shows by half in its mean, so the rise counts twice. Short
/// intervals show the load in the last of them.
fn rise(recent: &VecDeque<Moment>, mean: f64) -> f64 {
    let mut background = recent.iter().rev().map(|moment| (moment.span, f64::from(moment.cpu - moment.own)));
    match (background.next(), background.next()) {
        (Some((span, now)), Some((_, before))) if span >= LONG_CYCLE => 2.0 * (now - before).max(0.0),
        (Some((_, now)), _) => (now - mean).max(0.0),
        (None, _) => 0.0,
    }
}

/// Returns the mean use over the last minute, by all processes and by the nodes, converted to `nodes` nodes.
fn minute(recent: &VecDeque<Moment>, nodes: f64, cost: f64) -> Option<(f64, f64)> {
    let mut left = 60_000.0;
    let (mut used, mut own) = (0.0, 0.0);
    for moment in recent.iter().rev() {
        let span = f64::from(moment.span).min(left);
        let since = cost * (nodes - f64::from(moment.nodes));
        used += (f64::from(moment.cpu) + since) * span;
        own += (f64::from(moment.own) + since) * span;
        left -= span;
        if left <= 0.0 {
            break;
        }
    }
    let span = 60_000.0 - left;
    (span > 0.0).then(|| ((used / span).max(0.0), (own / span).max(0.0)))
}

/// Returns the mean number of runnable tasks, recovered from two load averages about `over` apart.
///
/// The kernel's average over one minute is `L(t) = E·L(t−w) + (1−E)·n` with `E = exp(−w/60)`.
pub(super) fn runnable(recent: &VecDeque<Moment>, over: Duration) -> Option<f64> {
    let last = recent.back()?;
    let is_earlier = |moment: &&Moment| last.at.since(moment.at) + LOAD_UPDATE >= over;
    let earlier = recent.iter().rev().find(is_earlier).or_else(|| recent.front())?;
    let apart = last.at.since(earlier.at);
    if apart < LOAD_UPDATE {
        return None;
    }
    let kept = (-apart.as_secs_f64() / LOAD_DECAY).exp();
    Some(((f64::from(last.load?) - kept * f64::from(earlier.load?)) / (1.0 - kept)).max(0.0))
}

impl Forecast {
    /// Returns the time covered by one-minute means without a gap.
    pub(crate) fn covered(&self) -> Duration {
        Duration::from_millis(self.minutes.iter().map(|minute| u64::from(minute.span)).sum())
    }

    /// Returns the predicted CPU use with `more` additional nodes, in percent: the 90th percentile over `over`.
    pub(crate) fn cpu_with(&self, more: usize, over: Duration, cpu: &Cpu) -> Option<f64> {
        let now = f64::from(cpu.nodes);
        let values = self.over(over).map(|minute| f64::from(minute.cpu) + cpu.cost * (now - f64::from(minute.nodes)));
        quantile(values).map(|seen| seen + cpu.cost * more as f64)
    }

    /// Returns the predicted runnable tasks with `more` additional nodes: the 90th percentile over `over`.
    pub(crate) fn load_with(&self, more: usize, over: Duration, cpu: &Cpu) -> Option<Load> {
        let now = f64::from(cpu.nodes);
        let cost = self.cost();
        // A minute without a load average must not count as a quiet one.
        let values = self
            .over(over)
            .map(|minute| minute.tasks.map_or(f64::INFINITY, f64::from) + cost * (now - f64::from(minute.nodes)));
        Load::clamped(quantile(values)? + cost * more as f64)
    }

    /// Returns the predicted use of a volume with `more` additional nodes, in percent; None when a metric is missing.
    pub(crate) fn disk_with(
        &self,
        more: usize,
        volume: usize,
        observation: &Observation,
        usage: &Usage,
    ) -> Option<f64> {
        let volume = observation.host.volumes.get(volume)?;
        let (used, total) = (disk::used(volume)? as f64, volume.total?.0 as f64);
        let growth = self.volumes.get(&volume.root).map_or(0.0, |filling| filling.growth(volume, observation.now));
        // Which volume young nodes will fill is not known per volume: their growth is spread over all.
        let to_come = usage.disk_to_come() / observation.host.volumes.len() as f64;
        let held = used + (growth * HORIZON).max(to_come) + more as f64 * usage.typical_disk();
        (total > 0.0).then(|| held / total * 100.0)
    }

    fn over(&self, time: Duration) -> impl Iterator<Item = &super::Minute> {
        let mut left = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        self.minutes.iter().rev().take_while(move |minute| {
            let is_within = left > 0;
            left -= i64::from(minute.span);
            is_within
        })
    }
}

/// Returns the 90th percentile; None without values.
fn quantile(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut sorted = [0.0; MINUTES];
    let mut count = 0;
    for (place, value) in sorted.iter_mut().zip(values) {
        *place = value;
        count += 1;
    }
    let sorted = sorted.get_mut(..count)?;
    // Of 5 values the 5th, of 30 the 27th.
    // A percentile and not the mean: growth into the quiet minutes of a load that comes and goes would be taken back.
    let nth = ((count as f64 * QUANTILE).ceil() as usize).checked_sub(1)?;
    Some(*sorted.select_nth_unstable_by(nth, f64::total_cmp).1)
}
