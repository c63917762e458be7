//! The folders of nodes: made, marked, filled with a program, and moved to the trash; never outside the storage
//! folders.

mod delete;
mod place;
mod program;
mod trash;

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};
use wnm_core::{Flavor, Node, NodeId};

use crate::error::{FileOperation, ParsedFile, PlatformError, Refusal, json_fault};
use place::CheckedPath;

pub(crate) use program::check_free_space;
pub use program::{SwapProgress, digest, drop_old, drop_staged, install, stage, swap, swap_back};
pub use trash::{Swept, sweep_trash, trash};

/// The file that says whose a folder is.
pub const MARKER: &str = ".wnm-node";
/// The folder in a storage folder that holds removed nodes until they are deleted.
pub const TRASH: &str = ".trash";
/// The file in a node's log folder that takes what the process prints on standard error.
pub const STDERR_LOG: &str = "stderr.log";

/// The version of the marker that is written.
const MARKER_VERSION: u32 = 1;
/// The longest marker that is read, in bytes.
const MARKER_LIMIT: u64 = 4096;

/// What the marker in a node's folder says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// The version of this form.
    pub version: u32,
    /// The node, for ever.
    pub uuid: String,
    /// Its number when the folder was made.
    pub id: NodeId,
}

impl Marker {
    /// Returns the marker of a node.
    #[must_use]
    pub fn of(node: &Node) -> Self {
        Self { version: MARKER_VERSION, uuid: node.uuid.clone(), id: node.id }
    }

    /// Reads the marker of a folder; None when it has none.
    ///
    /// # Errors
    /// There is one that cannot be read or makes no sense.
    pub fn read(folder: &Path) -> Result<Option<Self>, PlatformError> {
        let path = folder.join(MARKER);
        let text = match read_bounded(&path, MARKER_LIMIT) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(PlatformError::File { operation: FileOperation::Read, path, source }),
        };
        let marker = serde_json::from_slice(&text).map_err(|error| PlatformError::Unparsable {
            file: ParsedFile::Marker,
            path,
            reason: json_fault(&error),
        })?;
        Ok(Some(marker))
    }
}

/// Whose a folder is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// There is no folder.
    Absent,
    /// It carries the marker of this node.
    This,
    /// It carries no marker.
    Unmarked,
    /// It carries the marker of another node.
    Other(Marker),
}

/// Tells whose the root folder of a node is.
///
/// # Errors
/// The folder or its marker cannot be read.
pub fn owner(node: &Node) -> Result<Owner, PlatformError> {
    owner_of(&node.root_dir, node)
}

fn owner_of(folder: &Path, node: &Node) -> Result<Owner, PlatformError> {
    match fs::symlink_metadata(folder) {
        Ok(_) => {}
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Owner::Absent);
        }
        Err(source) => {
            return Err(PlatformError::File { operation: FileOperation::Inspect, path: folder.to_owned(), source });
        }
    }
    Ok(match Marker::read(folder)? {
        None => Owner::Unmarked,
        Some(marker) if marker.uuid == node.uuid => Owner::This,
        Some(marker) => Owner::Other(marker),
    })
}

/// Makes the folders of a node, for its data and its logs, each with a marker.
///
/// # Errors
/// The root folder lies outside the storage folders, belongs to another node or to nobody known, or cannot be made.
pub fn create(node: &Node, roots: &[PathBuf]) -> Result<(), PlatformError> {
    for root in roots.iter().filter(|root| root.is_absolute() && node.root_dir.starts_with(root)) {
        make_folder(root)?;
    }
    let place = CheckedPath::of(&node.root_dir, roots)?;
    let owner = owner_of(&place.path, node)?;
    match &owner {
        Owner::This => {}
        Owner::Absent => make_folder(&place.path).and_then(|()| mark(&place.path, node))?,
        Owner::Unmarked if is_bare(&place.path) => mark(&place.path, node)?,
        Owner::Unmarked => return Err(refused(&node.root_dir, Refusal::Unmarked)),
        Owner::Other(marker) => return Err(not_of_this(&node.root_dir, marker)),
    }
    // Made now, because removing must need no room. One that is something else is found out when it is needed.
    let _ = fs::create_dir(place.root.join(TRASH));
    let made = create_logs(node);
    if made.is_err() && owner != Owner::This {
        // Nothing is in it yet, and its place is wanted by the next node.
        let _ = fs::remove_file(place.path.join(MARKER)).and_then(|()| fs::remove_dir(&place.path));
    }
    made
}

fn create_logs(node: &Node) -> Result<(), PlatformError> {
    if node.log_dir.starts_with(&node.root_dir) {
        return make_folder(&node.log_dir);
    }
    match owner_of(&node.log_dir, node)? {
        Owner::This => Ok(()),
        Owner::Other(marker) => Err(not_of_this(&node.log_dir, &marker)),
        Owner::Absent => make_folder(&node.log_dir).and_then(|()| mark(&node.log_dir, node)),
        Owner::Unmarked if is_bare(&node.log_dir) => mark(&node.log_dir, node),
        // Somebody else's logs stand there too: written to, and never deleted.
        Owner::Unmarked => Ok(()),
    }
}

