use std::collections::BTreeSet;

use wnm_core::{EngineState, Hold, Observation, Policy, RawSettings, evaluate};

use super::*;

const START: Timestamp = Timestamp::from_millis(1_795_000_000_000);

/// Steps the fleets of some seeds, each with a defect; returns the properties that they violate first.
fn violated(defect: impl Fn(&mut Fleet)) -> BTreeSet<Property> {
    let first = |seed| {
        let mut fleet = Fleet::new(seed).unwrap();
        defect(&mut fleet);
        (1..3_000_u64).find_map(|turn| {
            let elapsed = Duration::from_secs(turn * 20);
            let now = START.after(elapsed);
            fleet.step(now, Clocks { wall: now, uptime: elapsed }, "boot").err()
        })
    };
    (0..30).filter_map(first).map(|violation| violation.property).collect()
}

#[test]
fn fleet_of_the_product_violates_nothing() {
    assert_eq!(violated(|_| {}), BTreeSet::new());
}

#[test]
fn accepted_forgery_is_noticed() {
    // Forged leases begin upgrades, and forged resumes lift holds.
    let properties = violated(|fleet| fleet.key.trusts_all = true);
    assert_eq!(properties, BTreeSet::from([Property::Fleet, Property::Lifted]));
}

#[test]
fn lapsed_lease_that_stops_nothing_is_noticed() {
    let properties = violated(|fleet| fleet.operators[0].forgets_lapses = true);
    assert_eq!(properties, BTreeSet::from([Property::Lapsed]));
}

#[test]
fn hold_that_an_older_resume_lifts_is_noticed() {
    let properties = violated(|fleet| fleet.others.iter_mut().for_each(|host| host.loses_commands = true));
    assert!(properties.contains(&Property::Lifted), "{properties:?}");
}

#[test]
fn own_hold_that_the_fleet_lifts_is_noticed() {
    let policy = Policy::new(&RawSettings::default(), Some(4)).unwrap();
    let (state, mut observation) = (EngineState::default(), Observation::default());
    let check = |observation: &Observation, is_held| {
        let decision = evaluate(&policy, state.clone(), observation).decision;
        let trial = Trial { policy: &policy, state: &state, observation, decision: &decision };
        Fleet::new(1).unwrap().check(&trial, is_held, START)
    };
    check(&observation, false).unwrap();
    assert_eq!(check(&observation, true).unwrap_err().property, Property::Fleet);
    let hold = |source| Hold { source, reason: String::new(), since: None, until: None, drain: false };
    observation.valves.holds = vec![hold(HoldSource::Fleet)];
    assert_eq!(check(&observation, true).unwrap_err().property, Property::Fleet);
    observation.valves.holds.push(hold(HoldSource::Command));
    check(&observation, true).unwrap();
}
