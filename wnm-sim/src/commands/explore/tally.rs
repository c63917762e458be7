//! Counts of runs.

use std::collections::BTreeMap;
use std::fmt;

use wnm_core::{Decision, Observation, Outcome};

use crate::chaos::fleet::Counts;

/// Counts of runs, and a digest in which two different runs differ.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tally {
    runs: u64,
    cycles: u64,
    node_cycles: u64,
    reboots: u64,
    /// Crashes of the manager, by the number of points that it passed before.
    crashes: BTreeMap<u32, u64>,
    actions: BTreeMap<&'static str, u64>,
    done: u64,
    failed: u64,
    cancelled: u64,
    fleet: Counts,
    digest: Digest,
}

impl Tally {
    pub(super) fn add(&mut self, other: &Self) {
        self.runs += other.runs;
        self.cycles += other.cycles;
        self.node_cycles += other.node_cycles;
        self.reboots += other.reboots;
        self.done += other.done;
        self.failed += other.failed;
        self.cancelled += other.cancelled;
        self.fleet.add(other.fleet);
        for (points, count) in &other.crashes {
            *self.crashes.entry(*points).or_default() += count;
        }
        for (verb, count) in &other.actions {
            *self.actions.entry(verb).or_default() += count;
        }
        self.digest.take(other.digest.0);
    }

    /// Counts a turn of the fleet.
    pub(super) fn count_fleet(&mut self, turn: Counts) {
        self.fleet.add(turn);
        let Counts { refused, held, leases, lapsed, upgrades, others, .. } = turn;
        [refused, held, leases, lapsed, upgrades, others].into_iter().for_each(|count| self.digest.take(count));
    }

    pub(super) fn end_run(&mut self) {
        self.runs += 1;
    }

    /// Counts a cycle, and the crash of the manager in it by the number of points before.
    pub(super) fn count_cycle(&mut self, nodes: usize, crash: Option<u32>) {
        self.cycles += 1;
        self.node_cycles += nodes as u64;
        if let Some(points) = crash {
            *self.crashes.entry(points).or_default() += 1;
        }
        self.digest.take(nodes as u64);
    }

    /// Counts the observation and the decision of a cycle.
    pub(super) fn count(&mut self, observation: &Observation, decision: &Decision) {
        self.reboots += u64::from(observation.rebooted);
        self.digest.take(observation.now.as_millis() as u64);
        self.digest.take(observation.host.cpu.map_or(u64::MAX, |cpu| (cpu.get() * 10.0) as u64));
        for planned in &decision.actions {
            let verb = planned.action.verb();
            *self.actions.entry(verb).or_default() += 1;
            self.digest.take(u64::from(planned.action.node().get()));
            verb.bytes().for_each(|byte| self.digest.take(u64::from(byte)));
        }
    }

    pub(super) fn count_outcome(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Done => self.done += 1,
            Outcome::Failed(_) => self.failed += 1,
            Outcome::Cancelled { .. } => self.cancelled += 1,
            Outcome::Pending { .. } => {}
        }
    }

    /// Returns the average number of nodes in a cycle, rounded down.
    pub(super) fn mean_nodes(&self) -> u64 {
        self.node_cycles / self.cycles.max(1)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let crashes: u64 = self.crashes.values().sum();
        let points = self.crashes.len();
        writeln!(f, "runs     {}", self.runs)?;
        writeln!(f, "cycles   {}, with {} nodes on average", self.cycles, self.mean_nodes())?;
        write!(f, "actions ")?;
        for (verb, count) in &self.actions {
            write!(f, " {verb} {count}")?;
        }
        writeln!(f, "; {} done, {} failed, {} cancelled", self.done, self.failed, self.cancelled)?;
        writeln!(f, "crashes  {crashes} at {points} points; {} reboots", self.reboots)?;
        if self.fleet.turns > 0 {
            let Counts { turns, refused, held, leases, lapsed, upgrades, others } = self.fleet;
            write!(f, "fleet    {turns} turns of hosts, {refused} texts refused; the host held in {held} cycles; ")?;
            writeln!(f, "{leases} leases, {lapsed} lapsed; {upgrades} upgrades in a rollout, {others} of other hosts")?;
        }
        write!(f, "digest   {:016x}", self.digest.0)
    }
}

/// A digest of numbers (FNV-1a over 64-bit words).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Digest(u64);

impl Default for Digest {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Digest {
    fn take(&mut self, word: u64) {
        self.0 = (self.0 ^ word).wrapping_mul(0x0100_0000_01b3);
    }
}
