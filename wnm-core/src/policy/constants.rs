//! Constants of the policy and of the engine, each with its unit and its source.
//!
//! "docs/steady.md" as a source names the section that describes the constant: each was varied in both directions on the
//! capacity model. "chosen" marks a judgement without a measurement.

use std::time::Duration;

// Limits of the colony and of its data.

/// Maximum number of nodes that traces and plans handle: each node needs a TCP or UDP port, and there are 65,535.
pub const MOST_NODES: u32 = 65_535;
/// Measures of a host beside those of its volumes: CPU, memory, three load averages, two directions of disks and network.
pub(crate) const MOST_MEASURES: usize = 9;

// Defaults of the thresholds.

/// Low threshold of the load averages, in tasks per processor; chosen: below one task per processor nothing queues.
pub(crate) const DESIRED_LOAD_PER_CPU: f64 = 0.6;
/// High threshold of the load averages, in tasks per processor; chosen: from one task per processor on tasks queue.
pub(crate) const MAX_LOAD_PER_CPU: f64 = 1.0;

/// CPU thresholds of steady where other work goes before the nodes, in percent: use near the whole CPU harms no other
/// work there; docs/steady.md, "Behind other work".
pub(crate) const YIELDING_CPU: (f64, f64) = (75.0, 92.0);

// Anomalies and upgrades.

/// Nodes that may vanish within one cycle without an anomaly; chosen: the folders of a few nodes may be deleted by hand.
pub(crate) const VANISHING_BY_CHANCE: u32 = 3;
/// One node in this many may vanish within one cycle without an anomaly; chosen: a fifth of the nodes, because a lost
/// volume or process manager takes more of them with it.
pub(crate) const VANISHING_SHARE: u32 = 5;
/// Time for which the folder of a node must be missing before the node is dead; chosen: an operator who moves a folder, an
/// automounter and a file server that restarts bring it back within minutes, and a dead node harms nothing meanwhile.
pub(crate) const DEAD_AFTER: Duration = Duration::from_secs(300);
/// Running nodes that may be silent without a doubt about the observation; chosen: as for nodes that vanish.
pub(crate) const SILENT_BY_CHANCE: u32 = 3;

// Valves.

/// Actions that the rules begin at most, with the time that each limit counts; the longest time last. Chosen: a colony of
/// 1000 nodes comes back within ten minutes of a reboot, and a loop of wrong decisions stays slow enough to be noticed.
pub(crate) const MOST_ACTIONS: [(u32, Duration); 2] =
    [(120, Duration::from_secs(60)), (1_200, Duration::from_secs(3_600))];
/// Time before the end of a window at which removals in their delay are cancelled; chosen: longer than a cycle.
pub(crate) const DRAIN_MARGIN: Duration = Duration::from_secs(60);

// Upgrades.

/// Failed upgrades to a version after which the version is refused; chosen: one failure may have a local cause.
pub(crate) const REFUSED_AFTER: u32 = 2;
/// Time after an upgrade in which an end of the node counts as a failure of the new version; chosen: a fault in the start
/// or in the first work shows within minutes, and a later end has other causes.
pub(crate) const UPGRADE_TRIAL: Duration = Duration::from_secs(3600);
/// Time for which an upgrade that a node made itself is remembered; chosen: the nodes of a host upgrade within three days.
pub(crate) const UPGRADE_MEMORY: Duration = Duration::from_secs(7 * 86_400);
/// Most nodes whose program is tried for a new node; chosen: a file on disk can be newer than its process, and each try
/// copies it.
pub(crate) const NEWEST_TRIES: usize = 3;

// Nodes that end by themselves.

/// Delay before the first restart of a node that ended by itself; it doubles with every further end. Chosen: a process
/// manager such as systemd restarts a service within seconds, so that wnm acts only where it did not.
pub(crate) const FIRST_RETRY: Duration = Duration::from_secs(10);
/// Longest delay before a restart outside of a crash loop, as `CrashLoopBackOff` of Kubernetes has it.
pub(crate) const LONGEST_RETRY: Duration = Duration::from_secs(300);
/// Time up after which earlier ends of a node no longer count, as in Kubernetes.
pub(crate) const STABLE: Duration = Duration::from_secs(600);
/// Ends of a node within [`LOOP_WINDOW`] that make a crash loop; chosen: four restarts did not help.
pub(crate) const LOOP_ENDS: usize = 5;
/// Time in which [`LOOP_ENDS`] ends make a crash loop; chosen.
pub(crate) const LOOP_WINDOW: Duration = Duration::from_secs(600);
/// Delay between two restarts in a crash loop; chosen: a repaired node returns without a command.
pub(crate) const LOOP_RETRY: Duration = Duration::from_secs(1800);

