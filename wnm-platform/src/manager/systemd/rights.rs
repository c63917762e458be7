//! Calls of systemctl and other commands, and changes of files, with the rights that they need.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use wnm_core::Scope;

use crate::error::{FileOperation, PlatformError};
use crate::exec::{Call, Environment, Exec, Output};
use crate::guarded;
use crate::node_dir;

/// The deadline of a query. Changes have the longer default of [`Call`].
const DEADLINE: Duration = Duration::from_secs(10);
/// The suffix of a file that is not completely written yet.
const PARTIAL_SUFFIX: &str = ".wnm-new";

/// The effect of a call, which decides whether it needs root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// The call only reads.
    Query,
    /// The call changes the host.
    Change,
}

/// The way to root rights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Rights {
    /// This process has them, or does not need them.
    Own,
    /// Through `sudo -n`.
    Sudo,
}

impl Rights {
    /// Returns the way in which this process gets the rights that a scope needs.
    pub(super) fn here(scope: Scope) -> Self {
        match scope {
            Scope::Sudo if !rustix::process::geteuid().is_root() => Self::Sudo,
            Scope::Sudo | Scope::User | Scope::Zen => Self::Own,
        }
    }
}

/// The connection to one systemd instance.
#[derive(Debug, Clone)]
pub(super) struct Bus {
    pub(super) exec: Exec,
    pub(super) scope: Scope,
    pub(super) rights: Rights,
    /// The folder of the sockets of the user's instance; None for the system instance.
    pub(super) runtime: Option<PathBuf>,
}

