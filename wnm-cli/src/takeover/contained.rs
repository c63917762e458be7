//! Nodes inside containers of another tool. wnm copies their folders out of the containers, which it never starts, stops or
//! changes.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use wnm_core::{Flavor, Folders, ManagerKind, Node, Timestamp, Version};
use wnm_platform::manager::{self, Activity, Described, Found, OtherContainer, ProcessManager};
use wnm_platform::node_dir::Folder;
use wnm_platform::{PlatformError, files, identity};

use super::found::{self, Survey};
use super::registry::Refused;
use super::{Skipped, Takeover};
use crate::render::shell_text;

/// The places of the registry of antctl in a container: that of root, and that of the user root without rights.
const REGISTRIES: [&str; 2] = ["/var/antctl/node_registry.json", "/root/.local/share/autonomi/node/node_registry.json"];

/// The reason why nodes inside a container cannot come over.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ContainedError {
    #[error("no container {0}")]
    NoContainer(String),
    #[error("container {0} runs: a copy of a node that runs would be a second node of its identity")]
    Runs(String),
    #[error("container {0} starts together with docker, and its nodes with it")]
    StartsAgain(String),
    #[error("no registry of antctl in container {container}: searched {}", searched.join(", "))]
    NoRegistry { container: String, searched: Vec<String> },
    #[error("cannot copy a node to {}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Platform(#[from] PlatformError),
}

impl ContainedError {
    /// Returns how to fix the problem.
    pub(crate) fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoContainer(_) => "`docker container ls --all` lists all containers".to_owned(),
            Self::Runs(name) | Self::StartsAgain(name) => {
                let name = shell_text(&[name]);
                format!("run `docker update --restart=no {name} && docker stop {name}`, then try again")
            }
            Self::NoRegistry { container, .. } => format!("name its path, as in --container {container}:/path"),
            Self::File { path, .. } => format!("make {} writable; nothing was changed", path.display()),
            Self::Platform(error) => return error.hint(),
        })
    }
}

/// A node inside a container.
pub(crate) struct Contained {
    /// Its name for the operator.
    pub(crate) name: String,
    /// The name of its folder on the host.
    pub(crate) folder_name: String,
    pub(crate) container: OtherContainer,
    /// Its folder in the container.
    pub(crate) folder: PathBuf,
    /// The places of its program in the container, outside of that folder. The first one that exists counts.
    pub(crate) programs: Vec<PathBuf>,
    /// `RUNNING` or `STOPPED`, as its tool recorded it.
    pub(crate) status: Option<String>,
    pub(crate) version: Option<Version>,
    pub(crate) peer_id: Option<String>,
    /// Settings with another value than the one that wnm gives every node.
    pub(crate) replaced: Vec<String>,
    /// The node as its tool describes it, of this flavor and under this process manager. Its paths and its age are replaced.
    pub(crate) node: Box<dyn Fn(Flavor, ManagerKind) -> Result<Node, String>>,
}

/// The copies of an import.
pub(crate) struct Copies {
    /// The container, the folder there, the places of the program, and the folder on the host of each node.
    copies: Vec<(OtherContainer, PathBuf, Vec<PathBuf>, PathBuf)>,
    storage: PathBuf,
}

/// Returns the nodes of antctl in a container, and those that cannot come over. `place` is `NAME` or `NAME:REGISTRY`.
pub(crate) fn of_antctl(
    place: &str,
    manager: ManagerKind,
    options: &manager::Options,
) -> Result<(Vec<Contained>, Vec<Refused>), ContainedError> {
    let (name, given) = place.split_once(':').map_or((place, None), |(name, path)| (name, Some(path.to_owned())));
    let container = OtherContainer::named(name, options);
    if container.activity()?.is_none() {
        return Err(ContainedError::NoContainer(name.to_owned()));
    }
    let folder = private_folder()?;
    let searched = given.map_or_else(|| REGISTRIES.map(str::to_owned).to_vec(), |path| vec![path]);
    let copy = folder.path().join("node_registry.json");
    let mut is_there = false;
    for path in &searched {
        is_there = is_there || container.copy(Path::new(path), &copy)?;
    }
    if !is_there {
        return Err(ContainedError::NoRegistry { container: name.to_owned(), searched });
    }
    let (nodes, unreadable) = manager::registered(&copy, manager)?;
    let contained = nodes.into_iter().map(|node| Contained {
        folder_name: node.name.clone(),
        name: node.name,
        container: container.clone(),
        folder: node.folder,
        programs: vec![node.program],
        status: Some(node.status),
        version: node.version,
        peer_id: node.peer_id,
        replaced: node.replaced,
        // Its number is free to be a name: antctl has no service on this host.
        node: Box::new(move |_, _| node.node.clone().map(|node| Node { service: None, ..node })),
    });
    Ok((contained.collect(), unreadable))
}

