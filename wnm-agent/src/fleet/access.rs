//! The users of the engine and their rights, as rules of `ACL SETUSER`.
//!
//! A host writes its own three keys and reads the commands for it, so that a stolen password can neither command nor
//! write in another host's name. No user runs scripts, which could stop the engine.

use sha2::{Digest as _, Sha256};

use super::command::Target;
use super::control::Slot;
use super::keys::Keys;
use super::membership::Secret;
use super::name::Name;

/// The commands of every user: the connection and its checks.
const EVERY: [&str; 3] = ["+ping", "+hello", "+time"];

/// The name of a user with a part for its role.
fn user(fleet: &Name, role: &str) -> String {
    format!("wnm:{fleet}:{role}")
}

/// Returns the user of a host.
#[must_use]
pub fn host_user(fleet: &Name, host: &Name) -> String {
    user(fleet, &format!("host:{host}"))
}

/// Returns the user of an invitation.
#[must_use]
pub fn invitation_user(fleet: &Name, id: &str) -> String {
    user(fleet, &format!("invite:{id}"))
}

/// Returns the begin of the users of invitations.
#[must_use]
pub fn invitation_prefix(fleet: &Name) -> String {
    user(fleet, "invite:")
}

/// Returns the user of the operator.
#[must_use]
pub fn operator_user(fleet: &Name) -> String {
    user(fleet, "operator")
}

fn rules(password: &Secret, keys: impl IntoIterator<Item = String>, commands: &[&str]) -> Vec<String> {
    // The engine stores and shows the digest only.
    let digest = Sha256::digest(password.reveal().as_bytes());
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut rules: Vec<String> = ["reset", "on"].map(str::to_owned).into();
    rules.push(format!("#{digest}"));
    rules.extend(keys);
    rules.extend(EVERY.iter().chain(commands).map(|command| (*command).to_owned()));
    rules
}

/// Returns the rules of a host: its own keys, and the commands for it to read.
#[must_use]
pub fn host_rules(keys: &Keys, host: &Name, password: &Secret) -> Vec<String> {
    let own = [keys.state(host), keys.nodes(host), keys.events(host)].map(|key| format!("~{key}"));
    let targets = [Target::All, Target::Host(host.clone())];
    let read = targets.iter().flat_map(|target| Slot::ALL.map(|slot| keys.document(slot, target)));
    let read: Vec<String> = read.map(|key| format!("%R~{key}")).collect();
    rules(password, own.into_iter().chain(read), &["+get", "+set", "+getrange", "+del"])
}

/// Returns the rules of an invitation: to fetch its one key, which thereby ends.
#[must_use]
pub fn invitation_rules(keys: &Keys, id: &str, password: &Secret) -> Vec<String> {
    rules(password, [format!("~{}", keys.invitation(id))], &["+getdel"])
}

/// Returns the rules of the operator: all keys of the fleet, and the users of the engine.
#[must_use]
pub fn operator_rules(keys: &Keys, password: &Secret) -> Vec<String> {
    let commands = [
        "+get",
        "+set",
        "+getrange",
        "+del",
        "+exists",
        "+hset",
        "+hdel",
        "+hgetall",
        "+info",
        "+acl|setuser",
        "+acl|deluser",
        "+acl|users",
        "+acl|save",
    ];
    rules(password, [format!("~{}", keys.all())], &commands)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_those_of_the_documentation() {
        let (fleet, host) = ("farm".parse().unwrap(), "web-1".parse().unwrap());
        let (keys, password) = (Keys::of(&fleet), Secret::new("x".to_owned()));
        let line = |user: String, rules: Vec<String>| format!("{user} {}", rules.join(" "));
        insta::assert_snapshot!(
            [
                line(host_user(&fleet, &host), host_rules(&keys, &host, &password)),
                line(invitation_user(&fleet, "7"), invitation_rules(&keys, "7", &password)),
                line(operator_user(&fleet), operator_rules(&keys, &password)),
            ]
            .join("\n")
        );
    }
}
