//! Backups of nodes: the identity and the description of each node in one file with a digest.
//!
//! A backup holds no records. The network audits what a node promised in the last hours, so that the records of an old
//! copy harm a node that returns with them; without them it begins anew, and keeps its age.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use wnm_core::Node;

use crate::error::{FileOperation, PlatformError};
use crate::files;
use crate::guarded::{self, Trust};
use crate::identity::{self, KeyFault};
use crate::node_dir;

/// The first word of a backup.
const MAGIC: &str = "wnm-backup";
/// The format version that this release writes, and the newest that it reads.
const VERSION: u32 = 1;
/// The maximum size of a backup, in bytes: a node has about 2 kB, one with a large key and a long environment 300 kB.
const LIMIT: u64 = 512 << 20;

/// A node in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeBackup {
    /// The description of the node.
    pub node: Node,
    /// The content of its identity file.
    #[serde(with = "hexadecimal")]
    pub identity: Vec<u8>,
}

/// The reason why a backup cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file has the name of the backup.
    #[error("cannot write the backup {}: the file exists", .0.display())]
    Exists(PathBuf),
    /// The file is no backup of nodes.
    #[error("cannot read {}: not a backup of `wnm node backup`", .0.display())]
    NotABackup(PathBuf),
    /// A later release wrote the file.
    #[error("cannot read {}: it has version {version}, and this wnm reads {VERSION} and below", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// The version of its format.
        version: u32,
    },
    /// The content does not match the digest.
    #[error("cannot read {}: it is cut or was changed, its SHA-256 is not the one in its first line", .0.display())]
    Changed(PathBuf),
    /// The description or the identity of a node is not valid.
    #[error("cannot read {}: {node} in it is not valid: {fault}", path.display())]
    InvalidNode {
        /// The file.
        path: PathBuf,
        /// The name of the node.
        node: String,
        /// The fault, in a sentence.
        fault: String,
    },
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] PlatformError),
}

impl BackupError {
    /// Returns how the operator can fix the cause; None when there is no specific advice.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Exists(_) => "give another name with --to".to_owned(),
            Self::NotABackup(_) => {
                "`wnm node backup --all --to FILE` writes one; `wnm db restore` reads a database".to_owned()
            }
            Self::Newer { .. } => "restore it with the wnm that wrote it, or a later one".to_owned(),
            Self::Changed(_) | Self::InvalidNode { .. } => "use another copy of the backup".to_owned(),
            Self::File(PlatformError::File { operation: FileOperation::Read, source, .. })
                if source.kind() == io::ErrorKind::NotFound =>
            {
                "name a file that `wnm node backup` has written".to_owned()
            }
            Self::File(error) => return error.hint(),
        })
    }
}

