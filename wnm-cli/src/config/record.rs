//! The accepted settings of each config file, stored beside the database: a file may change, or be cut, while no wnm
//! runs.

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use wnm_core::RawSettings;
use wnm_store::draft;

/// The accepted settings of each config file of a colony, by its path.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    files: BTreeMap<PathBuf, RawSettings>,
}

impl Record {
    /// Reads the record of the colony of a database; an empty one without a readable file.
    pub(super) fn load(db: &Path) -> Self {
        // Without the record the file is accepted as it is, as before the first cycle.
        read_trusted(&place(db)).ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
    }

    /// Returns the accepted settings of a file; None for a file that no cycle has used.
    pub(super) fn of(&self, path: &Path) -> Option<&RawSettings> {
        self.files.get(path)
    }

    /// Returns the files on record.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.keys().map(PathBuf::as_path)
    }

    /// Accepts the settings of a file.
    pub(super) fn accept(&mut self, path: &Path, settings: RawSettings) {
        self.files.insert(path.to_owned(), settings);
    }

    /// Forgets a file that is gone.
    pub(super) fn forget(&mut self, path: &Path) {
        self.files.remove(path);
    }

    /// Stores the record, with mode 0600 and completely or not at all: the settings may contain secrets of nodes.
    ///
    /// # Errors
    /// The folder of the database cannot be written.
    pub(super) fn store(&self, db: &Path) -> io::Result<()> {
        draft::replace(&place(db), &serde_json::to_vec(self)?)
    }
}

/// Reads a file that no other user than root and that of this process can write.
fn read_trusted(path: &Path) -> io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let facts = file.metadata()?;
    let is_own = [0, rustix::process::geteuid().as_raw()].contains(&facts.uid());
    if !facts.is_file() || !is_own || facts.mode() & 0o022 != 0 {
        return Err(io::Error::other("another user can write it"));
    }
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(text)
}

/// Returns the path of the record, such as `wnm.db.config-file`.
fn place(db: &Path) -> PathBuf {
    let mut name = db.as_os_str().to_owned();
    name.push(".config-file");
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn record_is_private_and_read_only_from_the_own_user() {
        let folder = tempfile::tempdir().unwrap();
        let db = folder.path().join("wnm.db");
        let path = Path::new("/etc/wnm/config.toml");
        let settings = RawSettings { node_cap: Some(7), ..RawSettings::default() };
        let mut record = Record::load(&db);
        record.accept(path, settings.clone());
        record.store(&db).unwrap();
        assert_eq!(Record::load(&db).of(path), Some(&settings));
        let place = place(&db);
        assert_eq!(place.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&place, std::fs::Permissions::from_mode(0o666)).unwrap();
        assert_eq!(Record::load(&db), Record::default());
        std::fs::write(&place, "{").unwrap();
        assert_eq!(Record::load(&db), Record::default());
    }
}