/// Puts the marker of a node into its folder, which another tool made; nothing else of it is touched.
///
/// # Errors
/// There is no such folder, it is another node's, or it cannot be written.
pub fn adopt(node: &Node) -> Result<(), PlatformError> {
    match owner(node)? {
        Owner::This => Ok(()),
        Owner::Unmarked => mark(&node.root_dir, node),
        Owner::Absent => Err(refused(&node.root_dir, Refusal::Missing)),
        Owner::Other(marker) => Err(not_of_this(&node.root_dir, &marker)),
    }
}

/// A folder that may be a node's, found in a storage folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// The folder.
    pub path: PathBuf,
    /// Its marker; None for a node that another tool made.
    pub marker: Option<Marker>,
    /// The program whose identity it holds; None when it holds none.
    pub flavor: Option<Flavor>,
}

/// Returns the folders directly below the storage folders that carry a marker or hold a node's identity, links left
/// out.
///
/// # Errors
/// A storage folder that exists cannot be read.
pub fn find(roots: &[PathBuf]) -> Result<Vec<Folder>, PlatformError> {
    let mut found = Vec::new();
    for root in roots {
        let fail = |source| PlatformError::File { operation: FileOperation::List, path: root.clone(), source };
        let entries = match fs::read_dir(root) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(fail(error)),
        };
        for entry in entries {
            let entry = entry.map_err(fail)?;
            if entry.file_name() == TRASH || !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            let path = entry.path();
            let marker = Marker::read(&path).ok().flatten();
            let flavor = Flavor::ALL.into_iter().find(|flavor| holds_identity(&path, flavor));
            if marker.is_some() || flavor.is_some() {
                found.push(Folder { path, marker, flavor });
            }
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found.dedup();
    Ok(found)
}

/// Tells whether a folder holds the identity file of a program, as a file and not as a link.
fn holds_identity(folder: &Path, flavor: &Flavor) -> bool {
    fs::symlink_metadata(folder.join(flavor.identity_file())).is_ok_and(|facts| facts.is_file())
}

fn refused(path: &Path, reason: Refusal) -> PlatformError {
    PlatformError::Refused { path: path.to_owned(), reason }
}

pub(crate) fn not_of_this(path: &Path, marker: &Marker) -> PlatformError {
    refused(path, Refusal::OtherNode { id: marker.id, uuid: marker.uuid.clone() })
}

fn make_folder(path: &Path) -> Result<(), PlatformError> {
    fs::create_dir_all(path).map_err(|source| PlatformError::File {
        operation: FileOperation::Create,
        path: path.to_owned(),
        source,
    })
}

fn mark(folder: &Path, node: &Node) -> Result<(), PlatformError> {
    let text = serde_json::to_vec(&Marker::of(node)).unwrap_or_default();
    write(&folder.join(MARKER), &text, 0o644)
}

/// Tells whether a folder holds nothing, or only what is left of an interrupted [`mark`].
fn is_bare(folder: &Path) -> bool {
    let left = temporary(&folder.join(MARKER));
    fs::read_dir(folder).is_ok_and(|mut entries| entries.all(|entry| entry.is_ok_and(|entry| entry.path() == left)))
}

/// Returns where a file stands while it is written.
fn temporary(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".tmp");
    path.with_file_name(name)
}

/// Writes a file so that after a crash it is the old one or the new one, whole.
pub(crate) fn write(path: &Path, text: &[u8], mode: u32) -> Result<(), PlatformError> {
    let temporary = temporary(path);
    let written = create_file(&temporary, mode).and_then(|mut file| {
        file.write_all(text)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        sync_folder(path)
    });
    written.map_err(|source| PlatformError::File { operation: FileOperation::Write, path: path.to_owned(), source })
}

/// Makes an empty file in the place of what an interrupted attempt left.
fn create_file(path: &Path, mode: u32) -> io::Result<File> {
    remove_file(path)?;
    fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path)
}

/// Removes a file; one that is not there counts as removed.
fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Makes the names in the folder of a file durable.
fn sync_folder(file: &Path) -> io::Result<()> {
    file.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// Reads a small file that is no link.
pub(crate) fn read_bounded(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let no_link = i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits()).unwrap_or_default();
    let file = fs::OpenOptions::new().read(true).custom_flags(no_link).open(path)?;
    let mut text = Vec::new();
    file.take(limit + 1).read_to_end(&mut text)?;
    if text.len() as u64 > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("longer than {limit} bytes")));
    }
    Ok(text)
}

#[cfg(test)]
pub(crate) mod tests;
