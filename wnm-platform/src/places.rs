//! Default paths: the database, the nodes, their logs, the operator's programs.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::Access;
use wnm_core::{HostDefaults, ManagerKind, Program, Scope, Settings, VolumeFault};

use crate::error::PlatformError;
use crate::exec::{Call, Exec};
use crate::files;
use crate::guarded;
use crate::node_dir;
use crate::volume;

/// An operating system with its own conventions for paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Os {
    /// Linux and similar systems.
    Linux,
    /// macOS.
    MacOs,
}

impl Os {
    /// The operating system of this build.
    pub const HERE: Self = if cfg!(target_os = "macos") { Self::MacOs } else { Self::Linux };
}

/// The default paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// The file of the database.
    pub database: PathBuf,
    /// The storage folder of the nodes.
    pub storage: PathBuf,
    /// The parent of the nodes' log folders.
    pub logs: PathBuf,
    /// The folder of the operator's programs, including node programs.
    pub programs: PathBuf,
}

impl Places {
    /// Returns the default paths of a scope. `home` is the home directory of wnm's user. They match those of antctl, so
    /// that an adopted colony stays in place.
    #[must_use]
    pub fn new(scope: Scope, home: &Path, os: Os) -> Self {
        let (data, storage, logs) = match (scope, os) {
            (Scope::User | Scope::Zen, Os::Linux) => (home.join(".local/share/autonomi"), "node", None),
            (Scope::User | Scope::Zen, Os::MacOs) => {
                (home.join("Library/Application Support/autonomi"), "node", Some(home.join("Library/Logs/autonomi")))
            }
            (Scope::Sudo, Os::Linux) => (PathBuf::from("/var/antctl"), "services", Some("/var/log/antnode".into())),
            (Scope::Sudo, Os::MacOs) => {
                (PathBuf::from("/Library/Application Support/autonomi"), "node", Some("/Library/Logs/autonomi".into()))
            }
        };
        Self {
            database: data.join("wnm.db"),
            storage: data.join(storage),
            logs: logs.unwrap_or_else(|| data.join("logs")),
            programs: home.join(".local/bin"),
        }
    }

    /// Returns the default paths of a scope for the current user.
    #[must_use]
    pub fn of_user(scope: Scope) -> Self {
        Self::new(scope, &home(), Os::HERE)
    }
}

/// Returns the scope of the current user: `sudo` for root.
#[must_use]
pub fn own_scope() -> Scope {
    if rustix::process::geteuid().is_root() { Scope::Sudo } else { Scope::User }
}

/// Returns the ID of the current user.
#[must_use]
pub fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Returns the default database: for root that of the system, or root's own if only that exists.
#[must_use]
pub fn database() -> PathBuf {
    let [own, user] = [own_scope(), Scope::User].map(|scope| Places::of_user(scope).database);
    if !own.exists() && user.exists() { user } else { own }
}

/// Returns the parent of the log folders of new nodes: the setting, or else the default of the process manager. Empty
/// when each node logs into its own folder.
#[must_use]
pub fn logs_of(settings: &Settings) -> PathBuf {
    match settings.manager.scope {
        Scope::User | Scope::Sudo => settings.logs.clone().unwrap_or_else(|| logs(settings.manager.scope)),
        Scope::Zen => PathBuf::new(),
    }
}

fn logs(scope: Scope) -> PathBuf {
    match scope {
        Scope::User | Scope::Sudo => Places::of_user(scope).logs,
        Scope::Zen => PathBuf::new(),
    }
}

/// Returns the defaults of this host for a colony of this scope.
#[must_use]
pub fn host_defaults(scope: Scope) -> HostDefaults {
    let places = Places::of_user(scope);
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    HostDefaults {
        cpus: u32::try_from(cpus).unwrap_or(u32::MAX),
        storage: places.storage,
        programs: places.programs,
        manager: ManagerKind::new(service_manager(), scope),
    }
}

/// Returns the service manager of this host, or `setsid` without one.
fn service_manager() -> Program {
    match Os::HERE {
        Os::MacOs => Program::Launchd,
        // The test of sd_booted(3).
        Os::Linux if Path::new("/run/systemd/system").is_dir() => Program::Systemd,
        Os::Linux => Program::Setsid,
    }
}

