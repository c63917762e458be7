//! The node program of a host: its version and its digest, which is computed again only when the file changes.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use wnm_core::Version;

use super::order::{Program, Sha256};

/// The identity of a file: another content has another one.
type Identity = (u64, u64, u64, i64, i64);

/// The digest of the node program.
#[derive(Debug, Default)]
pub(in crate::fleet) struct ProgramDigest {
    last: Option<(PathBuf, Identity, Option<Sha256>)>,
}

impl ProgramDigest {
    /// Returns the program at a path with its version; None if the file cannot be read.
    pub(in crate::fleet) fn read(&mut self, path: &Path, version: Option<&Version>) -> Option<Program> {
        let facts = wnm_platform::files::metadata(path).ok()?;
        let identity = (facts.dev(), facts.ino(), facts.size(), facts.mtime(), facts.mtime_nsec());
        let is_same = |(last, known, _): &(PathBuf, Identity, _)| last == path && *known == identity;
        if !self.last.as_ref().is_some_and(is_same) {
            let text = wnm_platform::node_dir::digest(path).ok().flatten();
            self.last = Some((path.to_owned(), identity, text.and_then(|text| text.parse().ok())));
        }
        let sha256 = self.last.as_ref().and_then(|(_, _, digest)| digest.clone())?;
        Some(Program { version: version?.clone(), sha256 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_follows_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("antnode");
        let version: Version = "0.4.17".parse().unwrap();
        let mut digest = ProgramDigest::default();
        assert_eq!(digest.read(&path, Some(&version)), None);
        std::fs::write(&path, "abc").unwrap();
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let program = digest.read(&path, Some(&version)).unwrap();
        assert_eq!(program.sha256.to_string(), abc);
        assert_eq!(digest.read(&path, Some(&version)), Some(program.clone()));
        assert_eq!(digest.read(&path, None), None);
        std::fs::write(&path, "abcd").unwrap();
        assert_ne!(digest.read(&path, Some(&version)).unwrap(), program);
    }
}
