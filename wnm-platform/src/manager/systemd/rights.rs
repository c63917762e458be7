//! Calls of systemctl and its like, and changes of files, with the rights they need.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use wnm_core::Scope;

use crate::error::{FileOperation, PlatformError};
use crate::exec::{Call, Environment, Exec, Output};
use crate::node_dir;

/// How long a question may take.
const DEADLINE: Duration = Duration::from_secs(10);
/// How long nothing is asked any more after something hung: each node would wait as long again.
const REST: Duration = Duration::from_secs(60);
/// What is written beside a file has this ending until it is whole.
const HALF: &str = ".wnm-new";

/// What a call does, which decides whether it needs the rights of root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    Look,
    Change,
}

/// How the rights of root are had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Rights {
    /// They are there, or not needed.
    Own,
    /// Through `sudo -n`.
    Sudo,
}

impl Rights {
    /// Returns how this process has the rights that a scope needs.
    pub(super) fn here(scope: Scope) -> Self {
        match scope {
            Scope::Sudo if !rustix::process::geteuid().is_root() => Self::Sudo,
            Scope::Sudo | Scope::User | Scope::Zen => Self::Own,
        }
    }
}

/// The door to systemd.
#[derive(Debug)]
pub(super) struct Bus {
    pub(super) exec: Exec,
    pub(super) scope: Scope,
    pub(super) rights: Rights,
    /// Where the session of the user keeps its sockets; None for the system.
    pub(super) runtime: Option<PathBuf>,
    /// When something hung last, and what was said of it.
    pub(super) hung: Mutex<Option<(Instant, String)>>,
}