/// Creates each storage folder and checks with a trial file that it is writable.
///
/// # Errors
/// A folder is `/`, inside the folder of a node, in the trash, or another user can write it; or it cannot be created or is
/// not writable, or its file system does not answer.
pub fn check_storage(storage: &[PathBuf]) -> Result<(), PlatformError> {
    volume::know(storage.iter().map(PathBuf::as_path));
    let silent = volume::unanswering(storage.iter().map(PathBuf::as_path));
    storage.iter().try_for_each(|folder| {
        if silent.contains(folder) {
            return Err(PlatformError::Volume { path: folder.clone(), fault: VolumeFault::Hung });
        }
        node_dir::check_storage_place(folder)?;
        let unusable = |source| PlatformError::StorageUnusable { path: folder.clone(), source };
        files::create_dir_all(folder).map_err(unusable)?;
        try_program(folder)
    })
}

/// Writes a program into a folder and runs it, as those of the nodes there.
///
/// # Errors
/// The folder is not writable, or its volume runs no programs (`noexec`).
pub fn try_program(folder: &Path) -> Result<(), PlatformError> {
    let trial = folder.join(format!(".wnm-trial-{}", std::process::id()));
    let unusable = |source| PlatformError::StorageUnusable { path: folder.to_owned(), source };
    guarded::write(&trial, b"#!/bin/sh\nexit 0\n", 0o755).map_err(unusable)?;
    let ran = Exec::real().run(&Call::new(&trial).within(TRIAL));
    files::remove_file(&trial).map_err(unusable)?;
    match ran {
        Ok(output) if output.is_success() => Ok(()),
        Err(PlatformError::NotStarted { source, .. }) => {
            Err(PlatformError::NoExecution { path: folder.to_owned(), source })
        }
        Ok(output) => Err(output.failure_of(trial.display().to_string())),
        Err(error) => Err(error),
    }
}

/// The deadline of the trial program.
const TRIAL: Duration = Duration::from_secs(5);

/// Returns the first of these folders that is not writable or cannot be created, without changing anything; None when all
/// are usable.
#[must_use]
pub fn unwritable(folders: &[PathBuf]) -> Option<&Path> {
    let is_usable = |folder: &Path| {
        let existing = folder.ancestors().find(|path| files::symlink_metadata(path).is_ok());
        existing
            .is_some_and(|path| files::is_dir(path) && files::is_accessible(path, Access::WRITE_OK | Access::EXEC_OK))
    };
    folders.iter().map(PathBuf::as_path).find(|folder| !is_usable(folder))
}

/// Returns those of these folders in which a user cannot create files, without changing anything. Missing folders and those
/// whose file system does not answer are left out.
#[must_use]
pub fn closed_to<T: Send + 'static>(user: u32, folders: Vec<(T, PathBuf)>) -> Vec<(T, PathBuf)> {
    let mut by_parent: BTreeMap<PathBuf, Vec<(T, PathBuf)>> = BTreeMap::new();
    for (owner, folder) in folders {
        let parent = folder.parent().unwrap_or(&folder).to_owned();
        by_parent.entry(parent).or_default().push((owner, folder));
    }
    let closed = by_parent.into_iter().filter_map(|(parent, mut folders)| {
        let tried = move || {
            folders.retain(|(_, folder)| is_closed_to(user, folder));
            folders
        };
        volume::within(&parent, TRIAL, tried).ok()
    });
    closed.flatten().collect()
}

fn is_closed_to(user: u32, folder: &Path) -> bool {
    let Ok(facts) = files::metadata(folder) else { return false };
    if !facts.is_dir() {
        return true;
    }
    if user == self::user() {
        return !files::is_accessible(folder, Access::WRITE_OK | Access::EXEC_OK);
    }
    // The bits of the group can be those of an access control list, and which groups the user has is not known here.
    const WRITE_AND_ENTER: [u32; 3] = [0o300, 0o030, 0o003];
    let [owner, group, others] = WRITE_AND_ENTER.map(|bits| facts.mode() & bits == bits);
    user != 0 && !(if facts.uid() == user { owner } else { group || others })
}

/// Returns the candidates for the config file, of which the first existing one is used: `config.toml` of the system (for
/// root) and of the user, then the files of the Python wnm.
#[must_use]
pub fn config_files() -> Vec<PathBuf> {
    let home = home();
    let system = match Os::HERE {
        Os::Linux => PathBuf::from("/etc/wnm"),
        Os::MacOs => PathBuf::from("/Library/Application Support/wnm"),
    };
    let user = match Os::HERE {
        Os::Linux => {
            let folder = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute());
            folder.unwrap_or_else(|| home.join(".config")).join("wnm")
        }
        Os::MacOs => home.join("Library/Application Support/wnm"),
    };
    let own = (own_scope() == Scope::Sudo).then_some(system).into_iter().chain([user]);
    let old = [home.join(".local/share/wnm/config"), home.join("wnm/config")];
    own.map(|folder| folder.join("config.toml")).chain(old).collect()
}

