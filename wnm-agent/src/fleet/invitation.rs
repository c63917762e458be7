//! Invitations of hosts: their users on the engine, and their use.

use std::path::Path;
use std::time::Duration;

use redis::Value;
use wnm_core::{EngineUrl, Timestamp};

use super::access;
use super::command::Target;
use super::control::Slot;
use super::engine::{self, Engine, EngineError};
use super::keys::Keys;
use super::membership::{Invitation, Login, Membership, Operator, Secret};
use super::name::Name;
use super::operator::{Fleet, FleetError, texts};
use super::signature::PublicKey;

impl Fleet {
    /// Invites a host. The invitation works once, within `valid`. An earlier password of the host ends.
    ///
    /// # Errors
    /// The engine cannot be used.
    pub fn invite(
        &mut self,
        host: Name,
        url: Option<EngineUrl>,
        valid: Duration,
        wall: Timestamp,
        path: &Path,
    ) -> Result<Invitation, FleetError> {
        self.remove_used_invitations()?;
        let id = super::random_hex()?;
        let (password, once) = (Secret::random()?, Secret::random()?);
        let Operator { fleet, key, login, .. } = self.operator.clone();
        let user = access::invitation_user(&fleet, &id);
        set_user(
            &mut self.engine,
            &access::host_user(&fleet, &host),
            access::host_rules(&self.keys, &host, &password),
        )?;
        set_user(&mut self.engine, &user, access::invitation_rules(&self.keys, &id, &once))?;
        let mut commands = redis::pipe();
        commands.cmd("SET").arg(self.keys.invitation(&id)).arg(password.reveal()).arg("EX").arg(valid.as_secs().max(1));
        commands.cmd("HSET").arg(self.keys.members()).arg(host.as_str()).arg(wall.as_millis());
        self.engine.require(&commands)?;
        save_users(&mut self.engine)?;
        self.operator.hosts.insert(host.clone(), wall);
        self.operator.write(path)?;
        let url = url.unwrap_or_else(|| self.operator.url.clone());
        Ok(Invitation { fleet, host, url, key, id, login: Login { user, password: Some(once), client: None, ..login } })
    }

    /// Ends the membership of a host: the engine loses its user, its documents and the commands for it.
    ///
    /// # Errors
    /// The host was not invited, or the engine or the file at `path` cannot be used.
    pub fn expel(&mut self, host: &Name, path: &Path) -> Result<(), FleetError> {
        let target = Target::Host(host.clone());
        self.check_targets(std::slice::from_ref(&target))?;
        // First its user, without whom it publishes no more.
        let mut commands = redis::pipe();
        commands.cmd("ACL").arg("DELUSER").arg(access::host_user(&self.operator.fleet, host));
        self.engine.require(&commands)?;
        save_users(&mut self.engine)?;
        let documents = Slot::ALL.map(|slot| self.keys.document(slot, &target));
        let own = [self.keys.state(host), self.keys.nodes(host), self.keys.events(host)];
        let mut commands = redis::pipe();
        commands.cmd("DEL").arg(own.as_slice()).arg(documents.as_slice());
        commands.cmd("HDEL").arg(self.keys.members()).arg(host.as_str());
        self.engine.require(&commands)?;
        self.operator.hosts.remove(host);
        Ok(self.operator.write(path)?)
    }

    /// Removes the users of invitations that were used or have ended.
    fn remove_used_invitations(&mut self) -> Result<(), FleetError> {
        let prefix = access::invitation_prefix(&self.operator.fleet);
        let mut commands = redis::pipe();
        commands.cmd("ACL").arg("USERS");
        let users = self.engine.require(&commands)?;
        let users = users.first().map(texts).unwrap_or_default();
        let ids: Vec<&str> = users.iter().filter_map(|user| user.strip_prefix(&prefix)).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let mut commands = redis::pipe();
        ids.iter().for_each(|id| _ = commands.cmd("EXISTS").arg(self.keys.invitation(id)));
        let exist = self.engine.require(&commands)?;
        let mut removals = redis::pipe();
        for (id, _) in ids.iter().zip(exist).filter(|(_, exists)| *exists == Value::Int(0)) {
            removals.cmd("ACL").arg("DELUSER").arg(access::invitation_user(&self.operator.fleet, id));
        }
        if removals.is_empty() { Ok(()) } else { Ok(self.engine.require(&removals).map(drop)?) }
    }
}

/// Uses an invitation: fetches the password of the host, once.
///
/// # Errors
/// The invitation was used or has ended, or the engine cannot be used.
pub fn accept(invitation: Invitation) -> Result<Membership, FleetError> {
    let Invitation { fleet, host, url, key, id, login } = invitation;
    let used = || FleetError::InvitationUsed(host.clone());
    let mut engine = match Engine::connect(&url, &login) {
        // The user of the invitation is removed some time after its use.
        Err(EngineError::Login { .. }) => return Err(used()),
        other => other?,
    };
    let mut commands = redis::pipe();
    commands.cmd("GETDEL").arg(Keys::of(&fleet).invitation(&id));
    let replies = engine.require(&commands)?;
    let password = replies.first().and_then(engine::text).map(Secret::new).ok_or_else(used)?;
    let user = access::host_user(&fleet, &host);
    let login = Login { user, password: Some(password), ..login };
    Ok(Membership { fleet, host, key: PublicKey::clone(&key), login })
}

pub(super) fn set_user(engine: &mut Engine, user: &str, rules: Vec<String>) -> Result<(), EngineError> {
    let mut commands = redis::pipe();
    commands.cmd("ACL").arg("SETUSER").arg(user).arg(rules);
    engine.require(&commands).map(drop)
}

/// Stores the users in the file of the engine. An engine without one keeps them until it restarts, which the checks tell.
pub(super) fn save_users(engine: &mut Engine) -> Result<(), EngineError> {
    let mut commands = redis::pipe();
    commands.cmd("ACL").arg("SAVE");
    engine.ask(&commands).map(drop)
}