/// Failed actions that are remembered at most; chosen: the memory is part of every stored state.
pub(crate) const MOST_FAILURES: usize = 32;

// Steps of actions.

/// Time that a started process has to answer; chosen.
pub(crate) const CONFIRM_PATIENCE: Duration = Duration::from_secs(120);
/// Time that a stopped process has to exit; chosen.
pub(crate) const EXIT_PATIENCE: Duration = Duration::from_secs(60);
/// Time that any other step has; chosen: such a step succeeds or fails at once unless a program outside wnm is slow.
pub(crate) const STEP_PATIENCE: Duration = Duration::from_secs(300);

// Observation over time.

/// Gap between two observations after which the older ones are discarded; chosen: ten cycles of a minute.
pub(crate) const STALE: Duration = Duration::from_secs(600);
/// Time for which single observations are kept: the longest mean over them takes two minutes.
pub(crate) const RECENT: Duration = Duration::from_secs(120);
/// Time over which the mean of CPU use is taken; docs/steady.md, "Signals".
pub(crate) const CPU_MEAN: Duration = Duration::from_secs(60);
/// One-minute means that are kept: half an hour, the window of growth.
pub(crate) const MINUTES: usize = 30;
/// Milliseconds from which a mean counts as that of a minute: cycles do not start at exact intervals; chosen.
pub(crate) const ALMOST_A_MINUTE: u32 = 50_000;
/// Interval between two observations, in milliseconds, from which the reaction to a rise of the background load comes
/// too late; docs/steady.md, "CPU limit".
pub(crate) const LONG_CYCLE: u32 = 30_000;
/// Least time between two load averages for the recovery of the runnable tasks: the kernel updates its load averages
/// every five seconds (`LOAD_FREQ` in `include/linux/sched/loadavg.h`).
pub(crate) const LOAD_UPDATE: Duration = Duration::from_secs(5);
/// Time constant of the kernel's first load average, in seconds (`EXP_1` in `include/linux/sched/loadavg.h`).
pub(crate) const LOAD_DECAY: f64 = 60.0;

// CPU of the nodes.

/// Time constant of the mean CPU of a mature node, in seconds; docs/steady.md, "Signals".
pub(crate) const COST_SMOOTHING: f64 = 600.0;
/// CPU of a node before one was measured, in cores; chosen.
pub(crate) const PRIOR_COST: f32 = 0.1;
/// CPU use of the host, in percent, above which the CPU of the nodes no longer shows their demand; docs/steady.md,
/// "Signals".
pub(crate) const CROWDED: f64 = 95.0;
/// Age of a process from which its CPU is that of a mature node; docs/steady.md, "Signals".
pub(crate) const GROWN: Duration = Duration::from_secs(900);
/// Age of a process up to which it may use more CPU than later; docs/steady.md, "Signals".
pub(crate) const YOUNG: Duration = Duration::from_secs(600);
/// Mean CPU use, in percent, from which it no longer shows the demand; docs/steady.md, "Signals".
pub(crate) const SATURATED: f64 = 97.0;
/// Runnable tasks for each core of demand on a saturated host; docs/steady.md, "Signals".
pub(crate) const TASKS_PER_CORE: f64 = 1.2;
/// Highest demand assumed of a saturated host, in percent of its processors; chosen: twice the host.
pub(crate) const MOST_DEMAND: f64 = 200.0;
/// Least share of their demand that nodes are assumed to get on a saturated host; chosen: it bounds the extrapolation
/// from the share that they got to the background load.
pub(crate) const LEAST_SERVED: f64 = 0.3;
/// Share of the high threshold above which the background load alone is an external overload; docs/steady.md, "CPU";
/// effect: docs/policies/parts.md, row `external-overload`.
pub(crate) const EXTERNAL_OVERLOAD: f64 = 0.98;

