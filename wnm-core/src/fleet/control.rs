//! The commands that a host obeys: a pure state that outlives restarts of the daemon and losses of the engine.
//!
//! The signed command of the highest generation counts, whether it is for all hosts or for one. A hold lasts until its end
//! or a resume of a higher generation. A hold without a signature lasts until its end or a signed resume that names it,
//! whatever replaces it in the engine. An empty engine changes nothing.

use serde::{Deserialize, Serialize};

use super::command::{Command, MOST_STOPS, Refusal, Stop, StopId, Target, Verb, VerifySignature};
use super::lease::Leases;
use super::limits::{HostLimits, SetOrder};
use super::name::Name;
use super::order::RolloutOrder;
use crate::model::hold::{Hold, HoldSource};
use crate::model::units::Timestamp;

/// The commands that a host obeys.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Control {
    /// The signed command of the highest generation.
    command: Option<Command>,
    /// The holds without a signature, in the order of their arrival.
    #[serde(default)]
    unsigned: Vec<Stop>,
    /// The documents of a rollout.
    #[serde(default)]
    pub leases: Leases,
    /// The limits.
    #[serde(default)]
    pub limits: HostLimits,
}

/// The effect of a document on the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// The host obeys it from now on.
    New,
    /// The host knows it.
    Known,
}

/// The kind of a document for a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Slot {
    /// A signed command.
    Command,
    /// A hold without a signature.
    Stop,
    /// A signed document of a rollout.
    Rollout,
    /// A signed document with limits.
    Limits,
}

impl Slot {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Command, Self::Stop, Self::Rollout, Self::Limits];

    /// Returns the name for people.
    #[must_use]
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Command => "the command",
            Self::Stop => "the hold without signature",
            Self::Rollout => "the rollout",
            Self::Limits => "the document with limits",
        }
    }
}

/// The host that reads documents, and the times at which it reads them.
#[derive(Debug)]
pub struct Reader<'a, K> {
    /// The fleet.
    pub fleet: &'a Name,
    /// The host.
    pub host: &'a Name,
    /// The key of the fleet.
    pub key: &'a K,
    /// The time by the clock of the host, by which commands and holds end.
    pub wall: Timestamp,
    /// The time by the clock of the engine, by which leases end.
    pub engine: Timestamp,
}

impl Control {
    /// Takes a text that the engine carries for a target.
    ///
    /// # Errors
    /// The host refuses it, and reports that. A document that regularly stays in the engine after a later one is no error.
    pub fn obey<K: VerifySignature>(
        &mut self,
        slot: Slot,
        target: &Target,
        text: &str,
        reader: &Reader<'_, K>,
    ) -> Result<(), Refusal> {
        let Reader { fleet, host, key, wall, engine } = *reader;
        let taken = match slot {
            Slot::Command => Command::read(text, key).and_then(|command| self.take(command, fleet, host, wall)),
            Slot::Stop => Stop::read(text).and_then(|stop| self.take_stop(stop, fleet, host, wall)),
            Slot::Rollout => {
                RolloutOrder::read(text, key).and_then(|order| self.leases.take(order, fleet, host, engine))
            }
            Slot::Limits => SetOrder::read(text, key).and_then(|order| self.limits.take(order, fleet, host, wall)),
        };
        match taken {
            Ok(Taken::New | Taken::Known) => Ok(()),
            // A command for all hosts stays in the engine after a later one for this host, and the reverse.
            Err(Refusal::Older { .. }) if slot == Slot::Command && !self.is_of(target) => Ok(()),
            // The lease of an earlier turn or rollout stays in the engine until its end.
            Err(Refusal::Expired) if slot == Slot::Rollout => Ok(()),
            Err(refusal) => Err(refusal),
        }
    }

