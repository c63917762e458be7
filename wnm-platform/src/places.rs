//! Where things are: the database, the nodes, their logs, the operator's programs.

use std::path::{Path, PathBuf};

use wnm_core::{HostDefaults, ManagerKind, Program, Scope};

use crate::error::PlatformError;

/// A system whose customs decide where things are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Os {
    /// Linux, and whatever is like it.
    Linux,
    /// macOS.
    MacOs,
}

impl Os {
    /// The system this was built for.
    pub const HERE: Self = if cfg!(target_os = "macos") { Self::MacOs } else { Self::Linux };
}

/// Where things are when no setting says otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// The database.
    pub database: PathBuf,
    /// The nodes' folders.
    pub storage: PathBuf,
    /// The nodes' logs.
    pub logs: PathBuf,
    /// The programs of the operator, node programs among them.
    pub programs: PathBuf,
}

impl Places {
    /// Returns the places of a scope. `home` is the home directory of the user who runs wnm.
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

    /// Returns the places of a scope for the user who runs this.
    #[must_use]
    pub fn of_user(scope: Scope) -> Self {
        Self::new(scope, &home(), Os::HERE)
    }
}

/// Returns the scope that befits the user who runs this: the system's for root.
#[must_use]
pub fn own_scope() -> Scope {
    if rustix::process::geteuid().is_root() { Scope::Sudo } else { Scope::User }
}

/// Returns where the database is when nobody says: as root the system's, or the user's if only that is there.
#[must_use]
pub fn database() -> PathBuf {
    let [own, user] = [own_scope(), Scope::User].map(|scope| Places::of_user(scope).database);
    if !own.exists() && user.exists() { user } else { own }
}

/// Returns where nodes of a scope log; nothing where each does so in its own folder.
#[must_use]
pub fn logs(scope: Scope) -> PathBuf {
    match scope {
        Scope::User | Scope::Sudo => Places::of_user(scope).logs,
        Scope::Zen => PathBuf::new(),
    }
}

/// Returns what the host suggests for a colony of this scope where the operator said nothing.
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

/// Returns what keeps services on this host; where nothing does, wnm starts nodes itself.
fn service_manager() -> Program {
    match Os::HERE {
        Os::MacOs => Program::Launchd,
        // What `sd_booted` looks for.
        Os::Linux if Path::new("/run/systemd/system").is_dir() => Program::Systemd,
        Os::Linux => Program::Setsid,
    }
}

/// Makes sure that each storage folder exists and can be written to.
///
/// # Errors
/// One cannot be made, or nothing can be written in it.
pub fn check_storage(storage: &[PathBuf]) -> Result<(), PlatformError> {
    storage.iter().try_for_each(|folder| {
        let unusable = |source| PlatformError::StorageUnusable { path: folder.clone(), source };
        std::fs::create_dir_all(folder).map_err(unusable)?;
        let trial = folder.join(format!(".wnm-trial-{}", std::process::id()));
        std::fs::write(&trial, "trial").and_then(|()| std::fs::remove_file(&trial)).map_err(unusable)
    })
}

/// Returns a folder among these in which nothing can be written, or where it cannot be made, without trying it; None
/// when there is none.
#[must_use]
pub fn unwritable(folders: &[PathBuf]) -> Option<&Path> {
    use rustix::fs::{Access, access};
    let is_usable = |folder: &Path| {
        let existing = folder.ancestors().find(|path| path.symlink_metadata().is_ok());
        existing.is_some_and(|path| path.is_dir() && access(path, Access::WRITE_OK | Access::EXEC_OK).is_ok())
    };
    folders.iter().map(PathBuf::as_path).find(|folder| !is_usable(folder))
}

/// Returns where a file of settings may be, the first that is there counts: `config.toml` where the system (as root)
/// and the user have configuration, then where the Python wnm looked for its own.
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

/// Returns the home directory that the environment tells, else the one in the user database, else the root folder,
/// where nothing can be written by mistake.
#[must_use]
pub fn home() -> PathBuf {
    std::env::home_dir().filter(|home| home.is_absolute()).unwrap_or_else(|| PathBuf::from("/"))
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
