//! The documents that reached a host in truth, and the properties of their effects. It derives the commands in effect on
//! its own: an error of the host is not repeated here.

use wnm_core::fleet::command::{Command, MOST_STOPS, Stop, Target, Verb};
use wnm_core::fleet::control::Slot;
use wnm_core::fleet::name::Name;
use wnm_core::fleet::order::{RolloutOrder, RolloutVerb};
use wnm_core::{Hold, RolloutSample, Timestamp, Version};

use super::engine::Document;
use crate::chaos::invariants::{Property, Violation};

/// The documents that reached a host.
#[derive(Debug, Default)]
pub(super) struct Truth {
    /// The signed command of the highest generation.
    command: Option<Command>,
    /// The holds without a signature.
    stops: Vec<Stop>,
    /// The signed document of the highest generation for all hosts.
    order: Option<RolloutOrder>,
    /// Every signed lease that has not ended: its rollout and its end.
    leases: Vec<(u64, Timestamp)>,
}

impl Truth {
    /// Records a document that the host reads at a time of its own clock and of the engine.
    pub(super) fn deliver(&mut self, slot: Slot, document: &Document, host: &Name, wall: Timestamp, now: Timestamp) {
        let is_for = |fleet: &Name, target: &Target| fleet.as_str() == super::FLEET && target.includes(host);
        match (slot, document) {
            (Slot::Command, Document::Command(command)) if is_for(&command.fleet, &command.target) => {
                let is_newer = self.command.as_ref().is_none_or(|last| command.generation > last.generation);
                if is_newer && command.not_after > wall {
                    if let Verb::Resume { lifts } = &command.verb {
                        self.stops.retain(|stop| !lifts.contains(&stop.id));
                    }
                    self.command = Some(command.clone());
                }
            }
            (Slot::Stop, Document::Stop(stop)) if is_for(&stop.fleet, &stop.target) && stop.not_after > wall => {
                let verb = self.command.as_ref().map(|command| &command.verb);
                let is_lifted = matches!(verb, Some(Verb::Resume { lifts }) if lifts.contains(&stop.id));
                self.stops.retain(|stop| stop.not_after > wall);
                if !is_lifted && !self.stops.contains(stop) && self.stops.len() < MOST_STOPS {
                    self.stops.push(stop.clone());
                }
            }
            (Slot::Rollout, Document::Order(order)) if is_for(&order.fleet, &order.target) && order.not_after > now => {
                self.deliver_order(order, now);
            }
            _ => {}
        }
    }

    fn deliver_order(&mut self, order: &RolloutOrder, now: Timestamp) {
        match (&order.target, &order.verb) {
            (Target::Host(_), RolloutVerb::Lease { rollout }) => {
                self.leases.retain(|(_, until)| *until > now);
                self.leases.push((*rollout, order.not_after));
            }
            (Target::All, RolloutVerb::Rollout { .. } | RolloutVerb::Abort { .. } | RolloutVerb::Release)
                if self.order.as_ref().is_none_or(|last| order.generation > last.generation) =>
            {
                self.order = Some(order.clone());
            }
            _ => {}
        }
    }

    /// Property 31: a hold that reached the host is in effect until its end, or until a signed resume of a higher
    /// generation reaches the host. A hold without a signature ends at its end or by a signed resume that names it, and no
    /// later one shortens or weakens it.
    pub(super) fn check_hold(&mut self, hold: Option<&Hold>, host: &Name, wall: Timestamp) -> Result<(), Violation> {
        // A host may forget a hold that has ended by its clock, also where the clock jumps back later.
        self.stops.retain(|stop| stop.not_after > wall);
        let signed = self.command.iter().filter_map(|command| match command.verb {
            Verb::Hold { drain, .. } => Some((format!("generation {}", command.generation), command.not_after, drain)),
            Verb::Resume { .. } => None,
        });
        let unsigned = self.stops.iter().map(|stop| (format!("{:?}", stop.id), stop.not_after, stop.drain));
        let covers = |end: Timestamp, drain: bool| {
            hold.is_some_and(|hold| hold.until.is_none_or(|until| until >= end) && (hold.drain || !drain))
        };
        match signed.chain(unsigned).find(|(_, end, drain)| *end > wall && !covers(*end, *drain)) {
            Some((name, end, drain)) => {
                let detail = format!("{host} has {hold:?}, and that of {name} stands until {end:?}, drain {drain}");
                Err(Violation::new(Property::Lifted, detail))
            }
            None => Ok(()),
        }
    }

    /// Property 29: an upgrade begins under a signed lease that has not ended, and to the version of the rollout; without a
    /// rollout in effect it follows the own rules of the host.
    pub(super) fn check_upgrade(
        &self,
        to: &Version,
        sample: Option<&RolloutSample>,
        host: &Name,
        (wall, now): (Timestamp, Timestamp),
    ) -> Result<(), Violation> {
        let Some(order) = self.order.as_ref().filter(|order| order.not_after > wall) else { return Ok(()) };
        let found = match &order.verb {
            RolloutVerb::Release | RolloutVerb::Lease { .. } => None,
            RolloutVerb::Abort { .. } => Some("after an abort"),
            RolloutVerb::Rollout { program } if program.version != *to => Some("to another version than the rollout"),
            RolloutVerb::Rollout { .. } => {
                let is_valid = |(rollout, until): &(u64, Timestamp)| *rollout == order.generation && *until > now;
                (!self.leases.iter().any(is_valid)).then_some("without a signed lease")
            }
        };
        match found {
            Some(found) => {
                let detail = format!("{host} upgrades to {to} {found}, under {sample:?}");
                Err(Violation::new(Property::Fleet, detail))
            }
            None => Ok(()),
        }
    }
}
