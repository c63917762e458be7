//! Lingering: without it the services of a user stop at logout, and do not start after a reboot.

use std::path::Path;

use nix::unistd::{Uid, User};
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
        hint: hint(),
    })
}

/// Enables lingering for the user of wnm, unless it is enabled.
pub(super) fn keep(bus: &Bus) {
    if lingers(bus) == Some(false)
        && let Err(error) = bus.succeed(Access::Change, "loginctl", &["enable-linger"])
    {
        let hint = hint();
        tracing::warn!(%error, hint, "cannot enable lingering: nodes stop when the user logs out");
    }
}

/// Returns whether lingering is enabled for the user; None when neither logind nor its files tell.
pub(super) fn lingers(bus: &Bus) -> Option<bool> {
    let user = rights::uid().to_string();
    let output = bus.succeed(Access::Query, "loginctl", &["show-user", "--property=Linger", &user]);
    told(output.as_ref().map(|output| output.text()).unwrap_or_default().trim(), Path::new(USERS))
}

/// Returns the answer of `loginctl show-user`, or else of the files of logind: it knows only users with a session, as after
/// `sudo -u op` or `su op` none is.
pub(crate) fn told(answer: &str, users: &Path) -> Option<bool> {
    match answer {
        "Linger=yes" => Some(true),
        "Linger=no" => Some(false),
        _ => users.is_dir().then(|| user_name().is_some_and(|name| users.join(name).exists())),
    }
}

/// The folder in which logind keeps an empty file for each user who lingers; all users may read it.
pub(crate) const USERS: &str = "/var/lib/systemd/linger";

/// Returns the command that enables lingering for the user of wnm: an operator without the right asks root to run it.
pub(crate) fn hint() -> String {
    let user = user_name().unwrap_or_else(|| rights::uid().to_string());
    format!("run `sudo loginctl enable-linger {user}`")
}

fn user_name() -> Option<String> {
    User::from_uid(Uid::effective()).ok().flatten().map(|user| user.name)
}
