//! The commands that a host obeys: a pure state that outlives restarts of the daemon and losses of the engine.
//!
//! The signed command of the highest generation counts, whether it is for all hosts or for one. A hold lasts until its end
//! or a resume of a higher generation. A hold without a signature lasts until its end or a signed resume that names it.
//! An empty engine changes nothing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::command::{Command, Refusal, Stop, Target, Verb, VerifySignature};
use super::lease::Leases;
use super::name::Name;
use super::order::RolloutOrder;
use crate::model::hold::{Hold, HoldSource};
use crate::model::units::Timestamp;

/// The commands that a host obeys.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Control {
    /// The signed command of the highest generation.
    command: Option<Command>,
    /// The holds without a signature: one for all hosts, and one for this host.
    stops: BTreeMap<Scope, Stop>,
    /// The documents of a rollout.
    #[serde(default)]
    pub leases: Leases,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Scope {
    All,
    Host,
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
}

impl Slot {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Command, Self::Stop, Self::Rollout];

    /// Returns the name for people.
    #[must_use]
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Command => "the command",
            Self::Stop => "the hold without signature",
            Self::Rollout => "the rollout",
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
        if let Some(last) = &self.command {
            if *last == command {
                return Ok(Taken::Known);
            }
            let (generation, applied) = (command.generation, last.generation);
            if generation < applied {
                return Err(Refusal::Older { generation, applied });
            }
            if generation == applied {
                return Err(Refusal::GenerationTwice(generation));
            }
        }
        if command.not_after <= wall {
            return Err(Refusal::Expired);
        }
        if let Verb::Resume { lifts } = &command.verb {
            self.stops.retain(|_, stop| !lifts.contains(&stop.id));
        }
        self.command = Some(command);
        Ok(Taken::New)
    }

    /// Takes a hold without a signature.
    ///
    /// # Errors
    /// It is for others, or it has ended.
    pub fn take_stop(&mut self, stop: Stop, fleet: &Name, host: &Name, wall: Timestamp) -> Result<Taken, Refusal> {
        addressed(&stop.fleet, &stop.target, fleet, host)?;
        let is_lifted = match self.command.as_ref().map(|command| &command.verb) {
            Some(Verb::Resume { lifts }) => lifts.contains(&stop.id),
            Some(Verb::Hold { .. }) | None => false,
        };
        let scope = match stop.target {
            Target::All => Scope::All,
            Target::Host(_) => Scope::Host,
        };
        if is_lifted || self.stops.get(&scope) == Some(&stop) {
            return Ok(Taken::Known);
        }
        if stop.not_after <= wall {
            return Err(Refusal::Expired);
        }
        self.stops.insert(scope, stop);
        Ok(Taken::New)
    }

    /// Returns the hold in effect; None without one. A hold without a signature says so in its reason.
    #[must_use]
    pub fn hold(&self, wall: Timestamp) -> Option<Hold> {
        let signed = self.command.iter().filter_map(|command| match &command.verb {
            Verb::Hold { reason, drain } => Some((reason.clone(), *drain, command.issued, command.not_after)),
            Verb::Resume { .. } => None,
        });
        let unsigned = self
            .stops
            .values()
            .map(|stop| (format!("{} (without signature)", stop.reason), stop.drain, stop.issued, stop.not_after));
        let holds: Vec<_> = signed.chain(unsigned).filter(|(_, _, _, not_after)| *not_after > wall).collect();
        let drain = holds.iter().any(|(_, drain, _, _)| *drain);
        let last = holds.iter().map(|(_, _, _, not_after)| *not_after).max();
        let (reason, _, issued, _) = holds.into_iter().next()?;
        Some(Hold { source: HoldSource::Fleet, reason, since: Some(issued), until: last, drain })
    }
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
    fn state_is_stored_and_read() {
        let mut control = Control::default();
        take(&mut control, resume(7, vec![id(1)])).unwrap();
        take_stop(&mut control, stop(2, Target::Host(name("a")))).unwrap();
        let text = serde_json::to_string(&control).unwrap();
        assert_eq!(serde_json::from_str::<Control>(&text).unwrap(), control);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        /// A signed resume of an older generation never lifts a newer hold, in whatever order commands arrive, and a hold
        /// without a signature ends only by a resume that names it.
        #[test]
        fn only_a_newer_resume_lifts_a_hold(commands in prop::collection::vec((0_u64..20, 0_u8..3, 0_u8..3), 0..40)) {
            let mut control = Control::default();
            let (mut newest, mut stops) = (None::<Command>, BTreeMap::new());
            for (generation, kind, digit) in commands {
                let command = match kind {
                    0 => hold(generation),
                    1 => resume(generation, vec![id(digit)]),
                    _ => {
                        if take_stop(&mut control, stop(digit, Target::All)) == Ok(Taken::New) {
                            stops = BTreeMap::from([(id(digit), ())]);
                        }
                        continue;
                    }
                };
                let is_newer = newest.as_ref().is_none_or(|newest| generation > newest.generation);
                let taken = take(&mut control, command.clone());
                prop_assert_eq!(taken == Ok(Taken::New), is_newer);
                if is_newer {
                    if let Verb::Resume { lifts } = &command.verb {
                        stops.retain(|id, ()| !lifts.contains(id));
                    }
                    newest = Some(command);
                }
            }
            let is_held = newest.is_some_and(|command| matches!(command.verb, Verb::Hold { .. })) || !stops.is_empty();
            prop_assert_eq!(control.hold(NOW).is_some(), is_held);
        }
    }
}
