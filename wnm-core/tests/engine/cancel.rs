//! Removals that end in their delay.

use std::time::Duration;

use wnm_core::steps::{
    ActionId, ActionRecord, Effect, Evidence, Executor, Journal, JournalError, Outcome, Step, StepFailure, StepRecord,
    carry_out,
};
use wnm_core::{
    Action, Cancellation, Desired, NodeState, Percent, Planned, Presence, Reason, ReasonGone, Relief, Selection,
    Signal, StopCause, Timestamp, Verb, evaluate, evaluate_parity, evaluate_request,
};

use super::colony::{Colony, NOW, ago, id, percent};

const DELAY: Duration = Duration::from_secs(300);

impl Colony {
    /// Adds a node whose removal is in its delay.
    fn lingering(self, number: u32, reason: Reason) -> Self {
        let mut colony = self.node(number, NodeState::Removing { since: ago(60) }, Presence::Gone);
        colony.state.acting.insert(id(number));
        colony.state.removals.insert(id(number), reason);
        colony
    }

    fn cancelled(&self) -> Vec<Cancellation> {
        self.decision().cancelled
    }
}

fn over_cap() -> Reason {
    Reason::OverCap { total: 6, cap: 4 }
}

/// Returns the reason of a removal for a signal.
fn pressure(signal: Signal) -> Reason {
    let value = |value| Percent::clamped(value).unwrap_or_default().into();
    let measure = wnm_core::Measure { signal, seen: Some(value(95.0)), less_than: value(75.0), remove: value(90.0) };
    Reason::Pressure { measure }
}

/// Returns six nodes of a cap of four; the removals of the youngest two are in their delay.
fn six() -> Colony {
    let settings = [("node_cap", "4"), ("max_concurrent_operations", "3")];
    let four = (1..=4).fold(Colony::new(&settings), Colony::running);
    four.lingering(5, over_cap()).lingering(6, over_cap())
}

#[test]
fn removals_for_the_cap_end_when_it_is_raised_the_oldest_first() {
    let mut colony = six();
    assert_eq!(colony.cancelled(), [], "two nodes are over the cap");
    let within = |node, total, cap| Cancellation { node: id(node), because: ReasonGone::WithinCap { total, cap } };
    colony.policy.node_cap = 5;
    assert_eq!(colony.cancelled(), [within(5, 5, 5)]);
    colony.policy.node_cap = 9;
    assert_eq!(colony.cancelled(), [within(5, 6, 9), within(6, 6, 9)]);
    let parity = evaluate_parity(&colony.policy, colony.state.clone(), &colony.look).decision;
    assert_eq!(parity.cancelled, [], "the Python wnm completes each removal");
    let (policy, state) = (&colony.policy, colony.state.clone());
    let requested = evaluate_request(policy, state, &colony.look, Verb::Start, &Selection::Named(Vec::new()));
    assert_eq!(requested.evaluation.decision.cancelled.len(), 2, "a request evaluates them, too");
}

#[test]
fn removals_that_a_request_began_replace_those_for_the_cap() {
    let mut colony = six();
    colony.policy.node_cap = 5;
    colony.state.removals.insert(id(6), Reason::Requested);
    let because = ReasonGone::WithinCap { total: 5, cap: 5 };
    assert_eq!(colony.cancelled(), [Cancellation { node: id(5), because }]);
}

#[test]
fn node_within_the_cap_again_is_started() {
    let mut colony = six();
    colony.policy.node_cap = 6;
    let action = Action::Remove { node: id(5), linger: DELAY };
    let planned = Planned { action, reason: over_cap() };
    let because = ReasonGone::WithinCap { total: 6, cap: 6 };
    let evaluation = evaluate(&colony.policy, colony.state.clone(), &colony.look);
    colony.state = evaluation.apply(&[(planned, Outcome::Cancelled { because })]);
    let node = colony.state.nodes[&id(5)].clone();
    assert_eq!(node, NodeState::Stopped { since: Some(NOW), cause: StopCause::Removal });
    assert_eq!(colony.state.desired(id(5), &node), Desired::Running);
    assert!(!colony.state.acting.contains(&id(5)) && !colony.state.removals.contains_key(&id(5)));
    assert_eq!(colony.decided(), [("start", 5)]);
}

