//! The pages and documents of a fleet.

mod carried_rollout;
mod hosts;
mod member;
mod nodes;
mod order;
mod rollout;
mod served;
mod status;
#[cfg(test)]
mod tests;

pub(crate) use hosts::{HostView, hosts};
pub(crate) use member::{CreatedFleet, Invited, Member, created, expelled, invited, joined, left};
pub(crate) use nodes::{FleetEventView, FleetNodeView, event_line, events, nodes};
pub(crate) use order::{Obedience, Sent, sent};
pub(crate) use rollout::{RolloutView, rollout, rollout_change};
pub(crate) use served::{Served, served};
pub(crate) use status::{FleetStatusView, status};
