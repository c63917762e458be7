//! Calls of a program that the user of the nodes wrote, without rights over anything else.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::render::USER;
use super::rights::{Access, Bus};
use crate::exec::{Call, Environment};
use crate::files;

/// The scope of such a call: no privileges, no network, nothing to write, and an end.
const CONFINED: [&str; 13] = [
    "NoNewPrivileges=yes",
    "CapabilityBoundingSet=",
    "ProtectSystem=strict",
    "ProtectHome=read-only",
    "PrivateTmp=yes",
    "PrivateDevices=yes",
    "PrivateNetwork=yes",
    "ProtectControlGroups=yes",
    "ProtectKernelTunables=yes",
    "RestrictSUIDSGID=yes",
    "MemoryMax=1G",
    "TasksMax=64",
    "RuntimeMaxSec=15",
];

/// Returns the call as the user who owns the folder of a node, in a transient unit without privileges. A folder of root
/// is that of a node that has not started yet, whose user will be `ant`.
pub(super) fn call(bus: &Bus, root_dir: &Path, call: Call) -> Call {
    let owner = files::symlink_metadata(root_dir).map(|facts| facts.uid()).ok().filter(|owner| *owner != 0);
    let user = owner.map_or_else(|| USER.to_owned(), |owner| owner.to_string());
    let variables = match call.environment {
        Environment::Inherited(variables) | Environment::Only(variables) => variables,
    };
    let mut confined = bus.call(Access::Change, "systemd-run").args(["--quiet", "--pipe", "--wait", "--collect"]);
    confined = confined.args(["--service-type=exec", &format!("--uid={user}")]);
    confined = confined.args(CONFINED.map(|setting| format!("--property={setting}")));
    confined = confined.args(variables.iter().map(|(name, value)| format!("--setenv={name}={value}")));
    confined.deadline = call.deadline;
    confined.arg("--").arg(call.program).args(call.arguments)
}