// Memory and disks of the nodes.

/// Age of a process from which its memory is that of a mature node: two time constants of the growth of memory
/// (`memory_seconds` in docs/capacity-model.md).
pub(crate) const GROWN_MEMORY: Duration = Duration::from_secs(8 * 3600);
/// Age of a node from which its folder has the typical size; chosen.
pub(crate) const GROWN_DISK: Duration = Duration::from_secs(86_400);
/// Memory of a mature node as a multiple of that of a young one, before a mature one was measured; chosen.
pub(crate) const MEMORY_GROWTH: f64 = 1.5;
/// Memory of a node before one was measured, in bytes; chosen.
pub(crate) const PRIOR_MEMORY: f64 = 200e6;
/// Size of a node's folder after a day or two, before one was measured, in bytes; chosen.
pub(crate) const PRIOR_DISK: f64 = 5e9;
/// Multiple of the typical memory from which a node leaks; docs/steady.md, "Memory"; effect: docs/policies/parts.md, row
/// `leak`.
pub(crate) const LEAKS: f64 = 1.5;
/// Time between two points of the growth of a volume; chosen: one point an hour.
pub(crate) const GROWTH_STEP: Duration = Duration::from_secs(3600);
/// Points of the growth of a volume that are kept: the growth is measured over six hours; chosen.
pub(crate) const GROWTH_POINTS: usize = 7;
/// Shortest time from which the growth of a volume is measured; chosen.
pub(crate) const SHORTEST_GROWTH: Duration = Duration::from_secs(1800);
/// Time for which the use of a volume is predicted, in seconds; docs/steady.md, "Growth"; effect:
/// docs/policies/parts.md, row `forecast`.
pub(crate) const HORIZON: f64 = 1.4 * 86_400.0;
/// Share of the gap between the disk thresholds, below the high one, from which nodes are removed; docs/steady.md,
/// "Disk".
pub(crate) const DISK_MARGIN: f64 = 0.02;
/// Failures of moves after which nodes are removed instead, while the delays after them run; chosen: the smallest nodes
/// have been tried.
pub(crate) const MOST_FAILED_MOVES: u32 = 3;
/// Nodes that one cycle removes at most for full volumes; docs/steady.md, "Disk".
pub(crate) const MOST_DISK_REMOVALS: usize = 4;

// Relief of CPU.

/// Shortest and longest grace period; docs/steady.md, "CPU"; effect: docs/policies/parts.md, row `adaptive-grace`.
pub(crate) const GRACE_RANGE: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(1800));
/// Factor by which the grace period grows when the load would have gone by itself; docs/steady.md, "CPU".
pub(crate) const GRACE_GROWTH: f64 = 1.5;
/// Divisor by which the grace period shrinks when the load stayed: a fifth less; docs/steady.md, "CPU".
pub(crate) const GRACE_SHRINK: f64 = 1.25;
/// Time after a stop in which the load may go by itself; docs/steady.md, "CPU".
pub(crate) const WATCH: Duration = Duration::from_secs(300);
/// Grace period of the warning threshold; docs/steady.md, "CPU"; effect: docs/policies/parts.md, row `warning-relief`.
pub(crate) const WARNING_GRACE: Duration = Duration::from_secs(900);
/// Both grace periods where other work goes before the nodes and gets the CPU that it asks for; docs/steady.md, "CPU";
/// effect: docs/policies/parts.md, row `yielding`.
pub(crate) const YIELDING_GRACE: Duration = Duration::from_secs(3600);
/// Time after a stop for pressure in which a node does not start, and after its start in which it stops last;
/// docs/steady.md, "Measured effects"; effect: docs/policies/parts.md, rows `cooldown` and `fresh-nodes`.
pub(crate) const PRESSURE_COOLDOWN: Duration = Duration::from_secs(1800);

/// Time after a stop for pressure before classic stops the next node: a whole cycle of a minute shows the effect of the
/// stop; chosen.
pub(crate) const STOP_EFFECT: Duration = Duration::from_secs(60);
/// Time after a start in which a peak of the CPU may be that of the start alone: two time constants of the start
/// (`surge_seconds` in docs/capacity-model.md); classic waits for it where the CPU of single nodes is unknown.
pub(crate) const START_SURGE: Duration = Duration::from_secs(180);