impl Bus {
    /// Asks systemctl, and returns what it said, success or not.
    pub(super) fn systemctl<'a>(
        &self,
        deed: Deed,
        arguments: impl IntoIterator<Item = &'a str>,
    ) -> Result<Output, PlatformError> {
        let scope = match self.scope {
            Scope::User | Scope::Zen => "--user",
            Scope::Sudo => "--system",
        };
        let call = self.call(deed, "systemctl").args([scope, "--no-ask-password", "--no-pager"]).args(arguments);
        self.run(&call)
    }

    /// Asks systemctl for something that is expected to succeed.
    pub(super) fn change<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Result<(), PlatformError> {
        let arguments: Vec<&str> = arguments.into_iter().collect();
        let output = self.systemctl(Deed::Change, arguments.iter().copied())?;
        if output.is_success() { Ok(()) } else { Err(self.failed(&arguments.join(" "), &output)) }
    }

    /// Runs another program that is expected to succeed.
    pub(super) fn succeed(&self, deed: Deed, program: &str, arguments: &[&str]) -> Result<Output, PlatformError> {
        let output = self.run(&self.call(deed, program).args(arguments))?;
        if output.is_success() {
            return Ok(output);
        }
        Err(said(format!("{program} {}", arguments.join(" ")), &output))
    }

    /// Returns the error for a systemctl that failed.
    pub(super) fn failed(&self, arguments: &str, output: &Output) -> PlatformError {
        if let (Scope::User, true) = (self.scope, is_busless(output)) {
            return PlatformError::NoUserSession { user: uid() };
        }
        said(format!("systemctl {arguments}"), output)
    }

    fn call(&self, deed: Deed, program: &str) -> Call {
        let mut call = match (&self.rights, deed) {
            (Rights::Sudo, Deed::Change) => Call::new("sudo").args(["-n", "--", program]),
            (Rights::Sudo | Rights::Own, _) => Call::new(program),
        };
        let mut variables = vec![("LC_ALL".to_owned(), "C.UTF-8".to_owned())];
        if let Some(runtime) = &self.runtime {
            variables.push(("XDG_RUNTIME_DIR".to_owned(), runtime.display().to_string()));
            // One of another session would be asked first.
            let bus = format!("unix:path={}/bus", runtime.display());
            variables.push(("DBUS_SESSION_BUS_ADDRESS".to_owned(), bus));
        }
        call.environment = Environment::Inherited(variables);
        if deed == Deed::Look { call.within(DEADLINE) } else { call }
    }

    fn run(&self, call: &Call) -> Result<Output, PlatformError> {
        let mut hung = self.hung.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, said)) = hung.as_ref().filter(|(at, _)| at.elapsed() < REST) {
            let ago = at.elapsed().as_secs();
            return Err(PlatformError::NotAsked { command: call.summary(), ago, before: said.clone() });
        }
        let result = self.exec.run(call);
        *hung = match &result {
            Err(error @ PlatformError::Hung { .. }) => Some((Instant::now(), error.to_string())),
            Ok(_) | Err(_) => None,
        };
        result
    }

    /// Writes a file so that it is the old one or the new one, whole.
    pub(super) fn write(&self, path: &Path, text: &str) -> Result<(), PlatformError> {
        if let Rights::Own = self.rights {
            if let Some(folder) = path.parent() {
                make_folder(folder)?;
            }
            return node_dir::write(path, text.as_bytes(), 0o644);
        }
        let fail = |source| PlatformError::File { operation: FileOperation::Write, path: path.to_owned(), source };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let ours = std::env::temp_dir().join(format!("wnm-{}-{name}", std::process::id()));
        let half = format!("{}{HALF}", path.display());
        node_dir::write(&ours, text.as_bytes(), 0o644)?;
        let (from, to) = (ours.display().to_string(), path.display().to_string());
        let written = self
            .succeed(Deed::Change, "install", &["-D", "-m", "644", "--", &from, &half])
            .and_then(|_| self.succeed(Deed::Change, "mv", &["-T", "-f", "--", &half, &to]));
        fs::remove_file(&ours).map_err(fail)?;
        written.map(|_| ())
    }

    /// Removes a file or link; one that is not there counts as removed. Tells whether there was one.
    pub(super) fn remove(&self, path: &Path) -> Result<bool, PlatformError> {
        match fs::symlink_metadata(path) {
            Err(error) if super::is_missing(&error) => return Ok(false),
            Ok(_) | Err(_) => {}
        }
        match self.rights {
            Rights::Own => super::definition::remove_file(path)?,
            Rights::Sudo => {
                self.succeed(Deed::Change, "rm", &["-f", "--", &path.display().to_string()])?;
            }
        }
        Ok(true)
    }

    /// Makes a link, in the place of one that leads elsewhere.
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
                self.succeed(Deed::Change, "ln", &["-sfn", "--", &target, &link]).map(|_| ())
            }
        }
    }

    /// Makes a folder that is not there.
    pub(super) fn make_folder(&self, path: &Path) -> Result<(), PlatformError> {
        match self.rights {
            _ if path.is_dir() => Ok(()),
            Rights::Own => make_folder(path),
            Rights::Sudo => self.succeed(Deed::Change, "mkdir", &["-p", "--", &path.display().to_string()]).map(drop),
        }
    }

    /// Removes an empty folder; one that is not there, or not empty, is left as it is.
    pub(super) fn remove_folder(&self, path: &Path) {
        match self.rights {
            Rights::Own => {
                let _ = fs::remove_dir(path);
            }
            Rights::Sudo => {
                let _ = self.succeed(Deed::Change, "rmdir", &["--", &path.display().to_string()]);
            }
        }
    }
}

fn make_folder(path: &Path) -> Result<(), PlatformError> {
    fs::create_dir_all(path).map_err(|source| PlatformError::File {
        operation: FileOperation::Create,
        path: path.to_owned(),
        source,
    })
}

/// Returns the error for a program that failed. A password prompt of `sudo` has an error of its own.
fn said(command: String, output: &Output) -> PlatformError {
    if output.is_sudo_refusal() { PlatformError::SudoAsks { command } } else { output.failure_of(command) }
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

/// Returns where the session of the user keeps its sockets; None when there is none.
pub(super) fn runtime_folder() -> Option<PathBuf> {
    let told = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let usual = PathBuf::from(format!("/run/user/{}", uid()));
    told.into_iter().chain([usual]).find(|folder| has_manager(folder).unwrap_or(false))
}

fn has_manager(folder: &Path) -> io::Result<bool> {
    Ok(folder.join("systemd/private").try_exists()? || folder.join("bus").try_exists()?)
}
