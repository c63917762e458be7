//! The turns of a host with the engine: it publishes its documents, and takes the commands for it, in one round trip.

use std::time::{Duration, Instant};

use redis::Value;
use wnm_core::fleet::session::{Standing, Twin};
use wnm_core::{EngineUrl, Timestamp};

use super::command::{LONGEST_COMMAND, Target};
use super::control::{Control, Reader, Slot};
use super::document::{HostEvent, HostEvents, HostRollout, HostState, Session};
use super::engine::{self, Engine, EngineError, Fault};
use super::keys::{Keys, LONGEST_VALUE};
use super::membership::Membership;

/// Time after which the state of a silent host is gone.
pub const STATE_LIFETIME: Duration = Duration::from_secs(90);
/// Time after which the nodes of a silent host are gone.
const NODES_LIFETIME: Duration = Duration::from_secs(600);
/// Time after which the events of a silent host are gone.
const EVENTS_LIFETIME: Duration = Duration::from_secs(86_400);
/// Least time between two publications of changed nodes.
const NODES_INTERVAL: Duration = Duration::from_secs(60);
/// Longest time between two publications of the same nodes: half of their lifetime.
const NODES_REFRESH: Duration = Duration::from_secs(300);
/// Difference of the clocks of the host and the engine that is told.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(60);

/// The documents of a host.
#[derive(Debug, Clone, Default)]
pub struct Documents {
    /// The state after the last cycle; None before the first.
    pub state: Option<HostState>,
    /// The nodes, deflated.
    pub nodes: Vec<u8>,
    /// The latest events, whose session the publisher fills in.
    pub events: Vec<super::document::HostEvent>,
}

/// The publisher of a host.
#[derive(Debug)]
pub struct Publisher {
    url: EngineUrl,
    membership: Membership,
    keys: Keys,
    engine: Option<Engine>,
    session: Session,
    sequence: u64,
    standing: Standing,
    nodes: Option<(Vec<u8>, Instant)>,
    events: Option<u64>,
}

/// The result of a turn.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Turn {
    /// The problems of the turn; empty without one.
    pub problems: Vec<String>,
    /// The time of the engine; None if it gave none.
    pub engine: Option<Timestamp>,
    /// The engine is a replica.
    pub is_replica: bool,
}

impl Publisher {
    /// Returns a publisher without a connection. `id` identifies this daemon.
    #[must_use]
    pub fn new(url: EngineUrl, membership: Membership, id: String) -> Self {
        Self {
            keys: Keys::of(&membership.fleet),
            url,
            membership,
            engine: None,
            session: Session { since: 0, id },
            sequence: 0,
            standing: Standing::New,
            nodes: None,
            events: None,
        }
    }

    /// Publishes the documents, and takes commands into `control`.
    ///
    /// # Errors
    /// The engine cannot be reached or used. The next turn connects again.
    pub fn turn(&mut self, documents: &Documents, control: &mut Control, wall: Timestamp) -> Result<Turn, EngineError> {
        let mut engine = match self.engine.take() {
            Some(engine) => engine,
            None => Engine::connect(&self.url, &self.membership.login)?,
        };
        let turn = self.turn_with(&mut engine, documents, control, wall)?;
        // A connection that failed is not used again, nor one to a server that has become a replica: after a failover, the
        // same name leads to its successor.
        self.engine = (!turn.is_replica).then_some(engine);
        Ok(turn)
    }

    /// Removes the documents of the host.
    ///
    /// # Errors
    /// The engine cannot be reached or used.
    pub fn withdraw(&mut self) -> Result<(), EngineError> {
        let mut engine = Engine::connect(&self.url, &self.membership.login)?;
        let (keys, host) = (&self.keys, &self.membership.host);
        let mut commands = redis::pipe();
        commands.cmd("DEL").arg(keys.state(host)).arg(keys.nodes(host)).arg(keys.events(host));
        engine.require(&commands).map(drop)
    }

    fn turn_with(
        &mut self,
        engine: &mut Engine,
        documents: &Documents,
        control: &mut Control,
        wall: Timestamp,
    ) -> Result<Turn, EngineError> {
        let mut turn = Turn::default();
        let replies = engine.ask(&self.reading())?;
        let server = replies.last().and_then(|reply| reply.as_ref().ok()).and_then(engine::millis);
        turn.engine = server.map(Timestamp::from_millis);
        self.take_commands(&replies, control, wall, &mut turn);
        self.check_clock(server, wall, &mut turn);
        if self.session.since == 0 {
            self.session.since = server.unwrap_or_else(|| wall.as_millis()).max(1);
        }
        let current = replies.first().and_then(|reply| reply.as_ref().ok()).and_then(state_of);
        let standing = self.standing.before(&self.session, current.as_ref().map(|state| &state.session));
        match (&documents.state, standing) {
            (_, None) => {
                let host = &self.membership.host;
                turn.problems.push(format!("another daemon publishes as host {host}, so that this one does not"));
            }
            (Some(state), Some(standing)) => {
                self.standing = standing;
                let state = HostState { problem: turn.problems.first().cloned(), ..state.clone() };
                self.publish(engine, state, documents, current.is_none(), control, wall, &mut turn)?;
            }
            (None, Some(_)) => {}
        }
        Ok(turn)
    }