/// Returns the plan for nodes inside containers, whose folders will be in `storage`, and the copies that it needs. Reads
/// only the identities.
pub(crate) fn plan(
    contained: Vec<Contained>,
    storage: &Path,
    manager: &dyn ProcessManager,
    now: Timestamp,
    uuid: &dyn Fn() -> String,
) -> Result<(Takeover, Copies), ContainedError> {
    // The checks of an import read the identities from the folders of the nodes, which do not exist yet.
    let keys = private_folder()?;
    let mut survey = Survey { found: Vec::new(), services: Vec::new(), highest: None };
    let mut refused: Vec<Refused> = Vec::new();
    let mut sources = BTreeMap::new();
    for one in contained {
        match identified(&one, manager.kind(), keys.path(), storage)? {
            Ok((found, is_copied)) => {
                sources.insert(found.folder.path.clone(), (one, is_copied));
                survey.found.push(found);
            }
            Err(reason) => refused.push((one.name, reason)),
        }
    }
    let mut takeover = found::plan(&survey, manager, &BTreeMap::new(), now, uuid);
    takeover.skipped.extend(refused.into_iter().map(|(name, reason)| Skipped { name, reason }));
    let in_keys = format!("{}/", keys.path().display());
    for skipped in &mut takeover.skipped {
        skipped.reason = skipped.reason.replace(&in_keys, "");
    }
    let mut copies = Vec::new();
    let mut containers: Vec<String> = Vec::new();
    for taken in &mut takeover.nodes {
        let node = &mut taken.node;
        let Some((source, is_copied)) = sources.remove(&node.root_dir) else { continue };
        let container = source.container.name().to_owned();
        node.root_dir = storage.join(&source.folder_name);
        node.log_dir = node.root_dir.join("logs");
        node.binary = node.root_dir.join(node.flavor.program());
        taken.notes.retain(|note| !note.starts_with("it was recorded as running"));
        taken.notes.push(format!("its folder is copied from {} in container {container}", source.folder.display()));
        if !is_copied {
            copies.push((source.container, source.folder, source.programs, node.root_dir.clone()));
        }
        if !containers.contains(&container) {
            containers.push(container);
        }
    }
    takeover.settings.node_storage = Some(Folders(vec![storage.to_owned()]));
    takeover.changes = containers
        .iter()
        .map(|name| {
            format!("container {name} keeps its files: never start it again, because its nodes would run twice")
        })
        .collect();
    Ok((takeover, Copies { copies, storage: storage.to_owned() }))
}

