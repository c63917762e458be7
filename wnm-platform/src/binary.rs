//! Which version a node program on disk is, asked of the program itself as rarely as can be.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wnm_core::{Flavor, Settings, Version};

use crate::error::PlatformError;
use crate::exec::{Call, Exec};

/// How long a program may take to tell its version.
const DEADLINE: Duration = Duration::from_secs(10);
/// Programs that hang this often are not asked again.
const MOST_HANGS: u32 = 3;
/// What a program finds in `PATH` while it tells its version; nothing else is in its environment.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Returns the version of the program that new nodes get, by running it.
///
/// # Errors
/// It is missing, may not be executed, is for another machine, is another program, or hangs.
pub fn version_of(settings: &Settings) -> Result<Version, PlatformError> {
    BinaryCache::default().version(&Exec::real(), &settings.flavor, &settings.binary)
}

/// What programs said of themselves, so that each file is asked once: plain data, to be kept between runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BinaryCache {
    findings: BTreeMap<FileKey, Entry>,
}

/// A file as the filesystem numbers it. Another file in its place has another number, time or size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct FileKey {
    device: u64,
    inode: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    device: u64,
    inode: u64,
    modified: i64,
    modified_nanos: i64,
    size: u64,
    flavor: Flavor,
    finding: Finding,
    /// Whether it was asked for since the last clearing.
    #[serde(skip)]
    used: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Finding {
    Version(Version),
    /// Another program: this is what it printed.
    Background(String),
    OtherMachine,
    /// It did not end in time, so many times.
    Hangs(u32),
}

impl BinaryCache {
    /// Returns the cache that was kept; an empty one when what was kept cannot be read.
    #[must_use]
    pub fn load(kept: serde_json::Value) -> Self {
        let entries: Vec<Entry> = serde_json::from_value(kept).unwrap_or_default();
        let key = |entry: &Entry| FileKey { device: entry.device, inode: entry.inode };
        Self { findings: entries.into_iter().map(|entry| (key(&entry), entry)).collect() }
    }

    /// Returns what is to be kept.
    #[must_use]
    pub fn save(&self) -> serde_json::Value {
        let entries: Vec<&Entry> = self.findings.values().collect();
        serde_json::to_value(entries).unwrap_or_default()
    }

    /// Forgets every file that nobody asked for since the last time this was called.
    pub fn forget_unused(&mut self) {
        self.findings.retain(|_, entry| std::mem::take(&mut entry.used));
    }

    /// Returns the version of a program if it is known without running it.
    ///
    /// None means that it has to be asked.
    ///
    /// # Errors
    /// It is known to be no program of this flavor that can run here.
    pub fn known(&mut self, flavor: &Flavor, path: &Path) -> Result<Option<Version>, PlatformError> {
        let file = examine(path)?;
        match self.finding(flavor, &file) {
            None => Ok(None),
            Some(Finding::Hangs(times)) if *times < MOST_HANGS => Ok(None),
            Some(finding) => finding.clone().into_result(flavor, path).map(Some),
        }
    }

    /// Returns the version of a program, and runs it for that if this file was never asked.
    ///
    /// # Errors
    /// The file is missing, may not be executed, is for another machine, is another program, or hangs.
    pub fn version(&mut self, exec: &Exec, flavor: &Flavor, path: &Path) -> Result<Version, PlatformError> {
        if let Some(version) = self.known(flavor, path)? {
            return Ok(version);
        }
        let file = examine(path)?;
        let hangs = match self.finding(flavor, &file) {
            Some(Finding::Hangs(times)) => *times,
            Some(_) | None => 0,
        };
        let finding = match ask(exec, flavor, path) {
            Ok(finding) => finding,
            Err(PlatformError::Hung { .. }) => Finding::Hangs(hangs + 1),
            Err(error) => return Err(error),
        };
        let key = FileKey { device: file.dev(), inode: file.ino() };
        let entry = Entry {
            device: file.dev(),
            inode: file.ino(),
            modified: file.mtime(),
            modified_nanos: file.mtime_nsec(),
            size: file.size(),
            flavor: flavor.clone(),
            finding: finding.clone(),
            used: true,
        };
        self.findings.insert(key, entry);
        finding.into_result(flavor, path)
    }

    fn finding(&mut self, flavor: &Flavor, file: &Metadata) -> Option<&Finding> {
        let entry = self.findings.get_mut(&FileKey { device: file.dev(), inode: file.ino() })?;
        let is_same = entry.flavor == *flavor
            && (entry.modified, entry.modified_nanos) == (file.mtime(), file.mtime_nsec())
            && entry.size == file.size();
        entry.used |= is_same;
        is_same.then_some(&entry.finding)
    }
}

impl Finding {
    fn into_result(self, flavor: &Flavor, path: &Path) -> Result<Version, PlatformError> {
        let path = path.to_owned();
        match self {
            Self::Version(version) => Ok(version),
            Self::Background(printed) => {
                Err(PlatformError::BinaryUnrecognized { path, flavor: flavor.clone(), printed })
            }
            Self::OtherMachine => Err(PlatformError::BinaryOtherMachine { path }),
            Self::Hangs(_) => Err(PlatformError::BinaryHangs { path }),
        }
    }
}