    /// Returns the commands that read: the own state, the commands and holds, and the time.
    fn reading(&self) -> redis::Pipeline {
        let mut commands = redis::pipe();
        commands.cmd("GETRANGE").arg(self.keys.state(&self.membership.host)).arg(0).arg(LONGEST_VALUE);
        for target in self.targets() {
            for slot in Slot::ALL {
                commands.cmd("GETRANGE").arg(self.keys.document(slot, &target)).arg(0).arg(LONGEST_COMMAND);
            }
        }
        commands.cmd("TIME");
        commands
    }

    fn targets(&self) -> [Target; 2] {
        [Target::All, Target::Host(self.membership.host.clone())]
    }

    /// Takes the commands of the replies after the first.
    fn take_commands(&self, replies: &engine::Replies, control: &mut Control, wall: Timestamp, turn: &mut Turn) {
        let Membership { fleet, host, key, .. } = &self.membership;
        let reader = Reader { fleet, host, key, wall, engine: turn.engine.unwrap_or(wall) };
        let slots = self.targets().into_iter().flat_map(|target| Slot::ALL.map(|slot| (target.clone(), slot)));
        for ((target, slot), reply) in slots.zip(replies.iter().skip(1)) {
            let value = match reply {
                Ok(value) => value,
                Err(fault) => {
                    turn.problems.push(format!("cannot read {} for {target}: {fault}", slot.noun()));
                    continue;
                }
            };
            let Some(text) = engine::text(value) else { continue };
            if let Err(refusal) = control.obey(slot, &target, &text, &reader) {
                turn.problems.push(format!("{} for {target} is refused: {refusal}", slot.noun()));
            }
        }
    }

    fn check_clock(&self, server: Option<i64>, wall: Timestamp, turn: &mut Turn) {
        let Some(server) = server.map(Timestamp::from_millis) else { return };
        let difference = wall.since(server).max(server.since(wall));
        if difference > CLOCK_TOLERANCE {
            let word = if wall > server { "ahead of" } else { "behind" };
            let seconds = difference.as_secs();
            turn.problems.push(format!("the clock of this host is {seconds} s {word} that of the engine"));
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one turn")]
    fn publish(
        &mut self,
        engine: &mut Engine,
        state: HostState,
        documents: &Documents,
        is_missing: bool,
        control: &Control,
        wall: Timestamp,
        turn: &mut Turn,
    ) -> Result<(), EngineError> {
        if is_missing {
            // The engine lost its data, or this is the first turn.
            (self.nodes, self.events) = (None, None);
        }
        self.sequence += 1;
        let (session, sequence, generation) = (self.session.clone(), self.sequence, control.generation());
        let (rollout, lease) = (control.leases.rollout(), control.leases.lease());
        let rollout = HostRollout { generation: rollout, lease, ..state.rollout.clone() };
        let (limits, stops) = (control.limits.generation(), control.stops(wall));
        let last_action = HostEvent::last_action(&documents.events);
        let state = HostState { session, sequence, generation, limits, stops, at: wall, rollout, last_action, ..state };
        let host = self.membership.host.clone();
        let mut commands = redis::pipe();
        set(&mut commands, self.keys.state(&host), json(&state), STATE_LIFETIME).arg("GET");
        let nodes = self.nodes_due(&documents.nodes);
        if nodes {
            set(&mut commands, self.keys.nodes(&host), documents.nodes.clone(), NODES_LIFETIME);
        }
        let last = documents.events.last().map(|event| event.number);
        let events = last.is_some() && last != self.events;
        if events {
            let list = HostEvents { session: self.session.clone(), events: documents.events.clone() };
            set(&mut commands, self.keys.events(&host), json(&list), EVENTS_LIFETIME);
        }
        let replies = engine.ask(&commands)?;
        if let Some(fault) = replies.iter().find_map(|reply| reply.as_ref().err()) {
            turn.is_replica = *fault == Fault::ReadOnly;
            turn.problems.push(engine.fault(fault.clone()).to_string());
            return Ok(());
        }
        if nodes {
            self.nodes = Some((documents.nodes.clone(), Instant::now()));
        }
        if events {
            self.events = last;
        }
        self.stand(replies.first(), turn);
        Ok(())
    }

    fn nodes_due(&self, nodes: &[u8]) -> bool {
        match &self.nodes {
            None => !nodes.is_empty(),
            Some((last, at)) if last == nodes => at.elapsed() >= NODES_REFRESH,
            Some((_, at)) => at.elapsed() >= NODES_INTERVAL,
        }
    }

    /// Compares the state that the publication replaced with the one before: another daemon in between has the same name.
    fn stand(&mut self, replaced: Option<&Result<Value, Fault>>, turn: &mut Turn) {
        let replaced = replaced.and_then(|reply| reply.as_ref().ok()).and_then(state_of);
        let (standing, twin) = self.standing.after(&self.session, replaced.as_ref().map(|state| &state.session));
        self.standing = standing;
        if let Some(twin) = twin {
            let end = if twin == Twin::Older { ", and is older, so that this one stops publishing" } else { "" };
            let host = &self.membership.host;
            turn.problems.push(format!("another daemon publishes as host {host}{end}"));
        }
    }
}

fn set(commands: &mut redis::Pipeline, key: String, value: Vec<u8>, lifetime: Duration) -> &mut redis::Pipeline {
    commands.cmd("SET").arg(key).arg(value).arg("EX").arg(lifetime.as_secs())
}

fn json<T: serde::Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

fn state_of(value: &Value) -> Option<HostState> {
    engine::bytes(value).filter(|bytes| !bytes.is_empty()).and_then(|bytes| HostState::read(bytes).ok())
}
