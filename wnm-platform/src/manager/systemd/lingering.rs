//! Lingering: without it the services of a user stop at logout, and do not start after a reboot.

use wnm_core::{ManagerKind, Program, Scope};

use super::rights::{self, Access, Bus};
use super::{Options, Systemd};

/// A condition of a process manager that endangers nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagerWarning {
    /// The condition and its effect.
    pub found: String,
    /// The command that fixes it.
    pub hint: String,
}

/// Returns a warning when user services stop at logout.
pub(in crate::manager) fn warning() -> Option<ManagerWarning> {
    let kind = ManagerKind::new(Program::Systemd, Scope::User);
    let systemd = Systemd::open(kind, &Options::default()).ok()?;
    (lingers(&systemd.bus) == Some(false)).then(|| ManagerWarning {
        found: "lingering is off: nodes stop when the user logs out, and do not start after a reboot".to_owned(),
        hint: "loginctl enable-linger".to_owned(),
    })
}

/// Enables lingering for the user of wnm, unless it is enabled.
pub(super) fn keep(bus: &Bus) {
    if lingers(bus) == Some(false)
        && let Err(error) = bus.succeed(Access::Change, "loginctl", &["enable-linger"])
    {
        tracing::warn!(%error, "cannot enable lingering: nodes stop when the user logs out");
    }
}

/// Returns whether lingering is enabled for the user; None when logind does not tell.
pub(super) fn lingers(bus: &Bus) -> Option<bool> {
    let user = rights::uid().to_string();
    let output = bus.succeed(Access::Query, "loginctl", &["show-user", "--property=Linger", &user]).ok()?;
    match output.text().trim() {
        "Linger=yes" => Some(true),
        "Linger=no" => Some(false),
        _ => None,
    }
}
