//! The engine of a modelled fleet: it carries texts until their end, and loses them all when it restarts empty.

use std::collections::BTreeMap;
use std::rc::Rc;

use wnm_core::Timestamp;
use wnm_core::fleet::command::{Command, Stop, Target, Verbs, VerifySignature, enclose};
use wnm_core::fleet::control::Slot;
use wnm_core::fleet::host_state::HostState;
use wnm_core::fleet::limits::SetOrder;
use wnm_core::fleet::name::Name;
use wnm_core::fleet::order::RolloutOrder;

use crate::chance::mixed;

/// The key of a fleet: a digest with a secret stands for the signature.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    pub(super) secret: u64,
    /// Whether every signature is taken as valid: a defect, which the properties must notice.
    pub(super) trusts_all: bool,
}

impl Key {
    fn signature(&self, document: &[u8]) -> String {
        let digest = document.iter().fold(self.secret, |digest, byte| mixed(digest ^ u64::from(*byte)));
        format!("{digest:016x}")
    }

    /// Returns the signed text of a command.
    pub(super) fn sign<V: Verbs>(&self, command: &Command<V>) -> Rc<str> {
        let document = command.document().unwrap_or_default();
        let signature = self.signature(document.as_bytes());
        enclose(document, signature).unwrap_or_default().into()
    }
}

impl VerifySignature for Key {
    fn has_signed(&self, document: &[u8], signature: &str) -> bool {
        self.trusts_all || self.signature(document) == signature
    }
}

/// The document that a text is in truth, whoever wrote it into the engine.
#[derive(Debug, Clone)]
pub(super) enum Document {
    /// A command that the operator signed.
    Command(Command),
    /// A document of a rollout that the operator signed.
    Order(RolloutOrder),
    /// A hold without a signature.
    Stop(Stop),
    /// Limits that the operator signed.
    Limits(SetOrder),
    /// A text without a valid signature, or a damaged one.
    Forged,
}

/// A text of the engine.
#[derive(Debug, Clone)]
pub(super) struct Carried {
    pub(super) text: Rc<str>,
    pub(super) document: Rc<Document>,
}

/// The engine.
#[derive(Debug, Default)]
pub(super) struct Engine {
    texts: BTreeMap<Slot, BTreeMap<Target, (Carried, Timestamp)>>,
    states: BTreeMap<Name, (Rc<HostState>, Timestamp)>,
}

impl Engine {
    pub(super) fn set(&mut self, slot: Slot, target: Target, carried: Carried, until: Timestamp) {
        self.texts.entry(slot).or_default().insert(target, (carried, until));
    }

    /// Returns the text for a target that has not ended.
    pub(super) fn get(&self, slot: Slot, target: &Target, now: Timestamp) -> Option<&Carried> {
        let (carried, until) = self.texts.get(&slot)?.get(target)?;
        (*until > now).then_some(carried)
    }

    /// Returns all texts that have not ended.
    pub(super) fn carried(&self, now: Timestamp) -> impl Iterator<Item = &Carried> {
        let texts = self.texts.values().flat_map(BTreeMap::values);
        texts.filter(move |(_, until)| *until > now).map(|(carried, _)| carried)
    }

    /// Publishes the state of a host; returns the one that it replaces.
    pub(super) fn publish(&mut self, state: HostState, host: &Name, until: Timestamp) -> Option<Rc<HostState>> {
        self.states.insert(host.clone(), (Rc::new(state), until)).map(|(state, _)| state)
    }

    /// Returns the state of a host that has not ended.
    pub(super) fn state(&self, host: &Name, now: Timestamp) -> Option<&Rc<HostState>> {
        self.states.get(host).filter(|(_, until)| *until > now).map(|(state, _)| state)
    }
}