impl Bus {
    /// Runs systemctl and returns its result, success or not.
    pub(super) fn systemctl<'a>(
        &self,
        access: Access,
        arguments: impl IntoIterator<Item = &'a str>,
    ) -> Result<Output, PlatformError> {
        let scope = match self.scope {
            Scope::User | Scope::Zen => "--user",
            Scope::Sudo => "--system",
        };
        let call = self.call(access, "systemctl").args([scope, "--no-ask-password", "--no-pager"]).args(arguments);
        self.exec.run(&call)
    }

    /// Runs systemctl for a change; a failure is an error.
    pub(super) fn change<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Result<(), PlatformError> {
        let arguments: Vec<&str> = arguments.into_iter().collect();
        let output = self.systemctl(Access::Change, arguments.iter().copied())?;
        if output.is_success() { Ok(()) } else { Err(self.failed(&arguments.join(" "), &output)) }
    }

    /// Runs another program; a failure is an error.
    pub(super) fn succeed(&self, access: Access, program: &str, arguments: &[&str]) -> Result<Output, PlatformError> {
        let output = self.exec.run(&self.call(access, program).args(arguments))?;
        if output.is_success() {
            return Ok(output);
        }
        Err(output.sudo_failure(format!("{program} {}", arguments.join(" "))))
    }

    /// Checks that `sudo` allows a command with these arguments, without running it. An answer that is no refusal passes:
    /// other implementations of sudo have no such question, and a password shows only when a command runs.
    pub(super) fn check_allowed(&self, program: &str, arguments: &[&str]) -> Result<(), PlatformError> {
        if self.rights == Rights::Own {
            return Ok(());
        }
        let output =
            self.exec.run(&Call::new("sudo").args(["-n", "-l", "--", program]).args(arguments).within(DEADLINE))?;
        let is_silent = output.stdout.is_empty() && output.stderr.is_empty();
        if output.code == Some(1) && is_silent {
            let command = format!("{program} {}", arguments.join(" "));
            return Err(PlatformError::SudoRefuses { command, reason: "no rule allows the command".to_owned() });
        }
        Ok(())
    }

    /// Returns the error for a systemctl that failed.
    pub(super) fn failed(&self, arguments: &str, output: &Output) -> PlatformError {
        if let (Scope::User, true) = (self.scope, is_busless(output)) {
            return PlatformError::NoUserSession { user: uid() };
        }
        output.sudo_failure(format!("systemctl {arguments}"))
    }

    pub(super) fn call(&self, access: Access, program: &str) -> Call {
        let mut call = match (&self.rights, access) {
            (Rights::Sudo, Access::Change) => Call::new("sudo").args(["-n", "--", program]),
            (Rights::Sudo | Rights::Own, _) => Call::new(program),
        };
        let mut variables = Vec::new();
        if let Some(runtime) = &self.runtime {
            variables.push(("XDG_RUNTIME_DIR".to_owned(), runtime.display().to_string()));
            // systemctl prefers this variable to XDG_RUNTIME_DIR, and an inherited one may belong to another session.
            let bus = format!("unix:path={}/bus", runtime.display());
            variables.push(("DBUS_SESSION_BUS_ADDRESS".to_owned(), bus));
        }
        call.environment = Environment::Inherited(variables);
        if access == Access::Query { call.within(DEADLINE) } else { call }
    }

    /// Writes a file atomically: after a crash it has the old or the new content.
    pub(super) fn write(&self, path: &Path, text: &str) -> Result<(), PlatformError> {
        if let Rights::Own = self.rights {
            if let Some(folder) = path.parent() {
                make_folder(folder)?;
            }
            return node_dir::write(path, text.as_bytes(), 0o644);
        }
        let fail = |source| PlatformError::File { operation: FileOperation::Write, path: path.to_owned(), source };
        let half = format!("{}{PARTIAL_SUFFIX}", path.display());
        // Under a name that no other user can take before.
        let mut ours = tempfile::NamedTempFile::new().map_err(fail)?;
        ours.write_all(text.as_bytes()).map_err(fail)?;
        let (from, to) = (ours.path().display().to_string(), path.display().to_string());
        self.succeed(Access::Change, "install", &["-D", "-m", "644", "--", &from, &half])?;
        self.succeed(Access::Change, "mv", &["-T", "-f", "--", &half, &to]).map(|_| ())
    }

    /// Removes a file or link. Returns whether it existed.
    pub(super) fn remove(&self, path: &Path) -> Result<bool, PlatformError> {
        match fs::symlink_metadata(path) {
            Err(error) if super::is_missing(&error) => return Ok(false),
            Ok(_) | Err(_) => {}
        }
        match self.rights {
            Rights::Own => super::definition::remove_file(path)?,
            Rights::Sudo => {
                self.succeed(Access::Change, "rm", &["-f", "--", &path.display().to_string()])?;
            }
        }
        Ok(true)
    }

    /// Creates a link, and replaces one with another target.
    pub(super) fn link(&self, target: &Path, link: &Path) -> Result<(), PlatformError> {
        if fs::read_link(link).is_ok_and(|now| now == target) {
            return Ok(());
        }
        match self.rights {
            Rights::Own => {
                if let Some(folder) = link.parent() {
                    make_folder(folder)?;
                }
                super::definition::remove_file(link)?;
                let made = symlink(target, link);
                made.map_err(|source| PlatformError::File {
                    operation: FileOperation::Create,
                    path: link.to_owned(),
                    source,
                })
            }
            Rights::Sudo => {
                let (target, link) = (target.display().to_string(), link.display().to_string());
                self.succeed(Access::Change, "ln", &["-sfn", "--", &target, &link]).map(|_| ())
            }
        }
    }

    /// Creates a folder with its parents, unless it exists.
    pub(super) fn make_folder(&self, path: &Path) -> Result<(), PlatformError> {
        let seen = guarded::facts(path);
        seen.map_err(|source| PlatformError::File {
            operation: FileOperation::Inspect,
            path: path.to_owned(),
            source,
        })?;
        match self.rights {
            _ if path.is_dir() => Ok(()),
            Rights::Own => make_folder(path),
            Rights::Sudo => self.succeed(Access::Change, "mkdir", &["-p", "--", &path.display().to_string()]).map(drop),
        }
    }

    /// Removes a folder if it is empty.
    pub(super) fn remove_folder(&self, path: &Path) {
        match self.rights {
            Rights::Own => {
                let _ = fs::remove_dir(path);
            }
            Rights::Sudo => {
                let _ = self.succeed(Access::Change, "rmdir", &["--", &path.display().to_string()]);
            }
        }
    }
}

fn make_folder(path: &Path) -> Result<(), PlatformError> {
    guarded::make_folder(path).map_err(|source| PlatformError::File {
        operation: FileOperation::Create,
        path: path.to_owned(),
        source,
    })
}

/// Tells whether systemctl found no systemd instance of the user. Its exit code is 1, as for most errors.
fn is_busless(output: &Output) -> bool {
    ["Failed to connect to bus", "Failed to connect to user scope bus", "XDG_RUNTIME_DIR"]
        .iter()
        .any(|sign| output.error_contains(sign))
}

pub(super) fn uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Returns the folder of the sockets of the user's systemd; None when the user has no instance.
pub(crate) fn runtime_folder() -> Option<PathBuf> {
    // `su` and cron leave XDG_RUNTIME_DIR unset although the instance runs with lingering.
    let given = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let usual = PathBuf::from(format!("/run/user/{}", uid()));
    given.into_iter().chain([usual]).find(|folder| has_manager(folder).unwrap_or(false))
}

fn has_manager(folder: &Path) -> io::Result<bool> {
    Ok(folder.join("systemd/private").try_exists()? || folder.join("bus").try_exists()?)
}
