//! Keeps the score of a run: yield, costs, and the time over limits that no policy could have avoided.

use std::collections::BTreeMap;

use wnm_core::{Action, NodeId, Planned, Policy, Reason};

use super::volumes::Space;
use super::{CapacityModel, CapacityScenario, Score, Seconds, Step, TICK};

/// Steps in a minute.
const MINUTE: usize = 12;
/// Seconds within which the reversal of the last action on a node counts as a flap.
const FLAP: Seconds = 1800.0;

/// A moving average over the last minute, or over the shorter time since the run began.
#[derive(Debug, Clone, Copy, Default)]
struct Minute {
    values: [f64; MINUTE],
    sum: f64,
    place: usize,
    is_full: bool,
}

impl Minute {
    fn step(&mut self, value: f64) -> f64 {
        self.sum += value - self.values[self.place];
        self.values[self.place] = value;
        self.place += 1;
        if self.place == MINUTE {
            (self.place, self.is_full) = (0, true);
            // Summed anew once a minute, so that rounding errors do not accumulate over weeks.
            self.sum = self.values.iter().sum();
        }
        if self.is_full { self.sum * (1.0 / MINUTE as f64) } else { self.sum / self.place as f64 }
    }
}

/// The high thresholds of the operator: cores, shares of the whole, and tasks.
#[derive(Debug, Clone, Copy)]
struct Limits {
    cpu: f64,
    memory: f64,
    disk: f64,
    load: f64,
}

/// The direction of the last action on a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
}

/// Collects the score while a run goes on.
pub(super) struct ScoreKeeper {
    limits: Limits,
    cap: f64,
    /// Cores that may be used while no task waits for disks.
    calm_cores: f64,
    /// Mature nodes that fit into the whole memory, and into one GB of disk.
    nodes_of_memory: f64,
    nodes_of_gb: f64,
    /// The unavoidable cost of a crossing, in seconds: half a cycle until it is observed, and the time of a stop.
    crossing_cost: Seconds,
    cpu: Minute,
    cpu_alone: Minute,
    was_over: bool,
    /// Seconds of the present crossing that the bound has counted.
    bounded: Seconds,
    last: BTreeMap<NodeId, (Seconds, Direction)>,
    pub(super) score: Score,
}

impl ScoreKeeper {
    pub(super) fn new(spec: &CapacityScenario, cycle: Seconds) -> Self {
        let Policy { cpu, memory, disk, load, node_cap, .. } = &spec.limits;
        let cpus = f64::from(spec.size.cpus);
        let limits = Limits {
            cpu: cpu.remove.get() / 100.0 * cpus,
            memory: memory.remove.get() / 100.0,
            disk: disk.remove.get() / 100.0,
            load: load.map_or(f64::INFINITY, |load| load.remove.get()),
        };
        Self {
            limits,
            cap: f64::from(*node_cap),
            calm_cores: limits.cpu.min(demand_of(limits.load, cpus)),
            nodes_of_memory: spec.size.memory_gb.get() * 1000.0 / spec.scenario.model.memory_full_mb.get(),
            nodes_of_gb: 1.0 / spec.scenario.model.disk_gb.get(),
            crossing_cost: cycle / 2.0 + spec.scenario.model.stop_seconds.get(),
            cpu: Minute::default(),
            cpu_alone: Minute::default(),
            was_over: false,
            bounded: 0.0,
            last: BTreeMap::new(),
            score: Score::default(),
        }
    }

    /// Adds one step of five seconds.
    pub(super) fn step(&mut self, host: &CapacityModel, step: &Step) {
        let limits = self.limits;
        let best = self.best(host, step);
        let busy = self.cpu.step(step.own + step.background);
        let alone = self.cpu_alone.step(step.alone);
        let mut disk = (0.0_f64, 0.0_f64);
        for (used, background) in host.volumes.shares() {
            disk = (disk.0.max(used), disk.1.max(background));
        }
        let score = &mut self.score;
        let (mut is_over, mut is_over_alone) = (false, false);
        let over = &mut score.over;
        let avoidable = &mut score.avoidable;
        for (value, alone, limit, over, avoidable) in [
            (busy, alone, limits.cpu, &mut over.cpu, &mut avoidable.cpu),
            (step.memory, step.background_memory, limits.memory, &mut over.memory, &mut avoidable.memory),
            (disk.0, disk.1, limits.disk, &mut over.disk, &mut avoidable.disk),
            (host.loads.one(), host.loads_alone.one(), limits.load, &mut over.load, &mut avoidable.load),
        ] {
            is_over_alone |= alone > limit;
            if value > limit {
                is_over = true;
                *over += TICK;
                score.severity += (value / limit - 1.0) * TICK;
                *avoidable += if alone <= limit { TICK } else { 0.0 };
            }
        }
        // Where the background load alone exceeds one limit, the node time is lost whatever the policy does about others.
        let is_avoidable = is_over && !is_over_alone;
        score.seconds += TICK;
        score.over.any += if is_over { TICK } else { 0.0 };
        if is_avoidable {
            score.avoidable.any += TICK;
            score.crossings += u32::from(!self.was_over);
            if !self.was_over {
                self.bounded = 0.0;
            }
            // A crossing shorter than its cost ends by itself, so that no policy pays more than its length.
            let further = TICK.min(self.crossing_cost - self.bounded).max(0.0);
            self.bounded += further;
            score.bound += further;
        }
        score.lost_core_hours += (step.alone - step.background).max(0.0);
        score.stalled += step.harm.max(0.0) * TICK;
        self.was_over = is_avoidable;
        score.out_of_memory += if step.memory > 1.0 { TICK } else { 0.0 };
        score.disk_full += if disk.0 >= 1.0 { TICK } else { 0.0 };
        // No node can be healthy during a reboot, so that it does not count against the policy.
        if step.is_up {
            // Counted in nodes and steps until `finish`.
            score.node_hours += f64::from(host.sums.serving) * step.served;
            score.node_hours_best += best;
        }
    }