/// Reads the identity of a node into a folder below `keys`. Returns the node there, and whether its folder is in `storage`
/// already, from an attempt that failed later; or the reason why the node cannot come over.
fn identified(
    one: &Contained,
    manager: ManagerKind,
    keys: &Path,
    storage: &Path,
) -> Result<Result<(Found, bool), String>, ContainedError> {
    let fail = |path: &Path| {
        let path = path.to_owned();
        move |source| ContainedError::File { path, source }
    };
    let path = keys.join(&one.folder_name);
    if path.parent() != Some(keys) || path == keys {
        return Ok(Err(format!("its name {:?} is not that of a folder", one.folder_name)));
    }
    if !one.folder.is_absolute() {
        return Ok(Err(format!("the folder {} is not an absolute path", one.folder.display())));
    }
    if files::exists(&path) {
        return Ok(Err("another node has the same name".to_owned()));
    }
    files::create_dir(&path).map_err(fail(&path))?;
    let mut flavor = None;
    for candidate in Flavor::ALL {
        let file = candidate.identity_file();
        if one.container.copy(&one.folder.join(file), &path.join(file))? {
            flavor = Some(candidate);
            break;
        }
    }
    let Some(flavor) = flavor else {
        return Ok(Err(format!("the folder {} in its container holds no identity of a node", one.folder.display())));
    };
    let place = storage.join(&one.folder_name);
    let is_copied = match identity::digest(&place, &flavor) {
        Some(digest) => Some(digest) == identity::digest(&path, &flavor),
        None => false,
    };
    if files::symlink_metadata(&place).is_ok() && !is_copied {
        return Ok(Err(format!("the folder {} exists already", place.display())));
    }
    let node = (one.node)(flavor.clone(), manager).map(|node| Node {
        root_dir: path.clone(),
        log_dir: path.join("logs"),
        binary: path.join(flavor.program()),
        born: super::read_folder(&path).identity.unwrap_or_default(),
        ..node
    });
    let found = Found {
        folder: Folder { path, marker: None, flavor: Some(flavor) },
        node: node.map(|node| Described {
            replaced: one.replaced.clone(),
            has_number: node.service.is_none(),
            ..Described::from(node)
        }),
        process: None,
        status: one.status.clone(),
        version: one.version.clone(),
        peer_id: one.peer_id.clone(),
    };
    Ok(Ok((found, is_copied)))
}

impl Copies {
    /// Checks that the containers do not run, and start only by command.
    ///
    /// # Errors
    /// One runs, starts with docker, or does not exist any more.
    pub(crate) fn check_rest(&self) -> Result<(), ContainedError> {
        let mut checked: Vec<&str> = Vec::new();
        for (container, ..) in &self.copies {
            let name = container.name();
            if checked.contains(&name) {
                continue;
            }
            match container.activity()? {
                Some(Activity::Rests) => checked.push(name),
                Some(Activity::Runs) => return Err(ContainedError::Runs(name.to_owned())),
                Some(Activity::StartsWithEngine) => return Err(ContainedError::StartsAgain(name.to_owned())),
                None => return Err(ContainedError::NoContainer(name.to_owned())),
            }
        }
        Ok(())
    }

    /// Copies the folders of the nodes. All of them are complete before the first one gets its name; after an error
    /// nothing is left.
    ///
    /// # Errors
    /// A copy fails, or a folder cannot be made.
    pub(crate) fn make(&self) -> Result<(), ContainedError> {
        let fail = |path: &Path| {
            let path = path.to_owned();
            move |source| ContainedError::File { path, source }
        };
        if self.copies.is_empty() {
            return Ok(());
        }
        files::create_dir_all(&self.storage).map_err(fail(&self.storage))?;
        // On the volume of the storage folder, and private until it is complete.
        let draft = tempfile::Builder::new().prefix(".from-container-").tempdir_in(&self.storage);
        let draft = draft.map_err(fail(&self.storage))?;
        let mut complete = Vec::new();
        for (number, (container, folder, programs, to)) in self.copies.iter().enumerate() {
            let copy = draft.path().join(number.to_string());
            tracing::info!(container = container.name(), folder = %folder.display(), "copies a node");
            if !container.copy(folder, &copy)? {
                let source = io::Error::new(io::ErrorKind::NotFound, "its folder is not in the container any more");
                return Err(fail(to)(source));
            }
            let name = Flavor::ALL.map(|flavor| flavor.program().to_owned());
            if !name.iter().any(|name| copy.join(name).is_file()) {
                for program in programs {
                    let named = program.file_name().unwrap_or_default();
                    if container.copy(program, &copy.join(named))? {
                        break;
                    }
                }
            }
            complete.push((copy, to));
        }
        // The database must not name a folder whose key a loss of power takes.
        rustix::fs::sync();
        for (copy, to) in complete {
            files::rename(&copy, to).map_err(fail(to))?;
        }
        Ok(())
    }
}

/// Returns a folder that only this user can read, and that is deleted when it is dropped.
fn private_folder() -> Result<tempfile::TempDir, ContainedError> {
    tempfile::tempdir().map_err(|source| ContainedError::File { path: std::env::temp_dir(), source })
}
