//! Varied states and observations: a colony as it is, with some nodes and figures replaced by random ones.

use wnm_core::{EngineState, NodeState, Observation, Percent, Presence, StopCause, Timestamp};

use crate::chance::Chance;
use crate::chaos::version;

/// Returns a state and an observation that differ from the given ones in some nodes and figures.
pub(super) fn varied(
    state: &EngineState,
    observation: &Observation,
    chance: &mut Chance,
) -> (EngineState, Observation) {
    let (mut state, mut observation) = (state.clone(), observation.clone());
    let now = observation.now;
    // Either all nodes, or a third, a tenth or a thirtieth of them.
    let share = chance.one_of([1, 3, 10, 30]);
    for (id, sample) in &mut observation.nodes {
        if !chance.once_in(share) {
            continue;
        }
        sample.presence = presence(chance);
        sample.version = (!chance.once_in(10)).then(|| version(u64::from(chance.below(8))));
        state.nodes.insert(*id, state_of(now, chance));
        // Only a node in removal has a reason of one, and the new state may be any.
        state.removals.remove(id);
        if chance.once_in(6) {
            state.acting.insert(*id);
        }
        if chance.once_in(2) {
            let since = now.before(std::time::Duration::from_secs(u64::from(chance.below(600))));
            state.missing_since.insert(*id, since);
        }
    }
    if chance.once_in(2) {
        state.acting.clear();
        state.removals.clear();
    }
    observation.rebooted = chance.once_in(20);
    observation.target = (!chance.once_in(10)).then(|| version(u64::from(chance.below(8))));
    let mut percent = || (!chance.once_in(20)).then(|| f64::from(chance.below(101))).and_then(Percent::clamped);
    observation.host.cpu = percent();
    observation.host.memory = percent();
    for volume in &mut observation.host.volumes {
        volume.used = percent();
    }
    (state, observation)
}

fn presence(chance: &mut Chance) -> Presence {
    chance.one_of([
        Presence::Answering,
        Presence::Answering,
        Presence::Unobserved,
        Presence::Silent,
        Presence::Unverified,
        Presence::Gone,
        Presence::Unreachable,
        Presence::FolderMissing,
    ])
}

fn state_of(now: Timestamp, chance: &mut Chance) -> NodeState {
    let since = now.before(std::time::Duration::from_secs(u64::from(chance.below(1000))));
    match chance.below(16) {
        0 => NodeState::Unknown { since },
        1 => NodeState::Restarting { since },
        2 => NodeState::Upgrading { since, from: None, to: version(u64::from(chance.below(8))) },
        3 => NodeState::Removing { since },
        4 => NodeState::Dead { since },
        5 => NodeState::Disabled { since },
        6 => NodeState::Migrating { since },
        7..=10 => NodeState::Stopped { since: (!chance.once_in(4)).then_some(since), cause: StopCause::Pressure },
        _ => NodeState::Running { since },
    }
}