// CPU limit.

/// Least CPU that the limit leaves each node, in cores, however little the nodes need: real nodes near idle were slowed
/// by less.
pub(crate) const LEAST_CORES: f64 = 0.02;
/// CPU by which a limit may be under its floor without a new one, in cores: control groups count whole microseconds of a
/// period of 100 ms.
pub(crate) const LIMIT_ROUNDING: f64 = 0.000_1;
/// Share of their demand with which nodes still serve; docs/steady.md, "CPU limit".
pub(crate) const SERVING: f64 = 0.55;
/// Difference of two limits, in percent of the machine, below which the limit stays; chosen: each change is a write to
/// the control group or a call of the process manager.
pub(crate) const GRAIN: f64 = 2.0;
/// The same difference as a share of the limit; chosen: a low limit needs finer steps.
pub(crate) const FINE_GRAIN: f64 = 0.05;
/// Share of the time, in percent, from which throttling counts; chosen: single throttled periods of the kernel occur
/// below the limit as well.
pub(crate) const THROTTLED: f64 = 5.0;
/// Multiple of the floor up to which a limit counts as at the floor: the limit does not follow small differences; chosen.
pub(crate) const AT_FLOOR: f64 = 1.1;
/// Time after the limit was last at its floor in which no node starts; docs/steady.md, "Limit at the floor".
pub(crate) const THROTTLED_HOLD: Duration = Duration::from_secs(300);
/// Seconds in which the reserve decays to a third (1/e); docs/steady.md, "CPU limit".
pub(crate) const RESERVE_DECAY: f64 = 7200.0;
/// Milliseconds of throttling after which the demand of the nodes is measured again; docs/steady.md, "Measuring the
/// demand".
pub(crate) const TRUSTED: u32 = 7_200_000;
/// Factor by which time without throttling restores the trust in the measured demand: ten minutes restore two hours.
pub(crate) const MEASURING: u32 = 12;
/// Time constant of the CPU of a mature node while it is measured anew, in seconds: the ten minutes are four of them.
pub(crate) const MEASURING_SMOOTHING: f64 = 150.0;
/// Share of the known demand from which the use of throttled nodes shows that they ask for more; chosen.
pub(crate) const ASKS_FOR_MORE: f64 = 0.9;
/// Shortest time between two measurements of the demand for another version of the nodes: a program may report another
/// version in every cycle.
pub(crate) const VERSION_INTERVAL: Duration = Duration::from_secs(7200);
/// Share of the time in which background load waits for a CPU, in percent, from which it is harmed; chosen: a host with
/// as many tasks as processors has about a tenth.
pub(crate) const BACKGROUND_STALLS: f64 = 20.0;

// Growth.

/// Time of which growth takes the percentile; docs/steady.md, "Growth"; effect: docs/policies/parts.md, row
/// `long-window`.
pub(crate) const WINDOW: Duration = Duration::from_secs(1800);
/// Time that must have been observed before a node starts; docs/steady.md, "Growth".
pub(crate) const LEAST_SEEN: Duration = Duration::from_secs(270);
/// The same on a host whose CPU use is below its low threshold: about a minute, because cycles do not start at exact
/// intervals.
pub(crate) const LEAST_SEEN_CALM: Duration = Duration::from_secs(50);
/// Percentile of the one-minute means, as a share, that growth uses; docs/steady.md, "Measured effects".
pub(crate) const QUANTILE: f64 = 0.9;
/// CPU of a starting node as a multiple of its later demand; docs/steady.md, "Growth"; effect: docs/policies/parts.md,
/// row `surge`.
pub(crate) const SURGE: f64 = 7.0;
/// Share of the gap between the CPU thresholds, below the high one, that starts leave free; docs/steady.md, "Growth".
pub(crate) const SURGE_MARGIN: f64 = 0.15;
/// Excess of young nodes, in percent of the machine, below which a single node starts whatever its surge;
/// docs/steady.md, "Growth".
pub(crate) const CALM: f64 = 1.0;
/// Share of the gap between the disk thresholds below the high one that the predicted use stays under: the middle;
/// docs/steady.md, "Growth".
pub(crate) const DISK_GROWTH_MARGIN: f64 = 0.5;