/// The reason why a node has no identity to back up.
#[derive(Debug, thiserror::Error)]
pub enum NoIdentity {
    /// The node has not started yet.
    #[error("it has no identity yet")]
    Absent,
    /// The file is not a key.
    #[error(transparent)]
    Fault(#[from] KeyFault),
    /// The file is unreadable.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

impl NodeBackup {
    /// Reads the identity of a node, which may run: its identity never changes.
    ///
    /// # Errors
    /// The node has no identity yet, or its file is unreadable or no key.
    pub fn of(node: &Node) -> Result<Self, NoIdentity> {
        if let Some(fault) = identity::key_fault(&node.root_dir, &node.flavor) {
            return Err(fault.into());
        }
        let path = node.root_dir.join(node.flavor.identity_file());
        match guarded::read(&path, identity::KEY_LIMIT, Trust::Anyone) {
            Ok(identity) if !identity.is_empty() => Ok(Self { node: node.clone(), identity }),
            Ok(_) => Err(NoIdentity::Absent),
            Err(error) if guarded::is_missing(&error) => Err(NoIdentity::Absent),
            Err(source) => Err(NoIdentity::Unreadable { path, source }),
        }
    }

    /// Returns the reason why this node cannot be on a host, where no check of settings prevents it; None for a usable one.
    fn fault(&self) -> Option<String> {
        let Node { uuid, flavor, ports, network, arguments, environment, .. } = &self.node;
        if !node_dir::is_plain(uuid) {
            return Some(format!("its UUID {uuid:?} is not usable as a file name"));
        }
        let length = self.identity.len() as u64;
        if let Some(fault) = identity::length_fault(flavor.identity_file().into(), length, flavor) {
            return Some(fault.to_string());
        }
        if length > identity::KEY_LIMIT {
            return Some(format!("its identity has {length} bytes, but a key has {} at most", identity::KEY_LIMIT));
        }
        let all: Vec<u16> = ports.all().collect();
        if let Some((_, port)) = all.iter().enumerate().find(|(at, port)| **port == 0 || all[..*at].contains(port)) {
            return Some(format!("it has the port {port}, which is 0 or another one of its ports"));
        }
        let words = network.iter().chain(arguments);
        let mut texts = words.chain(environment.iter().flat_map(|(name, value)| [name, value]));
        // No process can have such a word.
        texts.find(|text| text.contains('\0')).map(|text| format!("{text:?} contains a zero byte"))
    }

    /// Tells whether the folder of a node contains this identity.
    #[must_use]
    pub fn is_in(&self, folder: &Path) -> bool {
        let path = folder.join(self.node.flavor.identity_file());
        guarded::read(&path, identity::KEY_LIMIT, Trust::Anyone).is_ok_and(|other| other == self.identity)
    }

    /// Creates the folder of a node with this identity and a copy of a program. `node` is the node at its new place.
    ///
    /// # Errors
    /// The folder exists or is outside the storage folders, or a file cannot be written. The identity is then in no folder.
    pub fn create(&self, node: &Node, program: &Path, roots: &[PathBuf]) -> Result<(), PlatformError> {
        node_dir::create(node, roots)?;
        let key = node.root_dir.join(node.flavor.identity_file());
        let filled = node_dir::write(&key, &self.identity, 0o600).and_then(|()| {
            // Other tools read the age of a node from the time of this file, so that a failure harms nothing here.
            let _ = set_time(&key, node);
            node_dir::ensure_protected(node)?;
            node_dir::install(program, &node_dir::installed(node))?;
            node_dir::provide(node)
        });
        if filled.is_err() {
            self.withdraw(node);
        }
        filled
    }

    /// Removes the identity from the folder of a node whose restore failed, so that it can be restored again.
    pub fn withdraw(&self, node: &Node) {
        if self.is_in(&node.root_dir)
            && let Err(error) = guarded::remove(&node.root_dir.join(node.flavor.identity_file()))
        {
            tracing::warn!(node = %node.id, %error, "the identity stays in the folder of a node that was not restored");
        }
    }
}

fn set_time(key: &Path, node: &Node) -> io::Result<()> {
    let born = u64::try_from(node.born.as_millis()).unwrap_or_default();
    let born = std::time::UNIX_EPOCH + std::time::Duration::from_millis(born);
    guarded::set_modified(key, born)
}

/// Writes a backup, with mode 0600 and completely or not at all.
///
/// # Errors
/// A file with this name exists, or it cannot be written.
pub fn write(path: &Path, nodes: &[NodeBackup]) -> Result<(), BackupError> {
    if files::symlink_metadata(path).is_ok() {
        return Err(BackupError::Exists(path.to_owned()));
    }
    let text = serde_json::to_string_pretty(nodes).map_err(|error| crate::error::not_serialized(path, error))?;
    let file = format!("{MAGIC} {VERSION} {}\n{text}\n", digest(&text));
    Ok(node_dir::write(path, file.as_bytes(), 0o600)?)
}

/// Reads a backup. Its paths and wallets are believed, so that only root and the user of wnm may own it.
///
/// # Errors
/// The file is unreadable, belongs to another user, is no backup, or does not match its digest.
pub fn read(path: &Path) -> Result<Vec<NodeBackup>, BackupError> {
    let fail = |source| PlatformError::File { operation: FileOperation::Read, path: path.to_owned(), source };
    let file = guarded::read(path, LIMIT, Trust::Owner).map_err(fail)?;
    let no_backup = || BackupError::NotABackup(path.to_owned());
    let changed = || BackupError::Changed(path.to_owned());
    let file = String::from_utf8(file).map_err(|_| no_backup())?;
    let (first, text) = file.split_once('\n').unwrap_or((&file, ""));
    let mut words = first.split(' ');
    if words.next() != Some(MAGIC) {
        return Err(no_backup());
    }
    let version: u32 = words.next().and_then(|version| version.parse().ok()).ok_or_else(changed)?;
    if version == 0 {
        return Err(changed());
    }
    if version > VERSION {
        return Err(BackupError::Newer { path: path.to_owned(), version });
    }
    let text = text.strip_suffix('\n').ok_or_else(changed)?;
    if words.next() != Some(digest(text).as_str()) || words.next().is_some() {
        return Err(changed());
    }
    let nodes: Vec<NodeBackup> = serde_json::from_str(text).map_err(|_| changed())?;
    let twin = |at: usize| nodes[..at].iter().find(|other| other.node.uuid == nodes[at].node.uuid);
    for (at, backup) in nodes.iter().enumerate() {
        let fault = backup.fault().or_else(|| Some(format!("{} has its UUID", twin(at)?.node.id.name())));
        if let Some(fault) = fault {
            return Err(BackupError::InvalidNode { path: path.to_owned(), node: backup.node.id.name(), fault });
        }
    }
    Ok(nodes)
}

fn digest(text: &str) -> String {
    hexadecimal::text(&Sha256::digest(text))
}

/// Bytes as hexadecimal text.
mod hexadecimal {
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn text(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&text(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(pair).collect();
        bytes.filter(|_| text.len() % 2 == 0).ok_or_else(|| D::Error::custom("not hexadecimal"))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use wnm_core::Flavor;

    use super::*;
    use crate::node_dir::tests::node_at;

    fn backup(folder: &Path) -> NodeBackup {
        let node = node_at(&folder.join("antnode0001"));
        fs::create_dir_all(&node.root_dir).unwrap();
        fs::write(node.root_dir.join("secret-key"), [7; 32]).unwrap();
        NodeBackup::of(&node).unwrap()
    }

    #[test]
    fn backup_is_private_and_is_read_unchanged() {
        let folder = tempfile::tempdir().unwrap();
        let (backup, file) = (backup(folder.path()), folder.path().join("nodes"));
        let mut other = backup.clone();
        other.node.uuid.push('2');
        write(&file, &[backup.clone(), other.clone()]).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(read(&file).unwrap(), [backup.clone(), other]);
        assert!(backup.is_in(&backup.node.root_dir) && !backup.is_in(folder.path()));
        assert!(matches!(write(&file, &[backup]), Err(BackupError::Exists(_))));
    }

    #[test]
    fn every_cut_and_every_changed_byte_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (backup, file) = (backup(folder.path()), folder.path().join("nodes"));
        write(&file, &[backup]).unwrap();
        let whole = fs::read(&file).unwrap();
        for at in 0..whole.len() {
            fs::write(&file, &whole[..at]).unwrap();
            assert!(read(&file).is_err(), "cut at {at}");
            let mut changed = whole.clone();
            changed[at] ^= 1;
            fs::write(&file, &changed).unwrap();
            assert!(read(&file).is_err(), "changed at {at}");
        }
        fs::write(&file, [&whole[..], b"\n"].concat()).unwrap();
        assert!(matches!(read(&file), Err(BackupError::Changed(_))));
        fs::write(&file, "wnm-backup 2 x\nany\n").unwrap();
        assert!(matches!(read(&file), Err(BackupError::Newer { version: 2, .. })));
        fs::write(&file, "SQLite format 3").unwrap();
        assert!(matches!(read(&file), Err(BackupError::NotABackup(_))));
        fs::write(&file, &whole).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o646)).unwrap();
        assert!(matches!(read(&file), Err(BackupError::File(_))), "another user can write it");
    }

    #[test]
    fn node_that_cannot_be_on_a_host_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (good, file) = (backup(folder.path()), folder.path().join("nodes"));
        type Change = fn(&mut NodeBackup);
        let table: [(Change, &str); 13] = [
            (|it| it.node.uuid = "../../x".to_owned(), "UUID \"../../x\" is not usable as a file name"),
            (|it| it.node.uuid.clear(), "UUID \"\" is not usable as a file name"),
            (|it| it.node.uuid = "u".repeat(65), "is not usable as a file name"),
            (|it| it.node.uuid = "\x1b[31m".to_owned(), "UUID \"\\u{1b}[31m\" is not usable"),
            (|it| it.identity.clear(), "its identity file secret-key is empty"),
            (|it| it.identity.truncate(31), "has 31 bytes, but a key has 32"),
            (|it| it.identity = vec![7; 1 << 20], "has 1048576 bytes, but a key has 32"),
            (
                |it| (it.node.flavor, it.identity) = (Flavor::AntNode, vec![7; 1 << 20]),
                "has 1048576 bytes, but a key has 65536 at most",
            ),
            (|it| it.node.ports.node = 0, "it has the port 0"),
            (|it| it.node.ports.metrics = Some(it.node.ports.node), "which is 0 or another one of its ports"),
            (|it| it.node.arguments = vec!["a\0b".to_owned()], "\"a\\0b\" contains a zero byte"),
            (|it| it.node.network = vec!["\0".to_owned()], "contains a zero byte"),
            (|it| it.node.environment = vec![("A\0".to_owned(), String::new())], "contains a zero byte"),
        ];
        for (change, fault) in table {
            let mut bad = good.clone();
            change(&mut bad);
            let _ = fs::remove_file(&file);
            write(&file, &[bad]).unwrap();
            let error = read(&file).unwrap_err();
            let text = error.to_string();
            assert!(text.contains("antnode0001 in it is not valid: ") && text.contains(fault), "{fault}: {text}");
            assert!(error.hint().is_some());
        }
        fs::remove_file(&file).unwrap();
        write(&file, &[good.clone(), good]).unwrap();
        assert!(read(&file).unwrap_err().to_string().ends_with("antnode0001 has its UUID"));
    }