/// Looks at the file without running it.
fn examine(path: &Path) -> Result<Metadata, PlatformError> {
    let file = path.metadata().map_err(|source| match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            PlatformError::BinaryMissing { path: path.to_owned() }
        }
        _ => PlatformError::BinaryNotExecutable { path: path.to_owned() },
    })?;
    if file.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok() {
        Ok(file)
    } else {
        Err(PlatformError::BinaryNotExecutable { path: path.to_owned() })
    }
}

/// Runs the program for its version.
fn ask(exec: &Exec, flavor: &Flavor, path: &Path) -> Result<Finding, PlatformError> {
    // Without its own environment: the variables of wnm are not meant for nodes.
    let call =
        Call::new(path).arg("--version").within(DEADLINE).only_environment([("PATH".to_owned(), PATH.to_owned())]);
    match exec.run(&call) {
        Ok(output) => Ok(match flavor.version_in(&output.text()) {
            Some(version) => Finding::Version(version),
            None => Finding::Background(output.quote()),
        }),
        Err(PlatformError::NotStarted { source, .. }) if is_other_machine(&source) => Ok(Finding::OtherMachine),
        Err(error) => Err(error),
    }
}

/// Tells whether the kernel does not know how to execute a file that is there: another processor, or the loader of
/// another system.
fn is_other_machine(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(rustix::io::Errno::NOEXEC.raw_os_error())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::exec::Output;

    fn program(folder: &Path, name: &str, content: &[u8]) -> std::path::PathBuf {
        let path = folder.join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    fn antnode(folder: &Path, text: &str) -> std::path::PathBuf {
        program(folder, "antnode", format!("#!/bin/sh\n# {text}\necho '{text}'\n").as_bytes())
    }

    fn ask_now(path: &Path) -> Result<Version, PlatformError> {
        BinaryCache::default().version(&Exec::real(), &Flavor::Antnode, path)
    }

    #[test]
    fn a_program_is_asked_once_until_its_file_changes() {
        let folder = tempfile::tempdir().unwrap();
        let path = antnode(folder.path(), "one");
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let exec = Exec::scripted(move |call| {
            assert_eq!(call.arguments, ["--version"]);
            let n = count.fetch_add(1, Ordering::Relaxed);
            Ok(Output::success(format!("Autonomi Node v0.4.{n}\n")))
        });
        let mut cache = BinaryCache::default();
        let ask = |cache: &mut BinaryCache| cache.version(&exec, &Flavor::Antnode, &path).unwrap();
        assert_eq!(ask(&mut cache), Version::new(0, 4, 0));
        let mut kept = BinaryCache::load(cache.save());
        assert_eq!(ask(&mut kept), Version::new(0, 4, 0));
        antnode(folder.path(), "another text");
        assert_eq!(ask(&mut kept), Version::new(0, 4, 1));
        assert_eq!(asked.load(Ordering::Relaxed), 2);
        kept.forget_unused();
        assert_ne!(kept, BinaryCache::default());
        kept.forget_unused();
        assert_eq!(kept, BinaryCache::default());
        assert_eq!(BinaryCache::load(serde_json::json!({"not": "a cache"})), BinaryCache::default());
    }

    #[test]
    fn real_programs_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        assert_eq!(ask_now(&antnode(path, "Autonomi Node v0.4.10-rc.1")).unwrap().to_string(), "0.4.10-rc.1");
        assert!(matches!(ask_now(&path.join("none")), Err(PlatformError::BinaryMissing { .. })));
        assert!(matches!(ask_now(path), Err(PlatformError::BinaryNotExecutable { .. })));
        let background = ask_now(&program(path, "bash", b"#!/bin/sh\necho 'GNU bash, version 5.2.15'\n"));
        assert!(
            matches!(background, Err(PlatformError::BinaryUnrecognized { ref printed, .. }) if printed.contains("GNU bash"))
        );
        let mut elf = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\xff\xff\x01\0\0\0".to_vec();
        elf.resize(200, 0);
        assert!(matches!(ask_now(&program(path, "other", &elf)), Err(PlatformError::BinaryOtherMachine { .. })));
        let no_loader = program(path, "loader", b"#!/no/such/loader\n");
        assert!(matches!(ask_now(&no_loader), Err(PlatformError::BinaryOtherMachine { .. })));
        let plain = path.join("plain");
        fs::write(&plain, "#!/bin/sh\n").unwrap();
        assert!(matches!(ask_now(&plain), Err(PlatformError::BinaryNotExecutable { .. })));
    }

    #[test]
    fn a_program_that_hangs_is_given_up_after_a_few_times() {
        let folder = tempfile::tempdir().unwrap();
        let path = antnode(folder.path(), "x");
        let exec = Exec::scripted(|call| {
            Err(PlatformError::Hung { command: call.to_string(), deadline: call.deadline, printed: String::new() })
        });
        let mut cache = BinaryCache::default();
        for _ in 0..MOST_HANGS {
            assert!(matches!(cache.known(&Flavor::Antnode, &path), Ok(None)));
            assert!(cache.version(&exec, &Flavor::Antnode, &path).is_err());
        }
        assert!(matches!(cache.known(&Flavor::Antnode, &path), Err(PlatformError::BinaryHangs { .. })));
    }
}