    /// Returns the number of mature nodes that could run now within all limits.
    fn best(&self, host: &CapacityModel, step: &Step) -> f64 {
        let Limits { cpu, memory, disk, load } = self.limits;
        let constants = &host.constants;
        let cores =
            if step.blocked > 0.0 { cpu.min(demand_of(load - step.blocked, host.cpus)) } else { self.calm_cores };
        let by_cpu = (cores - step.wanted) / (constants.cpu_cores.get() * step.wandered.max(0.1));
        let by_memory = (memory - step.background_memory) * self.nodes_of_memory;
        let on_volume =
            |(space, (_, background)): (&Space, (f64, f64))| whole((disk - background) * space.size * self.nodes_of_gb);
        let by_disk: f64 = host.volumes.all.iter().zip(host.volumes.shares()).map(on_volume).sum();
        whole(by_cpu.min(by_memory).min(by_disk).min(self.cap))
    }

    /// Counts an action that begins.
    pub(super) fn count(&mut self, host: &CapacityModel, planned: &Planned) {
        let (id, now) = (planned.action.node(), host.now);
        let before = self.last.get(&id).copied();
        let was_stopped = before.is_some_and(|(_, direction)| direction == Direction::Down);
        let score = &mut self.score;
        let direction = match &planned.action {
            Action::Add { .. } => {
                score.adds += 1;
                self.last.insert(id, (now, Direction::Up));
                return;
            }
            Action::Start { .. } | Action::Enable { .. } => {
                score.starts += 1;
                score.restarts += u32::from(was_stopped);
                Direction::Up
            }
            Action::Restore { .. } => return,
            Action::Restart { .. } => {
                score.restarts += 1;
                return;
            }
            // The policies of the model plan no changes of nodes.
            Action::Upgrade { .. } | Action::Update { .. } | Action::Move { .. } => return,
            Action::Stop { .. } | Action::Disable { .. } => {
                score.stops += 1;
                Direction::Down
            }
            // The removal of a dead node only clears its record.
            Action::Remove { .. } if planned.reason == Reason::Dead => {
                self.last.remove(&id);
                return;
            }
            Action::Remove { .. } => {
                score.removals += 1;
                Direction::Down
            }
        };
        // Counted when the action begins: the policy's decision is the flap, whatever its outcome.
        score.flaps += u32::from(before.is_some_and(|(at, last)| last != direction && now - at <= FLAP));
        match planned.action {
            Action::Remove { .. } => _ = self.last.remove(&id),
            _ => _ = self.last.insert(id, (now, direction)),
        }
        if let (Action::Remove { .. }, Reason::Pressure { .. } | Reason::Relief { .. }) =
            (&planned.action, &planned.reason)
            && let Ok(place) = host.place(id)
        {
            let node = &host.nodes[place];
            score.deletions += 1;
            score.deleted_bytes += node.disk_gb(&host.constants) * 1e9;
            score.deleted_age_hours += super::timestamp(now).since(node.born).as_secs_f64() / 3600.0;
        }
    }

    /// Returns the score, with node time in hours.
    pub(super) fn finish(self) -> Score {
        let Self { score, .. } = self;
        let hours = |steps: f64| steps * TICK / 3600.0;
        Score {
            node_hours: hours(score.node_hours),
            node_hours_best: hours(score.node_hours_best),
            lost_core_hours: hours(score.lost_core_hours),
            ..score
        }
    }
}

/// Rounds a number of nodes down; negative numbers become 0.
fn whole(nodes: f64) -> f64 {
    f64::from(nodes as u32)
}

/// Returns the demand, in cores, at which this many tasks are runnable: the inverse of [`runnable`](super::runnable).
fn demand_of(runnable: f64, cpus: f64) -> f64 {
    let each = runnable / cpus;
    // each = d (1 + (d - 0.6) / 2) for a demand d from 0.6 of the processors to all of them.
    let demand = if each <= 0.6 {
        each
    } else if each <= 1.2 {
        (0.49 + 2.0 * each).sqrt() - 0.7
    } else {
        each / 1.2
    };
    demand * cpus
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capacity::processors::Division;

    #[test]
    fn demand_of_inverts_runnable() {
        for demand in [0.1, 0.6, 0.7, 0.99, 1.0, 1.7] {
            let runnable =
                super::super::share(demand * 4.0, 0.0, Division { cpus: 4.0, cpu_limit: None, weight: None }).runnable;
            assert!((demand_of(runnable, 4.0) - demand * 4.0).abs() < 1e-9, "{demand}");
        }
    }

    #[test]
    fn minute_is_the_mean_of_twelve_steps() {
        let mut minute = Minute::default();
        let means: Vec<f64> = (0..24).map(|i| minute.step(if i < 12 { 0.6 } else { 0.0 })).collect();
        assert!(means[..12].iter().all(|mean| (mean - 0.6).abs() < 1e-12));
        assert!((means[17] - 0.3).abs() < 1e-12 && means[23].abs() < 1e-12);
    }
}