    #[test]
    fn node_without_a_key_has_no_backup() {
        let folder = tempfile::tempdir().unwrap();
        let mut node = backup(folder.path()).node;
        let key = node.root_dir.join("secret-key");
        fs::write(&key, [7; 31]).unwrap();
        assert!(matches!(NodeBackup::of(&node), Err(NoIdentity::Fault(_))));
        fs::remove_file(&key).unwrap();
        assert!(matches!(NodeBackup::of(&node), Err(NoIdentity::Absent)));
        node.flavor = Flavor::AntNode;
        assert!(matches!(NodeBackup::of(&node), Err(NoIdentity::Absent)));
        // No link is followed: the node could make it one to a file of root.
        std::os::unix::fs::symlink("/etc/hostname", node.root_dir.join("node_identity.key")).unwrap();
        assert!(matches!(NodeBackup::of(&node), Err(NoIdentity::Unreadable { .. })));
    }

    #[test]
    fn identity_is_in_no_folder_after_a_failure() {
        let folder = tempfile::tempdir().unwrap();
        let saved = backup(folder.path());
        let roots = [folder.path().join("storage")];
        let node = node_at(&roots[0].join("antnode0002"));
        assert!(saved.create(&node, Path::new("/nothing"), &roots).is_err());
        assert!(!saved.is_in(&node.root_dir));
        let program = folder.path().join("program");
        fs::write(&program, "program").unwrap();
        saved.create(&node, &program, &roots).unwrap();
        assert!(saved.is_in(&node.root_dir));
        assert_eq!(fs::read(&node.binary).unwrap(), b"program");
        let key = fs::metadata(node.root_dir.join("secret-key")).unwrap();
        assert_eq!(key.permissions().mode() & 0o777, 0o600);
        assert_eq!(
            key.modified().unwrap(),
            std::time::UNIX_EPOCH + std::time::Duration::from_millis(node.born.as_millis() as u64)
        );
    }
}