#[test]
fn removal_for_a_volume_ends_when_the_volume_has_space_again() {
    let colony = |used: Option<f64>| {
        let mut colony = Colony::new(&[]).running(1).lingering(2, pressure(Signal::Disk(0)));
        colony.look.host.volumes[0].used = used.and_then(percent);
        colony
    };
    assert_eq!(colony(Some(95.0)).cancelled(), []);
    assert_eq!(colony(None).cancelled(), [], "an unknown use says nothing");
    let found = colony(Some(80.0)).cancelled();
    assert!(matches!(found[..], [Cancellation { because: ReasonGone::Relieved { .. }, .. }]), "{found:?}");
    let mut faulty = colony(Some(80.0));
    faulty.look.host.volumes[0].fault = Some(wnm_core::VolumeFault::Lost);
    assert_eq!(faulty.cancelled(), [], "a lost volume says nothing");
}

#[test]
fn other_reasons_end_at_once_or_never() {
    let of = |reason| Colony::new(&[]).running(1).lingering(2, reason).cancelled();
    let Reason::Pressure { measure } = pressure(Signal::Memory) else { return assert_eq!(0, 1) };
    for reason in [pressure(Signal::Cpu), Reason::Relief { relief: Relief::Memory, measure }] {
        assert_eq!(of(reason), [Cancellation { node: id(2), because: ReasonGone::NotRemovedFor }]);
    }
    for reason in [Reason::Dead, Reason::Requested] {
        assert_eq!(of(reason), []);
    }
}

/// Completes each step except the delay.
struct Waits;

impl Executor for Waits {
    fn perform(&mut self, _: &ActionRecord, step: Step, _: Timestamp) -> Effect {
        if step == Step::Linger { Effect::NotYet("later".into()) } else { Effect::Done(Evidence::Nothing) }
    }
}

impl Journal for Waits {
    fn step_done(&mut self, _: ActionId, _: &StepRecord) -> Result<(), JournalError> {
        Ok(())
    }

    fn turned_back(&mut self, _: ActionId, _: &StepFailure) -> Result<(), JournalError> {
        Ok(())
    }
}

#[test]
fn removal_is_cancelled_in_its_delay_and_never_after_its_tombstone() {
    let removal = |linger| Planned { action: Action::Remove { node: id(5), linger }, reason: over_cap() };
    let because = ReasonGone::WithinCap { total: 5, cap: 5 };
    let cancelled = [Cancellation { node: id(5), because: because.clone() }];
    let run = |records: &mut [ActionRecord]| carry_out(records, &cancelled, &mut Waits, &mut Waits, NOW);
    let mut records = [ActionRecord::new(ActionId(1), removal(DELAY), NOW)];
    let first = run(&mut records);
    assert!(matches!(first[..], [Outcome::Pending { step: Step::Linger, .. }]), "the node stops first: {first:?}");
    let steps = records[0].done.iter().map(|done| done.step).collect::<Vec<_>>();
    assert_eq!(steps, [Step::Stop, Step::SeeGone, Step::ClosePort]);
    let mut state = six().state;
    state.resume_actions(&records);
    assert_eq!(state.removals.iter().collect::<Vec<_>>(), [(&id(5), &over_cap())], "as the journal has it");
    assert_eq!(run(&mut records), [Outcome::Cancelled { because }]);

    let tombstone = StepRecord { step: Step::Tombstone, at: NOW, evidence: Evidence::Nothing };
    records[0].done.insert(0, tombstone);
    assert!(!records[0].is_cancellable());
    assert!(matches!(run(&mut records)[..], [Outcome::Pending { step: Step::Linger, .. }]));
    state.resume_actions(&records);
    assert_eq!(state.removals.len(), 0);
}
