//! A new fleet, an invitation, and the membership of this host.

use std::path::{Path, PathBuf};

use serde::Serialize;
use wnm_agent::fleet::membership::{Membership, Operator};
use wnm_agent::fleet::name::Name;
use wnm_core::{EngineUrl, Timestamp};

use crate::json::Time;
use crate::render::time;

/// A new fleet.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct CreatedFleet {
    /// The name of the fleet.
    fleet: String,
    /// The address of the engine.
    url: String,
    /// The file of the operator.
    file: PathBuf,
    /// The file of the secret key.
    key_file: PathBuf,
    /// The public key, in the format of minisign.
    public_key: String,
}

impl CreatedFleet {
    pub(crate) fn of(operator: &Operator, file: &Path, key_file: &Path) -> Self {
        Self {
            fleet: operator.fleet.to_string(),
            url: operator.url.to_string(),
            file: file.to_owned(),
            key_file: key_file.to_owned(),
            public_key: operator.key.as_str().to_owned(),
        }
    }
}

/// Returns the page of a new fleet.
pub(crate) fn created(created: &CreatedFleet) -> String {
    let CreatedFleet { fleet, url, file, key_file, public_key } = created;
    format!(
        "fleet {fleet} created on {url}\n\
         operator    {}\n\
         secret key  {}  (store a copy elsewhere: only this key ends holds)\n\
         public key  {public_key}\n\
         \nInvite a host with `wnm fleet invite HOST`.\n",
        file.display(),
        key_file.display()
    )
}

/// An invitation of a host.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Invited {
    /// The name of the host in the fleet.
    host: String,
    /// The command to run on the host. It works once.
    command: String,
    /// The end of the invitation.
    valid_until: Time,
}

impl Invited {
    pub(crate) fn new(host: &Name, word: &str, valid_until: Timestamp) -> Self {
        let command = format!("wnm fleet join {word}");
        Self { host: host.to_string(), command, valid_until: valid_until.into() }
    }
}

/// Returns the command of an invitation, alone on its line, so that it can be piped.
pub(crate) fn invited(invited: &Invited) -> String {
    format!("{}\n", invited.command)
}

/// The membership of a host.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Member {
    /// The name of the fleet.
    fleet: String,
    /// The name of the host in it.
    host: String,
    /// The address of the engine; null if it was not set.
    url: Option<String>,
}

impl Member {
    pub(crate) fn of(membership: &Membership, url: Option<&EngineUrl>) -> Self {
        Self::new(&membership.fleet, &membership.host, url)
    }

    pub(crate) fn new(fleet: &Name, host: &Name, url: Option<&EngineUrl>) -> Self {
        Self { fleet: fleet.to_string(), host: host.to_string(), url: url.map(ToString::to_string) }
    }
}

/// Returns the page of a host that joined.
pub(crate) fn joined(member: &Member) -> String {
    let Member { fleet, host, .. } = member;
    format!("joined the fleet {fleet} as host {host}; a running `wnm daemon` takes part from its next cycle on\n")
}

/// Returns the page of a host that left.
pub(crate) fn left(member: Option<&Member>) -> String {
    member.map_or_else(
        || "left the fleet\n".to_owned(),
        |Member { fleet, host, .. }| {
            format!("left the fleet {fleet}; its operator removes the host {host} with `wnm fleet expel {host}`\n")
        },
    )
}

/// Returns the page of a host that was expelled.
pub(crate) fn expelled(member: &Member) -> String {
    let Member { fleet, host, .. } = member;
    format!(
        "expelled the host {host} from the fleet {fleet}; `wnm fleet leave` on the host ends its last commands there\n"
    )
}

/// Returns a time with its word, for sentences.
pub(super) fn until(at: Timestamp) -> String {
    format!("until {}", time(at))
}
