//! The rollout on a host, as the commands of the host show it: the desired version, its origin and its end.

use std::path::Path;

use wnm_core::{RolloutWait, Timestamp};

use super::hold::FleetState;
use super::membership::Membership;
use super::name::Name;
use super::rollout::lease::ENGINE_TRUSTED;
use super::rollout::order::{Program, RolloutVerb};
use super::service::STORE_INTERVAL;

/// A rollout in effect on a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownRollout {
    /// The fleet whose key signed it; None if the membership cannot be read.
    pub fleet: Option<Name>,
    /// The node program to which nodes may be upgraded.
    pub program: Program,
    /// The time of its last document for all hosts, by the operator's clock.
    pub issued: Timestamp,
    /// The end of that document. Later the own rules of the host apply again.
    pub until: Timestamp,
    /// The standing of this host.
    pub standing: Standing,
}

/// The standing of a host in a rollout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Upgrades may begin until the end of the lease, which is given by the clock of the host.
    Leased {
        /// The end.
        until: Timestamp,
    },
    /// No upgrade begins.
    Waiting(RolloutWait),
    /// The operator, or too many failures, ended the rollout. No upgrade begins.
    Aborted {
        /// The reason, on one line.
        reason: String,
    },
}

impl ShownRollout {
    /// Returns the rollout that the daemon of a colony stored; None without one in effect.
    #[must_use]
    pub fn read(database: &Path, wall: Timestamp) -> Option<Self> {
        let state = FleetState::read(database)?;
        let fleet = Membership::read(database).ok().map(|membership| membership.fleet);
        Self::of(&state, fleet, wall)
    }

    fn of(state: &FleetState, fleet: Option<Name>, wall: Timestamp) -> Option<Self> {
        let leases = &state.control.leases;
        // The daemon stores the time of its last turn once a minute.
        let is_recent = |reached: &Timestamp| wall.since(*reached) <= ENGINE_TRUSTED + STORE_INTERVAL;
        let read = state.reached.filter(is_recent).zip(state.engine);
        let engine = read.map(|(reached, engine)| engine.after(wall.since(reached)));
        let sample = leases.sample(state.program.as_ref(), wall, engine)?;
        let (program, order) = (leases.program(wall)?.clone(), leases.order()?);
        let standing = match (sample.wait, &order.verb) {
            (_, RolloutVerb::Abort { reason, .. }) => Standing::Aborted { reason: reason.clone() },
            (Some(wait), _) => Standing::Waiting(wait),
            (None, _) => {
                let left = leases.lease_end().zip(engine).map(|(end, now)| end.since(now));
                Standing::Leased { until: wall.after(left.unwrap_or_default()) }
            }
        };
        Some(Self { fleet, program, issued: order.issued, until: order.not_after, standing })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::command::{Command, Target};
    use super::super::rollout::order::RolloutOrder;
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);
    const LEASE: Duration = Duration::from_secs(300);

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    fn order(generation: u64, target: Target, verb: RolloutVerb, life: Duration) -> RolloutOrder {
        Command { fleet: name("farm"), generation, target, issued: NOW, not_after: NOW.after(life), verb }
    }

    /// Returns the state of a host whose clock is two hours ahead of the engine, a moment after its last turn.
    fn state(orders: Vec<RolloutOrder>, has_program: bool) -> (FleetState, Timestamp) {
        let wall = NOW.after(Duration::from_secs(7_200));
        let mut state = FleetState { reached: Some(wall), engine: Some(NOW), ..FleetState::default() };
        state.program = has_program.then(program);
        for order in orders {
            state.control.leases.take(order, &name("farm"), &name("a"), NOW).unwrap();
        }
        (state, wall)
    }

    fn program() -> Program {
        Program { version: "0.4.18".parse().unwrap(), sha256: "ab".repeat(32).parse().unwrap() }
    }

    fn rollout() -> RolloutOrder {
        order(1, Target::All, RolloutVerb::Rollout { program: program() }, LEASE * 1000)
    }

    fn lease() -> RolloutOrder {
        order(2, Target::Host(name("a")), RolloutVerb::Lease { rollout: 1 }, LEASE)
    }

    #[test]
    fn lease_ends_by_the_clock_of_the_host() {
        let (state, wall) = state(vec![rollout(), lease()], true);
        let later = Duration::from_secs(20);
        let shown = ShownRollout::of(&state, Some(name("farm")), wall.after(later)).unwrap();
        assert_eq!(shown.standing, Standing::Leased { until: wall.after(LEASE) });
        assert_eq!((shown.program, shown.until), (program(), NOW.after(LEASE * 1000)));
        // The stored time is too old: the engine may be away since.
        let away = ShownRollout::of(&state, None, wall.after(ENGINE_TRUSTED * 3)).unwrap();
        assert_eq!(away.standing, Standing::Waiting(RolloutWait::EngineAway));
    }

    #[test]
    fn each_reason_to_wait_is_shown() {
        let abort = order(
            3,
            Target::All,
            RolloutVerb::Abort { program: program(), reason: "nodes lose peers".to_owned() },
            LEASE * 1000,
        );
        let aborted = Standing::Aborted { reason: "nodes lose peers".to_owned() };
        for (orders, has_program, standing) in [
            (vec![rollout()], true, Standing::Waiting(RolloutWait::NoLease)),
            (vec![rollout(), lease()], false, Standing::Waiting(RolloutWait::OtherProgram)),
            (vec![rollout(), lease(), abort], true, aborted),
        ] {
            let (state, wall) = state(orders, has_program);
            assert_eq!(ShownRollout::of(&state, None, wall).map(|shown| shown.standing), Some(standing));
        }
        let release = order(3, Target::All, RolloutVerb::Release, LEASE * 1000);
        for orders in [vec![], vec![rollout(), release]] {
            let (state, wall) = state(orders, true);
            assert_eq!(ShownRollout::of(&state, None, wall), None);
        }
    }
}