/// Returns the home directory from `HOME`, else from the user database, else `/`, where ordinary users cannot write.
#[must_use]
pub fn home() -> PathBuf {
    known_home().unwrap_or_else(|| PathBuf::from("/"))
}

/// Returns the home directory from `HOME`, else from the user database; None where neither has an absolute path.
#[must_use]
pub fn known_home() -> Option<PathBuf> {
    std::env::home_dir().filter(|home| home.is_absolute())
}

/// Sets the modes of the files and folders that this process and its nodes create: other users read them, and only their
/// owner writes them. Files with secrets get a mode of their own.
///
/// The umask of a shell or of cron would close the folders of nodes to the user that runs them, or open them for all.
pub fn set_modes() {
    rustix::process::umask(rustix::fs::Mode::WGRP | rustix::fs::Mode::WOTH);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unwritable_folder_is_found_without_changes() {
        let folder = tempfile::tempdir().unwrap();
        let [fine, file] = ["new/er", "file"].map(|name| folder.path().join(name));
        std::fs::write(&file, "").unwrap();
        let below = file.join("node");
        assert_eq!(unwritable(&[folder.path().to_owned(), fine.clone()]), None);
        for bad in [below, file] {
            assert_eq!(unwritable(&[fine.clone(), bad.clone()]), Some(bad.as_path()));
        }
        assert!(!fine.exists());
    }

    #[test]
    fn folders_closed_to_a_user_are_found() {
        use std::os::unix::fs::{PermissionsExt as _, chown};
        let folder = tempfile::tempdir().unwrap();
        let with_mode = |name: &str, mode: u32| {
            let path = folder.path().join(name);
            std::fs::create_dir(&path).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            path
        };
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        // The folder, and whether another user than its owner is closed out.
        let folders = [
            (with_mode("own", 0o755), true),
            (with_mode("list", 0o575), false),
            (with_mode("shared", 0o777), false),
            (with_mode("unsearchable", 0o702), true),
            (file.clone(), true),
            (folder.path().join("missing"), false),
        ];
        let other = user() + 1;
        let named = |user| closed_to(user, folders.iter().map(|(path, _)| ((), path.clone())).collect());
        let names = |closed: Vec<((), PathBuf)>| closed.into_iter().map(|(_, path)| path).collect::<Vec<_>>();
        let expected = folders.iter().filter(|(_, is_closed)| *is_closed).map(|(path, _)| path.clone());
        assert_eq!(names(named(other)), expected.collect::<Vec<_>>());
        // Root writes where the mode forbids it.
        let is_root = rustix::process::geteuid().is_root();
        let own = if is_root { vec![file] } else { vec![folder.path().join("list"), file] };
        assert_eq!(names(named(user())), own);
        if is_root {
            chown(folder.path().join("own"), Some(other), None).unwrap();
            assert!(!names(named(other)).contains(&folder.path().join("own")));
        }
    }

    #[test]
    fn default_paths() {
        let mut shown = String::new();
        for (scope, os) in
            [(Scope::User, Os::Linux), (Scope::Sudo, Os::Linux), (Scope::User, Os::MacOs), (Scope::Sudo, Os::MacOs)]
        {
            let home = if os == Os::Linux { "/home/u" } else { "/Users/u" };
            let places = Places::new(scope, Path::new(home), os);
            let paths = [places.database, places.storage, places.logs, places.programs];
            shown += &format!("{scope:?} {os:?}: {}\n", paths.map(|path| path.display().to_string()).join(", "));
        }
        insta::assert_snapshot!(shown, @r"
        User Linux: /home/u/.local/share/autonomi/wnm.db, /home/u/.local/share/autonomi/node, /home/u/.local/share/autonomi/logs, /home/u/.local/bin
        Sudo Linux: /var/antctl/wnm.db, /var/antctl/services, /var/log/antnode, /home/u/.local/bin
        User MacOs: /Users/u/Library/Application Support/autonomi/wnm.db, /Users/u/Library/Application Support/autonomi/node, /Users/u/Library/Logs/autonomi, /Users/u/.local/bin
        Sudo MacOs: /Library/Application Support/autonomi/wnm.db, /Library/Application Support/autonomi/node, /Library/Logs/autonomi, /Users/u/.local/bin
        ");
    }
}
