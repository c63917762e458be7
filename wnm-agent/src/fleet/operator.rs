//! The operator of a fleet: its users and invitations, the state of its hosts, and commands to them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use redis::Value;
use wnm_core::{EngineUrl, FleetLimits, Timestamp, Version};

use super::access;
use super::command::{Command, LONGEST_COMMAND, MOST_LIFTED, Refusal, Stop, StopId, Target, Verb, Verbs};
use super::control::Slot;
use super::document::{Damaged, HostEvents, HostState, NodeRow, read_nodes};
use super::engine::{self, Engine, EngineError, Fault};
use super::invitation::{save_users, set_user};
use super::keys::{Keys, LONGEST_VALUE};
use super::limits::{SetOrder, SetVerb};
use super::membership::{Login, NotAnInvitation, Operator, Secret};
use super::name::Name;
use super::secret_file::SecretFileError;
use super::signature::{KeyError, SigningKey};

/// Most hosts that one round trip asks for.
const BATCH: usize = 500;

/// A fleet cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// The engine cannot be used.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A file cannot be used.
    #[error(transparent)]
    File(#[from] SecretFileError),
    /// The key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The system has no random numbers.
    #[error("cannot get random numbers from the system: {0}")]
    Random(#[from] getrandom::Error),
    /// A document cannot be written.
    #[error("cannot write JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The text is no invitation.
    #[error(transparent)]
    Invitation(#[from] NotAnInvitation),
    /// The invitation was used, or has ended.
    #[error("the invitation of host {0} was used, or has ended")]
    InvitationUsed(Name),
    /// No host of this name was invited.
    #[error("no such host: {0}")]
    NoSuchHost(Name),
    /// No rollout was started from here.
    #[error("no rollout was started")]
    NoRollout,
    /// The last rollout cannot go on.
    #[error("the rollout of {0} has ended")]
    RolloutEnded(Version),
    /// Another command gives out the leases.
    #[error("another command drives a rollout")]
    RolloutDriven,
    /// More holds without signature than one command can end.
    #[error("{0} holds without signature are more than one command can end")]
    TooManyStops(usize),
}

/// The connection of an operator.
#[derive(Debug)]
pub struct Fleet {
    pub(super) operator: Operator,
    pub(super) keys: Keys,
    pub(super) engine: Engine,
}

/// A document of a host; None for a host that publishes none, or not any more.
pub type Published<T> = Option<Result<T, Damaged>>;

/// A host of the fleet.
#[derive(Debug, Clone, PartialEq)]
pub struct HostRecord {
    /// The name.
    pub host: Name,
    /// The time of its last invitation.
    pub invited: Timestamp,
    /// The state.
    pub state: Published<HostState>,
}

impl HostRecord {
    /// Returns the state of a host that publishes one of the documented form.
    #[must_use]
    pub fn state(&self) -> Option<&HostState> {
        self.state.as_ref().and_then(|state| state.as_ref().ok())
    }
}

/// A command or hold in the engine.
#[derive(Debug, Clone, PartialEq)]
pub enum Carried {
    /// A signed command.
    Command(Command),
    /// A hold without a signature.
    Stop(Stop),
    /// Signed limits.
    Limits(SetOrder),
    /// A document that hosts refuse.
    Refused(Target, Refusal),
}

/// The properties of the engine that matter to a fleet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineFacts {
    /// The version.
    pub version: String,
    /// The limit of its memory; 0 for none.
    pub max_memory: u64,
    /// Which keys it removes when its memory is full, such as `allkeys-lru`; `noeviction` for none.
    pub eviction: String,
    /// Why it takes no documents; None while it does.
    pub refuses: Option<Fault>,
    /// Whether it stores users in a file, so that they outlive a restart.
    pub stores_users: bool,
    /// The time, in milliseconds.
    pub time: Option<i64>,
}

impl Fleet {
    /// Creates a fleet: a pair of keys, the user of the operator, and the file at `path`. `admin` is a user that may
    /// change the users of the engine. A secret key beside `path` is used: it is that of a creation that was cut, or of an
    /// operator who lost the other file, and whose hosts know the key.
    ///
    /// # Errors
    /// The file exists, the key cannot be used, or the engine cannot be used.
    pub fn create(fleet: Name, url: EngineUrl, admin: &Login, path: &Path) -> Result<Self, FleetError> {
        let mut engine = Engine::connect(&url, admin)?;
        let key = signing_key(&Operator::key_path(path))?.public()?;
        let (keys, password) = (Keys::of(&fleet), Secret::random()?);
        let user = access::operator_user(&fleet);
        set_user(&mut engine, &user, access::operator_rules(&keys, &password))?;
        save_users(&mut engine)?;
        let login = Login { user, password: Some(password), ..admin.clone() };
        let operator = Operator { fleet, url, key, login, generation: 0, hosts: BTreeMap::new() };
        operator.write(path)?;
        Self::open(operator)
    }

    /// Connects as the operator.
    ///
    /// # Errors
    /// The engine cannot be used.
    pub fn open(operator: Operator) -> Result<Self, FleetError> {
        let engine = Engine::connect(&operator.url, &operator.login)?;
        Ok(Self { keys: Keys::of(&operator.fleet), operator, engine })
    }

    /// Returns the operator.
    #[must_use]
    pub const fn operator(&self) -> &Operator {
        &self.operator
    }

    /// Returns the error of a fault of the engine.
    #[must_use]
    pub fn fault(&self, fault: Fault) -> EngineError {
        self.engine.fault(fault)
    }

    pub(super) fn set_operator(&mut self, operator: Operator) {
        self.operator = operator;
    }

    pub(super) const fn keys(&self) -> &Keys {
        &self.keys
    }

    pub(super) const fn engine(&mut self) -> &mut Engine {
        &mut self.engine
    }

    /// Returns all hosts that were invited, by name.
    ///
    /// # Errors
    /// The engine cannot be used.
    pub fn hosts(&mut self) -> Result<Vec<HostRecord>, FleetError> {
        let members = self.members()?;
        let mut records = Vec::with_capacity(members.len());
        for batch in members.chunks(BATCH) {
            let values = self.values(batch.iter().map(|(host, _)| self.keys.state(host)).collect())?;
            for ((host, invited), value) in batch.iter().zip(values) {
                let state = value.map(|bytes| HostState::read(&bytes));
                records.push(HostRecord { host: host.clone(), invited: *invited, state });
            }
        }
        Ok(records)
    }

    /// Returns the nodes of hosts; None for a host that publishes none.
    ///
    /// # Errors
    /// The engine cannot be used.
    pub fn nodes(&mut self, hosts: &[Name]) -> Result<Vec<Published<Vec<NodeRow>>>, FleetError> {
        let values = self.values(hosts.iter().map(|host| self.keys.nodes(host)).collect())?;
        Ok(values.into_iter().map(|value| value.map(|bytes| read_nodes(&bytes))).collect())
    }

    /// Returns the latest events of hosts; None for a host that publishes none.
    ///
    /// # Errors
    /// The engine cannot be used.
    pub fn events(&mut self, hosts: &[Name]) -> Result<Vec<Published<HostEvents>>, FleetError> {
        let values = self.values(hosts.iter().map(|host| self.keys.events(host)).collect())?;
        Ok(values.into_iter().map(|value| value.map(|bytes| HostEvents::read(&bytes))).collect())
    }

    /// Returns the names of all hosts that were invited, with the time of their last invitation. An engine that lost its
    /// list gets the hosts again that the operator knows.
    ///
    /// # Errors
    /// The engine cannot be used.
    pub fn members(&mut self) -> Result<Vec<(Name, Timestamp)>, FleetError> {
        let mut commands = redis::pipe();
        commands.cmd("HGETALL").arg(self.keys.members());
        let replies = self.engine.require(&commands)?;
        let fields = replies.first().map(texts).unwrap_or_default();
        let member = |pair: &[String]| {
            let [host, at] = pair else { return None };
            Some((host.parse().ok()?, Timestamp::from_millis(at.parse().unwrap_or(0))))
        };
        let mut members: BTreeMap<Name, Timestamp> = fields.chunks(2).filter_map(member).collect();
        let mut lost = redis::pipe();
        for (host, at) in self.operator.hosts.iter().filter(|(host, _)| !members.contains_key(host)) {
            lost.cmd("HSET").arg(self.keys.members()).arg(host.as_str()).arg(at.as_millis());
        }
        if !lost.is_empty() {
            // A full engine still shows its hosts.
            self.engine.ask(&lost)?;
        }
        for (host, at) in &self.operator.hosts {
            members.entry(host.clone()).or_insert(*at);
        }
        Ok(members.into_iter().collect())
    }

    /// Checks that all targets are invited hosts.
    ///
    /// # Errors
    /// A host was not invited, or the engine cannot be used.
    pub fn check_targets(&mut self, targets: &[Target]) -> Result<(), FleetError> {
        let members = self.members()?;
        let is_unknown = |host: &&Name| !members.iter().any(|(member, _)| member == *host);
        let hosts = targets.iter().filter_map(|target| match target {
            Target::Host(host) => Some(host),
            Target::All => None,
        });
        match hosts.clone().find(is_unknown) {
            Some(host) => Err(FleetError::NoSuchHost(host.clone())),
            None => Ok(()),
        }
    }

    /// Returns the commands and holds that the engine carries and that have not ended.
    ///
    /// # Errors
    /// The engine cannot be used.
    pub fn carried(&mut self) -> Result<Vec<Carried>, FleetError> {
        let members = self.members()?;
        let targets: Vec<Target> =
            std::iter::once(Target::All).chain(members.into_iter().map(|(host, _)| Target::Host(host))).collect();
        let mut carried = Vec::new();
        for batch in targets.chunks(BATCH) {
            let slots = [Slot::Command, Slot::Stop, Slot::Limits];
            let keys = batch.iter().flat_map(|target| slots.map(|slot| self.keys.document(slot, target))).collect();
            let values = self.values(keys)?;
            for (target, of) in batch.iter().zip(values.chunks(slots.len())) {
                let text = |at: usize| of.get(at)?.as_ref().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
                let refused = |refusal| Carried::Refused(target.clone(), refusal);
                let command = text(0).map(|text| Command::read(&text, &self.operator.key));
                carried.extend(command.map(|read| read.map_or_else(refused, Carried::Command)));
                let stop = text(1).map(|text| Stop::read(&text));
                carried.extend(stop.map(|read| read.map_or_else(refused, Carried::Stop)));
                let limits = text(2).map(|text| SetOrder::read(&text, &self.operator.key));
                carried.extend(limits.map(|read| read.map_or_else(refused, Carried::Limits)));
            }
        }
        Ok(carried)
    }

    /// Sends a signed hold to hosts. Returns its generation.
    ///
    /// # Errors
    /// The key or the engine cannot be used.
    pub fn hold(&mut self, key: &SigningKey, path: &Path, order: &Order) -> Result<u64, FleetError> {
        let seen = highest(&self.carried()?);
        let verb = Verb::Hold { reason: order.reason.clone(), drain: order.drain };
        self.send(key, path, order, Slot::Command, &verb, seen)
    }

    /// Sends signed limits to hosts, in place of those before. Returns their generation.
    ///
    /// # Errors
    /// The key or the engine cannot be used.
    pub fn set(
        &mut self,
        key: &SigningKey,
        path: &Path,
        order: &Order,
        limits: FleetLimits,
    ) -> Result<u64, FleetError> {
        let seen = highest(&self.carried()?);
        self.send(key, path, order, Slot::Limits, &SetVerb::Set(limits), seen)
    }

    /// Sends a signed resume to hosts, which ends their holds without signature too: those that the engine carries, and those
    /// that the hosts publish. Returns its generation.
    ///
    /// # Errors
    /// The key or the engine cannot be used, or there are too many holds without signature.
    pub fn resume(&mut self, key: &SigningKey, path: &Path, order: &Order) -> Result<u64, FleetError> {
        let carried = self.carried()?;
        let is_all = order.targets.contains(&Target::All);
        let is_meant = |stop: &&Stop| is_all || stop.target == Target::All || order.targets.contains(&stop.target);
        let stops: Vec<&Stop> = carried
            .iter()
            .filter_map(|carried| if let Carried::Stop(stop) = carried { Some(stop) } else { None })
            .filter(is_meant)
            .collect();
        let mut lifts: BTreeSet<StopId> = stops.iter().map(|stop| stop.id.clone()).collect();
        for record in self.hosts()? {
            let is_meant = order.targets.iter().any(|target| target.includes(&record.host));
            lifts.extend(record.state().filter(|_| is_meant).into_iter().flat_map(|state| state.stops.clone()));
        }
        if lifts.len() > MOST_LIFTED {
            return Err(FleetError::TooManyStops(lifts.len()));
        }
        let lifts = lifts.into_iter().collect();
        let generation = self.send(key, path, order, Slot::Command, &Verb::Resume { lifts }, highest(&carried))?;
        // A hold for all hosts stays in the engine when only some resume.
        let ended = stops.iter().filter(|stop| is_all || stop.target != Target::All);
        let mut removals = redis::pipe();
        ended.for_each(|stop| _ = removals.cmd("DEL").arg(self.keys.stop(&stop.target)));
        if !removals.is_empty() {
            self.engine.require(&removals)?;
        }
        Ok(generation)
    }

    fn send<V: Verbs + Clone>(
        &mut self,
        key: &SigningKey,
        path: &Path,
        order: &Order,
        slot: Slot,
        verb: &V,
        seen: u64,
    ) -> Result<u64, FleetError> {
        let generation = self.operator.next_generation(order.issued, seen);
        // Before the command is sent: a later one must have a higher generation, also after a crash in between.
        self.operator.write(path)?;
        let mut commands = redis::pipe();
        for target in &order.targets {
            let command = Command {
                fleet: self.operator.fleet.clone(),
                generation,
                target: target.clone(),
                issued: order.issued,
                not_after: order.not_after,
                verb: verb.clone(),
            };
            let end = order.not_after.as_millis();
            let text = key.sign_command(&command)?;
            commands.cmd("SET").arg(self.keys.document(slot, target)).arg(text).arg("PXAT").arg(end);
        }
        self.engine.require(&commands)?;
        Ok(generation)
    }

    /// Sends a hold without a signature to hosts. Returns its identifier for each target, which a host that obeys publishes.
    ///
    /// # Errors
    /// The engine cannot be used.
    pub fn stop(&mut self, order: &Order) -> Result<Vec<StopId>, FleetError> {
        let (mut commands, mut ids) = (redis::pipe(), Vec::new());
        for target in &order.targets {
            let stop = Stop {
                fleet: self.operator.fleet.clone(),
                id: StopId::new(super::random_bits()?),
                target: target.clone(),
                issued: order.issued,
                not_after: order.not_after,
                reason: order.reason.clone(),
                drain: order.drain,
            };
            let text = serde_json::to_string(&stop)?;
            let end = order.not_after.as_millis();
            commands.cmd("SET").arg(self.keys.stop(target)).arg(text).arg("PXAT").arg(end);
            ids.push(stop.id);
        }
        self.engine.require(&commands)?;
        Ok(ids)
    }

    /// Returns the properties of the engine.
    ///
    /// # Errors
    /// The engine cannot be used.
    pub fn facts(&mut self) -> Result<EngineFacts, FleetError> {
        let mut commands = redis::pipe();
        commands.cmd("INFO").arg("memory").cmd("TIME").cmd("ACL").arg("SAVE");
        // A full server and a replica answer all questions.
        commands.cmd("SET").arg(self.keys.trial()).arg(1).arg("EX").arg(1);
        let replies = self.engine.ask(&commands)?;
        let reply = |at: usize| replies.get(at).and_then(|reply| reply.as_ref().ok());
        let info = reply(0).and_then(engine::text).unwrap_or_default();
        let field = |name: &str| info.lines().find_map(|line| Some(line.strip_prefix(name)?.trim()));
        Ok(EngineFacts {
            version: self.engine.version().to_owned(),
            max_memory: field("maxmemory:").and_then(|text| text.parse().ok()).unwrap_or(0),
            eviction: field("maxmemory_policy:").unwrap_or("noeviction").to_owned(),
            refuses: replies.get(3).and_then(|reply| reply.as_ref().err()).cloned(),
            stores_users: reply(2).is_some(),
            time: reply(1).and_then(engine::millis),
        })
    }

    /// Returns the values of keys, each bounded; None for a missing one.
    fn values(&mut self, keys: Vec<String>) -> Result<Vec<Option<Vec<u8>>>, FleetError> {
        let longest = LONGEST_VALUE.max(LONGEST_COMMAND);
        let mut values = Vec::with_capacity(keys.len());
        for batch in keys.chunks(2 * BATCH) {
            let mut commands = redis::pipe();
            batch.iter().for_each(|key| _ = commands.cmd("GETRANGE").arg(key).arg(0).arg(longest));
            for reply in self.engine.ask(&commands)? {
                values.push(match reply {
                    Ok(value) => engine::bytes(&value).filter(|bytes| !bytes.is_empty()).map(<[u8]>::to_vec),
                    // Another host may have written anything under its keys.
                    Err(Fault::WrongType) => Some(Vec::new()),
                    Err(fault) => return Err(self.engine.fault(fault).into()),
                });
            }
        }
        Ok(values)
    }
}

/// A hold, a resume or limits to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The hosts.
    pub targets: Vec<Target>,
    /// The reason of a hold.
    pub reason: String,
    /// Whether a hold cancels removals in their delay too.
    pub drain: bool,
    /// The present.
    pub issued: Timestamp,
    /// The end.
    pub not_after: Timestamp,
}

/// Returns the key of a file; writes a new one if the file is missing.
fn signing_key(path: &Path) -> Result<SigningKey, KeyError> {
    match SigningKey::read(path) {
        Err(KeyError::File(error)) if error.is_missing() => {
            let key = SigningKey::generate()?;
            key.write(path)?;
            Ok(key)
        }
        read => read,
    }
}

fn highest(carried: &[Carried]) -> u64 {
    let generation = |carried: &Carried| match carried {
        Carried::Command(command) => command.generation,
        Carried::Limits(order) => order.generation,
        Carried::Stop(_) | Carried::Refused(..) => 0,
    };
    carried.iter().map(generation).max().unwrap_or(0)
}

/// Returns the texts of a list or map.
pub(super) fn texts(value: &Value) -> Vec<String> {
    let text = |value: &Value| engine::text(value).unwrap_or_default();
    match value {
        Value::Array(items) | Value::Set(items) => items.iter().map(text).collect(),
        Value::Map(pairs) => pairs.iter().flat_map(|(key, value)| [text(key), text(value)]).collect(),
        _ => Vec::new(),
    }
}