    /// Returns the highest generation that the host has obeyed; 0 before the first command.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.command.as_ref().map_or(0, |command| command.generation)
    }

    /// Returns whether the command of the highest generation is for this target.
    fn is_of(&self, target: &Target) -> bool {
        self.command.as_ref().is_some_and(|command| command.target == *target)
    }

    /// Takes a command whose signature was checked.
    ///
    /// # Errors
    /// It is for others, it has ended, or its generation is not higher than that of the last one.
    pub fn take(&mut self, command: Command, fleet: &Name, host: &Name, wall: Timestamp) -> Result<Taken, Refusal> {
        addressed(&command.fleet, &command.target, fleet, host)?;
        let taken = replace(&mut self.command, command, wall)?;
        if let Some(Verb::Resume { lifts }) = self.command.as_ref().map(|command| &command.verb) {
            self.unsigned.retain(|stop| !lifts.contains(&stop.id));
        }
        Ok(taken)
    }

    /// Takes a hold without a signature. It replaces no other one: anyone may write it, and it must not end a hold early.
    ///
    /// # Errors
    /// It is for others, it has ended, or [`MOST_STOPS`] others are in effect.
    pub fn take_stop(&mut self, stop: Stop, fleet: &Name, host: &Name, wall: Timestamp) -> Result<Taken, Refusal> {
        addressed(&stop.fleet, &stop.target, fleet, host)?;
        let is_lifted = match self.command.as_ref().map(|command| &command.verb) {
            Some(Verb::Resume { lifts }) => lifts.contains(&stop.id),
            Some(Verb::Hold { .. }) | None => false,
        };
        if is_lifted || self.unsigned.contains(&stop) {
            return Ok(Taken::Known);
        }
        if stop.not_after <= wall {
            return Err(Refusal::Expired);
        }
        self.unsigned.retain(|stop| stop.not_after > wall);
        if self.unsigned.len() >= MOST_STOPS {
            return Err(Refusal::TooManyStops);
        }
        self.unsigned.push(stop);
        Ok(Taken::New)
    }

    /// Returns the holds without a signature that are in effect, which a resume must name.
    #[must_use]
    pub fn stops(&self, wall: Timestamp) -> Vec<StopId> {
        self.unsigned.iter().filter(|stop| stop.not_after > wall).map(|stop| stop.id.clone()).collect()
    }

    /// Returns the hold in effect; None without one. A hold without a signature says so in its reason.
    #[must_use]
    pub fn hold(&self, wall: Timestamp) -> Option<Hold> {
        let signed = self.command.iter().filter_map(|command| match &command.verb {
            Verb::Hold { reason, drain } => Some((reason.clone(), *drain, command.issued, command.not_after)),
            Verb::Resume { .. } => None,
        });
        let unsigned = self
            .unsigned
            .iter()
            .map(|stop| (format!("{} (without signature)", stop.reason), stop.drain, stop.issued, stop.not_after));
        let holds: Vec<_> = signed.chain(unsigned).filter(|(_, _, _, not_after)| *not_after > wall).collect();
        let drain = holds.iter().any(|(_, drain, _, _)| *drain);
        let last = holds.iter().map(|(_, _, _, not_after)| *not_after).max();
        let (reason, _, issued, _) = holds.into_iter().next()?;
        Some(Hold { source: HoldSource::Fleet, reason, since: Some(issued), until: last, drain })
    }
}

/// Replaces a document by one of a higher generation that has not ended.
pub(super) fn replace<V: PartialEq>(
    slot: &mut Option<Command<V>>,
    document: Command<V>,
    now: Timestamp,
) -> Result<Taken, Refusal> {
    if let Some(last) = slot {
        if *last == document {
            return Ok(Taken::Known);
        }
        let (generation, applied) = (document.generation, last.generation);
        if generation < applied {
            return Err(Refusal::Older { generation, applied });
        }
        if generation == applied {
            return Err(Refusal::GenerationTwice(generation));
        }
    }
    if document.not_after <= now {
        return Err(Refusal::Expired);
    }
    *slot = Some(document);
    Ok(Taken::New)
}

pub(super) fn addressed(of: &Name, target: &Target, fleet: &Name, host: &Name) -> Result<(), Refusal> {
    if of != fleet {
        return Err(Refusal::OtherFleet(of.clone()));
    }
    if target.includes(host) { Ok(()) } else { Err(Refusal::OtherTarget(target.clone())) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::super::command::StopId;
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    fn hold(generation: u64) -> Command {
        let verb = Verb::Hold { reason: format!("hold {generation}"), drain: false };
        let not_after = NOW.after(Duration::from_secs(3600));
        Command { fleet: name("farm"), generation, target: Target::All, issued: NOW, not_after, verb }
    }

    fn resume(generation: u64, lifts: Vec<StopId>) -> Command {
        Command { verb: Verb::Resume { lifts }, ..hold(generation) }
    }

    fn id(digit: u8) -> StopId {
        StopId::new(digit.into())
    }

    fn stop(digit: u8, target: Target) -> Stop {
        let Command { fleet, issued, not_after, .. } = hold(0);
        Stop { fleet, id: id(digit), target, issued, not_after, reason: format!("stop {digit}"), drain: true }
    }

    fn take(control: &mut Control, command: Command) -> Result<Taken, Refusal> {
        control.take(command, &name("farm"), &name("a"), NOW)
    }

    fn take_stop(control: &mut Control, stop: Stop) -> Result<Taken, Refusal> {
        control.take_stop(stop, &name("farm"), &name("a"), NOW)
    }

    #[test]
    fn commands_for_others_and_ended_ones_are_refused() {
        let mut control = Control::default();
        let other = Target::Host(name("b"));
        let ended = NOW.before(Duration::from_millis(1));
        for (command, refusal) in [
            (Command { fleet: name("other"), ..hold(1) }, Refusal::OtherFleet(name("other"))),
            (Command { target: other.clone(), ..hold(1) }, Refusal::OtherTarget(other.clone())),
            (Command { not_after: ended, ..hold(1) }, Refusal::Expired),
            (Command { not_after: NOW, ..hold(1) }, Refusal::Expired),
        ] {
            assert_eq!(take(&mut control, command), Err(refusal));
        }
        for (stop, refusal) in [
            (Stop { fleet: name("other"), ..stop(1, Target::All) }, Refusal::OtherFleet(name("other"))),
            (stop(1, other.clone()), Refusal::OtherTarget(other)),
            (Stop { not_after: NOW, ..stop(1, Target::All) }, Refusal::Expired),
        ] {
            assert_eq!(take_stop(&mut control, stop), Err(refusal));
        }
        assert_eq!(control, Control::default());
    }

    #[test]
    fn replayed_and_older_commands_change_nothing() {
        let mut control = Control::default();
        assert_eq!(take(&mut control, hold(5)), Ok(Taken::New));
        assert_eq!(take(&mut control, hold(5)), Ok(Taken::Known));
        assert_eq!(take(&mut control, resume(4, vec![])), Err(Refusal::Older { generation: 4, applied: 5 }));
        assert_eq!(take(&mut control, resume(5, vec![])), Err(Refusal::GenerationTwice(5)));
        assert!(control.hold(NOW).is_some());
        assert_eq!(take(&mut control, resume(6, vec![])), Ok(Taken::New));
        assert_eq!(control.hold(NOW), None);
        assert_eq!(take(&mut control, hold(5)), Err(Refusal::Older { generation: 5, applied: 6 }));
        assert_eq!((control.hold(NOW), control.generation()), (None, 6));
    }

    #[test]
    fn hold_ends_at_its_time_and_its_generation_stays() {
        let mut control = Control::default();
        take(&mut control, hold(5)).unwrap();
        let end = hold(5).not_after;
        assert!(control.hold(end.before(Duration::from_millis(1))).is_some());
        assert_eq!((control.hold(end), control.generation()), (None, 5));
    }

    #[test]
    fn hold_without_signature_ends_by_a_resume_that_names_it() {
        let mut control = Control::default();
        take_stop(&mut control, stop(1, Target::All)).unwrap();
        take_stop(&mut control, stop(2, Target::Host(name("a")))).unwrap();
        let shown = control.hold(NOW).unwrap();
        assert_eq!((shown.reason.as_str(), shown.drain), ("stop 1 (without signature)", true));
        take(&mut control, resume(7, vec![id(1)])).unwrap();
        assert_eq!(control.hold(NOW).unwrap().reason, "stop 2 (without signature)");
        // The document is still in the engine, or came back to it.
        assert_eq!(take_stop(&mut control, stop(1, Target::All)), Ok(Taken::Known));
        take(&mut control, resume(8, vec![id(1), id(2)])).unwrap();
        assert_eq!(control.hold(NOW), None);
        assert_eq!(take_stop(&mut control, stop(3, Target::All)), Ok(Taken::New));
    }

    #[test]
    fn hold_without_signature_shortens_no_other_one() {
        let mut control = Control::default();
        let long = stop(1, Target::All);
        take_stop(&mut control, long.clone()).unwrap();
        let short = Stop { not_after: NOW.after(Duration::from_millis(1)), drain: false, ..stop(2, Target::All) };
        assert_eq!(take_stop(&mut control, short), Ok(Taken::New));
        let hold = control.hold(long.not_after.before(Duration::from_millis(1))).unwrap();
        assert_eq!((hold.until, hold.drain), (Some(long.not_after), true));
        // The engine has lost the first one, and a resume names the holds that the host publishes.
        assert_eq!(control.stops(NOW), [id(1), id(2)]);
        take(&mut control, resume(7, vec![id(2)])).unwrap();
        assert_eq!(control.stops(NOW), [id(1)]);
        let lifts = control.stops(NOW);
        take(&mut control, resume(8, lifts)).unwrap();
        assert_eq!(control.hold(NOW), None);
    }

    #[test]
    fn holds_without_signature_are_bounded_and_a_host_stays_held() {
        let mut control = Control::default();
        let most = u8::try_from(MOST_STOPS).unwrap();
        for digit in 0..most {
            take_stop(&mut control, stop(digit, Target::All)).unwrap();
        }
        assert_eq!(take_stop(&mut control, stop(most, Target::All)), Err(Refusal::TooManyStops));
        assert_eq!(take_stop(&mut control, stop(0, Target::All)), Ok(Taken::Known));
        // The refused one is still in the engine when another ends.
        take(&mut control, resume(7, vec![id(0)])).unwrap();
        assert_eq!(take_stop(&mut control, stop(most, Target::All)), Ok(Taken::New));
    }

    #[test]
    fn state_is_stored_and_read() {
        let mut control = Control::default();
        take(&mut control, resume(7, vec![id(1)])).unwrap();
        take_stop(&mut control, stop(2, Target::Host(name("a")))).unwrap();
        let text = serde_json::to_string(&control).unwrap();
        assert_eq!(serde_json::from_str::<Control>(&text).unwrap(), control);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        /// A signed resume of an older generation never lifts a newer hold, in whatever order commands arrive. A hold without
        /// a signature lasts until its end or a resume that names it, and no later one shortens or weakens it.
        #[test]
        fn only_a_newer_resume_lifts_a_hold(
            commands in prop::collection::vec((0_u64..20, 0_u8..3, 0_u8..3, 0_u64..50, any::<bool>()), 0..40),
        ) {
            let mut control = Control::default();
            let (mut newest, mut stops) = (None::<Command>, Vec::<Stop>::new());
            for (step, (generation, kind, digit, hours, drain)) in commands.into_iter().enumerate() {
                let now = NOW.after(Duration::from_secs(step as u64 * 1800));
                let not_after = now.after(Duration::from_secs(hours * 3600));
                let command = match kind {
                    0 => Command { not_after, ..hold(generation) },
                    1 => Command { not_after, ..resume(generation, vec![id(digit)]) },
                    _ => {
                        let stop = Stop { not_after, drain, ..stop(digit, Target::All) };
                        let lifts = |of: &Command| matches!(&of.verb, Verb::Resume { lifts } if lifts.contains(&stop.id));
                        let is_new = not_after > now && !newest.as_ref().is_some_and(lifts);
                        let taken = control.take_stop(stop.clone(), &name("farm"), &name("a"), now);
                        if is_new && taken != Err(Refusal::TooManyStops) {
                            stops.push(stop);
                        }
                        continue;
                    }
                };
                let is_newer = newest.as_ref().is_none_or(|newest| generation > newest.generation) && not_after > now;
                let taken = control.take(command.clone(), &name("farm"), &name("a"), now);
                prop_assert_eq!(taken == Ok(Taken::New), is_newer);
                if is_newer {
                    if let Verb::Resume { lifts } = &command.verb {
                        stops.retain(|stop| !lifts.contains(&stop.id));
                    }
                    newest = Some(command);
                }
                let signed = newest.iter().filter_map(|of| match of.verb {
                    Verb::Hold { drain, .. } => Some((of.not_after, drain)),
                    Verb::Resume { .. } => None,
                });
                let standing = signed.chain(stops.iter().map(|stop| (stop.not_after, stop.drain)));
                let standing: Vec<_> = standing.filter(|(end, _)| *end > now).collect();
                let found = control.hold(now).map(|hold| (hold.until, hold.drain));
                let wanted = standing.iter().map(|(end, _)| *end).max();
                let drain = standing.iter().any(|(_, drain)| *drain);
                prop_assert_eq!(found, wanted.map(|end| (Some(end), drain)));
            }
        }
    }
}
